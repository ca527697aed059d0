// Logs of a store that nobody uses for a while, and that somebody reads then.
import SecretStream from '@hyperswarm/secret-stream'
import b4a from 'b4a'
import test from 'brittle'
import type Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import { openStore } from '../src/state/store.ts'
import { type Teardown, tempDir } from './helpers.ts'

/** Calls of Corestore's cycle after which it has closed what nobody uses. */
const CYCLES = 4

async function open(t: Teardown): Promise<Corestore> {
  const store = await openStore(await tempDir(t))
  t.teardown(() => store.close())
  return store
}

async function connect(t: Teardown, one: Corestore, other: Corestore): Promise<void> {
  const [a, b] = [new SecretStream(true), new SecretStream(false)]
  if (a.rawStream === null || b.rawStream === null) throw new Error('streams come with raw ones')
  a.rawStream.pipe(b.rawStream).pipe(a.rawStream)
  one.replicate(a)
  other.replicate(b)
  await Promise.all([a.opened, b.opened])
  t.teardown(() => {
    for (const stream of [a, b]) stream.destroy()
  })
}

test('store - a log that was not in use is not closed under whoever has come to read it', async (t) => {
  const [host, reader] = [await open(t), await open(t)]
  const log = host.get({ keyPair: crypto.keyPair() })
  await log.append(['one', 'two'].map((text) => b4a.from(text)))
  await connect(t, host, reader)
  await log.close()
  const copy = reader.get({ key: log.key })
  await copy.ready()
  t.alike(await copy.get(0), b4a.from('one'))
  for (let i = 0; i < CYCLES; i++) host.cores._gcCycleBound()
  t.alike(await copy.get(1, { timeout: 5_000 }), b4a.from('two'))
  t.is([...host.cores].length, 1)
})

test('store - a log that nobody uses any more is closed', async (t) => {
  const host = await open(t)
  const log = host.get({ keyPair: crypto.keyPair() })
  await log.append(b4a.from('one'))
  await log.close()
  t.is([...host.cores].length, 1)
  for (let i = 0; i < CYCLES; i++) host.cores._gcCycleBound()
  t.is([...host.cores].length, 0)
  const again = host.get({ key: log.key })
  t.alike(await again.get(0), b4a.from('one'))
})
