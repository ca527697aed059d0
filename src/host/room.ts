import { rm, stat, statfs, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MivmError } from '../protocol/errors.ts'

/** Room that the host keeps on its disk for what it has taken in, bytes; on a small disk this share of it. */
const RESERVE = 64 * 1024 * 1024
const RESERVE_SHARE = 1 / 16
/** For how long what was found out holds, ms. */
const KNOWN_MS = 1_000

/** How often a disk that took nothing is tried again, ms. */
const LOOK_MS = 5_000

/** What is written to see whether it is taken. */
const PROBE_BYTES = 64 * 1024

const known = new Map<string, { readonly at: number; readonly isLow: Promise<boolean> }>()

/**
 * Throws STORAGE_FULL where the disk of a directory has only its reserve left: to be called before something is taken
 * in. A database whose write fails for want of room takes no other until it is opened again; one that is not asked to
 * write goes on as soon as there is room.
 */
export async function checkRoom(dir: string): Promise<void> {
  if (await hasRoom(dir)) return
  throw new MivmError(
    'STORAGE_FULL',
    'the disk of the host is full: it takes no calls until there is room'
  )
}

/** Whether the disk of a directory has more than its reserve left. */
export async function hasRoom(dir: string): Promise<boolean> {
  const now = performance.now()
  let last = known.get(dir)
  // shared while it is under way, so that nobody overtakes another
  if (last === undefined || now - last.at > KNOWN_MS) {
    last = look(dir, now)
    known.set(dir, last)
  }
  return !(await last.isLow)
}

/**
 * Throws STORAGE_FULL where a file that grows beside what a host writes, on the same disk, has come to its reserve: it is not
 * worth that calls are refused. Where they are on two disks it may have all of its own.
 */
export async function checkBeside(dir: string, file: string): Promise<void> {
  const [host, other] = await Promise.all([stat(dir), stat(path.dirname(file))])
  if (host.dev !== other.dev || !(await look(dir, 0).isLow)) return
  throw new MivmError(
    'STORAGE_FULL',
    'the disk has no more room than the host keeps for its calls: make room, or take another disk'
  )
}

/**
 * Resolves when the disk of a directory has more than its reserve, and takes a new file, some seconds from now at the
 * earliest.
 */
export async function writableAgain(dir: string): Promise<void> {
  do await sleep(LOOK_MS, undefined, { ref: false })
  while ((await look(dir, 0).isLow) || !(await takesFile(dir)))
}

/** Not where it is read-only, and not for want of descriptors, of inodes, or of a quota. */
async function takesFile(dir: string): Promise<boolean> {
  const file = path.join(dir, '.writable')
  const taken = await writeFile(file, new Uint8Array(PROBE_BYTES)).then(
    () => true,
    () => false
  )
  await rm(file, { force: true }).catch(() => {})
  return taken
}

function look(dir: string, at: number) {
  const isLow = statfs(dir).then(
    ({ bavail, blocks, bsize }) =>
      bavail * bsize < Math.min(RESERVE, blocks * bsize * RESERVE_SHARE),
    // what cannot be told is left to the write
    () => false
  )
  return { at, isLow }
}
