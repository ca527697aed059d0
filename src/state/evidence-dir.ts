import path from 'node:path'
import { MivmError } from '../protocol/errors.ts'
import { isHistoryCode, verifyEvidence } from '../protocol/evidence.ts'
import { writeDurably } from './durable-file.ts'
import { listDirectory } from './list-directory.ts'
import { readOwnFile } from './own-file.ts'

const EXTENSION = '.evidence'

/**
 * Evidence that hosts have signed two histories, one file an instance: the first is enough. What a disk has damaged, or somebody
 * has put there, accuses nobody, and is not in the way of what holds.
 */
export class EvidenceDir {
  readonly #dir: string

  /** A data directory. */
  constructor(dir: string) {
    this.#dir = path.join(dir, 'evidence')
  }

  /** The file about an instance, z-base-32; null where there is none that holds. */
  async find(address: string): Promise<string | null> {
    return (await this.#find(address))?.file ?? null
  }

  /** What is in that file. */
  async read(address: string): Promise<Uint8Array | null> {
    return (await this.#find(address))?.evidence ?? null
  }

  /** Returns the file; it is on disk, whole and under its name, when this resolves. */
  async keep(address: string, code: string, evidence: Uint8Array): Promise<string> {
    const there = await this.find(address)
    if (there !== null) return there
    const file = path.join(this.#dir, `${address}-${code}${EXTENSION}`)
    await writeDurably(file, evidence)
    return file
  }

  async #find(address: string): Promise<{ file: string; evidence: Uint8Array } | null> {
    for (const name of await listDirectory(this.#dir)) {
      if (!name.startsWith(`${address}-`) || !name.endsWith(EXTENSION)) continue
      const file = path.join(this.#dir, name)
      const evidence = await readOwnFile(file).catch(() => null)
      if (evidence !== null && (await holds(evidence, address))) return { file, evidence }
    }
    return null
  }
}

async function holds(evidence: Uint8Array, about: string): Promise<boolean> {
  try {
    const { address, code } = await verifyEvidence(evidence)
    return address === about && isHistoryCode(code)
  } catch (error) {
    if (error instanceof MivmError) return false
    throw error
  }
}
