import test from 'brittle'
import { fuzz, TARGETS } from './fuzz.ts'
import { Random } from './random.ts'

const EXECUTIONS = Number(process.env['MIVM_EXECUTIONS'] ?? 100_000)

for (const [name, target] of Object.entries(TARGETS)) {
  test(`fuzz - ${name}`, (t) => {
    const random = new Random()
    t.comment(`MIVM_SEED=${random.seed}`)
    const count = fuzz(name, target, random, EXECUTIONS)
    t.ok(count > 0 && count < EXECUTIONS, `${EXECUTIONS} executions, ${count} were taken`)
  })
}
