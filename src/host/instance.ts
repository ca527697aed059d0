import b4a from 'b4a'
import { deferred } from '../protocol/deferred.ts'
import { type Ack, type CallLogEntry, encodeEntry, type Genesis } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { CONTRACT_PATH, lastWrites } from '../protocol/files.ts'
import type { Head } from '../protocol/head.ts'
import { decodeId, encodeId } from '../protocol/ids.ts'
import { callLogManifest } from '../protocol/manifest.ts'
import type { UserBlocks } from '../protocol/messages.ts'
import { isOwnVm } from '../protocol/vm-id.ts'
import { contractOf, encodeResult } from '../vm/record.ts'
import { updateVariables } from '../vm/variables.ts'
import type { Contract, VirtualMachine } from '../vm/vm.ts'
import { Accounts } from './accounts.ts'
import type { Admission } from './admission.ts'
import { entriesOf } from './batch-entries.ts'
import {
  checkDeployer,
  type Deployment,
  type ExecutedDeployment,
  executeDeployment
} from './deployment.ts'
import { type Executed, Executor } from './executor.ts'
import { type Arrival, Intake, openQueue, type Queue, type Waiting } from './intake.ts'
import { Ledger, type Writing } from './ledger.ts'
import { Measures } from './measures.ts'
import { encodeMethods, METHODS_NOTE } from './notes.ts'
import { OracleCall } from './oracle-call.ts'
import type { Oracles } from './oracles.ts'
import { Proofs } from './proofs.ts'
import { checkRoom } from './room.ts'
import { damaged, readEntry, readStand, type Stand } from './stand.ts'
import type { UserLog } from './user-log.ts'
import { Watchers } from './watchers.ts'

/** What an instance executes with. */
export interface ExecutionOptions {
  readonly vm: VirtualMachine
  readonly oracles: Oracles
  /** Who may have how much executed; all may everything where there is none. */
  readonly admission?: Admission
  onLog(address: string, line: string): void
  /** Where it is noted what calls take; default: nowhere. */
  readonly measures?: Measures
}

/** Of a user's log that is open, and of a variable that is exported, about, bytes. */
const USER_WEIGHT = 32 * 1024
const VARIABLE_WEIGHT = 128

/**
 * A deployed contract: takes in users' logs, executes what they call one batch after another, and proves the results.
 * There is one writer, the loop in `#work`; everything else waits for what it commits.
 */
export class Instance {
  readonly address: Uint8Array
  readonly id: string
  readonly genesis: Genesis
  readonly methods: readonly string[]
  readonly proofs: Proofs
  readonly #ledger: Ledger
  readonly #source: string
  readonly #vm: VirtualMachine
  readonly #queue: Queue
  readonly #intake: Intake
  readonly #oracleCall: OracleCall
  readonly #executor: Executor
  readonly #stand: Stand
  readonly #measures: Measures
  readonly #accounts = new Accounts()
  readonly #watchers = new Watchers(this.#accounts)
  /** The loop that executes and commits, while there is something for it to do. */
  #working: Promise<void> | null = null
  /** Acks that are on their way to the disk without any call. */
  #flushing: Promise<void> | null = null
  #closing = false
  /** What was in flight when it was last on disk waits for `release`, or for somebody who calls. */
  #held = false
  #usedAt = performance.now()

  private constructor(
    ledger: Ledger,
    execution: ExecutionOptions,
    genesis: Genesis,
    contract: Contract,
    stand: Stand,
    queue: Queue
  ) {
    const { vm, oracles, admission, measures = new Measures() } = execution
    const { address: id, deployer } = contract
    const tenant = admission?.tenant(id, deployer) ?? null
    this.address = ledger.address
    this.id = id
    this.genesis = genesis
    this.methods = stand.methods
    this.#source = contract.source
    this.proofs = new Proofs(ledger, this.#accounts)
    this.#ledger = ledger
    this.#vm = vm
    this.#queue = queue
    this.#intake = new Intake(ledger, queue, contract, tenant, this.#accounts, measures)
    this.#oracleCall = new OracleCall(ledger, oracles)
    const onLog = (line: string) => execution.onLog(id, line)
    const parts = { contract, vm, ledger, queue, oracleCall: this.#oracleCall, measures, onLog }
    this.#executor = new Executor(parts, stand)
    this.#stand = stand
    this.#measures = measures
  }

  /**
   * Executes `init` and, only if that succeeds, creates the instance; what fails leaves nothing behind. Throws
   * DEPLOY_FAILED with what the contract threw, CODE_* for code that does not load.
   */
  static async deploy(
    writing: Writing,
    execution: ExecutionOptions,
    address: Uint8Array,
    genesis: Genesis,
    deployment: Deployment
  ): Promise<Instance> {
    const contract = contractOf(address, genesis, deployment.source)
    checkDeployer(address, genesis, deployment.log)
    await checkRoom(writing.store.storage.path)
    const tenant = execution.admission?.tenant(contract.address, contract.deployer) ?? null
    const executed = await executeDeployment(execution.vm, contract, deployment, tenant)
    const { methods, time, step, treeHash } = executed
    const variables = new Map<string, string>()
    updateVariables(variables, step.writes)

    const queue = openQueue()
    const stand = { methods, variables, seq: 1, time, committed: treeHash }
    const ledger = await Ledger.open(
      writing,
      address,
      () => queue.lastEntries(),
      callLogManifest(genesis.host, deployment.genesis)
    )
    const instance = new Instance(ledger, execution, genesis, contract, stand, queue)
    try {
      await instance.#begin(deployment, executed)
      return instance
    } catch (error) {
      instance.#intake.close()
      await ledger.close()
      throw error
    }
  }

  /** Commits the deployment. */
  async #begin(
    { genesis, source, log, sender = null }: Deployment,
    { code, time, step }: ExecutedDeployment
  ): Promise<void> {
    const ledger = this.#ledger
    const [block = new Uint8Array()] = log.blocks
    const user = await ledger.withUser(log.user, async (deployer) => {
      await deployer.extend(log)
      this.#intake.charge(deployer, [block], 1, sender)
      return deployer
    })
    await ledger.setNote(METHODS_NOTE, encodeMethods(this.methods))
    const ack: Ack = {
      type: 'ack',
      seq: 1,
      user: user.key,
      entry: 1,
      call: block,
      time,
      previous: 0
    }
    await ledger.commit(
      [genesis, code, encodeEntry(ack), encodeResult(2, step)],
      lastWrites([{ path: CONTRACT_PATH, data: b4a.from(source) }, ...step.writes]),
      new Map([[user, { entry: 1, ack: 2 }]])
    )
    this.#measures.executed([step])
    this.#accounts.answer(user.id, { entry: 1, ack: 2, result: 3 })
    this.#intake.keep(ledger.bytes)
    this.#stand.committed = ledger.tail.treeHash()
  }

  /**
   * Opens an instance from disk. What was in flight is continued with the next call, or on `release`: a directory that
   * was set back does not know what came of it, and whoever calls may. Throws INSTANCE_DAMAGED. `barred`: it is there to
   * be read, and signs nothing; so it is with one that was deployed for another VM.
   */
  static async open(
    writing: Writing,
    execution: ExecutionOptions,
    address: Uint8Array,
    barred: MivmError | null = null
  ): Promise<Instance> {
    const queue = openQueue()
    const ledger = await Ledger.open(writing, address, () => queue.lastEntries())
    let instance: Instance | null = null
    try {
      const genesis = await readEntry(ledger, 0, 'genesis')
      const { source } = await readEntry(ledger, 1, 'code')
      const contract = contractOf(address, genesis, source)
      const { stand, trailing } = await readStand(ledger)
      instance = new Instance(ledger, execution, genesis, contract, stand, queue)
      instance.#intake.keep(ledger.bytes)
      instance.#held = true
      const why = barred ?? instance.refusal
      if (why !== null) instance.bar(why)
      await instance.#continue(trailing)
      return instance
    } catch (error) {
      if (instance !== null) instance.#intake.close()
      await ledger.close()
      throw error
    }
  }

  /** Idle since, as performance.now(); null while calls are under way. */
  get idleSince(): number | null {
    const isHeld = this.#held && this.isWaiting
    return this.#working === null && this.#watchers.size === 0 && !isHeld ? this.#usedAt : null
  }

  /** Whether it is to be opened anew before it takes anything. */
  get isSpoilt(): boolean {
    return this.#ledger.isSpoilt
  }

  /** What it has in memory, about, bytes: code, variables, and the logs of its users. */
  get weight(): number {
    const variables = this.#stand.variables.size * VARIABLE_WEIGHT
    return this.#source.length + variables + this.#ledger.users * USER_WEIGHT
  }

  /** The newest head of the call log that is on disk. */
  get head(): Head {
    return this.proofs.head
  }

  /** Genesis as the deployer wrote it. */
  genesisBlock(): Promise<Uint8Array> {
    return this.#ledger.tail.block(0)
  }

  /** Whether a head, of whatever length, is one of the log as it is here. */
  async agrees({ length, fork, treeHash }: Head): Promise<boolean> {
    const { head } = this
    if (fork !== 0 || length > head.length) return false
    const own = length === head.length ? head.treeHash : await this.#ledger.treeHash(length)
    return b4a.equals(own, treeHash)
  }

  /** Whether there are calls without a result. */
  get isWaiting(): boolean {
    return this.#queue.length > 0
  }

  /** Continues what was in flight when the instance was last on disk. */
  release(): void {
    this.#held = false
    this.#wake()
  }

  /** Why nothing is executed of it here: it was deployed for another VM. */
  get refusal(): MivmError | null {
    const { vm } = this.genesis
    if (vm === this.#vm.id || isOwnVm(vm)) return null
    return new MivmError(
      'VM_UNKNOWN',
      `the host runs ${this.#vm.id}, and the instance was deployed for ${vm}: it can be read, and goes on with the version of MIVM that it was deployed with`
    )
  }

  /** Signs nothing from now on: calls end with this error, those that wait as well. */
  bar(why: MivmError): void {
    this.#ledger.bar(why)
    this.#watchers.reject(why)
  }

  /** Number of calls so far. */
  get seq(): number {
    return this.#stand.seq
  }

  /**
   * Takes in what a user has written and queues the calls in it; returns the length of the host's copy then: below
   * `log.start` where blocks between are missing (nothing was taken in), above the end of `log` where the user has
   * lost what it had written. Throws USER_LOG_FORKED where the two do not agree, and QUOTA_EXCEEDED, before anything is
   * taken in: what is in the copy is executed.
   */
  async submit(log: UserBlocks, arrival: Arrival = {}): Promise<number> {
    this.#usedAt = performance.now()
    this.#ledger.refuseWhenBarred()
    this.#held = false
    const length = await this.#intake.submit(log, arrival, () => this.#refuseWhenClosing())
    if (length === null) return 0
    this.#wake()
    this.#tidy()
    return length
  }

  /** Resolves when a user's calls up to this entry of its log have their results, on disk, or after so many ms. */
  async settled(key: Uint8Array, entry: number, ms: number | null = null): Promise<void> {
    const user = encodeId(key)
    if (this.#accounts.isSettled(user, entry)) return
    this.#refuseWhenClosing()
    this.#ledger.refuseWhenBarred()
    const settled = this.#watchers.settled(user, entry, ms)
    this.#wake()
    await settled
  }

  /** Finishes the batch in flight, as far as no oracle has to be asked for it; calls that still wait are continued when the instance is opened again. */
  async close(): Promise<void> {
    this.#closing = true
    this.#oracleCall.stop(closed())
    await this.#working
    await this.#flushing
    this.#watchers.reject(closed())
    this.#intake.close()
    this.#vm.evict(this.id)
    await this.#ledger.close()
  }

  /** Sees to what the loop does not: acks that came with no call, and logs that were only opened to be asked about. */
  #tidy(): void {
    if (this.#held || this.#working !== null || this.#closing || this.#ledger.isBarred) return
    if (this.#ledger.isDirty) this.#flushAcks()
    else if (this.#ledger.isCrowded) this.#start()
  }

  /** Acks that come with no call wait for nothing: one flush takes all that have arrived. */
  #flushAcks(): void {
    this.#flushing ??= this.#ledger
      .flush()
      // the host knows of a disk that fails, and the next call is told
      .catch(() => {})
      .finally(() => {
        this.#flushing = null
      })
  }

  #wake(): void {
    if (this.#held || this.#ledger.isBarred) return
    if (this.#working !== null || this.#closing || this.#queue.length === 0) return
    this.#start()
  }

  #start(): void {
    this.#working = this.#work().then(
      () => {
        this.#rest()
        // what has come since the last look at the queue has found somebody at work, and waits
        this.#wake()
        this.#tidy()
      },
      (error: unknown) => {
        this.#rest()
        // the calls stay queued: the next one that comes tries again
        if (!this.#closing) {
          this.#measures.failed.add(error instanceof MivmError ? error.code : 'INTERNAL')
        }
        this.#watchers.reject(error)
      }
    )
  }

  #rest(): void {
    this.#working = null
    this.#usedAt = performance.now()
  }

  #refuseWhenClosing(): void {
    if (this.#closing) throw closed()
  }

  /** Executes a batch while the one before it is on its way to the disk. */
  async #work(): Promise<void> {
    let durable: Promise<void> = Promise.resolve()
    try {
      while (!this.#closing && this.#queue.length > 0) {
        await this.#ledger.checkRoom()
        const batch = await this.#executor.execute()
        await durable
        durable = (await this.#commit(batch)).durable
        // where somebody always waits, the end of this never comes
        if (!this.#closing) await this.#ledger.trimBusy(this.#queue.users)
      }
    } finally {
      await durable
    }
    if (!this.#closing) await this.#ledger.trim()
  }

  /** Resolves when the next batch can be executed; this one is on disk, and its users are told, when `durable` does. */
  async #commit(executed: Executed): Promise<{ durable: Promise<void> }> {
    const { items, steps, executedAt } = executed
    // a commit without a result is none that anybody could go on from, and the next one would be as empty
    if (steps.length === 0) throw unexecuted()
    const stand = this.#stand
    const users = await this.#logsOf(items)
    const { opened } = this.#oracleCall
    if (opened !== null) {
      // An answer of an oracle that comes from now on is too late; one that came before may still be on its way into the log.
      this.#oracleCall.close()
      await this.#ledger.settle()
    }
    // from here on until all is handed to the ledger nothing is waited for: acks and results are named by their blocks
    const place = { start: this.#ledger.tail.length, seq: stand.seq, time: stand.time, opened }
    const { blocks, writes, positions, answered, seq, time } = entriesOf(executed, users, place)
    const filled = deferred<Uint8Array>()
    const durable = this.#ledger
      .commit(blocks, lastWrites(writes), positions, filled.resolve)
      .then((syncMs) => {
        for (const [user, at] of answered) this.#accounts.answer(user, at)
        this.#measures.committed(steps, performance.now() - executedAt, syncMs)
        this.#watchers.notify(new Set(answered.map(([user]) => user)))
        this.#accounts.trim()
      })
    durable.catch(filled.reject)
    stand.committed = await filled.promise
    this.#intake.pay(items, steps)
    this.#intake.keep(this.#ledger.bytes)
    stand.seq = seq
    stand.time = time
    updateVariables(stand.variables, writes)
    return { durable }
  }

  /** The host's copies of the logs that these calls are in, by user. */
  async #logsOf(items: readonly Waiting[]): Promise<ReadonlyMap<string, UserLog>> {
    const logs = new Map<string, UserLog>()
    for (const { id, user } of items) {
      if (logs.has(id)) continue
      logs.set(id, this.#ledger.opened(id) ?? (await this.#ledger.user(user)))
    }
    return logs
  }

  /** Queues what was waiting when the host went down, the call that had asked an oracle first of all. */
  async #continue([ack, ...entries]: readonly CallLogEntry[]): Promise<void> {
    if (ack !== undefined) {
      if (ack.type !== 'ack') throw damaged('the end of the call log')
      this.#oracleCall.resume(this.#intake.enqueueAcked(ack), ack, entries)
    }
    for (const id of await this.#ledger.pendingUsers()) {
      const user = await this.#ledger.user(decodeId(id))
      const opened = this.#accounts.next(id) ?? 0
      const start = Math.max(user.position.entry, opened)
      const blocks: Uint8Array[] = []
      for (let i = start; i < user.length; i++) blocks.push(await user.block(i))
      this.#intake.enqueue(user, blocks, start)
    }
    this.#wake()
  }
}

function unexecuted(): MivmError {
  return new MivmError('ENGINE_FAILED', 'the engine has executed none of the calls: try again')
}

function closed(): MivmError {
  return new MivmError(
    'HOST_CLOSED',
    'the host is shutting down: the call stays in your log and is delivered later'
  )
}
