import type { Step } from '../../src/vm/vm.ts'
import type { Cheat } from './cheat.ts'

const wrong =
  (value: string | null) =>
  (step: Step): Step => ({ ...step, outcome: { status: 'ok', value } })

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H1',
    what: 'wrong result value',
    class: 'R',
    without: (kind) => (kind === 'throws' ? 'it returns nothing: see H4' : null),
    seams: () => ({ step: wrong('99') }),
    expect: ({ seq, result }) => ({ caught: [`RESULT_WRONG call ${seq} block ${result}`] })
  },
  {
    row: 'H1',
    what: 'null, where nothing is returned',
    class: 'R',
    without: (kind) => (kind === 'throws' ? 'it returns nothing: see H4' : null),
    seams: () => ({ step: wrong(null) }),
    expect: ({ seq, result }) => ({ caught: [`RESULT_WRONG call ${seq} block ${result}`] })
  }
]
