import test from 'brittle'
import crypto from 'hypercore-crypto'
import { Network, openLocal } from '../src/net/network.ts'
import { encodeId } from '../src/protocol/ids.ts'

const PEERS = 7
const DIALS = 2

test('network - of those who meet each goes to so many, and all are reached', async (t) => {
  const { bootstrap, close } = await openLocal(0)
  t.teardown(close, { order: 1 })
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
