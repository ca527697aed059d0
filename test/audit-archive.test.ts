import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import test from 'brittle'
import Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import { Report } from '../src/audit/findings.ts'
import { News } from '../src/audit/news.ts'
import { Patience } from '../src/audit/patience.ts'
import { Published } from '../src/audit/published.ts'
import {
  blocksOf,
  closeVm,
  coresWithout,
  found,
  openShared,
  openStore,
  replicate,
  run,
  Writer
} from './audit-writer.ts'
import { tempDir } from './helpers.ts'

const BAD = [{ path: '/items/1', data: b4a.from('bad') }]

test('audit - an archive that changes behind the last call is found', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(0, 'add', ['good'])])
  const { archive, blobs } = await writer.archive.version()
  await writer.tamper(BAD)
  await writer.tamper([{ path: '/items/1', data: b4a.from('good') }])
  const audited = await run(t, writer)
  t.alike(found(audited), [
    `ARCHIVE_UNCOMMITTED call - block ${archive.length + 1}`,
    `ARCHIVE_UNCOMMITTED call - block ${blobs.length + 1}`
  ])
  t.alike(
    audited.findings.map(({ log }) => log),
    ['archive', 'blobs']
  )
})

test('audit - a commit that names what is not in the archive is found', async (t) => {
  const honest = await Writer.deploy(t, { seed: 'one host' })
  await honest.commit([await honest.call(0, 'add', ['good'])])
  const version = await honest.archive.version()
  const writer = await Writer.deploy(t, { seed: 'one host' })
  await writer.commit([await writer.call(0, 'add', ['good'])], {
    writes: (writes) => writes.map(({ path }) => ({ path, data: b4a.from('bad') })),
    entries: (entries) =>
      entries.map((entry) => (entry.type === 'commit' ? { ...entry, ...version } : entry))
  })
  const audited = await run(t, writer)
  t.ok(found(audited).every((line) => line.startsWith('ARCHIVE_UNCOMMITTED')))
  t.is(audited.verdict.verdict, 'violation')
})

test('audit - a commit that names more than there ever is hides no head that none names', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(0, 'add', ['named'])], {
    entries: (entries) =>
      entries.map((it) =>
        it.type === 'commit' ? { ...it, archive: { ...it.archive, length: 5000 } } : it
      )
  })
  await writer.commit([await writer.call(0, 'add', ['fewer'])])
  const { archive } = await writer.archive.version()
  // its commit has no place
  await writer.commit([await writer.call(0, 'add', ['unnamed'])], {
    entries: (entries) => entries.slice(1)
  })
  const audited = found(await run(t, writer))
  t.ok(archive.length < writer.files.length)
  t.ok(
    audited.includes(`ARCHIVE_UNCOMMITTED call - block ${writer.files.length - 1}`),
    audited.join()
  )
})

test('audit - heads that come without end take no memory without end, and are not called checked', async (t) => {
  const writer = await Writer.deploy(t)
  const { store, address, keyPair } = writer
  const report = new Report()
  const host = keyPair.publicKey
  const published = await Published.open(store, host, address, report, new Patience(0))
  t.teardown(() => published.close(), { order: -1 })
  published.watch(new News(new AbortController().signal))
  const archive = published.cores[0]?.[1]
  const judge = () => {
    report.rewind()
    published.judgeLive(() => null, 0, 60_000)
    return report.gaps.map(({ reason, log }) => `${reason} ${log}`)
  }
  for (let i = 0; i < 65_536; i++) archive?.emit('append')
  t.alike(judge(), [])
  archive?.emit('append')
  t.alike(judge(), ['withheld archive'])
  t.alike(judge(), ['withheld archive'], 'also in the end')
})

test('audit - an archive that lacks the last commit is found', async (t) => {
  const honest = await Writer.deploy(t, { seed: 'one host' })
  await honest.commit([await honest.call(0, 'add', ['good'])])
  const version = await honest.archive.version()
  const writer = await Writer.deploy(t, { seed: 'one host' })
  await writer.commit([await writer.call(0, 'add', ['good'])], {
    writes: () => [],
    entries: (entries) =>
      entries.map((entry) => (entry.type === 'commit' ? { ...entry, ...version } : entry))
  })
  const audited = await run(t, writer)
  t.alike(
    audited.findings.map(({ code, log }) => `${code} ${log}`),
    ['ARCHIVE_TRUNCATED archive', 'ARCHIVE_TRUNCATED blobs']
  )
})

test('audit - a log that is rewritten has a fork, and is found by newcomers and old acquaintances', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(0, 'add', ['a'])])
  const store = await openStore(t)
  const dir = await tempDir(t)
  const end = await replicate(store, writer)
  t.is(
    (await run(t, { store, address: writer.address }, { dir, patience: 5000 })).verdict.verdict,
    'clean'
  )
  await end()
  await writer.log.truncate(5)
  await writer.log.append([b4a.from([1])])
  const own = await run(t, writer)
  t.ok(found(own).some((line) => line.startsWith('HISTORY_FORKED')))
  const fresh = await openStore(t)
  const endFresh = await replicate(fresh, writer)
  const audited = await run(t, { store: fresh, address: writer.address }, { patience: 5000 })
  t.ok(
    found(audited).some((line) => line.startsWith('HISTORY_FORKED')),
    found(audited).join()
  )
  await endFresh()
})

test('audit - an archive that is rewritten is found by newcomers, and no longer clean to who has a copy', async (t) => {
  for (const name of ['files', 'content', 'log'] as const) {
    const writer = await Writer.deploy(t)
    await writer.commit([await writer.call(1, 'add', ['a'])])
    const dir = await tempDir(t)
    const auditIn = async (place: string) => {
      // another one each time, as if the auditor had been started again
      const store = new Corestore(place)
      await store.ready()
      // whoever opens a log first decides whether forks are let in, and streams would open what is here with them
      for (const { key } of place === dir ? [writer.log, writer.files, writer.content] : []) {
        const info = await store.storage.getInfo(crypto.discoveryKey(key))
        await store.get({ key, allowFork: info === null }).ready()
      }
      const end = await replicate(store, writer)
      const audited = await run(t, { store, address: writer.address }, { patience: 1000 })
      await end()
      await store.close()
      return audited
    }
    t.is((await auditIn(dir)).verdict.verdict, 'clean')
    const core = writer[name]
    const [last] = (await blocksOf(core)).slice(-1)
    await core.truncate(core.length - 1)
    await core.append(last ?? [])
    const code = name === 'log' ? 'HISTORY_FORKED' : 'ARCHIVE_FORKED'
    const fresh = await auditIn(await tempDir(t))
    t.alike(found(fresh), [`${code} call - block ${core.length - 1}`], name)
    const again = await auditIn(dir)
    t.alike(found(again), [], name)
    t.is(again.verdict.verdict, 'inconclusive', name)
  }
})

test('audit - what this auditor saw last time is held against what it is shown now', async (t) => {
  const dir = await tempDir(t)
  const long = await Writer.deploy(t, { seed: 'one host' })
  await long.commit([await long.call(0, 'add', ['a'])])
  t.is((await run(t, long, { dir })).verdict.verdict, 'clean')
  t.is((await run(t, long, { dir })).verdict.counts.heads, 1)

  const short = await Writer.deploy(t, { seed: 'one host' })
  const audited = await run(t, short, { dir })
  t.alike(found(audited), ['HISTORY_TRUNCATED call - block 7'])

  const other = await Writer.deploy(t, { seed: 'one host' })
  await other.commit([await other.call(0, 'add', ['b'])])
  t.alike(found(await run(t, other, { dir })), ['TWO_HISTORIES call - block 7'])

  await long.commit([await long.call(1, 'add', ['more'])])
  t.is((await run(t, long, { dir })).verdict.verdict, 'clean', 'the first head is still remembered')

  const given = { dir: await tempDir(t), heads: [await long.head()] }
  t.is((await run(t, short, { dir: given.dir })).verdict.verdict, 'clean')
  const truncated = found(await run(t, short, given))
  t.alike(truncated, ['HISTORY_TRUNCATED call - block 10'])
  t.alike(found(await run(t, short, { dir: given.dir })), truncated, 'also without the receipt')
})

test('audit - a short copy that is not the host’s accuses nobody', async (t) => {
  const dir = await tempDir(t)
  const writer = await Writer.deploy(t)
  const mirror = await openStore(t)
  const end = await replicate(mirror, writer)
  const copy = { store: mirror, address: writer.address }
  t.is((await run(t, copy, { patience: 5000 })).verdict.verdict, 'clean')
  await end()
  await writer.commit([await writer.call(0, 'add', ['a'])])
  t.is((await run(t, writer, { dir })).verdict.verdict, 'clean')
  const audited = await run(t, copy, { dir })
  t.alike(found(audited), [])
  t.is(audited.verdict.verdict, 'inconclusive')
  t.alike(
    audited.verdict.missing.map(({ reason, log, from, to }) => [reason, log, from, to]),
    [['withheld', 'call log', 5, 8]]
  )
})

test('audit - over the network an honest host is clean, and a cheating one is not', async (t) => {
  for (const bad of [false, true]) {
    const writer = await Writer.deploy(t)
    for (let i = 0; i < 10; i++) {
      const items = []
      for (let k = 0; k < 60; k++) items.push(await writer.call(k % 2, 'add', [`${i} ${k}`]))
      await writer.commit(items)
      await writer.ack(0, 2, 3)
    }
    if (bad) await writer.tamper(BAD)
    const store = await openStore(t)
    const end = await replicate(store, writer)
    const audited = await run(t, { store, address: writer.address }, { patience: 5000 })
    t.alike(
      audited.findings.map(({ code }) => code),
      bad ? ['ARCHIVE_UNCOMMITTED', 'ARCHIVE_UNCOMMITTED'] : []
    )
    t.alike(audited.verdict.missing, [])
    t.is(audited.verdict.counts.replayed, 601)
    await end()
    const again = await run(t, { store, address: writer.address })
    t.alike(found(again), [], 'without the host nobody says that it is its doing')
    t.is(again.verdict.verdict, bad ? 'inconclusive' : 'clean')
  }
})

test('audit - while the host goes on writing it is clean', async (t) => {
  const writer = await Writer.deploy(t)
  let writing = true
  const work = (async () => {
    for (let i = 0; writing; i++) {
      const first = await writer.commit([
        await writer.call(0, 'add', [`${i}`], await writer.head()),
        await writer.call(1, 'roll')
      ])
      await writer.ack(1, 1, first + 3)
    }
  })()
  for (let round = 0; round < 3; round++) {
    const store = await openStore(t)
    const end = await replicate(store, writer)
    const audited = await run(t, { store, address: writer.address }, { patience: 5000 })
    t.alike(found(audited), [])
    t.alike(audited.verdict.missing, [])
    t.is(audited.verdict.verdict, 'clean')
    await end()
  }
  writing = false
  await work
})

test('audit - an archive that comes late, and is ahead of what was read then, is clean', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(1, 'add', ['a'])])
  const store = await openStore(t)
  const end = await replicate(store, writer, coresWithout(writer, writer.files))
  let endAgain = async () => {}
  const late = async () => {
    // the call log is fixed by now
    await writer.commit([await writer.call(1, 'add', ['b'])])
    await writer.commit([await writer.call(0, 'add', ['c'])])
    endAgain = await replicate(store, writer)
    return openShared()
  }
  const options = { patience: 2000, openVm: late }
  const audited = await run(t, { store, address: writer.address }, options)
  t.alike(found(audited), [])
  t.alike(audited.verdict.missing, [])
  t.is(audited.verdict.verdict, 'clean')
  await endAgain()
  await end()
})

test('audit - a host that writes on for ever is judged by what it had written when it showed its archive', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(1, 'add', ['a'])])
  await writer.tamper(BAD)
  const store = await openStore(t)
  const end = await replicate(store, writer)
  let isOver = false
  let blocks = 0
  const writeOn = async () => {
    while (!isOver && blocks++ < 300) {
      await writer.log.append(b4a.from('more'))
      await sleep(50)
    }
  }
  let writing = Promise.resolve()
  const others = async () => {
    // all that is executed is read by now
    writing = writeOn()
    return { heads: [], evidence: null }
  }
  const options = { patience: 5000, others }
  const audited = await run(t, { store, address: writer.address }, options)
  isOver = true
  await writing
  t.alike(
    audited.findings.map(({ code }) => code),
    ['ARCHIVE_UNCOMMITTED', 'ARCHIVE_UNCOMMITTED']
  )
  t.ok(blocks < 300, `it ends when the host has written ${blocks} more`)
  await end()
})

test('audit - an archive that others show, and its host does not yet, is no cheat', async (t) => {
  const writer = await Writer.deploy(t, { seed: 'one host' })
  const later = await Writer.deploy(t, { seed: 'one host' })
  await later.commit([await later.call(1, 'add', ['a'])])
  const store = await openStore(t)
  const ends = [
    await replicate(store, { store: later.store, keyPair: crypto.keyPair() }, [
      later.files,
      later.content
    ]),
    await replicate(store, writer, [writer.log, ...writer.users.map(({ core }) => core)])
  ]
  const audited = await run(t, { store, address: writer.address }, { patience: 1000 })
  t.alike(found(audited), [])
  t.alike(
    audited.verdict.missing.map(({ reason, log }) => `${reason} ${log}`),
    ['withheld call log', 'withheld call log']
  )
  for (const end of ends) await end()
})

test('audit - an archive whose commit the host has, and does not send in time, is no cheat', async (t) => {
  const writer = await Writer.deploy(t)
  const store = await openStore(t)
  const copy = { store, address: writer.address }
  const end = await replicate(store, writer)
  t.is((await run(t, copy, { patience: 2000 })).verdict.verdict, 'clean')
  await end()
  await writer.commit([await writer.call(1, 'add', ['a'])])
  // as over a connection that stalls: it says how much there is of the call log, and nothing more comes of that
  const onRequest = async () => {}
  writer.log.on('peer-add', (peer) => Object.assign(peer, { onrequest: onRequest }))
  const endAgain = await replicate(store, writer)
  const audited = await run(t, copy, { patience: 500 })
  t.alike(found(audited), [])
  t.alike(
    audited.verdict.missing.map(({ reason, log }) => `${reason} ${log}`),
    ['withheld call log', 'withheld call log']
  )
  await endAgain()
})

test('audit - what nobody shows is named', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(1, 'add', ['a'])])
  const nothing = { store: await openStore(t), address: writer.address }
  const audited = await run(t, nothing)
  t.is(audited.verdict.verdict, 'inconclusive')
  t.is(audited.verdict.exitCode, 2)
  t.alike(
    audited.verdict.missing.map(({ reason, log }) => [reason, log]),
    [['missing', 'call log']]
  )

  for (const [i, log] of [
    writer.log,
    writer.files,
    writer.content,
    writer.users[1]?.core
  ].entries()) {
    const store = await openStore(t)
    const end = await replicate(store, writer, coresWithout(writer, log))
    const partial = await run(t, { store, address: writer.address }, { patience: 1000 })
    t.alike(found(partial), [])
    t.is(partial.verdict.verdict, 'inconclusive')
    t.is(partial.verdict.missing[0]?.log, ['call log', 'archive', 'blobs', 'user log'][i])
    await end()
  }
})

test('audit - an unknown VM is no cheat', async (t) => {
  const writer = await Writer.deploy(t, { genesis: { vm: 'js-99' } })
  const { openVm } = await import('../src/vm/registry.ts')
  const audited = await run(t, writer, { openVm: (id) => openVm(id) })
  t.alike(found(audited), [])
  t.alike(
    audited.verdict.missing.map(({ reason }) => reason),
    ['unsupported']
  )
  t.alike(
    audited.checks.map(({ complete }) => complete),
    [true, true, false, false, false, true]
  )
})

test('audit - limits that the VM does not have are found', async (t) => {
  const writer = await Writer.deploy(t, { genesis: { limits: { writes: 1_000_000 } } })
  t.alike(found(await run(t, writer)), ['GENESIS_INVALID call - block 0'])
})

test('audit - a log that is no instance’s is none', async (t) => {
  const store = await openStore(t)
  const core = store.get({ name: 'something' })
  await core.append([b4a.from('hello'), b4a.from('world')])
  const writer = await Writer.deploy(t)
  const archive = { store: writer.store, address: writer.files.key }
  // what an honest host has signed as something else is nothing against it
  for (const other of [{ store, address: core.key }, archive]) {
    const { verdict, ...audited } = await run(t, other)
    t.alike(found(audited), [])
    t.alike([verdict.verdict, verdict.missing.length], ['inconclusive', 1])
  }
})

test.hook('audit - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})
