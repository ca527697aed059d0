// node bin/node.js --conditions=mivm-source bench/attacks.ts [part of a name] [fuel]
//
// Processor time that each attack of the corpus takes of an engine, the slowest first: 1,000,000 fuel are meant to be
// a tenth of a second, whatever is done with them.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { LIMITS } from '../src/protocol/limits.ts'
import { REALM_FLAGS } from '../src/vm/engine.ts'
import { findAddon } from '../src/vm/node.ts'
import { THEMES } from '../test/hostile/index.ts'
import { describeMachine } from './machine.ts'

const WORKER = fileURLToPath(new URL('./workers/attacks.js', import.meta.url))
const FLAGS = [...REALM_FLAGS, '--jitless']

interface Measured {
  readonly name: string
  readonly outcome: string
  readonly fuel: number | null
  /** Of all threads, and of the one that runs the contract; the others collect garbage. */
  readonly ms: number
  readonly main: number
}

const part = process.argv[2] ?? ''
const fuel = Number(process.argv[3] ?? 1_000_000)
const attacks = Object.entries(THEMES).flatMap(([theme, list]) => {
  return list.map(({ name, source }) => ({ name: `${theme}: ${name}`, source }))
})
const measured = measure(attacks.filter(({ name }) => name.includes(part)))
console.log(`${describeMachine()}\n`)
console.log('| attack | ends by | fuel | ms | of one thread | ms for a million |')
console.log('|---|---|--:|--:|--:|--:|')
for (const each of measured.toSorted((a, b) => b.ms - a.ms)) console.log(row(each))

function measure(list: readonly { readonly name: string; readonly source: string }[]): Measured[] {
  const input = JSON.stringify({ attacks: list, limits: { ...LIMITS, fuel } })
  const { stdout, stderr } = spawnSync(process.execPath, [...FLAGS, WORKER, findAddon() ?? ''], {
    encoding: 'utf8',
    input,
    maxBuffer: 2 ** 26
  })
  if (stdout === '') throw new Error(stderr)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

function row({ name, outcome, fuel: used, ms, main }: Measured): string {
  const rate = used === null || used === 0 ? '' : ((ms * 1e6) / used).toFixed()
  return `| ${name} | ${outcome} | ${used ?? ''} | ${ms.toFixed()} | ${main.toFixed()} | ${rate} |`
}
