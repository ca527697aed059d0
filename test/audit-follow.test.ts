import { open, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import SecretStream from '@hyperswarm/secret-stream'
import b4a from 'b4a'
import test from 'brittle'
import type Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import { audit } from '../src/audit/audit.ts'
import type { AuditEvent } from '../src/audit/events.ts'
import type { Finding } from '../src/audit/findings.ts'
import { type CallLogEntry, encodeEntry, encodeUserEntry } from '../src/protocol/entries.ts'
import { verifyEvidence } from '../src/protocol/evidence.ts'
import { encodeId } from '../src/protocol/ids.ts'
import {
  type Cheat,
  closeVm,
  coresWithout,
  found,
  headOf,
  type Item,
  openShared,
  openStore,
  replicate,
  run,
  story,
  Writer
} from './audit-writer.ts'
import { closeOwnVm, Follower } from './follower.ts'
import { tempDir } from './helpers.ts'

test('follow - what comes is verified as it comes, and the end is that of a whole audit', async (t) => {
  const writer = await Writer.deploy(t)
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const follower = await Follower.open(t, { store, address: writer.address })
  await follower.until('following')
  for (let i = 0; i < 5; i++) {
    await story(writer)
    await follower.replayed(writer.seq)
  }
  const { verdict, findings } = await follower.stop()
  t.alike(findings, [])
  t.alike(verdict.missing, [])
  t.alike(verdict, (await run(t, writer)).verdict)
  await end()
})

test('follow - a lie without a commit is found when it happens, and not again with the commit', async (t) => {
  const writer = await Writer.deploy(t)
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const follower = await Follower.open(t, { store, address: writer.address })
  await follower.until('following')
  let commit: CallLogEntry | undefined
  const [read, roll] = [await writer.call(1, 'read', [7]), await writer.call(1, 'roll')]
  await writer.commit([read, roll, read], {
    entries: (entries) => {
      commit = entries.pop()
      return entries.map((it) => (it.type === 'result' ? { ...it, fuel: it.fuel + 1 } : it))
    }
  })
  await follower.found(4)
  await follower.until('evidence')
  if (commit !== undefined) await writer.log.append(encodeEntry(commit))
  await follower.replayed(writer.seq)
  const live = await follower.stop()
  t.alike(found(live), [
    'CALL_REPEATED call 4 block 9',
    'RESULT_WRONG call 2 block 6',
    'RESULT_WRONG call 3 block 8',
    'RESULT_WRONG call 4 block 10'
  ])
  t.is(live.evidence.filter((it) => it !== null).length, 4)
  t.is(live.verdict.counts.replayed, 4)
  await end()
})

test('follow - a cheat is found when it happens, with its evidence', async (t) => {
  const cheats: Cheat[] = [
    { steps: (steps) => steps.splice(0, 1, { ...steps[0], fuel: 1 } as (typeof steps)[0]) },
    { writes: (writes) => [...writes, { path: '/items/9', data: b4a.from('extra') }] },
    { entries: (all) => all.map((it) => (it.type === 'ack' ? { ...it, time: 1 } : it)) },
    {
      entries: (all) =>
        all.map((it) => (it.type === 'ack' && it.entry > 1 ? { ...it, call: b4a.from('x') } : it))
    }
  ]
  for (const cheat of cheats) {
    const writer = await Writer.deploy(t)
    const store = await openStore(t)
    const end = await replicate(store, writer)
    const follower = await Follower.open(t, { store, address: writer.address })
    await follower.until('following')
    await story(writer)
    await follower.replayed(writer.seq)
    t.is(follower.findings.length, 0)
    await story(writer, cheat)
    await follower.until('evidence')
    await story(writer)
    await follower.read(writer.log.length)
    const live = await follower.stop()
    const whole = await run(t, writer)
    t.alike(found(live).sort(), found(whole).sort())
    t.is(live.verdict.verdict, 'violation')
    t.is(live.evidence.length, live.findings.length)
    await end()
  }
})

test('follow - a commit that is not shown hides no lie before it', async (t) => {
  const writer = await Writer.deploy(t)
  const store = await openStore(t)
  await story(writer)
  await story(writer, {
    steps: (steps) => steps.splice(0, 1, { ...steps[0], fuel: 1 } as (typeof steps)[0])
  })
  const { length } = writer.log
  await writer.log.clear(length - 1)
  const end = await replicate(store, writer)
  const follower = await Follower.open(t, { store, address: writer.address, patience: 300 })
  const { finding } = await follower.until('finding')
  t.is(finding.code, 'RESULT_WRONG')
  await follower.until('evidence', ({ evidence }) => evidence !== null)
  const { findings, verdict } = await follower.stop()
  t.is(findings.length, 1)
  t.is(verdict.missing[0]?.from, length - 1)
  await end()
})

test('follow - a history that a user was shown is found when the user writes it down', async (t) => {
  const seed = 'two histories, live'
  const [writer, other] = [await Writer.deploy(t, { seed }), await Writer.deploy(t, { seed })]
  await story(writer)
  await other.commit([await other.call(0, 'add', ['else'])])
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const follower = await Follower.open(t, { store, address: writer.address })
  await follower.until('following')
  await writer.call(1, 'read', [1], await other.head())
  const { finding } = await follower.until('finding')
  t.is(finding.code, 'TWO_HISTORIES')
  t.is(finding.block, (writer.users[1]?.core.length ?? 0) - 1)
  t.is((await follower.stop()).findings.length, 1, 'once')
  await end()
})

test('follow - an archive that changes without a call is found', async (t) => {
  const writer = await Writer.deploy(t)
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const follower = await Follower.open(t, { store, address: writer.address, patience: 500 })
  await follower.until('following')
  await writer.tamper([{ path: '/items/1', data: b4a.from('bad') }])
  const { finding } = await follower.until('finding')
  t.is(finding.code, 'ARCHIVE_UNCOMMITTED')
  const live = await follower.stop()
  t.alike(found(live).sort(), found(await run(t, writer)).sort())
  await end()
})

test('follow - an archive that was changed before is found, where there is a copy of it as well', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.tamper([{ path: '/items/1', data: b4a.from('bad') }])
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const shown = { store, address: writer.address, patience: 500 }
  // nothing comes of the archive any more then
  for await (const { type } of audit({ ...shown, dir: await tempDir(t), openVm: openShared }))
    if (type === 'progress') break
  const follower = await Follower.open(t, shown)
  await follower.until('following')
  t.is((await follower.until('finding')).finding.code, 'ARCHIVE_UNCOMMITTED')
  const live = await follower.stop()
  t.alike(found(live).sort(), found(await run(t, writer)).sort())
  await end()
})

test('follow - a log that is rewritten is found, with its evidence', async (t) => {
  const writer = await Writer.deploy(t)
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const follower = await Follower.open(t, { store, address: writer.address, patience: 500 })
  await follower.until('following')
  // who is there may also see it between the cut and what comes in its place
  const shows = async (code: string, block?: number) => {
    const isIt = ({ finding }: { readonly finding: Finding }) =>
      finding.code === code && finding.block === (block ?? finding.block)
    const { evidence } = await follower.until('evidence', isIt)
    return evidence && (await verifyEvidence(evidence)).code
  }
  const { files, log } = writer
  await files.append([b4a.from('no call has written this')])
  const at = files.length - 1
  t.is(await shows('ARCHIVE_UNCOMMITTED', at), null, 'a commit may come to name it')
  await files.truncate(at)
  await files.append([b4a.from('nor this')])
  t.is(await shows('ARCHIVE_FORKED', at), 'ARCHIVE_FORKED', 'at the same length')
  await log.truncate(log.length - 1)
  await log.append([b4a.from('other')])
  t.is(await shows('HISTORY_FORKED'), 'HISTORY_FORKED')
  await follower.stop()
  await end()
})

test('follow - an archive that is rewritten while the host is away is found', async (t) => {
  for (const name of ['files', 'content'] as const) {
    for (const isShorter of [false, true]) {
      const writer = await Writer.deploy(t)
      await story(writer)
      const store = await openStore(t)
      const first = await replicate(store, writer)
      const follower = await Follower.open(t, { store, address: writer.address, patience: 500 })
      await follower.until('following')
      await first()
      const core = writer[name]
      await core.truncate(core.length - 1)
      if (!isShorter) await core.append([b4a.from('no call has written this')])
      const end = await replicate(store, writer)
      const { finding } = await follower.until('finding')
      const code = isShorter ? /^ARCHIVE_(FORKED|TRUNCATED)$/ : /^ARCHIVE_FORKED$/
      t.ok(
        code.test(finding.code),
        `${name}, ${isShorter ? 'shorter' : 'of the same length'}: ${finding.code}`
      )
      t.is((await follower.stop()).verdict.verdict, 'violation')
      await end()
    }
  }
})

test('follow - a host that goes away and comes back is followed on', async (t) => {
  const writer = await Writer.deploy(t)
  const store = await openStore(t)
  let end = await replicate(store, writer)
  const follower = await Follower.open(t, { store, address: writer.address })
  await follower.until('following')
  await story(writer)
  await follower.replayed(writer.seq)
  await end()
  t.is((await follower.until('host')).online, false)
  await story(writer)
  await story(writer)
  end = await replicate(store, writer)
  t.is((await follower.until('host', ({ online }) => online)).type, 'host')
  await follower.replayed(writer.seq)
  await story(writer)
  await follower.replayed(writer.seq)
  const { verdict } = await follower.stop()
  t.alike(verdict, (await run(t, writer)).verdict)
  await end()
})

test('follow - a copy of the state that comes to be damaged meanwhile accuses nobody', async (t) => {
  const source = `
exports.init = async () => {}
exports.write = async (path, n) => { await state.writeFile(path, path[1].repeat(n)) }
exports.read = async (path) => (await state.readFile(path))[0]
`
  const writer = await Writer.deploy(t, { source })
  const [store, dir] = [await openStore(t), await tempDir(t)]
  const end = await replicate(store, writer)
  const follower = await Follower.open(t, { store, address: writer.address, dir })
  await follower.until('following')
  await writer.commit([await writer.call(0, 'write', ['/a', 10])])
  // more than is kept in memory
  for (let i = 0; i < 12; i++) {
    await writer.commit([await writer.call(0, 'write', [`/b${i}`, 1_000_000])])
  }
  await follower.replayed(writer.seq)
  const file = path.join(dir, `${encodeId(writer.address)}.shadow`, 'blobs.blocks')
  const blobs = await readFile(file)
  const at = blobs.indexOf('aaaaaaaaaa')
  t.ok(at > 0)
  const handle = await open(file, 'r+')
  await handle.write(b4a.from('c'), 0, 1, at)
  await handle.close()
  await writer.commit([await writer.call(1, 'read', ['/a'])])
  await follower.until('progress', ({ calls }) => calls >= writer.seq)
  const { findings, verdict } = await follower.stop()
  t.alike(found({ findings }), [])
  t.is(verdict.verdict, 'clean', JSON.stringify(verdict.missing))
  t.is(verdict.counts.replayed, writer.seq)
  await end()
})

// a mirror may be quicker, whose connection is another one
test('follow - a host over whose connection nothing comes does not show less for that', async (t) => {
  const writer = await Writer.deploy(t)
  const { log, files, content, users } = writer
  for (const isSilent of [true, false]) {
    const [store, mirror] = [await openStore(t), await openStore(t)]
    const host = await stalling(store, writer)
    const ends = [await replicate(mirror, writer)]
    for (const { key } of [log, files, content, ...users.map(({ core }) => core)]) {
      mirror.get({ key }).download({ start: 0, end: -1 })
    }
    ends.push(await replicate(store, { store: mirror, keyPair: crypto.keyPair() }))
    let answeredAt = performance.now()
    const follower = await Follower.open(t, {
      store,
      address: writer.address,
      patience: 1000,
      answeredAt: () => (isSilent ? answeredAt : performance.now())
    })
    await follower.until('following')
    host.stall()
    const seq = writer.seq
    await story(writer)
    await follower.replayed(writer.seq)
    t.ok(writer.seq > seq)
    if (isSilent) {
      await sleep(3000)
      t.alike(found({ findings: follower.findings }), [])
      host.goOn()
      answeredAt = Number.POSITIVE_INFINITY
      t.is((await follower.stop()).verdict.verdict, 'clean')
    } else {
      await follower.until('finding', ({ finding }) => finding.code === 'HISTORY_TRUNCATED')
      await follower.stop()
    }
    for (const end of [...ends, host.end]) await end()
  }
})

test('follow - a host whose connection is slower than another one never shows less for that', async (t) => {
  const delay = 250
  // who shows the logs of calls may be quicker than who shows the archive
  for (const isWhole of [true, false]) {
    const writer = await Writer.deploy(t)
    const { log, files, content, users } = writer
    const [store, mirror] = [await openStore(t), await openStore(t)]
    const host = await stalling(store, writer, delay)
    const ends = [await replicate(mirror, writer)]
    const logs = [log, ...users.map(({ core }) => core), ...(isWhole ? [files, content] : [])]
    const copies = logs.map(({ key }) => mirror.get({ key }))
    for (const copy of copies) copy.download({ start: 0, end: -1 })
    ends.push(await replicate(store, { store: mirror, keyPair: crypto.keyPair() }, copies))
    const follower = await Follower.open(t, {
      store,
      address: writer.address,
      patience: 500,
      answeredAt: () => performance.now() - delay
    })
    await follower.until('following')
    for (let i = 0; i < 30; i++) {
      await writer.commit([await writer.call(1, 'add', ['more'])])
      await sleep(20)
    }
    await follower.replayed(writer.seq)
    // in which it could have been judged by what has not come yet
    await sleep(2 * delay)
    for (const core of [files, content]) {
      const copy = store.get({ key: core.key })
      await copy.ready()
      while (copy.length < core.length) await sleep(20)
      await copy.close()
    }
    const { findings, verdict } = await follower.stop()
    t.alike(found({ findings }), [])
    t.is(verdict.verdict, 'clean', JSON.stringify(verdict.missing))
    for (const end of [...ends, host.end]) await end()
  }
})

// and so it is where an audit reads what there is, and ends: a receipt may be of what is still on its way
test('audit - a host over whose connection nothing comes does not show less for that', async (t) => {
  const writer = await Writer.deploy(t)
  const { log } = writer
  for (const answeredAt of [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]) {
    const store = await openStore(t)
    const host = await stalling(store, writer)
    const known = store.get({ key: log.key })
    await known.ready()
    known.download({ start: 0, end: log.length })
    while (known.contiguousLength < log.length) await sleep(20)
    host.stall()
    await story(writer)
    let asked = 0
    const askHost = async () => void asked++
    const heads = [await headOf(log)]
    const options = { patience: 1000, heads, answeredAt: () => answeredAt, askHost }
    const audited = await run(t, { store, address: writer.address }, options)
    t.is(asked, 1)
    const blamed = found(audited).filter((finding) => finding.startsWith('HISTORY_TRUNCATED'))
    t.is(blamed.length, answeredAt > 0 ? 1 : 0, found(audited).join())
    await known.close()
    await host.end()
  }
})

test('follow - it goes on from its checkpoint after a restart', async (t) => {
  const writer = await Writer.deploy(t)
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const dir = await tempDir(t)
  const shown = { store, address: writer.address, dir }
  const first = await Follower.open(t, shown)
  await first.until('following')
  await story(writer)
  await first.replayed(writer.seq)
  await first.stop()
  const at = writer.log.length
  await story(writer)
  const second = await Follower.open(t, shown)
  const { blocks, state } = await second.until('checkpoint')
  t.alike({ blocks, state }, { blocks: at, state: 'resumed' })
  await story(writer)
  await second.replayed(writer.seq)
  const { verdict } = await second.stop()
  const whole = await run(t, writer)
  t.alike({ ...verdict.counts, heads: 0 }, { ...whole.verdict.counts, heads: 0 })
  t.is(verdict.verdict, 'clean')
  await end()
})

test('follow - its checkpoint is written anew where there is more behind it, and not all the time', async (t) => {
  const writer = await Writer.deploy(t)
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const dir = await tempDir(t)
  const shown = { store, address: writer.address, dir }
  const follower = await Follower.open(t, { ...shown, keepEvery: 0 })
  const file = path.join(dir, `${encodeId(writer.address)}.checkpoint`)
  const rounds = async () => {
    for (let i = 0; i < 4; i++) await follower.until('progress')
    return (await stat(file)).mtimeMs
  }
  await follower.until('following')
  const first = await rounds()
  t.is(await rounds(), first)
  await story(writer)
  await follower.replayed(writer.seq)
  t.not(await rounds(), first)
  await follower.stop()
  await end()
})

test('follow - who ends it before all was read that there is is told so, and the next one goes on from there', async (t) => {
  const writer = await Writer.deploy(t)
  const { store, address, log } = writer
  const call = encodeUserEntry({ type: 'call', method: 'roll', args: '[]', head: null })
  // three runs of the VM
  for (let i = 0; i < 3; i++) {
    await writer.commit(
      await writer.writeAll(
        1,
        Array.from({ length: 256 }, () => call)
      )
    )
  }
  const dir = await tempDir(t)
  const stop = new AbortController()
  const events: AuditEvent[] = []
  const shown = { store, address, dir, patience: 0, openVm: openShared, keepEvery: 0 }
  for await (const event of audit({ ...shown, follow: stop.signal })) {
    events.push(event)
    if (event.type === 'progress') stop.abort()
  }
  const verdict = events.at(-1)
  if (verdict?.type !== 'verdict') throw new Error('an audit without a verdict')
  const [gap] = verdict.missing
  t.alike([verdict.verdict, verdict.pending, verdict.missing.length], ['inconclusive', 0, 1])
  t.alike([gap?.reason, gap?.log, gap?.to], ['interrupted', 'call log', log.length])
  t.absent(events.some(({ type }) => type === 'following'))
  t.is(verdict.counts.replayed, 257)
  let from = 0
  const again = await run(t, writer, { dir }, (event) => {
    if (event.type === 'checkpoint') from = event.blocks
  })
  t.is(from, gap?.from)
  t.alike([again.verdict.verdict, again.verdict.counts.replayed], ['clean', writer.seq])
})

test('follow - what no commit covers and grows call by call is not executed anew each time', async (t) => {
  const writer = await Writer.deploy(t)
  const { store, address, log } = writer
  const runs: { readonly from: number; readonly to: number }[] = []
  const openVm = async () => {
    const machine = await openShared()
    const execute: typeof machine.run = async (batch, options) => {
      const from = performance.now()
      await sleep(10)
      const done = await machine.run(batch, options)
      if (batch.calls.length > 0) runs.push({ from, to: performance.now() })
      return done
    }
    return { ...machine, run: execute }
  }
  const follower = await Follower.open(t, { store, address, openVm })
  await follower.until('following')
  runs.splice(0)
  const calls: Item[] = []
  for (let i = 0; i < 20; i++) calls.push(await writer.call(1, 'roll'))
  let told: CallLogEntry[] = []
  await writer.commit(calls, {
    entries: (all) => {
      told = all.slice(0, -1)
      return []
    }
  })
  for (let i = 0; i < told.length; i += 2) {
    await log.append(told.slice(i, i + 2).map(encodeEntry))
    await sleep(10)
  }
  const { verdict } = await follower.stop()
  t.alike([verdict.verdict, verdict.pending], ['clean', told.length])
  t.ok(runs.length > 1, 'and all of it in the end')
  const rests = runs.slice(1, -1).map(({ from }, i) => {
    const before = runs[i] ?? { from: 0, to: 0 }
    return (from - before.to) / (before.to - before.from)
  })
  t.ok(
    rests.every((times) => times >= 3),
    rests.join()
  )
})

test("follow - a user's log that comes later is made up for", async (t) => {
  const writer = await Writer.deploy(t)
  const store = await openStore(t)
  const bob = writer.users[1]?.core
  const others = [writer.log, writer.files, writer.content, writer.users[0]?.core]
  const ends = [
    await replicate(
      store,
      writer,
      others.filter((core) => core !== undefined)
    )
  ]
  const follower = await Follower.open(t, { store, address: writer.address })
  await follower.until('following')
  await story(writer)
  await story(writer)
  await follower.replayed(writer.seq)
  ends.push(await replicate(store, writer, bob === undefined ? [] : [bob]))
  await story(writer)
  await follower.replayed(writer.seq)
  const { verdict } = await follower.stop()
  t.alike(verdict.missing, [])
  t.alike(verdict.counts, (await run(t, writer)).verdict.counts)
  for (const end of ends) await end()
})

test("follow - a user's log that comes more slowly than the call log is waited for", async (t) => {
  const writer = await Writer.deploy(t)
  const store = await openStore(t)
  const bob = writer.users[1]?.core
  const ends = [await replicate(store, writer, coresWithout(writer, bob))]
  const follower = await Follower.open(t, { store, address: writer.address, patience: 10_000 })
  await follower.until('following')
  // more of them than are kept
  const calls: Item[] = []
  for (let i = 0; i < 24; i++) calls.push(await writer.call(1, 'roll', ['x'.repeat(200_000)]))
  await writer.commit(calls)
  const known = store.get({ key: writer.address })
  await known.ready()
  while (known.contiguousLength < writer.log.length) await sleep(20)
  await known.close()
  await sleep(200)
  ends.push(await replicate(store, writer, bob === undefined ? [] : [bob]))
  await follower.replayed(writer.seq)
  const { verdict } = await follower.stop()
  t.alike(verdict.missing, [])
  t.is(verdict.counts.userEntries, calls.length + 1)
  for (const end of ends) await end()
})

test("follow - acks without a commit are held against a user's log that comes later", async (t) => {
  const writer = await Writer.deploy(t)
  const store = await openStore(t)
  const bob = writer.users[1]?.core
  const ends = [await replicate(store, writer, coresWithout(writer, bob))]
  const follower = await Follower.open(t, { store, address: writer.address })
  await follower.until('following')
  const [one, two] = [await writer.call(1, 'roll'), await writer.call(1, 'roll')]
  await writer.commit([one])
  const block = encodeUserEntry({ type: 'call', method: 'roll', args: '[1]', head: null })
  let commit: CallLogEntry | undefined
  await writer.commit([{ ...two, block }], {
    entries: (entries) => {
      commit = entries.pop()
      return entries
    }
  })
  await follower.read(writer.log.length)
  ends.push(await replicate(store, writer, bob === undefined ? [] : [bob]))
  await follower.found(1)
  if (commit !== undefined) await writer.log.append(encodeEntry(commit))
  await follower.replayed(writer.seq)
  t.alike(found(await follower.stop()), ['CALL_ALTERED call 3 block 8'])
  for (const end of ends) await end()
})

test.hook('follow - the VM of these tests closes', async (t) => {
  await t.execution(Promise.all([closeVm(), closeOwnVm()]))
})

/** Connects a stranger's store to the host, from which nothing comes for a while. */
async function stalling(stranger: Corestore, { store, keyPair }: Writer, delay = 0) {
  const a = new SecretStream(true)
  const b = new SecretStream(false, undefined, { keyPair })
  for (const stream of [a, b]) stream.on('error', () => {})
  const [near, far] = [a.rawStream, b.rawStream]
  if (near === null || far === null) throw new Error('streams come with raw ones')
  let held: Uint8Array[] | null = null
  near.pipe(far)
  far.on('data', (data: Uint8Array) => {
    if (held !== null) held.push(data)
    else if (delay === 0) near.write(data)
    else setTimeout(() => near.write(data), delay)
  })
  stranger.replicate(a)
  store.replicate(b)
  await Promise.all([a.opened, b.opened])
  return {
    stall() {
      held = []
    },
    goOn() {
      for (const data of held ?? []) near.write(data)
      held = null
    },
    async end() {
      const closed = [a, b].map(
        (stream) => new Promise<void>((resolve) => stream.on('close', resolve))
      )
      a.destroy()
      b.destroy()
      await Promise.all(closed)
    }
  }
}
