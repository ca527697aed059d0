import b4a from 'b4a'
import { hashOf, leafHash, writeUint64 } from './tree-hash.ts'

/**
 * BLAKE2b-256 over the concatenation of the parts, after a namespace of ours: H("mivm/1/" + name ‖ parts).
 * The only way in which this project hashes anything that Hypercore does not hash itself.
 */
export function hash(name: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return hashOf([b4a.from(`mivm/1/${name}`), ...parts])
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
  return hash('seed', committedTreeHash, leafHash(block), uint64(seq))
}

/**
 * Hash of what a call wrote: for every path in order its UTF-8 length, the path, then 0 for a deletion, or 1, the
 * length of the content and the content. Lengths are eight bytes, little endian.
 */
export function writesHash(
  writes: readonly { readonly path: string; readonly data: Uint8Array | null }[]
): Uint8Array {
  const parts: Uint8Array[] = []
  for (const { path, data } of writes) {
    const name = b4a.from(path)
    parts.push(uint64(name.byteLength), name)
    if (data === null) parts.push(DELETED)
    else parts.push(WRITTEN, uint64(data.byteLength), data)
  }
  return hash('writes', ...parts)
}

const DELETED = Uint8Array.of(0)
const WRITTEN = Uint8Array.of(1)
