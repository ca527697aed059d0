/** What is executed together. */
export interface Run<T> {
  readonly items: readonly T[]
  readonly bytes: number
}

/** How far to go ahead: runs, and their bytes. One run is always read. */
export interface Distance {
  readonly runs: number
  readonly bytes: number
}

/** Reads runs of a log while others that were read before are executed. */
export class Ahead<T> {
  readonly #source: AsyncIterator<Run<T>>
  /** Whether to read no further, until all that was read is taken. */
  readonly #halts: () => boolean
  #distance: Distance
  readonly #read: Run<T>[] = []
  #bytes = 0
  /** Whether nothing was read since it halted. */
  #isFirst = true
  #reading: Promise<void> | null = null
  #error: unknown = null
  #isOver = false

  constructor(source: AsyncIterator<Run<T>>, distance: Distance, halts: () => boolean) {
    this.#source = source
    this.#distance = distance
    this.#halts = halts
  }

  /** Whether all that was read is taken, and nothing more is read before the next run is asked for. */
  get isHalted(): boolean {
    return this.#read.length === 0 && this.#reading === null && !this.#isOver
  }

  set distance(distance: Distance) {
    this.#distance = distance
  }

  /** The next run; null where there is none. */
  async next(): Promise<readonly T[] | null> {
    if (this.isHalted) this.#isFirst = true
    this.#goOn()
    while (this.#read.length === 0 && this.#reading !== null) await this.#reading
    const run = this.#read.shift()
    if (run === undefined) {
      if (this.#error !== null) throw this.#error
      return null
    }
    this.#bytes -= run.bytes
    this.#goOn()
    return run.items
  }

  /** Reads nothing more, and resolves when nothing is read any more. */
  async close(): Promise<void> {
    this.#isOver = true
    await this.#reading
  }

  get #isFar(): boolean {
    if (this.#read.length === 0) return false
    return this.#read.length >= this.#distance.runs || this.#bytes >= this.#distance.bytes
  }

  #goOn(): void {
    if (this.#reading !== null || this.#isOver || this.#isFar) return
    if (!this.#isFirst && this.#halts()) return
    this.#isFirst = false
    this.#reading = this.#readOne().then(() => {
      this.#reading = null
      this.#goOn()
    })
  }

  async #readOne(): Promise<void> {
    try {
      const { value, done } = await this.#source.next()
      if (done === true) {
        this.#isOver = true
        return
      }
      this.#read.push(value)
      this.#bytes += value.bytes
    } catch (error) {
      this.#error = error
      this.#isOver = true
    }
  }
}
