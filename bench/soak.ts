// npm run soak -- --minutes 60 [--rate <calls/s>] [--seed <n>]
//
// A host at half the rate that it reaches with the same callers and instances, with callers that come and go, contracts that fail, and engines that are killed, and
// an auditor that takes what processors are left. Looks every few seconds at what it takes, audits the rest at the end,
// and fails where something has grown, an error came that nobody has provoked, or an audit is not clean; then it leaves
// its directories where they are.

import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Random } from '../test/random.ts'
import { Audits } from './audits.ts'
import { median, quantile } from './harness.ts'
import { describeMachine } from './machine.ts'
import { Worker } from './process.ts'
import { descriptorsOf, processesBelow } from './processes.ts'
import { inPlace, type Place, startClient, startHost } from './scene.ts'
import { slope } from './slope.ts'
import type { HostCommands } from './workers/host.ts'
import type { Calls, SoakCommands } from './workers/soak-caller.ts'

const CALLER = new URL('./workers/soak-caller.ts', import.meta.url)

const FORUMS = 8
const CALLERS = 4
const SAMPLE_MS = 5_000
/** How long a caller stays, ms. */
const STAY_MIN = 10_000
const STAY_MAX = 60_000
/** Whoever has just come is still growing, ms. */
const SETTLED_MS = 8_000
/** Between two kills of an engine, ms, on average. */
const KILL_EVERY = 10_000
/** How long the maximum rate is measured, after as long that does not count, ms. */
const MAXIMUM_MS = 15_000
/** Growth over the second half that is none: a share of the median, and so much besides. */
const GROWTH_MAX = 0.1

/** What may come of a call of each kind; engines are killed under any of them. */
const PROVOKED: readonly RegExp[] = [
  /^\w+ ok$/,
  /^\w+ ABORT_ENGINE$/,
  /^fail TypeError$/,
  /^spin (OUT_OF_FUEL|ABORT_TIME)$/
]

interface Sample {
  /** Minutes since the beginning. */
  readonly at: number
  readonly values: { readonly [name in Metric]: number }
}

type Metric = keyof typeof METRICS

/** What is looked at, in which unit, and how much more of it at the end is none. */
const METRICS = {
  'host, resident': { unit: 'MB', slack: 20 },
  'engines, resident': { unit: 'MB', slack: 30 },
  'compiler, resident': { unit: 'MB', slack: 20 },
  'a caller, resident': { unit: 'MB', slack: 30 },
  'host, descriptors': { unit: '', slack: 20 },
  'event loop of the host, p99': { unit: 'ms', slack: 20 }
} as const

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    rate: { type: 'string' },
    seed: { type: 'string', default: '1' }
  }
})
const minutes = Number(options.minutes)
if (!(minutes > 0)) fail(`--minutes ${options.minutes} is not a number above 0`)
const random = new Random(Number(options.seed))
console.log(`${describeMachine()}\nseed ${random.seed}`)
const isGood = await inPlace(soak)
process.exit(isGood ? 0 : 1)

async function soak(place: Place): Promise<boolean> {
  const host = await startHost(place, await place.directory('host'), { profile: null })
  const { forums, trouble, maximum } = await prepare(place, host.id)
  const rate = Number(options.rate ?? Math.round(maximum / 2))
  console.log(`at most ${Math.round(maximum)} calls/s; ${rate} calls/s for ${minutes} min`)
  const samples: Sample[] = []
  const outcomes = new Map<string, number>()
  const times: number[] = []
  /** When they came, as performance.now(), by process. */
  const callers = new Map<number, number>()
  const started = Date.now()
  const end = started + minutes * 60_000
  let kills = 0
  const take = (calls: Calls) => {
    for (const [outcome, count] of Object.entries(calls.outcomes)) {
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count)
    }
    // as many of each caller as memory has room for in an hour
    times.push(quantile(calls.times, 0.5), quantile(calls.times, 0.99))
  }
  const watch = async () => {
    for (; Date.now() < end; await sleep(SAMPLE_MS)) {
      samples.push(await sample(host.worker, callers, (Date.now() - started) / 60_000))
    }
  }
  const kill = async () => {
    for (;;) {
      await sleep(KILL_EVERY * (0.5 + random.below(1000) / 1000))
      if (Date.now() > end) return
      if (await killEngine(host.worker.pid)) kills++
    }
  }
  const comeAndGo = async (number: number) => {
    const old = await place.directory(`caller${number}`)
    for (let n = 0; Date.now() < end; n++) {
      const stay = STAY_MIN + random.below(STAY_MAX - STAY_MIN)
      const dir = n % 2 === 0 ? old : await place.directory('caller')
      const worker = Worker.start<SoakCommands>(CALLER)
      callers.set(worker.pid, performance.now())
      await worker.ask('open', dir, place.bootstrap)
      const ms = Math.min(stay, Math.max(end - Date.now(), 1_000))
      take(await worker.ask('callAtRate', forums, trouble, rate / CALLERS, ms))
      await worker.stop()
      callers.delete(worker.pid)
    }
  }
  const audits = await Audits.start(place, [...forums, trouble])
  const along = async () => {
    while (Date.now() < end) await audits.round(() => Date.now() >= end)
  }
  const running = Array.from({ length: CALLERS }, (_, i) => comeAndGo(i))
  await Promise.all([watch(), kill(), along(), ...running])
  console.log(`${kills} engines were killed`)
  // before the audits of the rest, which may take as long as the load did
  const problems = [...judgeGrowth(samples), ...judgeOutcomes(outcomes)]
  printTimes(times)
  const before = audits.calls
  console.log(`\n${number(before)} calls were audited on the way`)
  problems.push(...(await audits.finish()))
  console.log(`${number(audits.calls - before)} more after the load`)
  if (problems.length === 0) {
    console.log('\nnothing has grown, no error but provoked ones, all clean')
    return true
  }
  for (const problem of problems) console.log(`PROBLEM ${problem}`)
  place.keep()
  return false
}

async function prepare(place: Place, host: string) {
  const deployer = Worker.start<SoakCommands>(CALLER)
  await deployer.ask('open', await place.directory('deployer'), place.bootstrap)
  const trouble = await deployer.ask('deployTrouble', host)
  await deployer.stop()
  const client = await startClient(place, await place.directory('client'), { profile: null })
  const forums: string[] = []
  for (let i = 0; i < FORUMS; i++) forums.push(await client.ask('deploy', host, 'forum'))
  await client.stop()
  return { forums, trouble, maximum: await maximumOf(place, forums, trouble) }
}

/** Calls a second that are answered when nobody waits. */
async function maximumOf(
  place: Place,
  forums: readonly string[],
  trouble: string
): Promise<number> {
  const callers = await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      const worker = Worker.start<SoakCommands>(CALLER)
      await worker.ask('open', await place.directory('caller'), place.bootstrap)
      return worker
    })
  )
  const answered = async () => {
    const calls = callers.map((worker) =>
      worker.ask('callAtRate', forums, trouble, null, MAXIMUM_MS)
    )
    return (await Promise.all(calls)).reduce((sum, { times }) => sum + times.length, 0)
  }
  await answered()
  const count = await answered()
  for (const worker of callers) await worker.stop()
  return count / (MAXIMUM_MS / 1000)
}

async function sample(
  host: Worker<HostCommands>,
  callers: ReadonlyMap<number, number>,
  at: number
): Promise<Sample> {
  const processes = await processesBelow(host.pid)
  const sum = (isOne: (command: string, pid: number) => boolean) =>
    processes
      .filter(({ command, pid }) => isOne(command, pid))
      .reduce((bytes, process) => bytes + process.bytes, 0) /
    2 ** 20
  const settled = [...callers].filter(([, came]) => performance.now() - came > SETTLED_MS)
  const below = await Promise.all(settled.map(([pid]) => processesBelow(pid)))
  const bytes = below.flat().map(({ bytes }) => bytes)
  return {
    at,
    values: {
      'host, resident': sum((_, pid) => pid === host.pid),
      'engines, resident': sum(isEngine),
      'compiler, resident': sum((command, pid) => pid !== host.pid && !isEngine(command)),
      'a caller, resident': bytes.length === 0 ? Number.NaN : median(bytes) / 2 ** 20,
      'host, descriptors': await descriptorsOf(host.pid),
      'event loop of the host, p99': await host.ask('delay')
    }
  }
}

function isEngine(command: string): boolean {
  return (
    command.split('\0').includes('--jitless') && /node[^/]*$/.test(command.split('\0')[0] ?? '')
  )
}

async function killEngine(host: number): Promise<boolean> {
  const engines = (await processesBelow(host)).filter(({ command }) => isEngine(command))
  const engine = engines[random.below(engines.length)]
  if (engine === undefined) return false
  try {
    process.kill(engine.pid, 'SIGKILL')
    return true
  } catch {
    return false
  }
}

/** Prints what was looked at, and names what has grown. */
function judgeGrowth(samples: readonly Sample[]): string[] {
  const problems: string[] = []
  console.log(
    '\n| | first half | second half | slope of the second half | |\n|---|---:|---:|---:|---|'
  )
  const half = (samples.at(-1)?.at ?? 0) / 2
  for (const name of Object.keys(METRICS).filter(isMetric)) {
    const { unit, slack } = METRICS[name]
    const known = samples.filter(({ values }) => !Number.isNaN(values[name]))
    const first = known.filter(({ at }) => at < half).map(({ values }) => values[name])
    const second = known.filter(({ at }) => at >= half)
    const points = second.map(({ at, values }) => [at, values[name]] as const)
    const middle = median(points.map(([, value]) => value))
    const perMinute = slope(points)
    const isFlat = perMinute * half <= GROWTH_MAX * middle + slack
    if (!isFlat) problems.push(`${name} grows`)
    const digits = (value: number) => value.toFixed(Math.abs(value) < 10 ? 2 : 0)
    const row = [median(first), middle].map((value) => `${digits(value)} ${unit}`)
    console.log(
      `| ${name} | ${row.join(' | ')} | ${digits(perMinute * 60)} ${unit}/h | ${isFlat ? 'flat' : 'GROWS'} |`
    )
  }
  return problems
}

/** Prints what came of the calls, and names what nobody has provoked. */
function judgeOutcomes(outcomes: ReadonlyMap<string, number>): string[] {
  const problems: string[] = []
  console.log('\n| call, outcome | |\n|---|---:|')
  for (const [outcome, count] of [...outcomes].sort()) {
    const isProvoked = outcome === 'left out' || PROVOKED.some((one) => one.test(outcome))
    if (!isProvoked) problems.push(`${count} times ${outcome}`)
    console.log(`| ${outcome} | ${number(count)} |`)
  }
  return problems
}

function printTimes(times: readonly number[]): void {
  const [middle, slowest] = [median(times), quantile(times, 0.95)]
  console.log(
    `\ncalls of callers: median ${middle.toFixed(1)} ms, of most at most ${slowest.toFixed(0)} ms`
  )
}

function number(count: number): string {
  return count.toLocaleString('en')
}

function isMetric(name: string): name is Metric {
  return name in METRICS
}

function fail(message: string): never {
  process.stderr.write(`soak: ${message}\n`)
  process.exit(64)
}
