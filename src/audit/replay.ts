import b4a from 'b4a'
import type { Commit, Genesis, Result, ThrownEntry, Version } from '../protocol/entries.ts'
import { messageOf } from '../protocol/errors.ts'
import type { LoggedCall } from '../protocol/evidence-replay.ts'
import { CONTRACT_PATH, type Files, lastWrites, type Write } from '../protocol/files.ts'
import { writesHash } from '../protocol/hash.ts'
import { LIMITS } from '../protocol/limits.ts'
import { Overlay } from '../vm/overlay.ts'
import { answerOf, callAt, contractOf, encodeResult, MALFORMED } from '../vm/record.ts'
import { sortVariables, updateVariables } from '../vm/variables.ts'
import type { Call, Contract, OracleAnswer, OracleRequest, Step, VirtualMachine } from '../vm/vm.ts'
import type { LoggedBatch } from './call-log.ts'
import type { Difference, Report } from './findings.ts'

/** An auditor waits this many times longer than a host: a slow machine accuses nobody. */
const PATIENCE = 10

/** Calls that cannot be executed here and are passed over: each may take as long as an auditor waits for one. */
const PASSED_OVER_MAX = 4

/** Characters of either side that a difference shows, and how many of them are the same in both, where they begin so. */
const SHOWN_MAX = 200
const SAME_MAX = 40

/** The state that calls are executed on, and that their writes go into. */
export interface StateCopy {
  readonly archive: Files
  /** Writes one commit, and says what its entry has to name. */
  commit(writes: readonly Write[]): Promise<Pick<Commit, 'archive' | 'blobs'>>
  flush(): Promise<void>
}

/** Calls behind the newest commit that have a result, and the tree hash of the log at that commit. */
export type Tail = Pick<LoggedBatch, 'calls' | 'committed'>

/** What of a batch is executed again. */
export type ReplayedBatch = Pick<LoggedBatch, 'calls' | 'commit' | 'commitIndex' | 'committed'>

/** Where it is said what replay comes to. */
export interface Found extends Pick<Report, 'find' | 'gap'> {
  readonly counts: Pick<Report['counts'], 'replayed'>
}

/**
 * An instance as it is executed again. A limit of its own for the time of calls is a matter between its host and who waits: an
 * auditor only has to end what never does, and shall not be a machine that a few ms are too short for. Throws LIMIT_INVALID.
 */
export function contractToReplay(address: Uint8Array, genesis: Genesis, source: string): Contract {
  const contract = contractOf(address, genesis, source)
  return { ...contract, limits: { ...contract.limits, time: LIMITS.time } }
}

/** Thrown at the VM where a call asks what the log does not answer. */
const UNANSWERABLE = new Error('the log has no answer to this request')

/** A call of the log; `call` is null where it was aborted or is none. */
interface Task {
  readonly logged: LoggedCall
  readonly call: Call | null
}

type ExecutedTask = Task & { readonly call: Call }

interface Run {
  readonly steps: Step[]
  /** Requests that each call made, by its place in the run. */
  readonly asked: number[]
  /** The request that the log does not answer, and whose it was. */
  wrong: { readonly call: number; readonly difference: Difference; readonly block: number } | null
  failure: string | null
}

/**
 * Executes the calls of a log again, on the auditor's own copy of the state. Where that comes to another state than
 * the one committed, nothing behind it can be replayed; a wrong result alone does not end it.
 */
export class Replay {
  readonly #vm: VirtualMachine
  readonly #contract: Contract
  readonly #shadow: StateCopy
  readonly #report: Found
  readonly #variables = new Map<string, string>()
  /** The state that the next run begins with: the copy, with what the last run wrote over it. */
  #base: Overlay
  #judging: Promise<void> = Promise.resolve()
  #first: boolean
  #stopped = false
  /** Calls that could not be executed here, by the blocks of their results. */
  readonly #passedOver = new Set<number>()
  /** What was found behind the newest commit, by its code and block: it is found again with the commit that covers it. */
  readonly #told = new Set<string>()
  #isTail = false

  /** `variables` are those that a copy holds which has a commit already; null for one that is empty. */
  constructor(
    vm: VirtualMachine,
    contract: Contract,
    shadow: StateCopy,
    report: Found,
    variables: ReadonlyMap<string, string> | null = null
  ) {
    this.#first = variables === null
    for (const [name, value] of variables ?? []) this.#variables.set(name, value)
    this.#vm = vm
    this.#contract = contract
    this.#shadow = shadow
    this.#base = new Overlay(shadow.archive)
    this.#report = report
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /**
   * Replays batches that follow each other in one run: what a call does depends on none of their borders. What it
   * comes to is judged while the next run is under way.
   */
  async run(batches: readonly ReplayedBatch[]): Promise<void> {
    if (this.#stopped) return
    const tasks = batches.map(tasksOf)
    const run = await this.#execute(tasks.flat().filter(isExecuted))
    await this.#settle()
    if (this.#stopped) return
    const writes = run.steps.flatMap((step) => step.writes)
    updateVariables(this.#variables, writes)
    this.#base = new Overlay(this.#shadow.archive)
    this.#base.add(writes)
    this.#judging = this.#judge(batches, tasks, run)
    // it is awaited with the next run
    this.#judging.catch(() => {})
  }

  /** Resolves when everything that was replayed is judged. */
  async finish(): Promise<void> {
    await this.#settle()
  }

  /**
   * Judges the results of calls that no commit covers yet. What they write is left to that commit, with which they are
   * executed once more.
   */
  async judgeTail({ calls, committed }: Tail): Promise<void> {
    await this.#settle()
    if (this.#stopped) return
    const tasks = tasksOf({ calls, committed })
    const run = await this.#execute(tasks.filter(isExecuted))
    this.#isTail = true
    this.#judgeCalls(tasks, run, { next: 0 })
    this.#isTail = false
  }

  async #settle(): Promise<void> {
    await this.#judging
    // no call reads the copy in this moment
    await this.#shadow.flush()
  }

  async #judge(
    batches: readonly ReplayedBatch[],
    tasks: readonly (readonly Task[])[],
    run: Run
  ): Promise<void> {
    const place = { next: 0 }
    for (const [i, batch] of batches.entries()) {
      const first = this.#first ? [this.#contractFile()] : []
      const writes = this.#judgeCalls(tasks[i] ?? [], run, place)
      if (writes === null) return
      this.#first = false
      if (!(await this.#commit(batch, [...first, ...writes]))) return
    }
  }

  /** What they have written; null where one could not be executed. `place` is in the run. */
  #judgeCalls(tasks: readonly Task[], run: Run, place: { next: number }): Write[] | null {
    const writes: Write[] = []
    for (const task of tasks) {
      // an abort is taken from the log, and changes nothing
      if (task.logged.result.outcome === 'abort') continue
      const at = isExecuted(task) ? place.next++ : null
      const step = at === null ? MALFORMED : run.steps[at]
      if (step?.outcome.status === 'abort' && this.#passOver(task.logged, step.outcome.error))
        continue
      if (step === undefined || step.outcome.status === 'abort') {
        this.#stop(task.logged, run, at, step)
        return null
      }
      this.#compare(task.logged, step, at === null ? 0 : (run.asked[at] ?? 0))
      writes.push(...step.writes)
    }
    return writes
  }

  #find(...[code, place, ...rest]: Parameters<Found['find']>): void {
    const name = `${code} ${place.block}`
    if (this.#told.has(name)) return
    if (this.#isTail) this.#told.add(name)
    this.#report.find(code, place, ...rest)
  }

  async #execute(tasks: readonly ExecutedTask[]): Promise<Run> {
    const run: Run = { steps: [], asked: [], wrong: null, failure: null }
    if (tasks.length === 0) return run
    const batch = {
      contract: this.#contract,
      variables: sortVariables(this.#variables),
      calls: tasks.map(({ call }) => call),
      base: this.#base,
      onStep: (step: Step, index: number) => {
        run.steps[index] = step
      },
      onOracle: async (request: OracleRequest) => answer(run, tasks[request.call]?.logged, request)
    }
    try {
      await this.#vm.run(batch, { patience: PATIENCE })
    } catch (error) {
      if (error !== UNANSWERABLE) run.failure = messageOf(error)
    }
    return run
  }

  #compare(
    { ack, result, resultIndex, resultBlock, oracles }: LoggedCall,
    step: Step,
    asked: number
  ): void {
    if (!this.#isTail) this.#report.counts.replayed++
    const place = { log: 'call log', block: resultIndex, seq: ack.seq } as const
    const unasked = oracles[asked]
    if (unasked !== undefined) {
      const message = `the log has ${oracles.length} oracle records for this call, which asks ${asked} times`
      this.#find('ORACLE_RECORD_EXTRA', { ...place, block: unasked.block }, message)
    }
    // most are, and one entry has one form
    if (isResultOf(result, step)) return
    // a result behind the wrong ack is another finding
    if (b4a.equals(encodeResult(result.ack, step), resultBlock)) return
    const differences = compareResults(result, step)
    const which = differences.map(({ what }) => what).join(', ')
    const message = `replay comes to another result: ${which}`
    this.#find('RESULT_WRONG', place, message, differences)
  }

  /**
   * Goes on behind a call that this machine cannot execute, where the log says that it has changed nothing: on that the host's
   * word is as good as that of an abort, and it hides no lie behind it. False where that cannot be.
   */
  #passOver(logged: LoggedCall, { message: why }: ThrownEntry): boolean {
    const { result, resultIndex } = logged
    if (!b4a.equals(result.writes, NOTHING)) return false
    if (this.#passedOver.has(resultIndex)) return true
    if (this.#passedOver.size >= PASSED_OVER_MAX) return false
    this.#passedOver.add(resultIndex)
    this.#miss(logged, why)
    return true
  }

  #miss({ ack, index, resultIndex }: LoggedCall, why: string): void {
    this.#report.gap({
      reason: 'not-reproduced',
      log: 'call log',
      from: index,
      to: resultIndex + 1,
      message: `call ${ack.seq} could not be executed on this machine: ${why}`
    })
  }

  /** Why call `next` of the run has no outcome that the log could be held against. */
  #stop(logged: LoggedCall, run: Run, at: number | null, step: Step | undefined): void {
    const { ack } = logged
    this.#stopped = true
    if (run.wrong !== null && run.wrong.call === at) {
      const { block, difference } = run.wrong
      const message = 'replay asks the oracle for something else than the log says'
      this.#find('ORACLE_RECORD_WRONG', { log: 'call log', block, seq: ack.seq }, message, [
        difference
      ])
      return
    }
    const why =
      step?.outcome.status === 'abort'
        ? step.outcome.error.message
        : (run.failure ?? 'the engine stopped')
    this.#miss(logged, `${why}; what follows was not replayed`)
  }

  async #commit(
    { commit, commitIndex, calls }: ReplayedBatch,
    writes: readonly Write[]
  ): Promise<boolean> {
    const version = await this.#shadow.commit(lastWrites(writes))
    const differences: Difference[] = []
    for (const what of ['archive', 'blobs'] as const) {
      if (sameVersion(commit[what], version[what])) continue
      differences.push({
        what,
        logged: showVersion(commit[what]),
        replayed: showVersion(version[what])
      })
    }
    if (differences.length === 0) return true
    this.#stopped = true
    const seq = calls.at(-1)?.ack.seq
    const first = calls[0]?.ack.seq
    const message = `the state committed after calls ${first} to ${seq} is not what they wrote; what follows was not replayed`
    const place = {
      log: 'call log',
      block: commitIndex,
      ...(seq === undefined ? {} : { seq })
    } as const
    this.#report.find('COMMIT_WRONG', place, message, differences)
    return false
  }

  #contractFile(): Write {
    return { path: CONTRACT_PATH, data: b4a.from(this.#contract.source) }
  }
}

const NOTHING = writesHash([])

function tasksOf({ calls, committed }: Tail): Task[] {
  return calls.map((logged) => {
    const { ack, caller, asked, result } = logged
    const { call, seq, time } = ack
    const isExecuted = result.outcome !== 'abort' && asked?.type === 'call'
    const executed = isExecuted ? callAt(asked, call, caller, seq, time, committed) : null
    return { logged, call: executed }
  })
}

function isExecuted(task: Task): task is ExecutedTask {
  return task.call !== null
}

function answer(
  run: Run,
  item: LoggedCall | undefined,
  { call, index, name, args }: OracleRequest
): OracleAnswer {
  const record = item?.oracles[index]
  const replayed = `${name}(${args})`
  if (
    record !== undefined &&
    record.request.name === name &&
    record.request.args === args &&
    record.answer !== null
  ) {
    run.asked[call] = Math.max(run.asked[call] ?? 0, index + 1)
    return answerOf(record.answer)
  }
  const said = record === undefined ? 'nothing' : `${record.request.name}(${record.request.args})`
  const difference = differenceOf('request', said, replayed)
  run.wrong = { call, difference, block: record?.block ?? item?.resultIndex ?? 0 }
  throw UNANSWERABLE
}

/** Whether a logged result is that of a call that succeeded here; false also where that is yet to be looked into. */
function isResultOf(logged: Result, { outcome, writes, fuel }: Step): boolean {
  if (outcome.status !== 'ok' || logged.outcome !== 'ok' || logged.error !== null) return false
  if (logged.value !== outcome.value || logged.fuel !== fuel) return false
  return b4a.equals(logged.writes, writesHash(writes))
}

function compareResults(logged: Result, { outcome, writes, fuel }: Step): Difference[] {
  const value = outcome.status === 'ok' ? outcome.value : null
  const error = outcome.status === 'ok' ? null : outcome.error
  const hash = b4a.toString(writesHash(writes), 'hex')
  const sides: [what: Difference['what'], logged: string, replayed: string][] = [
    ['outcome', logged.outcome, outcome.status],
    ['value', logged.value ?? 'undefined', value ?? 'undefined'],
    ['error', showError(logged.error), showError(error)],
    ['fuel', String(logged.fuel), String(fuel)],
    ['writes', b4a.toString(logged.writes, 'hex'), hash]
  ]
  return sides.filter(([, a, b]) => a !== b).map(([what, a, b]) => differenceOf(what, a, b))
}

function showError(error: ThrownEntry | null): string {
  if (error === null) return 'none'
  const { name, message, code } = error
  return JSON.stringify({ name, message, code })
}

function differenceOf(what: Difference['what'], logged: string, replayed: string): Difference {
  let same = 0
  while (same < logged.length && logged[same] === replayed[same]) same++
  // what is long may be the same for longer than what is shown
  const from = same < SHOWN_MAX ? 0 : same - SAME_MAX
  return { what, logged: shorten(logged, from), replayed: shorten(replayed, from) }
}

function shorten(text: string, from: number): string {
  const to = from + SHOWN_MAX
  return `${from > 0 ? '…' : ''}${text.slice(from, to)}${text.length > to ? '…' : ''}`
}

function sameVersion(a: Version, b: Version): boolean {
  return a.length === b.length && b4a.equals(a.treeHash, b.treeHash)
}

function showVersion({ length, treeHash }: Version): string {
  return `length ${length}, tree hash ${b4a.toString(treeHash, 'hex')}`
}
