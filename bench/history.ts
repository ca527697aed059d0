// One forum that is called again and again: what a call costs after many others, and what it leaves on the disk.
import { cpuOf } from './cpu.ts'
import { bytesOf } from './disk.ts'
import type { Figure, Measure, Options } from './harness.ts'
import type { Worker } from './process.ts'
import { inPlace, startClient, startHost } from './scene.ts'
import type { ClientCommands } from './workers/client.ts'
import type { HostCommands } from './workers/host.ts'

const IN_FLIGHT = 1_000
/** Calls before those that are looked at first. */
const WARM_UP = 10_000
/**
 * Of all calls so many are looked at, in the beginning and at the end: RocksDB compacts what 50,000 calls or so have left at once, and
 * a few calls have either all of that or nothing.
 */
const LOOKED_AT = 0.1
/** Calls at a time between them. */
const STRIDE = 10_000

/** What calls have cost. */
interface Cost {
  /** Of the host and its engines, µs of processor a call. */
  readonly cpu: number
  readonly perSecond: number
}

export const history: Measure = {
  name: 'history',
  async run(options) {
    const calls = options.calls ?? 100_000
    const warmUp = options.quick ? 1_000 : WARM_UP
    const count = options.quick ? 10_000 : calls
    const window = Math.round(count * LOOKED_AT)
    return inPlace(async (place) => {
      const dir = await place.directory('host')
      const host = await startHost(place, dir, options)
      const client = await startClient(place, await place.directory('client'), options)
      const link = await client.ask('deploy', host.id, 'forum')
      const scene = { host: host.worker, client, link }
      await call(scene, warmUp)
      const early = await call(scene, window)
      for (let done = warmUp + window; done < count - window; ) {
        const stride = Math.min(STRIDE, count - window - done)
        await call(scene, stride)
        done += stride
        options.progress(`${done} of ${count} calls`)
      }
      const late = await call(scene, window)
      await client.stop()
      await host.worker.stop()
      const bytes = await bytesOf(dir, link)
      return figures(count, early, late, bytes, options)
    })
  }
}

async function call(
  {
    host,
    client,
    link
  }: { host: Worker<HostCommands>; client: Worker<ClientCommands>; link: string },
  count: number
): Promise<Cost> {
  const before = await cpuOf(host.pid)
  const perSecond = await client.ask('manyAtOnce', link, count, IN_FLIGHT)
  return { cpu: (((await cpuOf(host.pid)) - before) / count) * 1e6, perSecond }
}

function figures(
  count: number,
  early: Cost,
  late: Cost,
  bytes: ReadonlyMap<string, number>,
  { quick }: Options
): Figure[] {
  const calls = `${count.toLocaleString('en')} addPost`
  const total = [...bytes.values()].reduce((sum, size) => sum + size, 0)
  const perCall = (what: string, size: number): Figure => ({
    name: `disk of the host, a call of ${calls}: ${what}`,
    unit: 'B',
    values: [size / count]
  })
  return [
    {
      name: `${calls}: processor of the last ones, against those after the first`,
      unit: 'times',
      values: [late.cpu / early.cpu],
      ...(quick ? {} : { bar: 1.3 })
    },
    {
      name: `${calls}: processor of the host for one of the first`,
      unit: 'µs',
      values: [early.cpu]
    },
    { name: `${calls}: processor of the host for one of the last`, unit: 'µs', values: [late.cpu] },
    { name: `${calls}: the first`, unit: 'calls/s', values: [early.perSecond] },
    { name: `${calls}: the last`, unit: 'calls/s', values: [late.perSecond] },
    perCall('everything', total),
    ...[...bytes]
      .filter(([, size]) => size / count >= 1)
      .sort(([, a], [, b]) => b - a)
      .map(([what, size]) => perCall(what, size))
  ]
}
