import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import DHT from 'hyperdht'
import Protomux from 'protomux'
import { locate } from '../src/client/locate.ts'
import { Network, openLocal } from '../src/net/network.ts'
import { Rpc } from '../src/net/rpc.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { topicOf } from '../src/protocol/manifest.ts'
import { INFO } from '../src/protocol/messages.ts'
import { deployment } from './bare-user.ts'
import { localNetwork } from './local-network.ts'

test('network - those who come to us are so many at a time, and keep us from going to nobody', async (t) => {
  const bootstrap = await localNetwork(t)
  const topic = crypto.randomBytes(32)
  const open = (inboundMax?: number) => {
    const options = inboundMax === undefined ? {} : { inboundMax }
    const network = new Network(crypto.keyPair(), bootstrap, options)
    t.teardown(() => network.close())
    network.onConnection(() => {})
    return network
  }
  const host = open(3)
  await host.listen()
  const visitors = Array.from({ length: 5 }, () => open())
  for (const visitor of visitors) await visitor.connect(host.publicKey)
  while (host.streams.length > 3) await sleep(5)
  t.is(host.streams.length, 3)
  await open().announce(topic)
  await host.find(topic)
  t.is(host.streams.filter((it) => it.isInitiator).length, 1)
})

test('network - those who come to us and stall in the middle of large messages are so many', async (t) => {
  const bootstrap = await localNetwork(t)
  const open = (inboundMax: number) => {
    const network = new Network(crypto.keyPair(), bootstrap, { inboundMax })
    t.teardown(() => network.close())
    network.onConnection(() => {})
    return network
  }
  const host = open(16)
  await host.listen()
  const visitors = await Promise.all(
    Array.from({ length: 6 }, () => open(16).connect(host.publicKey))
  )
  // nearly 16 MiB each, of which there is never more than a little
  for (const { rawStream } of visitors) rawStream?.write(Uint8Array.of(255, 255, 255))
  const trickle = setInterval(() => {
    for (const { rawStream } of visitors) rawStream?.write(new Uint8Array(1))
  }, 100)
  t.teardown(() => clearInterval(trickle))
  while (host.streams.length < 6) await sleep(5)
  while (host.streams.length > 4) await sleep(5)
  await sleep(600)
  t.is(host.streams.length, 4)
})

test('network - a connection that opens when nobody waits for any more ends like all others', async (t) => {
  const bootstrap = await localNetwork(t)
  const topic = crypto.randomBytes(32)
  const [network, other] = [0, 1].map(() => new Network(crypto.keyPair(), bootstrap)) as [
    Network,
    Network
  ]
  t.teardown(() => Promise.all([network.close(), other.close()]))
  other.onConnection(() => {})
  await other.announce(topic)
  const stop = network.onConnection(() => {})
  stop()
  await network.find(topic)
  const [stream] = network.streams
  const ended = new Promise<void>((resolve) => stream?.once('close', () => resolve()))
  const errors: unknown[] = []
  const note = (error: unknown) => errors.push(error)
  process.on('uncaughtException', note)
  // as one whose process is killed
  for (const { rawStream } of other.streams) rawStream?.destroy()
  await ended
  await sleep(0)
  process.off('uncaughtException', note)
  t.alike(errors, [])
})

test('network - who announces an instance and has nothing to say of it is in the way of nobody', async (t) => {
  const bootstrap = await localNetwork(t)
  const { address, request } = deployment(encodeId(crypto.keyPair().publicKey), '')
  const { genesis } = request
  const head = {
    length: 1,
    fork: 0,
    treeHash: crypto.randomBytes(32),
    signature: new Uint8Array(64)
  }
  for (let i = 0; i < 9; i++) {
    const network = new Network(crypto.keyPair(), bootstrap)
    t.teardown(() => network.close())
    network.onConnection((stream) => {
      const info = { genesis: i === 8 ? genesis : crypto.randomBytes(100), methods: ['m'], head }
      new Rpc(Protomux.from(stream)).respond(INFO, async () => info)
    })
    await network.announce(topicOf(address))
  }
  const network = new Network(crypto.keyPair(), bootstrap)
  t.teardown(() => network.close())
  network.dialsMax = 1
  t.is((await locate(network, address)).type, 'genesis')
})

const PEERS = 7
const DIALS = 2

test('network - of those who meet each goes to so many, and all are reached', async (t) => {
  const bootstrap = await localNetwork(t)
  const topic = crypto.randomBytes(32)
  const networks: Network[] = []
  for (let i = 0; i < PEERS; i++) {
    const network = new Network(crypto.keyPair(), bootstrap)
    t.teardown(() => network.close())
    network.onConnection(() => {})
    network.dialsMax = DIALS
    networks.push(network)
    await network.meet(topic)
  }
  const dialed = networks.map(({ streams }) => streams.filter((it) => it.isInitiator).length)
  t.ok(
    dialed.every((count) => count <= DIALS),
    `${dialed.join()} of ${PEERS - 1}`
  )
  t.is(Math.max(...dialed), DIALS, 'who comes late would find more')
  // whoever is reached from the first one
  const known = new Map(networks.map((network) => [encodeId(network.publicKey), network]))
  const reached = new Set<Network>()
  const reach = (network: Network | undefined) => {
    if (network === undefined || reached.has(network)) return
    reached.add(network)
    for (const { remotePublicKey } of network.streams) reach(known.get(encodeId(remotePublicKey)))
  }
  reach(networks[0])
  t.is(reached.size, PEERS)
})

test('network - where nobody has ever answered nobody is asked any more once it is closed', async (t) => {
  const silent = createSocket('udp4').bind(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  let asked = 0
  silent.on('message', () => asked++)
  const { address, port } = silent.address()
  const network = new Network(crypto.keyPair(), [`${address}:${port}`])
  const meeting = network.meet(crypto.randomBytes(32))
  const closing = once(silent, 'message').then(() => network.close())
  await Promise.all([closing, meeting])
  t.ok(asked <= 2, `${asked} times: to begin with, and by what was under way`)
})

test('network - one that is closed waits for nobody who never answers', async (t) => {
  const bootstrap = await localNetwork(t)
  const network = new Network(crypto.keyPair(), bootstrap)
  await network.listen()
  await network.announce(crypto.randomBytes(32))
  const { request } = DHT.prototype
  t.teardown(() => {
    DHT.prototype.request = request
  })
  let asked = 0
  DHT.prototype.request = () => {
    asked++
    return new Promise(() => {})
  }
  await network.close()
  t.ok(asked > 0)
})

test('network - one that loses all of its nodes at once, and has them again, finds who is there', async (t) => {
  const before = await openLocal(0)
  const { bootstrap } = before
  const topic = crypto.randomBytes(32)
  const open = () => {
    const network = new Network(crypto.keyPair(), bootstrap, { announceMs: 200 })
    t.teardown(() => network.close())
    return network
  }
  const host = open()
  host.onConnection(() => {})
  await host.listen()
  await host.announce(topic)
  await open().connect(host.publicKey)
  await before.close()
  const port = Number(bootstrap[0]?.split(':')[1])
  const { close } = await openLocal(port)
  t.teardown(close, { order: 1 })
  while (!(await isThere(open(), host.publicKey))) await sleep(100)
  let isFound = false
  while (!isFound) {
    const visitor = open()
    visitor.onConnection(() => {
      isFound = true
    })
    await visitor.find(topic)
    await visitor.close()
  }
  t.pass()
})

async function isThere(network: Network, key: Uint8Array): Promise<boolean> {
  const is = await network.connect(key).then(
    () => true,
    () => false
  )
  await network.close()
  return is
}
