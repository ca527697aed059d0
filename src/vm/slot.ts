import { MivmError } from '../protocol/errors.ts'
import type { Compilers } from './compilers.ts'
import {
  type Engine,
  EngineDeath,
  type Job,
  type JobHandlers,
  type JobReport,
  vmClosed
} from './engine.ts'
import type { DoneReport, InspectedReport } from './frames.ts'
import type { EnginePool } from './pool.ts'
import { Tasks } from './tasks.ts'
import type { Contract } from './vm.ts'

export interface SlotOptions {
  /** Instances that the engine keeps in memory. */
  readonly instancesMax: number
  /** Resident memory, bytes, over which an engine is replaced when it has nothing to do. */
  readonly memoryIdle: number
  /** The same where it never has nothing to do: between two tasks. */
  readonly memoryBusy: number
}

/** How often the memory of an engine is looked at between its tasks. */
const MEMORY_MS = 100

/** When nobody has wanted the engine for so long, its instances rest, one after the other. */
const IDLE_MS = 1000
const REST_MS = 50

/**
 * A place for one engine: starts it when there is work, again when it died, and knows what it holds. The engine
 * belongs to one owner at a time; for another one it is replaced.
 */
export class Slot {
  readonly #pool: EnginePool
  readonly #compilers: Compilers
  readonly #options: SlotOptions
  /** Instances in the engine, the least recently used one first. */
  readonly #held = new Map<string, Contract>()
  readonly #tasks = new Tasks()
  /** Instances that were used since they rested. */
  readonly #tired = new Set<string>()
  #rest: NodeJS.Timeout | null = null
  #engine: Engine | null = null
  #owner: string | null = null
  /** Whose contracts the engine may have seen, or the one that is started in its place while they are executed. */
  #seen: string | null = null
  #usedAt = 0
  #weighedAt = 0
  #closed = false

  constructor(pool: EnginePool, compilers: Compilers, options: SlotOptions) {
    this.#pool = pool
    this.#compilers = compilers
    this.#options = options
  }

  /** Tasks that run or wait. */
  get load(): number {
    return this.#tasks.load
  }

  /** Instances that the engine has in memory. */
  get size(): number {
    return this.#held.size
  }

  get isRunning(): boolean {
    return this.#engine?.isAlive ?? false
  }

  /** Resident memory of the engine, bytes; 0 where there is none, or it cannot be seen. */
  get memory(): number {
    return this.#engine?.memory ?? 0
  }

  /** Whose contracts the engine will have after all tasks that wait; null while it is anybody's. */
  get owner(): string | null {
    return this.#owner
  }

  /** Whether the engine has the instance with this code. */
  holds(contract: Contract): boolean {
    const held = this.#held.get(contract.address)
    return held !== undefined && isSame(held, contract)
  }

  /** When it was last asked for something, as performance.now(). */
  get usedAt(): number {
    return this.#usedAt
  }

  /**
   * Runs a task of an owner when it has its turn, with an engine that has never seen contracts of anybody else. `whose`
   * it is, an instance's or somebody's, decides about turns. Only within a task the engine may be used.
   */
  queue<T>(owner: string, task: () => Promise<T>, whose = owner): Promise<T> {
    this.#owner = owner
    this.#usedAt = performance.now()
    return this.#append(owner, whose, async () => {
      if (this.#seen !== null && this.#seen !== owner) await this.#replace()
      this.#seen = owner
      return task()
    })
  }

  /** Has calls of an instance executed; `job` is what js-1/job.js takes, but for the contract. */
  async run(
    contract: Contract,
    job: { readonly time: number },
    handlers: JobHandlers
  ): Promise<DoneReport> {
    const report = await this.#give('run', contract, job, handlers)
    if (report.type !== 'done') throw new MivmError('INTERNAL', 'the engine did another job')
    return report
  }

  /** Has a contract loaded and asked for its methods. */
  async inspect(
    contract: Contract,
    job: { readonly time: number },
    handlers: JobHandlers
  ): Promise<InspectedReport> {
    const report = await this.#give('inspect', contract, job, handlers)
    if (report.type !== 'inspected') throw new MivmError('INTERNAL', 'the engine did another job')
    return report
  }

  /** Forgets an instance; with `last`, the engine ends with the last one that it holds. */
  evict(address: string, last: boolean): void {
    // behind what is running: an engine reads frames between jobs only
    void this.#append(this.#owner ?? '', address, async () => {
      this.#tired.delete(address)
      if (this.#held.delete(address)) this.#engine?.send({ type: 'evict', address })
      if (!last || this.#held.size > 0 || this.load > 1) return
      await this.#replace()
      this.#seen = null
      if (this.load === 1) this.#owner = null
    })
  }

  /** The engine, started if it is not running. */
  async start(): Promise<Engine> {
    if (this.#closed) throw vmClosed()
    if (this.#engine?.isAlive) return this.#engine
    await this.#replace()
    const engine = await this.#pool.take()
    this.#engine = engine
    if (this.#closed) {
      await engine.kill()
      throw vmClosed()
    }
    return engine
  }

  /** Ends the engine, a task that is running with it, and waits for the end of both. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stopRest()
    await this.#engine?.kill()
    await this.#tasks.settled()
  }

  async #give(
    type: Job['type'],
    contract: Contract,
    job: { readonly time: number },
    handlers: JobHandlers
  ): Promise<JobReport> {
    const engine = await this.start()
    const code = this.holds(contract) ? null : await this.#compilers.compile(contract)
    this.#hold(engine, contract)
    this.#tired.add(contract.address)
    const source = code === null ? null : contract.source
    return engine.run({ type, ...contract, source, code, ...job }, handlers).catch((error) => {
      if (error instanceof EngineDeath) this.#pool.noteDeath(error)
      throw error
    })
  }

  #append<T>(owner: string, whose: string, task: () => Promise<T>): Promise<T> {
    this.#stopRest()
    return this.#tasks.add(owner, whose, task, async () => {
      await this.#weigh()
      if (this.load === 0) this.#restIn(IDLE_MS)
    })
  }

  /** Has instances give back what they do not need while nobody waits for the engine: see js-1/instance.js. */
  #restIn(delay: number): void {
    if (this.#closed || this.#tired.size === 0) return
    this.#rest = setTimeout(() => {
      const [address] = this.#tired
      if (address === undefined || this.load > 0) return
      // who wants the engine waits for one of them at most
      if (this.#engine?.isTidying) return this.#restIn(REST_MS)
      this.#tired.delete(address)
      this.#engine?.rest(address)
      this.#restIn(REST_MS)
    }, delay)
    this.#rest.unref()
  }

  #stopRest(): void {
    if (this.#rest !== null) clearTimeout(this.#rest)
    this.#rest = null
  }

  /** Ends the engine where it has become too large: what escapes the limits of its isolates goes with it. */
  async #weigh(): Promise<void> {
    const now = performance.now()
    if (now - this.#weighedAt < MEMORY_MS) return
    this.#weighedAt = now
    const { memory } = this
    const { memoryIdle, memoryBusy } = this.#options
    if (memory <= (this.load === 0 ? memoryIdle : memoryBusy)) return
    this.#pool.prepare()
    await this.#replace()
  }

  /** Ends the engine; the next one is started when there is work. */
  async #replace(): Promise<void> {
    this.#held.clear()
    this.#tired.clear()
    const engine = this.#engine
    this.#engine = null
    await engine?.kill()
  }

  /** Notes that the engine holds the contract from now on. */
  #hold(engine: Engine, contract: Contract): void {
    const { address } = contract
    this.#held.delete(address)
    this.#held.set(address, contract)
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= this.#options.instancesMax) break
      this.#held.delete(oldest)
      this.#tired.delete(oldest)
      engine.send({ type: 'evict', address: oldest })
    }
  }
}

/** One address has one source and one set of limits for ever, but not every caller has looked that up. */
function isSame(a: Contract, b: Contract): boolean {
  if (a === b) return true
  return a.source === b.source && JSON.stringify(a.limits) === JSON.stringify(b.limits)
}
