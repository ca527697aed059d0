import b4a from 'b4a'
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
import { awaitLength, type Patience, Shortfall } from './patience.ts'

const NAMES = ['archive', 'blobs'] as const
type Name = (typeof NAMES)[number]
type Versions = Pick<Commit, 'archive' | 'blobs'>

/**
 * Heads of a log whose commits are not here yet: as many as an honest host has commits while a long log is caught up with,
 * and some 25 MB. A hostile one may show any number.
 */
const FRESH_MAX = 65_536

/** Heads that no commit has left so, for evidence: no more findings are told. */
const WRONG_MAX = 1000

/** A head that came in the course of the audit, as it is on this disk, and when. */
interface Fresh {
  readonly head: Head
  readonly since: number
  /** Whether the host has signed it, once that was looked at. */
  isSigned: boolean | null
}

interface Side {
  readonly name: Name
  readonly core: Hypercore
  /**
   * What commits say that the core was, by its length; none that is shorter than what was seen, but for that. Two may say
   * two things, which is a finding of its own.
   */
  readonly committed: Map<number, readonly Uint8Array[]>
  /** The longest that a commit names. */
  committedTo: number
  /** Heads that were seen in the course of the audit, signed by the host. */
  seen: Head[]
  /** Those that came since, with those that an audit which goes on began with, and their lengths. */
  fresh: Fresh[]
  readonly freshAt: Set<number>
  /** Whether more of them came than are kept: what was not looked at then never is. */
  isCrowded: boolean
  /** Those that no commit has left so. */
  readonly wrong: Head[]
  /** What it is behind the commits. */
  readonly behind: Shortfall
}

/**
 * The archive that the host publishes: of its two cores only the heads are looked at, since replay says what has to
 * be below them. Every head has to be that of a commit.
 */
export class Published {
  readonly blobsKey: Uint8Array
  readonly #sides: readonly Side[]
  readonly #host: Uint8Array
  readonly #report: Report
  readonly #patience: Patience
  /** The newest commit of the calls that are audited. */
  #last: Versions | null = null
  #isOver = false
  /** What the host is already found to show too little of. */
  readonly #truncated = new Set<Name>()

  private constructor(
    sides: readonly Side[],
    blobsKey: Uint8Array,
    host: Uint8Array,
    report: Report,
    patience: Patience
  ) {
    this.#sides = sides
    this.blobsKey = blobsKey
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
    const cores = {
      archive: await openForeignLog(store, { manifest: stateManifest(host, address) }),
      blobs: await openForeignLog(store, { manifest: blobsManifest(host, address) })
    }
    const sides = NAMES.map((name) => ({
      name,
      core: cores[name],
      committed: new Map<number, readonly Uint8Array[]>(),
      committedTo: 0,
      seen: [],
      fresh: [],
      freshAt: new Set<number>(),
      isCrowded: false,
      wrong: [],
      behind: new Shortfall()
    }))
    return new Published(sides, cores.blobs.key, host, report, patience)
  }

  /** Takes the newest heads, of at least the lengths that the newest commit names. */
  async look(): Promise<void> {
    await Promise.all(this.#sides.map((side) => this.#look(side)))
  }

  /** Goes on behind a commit up to which another audit has seen the archive; false where less of it is here. */
  resume(commit: Versions): boolean {
    this.audited(commit)
    return this.#sides.every(({ name, seen }) => lengthOf(seen) >= commit[name].length)
  }

  /** Notices every head that comes. */
  watch(news: News): void {
    for (const side of this.#sides) {
      news.watch(side.core)
      side.core.on('append', () => {
        const head = this.#isOver ? null : headOf(side.core)
        if (head !== null) keepFresh(side, { head, since: performance.now(), isSigned: null })
      })
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
    for (const side of this.#sides) {
      const { length, treeHash } = commit[side.name]
      // where lengths shrink, which is a finding of its own, it stays the longest
      side.committedTo = Math.max(side.committedTo, length)
      if (!isAsked(side, length)) continue
      const known = side.committed.get(length) ?? []
      if (!known.some((it) => b4a.equals(it, treeHash))) {
        // a copy, since the whole block that it is cut from would stay
        side.committed.set(length, [...known, new Uint8Array(treeHash)])
      }
    }
  }

  /** Whether a head was seen that is beyond every commit so far. */
  get ahead(): boolean {
    return this.#sides.some(
      ({ seen, fresh, committedTo }) =>
        lengthOf(seen) > committedTo || lengthOf(fresh.map(({ head }) => head)) > committedTo
    )
  }

  /** Whether what was seen is what the newest commit names. */
  get isLevel(): boolean {
    return this.#sides.every(
      ({ seen, name }) => lengthOf(seen) === (this.#last?.[name].length ?? 0)
    )
  }

  /**
   * Looks again where the archive was behind the newest commit. The host may have written on: the commit of what is
   * seen now is in a call log that is read after this.
   */
  async lookAgain(): Promise<void> {
    const behind = this.#sides.filter(
      (side) => !side.seen.some(({ length }) => length >= this.#lengthMin(side.name))
    )
    await Promise.all(behind.map((side) => this.#look(side)))
  }

  /** Heads of either log that are wrong, by their length: there may be one with a fork as well. */
  wrongAt(name: Name, length: number): Head[] {
    const side = this.#sides.find((one) => one.name === name)
    return side?.wrong.filter((head) => head.length === length) ?? []
  }

  /** The two logs, by their names. */
  get cores(): readonly (readonly [Name, Hypercore])[] {
    return this.#sides.map(({ name, core }) => [name, core])
  }

  /** Judges all that was seen; `read` blocks of the call log are known, null: not all that there are. */
  judge(hostShows: HostShows, read: number | null): void {
    for (const side of this.#sides) {
      this.#judgeFresh(side, hostShows, read, null)
      for (const head of side.seen) this.#judge(side, head, hostShows, read)
      this.#judgeEnd(side, hostShows)
    }
  }

  /**
   * Judges what was seen, while the host goes on writing. Log and archive come each on its own: only what is ahead of
   * the other, or behind it, for longer than `grace` ms, stays so.
   */
  judgeLive(hostShows: HostShows, read: number | null, grace: number): void {
    const before = performance.now() - grace
    for (const side of this.#sides) {
      awaitCommits(side)
      this.#judgeFresh(side, hostShows, read, before)
      const settled = side.seen.filter(({ length }) => length <= side.committedTo)
      for (const head of settled) this.#judge(side, head, hostShows, read)
      const last = lengthOf(side.seen)
      side.seen = side.seen.filter(({ length }) => length === last || length > side.committedTo)
      prune(side)
      const to = this.#last?.[side.name].length ?? 0
      const shown = hostShows(side.core)
      const late = side.behind.late(last, to, grace)
      if (late === null) continue
      const isShowingLess = shown !== null && shown < late
      this.#judgeEnd(side, isShowingLess ? hostShows : () => null)
    }
  }

  async close(): Promise<void> {
    for (const { core } of this.#sides) await core.close()
  }

  #lengthMin(name: Name): number {
    return this.#last?.[name].length ?? 1
  }

  async #look(side: Side): Promise<void> {
    const { name, core, seen } = side
    await awaitLength(core, this.#lengthMin(name), this.#patience)
    const head = headOf(core)
    if (head === null || seen.some(({ length }) => length === head.length)) return
    if (verifyHead(head, core.key, this.#host)) {
      seen.push(head)
      prune(side)
      return
    }
    const message = `the ${name}: its head on this disk is not what the host signed`
    this.#report.gap({ reason: 'damaged', log: name, from: null, to: null, message })
  }

  /** What came since, up to what came `before` where it is ahead of the commits; null: all of it. */
  #judgeFresh(side: Side, hostShows: HostShows, read: number | null, before: number | null): void {
    const { fresh, core } = side
    if (side.isCrowded) this.#crowded(side)
    side.fresh = []
    side.freshAt.clear()
    for (const one of fresh) {
      const { head, since } = one
      if (head.fork === 0 && isNamed(side, head)) {
        side.seen.push(head)
      } else if (head.length > side.committedTo && before !== null && since >= before) {
        keepFresh(side, one)
      } else if (this.#isSigned(one, core)) {
        if (before === null) side.seen.push(head)
        else if (!this.#judge(side, head, hostShows, read)) keepFresh(side, one)
      }
    }
  }

  /** Whoever is ahead of the commits is looked at again and again. */
  #isSigned(one: Fresh, core: Hypercore): boolean {
    one.isSigned ??= verifyHead(one.head, core.key, this.#host)
    return one.isSigned
  }

  /** Between those that are kept and those to come are some that nobody looks at. */
  #crowded({ name }: Side): void {
    const message = `the ${name}: more than ${FRESH_MAX} heads came of which no commit is here, and not all of them were looked at`
    this.#report.gap({ reason: 'withheld', log: name, from: null, to: null, message })
  }

  /** False where it may be right, as far as anybody here can say. */
  #judge(side: Side, head: Head, hostShows: HostShows, read: number | null): boolean {
    const { name, core, wrong } = side
    if (wrong.length >= WRONG_MAX || wrong.some((known) => isSame(known, head))) return true
    const place = { log: name, block: Math.max(0, head.length - 1) } as const
    if (head.fork > 0) {
      wrong.push(head)
      const message = `the host has signed a head of the ${name} with fork ${head.fork}: it has rewritten it`
      this.#report.find('ARCHIVE_FORKED', place, message)
      return true
    }
    if (isNamed(side, head)) return true
    const beyond = head.length > side.committedTo
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

  #judgeEnd(side: Side, hostShows: HostShows): void {
    const { name, core, seen } = side
    // a log without a commit says nothing of an archive
    const to = this.#last?.[name].length ?? 0
    const from = lengthOf(seen)
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

function lengthOf(heads: readonly Head[]): number {
  return heads.reduce((length, head) => Math.max(length, head.length), 0)
}

/** Whether a commit has left the core so. */
function isNamed({ committed }: Side, { length, treeHash }: Head): boolean {
  return committed.get(length)?.some((it) => b4a.equals(it, treeHash)) ?? false
}

/** Whether a head of this length may be held against commits: what comes later is longer than what was seen. */
function isAsked({ seen, freshAt }: Side, length: number): boolean {
  if (length >= lengthOf(seen) || seen.some((head) => head.length === length)) return true
  return freshAt.has(length)
}

/** The newest one always, since the end of the log is judged by it. */
function keepFresh(side: Side, one: Fresh): void {
  const { fresh, freshAt } = side
  const last = fresh.length >= FRESH_MAX ? fresh.pop() : undefined
  if (last !== undefined) {
    side.isCrowded = true
    freshAt.delete(last.head.length)
  }
  fresh.push(one)
  freshAt.add(one.head.length)
}

/** Heads that were there before an audit went on, and that no commit names yet, are waited for like those that come. */
function awaitCommits(side: Side): void {
  const { seen, fresh, wrong, committedTo } = side
  for (const head of seen) {
    if (head.length <= committedTo || wrong.some((known) => isSame(known, head))) continue
    if (fresh.some((known) => isSame(known.head, head))) continue
    keepFresh(side, { head, since: performance.now(), isSigned: true })
  }
}

function isSame(a: Head, b: Head): boolean {
  return a.length === b.length && a.fork === b.fork && b4a.equals(a.treeHash, b.treeHash)
}

function prune(side: Side): void {
  for (const length of side.committed.keys()) {
    if (!isAsked(side, length)) side.committed.delete(length)
  }
}
