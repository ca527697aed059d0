declare module 'hyperbee' {
  import type { EventEmitter } from 'node:events'
  import type Hypercore from 'hypercore'
  import type { SessionState, WaitOptions } from 'hypercore'
  import type SubEncoder from 'sub-encoder'

  /** What a bee calls of its core, where it is asked for no peers. */
  export type BeeCore = Pick<
    Hypercore,
    | 'key'
    | 'opened'
    | 'writable'
    | 'fork'
    | 'length'
    | 'byteLength'
    | 'ready'
    | 'append'
    | 'get'
    | 'update'
    | 'close'
  > & {
    readonly state: Pick<SessionState, 'length' | 'roots'>
    snapshot(): BeeCore
  }

  export type KeyEncoding = 'utf-8' | 'binary' | SubEncoder
  export type ValueEncoding = 'json' | 'utf-8' | 'binary'

  export interface Node<V> {
    key: string
    /** Null for a deletion in a history. */
    value: V
  }

  export interface Range {
    gt?: string
    lt?: string
  }

  export interface ReadOptions extends WaitOptions {
    limit?: number
    reverse?: boolean
  }

  interface Reader<V> {
    get(key: string, opts?: { keyEncoding?: KeyEncoding }): Promise<Node<V> | null>
    createReadStream(range?: Range, opts?: ReadOptions): AsyncIterable<Node<V>>
  }

  /** Holds the bee's lock from the first write to `flush` or `close`. */
  export interface Batch<V> extends Reader<V> {
    put(key: string, value: V, opts?: { keyEncoding?: KeyEncoding }): Promise<void>
    del(key: string, opts?: { keyEncoding?: KeyEncoding }): Promise<void>
    /** One append. */
    flush(): Promise<void>
  }

  /** A B-tree on a core; `V` is what the value encoding reads and writes. */
  export default class Hyperbee<V = unknown>
    extends EventEmitter<{ ready: []; close: [] }>
    implements Reader<V>
  {
    constructor(
      core: BeeCore,
      opts?: {
        keyEncoding?: KeyEncoding
        valueEncoding?: ValueEncoding
        /** Goes into the header block. */
        metadata?: { contentFeed: Uint8Array | null }
        /** False: no help asked from peers' extension messages. */
        extension?: boolean
        /** False: reads do not see one snapshot each. */
        sessions?: boolean
        readonly?: boolean
        checkout?: number
      }
    )
    ready(): Promise<void>
    /** Closes the core session that it was given. */
    close(): Promise<void>
    get(key: string, opts?: WaitOptions & { keyEncoding?: KeyEncoding }): Promise<Node<V> | null>
    /** `update` false: does not ask peers for something newer. */
    batch(opts?: WaitOptions & { keyEncoding?: KeyEncoding; update?: boolean }): Batch<V>
    createReadStream(range?: Range, opts?: ReadOptions): AsyncIterable<Node<V>>
  }
}

declare module 'hyperbee/lib/messages.js' {
  /** The index of a block: the nodes of the tree that it has written, as pairs of block and offset. */
  export const YoloIndex: {
    encode(index: { levels: { keys: number[]; children: number[] }[] }): Uint8Array
    decode(bytes: Uint8Array): {
      levels: { keys: number[]; children: number[] }[]
    }
  }
  export const Header: {
    encode(header: { protocol: string; metadata: { contentFeed: Uint8Array } }): Uint8Array
  }
  export const Node: {
    encode(node: { index: Uint8Array; key: Uint8Array; value: Uint8Array | null }): Uint8Array
    decode(bytes: Uint8Array): { index: Uint8Array; key: Uint8Array; value: Uint8Array | null }
  }
}
