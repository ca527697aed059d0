// node bin/node.js --conditions=mivm-source bench/fuel.ts [rounds]
//
// What fuel stands for, and what metering costs: kernels in a realm of js-1, with what the compiler puts into them and
// without, and in a context of V8's own; time of the processor, the least of some rounds. Prints the table of
// contracts/README.md.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { LIMITS } from '../src/protocol/limits.ts'
import { describeMachine } from './machine.ts'

const WORKER = fileURLToPath(new URL('./workers/fuel.js', import.meta.url))

/** Milliseconds of the processor in V8 alone, in the realm without the meter and with it, and the fuel of that. */
interface Times {
  readonly name: string
  readonly bare?: number
  readonly free: number
  readonly metered: number
  readonly fuel: number
}

interface Measured {
  readonly kernels: readonly Times[]
  readonly call: Times
  /** Milliseconds for code of `bytes`: the transform the first time and at best, and V8's part of it. */
  readonly code: {
    readonly bytes: number
    readonly first: number
    readonly transform: number
    readonly compile: number
    readonly grown: number
  }
}

const { kernels, call, code } = measure(process.argv[2] ?? '7')
console.log(`${describeMachine()}\n`)
console.log(
  '| kernel | V8 alone, ms | realm | with the meter | times | times V8 | fuel | fuel/ms |'
)
console.log('|---|---|---|---|---|---|---|---|')
for (const times of kernels) console.log(row(times))
console.log(row(call))
const ofRealm = mean(kernels.map(({ free, metered }) => metered / free))
const ofV8 = mean(kernels.map(({ bare = Number.NaN, metered }) => metered / bare))
console.log(
  `\nkernels, geometric mean: ${ofRealm.toFixed(2)} times the realm, ${ofV8.toFixed(2)} times V8`
)
const rates = kernels.map(({ fuel, metered }) => fuel / metered)
const [slowest, fastest] = [Math.min(...rates), Math.max(...rates)]
const whole = (rate: number) => Math.round(LIMITS.fuel / rate)
console.log(`${LIMITS.fuel} fuel are ${whole(fastest)} to ${whole(slowest)} ms`)
const { bytes, first, transform, compile, grown } = code
console.log(
  `${bytes} bytes of code: ${ms(first)} ms to transform, ${ms(transform)} at best, ${ms(compile)} to compile; ${grown.toFixed(1)} times the text`
)

function measure(rounds: string): Measured {
  const flags = ['--jitless', '--no-node-snapshot']
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, WORKER, rounds], {
    encoding: 'utf8'
  })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

function row({ name, bare, free, metered, fuel }: Times): string {
  const cells = [
    bare === undefined ? '' : ms(bare),
    ms(free),
    ms(metered),
    (metered / free).toFixed(2),
    bare === undefined ? '' : (metered / bare).toFixed(2),
    fuel.toLocaleString('en'),
    Math.round(fuel / metered).toLocaleString('en')
  ]
  return `| ${name} | ${cells.join(' | ')} |`
}

function mean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}

function ms(value: number): string {
  return value.toFixed(value < 1 ? 3 : 1)
}
