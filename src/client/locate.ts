import type SecretStream from '@hyperswarm/secret-stream'
import b4a from 'b4a'
import Protomux from 'protomux'
import type { Network } from '../net/network.ts'
import { Rpc } from '../net/rpc.ts'
import { decodeEntry, type Genesis } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { verifyHead } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { addressOf, topicOf } from '../protocol/manifest.ts'
import { INFO, type InfoReply } from '../protocol/messages.ts'

/** How long whoever announces an instance has to answer, ms. */
const WAIT = 10_000

/**
 * Asks whoever announces an instance, its host or others who use it, for its genesis, which names the host; throws
 * INSTANCE_UNKNOWN.
 */
export async function locate(network: Network, address: Uint8Array): Promise<Genesis> {
  const { promise: found, resolve } = Promise.withResolvers<Genesis>()
  const ask = (stream: SecretStream) => {
    Rpc.of(Protomux.from(stream))
      .request(INFO, { address }, WAIT / 2)
      // anybody can announce a topic: an answer that is not the instance's is none
      .then(({ genesis }) => resolve(checkGenesis(address, genesis)))
      .catch(() => {})
  }
  const stop = network.onConnection(ask)
  // who is found on two topics is connected once
  for (const stream of network.streams) ask(stream)
  // users and auditors are there as well, and some of them have gone without a word
  network.find(topicOf(address)).catch(() => {})
  const genesis = await Promise.race([found, sleep(WAIT)])
  stop()
  await network.leave(topicOf(address))
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
  const { promise: found, resolve } = Promise.withResolvers<InfoReply | null>()
  const asked: Promise<void>[] = []
  const ask = async (stream: SecretStream) => {
    const info = await Rpc.of(Protomux.from(stream)).request(INFO, { address }, WAIT / 2)
    const { host } = checkGenesis(address, info.genesis)
    // users answer as well, who have no logs to show: they know of no methods
    if (info.methods.length > 0 && verifyHead(info.head, address, host)) resolve(info)
  }
  const stop = network.onConnection((stream) => {
    asked.push(ask(stream).catch(() => {}))
  })
  for (const stream of network.streams) asked.push(ask(stream).catch(() => {}))
  const tried = network.find(topicOf(address)).then(() => Promise.all(asked))
  tried.then(
    () => resolve(null),
    () => resolve(null)
  )
  const info = await found
  stop()
  return info
}

/** Reads the genesis of an instance. Its address commits to it, so nobody can show another one: PROOF_INVALID. */
export function checkGenesis(address: Uint8Array, block: Uint8Array): Genesis {
  const genesis = decodeEntry(block)
  if (genesis.type === 'genesis' && b4a.equals(addressOf(genesis.host, block), address))
    return genesis
  throw new MivmError('PROOF_INVALID', `what was sent is not the genesis of ${encodeId(address)}`)
}

function sleep(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(resolve, ms, null).unref())
}
