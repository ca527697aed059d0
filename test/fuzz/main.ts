// npm run fuzz -- [--executions n] [--seed n] [--write] [part of a target's name…]
//
// Changes inputs of all targets, and goes on with those that reach code, or reach it more often, than any before.
// `--write` puts the fewest that reach all of it into the corpus, and what was done into RESULTS.md.

import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import b4a from 'b4a'
import { Random } from '../random.ts'
import { Coverage, instrumentReaders } from './coverage.ts'
import { CORPUS, fileOf, fuzz } from './fuzz.ts'
import type { Target } from './targets.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    executions: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false }
  }
})
const executions = Number(values.executions)

instrumentReaders()
const { TARGETS } = await import('./targets.ts')

const rows: string[] = []
for (const [name, target] of Object.entries(TARGETS)) {
  if (!positionals.every((part) => name.includes(part))) continue
  const row = await run(name, target)
  console.log(row)
  rows.push(row)
}
if (values.write) writeFileSync(new URL('./RESULTS.md', import.meta.url), table(rows))

async function run(name: string, target: Target): Promise<string> {
  const coverage = new Coverage()
  const random = new Random(Number(values.seed))
  const learn = () => coverage.learn()
  const begin = process.cpuUsage()
  const { taken, corpus } = await fuzz(name, target, { random, executions, learn })
  const { user, system } = process.cpuUsage(begin)
  const kept = await fewest(target, corpus)
  if (values.write) {
    const lines = kept.map((input) => `  ${JSON.stringify(b4a.toString(input, 'base64'))}`)
    writeFileSync(new URL(fileOf(name), CORPUS), `[\n${lines.join(',\n')}\n]\n`)
  }
  const seconds = Math.round((user + system) / 1e6)
  const cells = [name, executions, taken, coverage.size, corpus.length, kept.length, seconds]
  return `| ${cells.map((cell) => cell.toLocaleString('en')).join(' | ')} |`
}

/** Those of the inputs, the short ones first, that reach a place which no seed and none before them reaches. */
async function fewest(target: Target, corpus: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const reached = new Coverage({ isCounting: false })
  for (const seed of target.seeds) await target.read(seed)
  reached.learn()
  const kept: Uint8Array[] = []
  for (const input of corpus.toSorted((a, b) => a.byteLength - b.byteLength)) {
    await target.read(input)
    if (reached.learn()) kept.push(input)
  }
  return kept
}

function table(rows: readonly string[]): string {
  return `# What strangers send

As \`npm run fuzz -- --executions ${executions} --seed ${values.seed} --write\` has found it, with Node ${process.versions.node}. Inputs are
changed at random, and those that reach a function, a branch or a turn of a loop which none before has reached, or reach it more
often, are changed further. Each target says in \`targets.ts\` what has to hold of whatever it reads. Nothing but a MivmError came
out, nothing was taken that is not what was written, and where there are two readers they agree: else there would be no table.

| target | executions | taken | places reached | inputs that were changed | kept in \`corpus/\` | processor, s |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
${rows.join('\n')}
`
}
