// What a client keeps of instances, to call them without asking.
import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import test from 'brittle'
import { KnownInstances } from '../src/client/known-instances.ts'
import { encodeEntry } from '../src/protocol/entries.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { addressOf } from '../src/protocol/manifest.ts'
import { tempDir } from './helpers.ts'

const HOST = b4a.alloc(32, 1)
const GENESIS = encodeEntry({
  type: 'genesis',
  vm: 'js-1',
  host: HOST,
  deployer: b4a.alloc(32, 2),
  salt: b4a.alloc(32, 3),
  codeHash: b4a.alloc(32, 4),
  limits: {}
})
const ADDRESS = addressOf(HOST, GENESIS)
const HEAD = { length: 3, fork: 0, treeHash: b4a.alloc(32), signature: b4a.alloc(68) }
const INFO = { genesis: GENESIS, methods: ['add'], head: HEAD }

test('known instances - a host is asked once, and not by who comes back', async (t) => {
  const dir = await tempDir(t)
  let asked = 0
  const askHost = async () => {
    asked++
    return { host: HOST, info: INFO }
  }
  const known = new KnownInstances(dir, askHost)
  await Promise.all([known.find(HOST, ADDRESS), known.find(null, ADDRESS)])
  t.is(known.find(HOST, ADDRESS), null, 'it is known')
  t.alike(known.get(ADDRESS).methods, ['add'])
  const later = new KnownInstances(dir, askHost)
  await later.find(null, ADDRESS)
  t.alike(later.get(ADDRESS).host, HOST)
  t.is(asked, 1)
  t.alike(await readdir(dir), [`${encodeId(ADDRESS)}.json`])
})

test('known instances - a file that says something else is asked about again', async (t) => {
  const dir = await tempDir(t)
  const other = b4a.toString(b4a.concat([GENESIS, b4a.alloc(1)]), 'base64')
  for (const text of ['', '{}', JSON.stringify({ genesis: other, methods: [] })]) {
    await writeFile(path.join(dir, `${encodeId(ADDRESS)}.json`), text)
    let asked = 0
    const known = new KnownInstances(dir, async () => {
      asked++
      return { host: HOST, info: INFO }
    })
    await known.find(HOST, ADDRESS)
    t.is(asked, 1, text)
  }
})

test('known instances - another host has nothing to say of it', async (t) => {
  const known = new KnownInstances(await tempDir(t), async () => ({
    host: b4a.alloc(32, 9),
    info: INFO
  }))
  await t.exception(async () => known.find(null, ADDRESS), /INSTANCE_UNKNOWN|is not an instance/)
})

test('known instances - whatever error a host answers with is not a mistake of who asks, and no finding', async (t) => {
  const dir = await tempDir(t)
  for (const code of ['HEAD_CONFLICT', 'INTERNAL', 'USAGE', 'QUOTA_EXCEEDED'] as const) {
    const known = new KnownInstances(dir, () =>
      Promise.reject(new MivmError(code, 'nothing of that'))
    )
    const error = await Promise.resolve(known.find(HOST, ADDRESS)).catch((error) => error)
    t.is(error.exitCode, 69, code)
    t.ok(error.message.includes('nothing of that'), error.message)
  }
})

test('known instances - who comes while it is written down waits for those before', async (t) => {
  const known = new KnownInstances(await tempDir(t), async () => ({ host: HOST, info: INFO }))
  const first = known.find(HOST, ADDRESS)
  while (!isThere(known)) await new Promise((resolve) => setImmediate(resolve))
  t.is(known.find(HOST, ADDRESS), first)
  await first
})

function isThere(known: KnownInstances): boolean {
  try {
    return known.get(ADDRESS) !== null
  } catch {
    return false
  }
}
