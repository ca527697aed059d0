import flat from 'flat-tree'
import type Hypercore from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import { MivmError } from '../protocol/errors.ts'
import type { TreeNode } from '../protocol/merkle.ts'
import { leafHash, parentHash, rootsHash } from '../protocol/tree-hash.ts'

/** How much of a log stays in memory: proofs are nearly always asked for what has just been written. */
const BLOCKS_MAX = 4096
const BYTES_MAX = 16 * 1024 * 1024
/** Bytes of blocks of all logs together. */
const ALL_BYTES_MAX = 128 * 1024 * 1024
const NODES_MAX = 8192
const NODES_LEFT = 6144

/** A node over so many blocks in memory, of which most are hashed for others as well, is hashed faster than it is read. */
const HASHED_MAX = 256

/** Those with blocks in memory, the one that was appended to longest ago first. */
const holding = new Set<Tail>()
let held = 0

/** A log with its newest blocks, and the nodes of its tree above them, at hand; older ones are read from the core. */
export class Tail {
  readonly #core: Hypercore
  readonly #blocks = new Map<number, Uint8Array>()
  readonly #nodes = new Map<number, TreeNode>()
  #roots: readonly TreeNode[] = []
  #length = 0
  #bytes = 0

  constructor(core: Hypercore) {
    this.#core = core
    this.#look()
  }

  get length(): number {
    return this.#length
  }

  treeHash(): Uint8Array {
    return rootsHash(this.#roots)
  }

  /** Says what has been appended to the core. */
  append(blocks: readonly Uint8Array[]): void {
    for (const [i, block] of blocks.entries()) {
      this.#blocks.set(this.#length + i, block)
      this.#hold(block.byteLength)
    }
    this.#look()
    this.#trim()
    holding.delete(this)
    holding.add(this)
    makeRoom(this)
  }

  /** Bytes of blocks in memory. */
  get bytes(): number {
    return this.#bytes
  }

  /** Has no blocks in memory any more; they are read when they are asked for. */
  forget(): void {
    this.#blocks.clear()
    this.#hold(-this.#bytes)
    holding.delete(this)
  }

  async block(index: number): Promise<Uint8Array> {
    const block = this.#blocks.get(index) ?? (await this.#core.get(index, { wait: false }))
    if (block === null) throw damaged(`block ${index}`)
    return block
  }

  readonly node = (index: number): TreeNode | Promise<TreeNode> => {
    const isNear = flat.countLeaves(index) <= HASHED_MAX
    const known = isNear ? this.#hashed(index) : this.#nodes.get(index)
    return known ?? this.#read(index)
  }

  async #read(index: number): Promise<TreeNode> {
    const node = await MerkleTree.get(this.#core.state, index)
    if (node === null) throw damaged(`tree node ${index}`)
    return this.#keep(node)
  }

  /** A hash is part of a slab of 64 KB that Node's Buffers share: a copy of it keeps no more than itself. */
  #keep({ index, size, hash }: TreeNode): TreeNode {
    const known = this.#nodes.get(index)
    if (known !== undefined) return known
    const kept = { index, size, hash: new Uint8Array(hash) }
    this.#nodes.set(index, kept)
    // whoever asks for proofs asks for nodes, and nothing has to be appended meanwhile
    if (this.#nodes.size > NODES_MAX) this.#forgetNodes()
    return kept
  }

  /** Many at once: to find the oldest of a map from which one after the other is taken takes ever longer. */
  #forgetNodes(): void {
    // insertion order is age
    for (const index of this.#nodes.keys()) {
      if (this.#nodes.size <= NODES_LEFT) break
      this.#nodes.delete(index)
    }
  }

  /** Of one caller few nodes are asked for, so that most of what the core has hashed as it was appended is not hashed again. */
  #hashed(index: number): TreeNode | null {
    const known = this.#nodes.get(index)
    if (known !== undefined) return known
    const children = flat.children(index)
    if (children === null) {
      const block = this.#blocks.get(index / 2)
      return block ? { index, size: block.byteLength, hash: leafHash(block) } : null
    }
    const left = this.#hashed(children[0])
    const right = left && this.#hashed(children[1])
    if (left === null || right === null) return null
    return this.#keep({ index, size: left.size + right.size, hash: parentHash(left, right) })
  }

  #look(): void {
    const { length, roots } = this.#core.state
    this.#length = length
    this.#roots = [...roots]
    for (const root of roots) this.#keep(root)
  }

  #trim(): void {
    for (const [index, block] of this.#blocks) {
      if (this.#blocks.size <= BLOCKS_MAX && this.#bytes <= BYTES_MAX) break
      this.#blocks.delete(index)
      this.#hold(-block.byteLength)
    }
  }

  #hold(bytes: number): void {
    this.#bytes += bytes
    held += bytes
  }
}

/** Hundreds of instances may have as much as one: those let go of theirs that were appended to longest ago. */
function makeRoom(newest: Tail): void {
  for (const tail of holding) {
    if (held <= ALL_BYTES_MAX || tail === newest) return
    tail.forget()
  }
}

function damaged(what: string): MivmError {
  return new MivmError(
    'INSTANCE_DAMAGED',
    `${what} of the call log cannot be read: the data directory is damaged; restore it from a backup`
  )
}
