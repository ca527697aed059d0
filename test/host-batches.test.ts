// Which calls an instance has executed together, where an engine is waited for.
import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import test, { type Test } from 'brittle'
import crypto from 'hypercore-crypto'
import { Gate } from '../src/host/gate.ts'
import { Instance } from '../src/host/instance.ts'
import { decodePending, PENDING_NOTE } from '../src/host/notes.ts'
import { Oracles } from '../src/host/oracles.ts'
import { decodeEntry, decodeUserEntry } from '../src/protocol/entries.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { openStore } from '../src/state/store.ts'
import { Wal } from '../src/state/wal.ts'
import type { Batch, RunOptions, VirtualMachine } from '../src/vm/vm.ts'
import { BareUser, deployment } from './bare-user.ts'
import { codeOf, keep, tempDir } from './helpers.ts'

/** Users who call one after the other, and what an open log of one of them counts for, bytes. */
const USERS = 1_500
const USER_WEIGHT = 32 * 1024

/** Says of each call what it was; a batch waits until it is let go. */
class Waiting implements VirtualMachine {
  readonly id = 'js-1'
  /** Calls of each batch. */
  readonly sizes: number[] = []
  readonly #copies: boolean
  #wait: Promise<void> = Promise.resolve()
  #arrived = Promise.withResolvers<void>()

  /** With `copies` calls that are added later are not seen. */
  constructor(copies = false) {
    this.#copies = copies
  }

  /** Holds the next batches; returns what lets them go. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wait = promise
    this.#arrived = Promise.withResolvers<void>()
    return resolve
  }

  /** Resolves when there is a batch that waits. */
  get arrived(): Promise<void> {
    return this.#arrived.promise
  }

  async inspect(): Promise<string[]> {
    return ['init', 'add']
  }

  async run(batch: Batch, options: RunOptions = {}): Promise<number> {
    const copy = [...batch.calls]
    this.#arrived.resolve()
    await this.#wait
    options.onBegin?.()
    const calls = this.#copies ? copy : batch.calls
    this.sizes.push(calls.length)
    for (const [i, { caller, seq, time }] of calls.entries()) {
      const value = JSON.stringify(`${caller} ${seq} ${time}`)
      batch.onStep({ outcome: { status: 'ok', value }, writes: [], fuel: 0 }, i)
    }
    return calls.length
  }

  evict(): void {}

  async close(): Promise<void> {}
}

test('batches - what comes while an engine is waited for is executed with the rest', async (t) => {
  const vm = new Waiting()
  const { instance, address, results } = await scene(t, vm)
  const user = new BareUser(address, 'user').call('add')
  const release = vm.hold()
  await instance.submit(user.log())
  await vm.arrived
  for (let i = 0; i < 9; i++) await instance.submit(user.call('add').log())
  release()
  await instance.settled(user.key, 10)
  t.alike(vm.sizes, [1, 10])
  t.is(await results(), 11)
})

test('batches - nothing is executed as another call than its ack says, whoever calls meanwhile', async (t) => {
  for (const copies of [false, true]) {
    const vm = new Waiting(copies)
    const { instance, address, results } = await scene(t, vm)
    const users = ['ann', 'bob', 'eve', 'joe'].map((name) => new BareUser(address, name))
    for (let round = 0; round < 5; round++) {
      const release = vm.hold()
      for (const [i, user] of users.entries()) {
        if (i % 2 === 0) await instance.submit(user.call('add').call('add').log())
      }
      await vm.arrived
      for (const user of users) await instance.submit(user.call('add').log())
      release()
      await Promise.all(users.map((user) => instance.settled(user.key, user.log().blocks.length)))
    }
    t.is(await results(), 1 + 5 * 8)
  }
})

test('batches - time does not go back where the clock does while an engine is waited for', async (t) => {
  const vm = new Waiting()
  const { instance, address, results } = await scene(t, vm)
  const user = new BareUser(address, 'user').call('add')
  const release = vm.hold()
  await instance.submit(user.log())
  await vm.arrived
  const now = keep(t, Date, 'now')
  Date.now = () => now() - 1_000
  await instance.submit(user.call('add').log())
  release()
  await instance.settled(user.key, 2)
  t.alike(vm.sizes, [1, 2])
  t.is(await results(), 3)
})

test('batches - where an engine has executed nothing nothing is committed, and the calls are tried again', async (t) => {
  const vm = new Waiting()
  const { instance, address, results } = await scene(t, vm)
  const { length } = instance.head
  const run = vm.run.bind(vm)
  vm.run = async () => 0
  const user = new BareUser(address, 'user').call('add')
  await instance.submit(user.log())
  t.is(await codeOf(instance.settled(user.key, 1)), 'ENGINE_FAILED')
  t.is(instance.head.length, length)
  // as one that asks for a call that there is not, or for one behind that which it executes
  for (const call of [7, 1]) {
    vm.run = async (batch) => {
      await batch.onOracle({ call, index: 0, name: 'price', args: '[]' })
      return 0
    }
    await instance.submit(user.call('add').log())
    t.is(await codeOf(instance.settled(user.key, user.blocks.length)), 'ENGINE_FAILED')
  }
  t.is(instance.head.length, length)
  vm.run = run
  await instance.submit(user.call('add').log())
  await instance.settled(user.key, 4)
  t.is(await results(), 5)
})

test('batches - logs of users who have their results are let go of, also where somebody always waits or asks about all', async (t) => {
  const vm = new Waiting()
  const { instance, address, results } = await scene(t, vm)
  const run = vm.run.bind(vm)
  let users = 0
  let joined = 0
  let most = 0
  const join = async () => {
    most = Math.max(most, instance.weight)
    for (let i = 0; i < 100 && users < USERS; i++) {
      await instance.submit(new BareUser(address, `user ${users++}`).call('add').log())
      joined++
    }
  }
  // the next ones wait before these are committed
  vm.run = async (batch, options) => {
    const count = await run(batch, options)
    await join()
    return count
  }
  await join()
  while (joined < USERS) await sleep(10)
  await instance.settled(new BareUser(address, `user ${USERS - 1}`).key, 1)
  t.ok(most < (USERS / 2) * USER_WEIGHT, `${Math.round(most / USER_WEIGHT)} logs at once`)
  // anybody may name as many of them, who only reads
  most = 0
  for (let i = 0; i < 900; i++) {
    const { key } = new BareUser(address, `user ${i}`)
    const { items } = await instance.proofs.prove({ user: key, from: 1, to: 1 })
    if (!items.some(({ block }) => block !== null)) t.fail(`nothing is proven to user ${i}`)
    await instance.submit({ user: key, start: 0, blocks: [], head: null })
    most = Math.max(most, instance.weight)
  }
  t.ok(
    most < (USERS / 2) * USER_WEIGHT,
    `${Math.round(most / USER_WEIGHT)} logs that are asked about`
  )
  t.is(await results(), 1 + USERS)
})

test('batches - of a commit whose sync fails nobody is told anything, and the host has to go down', async (t) => {
  const { instance, address, wal, gate, fatal } = await scene(t, new Waiting())
  const { length } = instance.head
  const hold = gate.hold.bind(gate)
  let opened = 0
  gate.hold = () => {
    const release = hold()
    return () => {
      opened++
      release()
    }
  }
  wal.sync = async () => {
    throw new Error('EIO: i/o error, fdatasync')
  }
  const user = new BareUser(address, 'user').call('add')
  await instance.submit(user.log())
  while (fatal.length + opened === 0) await sleep(1)
  t.alike([instance.head.length, opened], [length, 0])
})

test('batches - whose calls wait behind those of a commit is on disk with it', async (t) => {
  const vm = new Waiting()
  const run = vm.run.bind(vm)
  const [go, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  // one call a batch, and the second one of the user is never executed before it is looked
  let batches = 0
  vm.run = async (batch, options) => {
    if (batches++ === 2) {
      held.resolve()
      await go.promise
    }
    await run({ ...batch, calls: batch.calls.slice(0, 1) }, options)
    return 1
  }
  const { instance, address, store, results } = await scene(t, vm)
  const user = new BareUser(address, 'user').call('add').call('add')
  await instance.submit(user.log())
  await Promise.all([held.promise, instance.settled(user.key, 1)])
  const log = store.get({ key: address })
  const note = await log.getUserData(PENDING_NOTE)
  t.alike(decodePending(note), [encodeId(user.key)])
  await log.close()
  go.resolve()
  await instance.settled(user.key, 2)
  t.is(await results(), 3)
})

/** An instance with that VM; `results` closes it, compares all results with their acks, and counts them. */
async function scene(t: Test, vm: VirtualMachine) {
  const keyPair = crypto.keyPair()
  const store = await openStore(await tempDir(t))
  t.teardown(() => store.close())
  const wal = new Wal(store.storage.rocks)
  const gate = new Gate()
  const fatal: Error[] = []
  const onFatal = (error: Error) => void fatal.push(error)
  const writing = { store, keyPair, wal, gate, onFatal }
  const execution = { vm, oracles: new Oracles(), onLog: () => {} }
  const { address, request } = deployment(encodeId(keyPair.publicKey), '')
  const genesis = decodeEntry(request.genesis)
  if (genesis.type !== 'genesis') throw new Error('the test is wrong')
  const log = new BareUser(address, 'deployer').call('init').log()
  const instance = await Instance.deploy(writing, execution, address, genesis, { ...request, log })
  const results = async () => {
    await instance.close()
    await wal.close()
    const core = store.get({ key: address })
    await core.ready()
    const entered = new Map<string, number>()
    let said = ''
    let time = 0
    let count = 0
    for (let i = 0; i < core.length; i++) {
      const entry = decodeEntry((await core.get(i)) ?? b4a.alloc(0))
      if (entry.type === 'ack') {
        const id = encodeId(entry.user)
        if (entry.time < time) t.fail('time goes back')
        time = entry.time
        said = `${id} ${entry.seq} ${entry.time}`
        t.is(entry.entry, (entered.get(id) ?? 0) + 1, 'in the order of its log')
        entered.set(id, entry.entry)
        t.is(decodeUserEntry(entry.call).type, 'call')
      } else if (entry.type === 'result') {
        t.is(entry.value, JSON.stringify(said))
        count++
      }
    }
    return count
  }
  return { instance, address, store, wal, gate, fatal, results }
}
