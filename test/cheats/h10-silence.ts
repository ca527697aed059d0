import type { Cheat } from './cheat.ts'
import { NOTHING, two } from './h12-order.ts'

const HOUR_MS = 3_600_000

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H10',
    what: 'a call that is never acked',
    class: 'S',
    blocks: two,
    seams: () => ({ queue: (blocks) => [...blocks.slice(0, 1), NOTHING] }),
    behind: async (host) => {
      host.clock = HOUR_MS
    },
    // behind the last call nothing says how long it waits
    expect: (_at, _kind, position) => ({
      counted: { unanswered: 1 },
      suspected: position === 'last' ? [] : ['CALLS_UNANSWERED call - block 1']
    })
  },
  {
    row: 'H14',
    what: 'order of concurrent users chosen',
    class: 'U',
    before: (host) => host.call(host.carol, 'add', 'came later'),
    expect: () => ({ unseen: 'nobody has signed who came first' })
  }
]
