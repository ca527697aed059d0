import b4a from 'b4a'
import c from 'compact-encoding'
import type Hypercore from 'hypercore'

/** Users whose sums are in memory. */
const KEPT = 10_000
/** A sum is noted down when it has grown by so much: a crash forgets less than that of each user. */
const NOTED_BYTES = 64 * 1024

interface Sum {
  bytes: number
  noted: number
}

/**
 * How many bytes each user has on the disk of the host, over all instances. The sums are notes in a local log: neither
 * signed nor sent, and not synced, since nothing but a quota hangs on them.
 */
export class StoredBytes {
  readonly #notes: Hypercore
  readonly #sums = new Map<string, Sum>()
  #noting: Promise<unknown> = Promise.resolve()

  constructor(notes: Hypercore) {
    this.#notes = notes
  }

  /** Makes known what a user, z-base-32, has. */
  async load(user: string): Promise<void> {
    if (this.#sums.has(user)) return
    // what was forgotten a moment ago may not be written down yet
    await this.#noting
    const note = await this.#notes.getUserData(nameOf(user))
    // another request may have been first
    if (this.#sums.has(user)) return
    const bytes = note === null ? 0 : c.decode(c.uint, note)
    this.#sums.set(user, { bytes, noted: bytes })
    if (this.#sums.size > KEPT) this.#forgetOldest()
  }

  /** What a user has whose sum was loaded lately. */
  of(user: string): number {
    return this.#sums.get(user)?.bytes ?? 0
  }

  add(user: string, bytes: number): void {
    const sum = this.#sums.get(user)
    if (sum === undefined) return
    sum.bytes += bytes
    if (sum.bytes - sum.noted >= NOTED_BYTES) this.#note(user, sum)
  }

  /** Notes everything down. */
  async flush(): Promise<void> {
    for (const [user, sum] of this.#sums) {
      if (sum.bytes > sum.noted) this.#note(user, sum)
    }
    await this.#noting
  }

  #forgetOldest(): void {
    const [oldest] = this.#sums
    if (oldest === undefined) return
    const [user, sum] = oldest
    if (sum.bytes > sum.noted) this.#note(user, sum)
    this.#sums.delete(user)
  }

  /** Where the disk is full there are other worries. */
  #note(user: string, sum: Sum): void {
    sum.noted = sum.bytes
    const note = c.encode(c.uint, sum.bytes)
    this.#noting = this.#noting
      .then(() => this.#notes.setUserData(nameOf(user), b4a.from(note)))
      .catch(() => {})
  }
}

function nameOf(user: string): string {
  return `stored/${user}`
}
