import test from 'brittle'
import { fuzz } from './fuzz/fuzz.ts'
import { TARGETS } from './fuzz/targets.ts'
import { Random } from './random.ts'

const EXECUTIONS = 3_000

for (const [name, target] of Object.entries(TARGETS)) {
  test(`fuzz - ${name}, a few`, async (t) => {
    const random = new Random()
    t.comment(`MIVM_SEED=${random.seed}`)
    const { taken } = await fuzz(name, target, { random, executions: EXECUTIONS })
    t.ok(taken > 0 && taken < EXECUTIONS, `${taken} of ${EXECUTIONS} were taken`)
  })
}
