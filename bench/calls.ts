// One caller, and one host: how long a call takes, and how many go through. Beside it the same two operations on a
// plain server, in the same run, so that both have the same machine.
import type { BaselineClientCommands } from './baseline/client.ts'
import type { ServerCommands } from './baseline/server.ts'
import { type Figure, type Measure, median, type Options, quantile, repeat } from './harness.ts'
import { Worker } from './process.ts'
import { inPlace, type Place, startClient, startHost } from './scene.ts'

const SERVER = new URL('./baseline/server.ts', import.meta.url)
const BASELINE_CLIENT = new URL('./baseline/client.ts', import.meta.url)

const IN_FLIGHT = 1000

interface Counts {
  readonly runs: number
  /** Calls one at a time. */
  readonly single: number
  /** Calls with many in flight. */
  readonly addPost: number
  readonly counter: number
  /** Calls of each kind before any is measured: what a process does in its first second is not what it does. */
  readonly warmUp: number
}

const FULL: Counts = { runs: 5, single: 500, addPost: 10_000, counter: 20_000, warmUp: 2_000 }
const QUICK: Counts = { runs: 1, single: 300, addPost: 3_000, counter: 5_000, warmUp: 500 }

/** What one run gives, of ours or of the baseline. */
interface Sample {
  readonly times: readonly number[]
  readonly addPost: number
  readonly counter: number
}

type Contract = 'forum' | 'counter'

/** A caller, whoever it calls. */
interface Caller {
  oneByOne(contract: Contract, count: number): Promise<number[]>
  manyAtOnce(contract: Contract, count: number, inFlight: number): Promise<number>
}

export const calls: Measure = {
  name: 'calls',
  async run(options) {
    const counts = options.quick ? QUICK : FULL
    const samples = await repeat(
      counts.runs,
      () =>
        inPlace(async (place) => ({
          ours: await sample(await startOurs(place, options), counts),
          plain: await sample(await startPlain(place), counts)
        })),
      options
    )
    return figures(
      samples.map(({ ours }) => ours),
      samples.map(({ plain }) => plain)
    )
  }
}

async function sample(caller: Caller, counts: Counts): Promise<Sample> {
  for (const contract of ['forum', 'counter'] as const) {
    await caller.manyAtOnce(contract, counts.warmUp, IN_FLIGHT)
  }
  await caller.oneByOne('forum', counts.warmUp / 20)
  return {
    times: await caller.oneByOne('forum', counts.single),
    addPost: await caller.manyAtOnce('forum', counts.addPost, IN_FLIGHT),
    counter: await caller.manyAtOnce('counter', counts.counter, IN_FLIGHT)
  }
}

function figures(ours: readonly Sample[], plain: readonly Sample[]): Figure[] {
  const both = (of: (sample: Sample) => number) => ({
    values: ours.map(of),
    baseline: plain.map(of)
  })
  const p99 = (times: readonly number[]) => quantile(times, 0.99)
  return [
    {
      name: 'addPost, one at a time, median',
      unit: 'ms',
      ...both(({ times }) => median(times)),
      bar: 3
    },
    { name: 'addPost, one at a time, p99', unit: 'ms', ...both(({ times }) => p99(times)) },
    {
      name: 'addPost, 1,000 in flight',
      unit: 'calls/s',
      ...both(({ addPost }) => addPost),
      bar: 2500
    },
    {
      name: 'counter, 1,000 in flight',
      unit: 'calls/s',
      ...both(({ counter }) => counter),
      bar: 6000
    }
  ]
}

async function startOurs(place: Place, options: Options): Promise<Caller> {
  const host = await startHost(place, await place.directory('host'), options)
  const client = await startClient(place, await place.directory('client'), options)
  const links = {
    forum: await client.ask('deploy', host.id, 'forum'),
    counter: await client.ask('deploy', host.id, 'counter')
  }
  return {
    oneByOne: (contract, count) => client.ask('oneByOne', links[contract], count),
    manyAtOnce: (contract, count, inFlight) =>
      client.ask('manyAtOnce', links[contract], count, inFlight)
  }
}

async function startPlain(place: Place): Promise<Caller> {
  const server = Worker.start<ServerCommands>(SERVER)
  const client = Worker.start<BaselineClientCommands>(BASELINE_CLIENT)
  const port = await server.ask('open', await place.directory('server'))
  return {
    oneByOne: (contract, count) => client.ask('oneByOne', port, contract, count),
    manyAtOnce: (contract, count, inFlight) =>
      client.ask('manyAtOnce', port, contract, count, inFlight)
  }
}
