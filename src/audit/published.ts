import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { Commit } from '../protocol/entries.ts'
import { type Head, verifyHead } from '../protocol/head.ts'
import { blobsManifest, stateManifest } from '../protocol/manifest.ts'
import { headOf } from '../state/head.ts'
import { openForeignLog } from '../state/store.ts'
import type { Report } from './findings.ts'
import type { HostShows } from './host-view.ts'
import type { News } from './news.ts'
import { awaitLength, type Patience } from './patience.ts'
import { type ArchiveLog, FRESH_MAX, type Fresh, PublishedLog } from './published-log.ts'

type Versions = Pick<Commit, ArchiveLog>

/** Heads that no commit has left so, for evidence: no more findings are told. */
const WRONG_MAX = 1000

/**
 * The archive that the host publishes: of its two cores only the heads are looked at, since replay says what has to
 * be below them. Every head has to be that of a commit.
 */
export class Published {
  readonly blobsKey: Uint8Array
  readonly #logs: readonly PublishedLog[]
  readonly #host: Uint8Array
  readonly #report: Report
  readonly #patience: Patience
  /** The newest commit of the calls that are audited. */
  #last: Versions | null = null
  #isOver = false
  /** What the host is already found to show too little of. */
  readonly #truncated = new Set<ArchiveLog>()

  private constructor(
    archive: Hypercore,
    blobs: Hypercore,
    host: Uint8Array,
    report: Report,
    patience: Patience
  ) {
    this.#logs = [new PublishedLog('archive', archive), new PublishedLog('blobs', blobs)]
    this.blobsKey = blobs.key
    this.#host = host
    this.#report = report
    this.#patience = patience
  }

  static async open(
    store: Corestore,
    host: Uint8Array,
    address: Uint8Array,
    report: Report,
    patience: Patience
  ): Promise<Published> {
    const archive = await openForeignLog(store, { manifest: stateManifest(host, address) })
    const blobs = await openForeignLog(store, { manifest: blobsManifest(host, address) })
    return new Published(archive, blobs, host, report, patience)
  }

  /** Takes the newest heads, of at least the lengths that the newest commit names. */
  async look(): Promise<void> {
    await Promise.all(this.#logs.map((log) => this.#look(log)))
  }

  /** Goes on behind a commit up to which another audit has seen the archive; false where less of it is here. */
  resume(commit: Versions): boolean {
    this.audited(commit)
    return this.#logs.every(({ name, seenTo }) => seenTo >= commit[name].length)
  }

  /** Notices every head that comes. */
  watch(news: News): void {
    for (const log of this.#logs) {
      const { core } = log
      news.watch(core)
      const note = () => {
        const head = this.#isOver ? null : headOf(core)
        if (head !== null) log.keepFresh({ head, since: performance.now(), isSigned: null })
      }
      core.on('append', note)
      // of a log that was rewritten, and is no longer than before, nothing else is said
      core.on('truncate', note)
    }
  }

  /** What comes from now on is not noticed any more: there may be nobody to read its commit. */
  unwatch(): void {
    this.#isOver = true
  }

  /** A commit of the calls that are audited. */
  audited(commit: Versions): void {
    this.#last = commit
    this.note(commit)
  }

  /** Any commit of the call log. */
  note(commit: Versions): void {
    for (const log of this.#logs) log.note(commit)
  }

  /** Whether a head was seen that is beyond every commit so far. */
  get ahead(): boolean {
    return this.#logs.some(({ isAhead }) => isAhead)
  }

  /** Whether what was seen is what the newest commit names. */
  get isLevel(): boolean {
    return this.#logs.every(({ seenTo, name }) => seenTo === (this.#last?.[name].length ?? 0))
  }

  /**
   * Looks again where the archive was behind the newest commit. The host may have written on: the commit of what is
   * seen now is in a call log that is read after this.
   */
  async lookAgain(): Promise<void> {
    const behind = this.#logs.filter(
      ({ name, seen }) => !seen.some(({ length }) => length >= this.#lengthMin(name))
    )
    await Promise.all(behind.map((log) => this.#look(log)))
  }

  /** Heads of either log that are wrong, by their length: there may be one with a fork as well. */
  wrongAt(name: ArchiveLog, length: number): Head[] {
    const log = this.#logs.find((one) => one.name === name)
    return log?.wrong.filter((head) => head.length === length) ?? []
  }

  /** The two logs, by their names. */
  get cores(): readonly (readonly [ArchiveLog, Hypercore])[] {
    return this.#logs.map(({ name, core }) => [name, core])
  }

  /** Judges all that was seen; `read` blocks of the call log are known, null: not all that there are. */
  judge(hostShows: HostShows, read: number | null): void {
    for (const log of this.#logs) {
      this.#judgeFresh(log, hostShows, read, null)
      for (const head of log.seen) this.#judgeHead(log, head, hostShows, read)
      this.#judgeEnd(log, hostShows)
    }
  }

  /**
   * Judges what was seen, while the host goes on writing. Log and archive come each on its own: only what is ahead of
   * the other, or behind it, for longer than `grace` ms, stays so.
   */
  judgeLive(hostShows: HostShows, read: number | null, grace: number): void {
    const before = performance.now() - grace
    for (const log of this.#logs) {
      log.awaitCommits()
      this.#judgeFresh(log, hostShows, read, before)
      const settled = log.seen.filter(({ length }) => length <= log.committedTo)
      for (const head of settled) this.#judgeHead(log, head, hostShows, read)
      log.forgetSettled()
      log.prune()
      const to = this.#last?.[log.name].length ?? 0
      const shown = hostShows(log.core)
      const late = log.behind.late(log.seenTo, to, grace)
      if (late === null) continue
      const isShowingLess = shown !== null && shown < late
      this.#judgeEnd(log, isShowingLess ? hostShows : () => null)
    }
  }

  async close(): Promise<void> {
    for (const { core } of this.#logs) await core.close()
  }

  #lengthMin(name: ArchiveLog): number {
    return this.#last?.[name].length ?? 1
  }

  async #look(log: PublishedLog): Promise<void> {
    const { name, core } = log
    await awaitLength(core, this.#lengthMin(name), this.#patience)
    const head = headOf(core)
    if (head === null || log.seen.some(({ length }) => length === head.length)) return
    if (verifyHead(head, core.key, this.#host)) {
      log.see(head)
      log.prune()
      return
    }
    const message = `the ${name}: its head on this disk is not what the host signed`
    this.#report.gap({ reason: 'damaged', log: name, from: null, to: null, message })
  }

  /** What came since, up to what came `before` where it is ahead of the commits; null: all of it. */
  #judgeFresh(
    log: PublishedLog,
    hostShows: HostShows,
    read: number | null,
    before: number | null
  ): void {
    if (log.isCrowded) this.#crowded(log)
    for (const one of log.takeFresh()) {
      const { head, since } = one
      if (head.fork === 0 && log.isNamed(head)) {
        log.see(head)
      } else if (head.length > log.committedTo && before !== null && since >= before) {
        log.keepFresh(one)
      } else if (this.#isSigned(one, log.core)) {
        if (before === null) log.see(head)
        else if (!this.#judgeHead(log, head, hostShows, read)) log.keepFresh(one)
      }
    }
  }

  /** Whoever is ahead of the commits is looked at again and again. */
  #isSigned(one: Fresh, core: Hypercore): boolean {
    one.isSigned ??= verifyHead(one.head, core.key, this.#host)
    return one.isSigned
  }

  /** Between those that are kept and those to come are some that nobody looks at. */
  #crowded({ name }: PublishedLog): void {
    const message = `the ${name}: more than ${FRESH_MAX} heads came of which no commit is here, and not all of them were looked at`
    this.#report.gap({ reason: 'withheld', log: name, from: null, to: null, message })
  }

  /** False where it may be right, as far as anybody here can say. */
  #judgeHead(log: PublishedLog, head: Head, hostShows: HostShows, read: number | null): boolean {
    const { name, core, wrong } = log
    if (wrong.length >= WRONG_MAX || log.isWrong(head)) return true
    const place = { log: name, block: Math.max(0, head.length - 1) } as const
    if (head.fork > 0) {
      wrong.push(head)
      const message = `the host has signed a head of the ${name} with fork ${head.fork}: it has rewritten it`
      this.#report.find('ARCHIVE_FORKED', place, message)
      return true
    }
    if (log.isNamed(head)) return true
    const beyond = head.length > log.committedTo
    // what is not read of the call log is a gap already
    if (beyond && read === null) return false
    const shown = hostShows(null)
    // the commit may be in what the host has said that there is, and nobody has sent
    const isRead = shown !== null && read !== null && shown <= read
    if (beyond && (!isRead || (hostShows(core) ?? 0) < head.length)) {
      const message = `the ${name} has ${head.length} blocks: nobody here shows a call log with the commit to that`
      this.#report.gap({ reason: 'withheld', log: 'call log', from: null, to: null, message })
      return false
    }
    wrong.push(head)
    const message = `the ${name} was published with ${head.length} blocks, as no commit of the call log has left it`
    this.#report.find('ARCHIVE_UNCOMMITTED', place, message)
    return true
  }

  #judgeEnd({ name, core, seenTo: from }: PublishedLog, hostShows: HostShows): void {
    // a log without a commit says nothing of an archive
    const to = this.#last?.[name].length ?? 0
    if (from >= to) return
    const shown = hostShows(core)
    if (shown !== null && shown < to) {
      if (this.#truncated.has(name)) return
      this.#truncated.add(name)
      const message = `the newest commit leaves the ${name} at ${to} blocks, and the host shows ${shown}`
      this.#report.find('ARCHIVE_TRUNCATED', { log: name, block: shown }, message)
      return
    }
    const message = `the ${name}, blocks ${from} to ${to - 1}: nobody has shown the head over them`
    this.#report.gap({ reason: 'missing', log: name, from, to, message })
  }
}
