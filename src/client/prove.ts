import b4a from 'b4a'
import type Hypercore from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import crypto from 'hypercore-crypto'
import { type Ack, decodeEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { createProof } from '../protocol/proof.ts'
import { encodeReceipt, type Receipt, verifyReceipt } from '../protocol/receipt.ts'
import type { InstanceReplica } from './instance-replica.ts'

/** For a block that has to come from a peer, ms. */
const WAIT = 10_000

interface Found {
  readonly index: number
  readonly ack: Ack
}

/**
 * The receipt of any call, from a copy of the call log: whoever can read it can prove what is in it. Throws
 * CALL_UNKNOWN, CALL_PENDING, TIMEOUT; PROOF_INVALID where the log is not what an honest host writes.
 */
export async function prove(instance: InstanceReplica, seq: number): Promise<Receipt> {
  const log = await instance.callLog()
  const { length, fork, roots, signature } = log.state
  if (signature === null) throw new MivmError('TIMEOUT', 'nobody has shown the call log: try again')
  const head = { length, fork, treeHash: crypto.tree(roots), signature: b4a.from(signature) }
  const ack = (await findAck(log, length, seq)).index
  const result = await findResult(log, length, ack, seq)
  const indexes = [ack, result]
  const blocks = await Promise.all(
    indexes.map(async (index) => ({ index, block: await read(log, index) }))
  )
  const proof = await createProof({ start: 0, head, blocks }, async (index) => {
    const node = await MerkleTree.get(log.state, index)
    if (node === null) throw new MivmError('TIMEOUT', 'a part of the proof did not come: try again')
    return node
  })
  return verifyReceipt(encodeReceipt(await read(log, 0), proof))
}

/** Numbers of calls rise along the log, so that a million of them are twenty steps. */
async function findAck(log: Hypercore, length: number, seq: number): Promise<Found> {
  // genesis and code, and at least two entries for each call before it
  let from = Math.min(2 * seq, length)
  let to = length
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    const found = await nextAck(log, middle, to)
    if (found === null || found.ack.seq > seq) to = middle
    else if (found.ack.seq < seq) from = found.index + 1
    else return found
  }
  throw new MivmError('CALL_UNKNOWN', `there is no call ${seq} in this log: see "mivm log"`)
}

async function nextAck(log: Hypercore, from: number, to: number): Promise<Found | null> {
  for (let index = from; index < to; index++) {
    const entry = decodeEntry(await read(log, index))
    if (entry.type === 'ack') return { index, ack: entry }
  }
  return null
}

async function findResult(
  log: Hypercore,
  length: number,
  ack: number,
  seq: number
): Promise<number> {
  for (let index = ack + 1; index < length; index++) {
    if (decodeEntry(await read(log, index)).type === 'result') return index
  }
  throw new MivmError('CALL_PENDING', `call ${seq} has no result yet: try again later`)
}

async function read(log: Hypercore, index: number): Promise<Uint8Array> {
  const block = await log.get(index, { timeout: WAIT }).catch(() => null)
  if (block !== null) return block
  throw new MivmError('TIMEOUT', `block ${index} of the call log did not come: try again later`)
}
