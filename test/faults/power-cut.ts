import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import path from 'node:path'
import type { Random } from '../random.ts'
import { readSyncs, type Synced, writeSyncs } from './synced.ts'

/** Files that are written by us, or by a library in JavaScript: RocksDB syncs its own, but for its logs. */
const OURS = /(\.log|\.key|\.json|\/CORESTORE)$/

/**
 * Takes from a directory what a power cut may take: of every file what no sync has put on disk, or some of that, and
 * files whose names are not there. `notes` is what `synced.ts` has written. Returns how many bytes were lost.
 */
export function cutPower(dir: string, notes: string, random: Random): number {
  const synced = readSyncs(notes)
  const left: Synced = { sizes: new Map(), names: new Set() }
  let lost = 0
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    const file = path.join(dir, name)
    if (!OURS.test(file)) continue
    const { size, ino } = statSync(file)
    const safe = Math.min(size, synced.sizes.get(ino) ?? 0)
    const kept = random.chance(0.5) ? safe : safe + random.below(size - safe + 1)
    if (!synced.names.has(file) && random.chance(0.5)) {
      rmSync(file)
      lost += size
      continue
    }
    // what is whole keeps its date, too
    if (kept < size) truncateSync(file, kept)
    lost += size - kept
    // what is there when the machine starts again is on its disk
    left.sizes.set(ino, kept)
    left.names.add(file)
  }
  writeSyncs(notes, left)
  return lost
}
