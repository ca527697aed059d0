// What a user can do to a host with a second log that it has signed.
import test from 'brittle'
import { decodeId } from '../src/protocol/ids.ts'
import { BareUser } from './bare-user.ts'
import { showLog } from './other-log.ts'
import { Scene, SOURCE } from './set-back-scene.ts'

test('two logs - the host keeps the one it was sent, and its instance goes on', {
  timeout: 90_000
}, async (t) => {
  const scene = await Scene.open(t)
  const { host, events } = await scene.start()
  const alice = await scene.client('alice')
  const { link, address } = await alice.deploy({ host: host.id, source: SOURCE })
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
