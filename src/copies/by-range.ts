import b4a from 'b4a'
import type Hypercore from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import type { Ranges } from '../client/ranges.ts'
import { unlessAborted } from '../protocol/deferred.ts'
import type { Head } from '../protocol/head.ts'
import type { Manifest } from '../protocol/manifest.ts'
import { cover, Tree } from '../protocol/merkle.ts'
import { RANGE_BLOCKS_MAX, type RangeReply } from '../protocol/messages.ts'
import { type ProvenRange, proveRange } from '../protocol/range.ts'
import { putBlocks } from '../state/blocks.ts'
import { extendTo, headOf, treeHashAt } from '../state/head.ts'

/** Fewer blocks come one by one as soon. */
const BLOCKS_MIN = 8

/** Gives up what is waited for. */
export interface Waiting {
  readonly signal: AbortSignal
}

/**
 * Has blocks of a log here that are below its head, by ranges: Hypercore asks for each of them by itself. They are proven before
 * they are written down. Returns from where on blocks may still be missing: nobody sends those so.
 */
export async function fetchRanges(
  core: Hypercore,
  start: number,
  end: number,
  ranges: Ranges,
  waiting: Waiting
): Promise<number> {
  let at = await firstMissing(core, start, end)
  const head = headOf(core)
  if (end - at < BLOCKS_MIN || head === null) return at
  // of a log with gaps the nodes may not be here
  const roots = await MerkleTree.getRoots(core.state, at).catch(() => null)
  if (roots === null) return at
  const tree = new Tree(roots)
  while (at < end) {
    const range = await ask(ranges, core.key, tree, head, end - at, waiting)
    if (range === null || !(await putBlocks(core, head.fork, at, range.blocks, range.nodes))) break
    for (const leaf of range.leaves) tree.push(leaf)
    at = tree.length
  }
  return at
}

/**
 * Has a log go on to a head that its author has signed, with the first blocks behind what is here, where somebody shows that it
 * does. Where nobody does, that says nothing of what is here.
 */
export async function extendByRange(
  core: Hypercore,
  manifest: Manifest,
  head: Head,
  ranges: Ranges,
  waiting: Waiting
): Promise<void> {
  const tree = new Tree(core.state.roots)
  const { length: start } = tree
  if (start >= head.length) return
  const range = await ask(ranges, core.key, tree, head, RANGE_BLOCKS_MAX, waiting)
  if (range === null || waiting.signal.aborted) return
  const nodes = new Map(range.nodes.map((node) => [node.index, node]))
  const behind = cover(start, head.length).flatMap((index) => nodes.get(index) ?? [])
  try {
    await extendTo(core, start, head, behind, manifest)
  } catch {
    // somebody else may have shown more of it meanwhile, or another one: whoever asked looks what is here
    return
  }
  await putBlocks(core, head.fork, start, range.blocks, range.nodes)
}

/**
 * Whether what is here of a log is no part of the one that leads to a head: somebody has to show that one, and as long as nobody
 * does, what is here may be all that there is.
 */
export async function isOther(
  core: Hypercore,
  head: Head,
  ranges: Ranges,
  waiting: Waiting
): Promise<boolean> {
  const length = Math.min(core.length, head.length)
  const tree = new Tree()
  while (tree.length < length) {
    const range = await ask(ranges, core.key, tree, head, length - tree.length, waiting)
    if (range === null) return false
    for (const leaf of range.leaves) tree.push(leaf)
  }
  // of one that is not whole it may not be known
  const own = await treeHashAt(core, length).catch(() => null)
  return own === null || !b4a.equals(own, tree.treeHash())
}

/** The first block of those that is not here, or the end of them. */
export async function firstMissing(core: Hypercore, start: number, end: number): Promise<number> {
  let at = Math.min(end, Math.max(start, core.contiguousLength))
  while (at < end && (await core.has(at))) at++
  return at
}

/** Blocks behind a tree, proven under a head; null where nobody sends them. */
async function ask(
  ranges: Ranges,
  key: Uint8Array,
  tree: Tree,
  head: Head,
  count: number,
  { signal }: Waiting
): Promise<ProvenRange | null> {
  let range: ProvenRange | null = null
  const blocks = Math.min(count, RANGE_BLOCKS_MAX)
  const request = { key, start: tree.length, length: head.length, blocks }
  const isProven = (reply: RangeReply) => {
    range = reply.blocks.length <= blocks ? proveRange(tree, reply, head) : null
    return range !== null
  }
  const asked = ranges.ask(request, isProven).then((reply) => reply && range)
  return unlessAborted(signal, asked)
}
