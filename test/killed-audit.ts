import Corestore from 'corestore'
import { audit } from '../src/audit/audit.ts'
import type { AuditEvent } from '../src/audit/events.ts'
import { decodeId } from '../src/protocol/ids.ts'

/** An audit of a copy that is killed behind so many runs, having left a checkpoint behind each of them where it could. */
async function main(address: string, copy: string, dir: string, runs: number): Promise<void> {
  const store = new Corestore(copy)
  await store.ready()
  let left = runs
  const stop = (event: AuditEvent) => {
    if (event.type === 'progress' && left-- === 0) process.kill(process.pid, 'SIGKILL')
  }
  const options = { address: decodeId(address), store, dir, patience: 0, keepEvery: 0 }
  for await (const event of audit(options)) stop(event)
}

const [, , address, copy, dir, runs] = process.argv
if (import.meta.main && address && copy && dir) await main(address, copy, dir, Number(runs))
