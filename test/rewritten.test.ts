// Hosts that cut back or rewrite what there are copies of.
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import { StateReader } from '../src/client/state-reader.ts'
import { contradiction } from '../src/protocol/comparison.ts'
import type { Head } from '../src/protocol/head.ts'
import { blocksOf, closeVm, found, openStore, replicate, run, Writer } from './audit-writer.ts'
import { headAt, proofOf } from './evidence-parts.ts'
import { closeOwnVm, Follower } from './follower.ts'
import { type Teardown, tempDir } from './helpers.ts'

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
  const forgetful = await run(t, copy, { patience: 500 })
  t.ok(found(forgetful).includes('HISTORY_TRUNCATED call - block 7'), 'whoever has made the copy')
})

test('rewritten - a log is found to be, whoever has opened it before and let no fork in', async (t) => {
  const { writer, blocks } = await rewritten(t)
  const { address } = writer
  const store = await openStore(t)
  const reader = store.get({ key: address, allowFork: false })
  await reader.ready()
  const end = await replicate(store, writer)
  while (reader.peers[0]?.remoteFork !== 1) await sleep(10)
  const audited = await run(t, { store, address }, { patience: 1_000 })
  t.alike(found(audited), [`HISTORY_FORKED call - block ${blocks.length - 1}`])
  await reader.close()
  await end()
})

test('rewritten - it is found once, however often the host says so to who follows it', async (t) => {
  const { writer, blocks } = await rewritten(t)
  const [store, head] = [await openStore(t), await writer.head()]
  const end = await replicate(store, writer)
  let asked = 0
  const heard = () => (asked++ < 3 ? [head] : [])
  const follower = await Follower.open(t, { store, address: writer.address, heard })
  await follower.found(1)
  while (asked < 4) await follower.until('progress')
  t.alike(found(await follower.stop()), [`HISTORY_FORKED call - block ${blocks.length - 1}`])
  await end()
})

test('rewritten - what peers say to an auditor counts as far as it is proven', async (t) => {
  const [one, two] = [
    await Writer.deploy(t, { seed: 'told' }),
    await Writer.deploy(t, { seed: 'told' })
  ]
  await one.commit([await one.call(0, 'add', ['a'])])
  for (const text of ['b', 'c']) await two.commit([await two.call(0, 'add', [text])])
  const [shorter, longer] = [await headAt(two.log, two.keyPair, 8), await two.head()]
  const forged = { ...longer, length: 9 }
  const hear = (heads: readonly Head[], evidence: Uint8Array | null = null) =>
    run(t, one, { others: async () => ({ heads, evidence }) })

  t.alike(found(await hear([shorter])), ['TWO_HISTORIES call - block 7'])
  const open = await hear([longer])
  t.alike(found(open), [], 'the host shows less than a peer has heard of it, maybe a moment ago')
  t.alike(
    open.verdict.missing.map(({ reason, from, to }) => [reason, from, to]),
    [['withheld', 8, 11]]
  )
  const lies = await hear([forged, await one.head()])
  t.alike([found(lies), lies.verdict.verdict], [[], 'clean'])

  const genesis = (await one.log.get(0)) ?? new Uint8Array()
  const subject = { genesis, address: one.address, host: one.keyPair.publicKey }
  const own = { head: await one.head(), proof: null }
  const proof = await proofOf(two.log, longer, [], own.head.length)
  const evidence = contradiction(subject, own, { head: longer, proof })
  const told = await hear([], evidence)
  t.alike(found(told), ['TWO_HISTORIES call - block 7'])
  t.alike(told.evidence, [evidence])
  const elsewhere = await Writer.deploy(t, { seed: 'elsewhere' })
  const others = async () => ({ heads: [longer], evidence })
  const untouched = await run(t, elsewhere, { others })
  t.alike([found(untouched), untouched.verdict.verdict], [[], 'clean'])
})

test.hook('rewritten - the VM of these tests closes', async (t) => {
  await t.execution(Promise.all([closeVm(), closeOwnVm()]))
})

/** A host that has written its log anew from block 5 on, as it was: these are its blocks. */
async function rewritten(t: Teardown) {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(0, 'add', ['a'])])
  const blocks = await blocksOf(writer.log)
  await writer.log.truncate(5)
  await writer.log.append(blocks.slice(5))
  return { writer, blocks }
}
