import { encodeUserEntry } from '../../src/protocol/entries.ts'
import { encodeArgs } from '../../src/protocol/values.ts'
import type { Step } from '../../src/vm/vm.ts'
import type { Cheat, Seams } from './cheat.ts'
import { CALLS, type Kind } from './contract.ts'

/** As many as are suspicious. */
const MANY = 8

const abort = (): Step => ({
  outcome: {
    status: 'abort',
    error: { name: 'MivmError', message: 'it took too long', code: 'ABORT_TIME' }
  },
  writes: [],
  fuel: 0
})

/** What is aborted has left nothing that the calls behind it would see. */
const ABORTED: Seams = {
  call: (call) => ({ ...call, method: 'read', args: '[0]' }),
  step: abort
}

function many(kind: Kind): Uint8Array[] {
  const [method, ...args] = CALLS[kind]
  const call = encodeUserEntry({ type: 'call', method, args: encodeArgs(args), head: null })
  return Array.from({ length: MANY }, () => call)
}

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H7',
    what: 'abort claimed',
    class: 'U',
    seams: () => ABORTED,
    expect: () => ({ attested: { aborts: 1 } })
  },
  {
    row: 'H7',
    what: 'abort claimed in the words of a contract',
    class: 'P',
    seams: () => ({
      ...ABORTED,
      step: () => {
        const error = { name: 'Error', message: 'nothing is left', code: 'SOLD_OUT' }
        return { ...abort(), outcome: { status: 'abort', error } }
      }
    }),
    expect: ({ seq, result }) => ({
      caught: [`RESULT_FORM call ${seq} block ${result}`],
      attested: { aborts: 1 }
    })
  },
  {
    row: 'H7',
    what: 'aborts claimed in bulk',
    class: 'S',
    blocks: many,
    seams: () => ABORTED,
    expect: ({ seq, ack }) => ({
      attested: { aborts: MANY },
      suspected: [`ABORTS_MANY call ${seq} block ${ack + 1}`]
    })
  }
]
