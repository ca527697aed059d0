/** Lets through so much at once, and so much in a second from then on. */
export class Bucket {
  readonly #most: number
  readonly #perSecond: number
  #tokens: number
  #filledAt = performance.now()

  constructor(most: number, perSecond: number) {
    this.#most = most
    this.#perSecond = perSecond
    this.#tokens = most
  }

  /** Whether there is room for something of that cost, which is then taken. */
  take(cost = 1): boolean {
    const now = performance.now()
    const more = ((now - this.#filledAt) * this.#perSecond) / 1000
    this.#tokens = Math.min(this.#most, this.#tokens + more)
    this.#filledAt = now
    if (this.#tokens < cost) return false
    this.#tokens -= cost
    return true
  }
}
