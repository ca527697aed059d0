import type { Manifest } from 'hypercore'
import CorestoreStorage, {
  type CoreInfo,
  type CoreReads,
  type CoreStorage
} from 'hypercore-storage'
import type { Head } from '../protocol/head.ts'
import type { TreeNode } from '../protocol/merkle.ts'

/** A log as it is on disk, with its newest head; nothing is verified. */
export interface StoredLog {
  readonly key: Uint8Array
  readonly manifest: Manifest | null
  readonly head: Head
  /** Null where one is not there. */
  blocks(start: number, end: number): Promise<Uint8Array[] | null>
  nodes(indexes: readonly number[]): Promise<TreeNode[] | null>
}

/**
 * The logs in a store of which nothing is written, not even a lock: another process may have it open, and go on. They
 * are as they were when this was opened. Opening them as a Corestore, or as a Hypercore, would write.
 */
export class StoredLogs {
  readonly #storage: CorestoreStorage

  private constructor(storage: CorestoreStorage) {
    this.#storage = storage
  }

  /** Rejects with what RocksDB says where there is nothing, or nothing whole. */
  static async open(dir: string): Promise<StoredLogs> {
    const storage = new CorestoreStorage(dir, { readOnly: true })
    // it would bring older layouts up to date, and remove write-ahead logs that do not follow each other
    storage.version = 1
    storage._maybeRecoverLater = () => {}
    try {
      await storage.db.ready()
      return new StoredLogs(storage)
    } catch (error) {
      await storage.close().catch(() => {})
      throw error
    }
  }

  /** Those in which anything is signed. */
  async *all(): AsyncGenerator<StoredLog> {
    for await (const { discoveryKey } of this.#storage.createCoreStream()) {
      const info = await this.#storage.getInfo(discoveryKey)
      const head = info === null ? null : headIn(info)
      const core = head === null ? null : await this.#storage.resumeCore(discoveryKey)
      if (!info?.auth || head === null || core === null) continue
      const { key, manifest } = info.auth
      try {
        yield {
          key,
          manifest,
          head,
          blocks: (start, end) => {
            const indexes = Array.from({ length: end - start }, (_, i) => start + i)
            return together(core, (read) => indexes.map((index) => read.getBlock(index)))
          },
          nodes: (indexes) =>
            together(core, (read) => indexes.map((index) => read.getTreeNode(index)))
        }
      } finally {
        await core.close()
      }
    }
  }

  close(): Promise<void> {
    return this.#storage.close()
  }
}

function headIn({ head }: CoreInfo): Head | null {
  if (head === null || head.length === 0 || head.signature.byteLength === 0) return null
  const { length, fork, rootHash, signature } = head
  return { length, fork, treeHash: rootHash, signature }
}

async function together<T>(
  core: CoreStorage,
  ask: (read: CoreReads) => Promise<T | null>[]
): Promise<T[] | null> {
  const read = core.read()
  const asked = ask(read)
  read.tryFlush()
  const found = (await Promise.all(asked)).filter((it) => it !== null)
  return found.length === asked.length ? found : null
}
