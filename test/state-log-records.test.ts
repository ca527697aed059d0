// Single bits that a disk flips in the files that RocksDB reads from the beginning when it opens a database.
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'brittle'
import { readRecords } from '../src/state/log-records.ts'
import type { Mended } from '../src/state/mend-records.ts'
import { closeStore, openStore } from '../src/state/store.ts'
import { codeOf, type Teardown, tempDir } from './helpers.ts'
import { Random } from './random.ts'

const ENTRIES = 200
const FLIPS = 300

test('log records - whichever bit of a file is flipped, it is found', async (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const files = await crashed(t, random)
  t.is(files.size, 2, 'the write-ahead log, and the manifest')
  for (const [name, bytes] of files) {
    t.alike(readRecords(bytes), { flipped: [], damaged: null }, name)
    const wrong: string[] = []
    for (let i = 0; i < FLIPS; i++) {
      const bit = { at: random.below(bytes.byteLength), bit: random.below(8) }
      const found = JSON.stringify(readRecords(flip(bytes, bit)))
      if (found !== JSON.stringify({ flipped: [bit], damaged: null })) wrong.push(found)
    }
    t.alike(wrong, [], name)
  }
})

test('log records - what is cut off is nothing that was flipped, and more than a bit is not guessed', async (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const [log = new Uint8Array()] = [...(await crashed(t, random)).values()].sort(
    (a, b) => b.byteLength - a.byteLength
  )
  for (let i = 0; i < 50; i++) {
    const end = random.below(log.byteLength)
    t.alike(readRecords(log.subarray(0, end)), { flipped: [], damaged: null }, `the first ${end}`)
    // as where the file has grown and its contents are not on the disk yet
    const zeros = Buffer.concat([log.subarray(0, end), new Uint8Array(log.byteLength - end)])
    t.alike(readRecords(zeros).flipped, [], 'and then zeros')
  }
  for (let i = 0; i < 50; i++) {
    const damaged = Uint8Array.from(log)
    const at = random.below(log.byteLength - 64)
    damaged.set(random.bytes(64), at)
    t.alike(readRecords(damaged).flipped, [], `64 bytes from ${at} on`)
  }
})

test('log records - a store with a flipped bit has all that was written, and says so', async (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const dir = await tempDir(t)
  const names = [...(await crashed(t, random, dir)).keys()]
  for (const [round, name] of names.entries()) {
    for (let i = 0; i < 10; i++) {
      const copy = path.join(dir, `${round}-${i}`)
      await cp(path.join(dir, 'crashed'), path.join(copy, 'db'), { recursive: true })
      const file = path.join(copy, 'db', name)
      const bytes = await readFile(file)
      // the length of the last record, which RocksDB takes for one that was cut off, is among those
      const at = i === 0 ? lastOf(bytes) + 5 : random.below(bytes.byteLength)
      await writeFile(file, flip(bytes, { at, bit: 7 }))
      t.alike(await lengthOf(copy), { length: ENTRIES, mended: [{ file, at }] }, `${name}, ${at}`)
      t.alike((await lengthOf(copy)).mended, [], 'for good')
    }
  }
})

test('log records - a store that has lost which manifest it has is opened with it, and not as an empty one', async (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const dir = await tempDir(t)
  const manifest = [...(await crashed(t, random, dir)).keys()].at(-1) ?? ''
  const current = Buffer.from(`${manifest}\n`)
  const flips = Array.from({ length: 10 }, () => {
    return flip(current, { at: random.below(current.byteLength), bit: random.below(8) })
  })
  for (const [i, bytes] of [null, Buffer.alloc(0), current.subarray(0, 8), ...flips].entries()) {
    const copy = path.join(dir, `${i}`)
    await cp(path.join(dir, 'crashed'), path.join(copy, 'db'), { recursive: true })
    const file = path.join(copy, 'db', 'CURRENT')
    t.alike(await readFile(file), current)
    await rm(file)
    if (bytes !== null) await writeFile(file, bytes)
    const mended = [{ file, at: null }]
    t.alike(await lengthOf(copy), { length: ENTRIES, mended }, `${bytes && Buffer.from(bytes)}`)
  }
  const copy = path.join(dir, 'unsure')
  await cp(path.join(dir, 'crashed'), path.join(copy, 'db'), { recursive: true })
  await rm(path.join(copy, 'db', 'CURRENT'))
  await writeFile(path.join(copy, 'db', 'MANIFEST-000099'), random.bytes(10))
  const before = (await readdir(path.join(copy, 'db'))).sort()
  for (let i = 0; i < 2; i++) {
    t.is(await codeOf(openStore(copy)), 'DIRECTORY_DAMAGED')
    t.alike((await readdir(path.join(copy, 'db'))).sort(), before, 'nothing is removed')
  }
})

test('log records - nothing is written where another process has the store', async (t) => {
  const random = new Random()
  const dir = await tempDir(t)
  const store = await openStore(path.join(dir, 'store'))
  const log = store.get({ name: 'log' })
  await log.append(random.bytes(1000))
  const file = path.join(dir, 'store', 'db', '000004.log')
  const bytes = await readFile(file)
  const flipped = flip(bytes, { at: 100, bit: 0 })
  await writeFile(file, flipped)
  t.is(await codeOf(openStore(path.join(dir, 'store'))), 'DIRECTORY_LOCKED')
  t.alike(Uint8Array.from(await readFile(file)), flipped)
  await writeFile(file, bytes)
  await closeStore(store)
})

/** The files of a database that was not closed, by name; `dir/crashed` is all of it. */
async function crashed(
  t: Teardown,
  random: Random,
  dir?: string
): Promise<ReadonlyMap<string, Uint8Array>> {
  const root = dir ?? (await tempDir(t))
  const store = await openStore(path.join(root, 'store'))
  const log = store.get({ name: 'log' })
  for (let i = 0; i < ENTRIES; i++) await log.append(random.bytes(1 + random.below(4000)))
  const copy = path.join(root, 'crashed')
  await cp(path.join(root, 'store', 'db'), copy, { recursive: true })
  await closeStore(store)
  const names = (await readdir(copy)).filter((name) => /^(\d+\.log|MANIFEST.*)$/.test(name))
  const files = new Map<string, Uint8Array>()
  for (const name of names.sort()) {
    files.set(name, Uint8Array.from(await readFile(path.join(copy, name))))
  }
  return files
}

async function lengthOf(dir: string): Promise<{ length: number; mended: Mended[] }> {
  const mended: Mended[] = []
  const store = await openStore(dir, { onMended: (it) => mended.push(it) })
  const log = store.get({ name: 'log' })
  await log.ready()
  const { length } = log
  await closeStore(store)
  return { length, mended }
}

function flip(bytes: Uint8Array, { at, bit }: { at: number; bit: number }): Uint8Array {
  const flipped = Uint8Array.from(bytes)
  flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
  return flipped
}

/** Where the last record begins. */
function lastOf(bytes: Uint8Array): number {
  const block = 32 * 1024
  let last = 0
  for (let at = 0; at + 7 <= bytes.byteLength; ) {
    const left = block - (at % block)
    if (left < 7) {
      at += left
      continue
    }
    last = at
    at += 7 + (bytes[at + 4] ?? 0) + 256 * (bytes[at + 5] ?? 0)
  }
  return last
}
