import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type SecretStream from '@hyperswarm/secret-stream'
import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { SharedCore } from 'hypercore'
import crypto from 'hypercore-crypto'
import Protomux from 'protomux'
import { Bucket } from '../net/bucket.ts'
import { type Identity, listIdentities, openIdentity } from '../net/identity.ts'
import { type Bootstrap, Network, addressOf as networkAddressOf } from '../net/network.ts'
import { Rpc } from '../net/rpc.ts'
import { decodeEntry, type Genesis, limitsOf } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { codeHash } from '../protocol/hash.ts'
import type { Head } from '../protocol/head.ts'
import { decodeId, encodeId } from '../protocol/ids.ts'
import { addressOf, topicOf } from '../protocol/manifest.ts'
import {
  CALL,
  type CallReply,
  type CallRequest,
  CONSISTENCY,
  type ConsistencyReply,
  type ConsistencyRequest,
  DEPLOY,
  type DeployReply,
  type DeployRequest,
  INFO,
  type InfoReply,
  KNOWN,
  type KnownReply,
  LENGTHS_MAX,
  PROVE,
  type ProveReply,
  type ProveRequest,
  RANGE,
  type RangeReply,
  type RangeRequest,
  STATUS
} from '../protocol/messages.ts'
import type { Proof } from '../protocol/proof.ts'
import { isUnreadable } from '../state/salvage.ts'
import { closeStore, openStore } from '../state/store.ts'
import { Wal } from '../state/wal.ts'
import { openVm } from '../vm/registry.ts'
import type { Layer, SandboxMode } from '../vm/sandbox/sandbox.ts'
import type { IsolateBy, Supervisor } from '../vm/supervisor.ts'
import { Admission } from './admission.ts'
import { askOthers, Rounds } from './asking.ts'
import { type Backup, backUp } from './backup.ts'
import type { Caller } from './caller.ts'
import { Connections } from './connections.ts'
import { checkDeployer } from './deployment.ts'
import { Gate } from './gate.ts'
import { type Execution, Instance } from './instance.ts'
import type { Writing } from './ledger.ts'
import { Measures } from './measures.ts'
import { Mutex } from './mutex.ts'
import { Oracles } from './oracles.ts'
import { allowAll, type Policy } from './policy.ts'
import { type SomeQuotas, withDefaults } from './quotas.ts'
import { readRange } from './ranges.ts'
import { Restored } from './restored.ts'
import { notThatFar, SetBacks, setBack } from './set-back.ts'
import { type HostStatus, type PublicStatus, Recent, totalsOf } from './status.ts'
import { StoredBytes } from './stored.ts'
import { Vitals } from './vitals.ts'

export interface HostOptions {
  /** The data directory: identity, logs and archives. One host at a time. */
  readonly dir: string
  readonly bootstrap?: Bootstrap
  /** Who may deploy; default: anybody. */
  readonly policy?: Policy
  readonly oracles?: Oracles
  /** What users, deployers and connections may have; what is not said is as in DEFAULT_QUOTAS. */
  readonly quotas?: SomeQuotas
  /** Engine processes at most; default: one a core, 16 where contracts are kept apart. */
  readonly engines?: number
  /** Whose contracts never share an engine process with others; default `none`. */
  readonly isolateBy?: IsolateBy
  /** Layers around the engines: all that work here (`auto`, the default), or those that every machine has. */
  readonly sandbox?: SandboxMode
  /** Refuse to open unless all layers are active. */
  readonly requireSandbox?: boolean
  /** Multiplies the wall clock that a call may take before the host aborts it, for a slow or busy machine; default 1. */
  readonly patience?: number
  /** Instances that stay in memory; default 256. */
  readonly openMax?: number
  readonly onEvent?: (event: HostEvent) => void
}

/** What the operator of a host may want to know. */
export type HostEvent =
  | { readonly type: 'deployed'; readonly address: string; readonly deployer: string }
  | { readonly type: 'damaged'; readonly address: string; readonly message: string }
  /** Peers show that more of it was signed than is here: nothing is, from now on. */
  | { readonly type: 'set-back'; readonly address: string; readonly message: string }
  | { readonly type: 'log'; readonly address: string; readonly line: string }
  | { readonly type: 'refused'; readonly code: string; readonly message: string }
  /** Nothing can be written any more; the host has to be stopped. */
  | { readonly type: 'fatal'; readonly code: string; readonly message: string }

/** What a host keeps on disk beside its instances. */
interface Kept {
  /** Which there are. */
  readonly index: Hypercore
  readonly setBacks: SetBacks
  readonly restored: Restored | null
}

const IDLE_MS = 60_000
const QUOTA_EVENTS = 10
/** How often it is looked who says nothing. */
const SILENCE_MS = 500
const OPEN_MAX = 256
const ASK_AGAIN_MS = 5_000

/** Runs instances and answers peers. */
export class Host {
  /** Public key, z-base-32. */
  readonly id: string
  /** What is around the engines. */
  readonly sandbox: readonly Layer[]
  /** What it does, and how long that takes. */
  readonly measures: Measures
  readonly #store: Corestore
  readonly #network: Network
  readonly #writing: Writing
  readonly #execution: HostExecution
  readonly #admission: Admission
  readonly #policy: Policy
  readonly #index: Hypercore
  readonly #setBacks: SetBacks
  readonly #restored: Restored | null
  readonly #onEvent: (event: HostEvent) => void
  readonly #openMax: number
  readonly #known = new Set<string>()
  readonly #instances = new Map<string, Promise<Instance>>()
  /** Instances on their way out of memory: one that is wanted again has to wait for that. */
  readonly #leaving = new Map<string, Promise<void>>()
  readonly #peers = new Set<Rpc>()
  readonly #connections: Connections<SecretStream>
  /** Who is over a quota may be so thousands of times a second: the operator is told of some, and the status counts all. */
  readonly #quotaEvents = new Bucket(QUOTA_EVENTS, 1)
  readonly #sweep: NodeJS.Timeout
  readonly #recent: Recent
  readonly #vitals: Vitals
  readonly #openedAt = performance.now()
  #listening = false
  #looked = false
  readonly #listen: NodeJS.Timeout
  readonly #bootstrap: Bootstrap | undefined
  readonly #dir: string
  /** Until others were asked, in a directory that was restored. */
  #asked: Promise<void> | null = null
  readonly #deployments = new Rounds((ids) => this.#ask(ids))
  readonly #stop = new AbortController()
  #continuing: Promise<void> = Promise.resolve()
  /** Whether what was in flight when the host went down goes on by itself. */
  #continued = false
  #closing: Promise<void> | null = null

  private constructor(
    options: HostOptions,
    writing: Writing,
    network: Network,
    execution: HostExecution,
    admission: Admission,
    kept: Kept,
    onEvent: (event: HostEvent) => void
  ) {
    this.id = encodeId(writing.keyPair.publicKey)
    this.sandbox = execution.vm.layers
    this.#store = writing.store
    this.#network = network
    this.#writing = writing
    this.#execution = execution
    this.#admission = admission
    this.#policy = options.policy ?? allowAll
    this.#index = kept.index
    this.#setBacks = kept.setBacks
    this.#restored = kept.restored
    this.#onEvent = onEvent
    this.#bootstrap = options.bootstrap
    this.#dir = options.dir
    this.#openMax = options.openMax ?? OPEN_MAX
    this.#sweep = setInterval(() => this.#closeIdle(), IDLE_MS / 4).unref()
    this.measures = execution.measures
    this.#recent = new Recent(execution.measures)
    this.#vitals = new Vitals(options.dir, () => this.#recent.mark())
    this.#connections = new Connections(admission.quotas.host, admission.refusals)
    const listen = () => this.#connections.sweep(performance.now())
    this.#listen = setInterval(listen, SILENCE_MS).unref()
  }

  /**
   * Opens the directory and begins to answer. Throws DIRECTORY_LOCKED where another process has it, ENGINE_FAILED
   * where contracts cannot be run here, SANDBOX_UNAVAILABLE where the sandbox is required and not complete.
   */
  static async open(options: HostOptions): Promise<Host> {
    await mkdir(options.dir, { recursive: true, mode: 0o700 })
    const { keyPair } = await openHostIdentity(options.dir)
    const setBacks = await SetBacks.open(options.dir, keyPair.publicKey)
    const restored = await Restored.find(options.dir)
    const store = await openStore(storeOf(options.dir))
    const index = await openIndex(store, options.dir)
    const vm = await openEngines(options).catch(async (error) => {
      await closeStore(store)
      throw error
    })
    const measures = new Measures()
    const onEvent = (event: HostEvent) => {
      noteEvent(measures, event)
      options.onEvent?.(event)
    }
    const writing = {
      store,
      keyPair,
      wal: new Wal(store.storage.rocks),
      gate: new Gate(),
      onFatal: ({ code, message }: MivmError) => onEvent({ type: 'fatal', code, message })
    }
    const admission = new Admission(withDefaults(options.quotas), new StoredBytes(index))
    const execution = {
      vm,
      measures,
      admission,
      oracles: options.oracles ?? new Oracles(),
      onLog: (address: string, line: string) => onEvent({ type: 'log', address, line })
    }
    const network = new Network(keyPair, options.bootstrap)
    const kept = { index, setBacks, restored }
    const host = new Host(options, writing, network, execution, admission, kept, onEvent)
    try {
      await host.#start()
      return host
    } catch (error) {
      await host.close()
      throw openError(error, options.dir)
    }
  }

  /** Addresses of all instances, z-base-32. */
  get instances(): string[] {
    return [...this.#known]
  }

  /** An instance of this host; throws INSTANCE_UNKNOWN or INSTANCE_DAMAGED. */
  async instance(address: Uint8Array): Promise<Instance> {
    const id = encodeId(address)
    const open = this.#instances.get(id)
    if (open !== undefined) return open
    if (!this.#known.has(id)) {
      throw new MivmError(
        'INSTANCE_UNKNOWN',
        `this host has no instance ${id}: check the address, or deploy it`
      )
    }
    this.#refuseWhenClosing()
    return this.#keep(id, this.#open(id, address))
  }

  async deploy(request: DeployRequest): Promise<Instance> {
    this.#refuseWhenClosing()
    const genesis = this.#checkGenesis(request)
    const address = addressOf(genesis.host, request.genesis)
    const id = encodeId(address)
    if (this.#known.has(id) || this.#instances.has(id)) return this.instance(address)
    await this.#policy(encodeId(genesis.deployer))
    checkDeployer(address, genesis, request.log)
    // anybody can send a deployment again that came after the backup
    if (this.#restored !== null) await this.#deployments.about(id)
    this.#refuseWhenClosing()
    const refusal = this.#setBacks.refusal(id)
    if (refusal !== null) throw refusal
    // the same deployment may have come again meanwhile
    if (this.#known.has(id) || this.#instances.has(id)) return this.instance(address)
    // it is signed by the deployer: nobody uses up what another one may deploy
    this.#admission.deploy(encodeId(genesis.deployer))
    const instance = await this.#keep(id, this.#create(address, genesis, request))
    this.#onEvent({ type: 'deployed', address: id, deployer: encodeId(genesis.deployer) })
    void this.#announce(address)
    return instance
  }

  /** Writes a backup of all that there is now, while calls go on. Throws USAGE where there is a file of that name. */
  backUp(file: string): Promise<Backup> {
    return backUp(this.#dir, this.#store.storage, this.#writing.wal, file)
  }

  /** Finishes the batches in flight and lets go of everything. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #start(): Promise<void> {
    for (let i = 0; i < this.#index.length; i++) {
      const address = await this.#index.get(i, { wait: false })
      if (address !== null) this.#known.add(encodeId(address))
    }
    this.#network.onConnection((stream) => this.#onConnection(stream))
    await this.#network.listen()
    this.#listening = true
    for (const address of this.#setBacks.addresses) {
      const { message = '' } = this.#setBacks.refusal(address) ?? {}
      this.#onEvent({ type: 'set-back', address, message })
    }
    const restored = this.#restored?.isAsked === false ? this.#restored : null
    this.#asked = restored && this.#askAll(restored)
    this.#continuing = this.#continueAll().catch(() => {})
  }

  /** A restored directory may be an old one: before it signs anything it hears whoever can be found. */
  async #askAll(restored: Restored): Promise<void> {
    const { signal } = this.#stop
    // where there is no network nobody could say anything
    while (!(await this.#ask([...this.#known])) && !signal.aborted) {
      await sleep(ASK_AGAIN_MS, undefined, { signal }).catch(() => {})
    }
    if (this.#closing === null) await restored.asked()
  }

  /** Hears what others hold of instances; false where there is no network. */
  #ask(ids: readonly string[]): Promise<boolean> {
    const addresses = ids.map((id) => decodeId(id))
    return askOthers(addresses, this.#bootstrap, this.#stop.signal, async (address, head) => {
      await this.#heed(address, head)
    }).catch(() => false)
  }

  /** Finds instances with calls that were in flight, and what cannot be opened; announces all. */
  async #continueAll(): Promise<void> {
    const held: Instance[] = []
    for (let i = 0; i < this.#index.length && this.#closing === null; i++) {
      const address = await this.#index.get(i, { wait: false }).catch(() => null)
      if (address === null) continue
      try {
        const instance = await this.instance(address)
        if (instance.isWaiting || this.#asked !== null) held.push(instance)
        else instance.release()
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        if (this.#closing === null) {
          this.#onEvent({ type: 'damaged', address: encodeId(address), message })
        }
      }
      if (this.#instances.size > this.#openMax) this.#closeIdle()
      void this.#announce(address)
    }
    this.#looked = true
    await (this.#asked ?? this.#ask(held.map(({ id }) => id)))
    this.#continued = true
    for (const instance of held) instance.release()
  }

  async #announce(address: Uint8Array): Promise<void> {
    await this.#network.announce(topicOf(address)).catch(() => {})
  }

  async #open(id: string, address: Uint8Array): Promise<Instance> {
    await this.#leaving.get(id)
    const instance = await Instance.open(
      this.#writing,
      this.#execution,
      address,
      this.#setBacks.refusal(id)
    )
    if (this.#continued) instance.release()
    return instance
  }

  /** Takes notice of a head that a peer holds: one that this host has signed and cannot show ends its signing there. */
  async #heed(address: Uint8Array, head: Head): Promise<KnownReply> {
    const id = encodeId(address)
    const isHere = this.#known.has(id) || this.#instances.has(id)
    // archives are signed with the same key, and are no instances
    if (!isHere && (await this.#hasLog(address))) return { signed: null }
    const instance = isHere ? await this.instance(address) : null
    const agrees = instance !== null && (await instance.agrees(head))
    if (!agrees && this.#setBacks.isSigned(id, head)) {
      const why = setBack(head)
      const isNews = this.#setBacks.get(id) === null
      instance?.bar(why)
      await this.#setBacks.keep(id, head)
      if (isNews) this.#onEvent({ type: 'set-back', address: id, message: why.message })
    }
    return { signed: this.#setBacks.get(id) }
  }

  async #create(address: Uint8Array, genesis: Genesis, request: DeployRequest): Promise<Instance> {
    // a crash may have come between the deployment and its place in the index
    const instance = (await this.#hasLog(address))
      ? await Instance.open(this.#writing, this.#execution, address)
      : await Instance.deploy(this.#writing, this.#execution, address, genesis, request)
    try {
      await this.#index.append(address)
      await this.#writing.wal.sync()
    } catch (error) {
      await instance.close()
      throw error
    }
    this.#known.add(encodeId(address))
    return instance
  }

  /** Whether there is a log of that key. */
  async #hasLog(address: Uint8Array): Promise<boolean> {
    const info = await this.#store.storage.getInfo(crypto.discoveryKey(address))
    return (info?.head?.length ?? 0) > 0
  }

  #keep(id: string, opening: Promise<Instance>): Promise<Instance> {
    this.#instances.set(id, opening)
    opening.catch(() => this.#instances.delete(id))
    return opening
  }

  #checkGenesis({ genesis: block, source }: DeployRequest): Genesis {
    const genesis = decodeEntry(block)
    if (genesis.type !== 'genesis')
      throw new MivmError('REQUEST_INVALID', 'a deployment begins with genesis')
    if (!b4a.equals(genesis.host, this.#writing.keyPair.publicKey)) {
      throw new MivmError(
        'REQUEST_INVALID',
        `this host is ${this.id}, the deployment is for ${encodeId(genesis.host)}`
      )
    }
    if (!b4a.equals(genesis.codeHash, codeHash(source))) {
      throw new MivmError('REQUEST_INVALID', 'the code is not the one that genesis names')
    }
    if (genesis.vm !== this.#execution.vm.id) {
      throw new MivmError(
        'VM_UNKNOWN',
        `this host does not run ${genesis.vm}: deploy for ${this.#execution.vm.id}`
      )
    }
    limitsOf(genesis)
    return genesis
  }

  #onConnection(stream: SecretStream): void {
    if (this.#closing !== null) {
      stream.destroy()
      return
    }
    if (!this.#takeConnection(stream)) return
    // Before anything has come over it nothing leaves either: thousands of streams that say nothing shall not cost
    // every commit, and every log that is opened. The listener of the multiplexer comes after this one.
    stream.once('data', () => {
      this.#connections.heard(stream)
      if (this.#closing !== null) return
      this.#writing.gate.add(mux)
      this.#store.replicate(stream)
    })
    const mux = Protomux.from(stream)
    const caller = this.#admission.caller()
    const rpc = new Rpc(mux, (bytes) => caller.request(bytes))
    this.#peers.add(rpc)
    stream.once('close', () => {
      this.#connections.delete(stream)
      this.#writing.gate.delete(mux)
      this.#peers.delete(rpc)
      caller.close()
    })
    const peer = new Peer(rpc, caller)
    rpc.respond(INFO, ({ address }) => this.#guard(() => this.#info(address), address))
    rpc.respond(DEPLOY, (request) =>
      this.#guard(async (): Promise<DeployReply> => {
        await peer.heard
        await this.#asked
        return { address: (await this.deploy(request)).address }
      })
    )
    rpc.respond(CALL, (request, arrived) =>
      this.#guard(() => this.#call(request, peer, arrived), request.address)
    )
    rpc.respond(KNOWN, ({ address, head }) =>
      this.#guard(() => peer.hear(() => this.#heed(address, head)), address)
    )
    rpc.respond(PROVE, (request) => this.#guard(() => this.#prove(request, peer), request.address))
    rpc.respond(CONSISTENCY, (request) =>
      this.#guard(() => this.#consistency(request), request.address)
    )
    rpc.respond(RANGE, (request) => this.#guard(() => this.#range(request, peer)))
    rpc.respond(STATUS, () =>
      this.#guard(async () => ({ json: JSON.stringify(this.#publicStatus()) }))
    )
  }

  #takeConnection(stream: SecretStream): boolean {
    try {
      this.#connections.add(stream, networkAddressOf(stream), performance.now())
      return true
    } catch {
      // it is counted
      stream.destroy()
      return false
    }
  }

  /** What the host is doing, for its operator. */
  status(): HostStatus {
    const { measures } = this
    return {
      ...this.#publicStatus(),
      ...this.#admission.status(),
      connections: this.#connections.status,
      open: this.#instances.size,
      peers: this.#peers.size,
      logs: this.#store.cores.size,
      uptime: (performance.now() - this.#openedAt) / 1000,
      problem: measures.problem,
      queued: measures.queued,
      lately: this.#recent.lately,
      total: totalsOf(measures),
      engines: this.#execution.vm.figures(),
      process: this.#vitals.sample
    }
  }

  /** Anybody may ask. How many others are there, and how much there is to do, would tell an attacker how he fares. */
  #publicStatus(): PublicStatus {
    const { id } = this
    return { id, vm: this.#execution.vm.id, instances: this.#known.size, ready: this.isReady }
  }

  /**
   * Whether it takes connections, has looked at what calls were left from before, has asked others where it was restored,
   * and can start engines.
   */
  get isReady(): boolean {
    const isUp = this.#listening && this.#looked && this.#closing === null
    const isAsking = this.#asked !== null && !this.#continued
    return (
      isUp && !isAsking && !this.#execution.vm.figures().failing && this.measures.problem === null
    )
  }

  /** Tells the operator of what is refused, and of an instance that turns out to be damaged. */
  async #guard<T>(fn: () => Promise<T>, address?: Uint8Array): Promise<T> {
    try {
      return await fn()
    } catch (error) {
      const known = knownError(error, address)
      const { code, message } = known
      this.measures.refused.add(code)
      if (code === 'INSTANCE_DAMAGED' && address !== undefined) {
        this.#onEvent({ type: 'damaged', address: encodeId(address), message })
      } else if (code !== 'QUOTA_EXCEEDED' || this.#quotaEvents.take()) {
        this.#onEvent({ type: 'refused', code, message })
      }
      throw known
    }
  }

  async #info(address: Uint8Array): Promise<InfoReply> {
    const instance = await this.instance(address)
    const { methods, head } = instance
    return { genesis: await instance.genesisBlock(), methods, head }
  }

  async #call(request: CallRequest, peer: Peer, arrived: number): Promise<CallReply> {
    const { address, log, to } = request
    await peer.heard
    await this.#asked
    const refusal = this.#setBacks.refusal(encodeId(address))
    if (refusal !== null) throw refusal
    const instance = await this.instance(address)
    const { length: own } = instance.head
    // said and not shown: it is no proof, but what could be answered would be less than that user has seen
    if (request.known > own) throw notThatFar(request.known, own)
    const length = await instance.submit(log, { caller: peer.caller, arrived })
    // a request without blocks that asks for results says nothing about the user's log
    if (to === 0 || log.blocks.length > 0) {
      const end = log.start + log.blocks.length
      if (length < log.start) return { length, through: 0, proof: null, behind: null }
      if (length > end) {
        // one who sends blocks is not about to take any back
        const behind =
          log.blocks.length > 0
            ? { ...log, start: end, blocks: [], head: null }
            : await peer.large(() => instance.proofs.takeBack(log.user, end))
        return { length, through: 0, proof: null, behind }
      }
    }
    if (to > length) throw new MivmError('REQUEST_INVALID', `the user log has no entry ${to} yet`)
    if (to > 0) await instance.settled(log.user, to)
    const settled = performance.now()
    return peer.large(async () => {
      const key = `${encodeId(address)}/${encodeId(log.user)}`
      const { head } = instance
      const before = peer.sent.get(key)
      const through = Math.min(before ?? request.known, head.length)
      // Set at the moment of the head's choice: of two replies under way the second must begin where the first ends. For
      // users who have no log nothing is kept: anybody can name any number of them.
      if (length > 0) peer.sent.set(key, head.length)
      const anchored = before !== undefined || request.anchored
      const proof = await instance.proofs.prove(log.user, request.from, to, through, anchored)
      const now = performance.now()
      const calls = resultsIn(proof)
      this.measures.stages.reply.add(now - settled, calls)
      this.measures.calls.add(now - arrived, calls)
      return { length, through, proof, behind: null }
    })
  }

  async #prove({ address, user, entry }: ProveRequest, peer: Peer): Promise<ProveReply> {
    const instance = await this.instance(address)
    const proof = await peer.large(() => instance.proofs.prove(user, entry, entry, 0, false))
    if (proof.items.some(({ block }) => block !== null)) return { proof }
    throw new MivmError('REQUEST_INVALID', `entry ${entry} has no result: check its number`)
  }

  async #consistency({ address, lengths }: ConsistencyRequest): Promise<ConsistencyReply> {
    if (lengths.length > LENGTHS_MAX) {
      throw new MivmError('REQUEST_INVALID', `ask for ${LENGTHS_MAX} lengths at most`)
    }
    const instance = await this.instance(address)
    return { proof: await instance.proofs.consistency(lengths) }
  }

  /** What is sent counts as if it had been received: to read from the disk costs as much. */
  #range(request: RangeRequest, peer: Peer): Promise<RangeReply> {
    return peer.large(async () => {
      // thousands of these may have been let in together, each for a thousand times its own bytes
      peer.caller.checkRates()
      const reply = await readRange(this.#store, request)
      peer.caller.meter.take(
        0,
        reply.blocks.reduce((sum, block) => sum + block.byteLength, 0)
      )
      return reply
    })
  }

  #refuseWhenClosing(): void {
    if (this.#closing === null) return
    throw new MivmError('HOST_CLOSED', 'the host is shutting down: try again later')
  }

  #closeIdle(): void {
    const crowded = this.#instances.size > this.#openMax
    for (const [id, opening] of this.#instances) {
      void opening.then(
        (instance) => {
          const { idleSince } = instance
          if (idleSince === null || this.#instances.get(id) !== opening) return
          if (!crowded && Date.now() - idleSince < IDLE_MS) return
          this.#instances.delete(id)
          this.#leaving.set(
            id,
            instance.close().finally(() => this.#leaving.delete(id))
          )
        },
        () => {}
      )
    }
  }

  async #close(): Promise<void> {
    clearInterval(this.#sweep)
    this.#vitals.close()
    clearInterval(this.#listen)
    this.#stop.abort()
    await this.#continuing
    const instances = await Promise.allSettled(this.#instances.values())
    await Promise.allSettled(
      instances.map((opening) => (opening.status === 'fulfilled' ? opening.value.close() : null))
    )
    for (const rpc of this.#peers) rpc.destroy()
    await this.#network.close()
    await this.#execution.vm.close()
    await this.#admission.close()
    await this.#writing.wal.close()
    await closeStore(this.#store)
  }
}

interface HostExecution extends Execution {
  readonly vm: Supervisor
  readonly measures: Measures
}

function noteEvent(measures: Measures, event: HostEvent): void {
  switch (event.type) {
    case 'deployed':
      measures.deployments++
      break
    case 'damaged':
      measures.damaged.add(event.address)
      break
    case 'set-back':
      measures.setBack.add(event.address)
      break
    case 'log':
      measures.lines++
      break
    case 'fatal':
      measures.fatal = event.message
      break
  }
}

/** Of each call there is an ack and a result. */
function resultsIn({ items }: Proof): number {
  return items.filter(({ block }) => block !== null).length / 2
}

/**
 * A host takes nothing in by replication: what users write comes with their calls, checked, in one atomic write with
 * the results. Nor does it note on disk how much a peer says it has, as Hypercore does: on a full disk that write
 * fails, and ends the stream of everybody who reads. Nor does it hear of a second version of a log: Hypercore would close
 * the first one for good, and with it, in the middle of a write, the whole instance. A user may sign two logs; what the
 * host has is the one that it has executed.
 */
function serveOnly(core: SharedCore): void {
  core.replicator.setPushOnly(true)
  core.replicator.allowFork = false
  core.updateRemoteContiguousLength = () => {}
  core.checkConflict = async () => true
}

/** Which instances there are. */
async function openIndex(store: Corestore, dir: string): Promise<Hypercore> {
  store.watch(serveOnly)
  const index = store.get({ name: 'instances' })
  try {
    await index.ready()
    return index
  } catch (error) {
    await closeStore(store)
    throw openError(error, dir)
  }
}

/** What the database cannot read before anything is asked of an instance. */
function openError(error: unknown, dir: string): unknown {
  if (!isUnreadable(error) || error instanceof MivmError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new MivmError(
    'DIRECTORY_DAMAGED',
    `files of the database in ${storeOf(dir)} are damaged (${message}): "mivm host --repair" takes out what cannot be read, or restore it from a backup`,
    { cause: error }
  )
}

function storeOf(dir: string): string {
  return path.join(dir, 'store')
}

/** A new identity only where there is nothing yet that another one has signed. */
async function openHostIdentity(dir: string): Promise<Identity> {
  const names = await listIdentities(dir)
  if (names.includes('host') || !existsSync(storeOf(dir))) return openIdentity(dir, 'host')
  throw new MivmError(
    'DIRECTORY_DAMAGED',
    `the key of the host, ${path.join(dir, 'host.key')}, is missing: put it back from a backup`
  )
}

/** What the database cannot read belongs to the instance that was asked for. */
function knownError(error: unknown, address?: Uint8Array): MivmError {
  if (error instanceof MivmError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (address === undefined || !isUnreadable(error)) {
    return new MivmError('INTERNAL', message, { cause: error })
  }
  return new MivmError(
    'INSTANCE_DAMAGED',
    `the disk has damaged it (${message}): its operator may have it back with "mivm host --repair", or from a backup`,
    { cause: error }
  )
}

/** What is kept of a connection. */
class Peer {
  /** Length of the last head sent, by instance and user: the next proof begins there. */
  readonly sent = new Map<string, number>()
  readonly caller: Caller
  readonly #rpc: Rpc
  readonly #replies = new Mutex()
  #heard: Promise<unknown> = Promise.resolve()

  constructor(rpc: Rpc, caller: Caller) {
    this.caller = caller
    this.#rpc = rpc
  }

  /** Resolves when what this peer has said so far of heads was taken notice of. */
  get heard(): Promise<unknown> {
    return this.#heard
  }

  hear<T>(heed: () => Promise<T>): Promise<T> {
    const hearing = this.#heard.then(heed)
    this.#heard = hearing.catch(() => {})
    return hearing
  }

  /** Makes replies that may be large one after the other, and none while the peer does not read. */
  large<T>(reply: () => Promise<T>): Promise<T> {
    return this.#replies.run(async () => {
      await this.#rpc.readable()
      return reply()
    })
  }
}

function openEngines(options: HostOptions): Promise<Supervisor> {
  const { engines, isolateBy, patience, sandbox, requireSandbox } = options
  return openVm('js-1', {
    ...(engines === undefined ? {} : { engines }),
    ...(isolateBy === undefined ? {} : { isolateBy }),
    ...(patience === undefined ? {} : { patience }),
    ...(sandbox === undefined ? {} : { sandbox }),
    ...(requireSandbox === undefined ? {} : { requireSandbox })
  })
}
