import b4a from 'b4a'
import type { Head } from './head.ts'
import { cover, haveSizes, type Tree, type TreeNode } from './merkle.ts'
import type { RangeReply } from './messages.ts'
import { leafHash } from './tree-hash.ts'

/** Blocks that are proven. */
export interface ProvenRange {
  readonly blocks: readonly Uint8Array[]
  /** Of the tree over them. */
  readonly leaves: readonly TreeNode[]
  /** Of the tree over them, and to their right: they prove what is here by itself, before the rest has come. */
  readonly nodes: readonly TreeNode[]
}

/** Blocks that were sent, if with what is before them they are what a head is signed over; null where they are not. */
export function proveRange(
  beginning: Tree,
  { blocks, nodes }: RangeReply,
  head: Head
): ProvenRange | null {
  const start = beginning.length
  const end = start + blocks.length
  if (end > head.length || !isCover(nodes, end, head.length)) return null
  const tree = beginning.clone()
  const leaves = blocks.map((block, i) => {
    return { index: 2 * (start + i), size: block.byteLength, hash: leafHash(block) }
  })
  const complete = [...leaves, ...nodes].flatMap((node) => tree.push(node))
  if (!haveSizes(complete) || !b4a.equals(tree.treeHash(), head.treeHash)) return null
  return { blocks, leaves, nodes: complete }
}

function isCover(nodes: readonly TreeNode[], start: number, end: number): boolean {
  const indexes = cover(start, end)
  return nodes.length === indexes.length && nodes.every(({ index }, i) => index === indexes[i])
}
