declare module 'hyperblobs' {
  import type { BeeCore } from 'hyperbee'
  import type Hypercore from 'hypercore'
  import type { WaitOptions } from 'hypercore'

  /** Where a blob lies in its core. */
  export interface BlobId {
    blockOffset: number
    blockLength: number
    byteOffset: number
    byteLength: number
  }

  export default class Hyperblobs {
    constructor(core: BeeCore, opts?: { blockSize?: number })
    readonly core: Hypercore
    readonly blockSize: number
    readonly key: Uint8Array
    ready(): Promise<void>
    close(): Promise<void>
    put(blob: Uint8Array | string): Promise<BlobId>
    /** Null where a block is not here and waiting is off. */
    get(
      id: BlobId,
      opts?: WaitOptions & { start?: number; end?: number; length?: number }
    ): Promise<Uint8Array | null>
    /** Gathers blobs for one append. */
    batch(): {
      put(blob: Uint8Array): Promise<BlobId>
      get(id: BlobId): Promise<Uint8Array | null>
      flush(): Promise<void>
    }
    clear(id: BlobId): Promise<unknown>
  }
}
