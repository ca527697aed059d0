import path from 'node:path'
import b4a from 'b4a'
import type { Head } from '../protocol/head.ts'
import { writeDurably } from '../state/durable-file.ts'
import { readOwnFile } from '../state/own-file.ts'

/** Heads that others have told and that are kept; those that came first stay. */
const TOLD_MAX = 8

/** What an auditor has seen of a call log. */
export interface Remembered {
  /** The newest head that it was read to; null where that is not known. */
  readonly seen: Head | null
  /** Heads that the host has signed, from elsewhere or a checkpoint, to which nobody has shown it yet. */
  readonly told: readonly Head[]
}

/**
 * The heads that this auditor has seen of each instance, one file each. A file that cannot be read is as good as none: it
 * accuses nobody.
 */
export class Memory {
  readonly #file: string

  constructor(dir: string, id: string) {
    this.#file = path.join(dir, `${id}.head`)
  }

  async read(): Promise<Remembered> {
    try {
      const json: unknown = JSON.parse(b4a.toString(await readOwnFile(this.#file)))
      const told = typeof json === 'object' && json !== null && 'told' in json ? json.told : []
      return { seen: parse(json), told: Array.isArray(told) ? parseAll(told) : [] }
    } catch {
      return { seen: null, told: [] }
    }
  }

  /** Adds one that was seen, and not read to: nothing that others told is kept in its place. */
  async hold(head: Head): Promise<void> {
    const { seen, told } = await this.read()
    const isHeld = [...told, ...(seen === null ? [] : [seen])].some(({ signature }) =>
      b4a.equals(signature, head.signature)
    )
    if (!isHeld) await this.write({ seen, told: [head, ...told] })
  }

  /** On disk, whole, when it resolves. */
  async write({ seen, told }: Remembered): Promise<void> {
    const kept = told.slice(0, TOLD_MAX).map(show)
    const head = seen === null ? {} : show(seen)
    const text = JSON.stringify(kept.length === 0 ? head : { ...head, told: kept })
    await writeDurably(this.#file, `${text}\n`, `${this.#file}.new`)
  }
}

function show({ length, fork, treeHash, signature }: Head) {
  return {
    length,
    fork,
    treeHash: b4a.toString(treeHash, 'hex'),
    signature: b4a.toString(signature, 'hex')
  }
}

function parseAll(all: readonly unknown[]): Head[] {
  return all.map(parse).filter((head) => head !== null)
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
