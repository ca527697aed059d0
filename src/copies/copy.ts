import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import { askNewest } from '../client/newest.ts'
import type { Ranges } from '../client/ranges.ts'
import { deferred, unlessAborted } from '../protocol/deferred.ts'
import type { Version } from '../protocol/entries.ts'
import { treeHashAt } from '../state/head.ts'
import { fetchRanges, type Waiting } from './by-range.ts'

/** Blocks that are asked for at once. */
const BLOCKS_MAX = 4096

/** A log of somebody else, of which nothing is cut back here. */
export async function openCopy(store: Corestore, key: Uint8Array): Promise<Hypercore> {
  const core = store.get({ key, allowFork: false })
  await core.ready()
  return core
}

/** Closes and removes a copy: what comes of the log next is another one. */
export async function discard(copy: Hypercore): Promise<void> {
  const { core, state } = copy
  const { store, core: place } = state.storage
  for (const session of [...copy.sessions]) await session.close()
  await core.close()
  await store.deleteCore(place)
}

/** Waits until a log has so many blocks; false where that was given up. */
export async function awaitBlocks(
  core: Hypercore,
  length: number,
  { signal }: Waiting
): Promise<boolean> {
  while (core.length < length && !signal.aborted) await unlessAborted(signal, grown(core))
  return core.length >= length
}

/**
 * Has blocks `start` to `end` of a log here, once there are so many; false where that was given up. `ranges`: who is asked for
 * many at once.
 */
export async function fetchBlocks(
  core: Hypercore,
  start: number,
  end: number,
  { signal }: Waiting,
  ranges: Ranges | null = null
): Promise<boolean> {
  if (!(await awaitBlocks(core, end, { signal }))) return false
  const first = ranges ? await fetchRanges(core, start, end, ranges, { signal }) : start
  for (let at = first; at < end; at += BLOCKS_MAX) {
    const download = core.download({ start: at, end: Math.min(end, at + BLOCKS_MAX) })
    const stop = () => download.destroy()
    signal.addEventListener('abort', stop)
    try {
      if (!signal.aborted) await download.done()
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      signal.removeEventListener('abort', stop)
      download.destroy()
    }
    if (signal.aborted) return core.has(start, end)
  }
  return true
}

/** Whether a log, which has so many blocks, is the one that is named. */
export async function isVersion(core: Hypercore, { length, treeHash }: Version): Promise<boolean> {
  return core.length >= length && b4a.equals(await treeHashAt(core, length), treeHash)
}

/** Resolves when a log has grown, or may have. */
async function grown(core: Hypercore): Promise<void> {
  const { promise, resolve } = deferred<void>()
  const wake = () => resolve()
  const timer = setTimeout(wake, 200)
  core.once('append', wake)
  try {
    void askNewest(core, 0)
    await promise
  } finally {
    clearTimeout(timer)
    core.off('append', wake)
  }
}
