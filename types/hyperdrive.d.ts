declare module 'hyperdrive' {
  import type { EventEmitter } from 'node:events'
  import type { RawStream } from '@hyperswarm/secret-stream'
  import type Corestore from 'corestore'
  import type Hyperblobs from 'hyperblobs'
  import type { BlobId } from 'hyperblobs'
  import type Hypercore from 'hypercore'
  import type { Manifest, WaitOptions } from 'hypercore'

  export interface EntryValue {
    blob: BlobId | null
  }

  export interface Entry {
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

    readonly core: Hypercore
    readonly key: Uint8Array
    readonly version: number
    ready(): Promise<void>
    close(): Promise<void>
    update(opts?: WaitOptions): Promise<boolean>
    checkout(version: number): Hyperdrive

    get(path: string, opts?: WaitOptions): Promise<Uint8Array | null>
    entry(path: string, opts?: WaitOptions & { follow?: boolean }): Promise<Entry | null>
    exists(path: string): Promise<boolean>
    list(
      folder?: string,
      opts?: WaitOptions & { recursive?: boolean; reverse?: boolean; limit?: number }
    ): AsyncIterable<Entry>
    /** Names in a folder, without their paths. */
    readdir(folder?: string, opts?: WaitOptions): AsyncIterable<string>
    entries(
      range?: { gt?: string; gte?: string; lt?: string; lte?: string },
      opts?: WaitOptions & { reverse?: boolean; limit?: number }
    ): AsyncIterable<Entry>

    findingPeers(): () => void
    replicate<T extends RawStream>(stream: T): T
    replicate(isInitiator: boolean): RawStream
  }
}
