import b4a from 'b4a'
import c from 'compact-encoding'
import {
  type Ack,
  decodeEntry,
  type Genesis,
  type Result,
  readEntry,
  readUserEntry
} from './entries.ts'
import { damaged, unwrap, wrap } from './envelope.ts'
import { MivmError } from './errors.ts'
import type { Head } from './head.ts'
import { decodeId, encodeId } from './ids.ts'
import { RECEIPT_ITEMS_MAX } from './limits.ts'
import { addressOf } from './manifest.ts'
import { type Proof, verifyProof } from './proof.ts'
import { getEncoding } from './schema/index.js'

/** What a receipt says once it is verified. */
export interface Receipt {
  /** z-base-32. */
  readonly host: string
  readonly address: string
  readonly user: string
  /** Number of the call in the instance, from 1. */
  readonly seq: number
  /** Host time of the ack, ms. */
  readonly time: number
  readonly method: string | null
  /** Text form of the array of arguments. */
  readonly args: string | null
  readonly outcome: Result['outcome']
  /** Text form of the value; null where there is none. */
  readonly value: string | null
  readonly error: Result['error']
  readonly head: Head
  /** The receipt itself: verifiable for ever, with nothing else. */
  readonly bytes: Uint8Array
}

/** Puts a receipt together: genesis, and a proof from block 0 of one ack and its result. */
export function encodeReceipt(genesis: Uint8Array, proof: Proof): Uint8Array {
  return wrap('receipt', c.encode(RECEIPT, { genesis, proof }))
}

/**
 * Verifies a receipt, as bytes or as text in armour: that the host which genesis names has signed, in the log that
 * genesis makes the address of, this ack and this result. No I/O. Throws PROOF_INVALID, with `host`, z-base-32, also
 * for any other host's; PROOF_UNKNOWN, PROOF_VERSION, PROOF_DAMAGED or PROOF_TOO_LARGE for what is no whole receipt;
 * ENTRY_MALFORMED and ENTRY_VERSION for its genesis.
 */
export function verifyReceipt(file: Uint8Array | string, host?: string): Receipt {
  const { bytes } = unwrap(file)
  const { genesis, proof } = openReceipt(file)
  const entry = decodeEntry(genesis)
  if (entry.type !== 'genesis') throw invalid('it does not begin with genesis')
  if (host !== undefined && !b4a.equals(decodeId(host, 'host key'), entry.host)) {
    throw invalid(`it is of the host ${encodeId(entry.host)}`)
  }
  if (proof.start !== 0) throw invalid('its proof does not begin at block 0')
  const address = addressOf(entry.host, genesis)
  if (proof.fork !== 0) throw invalid('its head is of a history that was rewritten')
  const { head, blocks } = verifyProof(proof, { key: address, publicKey: entry.host })
  const { ack, result } = readPair(blocks)
  return { ...describe(entry, address, ack, result), head, bytes }
}

/** What a receipt is made of, of which nothing is verified; throws as {@link verifyReceipt} does for what is none. */
export function openReceipt(file: Uint8Array | string): { genesis: Uint8Array; proof: Proof } {
  const { kind, body } = unwrap(file)
  if (kind !== 'receipt') throw invalid(`it is ${kind}`)
  const receipt = decodeReceipt(body)
  if (receipt.proof.items.length > RECEIPT_ITEMS_MAX) {
    throw invalid('its proof has more items than two blocks take')
  }
  return receipt
}

function describe(genesis: Genesis, address: Uint8Array, ack: Ack, result: Result) {
  const entry = readUserEntry(ack.call)
  const call = entry?.type === 'call' ? entry : null
  return {
    host: encodeId(genesis.host),
    address: encodeId(address),
    user: encodeId(ack.user),
    seq: ack.seq,
    time: ack.time,
    method: call?.method ?? null,
    args: call?.args ?? null,
    outcome: result.outcome,
    value: result.value,
    error: result.error
  }
}

function readPair(blocks: ReadonlyMap<number, Uint8Array>): { ack: Ack; result: Result } {
  const [first, second, ...more] = [...blocks].map(([index, block]) => ({
    index,
    entry: readEntry(block)
  }))
  if (first?.entry?.type !== 'ack' || second?.entry?.type !== 'result' || more.length > 0) {
    throw invalid('it does not hold one ack and one result')
  }
  if (second.entry.ack !== first.index) throw invalid('its result answers another call')
  return { ack: first.entry, result: second.entry }
}

function decodeReceipt(body: Uint8Array): { genesis: Uint8Array; proof: Proof } {
  try {
    const receipt = c.decode(RECEIPT, body)
    if (receipt.genesis !== null && b4a.equals(c.encode(RECEIPT, receipt), body)) return receipt
  } catch {}
  throw damaged('this receipt is damaged or cut off')
}

function invalid(why: string): MivmError {
  return new MivmError('PROOF_INVALID', `not a valid receipt: ${why}`)
}

const RECEIPT = getEncoding<{ genesis: Uint8Array; proof: Proof }>('@mivm/receipt')
