// Connections that say nothing, and more of them than a host takes.
import { setTimeout as sleep } from 'node:timers/promises'
import type SecretStream from '@hyperswarm/secret-stream'
import test, { type Test } from 'brittle'
import DHT from 'hyperdht'
import { Client } from 'mivm'
import { Connections } from '../src/host/connections.ts'
import { Host } from '../src/host/host.ts'
import { Instance } from '../src/host/instance.ts'
import { Measures } from '../src/host/measures.ts'
import type { HostOptions } from '../src/host/options.ts'
import { withDefaults } from '../src/host/quotas.ts'
import { Refusals } from '../src/host/refusals.ts'
import { Sender } from '../src/host/sender.ts'
import { type Served, Service } from '../src/host/service.ts'
import { Rpc } from '../src/net/rpc.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { CALL } from '../src/protocol/messages.ts'
import { tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const SOURCE = 'exports.count = 0; exports.add = () => ++exports.count'

/** Streams that are opened, and how many at a time. */
const FLOOD = 2_000
const AT_ONCE = 50

test('connections - who says nothing has to go when its time is over', (t) => {
  const { connections, open } = scene({ silentSeconds: 10 })
  const [first, second, third] = [open(0), open(1_000), open(2_000)]
  connections.heard(second)
  connections.sweep(9_999)
  t.alike([first.ended, second.ended, third.ended], [false, false, false])
  connections.sweep(10_000)
  t.alike([first.ended, second.ended, third.ended], [true, false, false])
  connections.sweep(1e9)
  t.alike([first.ended, second.ended, third.ended], [true, false, true])
  t.alike(connections.status, { open: 1, silent: 0 })
})

test('connections - where there is no room the one that was silent for longest goes', (t) => {
  const { connections, open, refusals } = scene({ connections: 3 })
  const streams = [open(0), open(1), open(2)]
  connections.heard(streams[0] ?? open(3))
  const fourth = open(3)
  t.alike(
    streams.map(({ ended }) => ended),
    [false, true, false]
  )
  for (const stream of [...streams, fourth]) connections.heard(stream)
  t.exception(() => open(4), /host.connections of the host, 3, is used up/)
  t.absent(fourth.ended)
  t.alike(refusals.counts, { 'host.connections': 1 })
  connections.delete(fourth)
  open(5)
  t.is(connections.status.open, 3)
})

test('connections - an address has so many, and takes none from others', (t) => {
  const { connections, open } = scene({ connectionsPerAddress: 2 })
  const mine = open(0, 'a')
  const others = [open(1, 'b'), open(2, 'b'), open(3, 'b')]
  t.alike(
    others.map(({ ended }) => ended),
    [true, false, false]
  )
  t.absent(mine.ended)
  for (const stream of others) connections.heard(stream)
  t.exception(() => open(4, 'b'), /host.connectionsPerAddress/)
  for (let i = 0; i < 5; i++) open(5, null)
  t.is(connections.status.open, 8, 'where it comes from is not known')
  for (const stream of others) connections.delete(stream)
  open(6, 'b')
  open(6, 'b')
})

test('connections - a few addresses that take all there are keep nobody out', (t) => {
  const { connections, open, refusals } = scene({ connections: 6, connectionsPerAddress: 3 })
  const taken = ['a', 'a', 'a', 'b', 'b', 'b'].map((address) => open(0, address))
  for (const stream of taken) connections.heard(stream)
  const ended = () => taken.filter((stream) => stream.ended).length
  const first = open(1, 'c')
  t.is(ended(), 1)
  connections.heard(first)
  connections.heard(open(2, 'c'))
  t.is(ended(), 2, 'from whom has most')
  t.alike(refusals.counts, { 'host.connections': 2 }, 'the operator sees it')
  t.exception(() => open(3, 'c'), /host.connections of the host, 6/)
  t.exception(() => open(3, null), /host.connections/, 'and who is not known takes from nobody')
  t.is(ended(), 2)
  t.is(connections.status.open, 6)
})

test('connections - what one was sent of users without end is not kept', async (t) => {
  const handlers = new Map<string, (request: unknown, arrived: number) => Promise<unknown>>()
  const rpc: Rpc = Object.assign(Object.create(Rpc.prototype), {
    respond: ({ name }: { name: string }, handler: () => Promise<unknown>) => {
      handlers.set(name, handler)
    },
    readable: async () => {},
    turn: async () => {}
  })
  const head = { length: 9, fork: 0, treeHash: Buffer.alloc(32), signature: Buffer.alloc(68) }
  const instance: Instance = Object.create(Instance.prototype, {
    head: { value: head },
    submit: { value: async () => 1 },
    settled: { value: async () => {} },
    proofs: { value: { prove: async () => ({ items: [] }) } }
  })
  const served: Served = Object.create(null, {
    measures: { value: new Measures() },
    setBacks: { value: { refusal: () => null } },
    asked: { value: () => null },
    unreadMax: { value: () => 1 },
    use: { value: (_: unknown, fn: (one: Instance) => Promise<unknown>) => fn(instance) }
  })
  const caller: Sender = Object.create(Sender.prototype, { mayReceive: { value: async () => {} } })
  new Service(rpc, caller, served).answer()
  const ask = async (n: number) => {
    const user = Buffer.alloc(32)
    user.writeUInt32LE(n)
    const log = { user, start: 0, blocks: [], head: null }
    const request = { address: user.fill(1, 8), log, from: 1, to: 1, known: 0, anchored: true }
    const reply: unknown = await handlers.get(CALL.name)?.(request, 0)
    return Object(reply).through
  }
  t.is(await ask(0), 0)
  t.is(await ask(0), 9, 'the next one begins where that one ended')
  for (let n = 1; n <= 3_000; n++) await ask(n)
  t.is(await ask(3_000), 9)
  t.is(await ask(0), 0, 'what is not known any more begins at what the caller says')
})

test('connections - thousands that say nothing are let go, and calls go on', async (t) => {
  const quotas = { host: { connections: 300, connectionsPerAddress: 250, silentSeconds: 2 } }
  const { host, call, dial } = await hostScene(t, { quotas })
  await call()
  let most = 0
  let opened = 0
  const flood = async () => {
    while (opened < FLOOD) {
      opened++
      await dial()
      most = Math.max(most, host.status().connections.open)
    }
  }
  let flooding = true
  let calls = 0
  const calling = (async () => {
    for (; flooding; calls++) await call()
  })()
  await Promise.all(Array.from({ length: AT_ONCE }, flood))
  flooding = false
  await calling
  t.ok(calls > 10, `${calls} calls meanwhile`)
  t.ok(most <= 250, `${most} at once`)
  while (host.status().connections.silent > 0) await sleep(50)
  t.is(host.status().connections.open, 1, 'the client')
  t.is(host.status().peers, 1)
  await call()
})

test('connections - who asks for too much over one connection waits, and others do not', async (t) => {
  const quotas = { burstSeconds: 1, connection: { bytesPerSecond: 50_000 } }
  const { host, client, call, another } = await hostScene(t, { quotas })
  const other = await another()
  await other.status(host.id)
  const asked = Promise.all(Array.from({ length: 150 }, () => client.status(host.id)))
  let answered = false
  void asked.then(() => {
    answered = true
  })
  while (host.status().refused['connection.bytesPerSecond'] === undefined) await sleep(1)
  await other.status(host.id)
  t.absent(answered, 'the other one does not wait')
  t.is((await asked).length, 150, 'all are answered in the end')
  await call()
})

interface Stream {
  ended: boolean
  destroy(): void
}

function scene(limits: NonNullable<NonNullable<HostOptions['quotas']>['host']>) {
  const refusals = new Refusals()
  const connections = new Connections<Stream>(withDefaults({ host: limits }).host, refusals)
  const open = (at: number, address: string | null = 'a'): Stream => {
    const stream = {
      ended: false,
      destroy: () => {
        stream.ended = true
      }
    }
    connections.add(stream, address, at)
    return stream
  }
  return { connections, refusals, open }
}

/** A host, somebody who calls it, and the means to connect to it as anybody can. */
async function hostScene(t: Test, options: Partial<HostOptions>) {
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const host = await Host.open({ dir: await tempDir(t), bootstrap, engines: 1, ...options })
  t.teardown(() => host.close(), { order: 2 })
  const another = async () => {
    const client = await Client.open({ dir: await tempDir(t), bootstrap })
    t.teardown(() => client.close(), { order: 1 })
    return client
  }
  const client = await another()
  const { link } = await client.deploy({ host: host.id, source: SOURCE })
  const call = () => client.call(link, 'add', [])
  const dht = new DHT({ bootstrap: [...bootstrap], host: '127.0.0.1', firewalled: false })
  t.teardown(() => dht.destroy({ force: true }), { order: 1 })
  const dial = async (): Promise<SecretStream> => {
    const stream = dht.connect(decodeId(host.id), { keyPair: DHT.keyPair() })
    stream.on('error', () => {})
    await new Promise((resolve) =>
      stream.once('open', () => resolve(null)).once('close', () => resolve(null))
    )
    return stream
  }
  return { host, client, call, dial, another }
}
