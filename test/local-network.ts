import { type Bootstrap, openLocal } from '../src/net/network.ts'
import type { Teardown } from './helpers.ts'

/** A network of this machine alone: nodes by which others are found in it, until everything else of the test has been closed. */
export async function localNetwork(t: Teardown): Promise<Bootstrap> {
  const { bootstrap, close } = await openLocal(0)
  t.teardown(close, { order: 1_000 })
  return bootstrap
}
