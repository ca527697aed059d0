import {
  encodeEntry,
  type OracleAnswerEntry,
  readUserEntry,
  type UserCall
} from '../protocol/entries.ts'
import { callSeed, writesHash } from '../protocol/hash.ts'
import { encodeId } from '../protocol/ids.ts'
import type { Call, OracleAnswer, Step } from './vm.ts'

/** Between logs and VM: how a user's block becomes a call, and a step a result. Host and auditor share it. */

/** The call in a block of a user log; null where the block is no entry of such a log. */
export function readCall(block: Uint8Array): UserCall | null {
  const entry = readUserEntry(block)
  return entry?.type === 'call' ? entry : null
}

/** An ack in a user log asks for nothing; every other block, also a malformed one, gets a result. */
export function asksForResult(block: Uint8Array): boolean {
  return readUserEntry(block)?.type !== 'ack'
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
  if (call === null) return null
  const { method, args } = call
  const seed = callSeed(committedTreeHash, block, seq)
  return { method, args, caller: encodeId(user), seq, time, seed }
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
