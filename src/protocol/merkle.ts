import flat from 'flat-tree'
import { leafHash, parentHash, rootsHash } from './tree-hash.ts'

/** A node of the Merkle tree over a log, numbered as in flat-tree; `size` is the bytes of the blocks below. */
export interface TreeNode {
  readonly index: number
  readonly size: number
  readonly hash: Uint8Array
}

/**
 * The Merkle tree of a log as far as it is needed to append to it: its roots. Hashes are Hypercore's
 * (hypercore-crypto: data, parent, tree), so the tree hash is the one that the log's author signs.
 */
export class Tree {
  #roots: TreeNode[]
  #length: number

  constructor(roots: readonly TreeNode[] = []) {
    this.#roots = [...roots]
    this.#length = roots.reduce((sum, node) => sum + flat.countLeaves(node.index), 0)
  }

  get length(): number {
    return this.#length
  }

  get roots(): readonly TreeNode[] {
    return this.#roots
  }

  clone(): Tree {
    return new Tree(this.#roots)
  }

  /** Appends a block; returns the nodes that are complete with it, leaf first. */
  append(block: Uint8Array): readonly TreeNode[] {
    return this.push({ index: 2 * this.#length, size: block.byteLength, hash: leafHash(block) })
  }

  /**
   * Appends a whole subtree by its root, which must begin at this length and be aligned to its own size: anything
   * else is no node of a tree over one log, and false is thrown at the caller as a RangeError.
   */
  push(node: TreeNode): readonly TreeNode[] {
    if (flat.leftSpan(node.index) !== 2 * this.#length) {
      throw new RangeError(`node ${node.index} does not begin at block ${this.#length}`)
    }
    const complete = [node]
    this.#length += flat.countLeaves(node.index)
    let last = node
    let previous = this.#roots.at(-1)
    while (previous !== undefined && flat.sibling(last.index) === previous.index) {
      last = {
        index: flat.parent(last.index),
        size: previous.size + last.size,
        hash: parentHash(previous, last)
      }
      complete.push(last)
      this.#roots.pop()
      previous = this.#roots.at(-1)
    }
    this.#roots.push(last)
    return complete
  }

  treeHash(): Uint8Array {
    return rootsHash(this.#roots)
  }
}

/** Whether sizes are whole numbers as they are: what is above 2^53 - 1 would be rounded, and hashed otherwise elsewhere. */
export function haveSizes(nodes: readonly TreeNode[]): boolean {
  return nodes.every(({ size }) => Number.isSafeInteger(size))
}

/** The subtrees, largest first from the left, that cover blocks `start` to `end` and no others. */
export function cover(start: number, end: number): number[] {
  const indexes: number[] = []
  let at = start
  while (at < end) {
    let size = 1
    while (at % (size * 2) === 0 && at + size * 2 <= end) size *= 2
    indexes.push(flat.index(Math.log2(size), at / size))
    at += size
  }
  return indexes
}
