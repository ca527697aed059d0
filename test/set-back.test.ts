// Hosts whose directories were set back, and who tells them.
import { getEventListeners } from 'node:events'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { type AuditEvent, audit } from 'mivm'
import Protomux from 'protomux'
import { askOthers, isAnybody } from '../src/host/asking.ts'
import { SetBacks } from '../src/host/set-back.ts'
import { Network } from '../src/net/network.ts'
import { Rpc } from '../src/net/rpc.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { type Head, signHead } from '../src/protocol/head.ts'
import { decodeId, encodeId } from '../src/protocol/ids.ts'
import { blobsManifest, manifestKey, stateManifest, topicOf } from '../src/protocol/manifest.ts'
import { INFO, KNOWN } from '../src/protocol/messages.ts'
import { Archive } from '../src/state/archive.ts'
import { headOf } from '../src/state/head.ts'
import { readIdentity } from '../src/state/identity.ts'
import { closeStore, openStore } from '../src/state/store.ts'
import { codeOf, keep, tempDir } from './helpers.ts'
import { localNetwork } from './local-network.ts'
import { Scene, SOURCE, someoneKnows, until } from './set-back-scene.ts'

test('set back - a host is told by who has called it, says so, and signs nothing more', async (t) => {
  const scene = await Scene.open(t)
  const before = await scene.start()
  const alice = await scene.client('alice', 8_000)
  const { host } = before
  const { link, address } = await alice.deploy({ host: host.id, source: SOURCE })
  const carol = await scene.client('carol')
  const other = await carol.deploy({ host: host.id, source: SOURCE })
  t.is(await alice.call(link, 'add', []), 1)
  await host.close()
  await scene.keep()
  const again = await scene.start()
  t.is(await alice.call(link, 'add', []), 2)
  t.is(await carol.call(other.link, 'add', []), 1)
  await carol.close()
  await again.host.close()
  await scene.setBack()
  const key = decodeId(address)
  const { length } = await scene.look(key)

  const set = await scene.start()
  await scene.reached(alice)
  t.is(await codeOf(alice.call(link, 'add', [])), 'INSTANCE_SET_BACK')
  const told = set.events.filter(({ type }) => type === 'set-back')
  t.is(told.length, 1, 'the operator is told once')
  t.alike(
    told.map((event) => 'address' in event && event.address),
    [address]
  )
  const bob = await scene.client('bob', 8_000)
  await scene.reached(bob)
  t.is(await codeOf(bob.call(link, 'add', [])), 'INSTANCE_SET_BACK', 'nobody else may call either')
  t.is(await bob.state(link).exists('/texts/1'), false, 'it is there to be read')
  t.is(await codeOf(bob.call(other.link, 'add', [])), 'none', 'nobody has told of the other one')
  await set.host.close()

  const restarted = await scene.start()
  t.is(restarted.events.filter(({ type }) => type === 'set-back').length, 1, 'it is still known')
  await scene.reached(bob)
  t.is(await codeOf(bob.call(link, 'add', [])), 'INSTANCE_SET_BACK')
  await restarted.host.close()
  t.alike(await scene.look(key), { length, verdict: 'clean' }, 'nothing was signed')
})

test('set back - calls that were in flight are not continued before somebody could tell', async (t) => {
  const { scene, host, alice } = await Scene.deployed(t)
  const source = `${SOURCE}exports.work = () => { for (let i = 0; i < 20_000; i++); }`
  const { link, address } = await alice.deploy({ host: host.id, source })
  // more than go into the batches that it still commits
  const calls = Array.from({ length: 400 }, () => alice.call(link, 'work', []))
  await until(() => host.status().queued > 100)
  await host.close()
  t.ok((await alice.pendingCalls()) > 0)
  await scene.keep()
  const again = await scene.start()
  await Promise.all(calls)
  // however few were left
  await alice.call(link, 'add', [])
  await again.host.close()
  await scene.setBack()
  await someoneKnows(scene, decodeId(address))
  const { length } = await scene.look(decodeId(address))
  const stopped = await scene.start()
  await until(() => stopped.host.status().queued > 0)
  await stopped.host.close()
  t.is((await scene.look(decodeId(address))).length, length, 'nor when it is told to stop')
  const set = await scene.start()
  await until(() => set.events.some(({ type }) => type === 'set-back'))
  await set.host.close()
  t.is((await scene.look(decodeId(address))).length, length, 'nothing was signed')
})

test('set back - what a caller has seen is in its log, whatever else it says', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t, 8_000)
  await host.close()
  await scene.keep()
  const again = await scene.start()
  for (let i = 0; i < 2; i++) await alice.call(link, 'add', [])
  await again.host.close()
  await scene.setBack()
  const { length } = await scene.look(decodeId(address))
  const set = await scene.start()
  const request = keep(t, Rpc.prototype, 'request')
  // a client of another make, which says nothing of what it knows
  Object.assign(Rpc.prototype, {
    request(this: Rpc, method: object, what: object, ...rest: unknown[]) {
      if (method === KNOWN) return Promise.resolve({ signed: null })
      const said = 'known' in what ? { ...what, known: 0, anchored: false } : what
      return Reflect.apply(request, this, [method, said, ...rest])
    }
  })
  await scene.reached(alice)
  t.is(await codeOf(alice.call(link, 'add', [])), 'INSTANCE_SET_BACK')
  t.is(set.events.filter(({ type }) => type === 'set-back').length, 1)
  await set.host.close()
  t.alike(await scene.look(decodeId(address)), { length, verdict: 'clean' }, 'nothing was signed')
})

test('set back - an auditor tells, and accuses nobody', async (t) => {
  const { scene, host, alice, link } = await Scene.deployed(t, 8_000)
  await alice.call(link, 'add', [])
  await host.close()
  await scene.keep()
  const again = await scene.start()
  t.is(await alice.call(link, 'add', []), 2)
  const run = async (name = 'auditor') => {
    const said: string[] = []
    const { bootstrap } = scene
    const options = { address: link, dir: path.join(scene.root, name), bootstrap, patience: 1_000 }
    for await (const event of audit(options)) {
      if (event.type === 'finding') said.push(event.finding.code)
      if (event.type !== 'verdict') continue
      said.push(event.verdict, ...event.suspicions.map(({ code }) => code))
    }
    return said
  }
  await alice.close()
  t.alike(await run(), ['clean'])
  await again.host.close()
  await scene.setBack()
  const set = await scene.start()
  t.alike(await run(), ['clean', 'SET_BACK'], 'what it has a copy of is whole')
  t.is(set.events.filter(({ type }) => type === 'set-back').length, 1)
  t.alike(await run('stranger'), ['clean', 'SET_BACK'], 'who has seen nothing of it hears of it')
  const bob = await scene.client('bob', 8_000)
  await scene.reached(bob)
  t.is(await codeOf(bob.call(link, 'add', [])), 'INSTANCE_SET_BACK')
})

test('set back - an auditor without a copy tells of its receipts, and of what it remembers', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t, 8_000)
  await alice.call(link, 'add', [])
  await host.close()
  await scene.keep()
  const again = await scene.start()
  const call = alice.call(link, 'add', [])
  t.is(await call, 2)
  const { bytes } = await call.receipt
  await alice.close()
  const { bootstrap, root } = scene
  const run = async (name: string, receipts: Uint8Array[] = []) => {
    const findings: string[] = []
    let verdict = ''
    const options = { address: link, dir: path.join(root, name), bootstrap, patience: 1_000 }
    for await (const event of audit({ ...options, receipts })) {
      if (event.type === 'finding') findings.push(event.finding.code)
      if (event.type === 'verdict') verdict = event.verdict
    }
    return [verdict, ...findings]
  }
  t.alike(await run('remembers'), ['clean'])
  await rm(path.join(root, 'remembers', 'cache'), { recursive: true })
  // as one leaves it that is killed, and was somewhere in the middle
  await cp(path.join(root, 'remembers'), path.join(root, 'was killed'), { recursive: true })
  await rm(path.join(root, 'was killed', 'audits', `${address}.head`))
  t.alike(await run('is damaged'), ['clean'])
  const memory = path.join(root, 'is damaged', 'audits', `${address}.head`)
  const head = JSON.parse(await readFile(memory, 'utf8'))
  await writeFile(memory, JSON.stringify({ ...head, length: head.length + 10 }))
  await again.host.close()
  for (const [name, receipts, verdict] of [
    ['is damaged', [], 'clean'],
    ['remembers', [], 'inconclusive'],
    ['was killed', [], 'inconclusive'],
    ['has a receipt', [bytes], 'inconclusive']
  ] as const) {
    await scene.setBack()
    const set = await scene.start()
    t.alike(await run(name, [...receipts]), [verdict], `${name}: it accuses nobody`)
    t.is(set.events.filter(({ type }) => type === 'set-back').length, 1, 'and the host knows')
    await set.host.close()
  }
})

test('set back - an auditor that follows tells as soon as the host is back', async (t) => {
  const { scene, host, alice, link } = await Scene.deployed(t)
  await host.close()
  await scene.keep()
  const again = await scene.start()
  const stop = new AbortController()
  const { bootstrap, root } = scene
  const options = { address: link, dir: `${root}/auditor`, bootstrap, patience: 1_500 }
  const events: AuditEvent[] = []
  const auditing = (async () => {
    for await (const event of audit({ ...options, follow: stop.signal })) events.push(event)
  })()
  await until(() => events.some(({ type }) => type === 'following'))
  t.is(await alice.call(link, 'add', []), 1)
  await until(() => events.some((event) => event.type === 'progress' && event.calls === 2))
  await alice.close()
  await again.host.close()
  await scene.setBack()
  const set = await scene.start()
  await until(() => set.events.some(({ type }) => type === 'set-back'))
  const isBack = () => events.some((event) => event.type === 'host' && event.online)
  await until(isBack)
  stop.abort()
  await auditing
  const findings = events.flatMap((event) => (event.type === 'finding' ? [event.finding.code] : []))
  t.alike(findings, [], 'and accuses nobody')
})

test('set back - an instance that is not there any more is not deployed a second time', async (t) => {
  const scene = await Scene.open(t)
  await (await scene.start()).host.close()
  await scene.keep()
  const again = await scene.start()
  const alice = await scene.client('alice', 8_000)
  const deployment = { host: again.host.id, source: SOURCE, salt: new Uint8Array(32) }
  const { address } = await alice.deploy(deployment)
  await again.host.close()
  await scene.setBack()
  const set = await scene.start()
  t.is(await codeOf(alice.deploy(deployment)), 'INSTANCE_SET_BACK')
  t.alike(set.host.instances, [])
  t.alike(
    set.events.flatMap((event) => (event.type === 'set-back' ? [event.address] : [])),
    [address]
  )
})

test('set back - who was told that there is no such instance goes on when it is back', async (t) => {
  const { scene, host, alice, link } = await Scene.deployed(t)
  const bob = await scene.client('bob')
  t.is(await bob.call(link, 'add', []), 1)
  // as by a host that was set back to before the deployment, and nobody has told so
  const instance = host.instance
  host.instance = async () => {
    throw new MivmError('INSTANCE_UNKNOWN', 'this host has no such instance')
  }
  t.is(await codeOf(bob.call(link, 'add', [])), 'INSTANCE_UNKNOWN')
  host.instance = instance
  t.is(await bob.call(link, 'add', []), 3, 'and what waited was executed')
  await Promise.all([alice.close(), bob.close()])
})

test('set back - an instance that a crash has left out of the index is compared like any other', async (t) => {
  const scene = await Scene.open(t)
  const { host } = await scene.start()
  const alice = await scene.client('alice', 8_000)
  const deployment = { host: host.id, source: SOURCE, salt: new Uint8Array(32) }
  const { link, address } = await alice.deploy(deployment)
  await host.close()
  // as a crash leaves it that comes between its first commit and its place in the index
  const store = await openStore(path.join(scene.dir, 'store'))
  const index = store.get({ name: 'instances' })
  await index.ready()
  await index.truncate(0)
  await closeStore(store)
  await scene.keep()
  const again = await scene.start()
  t.is((await alice.deploy(deployment)).address, address)
  t.absent(
    again.events.some(({ type }) => type === 'set-back'),
    'of what it has it was told'
  )
  t.is(await alice.call(link, 'add', []), 1)
  await again.host.close()

  await scene.setBack()
  const set = await scene.start()
  await writeFile(path.join(scene.dir, 'set-back'), 'in the way')
  t.is(await codeOf(alice.deploy(deployment)), 'INSTANCE_SET_BACK')
  t.alike(set.host.instances, [])
  const isTold = set.events.some(({ type }) => type === 'set-back')
  t.ok(isTold, 'the operator is told, also of what cannot be written down')
  await alice.close()
})

test('set back - a head that the host has not signed, or has, is no reason to stop', async (t) => {
  const { scene, host, events, alice, link, address } = await Scene.deployed(t)
  await alice.call(link, 'add', [])
  const { head } = await host.instance(decodeId(address))
  const network = new Network(crypto.keyPair(), scene.bootstrap)
  t.teardown(() => network.close(), { order: 1 })
  const rpc = new Rpc(Protomux.from(await network.connect(decodeId(host.id))))
  const tell = (change: Partial<typeof head>) =>
    rpc.request(KNOWN, { address: decodeId(address), head: { ...head, ...change } }, 5_000)
  for (const change of [
    {},
    { length: head.length + 1 },
    { length: head.length - 1 },
    { fork: 1 },
    { treeHash: new Uint8Array(32) },
    { signature: new Uint8Array(68) }
  ]) {
    t.alike(await tell(change), { signed: null })
  }
  t.is(await alice.call(link, 'add', []), 2)
  t.absent(events.some(({ type }) => type === 'set-back'))
})

test('set back - what is being committed when it is told is signed nowhere', async (t) => {
  const { scene, host, events, alice, link, address } = await Scene.deployed(t, 8_000)
  t.is(await alice.call(link, 'add', ['a']), 1)
  const key = decodeId(address)
  const { length } = (await host.instance(key)).head
  const { keyPair } = await readIdentity(scene.dir, 'host')
  const newer = { length: length + 9, fork: 0, treeHash: Buffer.alloc(32, 1) }
  const head = signHead(newer, key, (message) => crypto.sign(message, keyPair.secretKey))
  const network = new Network(crypto.keyPair(), scene.bootstrap)
  t.teardown(() => network.close(), { order: 1 })
  const rpc = new Rpc(Protomux.from(await network.connect(decodeId(host.id))))
  const write = keep(t, Archive.prototype, 'write')
  Archive.prototype.write = async function (writes) {
    await write.call(this, writes)
    // nothing leaves meanwhile, the answer to this neither
    rpc.request(KNOWN, { address: key, head }).catch(() => {})
    await until(() => events.some(({ type }) => type === 'set-back'))
  }
  await scene.reached(alice)
  t.is(await codeOf(alice.call(link, 'add', ['b'])), 'INSTANCE_SET_BACK')
  t.is((await host.instance(key)).head.length, length)
  await alice.close()
  await host.close()
  t.is((await scene.look(key)).length, length)
})

test('set back - heads of an archive, which the host signs as well, are of no instance', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  await alice.call(link, 'add', ['text'])
  await host.close()
  const publicKey = await scene.hostKey()
  const store = await openStore(path.join(scene.dir, 'store'))
  const heads: { address: Uint8Array; head: Head }[] = []
  for (const manifest of [stateManifest, blobsManifest]) {
    const key = manifestKey(manifest(publicKey, decodeId(address)))
    const core = store.get({ key })
    await core.ready()
    const head = headOf(core)
    if (head !== null) heads.push({ address: key, head })
  }
  await closeStore(store)
  t.is(heads.length, 2)

  const again = await scene.start()
  const network = new Network(crypto.keyPair(), scene.bootstrap)
  t.teardown(() => network.close(), { order: 1 })
  const rpc = new Rpc(Protomux.from(await network.connect(decodeId(host.id))))
  for (const head of heads) t.alike(await rpc.request(KNOWN, head, 5_000), { signed: null })
  t.absent(again.events.some(({ type }) => type === 'set-back'))
  t.is(await alice.call(link, 'add', ['text']), 2)
})

test('set back - it is known whether there was a network to ask in', async (t) => {
  const scene = await Scene.open(t)
  const { signal } = new AbortController()
  const ask = (bootstrap: readonly string[]) =>
    askOthers([crypto.randomBytes(32)], bootstrap, signal, async () => {})
  const nowhere = ['127.0.0.1:9']
  const { publicKey } = crypto.keyPair()
  const all = [ask(scene.bootstrap), ask(nowhere)]
  const alone = [isAnybody(publicKey, scene.bootstrap), isAnybody(publicKey, nowhere)]
  t.alike(await Promise.all(all), [true, false])
  t.alike(await Promise.all(alone), [false, null])
  t.is(getEventListeners(signal, 'abort').length, 0, 'nothing of it stays behind')
})

test('set back - who is asked about more than at once is heard to the end', async (t) => {
  const bootstrap = await localNetwork(t)
  const addresses = Array.from({ length: 1_000 }, () => crypto.randomBytes(32))
  const last = addresses.at(-1) ?? crypto.randomBytes(32)
  const head = { length: 7, fork: 0, treeHash: Buffer.alloc(32), signature: Buffer.alloc(68) }
  const peer = new Network(crypto.keyPair(), bootstrap)
  t.teardown(() => peer.close(), { order: 1 })
  peer.onConnection((stream) => {
    new Rpc(Protomux.from(stream)).respond(INFO, async ({ address }) => {
      // far away
      await sleep(700)
      if (!b4a.equals(address, last)) throw new MivmError('INSTANCE_UNKNOWN', 'not here')
      return { genesis: new Uint8Array(), methods: [], head }
    })
  })
  await peer.announce(topicOf(last))
  const heard: number[] = []
  const { signal } = new AbortController()
  // on a machine that has much else to do somebody is silent who is not
  for (let tries = 3; tries > 0 && heard.length === 0; tries--) {
    await askOthers(addresses, bootstrap, signal, async (_, { length }) => {
      heard.push(length)
    })
  }
  t.alike(heard, [7])
})

test('set back - of heads that come at once the longest is kept', async (t) => {
  const dir = await tempDir(t)
  const { publicKey, secretKey } = crypto.keyPair()
  const key = new Uint8Array(32).fill(7)
  const address = encodeId(key)
  const headAt = (length: number) => {
    const head = { length, fork: 0, treeHash: new Uint8Array(32).fill(length) }
    return signHead(head, key, (message) => crypto.sign(message, secretKey))
  }
  const setBacks = await SetBacks.open(dir, publicKey)
  await Promise.all([12, 10, 11].map((length) => setBacks.keep(address, headAt(length))))
  t.is(setBacks.get(address)?.length, 12)
  t.is((await SetBacks.open(dir, publicKey)).get(address)?.length, 12, 'on disk')
})

test('set back - what could not be written down holds all the same, and is tried again', async (t) => {
  const dir = await tempDir(t)
  const { publicKey, secretKey } = crypto.keyPair()
  const key = new Uint8Array(32).fill(7)
  const address = encodeId(key)
  const unsigned = { length: 5, fork: 0, treeHash: new Uint8Array(32) }
  const head = signHead(unsigned, key, (message) => crypto.sign(message, secretKey))
  const setBacks = await SetBacks.open(dir, publicKey)
  await writeFile(path.join(dir, 'set-back'), 'in the way')
  await t.exception(setBacks.keep(address, head))
  t.is(setBacks.refusal(address)?.code, 'INSTANCE_SET_BACK')
  await rm(path.join(dir, 'set-back'))
  await setBacks.keep(address, head)
  t.is((await SetBacks.open(dir, publicKey)).get(address)?.length, 5)
})

test('set back - a head of which a disk has flipped a bit is known still', async (t) => {
  const dir = await tempDir(t)
  const { publicKey, secretKey } = crypto.keyPair()
  const address = crypto.randomBytes(32)
  const id = encodeId(address)
  const head = signHead({ length: 7, fork: 0, treeHash: crypto.randomBytes(32) }, address, (it) =>
    crypto.sign(it, secretKey)
  )
  await (await SetBacks.open(dir, publicKey)).keep(id, head)
  const file = path.join(dir, 'set-back', `${id}.head`)
  const bytes = await readFile(file)
  for (const at of [0, 1, 20, 40, bytes.length - 1]) {
    const flipped = Uint8Array.from(bytes)
    flipped[at] = (flipped[at] ?? 0) ^ 16
    await writeFile(file, flipped)
    const known = (await SetBacks.open(dir, publicKey)).get(id)
    t.ok(known?.length === 7 && b4a.equals(known.signature, head.signature), `byte ${at}`)
  }
  await writeFile(file, bytes.fill(0, 30, 40))
  t.is(await codeOf(SetBacks.open(dir, publicKey)), 'DIRECTORY_DAMAGED', 'no more is guessed')
})
