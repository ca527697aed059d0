import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { Answers } from '../src/audit/answers.ts'
import { Report } from '../src/audit/findings.ts'
import {
  type CallLogEntry,
  encodeEntry,
  encodeUserEntry,
  type Genesis,
  type UserHead
} from '../src/protocol/entries.ts'
import { codeHash } from '../src/protocol/hash.ts'
import { signHead, verifyHead } from '../src/protocol/head.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { callLogManifest } from '../src/protocol/manifest.ts'
import { Tree } from '../src/protocol/merkle.ts'
import { openVm } from '../src/vm/registry.ts'
import {
  blocksOf,
  type Cheat,
  closeVm,
  copyStore,
  found,
  headOf,
  type Item,
  openStore,
  replicate,
  run,
  signBlocks,
  type User,
  Writer
} from './audit-writer.ts'
import { tempDir } from './helpers.ts'

test('audit - altered arguments of a call are found, wherever it is in its batch', async (t) => {
  for (const at of [0, 1, 2]) {
    const writer = await Writer.deploy(t)
    const items = await three(writer)
    const item = items[at]
    if (item === undefined) return t.fail('there is such a call')
    items[at] = {
      ...item,
      block: encodeUserEntry({ type: 'call', method: 'add', args: '["other"]', head: null })
    }
    await writer.commit(items)
    t.alike(found(await run(t, writer)), [`CALL_ALTERED call ${2 + at} block ${5 + 2 * at}`])
  }
})

test('audit - a call that the user never wrote is found at once, since its head is not signed', async (t) => {
  const block = encodeUserEntry({ type: 'call', method: 'add', args: '["forged"]', head: null })
  const head = (heads: UserHead[]) => heads.map((head) => ({ ...head, length: 2 }))
  for (const [heads, code] of [
    [undefined, 'COMMIT_HEADS_WRONG'],
    [head, 'USER_HEAD_INVALID']
  ] as const) {
    const writer = await Writer.deploy(t)
    const item = await writer.call(1, 'add', ['mine'])
    const items = [item, { ...item, entry: 2, block }]
    await writer.commit(items, heads === undefined ? {} : { heads })
    t.alike(found(await run(t, writer)), [`${code} call 3 block 9`])
  }
})

test('audit - a skipped call is found at the next one that has an ack', async (t) => {
  const writer = await Writer.deploy(t)
  const [first, , third] = await three(writer)
  if (first === undefined || third === undefined) return t.fail('there are three calls')
  await writer.commit([first, third])
  const audited = await run(t, writer)
  t.alike(found(audited), ['CALL_SKIPPED call 3 block 7'])
  t.ok(audited.findings[0]?.message.includes('entry 3 first'))
})

test('audit - calls behind the last ack are counted, and no cheat', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit((await three(writer)).slice(0, 1))
  await writer.ack(0, 2, 6)
  const audited = await run(t, writer)
  t.alike(found(audited), [])
  t.is(audited.verdict.verdict, 'clean')
  t.is(audited.verdict.counts.unanswered, 2)
})

test('audit - a call that is executed twice is found, at once and later', async (t) => {
  const writer = await Writer.deploy(t)
  const items = await three(writer)
  const [first] = items
  if (first === undefined) return t.fail('there is a call')
  await writer.commit([first, first, ...items.slice(1)])
  await writer.commit([first])
  t.alike(found(await run(t, writer)), [
    'CALL_REPEATED call 3 block 7',
    'CALL_REPEATED call 6 block 14'
  ])
})

test('audit - calls of one user in another order are found, of two users not', async (t) => {
  const writer = await Writer.deploy(t)
  const items = await three(writer)
  const other = await writer.call(1, 'add', ['bob'])
  await writer.commit([other, ...items.toReversed()])
  t.alike(found(await run(t, writer)), [
    'CALL_SKIPPED call 3 block 7',
    'CALL_OUT_OF_ORDER call 4 block 9',
    'CALL_OUT_OF_ORDER call 5 block 11'
  ])
})

test('audit - an ack of what asks for nothing is found', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.ack(0, 1, 3)
  const block = await writer.users[0]?.core.get(1)
  const user = writer.users[0]
  if (!block || user === undefined) return t.fail('there is an ack')
  await writer.commit([{ user, entry: 2, block }])
  t.alike(found(await run(t, writer)), ['CALL_INVENTED call 2 block 5'])
})

test('audit - a user who says that it was answered something else is believed nothing', async (t) => {
  const writer = await Writer.deploy(t)
  const result = b4a.from('a result of its own')
  const head = await writer.head()
  await writer.write(
    0,
    encodeUserEntry({ type: 'ack', answers: [{ entry: 1, index: 3, result }], head })
  )
  const signature = b4a.alloc(68)
  await writer.write(
    0,
    encodeUserEntry({
      type: 'ack',
      answers: [],
      head: { ...head, treeHash: b4a.alloc(32), signature }
    })
  )
  const audited = await run(t, writer)
  t.is(audited.verdict.verdict, 'clean')
  t.is(audited.verdict.counts.falseAnswers, 1)
  t.is(audited.verdict.counts.falseHeads, 1)
})

test('audit - nor who says that it was an answer to another entry, or to another user', async (t) => {
  const writer = await Writer.deploy(t)
  const ack = await writer.commit([
    await writer.call(0, 'add', ['a']),
    await writer.call(1, 'add', ['b'])
  ])
  const say = (user: number, entry: number, index: number) => writer.ack(user, entry, index)
  await say(0, 1, 3)
  await say(0, 2, ack + 1)
  await say(1, 1, ack + 3)
  t.is((await run(t, writer)).verdict.counts.falseAnswers, 0)
  await say(0, 1, ack + 1)
  await say(1, 2, ack + 3)
  await say(1, 1, ack + 1)
  await say(1, 1, ack)
  t.is((await run(t, writer)).verdict.counts.falseAnswers, 4)
  // who has been there before reads what they are held against
  const dir = await tempDir(t)
  await run(t, writer, { dir })
  await say(0, 1, ack + 1)
  await say(0, 2, ack + 1)
  await say(1, 1, ack + 2)
  const { verdict } = await run(t, writer, { dir })
  t.is(verdict.counts.falseAnswers, 6)
  t.is(verdict.verdict, 'clean')
})

test('audit - an ack before the head that its call cites is found', async (t) => {
  // the host shows alice a history, and acks her next call in another one
  const shown = await Writer.deploy(t, { seed: 'one host' })
  await shown.commit([await shown.call(1, 'add', ['shown'])])
  const head = await shown.head()
  const writer = await Writer.deploy(t, { seed: 'one host' })
  await writer.commit([await writer.call(0, 'add', ['late'], head)])
  const audited = await run(t, writer)
  t.alike(found(audited), ['TWO_HISTORIES call - block 1', 'ACK_BEFORE_HEAD call 2 block 5'])
})

test('audit - a head of another history in a call with an ack counts, also where the log of its user is not shown', async (t) => {
  for (const how of ['withheld', 'another', 'withheld, and no commit'] as const) {
    const shown = await Writer.deploy(t, { seed: how })
    await shown.commit([await shown.call(1, 'add', ['shown'])])
    const writer = await Writer.deploy(t, { seed: how })
    await writer.commit([await writer.call(1, 'add', ['told'])])
    await writer.commit([await writer.call(0, 'add', ['more'])])
    const items = [await writer.call(1, 'roll', [], await shown.head())]
    const entries = (all: CallLogEntry[]) => all.slice(0, how === 'withheld' ? undefined : -1)
    await writer.commit(items, how === 'another' ? {} : { entries })
    const { core } = writer.users[1] ?? { core: writer.log }
    const blocks = how === 'another' ? (await blocksOf(core)).with(-1, b4a.from('else')) : []
    const store = await copyStore(t, writer, core, blocks)
    const audited = await run(t, { store, address: writer.address })
    t.alike(found(audited), ['TWO_HISTORIES call - block 1'], how)
    t.is(audited.findings[0]?.log, 'user log')
    t.ok(audited.evidence[0])
    t.is(audited.verdict.missing.length, 1)
  }
})

test('audit - a head of another history counts also in the second ack of an entry', async (t) => {
  const shown = await Writer.deploy(t, { seed: 'again' })
  await shown.commit([await shown.call(1, 'add', ['shown'])])
  const writer = await Writer.deploy(t, { seed: 'again' })
  const item = await writer.call(1, 'add', ['told'])
  await writer.commit([item])
  const head = await shown.head()
  const block = encodeUserEntry({ type: 'call', method: 'roll', args: '[]', head })
  await writer.commit([{ ...item, block }])
  const codes = found(await run(t, writer))
  t.ok(codes.includes('TWO_HISTORIES call - block 0'), codes.join())
  t.ok(codes.includes('CALL_REPEATED call 3 block 8'), codes.join())
})

test('audit - that a call was altered is shown also where the log of its user ends before the newest head', async (t) => {
  const writer = await Writer.deploy(t)
  const first = await writer.call(1, 'add', ['first'])
  const second = await writer.call(1, 'add', ['second'])
  await writer.commit([first])
  await writer.call(1, 'add', ['third'])
  await writer.commit([{ ...second, block: b4a.from('nothing of the user') }])
  const { core } = writer.users[1] ?? { core: writer.log }
  const store = await copyStore(t, writer, core, (await blocksOf(core)).slice(0, 2))
  const audited = await run(t, { store, address: writer.address })
  t.alike(found(audited), ['CALL_ALTERED call 3 block 8'])
  t.ok(audited.evidence[0])
})

test('audit - a head of another history in a call with an ack is shown, also where its entry is executed again', async (t) => {
  const shown = await Writer.deploy(t, { seed: 'again' })
  await shown.commit([await shown.call(1, 'add', ['shown'])])
  const writer = await Writer.deploy(t, { seed: 'again' })
  await writer.commit([await writer.call(1, 'add', ['told'])])
  const item = await writer.call(1, 'roll', [], await shown.head())
  await writer.commit([item])
  const block = encodeUserEntry({ type: 'call', method: 'roll', args: '[]', head: null })
  await writer.commit([{ ...item, block }])
  const { core } = item.user
  const store = await copyStore(t, writer, core, [])
  // it throws where there is no evidence of one of them
  const audited = await run(t, { store, address: writer.address })
  t.alike(found(audited), ['TWO_HISTORIES call - block 1', 'CALL_REPEATED call 4 block 11'])
})

test('audit - two histories of one length are found, in any user’s log', async (t) => {
  for (const user of [0, 1]) {
    const other = await Writer.deploy(t, { seed: 'one host' })
    await other.commit([await other.call(1, 'add', ['shown'])])
    const writer = await Writer.deploy(t, { seed: 'one host' })
    await writer.commit([await writer.call(1, 'add', ['told'])])
    await writer.commit([await writer.call(0, 'add', ['more'])])
    await writer.write(
      user,
      encodeUserEntry({ type: 'ack', answers: [], head: await other.head() })
    )
    const audited = await run(t, writer)
    t.alike(found(audited), [`TWO_HISTORIES call - block ${user === 0 ? 2 : 1}`])
    t.is(audited.findings[0]?.log, 'user log')
  }
})

test('audit - a head in the middle of a batch is held against the history as well', async (t) => {
  const other = await Writer.deploy(t, { seed: 'one host' })
  const call = await other.call(1, 'add', ['shown'])
  await other.commit([call])
  for (const length of [other.log.length, other.log.length - 1]) {
    const writer = await Writer.deploy(t, { seed: 'one host' })
    const blocks = [await other.log.get(5), await other.log.get(6)].filter(
      (block) => block !== null
    )
    await writer.commit([await writer.call(1, 'add', ['told'])])
    const forged = await Writer.deploy(t, { seed: 'one host' })
    await forged.log.append(
      length === other.log.length ? [...blocks, (await other.log.get(7)) ?? b4a.alloc(0)] : blocks
    )
    const head = await headOf(forged.log)
    await writer.write(1, encodeUserEntry({ type: 'ack', answers: [], head }))
    t.alike(found(await run(t, writer)), ['TWO_HISTORIES call - block 1'], `length ${head.length}`)
  }
})

test('audit - a log whose entries are in no order is a finding, and what follows is not judged', async (t) => {
  const cases: [string, (entries: CallLogEntry[]) => CallLogEntry[]][] = [
    [
      'ENTRY_UNEXPECTED call 2 block 6',
      ([ack, , commit]) => [ack, commit, commit].filter((e) => e !== undefined)
    ],
    [
      'ENTRY_UNEXPECTED call - block 5',
      ([, result, commit]) => [result, commit].filter((e) => e !== undefined)
    ],
    ['ENTRY_UNEXPECTED call - block 8', (entries) => [...entries, ...entries.slice(-1)]],
    [
      'SEQ_WRONG call 3 block 5',
      (entries) => entries.map((entry) => (entry.type === 'ack' ? { ...entry, seq: 3 } : entry))
    ],
    [
      'ACK_CHAIN_WRONG call 2 block 5',
      (entries) =>
        entries.map((entry) => (entry.type === 'ack' ? { ...entry, previous: 1 } : entry))
    ],
    [
      'RESULT_FORM call 2 block 6',
      (entries) => entries.map((entry) => (entry.type === 'result' ? { ...entry, ack: 2 } : entry))
    ]
  ]
  for (const [expected, entries] of cases) {
    const writer = await Writer.deploy(t)
    await writer.commit([await writer.call(0, 'change', [1, 'a'])], { entries })
    const audited = await run(t, writer)
    t.is(found(audited)[0], expected)
    t.is(audited.verdict.verdict, 'violation')
  }
  const writer = await Writer.deploy(t)
  const entries = (all: CallLogEntry[]) => [...all, ...all.slice(-1)]
  await writer.commit([await writer.call(0, 'change', [1, 'a'])], { entries })
  await writer.log.append(b4a.from('no entry'))
  t.alike(found(await run(t, writer)), ['ENTRY_UNEXPECTED call - block 8'])
})

test('audit - trailing entries without a commit are pending, whatever they are', async (t) => {
  for (const count of [1, 2]) {
    const writer = await Writer.deploy(t)
    await writer.commit([await writer.call(0, 'add', ['a'])], {
      entries: (entries) => entries.slice(0, count),
      writes: () => []
    })
    const audited = await run(t, writer)
    t.alike(found(audited), [])
    t.is(audited.verdict.verdict, 'clean')
    t.is(audited.verdict.pending, count)
  }
})

test('audit - a lie in a result counts without a commit as well', async (t) => {
  for (const options of [{}, { threadFrom: 0 }]) {
    const writer = await Writer.deploy(t)
    await writer.commit([await writer.call(0, 'add', ['a'])])
    const calls = [await writer.call(1, 'read', [1]), await writer.call(0, 'add', ['b'])]
    await writer.commit(calls, {
      entries: (entries) =>
        entries
          .slice(0, -1)
          .map((it) => (it.type === 'result' && it.value === '2' ? { ...it, value: '99' } : it)),
      writes: () => []
    })
    const audited = await run(t, writer, options)
    t.alike(found(audited), ['RESULT_WRONG call 4 block 11'])
    t.is(audited.verdict.pending, 4)
    t.is(audited.verdict.counts.replayed, 2)
  }
})

test('audit - what is not shown or not understood hides nothing that is before it', async (t) => {
  const lie: Cheat = {
    entries: (all) =>
      all.map((it) => (it.type === 'result' && it.value === '2' ? { ...it, value: '99' } : it)),
    writes: () => []
  }
  const tail: Cheat = { ...lie, entries: (all) => lie.entries?.(all.slice(0, -1)) ?? [] }
  const newer = b4a.from([2, 0])
  const patience = 1
  // of a batch, whose commit is not shown, and of none
  for (const [cheat, hidden, more] of [
    [lie, true, []],
    [tail, false, ['ENTRY_MALFORMED call - block 12']]
  ] as const) {
    const writer = await Writer.deploy(t)
    await writer.commit([await writer.call(0, 'add', ['a'])])
    await writer.commit(
      [await writer.call(1, 'read', [1]), await writer.call(0, 'add', ['b'])],
      cheat
    )
    if (hidden) await writer.log.clear(writer.log.length - 1)
    else await writer.log.append([newer])
    const { verdict, ...audited } = await run(t, writer, hidden ? { patience } : {})
    t.alike(found(audited), [...more, 'RESULT_WRONG call 4 block 11'])
    t.is(verdict.missing.length, hidden ? 1 : 0)
  }
  // nor in the log of a user
  const writer = await Writer.deploy(t)
  const item = await writer.call(1, 'add', ['mine'])
  const block = encodeUserEntry({ type: 'call', method: 'add', args: '["other"]', head: null })
  await writer.commit([{ ...item, block }])
  for (const text of ['two', 'three']) await writer.call(1, 'add', [text])
  await writer.users[1]?.core.clear(2)
  t.alike(found(await run(t, writer, { patience })), ['CALL_ALTERED call 2 block 5'])
})

test('audit - an archive is judged by what was read of the call log', async (t) => {
  const writer = await Writer.deploy(t)
  const { log, files, content, users, keyPair } = writer
  await writer.tamper([{ path: '/items/1', data: b4a.from('of no call') }])
  const archive = await Promise.all([files, content].map(blocksOf))
  await writer.archive.write([])
  await writer.commit([await writer.call(0, 'add', ['a'])])
  await log.append([b4a.from([2, 0])])
  const store = await openStore(t)
  for (const [i, core] of [files, content].entries()) {
    const { manifest } = core
    if (manifest !== null) await store.get({ manifest, keyPair }).append(archive[i] ?? [])
  }
  for (const { core, keyPair: pair } of [{ core: log, keyPair }, ...users]) {
    const { manifest, length } = core
    if (manifest !== null && length > 0) {
      await store.get({ manifest, keyPair: pair }).append(await blocksOf(core))
    }
  }
  const audited = await run(t, { store, address: writer.address })
  t.alike(
    found(audited).map((it) => it.split(' ')[0]),
    [
      'ENTRY_MALFORMED',
      'COMMIT_WRONG',
      'ARCHIVE_UNCOMMITTED',
      'ARCHIVE_TRUNCATED',
      'ARCHIVE_UNCOMMITTED',
      'ARCHIVE_TRUNCATED'
    ]
  )
})

test('audit - a head of the length that is shown is held against it, also where blocks are not shown', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(0, 'add', ['a'])])
  const { length } = writer.log
  const { keyPair, address } = writer
  const head = signHead({ length, fork: 0, treeHash: crypto.randomBytes(32) }, address, (message) =>
    crypto.sign(message, keyPair.secretKey)
  )
  await writer.log.clear(length - 1)
  const audited = await run(t, writer, { patience: 1, heads: [head] })
  t.alike(found(audited), [`TWO_HISTORIES call - block ${length - 1}`])
})

test('audit - acks that cannot be right count without a commit as well', async (t) => {
  const writer = await Writer.deploy(t)
  const [alice, bob] = writer.users as [User, User]
  const items: Item[] = []
  for (let i = 0; i < 6; i++) items.push(await writer.call(1, 'roll'))
  const [one, , three, four, five] = items as [Item, Item, Item, Item, Item]
  const other = encodeUserEntry({ type: 'call', method: 'other', args: '[]', head: null })
  // the host says that it has seen four of six
  const seen = signBlocks(writer, bob.keyPair, (await blocksOf(bob.core)).slice(0, 4))
  await writer.commit([one], { heads: () => [seen] })
  const carol = { ...bob, lastAck: 0, keyPair: crypto.keyPair() }
  const tail = [
    three,
    { ...four, block: other },
    // nobody can say yet whether that is so
    { ...five, block: other },
    three,
    { user: carol, entry: 2, block: other },
    await writer.call(0, 'roll'),
    { user: carol, entry: 2, block: other }
  ]
  await writer.commit(tail, {
    // the last of them has no result
    entries: (entries) => entries.slice(0, -2),
    writes: () => [],
    aborts: tail.map((_, i) => i)
  })
  t.is(alice.lastAck, 18)
  const audited = await run(t, writer)
  t.alike(found(audited).toSorted(), [
    'CALL_ALTERED call 4 block 10',
    'CALL_REPEATED call 6 block 14',
    'CALL_REPEATED call 9 block 20',
    'CALL_SKIPPED call 3 block 8'
  ])
  t.is(audited.verdict.pending, 13)
  t.alike(audited.verdict.missing, [])
})

test('audit - a deployment that is lied about counts without a commit as well', async (t) => {
  const entries = (all: CallLogEntry[]) =>
    all.slice(0, 2).map((it) => (it.type === 'result' ? { ...it, fuel: 7 } : it))
  const writer = await Writer.deploy(t, {}, { entries, writes: () => [] })
  t.alike(found(await run(t, writer)), ['RESULT_WRONG call 1 block 3'])
})

test('audit - a deployment without its commit is pending, and has no archive', async (t) => {
  for (const count of [0, 1, 2]) {
    const writer = await Writer.deploy(
      t,
      {},
      { entries: (entries) => entries.slice(0, count), writes: () => [] }
    )
    t.is(writer.files.length, 0)
    const audited = await run(t, writer)
    t.alike(found(audited), [])
    t.is(audited.verdict.verdict, 'clean')
    t.is(audited.verdict.pending, count)
  }
})

test('audit - a log that ends before its code is inconclusive', async (t) => {
  const { log: original, keyPair, address } = await Writer.deploy(t)
  for (const length of [1, 2]) {
    const store = await openStore(t)
    const copy = store.get({ ...(original.manifest && { manifest: original.manifest }), keyPair })
    await copy.append((await blocksOf(original)).slice(0, length))
    const { verdict, checks } = await run(t, { address, store })
    const isWhole = length === 2
    t.is(verdict.verdict, isWhole ? 'clean' : 'inconclusive')
    const missing = verdict.missing.map(({ reason, log, from, to }) => [reason, log, from, to])
    t.alike(missing, isWhole ? [] : [['missing', 'call log', 1, 2]])
    t.is(checks[0]?.complete, isWhole)
  }
})

test('audit - the first call is the deployer’s init', async (t) => {
  const writer = await Writer.deploy(
    t,
    {},
    {
      entries: (entries) =>
        entries.map((entry) => (entry.type === 'ack' ? { ...entry, entry: 2 } : entry))
    }
  )
  await writer.call(0, 'init')
  t.is(found(await run(t, writer))[0], 'INIT_WRONG call 1 block 2')
})

test('audit - a first call without a number leaves the second one what it is', async (t) => {
  const entries = (all: CallLogEntry[]) =>
    all.map((entry) => (entry.type === 'ack' ? { ...entry, seq: 0 } : entry))
  const writer = await Writer.deploy(t, {}, { entries })
  await writer.commit([await writer.call(1, 'add', ['a'])])
  const all = found(await run(t, writer))
  t.is(all[0], 'SEQ_WRONG call 0 block 2')
  t.absent(all.some((it) => it.startsWith('INIT_WRONG')))
})

test('audit - other code than genesis names is found', async (t) => {
  const writer = await Writer.deploy(t, { code: 'exports.init = () => {}' })
  const audited = await run(t, writer)
  t.alike(found(audited), ['CODE_WRONG call - block 1'])
})

test('audit - blocks that are no entries are findings, those of another version than genesis too', async (t) => {
  const blocks: [string[], Uint8Array, string][] = [
    [['ENTRY_MALFORMED call - block 5'], b4a.from([1, 2, 200, 200]), 'violation'],
    [['ENTRY_MALFORMED call - block 5'], b4a.alloc(0), 'violation'],
    [['ENTRY_TOO_LARGE call - block 5'], b4a.alloc(8 * 1024 * 1024 + 1, 1), 'violation'],
    [['ENTRY_UNEXPECTED call - block 5'], encodeEntry({ type: 'code', source: '' }), 'violation'],
    [['ENTRY_MALFORMED call - block 5'], b4a.from([2, 0, 0]), 'violation'],
    [['ENTRY_MALFORMED call - block 5'], b4a.from([2]), 'violation'],
    [['ENTRY_TOO_LARGE call - block 5'], b4a.alloc(8 * 1024 * 1024 + 1, 2), 'violation']
  ]
  for (const [expected, block, verdict] of blocks) {
    const writer = await Writer.deploy(t)
    await writer.log.append(block)
    const audited = await run(t, writer)
    t.alike(found(audited), expected)
    t.is(audited.verdict.verdict, verdict)
  }
})

test('audit - a deployment whose init did not succeed is found', async (t) => {
  const aborted = await Writer.deploy(t, {}, { aborts: [0] })
  t.alike(found(await run(t, aborted)), ['INIT_WRONG call 1 block 3'])
  const source = 'exports.add = () => 1; exports.init = () => { throw new Error() }'
  const failed = await Writer.deploy(t, { source })
  t.alike(found(await run(t, failed)), ['INIT_WRONG call 1 block 3'])
})

test('audit - the deployment is the only call of its batch', async (t) => {
  const writer = await Writer.deploy(
    t,
    {},
    {
      entries: ([ack, result, commit]) =>
        ack?.type === 'ack' && result?.type === 'result' && commit !== undefined
          ? [ack, result, { ...ack, seq: 2, entry: 2, previous: 2 }, { ...result, ack: 4 }, commit]
          : []
    }
  )
  t.alike(found(await run(t, writer)), ['BATCH_TOO_LARGE call - block 4'])
})

test('audit - what a VM of another version allows is not known', async (t) => {
  const genesis = { vm: 'js-2', limits: { fuel: 20_000_000 } }
  const audited = await run(t, await Writer.deploy(t, { genesis }), { openVm })
  t.alike(found(audited), [])
  t.alike(
    audited.verdict.missing.map(({ reason }) => reason),
    ['unsupported']
  )
  const known = { ...genesis, vm: 'js-1' }
  const wrong = await run(t, await Writer.deploy(t, { genesis: known }))
  t.alike(found(wrong), ['GENESIS_INVALID call - block 0'])
})

test('audit - an address that the host has never signed anything at accuses nobody', async (t) => {
  const honest = await Writer.deploy(t)
  const { publicKey: host } = honest.keyPair
  const of = (genesis: Partial<Genesis>) => {
    const limits = { fuel: 20_000_000 }
    const made = { vm: 'js-1', host, deployer: b4a.alloc(32, 1), salt: b4a.alloc(32), limits }
    return encodeEntry({ type: 'genesis', codeHash: codeHash(''), ...made, ...genesis })
  }
  for (const block of [of({}), of({ host: b4a.alloc(32, 2) }), b4a.from('no entry')]) {
    // whoever knows the key of a host can make up an address of it, and show block 0 there: that needs no signature
    const store = await openStore(t)
    const manifest = callLogManifest(host, block)
    const core = store.get({ manifest: { ...manifest, signers: [...manifest.signers] } })
    await core.append(block, { writable: true, signature: b4a.alloc(68) })
    const copy = await openStore(t)
    const end = await replicate(copy, { store, keyPair: crypto.keyPair() })
    const shown = await run(t, { store: copy, address: core.key }, { patience: 500 })
    t.alike([found(shown), shown.verdict.verdict], [[], 'inconclusive'])
    await end()
  }
})

test('audit - a head of no blocks is one of every history', async (t) => {
  for (const [treeHash, expected] of [
    [new Tree().treeHash(), []],
    [b4a.alloc(32, 1), ['TWO_HISTORIES call - block 0']]
  ] as const) {
    const writer = await Writer.deploy(t)
    const { publicKey, secretKey } = writer.keyPair
    const head = signHead({ length: 0, fork: 0, treeHash }, writer.address, (message) =>
      crypto.sign(message, secretKey)
    )
    t.ok(verifyHead(head, writer.address, publicKey))
    await writer.commit([await writer.call(1, 'add', ['a'], head)])
    const audited = await run(t, writer)
    t.alike(found(audited), expected)
    t.alike(audited.verdict.missing, [])
  }
})

test('audit - an entry that is no call cannot be aborted', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(0, 'add', ['a'])])
  const items = [await writer.write(1, b4a.from('nothing of ours')), await writer.call(0, 'roll')]
  const ack = await writer.commit(items, { aborts: [0, 1] })
  t.alike(found(await run(t, writer)), [`RESULT_FORM call 3 block ${ack + 1}`])
})

test('audit - an abort that says what fuel it used is found', async (t) => {
  const writer = await Writer.deploy(t)
  const ack = await writer.commit([await writer.call(0, 'add', ['a'])], {
    aborts: [0],
    entries: (entries) =>
      entries.map((entry) => (entry.type === 'result' ? { ...entry, fuel: 1 } : entry))
  })
  t.alike(found(await run(t, writer)), [`RESULT_FORM call 2 block ${ack + 1}`])
})

test('audit - an abort that passes for what the contract says is found', async (t) => {
  const right = { name: 'MivmError', message: 'any text', code: 'ABORT_ENGINE' }
  for (const [wrong, error] of [
    [false, right],
    [true, { ...right, name: 'Error' }],
    [true, { ...right, code: 'SOLD_OUT' }],
    [true, { ...right, code: 'NO_ABORT_TIME' }],
    [true, { ...right, code: null }]
  ] as const) {
    const writer = await Writer.deploy(t)
    const ack = await writer.commit([await writer.call(0, 'add', ['a'])], {
      aborts: [0],
      entries: (entries) =>
        entries.map((entry) => (entry.type === 'result' ? { ...entry, error } : entry))
    })
    const expected = wrong ? [`RESULT_FORM call 2 block ${ack + 1}`] : []
    t.alike(found(await run(t, writer)), expected, `${error.name} ${error.code}`)
  }
})

test('audit - what is said of a result waits for the call that it answers', async (t) => {
  const writer = await Writer.deploy(t)
  const ack = await writer.commit([await writer.call(1, 'add', ['b'])])
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const copy = store.get({ key: writer.address })
  const result = (await copy.get(ack + 1)) ?? b4a.alloc(0)
  const report = new Report()
  const answers = new Answers(copy, report)
  answers.add(
    [{ entry: 1, index: ack + 1, result }],
    encodeId(writer.users[0]?.keyPair.publicKey ?? b4a.alloc(32))
  )
  t.absent(await copy.has(ack))
  await answers.compare()
  t.is(report.counts.falseAnswers, 0)
  await copy.get(ack)
  await answers.compare()
  t.is(report.counts.falseAnswers, 1, 'it is for another user')
  await end()
})

test.hook('audit - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

async function three(writer: Writer): Promise<Item[]> {
  const items: Item[] = []
  for (const text of ['a', 'b', 'c']) items.push(await writer.call(0, 'add', [text]))
  return items
}
