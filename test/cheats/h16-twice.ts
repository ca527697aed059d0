import type { Cheat, Seams } from './cheat.ts'
import { set } from './entries.ts'
import type { CheatingHost } from './host.ts'

const twice = (host: CheatingHost): Seams => ({
  queue: (blocks) => [...blocks, ...blocks],
  ...set(host, 'ack', () => ({ entry: 1 }))
})

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H16',
    what: 'the same call executed twice',
    class: 'P',
    seams: twice,
    expect: ({ seq, ack }) => ({ caught: [`CALL_REPEATED call ${seq + 1} block ${ack + 2}`] })
  },
  {
    row: 'H16',
    what: 'the same call executed twice, in a batch without a commit',
    class: 'P',
    without: (_kind, position) =>
      position === 'last' ? null : 'what follows it has to be the commit',
    seams: (host) => {
      const { append, ...seams } = twice(host)
      return {
        ...seams,
        append: (blocks, start) => (append?.(blocks, start) ?? blocks).slice(0, 4),
        archive: () => []
      }
    },
    expect: ({ seq, ack }) => ({ caught: [`CALL_REPEATED call ${seq + 1} block ${ack + 2}`] })
  }
]
