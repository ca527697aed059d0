/** For so long, ms, and so much at most, what peers ask for is begun before everything else has its turn. */
const ROUND_MS = 4
const ROUND_MAX = 64

/** What is begun in one turn of the event loop. */
interface Round {
  /** As performance.now(); null before the first one. */
  begunAt: number | null
  left: number
}

/**
 * Begins what peers ask for, one thing after the other, the peers in turns. Thousands of requests may come in one frame, and
 * what each of them takes until it waits for something is often all that it takes: begun together they would stop the process
 * for everybody else until the last one is done.
 */
export class Pace {
  readonly #waiting = new Map<object, (() => void)[]>()
  #count = 0
  #round: Round | null = null

  /** Resolves when the next thing that a peer asks for may begin: at once where nothing has begun in this turn of the event loop. */
  turn(peer: object): Promise<void> {
    if (this.#round === null) {
      this.#plan(1)
      return Promise.resolve()
    }
    return new Promise((go) => {
      const waiting = this.#waiting.get(peer)
      if (waiting === undefined) this.#waiting.set(peer, [go])
      else waiting.push(go)
      this.#count++
    })
  }

  #plan(left: number): void {
    const round = { begunAt: null, left }
    this.#round = round
    // what one of them does before it waits for something is done when the next one is called
    for (let i = 0; i < left; i++) setImmediate(() => this.#step(round))
  }

  #step(round: Round): void {
    const now = performance.now()
    round.begunAt ??= now
    if (now - round.begunAt < ROUND_MS) this.#begin()
    round.left--
    if (round.left > 0) return
    if (this.#count > 0) this.#plan(Math.min(ROUND_MAX, this.#count))
    else this.#round = null
  }

  #begin(): void {
    const [next] = this.#waiting
    if (next === undefined) return
    const [peer, waiting] = next
    const go = waiting.shift()
    this.#waiting.delete(peer)
    if (waiting.length > 0) this.#waiting.set(peer, waiting)
    this.#count--
    go?.()
  }
}
