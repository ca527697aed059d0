import type { Cheat } from './cheat.ts'
import { set } from './entries.ts'

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H16',
    what: 'the same call executed twice',
    class: 'P',
    seams: (host) => ({
      queue: (blocks) => [...blocks, ...blocks],
      ...set(host, 'ack', () => ({ entry: 1 }))
    }),
    expect: ({ seq, ack }) => ({ caught: [`CALL_REPEATED call ${seq + 1} block ${ack + 2}`] })
  }
]
