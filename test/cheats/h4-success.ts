import type { Step, Thrown } from '../../src/vm/vm.ts'
import type { Cheat } from './cheat.ts'

const thrown =
  (fields: Partial<Thrown>) =>
  (step: Step): Step => {
    if (step.outcome.status !== 'error') return step
    return {
      ...step,
      outcome: { status: 'error', error: { ...step.outcome.error, ...fields } }
    }
  }

const LIES: readonly [what: string, step: (step: Step) => Step][] = [
  ['success claimed', (step) => ({ ...step, outcome: { status: 'ok', value: '1' } })],
  ['wrong name of an error', thrown({ name: 'Error' })],
  ['wrong message of an error', thrown({ message: 'yes' })],
  ['wrong code of an error', thrown({ code: 'YES' })],
  ['no code of an error', thrown({ code: null })]
]

export const CHEATS: readonly Cheat[] = LIES.map(([what, step]) => ({
  row: 'H4',
  what,
  class: 'R',
  without: (kind) => (kind === 'throws' ? null : 'nothing is thrown: see H5'),
  seams: () => ({ step }),
  expect: ({ seq, result }) => ({ caught: [`RESULT_WRONG call ${seq} block ${result}`] })
}))
