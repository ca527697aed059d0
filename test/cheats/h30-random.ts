import b4a from 'b4a'
import { encodeUserEntry } from '../../src/protocol/entries.ts'
import type { Cheat } from './cheat.ts'

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H30',
    what: 'another seed of Math.random',
    class: 'R',
    blocks: (kind) => [
      encodeUserEntry({ type: 'call', method: 'roll', args: JSON.stringify([kind]), head: null })
    ],
    seams: () => ({ call: (call) => ({ ...call, seed: b4a.alloc(32, 7) }) }),
    expect: ({ seq, result, end, commit }, kind) => ({
      caught: [
        `RESULT_WRONG call ${seq} block ${result}`,
        ...(kind === 'succeeds' ? [`COMMIT_WRONG call ${end} block ${commit}`] : [])
      ]
    })
  }
]
