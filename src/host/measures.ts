import type { Outcome, Step } from '../vm/vm.ts'
import type { HostEvent } from './events.ts'

/**
 * Where the time of a call goes on the host, in the order in which it goes there. `submit`: from the arrival of its bytes until it
 * is checked and in the host's copy of the user's log. `queue`: until an engine begins with its batch. `engine`: until all of the
 * batch is executed, oracles included. `commit`: until the batch is written. `sync`: until it is on disk. `reply`: until the proof
 * is made.
 */
export const STAGES = ['submit', 'queue', 'engine', 'commit', 'sync', 'reply'] as const
export type Stage = (typeof STAGES)[number]

/** Upper bounds of times, ms: six a decade, so that a quantile is known to a third. */
export const TIME_BOUNDS: readonly number[] = [0.01, 0.1, 1, 10, 100, 1_000].flatMap((decade) =>
  [1, 1.5, 2, 3, 5, 7].map((part) => Number((decade * part).toPrecision(2)))
)

/** Upper bounds of numbers of calls. */
const CALLS_BOUNDS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256]

/** How often values came: in fixed buckets, so that to note one allocates nothing. */
export class Histogram {
  /** In ascending order; values above the last one have a bucket of their own. */
  readonly bounds: readonly number[]
  /** One a bucket, and the sum of all values behind them. */
  readonly #cells: Float64Array

  constructor(
    bounds: readonly number[],
    cells: Float64Array = new Float64Array(bounds.length + 2)
  ) {
    this.bounds = bounds
    this.#cells = cells
  }

  /** Notes a value that came so many times. */
  add(value: number, times = 1): void {
    const { length } = this.bounds
    let bucket = 0
    while (bucket < length && value > (this.bounds[bucket] ?? 0)) bucket++
    const cells = this.#cells
    cells[bucket] = (cells[bucket] ?? 0) + times
    cells[length + 1] = (cells[length + 1] ?? 0) + value * times
  }

  /** How many values are in each bucket, that of the largest last. */
  get counts(): readonly number[] {
    return [...this.#cells.subarray(0, -1)]
  }

  get count(): number {
    return this.#cells.subarray(0, -1).reduce((sum, count) => sum + count, 0)
  }

  get sum(): number {
    return this.#cells.at(-1) ?? 0
  }

  /** Null where there are no values. */
  get mean(): number | null {
    return this.count === 0 ? null : this.sum / this.count
  }

  copy(): Histogram {
    return new Histogram(this.bounds, this.#cells.slice())
  }

  /** The values that came since `before`, a copy made then. */
  since(before: Histogram): Histogram {
    return new Histogram(
      this.bounds,
      this.#cells.map((cell, i) => cell - (before.#cells[i] ?? 0))
    )
  }

  /**
   * The value below which a share of all lies, as if they were spread evenly over each bucket; the last bound for what is
   * above it, null where there are none.
   */
  quantile(share: number): number | null {
    const rank = share * this.count
    let below = 0
    for (const [i, bound] of this.bounds.entries()) {
      const count = this.#cells[i] ?? 0
      const lowest = this.bounds[i - 1] ?? 0
      if (count > 0 && below + count >= rank)
        return lowest + ((rank - below) / count) * (bound - lowest)
      below += count
    }
    return this.count === 0 ? null : (this.bounds.at(-1) ?? null)
  }
}

/** Figures of everything that goes through a host since it was opened. All but `queued` only ever grow. */
export class Measures {
  /** ms, one value for each call. */
  readonly stages: Readonly<Record<Stage, Histogram>> = eachStage(() => new Histogram(TIME_BOUNDS))
  /** From the arrival of a call's bytes until its reply is made, ms, one value for each call. */
  readonly calls: Histogram = new Histogram(TIME_BOUNDS)
  /** Calls in a commit. */
  readonly batches: Histogram = new Histogram(CALLS_BOUNDS)
  /** Calls with a result on disk. */
  readonly outcomes: Record<Outcome['status'], number> = { ok: 0, error: 0, abort: 0 }
  readonly aborts: Tally = new Tally()
  /** Requests that were answered with an error. */
  readonly refused: Tally = new Tally()
  /** Batches that could not be executed or written: their calls wait. */
  readonly failed: Tally = new Tally()
  /** Instances that turned out to be damaged, z-base-32. */
  readonly damaged: Set<string> = new Set()
  /** Instances of which the host has signed more than it has, z-base-32. */
  readonly setBack: Set<string> = new Set()
  fuel = 0
  deployments = 0
  /** Lines that contracts wrote to the console. */
  lines = 0
  /** Calls that have arrived and have no result yet. */
  queued = 0
  /** Why nothing can be written any more. */
  fatal: string | null = null
  /** Why nothing is written until the host is opened again. */
  stuck: string | null = null

  /** Counts what the operator is told. */
  note(event: HostEvent): void {
    switch (event.type) {
      case 'deployed':
        this.deployments++
        break
      case 'damaged':
        this.damaged.add(event.address)
        break
      case 'set-back':
        this.setBack.add(event.address)
        break
      case 'log':
        this.lines++
        break
      case 'full':
      case 'stuck':
        this.stuck = event.message
        break
      case 'fatal':
        this.fatal = event.message
        break
    }
  }

  /** Why nothing is written until the host is opened again; null where nothing is wrong. */
  get problem(): string | null {
    // one that is full and was not written to goes on by itself
    return this.fatal ?? this.stuck
  }

  /** Notes the calls of a commit that is on disk, in how many ms after their execution, and in how many of these it was synced. */
  committed(steps: readonly Step[], ms: number, syncMs: number): void {
    const { length } = steps
    this.batches.add(length)
    this.stages.commit.add(ms - syncMs, length)
    this.stages.sync.add(syncMs, length)
    this.executed(steps)
  }

  /** Notes what came of calls with a result on disk, the `init` of a deployment among them. */
  executed(steps: readonly Step[]): void {
    for (const { outcome, fuel } of steps) {
      this.outcomes[outcome.status]++
      this.fuel += fuel
      if (outcome.status === 'abort') this.aborts.add(outcome.error.code ?? 'OTHER')
    }
  }
}

/** What measures said at one moment, to be compared with what they say later. */
export class Mark {
  readonly at: number = performance.now()
  readonly stages: Readonly<Record<Stage, Histogram>>
  readonly calls: Histogram
  readonly batches: Histogram
  readonly outcomes: Readonly<Record<Outcome['status'], number>>
  readonly fuel: number

  constructor({ stages, calls, batches, outcomes, fuel }: Measures) {
    this.stages = eachStage((stage) => stages[stage].copy())
    this.calls = calls.copy()
    this.batches = batches.copy()
    this.outcomes = { ...outcomes }
    this.fuel = fuel
  }
}

export function eachStage<T>(of: (stage: Stage) => T): Record<Stage, T> {
  const [submit, queue, engine, commit, sync, reply] = STAGES
  return {
    submit: of(submit),
    queue: of(queue),
    engine: of(engine),
    commit: of(commit),
    sync: of(sync),
    reply: of(reply)
  }
}

/** What is counted by code: some codes are an engine's to choose, and shall not fill the memory. */
const CODES_MAX = 64

/** Counts by code. */
export class Tally {
  readonly #counts = new Map<string, number>()

  add(code: string): void {
    const known = this.#counts.has(code) || this.#counts.size < CODES_MAX ? code : 'OTHER'
    this.#counts.set(known, this.of(known) + 1)
  }

  of(code: string): number {
    return this.#counts.get(code) ?? 0
  }

  /** By code, in the order in which they first came. */
  get entries(): readonly (readonly [code: string, count: number])[] {
    return [...this.#counts]
  }
}
