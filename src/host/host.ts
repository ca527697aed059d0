import path from 'node:path'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import { Bucket } from '../net/bucket.ts'
import { checkBootstrap, type Network } from '../net/network.ts'
import { deferred } from '../protocol/deferred.ts'
import type { Genesis } from '../protocol/entries.ts'
import { codeOf, MivmError, messageOf } from '../protocol/errors.ts'
import { encodeId } from '../protocol/ids.ts'
import { addressOf, topicOf } from '../protocol/manifest.ts'
import type { DeployRequest } from '../protocol/messages.ts'
import { fileError } from '../state/file-error.ts'
import { hasLog } from '../state/head.ts'
import { Covering } from '../state/parity.ts'
import { DATABASE } from '../state/salvage.ts'
import { closeStore, settleStore } from '../state/store.ts'
import type { Layer } from '../vm/sandbox/sandbox.ts'
import type { Admission } from './admission.ts'
import { type Backup, backUp } from './backup.ts'
import { Beginning } from './beginning.ts'
import { checkDeployer, checkRequest, type Deployment } from './deployment.ts'
import { openError, storeOf } from './directory.ts'
import type { HostEvent } from './events.ts'
import { Instance } from './instance.ts'
import type { Writing } from './ledger.ts'
import type { Measures } from './measures.ts'
import { checkOptions, type HostOptions } from './options.ts'
import { type HostExecution, type HostParts, openParts } from './parts.ts'
import { Peers } from './peers.ts'
import { allowAll, type Policy } from './policy.ts'
import { Residents } from './residents.ts'
import { hasRoom } from './room.ts'
import type { Sender } from './sender.ts'
import { type Served, Service } from './service.ts'
import type { SetBacks } from './set-back.ts'
import { SetBackDetector } from './set-back-detector.ts'
import { type HostStatus, type PublicStatus, Recent, totalsOf } from './status.ts'
import { Vitals } from './vitals.ts'

const QUOTA_EVENTS = 10
const OPEN_MAX = 256

/** Runs instances and answers peers. */
export class Host {
  /** Public key, z-base-32. */
  readonly id: string
  /** What is around the engines. */
  readonly sandbox: readonly Layer[]
  /** What it does, and how long that takes. */
  readonly measures: Measures
  readonly #store: Corestore
  readonly #network: Network
  readonly #writing: Writing
  readonly #execution: HostExecution
  readonly #admission: Admission
  readonly #policy: Policy
  readonly #index: Hypercore
  readonly #setBacks: SetBacks
  readonly #detector: SetBackDetector
  readonly #beginning: Beginning
  readonly #onEvent: (event: HostEvent) => void
  /** Addresses in the index, z-base-32. */
  readonly #known = new Set<string>()
  readonly #instances: Residents<Instance>
  readonly #peers: Peers
  /** Who is over a quota may be so thousands of times a second: the operator is told of some, and the status counts all. */
  readonly #quotaEvents = new Bucket(QUOTA_EVENTS, 1)
  readonly #recent: Recent
  readonly #vitals: Vitals
  readonly #openedAt = performance.now()
  /** Whether all instances were looked at for calls that are left from before. */
  #looked = false
  readonly #looks = deferred<void>()
  /** Whether its disk had more than its reserve left when that was last looked at. */
  #hasRoom = true
  readonly #dir: string
  readonly #covering: Covering
  readonly #stop = new AbortController()
  /** Those that are being written. */
  readonly #backups = new Set<Promise<Backup>>()
  #continuing: Promise<void> = Promise.resolve()
  /** Whether what was in flight when the host went down goes on by itself. */
  #continued = false
  #closing: Promise<void> | null = null

  private constructor(options: HostOptions, parts: HostParts) {
    const { writing, network, execution, admission, index, setBacks, onEvent } = parts
    this.id = encodeId(writing.keyPair.publicKey)
    this.sandbox = execution.vm.layers
    this.#store = writing.store
    this.#covering = new Covering(path.join(storeOf(options.dir), DATABASE))
    this.#network = network
    this.#writing = writing
    this.#execution = execution
    this.#admission = admission
    this.#policy = options.policy ?? allowAll
    this.#index = index
    this.#setBacks = setBacks
    this.#onEvent = onEvent
    this.#dir = options.dir
    this.#instances = new Residents(options.openMax ?? OPEN_MAX)
    this.measures = execution.measures
    this.#recent = new Recent(execution.measures)
    this.#vitals = new Vitals(options.dir, () => this.#sample())
    this.#detector = new SetBackDetector(writing.store, writing.keyPair.publicKey, setBacks, {
      has: (id) => this.#has(id),
      use: (address, fn) => this.use(address, fn),
      onSetBack: (address, message) => onEvent({ type: 'set-back', address, message })
    })
    this.#beginning = new Beginning({
      dir: options.dir,
      publicKey: writing.keyPair.publicKey,
      network,
      bootstrap: options.bootstrap,
      restored: parts.restored,
      isCopied: parts.isCopied,
      stop: this.#stop.signal,
      instances: () => this.instances,
      heed: (address, head) => this.#detector.heed(address, head),
      onFatal: (error) => {
        onEvent({ type: 'fatal', code: codeOf(error) ?? 'INTERNAL', message: messageOf(error) })
      }
    })
    const served = this.#serve()
    this.#peers = new Peers(writing.store, writing.gate, admission, (rpc, sender) => {
      new Service(rpc, sender, served).answer()
    })
  }

  /**
   * Opens the directory and begins to answer. Throws DIRECTORY_LOCKED where another process has it, or the host that it was
   * restored from still runs, ENGINE_FAILED where contracts cannot be run here, SANDBOX_UNAVAILABLE where the sandbox is
   * required and not complete.
   */
  static async open(options: HostOptions): Promise<Host> {
    checkOptions(options)
    checkBootstrap(options.bootstrap)
    return Host.#begin(options).catch((error) => {
      throw fileError(error)
    })
  }

  static async #begin(options: HostOptions): Promise<Host> {
    const host = new Host(options, await openParts(options))
    try {
      await host.#start()
      return host
    } catch (error) {
      await host.close()
      throw openError(error, options.dir)
    }
  }

  /** Addresses of all instances, z-base-32. */
  get instances(): string[] {
    return [...this.#known]
  }

  /** An instance of this host; throws INSTANCE_UNKNOWN or INSTANCE_DAMAGED. */
  async instance(address: Uint8Array): Promise<Instance> {
    const id = encodeId(address)
    const open = this.#instances.get(id)
    if (open !== undefined) return open
    if (!this.#known.has(id)) {
      throw new MivmError(
        'INSTANCE_UNKNOWN',
        `this host has no instance ${id}: check the address, or deploy it`
      )
    }
    this.#refuseWhenClosing()
    return this.#instances.keep(id, this.#open(id, address))
  }

  /** Does something with an instance, which stays in memory meanwhile; throws as `instance` does. */
  use<T>(address: Uint8Array, fn: (instance: Instance) => Promise<T>): Promise<T> {
    return this.#instances.use(encodeId(address), async () => fn(await this.instance(address)))
  }

  /**
   * Creates an instance, unless it is here already; `sender`: over whose connection the request came. Throws REQUEST_INVALID,
   * VM_UNKNOWN, LIMIT_INVALID, DEPLOY_DENIED, QUOTA_EXCEEDED, INSTANCE_SET_BACK, and DEPLOY_FAILED or CODE_* for what is
   * wrong with the contract.
   */
  async deploy(request: DeployRequest, sender: Sender | null = null): Promise<Instance> {
    this.#refuseWhenClosing()
    const genesis = checkRequest(request, this.#writing.keyPair.publicKey, this.#execution.vm.id)
    const address = addressOf(genesis.host, request.genesis)
    const id = encodeId(address)
    if (this.#has(id)) return this.instance(address)
    await this.#policy(encodeId(genesis.deployer))
    checkDeployer(address, genesis, request.log)
    await this.#beginning.askDeployment(id)
    // before that it is not known what the deployer has
    await this.#looks.promise
    this.#refuseWhenClosing()
    const refusal = this.#setBacks.refusal(id)
    if (refusal !== null) throw refusal
    // the same deployment may have come again meanwhile
    if (this.#has(id)) return this.instance(address)
    // it is signed by the deployer: nobody uses up what another one may deploy
    const deployer = encodeId(genesis.deployer)
    this.#admission.deploy(deployer, sender)
    const release = this.#admission.reserve(deployer, id)
    const creating = this.#create(address, genesis, { ...request, sender })
    creating.catch(release)
    const instance = await this.#instances.keep(id, creating)
    this.#onEvent({ type: 'deployed', address: id, deployer })
    void this.#announce(address)
    return instance
  }

  /**
   * Writes a backup of all that there is now, while calls go on, until `stop`, which leaves nothing. Throws USAGE where there
   * is a file of that name, HOST_CLOSED where this is closed before all is written.
   */
  async backUp(file: string, stop?: AbortSignal): Promise<Backup> {
    this.#refuseWhenClosing()
    const { wal } = this.#writing
    const signal = AbortSignal.any([this.#stop.signal, ...(stop === undefined ? [] : [stop])])
    const writing = backUp(this.#dir, this.#store.storage, wal, file, signal)
    this.#backups.add(writing)
    try {
      return await writing
    } catch (error) {
      this.#refuseWhenClosing()
      throw error
    } finally {
      this.#backups.delete(writing)
    }
  }

  /** Finishes the batches in flight and lets go of everything. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Whether there is such an instance, or will be as soon as it is deployed. */
  #has(id: string): boolean {
    return this.#known.has(id) || this.#instances.has(id)
  }

  async #start(): Promise<void> {
    for (let i = 0; i < this.#index.length; i++) {
      const address = await this.#index.get(i, { wait: false })
      if (address !== null) this.#known.add(encodeId(address))
    }
    this.#network.onConnection((stream) => this.#peers.add(stream))
    await this.#beginning.listen()
    for (const address of this.#setBacks.addresses) {
      const { message = '' } = this.#setBacks.refusal(address) ?? {}
      this.#onEvent({ type: 'set-back', address, message })
    }
    this.#beginning.askFirst()
    this.#continuing = this.#continueAll()
      .catch(() => {})
      .finally(() => this.#looks.resolve())
  }

  /** Finds instances with calls that were in flight, and what cannot be opened; announces all. */
  async #continueAll(): Promise<void> {
    const { asked } = this.#beginning
    const waiting: string[] = []
    for (let i = 0; i < this.#index.length && this.#closing === null; i++) {
      const address = await this.#index.get(i, { wait: false }).catch(() => null)
      if (address === null) continue
      try {
        const instance = await this.instance(address)
        const { id, refusal } = instance
        if (refusal !== null) {
          const { code, message } = refusal
          this.#onEvent({ type: 'refused', code, message: `${id}: ${message}` })
        }
        if (instance.isWaiting) waiting.push(instance.id)
        else if (asked === null) instance.release()
      } catch (error) {
        const message = messageOf(error)
        if (this.#closing === null) {
          this.#onEvent({ type: 'damaged', address: encodeId(address), message })
        }
      }
      if (this.#instances.isCrowded) this.#instances.closeIdle()
      void this.#announce(address)
    }
    this.#looked = true
    this.#looks.resolve()
    await asked
    await this.#beginning.askWaiting(waiting)
    // who is told to stop meanwhile has not heard all of them
    if (this.#closing !== null) return
    this.#continued = true
    // those that were closed meanwhile are released when they are opened again
    for (const instance of this.#instances.open) instance.release()
  }

  async #announce(address: Uint8Array): Promise<void> {
    await this.#beginning.listens
    await this.#network.announce(topicOf(address)).catch(() => {})
  }

  async #open(id: string, address: Uint8Array): Promise<Instance> {
    await this.#instances.left(id)
    // also where the call log leads to that head again: a recovery that was cut off may lack what else belongs to it
    const instance = await Instance.open(
      this.#writing,
      this.#execution,
      address,
      this.#setBacks.refusal(id)
    )
    if (this.#continued) instance.release()
    return instance
  }

  async #create(address: Uint8Array, genesis: Genesis, deployment: Deployment): Promise<Instance> {
    // a crash may have come between the deployment and its place in the index
    const instance = (await hasLog(this.#store, address))
      ? await Instance.open(this.#writing, this.#execution, address)
      : await Instance.deploy(this.#writing, this.#execution, address, genesis, deployment)
    try {
      await this.#index.append(address)
      await this.#writing.wal.sync()
    } catch (error) {
      await instance.close()
      throw error
    }
    this.#known.add(encodeId(address))
    return instance
  }

  /** What peers are answered from. */
  #serve(): Served {
    return {
      store: this.#store,
      measures: this.measures,
      setBacks: this.#setBacks,
      asked: () => this.#beginning.asked?.then(() => this.#refuseWhenClosing()) ?? null,
      status: () => this.#publicStatus(),
      unreadMax: () => this.#peers.unreadMax,
      use: (address, fn) => this.use(address, fn),
      deploy: (request, sender) => this.deploy(request, sender),
      heed: (address, head) => this.#detector.heed(address, head),
      tell: (event) => this.#tell(event)
    }
  }

  /** Tells the operator of what peers were refused, and why. */
  #tell(event: HostEvent): void {
    const isQuota = event.type === 'refused' && event.code === 'QUOTA_EXCEEDED'
    if (!isQuota || this.#quotaEvents.take()) this.#onEvent(event)
  }

  /** What the host is doing, for its operator. */
  status(): HostStatus {
    const { measures } = this
    return {
      ...this.#publicStatus(),
      ...this.#admission.status(),
      connections: this.#peers.connections,
      open: this.#instances.size,
      peers: this.#peers.size,
      logs: this.#store.cores.size,
      uptime: (performance.now() - this.#openedAt) / 1000,
      problem: measures.problem,
      queued: measures.queued,
      lately: this.#recent.lately,
      total: totalsOf(measures),
      engines: this.#execution.vm.figures(),
      process: this.#vitals.sample
    }
  }

  /** Anybody may ask. How many others are there, and how much there is to do, would tell an attacker how he fares. */
  #publicStatus(): PublicStatus {
    const { id } = this
    return { id, vm: this.#execution.vm.id, instances: this.#known.size, ready: this.isReady }
  }

  /**
   * Whether it takes connections, has looked at what calls were left from before, has asked others where it was restored,
   * has room on its disk, and can start engines.
   */
  get isReady(): boolean {
    const { isListening, asked } = this.#beginning
    const isUp = isListening && this.#looked && this.#closing === null
    const isAsking = asked !== null && !this.#continued
    const works = !this.#execution.vm.figures().failing && this.measures.problem === null
    return isUp && !isAsking && this.#hasRoom && works
  }

  #sample(): void {
    this.#recent.mark()
    void hasRoom(this.#store.storage.path).then((has) => {
      this.#hasRoom = has
    })
  }

  #refuseWhenClosing(): void {
    if (this.#closing === null) return
    throw new MivmError('HOST_CLOSED', 'the host is shutting down: try again later')
  }

  async #close(): Promise<void> {
    this.#peers.stop()
    this.#vitals.close()
    this.#stop.abort()
    await this.#continuing
    await this.#beginning.heard
    await this.#instances.close()
    this.#peers.close()
    await this.#network.close()
    await this.#execution.vm.close()
    await this.#admission.close()
    await Promise.allSettled(this.#backups)
    await this.#writing.wal.close()
    await settleStore(this.#store)
    await closeStore(this.#store)
    await this.#covering.close()
  }
}
