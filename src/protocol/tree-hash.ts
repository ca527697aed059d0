import b4a from 'b4a'
import crypto, { type TreeNode } from 'hypercore-crypto'
import sodium from 'sodium-universal'

/*
 * Hypercore's hashes of leaves, inner nodes and roots (hypercore-crypto: data, parent, tree), to the byte. What is hashed
 * is gathered first: the library gives its parts to the hash one by one, which takes three times as long as hashing them;
 * and a list of one part takes half as long again as that part alone.
 */

/** More than this is not copied, bytes. */
const GATHERED_MAX = 4096

const LEAF = 0
const PARENT = 1
const ROOT = 2

const HASH_BYTES = 32

const GATHERED = b4a.alloc(GATHERED_MAX)
/** The beginnings of it by their size: to make one takes a quarter of the time of a hash. */
const BEGINNINGS = new Array<Uint8Array | undefined>(GATHERED_MAX + 1)
const NUMBERS = new DataView(GATHERED.buffer, GATHERED.byteOffset, GATHERED_MAX)

/** The library's own, since its place may be taken by what is here. */
const { data, tree } = crypto

export function leafHash(block: Uint8Array): Uint8Array {
  const size = block.byteLength
  if (size > GATHERED_MAX - 9) return data(block)
  GATHERED[0] = LEAF
  writeUint64(NUMBERS, 1, size)
  GATHERED.set(block, 9)
  return hashGathered(9 + size)
}

export function parentHash(a: TreeNode, b: TreeNode): Uint8Array {
  const isTurned = a.index > b.index
  const left = isTurned ? b : a
  const right = isTurned ? a : b
  GATHERED[0] = PARENT
  writeUint64(NUMBERS, 1, left.size + right.size)
  GATHERED.set(left.hash, 9)
  GATHERED.set(right.hash, 41)
  return hashGathered(73)
}

export function rootsHash(roots: readonly TreeNode[], out?: Uint8Array): Uint8Array {
  if (48 * roots.length > GATHERED_MAX - 1) return tree([...roots], out)
  GATHERED[0] = ROOT
  let at = 1
  for (const { hash, index, size } of roots) {
    GATHERED.set(hash, at)
    writeUint64(NUMBERS, at + 32, index)
    writeUint64(NUMBERS, at + 40, size)
    at += 48
  }
  return hashGathered(at, out)
}

/** BLAKE2b-256 over several buffers as if they were one. */
export function hashOf(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const part of parts) size += part.byteLength
  if (size > GATHERED_MAX) return crypto.hash([...parts])
  let at = 0
  for (const part of parts) {
    GATHERED.set(part, at)
    at += part.byteLength
  }
  return hashGathered(size)
}

/** BLAKE2b-256. */
export function hashBytes(bytes: Uint8Array, out = b4a.allocUnsafe(HASH_BYTES)): Uint8Array {
  sodium.crypto_generichash(out, bytes)
  return out
}

/** Has Hypercore take its hashes from here. */
export function takeOverHashes(): void {
  Object.assign(crypto, { data: leafHash, parent: parentHash, tree: rootsHash })
}

function hashGathered(size: number, out?: Uint8Array): Uint8Array {
  const bytes = BEGINNINGS[size] ?? GATHERED.subarray(0, size)
  BEGINNINGS[size] = bytes
  return hashBytes(bytes, out)
}

/** Eight bytes, little endian. */
export function writeUint64(view: DataView, at: number, n: number): void {
  view.setUint32(at, n, true)
  view.setUint32(at + 4, n / 2 ** 32, true)
}
