import { readFile } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import type { Head } from '../protocol/head.ts'
import { writeDurably } from '../state/durable-file.ts'

/**
 * The newest head that this auditor has seen of each instance, one file each. A file that cannot be read is as good
 * as none: it accuses nobody.
 */
export class Memory {
  readonly #file: string

  constructor(dir: string, id: string) {
    this.#file = path.join(dir, `${id}.head`)
  }

  async read(): Promise<Head | null> {
    try {
      return parse(JSON.parse(await readFile(this.#file, 'utf8')))
    } catch {
      return null
    }
  }

  /** On disk, whole, when it resolves. */
  async write({ length, fork, treeHash, signature }: Head): Promise<void> {
    const text = JSON.stringify({
      length,
      fork,
      treeHash: b4a.toString(treeHash, 'hex'),
      signature: b4a.toString(signature, 'hex')
    })
    await writeDurably(this.#file, `${text}\n`, `${this.#file}.new`)
  }
}

function parse(json: unknown): Head | null {
  if (typeof json !== 'object' || json === null) return null
  if (!('length' in json && 'fork' in json && 'treeHash' in json && 'signature' in json))
    return null
  const { length, fork, treeHash, signature } = json
  if (typeof length !== 'number' || typeof fork !== 'number') return null
  if (typeof treeHash !== 'string' || typeof signature !== 'string') return null
  if (!/^[0-9a-f]{64}$/.test(treeHash)) return null
  return {
    length,
    fork,
    treeHash: b4a.from(treeHash, 'hex'),
    signature: b4a.from(signature, 'hex')
  }
}
