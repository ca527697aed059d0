/** Runs so many functions at a time that their costs together are within a bound; the others wait, in the order of the calls. */
export class Semaphore {
  readonly #max: number
  /** Cost of what is under way. */
  #used = 0
  readonly #waiting: { readonly cost: number; go(): void }[] = []

  constructor(max: number) {
    this.#max = max
  }

  /** One that costs more than there may be runs alone. */
  async run<T>(fn: () => Promise<T>, cost = 1): Promise<T> {
    if (this.#waiting.length === 0 && this.#hasRoom(cost)) this.#used += cost
    else await new Promise<void>((go) => this.#waiting.push({ cost, go }))
    try {
      return await fn()
    } finally {
      this.#used -= cost
      this.#admit()
    }
  }

  /** Lets in all that wait: each finds out by itself that nobody is there to do it for. */
  close(): void {
    for (const { cost, go } of this.#waiting.splice(0)) {
      this.#used += cost
      go()
    }
  }

  #admit(): void {
    for (;;) {
      const [next] = this.#waiting
      if (next === undefined || !this.#hasRoom(next.cost)) return
      this.#waiting.shift()
      this.#used += next.cost
      next.go()
    }
  }

  #hasRoom(cost: number): boolean {
    return this.#used === 0 || this.#used + cost <= this.#max
  }
}
