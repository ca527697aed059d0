import type { Ranges } from '../client/ranges.ts'
import type { Head } from '../protocol/head.ts'
import { Tree } from '../protocol/merkle.ts'
import { RANGE_BLOCKS_MAX, type RangeReply } from '../protocol/messages.ts'
import { proveRange } from '../protocol/range.ts'

/** Bytes that are kept in memory of one log. */
const BYTES_MAX = 256 * 1024 * 1024
/** So often in a row nothing may come of what somebody has just sent the beginning of. */
const FRUITLESS_MAX = 4

/**
 * Blocks of a log that have come as ranges, each proven under the one head that is wanted: of a log that somebody has signed in
 * two versions the other one cannot come, however many show that, and however slowly.
 */
export class RangedBlocks {
  readonly #start: number
  readonly #blocks: readonly Uint8Array[]

  private constructor(start: number, blocks: readonly Uint8Array[]) {
    this.#start = start
    this.#blocks = blocks
  }

  /** All blocks behind `beginning` that a head is signed over; null where they are not to be had so. */
  static async fetch(
    ranges: Ranges,
    key: Uint8Array,
    beginning: Tree,
    head: Head
  ): Promise<RangedBlocks | null> {
    const tree = new Tree(beginning.roots)
    const request = (blocks: number) => ({ key, start: tree.length, length: head.length, blocks })
    const prove = (reply: RangeReply) => proveRange(tree, reply, head) !== null
    if (tree.length >= head.length || !(await ranges.find(request(1), prove))) return null
    const blocks: Uint8Array[] = []
    let bytes = 0
    for (let fruitless = 0; tree.length < head.length; fruitless++) {
      const reply = await ranges.ask(request(RANGE_BLOCKS_MAX), prove)
      if (reply === null && fruitless >= FRUITLESS_MAX) return null
      for (const block of reply?.blocks ?? []) {
        tree.append(block)
        blocks.push(block)
        bytes += block.byteLength
        fruitless = 0
      }
      if (bytes > BYTES_MAX) return null
    }
    return new RangedBlocks(beginning.length, blocks)
  }

  get(index: number): Uint8Array | null {
    return this.#blocks[index - this.#start] ?? null
  }
}
