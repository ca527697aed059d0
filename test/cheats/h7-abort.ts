import type { Step } from '../../src/vm/vm.ts'
import type { Cheat } from './cheat.ts'

const abort = (): Step => ({
  outcome: {
    status: 'abort',
    error: { name: 'MivmError', message: 'it took too long', code: 'ABORT_TIME' }
  },
  writes: [],
  fuel: 0
})

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H7',
    what: 'abort claimed',
    class: 'U',
    seams: () => ({ step: abort }),
    expect: () => ({ attested: { aborts: 1 } })
  }
]
