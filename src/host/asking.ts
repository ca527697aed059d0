import { setTimeout as sleep } from 'node:timers/promises'
import crypto from 'hypercore-crypto'
import Protomux from 'protomux'
import { HeadsChannel } from '../net/heads-channel.ts'
import { type Bootstrap, Network } from '../net/network.ts'
import { Rpc } from '../net/rpc.ts'
import { unlessAborted } from '../protocol/deferred.ts'
import type { Head } from '../protocol/head.ts'
import { topicOf } from '../protocol/manifest.ts'
import { INFO } from '../protocol/messages.ts'

/** How long those who were found have to say what they hold, ms. */
const HEAR_MS = 1_500
/** How long somebody is tried who may have gone without a word, ms. */
const CONNECT_MS = 4_000
/** The same for all that they are asked, which is so much at a time, ms. */
const ASK_MS = 30_000
/** Topics that are looked for at once. */
const FIND_MAX = 16

/**
 * Asks whoever knows an instance for the newest head of it: users and auditors that are there, and mirrors. Under a key
 * of its own, since nobody lets its host in where they meet. `onHead` is told all that they say, of which nothing is
 * verified. Resolves when those who could be found were heard, or on `stop`; false where there was no network to find
 * anybody in.
 */
export async function askOthers(
  addresses: readonly Uint8Array[],
  bootstrap: Bootstrap | undefined,
  stop: AbortSignal,
  onHead: (address: Uint8Array, head: Head) => Promise<void>
): Promise<boolean> {
  if (addresses.length === 0) return true
  if (stop.aborted) return false
  const network = new Network(crypto.keyPair(), bootstrap)
  const asked: Promise<void>[] = []
  const heard = new Set<Promise<void>>()
  const hear = (address: Uint8Array, head: Head) => {
    heard.add(onHead(address, head).catch(() => {}))
  }
  network.onConnection((stream) => {
    const rpc = new Rpc(Protomux.from(stream))
    for (const address of addresses) {
      HeadsChannel.open(
        stream,
        topicOf(address),
        listenerOf((head) => hear(address, head))
      )
      const asking = rpc.request(INFO, { address }, HEAR_MS).then(
        ({ head }) => hear(address, head),
        () => {}
      )
      asked.push(asking)
    }
  })
  const find = async () => {
    for (let i = 0; i < addresses.length; i += FIND_MAX) {
      const some = addresses.slice(i, i + FIND_MAX)
      await Promise.all(some.map((address) => network.find(topicOf(address))))
    }
    await sleep(HEAR_MS, undefined, { ref: false })
    await Promise.race([Promise.all(asked), sleep(ASK_MS, undefined, { ref: false })])
    await Promise.all(heard)
  }
  try {
    await unlessAborted(stop, find())
    return network.isConnected
  } finally {
    await network.close()
  }
}

/**
 * Whether somebody is there under a key, which nobody is but those who have it; null where there was no network to find
 * anybody in.
 */
export async function isAnybody(
  publicKey: Uint8Array,
  bootstrap?: Bootstrap
): Promise<boolean | null> {
  const network = new Network(crypto.keyPair(), bootstrap)
  try {
    await network.connect(publicKey, CONNECT_MS)
    return true
  } catch {
    return network.isConnected ? false : null
  } finally {
    await network.close()
  }
}

/** Asks in rounds: about all that has come while the round before was under way. */
export class Rounds {
  readonly #ask: (ids: readonly string[]) => Promise<unknown>
  readonly #ids = new Set<string>()
  #running: Promise<unknown> = Promise.resolve()
  #next: Promise<unknown> | null = null

  /** `ask` does not reject. */
  constructor(ask: (ids: readonly string[]) => Promise<unknown>) {
    this.#ask = ask
  }

  /** Resolves when it was asked about. */
  about(id: string): Promise<unknown> {
    this.#ids.add(id)
    this.#next ??= this.#running.then(() => {
      this.#next = null
      const ids = [...this.#ids]
      this.#ids.clear()
      this.#running = this.#ask(ids)
      return this.#running
    })
    return this.#next
  }
}

function listenerOf(onHead: (head: Head) => void) {
  const nothing = () => {}
  return {
    onOpen: nothing,
    onHead,
    onAsk: nothing,
    onProof: nothing,
    onEvidence: nothing,
    onClose: nothing
  }
}
