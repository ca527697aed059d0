// Logs of users that a host refuses, and what they leave.
import path from 'node:path'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { signHead } from '../src/protocol/head.ts'
import { USER_BLOCK_MAX } from '../src/protocol/limits.ts'
import { userLogKey } from '../src/protocol/manifest.ts'
import { closeStore, openStore } from '../src/state/store.ts'
import { BareUser, deployment } from './bare-user.ts'
import { codeOf } from './helpers.ts'
import { Scene, SOURCE } from './set-back-scene.ts'

test('refused - a log that is refused for its form leaves nothing on the disk', async (t) => {
  const scene = await Scene.open(t)
  const { host } = await scene.start()
  const { request } = deployment(host.id, SOURCE)
  const { address, id } = await host.deploy(request)
  const instance = await host.instance(address)
  const large = new BareUser(address, 'large').write(new Uint8Array(USER_BLOCK_MAX + 1))
  const forked = new BareUser(address, 'forked').call('add')
  const { head } = forked.log()
  const logs = userLogKey(forked.key, address)
  const second = signHead({ ...head, fork: 1 }, logs, (message) =>
    crypto.sign(message, forked.keyPair.secretKey)
  )
  t.is(await codeOf(instance.submit(large.log())), 'REQUEST_INVALID')
  t.is(await codeOf(instance.submit({ ...forked.log(), head: second })), 'REQUEST_INVALID')
  await host.close()
  const store = await openStore(path.join(scene.dir, 'store'))
  for (const { key } of [large, forked]) {
    const name = crypto.discoveryKey(userLogKey(key, address))
    t.absent(await store.storage.hasCore(name), id)
  }
  await closeStore(store)
})
