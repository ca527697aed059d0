/** Steps are sent when this many are there, or after this many ms, or with this much in them. */
const STEPS_MAX = 64
const STEPS_MS = 10
const STEPS_CHARACTERS = 1024 * 1024

/** Steps on their way to the host: the texts that the realm made, which nobody reads in between. */
export class Steps {
  #channel
  #text = ''
  #count = 0
  #sentAt = performance.now()

  constructor(channel) {
    this.#channel = channel
  }

  /** Takes steps as a list without its brackets. */
  add(count, text) {
    this.#text += this.#count === 0 ? text : `,${text}`
    this.#count += count
    if (this.#count >= STEPS_MAX || this.#text.length >= STEPS_CHARACTERS) this.flush()
  }

  /** Sends what waits for a while already; `now` is the time, ms. */
  flushLate(now) {
    if (now - this.#sentAt >= STEPS_MS) this.flush()
  }

  flush() {
    this.#sentAt = performance.now()
    if (this.#count > 0) this.#channel.writeText(`{"type":"steps",${this.take()}}`)
  }

  /** What has not been sent yet, as the field of a frame. */
  take() {
    const text = `"steps":[${this.#text}]`
    this.#text = ''
    this.#count = 0
    return text
  }
}
