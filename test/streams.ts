import SecretStream from '@hyperswarm/secret-stream'
import type { KeyPair } from 'hypercore-crypto'
import type { Teardown } from './helpers.ts'

type Pair = [near: SecretStream, far: SecretStream]

/** Two ends of a stream with nothing but memory between them; `keyPair` is that of the far one. */
export function streamPair(keyPair?: KeyPair): Pair {
  const near = new SecretStream(true)
  const far = new SecretStream(false, undefined, keyPair === undefined ? {} : { keyPair })
  for (const stream of [near, far]) stream.on('error', () => {})
  const [here, there] = [near.rawStream, far.rawStream]
  if (here === null || there === null) throw new Error('streams come with raw ones')
  here.pipe(there).pipe(here)
  return [near, far]
}

/** The same, open, and ended with the test. */
export async function openPair(t: Teardown): Promise<Pair> {
  const pair = streamPair()
  t.teardown(() => {
    for (const stream of pair) stream.destroy()
  })
  await Promise.all(pair.map(({ opened }) => opened))
  return pair
}
