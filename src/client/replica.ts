import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type SecretStream from '@hyperswarm/secret-stream'
import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { SharedCore } from 'hypercore'
import crypto, { type KeyPair } from 'hypercore-crypto'
import Protomux from 'protomux'
import { type Bootstrap, checkBootstrap, Network } from '../net/network.ts'
import { Rpc } from '../net/rpc.ts'
import { unavailable } from '../net/rpc-errors.ts'
import { contradiction, isSigned, stateProof } from '../protocol/comparison.ts'
import { MivmError } from '../protocol/errors.ts'
import { verifyEvidence } from '../protocol/evidence.ts'
import { checkGenesis, readGenesis } from '../protocol/genesis.ts'
import { type Head, verifyHead } from '../protocol/head.ts'
import { encodeId, notOnHost, parseLink } from '../protocol/ids.ts'
import { CONSISTENCY, INFO, type InfoReply, KNOWN } from '../protocol/messages.ts'
import { EvidenceDir } from '../state/evidence-dir.ts'
import { hasLog, headOf } from '../state/head.ts'
import { makeDirectory } from '../state/make-directory.ts'
import { Readers } from '../state/readers.ts'
import { closeStore, openStore } from '../state/store.ts'
import { twoHistories } from './exchange.ts'
import { HostConnections } from './host-connections.ts'
import { InstanceReplica } from './instance-replica.ts'
import { findServer, locate } from './locate.ts'
import { Ranges } from './ranges.ts'

export interface ReplicaOptions {
  /** The data directory: copies are kept in `cache` below it. Where another process has that, nothing is kept. */
  readonly dir: string
  readonly bootstrap?: Bootstrap | undefined
  /** Another name than `cache`; then nobody else may have it. */
  readonly copies?: string
  /** Where peers find it under its key; default: one that is nobody's. */
  readonly keyPair?: KeyPair
  /** Answers those who connect. */
  readonly onPeer?: (rpc: Rpc) => void
  /** Told why a write has failed: no other one succeeds until the copies are opened again. */
  readonly onStuck?: ((error: unknown) => void) | undefined
}

/** Readers who may be connected to copies that are served. */
const INBOUND_MAX = 512
/** How long a host has to answer, ms. */
const WAIT = 10_000
/** Where copies cannot be opened. */
const FETCH_AGAIN = 'move it away: what others still serve is fetched again'
/** Before a host is asked again to which the connection was lost, ms. */
const RETRY = 1_000
/** Between two questions for the newest head, ms. */
const ASK = 2_000

/** Reads the logs of instances as anybody can: by replication, without an identity. */
export class Replica {
  /** Where copies are. */
  readonly store: Corestore
  readonly network: Network
  readonly #temporary: string | null
  readonly #kept: EvidenceDir
  readonly #peers = new Set<SecretStream>()
  readonly #hosts: HostConnections
  /** What is asked of a host as soon as there is a connection to it again. */
  readonly #listening = new Set<() => Promise<void>>()
  /** Instances whose host says that it was set back. */
  readonly #setBack = new Set<string>()
  /** The longest head of each instance that is known from elsewhere than a copy here. */
  readonly #held = new Map<string, Head>()
  #closing: Promise<void> | null = null

  private constructor(
    store: Corestore,
    network: Network,
    temporary: string | null,
    kept: EvidenceDir
  ) {
    this.store = store
    this.network = network
    this.#temporary = temporary
    this.#kept = kept
    this.#hosts = new HostConnections(network, (stream) => {
      this.#replicate(stream)
      // a host that was set back is told before it is judged by what it shows
      for (const ask of this.#listening) void ask()
    })
    network.onConnection((stream) => this.#replicate(stream))
  }

  static async open(options: ReplicaOptions): Promise<Replica> {
    const { dir, bootstrap, copies, keyPair = crypto.keyPair(), onPeer, onStuck } = options
    const cache = path.join(dir, copies ?? 'cache')
    checkBootstrap(bootstrap)
    await makeDirectory(cache)
    const storeOptions = { advice: FETCH_AGAIN, mayMove: true, onStuck }
    const [store, temporary] = await openStore(cache, storeOptions).then(
      (opened) => [opened, null] as const,
      async (error) => {
        const isLocked = error instanceof MivmError && error.code === 'DIRECTORY_LOCKED'
        if (!isLocked || copies !== undefined) throw error
        const other = await mkdtemp(path.join(tmpdir(), 'mivm-cache-'))
        return [await openStore(other), other] as const
      }
    )
    Readers.bound(store)
    store.watch(keepOne)
    const network = new Network(keyPair, bootstrap, { inboundMax: INBOUND_MAX })
    if (onPeer !== undefined) {
      network.onConnection((stream) => onPeer(Rpc.of(Protomux.from(stream))))
    }
    return new Replica(store, network, temporary, new EvidenceDir(dir))
  }

  /** Number of connections. */
  get peers(): number {
    return this.#peers.size
  }

  /**
   * Connects to whoever serves an instance, and opens none of its logs; what its host says of it. Null where there is
   * only the copy on this machine; throws INSTANCE_UNKNOWN, HOST_UNKNOWN where there is none either. `again`: goes on
   * trying to reach the host.
   */
  async reach(instance: string, { again = false } = {}): Promise<InfoReply | null> {
    const { host, address } = parseLink(instance)
    const reached = await this.#reach(address, host, await hasLog(this.store, address))
    if (!again) return reached
    const known = reached && readGenesis(address, reached.genesis)
    const owner = host ?? known?.host ?? (await this.#hostOf(address))
    if (owner !== null) this.keepUp(owner)
    return reached
  }

  /** Goes on trying to reach a host, where there is no connection to it. */
  keepUp(host: Uint8Array): void {
    if (this.#hosts.get(host) === undefined) this.#hosts.reconnect(host)
  }

  /** An instance by link or address, from its host or whoever serves it; throws as `reach` does. */
  async follow(instance: string): Promise<InstanceReplica> {
    const { host, address } = parseLink(instance)
    const log = this.store.get({ key: address, allowFork: false })
    try {
      await log.ready()
      const kept = log.length > 0 ? await log.get(0, { wait: false }) : null
      const known = kept === null ? null : checkGenesis(address, kept)
      const info = await this.#reach(address, host ?? known?.host ?? null, known !== null)
      const genesis = info === null ? known : checkGenesis(address, info.genesis)
      if (genesis === null) throw new MivmError('INTERNAL', 'an instance without genesis')
      if (host !== null && !b4a.equals(genesis.host, host)) throw notOnHost(instance)
      if (info !== null && log.length > 0) await this.#compare(log, info, genesis.host)
      const isHosts = this.#hosts.connected(genesis.host) !== undefined
      return new InstanceReplica(this.store, log, genesis, info, isHosts)
    } catch (error) {
      await log.close()
      throw error
    }
  }

  /** A connection to a host over which everything is replicated; kept up until the replica is closed. */
  connect(host: Uint8Array): Promise<Rpc> {
    return this.#hosts.connect(host)
  }

  /** The same where it is there already. */
  connected(host: Uint8Array): Rpc | undefined {
    return this.#hosts.connected(host)
  }

  /**
   * Asks the host of an instance every so often, as long as it is there, for the newest head: a log of which there is a
   * copy here is not sent again, whatever has become of it. `onHead` also gets when it was asked, as performance.now(): what
   * the host had said before that has come by now. Returns what ends it.
   */
  listen(instance: string, onHead: (head: Head, askedAt: number) => void): () => void {
    let isAsking = false
    const askOnce = async () => {
      if (isAsking) return
      isAsking = true
      // who is away is asked the next time
      const said = await this.newest(instance)
      if (said !== null) onHead(said.head, said.askedAt)
      isAsking = false
    }
    const timer = setInterval(askOnce, ASK)
    this.#listening.add(askOnce)
    return () => {
      clearInterval(timer)
      this.#listening.delete(askOnce)
    }
  }

  /**
   * The newest head that the host of an instance says there is, and when it was asked, as performance.now(); null where it is
   * away, or does not answer in time.
   */
  async newest(instance: string): Promise<{ head: Head; askedAt: number } | null> {
    const { host, address } = parseLink(instance)
    try {
      const owner = host ?? (await this.#hostOf(address))
      const connected = owner === null ? undefined : this.#hosts.get(owner)
      if (owner === null || connected === undefined) return null
      const rpc = await connected
      await this.#tell(rpc, address, owner)
      const askedAt = performance.now()
      const { head } = await this.#info(rpc, address, owner)
      return { head, askedAt }
    } catch {
      return null
    }
  }

  /** What asks the host of an instance for ranges of logs, and while it is away all who are connected. */
  ranges(instance: string): Ranges {
    const { host, address } = parseLink(instance)
    let owner = host
    return new Ranges(async () => {
      owner ??= await this.#hostOf(address)
      const rpc = owner === null ? undefined : this.#hosts.connected(owner)
      return rpc ? [rpc] : [...this.#peers].map((stream) => Rpc.of(Protomux.from(stream)))
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Takes a head from elsewhere than the copy here, such as a receipt: the host is told of it as well. */
  hold(address: Uint8Array, head: Head): void {
    const id = b4a.toString(address, 'hex')
    if (head.fork === 0 && head.length > (this.#held.get(id)?.length ?? 0)) this.#held.set(id, head)
  }

  /** Whether the host says itself that it has signed more than it has: its directory was set back. */
  isSetBack(address: Uint8Array): boolean {
    return this.#setBack.has(b4a.toString(address, 'hex'))
  }

  /** Tells a host the newest heads that are known here: one that was set back finds out by this. */
  async #tell(rpc: Rpc, address: Uint8Array, host: Uint8Array): Promise<void> {
    const id = b4a.toString(address, 'hex')
    const copied = await this.#copiedHead(address).catch(() => null)
    const held = this.#held.get(id) ?? null
    // what is held may be nothing that the host has signed: the copy counts all the same
    const isFurther = held !== null && held.length > (copied?.length ?? 0)
    let [isKnown, isSetBack] = [false, false]
    for (const head of isFurther ? [copied, held] : [copied]) {
      if (head === null || head.fork !== 0) continue
      try {
        const { signed } = await rpc.request(KNOWN, { address, head }, WAIT)
        isKnown = true
        isSetBack ||= signed !== null && verifyHead(signed, address, host)
      } catch {
        // an older host does not know what that means
      }
    }
    if (isSetBack) this.#setBack.add(id)
    else if (isKnown) this.#setBack.delete(id)
  }

  /** What a host says of an instance: which of them is its own is in the genesis that comes with it. */
  async #info(rpc: Rpc, address: Uint8Array, host: Uint8Array): Promise<InfoReply> {
    const info = await rpc.request(INFO, { address }, WAIT)
    const isOwn = isHostOf(address, info.genesis, host)
    if (!isOwn) this.#setBack.delete(b4a.toString(address, 'hex'))
    return info
  }

  /** Null where there is no copy: whoever opens a log first decides whether forks are let in, and that is the auditor. */
  async #copiedHead(address: Uint8Array): Promise<Head | null> {
    if (!(await hasLog(this.store, address))) return null
    const log = this.store.get({ key: address, allowFork: false })
    try {
      await log.ready()
      return headOf(log)
    } finally {
      await log.close()
    }
  }

  /** As the copy on this machine says. */
  async #hostOf(address: Uint8Array): Promise<Uint8Array | null> {
    const log = this.store.get({ key: address, allowFork: false })
    try {
      await log.ready()
      const block = await log.get(0, { wait: false })
      return block === null ? null : checkGenesis(address, block).host
    } catch {
      return null
    } finally {
      await log.close()
    }
  }

  async #reach(
    address: Uint8Array,
    host: Uint8Array | null,
    copied: boolean
  ): Promise<InfoReply | null> {
    try {
      const owner = host ?? (await locate(this.network, address)).host
      return await this.#ask(owner, address)
    } catch (error) {
      // a host that answers with an error, whatever it is, is as good as away
      if (!(error instanceof MivmError)) throw error
      // others than the host may have all of it; where no node of the network has answered, nobody can be found
      const info = this.network.isConnected ? await findServer(this.network, address) : null
      // and what is on this machine can be read without anybody
      if (info === null && !copied) throw unavailable(error)
      return info
    }
  }

  /** What the host says of an instance. A connection that is lost meanwhile says little about it, on a busy machine. */
  async #ask(host: Uint8Array, address: Uint8Array): Promise<InfoReply> {
    const end = performance.now() + WAIT
    for (;;) {
      try {
        const rpc = await this.connect(host)
        await this.#tell(rpc, address, host)
        return await this.#info(rpc, address, host)
      } catch (error) {
        const isLost = error instanceof MivmError && error.code === 'CONNECTION_LOST'
        if (!isLost || this.#closing !== null || performance.now() + RETRY > end) throw error
        await sleep(RETRY)
      }
    }
  }

  /** Whether the log that the host has now is the one of which there is a copy here; throws HEAD_CONFLICT. */
  async #compare(log: Hypercore, info: InfoReply, host: Uint8Array): Promise<void> {
    const address = log.key
    const head = headOf(log)
    const subject = { genesis: info.genesis, address, host }
    if (head === null || !isSigned(subject, head) || !isSigned(subject, info.head)) return
    const lengths = [head.length, info.head.length]
    // one that cannot say so, or is not there, is asked by an auditor
    const reply = await this.connect(host)
      .then((rpc) => rpc.request(CONSISTENCY, { address, lengths }, WAIT))
      .catch(() => null)
    const now = reply === null ? info : stateProof(subject, reply.proof)
    const shown = { head: now.head, proof: reply?.proof ?? null }
    for (const known of [head, info.head]) {
      const evidence = contradiction(subject, { head: known, proof: null }, shown)
      if (evidence === null) continue
      const { code } = await verifyEvidence(evidence)
      throw twoHistories(await this.#kept.keep(encodeId(address), code, evidence))
    }
  }

  #replicate(stream: SecretStream): void {
    this.store.replicate(stream)
    this.#peers.add(stream)
    stream.once('close', () => this.#peers.delete(stream))
  }

  async #close(): Promise<void> {
    this.#hosts.close()
    await this.network.close()
    await closeStore(this.store)
    if (this.#temporary !== null) await rm(this.#temporary, { recursive: true, force: true })
  }
}

/**
 * Whoever shows another version of a log that its author has signed closes none: as it is, anybody could end what reads it, and
 * nothing more of it would ever come here. Of a log with a prologue Hypercore finds no conflict.
 */
function keepOne(core: SharedCore): void {
  const check = core.checkConflict
  core.checkConflict = async (proof, from) => {
    return core.manifest?.prologue == null ? true : check.call(core, proof, from)
  }
}

function isHostOf(address: Uint8Array, genesis: Uint8Array, host: Uint8Array): boolean {
  const named = readGenesis(address, genesis)
  return named !== null && b4a.equals(named.host, host)
}
