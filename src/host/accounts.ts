/** Answers that are found without walking the log, of one user and of all; and users of whom any are kept. */
const ANSWERS_KEPT = 2048
const ANSWERS_MAX = 16_384
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
  /** Answers of all users that are kept. */
  #kept = 0

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
    this.#kept++
    if (answered.length >= 2 * ANSWERS_KEPT) this.#kept -= answered.splice(0, ANSWERS_KEPT).length
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

  /** Lets go of what was answered where that is much, or to many users: it is in the log. */
  trim(): void {
    if (this.#kept > ANSWERS_MAX) this.#forgetOldest()
    if (this.#accounts.size <= ACCOUNTS_KEPT) return
    for (const [user, { waiting, answered }] of this.#accounts) {
      if (waiting.length > 0) continue
      this.#kept -= answered.length
      this.#accounts.delete(user)
    }
  }

  /** Of those who were answered longest ago, until half of what may be kept is left. */
  #forgetOldest(): void {
    const newest = ({ answered }: Account) => answered.at(-1)?.ack ?? 0
    const accounts = [...this.#accounts.values()].sort((a, b) => newest(a) - newest(b))
    for (const { answered } of accounts) {
      if (this.#kept <= ANSWERS_MAX / 2) return
      this.#kept -= answered.splice(0).length
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
