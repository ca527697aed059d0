import b4a from 'b4a'
import type Hypercore from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import crypto, { type KeyPair } from 'hypercore-crypto'
import { verifyEvidence } from '../src/audit/evidence.ts'
import { MivmError } from '../src/protocol/errors.ts'
import type { Evidence } from '../src/protocol/evidence.ts'
import { type Head, signHead } from '../src/protocol/head.ts'
import { createItems, createProof, type Proof, type ProofItem } from '../src/protocol/proof.ts'
import type { VirtualMachine } from '../src/vm/vm.ts'
import { openShared } from './audit-writer.ts'

/** The head that the author of a log signs at any length that the log has had. */
export async function headAt(
  core: Hypercore,
  { secretKey }: KeyPair,
  length: number = core.length
): Promise<Head> {
  const roots = await MerkleTree.getRoots(core.state, length)
  const head = { length, fork: 0, treeHash: crypto.tree(roots) }
  return signHead(head, core.key, (message) => crypto.sign(message, secretKey))
}

export async function proofOf(
  core: Hypercore,
  head: Head,
  indexes: readonly number[],
  through?: number
): Promise<Proof> {
  const blocks = await blocksAt(core, indexes)
  return createProof(
    { start: 0, head, blocks, ...(through === undefined ? {} : { through }) },
    nodesOf(core)
  )
}

export async function itemsOf(
  core: Hypercore,
  length: number,
  indexes: readonly number[]
): Promise<ProofItem[]> {
  return createItems({ start: 0, length, blocks: await blocksAt(core, indexes) }, nodesOf(core))
}

/** What evidence proves; null where it is refused, in whatever way it may be. */
export async function proven(
  file: Uint8Array | string,
  codes: string[] = [],
  openVm: (id: string) => Promise<VirtualMachine> = openShared
): Promise<Evidence | null> {
  try {
    return await verifyEvidence(file, { openVm })
  } catch (error) {
    if (!(error instanceof MivmError)) throw error
    codes.push(error.code)
    return null
  }
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i)
}

function blocksAt(core: Hypercore, indexes: readonly number[]) {
  return Promise.all(
    indexes.map(async (index) => ({
      index,
      block: b4a.from((await core.get(index, { wait: false })) ?? wrong())
    }))
  )
}

function nodesOf(core: Hypercore) {
  return async (index: number) => (await MerkleTree.get(core.state, index)) ?? wrong()
}

function wrong(): never {
  throw new Error('the test is wrong')
}
