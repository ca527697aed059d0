import b4a from 'b4a'
import type { Cheat } from './cheat.ts'
import { replace, set } from './entries.ts'

const HUGE = b4a.alloc(8 * 1024 * 1024 + 1, 1)
const DEEP = '['.repeat(100_000)

/** Blocks that stand where a result should. */
const BLOCKS: readonly [what: string, code: string, block: Uint8Array][] = [
  ['a huge entry', 'ENTRY_TOO_LARGE', HUGE],
  ['an empty entry', 'ENTRY_MALFORMED', b4a.alloc(0)],
  ['an entry of an unknown type', 'ENTRY_MALFORMED', b4a.from([1, 200, 0, 0])],
  ['an entry of a newer version', 'ENTRY_MALFORMED', b4a.from([2, 3, 0])],
  ['an entry that is cut off', 'ENTRY_MALFORMED', b4a.from([1, 3, 0xfe])],
  ['an entry with a length beyond its end', 'ENTRY_MALFORMED', b4a.alloc(64, 0xff).fill(1, 0, 1)]
]

export const CHEATS: readonly Cheat[] = [
  ...BLOCKS.map(
    ([what, code, block]): Cheat => ({
      row: 'H40',
      what,
      class: 'P',
      seams: (host) => replace(host, 'result', () => [block]),
      expect: ({ seq, ack }) => ({ caught: [`${code} call ${seq} block ${ack + 1}`] })
    })
  ),
  {
    row: 'H40',
    what: 'a value that is deep and no JSON',
    class: 'R',
    without: (kind) => (kind === 'throws' ? 'it has no value' : null),
    seams: (host) => set(host, 'result', () => ({ value: DEEP })),
    expect: ({ seq, result }) => ({ caught: [`RESULT_WRONG call ${seq} block ${result}`] })
  },
  {
    row: 'H40',
    what: 'an ack that comes after itself',
    class: 'P',
    seams: (host) => set(host, 'ack', () => ({ previous: 2 ** 53 - 1 })),
    expect: ({ seq, ack }) => ({ caught: [`ACK_CHAIN_WRONG call ${seq} block ${ack}`] })
  },
  {
    row: 'H40',
    what: 'a result of an ack that is to come',
    class: 'P',
    seams: (host) => set(host, 'result', () => ({ ack: 2 ** 53 - 1 })),
    expect: ({ seq, result }) => ({ caught: [`RESULT_FORM call ${seq} block ${result}`] })
  },
  {
    row: 'H40',
    what: 'a user whose log is the call log',
    class: 'P',
    seams: (host) => set(host, 'ack', () => ({ user: host.address })),
    expect: ({ end, commit }) => ({
      caught: [`USER_HEAD_INVALID call ${end} block ${commit}`],
      missing: ['missing user log 0']
    })
  }
]
