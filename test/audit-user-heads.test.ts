import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { encodeUserEntry, type UserHead } from '../src/protocol/entries.ts'
import { type Head, signHead } from '../src/protocol/head.ts'
import {
  blocksOf,
  type Cheat,
  closeVm,
  copyStore,
  found,
  type Item,
  run,
  signBlocks,
  userHeadOf,
  Writer,
  type WriterOptions
} from './audit-writer.ts'
import type { Teardown } from './helpers.ts'

/** Who calls in which batch; the first is the deployment. Behind each, both logs have the same length. */
const STORY: readonly (readonly number[])[] = [[0], [1, 0, 1], [0, 1], [1, 0]]

/** Commits behind the deployment, where a cheat may be: number of the last call, and block of the commit. */
const PLACES = [
  { at: 1, seq: 4, commit: 11 },
  { at: 2, seq: 6, commit: 16 },
  { at: 3, seq: 8, commit: 21 }
]

const CHEATS: readonly [string, string[], (heads: UserHead[], before: UserHead[]) => UserHead[]][] =
  [
    ['without the head of a user', ['COMMIT_HEADS_WRONG'], (heads) => heads.slice(1)],
    ['without any head', ['COMMIT_HEADS_WRONG'], () => []],
    ['with a head of nobody', ['COMMIT_HEADS_WRONG'], (heads) => [...heads, ...heads.slice(0, 1)]],
    [
      'with a head before what it executes',
      ['COMMIT_HEADS_WRONG'],
      (heads, before) => [...heads.slice(0, 1), ...before.slice(1)]
    ],
    [
      'with the heads in another order',
      ['USER_HEAD_INVALID', 'USER_HEAD_INVALID'],
      (heads) => heads.toReversed()
    ],
    [
      'with a head that is longer than it was signed',
      ['USER_HEAD_INVALID'],
      (heads) => change(heads, ({ length }) => ({ length: length + 1 }))
    ],
    [
      'with another tree hash than was signed',
      ['USER_HEAD_INVALID'],
      (heads) => change(heads, () => ({ treeHash: b4a.alloc(32, 7) }))
    ],
    [
      'with a signature that does not hold',
      ['USER_HEAD_INVALID'],
      (heads) => change(heads, ({ signature }) => ({ signature: flip(signature) }))
    ]
  ]

for (const { at, seq, commit } of PLACES) {
  for (const [what, codes, heads] of CHEATS) {
    test(`audit - a commit ${what} is found, in batch ${at}`, async (t) => {
      const writer = await tell(t, at, { heads })
      const audited = await run(t, writer)
      t.alike(
        // what is said of a length that was never signed may not fit what is said later
        found(audited).slice(0, codes.length),
        codes.map((code) => `${code} call ${seq} block ${commit}`)
      )
      t.is(audited.verdict.verdict, 'violation')
      t.alike(audited.verdict.missing, [])
      t.is(audited.verdict.counts.replayed, 8)
    })
  }
}

test('audit - a deployment whose head the deployer has not signed is found', async (t) => {
  const flipped = (heads: UserHead[]) =>
    change(heads, ({ signature }) => ({ signature: flip(signature) }))
  const writer = await Writer.deploy(t, {}, { heads: flipped })
  t.alike(found(await run(t, writer)), ['USER_HEAD_INVALID call 1 block 4'])
  const bare = await Writer.deploy(t, {}, { heads: () => [] })
  t.alike(found(await run(t, bare)), ['COMMIT_HEADS_WRONG call 1 block 4'])
})

test('audit - heads that go back are found, and so are two of one length', async (t) => {
  const writer = await Writer.deploy(t)
  const first = await writer.call(1, 'add', ['a'])
  const second = await writer.call(1, 'add', ['b'])
  const short = userHeadOf(second.user)
  const third = await writer.call(1, 'add', ['c'])
  await writer.commit([first])
  await writer.commit([second], { heads: () => [short] })
  t.alike(found(await run(t, writer)), ['COMMIT_HEADS_WRONG call 3 block 10'])

  const twice = await Writer.deploy(t, { seed: 'twice' })
  const item = await twice.call(1, 'add', ['a'])
  const next = await twice.call(1, 'add', ['b'])
  await twice.commit([item])
  // the user has signed both, and an honest host takes only one of them
  const other = signBlocks(twice, item.user.keyPair, [item.block, third.block])
  await twice.commit([next], { heads: () => [other] })
  t.alike(found(await run(t, twice)), ['COMMIT_HEADS_WRONG call 3 block 10'])
})

/** What a user makes of its own log for an auditor, so that it speaks against the host. */
const FRAMES: readonly [string, (blocks: Uint8Array[], head: Head) => Uint8Array[]][] = [
  ['CALL_ALTERED', (blocks) => blocks.toSpliced(2, 1, callOf('other'))],
  ['CALL_SKIPPED', (blocks) => blocks.toSpliced(2, 0, callOf('never sent'))],
  [
    'CALL_INVENTED',
    (blocks, head) => blocks.toSpliced(2, 1, encodeUserEntry({ type: 'ack', answers: [], head }))
  ],
  ['ACK_BEFORE_HEAD', (blocks, head) => blocks.toSpliced(2, 1, callOf('v1', head))]
]

for (const [code, frame] of FRAMES) {
  for (const more of [-1, 0, 3, 400]) {
    test(`audit - a user who signs a second history frames nobody with ${code}, ${more} entries on`, async (t) => {
      const writer = await tell(t, -1)
      const user = writer.users[1] ?? fail()
      const blocks = frame(await blocksOf(user.core), await writer.head())
      if (more < 0) blocks.length = user.core.length + more
      while (blocks.length < user.core.length + more) blocks.push(callOf('later'))
      const store = await copyStore(t, writer, user.core, blocks)
      const audited = await run(t, { store, address: writer.address })
      t.alike(found(audited), [])
      t.is(audited.verdict.verdict, 'inconclusive')
      const { missing, counts } = audited.verdict
      t.alike(
        missing.map(({ reason, log, from, to }) => [reason, log, from, to]),
        [['disputed', 'user log', 2, user.core.length]]
      )
      const message = missing[0]?.message ?? ''
      t.ok(message.includes('at block 16 of the call log'), message)
      t.ok(message.includes(hex(signBlocks(writer, user.keyPair, blocks).treeHash)), 'its own head')
      const seen = signBlocks(writer, user.keyPair, (await blocksOf(user.core)).slice(0, 3))
      t.ok(message.includes(hex(seen.treeHash)), 'the head that the host has seen')
      t.is(counts.replayed, 8)
      t.is(counts.unanswered, 0)
    })
  }
}

test('audit - a second history that begins late speaks for what it shares with the first', async (t) => {
  const writer = await tell(t, 2, {}, (items) =>
    items.map((item, i) => (i === 1 ? { ...item, block: callOf('forged by the host') } : item))
  )
  const user = writer.users[1] ?? fail()
  const blocks = await blocksOf(user.core)
  const store = await copyStore(t, writer, user.core, blocks.with(-1, callOf('other')))
  const audited = await run(t, { store, address: writer.address })
  t.alike(found(audited), ['CALL_ALTERED call 6 block 14'])
  t.alike(
    audited.verdict.missing.map(({ reason, from, to }) => [reason, from, to]),
    [['disputed', 3, 4]]
  )
})

test('audit - what a host does to others is found beside a user who signs two histories', async (t) => {
  const writer = await tell(t, 2, {}, (items) =>
    items.map((item, i) => (i === 0 ? { ...item, block: callOf('forged by the host') } : item))
  )
  const user = writer.users[1] ?? fail()
  const blocks = await blocksOf(user.core)
  const store = await copyStore(t, writer, user.core, blocks.with(1, callOf('other')))
  const audited = await run(t, { store, address: writer.address })
  t.alike(found(audited), ['CALL_ALTERED call 5 block 12'])
  t.is(audited.verdict.missing[0]?.reason, 'disputed')
})

test('audit - that a host has seen an entry of a second history is not held against it', async (t) => {
  const seed = 'one host'
  const long = await tell(t, -1, {}, undefined, { seed })
  const writer = await tell(t, 3, {}, () => [], { seed })
  const user = writer.users[1] ?? fail()
  const head = await long.head()
  const ack = encodeUserEntry({ type: 'ack', answers: [], head })
  for (const [at, codes] of [
    [-1, ['HISTORY_TRUNCATED call - block 4']],
    [2, []]
  ] as const) {
    const blocks = [...(await blocksOf(user.core)), ack]
    if (at !== -1) blocks[at] = callOf('other')
    const store = await copyStore(t, writer, user.core, blocks)
    t.alike(found(await run(t, { store, address: writer.address })), codes)
  }
})

test('audit - a head in a log that its user has rewritten counts as elsewhere', async (t) => {
  const other = await Writer.deploy(t, { seed: 'one host' })
  await other.commit([await other.call(0, 'add', ['shown'])])
  const writer = await Writer.deploy(t, { seed: 'one host' })
  await writer.commit([await writer.call(1, 'add', ['told'])])
  const { core } = writer.users[1] ?? fail()
  await core.truncate(0)
  await core.append(encodeUserEntry({ type: 'ack', answers: [], head: await other.head() }))
  const audited = await run(t, writer)
  t.alike(found(audited), ['TWO_HISTORIES call - block 0'])
  t.alike(
    audited.verdict.missing.map(({ reason }) => reason),
    ['disputed']
  )
})

test('audit - an entry that is executed twice needs no log of its user to be found', async (t) => {
  const writer = await tell(t, 3, {}, (items) => [...items, ...items.slice(0, 1)])
  const user = writer.users[1] ?? fail()
  const blocks = await blocksOf(user.core)
  const store = await copyStore(t, writer, user.core, blocks.with(0, callOf('other')))
  t.alike(found(await run(t, { store, address: writer.address })), [
    'CALL_REPEATED call 9 block 21'
  ])
})

test('audit - the host is found where its head lies far beyond what it executes', async (t) => {
  for (const ahead of [1, 300, 700]) {
    const writer = await Writer.deploy(t)
    const item = await writer.call(1, 'add', ['a'])
    for (let i = 0; i < ahead; i++) await writer.call(1, 'add', ['later'])
    await writer.commit([{ ...item, block: callOf('forged') }])
    const audited = await run(t, writer)
    t.alike(found(audited), ['CALL_ALTERED call 2 block 5'], `${ahead} ahead`)
    t.is(audited.verdict.counts.unanswered, ahead)
  }
})

test('audit - a head that is too short for what the host executes shows what it has seen', async (t) => {
  const writer = await Writer.deploy(t)
  const items: Item[] = []
  for (let i = 0; i < 5; i++) items.push(await writer.call(1, 'roll'))
  const [one, , third, , fifth] = items as [Item, Item, Item, Item, Item]
  const blocks = await blocksOf(one.user.core)
  const head = (length: number) => () => [
    signBlocks(writer, one.user.keyPair, blocks.slice(0, length))
  ]
  await writer.commit([third, { ...fifth, block: callOf('forged') }], { heads: head(3) })
  // the copy is read beyond the next one by then
  await writer.commit([{ ...one, block: callOf('forged') }], { heads: head(4) })
  t.alike(found(await run(t, writer)), [
    'COMMIT_HEADS_WRONG call 3 block 9',
    'CALL_SKIPPED call 2 block 5',
    'CALL_OUT_OF_ORDER call 4 block 10'
  ])
  const late = await Writer.deploy(t)
  const own: Item[] = []
  for (let i = 0; i < 5; i++) own.push(await late.call(1, 'roll'))
  const [, , nearer, , further] = own as [Item, Item, Item, Item, Item]
  const all = await blocksOf(nearer.user.core)
  const short = (length: number) => () => [
    signBlocks(late, nearer.user.keyPair, all.slice(0, length))
  ]
  await late.commit([nearer, further], { heads: short(1) })
  await late.commit([{ ...nearer, entry: 1 }], { heads: short(4) })
  t.alike(found(await run(t, late)), [
    'COMMIT_HEADS_WRONG call 3 block 9',
    'CALL_SKIPPED call 2 block 5',
    'CALL_OUT_OF_ORDER call 4 block 10'
  ])
})

test('audit - what shows an ack before a head is an entry that a commit covers', async (t) => {
  const writer = await Writer.deploy(t)
  const { address, keyPair } = writer
  const other = { length: 9, fork: 0, treeHash: b4a.alloc(32) }
  const head = signHead(other, address, (message) => crypto.sign(message, keyPair.secretKey))
  const items: Item[] = []
  for (const seen of [head, null, head]) items.push(await writer.call(1, 'roll', [], seen))
  const [, , last] = items as [Item, Item, Item]
  const { core, keyPair: bob } = last.user
  const two = signBlocks(writer, bob, (await blocksOf(core)).slice(0, 2))
  await writer.commit([last], { heads: () => [two] })
  await writer.commit([await writer.call(0, 'roll'), await writer.call(0, 'roll')])
  // it throws where there is no evidence of one of them
  t.alike(found(await run(t, writer)), [
    'COMMIT_HEADS_WRONG call 2 block 7',
    'ACK_BEFORE_HEAD call 2 block 5',
    'TWO_HISTORIES call - block 2',
    'TWO_HISTORIES call - block 0'
  ])
})

test('audit - a head that the host has never signed accuses nobody of an ack before it', async (t) => {
  const writer = await Writer.deploy(t)
  const head = { ...(await writer.head()), length: 1000 }
  const items: Item[] = []
  for (const fork of [0, 1]) items.push(await writer.call(1, 'roll', [], { ...head, fork }))
  await writer.commit(items)
  const { findings, verdict } = await run(t, writer)
  t.alike(found({ findings }), [])
  t.is(verdict.verdict, 'clean')
  t.is(verdict.counts.falseHeads, 2)
})

test('audit - a log that ends before the head says nothing until the rest is there', async (t) => {
  const writer = await Writer.deploy(t)
  const item = await writer.call(1, 'add', ['a'])
  await writer.call(1, 'add', ['b'])
  await writer.commit([{ ...item, block: callOf('forged') }])
  const { core } = item.user
  const blocks = await blocksOf(core)
  const store = await copyStore(t, writer, core, blocks.slice(0, 1))
  const copy = { store, address: writer.address }
  const before = await run(t, copy)
  t.alike(found(before), [])
  t.alike(
    before.verdict.missing.map(({ reason, from, to }) => [reason, from, to]),
    [['missing', 1, 2]]
  )
  const { keyPair } = item.user
  await store.get({ manifest: core.manifest ?? fail(), keyPair }).append(blocks.slice(1))
  t.alike(found(await run(t, copy)), ['CALL_ALTERED call 2 block 5'])
})

test('audit - a user who writes on between commits, and within them, is clean', async (t) => {
  const writer = await Writer.deploy(t)
  const items: Item[] = []
  for (let i = 0; i < 600; i++) items.push(await writer.call(1, 'roll'))
  for (const size of [1, 200, 1, 255]) {
    await writer.commit(items.splice(0, size))
    await writer.ack(1, 1, 3)
    await writer.ack(0, 1, 3)
  }
  const audited = await run(t, writer)
  t.alike(found(audited), [])
  t.alike(audited.verdict.missing, [])
  t.is(audited.verdict.verdict, 'clean')
  t.is(audited.verdict.counts.unanswered, 143)
})

test.hook('audit - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

type Heads = (heads: UserHead[], before: UserHead[]) => UserHead[]

/** Tells the story, with a cheat in one batch: `heads` gets the users' newest heads before the batch as well. */
async function tell(
  t: Teardown,
  at: number,
  cheat: { heads?: Heads } = {},
  items: (items: Item[]) => Item[] = (honest) => honest,
  options: WriterOptions = {}
): Promise<Writer> {
  const writer = await Writer.deploy(t, options)
  for (const [batch, users] of STORY.entries()) {
    if (batch === 0) continue
    const before = [...new Set(users)].map((user) => {
      const it = writer.users[user] ?? fail()
      return it.core.length === 0 ? EMPTY : userHeadOf(it)
    })
    const honest: Item[] = []
    for (const user of users) honest.push(await writer.call(user, 'add', [`v${batch}`]))
    const wrong: Cheat =
      batch === at && cheat.heads !== undefined
        ? { heads: (heads) => cheat.heads?.(heads, before) ?? heads }
        : {}
    const told = batch === at ? items(honest) : honest
    if (told.length > 0) await writer.commit(told, wrong)
  }
  return writer
}

function callOf(text: string, head: Head | null = null): Uint8Array {
  return encodeUserEntry({ type: 'call', method: 'add', args: JSON.stringify([text]), head })
}

/** The last head with something else in it. */
function change(heads: UserHead[], other: (head: UserHead) => Partial<UserHead>): UserHead[] {
  return heads.map((head, i) => (i === heads.length - 1 ? { ...head, ...other(head) } : head))
}

function flip(signature: Uint8Array): Uint8Array {
  const flipped = b4a.from(signature)
  flipped[20] = (flipped[20] ?? 0) ^ 1
  return flipped
}

function hex(bytes: Uint8Array): string {
  return b4a.toString(bytes, 'hex')
}

/** A head of no blocks: as short as one can be. */
const EMPTY: UserHead = {
  length: 0,
  treeHash: b4a.alloc(32),
  signature: b4a.concat([b4a.from([1, 0]), b4a.alloc(66)])
}

function fail(): never {
  throw new Error('the test is wrong')
}
