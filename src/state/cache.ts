import type CorestoreStorage from 'hypercore-storage'
import type { ReadBatch, Rocks, WriteBatch } from 'hypercore-storage'

/** Bytes of keys and values that are kept: those of two generations, of which the older one goes at once. */
const GENERATION_BYTES = 8 * 1024 * 1024
/** Larger values are read from the database. */
const VALUE_MAX = 16 * 1024
/** What an entry costs beside its key and its value, about, bytes. */
const ENTRY_BYTES = 128

type Key = string

/**
 * Answers reads of what was lately written or read from memory. Every append of Hypercore reads back a page of its
 * bitfield, every flush of an atom the dependencies, every put of a Hyperbee its newest blocks: a dozen small reads
 * for one call, each of which is a trip through a thread that takes longer than the read.
 *
 * Stands between the storage and the batches of rocksdb-native, which has no such place of its own. Snapshots
 * and iterators go past it. A write is known here when it has succeeded, and goes out as it came, but for one kind:
 * after every append Hypercore writes down, in a batch of its own, how far a core is contiguous. It is a hint, which
 * a reader that finds it too low puts right by itself, so that it can wait for the next batch.
 */
export class Cache {
  #young: Values = new Map()
  #old: Values = new Map()
  readonly #hints = new Map<Key, Change>()
  #bytes = 0
  /** Writes under way; meanwhile nobody can say whether what is read is old or new. */
  #writing = 0
  /** Counts the ends of writes: what was read across one is not kept. */
  #epoch = 0

  /** Has all batches of a store that are made from now on go through a cache. */
  static over({ rocks, db: cores }: CorestoreStorage): void {
    const cache = new Cache()
    const { _state: state } = rocks
    const createReadBatch = state.createReadBatch.bind(state)
    const createWriteBatch = state.createWriteBatch.bind(state)
    const isCached = (db: Rocks) => db.defaultColumnFamily === cores.defaultColumnFamily
    state.createReadBatch = (db, options) =>
      isCached(db) && !db.snapshotted
        ? new CachedRead(cache, () => createReadBatch(db, options))
        : createReadBatch(db, options)
    state.createWriteBatch = (db, options) =>
      isCached(db)
        ? // a batch that grows as it is filled is copied with every doubling
          new CachedWrite(cache, (capacity) => createWriteBatch(db, { ...options, capacity }))
        : createWriteBatch(db, options)
  }

  /** A copy, since readers change what they have read; undefined where it is not known. */
  get(key: Key): Uint8Array | null | undefined {
    const young = this.#young.get(key)
    const value = young === undefined ? this.#old.get(key) : young
    return value ? Buffer.from(value) : value
  }

  async load(key: Key, read: Promise<Uint8Array | null>): Promise<Uint8Array | null> {
    const epoch = this.#epoch
    const quiet = this.#writing === 0
    const value = await read
    if (!quiet || this.#writing > 0 || epoch !== this.#epoch) return value
    this.#set(key, value)
    return value && Buffer.from(value)
  }

  /** Writes changes, and the hints that have waited. */
  async write(changes: readonly Change[], open: (capacity: number) => WriteBatch): Promise<void> {
    if (changes.every(isHint)) {
      for (const change of changes) {
        this.#hints.set(change.name, change)
        this.#set(change.name, change.value)
      }
      return
    }
    for (const { name } of changes) this.#hints.delete(name)
    const all = [...changes, ...this.#hints.values()]
    this.#hints.clear()
    const batch = open(all.length)
    for (const { key, end, value } of all) {
      if (end !== null) batch.tryDeleteRange(key, end)
      else if (value === null) batch.tryDelete(key)
      else batch.tryPut(key, value)
    }
    this.#writing++
    try {
      await batch.flush()
      for (const { name, key, end, value } of changes) {
        if (end !== null) this.#deleteRange(name, nameOf(end))
        else if (!isTreeNode(key)) this.#set(name, value)
      }
    } catch (error) {
      // what is on disk now is not known
      this.#clear()
      throw error
    } finally {
      this.#writing--
      this.#epoch++
    }
  }

  #set(key: Key, value: Uint8Array | null): void {
    this.#young.delete(key)
    this.#old.delete(key)
    if (value !== null && value.byteLength > VALUE_MAX) return
    this.#young.set(key, value)
    this.#bytes += ENTRY_BYTES + key.length + (value?.byteLength ?? 0)
    if (this.#bytes <= GENERATION_BYTES) return
    this.#old = this.#young
    this.#young = new Map()
    this.#bytes = 0
  }

  #deleteRange(from: Key, end: Key): void {
    for (const values of [this.#young, this.#old]) {
      for (const key of values.keys()) if (key >= from && key < end) values.delete(key)
    }
  }

  #clear(): void {
    this.#young.clear()
    this.#old.clear()
    this.#bytes = 0
  }
}

type Values = Map<Key, Uint8Array | null>

/** One put or deletion, or with `end` the deletion of all keys from `key` up to it. */
interface Change {
  readonly name: Key
  readonly key: Uint8Array
  readonly end: Uint8Array | null
  readonly value: Uint8Array | null
}

/** A batch of reads; one that finds everything in the cache never reaches the database. */
class CachedRead implements ReadBatch {
  readonly #cache: Cache
  readonly #open: () => ReadBatch
  #batch: ReadBatch | null = null

  constructor(cache: Cache, open: () => ReadBatch) {
    this.#cache = cache
    this.#open = open
  }

  get(key: Uint8Array): Promise<Uint8Array | null> {
    const name = nameOf(key)
    const known = this.#cache.get(name)
    if (known !== undefined) return Promise.resolve(known)
    this.#batch ??= this.#open()
    const read = this.#batch.get(key)
    return isTreeNode(key) ? read : this.#cache.load(name, read)
  }

  async flush(): Promise<void> {
    await this.#batch?.flush()
  }

  tryFlush(): void {
    this.#batch?.tryFlush()
  }

  destroy(): void {
    this.#batch?.destroy()
  }
}

class CachedWrite implements WriteBatch {
  readonly #cache: Cache
  readonly #open: (capacity: number) => WriteBatch
  readonly #changes: Change[] = []

  constructor(cache: Cache, open: (capacity: number) => WriteBatch) {
    this.#cache = cache
    this.#open = open
  }

  tryPut(key: Uint8Array, value: Uint8Array | string): void {
    this.#changes.push({ name: nameOf(key), key, end: null, value: Buffer.from(value) })
  }

  tryDelete(key: Uint8Array): void {
    this.#changes.push({ name: nameOf(key), key, end: null, value: null })
  }

  tryDeleteRange(start: Uint8Array, end: Uint8Array): void {
    this.#changes.push({ name: nameOf(start), key: start, end, value: null })
  }

  flush(): Promise<void> {
    return this.#cache.write(this.#changes.splice(0), this.#open)
  }

  destroy(): void {
    this.#changes.length = 0
  }
}

/** A hint, which alone may wait: the whole key is the kind. */
function isHint({ key, value }: Change): boolean {
  const { kind, end } = kindOf(key)
  return value !== null && kind === HINTS && end === key.byteLength
}

/** Nodes of trees have a cache in hypercore-storage. */
function isTreeNode(key: Uint8Array): boolean {
  return kindOf(key).kind === TREE
}

/*
 * Keys as hypercore-storage 3 composes them: 4 for the data of a core, the number of the core (one byte, or three, five
 * or nine), and a kind.
 */
const DATA = 4
const HINTS = 2
const TREE = 4

function kindOf(key: Uint8Array): { kind: number | null; end: number } {
  if (key[0] !== DATA) return { kind: null, end: 0 }
  const number = key[1] ?? 0
  const size = number < 0xfc ? 1 : number === 0xfc ? 3 : number === 0xfd ? 5 : 9
  return { kind: key[1 + size] ?? null, end: 2 + size }
}

/** One character a byte, so that names are ordered as the database orders keys. */
function nameOf(key: Uint8Array): Key {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}
