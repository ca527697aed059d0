// node bin/node.js --conditions=mivm-source bench/neighbour.ts [spinning instances [seconds]]
//
// How long calls of an instance take while others, of another deployer, do nothing but burn their fuel: one call at a time
// with a pause of 20 ms, quiet, in the first ten seconds, and from then on. The host is in a process of its own, as it is
// by default.
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'mivm'
import { describeMachine } from './machine.ts'
import { inPlace, type Place, startHost } from './scene.ts'

const QUIET_MS = 5_000
const FIRST_MS = 10_000
const PAUSE_MS = 20
const COUNTER = 'exports.n = 0\nexports.inc = () => ++exports.n'
const SPIN = 'exports.spin = () => { const a = []; for (let i = 0; ; i++) a.push(String(i)) }'

const [instances = 4, seconds = 30] = process.argv.slice(2).map(Number)
console.log(describeMachine())
await inPlace(run)

async function run(place: Place): Promise<void> {
  const { id: host } = await startHost(place, await place.directory('host'), { profile: null })
  const [neighbour, spinner] = [await open(place, 'neighbour'), await open(place, 'spinner')]
  const { link } = await neighbour.deploy({ host, source: COUNTER })
  const links: string[] = []
  for (let i = 0; i < instances; i++) {
    links.push((await spinner.deploy({ host, source: `${SPIN} // ${i}` })).link)
  }
  const times: number[] = []
  let goesOn = true
  const calling = call(neighbour, link, times, () => goesOn)
  await sleep(QUIET_MS)
  print('quiet', times.splice(0))
  const end = performance.now() + FIRST_MS + seconds * 1000
  const spinning = links.map((each) => spin(spinner, each, () => performance.now() < end))
  await sleep(FIRST_MS)
  print(`${instances} that spin, the first ${FIRST_MS / 1000} s`, times.splice(0))
  const counts = await Promise.all(spinning)
  goesOn = false
  await calling
  const spins = counts.reduce((sum, count) => sum + count, 0)
  print(`from then on (${spins} calls that spin)`, times.splice(0))
  await Promise.all([neighbour.close(), spinner.close()])
}

async function open({ bootstrap, directory }: Place, name: string): Promise<Client> {
  return Client.open({ dir: await directory(name), bootstrap, timeout: 60_000 })
}

async function call(client: Client, link: string, times: number[], goesOn: () => boolean) {
  for (; goesOn(); await sleep(PAUSE_MS)) {
    const started = performance.now()
    await client.call(link, 'inc', [])
    times.push(performance.now() - started)
  }
}

/** Calls that end with their fuel, one behind the other; resolves to how many. */
async function spin(client: Client, link: string, goesOn: () => boolean): Promise<number> {
  let count = 0
  for (; goesOn(); count++) await client.call(link, 'spin', []).catch(() => {})
  return count
}

function print(what: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) =>
    `${Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0)}`
  console.log(
    `${what}: ${sorted.length} calls, p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, at most ${at(1)} ms`
  )
}
