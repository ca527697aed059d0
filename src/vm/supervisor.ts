import { availableParallelism } from 'node:os'
import { MivmError } from '../protocol/errors.ts'
import { Compilers } from './compilers.ts'
import { Execution } from './execution.ts'
import { checkCode, inspect } from './inspection.ts'
import { Laggards } from './laggards.ts'
import { EnginePool, type PoolFigures } from './pool.ts'
import { type Layer, requireLayers, type SandboxMode } from './sandbox/sandbox.ts'
import { Slot } from './slot.ts'
import type { Batch, Contract, RunOptions, VirtualMachine } from './vm.ts'

/** Whose contracts may share an engine process: those of one deployer, none, or all. */
export type IsolateBy = 'deployer' | 'instance' | 'none'

export interface SupervisorOptions {
  /**
   * Engine processes at most, started when there is work for them, but for one for contracts that hold up others. Default: one
   * a core; 16 where they are kept apart.
   */
  readonly engines?: number | undefined
  /** Instances that one engine keeps in memory; default 64, at about 2.2 MB each, and 3.5 MB while they are in use. */
  readonly maxInstances?: number
  /** The Node binary that runs engines, in the place of the pinned one that is found. */
  readonly node?: string
  /** Default `auto`. */
  readonly sandbox?: SandboxMode | undefined
  /** Refuse to start unless all layers of the sandbox are active. */
  readonly requireSandbox?: boolean | undefined
  /** Default `none`. */
  readonly isolateBy?: IsolateBy | undefined
  /** Whether a process that compiles is there at all times; default true. Whoever executes one contract needs it once. */
  readonly keepCompiler?: boolean
  /** Multiplies the wall clock that a call may take, for batches that do not say their own; default 1. */
  readonly patience?: number | undefined
  /** Resident memory at which an engine is ended with the call that it executes, bytes; default: 1.5 GiB for 64 instances. */
  readonly memoryMax?: number
}

const INSTANCES_MAX = 64

/** At 17 MB each with one small instance, and 35 MB that all of them share. */
const ENGINES_APART = 16

const MEBIBYTE = 1024 * 1024

/** What an engine may keep: itself, and instances that are as large as they get without anything being wrong. */
const MEMORY_BASE = 256 * MEBIBYTE
const MEMORY_INSTANCE = 4 * MEBIBYTE

/** On top of it for the call that is executed: several times the memory that it may have. */
const MEMORY_CALL = 1024 * MEBIBYTE

const EVERYBODY = ''

/** Of all engines of a VM together. */
export interface EngineFigures extends PoolFigures {
  /** How many there may be. */
  readonly most: number
  readonly running: number
  /** Engines with a task, and tasks behind those that are executed. */
  readonly busy: number
  readonly waiting: number
  /** Instances that they have in memory. */
  readonly instances: number
  /** Resident memory, bytes, as far as it can be seen. */
  readonly memory: number
}

/** A VM that lives in engine processes: instances stick to an engine, which has a queue of its own. */
export class Supervisor implements VirtualMachine {
  readonly id: string
  /** What is around the engines. */
  readonly layers: readonly Layer[]
  readonly #pool: EnginePool
  readonly #compilers: Compilers
  readonly #slots: readonly Slot[]
  /** For what others would have to wait for, where contracts share engines. */
  readonly #aside: Slot | null
  readonly #laggards = new Laggards()
  readonly #isolateBy: IsolateBy
  readonly #patience: number
  readonly #places = new Map<string, Slot>()

  /**
   * Opens it with one engine running, so that what cannot work fails here: ENGINE_FAILED, and SANDBOX_UNAVAILABLE
   * where the sandbox is required.
   */
  static async open(id: string, options: SupervisorOptions = {}): Promise<Supervisor> {
    const kept = MEMORY_BASE + MEMORY_INSTANCE * (options.maxInstances ?? INSTANCES_MAX)
    const memoryMax = options.memoryMax ?? kept + MEMORY_CALL
    const { node, sandbox = 'auto' } = options
    const pool = await EnginePool.open({ node, sandbox, memoryMax })
    const supervisor = new Supervisor(id, options, pool, Math.min(kept, memoryMax / 2), memoryMax)
    try {
      if (options.requireSandbox) requireLayers(pool.layers)
      supervisor.#compilers.prepare()
      const [slot] = supervisor.#slots
      await slot?.start()
      return supervisor
    } catch (error) {
      await supervisor.close()
      throw error
    }
  }

  private constructor(
    id: string,
    options: SupervisorOptions,
    pool: EnginePool,
    memoryIdle: number,
    memoryMax: number
  ) {
    const { isolateBy = 'none', maxInstances: instancesMax = INSTANCES_MAX } = options
    this.id = id
    this.layers = pool.layers
    this.#pool = pool
    this.#compilers = new Compilers(() => pool.startCompiler(), {
      keepsOne: options.keepCompiler ?? true
    })
    this.#isolateBy = isolateBy
    this.#patience = options.patience ?? 1
    const count = options.engines ?? (isolateBy === 'none' ? availableParallelism() : ENGINES_APART)
    const memoryBusy = (memoryIdle + memoryMax) / 2
    const slotOptions = { instancesMax, memoryIdle, memoryBusy }
    const open = () => new Slot(pool, this.#compilers, slotOptions)
    this.#slots = Array.from({ length: count }, open)
    this.#aside = isolateBy === 'none' ? open() : null
  }

  async inspect(contract: Contract): Promise<readonly string[]> {
    await checkCode(this.#compilers, contract)
    const owner = this.#ownerOf(contract)
    const slot = this.#place(contract, owner)
    try {
      // a deployer's thousand deployments are one among others
      const whose = `inspect ${contract.deployer}`
      const options = {
        patience: this.#patience,
        onLag: () => this.#laggards.note(contract, slot !== this.#aside)
      }
      return await slot.queue(owner, () => inspect(slot, contract, options), whose)
    } catch (error) {
      // there will be no instance
      this.evict(contract.address)
      throw error
    }
  }

  async run(batch: Batch, options: RunOptions = {}): Promise<number> {
    const { contract } = batch
    // before it takes its place among others: what comes of it is seen when it has one
    if (!this.#places.get(contract.address)?.holds(contract)) {
      await this.#compilers.compile(contract).catch(() => {})
    }
    const execution = new Execution(batch, { patience: this.#patience, ...options })
    const isDone = await this.#advance(execution, contract, true)
    if (!isDone) await this.#advance(execution, contract, false)
    return execution.executed
  }

  evict(address: string): void {
    const slot = this.#places.get(address)
    this.#places.delete(address)
    if (slot !== undefined) this.#leave(slot, address)
  }

  /** What the engines are doing now, and what has become of those before them. */
  figures(): EngineFigures {
    const slots = this.#all
    const running = slots.filter(({ isRunning }) => isRunning)
    const loads = slots.map(({ load }) => load)
    return {
      most: slots.length,
      running: running.length,
      busy: loads.filter((load) => load > 0).length,
      waiting: loads.reduce((sum, load) => sum + Math.max(0, load - 1), 0),
      instances: running.reduce((sum, { size }) => sum + size, 0),
      memory: running.reduce((sum, { memory }) => sum + memory, 0),
      ...this.#pool.figures
    }
  }

  async close(): Promise<void> {
    const slots = this.#all.map((slot) => slot.close())
    await Promise.all([this.#pool.close(), this.#compilers.close(), ...slots])
  }

  get #all(): readonly Slot[] {
    return this.#aside === null ? this.#slots : [...this.#slots, this.#aside]
  }

  #ownerOf({ address, deployer }: Contract): string {
    const owners = { none: EVERYBODY, deployer, instance: address }
    return owners[this.#isolateBy]
  }

  /**
   * Has a batch executed when it has its turn; resolves to whether it is done. Where it `leaves`, it is not when others would
   * have to wait for it: it is to go on where it has its place then.
   */
  #advance(execution: Execution, contract: Contract, leaves: boolean): Promise<boolean> {
    const owner = this.#ownerOf(contract)
    const slot = this.#place(contract, owner)
    const task = async () => {
      const mayLeave = leaves && this.#isShared(slot)
      // it may have become known for that while it waited
      if (mayLeave && this.#laggards.has(contract)) return false
      const isDone = await execution.run(slot, mayLeave)
      if (execution.isLaggard) this.#laggards.note(contract, slot !== this.#aside)
      else this.#laggards.noteQuick(contract)
      return isDone
    }
    return slot.queue(owner, task, contract.address)
  }

  /** Where an instance stays, until its engine goes to another owner, or others have to wait for it. */
  #place(contract: Contract, owner: string): Slot {
    const { address } = contract
    const known = this.#places.get(address)
    const aside = this.#isInTheWay(contract, known) ? this.#aside : null
    if (known?.owner === owner && (known === this.#aside) === (aside !== null)) return known
    const slot = aside ?? this.#find(owner)
    this.#places.set(address, slot)
    if (known?.owner === owner) this.#leave(known, address)
    return slot
  }

  /** An engine of one owner ends with the last instance that it has, and so does that for those that others do not wait for. */
  #leave(slot: Slot, address: string): void {
    slot.evict(address, this.#isolateBy !== 'none' || slot === this.#aside)
  }

  /** Whether others have to wait for a contract where it is, or would. */
  #isInTheWay(contract: Contract, place: Slot | undefined): boolean {
    if (!this.#laggards.has(contract)) return false
    return place === undefined || place === this.#aside || this.#isShared(place)
  }

  /** Whether others have, or want, an engine that is for all. */
  #isShared(slot: Slot): boolean {
    return this.#aside !== null && slot !== this.#aside && (slot.size > 1 || slot.load > 1)
  }

  /**
   * An engine that the owner has or may have: the idlest. It takes one that nobody has where it has none that is idle,
   * up to one a core; and from another owner, where it has none at all, the one that was idle for the longest time.
   */
  #find(owner: string): Slot {
    const own = this.#slots.filter((slot) => slot.owner === owner)
    const free = this.#slots.filter((slot) => slot.owner === null)
    if (this.#isolateBy === 'none') return best([...own, ...free], isIdler)
    if (own.some(({ load }) => load === 0)) return best(own, isIdler)
    if (own.length < availableParallelism() && free.length > 0) return best(free, isIdler)
    if (own.length > 0) return best(own, isIdler)
    const idle = this.#slots.filter(({ load }) => load === 0)
    return idle.length > 0 ? best(idle, isOlder) : best(this.#slots, isIdler)
  }
}

function best(slots: readonly Slot[], isBetter: (slot: Slot, than: Slot) => boolean): Slot {
  const [first, ...others] = slots
  if (first === undefined) throw new MivmError('INTERNAL', 'a VM without engines: report this')
  return others.reduce((found, slot) => (isBetter(slot, found) ? slot : found), first)
}

function isIdler(slot: Slot, than: Slot): boolean {
  return slot.load === than.load ? slot.size < than.size : slot.load < than.load
}

function isOlder(slot: Slot, than: Slot): boolean {
  return slot.usedAt < than.usedAt
}
