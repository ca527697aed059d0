import flat from 'flat-tree'
import { MivmError } from '../protocol/errors.ts'
import type { TreeNode } from '../protocol/merkle.ts'
import { leafHash, parentHash } from '../protocol/tree-hash.ts'
import { BlockFiles } from '../state/block-files.ts'
import { StandIn } from './stand-in.ts'

/** Bytes of blocks that are kept in memory, with what each of them takes beside its own: those of two generations. */
const GENERATION_BYTES = 4 * 1024 * 1024
const BLOCK_BYTES = 192

/** Nodes of the tree that are kept, once somebody asks for them. */
const NODES_MAX = 65_536

/**
 * A log in two files. It has the tree hash of a Hypercore with the same blocks, and of the tree keeps nothing but the roots.
 * Stands in for one under the state archive: an audit writes as much of that as the host has, and gives none of it to
 * anybody. A host that has lost its own reads the files (`copies/recovered-instance.ts`).
 */
export class PlainLog extends StandIn {
  readonly key: Uint8Array = new Uint8Array(32)
  readonly #files: BlockFiles
  #byteLength: number
  /** Blocks that are in the files, and their bytes. */
  #written: number
  #writtenBytes: number
  /** Those behind them. */
  #pending: Uint8Array[] = []
  #young: Map<number, Uint8Array> = new Map()
  #old: Map<number, Uint8Array> = new Map()
  #youngBytes = 0
  readonly #nodes = new Map<number, TreeNode>()

  private constructor(files: BlockFiles, roots: readonly TreeNode[]) {
    super(roots)
    this.#files = files
    this.#byteLength = roots.reduce((sum, { size }) => sum + size, 0)
    this.#written = this.tree.length
    this.#writtenBytes = this.#byteLength
  }

  /**
   * As it was when it had these roots; what was written behind that is cut off, but for one that is only to be read.
   * Null where less of it is there.
   */
  static async open(
    dir: string,
    name: string,
    roots: readonly TreeNode[] = [],
    { readOnly = false } = {}
  ): Promise<PlainLog | null> {
    const files = await BlockFiles.open(dir, name, readOnly ? 'r' : 'a+')
    const log = new PlainLog(files, roots)
    const isThere = files.byteLength >= log.#byteLength
    if (!isThere || files.endOf(log.length - 1) !== log.#byteLength) {
      await log.close()
      return null
    }
    if (!readOnly) await files.truncate(log.length, log.#byteLength)
    return log
  }

  get byteLength(): number {
    return this.#byteLength
  }

  async append(blocks: Uint8Array | Uint8Array[]): Promise<{ length: number; byteLength: number }> {
    for (const block of Array.isArray(blocks) ? blocks : [blocks]) {
      this.#pending.push(block)
      this.#byteLength += block.byteLength
      this.tree.append(block)
    }
    return { length: this.length, byteLength: this.byteLength }
  }

  /** A node of its tree, from the blocks below it. */
  node(index: number): TreeNode {
    const known = this.#nodes.get(index)
    if (known !== undefined) return known
    const node = this.#makeNode(index)
    if (this.#nodes.size < NODES_MAX) this.#nodes.set(index, node)
    return node
  }

  /** Writes down what was appended: nothing is executed meanwhile, and a thread would come to it later than it takes. */
  flush(): void {
    const blocks = this.#pending
    if (blocks.length === 0) return
    // one piece that is the log's own: a block that is kept is cut from it, and not from a slab that all share, which
    // would stay as a whole
    const bytes = Buffer.allocUnsafeSlow(this.#byteLength - this.#writtenBytes)
    let at = 0
    const ends = blocks.map((block, i) => {
      bytes.set(block, at)
      this.#remember(this.#written + i, bytes.subarray(at, at + block.byteLength))
      at += block.byteLength
      return this.#writtenBytes + at
    })
    this.#files.append(bytes, ends)
    this.#written += blocks.length
    this.#writtenBytes += at
    this.#pending = []
  }

  /** Resolves when it survives a power cut. */
  async sync(): Promise<void> {
    this.flush()
    await this.#files.sync()
  }

  close(): Promise<void> {
    return this.#files.close()
  }

  protected block(index: number): Uint8Array {
    const pending = this.#pending[index - this.#written]
    if (pending !== undefined) return pending
    const known = this.#young.get(index) ?? this.#old.get(index)
    if (known !== undefined) return known
    const block = this.#files.get(index)
    if (block === null) throw damaged()
    this.#remember(index, block)
    return block
  }

  #remember(index: number, block: Uint8Array): void {
    this.#young.set(index, block)
    this.#youngBytes += block.byteLength + BLOCK_BYTES
    if (this.#youngBytes <= GENERATION_BYTES) return
    this.#old = this.#young
    this.#young = new Map()
    this.#youngBytes = 0
  }

  #makeNode(index: number): TreeNode {
    const children = flat.children(index)
    if (children === null) {
      const block = this.block(index / 2)
      return { index, size: block.byteLength, hash: leafHash(block) }
    }
    const left = this.node(children[0])
    const right = this.node(children[1])
    return { index, size: left.size + right.size, hash: parentHash(left, right) }
  }
}

function damaged(): MivmError {
  return new MivmError(
    'INSTANCE_DAMAGED',
    'a part of the copy of the state cannot be read: audit it with --from-genesis'
  )
}
