import { setTimeout as sleep } from 'node:timers/promises'
import { MivmError } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import {
  type CallReply,
  RANGE_BLOCKS_MAX,
  type RangeReply,
  type RangeRequest,
  type UserBlocks
} from '../protocol/messages.ts'
import { anotherPart, type OwnLog } from './own-log.ts'

/** How often it is asked for what the host may not have on disk yet, and between two times, ms. */
const TRIES = 20
const RETRY_MS = 100

/** What a host is asked for. */
export interface Asks {
  /** The user's log from an entry on, as an answer to a call that sends nothing. */
  part(start: number): Promise<CallReply>
  range(request: RangeRequest): Promise<RangeReply>
}

/**
 * Takes back what a host holds of a log beyond its end here. What does not come with its head, in one reply, is taken under a
 * head that the user has signed, which is asked for first: so it ends where the user's own log ended, no part has to be
 * kept in memory, and what was taken back stays when this ends in the middle.
 */
export async function takeBack(
  log: OwnLog,
  behind: UserBlocks,
  length: number,
  asks: Asks
): Promise<void> {
  if (checkPart(behind, log.length) !== null) return log.takeBack(behind)
  const head = await headOf(log, length, asks)
  while (log.length < head.length) await log.extend(await rangeOf(log, head, asks), head)
}

/** The head of the log as the host holds it, which comes with its last entry. */
async function headOf(log: OwnLog, length: number, asks: Asks): Promise<Head> {
  if (!Number.isSafeInteger(length) || length <= log.length) throw anotherPart()
  const { behind } = await asks.part(length - 1)
  const head = behind === null ? null : checkPart(behind, length - 1)
  if (head === null || !log.isSigned(head)) throw anotherPart()
  return head
}

async function rangeOf(log: OwnLog, { length }: Head, asks: Asks): Promise<RangeReply> {
  for (let i = 0; i < TRIES; i++) {
    const { key, length: start } = log
    const range = await asks.range({ key, start, length, blocks: RANGE_BLOCKS_MAX })
    if (range.blocks.length > 0) return range
    await sleep(RETRY_MS)
  }
  throw new MivmError(
    'REQUEST_INVALID',
    `the host holds ${length} entries of your log, and does not show those from ${log.length + 1} on: ask its operator, or use a copy of your data directory`
  )
}

/** The head at the end of a part, null where there is more; it has to go on where the one before it ended. */
function checkPart({ start, blocks, head }: UserBlocks, expected: number): Head | null {
  if (start === expected && blocks.length > 0) return head
  throw anotherPart()
}
