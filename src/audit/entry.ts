import { type CallLogEntry, isTooMuch, readEntry } from '../protocol/entries.ts'
import { BLOCK_MAX } from '../protocol/limits.ts'

/** Why a block is no entry, or none that is looked at. */
export type Unreadable = 'malformed' | 'large'

/** An entry of a call log whose genesis is of this version, or why it is none. */
export function decode(block: Uint8Array): CallLogEntry | Unreadable {
  if (block.byteLength > BLOCK_MAX) return 'large'
  const entry = readEntry(block)
  if (entry === null) return 'malformed'
  return isTooMuch(entry) ? 'large' : entry
}
