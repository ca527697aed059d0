// What an audit keeps of the logs that it has read: numbers and hashes, and not the blocks that they are cut from.
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { Answers } from '../src/audit/answers.ts'
import { audit } from '../src/audit/audit.ts'
import { Report } from '../src/audit/findings.ts'
import { Heads, type Source } from '../src/audit/heads.ts'
import { LogReader } from '../src/audit/log-reader.ts'
import { Patience } from '../src/audit/patience.ts'
import { PublishedLog } from '../src/audit/published-log.ts'
import { UserCopy } from '../src/audit/user-copy.ts'
import { UserLog } from '../src/audit/user-log.ts'
import { encodeUserEntry } from '../src/protocol/entries.ts'
import { type Head, signHead } from '../src/protocol/head.ts'
import { userLogKey, userLogManifest } from '../src/protocol/manifest.ts'
import { encodeArgs } from '../src/protocol/values.ts'
import { closeVm, type Item, openShared, openStore, type Shown, Writer } from './audit-writer.ts'
import { type Teardown, tempDir } from './helpers.ts'
import { Random } from './random.ts'

const MEBIBYTE = 1024 * 1024
/** Of the arguments of a call, which is most of its block. */
const LARGE = 250_000
/** Calls of one user who has written more of them than are read at once. */
const TAIL = 150
const NONE = b4a.alloc(0)
/** Acks of a log that is not here. */
const ACKS = 20
const NOTHING = { reason: 'missing', log: 'user log', from: 0, to: null, message: '' } as const

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

test('memory - of the first calls of many users nothing is kept but whose they are', async (t) => {
  const writer = await Writer.deploy(t)
  for (let i = 0; i < 60; i++) await writer.commit([await newcomer(writer)])
  const { verdict, kept } = await keptBy(t, writer)
  t.is(verdict, 'clean')
  t.ok(kept < 6 * MEBIBYTE, `${kept} bytes are kept of ${2 * 60 * LARGE} that were read`)
})

test('memory - of what users have written ahead of the host little is read, however many they are', async (t) => {
  const writer = await Writer.deploy(t)
  for (let i = 0; i < 4; i++) {
    const item = await newcomer(writer)
    await item.user.core.append(Array(40).fill(item.block))
    await writer.commit([item])
  }
  const { verdict, kept } = await keptBy(t, writer)
  t.is(verdict, 'clean')
  t.ok(kept < 12 * MEBIBYTE, `${kept} bytes are kept of ${4 * 40 * LARGE} that were read`)
})

test('memory - of a head that nobody shows nothing is kept but the head', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(1, 'roll')])
  const { publicKey: key, secretKey } = writer.keyPair
  const beyond = { length: 100, fork: 0, treeHash: crypto.hash(key) }
  const head = signHead(beyond, writer.address, (message) => crypto.sign(message, secretKey))
  // so much that it is not read at once
  for (let i = 0; i < TAIL; i++) await writer.write(1, largeCall(head))
  const { verdict, kept } = await keptBy(t, writer)
  t.is(verdict, 'violation')
  t.ok(kept < 6 * MEBIBYTE, `${kept} bytes are kept of ${TAIL * LARGE} that were read`)
})

test('memory - of an answer that is not here to compare nothing is kept but the answer', async (t) => {
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(1, 'roll')])
  const head = await writer.head()
  const lie = { entry: 1, index: 0, result: b4a.alloc(LARGE) }
  const answers = [lie, { entry: 1, index: 1000, result: b4a.alloc(1) }]
  for (let i = 0; i < TAIL; i++)
    await writer.write(1, encodeUserEntry({ type: 'ack', answers, head }))
  const { verdict, kept } = await keptBy(t, writer)
  t.is(verdict, 'clean')
  t.ok(kept < 6 * MEBIBYTE, `${kept} bytes are kept of ${TAIL * LARGE} that were read`)
})

test('memory - of heads that peers tell of a log without end those are kept that it comes to first', (t) => {
  const { publicKey, secretKey } = crypto.keyPair()
  const address = crypto.hash(b4a.from('a call log'))
  const heads = new Heads(address, publicKey, new Report())
  const tell = (length: number, source: Partial<Source>) => {
    const head = { length, fork: 0, treeHash: crypto.hash(address) }
    const signed = signHead(head, address, (message) => crypto.sign(message, secretKey))
    heads.claim(signed, { log: null, block: length - 1, ...source })
  }
  tell(9_000, {})
  for (let length = 2_000; length > 0; length--) tell(length, { hearsay: true })
  t.alike(
    heads.open.toSorted((a, b) => a - b),
    [...Array.from({ length: 1_024 }, (_, i) => i + 1), 9_000]
  )
  heads.note(1, crypto.hash(b4a.alloc(1)))
  heads.settle()
  tell(1_500, { hearsay: true })
  t.is(heads.open.length, 1_025)
  t.is(heads.openTo, 9_000)
})

test('memory - of a log that nobody shows the heads in commits are not kept', async (t) => {
  const { state } = await checkedWithout(t, false)
  t.alike(state.expected, [])
  t.is(state.expectedTo, ACKS)
})

test('memory - of a log that is not waited for no acks are kept, nor where those of others take all the room', async (t) => {
  const { state, trouble } = await checkedWithout(t, true)
  t.alike([state.expected, trouble?.waiting, trouble?.gaveUp], [[], [], true])
  const core = (await openStore(t)).get({ name: 'empty' })
  await core.ready()
  const reader = new LogReader(core, core.key, { log: 'user log' }, new Patience(0))
  for (const [count, kept] of [
    [0, ACKS],
    [65_536, 0]
  ] as const) {
    const waiting = { count, bytes: 0 }
    const rest = await checkedWithout(t, true, new UserCopy(reader), waiting)
    t.is(rest.trouble?.waiting.length, kept)
    t.is(waiting.count, count + kept)
  }
})

test('memory - of the commits of an archive that nobody shows forty bytes are kept of each of its logs', async (t) => {
  const commits = 50_000
  const archive = new PublishedLog('archive', (await openStore(t)).get({ name: 'archive' }))
  const random = new Random()
  const seed = random.bytes(32)
  const versions = Array.from({ length: 200 }, (_, i) => ({
    length: i,
    treeHash: random.bytes(32)
  }))
  const nothing = { length: 0, treeHash: seed }
  await external()
  const before = process.memoryUsage()
  for (let length = 1; length <= commits; length++) {
    const treeHash = new Uint8Array(seed)
    new DataView(treeHash.buffer).setUint32(0, length)
    archive.note({ archive: { length, treeHash }, blobs: nothing })
  }
  await external()
  const after = process.memoryUsage()
  const kept = after.heapUsed + after.external - before.heapUsed - before.external
  t.ok(kept < 60 * commits, `${kept} bytes of ${commits} commits`)
  const at = new Uint8Array(seed)
  new DataView(at.buffer).setUint32(0, 777)
  const head = { length: 777, fork: 0, treeHash: at, signature: NONE }
  t.ok(archive.isNamed(head))
  t.absent(archive.isNamed({ ...head, length: 778 }))
  t.absent(archive.isNamed({ ...head, length: commits + 1 }))
  // a host that goes back and forth
  for (const { length, treeHash } of versions.reverse()) {
    if (length % 10 === 0) archive.note({ archive: { length, treeHash }, blobs: nothing })
  }
  const named = versions.filter((it) => archive.isNamed({ ...it, fork: 0, signature: NONE }))
  t.alike(
    named.map(({ length }) => length),
    versions.map(({ length }) => length).filter((length) => length % 10 === 0)
  )
  archive.see({ ...head, length: 100 })
  archive.prune()
  t.ok(archive.isNamed(head))
  t.alike(
    named
      .filter((it) => archive.isNamed({ ...it, fork: 0, signature: NONE }))
      .map(({ length }) => length),
    [190, 180, 170, 160, 150, 140, 130, 120, 110, 100]
  )
})

/** A log of so many calls, each of which a commit covers, and of which nothing is here. */
async function checkedWithout(
  t: Teardown,
  isLive: boolean,
  copy: UserCopy = new UserCopy(NOTHING),
  waiting = { count: 0, bytes: 0 }
) {
  const address = crypto.hash(b4a.from('a call log'))
  const { publicKey, secretKey } = crypto.keyPair()
  const key = userLogKey(publicKey, address)
  const report = new Report()
  const place = { log: 'call log', block: 1 } as const
  const log = new UserLog({ id: 'bob', publicKey, key }, copy, {
    heads: new Heads(address, publicKey, report),
    report,
    answers: new Answers((await openStore(t)).get({ name: 'call log' }), report),
    told: new Set(),
    waiting,
    isLive: () => isLive,
    patience: new Patience(0),
    shown: { shownBy: () => null }
  })
  for (let entry = 1; entry <= ACKS; entry++) {
    const head = { length: entry, fork: 0, treeHash: crypto.hash(key) }
    log.expect(
      signHead(head, key, (message) => crypto.sign(message, secretKey)),
      place
    )
    const ack = {
      type: 'ack',
      seq: entry,
      user: publicKey,
      entry,
      call: NONE,
      time: 0,
      previous: 0
    } as const
    await log.check({ ack, caller: 'bob', asked: null, index: entry })
  }
  if (report.findings > 0) throw new Error('nobody has done anything')
  return log.rest()
}

test('memory - a large block that many answers name is read once', async (t) => {
  const writer = await Writer.deploy(t)
  const call = { type: 'call', method: 'roll', head: null } as const
  const args = encodeArgs(['x'.repeat(LARGE)])
  const index = await writer.commit([await writer.write(1, encodeUserEntry({ ...call, args }))])
  const head = await writer.head()
  const answers = Array.from({ length: 256 }, (_, entry) => ({ entry, index, result: NONE }))
  await writer.write(1, encodeUserEntry({ type: 'ack', answers, head }))
  const before = await external()
  let most = 0
  const measuring = setInterval(() => {
    most = Math.max(most, process.memoryUsage().external - before)
  }, 1)
  const { verdict } = await keptBy(t, writer)
  clearInterval(measuring)
  t.is(verdict, 'clean')
  t.ok(most < 16 * MEBIBYTE, `${most} bytes at once, of a block of ${LARGE}`)
})

test.hook('memory - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

function largeCall(head: Head | null = null): Uint8Array {
  const args = encodeArgs(['x'.repeat(LARGE)])
  return encodeUserEntry({ type: 'call', method: 'roll', args, head })
}

/** A call of somebody who has never called before. */
async function newcomer({ store, address }: Writer): Promise<Item> {
  const keyPair = crypto.keyPair()
  const { signers, ...manifest } = userLogManifest(keyPair.publicKey, address)
  const core = store.get({ manifest: { ...manifest, signers: [...signers] }, keyPair })
  await core.ready()
  const block = largeCall()
  await core.append([block])
  return { user: { keyPair, core, lastAck: 0 }, entry: 1, block }
}

/** How many bytes outside of the heap an audit has when it comes to its verdict, and has not any more behind it. */
async function keptBy(t: Teardown, { address, store }: Shown) {
  const dir = await tempDir(t)
  let verdict: string | null = null
  let held = 0
  for await (const event of audit({ address, store, dir, patience: 0, openVm: openShared })) {
    if (event.type !== 'verdict') continue
    verdict = event.verdict
    held = await external()
  }
  return { verdict, kept: held - (await external()) }
}

/** What native code has allocated is given back a moment after it is collected. */
async function external(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    collect()
    await sleep(20)
  }
  return process.memoryUsage().external
}
