import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import type Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import { type Bootstrap, checkBootstrap, Network } from '../net/network.ts'
import { contradiction, subjectOf } from '../protocol/comparison.ts'
import { checkLimits, encodeEntry, encodeUserEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import {
  bytes,
  checkGiven,
  directory,
  duration,
  given,
  needed,
  record
} from '../protocol/fields.ts'
import { codeHash } from '../protocol/hash.ts'
import type { Head } from '../protocol/head.ts'
import { decodeId, encodeId, formatLink, parseLink } from '../protocol/ids.ts'
import type { LimitName } from '../protocol/limits.ts'
import { addressOf } from '../protocol/manifest.ts'
import { CONSISTENCY, DEPLOY, INFO, LENGTHS_MAX, PROVE, STATUS } from '../protocol/messages.ts'
import { encodeReceipt, type Receipt, verifyReceipt } from '../protocol/receipt.ts'
import { decodeValue, encodeArgs, type Value } from '../protocol/values.ts'
import { EvidenceDir } from '../state/evidence-dir.ts'
import { fileError } from '../state/file-error.ts'
import { checkIdentity, type Identity, openIdentity } from '../state/identity.ts'
import { makeDirectory } from '../state/make-directory.ts'
import { closeStore, openStore } from '../state/store.ts'
import { Wal } from '../state/wal.ts'
import type { Conflict } from './chain.ts'
import {
  type AnyContract,
  type CallPromise,
  type ContractObject,
  callPromise,
  contractObject,
  type Undelivered
} from './contract.ts'
import { Exchange, twoHistories } from './exchange.ts'
import { KnownInstances } from './known-instances.ts'
import { locate } from './locate.ts'
import { CALLER_DIALS, Meeting } from './meeting.ts'
import { OwnLog } from './own-log.ts'
import type { Done } from './pending.ts'
import { Remote } from './remote.ts'
import { resultValue } from './result.ts'
import { Session } from './session.ts'
import { StateReader } from './state-reader.ts'

export interface ClientOptions {
  /** The data directory: keys, and one store an identity. */
  readonly dir: string
  readonly bootstrap?: Bootstrap
  /** An identity, or the name of one, created where there is none; default `default`. */
  readonly identity?: Identity | string
  /** How long a call waits for its result, ms; default 60 s. It stays in the log and is delivered later. */
  readonly timeout?: number
}

export interface DeployOptions {
  /** z-base-32. */
  readonly host: string
  readonly source: string
  /** Arguments of `init`. */
  readonly args?: readonly unknown[]
  /** 32 bytes; the same deployment with the same salt has the same address. Default: random. */
  readonly salt?: Uint8Array
  readonly limits?: { readonly [name in LimitName]?: number }
}

const OPTIONS = {
  dir: needed(directory),
  bootstrap: given(),
  identity: given(),
  timeout: duration(0)
}
/** What the rest of them may be is said where it is used. */
const DEPLOYMENT = {
  host: given(),
  source: given(),
  args: given(),
  salt: bytes(32),
  limits: record
}

const TIMEOUT = 60_000
/** A timer that is to wait for longer fires at once, ms. */
const TIMEOUT_MAX = 2 ** 31 - 1

/** How long an instance is in use before others who use it are looked for, ms: a single call is over by then. */
const MEET_AFTER = 1_000
/** How long a session that is being opened is waited for when the client is closed, ms. */
const OPENING_WAIT = 1_000
/** For a proof that compares heads, ms. */
const PROOF_WAIT = 10_000

const TAKE_BACK =
  'move it away: each host gives your log back before the next call there, but for calls that have not reached it yet'

/** Calls contracts, as one identity. One client an identity and directory at a time. */
export class Client {
  /** The identity's key, z-base-32: what contracts see as `caller.id`. */
  readonly id: string
  readonly #identity: Identity
  readonly #store: Corestore
  readonly #wal: Wal
  readonly #network: Network
  readonly #timeout: number
  readonly #remotes = new Map<string, Remote>()
  readonly #sessions = new Map<string, Promise<Session>>()
  readonly #known: KnownInstances
  readonly #readers = new Map<string, StateReader>()
  readonly #meeting: Meeting
  readonly #evidence: EvidenceDir
  readonly #exchanges = new Map<string, Exchange>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #closing: Promise<void> | null = null

  private constructor(
    identity: Identity,
    dir: string,
    store: Corestore,
    network: Network,
    options: ClientOptions
  ) {
    this.id = identity.id
    this.#identity = identity
    this.#store = store
    this.#wal = new Wal(store.storage.rocks)
    this.#network = network
    this.#timeout = Math.min(options.timeout ?? TIMEOUT, TIMEOUT_MAX)
    this.#known = new KnownInstances(path.join(dir, 'instances'), async (host, address) => {
      const owner = host ?? (await locate(network, address)).host
      const info = await this.#remote(owner).ask(INFO, { address }, this.#timeout)
      return { host: owner, info }
    })
    this.#meeting = new Meeting(options.bootstrap, CALLER_DIALS)
    this.#evidence = new EvidenceDir(options.dir)
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
    const store = await openStore(path.join(dir, 'store'), { advice: TAKE_BACK })
    // not the identity's key: who calls is proven by the log, and two clients of one identity do not shut each other out
    const network = new Network(crypto.keyPair(), options.bootstrap)
    return new Client(self, dir, store, network, options)
  }

  /**
   * Deploys a contract on a host and returns its address and link. Throws DEPLOY_FAILED and CODE_* for what is wrong
   * with the contract, DEPLOY_DENIED, HOST_UNKNOWN.
   */
  deploy(options: DeployOptions): Promise<{ address: string; link: string }> {
    return this.#whileOpen(() => this.#deploy(options))
  }

  async #deploy(options: DeployOptions): Promise<{ address: string; link: string }> {
    checkGiven(options, DEPLOYMENT, 'the deployment')
    const { source, args = [], salt = crypto.randomBytes(32), limits = {} } = options
    checkSource(source)
    checkLimits(limits)
    const host = decodeId(options.host, 'host key')
    const block = encodeEntry({
      type: 'genesis',
      vm: 'js-1',
      host,
      deployer: this.#identity.keyPair.publicKey,
      salt,
      codeHash: codeHash(source),
      limits
    })
    const address = addressOf(host, block)
    const id = encodeId(address)
    const text = encodeArgs(args)
    // with a salt that was used before the host may hold a log that this machine has lost
    if (options.salt !== undefined) await this.#takeBack(host, address)
    const log = await OwnLog.open(this.#store, this.#wal, this.#identity.keyPair, address)
    try {
      await writeInit(log, text)
      const remote = this.#remote(host)
      // where it was deployed before, and the host does not know it any more; the log may not say yet what the last reply has shown
      const open = await this.#sessions.get(id)?.catch(() => null)
      const head = open?.head ?? (await log.recap()).head
      if (head !== null) await remote.tell({ address, head }, this.#timeout)
      const blocks = await log.blocks(0, 1, 1)
      await remote.ask(DEPLOY, { genesis: block, source, log: blocks }, this.#timeout)
      await this.#known.learn(address, host, await remote.ask(INFO, { address }, this.#timeout))
    } finally {
      await log.close()
    }
    const session = await this.#session(address)
    await session.drained(this.#timeout)
    return { address: id, link: formatLink({ host, address }) }
  }

  /** Has our log of an instance that is deployed already as the host has it. */
  async #takeBack(host: Uint8Array, address: Uint8Array): Promise<void> {
    const asking = this.#remote(host).ask(INFO, { address }, this.#timeout)
    const info = await asking.catch((error: unknown) => {
      if (error instanceof MivmError && error.code === 'INSTANCE_UNKNOWN') return null
      throw error
    })
    if (info === null) return
    await this.#known.learn(address, host, info)
    // it takes back what is missing before anything is written
    await this.#session(address)
  }

  /** The functions of an instance, by address or link; throws INSTANCE_UNKNOWN, HOST_UNKNOWN. */
  async connect<T extends object = AnyContract>(instance: string): Promise<ContractObject<T>> {
    const address = await this.#whileOpen(() => this.#resolve(instance))
    const { methods } = this.#known.get(address)
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
    const { address, session } = await this.#whileOpen(async () =>
      this.#sessionOf(await this.#resolve(instance))
    )
    const late = await session.deliver()
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
      reader = new StateReader(this.#store, async () => {
        await this.#resolve(instance)
        const known = this.#known.get(address)
        await this.#remote(known.host).replicate()
        return { host: known.host, address }
      })
      this.#readers.set(id, reader)
    }
    return reader
  }

  /** Calls that are written and have no result yet, over all instances used by this client so far. */
  async pendingCalls(): Promise<number> {
    const sessions = await Promise.all(this.#sessions.values())
    return sessions.reduce((sum, session) => sum + session.pendingCalls, 0)
  }

  /** What the host says of itself. */
  async status(host: string): Promise<unknown> {
    return this.#whileOpen(async () => {
      const remote = this.#remote(decodeId(host, 'host key'))
      const { json } = await remote.ask(STATUS, { verbose: false }, 10_000)
      return JSON.parse(json)
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
    for (const timer of this.#timers) clearTimeout(timer)
    const sessions: Session[] = []
    const opening = Promise.allSettled(
      [...this.#sessions.values()].map(async (session) => sessions.push(await session))
    )
    // those that ask what a host has of their log may have to wait as long as a call does
    await Promise.race([opening, sleep(OPENING_WAIT, undefined, { ref: false })])
    await Promise.all(sessions.splice(0).map((session) => session.close()))
    for (const remote of this.#remotes.values()) remote.close()
    await Promise.all([this.#meeting.close(), this.#network.close()])
    await opening
    await Promise.all(sessions.map((session) => session.close()))
    await this.#wal.close()
    await closeStore(this.#store)
  }

  #call(find: () => Promise<Uint8Array>, method: string, args: readonly unknown[]): CallPromise {
    const done = (async () => {
      // first, since the caller may go on to change them
      const text = encodeArgs(args)
      const { address, session } = await this.#whileOpen(async () => this.#sessionOf(await find()))
      return { address, ...(await session.call(method, text)) }
    })()
    return this.#promise(done)
  }

  async #sessionOf(address: Uint8Array) {
    return { address, session: await this.#session(address) }
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
    const { host, genesis } = this.#known.get(address)
    const user = this.#identity.keyPair.publicKey
    const question = { address, user, entry }
    const { proof } = await this.#remote(host).ask(PROVE, question, this.#timeout)
    const receipt = verifyReceipt(encodeReceipt(genesis, proof))
    // it has a head like any other
    await this.#exchanges.get(encodeId(address))?.weigh({ head: receipt.head, proof })
    return receipt
  }

  async #session(address: Uint8Array): Promise<Session> {
    this.#refuseWhenClosed()
    const id = encodeId(address)
    let opening = this.#sessions.get(id)
    if (opening === undefined) {
      opening = this.#openSession(address)
      this.#sessions.set(id, opening)
      opening.catch(() => this.#sessions.delete(id))
    }
    return opening
  }

  async #openSession(address: Uint8Array): Promise<Session> {
    const { host, genesis } = this.#known.get(address)
    const accused = await this.#accused(address)
    if (accused !== null) throw accused
    const log = await OwnLog.open(this.#store, this.#wal, this.#identity.keyPair, address)
    const remote = this.#remote(host)
    const subject = subjectOf(genesis)
    let newest: Head | null = null
    let open: Session | null = null
    const prove = async (lengths: readonly number[]) => {
      return (await remote.ask(CONSISTENCY, { address, lengths }, PROOF_WAIT)).proof
    }
    const keep = async (evidence: Uint8Array, code: string) => {
      await this.#evidence.keep(encodeId(address), code, evidence)
      open?.fail(await this.#accused(address))
    }
    const exchange = new Exchange({ subject, newest: () => newest, prove, keep })
    const onHead = (head: Head) => {
      newest = head
      exchange.told(head)
    }
    const onConflict = async ({ known, head, proof }: Conflict) => {
      const shown = proof.start === 0 ? proof : null
      const evidence = contradiction(subject, { head: known, proof: null }, { head, proof: shown })
      if (evidence !== null) await exchange.accuse(evidence)
      // a head that is shorter than the newest one says nothing of that, but may of those before
      else await exchange.recall(await log.heads(LENGTHS_MAX, head.length))
      return this.#accused(address)
    }
    const onSetBack = async (head: Head) => {
      await exchange.recall([head, ...(await log.heads(LENGTHS_MAX - 1, head.length))])
    }
    const timeout = this.#timeout
    open = await Session.open({ address, remote, log, timeout, onHead, onConflict, onSetBack })
    this.#exchanges.set(encodeId(address), exchange)
    this.#meetLater(exchange, host)
    return open
  }

  #meetLater(exchange: Exchange, host: Uint8Array): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#meeting.enter(exchange, host).catch(() => {})
    }, MEET_AFTER).unref()
    this.#timers.add(timer)
  }

  /** What calls end with where there is evidence against the host of an instance; null where there is none. */
  async #accused(address: Uint8Array): Promise<MivmError | null> {
    const file = await this.#evidence.find(encodeId(address))
    return file === null ? null : twoHistories(file)
  }

  /** What is closed would say so in words of its own, one for each thing that is asked. */
  #refuseWhenClosed(): void {
    if (this.#closing === null) return
    throw new MivmError('HOST_CLOSED', 'this client is closed: open another one')
  }

  /** Does what ends in an error of ours also where this is closed meanwhile. */
  async #whileOpen<T>(fn: () => Promise<T>): Promise<T> {
    this.#refuseWhenClosed()
    try {
      return await fn()
    } catch (error) {
      this.#refuseWhenClosed()
      throw error
    }
  }

  #remote(host: Uint8Array): Remote {
    this.#refuseWhenClosed()
    const id = encodeId(host)
    let remote = this.#remotes.get(id)
    if (remote === undefined) {
      remote = new Remote(this.#network, this.#store, host, this.#timeout)
      this.#remotes.set(id, remote)
    }
    return remote
  }

  async #resolve(instance: string): Promise<Uint8Array> {
    this.#refuseWhenClosed()
    const { host, address } = parseLink(instance)
    const asking = this.#known.find(host, address)
    if (asking !== null) await asking
    return address
  }
}

/** From the text form of the array, as the user's own log has it. */
function argumentsOf(text: string): Value[] {
  const args = decodeValue(text)
  return Array.isArray(args) ? args : []
}

/** Throws USAGE for what no contract is deployed from, before anything is written of it. */
function checkSource(source: string): void {
  if (typeof source === 'string') return
  throw new MivmError('USAGE', 'source is not a text: give the code, or what bundle(file) makes')
}

/** The first entry of the deployer's log; there already where the deployment is tried again. */
async function writeInit(log: OwnLog, args: string): Promise<void> {
  const call = { type: 'call', method: 'init', args, head: null } as const
  if (log.length === 0) {
    await log.append([call])
  } else if (!b4a.equals(await log.block(1), encodeUserEntry(call))) {
    throw new MivmError('USAGE', 'this salt was used with other arguments before: choose another')
  }
}
