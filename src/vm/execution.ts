import { MivmError } from '../protocol/errors.ts'
import { EngineDeath, type JobHandlers } from './engine.ts'
import { encodeCall, type Question, type StepReport } from './frames.ts'
import { Overlay } from './overlay.ts'
import type { Slot } from './slot.ts'
import { sortVariables, updateVariables } from './variables.ts'
import type { Batch, Call, Outcome, RunOptions, Write } from './vm.ts'

/**
 * One batch on its way through an engine. What the executed calls left is kept here, so that an engine that
 * dies loses nothing: the next one goes on behind the last step that came, first with one call at a time,
 * until the one is found that kills engines.
 */
export class Execution {
  readonly #slot: Slot
  readonly #batch: Batch
  readonly #patience: number
  readonly #workMax: number
  readonly #variables: Map<string, string>
  readonly #files: Overlay
  /** Writes of the job that is under way, or was the last: most batches are one job, and nobody looks at them. */
  #left: (readonly Write[])[] = []
  #executed = 0
  #work = 0

  constructor(slot: Slot, batch: Batch, options: RunOptions) {
    this.#slot = slot
    this.#batch = batch
    this.#patience = options.patience ?? 1
    this.#workMax = options.workMs ?? Number.POSITIVE_INFINITY
    this.#variables = new Map(batch.variables)
    this.#files = new Overlay(batch.base)
  }

  /** Executes the calls; resolves to how many there was time for, at least one. */
  async run(): Promise<number> {
    const { calls } = this.#batch
    if (calls.length === 0) await this.#job([])
    let alone = false
    while (this.#executed < calls.length && (this.#executed === 0 || this.#work < this.#workMax)) {
      const first = this.#executed
      const jobCalls = calls.slice(first, alone ? first + 1 : calls.length)
      const started = performance.now()
      try {
        const { work, outOfTime } = await this.#job(jobCalls)
        this.#work += work
        if (outOfTime) break
        if (this.#executed === first) throw new MivmError('INTERNAL', 'the engine skipped a call')
      } catch (error) {
        if (!(error instanceof EngineDeath)) throw error
        this.#work += performance.now() - started
        if (this.#executed > first) {
          alone = true
          continue
        }
        // A lone call that ran out of time has to answer for it. One that is found over a dead engine may be
        // there by chance (somebody else may have killed it), and is tried once more.
        if (alone || (jobCalls.length === 1 && error.reason === 'time')) {
          this.#abort(error)
          alone = false
        } else {
          alone = true
        }
      }
    }
    return this.#executed
  }

  /** Wall clock that one call may take, ms. */
  get #time(): number {
    return this.#batch.contract.limits.time * this.#patience
  }

  #job(calls: readonly Call[]) {
    const first = this.#executed
    const { contract } = this.#batch
    this.#takeOver(this.#left.splice(0).flat())
    const handlers: JobHandlers = {
      onSteps: (steps) => this.#takeSteps(steps, first + calls.length),
      onQuestion: (question) => this.#answer(question, first)
    }
    const job = {
      variables: sortVariables(this.#variables),
      calls: calls.map(encodeCall),
      workMs: Number.isFinite(this.#workMax) ? Math.max(this.#workMax - this.#work, 0) : null,
      time: this.#time
    }
    return this.#slot.run(contract, job, handlers)
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
        return this.#batch.onOracle({ call: first + call, index, name, args })
      }
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
