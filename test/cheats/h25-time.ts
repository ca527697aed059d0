import type { Cheat } from './cheat.ts'
import { set } from './entries.ts'

const DAY_MS = 86_400_000

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H25',
    what: 'host time backwards',
    class: 'P',
    seams: (host) => set(host, 'ack', () => ({ time: 1 })),
    expect: ({ seq, ack }) => ({ caught: [`TIME_BACKWARDS call ${seq} block ${ack}`] })
  },
  {
    row: 'H26',
    what: 'host time wrong, but monotonic',
    class: 'U',
    before: async (host) => {
      host.clock = DAY_MS
    },
    behind: async (host) => {
      host.clock = 0
    },
    expect: () => ({ attested: { hostTimes: 6 } })
  }
]
