import test from 'brittle'
import { killUnderLoad } from './faults/kills.ts'

test('crash - five kills of the host under load lose no call and execute none twice', async (t) => {
  await killUnderLoad(t, 5)
})
