import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { rm, statfs, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Test } from 'brittle'

/** A file system of a few megabytes of its own, in memory. */
export class SmallDisk {
  readonly dir: string

  private constructor(dir: string) {
    this.dir = dir
  }

  /**
   * Unmounted when all else of the test is closed, and however this process ends; null where it may not mount, which the test
   * then says.
   */
  static mount(t: Test, dir: string, megabytes: number): SmallDisk | null {
    mkdirSync(dir, { recursive: true })
    try {
      run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', dir)
    } catch {
      t.pass('SKIPPED: this process may not mount a file system, so what needs one was not tested')
      return null
    }
    // lives until its stdin ends, which a killed test sees to as well; lazily, since others may still end
    const undo = spawn('sh', ['-c', 'cat; umount -l "$0"', dir], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true
    })
    const undone = once(undo, 'exit')
    t.teardown(
      async () => {
        undo.stdin.end()
        await undone
      },
      { order: Number.MAX_SAFE_INTEGER - 1 }
    )
    return new SmallDisk(dir)
  }

  resize(megabytes: number): void {
    run('mount', '-o', `remount,size=${megabytes}m`, this.dir)
  }

  /** Nothing can be written to it from now on, or it can again. */
  protect(isReadOnly: boolean): void {
    run('mount', '-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, this.dir)
  }

  /** Takes, or gives back, so much that this many megabytes are left. */
  async leave(megabytes: number): Promise<void> {
    const ballast = path.join(this.dir, 'ballast')
    await rm(ballast, { force: true })
    const { bavail, bsize } = await statfs(this.dir)
    await writeFile(ballast, new Uint8Array(bavail * bsize - megabytes * 1024 * 1024))
  }

  /** Takes all the room that is left. */
  async fill(): Promise<void> {
    const ballast = path.join(this.dir, 'ballast')
    for (const size of [1024 * 1024, 4096]) {
      const chunk = new Uint8Array(size)
      for (;;) {
        const full = await writeFile(ballast, chunk, { flag: 'a' }).then(
          () => false,
          () => true
        )
        if (full) break
      }
    }
  }
}

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: 'pipe', timeout: 10_000 })
}
