// What a user that has signed two logs can do to those who read them from several peers.
import path from 'node:path'
import test from 'brittle'
import { Replica } from '../src/client/replica.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { userLogKey } from '../src/protocol/manifest.ts'
import { BareUser } from './bare-user.ts'
import { closeOwnVm, Follower } from './follower.ts'
import { showLog } from './other-log.ts'
import { Scene } from './set-back-scene.ts'

test('two logs - an audit that follows goes on with the one that it has', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  const key = decodeId(address)
  const instance = await host.instance(key)
  const eve = new BareUser(key, 'eve').call('add').call('add')
  const call = async (from: number) => {
    await instance.submit(eve.log(from))
    await instance.settled(eve.key, eve.blocks.length)
  }
  await call(0)

  const { bootstrap } = scene
  const replica = await Replica.open({ dir: path.join(scene.root, 'auditor'), bootstrap })
  t.teardown(() => replica.close(), { order: 1 })
  await replica.connect(decodeId(host.id))
  const follower = await Follower.open(t, { store: replica.store, address: key })
  await follower.replayed(3)
  const copy = replica.store.get({ key: userLogKey(eve.key, key) })
  await copy.ready()
  t.is(copy.length, 2)

  const liar = await showLog(t, scene, new BareUser(key, 'eve').call('add', 'x'), key)
  const detected = new Promise((resolve) => liar.core.once('conflict', resolve))
  await replica.connect(await liar.listen())
  // it asks how its log goes on, and finds out; so does whoever answers
  liar.core.update({ wait: true }).catch(() => {})
  await detected
  await alice.call(link, 'add', [])
  eve.call('add')
  await call(2)
  await follower.replayed(5)
  const { findings, verdict } = await follower.stop()
  t.alike(findings, [])
  t.alike(verdict.missing, [])
  t.is(verdict.verdict, 'clean')
  t.is(copy.length, 3)
  await copy.close()
})

test.hook('two logs - the VM of these tests closes', async (t) => {
  await t.execution(closeOwnVm())
})
