import { BATCH_CALLS_MAX, BATCH_WORK_MS } from '../protocol/limits.ts'
import { callAt, MALFORMED } from '../vm/record.ts'
import { sortVariables } from '../vm/variables.ts'
import type { Call, Contract, Step, VirtualMachine } from '../vm/vm.ts'
import type { Queue, Waiting } from './intake.ts'
import type { Ledger } from './ledger.ts'
import type { Measures } from './measures.ts'
import type { OracleCall } from './oracle-call.ts'
import type { Stand } from './stand.ts'

/** Calls of a batch for each user that has calls waiting, where calls of several users came lately. */
const SHARED_CALLS = 32
/** Work that such a batch takes on, ms: so much at least, and for each of these users. */
const SHARED_WORK_MS = 10
const SHARED_USER_MS = 1

/** Calls with what came of them, not committed yet. */
export interface Executed {
  readonly items: readonly Waiting[]
  readonly steps: readonly Step[]
  /** The time of each as its ack has it. */
  readonly times: readonly number[]
  /** When that was done, as performance.now(). */
  readonly executedAt: number
}

/** A batch that becomes longer until an engine begins with it. */
interface Taken {
  readonly items: Waiting[]
  readonly times: number[]
  /** Calls for the VM, and which of the items each of them is. */
  readonly calls: Call[]
  readonly called: number[]
}

/** What calls are executed with, and where they are taken from. */
export interface Parts {
  readonly contract: Contract
  readonly vm: VirtualMachine
  readonly ledger: Ledger
  readonly queue: Queue
  readonly oracleCall: OracleCall
  readonly measures: Measures
  onLog(line: string): void
}

/** Thrown at the VM to end a run before a call that asks an oracle: it has to be the first of its batch. */
const ORACLE_FIRST = new Error('a call that asks an oracle begins its batch')

/** Executes what waits, batch by batch. What a batch comes to counts when it is committed, and not before. */
export class Executor {
  readonly #parts: Parts
  readonly #stand: Stand
  /** A call that has to begin the next batch. */
  #first: Waiting | null = null

  /** `stand` is where the instance stands, kept up to date by whoever commits. */
  constructor(parts: Parts, stand: Stand) {
    this.#parts = parts
    this.#stand = stand
  }

  /** The next batch, where the batch before it has been committed. */
  async execute(): Promise<Executed> {
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
    const { queue, engine } = this.#parts.measures.stages
    for (const { queuedAt } of executed) queue.add(began - queuedAt)
    engine.add(executedAt - began, executed.length)
    return { items: executed, steps, times, executedAt }
  }

  /** Takes what is next; what was taken before stays as it was. */
  #gather({ items, times, called, calls }: Taken, first: Waiting | null): void {
    const all = this.#next(first)
    if (items.some((item, i) => item !== all[i])) return
    const { opened } = this.#parts.oracleCall
    // the clock may have been set back since the first of them were taken
    const time = opened?.time ?? Math.max(Date.now(), times.at(-1) ?? this.#stand.time)
    const seq = opened?.seq ?? this.#stand.seq + 1
    for (const item of all.slice(items.length)) {
      const { id, block, call } = item
      const index = items.push(item) - 1
      times.push(time)
      if (call === null) continue
      called.push(index)
      calls.push(callAt(call, block, id, seq + index, time, this.#stand.committed))
    }
  }

  /**
   * The next calls to execute together: the one that has asked an oracle, or as many as a batch may have. They stay in
   * the queue until they are committed, so that whatever is flushed meanwhile notes them as waiting.
   */
  #next(first: Waiting | null): Waiting[] {
    const { queue, oracleCall } = this.#parts
    if (oracleCall.opened !== null) return [oracleCall.opened.item]
    // who calls now and then shall not wait for the largest batches of somebody who always does
    const shared = Math.min(BATCH_CALLS_MAX, queue.users * SHARED_CALLS)
    return queue.next(queue.isShared ? shared : BATCH_CALLS_MAX, first)
  }

  /** The steps of as many calls as there was time for. */
  async #run({ items, called, calls }: Taken, onBegin: () => void): Promise<Step[]> {
    const { contract, vm, ledger, oracleCall, onLog } = this.#parts
    const steps: Step[] = []
    const [first] = items
    let over = false
    let asking: Waiting | null = null
    try {
      await vm.run(
        {
          contract,
          variables: sortVariables(this.#stand.variables),
          calls,
          base: ledger.archive,
          onStep: (step) => steps.push(step),
          onOracle: (request) => {
            const asked = called[request.call]
            const call = calls[request.call]
            if (asked === 0 && call !== undefined && first !== undefined) {
              return oracleCall.ask(first, call, request, () => over)
            }
            asking = items[asked ?? 0] ?? null
            throw ORACLE_FIRST
          },
          onLog
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
    const { queue } = this.#parts
    if (!queue.isShared) return BATCH_WORK_MS
    return Math.min(BATCH_WORK_MS, Math.max(SHARED_WORK_MS, queue.users * SHARED_USER_MS))
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
