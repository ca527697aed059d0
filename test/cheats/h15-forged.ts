import { encodeUserEntry } from '../../src/protocol/entries.ts'
import { readCall } from '../../src/vm/record.ts'
import type { Cheat } from './cheat.ts'

const FORGED = encodeUserEntry({
  type: 'call',
  method: 'add',
  args: '["forged"]',
  head: null
})

function alter(block: Uint8Array, fields: { method?: string; args?: string }): Uint8Array {
  const call = readCall(block)
  if (call === null) throw new Error('bob has called')
  return encodeUserEntry({ ...call, ...fields })
}

const altered = (fields: { method?: string; args?: string }) => ({
  queue: (blocks: readonly Uint8Array[]) => blocks.map((block) => alter(block, fields))
})

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H15',
    what: 'a forged call behind a real one',
    class: 'P',
    seams: () => ({ queue: (blocks) => [...blocks, FORGED] }),
    expect: ({ end, commit }) => ({
      caught: [`COMMIT_HEADS_WRONG call ${end} block ${commit}`],
      missing: ['missing user log 1']
    })
  },
  {
    row: 'H15',
    what: 'altered arguments',
    class: 'P',
    seams: () => altered({ args: '["altered"]' }),
    expect: ({ seq, ack }) => ({ caught: [`CALL_ALTERED call ${seq} block ${ack}`] })
  },
  {
    row: 'H15',
    what: 'altered method',
    class: 'P',
    seams: () => altered({ method: 'roll' }),
    expect: ({ seq, ack }) => ({ caught: [`CALL_ALTERED call ${seq} block ${ack}`] })
  }
]
