// An auditor in a process of its own, as `mivm audit` runs it: copies the logs of an instance first, and then audits its copy.
import { rm } from 'node:fs/promises'
import { setPriority } from 'node:os'
import path from 'node:path'
import { type AuditEvent, audit, parseLink } from 'mivm'
import { audit as auditLogs } from '../../src/audit/audit.ts'
import { collectSooner, optimizeLate } from '../../src/audit/optimizing.ts'
import { openStore } from '../../src/state/store.ts'
import { serve } from '../process.ts'

optimizeLate()
collectSooner()

/** What an audit that went on where the one before had ended has come to. */
export interface Audited {
  readonly verdict: string
  /** Calls that were replayed since genesis. */
  readonly calls: number
  /** Findings and the verdict, as they were told; empty where it is clean. */
  readonly said: readonly string[]
}

const commands = {
  /** Leaves the processors to whoever else wants them. */
  async giveWay(): Promise<void> {
    setPriority(19)
  },
  /** Audits what has come since the last time in `dir`, over the network. */
  async goOn(dir: string, bootstrap: readonly string[], address: string): Promise<Audited> {
    const said: string[] = []
    for await (const event of audit({ dir, bootstrap, address })) {
      if (event.type === 'finding') said.push(JSON.stringify(event))
      if (event.type !== 'verdict') continue
      if (event.verdict !== 'clean') said.push(JSON.stringify(event))
      return { verdict: event.verdict, calls: event.counts.calls, said }
    }
    throw new Error('the audit ended without a verdict')
  },
  /** Fetches everything of an instance, by auditing it over the network. */
  async fetch(dir: string, bootstrap: readonly string[], address: string): Promise<void> {
    await verdict(audit({ dir, bootstrap, address }))
  },
  /** Audits the copy in `dir` with nothing remembered of any audit before; seconds it took, the calls replayed, and the most memory, bytes. */
  async audit(
    dir: string,
    address: string
  ): Promise<{ seconds: number; calls: number; memory: number }> {
    const memory = path.join(dir, 'audits')
    await rm(memory, { recursive: true, force: true })
    const store = await openStore(path.join(dir, 'cache'))
    try {
      const start = performance.now()
      const options = { address: parseLink(address).address, store, dir: memory, patience: 0 }
      const calls = await verdict(auditLogs(options))
      const seconds = (performance.now() - start) / 1000
      return { seconds, calls, memory: process.resourceUsage().maxRSS * 1024 }
    } finally {
      await store.close()
    }
  },
  async close(): Promise<void> {}
}

export type AuditorCommands = typeof commands

serve(commands)

/** The number of calls replayed; throws where the audit is not clean. */
async function verdict(events: AsyncGenerator<AuditEvent>): Promise<number> {
  for await (const event of events) {
    if (event.type !== 'verdict') continue
    if (event.verdict !== 'clean') throw new Error(`the audit ended with ${JSON.stringify(event)}`)
    return event.counts.replayed
  }
  throw new Error('the audit ended without a verdict')
}
