import { availableParallelism } from 'node:os'
import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { Genesis } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import { encodeId, formatLink, notOnHost } from '../protocol/ids.ts'
import { headOf } from '../state/head.ts'
import { openForeignLog } from '../state/store.ts'
import { openVm as openRegistered } from '../vm/registry.ts'
import type { VirtualMachine } from '../vm/vm.ts'
import { type Checkpoint, Checkpoints, type Kept } from './checkpoint.ts'
import { type Behind, Course, type Subject } from './course.ts'
import type { AuditEvent } from './events.ts'
import { Exhibits } from './exhibits.ts'
import type { AskRange } from './feed.ts'
import { type Finding, type Gap, Report } from './findings.ts'
import { readGenesis } from './genesis.ts'
import { Hearsay, type HearsayOptions } from './hearsay.ts'
import { Memory } from './memory.ts'
import { News } from './news.ts'
import { Patience } from './patience.ts'
import { checksOf, verdictOf } from './verdict.ts'

export interface AuditOptions extends HearsayOptions {
  readonly address: Uint8Array
  /** Whose instance it has to be: what is found clean is otherwise taken for that of whom a link names. Default: anybody's. */
  readonly host?: Uint8Array
  /** Where the logs come from; the caller replicates it with whoever has them. */
  readonly store: Corestore
  /** The auditor's own directory: what it remembers, and its copy of the state. */
  readonly dir: string
  /** Opens the VM that genesis names; by default one of this version. */
  readonly openVm?: (id: string) => Promise<VirtualMachine>
  /** From how many blocks on that are to be read they are replayed in a thread of their own; default 4096, with 3 cores. */
  readonly threadFrom?: number
  /** Asks somebody for many blocks of a log at once; without it they come by replication alone. */
  readonly ask?: AskRange
  /** How many peers there are, for progress. */
  readonly peers?: () => number
  /** Whether the host says itself that it has signed more than it shows: then it hides nothing. */
  readonly isSetBack?: () => boolean
  /** Heads of the call log from elsewhere, such as receipts: the log has to agree with those that the host signed. */
  readonly heads?: readonly Head[]
  /** How long to wait for something that nobody shows, ms; 0 asks nobody. Default 10,000. */
  readonly patience?: number
  /** Puts evidence together for each finding, or for those of two histories alone. */
  readonly evidence?: boolean | 'histories'
  /** Begins at genesis also where an earlier audit has left a checkpoint. */
  readonly fromGenesis?: boolean
  /** How often it leaves a checkpoint while there is more to read, ms. Default 5,000. */
  readonly keepEvery?: number
  /**
   * Goes on as the log grows until this is aborted; the verdict is then of what was verified so far, and inconclusive where
   * there was more to read.
   */
  readonly follow?: AbortSignal
  /**
   * When the host was asked, as performance.now(), what it has answered last. A connection over which nothing comes looks as
   * if the host showed less than others; without this it is taken for one over which all has come.
   */
  readonly answeredAt?: () => number
  /** Asks the host something once more, before it is judged by what it does not show. */
  readonly askHost?: () => Promise<void>
}

const PATIENCE_MS = 10_000

/** A thread takes some tenths of a second to begin. */
const THREAD_FROM = 4096

/** One for each thread and one for the engine: on two cores a second thread makes an audit a tenth slower. */
const THREAD_CORES = 3

/** How often an audit that follows a log looks, where nothing comes, whether it has waited for too long. */
const LOOK_MS = 500

/** How often it leaves a checkpoint. */
const CHECKPOINT_MS = 5_000

/**
 * Audits an instance from its first entry, or from where the last audit of this directory was, to the newest one that is
 * shown; with `follow` it goes on from there. The last event is the verdict; findings come when they are proven. Throws
 * only what is this machine's own fault (DIRECTORY_LOCKED, STORAGE_FAILED), and INSTANCE_UNKNOWN where it is of another host
 * than `host`.
 */
export async function* audit(options: AuditOptions): AsyncGenerator<AuditEvent> {
  const run = new Audit(options)
  try {
    yield* run.events()
  } finally {
    await run.close()
  }
}

/** Heads of the call log that an auditor has seen before, in the directory that is its own. */
export async function headsSeen(dir: string, address: Uint8Array): Promise<Head[]> {
  const id = encodeId(address)
  const { seen, told } = await new Memory(dir, id).read()
  const kept = headIn(await new Checkpoints(dir, id, address).read())
  return [seen, ...told, kept].filter((head) => head !== null)
}

/** How often an audit begins anew where the disk does not keep what it writes. */
const TRIES = 2

/** What was kept of the state is not what it was; nothing that came of it can be told. */
class Unsound extends Error {}

class Audit {
  readonly #options: AuditOptions
  readonly #id: string
  readonly #checkpoints: Checkpoints
  readonly #memory: Memory
  readonly #news: News | null
  readonly #patience: Patience
  /** What users who do not exist use up is no one else's. */
  readonly #userPatience: Patience
  #report = new Report()
  readonly #opened: { close(): Promise<void> }[] = []
  #callLog: Hypercore | null = null
  /** The head of the copy that was here before. */
  #copied: Head | null = null
  #vm: Promise<VirtualMachine> | null = null
  #course: Course | null = null
  /** What was told, and what of it before all was begun anew. */
  readonly #told: Finding[] = []
  readonly #toldBefore = new Set<string>()
  readonly #exhibits: Exhibits
  readonly #hearsay: Hearsay
  #behind: Behind = { pending: 0, walked: false, replayed: false }
  /** Whether a checkpoint is on disk that goes with the copy of the state. */
  #isKept = false
  /** What it was told to end before. */
  #unread: Gap | null = null
  /** When it was tried last to leave one, and how often it is, ms. */
  #keptAt = performance.now()
  readonly #keepEvery: number

  constructor(options: AuditOptions) {
    const { dir, address, follow, evidence = false, keepEvery = CHECKPOINT_MS } = options
    this.#options = options
    this.#keepEvery = keepEvery
    this.#id = encodeId(address)
    this.#patience = this.#newPatience()
    this.#userPatience = this.#newPatience()
    this.#checkpoints = new Checkpoints(dir, this.#id, address)
    this.#memory = new Memory(dir, this.#id)
    this.#exhibits = new Exhibits(evidence)
    this.#hearsay = new Hearsay(this.#id, options, this.#exhibits)
    this.#news = follow === undefined ? null : new News(follow)
  }

  async *events(): AsyncGenerator<AuditEvent> {
    const core = await this.#openLog()
    const genesis = await this.#readGenesis(core)
    const { host, address } = this.#options
    if (genesis !== null && host !== undefined && !b4a.equals(genesis.host, host)) {
      throw notOnHost(formatLink({ host, address }))
    }
    if (genesis !== null) yield* this.#instance(core, genesis)
    yield* this.#findings()
    yield* this.#exhibits.take()
    yield* checksOf(this.#report, this.#behind)
    yield verdictOf(this.#report, this.#behind)
  }

  async close(): Promise<void> {
    await this.#news?.close()
    await this.#course?.close({ keep: this.#isKept })
    // one that is still being opened is closed with the others
    await this.#vm?.catch(() => {})
    for (const it of this.#opened.reverse()) await it.close()
  }

  async *#instance(core: Hypercore, genesis: Genesis): AsyncGenerator<AuditEvent> {
    const { heads = [], fromGenesis = false } = this.#options
    const subject = this.#subject(core, genesis)
    const kept = await this.#checkpoints.read()
    const { seen, told } = await this.#memory.read()
    const held = seen === null ? [...heads] : [seen, ...heads]
    // what was seen counts, whether all is read again or not
    const before = headIn(kept)
    for (const head of before === null ? told : [...told, before]) addHead(held, head)
    if (this.#askRange === null) this.#news?.follow(core)
    else this.#news?.watch(core)
    if (kept !== null && !fromGenesis) {
      const why =
        'unusable' in kept ? kept.unusable : yield* this.#resume(subject, kept.checkpoint, held)
      if (why === null) return
      yield { type: 'checkpoint', state: 'unusable', blocks: 0, calls: 0, message: why }
    }
    // whoever is killed from here on may have it from nowhere else
    if (before !== null) await this.#memory.hold(before)
    this.#isKept = false
    for (let tries = 1; ; tries++) {
      const course = await this.#open(subject, null)
      try {
        return yield* this.#through(course, held)
      } catch (error) {
        if (!(await this.#isDamaged(course, error))) throw error
        await this.#giveUp(course)
        if (tries === TRIES) throw damagedCopy(this.#options.dir)
        const why = 'the copy of the state that it wrote is damaged'
        yield { type: 'checkpoint', state: 'unusable', blocks: 0, calls: 0, message: why }
      }
    }
  }

  /** Goes on from a checkpoint; says why, where that cannot be. */
  async *#resume(
    subject: Subject,
    checkpoint: Checkpoint,
    held: readonly Head[]
  ): AsyncGenerator<AuditEvent, string | null> {
    const course = await this.#open(subject, checkpoint)
    this.#isKept = true
    const why = await course.resume(checkpoint)
    if (why !== null) {
      await this.#leave(course)
      return why
    }
    const { blocks, calls } = course.report.counts
    yield { type: 'checkpoint', state: 'resumed', blocks, calls, message: null }
    try {
      yield* this.#through(course, held)
      return null
    } catch (error) {
      if (!(await this.#isDamaged(course, error))) throw error
      await this.#giveUp(course)
      return 'the copy of the state that belongs to it is damaged'
    }
  }

  /** Whether a course has ended for a copy of the state that is not what was written. */
  async #isDamaged(course: Course, error: unknown): Promise<boolean> {
    // what is damaged may be no tree of files any more, and then reading it fails
    return error instanceof Unsound || !(await course.isSound().catch(() => true))
  }

  /** Leaves a course for another one, that says nothing again. */
  async #giveUp(course: Course): Promise<void> {
    for (const finding of this.#told) this.#toldBefore.add(nameOf(finding))
    this.#isKept = false
    await this.#leave(course)
  }

  async #open(subject: Subject, from: Checkpoint | null): Promise<Course> {
    const course = await Course.open(subject, from)
    this.#course = course
    this.#report = course.report
    return course
  }

  async #leave(course: Course): Promise<void> {
    this.#course = null
    await course.close()
  }

  async *#through(course: Course, held: readonly Head[]): AsyncGenerator<AuditEvent> {
    const { reader, published } = course
    this.#unread = null
    const gap = await reader.fix(2)
    this.#exhibits.note({ held, published, head: reader.head })
    if (gap !== null) {
      await this.#hearsay.ask(course)
      this.#hearsay.accuse(course.report)
      return course.report.gap(gap)
    }
    course.claim(held)
    yield* this.#walk(course)
    if (this.#news !== null && this.#unread === null) yield* this.#follow(course, this.#news)
    if (this.#unread !== null) return this.#cutShort(course, this.#unread)
    await course.finish()
    await this.#hearsay.ask(course)
    const { askHost = async () => {} } = this.#options
    await course.wait(askHost)
    await askHost()
    course.end(this.#copied === null ? held : [...held, this.#copied])
    this.#lookForSetBack(course)
    this.#hearsay.accuse(course.report)
    this.#behind = course.behind
    this.#exhibits.note({ head: reader.head, replayer: course.replayer })
    await this.#assertSound()
    await this.#keep(course)
    await this.#remember(course)
  }

  async *#walk(course: Course): AsyncGenerator<AuditEvent> {
    const isStopped = () => this.#news?.stopped === true
    const isDue = () => isStopped() || performance.now() >= this.#keptAt + this.#keepEvery
    for await (const isHalt of course.walk(isDue)) {
      this.#exhibits.note({ replayer: course.replayer })
      if (isHalt) await this.#keep(course, { midway: true })
      yield* this.#progress(course)
      // what comes behind what was read may take hours
      if (isHalt && isStopped()) this.#unread = course.unread
      if (this.#unread !== null) return
    }
  }

  /** Ends before all is read that there is; the next audit goes on from here. */
  async #cutShort(course: Course, unread: Gap): Promise<void> {
    course.report.gap(unread)
    this.#hearsay.accuse(course.report)
    this.#behind = { ...course.behind, pending: 0 }
    this.#exhibits.note({ head: course.head, replayer: course.replayer })
    await this.#assertSound()
  }

  /** Goes on as the logs grow. */
  async *#follow(course: Course, news: News): AsyncGenerator<AuditEvent> {
    // what is not here comes by itself
    this.#patience.end()
    this.#userPatience.end()
    this.#keptAt = Number.NEGATIVE_INFINITY
    let isOnline = true
    await course.judge()
    yield* this.#round(course)
    const { blocks, calls } = course.report.counts
    yield { type: 'following', blocks, calls }
    while (!news.stopped) {
      if (performance.now() >= this.#keptAt + this.#keepEvery) {
        await this.#keep(course)
        await this.#remember(course)
      }
      await news.next(LOOK_MS)
      if (course.isHostHere !== isOnline) {
        isOnline = course.isHostHere
        yield { type: 'host', online: isOnline }
      }
      yield* this.#goOn(course)
      if (this.#unread !== null) return
      await course.judge()
      yield* this.#round(course)
    }
    if (course.isHostHere) {
      this.#patience.renew()
      this.#userPatience.renew()
    }
    yield* this.#goOn(course)
  }

  async *#goOn(course: Course): AsyncGenerator<AuditEvent> {
    const forked = await course.goOn()
    if (forked !== null) this.#exhibits.hold([forked])
    await this.#hearsay.hear(course)
    yield* this.#walk(course)
  }

  async *#round(course: Course): AsyncGenerator<AuditEvent> {
    this.#exhibits.note({ head: course.head, replayer: course.replayer })
    yield* this.#findings()
    yield* this.#exhibits.take()
  }

  /** Who was never shown more cannot know what is lacking: that something is, is to be said. */
  #lookForSetBack({ report, reader }: Course): void {
    if (this.#options.isSetBack?.() !== true) return
    const message =
      'the host says that it has signed more of this log than it has: its directory was set back, and calls may be lacking here until it has them back'
    report.suspect('SET_BACK', { log: 'call log', block: reader.at }, message)
  }

  /** Leaves a checkpoint, where all that is behind is right. */
  async #keep(course: Course, options?: { readonly midway: boolean }): Promise<boolean> {
    this.#keptAt = performance.now()
    const checkpoint = await course.checkpoint(options)
    if (checkpoint === null) return false
    await this.#checkpoints.write(checkpoint)
    course.kept(checkpoint)
    this.#isKept = true
    return true
  }

  /** Throws where something was found by replay on a copy of the state that is damaged. */
  async #assertSound(): Promise<void> {
    const course = this.#course
    if (course?.report.isReplayBlamed && !(await course.isSound())) throw new Unsound()
  }

  #subject(callLog: Hypercore, genesis: Genesis): Subject {
    const { address, store, dir, openVm, patience = PATIENCE_MS } = this.#options
    const { isSetBack, answeredAt } = this.#options
    // a VM that the caller brings cannot be had in another thread
    const isWorth = openVm === undefined && availableParallelism() >= THREAD_CORES
    const { threadFrom = isWorth ? THREAD_FROM : Number.POSITIVE_INFINITY } = this.#options
    const open =
      openVm ??
      ((id: string) => openRegistered(id, { engines: 1, maxInstances: 1, keepCompiler: false }))
    return {
      address,
      id: this.#id,
      genesis,
      callLog,
      store,
      dir,
      patience: this.#patience,
      userPatience: this.#userPatience,
      grace: patience === 0 ? PATIENCE_MS : patience,
      ask: this.#askRange,
      news: this.#news,
      isSetBack: isSetBack ?? (() => false),
      answeredAt: answeredAt ?? (() => Number.POSITIVE_INFINITY),
      threadFrom,
      openVm: () => {
        this.#vm ??= open(genesis.vm).then(
          (vm) => this.#keepOpen(vm),
          (error) => {
            this.#vm = null
            throw error
          }
        )
        return this.#vm
      }
    }
  }

  async *#progress({ report, reader }: Course): AsyncGenerator<AuditEvent> {
    yield* this.#findings()
    const { calls, replayed } = report.counts
    const peers = this.#options.peers?.() ?? null
    yield { type: 'progress', blocks: reader.at, of: reader.length, calls, replayed, peers }
  }

  async *#findings(): AsyncGenerator<AuditEvent> {
    await this.#assertSound()
    for (const finding of this.#report.take()) {
      if (this.#toldBefore.has(nameOf(finding))) continue
      this.#told.push(finding)
      this.#exhibits.add(finding)
      yield { type: 'finding', finding }
    }
  }

  async #remember({ reader: { head, at }, told }: Course): Promise<void> {
    const memory = this.#memory
    const before = await memory.read()
    // what was there first is kept where the two do not agree
    const isWrong = this.#report.verdict === 'violation'
    const isRead = head !== null && at >= head.length && !(isWrong && before.seen !== null)
    const isNewer = isRead && head.length > (before.seen?.length ?? 0)
    const kept = isWrong ? [...before.told] : []
    for (const one of told) addHead(kept, one)
    if (!isNewer && areSame(kept, before.told)) return
    await memory.write({ seen: isNewer ? head : before.seen, told: kept })
  }

  async #openLog(): Promise<Hypercore> {
    const { address, store } = this.#options
    const core = this.#keepOpen(await openForeignLog(store, { key: address }))
    this.#callLog = core
    this.#copied = headOf(core)
    return core
  }

  /** Genesis, if an instance begins with it; null with a finding or a gap. */
  async #readGenesis(callLog: Hypercore): Promise<Genesis | null> {
    const { address, store } = this.#options
    const beginning = await readGenesis(callLog, address, this.#patience, this.#report)
    if (beginning === null) return null
    const { genesis, block, isValid } = beginning
    this.#exhibits.begin({ address, store, callLog, genesis, genesisBlock: block })
    return isValid ? genesis : null
  }

  /** Nobody is asked for anything by who waits for nothing. */
  get #askRange(): AskRange | null {
    const { ask = null, patience } = this.#options
    return patience === 0 ? null : ask
  }

  #newPatience(): Patience {
    const isAlone = () => this.#callLog !== null && this.#callLog.peers.length === 0
    return new Patience(this.#options.patience ?? PATIENCE_MS, isAlone)
  }

  #keepOpen<T extends { close(): Promise<void> }>(it: T): T {
    this.#opened.push(it)
    return it
  }
}

function damagedCopy(dir: string): MivmError {
  return new MivmError(
    'STORAGE_FAILED',
    `the disk of ${dir} does not keep what is written to it: check it, or audit with another --dir`
  )
}

function addHead(heads: Head[], head: Head): void {
  if (!heads.some(({ signature }) => b4a.equals(signature, head.signature))) heads.push(head)
}

function headIn(kept: Kept): Head | null {
  return kept !== null && 'checkpoint' in kept ? kept.checkpoint.head : null
}

function areSame(some: readonly Head[], others: readonly Head[]): boolean {
  const of = (heads: readonly Head[]) =>
    heads.map(({ signature }) => b4a.toString(signature, 'hex'))
  return of(some).join() === of(others).join()
}

function nameOf({ code, log, block, user = '' }: Finding): string {
  return [code, log, block, user].join()
}
