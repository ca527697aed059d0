import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { lendTo } from './borrowed-vm.ts'
import type { Teardown } from './helpers.ts'
import { lendVm } from './lent-vm.ts'
import { programOf } from './programs.js'

const SCRIPT = programOf(fileURLToPath(new URL('./cheats/two-faces.ts', import.meta.url)))

/** The host that shows some users another history than others: see cheats/two-faces.ts. */
export class TwoFaces {
  readonly id: string
  readonly #child: ChildProcess
  readonly #lines: Interface

  private constructor(child: ChildProcess, lines: Interface, id: string) {
    this.#child = child
    this.#lines = lines
    this.id = id
  }

  static async start(t: Teardown, dir: string, bootstrap: readonly string[]): Promise<TwoFaces> {
    const args = ['--conditions=mivm-source', SCRIPT, dir, bootstrap.join(',')]
    const child = spawn(process.execPath, args, {
      stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
      serialization: 'advanced'
    })
    lendTo(child, () => lendVm(t))
    t.teardown(() => end(child), { order: 2 })
    if (child.stdout === null) throw new Error('no stdout')
    const lines = createInterface({ input: child.stdout })
    const [line] = await once(lines, 'line')
    return new TwoFaces(child, lines, JSON.parse(line).id)
  }

  /** Whoever connects from now on meets this one. */
  async show(face: 0 | 1): Promise<void> {
    const shown = once(this.#lines, 'line')
    this.#child.stdin?.write(`${face}\n`)
    await shown
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.stdin?.end()
  await exit
}
