import { encodeEntry } from '../protocol/entries.ts'
import type { Write } from '../protocol/files.ts'
import { encodeResult } from '../vm/record.ts'
import type { Answered } from './accounts.ts'
import type { Executed } from './executor.ts'
import type { Position } from './notes.ts'
import { ackOf, type Opened } from './oracle-call.ts'
import type { UserLog } from './user-log.ts'

/** Where a batch goes on in the call log. */
export interface Place {
  /** Block of its first entry. */
  readonly start: number
  /** Of the call before it. */
  readonly seq: number
  readonly time: number
  /** The call in it that has asked an oracle, if one has: its ack is in the log already. */
  readonly opened: Opened | null
}

/** What comes of a batch, to be committed together. */
export interface BatchEntries {
  /** Acks and results. */
  readonly blocks: readonly Uint8Array[]
  /** How far each user's calls are executed then, in the order of their first acks. */
  readonly positions: ReadonlyMap<UserLog, Position>
  /** Where the results are, by user in z-base-32. */
  readonly answered: readonly (readonly [user: string, at: Answered])[]
  readonly writes: readonly Write[]
  /** Of its last call. */
  readonly seq: number
  readonly time: number
}

/** Makes entries of calls that were executed; `users` has the logs that they are in, by user in z-base-32. */
export function entriesOf(
  { items, steps, times }: Executed,
  users: ReadonlyMap<string, UserLog>,
  place: Place
): BatchEntries {
  const { start, opened } = place
  let { seq, time } = place
  const blocks: Uint8Array[] = []
  const positions = new Map<UserLog, Position>()
  const answered: [user: string, at: Answered][] = []
  const writes: Write[] = []
  for (const [i, item] of items.entries()) {
    const step = steps[i]
    const user = users.get(item.id)
    if (step === undefined || user === undefined) break
    time = times[i] ?? time
    seq++
    const isOpened = opened?.item === item
    const ack = isOpened ? opened.ack : start + blocks.length
    if (!isOpened) {
      const previous = (positions.get(user) ?? user.position).ack
      blocks.push(encodeEntry(ackOf(item, seq, time, previous)))
    }
    answered.push([user.id, { entry: item.entry, ack, result: start + blocks.length }])
    blocks.push(encodeResult(ack, step))
    positions.set(user, { entry: item.entry, ack })
    writes.push(...step.writes)
  }
  return { blocks, positions, answered, writes, seq, time }
}
