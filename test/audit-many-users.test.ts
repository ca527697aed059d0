// Of how many users a log is costs an audit little: most of their logs are closed at any time, and go on where they were.
import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { type AuditOptions, audit } from '../src/audit/audit.ts'
import { Checkpoints } from '../src/audit/checkpoint.ts'
import type { Finding } from '../src/audit/findings.ts'
import { encodeUserEntry } from '../src/protocol/entries.ts'
import type { Head } from '../src/protocol/head.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { userLogManifest } from '../src/protocol/manifest.ts'
import { encodeArgs } from '../src/protocol/values.ts'
import {
  closeVm,
  found,
  type Item,
  openShared,
  openStore,
  replicate,
  signBlocks,
  type User,
  userHeadOf,
  Writer
} from './audit-writer.ts'
import { closeOwnVm, Follower } from './follower.ts'
import { tempDir } from './helpers.ts'

/** More than are open at a time, which are 512. */
const USERS = 560
const OPEN = 512
/** Of a batch. */
const BATCH = 140
/** What a host has open beside them: three logs, and those of two users. */
const OTHERS = 5

test('audit - the logs of most users are closed at any time, and nothing is lost by it', async (t) => {
  const writer = await Writer.deploy(t)
  const users = usersOf(USERS)
  const callsOf = async (some: typeof users) => {
    const items: Item[] = []
    for (const user of some) items.push(await callOf(writer, user))
    return items
  }
  for (let i = 0; i < USERS; i += BATCH) {
    await writer.commit(await callsOf(users.slice(i, i + BATCH)))
  }
  const dir = await tempDir(t)
  const first = await run(writer, { dir })
  t.is(first.verdict, 'clean')
  t.is(first.users, USERS + 1)
  t.is(first.entries, USERS + 1)
  t.ok(first.open <= OPEN + OTHERS, `${first.open} logs are open`)
  // what is written of them is what the text of all at once would be
  const kept = await new Checkpoints(dir, encodeId(writer.address), writer.address).read()
  t.is(kept !== null && 'checkpoint' in kept && kept.checkpoint.users.logs.length, USERS + 1)

  const [liar, other] = users
  if (liar === undefined || other === undefined) throw new Error('there are users')
  // the first ones were closed for the last ones
  const forged = await callOf(writer, liar)
  const block = encodeUserEntry({ type: 'call', method: 'roll', args: encodeArgs([1]), head: null })
  const items = [{ ...forged, block }, ...(await callsOf([other, ...users.slice(-4)]))]
  const at = await writer.commit(items)
  for (const options of [{ dir }, { dir: await tempDir(t) }]) {
    const then = await run(writer, options)
    t.alike(found(then), [`CALL_ALTERED call ${writer.seq - items.length + 1} block ${at}`])
    t.is(then.entries, USERS + 1 + items.length)
    t.ok(then.open <= OPEN + OTHERS, `${then.open} logs are open`)
  }
})

test('follow - of a log that was closed all is read in the end', async (t) => {
  const writer = await Writer.deploy(t, { seed: 'two histories' })
  const other = await Writer.deploy(t, { seed: 'two histories' })
  await other.commit([await other.call(0, 'add', ['else'])])
  const users = usersOf(USERS)
  const [user] = users
  if (user === undefined) throw new Error('there are users')
  const write = async (head: Head) => {
    const { core } = await openUser(writer, user)
    await core.append([encodeUserEntry({ type: 'ack', answers: [], head })])
  }
  await writer.commit([await callOf(writer, user)])
  await write(await writer.head())
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const follower = await Follower.open(t, { store, address: writer.address, patience: 10_000 })
  await follower.until('following')
  // it is closed for others, of which there are too many for its turn to come soon
  for (let i = 1; i < USERS; i += BATCH) {
    const items: Item[] = []
    for (const one of users.slice(i, i + BATCH)) items.push(await callOf(writer, one))
    await writer.commit(items)
  }
  await follower.replayed(writer.seq)
  await write(await other.head())
  const { findings, verdict } = await follower.stop()
  t.alike(found({ findings }), ['TWO_HISTORIES call - block 2'])
  t.alike(verdict.missing, [])
  t.is(verdict.counts.userEntries, USERS + 3)
  await end()
})

test('follow - logs of which acks wait for more are closed like all others, and made up for', async (t) => {
  const writer = await Writer.deploy(t)
  const users = usersOf(USERS)
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const follower = await Follower.open(t, { store, address: writer.address, patience: 10_000 })
  // from here on it waits for nobody
  await follower.until('following')
  for (let i = 0; i < USERS; i += BATCH / 2) {
    const items: Item[] = []
    for (const user of users.slice(i, i + BATCH / 2)) {
      const first = await callOf(writer, user)
      const head = signBlocks(writer, user.keyPair, [first.block, first.block])
      const both = Object.assign(user, { core: first.user.core, head })
      items.push(
        { ...first, user: both },
        { user: both, entry: ++user.entries, block: first.block }
      )
    }
    await writer.commit(items)
  }
  await follower.replayed(writer.seq)
  const open = [...store.cores].filter((core) => core.hasSession()).length
  t.ok(open > OPEN && open <= OPEN + OTHERS, `${open} logs are open`)
  for (const user of users) {
    const { core } = await openUser(writer, user)
    await core.append([(await core.get(0)) ?? b4a.alloc(0)])
    await core.close()
  }
  const { findings, verdict } = await follower.stop()
  t.alike(found({ findings }), [])
  t.alike(verdict.missing, [])
  t.is(verdict.counts.userEntries, 2 * USERS + 1)
  await end()
})

test.hook('audit - the VM of these tests closes', async (t) => {
  await t.execution(Promise.all([closeVm(), closeOwnVm()]))
})

function usersOf(count: number) {
  return Array.from({ length: count }, (_, i) => {
    const keyPair = crypto.keyPair(crypto.hash(b4a.from(`user ${i}`)))
    return { keyPair, lastAck: 0, entries: 0 }
  })
}

/** A call of a user, whose log is closed again. */
async function callOf(
  writer: Writer,
  user: { readonly keyPair: User['keyPair']; lastAck: number; entries: number }
): Promise<Item> {
  const { keyPair, core } = await openUser(writer, user)
  const block = encodeUserEntry({ type: 'call', method: 'roll', args: encodeArgs([]), head: null })
  await core.append([block])
  const head = userHeadOf({ keyPair, core, lastAck: 0 })
  await core.close()
  return { user: Object.assign(user, { core, head }), entry: ++user.entries, block }
}

async function openUser({ store, address }: Writer, { keyPair }: Pick<User, 'keyPair'>) {
  const { signers, ...manifest } = userLogManifest(keyPair.publicKey, address)
  const core = store.get({ manifest: { ...manifest, signers: [...signers] }, keyPair })
  await core.ready()
  return { keyPair, core }
}

async function run({ store, address }: Writer, options: Pick<AuditOptions, 'dir'>) {
  const findings: Finding[] = []
  for await (const event of audit({
    address,
    store,
    patience: 0,
    openVm: openShared,
    ...options
  })) {
    if (event.type === 'finding') findings.push(event.finding)
    if (event.type !== 'verdict') continue
    const open = [...store.cores].filter((core) => core.hasSession()).length
    const { users, userEntries: entries } = event.counts
    return { verdict: event.verdict, findings, users, entries, open }
  }
  throw new Error('an audit ends with a verdict')
}
