import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { writeDurably } from './durable-file.ts'
import { readRecords } from './log-records.ts'

/** A bit of a file of the database that was not as it was written, and is again. */
export interface Mended {
  readonly file: string
  /** Byte of the file. */
  readonly at: number
}

/** What is to be said of it. */
export function mendedText({ file, at }: Mended): string {
  return `the disk had flipped a bit of ${file}, in byte ${at}: it is as it was written again`
}

/**
 * Turns back single bits that a disk has flipped in the files that RocksDB reads from the beginning when it opens a database:
 * its write-ahead log, which is long after a crash, and its manifest. One such bit would cost the whole database, or, in the
 * length of the last record, that record without a word: a host would then sign other blocks at lengths that it has
 * signed before. Where more is wrong with a file it stays as it is. To be called by who has the lock, before RocksDB opens it.
 */
export async function mendRecords(db: string): Promise<Mended[]> {
  const names = await readdir(db).catch(() => [])
  const mended: Mended[] = []
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
