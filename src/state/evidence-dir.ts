import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { writeDurably } from './durable-file.ts'
import { listDirectory } from './list-directory.ts'

const EXTENSION = '.evidence'

/** Evidence against hosts, one file an instance: the first is enough. */
export class EvidenceDir {
  readonly #dir: string

  /** A data directory. */
  constructor(dir: string) {
    this.#dir = path.join(dir, 'evidence')
  }

  /** The file about an instance, z-base-32; null where there is none. */
  async find(address: string): Promise<string | null> {
    const names = await listDirectory(this.#dir)
    const name = names.find((it) => it.startsWith(`${address}-`) && it.endsWith(EXTENSION))
    return name === undefined ? null : path.join(this.#dir, name)
  }

  /** What is in that file. */
  async read(address: string): Promise<Uint8Array | null> {
    const file = await this.find(address)
    return file === null ? null : readFile(file)
  }

  /** Returns the file; it is on disk, whole and under its name, when this resolves. */
  async keep(address: string, code: string, evidence: Uint8Array): Promise<string> {
    const there = await this.find(address)
    if (there !== null) return there
    const file = path.join(this.#dir, `${address}-${code}${EXTENSION}`)
    await writeDurably(file, evidence)
    return file
  }
}
