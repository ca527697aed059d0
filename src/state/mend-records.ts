import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import { writeDurably } from './durable-file.ts'
import { readUnflipped } from './flipped-bit.ts'
import { readRecords } from './log-records.ts'

/** A bit of a file of the database that was not as it was written, and is again; or all of the file. */
export interface Mended {
  readonly file: string
  /** Byte of the file; null where all of it was made anew. */
  readonly at: number | null
}

/** What is to be said of it. */
export function mendedText({ file, at }: Mended): string {
  const what = at === null ? `damaged, or lost, ${file}` : `flipped a bit of ${file}, in byte ${at}`
  return `the disk had ${what}: it is as it was written again`
}

/**
 * Turns back single bits that a disk has flipped in the files that RocksDB reads from the beginning when it opens a database:
 * its write-ahead log, which is long after a crash, and its manifest. One such bit would cost the whole database, or, in the
 * length of the last record, that record without a word: a host would then sign other blocks at lengths that it has
 * signed before. Where more is wrong with a file it stays as it is. Before that it sees to the file that names the manifest. To be
 * called by who has the lock, before RocksDB opens it. Throws where RocksDB would begin anew in the place of what there is.
 */
export async function mendRecords(db: string): Promise<Mended[]> {
  const names = await readdir(db).catch(() => [])
  const mended = await mendCurrent(db, names)
  for (const name of names.filter((it) => /^(\d+\.log|MANIFEST-\d+)$/.test(it))) {
    const file = path.join(db, name)
    // what cannot be read RocksDB says itself
    const bytes = await readFile(file).catch(() => null)
    const { flipped, damaged } = readRecords(bytes ?? new Uint8Array())
    if (bytes === null || flipped.length === 0 || damaged !== null) continue
    for (const { at, bit } of flipped) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
    // what a crash leaves of this is one or the other, whole
    await writeDurably(file, bytes)
    mended.push(...flipped.map(({ at }) => ({ file, at })))
  }
  return mended
}

/**
 * There is one manifest, but for moments, and CURRENT names it. Where that file is gone RocksDB makes one for an empty database,
 * complains of the logs of the one that there was, and at the next start opens the empty one and removes all files of the other.
 */
async function mendCurrent(db: string, names: readonly string[]): Promise<Mended[]> {
  const file = path.join(db, 'CURRENT')
  const isGone = !names.includes('CURRENT')
  // a new database, of which a crash has left no more
  if (isGone && !names.some((name) => /^\d+\.(log|sst|blob)$/.test(name))) return []
  // what cannot be read RocksDB says itself
  const bytes = isGone ? new Uint8Array() : await readFile(file).catch(() => null)
  const [manifest, other] = names.filter((name) => /^MANIFEST-\d+$/.test(name))
  if (manifest !== undefined && other === undefined && bytes !== null) {
    const wanted = Buffer.from(`${manifest}\n`)
    if (!mayBeOf(bytes, wanted)) return []
    await writeDurably(file, wanted)
    return [{ file, at: null }]
  }
  if (isGone) throw new Error('CURRENT is gone, and which manifest it has named cannot be told')
  return []
}

/** Whether a file is not what it should be, and names no other manifest either, unless by a single bit. */
function mayBeOf(bytes: Uint8Array, wanted: Uint8Array): boolean {
  if (!/^MANIFEST-\d+\n$/.test(Buffer.from(bytes).toString('latin1'))) return true
  return readUnflipped(bytes, (some) => (b4a.equals(some, wanted) ? some : null)) !== null
}
