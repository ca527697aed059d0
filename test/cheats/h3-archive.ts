import b4a from 'b4a'
import type { Archive } from '../../src/state/archive.ts'
import type { Cheat, Expected, Place, Position } from './cheat.ts'
import type { Kind } from './contract.ts'
import type { CheatingHost } from './host.ts'

async function bad(host: CheatingHost, archive: Archive, data: Uint8Array | null = BAD) {
  await archive.write([{ path: '/items/0', data }])
  const { archive: files, blobs } = archive.version()
  host.tampered.push(files.length, blobs.length)
}

async function badAndBack(host: CheatingHost, archive: Archive): Promise<void> {
  const before = await archive.get('/items/0')
  await bad(host, archive)
  await bad(host, archive, before)
}

const BAD = b4a.from('bad')

/** The next commit is the first that covers it; behind the last there is none. */
function expect({ next, files, blobs }: Place) {
  if (next !== null) return { caught: [`COMMIT_WRONG call ${next.end} block ${next.commit}`] }
  return {
    caught: [files, blobs].map((length) => `ARCHIVE_UNCOMMITTED call - block ${length - 1}`)
  }
}

/** Who is there sees every head that is shown, if it is shown for long enough. */
function live(at: Place, _kind: Kind, _position: Position, { tampered }: CheatingHost): Expected {
  const may = tampered.map((length) => `ARCHIVE_UNCOMMITTED call - block ${length - 1}`)
  const expected = expect(at)
  return { ...expected, may: may.filter((finding) => !expected.caught.includes(finding)) }
}

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H3',
    what: 'archive changed without a call',
    class: 'P',
    behind: (host) => host.restart((archive) => bad(host, archive)),
    expect,
    live
  },
  {
    row: 'H3',
    what: 'archive changed and changed back',
    class: 'P',
    behind: (host) => host.restart((archive) => badAndBack(host, archive)),
    expect,
    live
  }
]
