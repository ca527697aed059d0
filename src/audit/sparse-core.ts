import { EventEmitter } from 'node:events'
import type { BeeCore } from 'hyperbee'
import { Node, YoloIndex } from 'hyperbee/lib/messages.js'
import type { WaitOptions } from 'hypercore'
import { MivmError } from '../protocol/errors.ts'
import { Tree, type TreeNode } from '../protocol/merkle.ts'

interface BlockDecoder {
  decode(bytes: Uint8Array): Uint8Array
}

/** Reads a block of what the core begins with; null where it is not there. */
export type BlockSource = (index: number) => Promise<Uint8Array | null>

/**
 * A log in memory of which only the tree is known, and those blocks that somebody has. It can be appended to, and then
 * has the tree hash that the whole log would have. Stands in for a Hypercore under the state archive: with it the calls
 * of one batch are executed on the few blocks that they read.
 */
export class SparseCore extends EventEmitter implements BeeCore {
  readonly key: Uint8Array
  readonly opened = true
  readonly writable = true
  readonly fork = 0
  readonly replicator = {}
  /** Blocks of the source that were read. */
  readonly read: Set<number> = new Set()
  #lacks: MivmError | null = null
  readonly #source: BlockSource
  readonly #base: number
  readonly #appended: Uint8Array[] = []
  readonly #tree: Tree

  constructor(key: Uint8Array, roots: readonly TreeNode[], source: BlockSource) {
    super()
    this.key = key
    this.#tree = new Tree(roots)
    this.#base = this.#tree.length
    this.#source = source
  }

  get length(): number {
    return this.#tree.length
  }

  get byteLength(): number {
    return this.#tree.roots.reduce((sum, { size }) => sum + size, 0)
  }

  get state() {
    return { length: this.length, roots: [...this.#tree.roots] }
  }

  /** Throws where a block was asked for that is not there, whatever was made of that. */
  assertWhole(): void {
    if (this.#lacks !== null) throw this.#lacks
  }

  async ready(): Promise<void> {}

  async close(): Promise<void> {}

  async update(): Promise<boolean> {
    return false
  }

  /** Reads are never across an append. */
  snapshot(): BeeCore {
    return this
  }

  /** Hyperbee asks for its blocks decoded. */
  async get(
    index: number,
    { valueEncoding }: WaitOptions & { valueEncoding?: BlockDecoder } = {}
  ): Promise<Uint8Array> {
    const block = await this.#block(index)
    return valueEncoding === undefined ? block : valueEncoding.decode(block)
  }

  async append(blocks: Uint8Array | Uint8Array[]): Promise<{ length: number; byteLength: number }> {
    for (const block of Array.isArray(blocks) ? blocks : [blocks]) {
      this.#appended.push(block)
      this.#tree.append(block)
    }
    return { length: this.length, byteLength: this.byteLength }
  }

  async #block(index: number): Promise<Uint8Array> {
    const appended = this.#appended[index - this.#base]
    if (appended !== undefined) return appended
    const block = index < this.#base ? await this.#source(index) : null
    if (block === null) {
      this.#lacks ??= lacking(index)
      throw this.#lacks
    }
    this.read.add(index)
    return block
  }
}

/**
 * Refuses blocks of a B-tree in which a walk would not end: every node has to be there once. Whoever makes evidence up
 * can sign a tree that leads back into itself, or to one node on many ways.
 */
export function checkBee(length: number, blocks: ReadonlyMap<number, Uint8Array>): void {
  if (length < 2) return
  const seen = new Set<string>()
  const open: [seq: number, offset: number][] = [[length - 1, 0]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [seq, offset] = next
    const block = blocks.get(seq)
    if (block === undefined) continue
    const name = `${seq} ${offset}`
    if (seen.has(name)) throw damagedTree()
    seen.add(name)
    const children = childrenOf(block, offset)
    for (let i = 0; i < children.length; i += 2) {
      open.push([children[i] ?? 0, children[i + 1] ?? 0])
    }
  }
}

function childrenOf(block: Uint8Array, offset: number): readonly number[] {
  try {
    const children = YoloIndex.decode(Node.decode(block).index).levels[offset]?.children
    if (children !== undefined) return children
  } catch {}
  throw damagedTree()
}

function lacking(index: number): MivmError {
  return new MivmError('PROOF_INVALID', `not valid evidence: it lacks block ${index} of the state`)
}

function damagedTree(): MivmError {
  return new MivmError('PROOF_INVALID', 'not valid evidence: its state is not a tree of files')
}
