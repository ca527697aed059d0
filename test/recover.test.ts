// Hosts that take back from others what they have signed and lost.

import { EventEmitter, once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import test, { type Test } from 'brittle'
import Hypercore from 'hypercore'
import CorestoreStorage from 'hypercore-storage'
import { audit } from 'mivm'
import { Ranges } from '../src/client/ranges.ts'
import { Replica } from '../src/client/replica.ts'
import { Progress } from '../src/copies/progress.ts'
import { RangedBlocks, RangedFiles } from '../src/copies/ranged.ts'
import { recover } from '../src/copies/recovery.ts'
import { Host } from '../src/host/host.ts'
import { Oracles } from '../src/host/oracles.ts'
import { readRange } from '../src/host/ranges.ts'
import { SetBacks } from '../src/host/set-back.ts'
import { Rpc } from '../src/net/rpc.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { userLogKey } from '../src/protocol/manifest.ts'
import { Tree } from '../src/protocol/merkle.ts'
import type { RangeRequest } from '../src/protocol/messages.ts'
import { headOf } from '../src/state/head.ts'
import { closeStore, openStore } from '../src/state/store.ts'
import { Wal } from '../src/state/wal.ts'
import { BareUser, deployment } from './bare-user.ts'
import { startHost } from './cli.ts'
import { codeOf, keep, tempDir } from './helpers.ts'
import { showLog } from './other-log.ts'
import { type Mirrored, Scene, SOURCE } from './set-back-scene.ts'

test('recover - what a mirror has is there again, and the users go on', async (t) => {
  const scene = await Scene.open(t)
  const before = await scene.start()
  const alice = await scene.client('alice', 8_000)
  const { link, address } = await alice.deploy({ host: before.host.id, source: SOURCE })
  await alice.call(link, 'add', ['a'])
  const mirrored = await scene.mirror([link])
  const [{ length: from = 0 } = {}] = await headsUpTo(before.host, mirrored, address)
  await before.host.close()
  await scene.keep()

  const again = await scene.start()
  const bob = await scene.client('bob', 8_000)
  for (const text of ['b', 'c']) {
    await alice.call(link, 'add', [text])
    await bob.call(link, 'add', [text])
  }
  const signed = await headsUpTo(again.host, mirrored, address)
  const { length = 0 } = signed.at(-1) ?? {}
  await again.host.close()
  await scene.setBack()

  const set = await scene.start()
  await scene.reached(bob)
  t.is(await codeOf(bob.call(link, 'add', ['waits'])), 'INSTANCE_SET_BACK')
  await set.host.close()
  const { dir, bootstrap } = scene
  t.alike(await recover({ dir, bootstrap }), [{ type: 'recovered', address, from, to: length }])
  const { host, events } = await scene.start()
  t.absent(events.some(({ type }) => type === 'set-back'))
  const texts: unknown[] = []
  await alice.call(link, 'add', ['d'])
  for (const n of [1, 2, 3, 4, 5, 6, 7]) texts.push(await bob.call(link, 'read', [n]))
  t.alike(texts.slice(0, 5), ['a', 'b', 'b', 'c', 'c'], 'all that was acknowledged')
  t.alike(texts.slice(5).sort(), ['d', 'waits'], 'and the call that waited')
  const instance = await host.instance(decodeId(address))
  for (const head of signed) t.ok(await instance.agrees(head), `${head.length} blocks`)
  t.absent(
    mirrored.events.some(({ type }) => type === 'mirror-stopped'),
    'no two histories'
  )
  await mirrored.whole(address, instance.head.length)
  await Promise.all([alice.close(), bob.close()])
  await host.close()
  t.is((await scene.look(decodeId(address))).verdict, 'clean')
  t.alike(await recover({ dir, bootstrap }), [
    { type: 'level', address, blocks: (await scene.look(decodeId(address))).length }
  ])
})

test('recover - where nobody is found it is not said that all is there', async (t) => {
  const { scene, host, alice, address } = await Scene.deployed(t, 8_000)
  await alice.close()
  await host.close()
  const { length } = await scene.look(decodeId(address))
  const { dir, bootstrap } = scene
  t.alike(await recover({ dir, bootstrap }), [{ type: 'alone', address, blocks: length }])
})

test('recover - an instance that is not there any more comes back as a whole', async (t) => {
  const scene = await Scene.open(t)
  await (await scene.start()).host.close()
  await scene.keep()
  const again = await scene.start()
  const alice = await scene.client('alice', 8_000)
  const { link, address } = await alice.deploy({ host: again.host.id, source: SOURCE })
  const mirrored = await scene.mirror([link])
  await alice.call(link, 'add', ['a'])
  const signed = await headsUpTo(again.host, mirrored, address)
  await again.host.close()
  await scene.setBack()
  const set = await scene.start()
  await scene.reached(alice)
  t.is(await codeOf(alice.call(link, 'add', ['b'])), 'INSTANCE_SET_BACK')
  await set.host.close()
  const { dir, bootstrap } = scene
  const nobody = 'y'.repeat(52)
  const asked = recover({ dir, bootstrap, from: [mirrored.mirror.id, nobody] })
  await t.exception(asked, new RegExp(`--from ${nobody} cannot be reached`), 'and which it is')
  const events = await recover({ dir, bootstrap, from: [mirrored.mirror.id] })
  t.alike(events, [{ type: 'recovered', address, from: 0, to: signed.at(-1)?.length }])
  const { host } = await scene.start()
  t.alike(host.instances, [address])
  t.is(await alice.call(link, 'add', ['c']), 3)
  const bob = await scene.client('bob')
  t.alike(Object.keys(await bob.connect(link)).sort(), ['add', 'read'])
  await Promise.all([alice.close(), bob.close()])
  await host.close()
  t.is((await scene.look(decodeId(address))).verdict, 'clean')
})

test('recover - one that is interrupted is refused, and done again', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t, 8_000)
  const mirrored = await scene.mirror([link])
  await host.close()
  await scene.keep()
  const again = await scene.start()
  await alice.call(link, 'add', ['a'])
  await headsUpTo(again.host, mirrored, address)
  await again.host.close()
  const { dir, bootstrap } = scene
  const steps = [[Wal.prototype, 'sync'] as const, [SetBacks.prototype, 'remove'] as const]
  for (const [it, name] of steps) {
    await scene.setBack()
    const restore = failFor(it, name)
    t.teardown(restore)
    await t.exception(recover({ dir, bootstrap }), /interrupted/)
    restore()
    const set = await scene.start()
    const instance = await set.host.instance(decodeId(address))
    const nothing = { user: decodeId(alice.id), start: 0, blocks: [], head: null }
    t.is(await codeOf(instance.submit(nothing)), 'INSTANCE_SET_BACK', name)
    await set.host.close()
    t.is((await recover({ dir, bootstrap }))[0]?.type, 'level')
  }
  const set = await scene.start()
  t.is(await alice.call(link, 'add', ['b']), 2)
  await alice.close()
  await set.host.close()
  t.is((await scene.look(decodeId(address))).verdict, 'clean')
})

test('recover - what is much comes back in parts, and one that is interrupted between them goes on', async (t) => {
  const scene = await Scene.open(t)
  const { host } = await scene.start()
  const { address: key, request } = deployment(
    host.id,
    `exports.init = () => {}
exports.fill = async (text) => { for (const name of ['a', 'b', 'c']) await state.writeFile('/' + name, text.repeat(1e6)) }`
  )
  const { id: address } = await host.deploy(request)
  await host.close()
  await scene.keep()
  const again = await scene.start()
  const instance = await again.host.instance(key)
  const users = ['eve', 'bob'].map((name) => new BareUser(key, name))
  for (let round = 0; round < 3; round++) {
    for (const user of users) {
      await instance.submit(user.call('fill', `${round}`).log(round))
      await instance.settled(user.key, round + 1)
    }
  }
  const { length: to } = instance.head
  const mirrored = await scene.mirror([`mivm://${host.id}/${address}`])
  await mirrored.whole(address, to)
  await again.host.close()
  await scene.setBack()

  const { dir, bootstrap } = scene
  const writes = watchAtoms(t, 2)
  await t.exception(recover({ dir, bootstrap }), /interrupted/)
  const set = await scene.start()
  const nothing = { user: users[0]?.key ?? key, start: 0, blocks: [], head: null }
  t.is(await codeOf((await set.host.instance(key)).submit(nothing)), 'INSTANCE_SET_BACK')
  await set.host.close()
  const { length: from, verdict } = await scene.look(key)
  t.ok(from > 5 && from < to, `${from} of ${to} blocks`)
  t.is(verdict, 'clean', 'a part is whole as far as it goes')
  t.alike(await recover({ dir, bootstrap }), [{ type: 'recovered', address, from, to }])
  t.ok(writes.most < 9_000_000, `${writes.most} bytes at once`)
  const { host: last } = await scene.start()
  const recovered = await last.instance(key)
  for (const user of users) {
    await recovered.submit(user.call('fill', 'x').log(3))
    await recovered.settled(user.key, 4)
  }
  t.is(recovered.seq, 9)
  await last.close()
  t.is((await scene.look(key)).verdict, 'clean')
})

test('recover - a call that waits for an oracle is gone on with', async (t) => {
  const scene = await Scene.open(t)
  const { root, bootstrap } = scene
  scene.dir = path.join(root, 'one', 'host')
  const { dir } = scene
  const oracle = path.join(root, 'oracle.js')
  await writeFile(oracle, 'export const price = () => new Promise(() => {})')
  const args = ['--oracle', oracle]
  const start = () => startHost(t, path.join(root, 'one'), args, `--bootstrap=${bootstrap.join()}`)
  const before = await start()
  const alice = await scene.client('alice')
  const source = `${SOURCE}; exports.ask = async () => oracle.price()`
  const { link, address } = await alice.deploy({ host: before.id, source })
  await alice.call(link, 'add', ['a'])
  await before.stop()
  await scene.keep()
  const { length } = await scene.look(decodeId(address))
  const again = await start()
  const mirrored = await scene.mirror([link])
  const asked = alice.call(link, 'ask', [])
  await mirrored.whole(address, length + 2)
  await again.stop('SIGKILL')
  await scene.setBack()
  const to = length + 2
  t.alike(await recover({ dir, bootstrap }), [{ type: 'recovered', address, from: length, to }])
  const oracles = new Oracles({ price: () => 7 })
  const host = await Host.open({ dir, bootstrap, engines: 1, oracles })
  t.teardown(() => host.close(), { order: 5 })
  t.is(await asked, 7)
  await alice.close()
  await host.close()
  t.is((await scene.look(decodeId(address))).verdict, 'clean')
})

test('recover - a call that waited behind another one is executed, and none behind it before', async (t) => {
  const scene = await Scene.open(t)
  const { dir, bootstrap } = scene
  const start = async (price: () => unknown) => {
    const host = await Host.open({ dir, bootstrap, engines: 1, oracles: new Oracles({ price }) })
    t.teardown(() => host.close(), { order: 5 })
    return host
  }
  /** Answers once, when the host is about to close. */
  const held = () => {
    const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<number>()]
    const price = () => {
      asked.resolve()
      return answered.promise
    }
    const close = async (host: Host) => {
      const closing = host.close()
      answered.resolve(1)
      await closing
    }
    return { price, asked: asked.promise, close }
  }
  const first = held()
  const before = await start(first.price)
  const alice = await scene.client('alice')
  const source = `${SOURCE}; exports.ask = async () => {
  for (let i = 0; i < 9; i++) await oracle.price()
  return exports.count
}`
  const { link, address } = await alice.deploy({ host: before.id, source })
  const key = decodeId(address)
  const asked = alice.call(link, 'ask', [])
  await first.asked
  const bob = new BareUser(key, 'bob').call('add')
  const instance = await before.instance(key)
  t.is(await instance.submit(bob.log()), 1)
  await first.close(before)
  await scene.keep()

  const second = held()
  const again = await start(second.price)
  const mirrored = await scene.mirror([link])
  await second.asked
  const { length } = (await again.instance(key)).head
  await mirrored.whole(address, length)
  await second.close(again)
  await scene.setBack()
  const [event] = await recover({ dir, bootstrap })
  t.is(event?.type, 'recovered')

  const host = await start(() => 1)
  const recovered = await host.instance(key)
  t.is(await asked, 0)
  t.is(await recovered.submit(bob.call('add').log()), 2)
  await recovered.settled(bob.key, 2)
  t.is(await alice.call(link, 'add', []), 3)
  await alice.close()
  await host.close()
  t.is((await scene.look(key)).verdict, 'clean')
})

test('recover - an auditor who has seen all of it is enough', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t, 8_000)
  await alice.call(link, 'add', ['a'])
  const { length: from } = (await host.instance(decodeId(address))).head
  await host.close()
  await scene.keep()
  const again = await scene.start()
  await alice.call(link, 'add', ['b'])
  await alice.call(link, 'add', ['c'])
  const auditor = path.join(scene.root, 'auditor')
  const { dir, bootstrap } = scene
  for await (const _ of audit({ address: link, dir: auditor, bootstrap }));
  const { length: to } = (await again.host.instance(decodeId(address))).head
  await again.host.close()
  await scene.setBack()
  const blocks = path.join(auditor, 'audits', `${address}.shadow`, 'blobs.blocks')
  const whole = await readFile(blocks)
  await writeFile(blocks, whole.subarray(0, -1))
  const [short] = await recover({ dir, bootstrap, from: [auditor], patience: 500 })
  t.is(short?.type, 'unrecovered', 'only what was signed is taken')
  await writeFile(blocks, whole)
  const events = await recover({ dir, bootstrap, from: [auditor], patience: 2_000 })
  t.alike(events, [{ type: 'recovered', address, from, to }])
  const { host: recovered } = await scene.start()
  t.is(await alice.call(link, 'read', [3]), 'c')
  t.is(await alice.call(link, 'add', ['d']), 4)
  await alice.close()
  await recovered.close()
  t.is((await scene.look(decodeId(address))).verdict, 'clean')
})

test('recover - what nobody has stays refused, and it is said what that is', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t, 8_000)
  await alice.call(link, 'add', ['a'])
  await host.close()
  await scene.keep()
  const again = await scene.start()
  await alice.call(link, 'add', ['b'])
  // an auditor has the calls, and of the archive only what it needs
  const options = {
    address: link,
    dir: path.join(scene.root, 'auditor'),
    bootstrap: scene.bootstrap
  }
  for await (const _ of audit(options));
  const { length } = (await again.host.instance(decodeId(address))).head
  await alice.call(link, 'add', ['c'])
  await again.host.close()
  await scene.setBack()
  const set = await scene.start()
  await scene.reached(alice)
  t.is(await codeOf(alice.call(link, 'add', ['d'])), 'INSTANCE_SET_BACK')
  await set.host.close()
  const { dir, bootstrap } = scene
  const from = [path.join(scene.root, 'auditor')]
  const [event] = await recover({ dir, bootstrap, from, patience: 2_000 })
  t.is(event?.type, 'unrecovered')
  const said = event?.type === 'unrecovered' ? event.message : ''
  t.ok(said.startsWith('the call log goes on to block '), said)
  t.ok(said.includes(` has it from block ${length} on: `), 'what others have is not counted')
  // where what others show cannot be written
  const open = keep(t, Replica, 'open')
  Replica.open = async (options) => {
    const replica = await open.call(Replica, options)
    const cause = new Error('IO error: No space left on device')
    options.onStuck?.(new Error('Batch was not applied', { cause }))
    return replica
  }
  const [full] = await recover({ dir, bootstrap, from, patience: 2_000 })
  t.ok(full?.type === 'unrecovered' && /the disk is full/.test(full.message), 'and not who has it')
  Replica.open = open
  const still = await scene.start()
  await scene.reached(alice)
  t.is(await codeOf(alice.call(link, 'add', ['e'])), 'INSTANCE_SET_BACK')
  await still.host.close()
  t.is((await scene.look(decodeId(address))).verdict, 'clean', 'nothing was written')
})

test('recover - a host that has signed two histories has nothing to go on from', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t, 8_000)
  await host.close()
  await scene.keep()
  const again = await scene.start()
  const mirrored = await scene.mirror([link])
  await alice.call(link, 'add', ['a'])
  await headsUpTo(again.host, mirrored, address)
  await mirrored.mirror.close()
  await alice.close()
  await again.host.close()
  await scene.setBack()
  // nobody who has seen more is there when somebody calls
  const set = await scene.start()
  const bob = await scene.client('bob')
  t.is(await bob.call(link, 'add', ['b']), 1)
  await bob.close()
  await set.host.close()
  const mirror = await scene.mirror([link], { dir: path.join(scene.root, 'mirror') })
  const { dir, bootstrap } = scene
  await mirror.whole(address, 5)
  const [event] = await recover({ dir, bootstrap, patience: 3_000 })
  t.is(event?.type, 'unrecovered')
  if (event?.type === 'unrecovered')
    t.ok(/signed in two versions/.test(event.message), event.message)
})

test('recover - the other log of a user that has signed two is no reason to stop', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t, 8_000)
  const key = decodeId(address)
  await host.close()
  await scene.keep()
  const again = await scene.start()
  const instance = await again.host.instance(key)
  const eve = new BareUser(key, 'eve').call('add')
  await instance.submit(eve.log())
  await instance.settled(eve.key, 1)
  const mirrored = await scene.mirror([link])
  await headsUpTo(again.host, mirrored, address)
  await again.host.close()
  await scene.setBack()

  const { dir, bootstrap } = scene
  const other = new BareUser(key, 'eve').call('add', 'x').call('add', 'y')
  const liar = await showLog(t, scene, other, key)
  await liar.fill(path.join(dir, 'recovering'))
  // as where so many show it that it always comes first, or so slowly that nothing else ever does
  const during = keep(t, Progress.prototype, 'during')
  Object.assign(Progress.prototype, {
    async during(this: Progress, ...args: Parameters<typeof during>) {
      const [core] = args
      const isOfEve = core instanceof Hypercore && b4a.equals(core.key, userLogKey(eve.key, key))
      return isOfEve ? false : during.apply(this, args)
    }
  })
  const [event] = await recover({ dir, bootstrap, patience: 4_000 })
  t.is(event?.type, 'recovered', event?.type === 'unrecovered' ? event.message : '')
  const set = await scene.start()
  t.is(await alice.call(link, 'add', ['b']), 2)
  await alice.close()
  await set.host.close()
  t.is((await scene.look(key)).verdict, 'clean')
})

test('recover - what has come as ranges lies on disk, each log behind the other', async (t) => {
  const store = await openStore(await tempDir(t))
  t.teardown(() => closeStore(store))
  const logs = ['one', 'two', 'three'].map((name) => store.get({ name }))
  for (const [i, log] of logs.entries()) {
    await log.append(Array.from({ length: 20 }, (_, at) => b4a.from(`${i} ${at}`.repeat(at))))
  }
  // of the second log it ends in the middle
  const send = async (_: unknown, request: RangeRequest) => {
    const isOver = b4a.equals(request.key, logs[1]?.key ?? b4a.alloc(0)) && request.start > 9
    if (isOver) throw new MivmError('INTERNAL', 'no more')
    return readRange(store, { ...request, blocks: Math.min(5, request.blocks) })
  }
  const peer = Object.create(Rpc.prototype, { request: { value: send }, closed: { value: false } })
  const ranges = new Ranges(async () => [peer])
  const dir = await tempDir(t)
  const files = await RangedFiles.open(dir)
  const fetched: (RangedBlocks | null)[] = []
  for (const log of logs) {
    const head = headOf(log)
    const beginning = new Tree()
    for (let i = 0; i < 4; i++) beginning.append((await log.get(i)) ?? b4a.alloc(0))
    if (head !== null) {
      fetched.push(await RangedBlocks.fetch(ranges, log.key, beginning, head, files))
    }
  }
  const [first, second, third] = fetched
  t.is(second, null)
  for (const [log, blocks] of [[logs[0], first] as const, [logs[2], third] as const]) {
    const all = Array.from({ length: 21 }, (_, i) => blocks?.get(i) ?? null)
    t.alike(all.slice(0, 4), [null, null, null, null], 'what was there before')
    for (let i = 4; i < 20; i++) t.alike(all[i], await log?.get(i))
    t.is(all[20], null)
  }
  const { size } = await stat(path.join(dir, 'ranged.blocks'))
  t.ok(size > 0)
  // as one that was killed leaves them
  const again = await RangedFiles.open(dir)
  t.is((await stat(path.join(dir, 'ranged.blocks'))).size, 0, 'the next one begins anew')
  await again.close()
  t.alike(await readdir(dir), [], 'and takes no room when it is over')
  await files.close()
})

test('recover - what is done between two waits costs no patience', async (t) => {
  const progress = new Progress(50)
  await sleep(100)
  const log = new EventEmitter()
  const isLate = () => progress.during(log, async ({ signal }) => signal.aborted)
  t.absent(await isLate())
  const late = progress.during(log, async ({ signal }) => {
    if (!signal.aborted) await once(signal, 'abort')
    return true
  })
  t.ok(await late, 'nothing has come')
  t.absent(await isLate(), 'and it waits anew')
})

/** What is called there fails, until it is restored. */
function failFor(it: object, name: string): () => void {
  const before = Reflect.get(it, name)
  Reflect.set(it, name, async () => {
    throw new Error('interrupted')
  })
  return () => Reflect.set(it, name, before)
}

/** All heads that the mirror could have seen, when it has seen the newest one. */
async function headsUpTo(host: Host, { whole }: Mirrored, address: string) {
  const instance = await host.instance(decodeId(address))
  const { head } = instance
  await whole(address, head.length)
  return [head]
}

/** Notes how many bytes are written at once, and has one of these writes fail. */
function watchAtoms(t: Test, failing: number): { most: number } {
  const writes = { most: 0 }
  const createAtom = keep(t, CorestoreStorage.prototype, 'createAtom')
  let count = 0
  CorestoreStorage.prototype.createAtom = function () {
    const atom = createAtom.call(this)
    const flush = atom.flush.bind(atom)
    atom.flush = async () => {
      const sizes = atom.view.changes?.map(([, value]) => value?.byteLength ?? 0) ?? []
      const bytes = sizes.reduce((sum, size) => sum + size, 0)
      writes.most = Math.max(writes.most, bytes)
      if (bytes > 100_000 && ++count === failing) throw new Error('interrupted')
      await flush()
    }
    return atom
  }
  return writes
}
