// What a caller notices of another one who floods the same instance: with ten times the calls that its quota allows,
// and, without a quota, with all the calls that it can make.
import type { SomeQuotas } from '../src/host/quotas.ts'
import { type Figure, type Measure, type Options, quantile, repeat } from './harness.ts'
import { inPlace, startClient, startHost } from './scene.ts'

const QUOTA = 200
const FLOOD = 10 * QUOTA
/** Between the beginning of the flood and the first call that is measured, ms. */
const FLOODED_MS = 1_000

interface Counts {
  readonly runs: number
  /** Calls that are measured, one at a time. */
  readonly calls: number
  readonly warmUp: number
}

const FULL: Counts = { runs: 5, calls: 500, warmUp: 500 }
const QUICK: Counts = { runs: 1, calls: 200, warmUp: 100 }

/** p99 of one call at a time, ms. */
interface Sample {
  readonly quiet: number
  readonly flooded: number
  /** What the flooder had answered, calls/s. */
  readonly rate: number
}

export const fairness: Measure = {
  name: 'fairness',
  async run(options) {
    const counts = options.quick ? QUICK : FULL
    const limited = await samples(counts, options, { user: { callsPerSecond: QUOTA } })
    const free = await samples(counts, options, {})
    return [...figures('ten times its quota', limited, 2), ...figures('all it can', free)]
  }
}

function samples(counts: Counts, options: Options, quotas: SomeQuotas): Promise<Sample[]> {
  return repeat(counts.runs, () => sample(counts, options, quotas), options)
}

function sample(counts: Counts, options: Options, quotas: SomeQuotas): Promise<Sample> {
  return inPlace(async (place) => {
    const host = await startHost(place, await place.directory('host'), options, quotas)
    const caller = await startClient(place, await place.directory('caller'), options)
    const flooder = await startClient(place, await place.directory('flooder'), options)
    const link = await caller.ask('deploy', host.id, 'forum')
    await caller.ask('oneByOne', link, counts.warmUp)
    const quiet = quantile(await caller.ask('oneByOne', link, counts.calls), 0.99)
    // as long as the calls that are measured take, if they take four times as long, and some more
    const ms = FLOODED_MS + 4 * counts.calls * quiet
    const flood = flooder.ask('flood', link, FLOOD, ms)
    await new Promise((resolve) => setTimeout(resolve, FLOODED_MS))
    const flooded = quantile(await caller.ask('oneByOne', link, counts.calls), 0.99)
    return { quiet, flooded, rate: ((await flood) / ms) * 1000 }
  })
}

function figures(how: string, samples: readonly Sample[], bar?: number): Figure[] {
  const ratio = {
    name: `p99 of a caller while another makes ${how}`,
    unit: 'times',
    values: samples.map(({ quiet, flooded }) => flooded / quiet)
  } as const
  return [
    { name: `p99 of a caller, quiet`, unit: 'ms', values: samples.map(({ quiet }) => quiet) },
    bar === undefined ? ratio : { ...ratio, bar },
    {
      name: `calls of the other, ${how}`,
      unit: 'calls/s',
      values: samples.map(({ rate }) => rate)
    }
  ]
}
