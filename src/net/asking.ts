/** What we ask of a peer at the same time: so much that it takes at most, the rest in the order in which it came. */
export class Asking {
  readonly #max: number
  /** Cost of what is not answered, and what waits for it to become less. */
  #cost = 0
  readonly #turns: { readonly cost: number; go(): void }[] = []

  constructor(max: number) {
    this.#max = max
  }

  async run<T>(cost: number, ask: () => Promise<T>): Promise<T> {
    if (this.#turns.length > 0 || !this.#hasRoom(cost)) {
      await new Promise<void>((go) => this.#turns.push({ cost, go }))
    }
    this.#cost += cost
    try {
      return await ask()
    } finally {
      this.#cost -= cost
      this.#next()
    }
  }

  /** Nobody is there to be waited for. */
  close(): void {
    for (const { go } of this.#turns.splice(0)) go()
  }

  #hasRoom(cost: number): boolean {
    return this.#cost === 0 || this.#cost + cost <= this.#max
  }

  /** One at a time; it makes the next one's turn when it is under way. */
  #next(): void {
    const [next] = this.#turns
    if (next === undefined || !this.#hasRoom(next.cost)) return
    this.#turns.shift()
    next.go()
    queueMicrotask(() => this.#next())
  }
}
