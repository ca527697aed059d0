import b4a from 'b4a'
import type Hypercore from 'hypercore'
import type { Commit } from '../protocol/entries.ts'
import type { Head } from '../protocol/head.ts'
import { NamedVersions } from './named-versions.ts'
import { Shortfall } from './patience.ts'

/**
 * Heads of a log whose commits are not here yet: as many as an honest host has commits while a long log is caught up with,
 * and some 25 MB. A hostile one may show any number.
 */
export const FRESH_MAX = 65_536

/** The two logs of an archive. */
export type ArchiveLog = 'archive' | 'blobs'

/** A head that came in the course of the audit, as it is on this disk, and when. */
export interface Fresh {
  readonly head: Head
  readonly since: number
  /** Whether the host has signed it, once that was looked at. */
  isSigned: boolean | null
}

/** One log of the archive that the host publishes: what commits say that it was, and the heads that were seen of it. */
export class PublishedLog {
  readonly name: ArchiveLog
  readonly core: Hypercore
  /** Heads that no commit has left so. */
  readonly wrong: Head[] = []
  /** What it is behind the commits. */
  readonly behind = new Shortfall()
  /**
   * What commits say that it was, by its length; none that is shorter than what was seen, but for that. Two may say two
   * things, which is a finding of its own.
   */
  readonly #committed = new NamedVersions()
  /** The longest that a commit names. */
  #committedTo = 0
  /** Heads that were seen in the course of the audit, signed by the host. */
  #seen: Head[] = []
  /** Those that came since, with those that an audit which goes on began with, and their lengths. */
  #fresh: Fresh[] = []
  readonly #freshAt = new Set<number>()
  #isCrowded = false

  constructor(name: ArchiveLog, core: Hypercore) {
    this.name = name
    this.core = core
  }

  get committedTo(): number {
    return this.#committedTo
  }

  get seen(): readonly Head[] {
    return this.#seen
  }

  /** The longest length that was seen. */
  get seenTo(): number {
    return lengthOf(this.#seen)
  }

  /** Whether a head came that is beyond every commit so far. */
  get isAhead(): boolean {
    const to = this.#committedTo
    return this.seenTo > to || lengthOf(this.#fresh.map(({ head }) => head)) > to
  }

  /** Whether more heads came without their commits than are kept: those that are not never are looked at. */
  get isCrowded(): boolean {
    return this.#isCrowded
  }

  /** Any commit of the call log. */
  note(commit: Pick<Commit, ArchiveLog>): void {
    const version = commit[this.name]
    // where lengths shrink, which is a finding of its own, it stays the longest
    this.#committedTo = Math.max(this.#committedTo, version.length)
    if (this.#mayBeJudged(version.length)) this.#committed.add(version)
  }

  /** Whether a commit has left the log so. */
  isNamed(head: Head): boolean {
    return this.#committed.has(head)
  }

  isWrong(head: Head): boolean {
    return this.wrong.some((known) => isSame(known, head))
  }

  /** A head that the host has signed. */
  see(head: Head): void {
    this.#seen.push(head)
  }

  /** One that came; the newest one is always kept, since the end of the log is judged by it. */
  keepFresh(one: Fresh): void {
    const last = this.#fresh.length >= FRESH_MAX ? this.#fresh.pop() : undefined
    if (last !== undefined) {
      this.#isCrowded = true
      this.#freshAt.delete(last.head.length)
    }
    this.#fresh.push(one)
    this.#freshAt.add(one.head.length)
  }

  /** Gives out those that came; what is still to be waited for is to be kept again. */
  takeFresh(): readonly Fresh[] {
    const fresh = this.#fresh
    this.#fresh = []
    this.#freshAt.clear()
    return fresh
  }

  /** Heads that were there before an audit went on, and that no commit names yet, are waited for like those that come. */
  awaitCommits(): void {
    for (const head of this.#seen) {
      if (head.length <= this.#committedTo || this.isWrong(head)) continue
      if (this.#fresh.some((known) => isSame(known.head, head))) continue
      this.keepFresh({ head, since: performance.now(), isSigned: true })
    }
  }

  /** Lets go of heads that are judged for good, but for the longest. */
  forgetSettled(): void {
    const last = this.seenTo
    this.#seen = this.#seen.filter(({ length }) => length === last || length > this.#committedTo)
  }

  /** Lets go of what commits say of lengths that are not asked for any more. */
  prune(): void {
    this.#committed.keep((length) => this.#mayBeJudged(length))
  }

  /** Whether a head of this length may be held against commits: what comes later is longer than what was seen. */
  #mayBeJudged(length: number): boolean {
    if (length >= this.seenTo || this.#seen.some((head) => head.length === length)) return true
    return this.#freshAt.has(length)
  }
}

function lengthOf(heads: readonly Head[]): number {
  return heads.reduce((length, head) => Math.max(length, head.length), 0)
}

function isSame(a: Head, b: Head): boolean {
  return a.length === b.length && a.fork === b.fork && b4a.equals(a.treeHash, b.treeHash)
}
