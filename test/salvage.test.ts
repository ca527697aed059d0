// Databases of hosts with blocks that the disk has damaged: what can be read goes on, the rest comes back from others.
import { cp, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type Test } from 'brittle'
import CorestoreStorage from 'hypercore-storage'
import { audit, Client } from 'mivm'
import { recover } from '../src/copies/recovery.ts'
import { repair } from '../src/copies/repair.ts'
import { type SalvageEvent, salvage } from '../src/copies/salvage.ts'
import type { Host } from '../src/host/host.ts'
import { Restored } from '../src/host/restored.ts'
import { SetBacks } from '../src/host/set-back.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { decodeId, encodeId } from '../src/protocol/ids.ts'
import { readIdentity } from '../src/state/identity.ts'
import { DATA, PAGE } from '../src/state/keys.ts'
import { coverTables } from '../src/state/parity.ts'
import { isWhole, salvage as salvageStore } from '../src/state/salvage.ts'
import { closeStore, openStore, settleStore } from '../src/state/store.ts'
import { startHost } from './cli.ts'
import { codeOf, keep, tempDir } from './helpers.ts'
import { localNetwork } from './local-network.ts'
import { Random } from './random.ts'
import { copyDirectory, type Mirrored, Scene, SOURCE } from './set-back-scene.ts'

const INSTANCES = 3
const CALLS = 120
const ROUNDS = Number(process.env['MIVM_ROUNDS'] ?? 2)

test('salvage - whatever block is damaged, the others are served, and all comes back from a mirror', async (t) => {
  const all = await fillMirrored(t)
  const { scene } = all
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const counts = { beyond: 0, blocks: 0, gone: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    await scene.keep('healed')
    await dropNotes(path.join(scene.dir, 'store', 'db'))
    const where = await flipSome(path.join(scene.dir, 'store', 'db'), random)
    const event = await salvage(scene.dir).catch(tooMuch)
    if (typeof event === 'string') {
      t.comment(`${where}: ${event}`)
      counts.beyond++
      await scene.setBack('healed')
      continue
    }
    if (event === null) {
      // in a table that is not in use any more, or in a part of one that is not needed
      t.comment(`${where}: nothing is lost`)
      continue
    }
    t.ok(event.lost > 0, `${where}: ${event.gone.length} gone`)
    counts[event.gone.length === 0 ? 'blocks' : 'gone']++
    await check(t, all, event)
  }
  // where the keys of a run put what decides which of these it is
  t.comment(JSON.stringify(counts))
})

test('salvage - one that is interrupted is finished by whoever opens the store', async (t) => {
  const { scene } = await fill(t)
  const dir = path.join(scene.dir, 'store')
  // the copy is whole, and the database is on its way out
  await cp(path.join(dir, 'db'), path.join(dir, 'salvaged', 'db'), { recursive: true })
  await rename(path.join(dir, 'db'), path.join(dir, 'db-damaged'))
  const { host } = await scene.start()
  t.is(host.instances.length, INSTANCES)
  await host.close()
  t.alike((await readdir(dir)).sort(), ['CORESTORE', 'db'])
  // the copy is not whole yet
  await cp(path.join(dir, 'db'), path.join(dir, 'salvaged', 'db'), { recursive: true })
  await writeFile(path.join(dir, 'salvaged', 'db', 'CURRENT'), 'nothing\n')
  const again = await scene.start()
  t.is(again.host.instances.length, INSTANCES)
  await again.host.close()
  // what was to be replaced is out of the way, and the copy not named whole
  await rename(path.join(dir, 'db'), path.join(dir, 'db-damaged'))
  await rename(path.join(dir, 'salvaged'), path.join(dir, 'salvaging'))
  const last = await scene.start()
  t.is(last.host.instances.length, INSTANCES)
  await last.host.close()
})

test('salvage - a host does it by itself when its database takes nothing more', async (t) => {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const start = () => startHost(t, path.join(dir, 'host'), [], `--bootstrap=${bootstrap.join()}`)
  const client = await Client.open({ dir: path.join(dir, 'client'), bootstrap, timeout: 60_000 })
  t.teardown(() => client.close(), { order: 1 })
  const first = await start()
  const links: string[] = []
  for (let i = 0; i < INSTANCES; i++) {
    const { link } = await client.deploy({ host: first.id, source: SOURCE })
    await Promise.all(textsOf(i).map((text) => client.call(link, 'add', [text])))
    links.push(link)
  }
  t.is(await first.stop(), 0)
  const db = path.join(dir, 'host', 'host', 'store', 'db')
  t.ok(await flipAt(db, markOf(1, CALLS / 2)), 'a bit on the disk')
  // the fourth table of a start has it merge all of them, and come upon the bit
  let host = await start()
  const isSalvaged = () => host.events.some(({ type }) => type === 'salvaged')
  for (let starts = 1; starts < 8 && !isSalvaged(); starts++) {
    t.is(await codeOf(client.call(links[0] ?? '', 'add', [])), 'none')
    t.is(await host.stop(), 0)
    host = await start()
    for (let i = 0; i < 20 && !isSalvaged(); i++) {
      await codeOf(client.call(links[0] ?? '', 'add', []))
      await sleep(50)
    }
  }
  t.ok(isSalvaged())
  for (const [i, link] of links.entries()) {
    if (i === 1) continue
    t.is(await client.call(link, 'read', [1]), textsOf(i)[0])
    t.is(await codeOf(client.call(link, 'add', [])), 'none')
    for await (const event of audit({ address: link, dir: path.join(dir, 'auditor'), bootstrap })) {
      if (event.type === 'verdict') t.is(event.verdict, 'clean')
    }
  }
  t.is(host.child.exitCode, null, 'it is the same process')
  t.is(await host.stop(), 0)
})

test('salvage - who opens the store meanwhile is refused, or comes before', async (t) => {
  const dir = await tempDir(t)
  const storeDir = path.join(dir, 'store')
  const store = await openStore(storeDir)
  const log = store.get({ name: 'log' })
  for (let i = 0; i < 500; i++) await log.append(Buffer.from(markOf(0, i).repeat(10)))
  await settleStore(store)
  await closeStore(store)
  t.ok(await flipAt(path.join(storeDir, 'db'), markOf(0, 250)))
  const open = () => openStore(storeDir)
  const damaged = await open()
  const { kept, lost } = await salvageStore(storeDir, damaged, async () => {
    t.is(await codeOf(open()), 'DIRECTORY_LOCKED', 'while it is copied')
  })
  t.is(lost.length, 1)
  t.ok(kept > 1400, 'a block of a table has some dozens of entries')
  const again = await open()
  t.ok(await isWhole(again.storage.db))
  // somebody is there as soon as the directory is let go of
  await closeStore(again)
  t.ok(await flipAt(path.join(storeDir, 'db'), markOf(0, 400)))
  const once = await open()
  const end = once.storage.close.bind(once.storage)
  const others: Awaited<ReturnType<typeof open>>[] = []
  once.storage.close = async () => {
    await end()
    others.push(await open())
  }
  t.is(await codeOf(salvageStore(storeDir, once, async () => {})), 'DIRECTORY_LOCKED')
  for (const other of others) {
    t.absent(await isWhole(other.storage.db), 'it has what there was before')
    await closeStore(other)
  }
  const last = await open()
  t.absent(await isWhole(last.storage.db), 'and so has whoever comes next')
  await closeStore(last)
})

test('salvage - all that is lost lies in a gap that is told, and nothing becomes older', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const dir = await tempDir(t)
  let gaps = 0
  for (let round = 0; round < 6 * ROUNDS; round++) {
    const storeDir = path.join(dir, `${round}`)
    const expected = await fillTables(storeDir, random)
    const places = 1 + random.below(4)
    for (let i = 0; i < places; i++) await flipSome(path.join(storeDir, 'db'), random)
    const damaged = await openStore(storeDir).catch(() => null)
    if (damaged === null) continue
    const { lost } = await salvageStore(storeDir, damaged, async () => {})
    gaps += lost.length
    const store = await openStore(storeDir)
    const found = new Map<string, string>()
    for await (const { key, value } of store.storage.db.iterator({})) {
      found.set(hexOf(key), hexOf(value))
    }
    await closeStore(store)
    const isTold = (key: string) =>
      lost.some(({ after, before }) => {
        return (!after || hexOf(after) < key) && (!before || key < hexOf(before))
      })
    // what a store has to have is made anew with the next start
    const wrong = [...found].filter(([key, value]) => expected.get(key) !== value && !isTold(key))
    const silent = [...expected.keys()].filter((key) => !found.has(key) && !isTold(key))
    t.alike([wrong, silent], [[], []], `${lost.length} gaps`)
  }
  t.ok(gaps > 0)
})

/** Entries as a store has them, in several tables, some of them written again and some deleted; what there is in the end. */
async function fillTables(dir: string, random: Random): Promise<ReadonlyMap<string, string>> {
  const store = await openStore(dir)
  const { db } = store.storage
  for (let table = 0; table < 3; table++) {
    const batch = db.write({ autoDestroy: true })
    for (let i = 0; i < 600; i++) {
      const kind = random.below(9)
      const key = Buffer.from([DATA, random.below(4), kind, random.below(0xfc)])
      if (random.chance(0.1)) batch.tryDelete(key)
      else batch.tryPut(key, random.bytes(random.chance(0.1) ? 5000 : 1 + random.below(200)))
    }
    await batch.flush()
    await db.flush()
  }
  const entries = new Map<string, string>()
  for await (const { key, value } of db.iterator({})) entries.set(hexOf(key), hexOf(value))
  await closeStore(store)
  return entries
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

test('salvage - what is lost of an instance beside its bitfield is not taken for a part of that', async (t) => {
  const { scene, addresses } = await fill(t)
  const [address = ''] = addresses
  const dir = path.join(scene.dir, 'store')
  const store = await openStore(dir)
  const key = decodeId(address)
  const log = store.get({ key })
  await log.ready()
  // so many users that they have a file of their own, as the bitfield has
  const users = Array.from({ length: 100 }, (_, i) => encodeId(Buffer.alloc(32, i + 1)))
  await log.setUserData('pending', Buffer.from(users.join()))
  const info = await store.storage.getInfo(log.discoveryKey)
  await settleStore(store)
  await closeStore(store)
  await writeWholePage(dir, log.discoveryKey)
  const page = Buffer.from([DATA, info?.core.dataPointer ?? 0, PAGE, 0, 0])
  t.ok(await flipValue(path.join(dir, 'db'), page), 'a bit of the bitfield')
  const reads = countReads(t)
  t.alike((await salvage(scene.dir))?.gone, [], 'it is made anew')
  t.ok(reads.most > 0 && reads.most <= 64, `${reads.most} blocks in memory`)
  t.ok(await flipValue(path.join(dir, 'db'), page), 'the same')
  t.ok(await flipAt(path.join(dir, 'db'), users[50] ?? '', '.blob'), 'and one of who waits')
  const event = await salvage(scene.dir)
  t.alike(event?.gone, [address], 'who waited there nobody knows')
})

test('salvage - an instance that a crash has left out of the list is removed where too little is left of it', async (t) => {
  const { scene, addresses, links } = await fill(t)
  const address = addresses.at(-1) ?? ''
  const dir = path.join(scene.dir, 'store')
  const store = await openStore(dir)
  // as a crash leaves it that comes between its first commit and its place in the list
  const index = store.get({ name: 'instances' })
  await index.ready()
  await index.truncate(INSTANCES - 1)
  await closeStore(store)
  await loseNotes(t, dir, address)
  t.alike((await salvage(scene.dir))?.gone, [address])
  const { host } = await scene.start()
  t.is(host.instances.length, INSTANCES - 1)
  const bob = await scene.client('bob', 5_000)
  t.not(await codeOf(bob.call(links.at(-1) ?? '', 'read', [1])), 'none', 'it is not there')
  t.is(await codeOf(bob.call(links[0] ?? '', 'read', [1])), 'none', 'others are')
  await bob.close()
  await host.close()
  // signed again it would be a second history
  const setBacks = await SetBacks.open(scene.dir, decodeId(host.id))
  t.alike(setBacks.addresses, [address])
})

test('salvage - one that comes to nothing leaves no instance marked as set back', async (t) => {
  const { scene, addresses } = await fill(t)
  const [address = ''] = addresses
  const dir = path.join(scene.dir, 'store')
  const id = (await readIdentity(scene.dir, 'host')).keyPair.publicKey
  await loseNotes(t, dir, address)
  const close = keep(t, CorestoreStorage.prototype, 'close')
  CorestoreStorage.prototype.close = async function () {
    await close.call(this)
    const marks = await SetBacks.open(scene.dir, id)
    if (marks.addresses.length > 0) throw new Error('interrupted')
  }
  await t.exception(salvage(scene.dir), /interrupted/)
  CorestoreStorage.prototype.close = close
  t.alike((await SetBacks.open(scene.dir, id)).addresses, [])
  t.alike((await salvage(scene.dir))?.gone, [address], 'the next one removes it')
  t.alike((await SetBacks.open(scene.dir, id)).addresses, [address])
})

test('salvage - what would take an instance away is as it was where there is a note beside the table', async (t) => {
  const { scene, addresses, links } = await fill(t)
  const dir = path.join(scene.dir, 'store')
  await loseNotes(t, dir, addresses[0] ?? '', { isCovered: true })
  const told: string[] = []
  t.is(await salvage(scene.dir, false, (message) => told.push(message)), null, 'nothing is lost')
  t.is(told.length, 1)
  t.ok(/^the disk had damaged, or lost, [^\n]+\.blob: it is as it was/.test(told[0] ?? ''), told[0])
  t.absent(await Restored.find(scene.dir), 'nor does it look for what others have')
  const { host } = await scene.start()
  t.is(host.instances.length, INSTANCES)
  const bob = await scene.client('bob')
  for (const [i, link] of links.entries()) t.is(await bob.call(link, 'read', [1]), textsOf(i)[0])
})

/** Counts the blocks of a log that are read at once. */
function countReads(t: Test): { most: number } {
  const reads = { most: 0 }
  const resumeCore = keep(t, CorestoreStorage.prototype, 'resumeCore')
  CorestoreStorage.prototype.resumeCore = async function (key) {
    const core = await resumeCore.call(this, key)
    const read = core?.read.bind(core)
    if (core === null || read === undefined) return core
    core.read = () => {
      const rx = read()
      const getBlock = rx.getBlock.bind(rx)
      let count = 0
      rx.getBlock = (index) => {
        reads.most = Math.max(reads.most, ++count)
        return getBlock(index)
      }
      return rx
    }
    return core
  }
  return reads
}

/** Damages what an instance of a closed host has noted of its users; `isCovered`: with what it can be mended beside it. */
async function loseNotes(
  t: Test,
  dir: string,
  address: string,
  { isCovered = false } = {}
): Promise<void> {
  const store = await openStore(dir)
  const log = store.get({ key: decodeId(address) })
  await log.ready()
  // so many that they have a file of their own
  const users = Array.from({ length: 100 }, (_, i) => encodeId(Buffer.alloc(32, i + 1)))
  await log.setUserData('pending', Buffer.from(users.join()))
  await settleStore(store)
  await closeStore(store)
  if (isCovered) await coverTables(path.join(dir, 'db'), { isClosed: true })
  t.ok(await flipAt(path.join(dir, 'db'), users[50] ?? '', '.blob'))
}

async function dropNotes(db: string): Promise<void> {
  const names = await readdir(db)
  for (const name of names) if (name.endsWith('.parity')) await rm(path.join(db, name))
}

/** The directory of a closed host with some instances, which is filled once for all tests that want no more. */
async function fill(t: Test): Promise<Filled> {
  filled ??= fillOnce(t)
  const { dir, addresses, links } = await filled
  const scene = await Scene.open(t)
  await copyDirectory(dir, scene.dir)
  return { scene, addresses, links }
}

async function fillOnce(t: Test) {
  const { scene, addresses, links } = await fillHost(t, async () => {})
  const dir = await mkdtemp(path.join(tmpdir(), 'mivm-filled-'))
  await cp(scene.dir, dir, { recursive: true })
  return { dir, addresses, links }
}

let filled: ReturnType<typeof fillOnce> | null = null

test.hook('salvage - what was filled for these tests goes', async (t) => {
  const { dir } = (await filled) ?? {}
  if (dir !== undefined) await t.execution(rm(dir, { recursive: true }))
})

interface Filled {
  readonly scene: Scene
  readonly addresses: readonly string[]
  readonly links: readonly string[]
}

/** The same with a mirror that has all of it as well. */
async function fillMirrored(t: Test): Promise<Filled & { readonly mirrored: Mirrored }> {
  let mirrored: Mirrored | null = null
  const all = await fillHost(t, async ({ scene, addresses, links }, host) => {
    mirrored = await scene.mirror(links)
    for (const address of addresses) await mirror(host, address, mirrored)
  })
  if (mirrored === null) throw new Error('no mirror')
  return { ...all, mirrored }
}

/** Does something else before the host is closed. */
async function fillHost(
  t: Test,
  before: (filled: Filled, host: Host) => Promise<void>
): Promise<Filled> {
  const scene = await Scene.open(t)
  const { host } = await scene.start()
  const alice = await scene.client('alice')
  const deployed = []
  for (let i = 0; i < INSTANCES; i++) {
    const one = await alice.deploy({ host: host.id, source: SOURCE })
    await Promise.all(textsOf(i).map((text) => alice.call(one.link, 'add', [text])))
    deployed.push(one)
  }
  const links = deployed.map(({ link }) => link)
  const addresses = deployed.map(({ address }) => address)
  await alice.close()
  await before({ scene, addresses, links }, host)
  await host.close()
  return { scene, addresses, links }
}

/** Resolves when a mirror has all that a host has of an instance. */
async function mirror(host: Host, address: string, { whole }: Mirrored): Promise<void> {
  await whole(address, (await host.instance(decodeId(address))).head.length)
}

async function check(
  t: Test,
  { scene, links, addresses, mirrored }: Awaited<ReturnType<typeof fillMirrored>>,
  { gone }: SalvageEvent
): Promise<void> {
  const store = await openStore(path.join(scene.dir, 'store'))
  t.ok(await isWhole(store.storage.db), 'all that is there can be read')
  await closeStore(store)
  const { host } = await scene.start()
  const bob = await scene.client('bob', 20_000)
  for (const [i, link] of links.entries()) {
    const outcome = await codeOf(bob.call(link, 'read', [1]))
    const isGone = gone.includes(addresses[i] ?? '')
    const expected = isGone ? REFUSED : ['none', ...REFUSED]
    t.ok(expected.includes(outcome), `instance ${i}, ${isGone ? 'gone' : 'there'}: ${outcome}`)
    if (outcome === 'none') await mirror(host, addresses[i] ?? '', mirrored)
  }
  await bob.close()
  await host.close()
  const { dir, bootstrap } = scene
  const options = { dir, bootstrap, patience: 15_000 }
  for (const event of await repair(options)) {
    const isGone = gone.includes(event.address)
    t.is(event.type === 'unrepaired', isGone, event.type === 'unrepaired' ? event.message : '')
  }
  for (const event of await recover(options)) {
    t.not(event.type, 'unrecovered', event.type === 'unrecovered' ? event.message : event.type)
  }
  for (const address of addresses) {
    t.is((await scene.look(decodeId(address))).verdict, 'clean', 'nothing is lost')
  }
}

const REFUSED: readonly string[] = ['INSTANCE_DAMAGED', 'INSTANCE_SET_BACK']

function tooMuch(error: unknown): string {
  if (error instanceof MivmError && error.code === 'DIRECTORY_DAMAGED') return error.message
  throw error
}

/** Flips a bit or two of a table, or of values that have a file of their own; says where. */
async function flipSome(db: string, random: Random): Promise<string> {
  const files = (await readdir(db)).filter((name) => /\.(sst|blob)$/.test(name))
  const tables = files.filter((name) => name.endsWith('.sst'))
  const those = random.chance(0.7) ? tables : files
  const file = path.join(db, those[random.below(those.length)] ?? '')
  const bytes = await readFile(file)
  const places = Array.from({ length: 1 + random.below(2) }, () => random.below(bytes.byteLength))
  for (const at of places) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
  await writeFile(file, bytes)
  return `${path.basename(file)}, ${places.join(' and ')} of ${(await stat(file)).size}`
}

/** Writes the first page of the bitfield of a log as Hypercore does: it is large enough then to have a file of its own. */
async function writeWholePage(dir: string, discoveryKey: Uint8Array): Promise<void> {
  const storage = new CorestoreStorage(dir)
  await storage.ready()
  const log = await storage.resumeCore(discoveryKey)
  const read = log?.read()
  const page = read?.getBitfieldPage(0)
  read?.tryFlush()
  const write = log?.write()
  write?.putBitfieldPage(0, (await page) ?? Buffer.alloc(0))
  await write?.flush()
  await storage.db.flush()
  await storage.close()
}

/** Flips a bit of each value that is in a file of its own under a key. */
async function flipValue(db: string, key: Uint8Array): Promise<boolean> {
  // before the key: its size and that of the value, 8 bytes each, when it expires, and two sums
  const size = Buffer.alloc(8)
  size.writeUInt32LE(key.byteLength)
  let isFound = false
  for (const name of (await readdir(db)).filter((it) => it.endsWith('.blob'))) {
    const file = path.join(db, name)
    const bytes = await readFile(file)
    for (let at = bytes.indexOf(key); at >= 0; at = bytes.indexOf(key, at + 1)) {
      if (at < 32 || !bytes.subarray(at - 32, at - 24).equals(size)) continue
      const value = at + key.byteLength
      bytes[value] = (bytes[value] ?? 0) ^ 1
      isFound = true
    }
    await writeFile(file, bytes)
  }
  return isFound
}

/** Flips a bit of a text in the tables of a database, or in other files of it. */
async function flipAt(db: string, text: string, extension = '.sst'): Promise<boolean> {
  for (const name of (await readdir(db)).filter((it) => it.endsWith(extension))) {
    const file = path.join(db, name)
    const bytes = await readFile(file)
    const at = bytes.indexOf(text)
    if (at < 0) continue
    bytes[at] = (bytes[at] ?? 0) ^ 1
    await writeFile(file, bytes)
    return true
  }
  return false
}

function textsOf(instance: number): string[] {
  return Array.from({ length: CALLS }, (_, i) => markOf(instance, i).repeat(10))
}

function markOf(instance: number, call: number): string {
  return `text ${call} of instance ${instance}, `
}
