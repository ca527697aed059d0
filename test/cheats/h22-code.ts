import { encodeEntry } from '../../src/protocol/entries.ts'
import type { Cheat } from './cheat.ts'
import { SOURCE } from './contract.ts'

const OTHER = SOURCE.replaceAll("'of bob'", "'x'")
  .replace('const id = ++exports.count', 'const id = exports.count += 2')
  .replace("throw Object.assign(new TypeError('no')", "throw Object.assign(new TypeError('yes')")
  .replace("'there' : 'not there'", "'not there' : 'there'")

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H22',
    what: 'other code logged than genesis names',
    class: 'P',
    without: (kind, position) =>
      position === 'first' && kind === 'succeeds' ? null : 'code is logged once, in block 1',
    deployment: {
      append: ([genesis, , ...rest]) => [
        ...(genesis === undefined ? [] : [genesis]),
        encodeEntry({ type: 'code', source: OTHER }),
        ...rest
      ]
    },
    expect: () => ({ caught: ['CODE_WRONG call - block 1'] })
  },
  {
    row: 'H22',
    what: 'other code executed than is logged',
    class: 'R',
    seams: () => ({ source: OTHER }),
    expect: ({ seq, result, end, commit }, kind) => ({
      caught: [
        `RESULT_WRONG call ${seq} block ${result}`,
        ...(kind === 'succeeds' ? [`COMMIT_WRONG call ${end} block ${commit}`] : [])
      ]
    })
  }
]
