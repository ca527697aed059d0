// Stores: what is closed, what is kept where one cannot be opened.
import { spawnSync } from 'node:child_process'
import { cp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import test from 'brittle'
import type Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import CorestoreStorage from 'hypercore-storage'
import { fill } from '../src/state/fill.ts'
import { createIdentity, readIdentity } from '../src/state/identity.ts'
import { closeStore, openStore, settleStore } from '../src/state/store.ts'
import { Wal } from '../src/state/wal.ts'
import { type Teardown, tempDir } from './helpers.ts'
import { SmallDisk } from './small-disk.ts'
import { openPair } from './streams.ts'

/** Calls of Corestore's cycle after which it has closed what nobody uses. */
const CYCLES = 4

async function open(t: Teardown): Promise<Corestore> {
  const store = await openStore(await tempDir(t))
  t.teardown(() => store.close())
  return store
}

async function connect(t: Teardown, one: Corestore, other: Corestore): Promise<void> {
  const [near, far] = await openPair(t)
  one.replicate(near)
  other.replicate(far)
}

test('wal - it is closed once, behind all that is to be synced', async (t) => {
  const store = await openStore(await tempDir(t))
  t.teardown(() => store.close())
  for (let i = 0; i < 20; i++) {
    const wal = new Wal(store.storage.rocks)
    await wal.sync()
    const syncs = [wal.sync(), wal.sync()]
    await Promise.all([wal.close(), wal.close(), ...syncs])
  }
  t.pass('nothing was closed or synced that was closed')
})

test('store - a log that was not in use is not closed under whoever has come to read it', async (t) => {
  const [host, reader] = [await open(t), await open(t)]
  const log = host.get({ keyPair: crypto.keyPair() })
  await log.append(['one', 'two'].map((text) => b4a.from(text)))
  await connect(t, host, reader)
  await log.close()
  const copy = reader.get({ key: log.key })
  await copy.ready()
  t.alike(await copy.get(0), b4a.from('one'))
  for (let i = 0; i < CYCLES; i++) host.cores._gcCycleBound()
  t.alike(await copy.get(1, { timeout: 5_000 }), b4a.from('two'))
  t.is([...host.cores].length, 1)
})

test('store - a log that nobody uses any more is closed', async (t) => {
  const host = await open(t)
  const log = host.get({ keyPair: crypto.keyPair() })
  await log.append(b4a.from('one'))
  await log.close()
  t.is([...host.cores].length, 1)
  for (let i = 0; i < CYCLES; i++) host.cores._gcCycleBound()
  t.is([...host.cores].length, 0)
  const again = host.get({ key: log.key })
  t.alike(await again.get(0), b4a.from('one'))
})

test('store - a log that could not be opened once can be the next time', async (t) => {
  const host = await open(t)
  const log = host.get({ keyPair: crypto.keyPair() })
  await log.append(b4a.from('one'))
  const { key } = log
  await log.close()
  for (let i = 0; i < CYCLES; i++) host.cores._gcCycleBound()
  const { storage } = host
  const { resumeCore } = storage
  storage.resumeCore = async () => {
    throw new Error('IO error: While open a file for random read: Too many open files')
  }
  for (let i = 0; i < 2; i++) await t.exception(host.get({ key }).ready(), /too many open files/i)
  storage.resumeCore = resumeCore
  const again = host.get({ key })
  t.alike(await again.get(0), b4a.from('one'))
  await again.close()
  for (let i = 0; i < CYCLES; i++) host.cores._gcCycleBound()
  t.is([...host.cores].length, 0)
})

test('store - the logs of a database that does not open are not removed', async (t) => {
  const dir = await tempDir(t)
  const store = await openStore(path.join(dir, 'store'))
  await store.get({ name: 'log' }).append(b4a.from('acknowledged'))
  const copy = path.join(dir, 'crashed')
  await cp(path.join(dir, 'store'), copy, { recursive: true })
  await store.close()
  await rm(path.join(copy, 'CORESTORE'))
  const db = path.join(copy, 'db')
  const [log = ''] = (await readdir(db)).filter((name) => /^\d+\.log$/.test(name))
  // its numbers begin anew, which RocksDB takes for damage
  await cp(path.join(db, log), path.join(db, '000099.log'))
  for (let i = 0; i < 2; i++) {
    await t.exception(openStore(copy), { code: 'DIRECTORY_DAMAGED', message: /sequence number/i })
  }
  const advice = 'do this'
  await t.exception(openStore(copy, { advice }), { message: /: do this$/ }, 'what to do is said')
  await rm(path.join(db, '000099.log'))
  const again = await openStore(copy)
  t.is((await again.get({ name: 'log' }).get(0))?.toString(), 'acknowledged')
  await closeStore(again)
})

test('store - one whose beginning is damaged is not locked by who has tried to open it', async (t) => {
  const dir = await tempDir(t)
  const store = await openStore(dir)
  await store.get({ name: 'log' }).append(b4a.from('acknowledged'))
  await settleStore(store)
  await closeStore(store)
  const db = path.join(dir, 'db')
  const [name = ''] = (await readdir(db)).filter((file) => file.endsWith('.sst'))
  const bytes = await readFile(path.join(db, name))
  const damaged = b4a.from(bytes)
  damaged[8] = (damaged[8] ?? 0) ^ 1
  await writeFile(path.join(db, name), damaged)
  for (let i = 0; i < 2; i++) {
    await t.exception(openStore(dir), { code: 'DIRECTORY_DAMAGED', message: /checksum/ })
  }
  await writeFile(path.join(db, name), bytes)
  const again = await openStore(dir)
  t.is((await again.get({ name: 'log' }).get(0))?.toString(), 'acknowledged')
  await closeStore(again)
})

test('store - a limit to how large files may be is not taken for damage', {
  skip: process.platform === 'win32'
}, async (t) => {
  const dir = await tempDir(t)
  await closeStore(await openStore(dir))
  const script = `import(process.argv[1]).then(({ openStore }) => openStore(process.argv[2]))
    .catch(({ code }) => console.log(code))`
  const store = new URL('../src/state/store.ts', import.meta.url).href
  const limited = ['-c', 'ulimit -f 1; exec "$0" "$@"', process.execPath]
  const { stdout } = spawnSync('sh', [...limited, '-e', script, store, dir], { encoding: 'utf8' })
  t.is(stdout, 'STORAGE_FAILED\n')
})

test('store - what the file system refuses is not taken for damage', async (t) => {
  const root = await tempDir(t)
  const disk = SmallDisk.mount(t, path.join(root, 'disk'), 64)
  if (disk === null) return
  const dir = path.join(disk.dir, 'store')
  const store = await openStore(dir)
  await store.get({ name: 'log' }).append(b4a.from('acknowledged'))
  await closeStore(store)
  const { id } = await createIdentity(disk.dir, 'bob')
  disk.protect(true)
  const refused = await openStore(dir).catch((error) => error)
  t.is(refused.code, 'STORAGE_FAILED')
  t.absent(/backup|recover/.test(refused.message), refused.message)
  t.is((await readIdentity(disk.dir, 'bob')).id, id, 'what can be read is read')
  disk.protect(false)
  await disk.leave(4)
  disk.protect(true)
  await t.exception(openStore(dir), { code: 'STORAGE_FAILED' }, 'nor for want of room')
  disk.protect(false)
  await disk.leave(16)
  await closeStore(await openStore(dir))
})

test('store - what is written anew is never in memory as a whole, however large its entries are', async (t) => {
  const storage = new CorestoreStorage(await tempDir(t))
  t.teardown(() => storage.close())
  const { db } = storage
  await db.ready()
  let [held, most] = [0, 0]
  const write = db.write.bind(db)
  db.write = (options) => {
    const batch = write(options)
    const flush = batch.flush.bind(batch)
    batch.flush = async () => {
      await flush()
      held = 0
    }
    return batch
  }
  const value = new Uint8Array(1024 * 1024)
  const entries = async function* () {
    for (let i = 0; i < 40; i++) {
      held += value.byteLength
      most = Math.max(most, held)
      yield { key: Uint8Array.of(i), value }
    }
  }
  t.is(await fill(storage, entries()), 40)
  t.ok(most <= 16 * 1024 * 1024, `${most} bytes`)
})

test('store - a disk that does not give back what is on it is said to fail, and not to be damaged', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const dir = await tempDir(t)
  await closeStore(await openStore(dir))
  const file = path.join(dir, 'db', 'CURRENT')
  await rename(file, `${file}.kept`)
  // whoever reads the beginning of it is told EIO
  await symlink('/proc/self/mem', file)
  const error = await openStore(dir).catch((reason) => reason)
  t.is(error.code, 'STORAGE_FAILED', error.message)
  t.ok(/, since the disk fails \([^\n]+ Input\/output error\): [^\n]+$/.test(error.message))
  await rename(`${file}.kept`, file)
  await closeStore(await openStore(dir))
})
