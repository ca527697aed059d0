import b4a from 'b4a'
import type Hypercore from 'hypercore'
import type { Version } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { verifyHead } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { Tree } from '../protocol/merkle.ts'
import type { BlockFiles } from '../state/block-files.ts'
import { treeHashAt } from '../state/head.ts'
import type { RangedBlocks } from './ranged.ts'
import { Walk, type WalkedUser } from './walk.ts'

export type Blocks = Hypercore | BlockFiles | RangedBlocks

/** A log of which more was signed than is here, with what others have of it. */
export interface Part {
  readonly what: string
  /** Whose log it is, in z-base-32; null for those of the host. */
  readonly user: string | null
  readonly own: Hypercore
  readonly copy: Blocks
  readonly to: Version
  /** Of a log that we cannot sign. */
  readonly signature: Uint8Array | null
}

/** The logs of an instance as one of its commits has left them. */
export interface Stage {
  readonly log: Part
  readonly parts: readonly Part[]
  /** Those whose calls are executed with it, by z-base-32. */
  readonly users: ReadonlyMap<string, WalkedUser>
}

/** Bytes that are written at once, about, as far as commits let it. */
const STAGE_BYTES = 4 * 1024 * 1024
/** What a block of each has at most, or nearly so, bytes. */
const BLOB_BYTES = 64 * 1024
const NODE_BYTES = 1024

/**
 * Commits on the way to where a call log ends, so far apart that what comes between two of them fits into memory: an instance
 * may have more than that. Each is to be written before the next one is asked for. Where what a commit names is not on the
 * way to the newest one, that was the last.
 */
export async function* stagesOf(
  log: Part,
  archive: readonly [files: Part, blobs: Part],
  logs: readonly Part[]
): AsyncGenerator<Stage> {
  const byUser = new Map(logs.map((part) => [part.user, part]))
  const from = log.own.length
  if (from >= log.to.length) return
  const walk = new Walk()
  const tree = new Tree(log.own.state.roots)
  let users = new Map<string, WalkedUser>()
  let bytes = 0
  for (let i = 0; i < log.to.length; i++) {
    const block = await blockOf(i < from ? log.own : log.copy, i)
    const named = walk.visit(block)
    if (i < from) continue
    tree.append(block)
    // a call is in the log of its user as well
    bytes += 2 * block.byteLength
    for (const user of named) users.set(encodeId(user.key), user)
    if (walk.commit === null || walk.committed !== i + 1) continue
    const { commit } = walk
    const files = { ...archive[0], to: commit.archive }
    const blobs = { ...archive[1], to: commit.blobs }
    const size = bytes + NODE_BYTES * missing(files) + BLOB_BYTES * missing(blobs)
    if (size < STAGE_BYTES) continue
    const parts = [files, blobs]
    for (const [id, { key, head }] of users) {
      const part = byUser.get(id)
      const { signature, ...to } = head
      if (part === undefined || !verifyHead({ ...head, fork: 0 }, part.own.key, key)) return
      parts.push({ ...part, to, signature })
    }
    for (const part of parts) if (!(await leadsThrough(part, part.to))) return
    const to = { length: i + 1, treeHash: tree.treeHash() }
    yield { log: { ...log, to }, parts, users }
    users = new Map()
    bytes = 0
  }
}

/** Whether the log as it will be has this head. */
export async function leadsThrough({ own, copy, to }: Part, head: Version): Promise<boolean> {
  if (head.length > to.length) return false
  if (head.length <= own.length)
    return b4a.equals(await treeHashAt(own, head.length), head.treeHash)
  const tree = new Tree(own.state.roots)
  for (let i = own.length; i < head.length; i++) tree.append(await blockOf(copy, i))
  return b4a.equals(tree.treeHash(), head.treeHash)
}

/** Appends what is missing to a session of the log. */
export async function append(
  { what, copy, to, signature }: Part,
  session: Hypercore
): Promise<void> {
  const blocks: Uint8Array[] = []
  for (let i = session.length; i < to.length; i++) blocks.push(await blockOf(copy, i))
  if (blocks.length > 0) await session.append(blocks, signature === null ? {} : { signature })
  if (b4a.equals(await treeHashAt(session, to.length), to.treeHash)) return
  throw new MivmError('INTERNAL', `${what} is not what was verified`)
}

export async function blockOf(core: Blocks, index: number): Promise<Uint8Array> {
  const block = await core.get(index, { wait: false })
  if (block !== null) return block
  throw new MivmError('INSTANCE_DAMAGED', `block ${index} of a log cannot be read: try again`)
}

/** Number of blocks. */
function missing({ own, to }: Part): number {
  return Math.max(0, to.length - own.length)
}
