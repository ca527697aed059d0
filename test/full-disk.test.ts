// A host whose disk is full: a real file system of a few megabytes, which takes a root that may mount.
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type Test } from 'brittle'
import { audit, Client, Host } from 'mivm'
import { readBlock } from '../src/client/logged-call.ts'
import { Replica } from '../src/client/replica.ts'
import { Host as WholeHost } from '../src/host/host.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { Cli, startHost } from './cli.ts'
import { readContract } from './contracts.ts'
import { heldOracle } from './held-oracle.ts'
import { rejection, tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'
import { SmallDisk } from './small-disk.ts'

const POST = 'x'.repeat(200_000)

test('full disk - the call fails, reads go on, and with room again all is there and goes on', async (t) => {
  const root = await tempDir(t)
  const disk = SmallDisk.mount(t, path.join(root, 'host'), 16)
  if (disk === null) return
  const { bootstrap, open, user } = await scene(t, root)
  let host = await open()
  const bob = await user('bob')
  const { address, link } = await bob.deploy({ host: host.id, source: readContract('forum') })
  await bob.call(link, 'addTopic', ['a topic'])

  const told: number[] = []
  const refused = await callUntilRefused(bob, link, told)
  t.is(refused.code, 'STORAGE_FULL')
  t.ok(
    refused.message.startsWith('the disk of the host is full: it takes no calls until'),
    refused.message
  )
  t.ok(
    refused.message.endsWith(
      'the call is in your log and is delivered with the next one, or by "mivm deliver"'
    )
  )
  t.ok(told.length > 5, `${told.length} calls were acknowledged before`)
  await disk.fill()
  t.ok(
    host.events.some(({ type, code }) => type === 'refused' && code === 'STORAGE_FULL'),
    'the operator is told'
  )

  const alice = await user('alice')
  const late = await rejection(alice.call(link, 'addPost', [1, 'hello']))
  t.is(late.code, 'STORAGE_FULL', 'so is a user that was never here before')
  const other = await rejection(alice.deploy({ host: host.id, source: readContract('counter') }))
  t.is(other.code, 'STORAGE_FULL', 'and who deploys')
  t.is(await alice.state(link).readFile('/topics/1/title'), 'a topic')
  t.alike(await posts(alice, link), told, 'what was acknowledged is read from the host')
  t.is(await alice.state(link).readFile(`/topics/1/${told.at(-1)}`), POST)
  t.alike(await verdict(link, path.join(root, 'auditor'), bootstrap), ['clean'])

  t.is(await host.stop(), 0, 'it ends as always')
  const closed = await new Cli(disk.dir, bootstrap.join()).run(['host'])
  t.is(closed.status, 69)
  t.ok(/^mivm: STORAGE_FULL: .*: make room and start again\n$/.test(closed.stderr), closed.stderr)

  disk.resize(64)
  host = await open()
  t.is(host.events[0]?.['instances'], 1, 'what could not be deployed is not there')
  // what they were refused waits in their logs
  await drained(bob)
  await drained(alice)
  const all = await posts(alice, link)
  t.alike(
    all,
    Array.from({ length: told.length + 2 }, (_, i) => i + 1),
    'it is executed now, once'
  )
  t.is(await bob.call(link, 'addPost', [1, 'and on']), told.length + 3)
  t.alike(await verdict(address, path.join(root, 'auditor'), bootstrap), ['clean'])
})

test('full disk - with little room left nothing is taken in, and with more it goes on by itself', async (t) => {
  const root = await tempDir(t)
  const disk = SmallDisk.mount(t, path.join(root, 'host'), 256)
  if (disk === null) return
  const { bootstrap, open, user } = await scene(t, root)
  const host = await open()
  const bob = await user('bob')
  const { address, link } = await bob.deploy({ host: host.id, source: readContract('counter') })
  t.is(await bob.call(link, 'increment', []), 1)
  // less than what the host keeps, which is a sixteenth of this disk
  await disk.leave(8)
  // nobody has called by then
  while (await readiness(disk.dir)) await sleep(200)
  const refused = await rejection(bob.call(link, 'increment', []))
  t.is(refused.code, 'STORAGE_FULL')
  t.ok(refused.message.startsWith('the disk of the host is full: it takes no calls until there is'))
  const other = await rejection(bob.deploy({ host: host.id, source: readContract('forum') }))
  t.is(other.code, 'STORAGE_FULL', 'and no deployment')
  t.is(host.child.exitCode, null, 'the host lives')
  await disk.leave(64)
  await drained(bob)
  t.is(await bob.call(link, 'increment', []), 3, 'without a restart')
  while (!(await readiness(disk.dir))) await sleep(200)
  t.alike(await verdict(address, path.join(root, 'auditor'), bootstrap), ['clean'])
  t.is(await host.stop(), 0)
})

test('full disk - beyond the reserve reads go on, and with room again all goes on without a restart', async (t) => {
  const root = await tempDir(t)
  const disk = SmallDisk.mount(t, path.join(root, 'host'), 64)
  if (disk === null) return
  const { bootstrap, open, user } = await scene(t, root)
  const host = await open()
  const [bob, alice] = [await user('bob'), await user('alice')]
  const { address, link } = await bob.deploy({ host: host.id, source: readContract('forum') })
  const other = await alice.deploy({ host: host.id, source: readContract('counter') })
  await bob.call(link, 'addTopic', ['a topic'])
  const told: number[] = []
  const isFull = () => host.events.some(({ type }) => type === 'full')
  // more than the host keeps, which is a sixteenth of this disk, and less than what RocksDB makes a file of
  await disk.leave(6)
  t.is((await callUntilRefused(bob, link, told)).code, 'STORAGE_FULL')
  await disk.fill()
  t.ok(isFull(), 'a write has failed')
  t.is((await rejection(alice.call(other.link, 'increment', []))).code, 'STORAGE_FULL')
  t.alike((await posts(alice, link)).slice(0, told.length), told, 'what was acknowledged is read')
  t.absent(await readiness(disk.dir), 'it is not ready')

  disk.resize(256)
  await disk.leave(100)
  await drained(bob)
  await drained(alice)
  t.is(await alice.call(other.link, 'increment', []), 2, 'another instance goes on as well')
  t.alike((await posts(alice, link)).slice(0, told.length), told)
  while (!(await readiness(disk.dir))) await sleep(200)
  t.is(host.child.exitCode, null, 'it is the same process')
  t.alike(await verdict(address, path.join(root, 'auditor'), bootstrap), ['clean'])
  t.is(await host.stop(), 0)
})

test('full disk - a backup leaves the host on the same disk what it needs', async (t) => {
  const root = await tempDir(t)
  const disk = SmallDisk.mount(t, path.join(root, 'host'), 64)
  if (disk === null) {
    t.pass('SKIPPED: this process may not mount a file system, so nothing was tested')
    return
  }
  const { bootstrap, user } = await scene(t, root)
  const dir = path.join(disk.dir, 'host')
  const host = await WholeHost.open({ dir, bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 2 })
  // nobody is refused here, and a busy machine takes longer than those wait who are
  const bob = await user('bob', 60_000)
  const { link } = await bob.deploy({ host: host.id, source: readContract('forum') })
  await bob.call(link, 'addTopic', ['a topic'])
  const post = () => bob.call(link, 'addPost', [1, randomBytes(150_000).toString('base64')])
  await Promise.all(Array.from({ length: 30 }, post))
  // two more than what the host keeps
  await disk.leave(6)
  const refused = await rejection(host.backUp(path.join(disk.dir, 'backup')))
  t.is(refused.code, 'STORAGE_FULL', refused.message)
  t.absent(
    (await readdir(disk.dir)).some((name) => name.startsWith('backup')),
    'nothing is left'
  )
  t.is(host.status().problem, null)
  t.is(await post(), 31, 'calls go on')
  t.ok((await host.backUp(path.join(root, 'backup'))).records > 30, 'on another disk it has room')
})

test('full disk - of a mirror: with room again it goes on, without a restart', async (t) => {
  const root = await tempDir(t)
  const disk = SmallDisk.mount(t, path.join(root, 'mirror'), 64)
  if (disk === null) return
  const { bootstrap, open, user } = await scene(t, root)
  const host = await open()
  // nobody is refused here, and a busy machine takes longer than those wait who are
  const bob = await user('bob', 60_000)
  const { link } = await bob.deploy({ host: host.id, source: readContract('forum') })
  await bob.call(link, 'addTopic', ['a topic'])
  const network = `--bootstrap=${bootstrap.join()}`
  const mirror = await startHost(t, disk.dir, ['--mirror', link], network)
  const told = (type: string) => mirror.events.filter((event) => event['type'] === type)
  while (told('mirrored').length === 0) await sleep(20)
  await disk.leave(2)
  // the log of its database has some room that is its own already
  const posting = Array.from({ length: 32 }, () => bob.call(link, 'addPost', [1, POST]))
  await Promise.all(posting)
  while (told('mirror-stopped').length === 0) await sleep(20)
  const { reason, message } = told('mirror-stopped')[0] ?? {}
  t.is(reason, 'storage', 'and the operator is told')
  t.ok(String(message).startsWith('the disk is full'), String(message))
  disk.resize(256)
  await disk.leave(128)
  const length = await lengthOf(t, link, path.join(root, 'reader'), bootstrap)
  t.ok(length > 2 * posting.length)
  while ((await mirroredBlocks(disk.dir)) < length) await sleep(200)
  t.is(mirror.child.exitCode, null, 'it is the same process')
  await bob.close()
  t.is(await host.stop(), 0)
  t.alike(await verdict(link, path.join(root, 'auditor'), bootstrap), ['clean'], 'from the mirror')
  t.is(await mirror.stop(), 0)
})

test('full disk - of a caller: what it has written is executed and answered, and nothing else', async (t) => {
  const root = await tempDir(t)
  const disk = SmallDisk.mount(t, path.join(root, 'bob'), 16)
  if (disk === null) return
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const { oracles, asked, answer } = heldOracle()
  const host = await Host.open({ dir: path.join(root, 'host'), bootstrap, engines: 1, oracles })
  t.teardown(() => host.close(), { order: 2 })
  const source = `exports.count = 0
    exports.slow = async () => { await oracle.wait(); return ++exports.count }
    exports.add = () => ++exports.count`
  const bob = await Client.open({ dir: disk.dir, bootstrap })
  const { link } = await bob.deploy({ host: host.id, source })
  const slow = bob.call(link, 'slow', [])
  await asked
  await disk.fill()
  for (const _ of ['first', 'next']) {
    const refused = await rejection(bob.call(link, 'add', [POST]))
    t.is(refused.code, 'STORAGE_FULL')
    t.ok(/: the call is not written; make room, and start again$/.test(refused.message))
  }
  answer()
  t.is(await slow, 1, 'it was written before')
  await bob.close()
  disk.resize(64)
  const again = await Client.open({ dir: disk.dir, bootstrap })
  t.teardown(() => again.close(), { order: 1 })
  t.is(await again.call(link, 'add', []), 2)
})

test('full disk - of a caller: what it has not written yet, and what it reads, ends with that', async (t) => {
  const root = await tempDir(t)
  const [disk, small] = ['bob', 'carol'].map((name) =>
    SmallDisk.mount(t, path.join(root, name), 16)
  )
  if (!disk || !small) return
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const host = await Host.open({ dir: path.join(root, 'host'), bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 2 })
  const alice = await Client.open({ dir: path.join(root, 'alice'), bootstrap })
  t.teardown(() => alice.close(), { order: 1 })
  const source = readContract('forum')
  const [{ link, address }, other] = [
    await alice.deploy({ host: host.id, source }),
    await alice.deploy({ host: host.id, source })
  ]
  const bob = await Client.open({ dir: disk.dir, bootstrap })
  t.teardown(() => bob.close(), { order: 1 })
  await disk.fill()
  t.is((await callUntilRefused(bob, link, [])).code, 'STORAGE_FULL')
  const first = await rejection(bob.call(other.link, 'addPost', [1, 'hello']))
  t.is(first.code, 'STORAGE_FULL', first.message)

  const carol = await Replica.open({ dir: small.dir, bootstrap })
  t.teardown(() => carol.close(), { order: 1 })
  await carol.follow(link)
  const log = carol.store.get({ key: decodeId(address) })
  await log.ready()
  await small.fill()
  for (let i = 0; i < 8; i++) await alice.call(link, 'addPost', [1, POST])
  const late = await rejection(readBlock(log, 100, 'the call log', 100))
  t.is(late.code, 'TIMEOUT', 'nobody has it')
  const reading = Array.from({ length: 24 }, (_, i) => readBlock(log, i, 'the call log', 2_000))
  const lost = (await Promise.allSettled(reading)).find(({ status }) => status === 'rejected')
  t.is(lost?.status === 'rejected' && lost.reason.code, 'STORAGE_FULL')
})

test('full disk - of an auditor: it says so, and with room again it is clean', async (t) => {
  const root = await tempDir(t)
  const disk = SmallDisk.mount(t, path.join(root, 'auditor'), 32)
  if (disk === null) return
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const host = await Host.open({ dir: path.join(root, 'host'), bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 2 })
  const bob = await Client.open({ dir: path.join(root, 'bob'), bootstrap })
  t.teardown(() => bob.close(), { order: 1 })
  const source = 'exports.sizeOf = (text) => text.length'
  const { link } = await bob.deploy({ host: host.id, source })
  for (let i = 0; i < 10; i++) await bob.call(link, 'sizeOf', [POST])
  await disk.leave(1)
  const full = await rejection(verdict(link, disk.dir, bootstrap))
  t.is(full.code, 'STORAGE_FULL', full.message)
  disk.resize(96)
  t.alike(await verdict(link, disk.dir, bootstrap), ['clean'])
})

/** As the host of a directory says. */
async function readiness(dir: string): Promise<unknown> {
  return (await statusOf(dir))?.['ready']
}

/** Under which a mirror has all; 0 where it has not begun. */
async function mirroredBlocks(dir: string): Promise<number> {
  const mirrored = (await statusOf(dir))?.['mirrored']
  return Array.isArray(mirrored) ? Number(mirrored[0]?.blocks ?? 0) : 0
}

async function statusOf(dir: string) {
  const { objects } = await new Cli(dir, '').json(['status'])
  return objects.at(-1)
}

async function scene(t: Test, root: string) {
  const bootstrap = await localNetwork(t)
  shareVm(t)
  return {
    bootstrap,
    open: () => startHost(t, path.join(root, 'host'), [], `--bootstrap=${bootstrap.join()}`),
    user: async (name: string, timeout = 4_000) => {
      const client = await Client.open({ dir: path.join(root, name), bootstrap, timeout })
      t.teardown(() => client.close(), { order: 1 })
      return client
    }
  }
}

/** Calls until the host takes no more; `told` are the numbers that it gave. */
async function callUntilRefused(client: Client, link: string, told: number[]) {
  for (;;) {
    const call = client.call(link, 'addPost', [1, POST])
    const id = await call.catch(() => null)
    if (id === null) return rejection(call)
    told.push(Number(id))
  }
}

async function posts(client: Client, link: string): Promise<number[]> {
  const names = await client.state(link).readdir('/topics/1')
  return names
    .filter((name) => name !== 'title')
    .map(Number)
    .sort((a, b) => a - b)
}

async function drained(client: Client): Promise<void> {
  while ((await client.pendingCalls()) > 0) await sleep(20)
}

/** Of the call log, as its host shows it. */
async function lengthOf(t: Test, link: string, dir: string, bootstrap: readonly string[]) {
  const replica = await Replica.open({ dir, bootstrap })
  t.teardown(() => replica.close(), { order: 1 })
  const log = await (await replica.follow(link)).callLog()
  return log.length
}

async function verdict(address: string, dir: string, bootstrap: readonly string[]) {
  const verdicts: string[] = []
  for await (const event of audit({ address, dir, bootstrap })) {
    if (event.type === 'verdict') {
      verdicts.push(event.verdict, ...event.missing.map(({ message }) => message))
    }
    if (event.type === 'finding') verdicts.push(JSON.stringify(event.finding))
  }
  return verdicts
}
