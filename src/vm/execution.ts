import { MivmError } from '../protocol/errors.ts'
import { EngineDeath, type JobHandlers } from './engine.ts'
import { encodeCall, type Question, type StepReport } from './frames.ts'
import { LAG_MS } from './laggards.ts'
import { Overlay } from './overlay.ts'
import type { Slot } from './slot.ts'
import { sortVariables, updateVariables } from './variables.ts'
import type { Batch, Call, OracleAnswer, OracleRequest, Outcome, RunOptions, Write } from './vm.ts'

/**
 * Characters of the calls that go to an engine together, behind which the next job begins: a frame may have eight times as
 * many bytes (js-1/channel.js), and each character may take three, beside code and variables.
 */
const JOB_CHARACTERS = 8 * 1024 * 1024

/** Engines of a batch that may die before they come to a call, until calls have to answer for it. */
const UNBEGUN_MAX = 3

/**
 * One batch on its way through an engine. What the executed calls left is kept here, so that an engine that
 * dies loses nothing: the next one goes on behind the last step that came, first with one call at a time,
 * until the one is found that kills engines.
 */
export class Execution {
  readonly #batch: Batch
  readonly #options: RunOptions
  readonly #workMax: number
  readonly #variables: Map<string, string>
  readonly #files: Overlay
  /** Writes of the job that is under way, or was the last: most batches are one job, and nobody looks at them. */
  #left: (readonly Write[])[] = []
  #begun = false
  #executed = 0
  #work = 0
  #held = 0
  #died = false
  /** Engines that died before they came to a call: they were started ahead, and killed with the one before. */
  #unbegun = 0
  /** Whether one call is executed at a time, to find the one that kills engines. */
  #alone = false

  constructor(batch: Batch, options: RunOptions) {
    this.#batch = batch
    this.#options = options
    this.#workMax = options.workMs ?? Number.POSITIVE_INFINITY
    this.#variables = new Map(batch.variables)
    this.#files = new Overlay(batch.base)
  }

  /**
   * Executes the calls, as many as there is time for and at least one; resolves to whether it is done. Where it `leaves`, it
   * is not when its engine has died: it is to go on where nobody waits for that.
   */
  async run(slot: Pick<Slot, 'run'>, leaves: boolean): Promise<boolean> {
    const { calls } = this.#batch
    if (!this.#begun) this.#options.onBegin?.()
    this.#begun = true
    if (calls.length === 0) await this.#job(slot, [])
    while (this.#hasTime) {
      const first = this.#executed
      const jobCalls = this.#alone ? encoded(calls, first, first + 1) : encoded(calls, first)
      const started = performance.now()
      try {
        const { work, processor, outOfTime } = await this.#job(slot, jobCalls)
        this.#work += work
        this.#held += processor
        if (outOfTime) break
        if (this.#executed === first) throw new MivmError('INTERNAL', 'the engine skipped a call')
      } catch (error) {
        if (!(error instanceof EngineDeath)) throw error
        this.#work += performance.now() - started
        this.#died = true
        if (!error.hasBegun && this.#unbegun++ < UNBEGUN_MAX) continue
        // A lone call that ran out of time has to answer for it. One that is found over a dead engine may be
        // there by chance (somebody else may have killed it), and is tried once more.
        const isAlone = this.#alone || (jobCalls.length === 1 && error.reason === 'time')
        const isFound = isAlone && this.#executed === first
        if (isFound) this.#abort(error)
        this.#alone = !isFound
        if (leaves) return !this.#hasTime
      }
    }
    return true
  }

  /** Calls that were executed. */
  get executed(): number {
    return this.#executed
  }

  /** Whether it has held its engine, with its work or waiting for oracles, for longer than it had time, or seen it die. */
  get isLaggard(): boolean {
    return this.#died || this.#held > this.#workMax + LAG_MS
  }

  get #hasTime(): boolean {
    if (this.#executed >= this.#batch.calls.length) return false
    return this.#executed === 0 || this.#work < this.#workMax
  }

  /** Wall clock that one call may take, ms. */
  get #time(): number {
    return this.#batch.contract.limits.time * (this.#options.patience ?? 1)
  }

  #job(slot: Pick<Slot, 'run'>, calls: readonly string[]) {
    const first = this.#executed
    const { contract } = this.#batch
    this.#takeOver(this.#left.splice(0).flat())
    const handlers: JobHandlers = {
      onSteps: (steps) => this.#takeSteps(steps, first + calls.length),
      onQuestion: (question) => this.#answer(question, first)
    }
    const job = {
      variables: sortVariables(this.#variables),
      calls,
      workMs: Number.isFinite(this.#workMax) ? Math.max(this.#workMax - this.#work, 0) : null,
      time: this.#time
    }
    return slot.run(contract, job, handlers)
  }

  #takeSteps(steps: readonly StepReport[], end: number): void {
    for (const { outcome, writes, fuel, logs } of steps) {
      if (this.#executed >= end) {
        throw new MivmError('INTERNAL', 'the engine executed a call that there is not: report this')
      }
      for (const line of logs) this.#batch.onLog?.(line)
      this.#take(outcome, writes, fuel)
    }
  }

  #take(outcome: Outcome, writes: readonly Write[], fuel: number): void {
    this.#left.push(writes)
    const index = this.#executed++
    this.#batch.onStep({ outcome, writes, fuel }, index)
  }

  /** Has the next job begin with what the one before it has written; an engine knows what its own job writes. */
  #takeOver(writes: readonly Write[]): void {
    this.#files.add(writes)
    updateVariables(this.#variables, writes)
  }

  async #answer(question: Question, first: number): Promise<unknown> {
    switch (question.type) {
      case 'get': {
        const data = await this.#files.get(question.path)
        return data === null ? null : Buffer.from(data).toString('base64')
      }
      case 'list':
        return this.#files.list(question.range)
      case 'oracle': {
        const { call, index, name, args } = question
        return this.#ask({ call: first + call, index, name, args })
      }
    }
  }

  /** Asks an oracle; the engine waits for as long as it takes. */
  async #ask(request: OracleRequest): Promise<OracleAnswer> {
    const asked = performance.now()
    try {
      return await this.#batch.onOracle(request)
    } finally {
      this.#held += performance.now() - asked
    }
  }

  /** The step of the call at which engines die. */
  #abort({ reason, message }: EngineDeath): void {
    const errors = {
      time: [
        'ABORT_TIME',
        `the call ran for more than the ${this.#time} ms that it may: do less in one call`
      ],
      memory: ['ABORT_MEMORY', 'the call used more memory than it may: keep less at once'],
      crash: ['ABORT_ENGINE', `the call ended the engine that executed it: ${message}`]
    } as const
    const [code, why] = errors[reason]
    this.#take({ status: 'abort', error: { name: 'MivmError', message: why, code } }, [], 0)
  }
}

/** Calls as an engine takes them, as many as may go there together: at least one. */
function encoded(calls: readonly Call[], first: number, end = calls.length): string[] {
  const texts: string[] = []
  let characters = 0
  for (const call of calls.slice(first, end)) {
    const text = encodeCall(call)
    characters += text.length
    if (texts.length > 0 && characters > JOB_CHARACTERS) break
    texts.push(text)
  }
  return texts
}
