// A host in a process of its own, as `mivm host` runs it.
import { Host } from 'mivm'
import { serve } from '../process.ts'

let host: Host | null = null

const commands = {
  /** Resolves to the host's id when it listens. */
  async open(dir: string, bootstrap: readonly string[]): Promise<string> {
    host = await Host.open({ dir, bootstrap })
    return host.id
  },
  async close(): Promise<void> {
    await host?.close()
  }
}

export type HostCommands = typeof commands

serve(commands)
