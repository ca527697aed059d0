// Keys, trees, heads, proofs and receipts: FORMAT.md, 5 to 7, 13 and 14.
import crypto from 'hypercore-crypto'
import { attempt, equal, H, Reader, refuse, u64 } from './bytes.ts'
import { type Head, readEntry, signatureIn } from './entries.ts'

const HYPERCORE = H('hypercore')
const TREE = H(HYPERCORE, Uint8Array.of(0))
const MANIFEST = H(HYPERCORE, Uint8Array.of(3))
const BLOBS = H(H('hyperdrive'), Uint8Array.of(0))
const RECEIPT = Buffer.from('mivm/receipt/1\n')

/** A log: its key, and who signs it. */
export interface Core {
  readonly key: Uint8Array
  readonly signer: Uint8Array
}

export function manifestOf(namespace: Uint8Array, signer: Uint8Array, prologue?: Uint8Array) {
  const form = Buffer.from([1, prologue === undefined ? 0 : 2, 0, 1, 1, 0])
  const end = prologue === undefined ? [] : [prologue, Uint8Array.of(1)]
  return Buffer.concat([form, namespace, signer, ...end])
}

export function callLog(host: Uint8Array, genesisBlock: Uint8Array): Core {
  const tree = new Tree()
  tree.append(genesisBlock)
  return core(H('mivm/1/call-log'), host, tree.treeHash())
}

export function userLog(user: Uint8Array, address: Uint8Array): Core {
  return core(H('mivm/1/user-log', address), user)
}

/** The two logs of the state archive. */
export function archiveLogs(host: Uint8Array, address: Uint8Array): { archive: Core; blobs: Core } {
  const namespace = H('mivm/1/state', address)
  const archive = core(namespace, host)
  return { archive, blobs: core(H(BLOBS, archive.key, namespace), host) }
}

/** Whether the author of a log has signed this head. */
export function holds({ length, fork, treeHash, signature }: Head, { key, signer }: Core): boolean {
  const plain = signatureIn(signature)
  const signed = Buffer.concat([TREE, key, treeHash, u64(length), u64(fork)])
  return plain !== null && crypto.verify(signed, plain, signer)
}

interface Node {
  readonly index: number
  readonly size: number
  readonly hash: Uint8Array
}

/** The Merkle tree of a log, as far as its roots. */
export class Tree {
  length = 0
  readonly #roots: Node[] = []

  append(block: Uint8Array): void {
    const size = block.length
    this.graft({ index: 2 * this.length, size, hash: H(Uint8Array.of(0), u64(size), block) })
  }

  /** Appends a whole subtree. */
  graft(node: Node): void {
    const leaves = leavesOf(node)
    if (node.index - (leaves - 1) !== 2 * this.length) refuse('a subtree begins elsewhere')
    this.length += leaves
    if (!Number.isSafeInteger(this.length)) refuse('a length is too large')
    this.#roots.push(node)
    for (;;) {
      const [left, right] = this.#roots.slice(-2)
      if (left === undefined || right === undefined || !areSiblings(left, right)) return
      this.#roots.splice(-2, 2, parentOf(left, right))
    }
  }

  treeHash(): Uint8Array {
    const roots = this.#roots.flatMap(({ hash, index, size }) => [hash, u64(index), u64(size)])
    return H(Uint8Array.of(2), ...roots)
  }
}

/** The tree hash at every length of a log. */
export function treeHashes(blocks: readonly Uint8Array[]): Uint8Array[] {
  const tree = new Tree()
  const hashes = [tree.treeHash()]
  for (const block of blocks) {
    tree.append(block)
    hashes.push(tree.treeHash())
  }
  return hashes
}

/** The blocks that a proof shows, by index, or null. `known`: what the log has up to the start of the proof. */
export function readProof(
  bytes: Uint8Array,
  log: Core,
  known: readonly Uint8Array[] = []
): Map<number, Uint8Array> | null {
  return attempt(() => {
    const reader = new Reader(bytes)
    const { blocks } = proof(reader, log, known)
    reader.end()
    return blocks
  })
}

/** Whether a receipt holds; the blocks that it shows, by index, or null. */
export function readReceipt(bytes: Uint8Array): Map<number, Uint8Array> | null {
  return attempt(() => {
    const reader = new Reader(bytes)
    if (!equal(reader.take(RECEIPT.length), RECEIPT)) refuse('not a receipt')
    const genesisBlock = reader.buffer()
    const genesis = readEntry(genesisBlock)
    if (typeof genesis === 'string' || genesis.type !== 'genesis') refuse('no genesis')
    const { blocks, fork } = proof(reader, callLog(genesis.host, genesisBlock), [])
    reader.end()
    if (fork !== 0) refuse('a fork')
    const shown = [...blocks].map(([index, block]) => ({ index, entry: readEntry(block) }))
    const [ack, result] = shown
    if (shown.length !== 2 || typeof ack?.entry !== 'object' || typeof result?.entry !== 'object')
      refuse('not two entries')
    if (ack.entry.type !== 'ack' || result.entry.type !== 'result') refuse('other entries')
    return result.entry.ack === ack.index ? blocks : refuse('a result of another call')
  })
}

function proof(r: Reader, log: Core, known: readonly Uint8Array[]) {
  const tree = new Tree()
  for (const block of known) tree.append(block)
  if (r.uint() !== tree.length) refuse('it begins elsewhere')
  const blocks = new Map<number, Uint8Array>()
  r.array(() => {
    const [isBlock, isNode] = r.flags(2)
    if (isBlock === isNode) refuse('neither block nor node, or both')
    if (isNode) return tree.graft({ index: r.uint(), size: r.uint(), hash: r.fixed32() })
    const block = r.buffer()
    blocks.set(tree.length, block)
    tree.append(block)
  })
  const [length, fork, signature] = [r.uint(), r.uint(), r.buffer()]
  const head = { length, fork, treeHash: tree.treeHash(), signature }
  if (length !== tree.length || !holds(head, log)) refuse('the head does not hold')
  return { blocks, fork }
}

function core(namespace: Uint8Array, signer: Uint8Array, prologue?: Uint8Array): Core {
  return { key: H(MANIFEST, manifestOf(namespace, signer, prologue)), signer }
}

function parentOf(left: Node, right: Node): Node {
  const size = left.size + right.size
  if (!Number.isSafeInteger(size)) refuse('a size is too large')
  const hash = H(Uint8Array.of(1), u64(size), left.hash, right.hash)
  return { index: (left.index + right.index) / 2, size, hash }
}

function areSiblings(left: Node, right: Node): boolean {
  const leaves = leavesOf(left)
  return leaves === leavesOf(right) && (left.index - (leaves - 1)) % (4 * leaves) === 0
}

/** How many leaves are below a node: its index ends with as many binary ones as it is levels high. */
function leavesOf({ index }: Node): number {
  let leaves = 1
  for (let rest = index; rest % 2 === 1; rest = (rest - 1) / 2) leaves *= 2
  return leaves
}
