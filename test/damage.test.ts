// Data directories that a disk has damaged, and hosts that open them.
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type Test } from 'brittle'
import type Hypercore from 'hypercore'
import Hyperdrive from 'hyperdrive'
import { Client, Host, type HostEvent } from 'mivm'
import { Replica } from '../src/client/replica.ts'
import { recover } from '../src/copies/recovery.ts'
import { Host as WholeHost } from '../src/host/host.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { stateManifest } from '../src/protocol/manifest.ts'
import { readIdentity } from '../src/state/identity.ts'
import { closeStore, openStore } from '../src/state/store.ts'
import { Cli, startHost, startNetwork } from './cli.ts'
import { tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const SOURCE = `
exports.count = 0
exports.increment = () => ++exports.count
exports.write = async (text) => state.writeFile('/file', text)
exports.read = async () => state.readFile('/file')
`

/** The cores that an instance has on disk. */
interface Cores {
  readonly log: Hypercore
  readonly files: Hypercore
  readonly content: Hypercore
}

/** What is lost, and whether the instance is damaged when the host opens it, or when it is next called. */
const LOSSES: [what: string, lose: (cores: Cores) => Promise<unknown>, when: 'open' | 'call'][] = [
  ['genesis', ({ log }) => log.clear(0, 1), 'open'],
  ['the code', ({ log }) => log.clear(1, 2), 'open'],
  ['the last commit', ({ log }) => log.clear(log.length - 1, log.length), 'open'],
  ['the index of the archive', ({ files }) => files.clear(0, files.length), 'open'],
  ['the contents of files', ({ content }) => content.clear(0, content.length), 'open'],
  ['the newest file', ({ content }) => content.clear(content.length - 1, content.length), 'call']
]

for (const [what, lose, when] of LOSSES) {
  test(`damage - an instance that lost ${what} is named, the others go on`, async (t) => {
    const { dir, addresses, start, client } = await scene(t)
    const [damaged = '', whole = ''] = addresses
    await damage(dir, damaged, lose)
    const { host, events } = await start()
    t.is(await client.call(whole, 'increment', []), 2, 'the other one is called')
    t.is(await client.call(whole, 'read', []), 'some text')
    const named = () => events.flatMap((event) => (event.type === 'damaged' ? [event.address] : []))
    if (when === 'open') t.alike(named(), [damaged], 'the operator is told which')
    const [code, message] = await client.call(damaged, 'read', []).then(
      (value) => ['none', String(value)],
      (error) => [error.code, error.message]
    )
    t.is(code, 'INSTANCE_DAMAGED', message)
    t.ok(/^[^\n]+ from a backup; the call is in your log and is [^\n]+$/.test(message), message)
    t.alike([...new Set(named())], [damaged], 'again when it is called')
    await t.exception(client.call(damaged, 'increment', []), 'it does not go on without')
    await host.close()
  })
}

test('damage - the newest block of a log that is lost holds up no recovery, and nobody who shows a head', async (t) => {
  const { dir, addresses, bootstrap, client } = await scene(t)
  const late = { ref: false }
  const [first = '', second = ''] = addresses
  await client.close()
  await damage(dir, first, ({ content }) => content.clear(content.length - 1, content.length))
  await damage(dir, second, ({ log }) => log.clear(log.length - 4, log.length - 3))
  const recovering = recover({ dir, bootstrap, patience: 200 })
  const told = await Promise.race([recovering, sleep(10_000, [], late)])
  t.alike(
    told.map(({ type }) => type),
    ['alone', 'unrecovered']
  )
  const host = await WholeHost.open({ dir, bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 2 })
  const instance = await host.instance(decodeId(second))
  const head = { ...instance.head, length: instance.head.length - 3 }
  t.is(await Promise.race([instance.agrees(head), sleep(5_000, 'late', late)]), false)
})

test('damage - whoever opens a host tells of a bit that it has turned back', async (t) => {
  const dir = await tempDir(t)
  const hostDir = path.join(dir, 'host')
  const { host, cli } = await startNetwork(t, dir)
  await writeFile(path.join(dir, 'contract.js'), SOURCE)
  const deploying = ['deploy', path.join(dir, 'contract.js'), '--host', host.id]
  const link = (await cli.json(deploying)).objects.at(-1)?.['link']
  await host.stop('SIGKILL')
  const db = path.join(hostDir, 'host', 'store', 'db')
  for (const flag of [[], ['--repair'], ['--recover']]) {
    const [name = ''] = (await readdir(db))
      .filter((it) => it.endsWith('.log'))
      .sort()
      .reverse()
    const file = path.join(db, name)
    const bytes = await readFile(file)
    const at = bytes.byteLength >> 1
    bytes[at] = (bytes[at] ?? 0) ^ 4
    await writeFile(file, bytes)
    const again = await startHost(t, hostDir, flag)
    const told = again.events.filter(({ type }) => type === 'mended')
    t.is(told.length, 1, `${flag}`)
    t.ok(String(told[0]?.['message']).startsWith(`the disk had flipped a bit of ${file}, in byte`))
    const call = await new Cli(cli.dir, again.bootstrap).json([
      ...['call', String(link), 'increment']
    ])
    t.is(call.status, 0, call.stderr)
    await again.stop('SIGKILL')
  }
})

test('damage - a store that cannot be opened is one clear line', async (t) => {
  const { dir, start } = await scene(t)
  const db = path.join(dir, 'store', 'db')
  for (const name of (await readdir(db)).filter((file) => /^(\d+\.log|MANIFEST-\d+)$/.test(file))) {
    const file = path.join(db, name)
    await rm(`${file}.parity`, { force: true })
    const bytes = await readFile(file)
    if (bytes.byteLength === 0) continue
    const flipped = Buffer.from(bytes)
    flipped[flipped.byteLength >> 1] = (flipped[flipped.byteLength >> 1] ?? 0) ^ 0xff
    await writeFile(file, flipped)
    const error = await start().catch((reason) => reason)
    t.is(error.code, 'DIRECTORY_DAMAGED', `${name}, one byte flipped`)
    t.ok(
      /^[^\n]+ cannot be opened \([^\n]+\): restore it from a backup, [^\n]+--recover"$/.test(
        error.message
      )
    )
    await writeFile(file, bytes)
  }
  const { host } = await start()
  t.is(host.instances.length, 2, 'and whole again')
  await host.close()
})

test('damage - what keeps a database from being opened is mended by the notes beside its tables', async (t) => {
  const { dir, start } = await scene(t)
  const db = path.join(dir, 'store', 'db')
  // what all logs have in common is at the beginning of a table, its index near its end
  for (const [kind, at] of [
    [/\.sst$/, 100],
    [/\.sst$/, -700],
    [/\.sst$/, -20],
    [/^MANIFEST-\d+$/, 50]
  ] as const) {
    const names = (await readdir(db)).filter((name) => kind.test(name))
    const sizes = await Promise.all(
      names.map(async (name) => (await stat(path.join(db, name))).size)
    )
    const file = path.join(db, names[sizes.indexOf(Math.max(...sizes))] ?? '')
    const bytes = await readFile(file)
    const place = (at + bytes.byteLength) % bytes.byteLength
    bytes.fill(0x77, place, place + 3)
    await writeFile(file, bytes)
    const { host, events } = await start()
    t.is(host.instances.length, 2)
    const told = events.flatMap((event) => (event.type === 'mended' ? [event.message] : []))
    t.alike(told, [`the disk had damaged, or lost, ${file}: it is as it was written again`])
    await host.close()
  }
})

test('damage - a manifest that ends too early is not opened without what it has lost', async (t) => {
  const { dir, addresses, start, client } = await scene(t)
  const db = path.join(dir, 'store', 'db')
  const manifest = async () => (await readdir(db)).find((name) => /^MANIFEST-\d+$/.test(name)) ?? ''
  const first = path.join(db, await manifest())
  const whole = await readFile(first)
  await writeFile(first, whole.subarray(0, whole.byteLength - 20))
  const { host, events } = await start()
  const told = events.flatMap((event) => (event.type === 'mended' ? [event.message] : []))
  t.alike(told, [`the disk had damaged, or lost, ${first}: it is as it was written again`])
  t.is(await client.call(addresses[0] ?? '', 'increment', []), 2)
  await host.close()
  const file = path.join(db, await manifest())
  const bytes = await readFile(file)
  const cut = bytes.subarray(0, bytes.byteLength >> 1)
  await writeFile(file, cut)
  const error = await start().catch((reason) => reason)
  t.is(error.code, 'DIRECTORY_DAMAGED', error.message)
  t.alike(await readFile(file), cut, 'nothing is changed by that')
})

test('damage - copies are let go of also where one of them cannot be opened', async (t) => {
  const dir = await tempDir(t)
  const replica = await Replica.open({ dir, bootstrap: ['127.0.0.1:9'] })
  const lost = replica.store.get({ key: Buffer.alloc(32, 7), createIfMissing: false })
  await t.exception(lost.ready())
  await replica.close()
  await closeStore(await openStore(path.join(dir, 'cache')))
})

test('damage - a host does not go on under another key', async (t) => {
  const { dir, start } = await scene(t)
  const key = path.join(dir, 'host.key')
  const text = await readFile(key)
  await rm(key)
  const missing = await start().catch((reason) => reason)
  t.is(missing.code, 'DIRECTORY_DAMAGED')
  t.ok(missing.message.endsWith('host.key, is missing: put it back from a backup'), missing.message)
  await writeFile(key, text.subarray(0, 40))
  t.is((await start().catch((reason) => reason)).code, 'KEY_INVALID')
})

test('damage - a copy of a directory is not opened as if it were the original', async (t) => {
  const { dir, start } = await scene(t)
  const file = path.join(dir, 'store', 'CORESTORE')
  // as after a copy: what it says of itself is not so
  await writeFile(file, (await readFile(file, 'utf8')).replace(/inode=\d+/, 'inode=1'))
  const error = await start().catch((reason) => reason)
  t.is(error.code, 'DIRECTORY_DAMAGED')
  t.ok(/ was copied or moved here, .* remove CORESTORE in it/.test(error.message), error.message)
  await rm(file)
  const { host } = await start()
  t.is(host.instances.length, 2)
  await host.close()
})

/** A closed host with two instances that have been called, and somebody to call them. */
async function scene(t: Test) {
  const root = await tempDir(t)
  const dir = path.join(root, 'host')
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const start = async () => {
    const events: HostEvent[] = []
    const onEvent = (event: HostEvent) => events.push(event)
    const host = await Host.open({ dir, bootstrap, engines: 1, onEvent })
    t.teardown(() => host.close(), { order: 2 })
    return { host, events }
  }
  const { host } = await start()
  const client = await Client.open({ dir: path.join(root, 'user'), bootstrap })
  t.teardown(() => client.close(), { order: 1 })
  const addresses: string[] = []
  for (let i = 0; i < 2; i++) {
    const { address } = await client.deploy({ host: host.id, source: SOURCE })
    await client.call(address, 'increment', [])
    await client.call(address, 'write', ['some text'])
    addresses.push(address)
  }
  await host.close()
  return { dir, addresses, bootstrap, start, client }
}

async function damage(
  dir: string,
  address: string,
  lose: (cores: Cores) => Promise<unknown>
): Promise<void> {
  const { keyPair } = await readIdentity(dir, 'host')
  const store = await openStore(path.join(dir, 'store'))
  const key = decodeId(address)
  const of = (manifest: ReturnType<typeof stateManifest>) => ({
    manifest: { ...manifest, signers: [...manifest.signers] }
  })
  const state = of(stateManifest(keyPair.publicKey, key))
  const files = store.get(state)
  await files.ready()
  const blobs = Hyperdrive.getContentManifest(state.manifest, files.key)
  if (blobs === null) throw new Error('no blobs')
  const cores = {
    log: store.get({ key }),
    files,
    content: store.get({ manifest: blobs })
  }
  await Promise.all(Object.values(cores).map((core) => core.ready()))
  await lose(cores)
  await closeStore(store)
}
