import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type SecretStream from '@hyperswarm/secret-stream'
import b4a from 'b4a'
import type { KeyPair } from 'hypercore-crypto'
import DHT, { type Server } from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import Hyperswarm, { type Discovery } from 'hyperswarm'
import { MivmError, messageOf } from '../protocol/errors.ts'
import { Inbound } from './inbound.ts'
import { LOCAL_PORT } from './local-port.ts'
import { endSlow } from './slow.ts'

/** `host:port` of nodes to enter the network through; none for the public one. */
export type Bootstrap = readonly string[]

/**
 * Throws USAGE for what is no list of nodes. Whoever opens a store as well asks this first: one that is left open keeps its
 * directory locked as long as the process lasts.
 */
export function checkBootstrap(bootstrap: Bootstrap | undefined): void {
  if (bootstrap === undefined) return
  if (!Array.isArray(bootstrap)) {
    throw new MivmError('USAGE', `bootstrap is ${typeof bootstrap}: give an array of host:port`)
  }
  for (const node of bootstrap) parseNode(String(node))
}

/** Connections by topics that we open at most. */
const DIALS_MAX = 64

export interface NetworkOptions {
  /** To whose keys there shall be no connection by a topic; default: nobody's. */
  readonly deny?: (publicKey: Uint8Array) => boolean
  /**
   * Nobody waits for the peers, and who is gone may be noticed late: with many of them, most messages would say no more than
   * that somebody is still there.
   */
  readonly isPatient?: boolean
  /** Connections that others open, at a time; default: any number. */
  readonly inboundMax?: number
  /** How often what is announced in a network of one's own is announced again, ms. */
  readonly announceMs?: number
}

/**
 * A peer's place in the network: connects to other keys, is found under its own and on topics. Streams are
 * Noise-encrypted and bound to both keys.
 */
export class Network {
  readonly #swarm: Hyperswarm
  readonly #keyPair: KeyPair
  /** A peer that says nothing for so long is gone, ms; it says something four times as often. */
  readonly #silenceMax: number
  /** For what is announced and looked at again. */
  readonly #timers = new Set<NodeJS.Timeout>()
  /** What is looked for until the end, by topic in hex. */
  readonly #finding = new Map<string, Discovery>()
  /** Where others are met, by topic in hex. */
  readonly #meeting = new Map<string, Discovery>()
  /** What it is found on until the end, by topic in hex. */
  readonly #announced = new Map<string, Discovery>()
  /** Null in the public network. */
  readonly #announceMs: number | null
  #closed = false

  constructor(
    keyPair: KeyPair,
    bootstrap?: Bootstrap,
    {
      deny = () => false,
      isPatient = false,
      inboundMax = Number.POSITIVE_INFINITY,
      announceMs = ANNOUNCE_MS
    }: NetworkOptions = {}
  ) {
    this.#keyPair = keyPair
    this.#announceMs = bootstrap === undefined ? null : announceMs
    this.#silenceMax = isPatient ? PATIENCE_MS : isLoopback(bootstrap) ? 2_000 : 8_000
    const dht = new DHT({
      keyPair,
      ...(bootstrap === undefined ? {} : { bootstrap: bootstrap.map(parseNode) }),
      // on loopback nobody is behind a firewall, and a node that thinks it is punches holes until the stream dies
      ...(isLoopback(bootstrap) ? { host: '127.0.0.1', firewalled: false } : {})
    })
    // as it is, whoever opens 64 connections to us keeps us from opening any
    const maxPeers = Number.POSITIVE_INFINITY
    this.#swarm = new Hyperswarm({ keyPair, dht, firewall: deny, maxPeers })
    this.dialsMax = DIALS_MAX
    const inbound = new Inbound(inboundMax)
    // who takes any number of them in has bounds of its own
    if (Number.isFinite(inboundMax)) {
      const sweep = () => endSlow(this.#swarm.connections, SLOW_BYTES_MAX, performance.now())
      this.#timers.add(setInterval(sweep, SWEEP_MS).unref())
    }
    this.#swarm.on('connection', (stream) => {
      // also one that opens when nobody listens any more: whoever resets it would end this process
      this.#tend(stream)
      if (!stream.isInitiator) inbound.add(stream)
    })
  }

  get publicKey(): Uint8Array {
    return this.#keyPair.publicKey
  }

  /** Whether any node of the network has answered. */
  get isConnected(): boolean {
    return this.#swarm.dht.toArray().length > 0
  }

  /** Returns what ends it. */
  onConnection(listener: (stream: SecretStream) => void): () => void {
    this.#swarm.on('connection', listener)
    return () => this.#swarm.off('connection', listener)
  }

  /** Connections by topics that are there now. */
  get streams(): readonly SecretStream[] {
    return [...this.#swarm.connections]
  }

  /** How many connections by topics we open at most, whatever others open to us. */
  set dialsMax(count: number) {
    this.#swarm.maxClientConnections = Math.min(count, DIALS_MAX)
  }

  /** Takes connections under our key. */
  async listen(): Promise<Server> {
    const server = await this.#swarm.listen()
    if (this.#announceMs !== null && !this.#closed) this.#announceAgain(this.#announceMs)
    return server
  }

  /** Is found on a topic; resolves when it is announced. */
  async announce(topic: Uint8Array): Promise<void> {
    if (this.#closed) return
    const discovery = this.#swarm.join(topic, { server: true, client: false })
    this.#announced.set(b4a.toString(topic, 'hex'), discovery)
    await discovery.flushed()
  }

  /** Connects to whoever announces a topic; the streams come to `onConnection`. Returns when all were tried once. */
  async find(topic: Uint8Array): Promise<void> {
    const id = b4a.toString(topic, 'hex')
    const finding = this.#finding.get(id)
    // whoever looks again and again, for weeks, leaves nothing behind each time
    if (finding !== undefined) finding.refresh().catch(() => {})
    else this.#finding.set(id, this.#swarm.join(topic, { server: false, client: true }))
    await this.#tried()
  }

  /** The same until what it returns is called. This peer is found there itself as before. */
  look(topic: Uint8Array): () => Promise<void> {
    if (this.#closed) return async () => {}
    const looking = this.#swarm.join(topic, { server: false, client: true })
    return () => looking.destroy()
  }

  /**
   * Is found on a topic by others who meet there, and connects to them; resolves when all that are there now were tried
   * once. Who has come at the same moment is found when it is looked for again.
   */
  async meet(topic: Uint8Array): Promise<void> {
    if (this.#closed) return
    const id = b4a.toString(topic, 'hex')
    const discovery = this.#swarm.join(topic, { server: true, client: true })
    this.#meeting.set(id, discovery)
    for (const ms of LOOK_AGAIN_MS) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        if (!this.#closed && this.#meeting.get(id) === discovery)
          discovery.refresh().catch(() => {})
      }, ms).unref()
      this.#timers.add(timer)
    }
    await discovery.flushed()
    await this.#tried()
  }

  /** Meets nobody there any more; who is connected stays so. */
  async part(topic: Uint8Array): Promise<void> {
    const id = b4a.toString(topic, 'hex')
    const discovery = this.#meeting.get(id)
    this.#meeting.delete(id)
    await discovery?.destroy()
  }

  /** A stream to the peer with that key; throws HOST_UNKNOWN where it cannot be reached in time. */
  async connect(publicKey: Uint8Array, timeout = 10_000): Promise<SecretStream> {
    // the address that the peer had before it went away: asked first, it would cost seconds
    this.#swarm.dht._relayAddressesCache.clear()
    // a key of its own, so that the peer does not take the stream for a second one beside one that is dead
    const stream = this.#swarm.dht.connect(publicKey, { keyPair: DHT.keyPair() })
    this.#tend(stream)
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        stream.once('open', resolve)
        stream.once('error', reject)
        stream.once('close', () => reject(new Error('the peer closed the connection')))
        timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout)
      })
      return stream
    } catch (error) {
      stream.destroy()
      const why = messageOf(error)
      throw new MivmError(
        'HOST_UNKNOWN',
        `the host cannot be reached (${why}): check its id, that it runs, and --local or --bootstrap`
      )
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resolves when all who were found were tried once, or after a while: who has gone without a word is tried for long. */
  async #tried(): Promise<void> {
    await Promise.race([this.#swarm.flush(), sleep(TRIED_MS, undefined, { ref: false })])
  }

  /**
   * A network of a few nodes may lose all of them at once, and with them what was announced: that of `--local` is in the process of
   * one host, which may be started again. The library by itself announces again after minutes.
   */
  #announceAgain(ms: number): void {
    const timer = setInterval(() => {
      this.#swarm.server.refresh()
      // of thousands of topics some at a time, in turns
      for (const [id, discovery] of [...this.#announced].slice(0, TOPICS_AGAIN)) {
        this.#announced.delete(id)
        this.#announced.set(id, discovery)
        discovery.refresh().catch(() => {})
      }
    }, ms).unref()
    this.#timers.add(timer)
  }

  #tend(stream: SecretStream): void {
    // whoever uses several instances listens for the end of a stream once for each of them
    stream.setMaxListeners(0)
    stream.on('error', () => {})
    stream.setKeepAlive(this.#silenceMax / 4)
    stream.setTimeout(this.#silenceMax)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    const { server, dht } = this.#swarm
    // its own key first: what is said of thousands of topics waits for its turn, so much a second and no more
    const left = Promise.allSettled([server.close(), this.#swarm.clear()])
    // where nobody has answered nobody hears a good-bye, and the library waits for answers until they are late
    if (this.isConnected) await Promise.race([left, sleep(GOODBYE_MS, undefined, { ref: false })])
    // waits for the good-byes of its own key, which with the sockets gone may never end: nobody waits for it
    this.#swarm.destroy({ force: true }).catch(() => {})
    await dht.destroy({ force: true })
  }
}

/** The network of one machine: three nodes on loopback in this process, or the ones that another process runs there. */
export async function openLocal(port: number = LOCAL_PORT): Promise<{
  readonly bootstrap: Bootstrap
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}> {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new MivmError('USAGE', `${String(port)} is not a port: give a number up to 65535, or 0`)
  }
  // fewer nodes than three let a connection by key hang
  const testnet = await createTestnet(3, { host: '127.0.0.1', port })
  const [first] = testnet.bootstrap
  if (port === 0 || first?.port === port) {
    const bootstrap = testnet.bootstrap.map((node) => `${node.host}:${node.port}`)
    const close = () => testnet.destroy()
    return { bootstrap, close, [Symbol.asyncDispose]: close }
  }
  // the port was taken, so there is such a network on this machine already
  await testnet.destroy()
  const close = async () => {}
  return { bootstrap: [`127.0.0.1:${port}`], close, [Symbol.asyncDispose]: close }
}

/** What a patient network takes for the end of a peer, ms: firewalls forget a way that is not used for longer. */
const PATIENCE_MS = 20_000
/** Bytes of messages that have begun and do not go on, of all who came to us; how often it is looked, ms. */
const SLOW_BYTES_MAX = 64 * 1024 * 1024
const SWEEP_MS = 500
const GOODBYE_MS = 2_000
const TRIED_MS = 5_000
const ANNOUNCE_MS = 10_000
const TOPICS_AGAIN = 8
/** When a topic is looked at again, beside every ten minutes as the library does. */
const LOOK_AGAIN_MS = [2_000, 10_000, 60_000]

function parseNode(text: string): { host: string; port: number } {
  const match = /^(.+):(\d{1,5})$/.exec(text.trim())
  const [, host = '', port = ''] = match ?? []
  if (match === null || Number(port) > 65_535) {
    throw new MivmError('USAGE', `"${text}" is not a bootstrap node: expected host:port`)
  }
  return { host, port: Number(port) }
}

function isLoopback(bootstrap?: Bootstrap): boolean {
  const hosts = bootstrap?.map((text) => parseNode(text).host) ?? []
  return hosts.length > 0 && hosts.every((host) => isIP(host) === 4 && host.startsWith('127.'))
}
