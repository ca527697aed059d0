import b4a from 'b4a'
import { hashOf, leafHash, writeUint64 } from './tree-hash.ts'

/**
 * BLAKE2b-256 over the concatenation of the parts, after a namespace of ours: H("mivm/1/" + name ‖ parts).
 * The only way in which this project hashes anything that Hypercore does not hash itself.
 */
export function hash(name: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return hashOf([namespace(name), ...parts])
}

/** Hash of a contract's source, as genesis names it. */
export function codeHash(source: string): Uint8Array {
  return hash('code', b4a.from(source))
}

/** A number as eight bytes, little endian, for hashing. */
export function uint64(n: number): Uint8Array {
  const bytes = new Uint8Array(8)
  writeUint64(new DataView(bytes.buffer), 0, n)
  return bytes
}

/**
 * Seed of `Math.random` for one call: from the call log as the last commit left it, the user's block as it was
 * signed, and the number of the call. The host can steer the first by its choice of batches, so the result is
 * good enough to shuffle and not to bet on.
 */
export function callSeed(
  committedTreeHash: Uint8Array,
  block: Uint8Array,
  seq: number
): Uint8Array {
  const leaf = leafHash(block)
  writeUint64(NUMBER_VIEW, 0, seq)
  return hashOf([SEED, committedTreeHash, leaf, NUMBER])
}

/**
 * Hash of what a call wrote: for every path in order its UTF-8 length, the path, then 0 for a deletion, or 1, the
 * length of the content and the content. Lengths are eight bytes, little endian.
 */
export function writesHash(
  writes: readonly { readonly path: string; readonly data: Uint8Array | null }[]
): Uint8Array {
  const parts: Uint8Array[] = [WRITES]
  // the numbers of all writes in one piece: a piece each costs more than hashing them
  const numbers = b4a.allocUnsafe(17 * writes.length)
  const view = new DataView(numbers.buffer, numbers.byteOffset, numbers.byteLength)
  let at = 0
  for (const { path, data } of writes) {
    const name = b4a.from(path)
    writeUint64(view, at, name.byteLength)
    parts.push(numbers.subarray(at, at + 8), name)
    at += 8
    numbers[at] = data === null ? DELETED : WRITTEN
    if (data !== null) writeUint64(view, at + 1, data.byteLength)
    const end = at + (data === null ? 1 : 9)
    parts.push(numbers.subarray(at, end))
    if (data !== null) parts.push(data)
    at = end
  }
  return hashOf(parts)
}

function namespace(name: string): Uint8Array {
  return b4a.from(`mivm/1/${name}`)
}

const DELETED = 0
const WRITTEN = 1
const SEED = namespace('seed')
const WRITES = namespace('writes')
/** Hashing reads it before anything else is written there. */
const NUMBER = b4a.alloc(8)
const NUMBER_VIEW = new DataView(NUMBER.buffer, NUMBER.byteOffset, 8)
