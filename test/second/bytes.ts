// Bytes as FORMAT.md writes them (1, 2, 3). Written from that text alone, like all of this directory.
import crypto from 'hypercore-crypto'

const INTEGER_MAX = BigInt(Number.MAX_SAFE_INTEGER)
const ITEMS_MAX = 2 ** 20
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What cannot be read, or is not in canonical form. */
export class Malformed extends Error {}

export function refuse(why: string): never {
  throw new Malformed(why)
}

/** What a function makes of bytes that somebody else has written; null where they are malformed. */
export function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

/** Reads the canonical form, and no other. */
export class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) refuse('it ends too early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  byte(): number {
    return this.take(1)[0] ?? 0
  }

  uint(): number {
    const first = this.byte()
    if (first < 0xfd) return first
    const size = 2 ** (first - 0xfc)
    const value = Buffer.from(this.take(size)).reduceRight(
      (sum, byte) => sum * 256n + BigInt(byte),
      0n
    )
    const least = size === 2 ? 0xfdn : 1n << BigInt(size * 4)
    if (value < least || value > INTEGER_MAX)
      refuse('a number is not in its shortest form, or too large')
    return Number(value)
  }

  fixed32(): Uint8Array {
    return this.take(32)
  }

  buffer(): Uint8Array {
    return this.take(this.uint())
  }

  string(): string {
    const bytes = this.buffer()
    try {
      return utf8.decode(bytes)
    } catch {
      return refuse('text is not UTF-8')
    }
  }

  array<T>(item: () => T): T[] {
    const count = this.uint()
    if (count > ITEMS_MAX) refuse('an array is too long')
    const items: T[] = []
    while (items.length < count) items.push(item())
    return items
  }

  /** Which of `count` optional fields are there. */
  flags(count: number): boolean[] {
    const bits = count <= 8 ? this.byte() : this.byte() + 256 * this.byte()
    if (bits >= 2 ** count) refuse('there is a flag of no field')
    return Array.from({ length: count }, (_, i) => Math.floor(bits / 2 ** i) % 2 === 1)
  }

  end(): void {
    if (this.#at !== this.#bytes.length) refuse('something follows')
  }
}

/** An optional number or text that is there is not empty. */
export function filled<T extends number | string>(value: T): T {
  if (value === 0 || value === '') refuse('an empty field is there')
  return value
}

/** H of FORMAT.md, over the parts one after the other. */
export function H(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  return crypto.hash(Buffer.concat(parts.map((part) => Buffer.from(part))))
}

export function u64(n: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(n))
  return bytes
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
