// Runs contracts in the realm of js-1 under settings of engine and machine, for the tests of determinism.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Test } from 'brittle'
import { LIMITS } from '../src/protocol/limits.ts'
import { REALM_FLAGS } from '../src/vm/engine.ts'
import { CONTRACTS, ENDING } from './vm-determinism-corpus.ts'
import { contractOf, Instance, openOne } from './vm-helpers.ts'

export interface Setting {
  readonly name: string
  readonly flags?: readonly string[]
  readonly env?: { readonly [name: string]: string }
  /** Of each isolate, MiB. */
  readonly memory?: number
  /** What runs the process: this Node, when nothing is said. */
  readonly command?: readonly string[]
}

export interface Result {
  readonly outcome: { readonly status: string; readonly value?: string }
  readonly ops: readonly unknown[]
  readonly fuel: number
}

export interface Scenario {
  readonly source: string
  readonly calls: readonly object[]
}

export const JITLESS: readonly string[] = ['--jitless']

const PROCESS = fileURLToPath(new URL('./realm-process.js', import.meta.url))

/** Fuel of the calls that have no end. */
const FUEL = 200_000

/** Everything that a call sees but does not make, the same for all: so warm calls come to what cold ones do. */
const SAME = {
  env: { address: 'address', host: 'host', deployer: 'bob', seq: 2, time: 1700000000123 },
  seed: [1, 2, 3, 4]
}

/** The observations of every contract of the corpus, and what comes of calls that go wrong, by subject. */
export async function lookAround(setting: Setting): Promise<Record<string, string[]>> {
  const scenarios = scenariosOf()
  const all = await run(setting, Object.values(scenarios))
  return Object.fromEntries(
    Object.keys(scenarios).map((subject, i) => [subject, rowsOf(subject, all[i] ?? [])])
  )
}

/** The scenarios of the corpus. Each contract is called cold and warm. */
export function scenariosOf(): Record<string, Scenario> {
  const main = { method: 'main', ...SAME, limits: { fuel: LIMITS.fuel } }
  const looking = Object.entries(CONTRACTS).map(([subject, source]): [string, Scenario] => [
    subject,
    { source, calls: [{}, main, main] }
  ])
  const limits = { fuel: FUEL }
  const ending = ENDING.methods.map((method) => ({ method, ...SAME, limits }))
  return {
    ...Object.fromEntries(looking),
    endings: { source: ENDING.source, calls: [{}, ...ending] }
  }
}

/** Scenarios in one process: the results of their calls. */
export async function run(
  setting: Setting,
  scenarios: readonly Scenario[]
): Promise<readonly (readonly Result[])[]> {
  const { name, flags = JITLESS, env = {}, memory = 64, command = [process.execPath] } = setting
  const input = scenarios.map((scenario) => ({ ...scenario, memory }))
  const [file = '', ...first] = command
  const args = [...first, ...REALM_FLAGS, ...flags, PROCESS]
  const child = spawn(file, args, { env: { TZ: 'UTC', ...env } })
  const output: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on('data', (chunk) => output.push(chunk))
  child.stderr.on('data', (chunk) => errors.push(chunk))
  child.stdin.end(JSON.stringify(input))
  const signal = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (_code, ending) => resolve(ending))
  })
  // the way in which it ends
  if (signal !== 'SIGKILL') throw new Error(`${name}: ${Buffer.concat(errors)}`)
  const results: { results: readonly Result[] }[] = JSON.parse(Buffer.concat(output).toString())
  return results.map((each) => each.results)
}

/**
 * Contracts of the corpus in a real engine: the first time, again, in another order, after they were evicted, one
 * call at a time, and in an engine that has never seen another.
 */
export async function alongEngines(t: Test, subjects: readonly string[]): Promise<void> {
  const vm = await openOne(t)
  const alone = await openOne(t, {})
  const look = async (subject: string, among = vm, together = true) => {
    const instance = new Instance(contractOf(CONTRACTS[subject] ?? '', { address: subject }))
    const results = together
      ? await instance.run(among, [['init'], ['main']])
      : [...(await instance.run(among, [['init']])), ...(await instance.run(among, [['main']]))]
    return JSON.stringify(results)
  }
  const cold = new Map<string, string>()
  for (const subject of subjects) cold.set(subject, await look(subject))
  for (const subject of subjects.toReversed()) {
    const expected = cold.get(subject)
    t.ok(expected?.startsWith('[{"status":"ok"'), `${subject}: it works`)
    t.is(await look(subject), expected, `${subject}: warm`)
    t.is(await look(subject, vm, false), expected, `${subject}: one by one`)
    vm.evict(subject)
    t.is(await look(subject), expected, `${subject}: evicted`)
    t.is(await look(subject, alone), expected, `${subject}: alone`)
    alone.evict(subject)
  }
}

function rowsOf(subject: string, results: readonly Result[]): string[] {
  if (subject === 'endings') {
    return ENDING.methods.map((method, i) => `${method} = ${JSON.stringify(results[i + 1])}`)
  }
  const [, cold, warm] = results
  if (cold?.outcome.value === undefined) throw new Error(`${subject}: ${JSON.stringify(cold)}`)
  if (JSON.stringify(cold) !== JSON.stringify(warm)) {
    throw new Error(`${subject}: warm, it is not what it is cold`)
  }
  const { outcome, ops, fuel } = cold
  return [
    ...JSON.parse(outcome.value ?? '[]'),
    `operations = ${JSON.stringify(ops)}`,
    `fuel = ${fuel}`
  ]
}
