// Peers that ask by replication for all logs that there are, and keep them open.
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type Test } from 'brittle'
import Corestore from 'corestore'
import DHT from 'hyperdht'
import { audit, Client } from 'mivm'
import { Host } from '../src/host/host.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { userLogKey } from '../src/protocol/manifest.ts'
import { BareUser } from './bare-user.ts'
import { tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const SOURCE = 'exports.count = 0; exports.add = () => ++exports.count'

/** Users of the instance, and how many logs peers may have open. */
const USERS = 80
const LOGS_OPEN = 30
/** What a host has open beside them: its index, three logs of an instance, and that of who calls it. */
const OWN = 5
/** So many a peer gets where others have taken all. */
const LEAST = 16

test('readers - who opens all logs has so many open at once, and takes none from others', async (t) => {
  const { host, keys, reader, call } = await scene(t)
  const first = await reader()
  await first.open(keys)
  t.is(first.known(), USERS, 'it has seen the head of each')
  t.ok(first.shown() <= LOGS_OPEN, `${first.shown()} are open to it`)
  t.ok((host.status().refused['host.logsOpen'] ?? 0) >= USERS - LOGS_OPEN)
  const second = await reader()
  await second.open(keys.toReversed().slice(0, LEAST))
  t.is(second.known(), LEAST, 'another one gets its share')
  await call()
  // what nobody uses is closed some seconds later
  while (host.status().logs > LOGS_OPEN + LEAST + OWN) await sleep(100)
  first.leave()
  second.leave()
  while (host.status().logs > OWN) await sleep(100)
  t.pass('nothing is left of those who are gone')
})

test('readers - an audit of more users than logs may be open misses nothing', async (t) => {
  const { host, address, bootstrap } = await scene(t)
  const events: string[] = []
  for await (const event of audit({ address, dir: await tempDir(t), bootstrap })) {
    if (event.type === 'finding') events.push(JSON.stringify(event.finding))
    if (event.type === 'verdict') events.push(event.verdict)
  }
  t.alike(events, ['clean'])
  t.ok((host.status().refused['host.logsOpen'] ?? 0) > 0, 'it was refused some')
})

/** A host that was started with the logs of many users on its disk, none of which anybody uses. */
async function scene(t: Test) {
  const bootstrap = await localNetwork(t)
  const dir = await tempDir(t)
  const options = { dir, bootstrap, engines: 1, quotas: { host: { logsOpen: LOGS_OPEN } } }
  shareVm(t)
  const before = await Host.open(options)
  const client = await Client.open({ dir: await tempDir(t), bootstrap })
  t.teardown(() => client.close(), { order: 1 })
  const { address, link } = await client.deploy({ host: before.id, source: SOURCE })
  const instance = await before.instance(decodeId(address))
  const users = Array.from({ length: USERS }, (_, i) => new BareUser(decodeId(address), `${i}`))
  for (const user of users) {
    await instance.submit(user.call('add').log())
    await instance.settled(user.key, 1)
  }
  await before.close()
  const host = await Host.open(options)
  t.teardown(() => host.close(), { order: 2 })
  const dht = new DHT({ bootstrap: [...bootstrap], host: '127.0.0.1', firewalled: false })
  t.teardown(() => dht.destroy({ force: true }), { order: 1 })
  return {
    host,
    address,
    bootstrap,
    keys: users.map(({ key }) => userLogKey(key, decodeId(address))),
    reader: () => readerOf(t, dht, host),
    call: () => client.call(link, 'add', [])
  }
}

/** Whoever opens logs by replication alone. */
async function readerOf(t: Test, dht: DHT, host: Host) {
  const store = new Corestore(await tempDir(t))
  t.teardown(() => store.close(), { order: 0 })
  const stream = dht.connect(decodeId(host.id), { keyPair: DHT.keyPair() })
  stream.on('error', () => {})
  await new Promise((resolve) => stream.once('open', () => resolve(null)))
  store.replicate(stream)
  const cores: ReturnType<typeof store.get>[] = []
  return {
    /** Resolves when each is there, or it is said that it is not. */
    async open(keys: readonly Uint8Array[]): Promise<void> {
      for (const key of keys) {
        const core = store.get(key)
        cores.push(core)
        await core.ready()
        await core.update({ wait: true })
      }
    },
    known: () => cores.filter(({ length }) => length > 0).length,
    shown: () => cores.filter(({ peers }) => peers.length > 0).length,
    leave: () => stream.destroy()
  }
}
