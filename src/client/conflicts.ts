import b4a from 'b4a'
import type Corestore from 'corestore'
import type { Proof as CoreProof, SharedCore } from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import { Tree } from '../protocol/merkle.ts'
import { createProof, type Proof } from '../protocol/proof.ts'

/** Two proofs from block 0 of one log, both signed, which say different things of the same subtrees. */
export interface FoundConflict {
  readonly key: Uint8Array
  readonly own: Proof
  readonly other: Proof
}

/**
 * Has every conflict that Hypercore finds, between its copy of a log and what a peer shows, told to somebody before
 * Hypercore closes all sessions of that log, which it does at once and without another word.
 */
export function tellConflicts(
  store: Corestore,
  onConflict: (conflict: FoundConflict) => Promise<unknown>
): void {
  store.watch((core) => {
    const close = core._onconflict.bind(core)
    core._onconflict = async (proof) => {
      const conflict = await readConflict(core, proof).catch(() => null)
      if (conflict !== null) await onConflict(conflict).catch(() => {})
      await close(proof)
    }
  })
}

async function readConflict(core: SharedCore, proof: CoreProof): Promise<FoundConflict | null> {
  const { upgrade, fork } = proof
  const { length, roots, signature } = core.state
  if (upgrade === null || signature === null) return null
  const nodes = [...upgrade.nodes, ...upgrade.additionalNodes]
  const tree = new Tree()
  for (const node of nodes) tree.push(node)
  const other = {
    start: 0,
    items: nodes.map((node) => ({ block: null, node })),
    length: tree.length,
    fork,
    signature: b4a.from(upgrade.signature)
  }
  const treeHash = new Tree(roots).treeHash()
  const head = { length, fork: core.state.fork, treeHash, signature: b4a.from(signature) }
  const request = { start: 0, head, blocks: [], through: upgrade.length }
  const own = await createProof(request, async (index) => {
    const node = await MerkleTree.get(core.state, index)
    if (node === null) throw new Error(`node ${index} is not here`)
    return node
  })
  return { key: core.key, own, other }
}
