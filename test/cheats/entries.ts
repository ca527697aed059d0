import b4a from 'b4a'
import { type CallLogEntry, decodeEntry, encodeEntry } from '../../src/protocol/entries.ts'
import type { Seams } from './cheat.ts'
import type { CheatingHost } from './host.ts'

/** The seam of the call log, with entries instead of blocks. */
export function entries(
  change: (entries: readonly CallLogEntry[], start: number) => readonly CallLogEntry[]
): Seams {
  return {
    append: (blocks, start) => change(blocks.map(decodeEntry), start).map(encodeEntry)
  }
}

/** Changes fields of the entries of one type that belong to bob's call, and of the commit behind it. */
export function set(
  { bob }: CheatingHost,
  type: CallLogEntry['type'],
  fields: (entry: CallLogEntry) => object
): Seams {
  return entries((all, start) =>
    all.map((entry) => {
      const isBobs = isOf(bob.key, all, start, entry)
      return entry.type === type && isBobs ? Object.assign({ ...entry }, fields(entry)) : entry
    })
  )
}

/** Puts something else where the blocks of bob's ack and result are. */
export function replace(
  { bob }: CheatingHost,
  type: CallLogEntry['type'],
  by: (block: Uint8Array, index: number) => readonly Uint8Array[]
): Seams {
  return {
    append: (blocks, start) => {
      const all = blocks.map(decodeEntry)
      return blocks.flatMap((block, i) => {
        const entry = all[i]
        if (entry?.type !== type || !isOf(bob.key, all, start, entry)) return [block]
        return by(block, start + i)
      })
    }
  }
}

/** An ack that is not among these entries is one that was written when its call asked an oracle: bob's. */
function isOf(
  user: Uint8Array,
  all: readonly CallLogEntry[],
  start: number,
  entry: CallLogEntry
): boolean {
  if (entry.type === 'ack') return b4a.equals(entry.user, user)
  if (entry.type === 'commit') return true
  if (entry.type === 'genesis' || entry.type === 'code') return false
  const ack = all[entry.ack - start]
  return ack === undefined || isOf(user, all, start, ack)
}
