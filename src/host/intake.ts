import type { Ack, UserCall } from '../protocol/entries.ts'
import { encodeId } from '../protocol/ids.ts'
import type { UserBlocks } from '../protocol/messages.ts'
import { readAsked, readCall } from '../vm/record.ts'
import { Turns } from '../vm/turns.ts'
import type { Contract, Step } from '../vm/vm.ts'
import type { Accounts } from './accounts.ts'
import { fuelOf } from './deployment.ts'
import type { Measures } from './measures.ts'
import type { Meter } from './meter.ts'
import type { Sender } from './sender.ts'
import type { Tenant } from './tenant.ts'
import type { UserLog } from './user-log.ts'

/** What every call costs beside its fuel, in fuel: it is decoded, logged, hashed and proven. */
const CALL_COST = 5_000

/** What a call that waits takes in memory beside its bytes, about; and the log of its user, with the first one. */
const WAITING_COST = 1024
const LOG_COST = 48 * 1024

/** A call that has arrived and has no result yet. */
export interface Waiting {
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
  readonly sender: Sender | null
  /** What it counts for of that connection's memory, bytes. */
  readonly held: number
}

/** The calls that wait, the users in turns. */
export type Queue = Turns<Waiting>

export function openQueue(): Queue {
  return new Turns<Waiting>(CALL_COST)
}

/** Queues what users call, held against quotas before, and charges for what is executed. */
export class Intake {
  readonly #queue: Queue
  readonly #contract: Contract
  readonly #tenant: Tenant | null
  readonly #accounts: Accounts
  readonly #measures: Measures

  constructor(
    queue: Queue,
    contract: Contract,
    tenant: Tenant | null,
    accounts: Accounts,
    measures: Measures
  ) {
    this.#queue = queue
    this.#contract = contract
    this.#tenant = tenant
    this.#accounts = accounts
    this.#measures = measures
  }

  /** To be called before `admit`, where something can be waited for. */
  async prepare(user: Uint8Array): Promise<void> {
    await this.#tenant?.prepare(encodeId(user))
  }

  /** Throws QUOTA_EXCEEDED where what is new in a log, of which `known` blocks are here, may not be taken in now. */
  admit({ user, start, blocks }: UserBlocks, known: number, sender: Sender | null): void {
    if (start > known || start + blocks.length <= known) return
    const id = encodeId(user)
    const waiting = this.#queue.waiting(id)
    const fresh = known - start
    const countCalls = () => {
      return blocks.slice(fresh).filter((block) => readAsked(block) !== undefined).length
    }
    const entries = blocks.length - fresh
    this.#tenant?.admit({ user: id, sender, waiting, entries, countCalls })
  }

  /** Queues what is new in a user's log, from block `start` on, and charges it; returns how many calls there were. */
  take(user: UserLog, blocks: readonly Uint8Array[], start: number, sender: Sender | null): number {
    const calls = this.enqueue(user, blocks, start, sender)
    this.charge(user, blocks, calls, sender)
    return calls
  }

  /** Charges a user for blocks with so many calls among them. */
  charge(user: UserLog, blocks: readonly Uint8Array[], calls: number, sender: Sender | null): void {
    const bytes = blocks.reduce((sum, block) => sum + block.byteLength, 0)
    this.#tenant?.take(user.id, sender, calls, bytes)
  }

  /** Queues calls among blocks, and charges nothing; returns how many calls there were. */
  enqueue(
    user: UserLog,
    blocks: readonly Uint8Array[],
    start: number,
    sender: Sender | null = null
  ): number {
    const before = this.#queue.length
    const queuedAt = performance.now()
    const meters = this.#tenant?.metersOf(user.id, sender) ?? []
    for (const [i, block] of blocks.entries()) {
      const entry = start + i + 1
      const call = readAsked(block)
      if (call === undefined) continue
      const held = this.#heldBy(user.id, block)
      this.#push({
        user: user.key,
        id: user.id,
        call,
        entry,
        block,
        queuedAt,
        meters,
        sender,
        held
      })
    }
    return this.#queue.length - before
  }

  /** Queues a call whose ack is in the log already. */
  enqueueAcked({ user, entry, call: block }: Ack): Waiting {
    const id = encodeId(user)
    const call = readCall(block)
    const meters = this.#tenant?.metersOf(id, null) ?? []
    const queuedAt = performance.now()
    const item = { user, id, call, entry, block, queuedAt, meters, sender: null, held: 0 }
    this.#push(item)
    return item
  }

  #push(item: Waiting): void {
    this.#accounts.wait(item.id, item.entry)
    this.#queue.push(item)
    item.sender?.hold(item.held)
    this.#measures.queued++
  }

  #heldBy(id: string, block: Uint8Array): number {
    const log = this.#queue.waiting(id) === 0 ? LOG_COST : 0
    return block.byteLength + WAITING_COST + log
  }

  /** Takes calls that are executed from the queue, and charges what they have cost. */
  pay(items: readonly Waiting[], steps: readonly Step[]): void {
    const costs = steps.map((step) => fuelOf(step, this.#contract))
    this.#queue.done(items, costs)
    this.#measures.queued -= items.length
    for (const [i, item] of items.entries()) {
      item.sender?.hold(-item.held)
      for (const meter of item.meters) meter.burn(costs[i] ?? 0)
    }
  }

  /** Notes what the instance has on disk, bytes. */
  keep(bytes: number): void {
    this.#tenant?.keep(bytes)
  }

  /** What waits is executed when the instance is opened again. */
  close(): void {
    this.#measures.queued -= this.#queue.length
    for (const item of this.#queue) item.sender?.hold(-item.held)
  }
}
