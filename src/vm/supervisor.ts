import { availableParallelism } from 'node:os'
import { MivmError } from '../protocol/errors.ts'
import { Execution } from './execution.ts'
import { inspect } from './inspection.ts'
import { Slot } from './slot.ts'
import type { Batch, Contract, RunOptions, VirtualMachine } from './vm.ts'

export interface SupervisorOptions {
  /** Engine processes; default: one per core. They are started when there is work for them. */
  readonly engines?: number
  /** Instances that one engine keeps in memory; default 64, at about 2 MB each. */
  readonly maxInstances?: number
  /** The Node binary that runs engines, in the place of the pinned one that is found. */
  readonly node?: string
}

const INSTANCES_MAX = 64

/** A VM that lives in engine processes: instances stick to an engine, which has a queue of its own. */
export class Supervisor implements VirtualMachine {
  readonly id: string
  readonly #slots: readonly Slot[]
  readonly #places = new Map<string, Slot>()

  /** Opens it with one engine running, so that what cannot work fails here. */
  static async open(id: string, options: SupervisorOptions = {}): Promise<Supervisor> {
    const supervisor = new Supervisor(id, options)
    const slot = supervisor.#idlest()
    await slot.queue(() => slot.start())
    return supervisor
  }

  private constructor(id: string, options: SupervisorOptions) {
    this.id = id
    const count = options.engines ?? availableParallelism()
    const instancesMax = options.maxInstances ?? INSTANCES_MAX
    this.#slots = Array.from({ length: count }, () => new Slot(options.node, instancesMax))
  }

  async inspect(contract: Contract): Promise<readonly string[]> {
    const slot = this.#idlest()
    return slot.queue(() => inspect(slot, contract))
  }

  async run(batch: Batch, options: RunOptions = {}): Promise<number> {
    const slot = this.#place(batch.contract.address)
    return slot.queue(() => new Execution(slot, batch, options).run())
  }

  evict(address: string): void {
    const slot = this.#places.get(address)
    this.#places.delete(address)
    // behind what is running: an engine reads frames between jobs only
    slot?.queue(async () => slot.evict(address))
  }

  async close(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.close()))
  }

  #place(address: string): Slot {
    const slot = this.#places.get(address) ?? this.#idlest()
    this.#places.set(address, slot)
    return slot
  }

  #idlest(): Slot {
    const [first, ...others] = this.#slots
    if (first === undefined) throw new MivmError('INTERNAL', 'a VM without engines: report this')
    return others.reduce((best, slot) => (isIdler(slot, best) ? slot : best), first)
  }
}

function isIdler(slot: Slot, than: Slot): boolean {
  return slot.load === than.load ? slot.size < than.size : slot.load < than.load
}
