import { readdir } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import { verifyHead } from '../protocol/head.ts'
import { userLogKey, userLogManifest } from '../protocol/manifest.ts'
import { cover, Tree } from '../protocol/merkle.ts'
import { proveRange } from '../protocol/range.ts'
import { putBlocks } from '../state/blocks.ts'
import { extendTo, headOf } from '../state/head.ts'
import { type StoredLog, StoredLogs } from '../state/stored-logs.ts'

/** Of a log that are in memory at once; each may have 1 MiB. */
const BLOCKS = 64

/**
 * Copies the logs that users of a data directory have written for an instance to where an audit reads: a host that has
 * altered a call need not show its user's log to anybody. Nothing of theirs is written, whoever has it open, and what
 * cannot be read, or does not go on from the copy that is there, is left out: others may show it.
 */
export async function copyOwnLogs(
  dir: string,
  address: Uint8Array,
  copies: Corestore
): Promise<void> {
  const users = path.join(dir, 'users')
  for (const name of await readdir(users).catch(() => [])) {
    await copyFrom(path.join(users, name, 'store'), address, copies).catch(() => {})
  }
}

async function copyFrom(dir: string, address: Uint8Array, copies: Corestore): Promise<void> {
  const stored = await StoredLogs.open(dir)
  try {
    for await (const log of stored.all()) {
      const user = log.manifest?.signers[0]?.publicKey
      if (user === undefined || !b4a.equals(log.key, userLogKey(user, address))) continue
      if (log.head.fork !== 0 || !verifyHead(log.head, log.key, user)) continue
      const copy = copies.get({ manifest: userLogManifest(user, address), allowFork: false })
      try {
        await copy.ready()
        if (await goOn(copy, log)) await copyBlocks(copy, log)
      } finally {
        await copy.close()
      }
    }
  } finally {
    await stored.close()
  }
}

/** Has the copy end where the log does; false where it is longer, or of another history. */
async function goOn(copy: Hypercore, { head, nodes }: StoredLog): Promise<boolean> {
  if (copy.fork !== 0 || copy.length > head.length) return false
  if (copy.length < head.length) {
    const start = copy.length
    const more = await nodes(cover(start, head.length))
    if (more === null) return false
    await extendTo(copy, start, head, more, null)
  }
  const reached = headOf(copy)
  return reached !== null && b4a.equals(reached.treeHash, head.treeHash)
}

async function copyBlocks(copy: Hypercore, { head, blocks, nodes }: StoredLog): Promise<void> {
  for (let start = copy.contiguousLength; start < head.length; start += BLOCKS) {
    const end = Math.min(start + BLOCKS, head.length)
    const before = await nodes(cover(0, start))
    const sent = await blocks(start, end)
    const behind = await nodes(cover(end, head.length))
    if (before === null || sent === null || behind === null) return
    const range = proveRange(new Tree(before), { blocks: sent, nodes: behind }, head)
    if (range === null || !(await putBlocks(copy, 0, start, range.blocks, range.nodes))) return
  }
}
