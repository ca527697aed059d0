import b4a from 'b4a'
import Protomux from 'protomux'
import type { Network } from '../net/network.ts'
import { Rpc } from '../net/rpc.ts'
import { decodeEntry, type Genesis } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { encodeId } from '../protocol/ids.ts'
import { addressOf, topicOf } from '../protocol/manifest.ts'
import { INFO } from '../protocol/messages.ts'

/** How long whoever announces an instance has to answer, ms. */
const WAIT = 10_000

/**
 * Asks whoever announces an instance, its host or others who use it, for its genesis, which names the host; throws
 * INSTANCE_UNKNOWN.
 */
export async function locate(network: Network, address: Uint8Array): Promise<Genesis> {
  const { promise: found, resolve } = Promise.withResolvers<Genesis>()
  const stop = network.onConnection((stream) => {
    const rpc = new Rpc(Protomux.from(stream))
    rpc
      .request(INFO, { address }, WAIT / 2)
      // anybody can announce a topic: an answer that is not the instance's is none
      .then(({ genesis }) => resolve(checkGenesis(address, genesis)))
      .catch(() => {})
  })
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
