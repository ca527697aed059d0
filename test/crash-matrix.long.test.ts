// Hundreds of ends of a host and of a client, between any two steps of what they do.
import test from 'brittle'
import { endClient } from './faults/client-matrix.ts'
import { endHost } from './faults/host-matrix.ts'
import { Random } from './random.ts'

const TIMES = 4

for (const how of ['kill', 'power cut'] as const) {
  test(`crash matrix - ${how} of a host at any step, the n-th time that it takes it`, async (t) => {
    await endHost(t, new Random(), TIMES, [how])
  })

  test(`crash matrix - ${how} of a client at any step, the n-th time that it takes it`, async (t) => {
    await endClient(t, new Random(), TIMES, [how])
  })
}
