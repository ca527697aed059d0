import type Hypercore from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import { MivmError } from '../protocol/errors.ts'
import { Tree, type TreeNode } from '../protocol/merkle.ts'

/** How much of a log stays in memory: proofs are nearly always asked for what has just been written. */
const BLOCKS_MAX = 4096
const BYTES_MAX = 16 * 1024 * 1024

/** A log with its newest blocks, and the nodes of its tree above them, at hand; older ones are read from the core. */
export class Tail {
  readonly #core: Hypercore
  readonly #tree: Tree
  readonly #blocks = new Map<number, Uint8Array>()
  readonly #nodes = new Map<number, TreeNode>()
  #bytes = 0

  constructor(core: Hypercore) {
    this.#core = core
    this.#tree = new Tree(core.state.roots)
    for (const root of core.state.roots) this.#nodes.set(root.index, root)
  }

  get length(): number {
    return this.#tree.length
  }

  treeHash(): Uint8Array {
    return this.#tree.treeHash()
  }

  /** Says what has been appended to the core. */
  append(blocks: readonly Uint8Array[]): void {
    for (const block of blocks) {
      this.#blocks.set(this.#tree.length, block)
      this.#bytes += block.byteLength
      for (const node of this.#tree.append(block)) this.#nodes.set(node.index, node)
    }
    this.#trim()
  }

  async block(index: number): Promise<Uint8Array> {
    const block = this.#blocks.get(index) ?? (await this.#core.get(index, { wait: false }))
    if (block === null) throw damaged(`block ${index}`)
    return block
  }

  readonly node = async (index: number): Promise<TreeNode> => {
    const node = this.#nodes.get(index) ?? (await MerkleTree.get(this.#core.state, index))
    if (node === null) throw damaged(`tree node ${index}`)
    return node
  }

  #trim(): void {
    for (const [index, block] of this.#blocks) {
      if (this.#blocks.size <= BLOCKS_MAX && this.#bytes <= BYTES_MAX) break
      this.#blocks.delete(index)
      this.#bytes -= block.byteLength
    }
    // two nodes a block, and insertion order is age
    for (const index of this.#nodes.keys()) {
      if (this.#nodes.size <= 2 * BLOCKS_MAX) break
      this.#nodes.delete(index)
    }
  }
}

function damaged(what: string): MivmError {
  return new MivmError(
    'INSTANCE_DAMAGED',
    `${what} of the call log cannot be read: the data directory is damaged; restore it from a backup`
  )
}
