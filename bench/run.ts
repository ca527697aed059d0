// npm run bench [-- --only <measure>] [--quick] [--calls <n, for history and memory>] [--profile <dir>] [--write]
//
// Measures, prints a table with what has to be reached beside it, and with --write puts both into RESULTS.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { audit } from './audit.ts'
import { calls } from './calls.ts'
import { deploy } from './deploy.ts'
import { fairness } from './fairness.ts'
import { follow } from './follow.ts'
import { type Figure, type Measure, reaches, table } from './harness.ts'
import { history } from './history.ts'
import { describeMachine } from './machine.ts'
import { memory } from './memory.ts'
import { share } from './share.ts'
import { stages } from './stages.ts'

const MEASURES: readonly Measure[] = [
  calls,
  share,
  fairness,
  stages,
  deploy,
  audit,
  follow,
  history,
  memory
]
const RESULTS = new URL('./RESULTS.md', import.meta.url)
const NUMBERS = /(<!-- numbers -->\n)[\s\S]*(<!-- end of numbers -->)/

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    calls: { type: 'string' },
    profile: { type: 'string' },
    write: { type: 'boolean', default: false }
  }
})
const { only, quick, write } = options
const chosen = MEASURES.filter(({ name }) => only === undefined || name === only)
if (chosen.length === 0) {
  fail(`there is no measure ${only}: choose one of ${MEASURES.map(({ name }) => name).join(', ')}`)
}
if (write && (quick || only !== undefined)) fail('--write takes all measures in full, or none')
if (write && !NUMBERS.test(readFileSync(RESULTS, 'utf8')))
  fail('RESULTS.md has no place for numbers')

const machine = describeMachine()
console.log(`${machine}\n`)
const figures: Figure[] = []
for (const { name, run } of chosen) {
  const progress = (line: string) => process.stderr.write(`${name}: ${line}\n`)
  const calls = options.calls === undefined ? {} : { calls: Number(options.calls) }
  figures.push(...(await run({ quick, ...calls, profile: options.profile ?? null, progress })))
}
const numbers = table(figures)
console.log(numbers)
const missed = figures.filter((figure) => !reaches(figure)).length
console.log(missed === 0 ? '\nevery bar is reached' : `\n${missed} missed`)
if (write) writeNumbers()

/** The text around the numbers is written by people. */
function writeNumbers(): void {
  const day = new Date().toISOString().slice(0, 10)
  const text = readFileSync(RESULTS, 'utf8')
  const numbered = text.replace(NUMBERS, (_, before, after) => {
    return `${before}\n${day}. ${machine}.\n\n${numbers}\n\n${after}`
  })
  writeFileSync(RESULTS, numbered)
}

function fail(message: string): never {
  process.stderr.write(`bench: ${message}\n`)
  process.exit(64)
}
