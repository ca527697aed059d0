import type Hypercore from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import type { TreeNode } from '../protocol/merkle.ts'

/** What proofs of a log are made of, as far as it is on this machine; nobody is asked for anything. */
export class ProofReader {
  readonly #core: Hypercore
  readonly #lacking: (what: string) => Error

  /** `lacking` makes the error for a block or a node that is not here. */
  constructor(core: Hypercore, lacking: (what: string) => Error) {
    this.#core = core
    this.#lacking = lacking
  }

  readonly block = async (index: number): Promise<Uint8Array> => {
    const block = index < 0 ? null : await this.#core.get(index, { wait: false })
    if (block === null) throw this.#lacking(`block ${index}`)
    return block
  }

  readonly node = async (index: number): Promise<TreeNode> => {
    const node = await MerkleTree.get(this.#core.state, index)
    if (node === null) throw this.#lacking(`tree node ${index}`)
    return node
  }
}
