declare module 'corestore' {
  import type { EventEmitter } from 'node:events'
  import type { RawStream } from '@hyperswarm/secret-stream'
  import type Hypercore from 'hypercore'
  import type { CoreOptions, SharedCore } from 'hypercore'
  import type CorestoreStorage from 'hypercore-storage'
  import type Protomux from 'protomux'

  export interface GetOptions extends CoreOptions {
    /** Derives the key pair from the primary key and the namespace. */
    name?: string
  }

  /** Many cores in one directory. A second opener of the directory fails. */
  export default class Corestore extends EventEmitter<{ ready: []; close: [] }> {
    constructor(storage: string | CorestoreStorage)
    readonly storage: CorestoreStorage
    /** The cores that are open, of all sessions of the store. */
    readonly cores: Iterable<SharedCore> & {
      readonly size: number
      get(discoveryKey: Uint8Array | string): SharedCore | null
      /** Those that nobody uses, which are closed in the fourth cycle, whoever uses them by then; private. */
      readonly _gcing: Set<SharedCore>
      /** Has one that is closed, or never was opened, not be given out any more. */
      _gc(core: SharedCore): void
      /** Takes one out of these; by the discovery key in hex. */
      resume(id: string): unknown
      /** What is called every two seconds while there are any. */
      _gcCycleBound: () => void
    }
    ready(): Promise<void>
    /** Closes its sessions too; the root closes everything. */
    close(): Promise<void>
    get(opts: GetOptions | Uint8Array | string): Hypercore
    session(): Corestore
    namespace(name: string | Uint8Array): Corestore
    /** Every core that both sides know, also those opened later. Answers the stream it is given. */
    replicate<T extends RawStream>(stream: T): T
    replicate(isInitiator: boolean): RawStream
    /** What is done when a peer asks for a log; private. */
    _attachMaybe: (mux: Protomux, discoveryKey: Uint8Array) => Promise<void>
    watch(fn: (core: SharedCore) => void): void
  }
}
