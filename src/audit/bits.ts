/** Bytes of a page: V8 keeps what is no larger on its own heap, where it takes some hundred bytes, as an ack in a log does. */
const PAGE = 64
/** What is longer than any honest log makes it is not written down, bytes. */
const BYTES_MAX = 16 * 1024 * 1024

/**
 * A set of numbers from 0 on that holds about as many as it leaves out: a bit for each. A number that is far from all
 * others, as a log that wants to harm may have it, takes a page.
 */
export class Bits {
  readonly #pages = new Map<number, Uint8Array>()
  #used: number

  constructor(bytes: Uint8Array = new Uint8Array()) {
    this.#used = bytes.byteLength
    for (let at = 0; at < bytes.byteLength; at += PAGE) {
      const part = bytes.subarray(at, at + PAGE)
      if (part.every((byte) => byte === 0)) continue
      const page = new Uint8Array(PAGE)
      page.set(part)
      this.#pages.set(at / PAGE, page)
    }
  }

  has(n: number): boolean {
    const { page, at, bit } = placeOf(n)
    return ((this.#pages.get(page)?.[at] ?? 0) & bit) !== 0
  }

  add(n: number): void {
    const { page, at, bit } = placeOf(n)
    const bytes = this.#pages.get(page) ?? new Uint8Array(PAGE)
    this.#pages.set(page, bytes)
    bytes[at] = (bytes[at] ?? 0) | bit
    this.#used = Math.max(this.#used, page * PAGE + at + 1)
  }

  clone(): Bits {
    const copy = new Bits()
    for (const [at, page] of this.#pages) copy.#pages.set(at, new Uint8Array(page))
    copy.#used = this.#used
    return copy
  }

  /** Of what `bytes` comes to. */
  get byteLength(): number {
    return this.#used
  }

  /** What the constructor takes; null where a number is too large for that. */
  bytes(): Uint8Array | null {
    if (this.#used > BYTES_MAX) return null
    const bytes = new Uint8Array(this.#used)
    for (const [page, part] of this.#pages) {
      const at = page * PAGE
      bytes.set(part.subarray(0, this.#used - at), at)
    }
    return bytes
  }
}

/** Numbers go beyond what JavaScript's operators on bits take. */
function placeOf(n: number): { page: number; at: number; bit: number } {
  const byte = Math.floor(n / 8)
  return { page: Math.floor(byte / PAGE), at: byte % PAGE, bit: 1 << (n % 8) }
}
