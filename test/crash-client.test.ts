// A client that ends between any two steps of a call or of a deployment.
import test from 'brittle'
import { endClient } from './faults/client-matrix.ts'
import { Random } from './random.ts'

test('crash matrix - at whichever step a client is killed or loses power, its log does not fork and no call runs twice', async (t) => {
  await endClient(t, new Random(), 1, ['kill', 'power cut'])
})
