import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import crypto from 'hypercore-crypto'
import type { Head } from '../protocol/head.ts'
import type { Manifest } from '../protocol/manifest.ts'
import type { TreeNode } from '../protocol/merkle.ts'
import { rootsHash } from '../protocol/tree-hash.ts'

/** The newest head of a log as it is on this machine, not verified; null where there is nothing of it, or no signature. */
export function headOf({ state }: Hypercore): Head | null {
  const { length, fork, signature, roots } = state
  if (length === 0 || signature === null || signature.byteLength === 0) return null
  return { length, fork, treeHash: rootsHash(roots), signature: b4a.from(signature) }
}

/**
 * Tree hash of a log as it is on this machine, when it had this length. Hypercore's own waits for the last block below that where it
 * is not here: without end where the disk has lost it, and nobody else has it.
 */
export async function treeHashAt({ state }: Hypercore, length: number): Promise<Uint8Array> {
  const isNow = length === state.length
  return rootsHash(isNow ? state.roots : await MerkleTree.getRoots(state, length))
}

/**
 * Has a log of `start` blocks end where a head does that its author has signed, by the nodes of the tree between; `manifest` for
 * one that has none yet. Throws where they do not lead there.
 */
export async function extendTo(
  core: Hypercore,
  start: number,
  { fork, length, signature }: Head,
  nodes: TreeNode[],
  manifest: Manifest | null
): Promise<void> {
  const upgrade = { start, length: length - start, nodes, additionalNodes: [], signature }
  await core.applyProof({ fork, block: null, hash: null, seek: null, upgrade, manifest })
}

/** Whether there is anything of a log on this machine; it is not opened for that. */
export async function hasLog(store: Corestore, key: Uint8Array): Promise<boolean> {
  const info = await store.storage.getInfo(crypto.discoveryKey(key))
  return (info?.head?.length ?? 0) > 0
}

/** Whether an append has failed since the signature that came with its blocks is none over the log that comes of them. */
export function isSignatureError(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('INVALID_SIGNATURE')
}
