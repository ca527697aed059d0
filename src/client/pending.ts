import type { Result } from '../protocol/entries.ts'
import type { MivmError } from '../protocol/errors.ts'

/** A call with its result. */
export interface Done {
  /** Number of the call's entry in its user's log. */
  readonly entry: number
  readonly result: Result
}

/** Somebody who waits for the result of a call. */
export interface Pending {
  readonly resolve: (done: Done) => void
  readonly reject: (error: unknown) => void
  /** As performance.now(): a clock that is set right meanwhile ends no call, and keeps none for hours. */
  readonly deadline: number
}

/** The calls in a user's log that have no result yet, by number of entry, in order. */
export class PendingCalls {
  /** Null where nobody waits any more, or since an earlier run. */
  readonly #calls = new Map<number, Pending | null>()

  get size(): number {
    return this.#calls.size
  }

  get entries(): number[] {
    return [...this.#calls.keys()]
  }

  get first(): number | undefined {
    const [first] = this.#calls.keys()
    return first
  }

  /** Entries whose results nobody waits for. */
  get unattended(): number[] {
    return this.entries.filter((entry) => this.#calls.get(entry) === null)
  }

  has(entry: number): boolean {
    return this.#calls.has(entry)
  }

  add(entry: number, pending: Pending | null): void {
    this.#calls.set(entry, pending)
  }

  settle(entry: number, result: Result): void {
    const pending = this.#calls.get(entry)
    this.#calls.delete(entry)
    pending?.resolve({ entry, result })
  }

  /** Gives up, for whoever waits, calls behind an entry whose time is over at `now`, as performance.now(): results may still come. */
  expire(now: number, behind: number, late: () => MivmError): void {
    for (const [entry, pending] of this.#calls) {
      if (pending === null || pending.deadline > now || entry <= behind) continue
      this.#calls.set(entry, null)
      pending.reject(late())
    }
  }

  /** Ends calls behind an entry, which did not get into the log. */
  drop(behind: number, error: unknown): void {
    for (const [entry, pending] of this.#calls) {
      if (entry <= behind) continue
      this.#calls.delete(entry)
      pending?.reject(error)
    }
  }

  /** Gives up all, for whoever waits. */
  fail(error: unknown): void {
    for (const [entry, pending] of this.#calls) {
      this.#calls.set(entry, null)
      pending?.reject(error)
    }
  }
}
