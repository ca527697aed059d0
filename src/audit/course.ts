import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { Genesis } from '../protocol/entries.ts'
import type { Head } from '../protocol/head.ts'
import { headOf } from '../state/head.ts'
import { letForksIn } from '../state/store.ts'
import type { VirtualMachine } from '../vm/vm.ts'
import { Ahead, type Distance } from './ahead.ts'
import type { Checkpoint, NewCheckpoint } from './checkpoint.ts'
import { type AskRange, Feed } from './feed.ts'
import { type Gap, Report } from './findings.ts'
import { readCode } from './genesis.ts'
import { Heads } from './heads.ts'
import { History } from './history.ts'
import { type HostShows, HostView, type HostViewOptions } from './host-view.ts'
import { LogReader } from './log-reader.ts'
import type { News } from './news.ts'
import { type Patience, Shortfall } from './patience.ts'
import { Published } from './published.ts'
import { ReplayThread } from './replay-thread.ts'
import { LocalReplayer, type Replayer } from './replayer.ts'
import { UserLogs } from './user-logs.ts'

/** How far the log is read ahead of what is executed: while engines start, and then. */
const FIRST_AHEAD: Distance = { runs: 16, bytes: 16 * 1024 * 1024 }
const AHEAD: Distance = { runs: 3, bytes: 16 * 1024 * 1024 }

/** Blocks of a log without calls. */
const CALLS_FROM = 2

/** How many times as long as the calls behind the newest commit take they then rest: a host can add one after the other. */
const TAIL_PAUSE = 4

/** What is audited, and with what. */
export interface Subject extends HostViewOptions {
  readonly address: Uint8Array
  readonly id: string
  readonly genesis: Genesis
  readonly callLog: Hypercore
  readonly store: Corestore
  readonly dir: string
  /** For the logs of the host; users who do not exist use up another one. */
  readonly patience: Patience
  readonly userPatience: Patience
  /** Also how long what came over one log is waited for over the other, while an audit goes on, ms. */
  readonly grace: number
  /** Who is asked for many blocks at once; null where logs are to be had from Hypercore alone. */
  readonly ask: AskRange | null
  readonly news: News | null
  openVm(): Promise<VirtualMachine>
  /** From how many blocks on they are replayed in a thread of their own. */
  readonly threadFrom: number
}

/** What is behind the newest commit of a checkpoint, or of a log. */
export interface Behind {
  readonly pending: number
  /** Whether the whole log could be read, understood, and executed again. */
  readonly walked: boolean
  readonly replayed: boolean
}

/**
 * One way through the logs of an instance, from genesis or from a checkpoint to the newest head, and on from there. Where
 * it comes to, and what is wrong on the way, is the same from wherever it begins.
 */
export class Course {
  readonly report: Report
  readonly reader: LogReader
  readonly published: Published
  readonly #subject: Subject
  readonly #heads: Heads
  readonly #hostView: HostView
  readonly #users: UserLogs
  #history: History
  #replayer: Replayer | null = null
  /** One that is opened ahead of its use, with the code that genesis names. */
  #opening: Promise<Replayer | null> | null = null
  #from: Checkpoint | null = null
  /** Block behind the commit of the checkpoint that is there; 0 where there is none. */
  #keptTo = 0
  /** Where the copy of the state was looked at, and is what it has to be: once for each. */
  readonly #whole = new Set<'found' | 'open'>()
  /** The last ack and the last result that were judged before a commit covered them. */
  #ackedTo = 0
  #tailTo = 0
  /** Before that no results are judged again that no commit covers. */
  #tailAfter = 0
  /** How much of the log was read when it was looked at last, and since when it is no more. */
  #stuck = { at: 0, since: performance.now() }
  /** What the host had signed that it does not show, or that is not read. */
  readonly #less = new Shortfall()
  /** What the host showed of the call log once it had shown all that was seen of the archive. */
  #shownThen = Number.POSITIVE_INFINITY

  private constructor(
    subject: Subject,
    published: Published,
    report: Report,
    from: Checkpoint | null
  ) {
    const { address, genesis, store, callLog, patience, userPatience, ask, news } = subject
    this.#subject = subject
    this.report = report
    this.published = published
    this.#heads = new Heads(address, genesis.host, report)
    this.#hostView = new HostView(genesis.host, callLog, subject)
    const feed = ask === null ? null : new Feed(ask, callLog, news, { ahead: true })
    const name = { log: 'call log' } as const
    this.reader = new LogReader(callLog, genesis.host, name, patience, from?.roots, feed)
    const heads = this.#heads
    this.#users = new UserLogs({
      store,
      address,
      callLog,
      heads,
      report,
      patience: userPatience,
      ask,
      news,
      hostShows: this.#hostView.shows
    })
    this.#history = this.#readFrom(null)
  }

  /** Looks at the archive first: the commit of what is in it is then in the call log. */
  static async open(subject: Subject, from: Checkpoint | null): Promise<Course> {
    const { store, genesis, address, patience, news } = subject
    const report = new Report()
    const published = await Published.open(store, genesis.host, address, report, patience)
    if (news !== null) published.watch(news)
    await published.look()
    return new Course(subject, published, report, from)
  }

  /** Takes over what another audit knew; says why not, where that does not fit what is here. */
  async resume(from: Checkpoint): Promise<string | null> {
    const { reader, report } = this
    const { walk, users, counts, firstAbort, head } = from
    if ((await reader.fix(head.length)) !== null || reader.length < head.length) {
      return 'less of the call log is shown than it has'
    }
    const holds = reader.head?.fork === 0 && (await reader.holds())
    if (holds === null) return 'the copy of the call log that it has read is not here'
    if (!holds) return 'the call log that is shown does not go on from it'
    if (!this.published.resume(walk)) return 'less of the archive is shown than it has seen'
    const source = await this.#readCode()
    if (source === null) return 'the code is not here'
    if (!(await this.#users.resume(users)))
      return "the users' logs here are not those that it has read"
    this.#replayer = await this.#openReplayer(source, from)
    if (this.#replayer === null) return 'the copy of the state that belongs to it is not here'
    report.resume({ ...counts }, walk.attested, firstAbort)
    this.#history = this.#readFrom({ walk, source })
    this.#from = from
    this.#keptTo = from.walk.next
    return null
  }

  get isHostHere(): boolean {
    return this.#hostView.isHere
  }

  get head(): Head | null {
    return this.reader.head
  }

  /** Signed heads from elsewhere to which nobody has shown the log. */
  get told(): readonly Head[] {
    return this.#heads.told
  }

  get replayer(): Replayer | null {
    return this.#replayer
  }

  get behind(): Behind {
    return {
      pending: this.#history.pending,
      walked: this.#history.complete && this.#hasCode,
      replayed: this.#replayer?.stopped !== true && !this.#isPassedOver
    }
  }

  /** What is left to read of a log that can be read on; null where nothing is. */
  get unread(): Gap | null {
    const { isReadable, next } = this.#history
    const { reader } = this
    if (!isReadable || next >= reader.length) return null
    const why = 'it was told to end before it came to them'
    return reader.gap('interrupted', next, reader.length, why)
  }

  /** Whether there is a call that could not be executed here. */
  get #isPassedOver(): boolean {
    return this.report.gaps.some(({ reason }) => reason === 'not-reproduced')
  }

  /**
   * Heads that are known from elsewhere: the log has to agree with them. `hearsay`: peers have told them. Returns those that
   * evidence may be made of.
   */
  claim(heads: readonly Head[], { hearsay = false } = {}): Head[] {
    const { reader } = this
    if (!hearsay && reader.head !== null && reader.head.fork > 0) {
      this.#heads.claim(reader.head, { log: null, block: reader.length - 1 })
    }
    this.#noteHead()
    return heads.filter((head) => {
      const source = { log: null, block: head.length - 1 }
      return this.#heads.claim(head, hearsay ? { ...source, hearsay } : source)
    })
  }

  /**
   * Reads on to the head while the VM executes what has been read; yields after each run. Where `halts` says so it does
   * not read on, and when all that was read is executed and judged it yields true: then there may be a checkpoint.
   */
  async *walk(halts: () => boolean): AsyncGenerator<boolean> {
    const runs = new Ahead(this.#history.runs(), FIRST_AHEAD, halts)
    this.#prepare()
    try {
      for (;;) {
        const batches = await runs.next()
        if (batches === null) break
        this.#replayer ??= await this.#openedReplayer()
        await this.#replayer?.run(batches)
        runs.distance = AHEAD
        const { isHalted } = runs
        if (isHalted) await this.#settle()
        yield isHalted
      }
    } finally {
      await runs.close()
      await this.#replayer?.finish()
    }
    yield false
  }

  /** The head is signed: another one of its length is held against it whether the blocks below are shown or not. */
  #noteHead(): void {
    const { head } = this.reader
    if (head !== null && head.fork === 0) this.#heads.note(head.length, head.treeHash)
  }

  /** Has what executes the calls get ready while the log is read, where there is something to execute. */
  #prepare(): void {
    const { length, at } = this.reader
    if (this.#opening !== null || length <= Math.max(at, CALLS_FROM)) return
    // whoever needs it is told why it could not be
    if (!this.#isForThread) this.#subject.openVm().catch(() => {})
    this.#opening = this.#openPrepared()
    this.#opening.catch(() => {})
  }

  async #openPrepared(): Promise<Replayer | null> {
    const source = this.#replayer === null ? await this.#readCode() : null
    const opened = source === null ? null : await this.#openReplayer(source, null)
    const replayer = this.#replayer ?? opened
    replayer?.prepare()
    return opened
  }

  async #openedReplayer(): Promise<Replayer | null> {
    return (await this.#opening) ?? this.#openReplayer(this.#history.source, null)
  }

  /** Whether so much is left that it is worth a thread, with a VM of its own. */
  get #isForThread(): boolean {
    return this.reader.length - this.reader.at >= this.#subject.threadFrom
  }

  /** Judges what was read by now, in the middle of a walk. */
  async #settle(): Promise<void> {
    await this.#replayer?.finish()
    await this.#users.settle()
    await this.#history.lookUp()
  }

  /**
   * Takes the newest head as the one to read to, and looks again for what was not there. Returns the one of a log that the
   * host has rewritten since.
   */
  async goOn(): Promise<Head | null> {
    this.report.rewind()
    const forked = this.#lookForFork()
    if (this.#history.isForked) return forked
    await this.#history.goOn()
    this.#noteHead()
    await this.#users.retry()
    return null
  }

  /**
   * Looks whether the host has rewritten its log. That head is the evidence, and can only be fetched where forks are let in:
   * what it takes the place of was verified, and who signs it has nothing to lose any more. Returns it once.
   */
  #lookForFork(): Head | null {
    const { callLog } = this.#subject
    if (callLog.peers.some(({ remoteFork }) => remoteFork > callLog.fork)) {
      letForksIn(callLog)
    }
    const head = callLog.fork > 0 && !this.#history.isForked ? headOf(callLog) : null
    if (head === null) return null
    this.#heads.claim(head, { log: null, block: head.length - 1 })
    this.#history.fork()
    return head
  }

  /**
   * Whether there is nothing to wait for: all of the log is read that can be understood, or nothing of it has come for long.
   * While more comes, the commit may be in that.
   */
  #isUpToDate(): boolean {
    const { at } = this.reader
    if (at !== this.#stuck.at) this.#stuck = { at, since: performance.now() }
    if (this.#history.complete || this.#history.broken) return true
    return this.#stuck.since < performance.now() - this.#subject.grace
  }

  /** Judges acks and results that no commit covers: a host that has signed them cannot take them back. */
  async #judgeTail({ isLast = false } = {}): Promise<void> {
    const { tail, acked } = this.#history
    const to = acked.at(-1)?.index ?? 0
    if (to > this.#ackedTo && (await this.#users.checkTail(acked))) this.#ackedTo = to
    const at = tail.calls.at(-1)?.resultIndex ?? 0
    if (at <= this.#tailTo) return
    const began = performance.now()
    if (began < this.#tailAfter && !isLast) return
    this.#tailTo = at
    this.#replayer ??= await this.#openedReplayer()
    await this.#replayer?.judgeTail(tail)
    // all of them are executed each time that there is one more
    const now = performance.now()
    this.#tailAfter = now + TAIL_PAUSE * (now - began)
  }

  /** Judges what there is so far, where more will come. */
  async judge(): Promise<void> {
    const { report, reader, head } = this
    const { grace } = this.#subject
    const isUpToDate = this.#isUpToDate()
    if (isUpToDate) await this.#judgeTail()
    report.mark()
    await this.#users.finish()
    report.weigh()
    await this.#history.lookUp()
    if (!isUpToDate) return
    const hostShows = this.#hostView.showsNow
    const { complete } = this.#history
    this.published.judgeLive(hostShows, complete ? reader.length : null, grace)
    if (!complete) return
    const shown = this.#hostView.shows(null)
    const to = Math.max(reader.length, this.#heads.openTo)
    const here = Math.min(reader.length, shown ?? to)
    const late = this.#less.late(here, to, grace)
    if (late === null) return
    const isShowingLess = (hostShows(null) ?? late) < late
    this.#heads.withheld(reader.length, isShowingLess ? hostShows : () => null)
    if (isShowingLess && head !== null) this.#heads.truncated(head, reader.length, hostShows)
  }

  /** Looks at what there is for the last time. */
  async finish(): Promise<void> {
    const { report } = this
    const history = this.#history
    this.published.unwatch()
    if (history.gap !== null) report.gap(history.gap)
    else if (!this.#hasCode)
      report.gap(this.reader.gap('missing', 1, 2, 'nobody has shown the code'))
    await this.#judgeTail({ isLast: true })
    if (!history.complete) await history.skip()
    else await this.published.lookAgain()
    await this.#users.finish({ isLast: true })
    report.weigh()
  }

  /**
   * Waits for the last time for what others hold of the log and nobody has shown. When the host has answered `askHost` all has
   * come that it had shown before.
   */
  async wait(askHost: () => Promise<void>): Promise<void> {
    const history = this.#history
    const { gap } = history
    await history.settle(async () => {
      await askHost()
      this.#shownThen = this.#hostView.shows(null) ?? Number.POSITIVE_INFINITY
      return this.#hostView.longest
    })
    if (history.gap !== null && history.gap !== gap) this.report.gap(history.gap)
  }

  /**
   * Judges it, for good; `held` are heads that the host had signed before this audit. The host has been asked once more
   * behind all that was waited for, or it would have answered too long ago to be judged by what it does not show.
   */
  end(held: readonly Head[]): void {
    const { reader } = this
    const history = this.#history
    this.#noteForks()
    const hostShows = this.#hostView.showsNow
    this.#heads.withheld(reader.length, hostShows)
    for (const head of held) {
      if (this.#heads.isSigned(head)) this.#heads.truncated(head, reader.length, hostShows)
    }
    const showed: HostShows = (core) => {
      const shown = hostShows(core)
      return core === null && shown !== null ? Math.min(shown, this.#shownThen) : shown
    }
    this.published.judge(showed, history.complete ? reader.length : null)
  }

  /**
   * What the next audit can begin with; null where anything is wrong or open. `midway`: at a halt of a walk. What is still
   * ahead of it then, heads that are given to an audit and the newest of the archive, the next one is given as well.
   */
  async checkpoint({ midway = false } = {}): Promise<NewCheckpoint | null> {
    const { report, head } = this
    const { address } = this.#subject
    const state = this.#history.state()
    const replayer = this.#replayer
    const isOpen = report.gaps.some(({ reason }) => reason !== 'disputed')
    const isUpTo = midway ? !this.#history.broken : this.behind.walked && this.published.isLevel
    const isClaimed = midway ? this.#heads.isOpenInLogs : this.#heads.open.length > 0
    if (!isUpTo || replayer === null || replayer.stopped) return null
    if (report.findings > 0 || isOpen || isClaimed) return null
    if (state === null || head === null || head.fork > 0) return null
    const { walk, roots } = state
    if (walk.next === this.#keptTo) return null
    const users = this.#users.text()
    if (users === null) return null
    const counts = {
      ...report.counts,
      blocks: walk.next,
      calls: walk.calls,
      users: walk.callers.length,
      heads: this.#heads.agreed
    }
    // the one that was seen first is kept until it is held against the log
    const before = this.#from?.head
    const isAhead = midway && before !== undefined && walk.next < before.length
    const seen = isAhead ? before : head
    const { firstAbort } = report
    const copy = await replayer.sync()
    return { address, head: seen, roots, walk, users, state: copy, counts, firstAbort }
  }

  /** Such a checkpoint is on disk: as long as nothing more is committed, it is as good as a newer one. */
  kept({ walk }: NewCheckpoint): void {
    this.#keptTo = walk.next
  }

  /**
   * Whether what was found by replay can be told: the copy of the state may be damaged, on a disk on which it has been for
   * long, and then it says nothing about the host.
   */
  async isSound(): Promise<boolean> {
    // what could not be executed is no finding, and more may come behind it
    const name = this.report.findings > 0 ? 'found' : 'open'
    if (!this.#whole.has(name) && (await this.#replayer?.isWhole()) !== false) this.#whole.add(name)
    return this.#whole.has(name)
  }

  /** What the host says that it has rewritten, while there is a copy here, which is not given up for that. */
  #noteForks(): void {
    const { callLog } = this.#subject
    for (const [log, core] of [['call log', callLog] as const, ...this.published.cores]) {
      if (!this.#hostView.hasRewritten(core)) continue
      const message = `the ${log}: the host says that it has rewritten it since; audit it with another directory`
      this.report.gap({ reason: 'withheld', log, from: null, to: null, message })
    }
  }

  async close({ keep = false } = {}): Promise<void> {
    await this.#users.close()
    await this.reader.close()
    const replayer = this.#replayer ?? (await this.#opening?.catch(() => null))
    await replayer?.close({ keep })
    await this.published.close()
  }

  #readFrom(from: ConstructorParameters<typeof History>[3]): History {
    const { report, published } = this
    const into = { report, heads: this.#heads, published, users: this.#users }
    return new History(this.reader, this.#subject.genesis, into, from)
  }

  /** What executes the calls; null where the copy to go on from is not there. */
  #openReplayer(source: string, from: Checkpoint | null): Promise<Replayer | null> {
    const { dir, id, address, genesis, openVm } = this.#subject
    const Kind = this.#isForThread ? ReplayThread : LocalReplayer
    const subject = {
      dir,
      id,
      address,
      genesis,
      source,
      blobsKey: this.published.blobsKey,
      from: from && { at: from.walk, roots: from.state }
    }
    return Kind.open(subject, openVm, this.report)
  }

  /** Whether the log goes on behind genesis: an honest host signs no shorter one. */
  get #hasCode(): boolean {
    return this.reader.length >= CALLS_FROM
  }

  #readCode(): Promise<string | null> {
    const { callLog, genesis } = this.#subject
    return readCode(callLog, genesis)
  }
}
