import type { EngineFigures } from '../vm/supervisor.ts'
import type { AdmissionStatus } from './admission.ts'
import type { ConnectionsStatus } from './connections.ts'
import { eachStage, type Histogram, Mark, type Measures, type Stage } from './measures.ts'
import type { VitalsSample } from './vitals.ts'

/** Marks that are kept: what is said of the last seconds is since the oldest of them. */
const MARKS_KEPT = 3

/** What anybody may know of a host. */
export interface PublicStatus {
  readonly id: string
  /** The VM that it executes. */
  readonly vm: string
  readonly instances: number
  /** Whether it takes calls. */
  readonly ready: boolean
}

/** What a host is doing, for its operator. */
export interface HostStatus extends PublicStatus, AdmissionStatus {
  readonly connections: ConnectionsStatus
  /** Instances in memory, connections, and logs that are open. */
  readonly open: number
  readonly peers: number
  readonly logs: number
  /** Since it was opened, s. */
  readonly uptime: number
  /** What keeps it from working until somebody does something; null where nothing does. */
  readonly problem: string | null
  /** Calls that have arrived and have no result yet. */
  readonly queued: number
  readonly lately: Lately
  readonly total: Totals
  readonly engines: EngineFigures
  readonly process: VitalsSample
  /** The copies of other hosts' instances, where this process keeps such. */
  readonly mirrored?: readonly Mirrored[]
}

/** A copy of an instance of another host. */
export interface Mirrored {
  readonly address: string
  /** Of its call log, and bytes of all its logs, that are here whole. */
  readonly blocks: number
  readonly bytes: number
  readonly state: string
}

/** ms; null where there was nothing to measure. */
export interface Latency {
  readonly p50: number | null
  readonly p99: number | null
}

/** Of the last seconds. */
export interface Lately {
  readonly seconds: number
  /** A second. */
  readonly calls: number
  readonly errors: number
  readonly aborts: number
  readonly fuel: number
  /** Calls in a commit, on average. */
  readonly batch: number | null
  /** Of a call from the arrival of its bytes until its reply is made, and of what it goes through there. */
  readonly call: Latency
  readonly stages: Readonly<Record<Stage, Latency>>
}

/** Since the host was opened; what has a code is counted by it. */
export interface Totals {
  readonly ok: number
  readonly error: number
  readonly abort: number
  readonly fuel: number
  readonly deployments: number
  readonly lines: number
  readonly aborts: Readonly<Record<string, number>>
  readonly refused: Readonly<Record<string, number>>
  readonly failed: Readonly<Record<string, number>>
  /** Addresses of instances that turned out to be damaged. */
  readonly damaged: readonly string[]
  /** Addresses of instances of which the host has signed more than it has. */
  readonly setBack: readonly string[]
}

/** Says what measures came to in the last seconds. */
export class Recent {
  readonly #measures: Measures
  readonly #marks: Mark[]

  constructor(measures: Measures) {
    this.#measures = measures
    this.#marks = [new Mark(measures)]
  }

  /** To be called every few seconds. */
  mark(): void {
    this.#marks.push(new Mark(this.#measures))
    if (this.#marks.length > MARKS_KEPT) this.#marks.shift()
  }

  get lately(): Lately {
    const now = new Mark(this.#measures)
    const before = this.#marks[0] ?? now
    const seconds = Math.max(1, now.at - before.at) / 1000
    const { ok, error, abort } = now.outcomes
    const calls = ok + error + abort
    const { ok: oks, error: errors, abort: aborts } = before.outcomes
    return {
      seconds,
      calls: (calls - oks - errors - aborts) / seconds,
      errors: (error - errors) / seconds,
      aborts: (abort - aborts) / seconds,
      fuel: (now.fuel - before.fuel) / seconds,
      batch: now.batches.since(before.batches).mean,
      call: latencyOf(now.calls.since(before.calls)),
      stages: eachStage((stage) => latencyOf(now.stages[stage].since(before.stages[stage])))
    }
  }
}

export function totalsOf(measures: Measures): Totals {
  const { outcomes, fuel, deployments, lines, aborts, refused, failed, damaged, setBack } = measures
  return {
    ...outcomes,
    fuel,
    deployments,
    lines,
    aborts: Object.fromEntries(aborts.entries),
    refused: Object.fromEntries(refused.entries),
    failed: Object.fromEntries(failed.entries),
    damaged: [...damaged],
    setBack: [...setBack]
  }
}

function latencyOf(histogram: Histogram): Latency {
  return { p50: histogram.quantile(0.5), p99: histogram.quantile(0.99) }
}
