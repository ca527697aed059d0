import b4a from 'b4a'
import c from 'compact-encoding'
import crypto from 'hypercore-crypto'

/** What the author of a log signs: everything up to `length`. */
export interface Head {
  readonly length: number
  readonly fork: number
  readonly treeHash: Uint8Array
  /** As Hypercore stores it for one signer: a multi-signature with one proof and no patch, 68 bytes. */
  readonly signature: Uint8Array
}

/** A copy of a head, to be kept: its bytes are cut from a block, and all of that would stay in memory with them. */
export function copyHead<T extends Pick<Head, 'treeHash' | 'signature'>>(head: T): T {
  const { treeHash, signature } = head
  return { ...head, treeHash: new Uint8Array(treeHash), signature: new Uint8Array(signature) }
}

/** Whether two heads are one, signature included: what was verified of the one holds for the other. */
export function isSameHead(a: Head, b: Head): boolean {
  const isOne = a.length === b.length && a.fork === b.fork
  return isOne && b4a.equals(a.treeHash, b.treeHash) && b4a.equals(a.signature, b.signature)
}

/** Whether `publicKey` signed this head of the log with that key (hypercore, lib/caps.js, treeSignable). */
export function verifyHead(head: Head, key: Uint8Array, publicKey: Uint8Array): boolean {
  const signature = unwrapSignature(head.signature)
  if (signature === null || !isUint(head.length) || !isUint(head.fork)) return false
  return crypto.verify(treeSignable(key, head), signature, publicKey)
}

/** Whether the signature has the one form that this format knows; says nothing of what it signs. */
export function hasSignatureForm({ signature }: Pick<Head, 'signature'>): boolean {
  return unwrapSignature(signature) !== null
}

/** The head that an author makes of what it signs, in the form that Hypercore stores. */
export function signHead(
  head: Omit<Head, 'signature'>,
  key: Uint8Array,
  sign: (message: Uint8Array) => Uint8Array
): Head {
  const [before, after] = FRAMING
  return { ...head, signature: b4a.concat([before, sign(treeSignable(key, head)), after]) }
}

function treeSignable(key: Uint8Array, head: Omit<Head, 'signature'>): Uint8Array {
  const state = { start: 0, end: 112, buffer: b4a.alloc(112) }
  c.fixed32.encode(state, TREE)
  c.fixed32.encode(state, key)
  c.fixed32.encode(state, head.treeHash)
  c.uint64.encode(state, head.length)
  c.uint64.encode(state, head.fork)
  return state.buffer
}

/** Only the one form that Hypercore writes for a single signer: a second form would be a second signature. */
function unwrapSignature(signature: Uint8Array): Uint8Array | null {
  if (signature.byteLength !== 68) return null
  const [before, after] = FRAMING
  const framed =
    b4a.equals(signature.subarray(0, 2), before) && b4a.equals(signature.subarray(66), after)
  return framed ? signature.subarray(2, 66) : null
}

/** One proof, of signer 0; then its patch of length 0, and no nodes. */
const FRAMING = [Uint8Array.of(1, 0), Uint8Array.of(0, 0)] as const

function isUint(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0
}

/** The first of Hypercore's own namespaces (hypercore, lib/caps.js). */
const [TREE = new Uint8Array()] = crypto.namespace('hypercore', 1)
