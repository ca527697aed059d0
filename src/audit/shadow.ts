import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import type { Atom } from 'hypercore-storage'
import type { Commit } from '../protocol/entries.ts'
import type { Write } from '../protocol/files.ts'
import { Archive } from '../state/archive.ts'
import { createAtom } from '../state/atom.ts'
import { openStore } from '../state/store.ts'

/**
 * The auditor's own copy of a state archive: what replay writes, under a key of its own, and what replay reads. It
 * is built anew by every audit and removed behind it.
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
    atom: Atom,
    logs: readonly [files: Hypercore, content: Hypercore],
    contentKey: Uint8Array
  ) {
    ;[this.files, this.content] = logs
    this.archive = new Archive(this.files, this.content, contentKey)
    this.#dir = dir
    this.#store = store
    this.#atom = atom
  }

  /** `contentKey` is the key of the published blobs. Throws DIRECTORY_LOCKED while another audit of it runs. */
  static async open(dir: string, id: string, contentKey: Uint8Array): Promise<Shadow> {
    const shadowDir = path.join(dir, `${id}.shadow`)
    await mkdir(shadowDir, { recursive: true, mode: 0o700 })
    const store = await openStore(shadowDir)
    const atom = createAtom(store)
    const [files, content] = [1, 2].map(() => store.get({ keyPair: crypto.keyPair() }))
    if (files === undefined || content === undefined) throw new Error('two cores were asked for')
    await Promise.all([files.ready(), content.ready()])
    const logs = [files.session({ atom }), content.session({ atom })] as const
    const shadow = new Shadow(shadowDir, store, atom, logs, contentKey)
    await shadow.archive.ready()
    return shadow
  }

  /** Writes one commit, and says what its entry has to name. */
  async commit(writes: readonly Write[]): Promise<Pick<Commit, 'archive' | 'blobs'>> {
    await this.archive.write(writes)
    return this.archive.version()
  }

  /** Lets go of what is in memory. */
  async flush(): Promise<void> {
    await this.#atom.flush()
  }

  async close(): Promise<void> {
    await this.archive.close()
    await this.#store.close()
    await rm(this.#dir, { recursive: true, force: true })
  }
}
