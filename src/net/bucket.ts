/** What measures time, in ms from any point. */
export type Clock = () => number

const CLOCK: Clock = () => performance.now()

/** A token bucket: lets through so much at once, and so much in a second from then on. */
export class Bucket {
  readonly #most: number
  readonly #perSecond: number
  readonly #clock: Clock
  #tokens: number
  #filledAt: number

  constructor(most: number, perSecond: number, clock: Clock = CLOCK) {
    this.#most = most
    this.#perSecond = perSecond
    this.#clock = clock
    this.#tokens = most
    this.#filledAt = clock()
  }

  /** Whether there is room for something of that cost, which is then taken. */
  take(cost = 1): boolean {
    this.#fill()
    if (this.#tokens < cost) return false
    this.#tokens -= cost
    return true
  }

  /** Takes what something has cost, also where there is less: that is a debt then. */
  charge(cost: number): void {
    // what came before is full at most, whenever this is called
    this.#fill()
    this.#tokens -= cost
  }

  /** What there is room for now; below 0 where there is a debt. */
  get room(): number {
    this.#fill()
    return this.#tokens
  }

  /** Whether there will never be room for more. */
  get isFull(): boolean {
    return this.room >= this.#most
  }

  /** How long until there is room for something of that cost, ms; 0 where there is. */
  wait(cost = 1): number {
    const { room } = this
    return room >= cost ? 0 : Math.ceil(((cost - room) * 1000) / this.#perSecond)
  }

  #fill(): void {
    const now = this.#clock()
    const more = ((now - this.#filledAt) * this.#perSecond) / 1000
    this.#tokens = Math.min(this.#most, this.#tokens + more)
    this.#filledAt = now
  }
}
