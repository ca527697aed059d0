import { fstatSync, readSync, writeSync } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import { writeUint64 } from '../protocol/tree-hash.ts'

/** Where a block ends in the file of blocks: a uint64. */
const END_BYTES = 8

/**
 * Blocks one behind the other in two files: `<name>.blocks`, and `<name>.ends`, where each of them ends. The files are those
 * of this machine: waiting for a thread takes longer than reading them.
 */
export class BlockFiles {
  readonly #blocks: FileHandle
  readonly #ends: FileHandle

  private constructor(blocks: FileHandle, ends: FileHandle) {
    this.#blocks = blocks
    this.#ends = ends
  }

  /** `flags`: `r`, or `a+` where they are made if they are not there. */
  static async open(dir: string, name: string, flags: 'r' | 'a+'): Promise<BlockFiles> {
    const blocks = await open(path.join(dir, `${name}.blocks`), flags, 0o600)
    try {
      return new BlockFiles(blocks, await open(path.join(dir, `${name}.ends`), flags, 0o600))
    } catch (error) {
      await blocks.close()
      throw error
    }
  }

  /** Nothing is left of them. */
  static async remove(dir: string, name: string): Promise<void> {
    for (const end of ['blocks', 'ends'])
      await rm(path.join(dir, `${name}.${end}`), { force: true })
  }

  /** Bytes of blocks that are there. */
  get byteLength(): number {
    return fstatSync(this.#blocks.fd).size
  }

  /** Bytes of all blocks up to this one; null where nothing is known of it, 0 for the one before the first. */
  endOf(index: number): number | null {
    if (index < 0) return 0
    const bytes = b4a.alloc(END_BYTES)
    const count = readSync(this.#ends.fd, bytes, 0, END_BYTES, index * END_BYTES)
    return count < END_BYTES
      ? null
      : Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  }

  /** Null where it is not there. */
  get(index: number): Uint8Array | null {
    const start = this.endOf(index - 1)
    const end = this.endOf(index)
    // nobody has signed where blocks end: no more memory is asked for than there are bytes
    if (start === null || end === null || end < start || end > this.byteLength) return null
    const block = b4a.alloc(end - start)
    return readSync(this.#blocks.fd, block, 0, block.byteLength, start) < end - start ? null : block
  }

  /** Puts blocks behind those that are there, one piece of memory; `ends`: see {@link endOf}. */
  append(blocks: Uint8Array, ends: readonly number[]): void {
    const bytes = b4a.alloc(ends.length * END_BYTES)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (const [i, end] of ends.entries()) writeUint64(view, i * END_BYTES, end)
    write(this.#blocks.fd, blocks)
    write(this.#ends.fd, bytes)
  }

  /** Cuts off what is behind so many blocks. */
  async truncate(length: number, byteLength: number): Promise<void> {
    await this.#blocks.truncate(byteLength)
    await this.#ends.truncate(length * END_BYTES)
  }

  /** Resolves when what was appended survives a power cut. */
  async sync(): Promise<void> {
    await this.#blocks.datasync()
    await this.#ends.datasync()
  }

  async close(): Promise<void> {
    await this.#blocks.close()
    await this.#ends.close()
  }
}

function write(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength; ) at += writeSync(descriptor, bytes, at)
}
