const BYTES_MIN = 64

/** A set of numbers from 0 on that holds about as many as it leaves out: a bit for each. */
export class Bits {
  #bytes: Uint8Array
  #used = 0

  constructor(bytes: Uint8Array = new Uint8Array()) {
    this.#bytes = Uint8Array.from(bytes)
    this.#used = bytes.byteLength
  }

  has(n: number): boolean {
    return (((this.#bytes[n >> 3] ?? 0) >> (n & 7)) & 1) === 1
  }

  add(n: number): void {
    const at = n >> 3
    if (at >= this.#bytes.byteLength) {
      const grown = new Uint8Array(Math.max(BYTES_MIN, 2 * at))
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    this.#bytes[at] = (this.#bytes[at] ?? 0) | (1 << (n & 7))
    this.#used = Math.max(this.#used, at + 1)
  }

  /** What the constructor takes. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#used)
  }
}
