import b4a from 'b4a'
import { type Head, verifyHead } from '../protocol/head.ts'
import { Tree } from '../protocol/merkle.ts'
import type { Place, Report } from './findings.ts'
import type { HostShows } from './host-view.ts'

/** A user's log, as far as the host itself shows it; it may be closed by now. */
export interface ShownLog {
  /** The length that it shows; null where that is not known. */
  shownBy(hostShows: HostShows): number | null
}

/** Where a head of the call log was found: in an entry of a user's log, or in this auditor's memory or hands. */
export interface Source {
  /** The user's log; null where it is in none. */
  readonly log: ShownLog | null
  readonly user?: string
  /** Block of the user's log. */
  readonly block: number
  /** A peer has told it: what the host has said before or after that is not known. */
  readonly hearsay?: true
  /** It may have been counted where it was found before. */
  readonly again?: true
}

interface Claim {
  readonly head: Head
  readonly source: Source
}

/**
 * A claim that is open, with tree hash and signature of its head, of fork 0, as text: users may have seen as many heads as the
 * log has commits of which nobody here shows anything, and with objects for both of them it would take three times as much.
 */
interface OpenClaim {
  readonly signed: string
  readonly source: Source
}

/** Heads with a fork that are told of once. */
const FORKED_MAX = 1000

/**
 * Heads that peers have told and that the log has not come to: a host with many peers could sign any number for them to tell. Those
 * are kept that it comes to first.
 */
const HEARSAY_MAX = 1024

const HASH_BYTES = 32

/** Tree hashes that are kept: users cite the newest heads. */
const KNOWN_MAX = 4096

/**
 * Heads of the call log that others hold, against the log as it is shown. Where they agree nothing is to be
 * verified; only a head that does not is asked for its signature, and without one it is the lie of whoever cites it.
 */
export class Heads {
  readonly #address: Uint8Array
  readonly #host: Uint8Array
  readonly #report: Report
  readonly #known = new Map<number, Uint8Array>()
  /** Signed heads at lengths where the log has not been seen, or was not noted. */
  readonly #open = new Map<number, OpenClaim[]>()
  /** Those of them that peers have told. */
  #hearsay = 0
  /** The longest history that the host is already found not to show. */
  #truncatedTo = 0
  /** Heads with a fork that are in no log, by their signatures: a host may say the same again and again. */
  readonly #forked = new Set<string>()
  /** Of those that agree: what is in no log, and may be given the next time as well. */
  #given = 0
  /** Users, z-base-32, whose logs are not the ones that the host has seen. */
  readonly #disbelieved = new Set<string>()

  constructor(address: Uint8Array, host: Uint8Array, report: Report) {
    this.#address = address
    this.#host = host
    this.#report = report
    this.note(0, new Tree().treeHash())
  }

  /** Whether somebody asks for the tree hash at this length. */
  wants(length: number): boolean {
    return this.#open.has(length)
  }

  /** The tree hash of the log at a length, proven. */
  note(length: number, treeHash: Uint8Array): void {
    // a copy, since a hash is cut from a slab of 64 KB, all of which would stay
    this.#known.set(length, new Uint8Array(treeHash))
    // who cites an older one has the log asked for it
    if (this.#known.size <= KNOWN_MAX) return
    for (const oldest of this.#known.keys()) {
      if (oldest === 0) continue
      this.#known.delete(oldest)
      break
    }
  }

  /** Whether it may come to show something: the host has signed it, and it is not found to be of this log. */
  claim(head: Head, source: Source): boolean {
    const known = this.#known.get(head.length)
    const counted = source.again === true ? 0 : 1
    if (known !== undefined && head.fork === 0 && b4a.equals(known, head.treeHash)) {
      this.#report.counts.heads += counted
      if (source.log === null) this.#given++
      return false
    }
    if (!this.isSigned(head)) {
      this.#report.counts.falseHeads += counted
      return false
    }
    if (head.fork > 0) {
      if (source.log === null && !this.#isNews(head)) return true
      const message = `the host has signed a head with fork ${head.fork}: it has rewritten its log`
      this.#report.find('HISTORY_FORKED', placeOf(source, head), message)
    } else if (known !== undefined) {
      const message = `the host has signed another history of ${head.length} blocks than the one it shows`
      this.#report.find('TWO_HISTORIES', placeOf(source, head), message)
    } else {
      const claim = { signed: signedOf(head), source }
      const claims = this.#open.get(head.length)
      if (claims === undefined) this.#open.set(head.length, [claim])
      else claims.push(claim)
      if (isHearsay({ source }) && ++this.#hearsay > HEARSAY_MAX) this.#forgetFurthest()
    }
    return true
  }

  #isNews({ signature }: Head): boolean {
    const name = b4a.toString(signature, 'hex')
    if (this.#forked.has(name)) return false
    // a few are told of, and one is enough
    if (this.#forked.size < FORKED_MAX) this.#forked.add(name)
    return true
  }

  /** Takes it that the host has seen another version of this log: heads in it count, where they stand does not. */
  disbelieve(user: string): void {
    this.#disbelieved.add(user)
  }

  isSigned(head: Head): boolean {
    return verifyHead(head, this.#address, this.#host)
  }

  /** Judges what was open, as far as more of the log is known; what stays open has been verified, and is kept. */
  settle(): void {
    for (const [length, claims] of this.#open) {
      if (!this.#known.has(length)) continue
      this.#open.delete(length)
      this.#hearsay -= claims.filter(isHearsay).length
      for (const { signed, source } of claims) this.claim(headOf(length, signed), source)
    }
  }

  /** Of what peers have told. */
  #forgetFurthest(): void {
    let furthest = 0
    for (const [length, claims] of this.#open) {
      if (length > furthest && claims.some(isHearsay)) furthest = length
    }
    const claims = this.#open.get(furthest) ?? []
    const left = claims.filter((claim) => !isHearsay(claim))
    this.#hearsay -= claims.length - left.length
    if (left.length === 0) this.#open.delete(furthest)
    else this.#open.set(furthest, left)
  }

  /** A head that the host had signed before, while the log here has it as well: the host must not show less. */
  truncated(head: Head, shown: number, hostShows: HostShows): void {
    const { length } = head
    const now = hostShows(null)
    if (now === null || now >= length || shown < length) return
    this.#foundLess({ head, source: { log: null, block: length - 1 } }, now)
  }

  /** Heads in logs that agree with the call log. */
  get agreed(): number {
    return this.#report.counts.heads - this.#given
  }

  /** Lengths of signed heads that nothing is known about. */
  get open(): readonly number[] {
    return [...this.#open.keys()]
  }

  /** The largest of them, 0 where there is none; a hostile log may hold more of them than a call takes arguments. */
  get openTo(): number {
    let to = 0
    for (const length of this.#open.keys()) to = Math.max(to, length)
    return to
  }

  /** Those of them that are in no log, each once: whoever has told them may not tell them again. */
  get told(): readonly Head[] {
    const told = new Map<string, Head>()
    for (const [length, claims] of this.#open) {
      for (const { signed, source } of claims) {
        if (source.log === null) told.set(signed, headOf(length, signed))
      }
    }
    return [...told.values()]
  }

  /** Whether one of them is in a user's log, where it is read once. */
  get isOpenInLogs(): boolean {
    for (const claims of this.#open.values()) {
      if (claims.some(({ source }) => source.log !== null)) return true
    }
    return false
  }

  /** The longest open claim, of those that matter. */
  #furthest(matters: (source: Source) => boolean = () => true): Claim | undefined {
    let to = 0
    let furthest: OpenClaim | undefined
    for (const [length, claims] of this.#open) {
      const claim = length > to ? claims.find(({ source }) => matters(source)) : undefined
      if (claim !== undefined) [to, furthest] = [length, claim]
    }
    return furthest && { head: headOf(to, furthest.signed), source: furthest.source }
  }

  /** Whether the host had signed a head from there before it showed what it shows. */
  #isEarlier({ log, user = '', block, hearsay }: Source, hostShows: HostShows): boolean {
    if (log === null) return hearsay === undefined
    // the host has seen that user's entry, and has therefore been where the entry says
    return !this.#disbelieved.has(user) && (log.shownBy(hostShows) ?? 0) > block
  }

  /**
   * What is still open lies beyond everything that anybody shows. That is the host's doing only where the host
   * itself shows less than it has signed, which a copy of its log may well do.
   */
  withheld(shown: number, hostShows: HostShows): void {
    const length = hostShows(null)
    const earlier = this.#furthest((source) => this.#isEarlier(source, hostShows))
    const furthest = this.#furthest()
    if (length !== null && earlier !== undefined && length < earlier.head.length) {
      this.#foundLess(earlier, length)
    } else if (
      furthest !== undefined &&
      (furthest.head.length > shown || this.#report.gaps.length === 0)
    ) {
      // what is open below was not read, for want of something that is named already
      const to = furthest.head.length
      this.#report.gap({
        reason: 'withheld',
        log: 'call log',
        from: shown,
        to,
        message: `the call log, blocks ${shown} to ${to - 1}: the host has signed them, and nobody here shows them`
      })
    }
  }

  #foundLess({ head, source }: Claim, shown: number): void {
    if (this.#truncatedTo >= head.length) return
    this.#truncatedTo = head.length
    const message = `the host has signed a history of ${head.length} blocks and shows ${shown}`
    this.#report.find('HISTORY_TRUNCATED', placeOf(source, head), message)
  }
}

function signedOf({ treeHash, signature }: Head): string {
  return b4a.toString(b4a.concat([treeHash, signature]), 'latin1')
}

function headOf(length: number, signed: string): Head {
  const bytes = b4a.from(signed, 'latin1')
  return {
    length,
    fork: 0,
    treeHash: bytes.subarray(0, HASH_BYTES),
    signature: bytes.subarray(HASH_BYTES)
  }
}

function isHearsay({ source }: Pick<Claim, 'source'>): boolean {
  return source.hearsay !== undefined
}

/** A claim in a user's log is found there; one of the memory where the log should go on. */
function placeOf({ user, block }: Source, head: Head): Place {
  if (user === undefined) return { log: 'call log', block: Math.max(0, head.length - 1) }
  return { log: 'user log', block, user }
}
