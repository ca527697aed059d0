// Somebody who follows a forum over the network while a thousand posts a second are written: how long after an answer
// it is verified; and how long it takes to be there again after a restart.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Figure, type Measure, quantile, repeat } from './harness.ts'
import { Worker } from './process.ts'
import { inPlace, startClient, startHost } from './scene.ts'
import type { FollowerCommands } from './workers/follower.ts'

const FOLLOWER = new URL('./workers/follower.ts', import.meta.url)

const PER_SECOND = 1000
/** Calls of the deployment: init, and the topic. */
const BEFORE = 2
const WAIT_MS = 100
const WAITS_MAX = 600

interface Sample {
  /** Of each call, ms. */
  readonly lags: readonly number[]
  /** From the start of the process's work to everything verified, with its checkpoint and without, s. */
  readonly resumed: number
  readonly begun: number
}

export const follow: Measure = {
  name: 'follow',
  async run(options) {
    const seconds = options.quick ? 3 : 10
    const samples = await repeat(
      options.quick ? 1 : 3,
      () => sample(seconds * PER_SECOND, options.profile),
      options
    )
    const lag = (share: number) => samples.map(({ lags }) => quantile(lags, share))
    const name = `lag at ${PER_SECOND.toLocaleString('en')} addPost/s`
    const calls = (seconds * PER_SECOND).toLocaleString('en')
    const figures: Figure[] = [
      { name: `${name}, median`, unit: 'ms', values: lag(0.5) },
      { name: `${name}, p99`, unit: 'ms', values: lag(0.99), bar: 1000 },
      { name: `resume behind ${calls} calls`, unit: 's', values: samples.map((it) => it.resumed) },
      { name: `begin at genesis, ${calls} calls`, unit: 's', values: samples.map((it) => it.begun) }
    ]
    return figures
  }
}

function sample(count: number, profile: string | null): Promise<Sample> {
  return inPlace(async (place) => {
    const dir = await place.directory('follower')
    const host = await startHost(place, await place.directory('host'), { profile: null })
    const client = await startClient(place, await place.directory('client'), { profile: null })
    const link = await client.ask('deploy', host.id, 'forum')
    const start = () => Worker.start<FollowerCommands>(FOLLOWER, profile)
    const follower = start()
    await follower.ask('follow', dir, place.bootstrap, link)
    const answered = await client.ask('atRate', link, count, PER_SECOND)
    const lags = lagsOf(answered, await whenVerified(follower, count + BEFORE))
    await follower.stop()
    const again = start()
    const resumed = await again.ask('follow', dir, place.bootstrap, link)
    await again.stop()
    if (resumed.began === 0) throw new Error('it did not go on where it was')
    const newcomer = start()
    const begun = await newcomer.ask('follow', await place.directory('new'), place.bootstrap, link)
    await newcomer.stop()
    return { lags, resumed: resumed.ms / 1000, begun: begun.ms / 1000 }
  })
}

async function whenVerified(
  follower: Worker<FollowerCommands>,
  calls: number
): Promise<[calls: number, time: number][]> {
  for (let i = 0; i < WAITS_MAX; i++) {
    const verified = await follower.ask('verified')
    if ((verified.at(-1)?.[0] ?? 0) >= calls) return verified
    await sleep(WAIT_MS)
  }
  throw new Error('the follower does not come after')
}

/** The n-th answer is held against the time when that many calls were verified. */
function lagsOf(answered: readonly number[], verified: [calls: number, time: number][]): number[] {
  let at = 0
  return answered.map((time, i) => {
    while ((verified[at]?.[0] ?? 0) < i + 1 + BEFORE) at++
    return Math.max(0, (verified[at]?.[1] ?? 0) - time)
  })
}
