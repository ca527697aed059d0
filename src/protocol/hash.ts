import b4a from 'b4a'
import { hashBytes, hashOf, leafHash, writeUint64 } from './tree-hash.ts'

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
  let most = WRITES.byteLength
  for (const { path, data } of writes) most += 17 + 3 * path.length + (data?.byteLength ?? 0)
  // in one piece: a piece for each path, number and content costs more than hashing them
  const bytes = b4a.allocUnsafe(most)
  const view = new DataView(bytes.buffer, bytes.byteOffset, most)
  bytes.set(WRITES)
  let at = WRITES.byteLength
  for (const { path, data } of writes) {
    const length = b4a.write(bytes, path, at + 8)
    writeUint64(view, at, length)
    at += 8 + length
    bytes[at++] = data === null ? DELETED : WRITTEN
    if (data === null) continue
    writeUint64(view, at, data.byteLength)
    bytes.set(data, at + 8)
    at += 8 + data.byteLength
  }
  return hashBytes(bytes.subarray(0, at))
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
