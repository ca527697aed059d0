declare module 'hyperblobs' {
  import type { BeeCore } from 'hyperbee'
  import type { WaitOptions } from 'hypercore'

  /** Where a blob lies in its core. */
  export interface BlobId {
    byteLength: number
  }

  export default class Hyperblobs {
    constructor(core: BeeCore, opts?: { blockSize?: number })
    ready(): Promise<void>
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
  }
}
