import { setTimeout as sleep } from 'node:timers/promises'
import type SecretStream from '@hyperswarm/secret-stream'
import Protomux from 'protomux'
import type { Network } from '../net/network.ts'
import { Rpc } from '../net/rpc.ts'
import { deferred } from '../protocol/deferred.ts'
import type { Genesis } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { checkGenesis } from '../protocol/genesis.ts'
import { verifyHead } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { topicOf } from '../protocol/manifest.ts'
import { INFO, type InfoReply } from '../protocol/messages.ts'

/** How long whoever announces an instance has to answer, ms. */
const WAIT = 10_000

/**
 * Asks whoever announces an instance, its host or others who use it, for its genesis, which names the host; throws
 * INSTANCE_UNKNOWN.
 */
export async function locate(network: Network, address: Uint8Array): Promise<Genesis> {
  const { promise: found, resolve } = deferred<Genesis>()
  const ask = (stream: SecretStream) => {
    // anybody can announce a topic: an answer that is not the instance's is none
    const isServer = (info: InfoReply) => {
      resolve(checkGenesis(address, info.genesis))
      return info.methods.length > 0
    }
    void askOne(stream, address, isServer)
  }
  const stop = network.onConnection(ask)
  // who is found on two topics is connected once
  for (const stream of network.streams) ask(stream)
  // users and auditors are there as well, and some of them have gone without a word
  const leave = network.look(topicOf(address))
  const genesis = await Promise.race([found, sleep(WAIT, null, { ref: false })])
  stop()
  await leave()
  if (genesis !== null) return genesis
  throw new MivmError(
    'INSTANCE_UNKNOWN',
    `nobody serves ${encodeId(address)}: give the link mivm://<host>/<address>, and check --local or --bootstrap`
  )
}

/**
 * What somebody else who serves an instance says of it; null where nobody does who can be found. Stays connected to all
 * who were found.
 */
export async function findServer(network: Network, address: Uint8Array): Promise<InfoReply | null> {
  const { promise: found, resolve } = deferred<InfoReply | null>()
  const asked: Promise<void>[] = []
  const ask = (stream: SecretStream) => {
    // users answer as well, who have no logs to show: they know of no methods
    const isServer = (info: InfoReply) => {
      const { host } = checkGenesis(address, info.genesis)
      if (info.methods.length === 0 || !verifyHead(info.head, address, host)) return false
      resolve(info)
      return true
    }
    asked.push(askOne(stream, address, isServer))
  }
  const stop = network.onConnection(ask)
  for (const stream of network.streams) ask(stream)
  const tried = network.find(topicOf(address)).then(() => Promise.all(asked))
  tried.then(
    () => resolve(null),
    () => resolve(null)
  )
  const info = await found
  stop()
  return info
}

/** What was asked of whom, over all instances that are looked for. */
const ASKED = new WeakMap<SecretStream, { asking: number; isServer: boolean }>()

/**
 * Asks one of those who were found. Who serves nothing that is looked for has to go: there are so many connections at a time, and
 * whoever does serve it may be behind those that are there.
 */
async function askOne(
  stream: SecretStream,
  address: Uint8Array,
  isServer: (info: InfoReply) => boolean
): Promise<void> {
  const peer = ASKED.get(stream) ?? { asking: 0, isServer: false }
  ASKED.set(stream, peer)
  peer.asking++
  try {
    const rpc = Rpc.of(Protomux.from(stream))
    const is = isServer(await rpc.request(INFO, { address }, WAIT / 2))
    peer.isServer ||= is
  } catch {
    // it says nothing, or something else
  }
  peer.asking--
  if (peer.asking === 0 && !peer.isServer && stream.isInitiator) stream.destroy()
}
