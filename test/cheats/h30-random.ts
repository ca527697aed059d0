import b4a from 'b4a'
import { encodeUserEntry } from '../../src/protocol/entries.ts'
import { encodeId } from '../../src/protocol/ids.ts'
import type { Call } from '../../src/vm/vm.ts'
import type { Cheat } from './cheat.ts'

/** What a call is told of its surroundings, other than its ack says. */
const OTHERS: { readonly [what: string]: (call: Call) => Partial<Call> } = {
  'another time': ({ time }) => ({ time: time + 1 }),
  'another caller': () => ({ caller: encodeId(b4a.alloc(32, 7)) }),
  'another number': ({ seq }) => ({ seq: seq + 1 })
}

export const CHEATS: readonly Cheat[] = [
  ...Object.entries(OTHERS).map(
    ([what, change]): Cheat => ({
      row: 'H1',
      what: `the call is executed with ${what} than its ack says`,
      class: 'R',
      blocks: (kind) => [
        encodeUserEntry({ type: 'call', method: 'told', args: JSON.stringify([kind]), head: null })
      ],
      seams: () => ({ call: (call) => ({ ...call, ...change(call) }) }),
      expect: ({ seq, result, end, commit }, kind) => ({
        caught: [
          `RESULT_WRONG call ${seq} block ${result}`,
          ...(kind === 'succeeds' ? [`COMMIT_WRONG call ${end} block ${commit}`] : [])
        ]
      })
    })
  ),
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
