import { KeyedMutex } from '../net/mutex.ts'
import type { Ack, UserCall } from '../protocol/entries.ts'
import { encodeId } from '../protocol/ids.ts'
import type { UserBlocks } from '../protocol/messages.ts'
import { readAsked, readCall } from '../vm/record.ts'
import { Turns } from '../vm/turns.ts'
import type { Contract, Step } from '../vm/vm.ts'
import type { Accounts } from './accounts.ts'
import { fuelOf } from './deployment.ts'
import type { Ledger } from './ledger.ts'
import type { Measures } from './measures.ts'
import type { Meter } from './meter.ts'
import type { Sender } from './sender.ts'
import type { Tenant } from './tenant.ts'
import { checkLog, type UserLog } from './user-log.ts'

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

/** How a request came. */
export interface Arrival {
  /** Over whose connection. */
  readonly sender?: Sender | null
  /** When its bytes came, as performance.now(). */
  readonly arrived?: number
}

/** The calls that wait, the users in turns. */
export type Queue = Turns<Waiting>

export function openQueue(): Queue {
  return new Turns<Waiting>(CALL_COST)
}

/** Takes in what users write, held against quotas before, queues what they call, and charges for what is executed. */
export class Intake {
  readonly #ledger: Ledger
  readonly #queue: Queue
  readonly #contract: Contract
  readonly #tenant: Tenant | null
  readonly #accounts: Accounts
  readonly #measures: Measures
  /** By user: what each sends comes in one after the other. */
  readonly #entering = new KeyedMutex()

  constructor(
    ledger: Ledger,
    queue: Queue,
    contract: Contract,
    tenant: Tenant | null,
    accounts: Accounts,
    measures: Measures
  ) {
    this.#ledger = ledger
    this.#queue = queue
    this.#contract = contract
    this.#tenant = tenant
    this.#accounts = accounts
    this.#measures = measures
  }

  /**
   * Takes in what a user has written and queues the calls in it; resolves to the length of the host's copy then, null where there
   * is none. Throws as {@link UserLog.extend}, and QUOTA_EXCEEDED before anything is taken in. `refuseWhenClosing` is asked when
   * it is.
   */
  async submit(
    log: UserBlocks,
    { sender = null, arrived = performance.now() }: Arrival,
    refuseWhenClosing: () => void
  ): Promise<number | null> {
    // anybody can name users without end: nobody who calls shall wait for that to be looked up
    if (log.blocks.length === 0 && !(await this.#ledger.hasUser(log.user))) return null
    const { taken } = await this.#entering.run(encodeId(log.user), () =>
      this.#enter(log, { sender, arrived }, refuseWhenClosing)
    )
    return taken
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

  /**
   * Resolves when a log is on its way into the copy, behind what came of it before. Looking for the log takes a while where there
   * is none, and what follows would find none either if it were there first. What comes of it, `taken`, is in an object, so
   * that it is not waited for here as well.
   */
  async #enter(
    log: UserBlocks,
    { sender, arrived }: Required<Arrival>,
    refuseWhenClosing: () => void
  ): Promise<{ readonly taken: Promise<number | null> }> {
    if (log.blocks.length > 0) {
      await this.#ledger.checkRoom()
      await this.#tenant?.prepare(encodeId(log.user))
    }
    const isNew = await this.#isNew(log, sender)
    // looked for once more in its turn: one whose first entries are on their way is there by then
    const taken = this.#ledger.withUserIf(isNew, log.user, async (user) => {
      refuseWhenClosing()
      const known = user.length
      this.#admit(log, known, sender)
      await user.extend(log)
      if (user.length > known) {
        const fresh = log.blocks.slice(known - log.start)
        const calls = this.enqueue(user, fresh, known, sender)
        this.charge(user, fresh, calls, sender)
        this.#measures.stages.submit.add(performance.now() - arrived, calls)
      }
      return user.length
    })
    return { taken }
  }

  /**
   * Whether this is the beginning of a log of which there is none here yet, and may be taken in. All of it is looked at before
   * anybody waits for that: anybody can send thousands of entries.
   */
  async #isNew(log: UserBlocks, sender: Sender | null): Promise<boolean> {
    if (log.blocks.length === 0) return false
    if (log.start > 0 || (await this.#ledger.hasUser(log.user))) return false
    this.#admit(log, 0, sender)
    checkLog(log, this.#ledger.address)
    return true
  }

  /** Throws QUOTA_EXCEEDED where what is new in a log, of which `known` blocks are here, may not be taken in now. */
  #admit({ user, start, blocks }: UserBlocks, known: number, sender: Sender | null): void {
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
