import { encodeUserEntry } from '../../src/protocol/entries.ts'
import { encodeArgs } from '../../src/protocol/values.ts'
import type { Step } from '../../src/vm/vm.ts'
import type { Cheat, Place } from './cheat.ts'
import type { Kind } from './contract.ts'

const wrong =
  (value: string | null) =>
  (step: Step): Step => ({ ...step, outcome: { status: 'ok', value } })

const notThrown = (kind: Kind) => (kind === 'throws' ? 'it returns nothing: see H4' : null)

const callOf = (method: string, args: unknown[]) =>
  encodeUserEntry({ type: 'call', method, args: encodeArgs(args), head: null })

const expect = ({ seq, result }: Place) => ({
  caught: [`RESULT_WRONG call ${seq} block ${result}`],
  differing: ['value']
})

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H1',
    what: 'wrong result value',
    class: 'R',
    without: notThrown,
    seams: () => ({ step: wrong('99') }),
    expect
  },
  {
    row: 'H1',
    what: 'nothing, where a value is returned',
    class: 'R',
    without: notThrown,
    seams: () => ({ step: wrong(null) }),
    expect
  },
  {
    row: 'H1',
    what: 'null, where nothing is returned',
    class: 'R',
    without: notThrown,
    blocks: (kind) => [kind === 'succeeds' ? callOf('change', [0, 'x']) : callOf('rest', [])],
    seams: () => ({ step: wrong('null') }),
    expect
  }
]
