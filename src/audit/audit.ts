import { availableParallelism } from 'node:os'
import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import type { Heard, Held } from '../protocol/comparison.ts'
import { type Genesis, limitsOf } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { verifyEvidence } from '../protocol/evidence.ts'
import { type Head, verifyHead } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { addressOf } from '../protocol/manifest.ts'
import { Tree } from '../protocol/merkle.ts'
import { headOf } from '../state/head.ts'
import { openVm as openRegistered, VM_IDS } from '../vm/registry.ts'
import type { VirtualMachine } from '../vm/vm.ts'
import { type Checkpoint, Checkpoints } from './checkpoint.ts'
import { Collector, type Sources } from './collector.ts'
import { type Behind, Course, type Subject } from './course.ts'
import type { AuditEvent, CheckName } from './events.ts'
import type { AskRange } from './feed.ts'
import { exitCodeOf, type Finding, Report } from './findings.ts'
import { decode, newerFormat } from './history.ts'
import { ASKED_MAX, awaitLength, type LogReader, Patience, reopen } from './log-reader.ts'
import { Memory } from './memory.ts'
import { News } from './news.ts'
import { proveLengths } from './prove.ts'

export interface AuditOptions {
  readonly address: Uint8Array
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
  /** Told once what was read of the call log; resolves to what others who know the instance hold of it. */
  readonly others?: (held: Held) => Promise<Heard>
  /** With `follow`: the same as it goes on, without waiting for them. */
  readonly overheard?: (held: Held) => Heard
  /** Puts evidence together for each finding, or for those of two histories alone. */
  readonly evidence?: boolean | 'histories'
  /** Begins at genesis also where an earlier audit has left a checkpoint. */
  readonly fromGenesis?: boolean
  /** How often it leaves a checkpoint while there is more to read, ms. Default 5,000. */
  readonly keepEvery?: number
  /** Goes on as the log grows until this is aborted; the verdict is then of what was verified so far. */
  readonly follow?: AbortSignal
  /**
   * When the host was asked, as performance.now(), what it has answered last. A connection over which nothing comes looks as
   * if the host showed less than others; without this it is taken for one over which all has come.
   */
  readonly answeredAt?: () => number
  /** Asks the host something once more, before it is judged by what it does not show. */
  readonly askHost?: () => Promise<void>
  /** With `follow`: heads of the call log that came from elsewhere since the last time it was asked. */
  readonly heard?: () => readonly Head[]
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

/** Heads that are kept to put evidence together of them. */
const HELD_MAX = 1024

/** Findings that evidence is put together for: one of them is enough. */
const EVIDENCE_MAX = 100

/**
 * Audits an instance from its first entry, or from where the last audit of this directory was, to the newest one that is
 * shown; with `follow` it goes on from there. The last event is the verdict; findings come when they are proven. Throws
 * only what is this machine's own fault (DIRECTORY_LOCKED, STORAGE_FAILED).
 */
export async function* audit(options: AuditOptions): AsyncGenerator<AuditEvent> {
  const run = new Audit(options)
  try {
    yield* run.events()
  } finally {
    await run.close()
  }
}

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
  #vm: Promise<VirtualMachine> | null = null
  #course: Course | null = null
  #sources: Sources | null = null
  /** Findings that evidence is still to be put together for, and how many had some. */
  readonly #unproven: Finding[] = []
  #proven = 0
  /** What was told, and what of it before all was begun anew. */
  readonly #told: Finding[] = []
  readonly #toldBefore = new Set<string>()
  /** Heads that others have told, by their signatures. */
  readonly #hearsay = new Set<string>()
  #behind: Behind = { pending: 0, walked: false, replayed: false }
  /** Whether a checkpoint is on disk that goes with the copy of the state. */
  #isKept = false
  /** When it was tried last to leave one, and how often it is, ms. */
  #keptAt = performance.now()
  readonly #keepEvery: number

  constructor(options: AuditOptions) {
    const { dir, address, follow, keepEvery = CHECKPOINT_MS } = options
    this.#options = options
    this.#keepEvery = keepEvery
    this.#id = encodeId(address)
    this.#patience = this.#newPatience()
    this.#userPatience = this.#newPatience()
    this.#checkpoints = new Checkpoints(dir, this.#id, address)
    this.#memory = new Memory(dir, this.#id)
    this.#news = follow === undefined ? null : new News(follow)
  }

  async *events(): AsyncGenerator<AuditEvent> {
    const core = await this.#openLog()
    const genesis = await this.#readGenesis(core)
    if (genesis !== null) yield* this.#instance(core, genesis)
    yield* this.#findings()
    yield* this.#evidence()
    yield* this.#checks()
    const { verdict, findings, counts, attested, suspicions, gaps: missing } = this.#report
    const exitCode = exitCodeOf(verdict)
    const { pending } = this.#behind
    const words = { verdict, exitCode, findings, counts, attested, suspicions, pending, missing }
    yield { type: 'verdict', ...words }
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
    const kept = fromGenesis ? null : await this.#checkpoints.read()
    const pinned = await this.#memory.read()
    const held = pinned === null ? [...heads] : [pinned, ...heads]
    if (this.#askRange === null) this.#news?.follow(core)
    else this.#news?.watch(core)
    if (kept !== null) {
      if ('checkpoint' in kept) addHead(held, kept.checkpoint.head)
      const why =
        'unusable' in kept ? kept.unusable : yield* this.#resume(subject, kept.checkpoint, held)
      if (why === null) return
      yield { type: 'checkpoint', state: 'unusable', blocks: 0, calls: 0, message: why }
    }
    await this.#checkpoints.remove()
    this.#isKept = false
    const course = await this.#open(subject, null)
    yield* this.#through(course, held)
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
      if (!(error instanceof Unsound)) throw error
      for (const finding of this.#told) this.#toldBefore.add(nameOf(finding))
      await this.#leave(course)
      return 'the copy of the state that belongs to it is damaged'
    }
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
    const gap = await reader.fix(2)
    this.#note({ held, published, head: reader.head })
    if (gap !== null) {
      await this.#ask(course)
      this.#accuse()
      return this.#report.gap(gap)
    }
    course.claim(held)
    yield* this.#walk(course)
    if (this.#news !== null) yield* this.#follow(course, this.#news)
    await course.finish()
    await this.#ask(course)
    await this.#options.askHost?.()
    await course.end(held)
    this.#accuse()
    this.#behind = course.behind
    this.#note({ head: reader.head, replayer: course.replayer })
    await this.#assertSound()
    await this.#keep(course)
    await this.#remember(reader)
  }

  async *#walk(course: Course): AsyncGenerator<AuditEvent> {
    const isDue = () => performance.now() >= this.#keptAt + this.#keepEvery
    for await (const isHalt of course.walk(isDue)) {
      this.#note({ replayer: course.replayer })
      if (isHalt) await this.#keep(course, { midway: true })
      yield* this.#progress(course)
    }
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
        if (await this.#keep(course)) await this.#remember(course.reader)
      }
      await news.next(LOOK_MS)
      if (course.isHostHere !== isOnline) {
        isOnline = course.isHostHere
        yield { type: 'host', online: isOnline }
      }
      await course.goOn()
      await this.#hear(course)
      yield* this.#walk(course)
      await course.judge()
      yield* this.#round(course)
    }
    if (course.isHostHere) {
      this.#patience.renew()
      this.#userPatience.renew()
    }
    await course.goOn()
    await this.#hear(course)
    yield* this.#walk(course)
  }

  /** Tells others what was read, and takes what they hold. */
  async #ask(course: Course): Promise<void> {
    const held = this.#held(course)
    if (held !== null) await this.#take(course, await this.#options.others?.(held))
  }

  /** Takes what has come from elsewhere since it was last looked for. */
  async #hear(course: Course): Promise<void> {
    const heads = this.#options.heard?.() ?? []
    if (heads.length > 0) {
      course.claim(heads)
      this.#hold(heads)
    }
    const held = this.#held(course)
    if (held === null) return
    await this.#take(course, this.#options.overheard?.(held))
    this.#accuse()
  }

  #held({ reader }: Course): Held | null {
    if (this.#sources === null) return null
    const { core, head } = reader
    const prove = (lengths: readonly number[]) => proveLengths(core, head, lengths)
    return { genesis: this.#sources.genesisBlock, head, prove }
  }

  async #take(course: Course, said: Heard | undefined): Promise<void> {
    if (said === undefined) return
    const heads = said.heads.filter((head) => !this.#hearsay.has(nameOfHead(head)))
    for (const head of heads) this.#hearsay.add(nameOfHead(head))
    if (this.#hearsay.size > HELD_MAX) this.#hearsay.clear()
    course.claim(heads, { hearsay: true })
    this.#hold(heads)
    if (said.evidence === null || this.#sources?.heard !== null) return
    this.#note({ heard: await verifyEvidence(said.evidence) })
  }

  #hold(heads: readonly Head[]): void {
    this.#note({ held: [...(this.#sources?.held ?? []), ...heads].slice(-HELD_MAX) })
  }

  /** Takes on what others have evidence of, where it was not found here. */
  #accuse(): void {
    const heard = this.#sources?.heard ?? null
    if (heard === null || heard.address !== this.#id) return
    const { code, block, why } = heard
    if (!isOfHistories(code) || HISTORIES.some((known) => this.#report.has(known))) return
    this.#report.find(code, { log: 'call log', block }, why)
  }

  async *#round(course: Course): AsyncGenerator<AuditEvent> {
    this.#note({ head: course.head, replayer: course.replayer })
    yield* this.#findings()
    yield* this.#evidence()
  }

  /** Leaves a checkpoint, where all that is behind is right. */
  async #keep(course: Course, options?: { readonly midway: boolean }): Promise<boolean> {
    this.#keptAt = performance.now()
    const checkpoint = await course.checkpoint(options)
    if (checkpoint === null) return false
    await this.#checkpoints.write(checkpoint)
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
      this.#unproven.push(finding)
      yield { type: 'finding', finding }
    }
  }

  async *#evidence(): AsyncGenerator<AuditEvent> {
    const { evidence = false } = this.#options
    const unproven = this.#unproven.splice(0)
    if (evidence === false || this.#sources === null) return
    const collector = new Collector(this.#sources)
    for (const finding of unproven) {
      if (evidence === 'histories' && !isOfHistories(finding.code)) continue
      if (this.#proven++ >= EVIDENCE_MAX) return
      yield { type: 'evidence', finding, evidence: await collector.collect(finding) }
    }
  }

  *#checks(): Generator<AuditEvent> {
    const { counts, attested, gaps } = this.#report
    const { blocks, calls, users, userEntries, replayed: executed, commits } = counts
    const { walked, replayed } = this.#behind
    const lacks = (log: string) => gaps.some((gap) => gap.log === log)
    const events: [CheckName, { [what: string]: number }, boolean][] = [
      ['log', { blocks }, walked],
      ['acks', { calls, users, entries: userEntries }, walked && !lacks('user log')],
      ['replay', { replayed: executed }, walked && replayed],
      ['commits', { commits }, walked && replayed && !lacks('archive') && !lacks('blobs')],
      ['heads', { heads: counts.heads }, walked && gaps.length === 0],
      ['records', { ...attested }, walked]
    ]
    for (const [i, [name, checked, complete]] of events.entries()) {
      yield { type: 'check', check: i + 1, name, checked, complete }
    }
  }

  async #remember({ head, at }: LogReader): Promise<void> {
    if (head === null || at < head.length) return
    const memory = this.#memory
    const before = await memory.read()
    // what was seen first is kept where the two do not agree
    if (this.#report.verdict === 'violation' && before !== null) return
    if (before === null || before.length < head.length) await memory.write(head)
  }

  async #openLog(): Promise<Hypercore> {
    const { address, store } = this.#options
    // A log that was rewritten has a fork, and that head is the evidence: it can only be fetched where forks are let
    // in. With nothing here to lose, they are.
    const info = await store.storage.getInfo(crypto.discoveryKey(address))
    const allowFork = (info?.head?.length ?? 0) === 0
    const core = this.#keepOpen(store.get({ key: address, allowFork }))
    await core.ready()
    this.#callLog = core
    return core
  }

  /** Genesis, if this is the log of an instance; null with a finding or a gap. */
  async #readGenesis(core: Hypercore): Promise<Genesis | null> {
    await awaitLength(core, 1, this.#patience)
    const block = await this.#firstBlock(core)
    const place = { log: 'call log', block: 0 } as const
    if (block === null) {
      const message = `the call log ${this.#id}: nobody has shown it`
      this.#report.gap({ reason: 'missing', log: 'call log', from: 0, to: null, message })
      return null
    }
    const tree = new Tree()
    tree.append(block)
    const prologue = core.manifest?.prologue
    if (prologue?.length !== 1) {
      this.#report.find('ADDRESS_WRONG', place, 'at this address there is no instance')
      return null
    }
    if (!b4a.equals(prologue.hash, tree.treeHash())) {
      const message = 'the call log, block 0: what is on this disk is not what the address names'
      this.#report.gap({ reason: 'damaged', log: 'call log', from: 0, to: 1, message })
      return null
    }
    const entry = decode(block)
    if (entry === 'newer') {
      this.#report.gap(newerFormat(0))
      return null
    }
    const genesis = typeof entry === 'object' && entry.type === 'genesis' ? entry : null
    const wrong = wrongIn(genesis, block, this.#options.address)
    if (genesis !== null && wrong?.code !== 'ADDRESS_WRONG') this.#begin(core, genesis, block)
    if (wrong === null) return genesis
    const { code, message } = wrong
    if (isSigned(core)) {
      this.#report.find(code, place, message)
    } else {
      // with the key of a host anybody can make up an address, and what it is the hash of is shown without a signature
      const why = `the call log ${this.#id}: ${message}, and nobody has shown that its host has signed that`
      this.#report.gap({ reason: 'missing', log: 'call log', from: 0, to: null, message: why })
    }
    return null
  }

  #begin(callLog: Hypercore, genesis: Genesis, genesisBlock: Uint8Array): void {
    const { address, store } = this.#options
    const nothing = { head: null, held: [], heard: null, published: null, replayer: null }
    this.#sources = { address, store, callLog, genesis, genesisBlock, ...nothing }
  }

  #note(sources: Partial<Sources>): void {
    if (this.#sources !== null) this.#sources = { ...this.#sources, ...sources }
  }

  async #firstBlock(core: Hypercore): Promise<Uint8Array | null> {
    const { ms } = this.#patience
    for (let asked = 0; asked < ASKED_MAX; asked++) {
      if (asked > 0) reopen(core)
      const block = await core
        .get(0, ms === 0 ? { wait: false } : { wait: true, timeout: ms })
        .catch(() => null)
      if (block !== null) return block
    }
    return null
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

const HISTORIES = ['TWO_HISTORIES', 'HISTORY_FORKED'] as const

/** Whether that is about what the history is, and not about what is in it. */
export function isOfHistories(code: string): code is (typeof HISTORIES)[number] {
  return HISTORIES.some((known) => known === code)
}

function nameOfHead({ signature }: Head): string {
  return b4a.toString(signature, 'hex')
}

function addHead(heads: Head[], head: Head): void {
  if (!heads.some(({ signature }) => b4a.equals(signature, head.signature))) heads.push(head)
}

function nameOf({ code, log, block, user = '' }: Finding): string {
  return [code, log, block, user].join()
}

/** What is wrong with block 0 of a log at this address; null where nothing is. `genesis` is null where it is none. */
function wrongIn(
  genesis: Genesis | null,
  block: Uint8Array,
  address: Uint8Array
): { readonly code: 'ADDRESS_WRONG' | 'GENESIS_INVALID'; readonly message: string } | null {
  if (genesis === null) {
    return { code: 'ADDRESS_WRONG', message: 'at this address there is no instance' }
  }
  if (!b4a.equals(addressOf(genesis.host, block), address)) {
    return { code: 'ADDRESS_WRONG', message: 'the address is not that of its genesis' }
  }
  if (hasLimits(genesis)) return null
  return { code: 'GENESIS_INVALID', message: 'genesis asks for higher limits than the VM has' }
}

/** Whether the head of a log that is here is signed by whoever may write it. */
function isSigned(core: Hypercore): boolean {
  const [signer] = core.manifest?.signers ?? []
  const head = headOf(core)
  return signer !== undefined && head !== null && verifyHead(head, core.key, signer.publicKey)
}

/** Whether its limits are allowed, as far as this version knows the VM that they are limits of. */
function hasLimits(genesis: Genesis): boolean {
  if (!VM_IDS.includes(genesis.vm)) return true
  try {
    limitsOf(genesis)
    return true
  } catch (error) {
    if (error instanceof MivmError) return false
    throw error
  }
}
