import b4a from 'b4a'
import crypto, { type KeyPair } from 'hypercore-crypto'
import type { Statement, Subject } from '../src/protocol/comparison.ts'
import { encodeEntry, encodeUserEntry } from '../src/protocol/entries.ts'
import { hash } from '../src/protocol/hash.ts'
import { type Head, signHead } from '../src/protocol/head.ts'
import { addressOf } from '../src/protocol/manifest.ts'
import { cover, Tree, type TreeNode } from '../src/protocol/merkle.ts'
import { createProof, type Proof } from '../src/protocol/proof.ts'
import { encodeReceipt } from '../src/protocol/receipt.ts'
import { encodeResult } from '../src/vm/record.ts'

export const HOST: KeyPair = crypto.keyPair(b4a.alloc(32, 1))
const USER = crypto.keyPair(b4a.alloc(32, 2)).publicKey

/** A call log that its host has signed at every length, without anything that is executed. */
export class SignedHistory {
  readonly subject: Subject
  readonly #keyPair: KeyPair
  readonly #nodes = new Map<number, TreeNode>()
  readonly #blocks: Uint8Array[]
  readonly #heads: Head[]

  /** Histories with one `instance` are of one address, and are the same up to block `splitAt`. */
  constructor(length: number, splitAt: number = length, instance = 0) {
    const genesis = encodeEntry({
      type: 'genesis',
      vm: 'js-1',
      host: HOST.publicKey,
      deployer: USER,
      salt: b4a.alloc(32, instance),
      codeHash: hash('code'),
      limits: {}
    })
    const address = addressOf(HOST.publicKey, genesis)
    this.subject = { genesis, address, host: HOST.publicKey }
    this.#keyPair = HOST
    const rest = Array.from({ length: length - 1 }, (_, i) => blockAt(i + 1, i + 1 >= splitAt))
    this.#blocks = [genesis, ...rest]
    const tree = new Tree()
    this.#heads = [this.sign(0, tree.treeHash())]
    for (const block of this.#blocks) {
      for (const node of tree.append(block)) this.#nodes.set(node.index, node)
      this.#heads.push(this.sign(tree.length, tree.treeHash()))
    }
  }

  /** The head at a length, by default the newest. */
  head(length: number = this.#blocks.length): Head {
    const head = this.#heads[length]
    if (head === undefined) throw new Error(`the history has no ${length} blocks`)
    return head
  }

  sign(length: number, treeHash: Uint8Array, fork = 0): Head {
    const { secretKey } = this.#keyPair
    const unsigned = { length, fork, treeHash }
    return signHead(unsigned, this.subject.address, (text) => crypto.sign(text, secretKey))
  }

  proof(
    lengths: readonly number[],
    length?: number,
    shown: readonly number[] = []
  ): Promise<Proof> {
    const blocks = shown.map((index) => ({ index, block: this.#blocks[index] ?? b4a.alloc(0) }))
    const readBlock = (index: number) => this.#blocks[index] ?? b4a.alloc(0)
    const request = { start: 0, head: this.head(length), blocks, through: lengths, readBlock }
    return createProof(request, async (index) => this.#node(index))
  }

  /** A proof with boundaries, of as few items as there can be. */
  coarse(through: readonly number[], length: number): Proof {
    const ends = [...through, length]
    const nodes = ends
      .flatMap((end, i) => cover(ends[i - 1] ?? 0, end))
      .map((index) => this.#node(index))
    const items = nodes.map((node) => ({ block: null, node }))
    const { fork, signature } = this.head(length)
    return { start: 0, items, length, fork, signature }
  }

  async state(lengths: readonly number[], length?: number): Promise<Statement> {
    return { head: this.head(length), proof: await this.proof(lengths, length) }
  }

  #node(index: number): TreeNode {
    const node = this.#nodes.get(index)
    if (node === undefined) throw new Error(`no node ${index}`)
    return node
  }

  /** The receipt of the call whose ack is at a block; acks have even numbers. */
  async receipt(ack: number, length?: number): Promise<Uint8Array> {
    return encodeReceipt(this.subject.genesis, await this.proof([], length, [ack, ack + 1]))
  }
}

/** A proof of a log of so many blocks without a byte, signed by the host of a history. */
export function emptyBlocks(history: SignedHistory, length: number): Proof {
  const tree = new Tree()
  const items = Array.from({ length }, () => ({ block: new Uint8Array(), node: null }))
  for (const { block } of items) tree.append(block)
  const { signature } = history.sign(length, tree.treeHash())
  return { start: 0, items, length, fork: 0, signature }
}

/** Acks and results in turn. */
function blockAt(index: number, isOther: boolean): Uint8Array {
  const call = encodeUserEntry({ type: 'call', method: 'add', args: '[]', head: null })
  if (index % 2 === 0) {
    const seq = index / 2
    return encodeEntry({ type: 'ack', seq, user: USER, entry: seq, call, time: seq, previous: 0 })
  }
  const value = isOther ? '"other"' : String(index)
  return encodeResult(index - 1, { outcome: { status: 'ok', value }, writes: [], fuel: 1 })
}
