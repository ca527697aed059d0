import b4a from 'b4a'
import test from 'brittle'
import Corestore from 'corestore'
import type { Rocks } from 'hypercore-storage'
import { Cache } from '../src/state/cache.ts'
import { openStore } from '../src/state/store.ts'
import { tempDir } from './helpers.ts'
import { Random } from './random.ts'

const ROUNDS = 400
const KEYS = 24

test('reads give what was written last, cached or not, and so does the store when it is opened again', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const dir = await tempDir(t)
  const written = new Map<string, Uint8Array>()
  let store = await openStore(dir)
  t.teardown(() => store.close())
  let wrong = 0
  for (let round = 0; round < ROUNDS; round++) {
    const { db } = store.storage
    const key = () => keyOf(random.below(KEYS))
    const before = new Map(written)
    const read = key()
    const early = readKeys(db, [read])
    const batch = db.write({ autoDestroy: true })
    for (let i = random.below(6); i >= 0; i--) {
      const name = key()
      switch (random.below(8)) {
        case 0:
          batch.tryDelete(name)
          written.delete(b4a.toString(name, 'hex'))
          break
        case 1: {
          const [from, end] = [name, key()].sort(b4a.compare)
          if (from === undefined || end === undefined || b4a.equals(from, end)) break
          batch.tryDeleteRange(from, end)
          for (const each of written.keys()) {
            if (each >= b4a.toString(from, 'hex') && each < b4a.toString(end, 'hex')) {
              written.delete(each)
            }
          }
          break
        }
        default: {
          const value = b4a.alloc(random.below(10) === 0 ? 20_000 : 10, random.below(256))
          // a page is let go by whoever writes it
          written.set(b4a.toString(name, 'hex'), b4a.from(value))
          batch.tryPut(name, value)
        }
      }
    }
    const flushed = batch.flush()
    // while a write is under way, either is right
    const during = readKeys(db, [read])
    await flushed
    for (const [found] of [await early, await during]) {
      const sides = [before, written].map((map) => map.get(b4a.toString(read, 'hex')) ?? null)
      if (!sides.some((side) => isSame(side, found ?? null))) wrong++
    }
    const all = Array.from({ length: KEYS }, (_, i) => keyOf(i))
    const values = await readKeys(db, all)
    for (const [i, name] of all.entries()) {
      const value = written.get(b4a.toString(name, 'hex')) ?? null
      if (!isSame(value, values[i] ?? null)) wrong++
      // who reads may change what it got
      values[i]?.fill(0xff)
    }
    if (round % 100 === 99) {
      await store.close()
      store = await openStore(dir)
    }
  }
  t.is(wrong, 0)
})

test('a write that fails leaves nothing of it in the cache, nor of what was there before', async (t) => {
  for (const isWritten of [false, true]) {
    const store = new Corestore(await tempDir(t))
    await store.ready()
    t.teardown(() => store.close())
    const { _state: state } = store.storage.rocks
    const createWriteBatch = state.createWriteBatch.bind(state)
    let failing = false
    state.createWriteBatch = (db, options) => {
      const batch = createWriteBatch(db, options)
      if (!failing) return batch
      const flush = async () => {
        if (isWritten) await batch.flush()
        else batch.destroy()
        throw new Error('no room')
      }
      return Object.assign(Object.create(batch), { flush })
    }
    Cache.over(store.storage)
    const { db } = store.storage
    await put(db, keyOf(1), 'first')
    failing = true
    await t.exception(put(db, keyOf(1), 'second'), /no room/)
    failing = false
    const [value] = await readKeys(db, [keyOf(1)])
    t.alike(value, b4a.from(isWritten ? 'second' : 'first'), 'it is what the disk has')
  }
})

test('what is read while something else is written is read once', async (t) => {
  const store = new Corestore(await tempDir(t))
  await store.ready()
  t.teardown(() => store.close())
  const { _state: state } = store.storage.rocks
  const createReadBatch = state.createReadBatch.bind(state)
  let reads = 0
  state.createReadBatch = (db, options) => {
    reads++
    return createReadBatch(db, options)
  }
  Cache.over(store.storage)
  const { db } = store.storage
  const [other, same] = [keyOf(2), keyOf(5)]
  const during = [put(db, same, 'new'), put(db, keyOf(8), 'x')]
  const found = await Promise.all([readKeys(db, [other]), readKeys(db, [same])])
  await Promise.all(during)
  t.alike(found[0], [null])
  t.is(reads, 2)
  t.alike(await readKeys(db, [other]), [null])
  t.alike(await readKeys(db, [same]), [b4a.from('new')], 'and never what was there before')
  t.is(reads, 2)
})

test('what was read before a write is not what is known behind it, whichever began first', async (t) => {
  for (const isReadFirst of [true, false]) {
    const store = new Corestore(await tempDir(t))
    await store.ready()
    t.teardown(() => store.close())
    const { db, rocks } = store.storage
    await put(db, keyOf(2), 'old')
    const { _state: state } = rocks
    const [createRead, createWrite] = [state.createReadBatch, state.createWriteBatch]
    const [found, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    state.createReadBatch = (...args) => {
      const batch = createRead.apply(state, args)
      const get = async (key: Uint8Array) => {
        const value = await batch.get(key)
        found.resolve()
        await go.promise
        return value
      }
      return Object.assign(Object.create(batch), { get })
    }
    state.createWriteBatch = (...args) => {
      const batch = createWrite.apply(state, args)
      const flush = async () => {
        await found.promise
        await batch.flush()
      }
      return Object.assign(Object.create(batch), { flush })
    }
    Cache.over(store.storage)
    const read = () => readKeys(db, [keyOf(2)])
    const write = () => put(db, keyOf(2), 'new')
    const both = isReadFirst ? [read(), write()] : [write(), read()]
    await both[isReadFirst ? 1 : 0]
    go.resolve()
    await Promise.all(both)
    t.alike(await read(), [b4a.from('new')])
  }
})

test('a core is as contiguous as it was, though that is written with a later batch', async (t) => {
  const dir = await tempDir(t)
  const store = await openStore(dir)
  const core = store.get({ name: 'log' })
  await core.append(['a', 'b', 'c'].map((text) => b4a.from(text)))
  t.is(core.contiguousLength, 3)
  await store.close()
  const again = await openStore(dir)
  t.teardown(() => again.close())
  const reopened = again.get({ name: 'log' })
  await reopened.ready()
  t.is(reopened.contiguousLength, 3)
  t.alike(await reopened.get(2), b4a.from('c'))
})

test('a hint that waits does not come back behind one that was written since', async (t) => {
  const dir = await tempDir(t)
  const store = await openStore(dir)
  const { db } = store.storage
  // of core 300
  const hints = b4a.from([4, 0xfc, 1, 0x2c, 2])
  await put(db, hints, 'waits')
  const batch = db.write({ autoDestroy: true })
  batch.tryPut(hints, b4a.from('newer'))
  batch.tryPut(keyOf(1), b4a.from('with something else'))
  await batch.flush()
  for (let i = 0; i < 200; i++) await put(db, keyOf(2), `${i}`)
  await store.close()
  const again = await openStore(dir)
  t.teardown(() => again.close())
  t.alike(await readKeys(again.storage.db, [hints]), [b4a.from('newer')])
})

test('a page of a bitfield is as long as what it says, and whole for whoever reads it', async (t) => {
  const dir = await tempDir(t)
  const store = await openStore(dir)
  const core = store.get({ name: 'log' })
  await core.append(Array.from({ length: 100 }, (_, i) => b4a.from(`${i}`)))
  const info = await store.storage.getInfo(core.discoveryKey)
  if (info === null) throw new Error('there is no log')
  const { dataPointer } = info.core
  await store.close()
  const pageKey = (page: number) => b4a.from([4, dataPointer, 5, page, 0])

  const again = await openStore(dir)
  const [written] = await readKeys(again.storage.db, [pageKey(0)])
  t.is(written?.byteLength, 16, 'bits of 100 blocks, in words')
  const reopened = again.get({ name: 'log' })
  await reopened.ready()
  t.ok(reopened.core.bitfield.get(99))
  t.absent(reopened.core.bitfield.get(100))
  // across the end of what was written, and across that of the page
  const count = 32_768 + 10
  await reopened.append(Array.from({ length: count }, () => b4a.from('x')))
  await reopened.clear(50, 60)
  await again.close()

  // as anybody has it, without ours: what it writes is whole, and is read here
  const plain = new Corestore(dir)
  const log = plain.get({ name: 'log' })
  await log.ready()
  t.is(log.length, 100 + count)
  t.ok(log.core.bitfield.get(99 + count), 'the second page')
  t.ok(await log.has(0, 50))
  t.absent(await log.has(55))
  t.ok(await log.has(60, 100 + count))
  t.alike(await log.get(99), b4a.from('99'))
  await plain.close()

  const last = await openStore(dir)
  t.teardown(() => last.close())
  const [first, second] = await readKeys(last.storage.db, [0, 1].map(pageKey))
  t.is(first?.byteLength, 4096)
  t.is(second?.byteLength, 16, '110 blocks')
})

test('whole pages that are on the disk are gone on with', async (t) => {
  const dir = await tempDir(t)
  const plain = new Corestore(dir)
  const log = plain.get({ name: 'log' })
  await log.append(['a', 'b'].map((text) => b4a.from(text)))
  await plain.close()
  const store = await openStore(dir)
  t.teardown(() => store.close())
  const core = store.get({ name: 'log' })
  await core.append(b4a.from('c'))
  t.ok(await core.has(0, 3))
  t.absent(await core.has(3))
  t.alike(await core.get(1), b4a.from('b'))
})

function keyOf(i: number): Uint8Array {
  // data of core 300, blocks, pages of bitfields and local values: no hint and no tree node
  return b4a.from([4, 0xfc, 1, 0x2c, [3, 5, 7][i % 3] ?? 3, i])
}

async function readKeys(db: Rocks, keys: readonly Uint8Array[]): Promise<(Uint8Array | null)[]> {
  const batch = db.read({ autoDestroy: true })
  const values = Promise.all(keys.map((key) => batch.get(key)))
  batch.tryFlush()
  return values
}

async function put(db: Rocks, key: Uint8Array, value: string): Promise<void> {
  const batch = db.write({ autoDestroy: true })
  batch.tryPut(key, b4a.from(value))
  await batch.flush()
}

function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : b4a.equals(a, b)
}
