import path from 'node:path'
import type Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import { type Bootstrap, checkBootstrap, Network } from '../net/network.ts'
import { MivmError } from '../protocol/errors.ts'
import { checkGiven, directory, duration, given, needed, TIMER_MAX } from '../protocol/fields.ts'
import { decodeId, encodeId, formatLink, parseLink } from '../protocol/ids.ts'
import { INFO, PROVE, readStatus, STATUS } from '../protocol/messages.ts'
import { encodeReceipt, type Receipt, verifyReceipt } from '../protocol/receipt.ts'
import { decodeValue, encodeArgs, type Value } from '../protocol/values.ts'
import { EvidenceDir } from '../state/evidence-dir.ts'
import { fileError } from '../state/file-error.ts'
import { checkIdentity, type Identity, openIdentity } from '../state/identity.ts'
import { makeDirectory } from '../state/make-directory.ts'
import { closeStore, openStore } from '../state/store.ts'
import { Wal } from '../state/wal.ts'
import {
  type AnyContract,
  type CallPromise,
  type ContractObject,
  callPromise,
  contractObject,
  type Undelivered
} from './contract.ts'
import { type DeployOptions, deploy } from './deploy.ts'
import { KnownInstances } from './known-instances.ts'
import { locate } from './locate.ts'
import { CALLER_DIALS, Meeting } from './meeting.ts'
import type { Done } from './pending.ts'
import { Remote } from './remote.ts'
import { resultValue } from './result.ts'
import { clientClosed } from './session.ts'
import { type Calling, Sessions } from './sessions.ts'
import { StateReader } from './state-reader.ts'

export interface ClientOptions {
  /** The data directory: keys, and one store an identity. */
  readonly dir: string
  readonly bootstrap?: Bootstrap | undefined
  /** An identity, or the name of one, created where there is none; default `default`. */
  readonly identity?: Identity | string
  /** How long a call waits for its result, ms; default 60 s. It stays in the log and is delivered later. */
  readonly timeout?: number | undefined
}

const OPTIONS = {
  dir: needed(directory),
  bootstrap: given(),
  identity: given(),
  timeout: duration(0)
}

const TIMEOUT = 60_000

const TAKE_BACK =
  'move it away: each host gives your log back before the next call there, but for calls that have not reached it yet'

/** Calls contracts, as one identity. One client an identity and directory at a time. */
export class Client {
  /** The identity's key, z-base-32: what contracts see as `caller.id`. */
  readonly id: string
  readonly #network: Network
  readonly #remotes = new Map<string, Remote>()
  readonly #readers = new Map<string, StateReader>()
  readonly #calling: Calling
  readonly #meeting: Meeting
  readonly #sessions: Sessions
  #closing: Promise<void> | null = null

  private constructor(
    identity: Identity,
    dir: string,
    store: Corestore,
    network: Network,
    options: ClientOptions
  ) {
    const timeout = Math.min(options.timeout ?? TIMEOUT, TIMER_MAX)
    const known = new KnownInstances(path.join(dir, 'instances'), async (host, address) => {
      const owner = host ?? (await locate(network, address)).host
      const info = await this.#remote(owner).ask(INFO, { address }, timeout)
      return { host: owner, info }
    })
    this.id = identity.id
    this.#network = network
    this.#calling = {
      keyPair: identity.keyPair,
      store,
      wal: new Wal(store.storage.rocks),
      known,
      timeout,
      remote: (host) => this.#remote(host)
    }
    this.#meeting = new Meeting(options.bootstrap, CALLER_DIALS)
    this.#sessions = new Sessions(this.#calling, new EvidenceDir(options.dir), this.#meeting)
  }

  /** Throws DIRECTORY_LOCKED where another client has this identity open. */
  static async open(options: ClientOptions): Promise<Client> {
    checkGiven(options, OPTIONS, 'the options of the client')
    checkBootstrap(options.bootstrap)
    return Client.#open(options).catch((error) => {
      throw fileError(error)
    })
  }

  static async #open(options: ClientOptions): Promise<Client> {
    const { identity = 'default' } = options
    const keys = path.join(options.dir, 'keys')
    const self =
      typeof identity === 'string' ? await openIdentity(keys, identity) : checkIdentity(identity)
    const dir = path.join(options.dir, 'users', self.name)
    await makeDirectory(path.join(dir, 'instances'))
    const store = await openStore(path.join(dir, 'store'), { advice: TAKE_BACK }).catch((error) => {
      throw inUse(error, self.name)
    })
    // not the identity's key: who calls is proven by the log, and two clients of one identity do not shut each other out
    const network = new Network(crypto.keyPair(), options.bootstrap)
    return new Client(self, dir, store, network, options)
  }

  /**
   * Deploys a contract on a host and returns its address and link. Throws DEPLOY_FAILED and CODE_* for what is wrong
   * with the contract, DEPLOY_DENIED, HOST_UNKNOWN.
   */
  deploy(options: DeployOptions): Promise<{ address: string; link: string }> {
    return this.#whileOpen(async () => {
      const deployed = await deploy(this.#calling, this.#sessions, options)
      return { address: encodeId(deployed.address), link: formatLink(deployed) }
    })
  }

  /** The functions of an instance, by address or link; throws INSTANCE_UNKNOWN, HOST_UNKNOWN. */
  async connect<T extends object = AnyContract>(instance: string): Promise<ContractObject<T>> {
    const address = await this.#whileOpen(() => this.#resolve(instance))
    const { methods } = this.#calling.known.get(address)
    return contractObject(methods, (method, args) => this.#call(async () => address, method, args))
  }

  /** Calls any method by name; throws ContractError for what the contract threw. */
  call(instance: string, method: string, args: readonly unknown[] = []): CallPromise {
    return this.#call(() => this.#resolve(instance), method, args)
  }

  /**
   * Goes on with the calls to an instance that have no result yet, and that nobody waits for: those of earlier runs, and
   * those that were given up. In the order in which they were made; the host executes them in no other.
   */
  async deliver(instance: string): Promise<Undelivered[]> {
    const since = performance.now()
    const { address, session } = await this.#whileOpen(async () =>
      this.#sessionOf(await this.#resolve(instance))
    )
    const late = await session.deliver(since)
    return late.map(({ call: { method, args }, done }) => {
      const result = this.#promise(done.then((it) => ({ address, ...it })))
      result.catch(() => {})
      return { method, args: argumentsOf(args), result }
    })
  }

  /** The state archive of an instance, read from its host or whoever serves it. */
  state(instance: string): StateReader {
    const { address } = parseLink(instance)
    const id = encodeId(address)
    let reader = this.#readers.get(id)
    if (reader === undefined) {
      const { store, known } = this.#calling
      reader = new StateReader(store, async () => {
        await this.#resolve(instance)
        const { host } = known.get(address)
        await this.#remote(host).replicate()
        return { host, address }
      })
      this.#readers.set(id, reader)
    }
    return reader
  }

  /** Calls that are written and have no result yet, over all instances used by this client so far. */
  pendingCalls(): Promise<number> {
    return this.#sessions.pendingCalls()
  }

  /** What the host says of itself; throws HOST_UNKNOWN, TIMEOUT, REQUEST_INVALID. */
  async status(host: string): Promise<unknown> {
    return this.#whileOpen(async () => {
      const remote = this.#remote(decodeId(host, 'host key'))
      return readStatus(await remote.ask(STATUS, { verbose: false }, 10_000))
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    await this.#sessions.close(async () => {
      for (const remote of this.#remotes.values()) remote.close()
      await Promise.all([this.#meeting.close(), this.#network.close()])
    })
    const { wal, store } = this.#calling
    await wal.close()
    await closeStore(store)
  }

  #call(find: () => Promise<Uint8Array>, method: string, args: readonly unknown[]): CallPromise {
    const since = performance.now()
    const done = (async () => {
      // first, since the caller may go on to change them
      const text = encodeArgs(args)
      const { address, session } = await this.#whileOpen(async () => this.#sessionOf(await find()))
      return { address, ...(await session.call(method, text, since)) }
    })()
    return this.#promise(done)
  }

  async #sessionOf(address: Uint8Array) {
    return { address, session: await this.#sessions.of(address) }
  }

  #promise(done: Promise<Done & { address: Uint8Array }>): CallPromise {
    return callPromise(
      done.then(({ result }) => resultValue(result)),
      async () => (await done).result.fuel,
      async () => {
        const known = await done
        return this.#whileOpen(() => this.#receipt(known))
      }
    )
  }

  async #receipt({ address, entry }: Done & { address: Uint8Array }): Promise<Receipt> {
    const { keyPair, known, timeout } = this.#calling
    const { host, genesis } = known.get(address)
    const question = { address, user: keyPair.publicKey, entry }
    const { proof } = await this.#remote(host).ask(PROVE, question, timeout)
    const receipt = verifyReceipt(encodeReceipt(genesis, proof))
    // it has a head like any other
    await this.#sessions.weigh(address, { head: receipt.head, proof })
    return receipt
  }

  /** What is closed would say so in words of its own, one for each thing that is asked. */
  #refuseWhenClosed(): void {
    if (this.#closing !== null) throw clientClosed()
  }

  /** Does what ends in an error of ours also where this is closed meanwhile. */
  async #whileOpen<T>(fn: () => Promise<T>): Promise<T> {
    this.#refuseWhenClosed()
    try {
      return await fn()
    } catch (error) {
      this.#refuseWhenClosed()
      throw fileError(error)
    }
  }

  #remote(host: Uint8Array): Remote {
    this.#refuseWhenClosed()
    const id = encodeId(host)
    let remote = this.#remotes.get(id)
    if (remote === undefined) {
      const { store, timeout } = this.#calling
      remote = new Remote(this.#network, store, host, timeout)
      this.#remotes.set(id, remote)
    }
    return remote
  }

  async #resolve(instance: string): Promise<Uint8Array> {
    this.#refuseWhenClosed()
    const { host, address } = parseLink(instance)
    const asking = this.#calling.known.find(host, address)
    if (asking !== null) await asking
    return address
  }
}

/** Another directory, which is where a host may go, would write the log of that identity a second time. */
function inUse(error: unknown, name: string): unknown {
  if (!(error instanceof MivmError) || error.code !== 'DIRECTORY_LOCKED') return error
  return new MivmError(
    'DIRECTORY_LOCKED',
    `the identity "${name}" is in use by another client in this directory: wait for that one, or call as another identity`
  )
}

/** From the text form of the array, as the user's own log has it. */
function argumentsOf(text: string): Value[] {
  const args = decodeValue(text)
  return Array.isArray(args) ? args : []
}
