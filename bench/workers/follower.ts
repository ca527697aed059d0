// Somebody who follows an instance, in a process of its own, and writes down when what was verified.
import { audit } from 'mivm'
import { serve } from '../process.ts'

const stop = new AbortController()
const verified: [calls: number, time: number][] = []
let following: Promise<void> = Promise.resolve()
let caughtUp: () => void = () => {}

const commands = {
  /** Resolves when all that is there is verified; ms it took, and at which block it began. */
  async follow(
    dir: string,
    bootstrap: readonly string[],
    address: string
  ): Promise<{ ms: number; began: number }> {
    const start = performance.now()
    const { promise, resolve } = Promise.withResolvers<void>()
    caughtUp = resolve
    let began = 0
    const run = async () => {
      for await (const event of audit({ dir, bootstrap, address, follow: stop.signal })) {
        if (event.type === 'checkpoint') began = event.blocks
        if (event.type === 'following') caughtUp()
        if (event.type === 'progress') verified.push([event.replayed, Date.now()])
        if (event.type === 'verdict' && event.verdict !== 'clean') {
          throw new Error(`the audit ended with ${JSON.stringify(event)}`)
        }
      }
    }
    following = run()
    await Promise.race([promise, following])
    return { ms: performance.now() - start, began }
  },
  /** When so many calls were verified, each time when there were more. */
  async verified(): Promise<[calls: number, time: number][]> {
    return verified
  },
  /** Bytes that this process has in memory. */
  async memory(): Promise<number> {
    return process.memoryUsage.rss()
  },
  async close(): Promise<void> {
    stop.abort()
    await following
  }
}

export type FollowerCommands = typeof commands

serve(commands)
