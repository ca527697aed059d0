import b4a from 'b4a'
import crypto from 'hypercore-crypto'
import Protomux from 'protomux'
import { type Bootstrap, Network } from '../net/network.ts'
import { Rpc } from '../net/rpc.ts'
import { MivmError } from '../protocol/errors.ts'
import { INFO, type InfoReply } from '../protocol/messages.ts'
import type { Exchange } from './exchange.ts'

/**
 * Others of an instance whom a caller goes to, as many as the peers of a Bitcoin node: who has heard something tells all whom it
 * knows, so that it need not know all of them, and each of a thousand callers need not have a thousand connections.
 */
export const CALLER_DIALS = 8

/** Others who may have come to us at a time, for all instances. */
const INBOUND_MAX = 256

/**
 * Where clients and auditors of instances meet: on the instances' topics, under a key that is nobody's, and apart from
 * the connections to hosts. To those nobody is connected here: they are whom the others talk about.
 */
export class Meeting {
  readonly #bootstrap: Bootstrap | undefined
  readonly #dials: number
  readonly #hosts = new Set<string>()
  readonly #exchanges = new Set<Exchange>()
  #network: Network | null = null
  #closed = false

  /** `dials`: how many others of an instance it goes to; as many come to it as want to. */
  constructor(bootstrap: Bootstrap | undefined, dials = Number.POSITIVE_INFINITY) {
    this.#bootstrap = bootstrap
    this.#dials = dials
  }

  /** Resolves when whoever is there now was tried once. */
  async enter(exchange: Exchange, host: Uint8Array): Promise<void> {
    if (this.#closed) return
    this.#hosts.add(b4a.toString(host, 'hex'))
    this.#network ??= this.#open()
    this.#exchanges.add(exchange)
    this.#network.dialsMax = this.#dials * this.#exchanges.size
    for (const stream of this.#network.streams) exchange.join(stream)
    await this.#network.meet(exchange.topic)
  }

  /** Nobody finds it there any more by that instance. */
  async leave(exchange: Exchange): Promise<void> {
    // first: the same instance may be entered again meanwhile
    const isThere = this.#exchanges.delete(exchange)
    const parting = isThere ? this.#network?.part(exchange.topic) : undefined
    await exchange.close()
    await parting
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#exchanges].map((exchange) => exchange.close()))
    await this.#network?.close()
  }

  #info(address: Uint8Array): InfoReply {
    for (const { subject, newest } of this.#exchanges) {
      if (newest === null || !b4a.equals(subject.address, address)) continue
      return { genesis: subject.genesis, methods: [], head: newest }
    }
    throw new MivmError('INSTANCE_UNKNOWN', 'nothing is known here of that instance: ask its host')
  }

  #open(): Network {
    const deny = (key: Uint8Array) => this.#hosts.has(b4a.toString(key, 'hex'))
    const network = new Network(crypto.keyPair(), this.#bootstrap, {
      deny,
      isPatient: true,
      inboundMax: INBOUND_MAX
    })
    network.onConnection((stream) => {
      for (const exchange of this.#exchanges) exchange.join(stream)
      // who looks for the host finds us as well, and maybe only us
      new Rpc(Protomux.from(stream)).respond(INFO, async ({ address }) => this.#info(address))
    })
    return network
  }
}
