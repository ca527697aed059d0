// Whole copies of instances, which are read when their host is away.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import test from 'brittle'
import Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import { audit } from 'mivm'
import Protomux from 'protomux'
import { ArchiveView } from '../src/cli/archive.ts'
import { Reopening } from '../src/cli/mirror.ts'
import { locate } from '../src/client/locate.ts'
import { Meeting } from '../src/client/meeting.ts'
import { askNewest } from '../src/client/newest.ts'
import { Others } from '../src/client/others.ts'
import { Ranges } from '../src/client/ranges.ts'
import { Replica } from '../src/client/replica.ts'
import { MirroredInstance } from '../src/copies/mirrored-instance.ts'
import { Progress } from '../src/copies/progress.ts'
import { UserCopies } from '../src/copies/user-copies.ts'
import { Host } from '../src/host/host.ts'
import { Network } from '../src/net/network.ts'
import { Rpc } from '../src/net/rpc.ts'
import { deferred } from '../src/protocol/deferred.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { verifyEvidence } from '../src/protocol/evidence.ts'
import { decodeId, encodeId, parseLink } from '../src/protocol/ids.ts'
import { topicOf, userLogKey } from '../src/protocol/manifest.ts'
import { INFO } from '../src/protocol/messages.ts'
import { EvidenceDir } from '../src/state/evidence-dir.ts'
import { closeStore, openStore } from '../src/state/store.ts'
import { BareUser, deployment } from './bare-user.ts'
import { Cli, CONTRACTS, startHost } from './cli.ts'
import { heldOracle } from './held-oracle.ts'
import { codeOf, keep } from './helpers.ts'
import { showLog } from './other-log.ts'
import { Scene, SOURCE, until } from './set-back-scene.ts'

const FORUM = path.join(CONTRACTS, 'forum.js')

test('mirror - an instance is audited and read through it while the host is away', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  await alice.call(link, 'add', ['before'])
  const { whole, found, events } = await scene.mirror([link])
  const bob = await scene.client('bob')
  await Promise.all(['a', 'b', 'c'].map((text) => bob.call(link, 'add', [text])))
  const { length } = (await host.instance(decodeId(address))).head
  await whole(address, length)
  t.is(events[0]?.type, 'mirrored')
  await found(address)
  await Promise.all([alice.close(), bob.close()])
  await host.close()

  const verdicts: string[] = []
  const { bootstrap, root } = scene
  for (const name of [link, address]) {
    const options = { address: name, dir: path.join(root, `auditor-${verdicts.length}`), bootstrap }
    for await (const event of audit({ ...options, patience: 3_000 })) {
      if (event.type === 'finding') t.fail(event.finding.message)
      if (event.type !== 'verdict') continue
      verdicts.push(event.verdict)
      t.alike([event.counts.calls, event.counts.users, event.missing], [5, 2, []])
    }
  }
  t.alike(verdicts, ['clean', 'clean'], 'by its link, and by its address alone')

  const replica = await Replica.open({ dir: path.join(root, 'reader'), bootstrap })
  t.teardown(() => replica.close(), { order: 1 })
  const instance = await replica.follow(link)
  const log = await instance.callLog()
  t.is(log.length, length)
  const request = { key: decodeId(address), start: 0, length, blocks: length }
  const reply = await replica.ranges(link).ask(request)
  t.is(reply?.blocks.length, length, 'as many blocks as are asked for at once')
  t.alike(reply?.blocks[1], await log.get(1))
  t.is(await replica.ranges(link).ask({ ...request, key: new Uint8Array(32) }), null)
  const view = await ArchiveView.open(instance, null, () => {})
  t.is(new TextDecoder().decode(await view.read('/texts/1')), 'before')
  t.is((await instance.userLog(decodeId(bob.id), 3)).length >= 3, true)
  await instance.close()
})

test('mirror - an instance is audited through it where its host is there, and says nothing of it', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  await alice.call(link, 'add', ['a'])
  await alice.close()
  const { whole, found } = await scene.mirror([link])
  await whole(address, (await host.instance(decodeId(address))).head.length)
  await found(address)
  const { bootstrap, root } = scene
  for (const code of ['INSTANCE_DAMAGED', 'INTERNAL', 'USAGE'] as const) {
    host.use = async () => {
      throw new MivmError(code, 'nothing of that')
    }
    const options = { address: link, dir: path.join(root, `auditor ${code}`), bootstrap }
    const said: string[] = []
    for await (const event of audit(options)) {
      if (event.type === 'verdict') said.push(event.verdict, String(event.counts.calls))
    }
    t.alike(said, ['clean', '2'], code)
  }
})

test('mirror - where there is none, whatever error the host answers with, nobody shows the instance', async (t) => {
  const { scene, host, alice, link } = await Scene.deployed(t)
  await alice.close()
  const { bootstrap, root } = scene
  for (const code of ['HEAD_CONFLICT', 'INTERNAL', 'USAGE', 'ENTRY_VERSION'] as const) {
    host.use = async () => {
      throw new MivmError(code, 'nothing of that')
    }
    const audited = audit({ address: link, dir: path.join(root, `auditor ${code}`), bootstrap })
    const error = await Array.fromAsync(audited).catch((error) => error)
    t.is(error.exitCode, 69, code)
    t.ok(error.message.includes('nothing of that'), error.message)
  }
})

test('mirror - one that has looked for an instance is still found there itself', async (t) => {
  const { scene, address } = await Scene.deployed(t)
  const topic = topicOf(decodeId(address))
  const open = () => {
    const network = new Network(crypto.keyPair(), scene.bootstrap)
    t.teardown(() => network.close(), { order: 1 })
    return network
  }
  const [network, other] = [open(), open()]
  await network.announce(topic)
  await locate(network, decodeId(address))
  await other.find(topic)
  const found = other.streams.map(({ remotePublicKey }) => encodeId(remotePublicKey))
  t.ok(found.includes(encodeId(network.publicKey)))
})

test('mirror - one that is started while the host is away shows what it has', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  await alice.call(link, 'add', ['a'])
  const { length } = (await host.instance(decodeId(address))).head
  const before = await scene.mirror([link])
  await before.whole(address, length)
  await before.mirror.close()
  await alice.close()
  await host.close()
  const { whole, found } = await scene.mirror([link])
  await whole(address, length)
  await found(address)
  const { bootstrap, root } = scene
  for (const name of [link, address]) {
    const dir = path.join(root, `auditor-${name.length}`)
    for await (const event of audit({ address: name, dir, bootstrap, patience: 3_000 })) {
      if (event.type === 'verdict') t.alike([event.verdict, event.counts.calls], ['clean', 2])
    }
  }
})

test('mirror - what it has is shown before its host is found', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  await alice.call(link, 'add', ['a'])
  const { length } = (await host.instance(decodeId(address))).head
  const before = await scene.mirror([link])
  await before.whole(address, length)
  await before.mirror.close()
  const reach = keep(t, Replica.prototype, 'reach')
  const { promise: going, resolve: go } = Promise.withResolvers<void>()
  t.teardown(go, { order: 0 })
  Replica.prototype.reach = async function (...args) {
    await going
    return reach.apply(this, args)
  }
  const { mirror, whole } = await scene.mirror([link])
  await whole(address, length)
  const reader = new Network(crypto.keyPair(), scene.bootstrap)
  t.teardown(() => reader.close(), { order: 0 })
  const stream = await reader.connect(decodeId(mirror.id))
  const info = await Rpc.of(Protomux.from(stream)).request(INFO, { address: decodeId(address) })
  t.alike([info.head.length, info.methods], [length, ['add', 'read']])
  go()
  await until(() => mirror.status()[0]?.state === 'whole')
})

for (const [what, isLog] of [
  ['a head', false],
  ['calls', true]
] as const) {
  test(`mirror - what it had whole is read where its host has gone while it took more: ${what}`, async (t) => {
    const { scene, host, alice, link, address } = await Scene.deployed(t)
    const key = decodeId(address)
    await alice.call(link, 'add', ['a'])
    const before = await scene.mirror([link])
    const { length } = (await host.instance(key)).head
    await before.whole(address, length)
    await before.mirror.close()
    const bob = await scene.client('bob')
    for (const caller of [alice, bob]) await caller.call(link, 'add', ['b'])
    const { root, bootstrap } = scene
    const dir = path.join(root, 'mirror')
    // as one that is killed leaves its copy: between the head and the blocks below it, or these and the users' logs
    const replica = await Replica.open({ dir, copies: path.join('mirror', 'store'), bootstrap })
    const log = replica.store.get({ key })
    await log.ready()
    await replica.connect(decodeId(host.id))
    while (log.length === length) await askNewest(log, 1_000)
    if (isLog) await log.download({ start: length, end: log.length }).done()
    t.is(await log.has(log.length - 1), isLog)
    await log.close()
    await replica.close()
    await bob.close()
    await alice.close()
    await host.close()
    const { whole, found } = await scene.mirror([link])
    await whole(address, length)
    await found(address)
    const reader = new Cli(path.join(root, 'reader'), bootstrap.join())
    if (!isLog) {
      const read = await reader.run(['state', 'cat', link, '/texts/1'])
      t.alike([read.status, read.stdout], [0, 'a'], read.stderr)
      t.ok(read.stderr.includes('this is what was before that'), read.stderr)
    }
    const logs = await reader.run(['log', link])
    t.is(logs.status, 0, logs.stderr)
    t.ok(logs.stdout.includes("add('a')") && logs.stderr.includes('this is what was before that'))
  })
}

test('mirror - one that takes more does not say that all is there', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  const key = decodeId(address)
  const { mirror, whole } = await scene.mirror([link])
  await whole(address, (await host.instance(key)).head.length)
  const { take } = UserCopies.prototype
  const begun = deferred<void>()
  const going = deferred<void>()
  t.teardown(() => {
    UserCopies.prototype.take = take
  })
  UserCopies.prototype.take = async function (users) {
    begun.resolve()
    await going.promise
    await take.call(this, users)
  }
  t.is(mirror.status()[0]?.state, 'whole')
  await alice.call(link, 'add', ['a'])
  await begun.promise
  t.is(mirror.status()[0]?.state, 'copying')
  going.resolve()
  await whole(address, (await host.instance(key)).head.length)
  t.is(mirror.status()[0]?.state, 'whole')
})

test('mirror - it goes on where it was, and from another mirror', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  const first = await scene.mirror([link])
  await alice.call(link, 'add', ['a'])
  const lengthOf = async () => (await host.instance(decodeId(address))).head.length
  await first.whole(address, await lengthOf())
  await first.mirror.close()
  await alice.call(link, 'add', ['b'])
  const again = await scene.mirror([link])
  await again.whole(address, await lengthOf())
  await alice.close()
  const length = await lengthOf()
  await host.close()
  const second = await scene.mirror([address], { dir: path.join(scene.root, 'second') })
  await second.whole(address, length)
  t.pass('without the host')
})

test('mirror - what fails before it is said to be open again is opened once more', async (t) => {
  let waits = 0
  let opened = 0
  const done = Promise.withResolvers<void>()
  const wait = async () => {
    waits++
  }
  const reopening = new Reopening(wait, async () => {
    opened++
    if (opened === 1) reopening.failed()
    if (opened === 3) done.resolve()
    return opened !== 2
  })
  reopening.failed()
  reopening.failed()
  await done.promise
  await new Promise(setImmediate)
  t.is(opened, 3)
  t.is(waits, 3)
  reopening.stop()
  reopening.failed()
  await new Promise(setImmediate)
  t.is(opened, 3)
})

test('mirror - one that is closed before it is open leaves nothing behind', async (t) => {
  const { scene, host, link, address } = await Scene.deployed(t)
  const { length } = (await host.instance(decodeId(address))).head
  const first = await scene.mirror([link])
  await first.whole(address, length)
  await first.mirror.close()
  const open = keep(t, Others, 'open')
  const left = new Set<Others>()
  let count = 0
  const begun = deferred<void>()
  Others.open = async (options) => {
    begun.resolve()
    const others = await open.call(Others, options)
    const close = others.close.bind(others)
    others.close = async () => {
      left.delete(others)
      await close()
    }
    left.add(others)
    count++
    return others
  }
  // there is a copy that it begins with at once
  const { mirror } = await scene.mirror([link])
  await begun.promise
  await mirror.close()
  t.is(count, 1, 'it had come that far')
  t.is(left.size, 0)
})

test('mirror - where it cannot listen its directory is free again', async (t) => {
  const { scene, host, link, address } = await Scene.deployed(t)
  const listen = keep(t, Network.prototype, 'listen')
  Network.prototype.listen = async () => {
    throw new Error('no descriptor is left')
  }
  await t.exception(scene.mirror([link]), /no descriptor/)
  Network.prototype.listen = listen
  const { whole } = await scene.mirror([link])
  await whole(address, (await host.instance(decodeId(address))).head.length)
})

test('mirror - of those who read nothing of what they ask for, the largest have to go', async (t) => {
  const scene = await Scene.open(t)
  const { mirror } = await scene.mirror([])
  const ended: number[] = []
  const reader = (mebibytes: number) => {
    const rpc: Rpc = Object.create(Rpc.prototype, {
      unread: { value: mebibytes * 1024 * 1024 },
      slow: { value: () => 0 },
      onClose: { value: () => {} },
      respond: { value: () => {} },
      cutOff: { value: () => ended.push(mebibytes) }
    })
    mirror.answer(rpc)
  }
  for (const mebibytes of [50, 90, 70, 60]) reader(mebibytes)
  const end = performance.now() + 20_000
  await until(() => ended.length > 0 || performance.now() > end)
  await mirror.close()
  t.is(Math.max(...ended), 90)
  t.absent(ended.includes(70))
})

test('mirror - nothing is taken beyond what an instance may have', async (t) => {
  const { scene, alice, link, address } = await Scene.deployed(t)
  const { mirror, whole, events } = await scene.mirror([link], { bytesMax: 20_000 })
  await whole(address, 5)
  for (let i = 0; i < 4; i++) await alice.call(link, 'add', ['x'.repeat(10_000)])
  await until(() => events.some(({ type }) => type === 'mirror-stopped'))
  const stopped = events.find((event) => event.type === 'mirror-stopped')
  t.is(stopped?.reason, 'full', stopped?.message)
  const [{ blocks = 0, bytes = 0 } = {}] = mirror.status()
  t.ok(blocks >= 5, 'what was whole is still served')
  t.comment(`${bytes} bytes in ${blocks} blocks`)
})

test('mirror - a second history is not taken, and is evidence', async (t) => {
  const scene = await Scene.open(t)
  await (await scene.start()).host.close()
  await scene.keep('empty')
  const { host } = await scene.start()
  const { request } = deployment(host.id, SOURCE)
  const { id: address } = await host.deploy(request)
  const link = `mivm://${host.id}/${address}`
  const before = await scene.mirror([link])
  await before.whole(address, 5)
  await before.mirror.close()
  await host.close()
  // the same host without its memory: what it signs now it has signed otherwise before, and nobody has told it
  await scene.setBack('empty')
  const again = await scene.start()
  t.is((await again.host.deploy(request)).id, address)
  const { events, mirror } = await scene.mirror([link])
  await until(() => events.some(({ type }) => type === 'mirror-stopped'))
  const stopped = events.find((event) => event.type === 'mirror-stopped')
  t.is(stopped?.reason, 'histories', stopped?.message)
  const file = await new EvidenceDir(path.join(scene.root, 'mirror')).find(address)
  const evidence = await verifyEvidence(await readFile(file ?? ''))
  t.alike([evidence.code, evidence.host], ['TWO_HISTORIES', host.id])
  t.alike(
    mirror.status().map(({ blocks }) => blocks),
    [5],
    'what it had it keeps'
  )
})

test('mirror - what nobody serves is not there', async (t) => {
  const { scene, host, alice, link } = await Scene.deployed(t)
  await alice.close()
  await host.close()
  const { dir, bootstrap } = scene
  const replica = await Replica.open({ dir: `${dir}-reader`, bootstrap })
  t.teardown(() => replica.close(), { order: 1 })
  t.is(await codeOf(replica.follow(link)), 'HOST_UNKNOWN')
  t.ok(parseLink(link).host)
})

test('mirror - on the command line, in processes of their own', async (t) => {
  const { root, bootstrap } = await Scene.open(t)
  const nodes = bootstrap.join(',')
  const network = `--bootstrap=${nodes}`
  const host = await startHost(t, path.join(root, 'one'), [], network)
  const alice = new Cli(path.join(root, 'alice'), nodes)
  const [{ link } = {}] = (await alice.json(['deploy', FORUM, '--host', host.id])).objects.slice(-1)
  await alice.run(['call', String(link), 'addTopic', 'text'])
  const args = ['--mirror', String(link), '--mirror-max', '1G', '--metrics', '0']
  const mirror = await startHost(t, path.join(root, 'two'), args, network)
  let lines = ''
  mirror.child.stderr?.on('data', (text: string) => {
    lines += text
  })
  await until(() => mirror.events.some(({ type }) => type === 'mirrored'))
  await until(() => lines.includes(`"event":"mirrored","address":"${String(link).slice(-52)}"`))
  const operator = new Cli(path.join(root, 'two'), nodes)
  const address = String(link).slice(-52)
  const seen = await operator.run(['status'])
  t.ok(new RegExp(`^mirrored +${address}: .*, whole$`, 'm').test(seen.stdout), seen.stdout)
  const { mirrored } = (await operator.json(['status'])).objects[0] ?? {}
  t.ok(JSON.stringify(mirrored).includes(address))
  const ready = mirror.events.find(({ type }) => type === 'ready')
  const metrics = await (await fetch(`${ready?.['metrics']}/metrics`)).text()
  t.ok(metrics.includes(`mivm_mirrored_whole{address="${address}"} 1`), metrics)
  await host.stop('SIGKILL')

  const reader = new Cli(path.join(root, 'reader'), nodes)
  const log = await reader.run(['log', String(link)])
  t.ok(log.stdout.includes("addTopic('text')"), log.stderr)
  const files = await reader.run(['state', 'ls', String(link), '--recursive'])
  t.ok(files.stdout.includes('/topics/1/'), files.stderr)
  const audited = await reader.run(['audit', String(link)])
  t.is(audited.status, 0, audited.stdout + audited.stderr)
})

test('mirror - where its database cannot be opened the host goes on, says so, and has it open when it can be', async (t) => {
  const { scene, link, address } = await Scene.deployed(t)
  const dir = path.join(scene.root, 'two')
  const db = path.join(dir, 'mirror', 'store', 'db')
  const network = `--bootstrap=${scene.bootstrap.join(',')}`
  const start = () => startHost(t, dir, ['--mirror', link], network)
  const first = await start()
  await until(() => first.events.some(({ type }) => type === 'mirrored'))
  t.is(await first.stop(), 0)
  const [manifest = ''] = (await readdir(db)).filter((name) => name.startsWith('MANIFEST'))
  const whole = await readFile(path.join(db, manifest))
  await writeFile(path.join(db, manifest), new Uint8Array(whole.length).fill(7))

  const host = await start()
  t.is(host.id, first.id, 'it takes calls')
  const [stopped] = host.events.filter(({ type }) => type === 'mirror-stopped')
  t.alike([stopped?.['address'], stopped?.['reason']], [address, 'storage'])
  const operator = new Cli(dir, scene.bootstrap.join(','))
  const { stdout } = await operator.run(['status'])
  t.ok(stdout.includes(`${address}: 0 blocks, 0 B, not open: ${dir}/mirror/store cannot`), stdout)
  await writeFile(path.join(db, manifest), whole)
  await until(() => host.events.some(({ type }) => type === 'mirrored'))
  t.is(await host.stop(), 0)
})

test('mirror - options that make no sense are one line', async (t) => {
  const { root, bootstrap } = await Scene.open(t)
  const cli = new Cli(root, bootstrap.join(','))
  for (const [args, code] of [
    [['--mirror', 'mivm://nonsense'], 64],
    [['--mirror', 'unknown-name'], 64],
    [['--mirror-max', '0'], 64],
    [['--mirror-max', '3X'], 64]
  ] as const) {
    const { status, stderr } = await cli.run(['host', '--sandbox', 'none', ...args])
    t.is(status, code, stderr.trim().split('\n').at(-1))
  }
})

test('mirror - a user that has signed two logs stops nothing', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  const instance = await host.instance(decodeId(address))
  const lengthOf = () => instance.head.length
  const call = async (user: BareUser, from = 0) => {
    await instance.submit(user.log(from))
    await instance.settled(user.key, user.blocks.length)
  }
  const eve = new BareUser(decodeId(address), 'eve').call('add')
  const other = new BareUser(decodeId(address), 'eve').call('add', 'x').call('add', 'y').call('add')
  await call(eve)
  const liar = await showLog(t, scene, other, decodeId(address))
  const { mirror, whole, events } = await scene.mirror([link])
  await liar.join(mirror.id)
  await whole(address, lengthOf())
  await call(eve.call('add', 'z'), 1)
  await alice.call(link, 'add', ['text'])
  await whole(address, lengthOf())
  t.absent(events.some(({ type }) => type === 'mirror-stopped'))
  t.comment(mirror.status()[0]?.state)
})

test('mirror - a user whose log comes as slowly as it likes holds up nothing but itself', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  const key = decodeId(address)
  const instance = await host.instance(key)
  const eve = new BareUser(key, 'eve')
  const logKey = userLogKey(eve.key, key)
  const call = async () => {
    await instance.submit(eve.call('add').log())
    await instance.settled(eve.key, eve.blocks.length)
  }
  await call()
  const { during } = Progress.prototype
  const { promise: given, resolve: giveUp } = Promise.withResolvers<void>()
  let waits = 0
  // not before it is given up, and not at once from then on
  Object.assign(Progress.prototype, {
    async during(this: Progress, ...args: Parameters<typeof during>) {
      const [core] = args
      const isOfEve = core instanceof Hypercore && b4a.equals(core.key, logKey)
      if (!isOfEve) return during.apply(this, args)
      if (++waits > 2) await given
      return false
    }
  })
  const end = () => {
    Object.assign(Progress.prototype, { during })
    giveUp()
  }
  t.teardown(end, { order: 0 })
  const { mirror, whole } = await scene.mirror([link])
  for (let i = 0; i < 3; i++) {
    await call()
    await alice.call(link, 'add', ['text'])
    await whole(address, instance.head.length)
  }
  t.is(mirror.status()[0]?.state, 'whole, but for the logs of 1 users')
  t.is(waits, 2, 'it is left for later')
})

test('mirror - a log of which nothing more comes for a while stays as it was', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  const key = decodeId(address)
  await alice.call(link, 'add', ['a'])
  const { mirror, whole } = await scene.mirror([link])
  await whole(address, (await host.instance(key)).head.length)
  const ask = keep(t, Ranges.prototype, 'ask')
  const during = keep(t, Progress.prototype, 'during')
  // as of a host that is there and says nothing
  Ranges.prototype.ask = async () => null
  Progress.prototype.during = (_, wait) => wait({ signal: AbortSignal.abort() })
  await alice.call(link, 'add', ['b'])
  await whole(address, (await host.instance(key)).head.length)
  t.is(mirror.status()[0]?.state, 'whole, but for the logs of 1 users')
  await mirror.close()
  Object.assign(Ranges.prototype, { ask })
  Object.assign(Progress.prototype, { during })
  const store = await openStore(path.join(scene.root, 'mirror', 'mirror', 'store'))
  t.teardown(() => closeStore(store))
  const copy = store.get({ key: userLogKey(decodeId(alice.id), key) })
  await copy.ready()
  t.ok(copy.length > 0 && (await copy.has(0)))
})

test('mirror - the other log of a user that came first is not kept', async (t) => {
  const { scene, host, link, address } = await Scene.deployed(t)
  const instance = await host.instance(decodeId(address))
  const eve = new BareUser(decodeId(address), 'eve').call('add')
  await instance.submit(eve.log())
  await instance.settled(eve.key, 1)
  const other = new BareUser(decodeId(address), 'eve').call('add', 'x').call('add', 'y')
  const liar = await showLog(t, scene, other, decodeId(address))
  await liar.fill(path.join(scene.root, 'mirror', 'mirror', 'store'))

  const { mirror, whole, events } = await scene.mirror([link])
  await whole(address, instance.head.length)
  await until(() => mirror.status()[0]?.state === 'whole')
  t.absent(events.some(({ type }) => type === 'mirror-stopped'))
})

test('mirror - nor is one that is shorter than what the host has', async (t) => {
  const { scene, host, link, address } = await Scene.deployed(t)
  const instance = await host.instance(decodeId(address))
  const eve = new BareUser(decodeId(address), 'eve').call('add').call('add').call('add')
  await instance.submit(eve.log())
  await instance.settled(eve.key, 3)
  const other = new BareUser(decodeId(address), 'eve').call('add').call('add', 'x')
  const liar = await showLog(t, scene, other, decodeId(address))
  await liar.fill(path.join(scene.root, 'mirror', 'mirror', 'store'))

  const during = keep(t, Progress.prototype, 'during')
  const logKey = userLogKey(eve.key, decodeId(address))
  let waits = 0
  // what is here is given up at once, what comes in its place is waited for however slow the machine is
  Progress.prototype.during = (core, wait) => {
    const isFirst = core instanceof Hypercore && b4a.equals(core.key, logKey) && waits++ === 0
    if (isFirst) return wait({ signal: AbortSignal.abort() })
    return during.call(new Progress(60_000), core, wait) as ReturnType<typeof wait>
  }
  const { mirror, whole } = await scene.mirror([link])
  await whole(address, instance.head.length)
  t.is(mirror.status()[0]?.state, 'whole')
  t.ok(waits > 0)
  await mirror.close()
  const store = await openStore(path.join(scene.root, 'mirror', 'mirror', 'store'))
  t.teardown(() => closeStore(store))
  const copy = store.get({ key: logKey })
  await copy.ready()
  t.alike([copy.length, await copy.get(1, { wait: false })], [3, eve.blocks[1]])
})

for (const isTold of [true, false]) {
  test(`mirror - many blocks come at once where they are ${isTold ? 'right' : 'not what was signed'}`, async (t) => {
    const { scene, host, alice, link, address } = await Scene.deployed(t)
    const key = decodeId(address)
    const texts = Array.from({ length: 60 }, (_, i) => `text ${i}`)
    await Promise.all(texts.map((text) => alice.call(link, 'add', [text])))
    const { head } = await host.instance(key)
    const taken = new Map<string, number>()
    const ask = keep(t, Ranges.prototype, 'ask')
    Ranges.prototype.ask = async function (request, isAccepted = () => true) {
      const reply = await ask.call(this, request, (reply) => {
        const blocks = isTold ? reply.blocks : reply.blocks.toReversed()
        return isAccepted({ ...reply, blocks })
      })
      const id = encodeId(request.key)
      taken.set(id, (taken.get(id) ?? 0) + (reply?.blocks.length ?? 0))
      return reply
    }
    const { mirror, whole } = await scene.mirror([link])
    await whole(address, head.length)
    t.is(mirror.status()[0]?.state, 'whole')
    const user = encodeId(userLogKey(decodeId(alice.id), key))
    const least = isTold ? [head.length - 1, texts.length] : [0, 0]
    const [log = 0, calls = 0] = [taken.get(address), taken.get(user)]
    t.ok(log >= (least[0] ?? 0) && calls >= (least[1] ?? 0), `${log} and ${calls} blocks`)
    if (!isTold) {
      t.alike([log, calls], [0, 0])
      return
    }
    await alice.close()
    await host.close()
    const dir = path.join(scene.root, 'auditor')
    const { bootstrap } = scene
    for await (const event of audit({ address: link, dir, bootstrap, patience: 3_000 })) {
      if (event.type !== 'verdict') continue
      t.alike([event.verdict, event.counts.calls, event.missing], ['clean', 61, []])
    }
  })
}

test('mirror - its instances share the places where they meet others, where they are many', async (t) => {
  const { scene, alice, host, link } = await Scene.deployed(t)
  const deploy = () => alice.deploy({ host: host.id, source: SOURCE })
  const others = await Promise.all(Array.from({ length: 17 }, deploy))
  // it meets others as well
  await alice.close()
  const enter = keep(t, Meeting.prototype, 'enter')
  const places = new Set<Meeting>()
  const topics = new Set<string>()
  Meeting.prototype.enter = function (exchange, key) {
    places.add(this)
    topics.add(encodeId(exchange.topic))
    return enter.call(this, exchange, key)
  }
  const { mirror, whole } = await scene.mirror([link, ...others.map((other) => other.link)])
  for (const { address } of mirror.status()) await whole(address, 5)
  await mirror.close()
  t.alike([places.size, topics.size], [16, 18])
})

test('mirror - what is named twice is copied once', async (t) => {
  const { scene, host, link, address } = await Scene.deployed(t)
  const start = keep(t, MirroredInstance.prototype, 'start')
  let started = 0
  MirroredInstance.prototype.start = function () {
    started++
    start.call(this)
  }
  const { mirror, whole } = await scene.mirror([address, link, link])
  await whole(address, (await host.instance(decodeId(address))).head.length)
  t.is(mirror.status().length, 1)
  t.is(started, 1)
})

test('mirror - a user that has rewritten its log, and asks for it, takes no copy away', async (t) => {
  const scene = await Scene.open(t)
  const address = crypto.randomBytes(32)
  const eve = new BareUser(address, 'eve').call('add').call('add')
  const liar = await showLog(t, scene, eve, address)
  const dir = path.join(scene.root, 'reader')
  await liar.fill(path.join(dir, 'cache'))
  const [kept] = eve.blocks
  await liar.core.truncate(0, 1)
  await liar.core.append(new BareUser(address, 'eve').call('add', 'x').blocks)
  const replica = await Replica.open({ dir, bootstrap: scene.bootstrap })
  t.teardown(() => replica.close(), { order: 0 })
  const { store } = replica
  // nobody has it open here
  await replica.connect(await liar.listen())
  const { discoveryKey, key } = liar.core
  await until(() => (store.cores.get(discoveryKey)?.replicator.peers.length ?? 0) > 0)
  await sleep(500)
  const copy = store.get({ key, allowFork: false })
  await copy.ready()
  t.alike([copy.fork, copy.length, await copy.get(0, { wait: false })], [0, 2, kept])
  await copy.close()
})

test('mirror - what a user shows beyond what the host has taken fills nothing', async (t) => {
  const scene = await Scene.open(t)
  const { host } = await scene.start()
  const { request } = deployment(host.id, SOURCE)
  const { id, address } = await host.deploy(request)
  const instance = await host.instance(address)
  const eve = new BareUser(address, 'eve').call('add')
  await instance.submit(eve.log())
  await instance.settled(eve.key, 1)
  for (let i = 0; i < 3; i++) eve.write(new Uint8Array(700_000))
  const shown = await showLog(t, scene, eve, address)
  await shown.fill(path.join(scene.root, 'mirror', 'mirror', 'store'))
  const options = { bytesMax: 1_000_000 }
  const { mirror, whole, events } = await scene.mirror([`mivm://${host.id}/${id}`], options)
  await whole(id, instance.head.length)
  await instance.submit(new BareUser(address, 'bob').call('add').log())
  await instance.settled(new BareUser(address, 'bob').key, 1)
  await whole(id, instance.head.length)
  t.absent(events.some(({ type }) => type === 'mirror-stopped'))
  t.ok((mirror.status()[0]?.bytes ?? 0) < 100_000)
})

test('mirror - nor does what it shows while its call is under way', async (t) => {
  const scene = await Scene.open(t)
  const { dir, bootstrap, root } = scene
  const { oracles, asked, answer } = heldOracle()
  const host = await Host.open({ dir, bootstrap, engines: 1, oracles })
  t.teardown(() => host.close(), { order: 5 })
  const { request } = deployment(
    host.id,
    'exports.init = () => {}; exports.ask = () => oracle.wait()'
  )
  const { id, address } = await host.deploy(request)
  const instance = await host.instance(address)
  const eve = new BareUser(address, 'eve').call('ask')
  await instance.submit(eve.log())
  await asked
  for (let i = 0; i < 3; i++) eve.write(new Uint8Array(700_000))
  const shown = await showLog(t, scene, eve, address)
  const copies = path.join(root, 'mirror', 'mirror', 'store')
  await shown.fill(copies, 1)
  const link = `mivm://${host.id}/${id}`
  const { mirror, whole, events } = await scene.mirror([link], { bytesMax: 1_000_000 })
  await shown.join(mirror.id)
  await whole(id, instance.head.length)
  t.absent(events.some(({ type }) => type === 'mirror-stopped'))
  await mirror.close()
  answer()
  const store = await openStore(copies)
  t.teardown(() => closeStore(store))
  const copy = store.get({ key: shown.core.key })
  await copy.ready()
  const has = await Promise.all(eve.blocks.map((_, i) => copy.has(i)))
  t.alike(has, [true, false, false, false])
})
