// How long a deployment of 100 KB takes, from the client's call to the link: of a host that has just started, and of
// one that has been there for a while.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Measure, median, type Options, repeat } from './harness.ts'
import { inPlace, startClient, startHost } from './scene.ts'

const BYTES = 100 * 1024

/** How long the host has nothing to do before the others, ms. */
const IDLE_MS = 5_000

export const deploy: Measure = {
  name: 'deploy',
  async run(options) {
    const samples = await repeat(options.quick ? 1 : 7, () => sample(options), options)
    return [
      {
        name: 'deployment of 100 KB',
        unit: 'ms',
        values: samples.map(({ others }) => median(others)),
        bar: 150
      },
      {
        name: 'deployment of 100 KB, the first of a host',
        unit: 'ms',
        values: samples.map(({ first }) => first)
      }
    ]
  }
}

async function sample(options: Options): Promise<{ first: number; others: number[] }> {
  return inPlace(async (place) => {
    const host = await startHost(place, await place.directory('host'), options)
    const client = await startClient(place, await place.directory('client'), options)
    const first = await client.ask('deployLarge', host.id, BYTES, 0)
    await sleep(IDLE_MS)
    const others: number[] = []
    for (let i = 1; i <= 7; i++) others.push(await client.ask('deployLarge', host.id, BYTES, i))
    return { first, others }
  })
}
