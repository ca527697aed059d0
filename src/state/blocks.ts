import type Hypercore from 'hypercore'
import type { SharedCore } from 'hypercore'
import BitInterlude from 'hypercore/lib/bit-interlude.js'
import type { CoreReads } from 'hypercore-storage'
import type { TreeNode } from '../protocol/merkle.ts'

/** The blocks that are on this machine, in one read of the disk; `get` would be one each. Nothing is proven. */
export function readBlocks(
  core: Hypercore,
  indexes: readonly number[]
): Promise<(Uint8Array | null)[]> {
  return readTogether(core, (read) => indexes.map((index) => read.getBlock(index)))
}

/** Nodes of the tree that are on this machine, in one read of the disk. */
export function readNodes(
  core: Hypercore,
  indexes: readonly number[]
): Promise<(TreeNode | null)[]> {
  return readTogether(core, (read) => indexes.map((index) => read.getTreeNode(index)))
}

/**
 * Puts blocks below the head into a log, with the nodes of its tree that come of them. They have to be proven to lie
 * under the head of that fork; false where the log is another one by now. It is what Hypercore does with the proof of
 * a single block, for many.
 */
export async function putBlocks(
  { core }: Hypercore,
  fork: number,
  start: number,
  blocks: readonly Uint8Array[],
  nodes: readonly TreeNode[]
): Promise<boolean> {
  const { state } = core
  await state.mutex.lock()
  try {
    if (state.fork !== fork || state.length < start + blocks.length) return false
    const batch = state.createWriteBatch()
    for (const [i, block] of blocks.entries()) batch.putBlock(start + i, block)
    for (const node of nodes) batch.putTreeNode(node)
    const bits = new BitInterlude()
    bits.setRange(start, start + blocks.length, true)
    bits.flush(batch, core.bitfield)
    await state.flush()
    announce(core, start, blocks.length)
    if (core.hintsChanged) await core.flushHints()
    return true
  } finally {
    state._clearActiveBatch()
    state.mutex.unlock()
  }
}

/** Lets everybody know that blocks are here. */
function announce(core: SharedCore, start: number, length: number): void {
  core._setBitfieldRanges(start, start + length, true)
  core.updateContiguousLength({ start, length, drop: false })
  core.replicator.onhave(start, length, false)
}

/** From a snapshot, which goes past the cache of the store: a log is read once, and would be all that is in it. */
async function readTogether<T>(
  core: Hypercore,
  ask: (read: CoreReads) => Promise<T>[]
): Promise<T[]> {
  const snapshot = core.state.storage.snapshot()
  try {
    const read = snapshot.read()
    const asked = ask(read)
    read.tryFlush()
    return await Promise.all(asked)
  } finally {
    await snapshot.close()
  }
}
