// What is on disk when a sync of the write-ahead log has ended.
import { appendFileSync, mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test, { type Test } from 'brittle'
import type { Rocks } from 'hypercore-storage'
import { noteSyncs, readSyncs } from './faults/synced.ts'
import { keep, tempDir } from './helpers.ts'

// they take functions out of node:fs when they are loaded: behind what notes down when these are called
const { Wal } = await import('../src/state/wal.ts')
const { openStore } = await import('../src/state/store.ts')

test('wal - who comes while a sync is under way waits for one that begins then', async (t) => {
  const { wal, log, isOnDisk } = await open(t)
  const file = log(1)
  for (let round = 0; round < 3; round++) {
    const syncs = [wal.sync()]
    for (let i = 0; i < 3; i++) {
      appendFileSync(file, 'more')
      syncs.push(wal.sync())
    }
    await Promise.all(syncs)
    t.ok(isOnDisk(file))
  }
})

test('wal - what was written to a log before the newest one is synced with it', async (t) => {
  const { wal, log, isOnDisk } = await open(t)
  const first = log(1)
  await wal.sync()
  for (let n = 2; n < 5; n++) {
    appendFileSync(first, 'more')
    const newest = log(n)
    await wal.sync()
    t.ok(isOnDisk(first) && isOnDisk(newest), `with log ${n}`)
    appendFileSync(newest, 'more')
    await wal.sync()
    t.ok(isOnDisk(newest))
  }
})

test('wal - a log that is made right after the directory was looked into is found, however much later that is', async (t) => {
  const { wal, dir, log, isOnDisk } = await open(t)
  keep(t, Date, 'now')
  const at = Math.floor(Date.now())
  // on a file system that counts in seconds all of these changes have one time
  const make = (n: number) => {
    const file = log(n)
    utimesSync(dir, at / 1000, at / 1000)
    return file
  }
  for (const [i, later] of [10, 20, 10_000].entries()) {
    const newest = make(i + 1)
    Date.now = () => at + later
    await wal.sync()
    t.ok(isOnDisk(newest), `${later} ms later`)
  }
})

test('wal - after a sync that failed none is said to have succeeded', async (t) => {
  const { wal, dir, log } = await open(t)
  log(1)
  await wal.sync()
  rmSync(dir, { recursive: true })
  await t.exception(wal.sync(), /ENOENT/)
  mkdirSync(dir)
  log(2)
  for (let i = 0; i < 2; i++) await t.exception(wal.sync(), /ENOENT/)
})

test('wal - it is that of the database', async (t) => {
  const dir = await tempDir(t)
  noteSyncs(path.join(dir, 'syncs'))
  const store = await openStore(path.join(dir, 'store'))
  t.teardown(() => store.close())
  const wal = new Wal(store.storage.rocks)
  t.teardown(() => wal.close(), { order: -1 })
  await store.get({ name: 'log' }).append(new Uint8Array(1000))
  await wal.sync()
  const { names, sizes } = readSyncs(path.join(dir, 'syncs'))
  const [file = ''] = [...names].filter((name) => name.startsWith(wal.dir) && /\d\.log$/.test(name))
  t.ok((sizes.get(statSync(file).ino) ?? 0) > 1000)
})

/** A directory as that of a database, to which logs are written. */
async function open(t: Test) {
  const root = await tempDir(t)
  const dir = path.join(root, 'db')
  mkdirSync(dir)
  const notes = path.join(root, 'syncs')
  noteSyncs(notes)
  const wal = new Wal({ path: dir } as Rocks)
  t.teardown(() => wal.close())
  const log = (number: number) => {
    const file = path.join(dir, `${String(number).padStart(6, '0')}.log`)
    writeFileSync(file, 'something')
    return file
  }
  const isOnDisk = (file: string) => {
    const { sizes, names } = readSyncs(notes)
    const { ino, size } = statSync(file)
    return names.has(file) && sizes.get(ino) === size
  }
  return { wal, dir, log, isOnDisk }
}
