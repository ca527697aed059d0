import path from 'node:path'
import b4a from 'b4a'
import test, { type Test } from 'brittle'
import crypto from 'hypercore-crypto'
import type { HostEvent } from '../src/host/events.ts'
import { Host } from '../src/host/host.ts'
import type { HostOptions } from '../src/host/options.ts'
import { Oracles } from '../src/host/oracles.ts'
import { UserLog } from '../src/host/user-log.ts'
import type { Head } from '../src/protocol/head.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { openStore } from '../src/state/store.ts'
import { openVm } from '../src/vm/registry.ts'
import { Supervisor } from '../src/vm/supervisor.ts'
import { auditStore, BareUser, deployment, runToItsDeath } from './bare-user.ts'
import { keep, tempDir } from './helpers.ts'
import { SOURCE } from './killed-host.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const OTHER_VM = 'js-1@0000000000000000'
const KILLED_HOST = new URL('./killed-host.ts', import.meta.url)

test('host - one deployment that comes twice at once is one instance', async (t) => {
  const { host, dir } = await open(t)
  const { request, address } = deployment(host.id, SOURCE)
  const [first, second] = await Promise.all([host.deploy(request), host.deploy(request)])
  t.is(first, second)
  t.is(await host.instance(address), first)
  t.alike(host.instances, [encodeId(address)])
  await host.close()
  const { verdict } = await auditStore(t, path.join(dir, 'store'), address)
  t.is(verdict?.verdict, 'clean')
  t.is(verdict?.counts.calls, 1)
})

test('host - methods have the same names when it is started again, whatever those are', async (t) => {
  const { host, reopen } = await open(t)
  const names = ['a\nb', '["', '\u001b[2J', 'ä']
  const source = names.map((name) => `exports[${JSON.stringify(name)}] = () => 1`).join('\n')
  const { request, address } = deployment(host.id, `${source}\nexports.init = () => {}`)
  const { methods } = await host.deploy(request)
  t.alike([...methods].sort(), [...names, 'init'].sort())
  await host.close()
  const again = await reopen()
  t.alike((await again.instance(address)).methods, methods)
  await again.close()
})

test('host - a deployment that a crash kept out of the index is found by the next one', async (t) => {
  const { host, dir, reopen } = await open(t)
  const { request, address } = deployment(host.id, SOURCE)
  const { head } = await host.deploy(request)
  await host.close()
  // what is on disk between the two writes
  const store = await openStore(path.join(dir, 'store'))
  await store.get({ name: 'instances' }).truncate(0)
  await store.close()

  const again = await reopen()
  t.alike(again.instances, [])
  t.alike((await again.deploy(request)).head, head, 'nothing is signed anew')
  await again.close()
  const third = await reopen()
  t.alike(third.instances, [encodeId(address)])
  await third.close()
  t.is((await auditStore(t, path.join(dir, 'store'), address)).verdict?.verdict, 'clean')
})

for (const scenario of ['asking', 'acks']) {
  test(`host - a call that was under way in a crash is executed after it (${scenario})`, async (t) => {
    const dir = await tempDir(t)
    const bootstrap = await localNetwork(t)
    await runToItsDeath(KILLED_HOST, scenario, dir, bootstrap.join())
    const oracles = new Oracles({ price: () => 1 })
    const host = await Host.open({ dir, bootstrap, engines: 1, oracles })
    t.teardown(() => host.close())
    const { address } = deployment(host.id, SOURCE)
    const instance = await host.instance(address)
    const bob = new BareUser(address, 'bob').call('add')
    if (scenario === 'acks') bob.call('slow')
    const { length } = bob.blocks
    t.is(await instance.submit(bob.log()), length)
    await instance.settled(bob.key, length)
    t.is((await provenBlocks(instance, bob, length)).length, 2, 'ack and result')
    await instance.submit(bob.call('add').log(length))
    await instance.settled(bob.key, length + 1)
    await host.close()
    const { findings, verdict } = await auditStore(t, path.join(dir, 'store'), address)
    t.alike(findings, [])
    t.is(verdict?.verdict, 'clean')
  })
}

test('host - a call that comes while hundreds of users are let go of is executed once', async (t) => {
  const { host, dir } = await open(t)
  const { request, address } = deployment(host.id, SOURCE)
  const instance = await host.deploy(request)
  const users = Array.from({ length: 520 }, (_, i) => new BareUser(address, `user ${i}`))
  const [late] = users
  if (late === undefined) return
  for (const user of users) user.call('add')
  const all = Promise.all(
    users.map(async (user) => {
      await instance.submit(user.log())
      await instance.settled(user.key, 1)
    })
  )
  // the last batch is being committed: the queue is empty then
  while (instance.seq < users.length - 4) await new Promise((resolve) => setImmediate(resolve))
  t.is(await instance.submit(late.call('add').log(1)), 2)
  await instance.settled(late.key, 2)
  await all
  t.is(await instance.submit(late.log()), 2)
  t.is((await provenBlocks(instance, late, 1)).length, 2, 'what is not in memory is in the log')
  await host.close()
  const { findings, verdict } = await auditStore(t, path.join(dir, 'store'), address)
  t.alike(findings, [])
  t.is(verdict?.counts.calls, users.length + 2)
})

test('host - users who have gone take no memory', async (t) => {
  const { host } = await open(t)
  const { request, address } = deployment(host.id, SOURCE)
  const instance = await host.deploy(request)
  const users = Array.from({ length: 60 }, (_, i) => new BareUser(address, `user ${i}`))
  const add = async (user: BareUser) => {
    await instance.submit(user.call('add').log())
    await instance.settled(user.key, user.blocks.length)
  }
  await Promise.all(users.map(add))
  const logs = async () => (await host.status()).logs
  const before = await logs()
  t.ok(before > users.length, `${before} logs are open`)
  const now = keep(t, performance, 'now')
  Object.assign(performance, { now: () => now.call(performance) + 61_000 })
  const [first, second] = users
  if (first === undefined || second === undefined) return
  await add(first)
  while ((await logs()) > before - 50) await new Promise((resolve) => setTimeout(resolve, 100))
  await add(second)
  t.is((await provenBlocks(instance, second, 2)).length, 2, 'who comes again is known')
})

test('host - what a new user sends next is there behind its first entries', async (t) => {
  const { host } = await open(t)
  const { request, address } = deployment(host.id, SOURCE)
  const instance = await host.deploy(request)
  for (let i = 0; i < 10; i++) {
    const user = new BareUser(address, `new ${i}`).call('add')
    const first = user.log()
    user.call('add')
    t.alike(await Promise.all([first, user.log(1)].map((log) => instance.submit(log))), [1, 2])
    // neither does one that is refused keep the next one from coming
    const wrong = { ...user.log(2), blocks: [new Uint8Array(1)] }
    const right = user.call('add').log(2)
    const [refused, taken] = await Promise.allSettled(
      [wrong, right].map((it) => instance.submit(it))
    )
    t.is(refused?.status, 'rejected')
    t.alike(taken, { status: 'fulfilled', value: 3 })
  }
})

test('host - who comes to an instance that is leaving the memory is told to come again', async (t) => {
  const { host } = await open(t)
  const { request, address } = deployment(host.id, SOURCE)
  const instance = await host.deploy(request)
  const user = new BareUser(address, 'user').call('add')
  const [taken] = await Promise.allSettled([instance.submit(user.log()), instance.close()])
  t.is(taken.status === 'rejected' && taken.reason.code, 'HOST_CLOSED')
  await t.exception(instance.submit(user.log()), /closed/)
})

test('host - an instance of another VM can be read, and nobody executes or judges its calls', async (t) => {
  const { host, dir, reopen } = await open(t)
  await t.exception(host.deploy(deployment(host.id, SOURCE, OTHER_VM).request), {
    code: 'VM_UNKNOWN',
    message: /does not run js-1@0{16} but js-1@/
  })
  await host.close()
  const store = path.join(dir, 'store')

  // as another version of MIVM has it
  const { open: openOwn } = Supervisor
  const restore = () => Object.assign(Supervisor, { open: openOwn })
  t.teardown(restore)
  Supervisor.open = async () => named(await openOwn(OTHER_VM), OTHER_VM)
  const other = await reopen()
  const { request, address } = deployment(other.id, SOURCE, OTHER_VM)
  const bob = new BareUser(address, 'bob').call('add')
  const { head } = await callOnce(await other.deploy(request), bob)
  await other.close()
  restore()

  const events: HostEvent[] = []
  const own = await reopen({ onEvent: (event) => events.push(event) })
  const instance = await own.instance(address)
  t.alike(instance.head, head)
  t.is((await provenBlocks(instance, bob, 1)).length, 2, 'what was answered is proven')
  const more = bob.call('add').log(1)
  await t.exception(instance.submit(more), { code: 'VM_UNKNOWN', message: /can be read/ })
  await own.close()
  const [refused] = events.filter(({ type }) => type === 'refused')
  t.is(refused?.type === 'refused' && refused.code, 'VM_UNKNOWN', 'the operator knows')
  const { findings, verdict } = await auditStore(t, store, address, openVm)
  t.alike(findings, [])
  t.is(verdict?.verdict, 'inconclusive')
  t.alike(
    verdict?.missing.map(({ reason }) => reason),
    ['unsupported']
  )

  Supervisor.open = async () => named(await openOwn(OTHER_VM), OTHER_VM)
  const again = await reopen()
  await callOnce(await again.instance(address), bob, 1)
  await again.close()
  restore()
  const clean = await auditStore(t, store, address)
  t.is(clean.verdict?.verdict, 'clean', 'by the VM that has executed it')
  t.is(clean.verdict?.counts.calls, 3)
})

test('host - a signature in another form than the one is not taken in', async (t) => {
  const { host, dir } = await open(t)
  const { request, address } = deployment(host.id, SOURCE)
  const instance = await host.deploy(request)
  const forms: ((signature: Uint8Array) => Uint8Array)[] = [
    (signature) => b4a.concat([signature, b4a.from([7])]),
    (signature) => b4a.concat([signature.subarray(0, 66), b4a.from([5, 0])])
  ]
  for (const [i, form] of forms.entries()) {
    const user = new BareUser(address, `user ${i}`).call('add')
    const odd = ({ signature, ...head }: Head): Head => ({ ...head, signature: form(signature) })
    const log = user.log()
    await t.exception(instance.submit({ ...log, head: odd(log.head) }), /not signed by its user/)
    // nor from a user who has a log here already
    await instance.submit(log)
    const more = user.call('add').log(1)
    await t.exception(instance.submit({ ...more, head: odd(more.head) }), /not signed by its user/)
    await instance.settled(user.key, 1)
  }
  await host.close()
  t.is((await auditStore(t, path.join(dir, 'store'), address)).verdict?.verdict, 'clean')
})

test('host - entries that are no call are committed with the calls around them', async (t) => {
  const { host, dir } = await open(t)
  const { request, address } = deployment(host.id, SOURCE)
  const instance = await host.deploy(request)
  const before = instance.head.length
  const user = new BareUser(address, 'user')
  for (let i = 0; i < 60; i++) {
    if (i % 20 === 10) user.call('add')
    else user.write(b4a.from([0xff, i]))
  }
  await instance.submit(user.log())
  await instance.settled(user.key, 60)
  t.is(instance.head.length, before + 2 * 60 + 1, 'acks, results and one commit')
  await host.close()
  const { findings, verdict } = await auditStore(t, path.join(dir, 'store'), address)
  t.alike(findings, [])
  t.is(verdict?.verdict, 'clean')
  t.is(verdict?.counts.calls, 61)
})

test('host - a name alone takes no room on its disk', async (t) => {
  const { host, dir } = await open(t)
  const { request } = deployment(host.id, SOURCE)
  const instance = await host.deploy(request)
  for (let i = 0; i < 20; i++) {
    const stranger = crypto.keyPair().publicKey
    t.is(await instance.submit({ user: stranger, start: 0, blocks: [], head: null }), 0)
    t.is(
      (await instance.proofs.prove({ user: stranger, from: 1, to: 1 })).items.filter(
        ({ block }) => block
      ).length,
      0
    )
    const { log } = request
    await t.exception(instance.submit({ ...log, user: stranger }), /not signed by its user/)
  }
  await host.close()
  const store = await openStore(path.join(dir, 'store'))
  let cores = 0
  for await (const _ of store.storage.createCoreStream()) cores++
  await store.close()
  t.is(cores, 5, 'index, call log, archive, blobs, the deployer')
})

test('host - a deployment that its deployer has not signed is not executed', async (t) => {
  const { host } = await open(t)
  const source = `${SOURCE}; exports.init = () => { throw new Error('executed') }`
  const { request } = deployment(host.id, source)
  await t.exception(host.deploy(request), /executed/)
  const head = request.log.head
  if (head === null) return
  const forged = { ...head, signature: b4a.alloc(68) }
  await t.exception(
    host.deploy({ ...request, log: { ...request.log, head: forged } }),
    /not signed by its user/
  )
  t.alike(host.instances, [])
})

test('host - nobody waits until others have all of a long log that is taken back', async (t) => {
  const { host } = await open(t)
  const { request, address } = deployment(host.id, SOURCE)
  const instance = await host.deploy(request)
  const [alice, bob] = [new BareUser(address, 'alice'), new BareUser(address, 'bob')]
  for (let i = 0; i < 1_000; i++) alice.write(Uint8Array.of(i % 256, i >> 8))
  await callOnce(instance, alice)
  const block = keep(t, UserLog.prototype, 'block')
  let read = 0
  UserLog.prototype.block = async function (index) {
    // long enough for bob's call to come
    if (++read === 100) await new Promise((resolve) => setTimeout(resolve, 200))
    return block.call(this, index)
  }
  const taking = Promise.all(
    Array.from({ length: 10 }, () => instance.proofs.takeBack(alice.key, 10))
  )
  while (read < 100) await new Promise((resolve) => setImmediate(resolve))
  await instance.submit(bob.call('add').log())
  t.ok(read < 900, `${read} entries were read`)
  for (const { start, blocks, head } of await taking) {
    t.alike([start, head?.length, head?.treeHash], [10, 1_000, alice.log().head.treeHash])
    t.alike(
      blocks,
      alice.blocks.slice(10).map((it) => b4a.from(it))
    )
  }
})

type Served = Awaited<ReturnType<Host['instance']>>

interface Opened {
  readonly host: Host
  readonly dir: string
  reopen(more?: Partial<HostOptions>): Promise<Host>
}

async function open(t: Test, options: Partial<HostOptions> = {}): Promise<Opened> {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const reopen = async (more: Partial<HostOptions> = {}) => {
    const host = await Host.open({ dir, bootstrap, engines: 1, ...options, ...more })
    t.teardown(() => host.close(), { order: 1 })
    return host
  }
  return { host: await reopen(), dir, reopen }
}

/** The same VM, under another id. */
function named(vm: Supervisor, id: string): Supervisor {
  return new Proxy(vm, { get: (target, name) => (name === 'id' ? id : Reflect.get(target, name)) })
}

/** Sends what a user has written from a block on; resolves when it has its result. */
async function callOnce(instance: Served, user: BareUser, start = 0): Promise<Served> {
  await instance.submit(user.log(start))
  await instance.settled(user.key, user.blocks.length)
  return instance
}

async function provenBlocks(instance: Served, user: BareUser, entry: number): Promise<unknown[]> {
  const { items } = await instance.proofs.prove({ user: user.key, from: entry, to: entry })
  return items.filter(({ block }) => block !== null)
}
