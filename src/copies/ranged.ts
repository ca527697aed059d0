import b4a from 'b4a'
import type { Ranges } from '../client/ranges.ts'
import type { Head } from '../protocol/head.ts'
import { Tree } from '../protocol/merkle.ts'
import { RANGE_BLOCKS_MAX, type RangeReply } from '../protocol/messages.ts'
import { proveRange } from '../protocol/range.ts'
import { BlockFiles } from '../state/block-files.ts'
import { fileError } from '../state/file-error.ts'

/** So often in a row nothing may come of what somebody has just sent the beginning of. */
const FRUITLESS_MAX = 4

/** What they are called. */
const NAME = 'ranged'

/**
 * Where blocks that have come as ranges lie, of all logs of an instance: they may be more than there is memory for. They are gone
 * when these are closed, since the next time all of them come anew.
 */
export class RangedFiles {
  readonly #dir: string
  readonly #files: BlockFiles
  #count = 0
  #bytes = 0

  private constructor(dir: string, files: BlockFiles) {
    this.#dir = dir
    this.#files = files
  }

  /** Nothing is left of what was there before. */
  static async open(dir: string): Promise<RangedFiles> {
    const files = await BlockFiles.open(dir, NAME, 'a+')
    await files.truncate(0, 0)
    return new RangedFiles(dir, files)
  }

  /** Number of blocks. */
  get count(): number {
    return this.#count
  }

  /** Throws STORAGE_FULL, STORAGE_FAILED. */
  append(blocks: readonly Uint8Array[]): void {
    const ends = blocks.map((block) => {
      this.#bytes += block.byteLength
      return this.#bytes
    })
    try {
      this.#files.append(b4a.concat([...blocks]), ends)
    } catch (error) {
      throw fileError(error)
    }
    this.#count += blocks.length
  }

  get(number: number): Uint8Array | null {
    return this.#files.get(number)
  }

  async close(): Promise<void> {
    await this.#files.close()
    await BlockFiles.remove(this.#dir, NAME)
  }
}

/**
 * Blocks of a log that have come as ranges, each proven under the one head that is wanted: of a log that somebody has signed in
 * two versions the other one cannot come, however many show that, and however slowly.
 */
export class RangedBlocks {
  readonly #files: RangedFiles
  /** Number of the first of them in the files, and in the log. */
  readonly #first: number
  readonly #start: number
  readonly #end: number

  private constructor(files: RangedFiles, first: number, start: number, end: number) {
    this.#files = files
    this.#first = first
    this.#start = start
    this.#end = end
  }

  /** All blocks behind `beginning` that a head is signed over; null where they are not to be had so. */
  static async fetch(
    ranges: Ranges,
    key: Uint8Array,
    beginning: Tree,
    head: Head,
    files: RangedFiles
  ): Promise<RangedBlocks | null> {
    const tree = new Tree(beginning.roots)
    const request = (blocks: number) => ({ key, start: tree.length, length: head.length, blocks })
    const prove = (reply: RangeReply) => proveRange(tree, reply, head) !== null
    if (tree.length >= head.length || !(await ranges.find(request(1), prove))) return null
    const first = files.count
    for (let fruitless = 0; tree.length < head.length; fruitless++) {
      const reply = await ranges.ask(request(RANGE_BLOCKS_MAX), prove)
      if (reply === null && fruitless >= FRUITLESS_MAX) return null
      if (reply === null) continue
      files.append(reply.blocks)
      for (const block of reply.blocks) tree.append(block)
      fruitless = 0
    }
    return new RangedBlocks(files, first, beginning.length, head.length)
  }

  get(index: number): Uint8Array | null {
    const isHere = index >= this.#start && index < this.#end
    return isHere ? this.#files.get(this.#first + index - this.#start) : null
  }
}
