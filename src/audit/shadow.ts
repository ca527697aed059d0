import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { Atom } from 'hypercore-storage'
import type { Commit, Version } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Write } from '../protocol/files.ts'
import { Tree } from '../protocol/merkle.ts'
import { Archive } from '../state/archive.ts'
import { createAtom } from '../state/atom.ts'
import { closeStore, openStore } from '../state/store.ts'

/** What a commit says of the archive. */
export type Versions = Pick<Commit, 'archive' | 'blobs'>

/** Blocks of it that are read at once. */
const BLOCKS_AT_ONCE = 256

/**
 * The auditor's own copy of a state archive: what replay writes, under a key of its own, and what replay reads. It is
 * kept beside a checkpoint, for the next audit to go on from.
 */
export class Shadow {
  readonly archive: Archive
  /** The two logs of the archive. */
  readonly files: Hypercore
  readonly content: Hypercore
  readonly #dir: string
  readonly #store: Corestore
  readonly #atom: Atom

  private constructor(
    dir: string,
    store: Corestore,
    logs: readonly [files: Hypercore, content: Hypercore],
    contentKey: Uint8Array
  ) {
    const atom = createAtom(store)
    this.files = logs[0].session({ atom })
    this.content = logs[1].session({ atom })
    this.archive = new Archive(this.files, this.content, contentKey)
    this.#dir = dir
    this.#store = store
    this.#atom = atom
  }

  /**
   * An empty one, in the place of what is there. `contentKey` is the key of the published blobs. Throws DIRECTORY_LOCKED
   * while another audit of it runs.
   */
  static async create(dir: string, id: string, contentKey: Uint8Array): Promise<Shadow> {
    const shadowDir = dirOf(dir, id)
    // whoever has it open is asked first
    const before = await tryOpen(shadowDir)
    await before?.close()
    await rm(shadowDir, { recursive: true, force: true })
    const store = await openIn(shadowDir)
    return Shadow.#over(shadowDir, store, await coresOf(store), contentKey)
  }

  /** What an audit has kept, as it was at a commit; null where it is not there any more. Throws DIRECTORY_LOCKED. */
  static async reopen(
    dir: string,
    id: string,
    contentKey: Uint8Array,
    at: Versions
  ): Promise<Shadow | null> {
    const shadowDir = dirOf(dir, id)
    const store = await tryOpen(shadowDir)
    if (store === null) return null
    try {
      const cores = await coresOf(store)
      const [files, content] = cores
      if ((await goBack(files, at.archive)) && (await goBack(content, at.blobs))) {
        return await Shadow.#over(shadowDir, store, cores, contentKey)
      }
    } catch {
      // what cannot be read is built anew
    }
    await closeStore(store)
    return null
  }

  static async #over(
    dir: string,
    store: Corestore,
    cores: readonly [files: Hypercore, content: Hypercore],
    contentKey: Uint8Array
  ): Promise<Shadow> {
    const shadow = new Shadow(dir, store, cores, contentKey)
    await shadow.archive.ready()
    return shadow
  }

  /** Writes one commit, and says what its entry has to name. */
  async commit(writes: readonly Write[]): Promise<Versions> {
    await this.archive.write(writes)
    return this.archive.version()
  }

  /** Lets go of what is in memory. */
  async flush(): Promise<void> {
    await this.#atom.flush()
  }

  /** Whether every block up to a commit is what the commit says; reads all of them. */
  async isWhole({ archive, blobs }: Versions): Promise<boolean> {
    return (await isWhole(this.files, archive)) && (await isWhole(this.content, blobs))
  }

  /** Lets go of it; `keep` leaves it for the next audit. */
  async close({ keep = false } = {}): Promise<void> {
    await this.archive.close()
    await this.#store.close()
    if (!keep) await rm(this.#dir, { recursive: true, force: true })
  }
}

function dirOf(dir: string, id: string): string {
  return path.join(dir, `${id}.shadow`)
}

async function openIn(dir: string): Promise<Corestore> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  return openStore(dir)
}

async function tryOpen(dir: string): Promise<Corestore | null> {
  try {
    return await openIn(dir)
  } catch (error) {
    if (error instanceof MivmError && error.code === 'DIRECTORY_DAMAGED') return null
    throw error
  }
}

async function coresOf(store: Corestore): Promise<readonly [Hypercore, Hypercore]> {
  const files = store.get({ name: 'files' })
  const content = store.get({ name: 'content' })
  await Promise.all([files.ready(), content.ready()])
  return [files, content]
}

/** Cuts off what was written behind a commit; false where what is left is not what it was. */
async function goBack(core: Hypercore, { length, treeHash }: Version): Promise<boolean> {
  if (core.length < length) return false
  if (core.length > length) await core.truncate(length)
  return b4a.equals(new Tree(core.state.roots).treeHash(), treeHash)
}

async function isWhole(core: Hypercore, { length, treeHash }: Version): Promise<boolean> {
  const tree = new Tree()
  try {
    while (tree.length < length) {
      const count = Math.min(BLOCKS_AT_ONCE, length - tree.length)
      const indexes = Array.from({ length: count }, (_, i) => tree.length + i)
      const blocks = await Promise.all(indexes.map((index) => core.get(index, { wait: false })))
      for (const block of blocks) {
        if (block === null) return false
        tree.append(block)
      }
    }
  } catch {
    return false
  }
  return b4a.equals(tree.treeHash(), treeHash)
}
