import { decodeEntry } from '../../src/protocol/entries.ts'
import type { Cheat, Expected, Place, Position, Seams } from './cheat.ts'
import type { Kind } from './contract.ts'
import { replace } from './entries.ts'

/** Nothing that is not committed is in the archive of an honest host. */
const uncommitted = (blocks: number): Seams => ({
  append: (all) => all.slice(0, blocks),
  archive: () => []
})

const withoutCommit: Seams = {
  append: (blocks) => blocks.filter((block) => decodeEntry(block).type !== 'commit')
}

/** The state is the same, and what two batches write of it is not what one writes. */
function withoutBatch({ commit, end }: Place, kind: Kind, position: Position): Expected {
  if (position === 'last') return { pending: 2 }
  const wrote = kind === 'succeeds' || position === 'middle'
  return {
    caught: [
      `COMMIT_HEADS_WRONG call ${end} block ${commit}`,
      ...(wrote ? [`COMMIT_WRONG call ${end} block ${commit}`] : [])
    ]
  }
}

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H35',
    what: 'blocks withheld',
    class: '-',
    shown: async (_t, host) => {
      const { ack } = await host.place()
      const cores = await host.openCores()
      await cores.log.clear(ack, ack + 2)
      for (const core of Object.values(cores)) await core.close()
      return host
    },
    expect: ({ ack }) => ({ missing: [`missing call log ${ack}`] }),
    live: () => ({ unseen: 'a follower has read them before' })
  },
  {
    row: 'H39',
    what: 'an ack without a result',
    class: 'P',
    seams: (host, _kind, position) =>
      position === 'last' ? uncommitted(1) : replace(host, 'result', () => []),
    expect: ({ seq, ack }, _kind, position) => {
      if (position === 'last') return { pending: 1 }
      // of a commit nothing says which call it breaks off
      return { caught: [`ENTRY_UNEXPECTED call ${seq} block ${ack + 1}`] }
    }
  },
  {
    row: 'H39',
    what: 'a batch without a commit',
    class: 'P',
    seams: (_host, _kind, position) => (position === 'last' ? uncommitted(2) : withoutCommit),
    expect: withoutBatch,
    // who is there sees the archive between the two batches
    live: (at, kind, position) => ({
      ...withoutBatch(at, kind, position),
      may: position === 'last' ? [] : ['ARCHIVE_UNCOMMITTED']
    })
  },
  {
    row: 'H39',
    what: 'a lie in a batch without a commit',
    class: 'R',
    without: (_kind, position) =>
      position === 'last' ? null : 'what follows it has to be the commit',
    seams: () => ({ ...uncommitted(2), step: (step) => ({ ...step, fuel: step.fuel + 1 }) }),
    expect: ({ seq, result }) => ({
      caught: [`RESULT_WRONG call ${seq} block ${result}`],
      differing: ['fuel']
    })
  }
]
