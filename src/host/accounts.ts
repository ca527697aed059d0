/** Answers of one user that are found without walking the log, and users of whom any are kept. */
const ANSWERS_KEPT = 2048
const ACCOUNTS_KEPT = 512

/** Where a call's result is. */
export interface Answered {
  /** Number of the entry in its user's log. */
  readonly entry: number
  /** Blocks of the call log. */
  readonly ack: number
  readonly result: number
}

/** By number of entry, in order. */
interface Account {
  readonly waiting: number[]
  readonly answered: Answered[]
}

/** What the users of an instance, by z-base-32, have waiting, and what they have been answered lately. */
export class Accounts {
  readonly #accounts = new Map<string, Account>()

  wait(user: string, entry: number): void {
    this.#of(user).waiting.push(entry)
  }

  /** The first entry that waits for a result; null where none does. */
  next(user: string): number | null {
    return this.#accounts.get(user)?.waiting[0] ?? null
  }

  /** Whether everything up to an entry has its result. */
  isSettled(user: string, entry: number): boolean {
    const next = this.next(user)
    return next === null || next > entry
  }

  /** Says where the result of an entry is: of the first one that waits, or of one that never had to. */
  answer(user: string, at: Answered): void {
    const { waiting, answered } = this.#of(user)
    if (waiting[0] === at.entry) waiting.shift()
    answered.push(at)
    if (answered.length >= 2 * ANSWERS_KEPT) answered.splice(0, ANSWERS_KEPT)
  }

  /** The answers to entries `from` to `to`; null where they may be only in the log. */
  lately(user: string, from: number, to: number): Answered[] | null {
    const answered = this.#accounts.get(user)?.answered ?? []
    const [oldest] = answered
    if (oldest === undefined || oldest.entry > from) return null
    // nearly always the last ones are asked for
    const before = answered.findLastIndex(({ entry }) => entry < from)
    return answered.slice(before + 1).filter(({ entry }) => entry <= to)
  }

  /** Lets go of what was answered when there are many users: it is in the log. */
  trim(): void {
    if (this.#accounts.size <= ACCOUNTS_KEPT) return
    for (const [user, { waiting }] of this.#accounts) {
      if (waiting.length === 0) this.#accounts.delete(user)
    }
  }

  #of(user: string): Account {
    let account = this.#accounts.get(user)
    if (account === undefined) {
      account = { waiting: [], answered: [] }
      this.#accounts.set(user, account)
    }
    return account
  }
}
