import { EventEmitter } from 'node:events'
import type { BeeCore } from 'hyperbee'
import type { WaitOptions } from 'hypercore'
import { Tree, type TreeNode } from '../protocol/merkle.ts'

interface BlockDecoder {
  decode(bytes: Uint8Array): Uint8Array
}

/** What a state archive asks of its Hypercores, for logs of an auditor's own: they have the same tree hashes. */
export abstract class StandIn extends EventEmitter implements BeeCore {
  abstract readonly key: Uint8Array
  readonly opened = true
  readonly writable = true
  readonly fork = 0
  readonly replicator = {}
  protected readonly tree: Tree

  constructor(roots: readonly TreeNode[]) {
    super()
    this.tree = new Tree(roots)
  }

  abstract get byteLength(): number
  abstract append(
    blocks: Uint8Array | Uint8Array[]
  ): Promise<{ length: number; byteLength: number }>
  abstract close(): Promise<void>
  protected abstract block(index: number): Uint8Array | Promise<Uint8Array>

  get length(): number {
    return this.tree.length
  }

  get state() {
    return { length: this.length, roots: [...this.tree.roots] }
  }

  async ready(): Promise<void> {}

  async update(): Promise<boolean> {
    return false
  }

  /** What is written stays what it is, and whoever reads knows up to where. */
  snapshot(): BeeCore {
    return this
  }

  /** Hyperbee asks for its blocks decoded. */
  async get(
    index: number,
    { valueEncoding }: WaitOptions & { valueEncoding?: BlockDecoder } = {}
  ): Promise<Uint8Array> {
    const block = await this.block(index)
    return valueEncoding === undefined ? block : valueEncoding.decode(block)
  }
}
