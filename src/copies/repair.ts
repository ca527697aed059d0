import b4a from 'b4a'
import type Corestore from 'corestore'
import flat from 'flat-tree'
import type Hypercore from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import { findServer } from '../client/locate.ts'
import type { Replica } from '../client/replica.ts'
import { MivmError, messageOf } from '../protocol/errors.ts'
import { decodeId, encodeId } from '../protocol/ids.ts'
import { blobsManifest, type Manifest, stateManifest, userLogKey } from '../protocol/manifest.ts'
import type { TreeNode } from '../protocol/merkle.ts'
import { leafHash, parentHash } from '../protocol/tree-hash.ts'
import { discard, fetchBlocks, openCopy } from './copy.ts'
import { Progress } from './progress.ts'
import { type RecoveryOptions, readIndex, withSources } from './sources.ts'
import { Walk } from './walk.ts'

export type RepairEvent =
  /** So many blocks were lost or damaged, and are whole again. */
  | { readonly type: 'repaired'; readonly address: string; readonly blocks: number }
  | { readonly type: 'intact'; readonly address: string }
  | { readonly type: 'unrepaired'; readonly address: string; readonly message: string }

/** How often a log is fetched where what came is not what the host has taken in. */
const TRIES = 3

interface Repairing {
  readonly store: Corestore
  readonly replica: Replica
  readonly progress: Progress
  readonly host: Uint8Array
  readonly address: Uint8Array
}

/**
 * Reads every block of every log of a host that is not running, and takes those that the disk has lost, or flipped bits
 * of, from others who have them. Each is held against the tree that is here: nothing is signed, and no head changes.
 */
export async function repair(options: RecoveryOptions<RepairEvent>): Promise<RepairEvent[]> {
  return withSources(options, 'unrepaired', async function* (opened) {
    const { store, replica, keyPair, wal, index, patience } = opened
    for (const address of await readIndex(index)) {
      const progress = new Progress(patience)
      const host = keyPair.publicKey
      const parts = { store, replica, progress, host, address: decodeId(address) }
      const event = await repairInstance(address, parts).catch((error: unknown): RepairEvent => {
        if (!(error instanceof MivmError)) throw error
        return { type: 'unrepaired', address, message: opened.reasonOf(error) }
      })
      await wal.sync()
      yield event
    }
  })
}

async function repairInstance(address: string, parts: Repairing): Promise<RepairEvent> {
  const { address: key } = parts
  const files = stateManifest(parts.host, key)
  const blobs = blobsManifest(parts.host, key)
  let blocks = await repairLog('the call log', { key }, parts)
  blocks += await repairLog('the archive', { manifest: files }, parts)
  blocks += await repairLog('the blobs', { manifest: blobs }, parts)
  for (const user of await usersOf(parts.store, key)) {
    const name = `the log of ${encodeId(user)}`
    blocks += await repairLog(name, { key: userLogKey(user, key) }, parts)
  }
  return blocks === 0 ? { type: 'intact', address } : { type: 'repaired', address, blocks }
}

/** Number of blocks that were taken from others. */
async function repairLog(
  what: string,
  of: { key: Uint8Array } | { manifest: Manifest },
  { store, replica, progress, address }: Repairing
): Promise<number> {
  const own = store.get({ ...of, createIfMissing: false })
  await own.ready().catch((error) => {
    throw new MivmError(
      'INSTANCE_DAMAGED',
      `${what} is lost, or cannot be read (${messageOf(error)}): "mivm host --recover" takes it back from others`,
      { cause: error }
    )
  })
  try {
    const bad: number[] = []
    for (let i = 0; i < own.length; i++) if (!(await isWhole(own, i))) bad.push(i)
    if (bad.length === 0) return 0
    await findServer(replica.network, address)
    for (let tries = TRIES; ; tries--) {
      const copy = await openCopy(replica.store, own.key)
      try {
        const other = await replaceAll(own, copy, bad, what, progress)
        if (other === null) return bad.length
        if (tries === 1) throw isOther(what, other)
        // users can sign two logs, and show the other one: it makes room for what somebody else has
        await discard(copy)
      } finally {
        await copy.close()
      }
    }
  } finally {
    await own.close()
  }
}

/** Whether a block is the one that the tree has there. */
async function isWhole(own: Hypercore, index: number): Promise<boolean> {
  const node = await nodeOf(own, 2 * index)
  const block = await own.get(index, { wait: false }).catch(() => null)
  return block !== null && node !== null && b4a.equals(leafHash(block), node.hash)
}

/** Null, or the first block of which the copy has another one than is here. */
async function replaceAll(
  own: Hypercore,
  copy: Hypercore,
  bad: readonly number[],
  what: string,
  progress: Progress
): Promise<number | null> {
  for (const index of bad) {
    if (await isWhole(own, index)) continue
    if (!(await replace(own, copy, index, what, progress))) return index
  }
  return null
}

/** False where the copy has another block there than what is here leads to; then all is as it was. */
async function replace(
  own: Hypercore,
  copy: Hypercore,
  index: number,
  what: string,
  progress: Progress
): Promise<boolean> {
  const isThere = await progress.during(copy, (waiting) =>
    fetchBlocks(copy, index, index + 1, waiting)
  )
  const block = isThere ? await copy.get(index, { wait: false }) : null
  if (block === null) {
    throw new MivmError(
      'INSTANCE_DAMAGED',
      `block ${index} of ${what} is damaged, and nobody who can be found has it: let mirrors and auditors come, or name them with --from, and try again`
    )
  }
  if (!(await leadsToTree(own, copy, index, block))) return false
  if (await take(own, copy, index)) return true
  // nodes of the tree that are not what they should be go with the block, and come with it again
  await own.clear(index, index + 1)
  return take(own, copy, index)
}

/** Takes a block of a copy over, with the nodes above it that are not here; false where that does not hold. */
async function take(own: Hypercore, copy: Hypercore, index: number): Promise<boolean> {
  try {
    const nodes = await own.missingNodes(index)
    const isTaken = await own.applyProof(await copy.proof({ block: { index, nodes } }))
    return isTaken && (await isWhole(own, index))
  } catch {
    return false
  }
}

/**
 * Whether a block is what the tree that is here was made of: with the nodes beside it as a copy has them, and where that ends
 * before as they are here, it leads to a node that is here. One that is wrong here is passed by, up to the root.
 */
async function leadsToTree(
  own: Hypercore,
  copy: Hypercore,
  index: number,
  block: Uint8Array
): Promise<boolean> {
  const roots = new Map(own.state.roots.map((root) => [root.index, root]))
  let node: TreeNode = { index: 2 * index, size: block.byteLength, hash: leafHash(block) }
  for (;;) {
    const root = roots.get(node.index)
    const known = root ?? (await nodeOf(own, node.index))
    if (known !== null && b4a.equals(known.hash, node.hash)) return true
    if (root !== undefined) return false
    const beside = flat.sibling(node.index)
    const sibling = (await nodeOf(copy, beside)) ?? (await nodeOf(own, beside))
    if (sibling === null) return false
    const size = node.size + sibling.size
    node = { index: flat.parent(node.index), size, hash: parentHash(node, sibling) }
  }
}

function nodeOf(core: Hypercore, index: number): Promise<TreeNode | null> {
  return MerkleTree.get(core.state, index).catch(() => null)
}

function isOther(what: string, index: number): MivmError {
  return new MivmError(
    'INSTANCE_DAMAGED',
    `block ${index} of ${what} is damaged, and what others have there does not go with what is here: restore the host from a backup, and recover the rest`
  )
}

/** Whose logs there are, as the call log says. */
async function usersOf(store: Corestore, address: Uint8Array): Promise<Uint8Array[]> {
  const log = store.get({ key: address })
  await log.ready()
  try {
    const walk = new Walk()
    for (let i = 0; i < log.length; i++) {
      const block = await log.get(i, { wait: false })
      if (block !== null) walk.visit(block)
    }
    return [...walk.users.values(), ...walk.open].map(({ key }) => key)
  } finally {
    await log.close()
  }
}
