import b4a from 'b4a'
import {
  type Ack,
  type CallLogEntry,
  encodeEntry,
  type Genesis,
  type UserCall
} from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { CONTRACT_PATH, lastWrites, type Write } from '../protocol/files.ts'
import type { Head } from '../protocol/head.ts'
import { decodeId, encodeId } from '../protocol/ids.ts'
import { BATCH_CALLS_MAX, BATCH_WORK_MS } from '../protocol/limits.ts'
import { callLogManifest } from '../protocol/manifest.ts'
import { Tree } from '../protocol/merkle.ts'
import type { UserBlocks } from '../protocol/messages.ts'
import {
  answerOf,
  callAt,
  callOf,
  contractOf,
  encodeResult,
  MALFORMED,
  readAsked,
  readCall
} from '../vm/record.ts'
import { Turns } from '../vm/turns.ts'
import { sortVariables, updateVariables } from '../vm/variables.ts'
import type { Call, Contract, OracleAnswer, OracleRequest, Step, VirtualMachine } from '../vm/vm.ts'
import { Accounts, type Answered } from './accounts.ts'
import type { Admission } from './admission.ts'
import type { Caller } from './caller.ts'
import { checkDeployer, type Deployment, executeInit, fuelOf } from './deployment.ts'
import { Ledger, type Writing } from './ledger.ts'
import { Measures } from './measures.ts'
import type { Meter } from './meter.ts'
import type { Oracles } from './oracles.ts'
import { Proofs } from './proofs.ts'
import { checkRoom } from './room.ts'
import { damaged, readEntry, readStand, type Stand } from './stand.ts'
import type { Tenant } from './tenant.ts'
import { checkLog, type Position, type UserLog } from './user-log.ts'

/** What every call costs beside its fuel, in fuel: it is decoded, logged, hashed and proven. */
const CALL_COST = 5_000

/** Calls of a batch for each user that has calls waiting, where calls of several users came lately. */
const SHARED_CALLS = 32
/** Work that such a batch takes on, ms: so much at least, and for each of these users. */
const SHARED_WORK_MS = 10
const SHARED_USER_MS = 1

/** What an instance executes with. */
export interface Execution {
  readonly vm: VirtualMachine
  readonly oracles: Oracles
  /** Who may have how much executed; all may everything where there is none. */
  readonly admission?: Admission
  onLog(address: string, line: string): void
  /** Where it is noted what calls take; default: nowhere. */
  readonly measures?: Measures
}

/** A call that has arrived and has no result yet. */
interface Waiting {
  readonly user: Uint8Array
  /** The user's key in z-base-32. */
  readonly id: string
  /** Null where the block is no call, but has to get a result all the same. */
  readonly call: UserCall | null
  readonly entry: number
  readonly block: Uint8Array
  /** When it was queued, as performance.now(). */
  readonly queuedAt: number
  /** Who pays for it. */
  readonly meters: readonly Meter[]
  /** Over whose connection it came; null where that was before the host was started. */
  readonly caller: Caller | null
}

/** How a request came. */
interface Arrival {
  /** Over whose connection. */
  readonly caller?: Caller | null
  /** When its bytes came, as performance.now(). */
  readonly arrived?: number
}

/** A call whose ack is in the log already, because it has asked an oracle. */
interface Open {
  readonly item: Waiting
  readonly ack: number
  readonly seq: number
  readonly time: number
  /** Requests that are logged; the answer is null where it is not logged yet. */
  readonly requests: (OracleAnswer | null)[]
}

/** A batch that becomes longer until an engine begins with it. */
interface Taken {
  readonly items: Waiting[]
  /** The time of each as its ack has it. */
  readonly times: number[]
  /** Calls for the VM, and which of the items each of them is. */
  readonly calls: Call[]
  readonly called: number[]
}

/** Calls with what came of them, not committed yet. */
interface Executed {
  readonly items: readonly Waiting[]
  readonly steps: readonly Step[]
  readonly times: readonly number[]
  /** When that was done, as performance.now(). */
  readonly executedAt: number
}

interface Watcher {
  readonly user: string
  readonly entry: number
  resolve(): void
  reject(error: unknown): void
}

/** Thrown at the VM to end a run before a call that asks an oracle: it has to be the first of its batch. */
const ORACLE_FIRST = new Error('a call that asks an oracle begins its batch')

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
  readonly #contract: Contract
  readonly #execution: Execution
  readonly #queue: Turns<Waiting>
  readonly #tenant: Tenant | null
  /** A call that has to begin the next batch. */
  #first: Waiting | null = null
  readonly #measures: Measures
  readonly #accounts = new Accounts()
  readonly #watchers = new Set<Watcher>()
  readonly #variables: Map<string, string>
  #seq: number
  #time: number
  #committed: Uint8Array
  #open: Open | null = null
  #working: Promise<void> | null = null
  #flushing: Promise<void> | null = null
  #closing = false
  #held = false
  #usedAt = Date.now()

  private constructor(
    ledger: Ledger,
    execution: Execution,
    genesis: Genesis,
    contract: Contract,
    stand: Stand,
    queue: Turns<Waiting>
  ) {
    this.address = ledger.address
    this.id = contract.address
    this.genesis = genesis
    this.methods = stand.methods
    this.proofs = new Proofs(ledger, this.#accounts)
    this.#ledger = ledger
    this.#execution = execution
    this.#measures = execution.measures ?? new Measures()
    this.#contract = contract
    this.#queue = queue
    this.#tenant = execution.admission?.tenant(contract.address, contract.deployer) ?? null
    this.#variables = stand.variables
    this.#seq = stand.seq
    this.#time = stand.time
    this.#committed = stand.committed
  }

  /**
   * Executes `init` and, only if that succeeds, creates the instance; what fails leaves nothing behind. Throws
   * DEPLOY_FAILED with what the contract threw, CODE_* for code that does not load.
   */
  static async deploy(
    writing: Writing,
    execution: Execution,
    address: Uint8Array,
    genesis: Genesis,
    deployment: Deployment
  ): Promise<Instance> {
    const { source, log } = deployment
    const contract = contractOf(address, genesis, source)
    const block = checkDeployer(address, genesis, log)
    await checkRoom(writing.store.storage.path)
    const methods = await execution.vm.inspect(contract)
    const code = encodeEntry({ type: 'code', source })
    const tree = new Tree()
    for (const first of [deployment.genesis, code]) tree.append(first)
    const call = callOf(block, genesis.deployer, 1, Date.now(), tree.treeHash())
    if (call?.method !== 'init') {
      throw new MivmError('REQUEST_INVALID', 'the first call of the deployer is not init')
    }
    const tenant = execution.admission?.tenant(contract.address, contract.deployer)
    const step = await executeInit(execution.vm, contract, call, (fuel) => {
      for (const meter of tenant?.metersOf(contract.deployer, null) ?? []) meter.burn(fuel)
    })
    const variables = new Map<string, string>()
    updateVariables(variables, step.writes)

    const queue = new Turns<Waiting>(CALL_COST)
    const stand = { methods, variables, seq: 1, time: call.time, committed: tree.treeHash() }
    const ledger = await Ledger.open(
      writing,
      address,
      () => queue.lastEntries(),
      callLogManifest(genesis.host, deployment.genesis)
    )
    const instance = new Instance(ledger, execution, genesis, contract, stand, queue)
    try {
      await instance.#begin(deployment, code, call.time, step)
      return instance
    } catch (error) {
      instance.#measures.queued -= queue.length
      await ledger.close()
      throw error
    }
  }

  /** Commits the deployment. */
  async #begin({ genesis, source, log }: Deployment, code: Uint8Array, time: number, step: Step) {
    const ledger = this.#ledger
    const [block = new Uint8Array()] = log.blocks
    const user = await ledger.withUser(log.user, async (deployer) => {
      await deployer.extend(log)
      this.#tenant?.take(deployer.id, null, 1, block.byteLength)
      this.#take(deployer, log.blocks.slice(1), 1, null)
      return deployer
    })
    await ledger.setNote('methods', b4a.from(this.methods.join('\n')))
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
    this.#accounts.answer(user.id, { entry: 1, ack: 2, result: 3 })
    this.#tenant?.keep(ledger.bytes)
    this.#committed = ledger.tail.treeHash()
    this.#wake()
  }

  /**
   * Opens an instance from disk. What was in flight is continued with the next call, or on `release`: a directory that
   * was set back does not know what came of it, and whoever calls may. Throws INSTANCE_DAMAGED. `barred`: it is there to
   * be read, and signs nothing.
   */
  static async open(
    writing: Writing,
    execution: Execution,
    address: Uint8Array,
    barred: MivmError | null = null
  ): Promise<Instance> {
    const queue = new Turns<Waiting>(CALL_COST)
    const ledger = await Ledger.open(writing, address, () => queue.lastEntries())
    try {
      const genesis = await readEntry(ledger, 0, 'genesis')
      const { source } = await readEntry(ledger, 1, 'code')
      const contract = contractOf(address, genesis, source)
      const { stand, trailing } = await readStand(ledger)
      const instance = new Instance(ledger, execution, genesis, contract, stand, queue)
      instance.#tenant?.keep(ledger.bytes)
      instance.#held = true
      if (barred !== null) instance.bar(barred)
      await instance.#continue(trailing)
      return instance
    } catch (error) {
      if (execution.measures !== undefined) execution.measures.queued -= queue.length
      await ledger.close()
      throw error
    }
  }

  /** Idle since, ms since 1970; null while calls are under way. */
  get idleSince(): number | null {
    const isHeld = this.#held && this.isWaiting
    return this.#working === null && this.#watchers.size === 0 && !isHeld ? this.#usedAt : null
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

  /** Signs nothing from now on: calls end with this error, those that wait as well. */
  bar(why: MivmError): void {
    this.#ledger.bar(why)
    this.#rejectWatchers(why)
  }

  /** Number of calls so far. */
  get seq(): number {
    return this.#seq
  }

  /**
   * Takes in what a user has written and queues the calls in it; returns the length of the host's copy then: below
   * `log.start` where blocks between are missing (nothing was taken in), above the end of `log` where the user has
   * lost what it had written. Throws USER_LOG_FORKED where the two do not agree, and QUOTA_EXCEEDED, before anything is
   * taken in: what is in the copy is executed.
   */
  async submit(
    log: UserBlocks,
    { caller = null, arrived = performance.now() }: Arrival = {}
  ): Promise<number> {
    this.#usedAt = Date.now()
    this.#ledger.refuseWhenBarred()
    this.#held = false
    if (log.blocks.length > 0) {
      await this.#ledger.checkRoom()
      await this.#tenant?.prepare(encodeId(log.user))
    }
    const admit = () => {
      if (log.blocks.length === 0 || log.start > 0) return false
      this.#admit(log, 0, caller)
      checkLog(log, this.address)
      return true
    }
    const taken = await this.#ledger.withUserIf(admit, log.user, async (user) => {
      this.#refuseWhenClosing()
      const known = user.length
      this.#admit(log, known, caller)
      await user.extend(log)
      if (user.length > known) {
        const calls = this.#take(user, log.blocks.slice(known - log.start), known, caller)
        this.#measures.stages.submit.add(performance.now() - arrived, calls)
      }
      return [known, user.length] as const
    })
    if (taken === null) return 0
    const [before, length] = taken
    this.#wake()
    if (length > before && this.#working === null) this.#flushAcks()
    return length
  }

  /** Throws QUOTA_EXCEEDED where what is new in a log may not be taken in now. */
  #admit({ user, start, blocks }: UserBlocks, known: number, caller: Caller | null): void {
    if (start > known || start + blocks.length <= known) return
    const id = encodeId(user)
    const waiting = this.#queue.waiting(id)
    const fresh = known - start
    const countCalls = () => {
      return blocks.slice(fresh).filter((block) => readAsked(block) !== undefined).length
    }
    const entries = blocks.length - fresh
    this.#tenant?.admit({ user: id, caller, waiting, entries, countCalls })
  }

  /** Resolves when a user's calls up to this entry of its log have their results, on disk. */
  async settled(key: Uint8Array, entry: number): Promise<void> {
    const user = encodeId(key)
    if (this.#accounts.isSettled(user, entry)) return
    this.#refuseWhenClosing()
    this.#ledger.refuseWhenBarred()
    await new Promise<void>((resolve, reject) => {
      this.#watchers.add({ user, entry, resolve, reject })
      this.#wake()
    })
  }

  /** Finishes the batch in flight; calls that still wait are continued when the instance is opened again. */
  async close(): Promise<void> {
    this.#closing = true
    await this.#working
    await this.#flushing
    this.#rejectWatchers(closed())
    this.#measures.queued -= this.#queue.length
    this.#execution.vm.evict(this.id)
    for (const { caller, block } of this.#queue) caller?.hold(-block.byteLength)
    await this.#ledger.close()
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
    this.#working = this.#work().then(
      () => {
        this.#rest()
        // what has come since the last look at the queue has found somebody at work, and waits
        this.#wake()
      },
      (error: unknown) => {
        this.#rest()
        // the calls stay queued: the next one that comes tries again
        this.#measures.failed.add(error instanceof MivmError ? error.code : 'INTERNAL')
        this.#rejectWatchers(error)
      }
    )
  }

  #rest(): void {
    this.#working = null
    this.#usedAt = Date.now()
  }

  #rejectWatchers(error: unknown): void {
    for (const watcher of this.#watchers) watcher.reject(error)
    this.#watchers.clear()
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
        const batch = await this.#execute()
        await durable
        durable = (await this.#commit(batch)).durable
      }
    } finally {
      await durable
    }
    if (!this.#closing) await this.#ledger.trim()
  }

  async #execute(): Promise<Executed> {
    const first = this.#first
    this.#first = null
    const taken: Taken = { items: [], times: [], called: [], calls: [] }
    this.#gather(taken, first)
    let began = performance.now()
    const onBegin = () => {
      // with many instances it is a long time until an engine begins, and what has come since costs little beside the rest
      this.#gather(taken, first)
      began = performance.now()
    }
    const { items, times } = taken
    const results = taken.calls.length === 0 ? [] : await this.#run(taken, onBegin)
    const steps = stepsOf(items, results)
    const executed = items.slice(0, steps.length)
    const executedAt = performance.now()
    const { queue, engine } = this.#measures.stages
    for (const { queuedAt } of executed) queue.add(began - queuedAt)
    engine.add(executedAt - began, executed.length)
    return { items: executed, steps, times, executedAt }
  }

  /** Takes what is next; what was taken before stays as it was. */
  #gather({ items, times, called, calls }: Taken, first: Waiting | null): void {
    const all = this.#next(first)
    if (items.some((item, i) => item !== all[i])) return
    const time = this.#open?.time ?? Math.max(Date.now(), this.#time)
    const seq = this.#open?.seq ?? this.#seq + 1
    for (const item of all.slice(items.length)) {
      const { id, block, call } = item
      const index = items.push(item) - 1
      times.push(time)
      if (call === null) continue
      called.push(index)
      calls.push(callAt(call, block, id, seq + index, time, this.#committed))
    }
  }

  /**
   * The next calls to execute together: the one that has asked an oracle, or as many as a batch may have. They stay in
   * the queue until they are committed, so that whatever is flushed meanwhile notes them as waiting.
   */
  #next(first: Waiting | null): Waiting[] {
    if (this.#open !== null) return [this.#open.item]
    const { users, isShared } = this.#queue
    // who calls now and then shall not wait for the largest batches of somebody who always does
    const max = isShared ? Math.min(BATCH_CALLS_MAX, users * SHARED_CALLS) : BATCH_CALLS_MAX
    return this.#queue.next(max, first)
  }

  /** The steps of as many calls as there was time for. */
  async #run({ items, called, calls }: Taken, onBegin: () => void): Promise<Step[]> {
    const steps: Step[] = []
    const [first] = items
    let over = false
    let asking: Waiting | null = null
    try {
      await this.#execution.vm.run(
        {
          contract: this.#contract,
          variables: sortVariables(this.#variables),
          calls,
          base: this.#ledger.archive,
          onStep: (step) => steps.push(step),
          onOracle: (request) => {
            const asked = called[request.call]
            const call = calls[request.call]
            if (asked === 0 && call !== undefined && first !== undefined) {
              return this.#ask(first, call.time, request, () => over)
            }
            asking = items[asked ?? 0] ?? null
            throw ORACLE_FIRST
          },
          onLog: (line) => this.#execution.onLog(this.id, line)
        },
        { workMs: this.#workMs, onBegin }
      )
    } catch (error) {
      if (error !== ORACLE_FIRST) throw error
      this.#first = asking
    } finally {
      over = true
    }
    return steps
  }

  /** Work of one batch, ms: where many call at once, each waits for the others in any case. */
  get #workMs(): number {
    if (!this.#queue.isShared) return BATCH_WORK_MS
    const shared = Math.max(SHARED_WORK_MS, this.#queue.users * SHARED_USER_MS)
    return Math.min(BATCH_WORK_MS, shared)
  }

  /** Resolves when the next batch can be executed; this one is on disk, and its users are told, when `durable` does. */
  async #commit({
    items,
    steps,
    times,
    executedAt
  }: Executed): Promise<{ durable: Promise<void> }> {
    // an answer of an oracle that comes late may still be on its way into the log
    if (this.#open !== null) await this.#ledger.settle()
    const blocks: Uint8Array[] = []
    const positions = new Map<UserLog, Position>()
    const answered: [user: string, at: Answered][] = []
    const writes: Write[] = []
    const start = this.#ledger.tail.length
    let seq = this.#seq
    let time = this.#time
    for (const [i, item] of items.entries()) {
      const step = steps[i]
      if (step === undefined) break
      time = times[i] ?? time
      const user = this.#ledger.opened(item.id) ?? (await this.#ledger.user(item.user))
      seq++
      const opened = this.#open?.item === item ? this.#open.ack : null
      const ack = opened ?? start + blocks.length
      if (opened === null) {
        const previous = (positions.get(user) ?? user.position).ack
        blocks.push(encodeEntry(ackOf(item, seq, time, previous)))
      }
      answered.push([user.id, { entry: item.entry, ack, result: start + blocks.length }])
      blocks.push(encodeResult(ack, step))
      positions.set(user, { entry: item.entry, ack })
      writes.push(...step.writes)
    }
    this.#open = null
    const filled = Promise.withResolvers<Uint8Array>()
    const durable = this.#ledger
      .commit(blocks, lastWrites(writes), positions, filled.resolve)
      .then((syncMs) => {
        for (const [user, at] of answered) this.#accounts.answer(user, at)
        this.#measures.committed(steps, performance.now() - executedAt, syncMs)
        this.#notify()
        this.#accounts.trim()
      })
    durable.catch(filled.reject)
    this.#committed = await filled.promise
    this.#pay(items, steps)
    this.#measures.queued -= items.length
    this.#seq = seq
    this.#time = time
    updateVariables(this.#variables, writes)
    return { durable }
  }

  /**
   * Logs the request before it is made and the answer before it is used; what is logged is not asked again. The engine
   * may die meanwhile, and the call be aborted: once the run is over nothing more of it may come into the log.
   */
  async #ask(
    item: Waiting,
    time: number,
    { index, name, args }: OracleRequest,
    isOver: () => boolean
  ): Promise<OracleAnswer> {
    const user = await this.#ledger.user(item.user)
    // the batch before may still be on its way into the log
    if (this.#open === null) await this.#ledger.settle()
    if (isOver()) throw new MivmError('ENGINE_FAILED', 'the engine that asks is dead')
    // from here on a commit waits for what is written
    this.#open ??= { item, ack: this.#ledger.tail.length, seq: this.#seq + 1, time, requests: [] }
    const { ack, seq, requests } = this.#open
    const logged = requests[index]
    if (logged !== undefined && logged !== null) return logged
    if (logged === undefined) {
      requests[index] = null
      const request = encodeEntry({ type: 'oracle-request', ack, index, name, args })
      await this.#ledger.append(
        index === 0 ? [encodeEntry(ackOf(item, seq, time, user.position.ack)), request] : [request]
      )
    } else {
      // asked again by an engine that replaces a dead one: the request may still be on its way to the disk
      await this.#ledger.settle()
    }
    const answer = await this.#execution.oracles.ask(name, args)
    // Meanwhile the engine may have died, and the call have been aborted or asked again by another: an answer that
    // comes too late for its place in the log is not logged.
    const known = requests[index]
    if (known !== null) return known ?? answer
    if (this.#open?.ack !== ack) return answer
    requests[index] = answer
    const value = answer.ok ? answer.value : null
    const error = answer.ok ? null : answer.error
    await this.#ledger.append([encodeEntry({ type: 'oracle-answer', ack, index, value, error })])
    return answer
  }

  /** Queues what is new in a user's log, and charges it; returns how many calls there were. */
  #take(
    user: UserLog,
    blocks: readonly Uint8Array[],
    start: number,
    caller: Caller | null
  ): number {
    const calls = this.#enqueue(user, blocks, start, caller)
    const bytes = blocks.reduce((sum, block) => sum + block.byteLength, 0)
    this.#tenant?.take(user.id, caller, calls, bytes)
    return calls
  }

  /** Returns how many calls there were in the blocks. */
  #enqueue(
    user: UserLog,
    blocks: readonly Uint8Array[],
    start: number,
    caller: Caller | null = null
  ): number {
    const queuedAt = performance.now()
    const before = this.#queue.length
    const meters = this.#tenant?.metersOf(user.id, caller) ?? []
    for (const [i, block] of blocks.entries()) {
      const entry = start + i + 1
      const call = readAsked(block)
      if (call === undefined) continue
      this.#accounts.wait(user.id, entry)
      const item = { user: user.key, id: user.id, call, entry, block, queuedAt, meters, caller }
      this.#queue.push(item)
      caller?.hold(block.byteLength)
    }
    const calls = this.#queue.length - before
    this.#measures.queued += calls
    return calls
  }

  /** Takes calls that are executed from the queue, and charges what they have cost. */
  #pay(items: readonly Waiting[], steps: readonly Step[]): void {
    const costs = steps.map((step) => fuelOf(step, this.#contract))
    this.#queue.done(items, costs)
    for (const [i, { caller, block, meters }] of items.entries()) {
      caller?.hold(-block.byteLength)
      for (const meter of meters) meter.burn(costs[i] ?? 0)
    }
    this.#tenant?.keep(this.#ledger.bytes)
  }

  #notify(): void {
    for (const watcher of this.#watchers) {
      if (!this.#accounts.isSettled(watcher.user, watcher.entry)) continue
      this.#watchers.delete(watcher)
      watcher.resolve()
    }
  }

  /** Queues what was waiting when the host went down, the call that had asked an oracle first of all. */
  async #continue(trailing: readonly CallLogEntry[]): Promise<void> {
    const [ack] = trailing
    if (ack !== undefined) {
      if (ack.type !== 'ack') throw damaged('the end of the call log')
      const requests: (OracleAnswer | null)[] = []
      for (const entry of trailing) {
        if (entry.type === 'oracle-request') requests[entry.index] = null
        if (entry.type === 'oracle-answer') requests[entry.index] = answerOf(entry)
      }
      const id = encodeId(ack.user)
      const call = readCall(ack.call)
      const meters = this.#tenant?.metersOf(id, null) ?? []
      const queuedAt = performance.now()
      const { entry, call: block } = ack
      const item = { user: ack.user, id, call, entry, block, queuedAt, meters, caller: null }
      const index = this.#ledger.tail.length - trailing.length
      this.#open = { item, ack: index, seq: ack.seq, time: ack.time, requests }
      this.#queue.push(item)
      this.#measures.queued++
      this.#accounts.wait(id, ack.entry)
    }
    for (const id of await this.#ledger.pendingUsers()) {
      const user = await this.#ledger.user(decodeId(id))
      const opened = this.#accounts.next(id) ?? 0
      const start = Math.max(user.position.entry, opened)
      const blocks: Uint8Array[] = []
      for (let i = start; i < user.length; i++) blocks.push(await user.block(i))
      this.#enqueue(user, blocks, start)
    }
    this.#wake()
  }
}

/** A step for each entry, in order, as far as there are steps of the calls among them. */
function stepsOf(items: readonly Waiting[], results: readonly Step[]): Step[] {
  const steps: Step[] = []
  let executed = 0
  for (const { call } of items) {
    const step = call === null ? MALFORMED : results[executed++]
    if (step === undefined) break
    steps.push(step)
  }
  return steps
}

function ackOf({ user, entry, block }: Waiting, seq: number, time: number, previous: number): Ack {
  return { type: 'ack', seq, user, entry, call: block, time, previous }
}

function closed(): MivmError {
  return new MivmError(
    'HOST_CLOSED',
    'the host is shutting down: the call stays in your log and is delivered later'
  )
}
