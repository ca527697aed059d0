import b4a from 'b4a'
import type { Write } from '../../src/protocol/files.ts'
import type { Step } from '../../src/vm/vm.ts'
import type { Cheat, Place } from './cheat.ts'
import type { Kind } from './contract.ts'
import { set } from './entries.ts'

const EXTRA: Write = { path: '/items/7', data: b4a.from('for the host') }

const needsWrites = (kind: Kind) => (kind === 'succeeds' ? null : 'it writes nothing that could be')

const writes =
  (change: (writes: readonly Write[]) => readonly Write[]) =>
  (step: Step): Step => ({ ...step, writes: change(step.writes) })

const caught = ({ seq, result, commit, end }: Place, kind: Kind) => ({
  caught: [
    ...(kind === 'throws' ? [`RESULT_FORM call ${seq} block ${result}`] : []),
    `RESULT_WRONG call ${seq} block ${result}`,
    `COMMIT_WRONG call ${end} block ${commit}`
  ]
})

const caughtInCommit = ({ commit, end }: Place) => ({
  caught: [`COMMIT_WRONG call ${end} block ${commit}`]
})

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H2',
    what: 'wrong write',
    class: 'R',
    without: needsWrites,
    seams: () => ({
      step: writes((all) => all.map(({ path }) => ({ path, data: b4a.from('"bad"') })))
    }),
    expect: caught
  },
  {
    row: 'H2',
    what: 'missing write',
    class: 'R',
    without: needsWrites,
    seams: () => ({ step: writes((all) => all.slice(1)) }),
    expect: caught
  },
  {
    row: 'H2',
    what: 'extra write',
    class: 'R',
    seams: () => ({ step: writes((all) => [...all, EXTRA]) }),
    expect: caught
  },
  {
    row: 'H2',
    what: 'extra write, in the archive alone',
    class: 'R',
    seams: () => ({ archive: (all) => [...all, EXTRA] }),
    expect: caughtInCommit
  },
  {
    row: 'H2',
    what: 'missing write, in the archive alone',
    class: 'R',
    without: needsWrites,
    seams: () => ({ archive: (all) => all.slice(1) }),
    expect: caughtInCommit
  },
  {
    row: 'H2',
    what: 'wrong hash of the writes',
    class: 'R',
    seams: (host) => set(host, 'result', () => ({ writes: b4a.alloc(32) })),
    expect: (at, kind) => ({ caught: caught(at, kind).caught.slice(0, -1) })
  }
]
