import b4a from 'b4a'
import { Node, YoloIndex } from 'hyperbee/lib/messages.js'
import { MivmError } from '../protocol/errors.ts'
import type { TreeNode } from '../protocol/merkle.ts'
import { StandIn } from './stand-in.ts'

/** Reads a block of what the core begins with; null where it is not there. */
export type BlockSource = (index: number) => Promise<Uint8Array | null>

/**
 * A log in memory of which only the tree is known, and those blocks that somebody has. It can be appended to, and then
 * has the tree hash that the whole log would have. Stands in for a Hypercore under the state archive: with it the calls
 * of one batch are executed on the few blocks that they read.
 */
export class SparseCore extends StandIn {
  readonly key: Uint8Array
  /** Blocks of the source that were read. */
  readonly read: Set<number> = new Set()
  /** Bytes of all that was read, each time that it was. */
  given = 0
  readonly #source: BlockSource
  readonly #base: number
  readonly #appended: Uint8Array[] = []

  constructor(key: Uint8Array, roots: readonly TreeNode[], source: BlockSource) {
    super(roots)
    this.key = key
    this.#base = this.tree.length
    this.#source = source
  }

  get byteLength(): number {
    return this.tree.roots.reduce((sum, { size }) => sum + size, 0)
  }

  async close(): Promise<void> {}

  async append(blocks: Uint8Array | Uint8Array[]): Promise<{ length: number; byteLength: number }> {
    for (const block of Array.isArray(blocks) ? blocks : [blocks]) {
      this.#appended.push(block)
      this.tree.append(block)
    }
    return { length: this.length, byteLength: this.byteLength }
  }

  protected async block(index: number): Promise<Uint8Array> {
    const appended = this.#appended[index - this.#base]
    if (appended !== undefined) return appended
    const block = index < this.#base ? await this.#source(index) : null
    if (block === null) throw lacking(index)
    this.read.add(index)
    this.given += block.byteLength
    return block
  }
}

/** Blocks of the largest file that an archive may hold, and more than enough. */
const FILE_BLOCKS_MAX = 1024

/**
 * Of a block of the tree its bytes and its nodes, which are those that one put or deletion changes; of a node its keys, of
 * which there are eight at most; and how deep it lies, where each level has five times as many nodes as the one above. All
 * with much to spare: every time that a node is read the whole block is decoded, and all above it is gone through.
 */
const TREE_BLOCK_MAX = 64 * 1024
const BLOCK_NODES_MAX = 256
const NODE_KEYS_MAX = 16
const TREE_DEPTH_MAX = 64
/** Nodes in all that are shown: each takes some hundred bytes of memory. */
const NODES_MAX = 1024 * 1024

/** What comes next in a walk from left to right: a node of the tree, or a key of one. */
type Step =
  | { readonly seq: number; readonly offset: number; readonly depth: number }
  | { readonly key: Uint8Array | null }

/**
 * Refuses blocks that no Hyperbee has written: whoever makes evidence up can sign a tree that leads back into itself,
 * or to one node on many ways, or whose keys are in no order, and reading would not end. What is not shown cannot be
 * read, so that it need not be judged.
 */
export function checkBee(length: number, blocks: ReadonlyMap<number, Uint8Array>): void {
  if (length < 2) return
  for (const [seq, block] of blocks) if (seq > 0) checkValue(block)
  const levels = new Levels(blocks)
  const seen = new Set<string>()
  let last: Uint8Array | null = null
  const open: Step[] = [{ seq: length - 1, offset: 0, depth: 1 }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if ('key' in next) {
      if (next.key === null) continue
      if (last !== null && b4a.compare(last, next.key) >= 0) throw damagedTree()
      last = next.key
      continue
    }
    if (!blocks.has(next.seq)) continue
    const name = `${next.seq} ${next.offset}`
    if (seen.has(name)) throw damagedTree()
    seen.add(name)
    if (next.depth > TREE_DEPTH_MAX) throw damagedTree()
    const steps = stepsOf(levels.at(next.seq, next.offset), next.depth + 1, blocks)
    open.push(...steps.reverse())
  }
}

interface Level {
  readonly keys: readonly number[]
  readonly children: readonly number[]
}

/** The nodes that are in blocks of the tree, each of which is decoded once. */
class Levels {
  readonly #blocks: ReadonlyMap<number, Uint8Array>
  readonly #decoded = new Map<number, readonly Level[]>()
  #count = 0

  constructor(blocks: ReadonlyMap<number, Uint8Array>) {
    this.#blocks = blocks
  }

  at(seq: number, offset: number): Level {
    const levels = this.#decoded.get(seq) ?? this.#decode(seq)
    const level = levels[offset]
    if (level === undefined) throw damagedTree()
    return level
  }

  #decode(seq: number): readonly Level[] {
    const block = this.#blocks.get(seq)
    if (block === undefined || block.byteLength > TREE_BLOCK_MAX) throw damagedTree()
    const { index } = decodeNode(block)
    const { levels } = tryTo(() => YoloIndex.decode(index))
    this.#count += levels.length
    if (levels.length > BLOCK_NODES_MAX || this.#count > NODES_MAX) throw damagedTree()
    this.#decoded.set(seq, levels)
    return levels
  }
}

/** A node from left to right: its first child, its first key, its second child … */
function stepsOf(
  { keys, children }: Level,
  depth: number,
  blocks: ReadonlyMap<number, Uint8Array>
): Step[] {
  if (keys.length > NODE_KEYS_MAX) throw damagedTree()
  const isLeaf = children.length === 0
  if (!isLeaf && children.length !== 2 * keys.length + 2) throw damagedTree()
  const steps: Step[] = []
  for (let i = 0; i <= keys.length; i++) {
    const [at = 0, offset = 0] = children.slice(2 * i, 2 * i + 2)
    if (!isLeaf) steps.push({ seq: at, offset, depth })
    const seq = keys[i]
    const shown = seq === undefined ? undefined : blocks.get(seq)
    steps.push({ key: shown === undefined ? null : decodeNode(shown).key })
  }
  return steps
}

function decodeNode(block: Uint8Array) {
  return tryTo(() => Node.decode(block))
}

/** Where a file lies in the blobs; a deletion has no value. */
function checkValue(block: Uint8Array): void {
  const { value } = decodeNode(block)
  if (value === null) return
  // of null, or of anything but a record, there are no fields
  const { blob } = { ...tryTo(() => JSON.parse(b4a.toString(value))) }
  if (blob === null) return
  const { blockOffset, blockLength, byteOffset, byteLength } = { ...blob }
  const isPlace = [blockOffset, blockLength, byteOffset, byteLength].every(
    (n) => Number.isSafeInteger(n) && n >= 0
  )
  if (!isPlace || blockLength > FILE_BLOCKS_MAX) throw damagedTree()
}

function tryTo<T>(read: () => T): T {
  try {
    return read()
  } catch {
    throw damagedTree()
  }
}

function lacking(index: number): MivmError {
  return new MivmError('PROOF_INVALID', `not valid evidence: it lacks block ${index} of the state`)
}

function damagedTree(): MivmError {
  return new MivmError('PROOF_INVALID', 'not valid evidence: its state is not a tree of files')
}
