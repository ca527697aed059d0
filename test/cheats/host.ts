import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto, { type KeyPair } from 'hypercore-crypto'
import Hyperdrive from 'hyperdrive'
import { Shadow } from '../../src/audit/shadow.ts'
import { Gate } from '../../src/host/gate.ts'
import { type ExecutionOptions, Instance } from '../../src/host/instance.ts'
import type { Writing } from '../../src/host/ledger.ts'
import { Oracles } from '../../src/host/oracles.ts'
import { Tail } from '../../src/host/tail.ts'
import {
  type CallLogEntry,
  decodeEntry,
  encodeEntry,
  encodeUserEntry
} from '../../src/protocol/entries.ts'
import { codeHash } from '../../src/protocol/hash.ts'
import { type Head, signHead } from '../../src/protocol/head.ts'
import { encodeId } from '../../src/protocol/ids.ts'
import { addressOf, stateManifest, userLogManifest } from '../../src/protocol/manifest.ts'
import { Tree } from '../../src/protocol/merkle.ts'
import { VM_ID } from '../../src/protocol/vm-id.ts'
import { Archive } from '../../src/state/archive.ts'
import { openStore } from '../../src/state/store.ts'
import { Wal } from '../../src/state/wal.ts'
import type { Batch, RunOptions, VirtualMachine } from '../../src/vm/vm.ts'
import { blocksOf, openShared, type Shown } from '../audit-writer.ts'
import { BareUser } from '../bare-user.ts'
import { type Teardown, tempDir } from '../helpers.ts'
import type { Cheat, Place, Position, Seams } from './cheat.ts'
import { CALLS, type Kind, SOURCE, type Spec } from './contract.ts'

/** What hosts of one key write with: a store for any number of instances. */
export interface Stage {
  readonly store: Corestore
  readonly writing: Writing
  /** Where a host shows something else than what it has told first. */
  second(): Promise<Stage>
  /** An instance beside those of the stories. */
  neighbour: Promise<Instance> | null
}

const HOST = crypto.keyPair(crypto.hash(b4a.from('cheating host')))

export async function openStage(t: Teardown): Promise<Stage> {
  const store = await openStore(await tempDir(t))
  const wal = new Wal(store.storage.rocks)
  const writing = { store, keyPair: HOST, wal, gate: new Gate(), onFatal }
  let second: Promise<Stage> | null = null
  const openSecond = () => {
    second ??= openStage(t)
    return second
  }
  const stage: Stage = { store, writing, second: openSecond, neighbour: null }
  t.teardown(async () => {
    await (await stage.neighbour)?.close()
    await wal.close()
    await store.close()
  })
  return stage
}

function onFatal(error: Error): never {
  throw error
}

/** Whose story it is: which call bob makes, and when. */
export interface Plot {
  /** Null: bob makes none. */
  readonly cheat: Cheat | null
  readonly position: Position
  readonly kind: Kind
  /** Decides the address. */
  readonly salt: Uint8Array
}

/** What is shown of logs; see `copy`. */
export interface Copy {
  readonly length?: number
  readonly change?: (blocks: Uint8Array[]) => Uint8Array[]
  readonly bob?: BareUser
  readonly mirror?: boolean
}

/**
 * The real host, without a network, that cheats once: when it comes to the call of bob. What it cheats with is around
 * it, not in it: the engine that it is given, the store that it writes to, and the blocks that it is sent.
 */
export class CheatingHost {
  readonly address: Uint8Array
  readonly store: Corestore
  readonly keyPair: KeyPair = HOST
  readonly alice: BareUser
  readonly bob: BareUser
  readonly carol: BareUser
  /** Heads that it has signed, in order. */
  readonly heads: Head[] = []
  /** Code with which it has refused something; see `refuses`. */
  refused: string | null = null
  /** Lengths of the archive's logs as it has written them without a call. */
  readonly tampered: number[] = []
  /** Blocks of the log that it has told to others. */
  retold = 0
  /** How much later it says that it is than it is, ms. */
  clock = 0
  readonly #stage: Stage
  readonly #plot: Plot
  readonly #genesis: Uint8Array
  #instance: Instance | null = null
  #seams: Seams = {}
  /** Whether the batch that was executed last is the one with bob's call. */
  #struck = false
  #held: Promise<void> = Promise.resolve()

  private constructor(stage: Stage, plot: Plot) {
    this.#stage = stage
    this.#plot = plot
    this.store = stage.store
    this.#genesis = encodeEntry({
      type: 'genesis',
      vm: VM_ID,
      host: HOST.publicKey,
      deployer: new BareUser(b4a.alloc(32), 'alice').key,
      salt: plot.salt,
      codeHash: codeHash(SOURCE),
      limits: {}
    })
    this.address = addressOf(HOST.publicKey, this.#genesis)
    const [alice, bob, carol] = ['alice', 'bob', 'carol'] as const
    this.alice = new BareUser(this.address, alice)
    this.bob = new BareUser(this.address, bob)
    this.carol = new BareUser(this.address, carol)
  }

  /** A host that has told its story and is down; `onDeployed` is for whoever wants to see it from its beginning on. */
  static async tell(
    stage: Stage,
    plot: Plot,
    onDeployed: (host: CheatingHost) => Promise<void> = async () => {}
  ): Promise<CheatingHost> {
    const host = new CheatingHost(stage, plot)
    const restore = host.#tapPrototypes()
    try {
      await host.#tell(onDeployed)
    } finally {
      restore()
    }
    return host
  }

  get instance(): Instance {
    if (this.#instance === null) throw new Error('the host is down')
    return this.#instance
  }

  /** The newest head that it shows. */
  get head(): Head {
    return this.instance.head
  }

  /** A user calls, and waits for the result. */
  async call(user: BareUser, ...spec: Spec): Promise<void> {
    await this.submit(user.call(...spec))
    await this.instance.settled(user.key, user.blocks.length)
  }

  /** A user sends what it has written since the last time. */
  async submit(user: BareUser): Promise<void> {
    await this.instance.submit(user.log())
  }

  /** A user writes down what it has been told: the newest head. */
  async pin(user: BareUser, head: Head = this.head): Promise<void> {
    await this.submit(user.write(encodeUserEntry({ type: 'ack', answers: [], head })))
  }

  /** Says with what code it refuses something, if it does. */
  async refuses(what: Promise<unknown>): Promise<void> {
    this.refused = await what.then(
      () => null,
      (error) => error.code
    )
  }

  /** Does something to its logs while it is not running. */
  async restart(meanwhile: (archive: Archive) => Promise<unknown>): Promise<void> {
    await this.instance.close()
    const cores = await this.openCores()
    const archive = new Archive(cores.files.session(), cores.content.session())
    await archive.ready()
    await meanwhile(archive)
    await archive.close()
    for (const core of Object.values(cores)) await core.close()
    this.#instance = await Instance.open(this.#stage.writing, this.#execution(), this.address)
  }

  /** Tells its story to others without bob, in another store. */
  async retell(): Promise<CheatingHost> {
    const other = await CheatingHost.tell(await this.#stage.second(), {
      ...this.#plot,
      cheat: null
    })
    this.retold = (await other.place()).length
    return other
  }

  /** An instance of another deployer. */
  async neighbour(): Promise<Instance> {
    this.#stage.neighbour ??= this.#deployNeighbour()
    return this.#stage.neighbour
  }

  /**
   * What it shows of its logs in another store, signed anew: up to a length of the call log, with other blocks in it,
   * or with another log of bob. A mirror has the signatures, and not the key.
   */
  async copy(what: Copy): Promise<Shown> {
    const { length, change = (all) => all, bob, mirror = false } = what
    const cores = await this.openCores()
    const { store } = await this.#stage.second()
    const blocks = change(await blocksOf(cores.log)).slice(0, length)
    const commit = blocks.map(tryDecode).findLast((entry) => entry?.type === 'commit')
    if (commit?.type !== 'commit') throw new Error('a log without a commit')
    const put = async (core: Hypercore, all: readonly Uint8Array[], keyPair: KeyPair) => {
      const manifest = core.manifest
      if (manifest === null) throw new Error('a log without a manifest')
      const copy = store.get(mirror ? { manifest } : { manifest, keyPair })
      const { signature } = signAll(all, core.key, keyPair)
      await copy.append([...all], mirror ? { signature } : { keyPair })
      await copy.close()
    }
    await put(cores.log, blocks, HOST)
    for (const [core, version] of [
      [cores.files, commit.archive],
      [cores.content, commit.blobs]
    ] as const) {
      await put(core, (await blocksOf(core)).slice(0, version.length), HOST)
    }
    for (const user of [this.alice, bob ?? this.bob, this.carol]) {
      const core = await this.openUser(user)
      await put(core, user.blocks, user.keyPair)
      await core.close()
    }
    for (const core of Object.values(cores)) await core.close()
    return { store, address: this.address }
  }

  /** The logs that it writes. */
  async openCores(): Promise<{ log: Hypercore; files: Hypercore; content: Hypercore }> {
    const { store, keyPair } = this
    const log = store.get({ key: this.address, keyPair })
    const { signers, ...rest } = stateManifest(keyPair.publicKey, this.address)
    const manifest = { ...rest, signers: [...signers] }
    const files = store.get({ manifest, keyPair })
    await Promise.all([log.ready(), files.ready()])
    const contentManifest = Hyperdrive.getContentManifest(manifest, files.key)
    if (contentManifest === null) throw new Error('no manifest for the blobs')
    const content = store.get({ manifest: contentManifest, keyPair })
    await content.ready()
    return { log, files, content }
  }

  /** The host's copy of a user's log. */
  async openUser({ key }: BareUser): Promise<Hypercore> {
    const { signers, ...rest } = userLogManifest(key, this.address)
    const core = this.store.get({ manifest: { ...rest, signers: [...signers] } })
    await core.ready()
    return core
  }

  async blocks(): Promise<Uint8Array[]> {
    const cores = await this.openCores()
    const blocks = await blocksOf(cores.log)
    for (const core of Object.values(cores)) await core.close()
    return blocks
  }

  /** The head of a log that it has never written, or not shown, signed by it all the same. */
  sign(blocks: readonly Uint8Array[]): Head {
    return signAll(blocks, this.address, HOST)
  }

  /** Where bob's first call is in the log; or what the host has made of it, under a key that is nobody's. */
  async place(): Promise<Place> {
    const cores = await this.openCores()
    const [files, blobs] = [cores.files.length, cores.content.length]
    const entries = (await blocksOf(cores.log)).map(tryDecode)
    for (const core of Object.values(cores)) await core.close()
    const ack = entries.findIndex(
      (entry) =>
        entry?.type === 'ack' &&
        [this.bob.key, this.address].some((key) => b4a.equals(entry.user, key))
    )
    const ends = entries.flatMap((entry, i) => (entry?.type === 'commit' ? [i] : []))
    const endOf = (commit: number) => {
      const acks = entries.slice(0, commit).filter((entry) => entry?.type === 'ack')
      const last = acks.at(-1)
      return last?.type === 'ack' ? last.seq : 0
    }
    const [commit = -1, next] = ends.filter((end) => end > ack)
    const entry = entries[ack]
    return {
      seq: entry?.type === 'ack' ? entry.seq : 0,
      ack,
      result: entries.findIndex((it, i) => i > ack && it?.type === 'result'),
      commit,
      end: endOf(commit),
      next: next === undefined ? null : { commit: next, end: endOf(next) },
      length: entries.length,
      files,
      blobs,
      alice: this.alice.blocks.length,
      last: lastOf(entries),
      bob: this.bob.blocks.length
    }
  }

  async #deployNeighbour(): Promise<Instance> {
    const host = new CheatingHost(this.#stage, { ...this.#plot, cheat: null, salt: b4a.alloc(32) })
    await host.#deploy()
    return host.instance
  }

  /** Alice deploys; then a call of carol, a batch of several, and one more; one of them is bob's. */
  async #tell(onDeployed: (host: CheatingHost) => Promise<void>): Promise<void> {
    const { position } = this.#plot
    await this.#deploy()
    await onDeployed(this)
    if (position === 'first') await this.#strike()
    else await this.call(this.carol, 'add', 'first')
    if (position === 'middle') await this.#strike()
    else await this.#batch(this.carol)
    if (position === 'last') await this.#strike()
    else await this.call(this.carol, 'add', 'last')
    await this.pin(this.alice)
    await this.instance.close()
    this.#instance = null
  }

  async #deploy(): Promise<void> {
    const log = this.alice.call('init').log()
    this.#seams = this.#plot.cheat?.deployment ?? {}
    this.#instance = await Instance.deploy(
      this.#stage.writing,
      this.#execution(),
      this.address,
      decodeGenesis(this.#genesis),
      { genesis: this.#genesis, source: SOURCE, log }
    )
    this.#seams = {}
    this.heads.push(this.head)
  }

  async #strike(): Promise<void> {
    const { cheat, kind, position } = this.#plot
    if (cheat === null) return
    await cheat.before?.(this, kind)
    const blocks = cheat.blocks?.(kind, this)
    if (blocks === undefined) this.bob.call(...CALLS[kind])
    else for (const block of blocks) this.bob.write(block)
    this.#seams = cheat.seams?.(this, kind, position) ?? {}
    if (position === 'middle') await this.#batch(this.bob)
    else await this.#submitBob()
    await this.instance.settled(this.bob.key, this.bob.blocks.length)
    this.#seams = {}
    this.heads.push(this.head)
    await cheat.behind?.(this, kind)
  }

  /** A batch of its own, and behind it one of two users: the first holds the others up. */
  async #batch(user: BareUser): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#held = promise
    await this.submit(this.alice.call('add', 'of alice'))
    if (user === this.bob) await this.#submitBob()
    else await this.submit(user.call('add', 'between'))
    await this.submit(this.alice.call('change', 0, 'changed'))
    resolve()
    await this.instance.settled(user.key, user.blocks.length)
    await this.instance.settled(this.alice.key, this.alice.blocks.length)
  }

  /** What is checked and kept of bob's blocks are those that he has signed; what is queued may be others. */
  async #submitBob(): Promise<void> {
    const log = this.bob.log()
    const { queue } = this.#seams
    if (queue === undefined) {
      await this.instance.submit(log)
      return
    }
    let taken = 0
    const slice = (from?: number, to?: number) =>
      taken++ === 0 ? Array.prototype.slice.call(log.blocks, from, to) : [...queue(log.blocks)]
    await this.instance.submit({ ...log, blocks: Object.assign([...log.blocks], { slice }) })
  }

  #execution(): ExecutionOptions {
    const oracles = new Oracles({ price: () => this.#seams.price ?? 42 })
    return { vm: this.#engine(), oracles, onLog: () => {} }
  }

  /** An engine that is told, and tells, what the cheat wants. */
  #engine(): VirtualMachine {
    const bob = encodeId(this.bob.key)
    const run = async (batch: Batch, options?: RunOptions) => {
      await this.#held
      const machine = await openShared()
      const mine = batch.calls.map(({ caller }) => caller === bob)
      this.#struck = this.#instance === null || mine.some((is) => is)
      const { call, step, source } = this.#struck ? this.#seams : {}
      if (source !== undefined) machine.evict(batch.contract.address)
      const lie: Batch = {
        ...batch,
        contract: { ...batch.contract, source: source ?? batch.contract.source },
        calls: batch.calls.map((it, i) => (mine[i] && call !== undefined ? call(it) : it)),
        onStep: (it, i) => batch.onStep(mine[i] && step !== undefined ? step(it) : it, i)
      }
      // no batch ends because this machine is busy
      const executed = await machine.run(lie, { ...options, workMs: Number.POSITIVE_INFINITY })
      if (source !== undefined) machine.evict(batch.contract.address)
      return executed
    }
    return {
      id: 'js-1',
      inspect: async (contract) => (await openShared()).inspect(contract),
      evict: () => {},
      close: async () => {},
      run
    }
  }

  /**
   * Stands between the host and its disk while it tells its story. The log is told of the same blocks as the tail, so
   * that the host goes on from what it has written.
   */
  #tapPrototypes(): () => void {
    const { store } = this
    const { get } = store
    const { now } = Date
    const write = Archive.prototype.write
    const append = Tail.prototype.append
    const { commit } = Shadow.prototype
    // who follows the host does so in this process
    const shadows = new WeakSet<Archive>()
    // what is appended to the log is said to the tail when the next batch may be under way
    const rewritten = new WeakMap<Uint8Array, readonly Uint8Array[]>()
    const rewrite = (blocks: readonly Uint8Array[], start: number) => {
      const [first] = blocks
      if (first === undefined || !this.#struck) return blocks
      const changed = this.#seams.append?.(blocks, start) ?? blocks
      rewritten.set(first, changed)
      return changed
    }
    Date.now = () => now() + this.clock
    const seams = () => (this.#struck ? this.#seams : {})
    Archive.prototype.write = function (writes) {
      if (shadows.has(this)) return write.call(this, writes)
      return write.call(this, seams().archive?.(writes) ?? writes)
    }
    Shadow.prototype.commit = function (writes) {
      shadows.add(this.archive)
      return commit.call(this, writes)
    }
    Tail.prototype.append = function (blocks) {
      const [first] = blocks
      append.call(this, (first && rewritten.get(first)) ?? blocks)
    }
    store.get = (options) => {
      const core = get.call(store, options)
      if (!isLog(options, this.address)) return core
      const session = core.session.bind(core)
      core.session = (of) => {
        const opened = session(of)
        const put = opened.append.bind(opened)
        opened.append = async (blocks, how) => {
          const all = Array.isArray(blocks) ? blocks : [blocks]
          const changed = [...rewrite(all, opened.length)]
          if (changed.length > 0) return put(changed, how)
          return { length: opened.length, byteLength: opened.byteLength }
        }
        return opened
      }
      return core
    }
    return () => {
      Date.now = now
      Archive.prototype.write = write
      Tail.prototype.append = append
      Shadow.prototype.commit = commit
      store.get = get
    }
  }
}

function signAll(blocks: readonly Uint8Array[], key: Uint8Array, { secretKey }: KeyPair): Head {
  const tree = new Tree()
  for (const block of blocks) tree.append(block)
  const head = { length: tree.length, fork: 0, treeHash: tree.treeHash() }
  return signHead(head, key, (message) => crypto.sign(message, secretKey))
}

/** Whether the host opens its call log, to write to it. */
function isLog(options: Parameters<Corestore['get']>[0], address: Uint8Array): boolean {
  if (typeof options === 'string' || b4a.isBuffer(options) || !('key' in options)) return false
  return b4a.isBuffer(options.key) && b4a.equals(options.key, address)
}

function decodeGenesis(block: Uint8Array) {
  const entry = decodeEntry(block)
  if (entry.type !== 'genesis') throw new Error('not genesis')
  return entry
}

function lastOf(entries: readonly (CallLogEntry | null)[]): Place['last'] {
  const block = entries.findLastIndex((entry) => entry?.type === 'result')
  const acks = entries.flatMap((entry) => (entry?.type === 'ack' ? [entry.seq] : []))
  return { seq: acks.at(-1) ?? 0, block }
}

function tryDecode(block: Uint8Array) {
  try {
    return decodeEntry(block)
  } catch {
    return null
  }
}
