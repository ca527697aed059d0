// Directories of a benchmark, gone when it is over.
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

const TMPFS = 0x01021994

/** Below TMPDIR; a file system in memory would make every sync free, so that is refused. */
export class Directories {
  readonly root = mkdtempSync(path.join(tmpdir(), 'mivm-bench-'))
  #count = 0
  #isKept = false

  /** An empty directory. */
  async make(name: string): Promise<string> {
    const dir = path.join(this.root, `${++this.#count}-${name}`)
    await mkdir(dir, { mode: 0o700 })
    return dir
  }

  async check(): Promise<void> {
    if ((await statfs(this.root)).type !== TMPFS) return
    throw new Error(`${tmpdir()} is in memory, where a sync costs nothing: set TMPDIR to a disk`)
  }

  keep(): void {
    this.#isKept = true
    console.log(`everything is in ${this.root}`)
  }

  remove(): void {
    if (this.#isKept) return
    rmSync(this.root, { recursive: true, force: true, maxRetries: 3 })
  }
}
