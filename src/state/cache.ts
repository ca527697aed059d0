import type CorestoreStorage from 'hypercore-storage'
import type { ReadBatch, Rocks, WriteBatch } from 'hypercore-storage'
import { BLOCK, DATA, dataOf, HINTS, isSameKey, numberLength, PAGE, TREE } from './keys.ts'
import { trimPage } from './pages.ts'

/** Bytes of keys and values that are kept: those of two generations, of which the older one goes at once. */
const GENERATION_BYTES = 8 * 1024 * 1024
/** Larger values are read from the database. */
const VALUE_MAX = 16 * 1024
/** What an entry costs beside its key and its value, about, bytes. */
const ENTRY_BYTES = 128
/** Logs of which it is known that their blocks are asked for. */
const READ_MAX = 4096
/** Hints go out with every batch of so many: they are a tenth of what a single call writes. */
const HINTS_BATCHES = 64

type Key = string

/**
 * Answers reads of what was lately written or read from memory. Every append of Hypercore reads back a page of its
 * bitfield, every flush of an atom the dependencies, every put of a Hyperbee its newest blocks: a dozen small reads
 * for one call, each of which is a trip through a thread that takes longer than the read.
 *
 * Stands between the storage and the batches of rocksdb-native, which has no such place of its own. Snapshots
 * and iterators go past it. A write is known here when it has succeeded, and goes out as it came, but for two kinds: pages
 * of bitfields lose the zeros at their ends (`pages.ts`); and what Hypercore writes down after every append, in a batch of
 * its own, how far a core is contiguous, is a hint, which a reader that finds it too low puts right by itself, so that it can
 * wait for a later batch.
 */
export class Cache {
  #young: Values = new Map()
  #old: Values = new Map()
  /** Logs of which blocks were asked for, by the number of their data. */
  readonly #read = new Set<number>()
  readonly #hints = new Map<Key, Change>()
  /** Batches written. */
  #batches = 0
  #bytes = 0
  /** What is being written: nobody can say whether what is read of that is old or new. */
  readonly #writes = new Set<readonly Change[]>()
  /** Reads under way. What one finds is kept unless it is written meanwhile: with many logs something always is. */
  readonly #loads = new Set<Load>()
  readonly #onFailed: (error: unknown) => void

  private constructor(onFailed: (error: unknown) => void) {
    this.#onFailed = onFailed
  }

  /** Has all batches of a store that are made from now on go through a cache; `onFailed` is told of writes that fail. */
  static over(
    { rocks, db: cores }: CorestoreStorage,
    onFailed: (error: unknown) => void = () => {}
  ): void {
    const cache = new Cache(onFailed)
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

  /** A copy, since readers may change what they have read; undefined where it is not known. */
  get(key: Key): Uint8Array | null | undefined {
    const value = this.#find(key)
    return value ? Buffer.from(value) : value
  }

  /** Says that a block is asked for: from now on what is written to its log is kept. */
  noteBlock(key: Uint8Array): void {
    if (this.#read.size >= READ_MAX) this.#clear()
    this.#read.add(dataOf(key))
  }

  /**
   * The value itself, which is forgotten here: whoever reads a page of a bitfield does so to change it and to write it,
   * and to copy four of them twice for each call took longer than all else that is done with them.
   */
  take(key: Key): Uint8Array | null | undefined {
    const value = this.#find(key)
    if (this.#young.delete(key)) this.#bytes -= ENTRY_BYTES + key.length + (value?.byteLength ?? 0)
    this.#old.delete(key)
    return value
  }

  async load(
    name: Key,
    key: Uint8Array,
    read: Promise<Uint8Array | null>
  ): Promise<Uint8Array | null> {
    const load = { key, isSettled: true }
    for (const changes of this.#writes) unsettle(load, changes)
    this.#loads.add(load)
    try {
      const value = await read
      if (!load.isSettled) return value
      this.#set(name, value)
      return value && Buffer.from(value)
    } finally {
      this.#loads.delete(load)
    }
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
    for (const { name, kind } of changes) if (kind === HINTS) this.#hints.delete(name)
    const all = [...changes, ...this.#dueHints()]
    const batch = open(all.length)
    for (const change of all) put(batch, change)
    for (const load of this.#loads) unsettle(load, all)
    this.#writes.add(all)
    try {
      await batch.flush()
      for (const change of changes) this.#keep(change)
    } catch (error) {
      // what is on disk now is not known
      this.#clear()
      this.#onFailed(error)
      throw error
    } finally {
      this.#writes.delete(all)
    }
  }

  /** Keeps what was written. Most of it are blocks, and to enter one takes longer than all else that is done with it here. */
  #keep({ name, key, kind, end, value }: Change): void {
    if (end !== null) this.#deleteRange(name, nameOf(end))
    else if (kind === BLOCK) this.#keepBlock(key, value)
    else if (kind !== TREE) this.#set(name, value)
  }

  #keepBlock(key: Uint8Array, value: Uint8Array | null): void {
    if (this.#read.has(dataOf(key))) this.#set(nameOf(key), value && Buffer.from(value))
  }

  #find(key: Key): Uint8Array | null | undefined {
    const young = this.#young.get(key)
    return young === undefined ? this.#old.get(key) : young
  }

  /** Hints that have waited for long enough. */
  #dueHints(): Change[] {
    if (++this.#batches % HINTS_BATCHES !== 0) return []
    const hints = [...this.#hints.values()]
    this.#hints.clear()
    return hints
  }

  /**
   * What is young hides what is old. A value takes the place of the one before it: a map from which the same keys are
   * deleted and set again is searched through all that was deleted.
   */
  #set(key: Key, value: Uint8Array | null): void {
    if (value !== null && value.byteLength > VALUE_MAX) {
      this.#young.delete(key)
      this.#old.delete(key)
      return
    }
    const before = this.#young.get(key)
    this.#young.set(key, value)
    this.#bytes += (value?.byteLength ?? 0) - (before?.byteLength ?? 0)
    if (before === undefined) this.#bytes += ENTRY_BYTES + key.length
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
    this.#read.clear()
    for (const load of this.#loads) load.isSettled = false
    this.#bytes = 0
  }
}

type Values = Map<Key, Uint8Array | null>

interface Load {
  readonly key: Uint8Array
  /** Whether nobody has written it since before it began. */
  isSettled: boolean
}

/** One put or deletion, or with `end` the deletion of all keys from `key` up to it. */
interface Change {
  /** Empty for nodes of trees, and for blocks. */
  readonly name: Key
  readonly key: Uint8Array
  readonly kind: Kind
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
    const kind = kindOf(key)
    if (kind === TREE) return this.#read(key)
    const name = nameOf(key)
    if (kind === BLOCK) this.#cache.noteBlock(key)
    const known = kind === PAGE ? this.#cache.take(name) : this.#cache.get(name)
    if (known !== undefined) return Promise.resolve(known)
    return kind === PAGE ? this.#read(key) : this.#cache.load(name, key, this.#read(key))
  }

  #read(key: Uint8Array): Promise<Uint8Array | null> {
    this.#batch ??= this.#open()
    return this.#batch.get(key)
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
  #changes: Change[] = []

  constructor(cache: Cache, open: (capacity: number) => WriteBatch) {
    this.#cache = cache
    this.#open = open
  }

  tryPut(key: Uint8Array, value: Uint8Array | string): void {
    const kind = kindOf(key)
    // what is kept must not change under whoever reads it; a page is let go by whoever writes it, a block is copied if it is kept
    const isLent = kind === TREE || kind === PAGE || kind === BLOCK
    const kept = isLent && typeof value !== 'string' ? value : Buffer.from(value)
    this.#changes.push({ name: writtenName(key, kind), key, kind, end: null, value: kept })
  }

  tryDelete(key: Uint8Array): void {
    const kind = kindOf(key)
    this.#changes.push({ name: writtenName(key, kind), key, kind, end: null, value: null })
  }

  tryDeleteRange(start: Uint8Array, end: Uint8Array): void {
    this.#changes.push({ name: nameOf(start), key: start, kind: OTHER, end, value: null })
  }

  flush(): Promise<void> {
    const changes = this.#changes
    this.#changes = []
    return this.#cache.write(latest(changes), this.#open)
  }

  destroy(): void {
    this.#changes = []
  }
}

/** An atom has the same page of a bitfield for every append to a core: only the last one is written. */
function latest(changes: readonly Change[]): readonly Change[] {
  const last = new Map<Key, Change>()
  let isTwice = false
  for (const change of changes) {
    if (change.kind !== PAGE) continue
    isTwice ||= last.has(change.name)
    last.set(change.name, change)
  }
  if (!isTwice) return changes
  return changes.filter((change) => change.kind !== PAGE || last.get(change.name) === change)
}

function put(batch: WriteBatch, { key, kind, end, value }: Change): void {
  if (end !== null) batch.tryDeleteRange(key, end)
  else if (value === null) batch.tryDelete(key)
  else batch.tryPut(key, kind === PAGE ? trimPage(value) : value)
}

/** A hint that is set: it alone may wait. */
function isHint({ kind, value }: Change): boolean {
  return kind === HINTS && value !== null
}

const OTHER = -1

type Kind = typeof HINTS | typeof BLOCK | typeof TREE | typeof PAGE | typeof OTHER

function kindOf(key: Uint8Array): Kind {
  if (key[0] !== DATA) return OTHER
  const at = 1 + numberLength(key[1] ?? 0)
  // nodes of trees have a cache in hypercore-storage
  if (key[at] === TREE || key[at] === PAGE || key[at] === BLOCK) return key[at]
  // of this kind the whole key is the kind
  return key[at] === HINTS && key.byteLength === at + 1 ? HINTS : OTHER
}

/** None for a node of a tree, which has another cache, nor for a block: most are not kept. */
function writtenName(key: Uint8Array, kind: Kind): Key {
  return kind === TREE || kind === BLOCK ? '' : nameOf(key)
}

/** Notes that what is read may be old, or new, where these changes are of it. */
function unsettle(load: Load, changes: readonly Change[]): void {
  if (changes.some(({ key, end }) => end !== null || isSameKey(key, load.key))) {
    load.isSettled = false
  }
}

/** One character a byte, so that names are ordered as the database orders keys. */
function nameOf(key: Uint8Array): Key {
  const bytes =
    key instanceof Buffer ? key : Buffer.from(key.buffer, key.byteOffset, key.byteLength)
  return bytes.toString('latin1')
}
