/** After so long without a call an instance is closed. */
const IDLE_MS = 60_000
/** What all of them may have in memory before those go that are idle, bytes. */
const WEIGHT_MAX = 128 * 1024 * 1024

/** What can be closed and opened again. */
export interface Resident {
  /** Idle since, as performance.now(); null while it is in use. */
  readonly idleSince: number | null
  /** What it has in memory, about, bytes. */
  readonly weight: number
  /** Whether it can do nothing more until it is opened again. */
  readonly isSpoilt: boolean
  close(): Promise<void>
}

/** The instances that are open, by address: those that nobody calls are closed, and opened again when somebody does. */
export class Residents<R extends Resident> {
  readonly #max: number
  readonly #opening = new Map<string, Promise<R>>()
  readonly #open = new Map<string, R>()
  /** How many do something with which of them, as `use` says. */
  readonly #uses = new Map<string, number>()
  /** On their way out of memory: one that is wanted again has to wait for that. */
  readonly #leaving = new Map<string, Promise<void>>()
  readonly #sweep: NodeJS.Timeout

  /** `max`: so many stay open whether they are called or not. */
  constructor(max: number) {
    this.#max = max
    this.#sweep = setInterval(() => {
      this.closeIdle()
      this.#makeRoom()
    }, IDLE_MS / 4).unref()
  }

  get size(): number {
    return this.#opening.size
  }

  /** Those that are open now. */
  get open(): readonly R[] {
    return [...this.#open.values()]
  }

  get isCrowded(): boolean {
    return this.#opening.size > this.#max
  }

  has(id: string): boolean {
    return this.#opening.has(id)
  }

  /** One that is open or being opened. One that is spoilt is closed first, whoever uses it, and counts as not there. */
  get(id: string): Promise<R> | undefined {
    if (this.#open.get(id)?.isSpoilt) this.#leave(id)
    return this.#opening.get(id)
  }

  /** One that is being opened; forgotten where that fails. */
  keep(id: string, opening: Promise<R>): Promise<R> {
    this.#opening.set(id, opening)
    opening.then(
      (resident) => {
        this.#open.set(id, resident)
        this.#makeRoom()
      },
      () => this.#opening.delete(id)
    )
    return opening
  }

  /** Does something with one, which is not closed meanwhile, whether it is called or not. */
  async use<T>(id: string, fn: () => Promise<T>): Promise<T> {
    this.#uses.set(id, (this.#uses.get(id) ?? 0) + 1)
    try {
      return await fn()
    } finally {
      const left = (this.#uses.get(id) ?? 0) - 1
      if (left > 0) this.#uses.set(id, left)
      else this.#uses.delete(id)
    }
  }

  /** Resolves when the last one of that address is closed. */
  async left(id: string): Promise<void> {
    await this.#leaving.get(id)
  }

  /** Closes those that have been idle for long, and where there are too many all that are idle. */
  closeIdle(): void {
    const { isCrowded } = this
    const before = performance.now() - IDLE_MS
    for (const { id, since } of this.#idle()) {
      if (isCrowded || since <= before) this.#leave(id)
    }
  }

  /** Finishes the batches in flight, and closes all. */
  async close(): Promise<void> {
    clearInterval(this.#sweep)
    await Promise.allSettled(this.#opening.values())
    for (const id of [...this.#open.keys()]) this.#leave(id)
    await Promise.allSettled(this.#leaving.values())
  }

  /** Thousands are opened in the time until idle ones are looked for, and each may have a large code, or many users. */
  #makeRoom(): void {
    let weight = 0
    for (const resident of this.#open.values()) weight += resident.weight
    if (weight <= WEIGHT_MAX) return
    for (const { id } of this.#idle().sort((a, b) => a.since - b.since)) {
      if (weight <= WEIGHT_MAX) return
      weight -= this.#open.get(id)?.weight ?? 0
      this.#leave(id)
    }
  }

  #idle(): { readonly id: string; readonly since: number }[] {
    return [...this.#open].flatMap(([id, { idleSince }]) => {
      return idleSince === null || this.#uses.has(id) ? [] : [{ id, since: idleSince }]
    })
  }

  #leave(id: string): void {
    const resident = this.#open.get(id)
    if (resident === undefined) return
    this.#open.delete(id)
    this.#opening.delete(id)
    // what is wrong with it, whoever opens it again is told
    const leaving = resident.close().catch(() => {})
    this.#leaving.set(
      id,
      leaving.finally(() => this.#leaving.delete(id))
    )
  }
}
