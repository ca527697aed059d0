import {
  encodeEntry,
  type Genesis,
  limitsOf,
  type OracleAnswerEntry,
  readUserEntry,
  type UserCall
} from '../protocol/entries.ts'
import { callSeed, writesHash } from '../protocol/hash.ts'
import { encodeId } from '../protocol/ids.ts'
import type { Call, Contract, OracleAnswer, Step } from './vm.ts'

/** Between logs and VM: how a user's block becomes a call, and a step a result. Host and auditor share it. */

/** An instance as the VM sees it; throws LIMIT_INVALID. */
export function contractOf(address: Uint8Array, genesis: Genesis, source: string): Contract {
  return {
    vm: genesis.vm,
    address: encodeId(address),
    host: encodeId(genesis.host),
    deployer: encodeId(genesis.deployer),
    source,
    limits: limitsOf(genesis)
  }
}

/** The call in a block of a user log; null where the block is no entry of such a log. */
export function readCall(block: Uint8Array): UserCall | null {
  const entry = readUserEntry(block)
  return entry?.type === 'call' ? entry : null
}

/**
 * What a block of a user log asks for: a call, or, null, the result that a block gets which is no entry of such a log.
 * An ack asks for nothing: undefined.
 */
export function readAsked(block: Uint8Array): UserCall | null | undefined {
  const entry = readUserEntry(block)
  return entry?.type === 'ack' ? undefined : entry
}

/** What the VM executes for a user's block; null where the block is no call, and {@link MALFORMED} its outcome. */
export function callOf(
  block: Uint8Array,
  user: Uint8Array,
  seq: number,
  time: number,
  committedTreeHash: Uint8Array
): Call | null {
  const call = readCall(block)
  return call && callAt(call, block, encodeId(user), seq, time, committedTreeHash)
}

/** The same where the block has been read before; `caller` is its user in z-base-32. */
export function callAt(
  { method, args }: UserCall,
  block: Uint8Array,
  caller: string,
  seq: number,
  time: number,
  committedTreeHash: Uint8Array
): Call {
  return { method, args, caller, seq, time, seed: callSeed(committedTreeHash, block, seq) }
}

/** The step of an entry that is no call: an error that everybody comes to, so that the log's order is kept. */
export const MALFORMED: Step = {
  outcome: {
    status: 'error',
    error: { name: 'MivmError', message: 'the entry is not a call', code: 'ENTRY_MALFORMED' }
  },
  writes: [],
  fuel: 0
}

/** The result entry of a step, as a block; `ack` is the block of its ack. */
export function encodeResult(ack: number, { outcome, writes, fuel }: Step): Uint8Array {
  return encodeEntry({
    type: 'result',
    ack,
    outcome: outcome.status,
    value: outcome.status === 'ok' ? outcome.value : null,
    error: outcome.status === 'ok' ? null : outcome.error,
    fuel,
    writes: writesHash(writes)
  })
}

export function answerOf({ value, error }: OracleAnswerEntry): OracleAnswer {
  return error === null ? { ok: true, value } : { ok: false, error }
}
