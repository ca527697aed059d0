// Many callers in one process, each with an identity, a log and a connection of its own.
import path from 'node:path'
import { Client } from 'mivm'
import { manyAtOnce, POST } from '../load.ts'
import { serve } from '../process.ts'

const clients: Client[] = []

const commands = {
  async open(dir: string, bootstrap: readonly string[], count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      clients.push(await Client.open({ dir: path.join(dir, String(i)), bootstrap }))
    }
  },
  /** So many `addPost` by each, so many of them under way. */
  async call(link: string, count: number, inFlight: number): Promise<void> {
    await Promise.all(
      clients.map((client) =>
        manyAtOnce(() => client.call(link, 'addPost', [1, POST]), count, inFlight)
      )
    )
  },
  async close(): Promise<void> {
    await Promise.all(clients.map((client) => client.close()))
  }
}

export type CrowdCommands = typeof commands

serve(commands)
