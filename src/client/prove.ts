import b4a from 'b4a'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import crypto from 'hypercore-crypto'
import { MivmError } from '../protocol/errors.ts'
import { createProof } from '../protocol/proof.ts'
import { encodeReceipt, type Receipt, verifyReceipt } from '../protocol/receipt.ts'
import type { InstanceReplica } from './instance-replica.ts'
import { findAck, findResult, readBlock } from './logged-call.ts'

/**
 * The receipt of any call, from a copy of the call log: whoever can read it can prove what is in it. Throws
 * CALL_UNKNOWN, CALL_PENDING, TIMEOUT; PROOF_INVALID where the log is not what an honest host writes.
 */
export async function prove(instance: InstanceReplica, seq: number): Promise<Receipt> {
  const log = await instance.callLog()
  const { length, fork, roots, signature } = log.state
  if (signature === null) throw new MivmError('TIMEOUT', 'nobody has shown the call log: try again')
  const head = { length, fork, treeHash: crypto.tree(roots), signature: b4a.from(signature) }
  const ack = await findAck(log, length, seq)
  const result = await findResult(log, length, ack, seq)
  const indexes = [ack, result]
  const blocks = await Promise.all(
    indexes.map(async (index) => ({ index, block: await readBlock(log, index) }))
  )
  const proof = await createProof({ start: 0, head, blocks }, async (index) => {
    const node = await MerkleTree.get(log.state, index)
    if (node === null) throw new MivmError('TIMEOUT', 'a part of the proof did not come: try again')
    return node
  })
  return verifyReceipt(encodeReceipt(await readBlock(log, 0), proof))
}
