// Where the time of a call goes, one at a time and with many under way, and the floor under it: what is signed, checked, synced
// and put cannot be left out. All are averages: the stages of one column add up to what the caller has waited.
import type { ClientStages } from './client-stages.ts'
import { type Floor, floorOfMany, floorOfOne, measureFloor } from './floor.ts'
import { type Figure, type Measure, type Options, repeat } from './harness.ts'
import { inPlace, startClient, startHost } from './scene.ts'
import type { HostStages } from './workers/host.ts'

const IN_FLIGHT = 1000

interface Column {
  readonly name: string
  /** ms that a caller has waited for a call, on average. */
  readonly waited: number
  /** ms between two answers. */
  readonly each: number
  readonly client: ClientStages
  readonly host: HostStages
}

interface Sample {
  readonly alone: Column
  readonly many: Column
  readonly floor: Floor
}

export const stages: Measure = {
  name: 'stages',
  async run(options) {
    const samples = await repeat(options.quick ? 1 : 5, () => sample(options), options)
    return [
      ...columnFigures(samples.map(({ alone }) => alone)),
      ...columnFigures(samples.map(({ many }) => many)),
      ...floorFigures(samples)
    ]
  }
}

async function sample(options: Options): Promise<Sample> {
  const counts = options.quick ? { one: 300, many: 3_000 } : { one: 1_000, many: 20_000 }
  return inPlace(async (place) => {
    const host = await startHost(place, await place.directory('host'), options)
    const client = await startClient(place, await place.directory('client'), options)
    const link = await client.ask('deploy', host.id, 'forum')
    await client.ask('watchStages')
    const column = async (name: string, run: () => Promise<{ waited: number; each: number }>) => {
      await Promise.all([client.ask('takeStages'), host.worker.ask('takeStages')])
      const took = await run()
      return {
        name,
        ...took,
        client: await client.ask('takeStages'),
        host: await host.worker.ask('takeStages')
      }
    }
    const oneByOne = async () => {
      const times = await client.ask('oneByOne', link, counts.one)
      const mean = times.reduce((sum, time) => sum + time, 0) / times.length
      return { waited: mean, each: mean }
    }
    const manyAtOnce = async () => {
      const each = 1000 / (await client.ask('manyAtOnce', link, counts.many, IN_FLIGHT))
      return { waited: each * IN_FLIGHT, each }
    }
    // what processes do in their first second is not what they do
    await manyAtOnce()
    await oneByOne()
    const floor = await measureFloor(await place.directory('floor'))
    return {
      alone: await column('one at a time', oneByOne),
      many: await column('1,000 in flight', manyAtOnce),
      floor
    }
  })
}

function columnFigures(columns: readonly Column[]): Figure[] {
  const rows: readonly (readonly [name: string, of: (column: Column) => number])[] = [
    [
      'waits to be written and sent, at the client',
      ({ waited, client }) => waited - client.append - client.rpc - client.verify
    ],
    ['append, at the client', ({ client }) => client.append],
    ['on the way (RPC)', ({ client, host }) => client.rpc - host.call],
    ['submit: signature, apply', ({ host }) => host.stages.submit],
    ['queue', ({ host }) => host.stages.queue],
    ['engine', ({ host }) => host.stages.engine],
    ['commit', ({ host }) => host.stages.commit],
    ['sync', ({ host }) => host.stages.sync],
    ['reply: proof', ({ host }) => host.stages.reply],
    ['verify, at the client', ({ client }) => client.verify],
    ['all that the caller waited', ({ waited }) => waited]
  ]
  return rows.map(([name, of]) => ({
    name: `${columns[0]?.name}: ${name}`,
    unit: 'ms',
    values: columns.map(of)
  }))
}

function floorFigures(samples: readonly Sample[]): Figure[] {
  const of = (name: keyof Floor) => samples.map(({ floor }) => floor[name])
  return [
    { name: 'floor: a signature', unit: 'ms', values: of('sign') },
    { name: 'floor: a signature checked', unit: 'ms', values: of('verify') },
    { name: 'floor: 4 kB synced', unit: 'ms', values: of('sync') },
    { name: 'floor: a bee put, alone', unit: 'ms', values: of('put') },
    { name: 'floor: a bee put, of 256', unit: 'ms', values: of('putOfMany') },
    {
      name: 'one at a time, above its floor',
      unit: 'times',
      values: samples.map(({ alone, floor }) => alone.each / floorOfOne(floor))
    },
    {
      name: '1,000 in flight, above their floor',
      unit: 'times',
      values: samples.map(({ many, floor }) => many.each / floorOfMany(floor))
    }
  ]
}
