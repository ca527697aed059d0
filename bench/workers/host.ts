// A host in a process of its own, as `mivm host` runs it.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Host } from 'mivm'
import { serve } from '../process.ts'

let host: Host | null = null
let delay: ReturnType<typeof monitorEventLoopDelay> | null = null

const commands = {
  /** Resolves to the host's id when it listens. */
  async open(dir: string, bootstrap: readonly string[]): Promise<string> {
    host = await Host.open({ dir, bootstrap })
    return host.id
  },
  /** Of a hundred turns of the event loop the longest but one since it was asked before, ms. */
  async delay(): Promise<number> {
    const known = delay
    delay ??= monitorEventLoopDelay({ resolution: 10 })
    delay.enable()
    const p99 = known === null ? 0 : known.percentile(99) / 1e6
    delay.reset()
    return p99
  },
  async close(): Promise<void> {
    await host?.close()
  }
}

export type HostCommands = typeof commands

serve(commands)
