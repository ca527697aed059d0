import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'

/** Where a block ends in the file of ends: a uint64. */
const END_BYTES = 8

/**
 * A log of the state archive as an auditor has come to it by replay: the two files of `audit/plain-log.ts`, in the data
 * directory of who has audited. Nothing of it is signed, so that it says nothing before its tree hash was compared.
 */
export class AuditedState {
  readonly #blocks: FileHandle
  readonly #ends: FileHandle

  private constructor(blocks: FileHandle, ends: FileHandle) {
    this.#blocks = blocks
    this.#ends = ends
  }

  /** Null where there is none of this instance. */
  static async open(
    dir: string,
    address: string,
    name: 'files' | 'blobs'
  ): Promise<AuditedState | null> {
    const file = path.join(dir, 'audits', `${address}.shadow`, name)
    const blocks = await open(`${file}.blocks`).catch(() => null)
    const ends = await open(`${file}.ends`).catch(() => null)
    if (blocks !== null && ends !== null) return new AuditedState(blocks, ends)
    await blocks?.close()
    await ends?.close()
    return null
  }

  /** Null where it does not go so far. */
  async get(index: number): Promise<Uint8Array | null> {
    const start = index === 0 ? 0 : await this.#endOf(index - 1)
    const end = await this.#endOf(index)
    if (start === null || end === null || end < start) return null
    if (end > (await this.#blocks.stat()).size) return null
    return read(this.#blocks, start, end - start)
  }

  async close(): Promise<void> {
    await this.#blocks.close()
    await this.#ends.close()
  }

  async #endOf(index: number): Promise<number | null> {
    const bytes = await read(this.#ends, index * END_BYTES, END_BYTES)
    return bytes === null ? null : Number(bytes.readBigUInt64LE())
  }
}

async function read(file: FileHandle, start: number, length: number): Promise<Buffer | null> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await file.read(bytes, 0, length, start)
  return bytesRead < length ? null : bytes
}
