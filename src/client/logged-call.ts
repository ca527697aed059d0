import type Hypercore from 'hypercore'
import { type CallLogEntry, type Commit, readEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { type LoggedCall, readCalls } from '../protocol/evidence-replay.ts'
import { writeFailure } from '../state/store.ts'
import type { InstanceReplica } from './instance-replica.ts'

/** For a block that has to come from a peer, ms. */
const WAIT = 10_000

/** Of one batch that is held in memory, as an auditor does; each block takes some hundred bytes more. */
const BATCH_BYTES_MAX = 512 * 1024 * 1024
const BLOCK_BYTES = 512

/** A call as the log tells it, with what it was executed behind; nothing is verified. */
export interface CallInLog {
  readonly source: string
  /** The commit before its batch; null where that is the first. */
  readonly start: Commit | null
  /** Tree hash of the call log at that commit: it goes into the seeds. */
  readonly committed: Uint8Array
  /** The calls of its batch that come before it. */
  readonly before: readonly LoggedCall[]
  readonly call: LoggedCall
}

/** Reads a call from a copy of the call log. Throws CALL_UNKNOWN, CALL_PENDING, TIMEOUT, NOT_REPRODUCED; ENTRY_MALFORMED. */
export async function readLogged(instance: InstanceReplica, seq: number): Promise<CallInLog> {
  const log = await instance.callLog()
  const ack = await findAck(log, log.length, seq)
  const end = await findResult(log, log.length, ack, seq)
  const start = await lastEnd(log, ack)
  const shown = []
  let bytes = 0
  for (let index = start + 1; index <= end; index++) {
    const block = await readBlock(log, index)
    bytes += block.byteLength + BLOCK_BYTES
    if (bytes > BATCH_BYTES_MAX) throw tooLarge(seq)
    shown.push({ index, block, entry: entryIn(block) })
  }
  const calls = callsOf(shown)
  const call = calls.pop()
  const [code, commit] = [await entryAt(log, 1), await entryAt(log, start)]
  if (call === undefined || code.type !== 'code') throw wrong()
  return {
    source: code.source,
    start: commit.type === 'commit' ? commit : null,
    // with the blocks behind it there came what it is made of
    committed: await log.treeHash(start + 1),
    before: calls,
    call
  }
}

function callsOf(shown: Parameters<typeof readCalls>[0]): LoggedCall[] {
  try {
    return readCalls(shown)
  } catch {
    throw wrong()
  }
}

function tooLarge(seq: number): MivmError {
  return new MivmError(
    'NOT_REPRODUCED',
    `the batch of call ${seq} is larger than what is held in memory here: audit the instance`
  )
}

function wrong(): MivmError {
  return new MivmError(
    'ENTRY_MALFORMED',
    'the call log is not one that a host writes: audit the instance'
  )
}

/** The block of an ack. Numbers of calls rise along the log, so that a million of them are twenty steps. */
export async function findAck(log: Hypercore, length: number, seq: number): Promise<number> {
  // genesis and code, and at least two entries for each call before it
  let from = Math.min(2 * seq, length)
  let to = length
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    const found = await nextAck(log, middle, to)
    if (found === null || found.seq > seq) to = middle
    else if (found.seq < seq) from = found.index + 1
    else return found.index
  }
  throw new MivmError('CALL_UNKNOWN', `there is no call ${seq} in this log: see "mivm log"`)
}

/** The block of the result that follows an ack. */
export async function findResult(
  log: Hypercore,
  length: number,
  ack: number,
  seq: number
): Promise<number> {
  for (let index = ack + 1; index < length; index++) {
    if ((await entryAt(log, index)).type === 'result') return index
  }
  throw new MivmError('CALL_PENDING', `call ${seq} has no result yet: try again later`)
}

/** A block of the call log, or of `what`, from a peer where it is not here; throws TIMEOUT, after `ms`, or STORAGE_FULL. */
export async function readBlock(
  log: Hypercore,
  index: number,
  what = 'the call log',
  ms: number = WAIT
): Promise<Uint8Array> {
  const block = await log.get(index, { timeout: ms }).catch(() => null)
  if (block !== null) return block
  throw (
    writeFailure(log) ??
    new MivmError('TIMEOUT', `block ${index} of ${what} did not come: try again later`)
  )
}

async function entryAt(log: Hypercore, index: number): Promise<CallLogEntry> {
  return entryIn(await readBlock(log, index))
}

function entryIn(block: Uint8Array): CallLogEntry {
  const entry = readEntry(block)
  if (entry === null) throw wrong()
  return entry
}

async function nextAck(
  log: Hypercore,
  from: number,
  to: number
): Promise<{ index: number; seq: number } | null> {
  for (let index = from; index < to; index++) {
    const entry = await entryAt(log, index)
    if (entry.type === 'ack') return { index, seq: entry.seq }
  }
  return null
}

/** The last commit before a block; 1, where the code is, if there is none. */
async function lastEnd(log: Hypercore, block: number): Promise<number> {
  for (let index = block - 1; index > 1; index--) {
    if ((await entryAt(log, index)).type === 'commit') return index
  }
  return 1
}
