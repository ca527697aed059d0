// Many who share one host: callers of one instance, instances of one caller; and how long calls take when the host has half
// of what it can do to do.
import { type Figure, type Measure, type Options, quantile, repeat } from './harness.ts'
import { Worker } from './process.ts'
import { inPlace, type Place, startClient, startHost } from './scene.ts'
import type { CrowdCommands } from './workers/crowd.ts'

const CROWD = new URL('./workers/crowd.ts', import.meta.url)

/** Callers, over two processes, and calls under way of each. */
const PROCESSES = 2
const CALLERS = 50
const INSTANCES = 100
const IN_FLIGHT = 1000

interface Sample {
  readonly callers: number
  readonly instances: number
  /** Of the instance that was served worst, as a part of the mean of all. */
  readonly slowest: number
  readonly most: number
  readonly p50: number
  readonly p99: number
}

export const share: Measure = {
  name: 'share',
  async run(options) {
    const samples = await repeat(options.quick ? 1 : 5, () => sample(options), options)
    const of = (name: keyof Sample) => samples.map((sample) => sample[name])
    const figures: Figure[] = [
      { name: `addPost, ${CALLERS} callers`, unit: 'calls/s', values: of('callers'), bar: 4000 },
      {
        name: `addPost, ${INSTANCES} instances`,
        unit: 'calls/s',
        values: of('instances'),
        bar: 5000
      },
      {
        name: `the slowest of ${INSTANCES} instances`,
        unit: 'of the mean',
        values: of('slowest'),
        bar: 1 / 3
      },
      { name: 'addPost at half of the most, median', unit: 'ms', values: of('p50') },
      { name: 'addPost at half of the most, p99', unit: 'ms', values: of('p99'), bar: 50 }
    ]
    return figures
  }
}

async function sample(options: Options): Promise<Sample> {
  return {
    callers: await inPlace((place) => manyCallers(place, options)),
    ...(await inPlace((place) => manyInstances(place, options))),
    ...(await inPlace((place) => atHalf(place, options)))
  }
}

/** Calls/s of all. */
async function manyCallers(place: Place, options: Options): Promise<number> {
  const { link } = await forum(place, options)
  const each = options.quick ? 60 : 400
  const inFlight = IN_FLIGHT / CALLERS
  const crowds = await Promise.all(
    Array.from({ length: PROCESSES }, async () => {
      const crowd = Worker.start<CrowdCommands>(CROWD, options.profile)
      const dir = await place.directory('crowd')
      await crowd.ask('open', dir, place.bootstrap, CALLERS / PROCESSES)
      return crowd
    })
  )
  const call = (count: number) =>
    Promise.all(crowds.map((crowd) => crowd.ask('call', link, count, inFlight)))
  await call(each / 4)
  const start = performance.now()
  await call(each)
  return (each * CALLERS * 1000) / (performance.now() - start)
}

async function manyInstances(
  place: Place,
  options: Options
): Promise<{ instances: number; slowest: number }> {
  const host = await startHost(place, await place.directory('host'), options)
  const client = await startClient(place, await place.directory('client'), options)
  const links: string[] = []
  for (let i = 0; i < INSTANCES; i++) links.push(await client.ask('deploy', host.id, 'forum'))
  const inFlight = IN_FLIGHT / INSTANCES
  const ms = options.quick ? 3_000 : 10_000
  await client.ask('share', links, inFlight, ms / 4)
  const answered = await client.ask('share', links, inFlight, ms)
  const sum = answered.reduce((sum, count) => sum + count, 0)
  return {
    instances: (sum * 1000) / ms,
    slowest: Math.min(...answered) / (sum / INSTANCES)
  }
}

async function atHalf(
  place: Place,
  options: Options
): Promise<{ most: number; p50: number; p99: number }> {
  const { client, link } = await forum(place, options)
  const count = options.quick ? 3_000 : 10_000
  await client.ask('manyAtOnce', link, count / 4, IN_FLIGHT)
  const most = await client.ask('manyAtOnce', link, count, IN_FLIGHT)
  const times = await client.ask('latenciesAtRate', link, count, most / 2)
  return { most, p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
}

async function forum(place: Place, options: Options) {
  const host = await startHost(place, await place.directory('host'), options)
  const client = await startClient(place, await place.directory('client'), options)
  return { client, link: await client.ask('deploy', host.id, 'forum') }
}
