import type { Step, Thrown } from '../../src/vm/vm.ts'
import type { Cheat, Place } from './cheat.ts'
import type { Kind } from './contract.ts'

const FAILED: Thrown = { name: 'Error', message: 'it failed', code: null }
const NO_FUEL: Thrown = {
  name: 'MivmError',
  message: 'the call used up its fuel',
  code: 'FUEL_EXHAUSTED'
}

const fails =
  (error: Thrown) =>
  ({ fuel }: Step): Step => ({ outcome: { status: 'error', error }, writes: [], fuel })

function expect({ seq, result, commit, end }: Place, kind: Kind) {
  const lost = kind === 'succeeds' ? [`COMMIT_WRONG call ${end} block ${commit}`] : []
  return { caught: [`RESULT_WRONG call ${seq} block ${result}`, ...lost] }
}

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H5',
    what: 'failure claimed',
    class: 'R',
    without: (kind) => (kind === 'throws' ? 'it fails: see H4' : null),
    seams: () => ({ step: fails(FAILED) }),
    expect
  },
  {
    row: 'H6',
    what: 'out of fuel claimed',
    class: 'R',
    seams: () => ({ step: fails(NO_FUEL) }),
    expect
  }
]
