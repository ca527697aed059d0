import type { MivmError } from '../protocol/errors.ts'

/** Waits between tries to reach the host, ms. */
const RETRY_MIN = 100
const RETRY_MAX = 2_000
/** The longest that is waited because the host says so, ms: it may have more room sooner than it thinks. */
const WAIT_MAX = 60_000

/** When nothing is sent to a host: after it has failed or refused, as long as it says, or longer each time. */
export class Backoff {
  readonly #fruitlessMax: number
  readonly #onOver: () => void
  #isResting = false
  /** The last wait of those that become longer, ms. */
  #wait = 0
  /** Replies in a row that have brought nothing. */
  #fruitless = 0

  /** `fruitlessMax`: so many replies in a row may bring nothing of what was asked for. `onOver`: it may be sent something again. */
  constructor(fruitlessMax: number, onOver: () => void) {
    this.#fruitlessMax = fruitlessMax
    this.#onOver = onOver
  }

  get isResting(): boolean {
    return this.#isResting
  }

  /** The host works: the next wait is short again. */
  reset(): void {
    this.#wait = 0
  }

  /** Waits after an error. */
  failed({ retryAfter }: MivmError): void {
    this.#wait = bounded(2 * this.#wait)
    this.#rest(
      retryAfter === null ? this.#wait : Math.min(WAIT_MAX, Math.max(RETRY_MIN, retryAfter))
    )
  }

  /** A host that answers and never says what was asked is asked again as one that is away: less and less often. */
  replied(isFruitful: boolean): void {
    this.#fruitless = isFruitful ? 0 : this.#fruitless + 1
    const beyond = this.#fruitless - this.#fruitlessMax
    if (beyond > 0 && !this.#isResting) this.#rest(bounded(RETRY_MIN * 2 ** beyond))
  }

  /** Nothing is sent any more: all is about to end with an error. */
  stop(): void {
    this.#isResting = true
  }

  #rest(ms: number): void {
    this.#isResting = true
    setTimeout(() => {
      this.#isResting = false
      this.#onOver()
    }, ms).unref()
  }
}

function bounded(ms: number): number {
  return Math.min(RETRY_MAX, Math.max(RETRY_MIN, ms))
}
