// Quotas and turns as users meet them: what is refused, who comes first, and that nobody is wronged by it.
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import test, { type Test } from 'brittle'
import { audit, Client, type MivmError } from 'mivm'
import { Replica } from '../src/client/replica.ts'
import { Host } from '../src/host/host.ts'
import type { Instance } from '../src/host/instance.ts'
import type { HostOptions } from '../src/host/options.ts'
import { Oracles } from '../src/host/oracles.ts'
import { decodeEntry, encodeEntry } from '../src/protocol/entries.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { addressOf } from '../src/protocol/manifest.ts'
import {
  CALL,
  DEPLOY,
  type DeployRequest,
  INFO,
  PROVE,
  RANGE,
  type UserBlocks
} from '../src/protocol/messages.ts'
import type { Proof } from '../src/protocol/proof.ts'
import { Wal } from '../src/state/wal.ts'
import { auditStore, BareUser, deployment } from './bare-user.ts'
import { heldOracle } from './held-oracle.ts'
import { codeOf, tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const SOURCE = `
exports.count = 0
exports.add = () => ++exports.count
exports.big = () => 'x'.repeat(250_000)
exports.work = (turns) => { for (let i = 0; i < turns; i++); return ++exports.count }
exports.ask = async () => { await oracle.price(); return ++exports.count }`

/** Calls that one batch takes at most. */
const BATCH = 256

test('quotas - nothing of what is refused is taken in, and the call stays valid', async (t) => {
  const quotas = { burstSeconds: 1, user: { callsPerSecond: 20 } }
  const { instance, address, finish } = await scene(t, { quotas })
  const ann = calls(new BareUser(address, 'ann'), 40)
  t.is(await instance.submit(ann.log()), 40, 'a burst')
  const more = calls(ann, 1).log(40)
  const error = await refusal(instance.submit(more))
  t.is(error.message.split(' is used up')[0], 'user.callsPerSecond of the host, 20,')
  t.is(await lengthOf(instance, more), 40, 'not taken in')
  await refusal(instance.submit(ann.log()))
  t.is(await submit(instance, more), 41, 'when it may')
  const bob = calls(new BareUser(address, 'bob'), 1)
  t.is(await instance.submit(bob.log()), 1, 'another user has a quota of its own')
  await instance.settled(ann.key, 41)
  await instance.settled(bob.key, 1)
  await finish(43)
})

test('quotas - what is in the copy of the host already is answered, over quota or not', async (t) => {
  const quotas = { burstSeconds: 1, user: { callsPerSecond: 0.01 } }
  const { instance, address, finish } = await scene(t, { quotas })
  const ann = calls(new BareUser(address, 'ann'), 3)
  t.is(await instance.submit(ann.log()), 3)
  t.is(await instance.submit(ann.log()), 3, 'sent again')
  await instance.settled(ann.key, 3)
  t.is(await instance.submit(ann.log()), 3)
  t.is(
    (await instance.proofs.prove({ user: ann.key, from: 1, to: 3 })).items.filter(isBlock).length,
    6
  )
  await refusal(instance.submit(calls(ann, 1).log(3)))
  await finish(4)
})

test('quotas - fuel is charged by what calls really cost', async (t) => {
  const quotas = { burstSeconds: 1, user: { fuelPerSecond: 50_000 } }
  const { instance, address, finish } = await scene(t, { quotas })
  const [light, heavy] = [new BareUser(address, 'light'), new BareUser(address, 'heavy')]
  heavy.call('work', 200_000)
  light.call('work', 1)
  for (const user of [light, heavy]) {
    await instance.submit(user.log())
    await instance.settled(user.key, 1)
  }
  await instance.submit(light.call('work', 1).log(1))
  const error = await refusal(instance.submit(heavy.call('work', 1).log(1)))
  t.ok(error.message.startsWith('user.fuelPerSecond '), error.message)
  await submit(instance, heavy.log(1))
  for (const user of [light, heavy]) await instance.settled(user.key, 2)
  await finish(5)
})

test('quotas - nobody uses up what another one has', async (t) => {
  const quotas = {
    burstSeconds: 1,
    user: { callsPerSecond: 0.01 },
    deployer: { deploymentsPerSecond: 0.01 }
  }
  const { host, instance, address, finish } = await scene(t, { quotas })
  const ann = calls(new BareUser(address, 'ann'), 1)
  const eve = calls(new BareUser(address, 'eve'), 1)
  for (let i = 0; i < 20; i++) {
    await t.exception(instance.submit({ ...eve.log(), user: ann.key }), /not signed by its user/)
  }
  t.is(await instance.submit(ann.log()), 1)
  await instance.settled(ann.key, 1)
  const bob = calls(new BareUser(address, 'bob'), 1)
  const { request } = saltedDeployment(host.id, 1, 'bob')
  for (let i = 0; i < 5; i++) {
    const stolen = { ...request, log: { ...request.log, user: ann.key } }
    await t.exception(host.deploy(stolen), /the deployer’s log/)
    const forged = { ...request, log: { ...request.log, head: eve.log().head } }
    await t.exception(host.deploy(forged), /not signed by its user/)
  }
  await host.deploy(request)
  t.is(host.instances.length, 2)
  t.is(
    await instance.submit(bob.log()).catch(({ code }) => code),
    'QUOTA_EXCEEDED',
    'it has called init'
  )
  await finish(2)
})

test('turns - who asks for logs that nobody has waits for no disk, and has no call wait', async (t) => {
  const { instance, address, finish } = await scene(t)
  const { sync } = Wal.prototype
  const disk = Promise.withResolvers<void>()
  Wal.prototype.sync = async function () {
    await disk.promise
    return sync.call(this)
  }
  const ann = calls(new BareUser(address, 'ann'), 1)
  await instance.submit(ann.log())
  const settled = instance.settled(ann.key, 1)
  await sleep(100)
  const nobody = { user: new BareUser(address, 'nobody').key, start: 0, blocks: [], head: null }
  t.is(await Promise.race([instance.submit(nobody), sleep(5_000)]), 0)
  Wal.prototype.sync = sync
  disk.resolve()
  await settled
  await finish(2)
})

test('turns - one call is executed before the thousands that wait of somebody else', async (t) => {
  const { instance, address, finish } = await scene(t)
  const flooder = calls(new BareUser(address, 'flooder'), 5_000)
  const other = calls(new BareUser(address, 'other'), 1)
  t.is(await instance.submit(flooder.log()), 5_000)
  t.is(await instance.submit(other.log()), 1)
  await instance.settled(other.key, 1)
  const seq = await seqOf(instance, other, 1)
  // init, the batch that is executed, the one that was made up behind it, and the one that it is in
  t.ok(seq <= 1 + 2 * BATCH + 2, `it is call ${seq} of 5002`)
  await instance.settled(flooder.key, 5_000)
  await finish(5_002)
})

test('turns - of users who all have many calls none is starved', async (t) => {
  const { instance, address, finish } = await scene(t)
  // keeps the instance at work until all are there
  await instance.submit(new BareUser(address, 'first').call('work', 2_000_000).log())
  const users = Array.from({ length: 10 }, (_, i) => calls(new BareUser(address, `user ${i}`), 200))
  await Promise.all(users.map((user) => instance.submit(user.log())))
  await Promise.all(users.map((user) => instance.settled(user.key, 200)))
  for (const user of users) {
    const seq = await seqOf(instance, user, 100)
    t.ok(Math.abs(seq - 1_000) < BATCH, `half of its calls are done at ${seq}`)
  }
  await finish(2_002)
})

test('turns - calls that ask oracles begin their batches, whoever else has calls', async (t) => {
  const oracles = new Oracles({ price: () => sleep(1, 7) })
  const { instance, address, finish } = await scene(t, { oracles })
  const users = ['ann', 'bob', 'eve'].map((name) => new BareUser(address, name))
  for (let i = 0; i < 60; i++) {
    for (const [k, user] of users.entries()) user.call((i + k) % 3 === 0 ? 'ask' : 'add')
  }
  await Promise.all(users.map((user) => instance.submit(user.log())))
  await Promise.all(users.map((user) => instance.settled(user.key, 60)))
  const attested = await finish(181)
  t.is(attested?.oracleAnswers, 60)
})

test('turns - what waits when the host is closed is executed by the next one, each call once', async (t) => {
  const quotas = { burstSeconds: 1, user: { callsPerSecond: 0.01 } }
  const { host, instance, address, reopen, finish } = await scene(t, { quotas })
  const users = ['ann', 'bob', 'eve'].map((name) => calls(new BareUser(address, name), 700))
  await Promise.all(users.map((user) => instance.submit(user.log())))
  await host.close()
  t.ok(instance.seq < 2_101, 'not all are executed')
  const again = await (await reopen()).instance(address)
  await Promise.all(users.map((user) => again.settled(user.key, 700)))
  t.is(again.seq, 2_101)
  await finish(2_101)
})

test('quotas - a thousand deployments of one key take no room', async (t) => {
  const quotas = { deployer: { instances: 3 } }
  const { host, dir, finish } = await scene(t, { quotas })
  for (let i = 1; i < 3; i++) await host.deploy(saltedDeployment(host.id, i).request)
  const before = await sizeOf(dir)
  const refused = new Map<string, number>()
  const deployments = Array.from({ length: 1_000 }, (_, i) => saltedDeployment(host.id, 10 + i))
  await Promise.all(
    deployments.map(({ request }) =>
      host.deploy(request).catch(({ code }) => refused.set(code, (refused.get(code) ?? 0) + 1))
    )
  )
  t.alike([...refused], [['QUOTA_EXCEEDED', 1_000]])
  t.is(host.instances.length, 3)
  t.is(host.status().refused['deployer.instances'], 1_000)
  t.ok((await sizeOf(dir)) - before < 64 * 1024, 'on the disk')
  await finish(1)
})

test('quotas - a deployer has so many instances, also where all of them are deployed at once', async (t) => {
  const quotas = { deployer: { instances: 4 } }
  const { host, reopen, finish } = await scene(t, { quotas })
  const failing = "exports.init = () => { throw new Error('no') }"
  for (let i = 0; i < 3; i++) {
    const { request } = deployment(host.id, `${failing} // ${i}`)
    t.is(await codeOf(host.deploy(request)), 'DEPLOY_FAILED', 'it leaves nothing that counts')
  }
  const requests = Array.from({ length: 12 }, (_, i) => saltedDeployment(host.id, i).request)
  const ended = await Promise.all(requests.map((request) => codeOf(host.deploy(request))))
  t.is(host.instances.length, 4)
  t.is(ended.filter((code) => code === 'QUOTA_EXCEEDED').length, 9)
  await host.close()
  const again = await reopen()
  const { request } = saltedDeployment(again.id, 99)
  t.is(await codeOf(again.deploy(request)), 'QUOTA_EXCEEDED', 'as soon as it is started again')
  await finish(1)
})

test('quotas - a deployment brings the call of init, and none that nobody has let in', async (t) => {
  const { host, finish } = await scene(t, { quotas: { user: { callsWaiting: 10 } } })
  const { request } = saltedDeployment(host.id, 1)
  const { log } = saltedDeployment(host.id, 1, 'deployer', 300).request
  t.is(await codeOf(host.deploy({ ...request, log })), 'REQUEST_INVALID')
  t.is(host.status().queued, 0)
  t.is(host.instances.length, 1)
  await host.deploy(request)
  await finish(1)
})

test('quotas - thousands of calls at once are too many, and those that wait count for more than their bytes', async (t) => {
  const { host, dir, bootstrap, address } = await scene(t)
  const replica = await Replica.open({ dir: path.join(dir, 'reader'), bootstrap })
  const rpc = await replica.connect(decodeId(host.id))
  const ask = { address, from: 0, to: 0, known: 0, anchored: false }
  const many = calls(new BareUser(address, 'ann'), 4_097).log()
  const tooMany = /send 4096 entries at once at most$/
  await t.exception(rpc.request(CALL, { ...ask, log: many }), tooMany)
  const { request } = saltedDeployment(host.id, 1, 'deployer', 4_096)
  await t.exception(rpc.request(DEPLOY, request), tooMany)
  t.is(host.status().queued, 0)
  const bob = new BareUser(address, 'bob')
  for (let i = 0; i < 1_000; i++) bob.call('work', 1_000_000)
  const { length } = await rpc.request(CALL, { ...ask, log: bob.log() })
  t.is(length, 1_000)
  const { queued, bytesWaiting } = host.status()
  t.ok(queued > 500 && bytesWaiting > 1_024 * queued, `${bytesWaiting} bytes of ${queued} calls`)
  await replica.close()
})

test('quotas - who deploys does not wait for all that somebody else deploys', async (t) => {
  const { host, dir, bootstrap } = await scene(t)
  const connect = async (name: string) => {
    const replica = await Replica.open({ dir: path.join(dir, name), bootstrap })
    t.teardown(() => replica.close(), { order: 0 })
    return replica.connect(decodeId(host.id))
  }
  const [eve, ann] = [await connect('eve'), await connect('ann')]
  for (let i = 1; i <= 60; i++) {
    eve.request(DEPLOY, saltedDeployment(host.id, i, `eve ${i}`).request).catch(() => {})
  }
  while (host.instances.length === 1) await sleep(10)
  await ann.request(DEPLOY, saltedDeployment(host.id, 100, 'ann').request)
  t.ok(host.instances.length < 30, `it is the ${host.instances.length}th instance`)
})

test('quotas - nothing more is deployed for who is gone than what is under way', async (t) => {
  const { host, dir, bootstrap } = await scene(t)
  const replica = await Replica.open({ dir: path.join(dir, 'eve'), bootstrap })
  const rpc = await replica.connect(decodeId(host.id))
  for (let i = 1; i <= 60; i++) {
    rpc.request(DEPLOY, saltedDeployment(host.id, i, `eve ${i}`).request).catch(() => {})
  }
  while (host.instances.length === 1) await sleep(10)
  await replica.close()
  while (host.status().peers > 0) await sleep(10)
  const { length } = host.instances
  while (host.status().bytesWaiting > 0) await sleep(10)
  const more = host.instances.length - length
  t.ok(more <= 4, `${more} more, of 60`)
})

test('quotas - the log of a user who waits counts for what it takes in memory', async (t) => {
  const held = heldOracle()
  const { host, dir, bootstrap, instance, address, finish } = await scene(t, {
    oracles: new Oracles({ price: () => held.oracles.ask('wait', '[]') }, 60_000),
    quotas: { host: { bytesWaiting: 1024 * 1024 } }
  })
  await instance.submit(new BareUser(address, 'ann').call('ask').log())
  await held.asked
  const replica = await Replica.open({ dir: path.join(dir, 'reader'), bootstrap })
  const rpc = await replica.connect(decodeId(host.id))
  const ask = { address, from: 0, to: 0, known: 0, anchored: false }
  const users = Array.from({ length: 100 }, (_, i) => calls(new BareUser(address, `user ${i}`), 1))
  const takenIn: BareUser[] = []
  for (const user of users) {
    const code = await codeOf(rpc.request(CALL, { ...ask, log: user.log() }))
    if (code === 'none') takenIn.push(user)
    else t.is(code, 'QUOTA_EXCEEDED')
  }
  t.ok(takenIn.length > 10 && takenIn.length < 40, `${takenIn.length} users`)
  await replica.close()
  while (host.status().peers > 0) await sleep(10)
  const again = await Replica.open({ dir: path.join(dir, 'again'), bootstrap })
  const other = await again.connect(decodeId(host.id))
  const log = calls(new BareUser(address, 'one more'), 1).log()
  const code = await codeOf(other.request(CALL, { ...ask, log }))
  t.is(code, 'QUOTA_EXCEEDED', 'also for who comes again over another connection')
  await again.close()
  held.answer()
  for (const user of takenIn) await instance.settled(user.key, 1)
  t.is(host.status().bytesWaiting, 0)
  await finish(2 + takenIn.length)
})

test('quotas - what is deployed over a connection counts there, whoever it is of', async (t) => {
  const quotas = { burstSeconds: 1, connection: { fuelPerSecond: 1 } }
  const { host, dir, bootstrap } = await scene(t, { quotas })
  const replica = await Replica.open({ dir: path.join(dir, 'reader'), bootstrap })
  const rpc = await replica.connect(decodeId(host.id))
  await rpc.request(DEPLOY, saltedDeployment(host.id, 1, 'ann').request)
  const other = saltedDeployment(host.id, 2, 'bob').request
  const { message } = await refusal(rpc.request(DEPLOY, other))
  t.ok(message.startsWith('connection.fuelPerSecond '), message)
  await host.deploy(other)
  await replica.close()
})

test('quotas - code that is compiled counts on its connection, whatever comes of it', async (t) => {
  const quotas = { burstSeconds: 1, connection: { fuelPerSecond: 1000 } }
  const { host, dir, bootstrap } = await scene(t, { quotas })
  const replica = await Replica.open({ dir: path.join(dir, 'reader'), bootstrap })
  const rpc = await replica.connect(decodeId(host.id))
  const code = await codeOf(rpc.request(DEPLOY, deployment(host.id, '(((').request))
  t.is(code, 'CODE_SYNTAX')
  const { message } = await refusal(rpc.request(DEPLOY, deployment(host.id, '((((').request))
  t.ok(message.startsWith('connection.fuelPerSecond '), message)
  await replica.close()
})

test('quotas - a client goes on by itself', async (t) => {
  const quotas = { burstSeconds: 1, user: { callsPerSecond: 20 } }
  const { host, link, client } = await clientScene(t, quotas)
  const first = await Promise.all(Array.from({ length: 30 }, () => client.call(link, 'add', [])))
  const then = await Promise.all(Array.from({ length: 30 }, () => client.call(link, 'add', [])))
  t.alike(
    [...first, ...then].map(Number),
    Array.from({ length: 60 }, (_, i) => i + 1)
  )
  t.ok((host.status().refused['user.callsPerSecond'] ?? 0) > 0)
  const { fuel } = host.status().users.find(({ id }) => id === client.id) ?? {}
  t.ok(Number(fuel) > 0)
})

test('quotas - who does not wait is told why, and the call is delivered all the same', async (t) => {
  const quotas = { burstSeconds: 1, user: { callsPerSecond: 0.01 } }
  const { host, reopen, link, address, client, open } = await clientScene(t, quotas)
  // the next one may come after a hundred seconds, for which nobody here waits
  const calls = Array.from({ length: 8 }, () => client.call(link, 'add', []))
  for (const result of await Promise.allSettled(calls)) {
    t.is(result.status, 'rejected')
    const { code, message } = result.status === 'rejected' ? result.reason : {}
    t.is(code, 'QUOTA_EXCEEDED')
    const why = /^user.callsPerSecond of the host, 0.01, .*in your log and is delivered/
    t.ok(why.test(message), message)
  }
  await client.close()
  await host.close()
  const instance = await (await reopen({ quotas: {} })).instance(address)
  await (await open()).deliver(link)
  while (instance.seq < 9) await sleep(20)
  t.is(instance.seq, 9, 'init, and all of the eight')
})

test('quotas - a deployment that is over quota is made when it may be', async (t) => {
  const quotas = { burstSeconds: 1, deployer: { deploymentsPerSecond: 0.5 } }
  const { host, client } = await clientScene(t, quotas)
  await client.deploy({ host: host.id, source: SOURCE })
  t.is(host.instances.length, 3)
  t.ok((host.status().refused['deployer.deploymentsPerSecond'] ?? 0) > 0)
})

test('quotas - what an auditor is sent of logs counts, and its audit goes on all the same', async (t) => {
  const quotas = { burstSeconds: 1, connection: { bytesPerSecond: 30_000 } }
  const { host, link, address, client, bootstrap } = await clientScene(t, quotas)
  const dir = await tempDir(t)
  for (let i = 0; i < 20; i++) await client.call(link, 'add', [])
  const replica = await Replica.open({ dir: path.join(dir, 'reader'), bootstrap })
  const rpc = await replica.connect(decodeId(host.id))
  const { head } = await rpc.request(INFO, { address })
  const all = { key: address, start: 0, length: head.length, blocks: head.length }
  const reads = async () => {
    for (;;) await rpc.request(RANGE, all)
  }
  const atOnce = Array.from({ length: 20 }, () => codeOf(rpc.request(RANGE, all)))
  t.ok((await Promise.all(atOnce)).includes('QUOTA_EXCEEDED'), 'also of what was asked for before')
  const error = await refusal(reads())
  t.ok(error.message.startsWith('connection.bytesPerSecond '), error.message)
  t.ok(Number(error.retryAfter) > 0)
  await replica.close()
  for await (const event of audit({ address: link, dir: path.join(dir, 'auditor'), bootstrap })) {
    if (event.type === 'verdict') t.alike([event.verdict, event.missing], ['clean', []])
  }
})

test('quotas - what small requests draw counts: what was let in comes later, and then nothing is', async (t) => {
  const quotas = { burstSeconds: 1, connection: { bytesPerSecond: 400_000 } }
  const { host, link, address, client, bootstrap } = await clientScene(t, quotas)
  await client.call(link, 'big', [])
  const replica = await Replica.open({ dir: await tempDir(t), bootstrap })
  const rpc = await replica.connect(decodeId(host.id))
  const user = decodeId(client.id)
  const log = { user, start: 0, blocks: [], head: null }
  // behind init, and the ack of that
  const [entry, known] = [3, 0]
  const ask = { address, log, from: entry, to: entry, known, anchored: false }
  const delayed = () => host.status().refused['connection.bytesPerSecond'] ?? 0
  const draws: [name: string, () => Promise<{ proof: Proof | null }>][] = [
    ['CALL', () => rpc.request(CALL, ask)],
    ['PROVE', () => rpc.request(PROVE, { address, user, entry })]
  ]
  for (const [name, draw] of draws) {
    // whether all come before the first is answered, and the next before that is made good, depends on the machine
    for (let isWhole = false; !isWhole; ) {
      const before = delayed()
      const replies = await Promise.allSettled(Array.from({ length: 5 }, draw))
      const next = await codeOf(rpc.request(INFO, { address }))
      const codes = replies.map((reply) => (reply.status === 'rejected' ? reply.reason.code : null))
      const refused = codes.filter((code) => code !== null)
      t.ok(
        refused.every((code) => code === 'QUOTA_EXCEEDED'),
        `${name}: nothing else is refused`
      )
      t.ok(
        replies.every((reply) => reply.status === 'rejected' || isLarge(reply.value)),
        `${name}: what was let in is answered`
      )
      t.ok(delayed() > before, `${name}: one after the other`)
      isWhole = refused.length === 0 && next === 'QUOTA_EXCEEDED'
      while ((await codeOf(rpc.request(INFO, { address }))) !== 'none') await sleep(100)
    }
  }
  t.is(await client.call(link, 'add', []), 1, 'somebody else has a rate of its own')
  await replica.close()
})

function isLarge({ proof }: { readonly proof: Proof | null }): boolean {
  return proof?.items.some(({ block }) => Number(block?.length) > 200_000) === true
}

/** A host in this process with one instance, and what an auditor says of it in the end. */
async function scene(t: Test, options: Partial<HostOptions> = {}) {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  shareVm(t)
  let host: Host
  const reopen = async (others: Partial<HostOptions> = {}) => {
    host = await Host.open({ dir, bootstrap, engines: 1, ...options, ...others })
    const opened = host
    t.teardown(() => opened.close(), { order: 1 })
    return host
  }
  const first = await reopen()
  const { request, address } = deployment(first.id, SOURCE)
  const instance = await first.deploy(request)
  const finish = async (count: number) => {
    await host.close()
    const { findings, verdict } = await auditStore(t, path.join(dir, 'store'), address)
    t.alike(findings, [])
    t.is(verdict?.verdict, 'clean')
    t.is(verdict?.counts.calls, count)
    return verdict?.attested
  }
  return { host: first, dir, bootstrap, instance, address, reopen, finish }
}

/** The same with a client of its own deployment. */
async function clientScene(t: Test, quotas: NonNullable<HostOptions['quotas']>) {
  const { host, bootstrap, reopen } = await scene(t, { quotas })
  const dir = await tempDir(t)
  const open = async () => {
    const client = await Client.open({ dir, bootstrap, timeout: 30_000 })
    t.teardown(() => client.close(), { order: 0 })
    return client
  }
  const client = await open()
  const { link, address } = await client.deploy({ host: host.id, source: SOURCE })
  return { host, reopen, bootstrap, client, open, link, address: decodeId(address) }
}

function calls(user: BareUser, count: number): BareUser {
  for (let i = 0; i < count; i++) user.call('add')
  return user
}

async function submit(instance: Instance, log: UserBlocks): Promise<number> {
  for (;;) {
    const length = await instance.submit(log).catch((error) => {
      if (error.code !== 'QUOTA_EXCEEDED') throw error
      return sleep(error.retryAfter, null)
    })
    if (length !== null) return length
  }
}

function lengthOf(instance: Instance, log: UserBlocks): Promise<number> {
  return instance.submit({ ...log, blocks: [], head: null })
}

async function refusal(asked: Promise<unknown>): Promise<MivmError> {
  const error = await asked.then(
    () => new Error('it was let in'),
    (error) => error
  )
  if (error.code === 'QUOTA_EXCEEDED') return error
  throw error
}

/** Which call of the instance an entry of a user's log is. */
async function seqOf(instance: Instance, user: BareUser, entry: number): Promise<number> {
  const { items } = await instance.proofs.prove({ user: user.key, from: entry, to: entry })
  for (const { block } of items) {
    const found = block === null ? null : decodeEntry(block)
    if (found?.type === 'ack') return found.seq
  }
  throw new Error(`entry ${entry} has no ack`)
}

function isBlock({ block }: { readonly block: Uint8Array | null }): boolean {
  return block !== null
}

/** The deployment of another instance of the same code. */
function saltedDeployment(
  host: string,
  salt: number,
  name = 'deployer',
  more = 0
): { request: DeployRequest } {
  const { request } = deployment(host, SOURCE)
  const genesis = decodeEntry(request.genesis)
  if (genesis.type !== 'genesis') throw new Error('no genesis')
  const { key } = new BareUser(b4a.alloc(32), name)
  const salted = { ...genesis, deployer: key, salt: b4a.from(String(salt).padStart(32)) }
  const block = encodeEntry(salted)
  const log = calls(new BareUser(addressOf(genesis.host, block), name).call('init'), more).log()
  return { request: { ...request, genesis: block, log } }
}

async function sizeOf(dir: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(dir, { recursive: true })) {
    const file = await stat(path.join(dir, name)).catch(() => null)
    if (file?.isFile()) bytes += file.size
  }
  return bytes
}
