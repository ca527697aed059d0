// A host that ends between any two steps of what it does.
import test from 'brittle'
import { endHost } from './faults/host-matrix.ts'
import { Random } from './random.ts'

test('crash matrix - at whichever step a host is killed or loses power, nothing is lost and nothing said twice', async (t) => {
  await endHost(t, new Random(), 1, ['kill', 'power cut'], 'borrowed')
})
