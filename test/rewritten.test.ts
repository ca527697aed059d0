// Hosts that cut back or rewrite what there are copies of.
import test from 'brittle'
import { StateReader } from '../src/client/state-reader.ts'
import { blocksOf, closeVm, found, openStore, replicate, run, Writer } from './audit-writer.ts'
import { tempDir } from './helpers.ts'

test('rewritten - a copy is not cut back, and who reads on is told that the host has rewritten it', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(0, 'add', ['a'])])
  const store = await openStore(t)
  const { address, keyPair } = writer
  const reader = new StateReader(store, async () => ({ host: keyPair.publicKey, address }))
  const end = await replicate(store, writer)
  t.is(await reader.readFile('/items/1'), 'a')
  const { length } = (await reader.drive()).core
  await end()
  const blocks = await blocksOf(writer.files)
  await writer.files.truncate(2)
  await writer.files.append([...blocks.slice(2), ...blocks.slice(-1)])
  await replicate(store, writer)
  await t.exception(reader.readFile('/items/1'), /the host says that it has rewritten the archive/)
  const files = store.get({ key: writer.files.key, allowFork: false })
  await files.ready()
  t.alike([files.length, files.fork], [length, 0])
})

test('rewritten - a host that shows less than there is a copy of is found', async (t) => {
  const dir = await tempDir(t)
  const long = await Writer.deploy(t, { seed: 'less' })
  const short = await Writer.deploy(t, { seed: 'less' })
  await long.commit([await long.call(0, 'add', ['a'])])
  const store = await openStore(t)
  const copy = { store, address: long.address }
  const end = await replicate(store, long)
  t.is((await run(t, copy, { dir, patience: 2_000 })).verdict.verdict, 'clean')
  await end()
  t.is((await run(t, copy, { dir, patience: 0 })).verdict.verdict, 'clean', 'nobody shows anything')
  // as a host does, it takes nothing back from who has more of it
  for (const { core } of [short.log, short.files, short.content]) core.replicator.setPushOnly(true)
  await replicate(store, short)
  const audited = await run(t, copy, { dir, patience: 500 })
  t.ok(found(audited).includes('HISTORY_TRUNCATED call - block 7'), found(audited).join())
})

test.hook('rewritten - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})
