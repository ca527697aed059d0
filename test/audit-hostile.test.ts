import b4a from 'b4a'
import test from 'brittle'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import { LogReader } from '../src/audit/log-reader.ts'
import { Patience } from '../src/audit/patience.ts'
import { encodeUserEntry } from '../src/protocol/entries.ts'
import { putBlocks, readNodes } from '../src/state/blocks.ts'
import type { Step, VirtualMachine } from '../src/vm/vm.ts'
import {
  closeVm,
  found,
  openShared,
  openStore,
  overwrite,
  replicate,
  run,
  SOURCE,
  signBlocks,
  Writer
} from './audit-writer.ts'

test('audit - a damaged disk is no cheat, whichever log it hits', async (t) => {
  for (const [i, name] of ['call log', 'call log', 'user log'].entries()) {
    const writer = await Writer.deploy(t)
    await writer.commit([await writer.call(0, 'add', ['a']), await writer.call(1, 'add', ['b'])])
    const [core, block] = [
      [writer.log, 6],
      [writer.log, 0],
      [writer.users[1]?.core, 0]
    ][i] as [Hypercore, number]
    const bytes = b4a.from((await core.get(block)) ?? b4a.alloc(1))
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    await overwrite(core, block, bytes)
    const audited = await run(t, writer)
    t.alike(found(audited), [])
    t.is(audited.verdict.verdict, 'inconclusive')
    t.alike(audited.verdict.missing.map(({ reason, log }) => [reason, log])[0], ['damaged', name])
  }
})

// one wait for each of them would take two minutes
test('audit - a tree in which bytes are counted to another node than they are below says nothing', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(0, 'add', ['a']), await writer.call(1, 'roll')])
  const { log, keyPair } = writer
  const reader = new LogReader(log, keyPair.publicKey, { log: 'call log' }, new Patience(0))
  await reader.fix(8)
  t.alike(await reader.treeHashAt(4), await log.treeHash(4))
  // that of all eight blocks is the same
  const moved = [1, 3, 11].map(async (index) => {
    const [node] = await readNodes(log, [index])
    if (!node) throw new Error('there are ten blocks')
    return { ...node, size: node.size + (index === 11 ? -1 : 1) }
  })
  await putBlocks(log, 0, 0, [], await Promise.all(moved))
  t.is(await reader.treeHashAt(4), null)
  await reader.close()
})

test('audit - acks of users who do not exist do not stall it', async (t) => {
  const writer = await Writer.deploy(t)
  const item = await writer.call(0, 'add', ['a'])
  const nobody = () => {
    const keyPair = crypto.keyPair()
    return { ...item.user, keyPair, head: signBlocks(writer, keyPair, [item.block]), lastAck: 0 }
  }
  for (let i = 0; i < 3; i++) {
    await writer.commit(Array.from({ length: 200 }, () => ({ ...item, user: nobody(), entry: 1 })))
  }
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const audited = await run(t, { store, address: writer.address }, { patience: 1500 })
  t.is(audited.verdict.verdict, 'inconclusive')
  t.is(audited.verdict.missing.length, 600)
  t.is(audited.verdict.counts.replayed, 601)
  await end()
})

test('audit - a user who has rewritten its log accuses nobody', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(1, 'add', ['a'])])
  const core = writer.users[1]?.core
  await core?.truncate(0)
  await core?.append(encodeUserEntry({ type: 'call', method: 'add', args: '["b"]', head: null }))
  const audited = await run(t, writer)
  t.alike(found(audited), [])
  t.alike(
    audited.verdict.missing.map(({ reason }) => reason),
    ['disputed']
  )
})

test('audit - deep and odd arguments, and garbage in user logs, are replayed like all others', async (t) => {
  const writer = await Writer.deploy(t)
  const call = (method: string, args: string) =>
    writer.write(1, encodeUserEntry({ type: 'call', method, args, head: null }))
  await writer.commit([
    await call('add', `[${'['.repeat(5000)}${']'.repeat(5000)}]`),
    await call('add', '{"a":1}'),
    await call('add', 'not JSON'),
    await call('__proto__', '[]'),
    await call('constructor', '[]'),
    await call('', ''),
    await call('add', `["${'x'.repeat(300_000)}"]`)
  ])
  for (let i = 0; i < 20; i++) await writer.commit([await writer.write(0, crypto.randomBytes(i))])
  const audited = await run(t, writer)
  t.alike(found(audited), [])
  t.is(audited.verdict.verdict, 'clean')
})

test('audit - hostile code ends in a gap, not in a stall', async (t) => {
  const source = `${SOURCE}\nexports.grow = () => { for (let all = null; ; ) all = [all, 1, 2, 3, 4, 5, 6, 7] }`
  const limits = { memory: 16 * 1024 * 1024 }
  const writer = await Writer.deploy(t, { source, genesis: { limits } })
  await writer.commit([await writer.call(0, 'add', ['a'])])
  await writer.commit([await writer.call(0, 'grow')], { aborts: [0] })
  t.is((await run(t, writer)).verdict.verdict, 'clean', 'an abort is taken from the log')
  await writer.commit([await writer.call(0, 'grow')], {
    aborts: [0],
    steps: (steps) => {
      steps[0] = { outcome: { status: 'ok', value: '1' }, writes: [], fuel: 0 }
    }
  })
  await writer.commit([await writer.call(0, 'add', ['b'])])
  const audited = await run(t, writer)
  t.alike(found(audited), [])
  t.alike(
    audited.verdict.missing.map(({ reason, from, to }) => [reason, from, to]),
    [['not-reproduced', 11, 13]]
  )
  t.is(audited.checks.find(({ name }) => name === 'replay')?.complete, false)
  // what the log says to have changed nothing hides no lie behind it, in this batch or later
  const lie = (steps: Step[]) => steps.splice(-1, 1, { ...(steps.at(-1) as Step), fuel: 7 })
  const both = [await writer.call(1, 'grow'), await writer.call(0, 'add', ['c'])]
  await writer.commit(both, {
    aborts: [0],
    steps: (steps) => {
      steps[0] = { outcome: { status: 'ok', value: '1' }, writes: [], fuel: 0 }
      lie(steps)
    }
  })
  await writer.commit([await writer.call(0, 'add', ['d'])], { steps: lie })
  const lied = await run(t, writer)
  t.alike(found(lied), ['RESULT_WRONG call 7 block 20', 'RESULT_WRONG call 8 block 23'])
  t.alike(
    lied.verdict.missing.map(({ from }) => from),
    [11, 17]
  )
})

test('audit - a call that cannot be executed here, and has written something, is where replay ends', async (t) => {
  const source = `${SOURCE}\nexports.grow = () => { for (let all = null; ; ) all = [all, 1, 2, 3, 4, 5, 6, 7] }`
  const limits = { memory: 16 * 1024 * 1024 }
  const writer = await Writer.deploy(t, { source, genesis: { limits } })
  await writer.commit([await writer.call(0, 'grow')], {
    aborts: [0],
    steps: (steps) => {
      const writes = [{ path: '/grown', data: b4a.from('so much') }]
      steps[0] = { outcome: { status: 'ok', value: '1' }, writes, fuel: 0 }
    }
  })
  await writer.commit([await writer.call(0, 'add', ['a'])])
  const audited = await run(t, writer)
  t.alike(found(audited), [])
  t.alike(
    audited.verdict.missing.map(({ reason, from }) => [reason, from]),
    [['not-reproduced', 5]]
  )
})

test('audit - a limit for the time of calls is none for who executes them again', async (t) => {
  const source = `${SOURCE}\nexports.spin = () => { let n = 0; for (let i = 0; i < 1e6; i++) n += i; return n }`
  const writer = await Writer.deploy(t, { source, genesis: { limits: { time: 1 } } })
  await writer.commit([await writer.call(0, 'spin')])
  const { verdict } = await run(t, writer)
  t.alike(verdict.missing, [])
  t.is(verdict.verdict, 'clean')
})

test('audit - an engine that fails is a gap', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(0, 'add', ['a'])])
  const broken = async (): Promise<VirtualMachine> => ({
    ...(await openShared()),
    run: async () => {
      throw new Error('no engine today')
    }
  })
  const audited = await run(t, writer, { openVm: broken })
  t.alike(found(audited), [])
  t.alike(
    audited.verdict.missing.map(({ reason }) => reason),
    ['not-reproduced']
  )
})

test('audit - evidence that nothing shows is not looked for without end', async (t) => {
  const writer = await Writer.deploy(t)
  const call = () => writer.call(1, 'roll')
  await writer.commit([await call()])
  for (let i = 0; i < 15; i++) await call()
  // what was passed over shows nothing where it is not known what came before
  await writer.commit([await call()], {
    entries: (all) => all.map((it) => (it.type === 'ack' ? { ...it, previous: 2 } : it))
  })
  for (let i = 0; i < 9; i++) await writer.commit([await call()])
  const { store } = writer
  const get = store.get.bind(store)
  let opened = 0
  store.get = (options) => {
    opened++
    return get(options)
  }
  const audited = await run(t, writer)
  t.alike(found(audited), ['ACK_CHAIN_WRONG call 3 block 8', 'CALL_SKIPPED call 3 block 8'])
  t.is(audited.evidence[1], null)
  t.ok(opened < 120, `${opened} logs are opened`)
})

test('audit - large entries are read a few at a time', async (t) => {
  const writer = await Writer.deploy(t)
  const big = b4a.alloc(6 * 1024 * 1024, 7)
  for (let i = 0; i < 10; i++) await writer.commit([await writer.write(1, big)])
  for (let i = 0; i < 300; i += 100) {
    const items = []
    for (let k = 0; k < 100; k++) items.push(await writer.call(0, 'roll'))
    await writer.commit(items)
  }
  const store = await openStore(t)
  const end = await replicate(store, writer)
  for (const from of [writer, { store, address: writer.address }]) {
    const audited = await run(t, from, from === writer ? {} : { patience: 5000 })
    t.alike(found(audited), [])
    t.alike(audited.verdict.missing, [])
    t.is(audited.verdict.counts.replayed, 311)
  }
  await end()
})

test('audit - one that is given up leaves nothing open', async (t) => {
  const { audit } = await import('../src/audit/audit.ts')
  const writer = await Writer.deploy(t)
  for (let i = 0; i < 3; i++) {
    const items = []
    for (let k = 0; k < 256; k++) items.push(await writer.call(0, 'roll'))
    await writer.commit(items)
  }
  const dir = await (await import('./helpers.ts')).tempDir(t)
  const { address, store } = writer
  for await (const event of audit({ address, store, dir, patience: 0, openVm: openShared })) {
    if (event.type === 'progress') break
  }
  t.is((await run(t, writer, { dir })).verdict.verdict, 'clean', 'its directory is free')
})

test.hook('audit - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})
