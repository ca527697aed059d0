// An audit of a forum, and of a counter, by somebody who has copied the logs before, and remembers nothing of them: from
// opening the copy to the verdict, the start of the engine included, no time on the network.
import { spawnSync } from 'node:child_process'
import { type Figure, type Measure, type Options, repeat } from './harness.ts'
import { Worker } from './process.ts'
import { inPlace, type Place, startClient, startHost } from './scene.ts'
import type { AuditorCommands } from './workers/auditor.ts'

const AUDITOR = new URL('./workers/auditor.ts', import.meta.url)

const SHORT = { contract: 'forum', method: 'addPost', count: 10_000, bar: 6000 }

/** What is audited on one core as well: the contract, the method that the client calls of it, how often, and the bar of one core. */
const LONG = [
  { contract: 'forum', method: 'addPost', count: 100_000, bar: 15_000 },
  { contract: 'counter', method: 'increment', count: 100_000, bar: 40_000 }
]

/** How many times as fast both cores of two have to be, and what an auditor takes of any log at most, MB. */
const CORES_BAR = 1.7
const MEMORY_BAR = 300

interface Audited {
  /** Calls/s. */
  readonly rate: number
  /** Bytes. */
  readonly memory: number
}

export const audit: Measure = {
  name: 'audit',
  async run(options) {
    const figures = [await short(options)]
    for (const subject of LONG) figures.push(...(await long(subject, options)))
    return figures
  }
}

async function short(options: Options): Promise<Figure> {
  const { method, bar } = SHORT
  const count = options.quick ? SHORT.count / 5 : SHORT.count
  const values = await inCopy(SHORT.contract, count, options, (audit) =>
    repeat(options.quick ? 1 : 5, async () => (await audit(null)).rate, options)
  )
  return { name: nameOf(count, method), unit: 'calls/s', values, bar }
}

async function long(
  { contract, method, count: usual, bar }: (typeof LONG)[number],
  options: Options
): Promise<Figure[]> {
  const count = options.quick ? usual / 50 : usual
  const hasTaskset = spawnSync('taskset', ['-V']).status === 0
  if (!hasTaskset) options.progress('without taskset there is no audit on one core')
  // in turns, so that a slow minute is one of both
  const runs = await inCopy(contract, count, options, (audit) =>
    repeat(
      options.quick ? 1 : 5,
      async () => ({ one: hasTaskset ? await audit(0) : null, all: await audit(null) }),
      options
    )
  )
  const name = nameOf(count, method)
  const all = runs.map((run) => run.all)
  const one = runs.flatMap((run) => run.one ?? [])
  const rates = all.map(({ rate }) => rate)
  const onOne: Figure[] = [
    { name: `${name}, one core`, unit: 'calls/s', values: one.map(({ rate }) => rate), bar },
    {
      name: `${name}, all cores against one`,
      unit: 'times',
      values: one.map(({ rate }, i) => (rates[i] ?? 0) / rate),
      bar: CORES_BAR,
      atLeast: true
    }
  ]
  return [
    { name, unit: 'calls/s', values: rates },
    ...(hasTaskset ? onOne : []),
    {
      name: `${name}: memory`,
      unit: 'MB',
      values: all.map(({ memory }) => memory / 1e6),
      bar: MEMORY_BAR
    }
  ]
}

function nameOf(count: number, method: string): string {
  return `audit of ${count.toLocaleString('en')} ${method}, local copy`
}

/** Has somebody make so many calls, and an auditor copy the logs; `fn` gets what audits the copy, on one core or on all. */
async function inCopy<T>(
  contract: string,
  count: number,
  options: Options,
  fn: (audit: (core: number | null) => Promise<Audited>) => Promise<T>
): Promise<T> {
  return inPlace(async (place) => {
    const dir = await place.directory('auditor')
    const link = await copied(place, dir, contract, count)
    return fn(async (core) => {
      const auditor = Worker.start<AuditorCommands>(AUDITOR, options.profile, core)
      const { calls, seconds, memory } = await auditor.ask('audit', dir, link)
      if (calls < count) throw new Error(`only ${calls} of ${count} calls were audited`)
      await auditor.stop()
      return { rate: calls / seconds, memory }
    })
  })
}

/** Link of an instance with so many calls, whose logs are in `dir`. */
async function copied(place: Place, dir: string, contract: string, count: number): Promise<string> {
  const host = await startHost(place, await place.directory('host'), { profile: null })
  const client = await startClient(place, await place.directory('client'), { profile: null })
  const link = await client.ask('deploy', host.id, contract)
  await client.ask('manyAtOnce', link, count, 1000)
  await client.stop()
  const copier = Worker.start<AuditorCommands>(AUDITOR)
  await copier.ask('fetch', dir, place.bootstrap, link)
  await copier.stop()
  await host.worker.stop()
  return link
}
