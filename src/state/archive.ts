import b4a from 'b4a'
import Hyperbee, { type BeeCore } from 'hyperbee'
import Hyperblobs, { type BlobId } from 'hyperblobs'
import crypto from 'hypercore-crypto'
import SubEncoder from 'sub-encoder'
import type { Commit, Version } from '../protocol/entries.ts'
import { codeOf } from '../protocol/errors.ts'
import type { Files, PathRange, Write } from '../protocol/files.ts'
import { BeeWriter, damaged } from './bee-writer.ts'

/** A file as Hyperdrive stores it. */
interface FileEntry {
  executable: boolean
  linkname: string | null
  blob: BlobId | null
  metadata: null
}

/**
 * The state archive of an instance, written in Hyperdrive's format (13.x) with one append for all blobs of a commit
 * and one for all its entries. The same writes to the same archive make the same blocks, so host and auditor come
 * to the same tree hashes; that is what commit entries are checked against.
 *
 * Works on sessions of the caller's: they may belong to an atom, and then nothing is on disk before its flush.
 */
export class Archive implements Files {
  readonly #files: BeeCore
  readonly #blobs: BeeCore
  readonly #bee: Hyperbee<FileEntry>
  readonly #writer: BeeWriter
  readonly #hyperblobs: Hyperblobs

  /** `blobsKey` is the key of the blobs that goes into the header: the published one, also for a copy. */
  constructor(files: BeeCore, blobs: BeeCore, blobsKey: Uint8Array = blobs.key) {
    this.#files = files
    this.#blobs = blobs
    this.#bee = new Hyperbee<FileEntry>(files, {
      keyEncoding: FILES,
      valueEncoding: 'json',
      extension: false
    })
    this.#writer = new BeeWriter(files, blobsKey)
    this.#hyperblobs = new Hyperblobs(blobs)
  }

  async ready(): Promise<void> {
    await this.#bee.ready()
    await this.#hyperblobs.ready()
  }

  /** Throws INSTANCE_DAMAGED where the file is not whole any more: that it were not there would be a lie. */
  async get(path: string): Promise<Uint8Array | null> {
    const node = await this.#bee.get(path).catch(unreadable)
    if (node === null || node.value.blob === null) return null
    if (node.value.blob.byteLength === 0) return EMPTY
    const bytes = await this.#hyperblobs.get(node.value.blob).catch(unreadable)
    return bytes ?? unreadable(null)
  }

  /** Paths of files, at most `limit` of them. */
  async list({ gt, lt, limit, reverse }: PathRange): Promise<string[]> {
    const paths: string[] = []
    try {
      for await (const node of this.#bee.createReadStream({ gt, lt }, { limit, reverse })) {
        paths.push(node.key)
      }
    } catch (error) {
      unreadable(error)
    }
    return paths
  }

  /** Writes one commit: at most one write a path, in the order given, which is part of the format: by path. */
  async write(writes: readonly Write[]): Promise<void> {
    if (writes.length === 0) return
    const batch = this.#hyperblobs.batch()
    const entries: [path: string, blob: BlobId | null][] = []
    for (const { path, data } of writes) {
      entries.push([path, data === null ? null : await batch.put(data)])
    }
    await batch.flush()
    await this.#writer.write(
      entries.map(([path, blob]) => [FILES.encode(path), blob === null ? null : encodeEntry(blob)])
    )
  }

  /** Closes the two sessions it was given. */
  async close(): Promise<void> {
    await this.#bee.close()
    await this.#blobs.close()
  }

  /** Both cores as they are now, as a commit entry names them. */
  version(): Pick<Commit, 'archive' | 'blobs'> {
    return { archive: versionOf(this.#files), blobs: versionOf(this.#blobs) }
  }
}

function encodeEntry(blob: BlobId): Uint8Array {
  const entry: FileEntry = { executable: false, linkname: null, blob, metadata: null }
  return b4a.from(JSON.stringify(entry))
}

function versionOf({ state: { length, roots } }: BeeCore): Version {
  return { length, treeHash: crypto.tree(roots) }
}

/** Throws INSTANCE_DAMAGED for what this disk has lost, null among it, and any other error as it is. */
function unreadable(error: unknown): never {
  if (error !== null && codeOf(error) !== 'BLOCK_NOT_AVAILABLE') throw error
  throw damaged(error)
}

const FILES = new SubEncoder('files', 'utf-8')
const EMPTY = new Uint8Array()
