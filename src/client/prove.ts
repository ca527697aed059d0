import { MivmError } from '../protocol/errors.ts'
import { createProof } from '../protocol/proof.ts'
import { encodeReceipt, type Receipt, verifyReceipt } from '../protocol/receipt.ts'
import { headOf } from '../state/head.ts'
import { ProofReader } from '../state/proof-reader.ts'
import type { InstanceReplica } from './instance-replica.ts'
import { findAck, findResult, readBlock } from './logged-call.ts'

/**
 * The receipt of any call, from a copy of the call log: whoever can read it can prove what is in it. Throws
 * CALL_UNKNOWN, CALL_PENDING, TIMEOUT; PROOF_INVALID where the log is not what an honest host writes.
 */
export async function prove(instance: InstanceReplica, seq: number): Promise<Receipt> {
  const log = await instance.callLog()
  const head = headOf(log)
  if (head === null) throw new MivmError('TIMEOUT', 'nobody has shown the call log: try again')
  const ack = await findAck(log, head.length, seq)
  const result = await findResult(log, head.length, ack, seq)
  const indexes = [ack, result]
  const blocks = await Promise.all(
    indexes.map(async (index) => ({ index, block: await readBlock(log, index) }))
  )
  const lacking = () => new MivmError('TIMEOUT', 'a part of the proof did not come: try again')
  const { node } = new ProofReader(log, lacking)
  const proof = await createProof({ start: 0, head, blocks }, node)
  return verifyReceipt(encodeReceipt(await readBlock(log, 0), proof))
}
