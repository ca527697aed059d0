import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AuditEvent, audit, Client } from 'mivm'
import { type Teardown, tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'
import { TwoFaces } from './two-faces.ts'

/** A contract of one counter. */
export const SOURCE = 'exports.count = 0; exports.add = () => ++exports.count'

export interface Scene {
  readonly dir: string
  readonly host: TwoFaces
  readonly bootstrap: readonly string[]
  open(name: string): Promise<Client>
}

/** A network, a host of two faces in it, and clients in directories of their own. */
export async function scene(t: Teardown): Promise<Scene> {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const host = await TwoFaces.start(t, dir, bootstrap)
  const open = async (name: string) => {
    const client = await Client.open({ dir: path.join(dir, name), bootstrap, timeout: 30_000 })
    t.teardown(() => client.close(), { order: 1 })
    return client
  }
  return { dir, host, bootstrap, open }
}

export async function audited(options: Parameters<typeof audit>[0]): Promise<AuditEvent[]> {
  const events: AuditEvent[] = []
  for await (const event of audit(options)) events.push(event)
  return events
}

/** The same until it finds something: it looks for others for some seconds, which may not bring them together on a busy machine. */
export async function auditedAmong(options: Parameters<typeof audit>[0]): Promise<AuditEvent[]> {
  for (let tries = 5; ; tries--) {
    const events = await audited(options)
    if (codes(events).length > 0 || tries === 1) return events
  }
}

export async function writeReceipt(client: Client, link: string, file: string): Promise<void> {
  const call = (await client.connect(link))['add']?.()
  if (call === undefined) throw new Error('the contract has no such method')
  await writeFile(file, (await call.receipt).bytes)
}

export function codes(events: readonly AuditEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'finding' ? [event.finding.code] : []))
}

export function verdictOf(events: readonly AuditEvent[]): string | undefined {
  return events.find((event) => event.type === 'verdict')?.verdict
}

/** Waits for evidence in a data directory. */
export async function evidenceIn(dir: string, address: string): Promise<string> {
  for (;;) {
    const names = await readdir(path.join(dir, 'evidence')).catch(() => [])
    const name = names.find((it) => it.startsWith(address) && it.endsWith('.evidence'))
    if (name !== undefined) return path.join(dir, 'evidence', name)
    await sleep(20)
  }
}
