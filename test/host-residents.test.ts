// Which instances of a host are in memory.
import path from 'node:path'
import b4a from 'b4a'
import test, { type Test } from 'brittle'
import Hypercore from 'hypercore'
import { Replica } from '../src/client/replica.ts'
import { Host } from '../src/host/host.ts'
import { type Resident, Residents } from '../src/host/residents.ts'
import { decodeEntry, encodeEntry } from '../src/protocol/entries.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { addressOf } from '../src/protocol/manifest.ts'
import { CALL, CONSISTENCY, INFO, PROVE } from '../src/protocol/messages.ts'
import { Archive } from '../src/state/archive.ts'
import { BareUser, deployment } from './bare-user.ts'
import { codeOf, keep, tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const SOURCE = 'exports.count = 0; exports.add = () => ++exports.count'
const MEBIBYTE = 1024 * 1024

test('residents - one that somebody is at is not closed, and after that it is', async (t) => {
  const residents = new Residents<Idle>(1)
  t.teardown(() => residents.close())
  const [first, second] = [new Idle(), new Idle()]
  const done = Promise.withResolvers<void>()
  const using = residents.use('first', async () => {
    await residents.keep('first', Promise.resolve(first))
    await done.promise
  })
  await residents.keep('second', Promise.resolve(second))
  residents.closeIdle()
  t.alike([first.isClosed, second.isClosed], [false, true])
  await residents.keep('second', Promise.resolve(new Idle()))
  done.resolve()
  await using
  residents.closeIdle()
  t.is(first.isClosed, true)
})

test('residents - as heavy ones are opened those go that have been idle for longest', async (t) => {
  const residents = new Residents<Idle>(1_000)
  t.teardown(() => residents.close())
  const all = Array.from({ length: 200 }, (_, i) => new Idle(MEBIBYTE, i))
  const busy = new Idle(MEBIBYTE, null)
  await residents.keep('busy', Promise.resolve(busy))
  await residents.use('used', async () => {
    const used = new Idle(MEBIBYTE, -1)
    await residents.keep('used', Promise.resolve(used))
    for (const [i, one] of all.entries()) await residents.keep(`${i}`, Promise.resolve(one))
    t.absent(used.isClosed)
  })
  t.absent(busy.isClosed)
  const open = all.filter(({ isClosed }) => !isClosed)
  t.alike(open, all.slice(-126), 'as many as there is memory for, the last ones')
  t.is(residents.size, 128)
  const small = Array.from({ length: 200 }, () => new Idle(1_000, 200))
  for (const [i, one] of small.entries()) await residents.keep(`small ${i}`, Promise.resolve(one))
  t.ok(small.every(({ isClosed }) => !isClosed))
})

test('residents - who has many users weighs more', async (t) => {
  const { host, address } = await scene(t)
  const instance = await host.instance(address)
  const { weight } = instance
  for (let i = 0; i < 10; i++) {
    await instance.submit(new BareUser(instance.address, `user ${i}`).call('missing').log())
  }
  t.is(instance.weight - weight, 10 * 32 * 1024)
})

test('residents - an instance whose commit has failed before it was written is opened anew, however often it is called', async (t) => {
  const { host, address } = await scene(t)
  const version = keep(t, Archive.prototype, 'version')
  Archive.prototype.version = () => {
    Archive.prototype.version = version
    throw new Error('IO error: While open a file for random read: Too many open files')
  }
  const user = new BareUser(address, 'user').call('add')
  const call = () =>
    host.use(address, async (instance) => {
      await instance.submit(user.log())
      await instance.settled(user.key, 1)
      return instance.seq
    })
  t.is(await codeOf(call()), 'STORAGE_FAILED')
  t.is(await call(), 2, 'as soon as it is called again')
  t.is(host.status().problem, null)
})

test('residents - an instance whose logs could not be opened anew is opened once more, however often it is called', async (t) => {
  const { host, address } = await scene(t)
  const users = Array.from({ length: 40 }, (_, i) => new BareUser(address, `user ${i}`))
  const call = (user: BareUser) =>
    host.use(address, async (instance) => {
      await instance.submit(user.log())
      await instance.settled(user.key, user.blocks.length)
      return instance.seq
    })
  await Promise.all(users.map((user) => call(user.call('add'))))
  const [first] = users
  if (first === undefined) return
  const now = keep(t, performance, 'now')
  // most of them have gone: their logs are let go of behind the next batch
  Object.assign(performance, { now: () => now.call(performance) + 61_000 })
  const ready = keep(t, Archive.prototype, 'ready')
  const failed = Promise.withResolvers<void>()
  Archive.prototype.ready = async () => {
    Archive.prototype.ready = ready
    failed.resolve()
    throw new Error('IO error: While open a file for random read: Too many open files')
  }
  t.is(await call(first.call('add')), users.length + 2)
  await failed.promise
  first.call('add')
  const later: unknown[] = []
  // one that comes while it is about to fail is told to come again
  while (later.length < 20 && later.at(-1) !== users.length + 3) {
    later.push(await call(first).catch(({ code }) => code))
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.is(later.at(-1), users.length + 3, later.join())
})

test('residents - one that cannot be opened leaves nothing open, however often it is called', async (t) => {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const options = { dir, bootstrap, engines: 1 }
  shareVm(t)
  const first = await Host.open(options)
  const address = await deploy(first, 0)
  await first.close()
  keep(t, Archive.prototype, 'ready')
  const logs = new Set<Hypercore>()
  Archive.prototype.ready = async () => {
    throw new Error('IO error')
  }
  const closeCore = keep(t, Hypercore.prototype, 'close')
  Hypercore.prototype.close = function (...args) {
    logs.add(this)
    return closeCore.apply(this, args)
  }
  const host = await Host.open(options)
  t.teardown(() => host.close(), { order: 0 })
  for (let i = 0; i < 3; i++) t.is(await codeOf(host.instance(address)), undefined)
  t.ok(logs.size >= 3 * 5 && [...logs].every(({ closed }) => closed), `${logs.size} sessions`)
})

test('residents - whoever asks while a host looks through its instances is answered', async (t) => {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const options = { dir: path.join(dir, 'host'), bootstrap, engines: 1, openMax: 1 }
  shareVm(t)
  const first = await Host.open(options)
  const addresses: Uint8Array[] = []
  for (let i = 0; i < 12; i++) addresses.push(await deploy(first, i))
  await first.close()

  const host = await Host.open(options)
  t.teardown(() => host.close(), { order: 1 })
  const replica = await Replica.open({ dir: path.join(dir, 'reader'), bootstrap })
  t.teardown(() => replica.close(), { order: 0 })
  const rpc = await replica.connect(decodeId(host.id))
  const refused = new Set<string>()
  const note = async (asked: Promise<unknown>) => {
    const code = await codeOf(asked)
    if (code !== 'none') refused.add(code)
  }
  const asked: Promise<void>[] = []
  for (const address of addresses) {
    const user = new BareUser(address, 'deployer')
    const log = user.call('init').log()
    const ask = { address, log, from: 1, to: 1, known: 0, anchored: false }
    asked.push(
      note(rpc.request(INFO, { address })),
      note(rpc.request(PROVE, { address, user: user.key, entry: 1 })),
      note(rpc.request(CONSISTENCY, { address, lengths: [2] })),
      note(rpc.request(CALL, ask)),
      note(
        host.use(address, (instance) => instance.proofs.prove({ user: user.key, from: 1, to: 1 }))
      )
    )
  }
  await Promise.all(asked)
  t.alike([...refused], [])
})

test('residents - one that cannot be closed ends nothing but itself', async (t) => {
  const residents = new Residents(0)
  const close = async () => {
    throw new Error('the disk')
  }
  await residents.keep('a', Promise.resolve({ idleSince: 0, weight: 1, isSpoilt: false, close }))
  residents.closeIdle()
  await t.execution(residents.left('a'))
  t.absent(residents.has('a'))
  await residents.close()
})

/** Something that would be closed. */
class Idle implements Resident {
  readonly weight: number
  readonly idleSince: number | null
  isSpoilt = false
  isClosed = false

  constructor(weight = 0, idleSince: number | null = 0) {
    this.weight = weight
    this.idleSince = idleSince
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}

/** A host with one instance. */
async function scene(t: Test): Promise<{ host: Host; address: Uint8Array }> {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const host = await Host.open({ dir, bootstrap, engines: 1 })
  t.teardown(() => host.close())
  return { host, address: await deploy(host, 0) }
}

async function deploy(host: Host, salt: number): Promise<Uint8Array> {
  const { request } = deployment(host.id, SOURCE)
  const genesis = decodeEntry(request.genesis)
  if (genesis.type !== 'genesis') throw new Error('no genesis')
  const block = encodeEntry({ ...genesis, salt: b4a.from(String(salt).padStart(32)) })
  const address = addressOf(genesis.host, block)
  const log = new BareUser(address, 'deployer').call('init').log()
  await host.deploy({ ...request, genesis: block, log })
  return address
}
