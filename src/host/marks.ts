/** Of so many entries of a user's log the last ack is noted. */
const ENTRIES = 512
/** Notes of all users of an instance, at most. */
const MARKS_MAX = 65_536

/**
 * Where acks of a user are in the call log, one for each so many entries: the acks' chain leads back from the newest one
 * only, and whoever asks for old ones again and again shall not have all of it read each time. What is noted holds for
 * ever, since a log only grows.
 */
export class Marks {
  readonly #users = new Map<string, Map<number, number>>()
  #count = 0

  /** Block of an ack from which the chain leads to all up to entry `to`; `newest` where none is known. */
  before(
    user: string,
    to: number,
    newest: { readonly entry: number; readonly ack: number }
  ): number {
    const marks = this.#users.get(user)
    for (let part = partOf(to); marks !== undefined && part < partOf(newest.entry); part++) {
      const ack = marks.get(part)
      if (ack !== undefined) return ack
    }
    return newest.ack
  }

  /** Says that the chain has led from the ack of entry `later` to that of `entry`, which is in block `ack`. */
  pass(user: string, later: number, entry: number, ack: number): void {
    const part = partOf(entry)
    if (part === partOf(later)) return
    if (this.#count >= MARKS_MAX) this.#forget()
    const marks = this.#users.get(user) ?? new Map<number, number>()
    this.#users.set(user, marks)
    if (!marks.has(part)) this.#count++
    marks.set(part, ack)
  }

  #forget(): void {
    this.#users.clear()
    this.#count = 0
  }
}

function partOf(entry: number): number {
  return Math.floor(entry / ENTRIES)
}
