// An audit of a forum, and of a counter, by somebody who has copied the logs before, and remembers nothing of them: from
// opening the copy to the verdict, the start of the engine included, no time on the network.
import { type Figure, type Measure, type Options, repeat } from './harness.ts'
import { Worker } from './process.ts'
import { inPlace, type Place, startClient, startHost } from './scene.ts'
import type { AuditorCommands } from './workers/auditor.ts'

const AUDITOR = new URL('./workers/auditor.ts', import.meta.url)

/** What is audited: the contract, the method that the client calls of it, and how often. */
const AUDITED = [
  { contract: 'forum', method: 'addPost', count: 10_000, bar: 6000 },
  { contract: 'counter', method: 'increment', count: 40_000 }
]

export const audit: Measure = {
  name: 'audit',
  async run(options) {
    const figures: Figure[] = []
    for (const { contract, method, count, ...bar } of AUDITED) {
      const calls = options.quick ? count / 5 : count
      const values = await inPlace((place) => auditsOf(place, contract, calls, options))
      const name = `audit of ${calls.toLocaleString('en')} ${method}, local copy`
      figures.push({ name, unit: 'calls/s', values, ...bar })
    }
    return figures
  }
}

/** Calls/s of each audit. */
async function auditsOf(
  place: Place,
  contract: string,
  count: number,
  options: Options
): Promise<number[]> {
  const start = (directory: string | null) => Worker.start<AuditorCommands>(AUDITOR, directory)
  const dir = await place.directory('auditor')
  const host = await startHost(place, await place.directory('host'), { profile: null })
  const client = await startClient(place, await place.directory('client'), { profile: null })
  const link = await client.ask('deploy', host.id, contract)
  await client.ask('manyAtOnce', link, count, 1000)
  await client.stop()
  const copier = start(null)
  await copier.ask('fetch', dir, place.bootstrap, link)
  await copier.stop()
  await host.worker.stop()
  const once = async () => {
    const auditor = start(options.profile)
    const { calls, seconds } = await auditor.ask('audit', dir, link)
    if (calls < count) throw new Error(`only ${calls} of ${count} calls were audited`)
    await auditor.stop()
    return calls / seconds
  }
  return repeat(options.quick ? 1 : 5, once, options)
}
