import type Hypercore from 'hypercore'
import type { Head } from '../protocol/head.ts'
import { createItems, createProof, type Proof, type ProofRequest } from '../protocol/proof.ts'
import { ProofReader } from '../state/proof-reader.ts'
import type { PlainLog } from './plain-log.ts'

/** Something that would have to be shown is not on this machine. */
export class Incomplete extends Error {}

/** The proof, under a head of a log, of what it was at some lengths; null for what is not on this machine. */
export async function proveLengths(
  core: Hypercore,
  head: Head | null,
  lengths: readonly number[]
): Promise<Proof | null> {
  if (head === null || lengths.some((length) => length > head.length)) return null
  try {
    return await create(core, { head, blocks: [], through: lengths })
  } catch (error) {
    if (error instanceof Incomplete) return null
    throw error
  }
}

/** The proof of blocks under a head; `through`: and of what the log was at that length. Throws Incomplete. */
export async function proveBlocks(
  core: Hypercore,
  head: Head,
  indexes: readonly number[],
  through?: number
): Promise<Proof> {
  const blocks = await blocksOf(core, indexes)
  return create(core, { head, blocks, ...(through === undefined ? {} : { through }) })
}

function create(
  core: Hypercore,
  request: Omit<ProofRequest, 'start' | 'readBlock'>
): Promise<Proof> {
  const read = readerOf(core)
  return createProof({ ...request, start: 0, readBlock: read.block }, read.node)
}

/** Blocks of a log and the nodes that tie them to its tree at a length. */
export async function itemsOf(log: PlainLog, length: number, indexes: readonly number[]) {
  const sorted = [...indexes].sort((a, b) => a - b)
  const blocks = await Promise.all(
    sorted.map(async (index) => ({ index, block: await log.get(index) }))
  )
  return createItems({ start: 0, length, blocks }, (index) => log.node(index))
}

function blocksOf(core: Hypercore, indexes: readonly number[]) {
  return Promise.all(indexes.map(async (index) => ({ index, block: await blockOf(core, index) })))
}

/** A block that is on this machine; throws Incomplete. */
export function blockOf(core: Hypercore, index: number): Promise<Uint8Array> {
  return readerOf(core).block(index)
}

function readerOf(core: Hypercore): ProofReader {
  return new ProofReader(core, (what) => new Incomplete(what))
}
