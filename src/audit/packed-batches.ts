import { decodeEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { readCalls } from '../protocol/evidence-replay.ts'
import type { LoggedBatch } from './call-log.ts'
import type { ReplayedBatch } from './replay.ts'

/** Batches as another thread is given them: as the blocks that they are in the log, all in one piece. */
export interface PackedBatches {
  readonly bytes: Uint8Array
  /** Of each block. */
  readonly sizes: readonly number[]
  readonly batches: readonly PackedBatch[]
}

interface PackedBatch {
  /** With that of the commit. */
  readonly blocks: number
  readonly commitIndex: number
  readonly committed: Uint8Array
}

export function pack(batches: readonly LoggedBatch[]): PackedBatches {
  const blocks = batches.flatMap((batch) => batch.blocks)
  const sizes = blocks.map(({ byteLength }) => byteLength)
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0))
  let offset = 0
  for (const block of blocks) {
    bytes.set(block, offset)
    offset += block.byteLength
  }
  const packed = batches.map(({ blocks: own, commitIndex, committed }) => ({
    blocks: own.length,
    commitIndex,
    // of its own: what it is cut from would go with it
    committed: new Uint8Array(committed)
  }))
  return { bytes, sizes, batches: packed }
}

export function unpack({ bytes, sizes, batches }: PackedBatches): ReplayedBatch[] {
  let offset = 0
  let next = 0
  return batches.map(({ blocks, commitIndex, committed }) => {
    const start = commitIndex + 1 - blocks
    const shown = sizes.slice(next, next + blocks).map((size, i) => {
      const block = bytes.subarray(offset, offset + size)
      offset += size
      return { index: start + i, block, entry: decodeEntry(block) }
    })
    next += blocks
    const commit = shown.pop()?.entry
    if (commit?.type !== 'commit') {
      throw new MivmError('INTERNAL', 'a batch that ends without a commit: report this')
    }
    return { calls: readCalls(shown), commit, commitIndex, committed }
  })
}
