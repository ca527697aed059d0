declare module 'hyperdrive' {
  import type { EventEmitter } from 'node:events'
  import type { RawStream } from '@hyperswarm/secret-stream'
  import type Corestore from 'corestore'
  import type Hyperbee from 'hyperbee'
  import type { NodeStream } from 'hyperbee'
  import type Hyperblobs from 'hyperblobs'
  import type { BlobId } from 'hyperblobs'
  import type Hypercore from 'hypercore'
  import type { Manifest, WaitOptions } from 'hypercore'

  export interface EntryValue {
    executable: boolean
    linkname: string | null
    blob: BlobId | null
    metadata: unknown
  }

  export interface Entry {
    seq: number
    key: string
    value: EntryValue
  }

  export default class Hyperdrive extends EventEmitter<{
    ready: []
    close: []
    blobs: [blobs: Hyperblobs]
    'content-key': [key: Uint8Array]
  }> {
    /** Takes the store over: `close()` closes it, so pass a session or a namespace. */
    constructor(
      store: Corestore,
      key?: Uint8Array | null,
      opts?: { active?: boolean; onwait?: () => void }
    )
    static getContentManifest(manifest: Manifest, key?: Uint8Array): Manifest | null
    static getContentKey(manifest: Manifest | Hypercore, key?: Uint8Array): Uint8Array | null
    static normalizePath(path: string): string

    readonly corestore: Corestore
    readonly db: Hyperbee<EntryValue>
    readonly core: Hypercore
    /** Null until a header block is here. */
    readonly blobs: Hyperblobs | null
    readonly id: string
    readonly key: Uint8Array
    readonly discoveryKey: Uint8Array
    readonly contentKey: Uint8Array | undefined
    readonly version: number
    readonly writable: boolean
    readonly opened: boolean
    readonly closed: boolean
    ready(): Promise<void>
    close(): Promise<void>
    update(opts?: WaitOptions): Promise<boolean>
    checkout(version: number): Hyperdrive
    getBlobs(): Promise<Hyperblobs | null>
    getBlobsLength(version?: number): Promise<number>

    get(path: string, opts?: WaitOptions): Promise<Uint8Array | null>
    entry(path: string, opts?: WaitOptions & { follow?: boolean }): Promise<Entry | null>
    exists(path: string): Promise<boolean>
    /** Whether the blob, or all under a folder, are on this machine. */
    has(path: string): Promise<boolean>
    list(
      folder?: string,
      opts?: WaitOptions & { recursive?: boolean; reverse?: boolean; limit?: number }
    ): NodeStream<Entry>
    /** Names in a folder, without their paths. */
    readdir(folder?: string, opts?: WaitOptions): NodeStream<string>
    entries(
      range?: { gt?: string; gte?: string; lt?: string; lte?: string },
      opts?: WaitOptions & { reverse?: boolean; limit?: number }
    ): NodeStream<Entry>
    diff(version: number, folder?: string): NodeStream<{ left: Entry | null; right: Entry | null }>
    download(folder?: string): { done(): Promise<unknown>; close(): Promise<void> }

    put(
      path: string,
      content: Uint8Array,
      opts?: { executable?: boolean; metadata?: unknown }
    ): Promise<void>
    del(path: string): Promise<void>
    symlink(path: string, to: string): Promise<void>

    findingPeers(): () => void
    replicate<T extends RawStream>(stream: T): T
    replicate(isInitiator: boolean): RawStream
  }
}
