import type Corestore from 'corestore'
import flat from 'flat-tree'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import { cover, type TreeNode } from '../protocol/merkle.ts'
import {
  RANGE_BLOCKS_MAX,
  RANGE_BYTES_MAX,
  type RangeReply,
  type RangeRequest
} from '../protocol/messages.ts'
import { readBlocks, readNodes } from '../state/blocks.ts'

const NOTHING: RangeReply = { blocks: [], nodes: [] }

/** What is on disk of a log, as many blocks as go into one reply; nothing where there is no such log or not so much of it. */
export async function readRange(store: Corestore, request: RangeRequest): Promise<RangeReply> {
  const { key, start, length } = request
  if (start >= length || !(await store.storage.hasCore(crypto.discoveryKey(key)))) return NOTHING
  // who only reads does not count as somebody who wants to have more of the log
  const core = store.get({ key, active: false })
  try {
    await core.ready()
    if (core.length < length || core.fork !== 0) return NOTHING
    const end = await endOf(core, request)
    const wanted = range(start, end)
    const behind = cover(end, length)
    const blocks = (await readBlocks(core, wanted)).filter((block) => block !== null)
    const nodes = (await readNodes(core, behind)).filter((node) => node !== null)
    // what a disk has lost is not shown
    const isWhole = blocks.length === wanted.length && nodes.length === behind.length
    return isWhole ? { blocks, nodes } : NOTHING
  } finally {
    await core.close()
  }
}

/** How far the blocks go that are not too many, and not too large, together: one at least. */
async function endOf(core: Hypercore, { start, length, blocks }: RangeRequest): Promise<number> {
  const most = Math.min(length, start + Math.min(blocks, RANGE_BLOCKS_MAX))
  let end = start
  let left = RANGE_BYTES_MAX
  const take = ({ index, size }: TreeNode) => {
    if (size > left) return false
    end += flat.countLeaves(index)
    left -= size
    return true
  }
  for (const node of await readNodes(core, cover(start, most))) {
    if (node === null || take(node)) continue
    await takeOf(core, node.index, take)
    break
  }
  return Math.max(end, start + 1)
}

/** So much of a subtree as there is room for, from the left. */
async function takeOf(
  core: Hypercore,
  index: number,
  take: (node: TreeNode) => boolean
): Promise<void> {
  for (let children = flat.children(index); children !== null; ) {
    const [left, right] = children
    const [node] = await readNodes(core, [left])
    if (!node) return
    children = flat.children(take(node) ? right : left)
  }
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i)
}
