// The library as a program meets it: what it refuses, and what it leaves behind.
import path from 'node:path'
import test from 'brittle'
import { audit, Client, Host, openLocal } from '../src/index.ts'
import { type Teardown, tempDir } from './helpers.ts'

test('library - a network that cannot be leaves no directory locked', async (t) => {
  const dir = await tempDir(t)
  const { bootstrap } = await open(t)
  // @ts-expect-error: what a program in JavaScript gives
  const wrong: (readonly string[])[] = [['nowhere'], '127.0.0.1:1']
  for (const nodes of wrong) {
    const at = (name: string) => ({ dir: path.join(dir, name), bootstrap: nodes })
    await t.exception(Client.open(at('user')), { code: 'USAGE' })
    await t.exception(Host.open(at('host')), { code: 'USAGE' })
    await t.exception(audit({ ...at('auditor'), address: 'y'.repeat(52) }).next(), {
      code: 'USAGE'
    })
  }
  const client = await Client.open({ dir: path.join(dir, 'user'), bootstrap })
  await client.close()
  const host = await Host.open({ dir: path.join(dir, 'host'), bootstrap })
  await host.close()
  t.pass('they open')
})

async function open(t: Teardown): Promise<{ bootstrap: readonly string[] }> {
  const network = await openLocal(0)
  t.teardown(() => network.close(), { order: 1000 })
  return network
}
