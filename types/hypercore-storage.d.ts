declare module 'hypercore-storage' {
  import type { Manifest } from 'hypercore'
  import type { KeyPair } from 'hypercore-crypto'

  /** A put or deletion, or with `end` the deletion of all keys from `key` up to it. */
  export type AtomChange = [key: Uint8Array, value: Uint8Array | null, end: Uint8Array | null]

  /** What an atom has not written yet, over what is in the database. */
  export interface AtomView {
    readonly changes: AtomChange[] | null
    apply(changes: AtomChange[]): void
    get(read: Pick<ReadBatch, 'get'>, key: Uint8Array): Promise<Uint8Array | null>
    reset(): void
  }

  /** Several cores in one RocksDB write: pass it to `core.session({ atom })`, then flush. */
  export interface Atom {
    readonly view: AtomView
    /** Writes everything at once. In the page cache, not on disk: sync the write-ahead log. */
    flush(): Promise<void>
  }

  /** Reads that go to the database together. */
  export interface ReadBatch {
    /** Resolves once the batch is flushed; null where there is no such key. */
    get(key: Uint8Array): Promise<Uint8Array | null>
    flush(): Promise<void>
    tryFlush(): void
    destroy(): void
  }

  /** Changes that go to the database together. */
  export interface WriteBatch {
    tryPut(key: Uint8Array, value: Uint8Array | string): void
    tryDelete(key: Uint8Array): void
    tryDeleteRange(start: Uint8Array, end: Uint8Array): void
    flush(): Promise<void>
    destroy(): void
  }

  export interface BatchOptions {
    readonly autoDestroy?: boolean
    /** Operations that there is room for. */
    readonly capacity?: number
  }

  /** RocksDB as rocksdb-native shows it, or a session of it: on one column family, or in a snapshot. */
  export interface Rocks {
    readonly path: string
    readonly snapshotted: boolean
    readonly defaultColumnFamily: object
    /** As it is now, whatever is written later. */
    snapshot(): Rocks
    /** All keys of this column family in a range, in order. */
    iterator(
      range: { gt?: Uint8Array; gte?: Uint8Array; lt?: Uint8Array; lte?: Uint8Array },
      options?: { capacity?: number }
    ): AsyncIterable<{ key: Uint8Array; value: Uint8Array }>
    close(): Promise<void>
    ready(): Promise<void>
    read(options?: BatchOptions): ReadBatch
    write(options?: BatchOptions): WriteBatch
    /** What makes the batches of all sessions; private to rocksdb-native. */
    readonly _state: {
      createReadBatch(db: Rocks, options?: BatchOptions): ReadBatch
      createWriteBatch(db: Rocks, options?: BatchOptions): WriteBatch
    }
    /** Writes memtables of this column family to a table file, synced. */
    flush(): Promise<void>
  }

  export interface CoreInfo {
    discoveryKey: Uint8Array
    core: { corePointer: number; dataPointer: number }
    auth: { key: Uint8Array; manifest: Manifest | null; keyPair: KeyPair | null } | null
    head: { fork: number; length: number; rootHash: Uint8Array; signature: Uint8Array } | null
  }

  export interface StoredNode {
    readonly index: number
    readonly size: number
    readonly hash: Uint8Array
  }

  /** Reads of one core that go to the database together, with `tryFlush`. */
  export interface CoreReads {
    getBlock(index: number): Promise<Uint8Array | null>
    getTreeNode(index: number): Promise<StoredNode | null>
    /** Of 32,768 blocks. */
    getBitfieldPage(index: number): Promise<Uint8Array | null>
    tryFlush(): void
  }

  /** One core in the database. */
  export interface CoreStorage {
    read(): CoreReads
    write(): {
      putTreeNode(node: StoredNode): void
      putBitfieldPage(index: number, page: Uint8Array): void
      flush(): Promise<unknown>
    }
    close(): Promise<void>
  }

  /** The store of a Corestore. */
  export default class CorestoreStorage {
    /** Has the lock of the directory when it is ready; throws where another process has it. */
    readonly deviceFile: { ready(): Promise<void>; close(): Promise<void> }
    constructor(
      path: string,
      opts?: {
        readOnly?: boolean
        allowBackup?: boolean
        wait?: boolean
        /** As RocksDB numbers them; default 2, point in time. */
        walRecoveryMode?: number
        maxOpenFiles?: number
        writeBufferSize?: number
      }
    )
    /** Called with what opening has failed with; private to hypercore-storage. */
    _maybeRecoverLater: (error: unknown) => void
    /** Of the layout; 0 until it was looked at, and then opening what is older writes; private to hypercore-storage. */
    version: number
    readonly path: string
    /** The whole database. */
    readonly rocks: Rocks
    /** The column family that holds the cores. */
    readonly db: Rocks
    ready(): Promise<void>
    createAtom(): Atom
    hasCore(discoveryKey: Uint8Array): Promise<boolean>
    getInfo(discoveryKey: Uint8Array): Promise<CoreInfo | null>
    /** Null where there is no such core. */
    resumeCore(discoveryKey: Uint8Array): Promise<CoreStorage | null>
    /** Removes a core and all of its data. */
    deleteCore(pointers: CoreInfo['core']): Promise<void>
    createCoreStream(): AsyncIterable<{ discoveryKey: Uint8Array }>
    close(): Promise<void>
  }
}

declare module 'hypercore-storage/lib/tx.js' {
  import type { CoreReads } from 'hypercore-storage'

  /** What reads of a core are made of. */
  export class CoreRX {
    getBitfieldPage(index: number): ReturnType<CoreReads['getBitfieldPage']>
  }
}
