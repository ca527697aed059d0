// Replays everything that ever happened on an instance, and ends with 0 where the host was honest, 1 where it was
// not, 2 where that cannot be said. MIVM_BOOTSTRAP names another network than the public one: host:port,…
//
//   node --conditions=mivm-source examples/audit.ts mivm://<host>/<address>
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { audit } from 'mivm'

const [address = ''] = process.argv.slice(2)
const bootstrap = process.env['MIVM_BOOTSTRAP']?.split(',')
const dir = await mkdtemp(path.join(tmpdir(), 'mivm-audit-'))
// Node ends with 1 where nobody catches an error, and that would say that the host has cheated
process.on('uncaughtException', async (error) => {
  console.error(error.message)
  await rm(dir, { recursive: true })
  process.exit(2)
})

for await (const event of audit({ address, dir, ...(bootstrap && { bootstrap }) })) {
  if (event.type === 'finding') console.log(`${event.finding.code}: ${event.finding.message}`)
  if (event.type !== 'verdict') continue
  console.log(`${event.verdict}: ${event.counts.calls} calls, ${event.findings} findings`)
  process.exitCode = event.exitCode
}
await rm(dir, { recursive: true })
