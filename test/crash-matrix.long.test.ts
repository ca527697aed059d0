// Hundreds of ends of a host and of a client, between any two steps of what they do.
import test from 'brittle'
import { endHost } from './faults/host-matrix.ts'
import { Random } from './random.ts'

const TIMES = 4

for (const how of ['kill', 'power cut'] as const) {
  test(`crash matrix - ${how} of a host at any step, the n-th time that it takes it`, {
    timeout: 1_800_000
  }, async (t) => {
    await endHost(t, new Random(), TIMES, [how])
  })
}
