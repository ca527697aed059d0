// A host with 1,000 instances that were called before, of which 20 are called: how soon it is there again after a restart, and how much
// memory it has then.
import { type Measure, type Options, repeat } from './harness.ts'
import type { Worker } from './process.ts'
import { processesBelow } from './processes.ts'
import { inPlace, type Place, startClient, startHost } from './scene.ts'
import type { ClientCommands } from './workers/client.ts'

/** Deployments under way at once. */
const DEPLOYING = 16
/** Calls of all instances together. */
const CALLS = 100_000
const BUSY = 20
const SAMPLE_MS = 200

export const memory: Measure = {
  name: 'memory',
  async run(options) {
    const { quick } = options
    const instances = quick ? 100 : 1000
    const calls = Math.ceil((options.calls ?? CALLS) / 1000)
    const samples = await inPlace(async (place) => {
      const dir = await place.directory('host')
      const clientDir = await place.directory('client')
      options.progress(`deploys ${instances} instances, and calls each ${calls} times`)
      const links = await deploy(place, dir, clientDir, instances, calls)
      return repeat(quick ? 1 : 3, () => sample(place, dir, clientDir, links, options), options)
    })
    const many = instances.toLocaleString('en')
    const of = (of: string) => `host with ${many} instances of ${calls} calls: ${of}`
    return [
      {
        name: of(`memory, ${BUSY} of them busy`),
        unit: 'MB',
        values: samples.map(({ bytes }) => bytes / 2 ** 20),
        bar: 600
      },
      {
        name: of('start to listening'),
        unit: 's',
        values: samples.map(({ listening }) => listening)
      },
      {
        name: of('start to first answer'),
        unit: 's',
        values: samples.map(({ answered }) => answered),
        bar: 3
      }
    ]
  }
}

async function deploy(
  place: Place,
  dir: string,
  clientDir: string,
  count: number,
  calls: number
): Promise<string[]> {
  const host = await startHost(place, dir, { profile: null })
  const client = await startClient(place, clientDir, { profile: null })
  const links: string[] = []
  let left = count
  const deployer = async () => {
    while (left-- > 0) {
      const link = await client.ask('deploy', host.id, 'forum')
      await client.ask('manyAtOnce', link, calls, calls)
      links.push(link)
    }
  }
  await Promise.all(Array.from({ length: DEPLOYING }, deployer))
  await client.stop()
  await host.worker.stop()
  return links
}

interface Sample {
  /** The most that host and engines had together while instances were called. */
  readonly bytes: number
  /** Seconds from the start of the process until it takes connections. */
  readonly listening: number
  /** The same, until the first call of a client is answered. */
  readonly answered: number
}

async function sample(
  place: Place,
  dir: string,
  clientDir: string,
  links: readonly string[],
  options: Options
): Promise<Sample> {
  const client = await startClient(place, clientDir, options)
  const start = performance.now()
  const host = await startHost(place, dir, options)
  const listening = (performance.now() - start) / 1000
  await client.ask('oneByOne', links.at(-1) ?? '', 1)
  const answered = (performance.now() - start) / 1000
  const bytes = await watch(host.worker.pid, client, links.slice(0, BUSY), options)
  await client.stop()
  await host.worker.stop()
  return { bytes, listening, answered }
}

async function watch(
  pid: number,
  client: Worker<ClientCommands>,
  links: readonly string[],
  { quick }: Options
): Promise<number> {
  let most = 0
  let over = false
  const calls = client.ask('keepBusy', links, quick ? 2_000 : 10_000).finally(() => {
    over = true
  })
  while (!over) {
    most = Math.max(most, await residentBytes(pid))
    await Promise.race([calls, new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))])
  }
  if ((await calls) < links.length) throw new Error('the instances were not called')
  return most
}

/** Pages that they share, those of the Node binary, are counted in each: more than what is used, never less. */
async function residentBytes(pid: number): Promise<number> {
  return (await processesBelow(pid)).reduce((sum, { bytes }) => sum + bytes, 0)
}
