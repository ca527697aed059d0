// A host in a process of its own, as `mivm host` runs it.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Host } from '../../src/host/host.ts'
import { eachStage, Mark, type Stage } from '../../src/host/measures.ts'
import { optimizeEarly } from '../../src/host/optimizing.ts'
import type { SomeQuotas } from '../../src/host/quotas.ts'
import { useSmallSlabs } from '../../src/host/slabs.ts'
import { serve } from '../process.ts'

useSmallSlabs()
optimizeEarly()

let host: Host | null = null
let before: Mark | null = null
let delay: ReturnType<typeof monitorEventLoopDelay> | null = null

/** ms of a call, on average: of all that the host has of it, and of each stage. */
export interface HostStages {
  readonly call: number
  readonly stages: Readonly<Record<Stage, number>>
  /** Calls in a commit. */
  readonly batch: number
}

const commands = {
  /** Resolves to the host's id when it listens. */
  async open(dir: string, bootstrap: readonly string[], quotas: SomeQuotas = {}): Promise<string> {
    host = await Host.open({ dir, bootstrap, quotas })
    before = new Mark(host.measures)
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
  /** What calls took since this was last asked. */
  async takeStages(): Promise<HostStages> {
    if (host === null || before === null) throw new Error('the host is not open')
    const now = new Mark(host.measures)
    const { calls, stages, batches } = before
    before = now
    return {
      call: now.calls.since(calls).mean ?? 0,
      stages: eachStage((stage) => now.stages[stage].since(stages[stage]).mean ?? 0),
      batch: now.batches.since(batches).mean ?? 0
    }
  },
  async close(): Promise<void> {
    await host?.close()
  }
}

export type HostCommands = typeof commands

serve(commands)
