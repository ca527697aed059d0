// Blocks that the disk of a host has lost or flipped bits of, and who has them.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test, { type Test } from 'brittle'
import type Hypercore from 'hypercore'
import { repair } from '../src/copies/repair.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { blobsManifest, stateManifest, userLogManifest } from '../src/protocol/manifest.ts'
import { closeStore, openStore } from '../src/state/store.ts'
import { BareUser } from './bare-user.ts'
import { codeOf } from './helpers.ts'
import { showLog } from './other-log.ts'
import { Scene, SOURCE } from './set-back-scene.ts'

/** How long it may take a busy machine to come to what a mirror has, ms: no test waits for that. */
const BUSY = 60_000

test('repair - blocks of every log that are lost come back from a mirror', async (t) => {
  const { scene, addresses, user } = await damagedScene(t)
  const [address = '', whole = ''] = addresses
  const key = decodeId(address)
  const host = await scene.hostKey()
  const store = await openStore(path.join(scene.dir, 'store'))
  for (const [manifest, lost] of [
    [null, [0, 1, 4, -1]],
    [stateManifest(host, key), [0, -1]],
    [blobsManifest(host, key), [0, -1]],
    [userLogManifest(user, key), [0]]
  ] as const) {
    const core: Hypercore = store.get(
      manifest === null ? { key } : { manifest: { ...manifest, signers: [...manifest.signers] } }
    )
    await core.ready()
    for (const at of lost) {
      const index = at < 0 ? core.length + at : at
      await core.clear(index, index + 1)
    }
    await core.close()
  }
  await closeStore(store)

  const damaged = await scene.start()
  t.is(await codeOf(damaged.host.instance(key)), 'INSTANCE_DAMAGED')
  await damaged.host.close()
  const { dir, bootstrap } = scene
  const [first, second] = await repair({ dir, bootstrap, patience: BUSY })
  t.ok(first?.type === 'repaired' && first.blocks >= 9, JSON.stringify(first))
  t.alike(second, { type: 'intact', address: whole })
  t.is((await scene.look(key)).verdict, 'clean')
  await scene.start()
  const bob = await scene.client('bob')
  t.is(await bob.call(address, 'read', [1]), TEXT)
  t.is(await bob.call(address, 'add', []), 2)
})

test('repair - flipped bits are noticed, named and repaired, and the other instance is served', async (t) => {
  const { scene, addresses } = await damagedScene(t)
  const [address = '', whole = ''] = addresses
  t.ok(await flip(path.join(scene.dir, 'store', 'db'), MARK), 'a bit on the disk')
  const { host, events } = await scene.start()
  const bob = await scene.client('bob')
  t.is(await codeOf(bob.call(address, 'read', [1])), 'INSTANCE_DAMAGED')
  t.alike(
    [...new Set(events.flatMap((it) => (it.type === 'damaged' ? [it.address] : [])))],
    [address]
  )
  t.is(await bob.call(whole, 'add', []), 1)
  await bob.close()
  await host.close()
  const { dir, bootstrap } = scene
  const repaired = await repair({ dir, bootstrap, patience: BUSY })
  t.alike(
    repaired.map(({ type }) => type),
    ['repaired', 'intact']
  )
  await scene.start()
  const carol = await scene.client('carol')
  t.is(await carol.call(address, 'read', [1]), TEXT)
})

test('repair - what nobody has stays damaged', async (t) => {
  const { scene, addresses, mirrored } = await damagedScene(t)
  const key = decodeId(addresses[0] ?? '')
  await mirrored.mirror.close()
  const store = await openStore(path.join(scene.dir, 'store'))
  const log = store.get({ key })
  await log.ready()
  await log.clear(1, 2)
  await closeStore(store)
  const { dir, bootstrap } = scene
  const [event] = await repair({ dir, bootstrap, patience: 1_000 })
  t.is(event?.type, 'unrepaired')
  if (event?.type === 'unrepaired')
    t.ok(/block [01] of the call log/.test(event.message), event.message)
})

test('repair - nothing is cleared for what does not lead to what is here', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  const key = decodeId(address)
  const eve = new BareUser(key, 'eve').call('add').call('add')
  const instance = await host.instance(key)
  await instance.submit(eve.log())
  await instance.settled(eve.key, 2)
  const mirrored = await scene.mirror([link])
  await mirrored.whole(address, instance.head.length)
  await mirrored.mirror.close()
  await alice.close()
  await host.close()
  const other = new BareUser(key, 'eve').call('add', 'x').call('add', 'y')
  const { core, fill } = await showLog(t, scene, other, key)
  await fill(path.join(scene.dir, 'recovering'))
  const store = await openStore(path.join(scene.dir, 'store'))
  const log = await store.storage.resumeCore(core.discoveryKey)
  // the block itself can be read: what has suffered is its leaf of the tree
  const tx = log?.write()
  tx?.putTreeNode({ index: 2, size: 1, hash: Buffer.alloc(32) })
  await tx?.flush()
  await log?.close()
  await closeStore(store)
  const { dir, bootstrap } = scene
  const [event] = await repair({ dir, bootstrap, patience: 1_000 })
  t.is(event?.type, 'unrepaired')
  const after = await openStore(path.join(scene.dir, 'store'))
  const same = after.get({ key: core.key })
  await same.ready()
  for (const [i, block] of eve.blocks.entries()) {
    t.alike(await same.get(i, { wait: false }), block, `block ${i}`)
  }
  await closeStore(after)
  await (await scene.mirror([link])).found(address)
  await fill(path.join(scene.dir, 'recovering'))
  t.alike(await repair({ dir, bootstrap, patience: BUSY }), [
    { type: 'repaired', address, blocks: 1 }
  ])
  t.is((await scene.look(key)).verdict, 'clean')
})

test('repair - a mirror that has less than the host helps with what it has', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  const key = decodeId(address)
  const mirrored = await scene.mirror([link])
  await mirrored.whole(address, (await host.instance(key)).head.length)
  await mirrored.mirror.close()
  await alice.call(link, 'add', [])
  await alice.close()
  await host.close()
  await (await scene.mirror([link])).found(address)
  const store = await openStore(path.join(scene.dir, 'store'))
  const log = store.get({ key })
  await log.ready()
  t.is(log.state.roots.length, 1, 'the mirror has no node beside its own root')
  await log.clear(0, 1)
  await closeStore(store)
  const { dir, bootstrap } = scene
  const repaired = await repair({ dir, bootstrap, patience: BUSY })
  t.alike(repaired, [{ type: 'repaired', address, blocks: 1 }])
  t.is((await scene.look(key)).verdict, 'clean')
})

const MARK = 'a-mark-that-is-on-the-disk-once.'
const TEXT = MARK + 'x'.repeat(20_000)

/** A closed host with two instances, of which a mirror has the first. */
async function damagedScene(t: Test) {
  const scene = await Scene.open(t)
  const { host } = await scene.start()
  const alice = await scene.client('alice')
  const one = await alice.deploy({ host: host.id, source: SOURCE })
  const two = await alice.deploy({ host: host.id, source: SOURCE })
  await alice.call(one.link, 'add', [TEXT])
  const { length } = (await host.instance(decodeId(one.address))).head
  const mirrored = await scene.mirror([one.link])
  await mirrored.whole(one.address, length)
  await mirrored.found(one.address)
  await alice.close()
  await host.close()
  // what is in the write-ahead log comes into tables
  await closeStore(await openStore(path.join(scene.dir, 'store')))
  const addresses = [one.address, two.address]
  return { scene, addresses, mirrored, user: decodeId(alice.id) }
}

/** Flips a bit behind every place of a text in the files of a database. */
async function flip(dir: string, text: string): Promise<boolean> {
  let found = false
  for (const name of await readdir(dir)) {
    const file = path.join(dir, name)
    const bytes = await readFile(file).catch(() => Buffer.alloc(0))
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
      if (!/\.(sst|blob)$/.test(name)) continue
      bytes[at + text.length + 1] = (bytes[at + text.length + 1] ?? 0) ^ 1
      found = true
    }
    if (found) await writeFile(file, bytes)
  }
  return found
}
