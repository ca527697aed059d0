import b4a from 'b4a'
import crypto from 'hypercore-crypto'
import Protomux from 'protomux'
import { type Bootstrap, Network } from '../net/network.ts'
import { Rpc } from '../net/rpc.ts'
import { MivmError } from '../protocol/errors.ts'
import { INFO, type InfoReply } from '../protocol/messages.ts'
import type { Exchange } from './exchange.ts'

/**
 * Where clients and auditors of instances meet: on the instances' topics, under a key that is nobody's, and apart from
 * the connections to hosts. To those nobody is connected here: they are whom the others talk about.
 */
export class Meeting {
  readonly #bootstrap: Bootstrap | undefined
  readonly #hosts = new Set<string>()
  readonly #exchanges = new Set<Exchange>()
  #network: Network | null = null
  #closed = false

  constructor(bootstrap: Bootstrap | undefined) {
    this.#bootstrap = bootstrap
  }

  /** Resolves when whoever is there now was tried once. */
  async enter(exchange: Exchange, host: Uint8Array): Promise<void> {
    if (this.#closed) return
    this.#hosts.add(b4a.toString(host, 'hex'))
    this.#network ??= this.#open()
    this.#exchanges.add(exchange)
    for (const stream of this.#network.streams) exchange.join(stream)
    await this.#network.meet(exchange.topic)
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
    const network = new Network(crypto.keyPair(), this.#bootstrap, { deny, isPatient: true })
    network.onConnection((stream) => {
      for (const exchange of this.#exchanges) exchange.join(stream)
      // who looks for the host finds us as well, and maybe only us
      new Rpc(Protomux.from(stream)).respond(INFO, async ({ address }) => this.#info(address))
    })
    return network
  }
}
