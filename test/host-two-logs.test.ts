// What a user can do to a host with a second log that it has signed.
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import { decodeId } from '../src/protocol/ids.ts'
import { BareUser } from './bare-user.ts'
import { showLog } from './other-log.ts'
import { Scene } from './set-back-scene.ts'

test('two logs - the host keeps the one it was sent, and its instance goes on', async (t) => {
  const { scene, host, events, alice, link, address } = await Scene.deployed(t)
  const key = decodeId(address)
  const instance = await host.instance(key)
  const eve = new BareUser(key, 'eve').call('add').call('add')
  await instance.submit(eve.log())
  await instance.settled(eve.key, 2)

  const other = new BareUser(key, 'eve').call('add', 'x')
  const liar = await showLog(t, scene, other, key)
  const detected = new Promise((resolve) => liar.core.once('conflict', resolve))
  await liar.join(host.id)
  liar.core.update({ wait: true }).catch(() => {})
  await detected
  await alice.call(link, 'add', [])
  eve.call('add')
  await instance.submit(eve.log(2))
  await instance.settled(eve.key, 3)
  t.is(await alice.call(link, 'add', []), 5)
  await alice.close()
  await host.close()
  t.absent(events.some(({ type }) => type === 'fatal' || type === 'damaged'))
  const { verdict } = await scene.look(key)
  t.is(verdict, 'clean')
})

test('two logs - a fork of a log that nobody has opened since the start is not taken', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  const key = decodeId(address)
  const eve = new BareUser(key, 'eve').call('add').call('add')
  const instance = await host.instance(key)
  await instance.submit(eve.log())
  await instance.settled(eve.key, 2)
  await host.close()

  const again = await scene.start()
  const other = new BareUser(key, 'eve').call('add', 'x').call('add', 'y').call('add', 'z')
  const liar = await showLog(t, scene, other, key)
  await liar.core.truncate(0, 1)
  await liar.core.append(other.blocks)
  t.is(liar.core.fork, 1)
  const joined = new Promise((resolve) => liar.core.once('peer-add', resolve))
  await liar.join(host.id)
  await joined
  // unasked, as no Hypercore does
  const replicator: object = liar.core.core.replicator
  const [peer] = Reflect.get(replicator, 'peers')
  const upgrade = { start: 0, length: 3 }
  await peer.onrequest({ id: 0, fork: 1, block: null, hash: null, seek: null, upgrade })
  await sleep(500)
  await alice.call(link, 'add', [])
  const now = await again.host.instance(key)
  eve.call('add')
  t.is(await now.submit(eve.log(2)), 3)
  await now.settled(eve.key, 3)
  await alice.close()
  await again.host.close()
  t.is((await scene.look(key)).verdict, 'clean')
})
