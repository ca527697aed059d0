import b4a from 'b4a'
import { isSigned, type Subject } from '../protocol/comparison.ts'
import { type Head, isSameHead } from '../protocol/head.ts'

/** Heads of whoever is gone, or was only quoted; the oldest ones are let go. */
const LEFT_MAX = 64

/** A head that somebody says to hold. */
interface Claim {
  readonly head: Head
  /** As performance.now(). */
  readonly heldAt: number
  /** Whether the host has signed it; null as long as nobody had to know. */
  signed: boolean | null
  tried: boolean
  /** Whether it was shown to go on from our newest head of then. In between there may come to be two histories. */
  isBeyond: boolean
}

/** What one peer holds, as far as it is not known to be of our history. */
interface Source {
  /** The one that is asked about: it stays, whatever is told before there is an answer. */
  first: Claim | null
  /** The newest that was told since. */
  newest: Claim | null
  /** When something that it has told was found to contradict nothing of ours, and when it was asked about; performance.now(). */
  agreedAt: number
  triedAt: number
  /** Our length then. */
  triedWith: number
}

/** A head that is to be proven, and who holds it. */
export interface Question {
  readonly source: number
  readonly head: Head
}

/** What decides when a proof is asked for. */
export interface Patience {
  /** For what a peer tells next, or what is known here next, ms: then it may take no proof. */
  readonly next: number
  /** Until what nobody could prove is tried again, ms. */
  readonly retry: number
  /** Length of our newest head, and when it grew, as performance.now(). */
  readonly length: number
  readonly grownAt: number
}

/**
 * Heads that peers say to hold. Most of them turn out to be of our own history without a signature being looked at: one that
 * is equal contradicts nothing, whoever made it. It is verified before anybody is asked about it, and where it differs. What is
 * false stands in nobody's place but its sender's, who is not listened to any more.
 */
export class Claims {
  readonly #subject: Subject
  readonly #onLie: (source: number) => void
  readonly #sources = new Map<number, Source>()
  /** Heads that are nobody's any more, signed all of them. */
  readonly #left = new Map<number, Source>()
  #ids = 0

  /** `onLie` is told whose head the host has not signed. */
  constructor(subject: Subject, onLie: (source: number) => void) {
    this.#subject = subject
    this.#onLie = onLie
  }

  /** A number for whoever makes claims. */
  enter(): number {
    const id = ++this.#ids
    this.#sources.set(id, emptySource())
    return id
  }

  /** Whoever is gone leaves what it held, if the host has signed it. */
  leave(id: number): void {
    const source = this.#sources.get(id)
    for (const claim of source === undefined ? [] : claimsOf(source)) {
      if (!this.#isLeft(claim.head) && this.#isSigned(id, claim)) this.add(claim.head)
    }
    this.#sources.delete(id)
  }

  /** Takes a head that the host has signed, whoever holds it. */
  add(head: Head): void {
    if (this.#isLeft(head)) return
    const first = { ...claimOf(head), signed: true }
    this.#left.set(++this.#ids, { ...emptySource(), first })
    const [oldest = 0] = this.#left.keys()
    if (this.#left.size > LEFT_MAX) this.#left.delete(oldest)
  }

  /** Takes the newest head of a source. */
  hold(id: number, head: Head): void {
    const source = this.#sources.get(id)
    if (source === undefined) return
    if (source.first === null) source.first = claimOf(head)
    else source.newest = claimOf(head)
  }

  /** Says that what a source holds up to that length is of our history, since something is that goes on from there. */
  agree(id: number, length: number): void {
    const source = this.#sources.get(id) ?? this.#left.get(id)
    if (source === undefined) return
    const [first = null, newest = null] = claimsOf(source).filter(({ head }) => {
      return head.length > length
    })
    Object.assign(source, { first, newest, agreedAt: performance.now() })
    if (first === null) this.#left.delete(id)
  }

  /** Lengths of all that is held here. */
  get lengths(): number[] {
    return this.#all.flatMap(([, source]) => claimsOf(source).map(({ head }) => head.length))
  }

  /** The newest head of each, if the host has signed it and it may contradict what we hold now. */
  get open(): Head[] {
    return this.#all.flatMap(([id, { first, newest }]) => {
      const claim = newest ?? first
      return claim !== null && !claim.isBeyond && this.#isSigned(id, claim) ? [claim.head] : []
    })
  }

  /** A head of that length that the host has signed, with another tree hash than this; null where there is none. */
  against(length: number, treeHash: Uint8Array): Head | null {
    for (const [id, claim] of this.#at(length)) {
      if (b4a.equals(claim.head.treeHash, treeHash)) continue
      if (this.#isSigned(id, claim)) return claim.head
    }
    return null
  }

  /** Says that all that is held at this length is of our history. Returns one head of it that is known to be signed. */
  settle(length: number): Head | null {
    let signed: Head | null = null
    for (const [id, claim] of this.#at(length)) {
      if (claim.signed === true) signed = claim.head
      this.agree(id, length)
    }
    return signed
  }

  /** Says that what is held at this length goes on from our newest head. */
  extend(length: number): void {
    for (const [id, claim] of this.#at(length)) {
      claim.isBeyond = true
      const source = this.#sources.get(id)
      if (source !== undefined) source.agreedAt = performance.now()
    }
  }

  /** Whether a source still holds what was asked about it. */
  holds({ source, head }: Question): boolean {
    const first = this.#sources.get(source)?.first
    return first?.head === head && !first.isBeyond
  }

  /** ms until something is due; null where nothing is held. */
  wait(patience: Patience): number | null {
    const times = this.#all.map(([, source]) => dueAt(source, patience))
    const first = Math.min(...times)
    return first === Number.POSITIVE_INFINITY ? null : Math.max(0, first - performance.now())
  }

  /**
   * What is to be proven now, all of it signed, at so many lengths at most; those first that were never asked about, or not
   * for the longest time, so that what nobody can prove is not in the way of the rest.
   */
  take(count: number, patience: Patience): Question[] {
    const now = performance.now()
    const due = this.#all
      .filter(([, source]) => dueAt(source, patience) <= now)
      .sort(([, a], [, b]) => a.triedAt - b.triedAt)
    const questions: Question[] = []
    const lengths = new Set<number>()
    for (const [id, source] of due) {
      const claim = turnOf(source)
      if (claim === null || (lengths.size >= count && !lengths.has(claim.head.length))) continue
      if (!this.#isSigned(id, claim)) continue
      claim.tried = true
      if (claim === source.newest) Object.assign(source, { first: claim, newest: null })
      Object.assign(source, { triedAt: now, triedWith: patience.length })
      lengths.add(claim.head.length)
      questions.push({ source: id, head: claim.head })
    }
    return questions
  }

  clear(): void {
    this.#sources.clear()
    this.#left.clear()
  }

  get #all(): [number, Source][] {
    return [...this.#sources, ...this.#left]
  }

  /** What is held at this length; asked with every head of ours. */
  #at(length: number): [number, Claim][] {
    const found: [number, Claim][] = []
    for (const sources of [this.#sources, this.#left]) {
      for (const [id, { first, newest }] of sources) {
        if (first?.head.length === length) found.push([id, first])
        if (newest?.head.length === length) found.push([id, newest])
      }
    }
    return found
  }

  #isLeft({ length, treeHash }: Head): boolean {
    return [...this.#left.values()].some(({ first }) => {
      return first?.head.length === length && b4a.equals(first.head.treeHash, treeHash)
    })
  }

  #isSigned(id: number, claim: Claim): boolean {
    if (claim.signed === null) {
      // many say the same, and the host has one signature for it
      const same = this.#at(claim.head.length).find(([, { head, signed }]) => {
        return signed === true && isSameHead(head, claim.head)
      })
      claim.signed = same !== undefined || isSigned(this.#subject, claim.head)
    }
    if (claim.signed) return true
    if (this.#sources.delete(id)) this.#onLie(id)
    return false
  }
}

function emptySource(): Source {
  const never = Number.NEGATIVE_INFINITY
  return { first: null, newest: null, agreedAt: never, triedAt: never, triedWith: 0 }
}

function claimOf(head: Head): Claim {
  return { head, heldAt: performance.now(), signed: null, tried: false, isBeyond: false }
}

function claimsOf({ first, newest }: Source): Claim[] {
  return [first, newest].filter((claim) => claim !== null)
}

/** What is to be asked about next: the newest one after another one that was asked about. */
function turnOf({ first, newest }: Source): Claim | null {
  return first?.tried === true ? (newest ?? first) : first
}

/** When a proof is to be asked for, as performance.now(); never, where nothing is held. */
function dueAt(source: Source, { next, retry, length, grownAt }: Patience): number {
  const { agreedAt, triedAt, triedWith } = source
  const claim = turnOf(source)
  if (claim === null) return Number.POSITIVE_INFINITY
  const { head, heldAt, tried, isBeyond } = claim
  const since = Math.max(agreedAt, triedAt) + next
  if (tried) {
    // what was beyond our own head is not any more
    if (triedWith < head.length && head.length <= length) return since
    return isBeyond ? Number.POSITIVE_INFINITY : triedAt + retry
  }
  // we may come so far by ourselves; but in another history we might never
  return head.length <= length ? since : Math.max(since, Math.min(grownAt, heldAt + next) + next)
}
