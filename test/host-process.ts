import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Teardown } from './helpers.ts'
import { programOf } from './programs.js'

const CLI = programOf(fileURLToPath(new URL('../bin/mivm.js', import.meta.url)))

/** A host in a process of its own, as the command line starts it. */
export class HostProcess {
  readonly id: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, id: string) {
    this.#child = child
    this.id = id
  }

  /** Resolves when it answers; it ends with the test at the latest. */
  static async start(
    t: Teardown,
    dir: string,
    bootstrap: readonly string[],
    flags: readonly string[] = []
  ): Promise<HostProcess> {
    const network = bootstrap.flatMap((node) => ['--bootstrap', node])
    const args = [CLI, '--dir', dir, ...network, 'host', '--json', '--engines', '1', ...flags]
    // not through the launcher: the signal has to hit the host itself
    const child = spawn(process.execPath, ['--conditions=mivm-source', ...args], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    t.teardown(() => kill(child, 'SIGKILL'))
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr += text
    })
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line)
      if (event.type !== 'ready') continue
      child.stdout.resume()
      return new HostProcess(child, event.id)
    }
    throw new Error(`the host did not start: ${stderr}`)
  }

  kill(signal: NodeJS.Signals): Promise<void> {
    return kill(this.#child, signal)
  }
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}
