/**
 * Everything random in a test comes from one seed, which the test prints. It is the same in every run of `npm test`,
 * so that what fails there is what the change has broken; MIVM_SEED sets another one, and `test:long` always does.
 */
export class Random {
  readonly seed: number
  #state: number

  constructor(seed: number = Number(process.env['MIVM_SEED'] ?? 1)) {
    this.seed = seed >>> 0
    this.#state = this.seed
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.#next() * end)
  }

  chance(probability: number): boolean {
    return this.#next() < probability
  }

  pick<const T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0]
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) bytes[i] = this.below(256)
    return bytes
  }

  /** Of any size, the small ones as often as the large. */
  uint(): number {
    return Math.floor(this.#next() * 2 ** this.below(54))
  }

  /** Well-formed, from all planes. */
  text(lengthMax: number): string {
    const ranges = [0x7f, 0x7ff, 0xffff, 0x10ffff] as const
    let text = ''
    for (let i = this.below(lengthMax + 1); i > 0; i--) {
      const point = this.below(this.pick(ranges) + 1)
      text += point >= 0xd800 && point <= 0xdfff ? '\ufffd' : String.fromCodePoint(point)
    }
    return text
  }

  /** mulberry32 */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
