import b4a from 'b4a'
import type { Archive } from '../../src/state/archive.ts'
import type { Cheat, Place } from './cheat.ts'

const bad = (archive: Archive) => archive.write([{ path: '/items/0', data: b4a.from('bad') }])

async function badAndBack(archive: Archive): Promise<void> {
  const before = await archive.get('/items/0')
  await bad(archive)
  await archive.write([{ path: '/items/0', data: before }])
}

/** The next commit is the first that covers it; behind the last there is none. */
function expect({ next, files, blobs }: Place) {
  if (next !== null) return { caught: [`COMMIT_WRONG call ${next.end} block ${next.commit}`] }
  return {
    caught: [files, blobs].map((length) => `ARCHIVE_UNCOMMITTED call - block ${length - 1}`)
  }
}

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H3',
    what: 'archive changed without a call',
    class: 'P',
    behind: (host) => host.restart(bad),
    expect
  },
  {
    row: 'H3',
    what: 'archive changed and changed back',
    class: 'P',
    behind: (host) => host.restart(badAndBack),
    expect
  }
]
