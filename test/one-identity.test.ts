// One identity on two machines, and on one that has lost its disk.
import { cp, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import test, { type Test } from 'brittle'
import { audit, Client, Host } from 'mivm'
import { exportIdentity, importIdentity, readIdentity } from '../src/state/identity.ts'
import { rejection, tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const SOURCE = `
exports.count = 0
exports.increment = () => ++exports.count
exports.keep = (text) => text.length
`

test('one identity - of two machines that write at once the second is refused', async (t) => {
  const { root, host, open, verdict } = await scene(t)
  const first = await open('first')
  const { link } = await first.deploy({ host: host.id, source: SOURCE })
  t.is(await first.call(link, 'increment', []), 1)

  const { identity } = await copyIdentity(root, 'first', 'second')
  const second = await open('second', identity)
  t.is(second.id, first.id)
  t.is(await second.call(link, 'increment', []), 2, 'it takes the log over, and goes on')

  for (const call of [first.call(link, 'increment', []), first.call(link, 'increment', [])]) {
    const error = await rejection(call)
    t.is(error.code, 'USER_LOG_FORKED')
    t.ok(
      /^[^\n]* use an identity on one machine at a time, or make a new one[^\n]*$/.test(
        error.message
      ),
      error.message
    )
  }
  t.is(await second.call(link, 'increment', []), 3, 'the one that holds the log is not disturbed')
  await first.close()
  const again = await open('first')
  t.is((await rejection(again.call(link, 'increment', []))).code, 'USER_LOG_FORKED', 'nor later')
  await again.close()
  t.is(await second.call(link, 'increment', []), 4, 'nothing of the other one was executed')
  t.alike(await verdict(link), ['clean'])
})

test('one identity - a lost disk: the log comes back from the host, however long', async (t) => {
  const { root, host, open, verdict } = await scene(t)
  const before = await open('only')
  const { link } = await before.deploy({ host: host.id, source: SOURCE })
  // more than one reply may carry, and more than a frame can
  const text = 'x'.repeat(240_000)
  for (let i = 0; i < 80; i++) await before.call(link, 'keep', [text])
  t.is(await before.call(link, 'increment', []), 1)
  await before.close()

  await rm(path.join(root, 'only', 'users'), { recursive: true })
  const after = await open('only')
  t.is(await after.call(link, 'increment', []), 2, 'it goes on')
  t.is(await after.call(link, 'increment', []), 3)
  await after.close()
  const again = await open('only')
  t.is(await again.call(link, 'increment', []), 4, 'from its own disk, which has it all again')
  await again.close()
  t.alike(await verdict(link), ['clean'], 'each entry is there once')
})

test('one identity - an old backup: the log comes back before anything is written to it', async (t) => {
  const { root, host, open, verdict } = await scene(t)
  const users = path.join(root, 'only', 'users')
  const before = await open('only')
  const { link } = await before.deploy({ host: host.id, source: SOURCE })
  t.is(await before.call(link, 'increment', []), 1)
  await before.close()
  await cp(users, path.join(root, 'backup'), { recursive: true })
  const later = await open('only')
  t.is(await later.call(link, 'increment', []), 2)
  await later.close()

  await rm(users, { recursive: true })
  await cp(path.join(root, 'backup'), users, { recursive: true })
  // what a person does who is told that the directory was copied
  for (const file of await readdir(users, { recursive: true })) {
    if (path.basename(file) === 'CORESTORE') await rm(path.join(users, file))
  }
  const after = await open('only')
  t.is(await after.call(link, 'increment', []), 3, 'it goes on where the host is')
  await after.close()
  t.alike(await verdict(link), ['clean'])
})

async function scene(t: Test) {
  const root = await tempDir(t)
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const host = await Host.open({ dir: path.join(root, 'host'), bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 2 })
  return {
    root,
    host,
    open: async (machine: string, identity = 'default') => {
      const dir = path.join(root, machine)
      const client = await Client.open({ dir, bootstrap, identity, timeout: 20_000 })
      t.teardown(() => client.close().catch(() => {}), { order: 1 })
      return client
    },
    verdict: async (address: string) => {
      const verdicts: string[] = []
      for await (const event of audit({ address, dir: path.join(root, 'auditor'), bootstrap })) {
        if (event.type === 'verdict') verdicts.push(event.verdict)
        if (event.type === 'finding') verdicts.push(JSON.stringify(event.finding))
      }
      return verdicts
    }
  }
}

/** As `mivm key export` and `import` do it. */
async function copyIdentity(root: string, from: string, to: string) {
  const identity = await readIdentity(path.join(root, from, 'keys'), 'default')
  const { name } = await importIdentity(
    path.join(root, to, 'keys'),
    'moved',
    exportIdentity(identity)
  )
  return { identity: name }
}
