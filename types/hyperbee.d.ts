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
    /** The block that wrote it. */
    seq: number
    key: string
    /** Null for a deletion in a history. */
    value: V
  }

  export interface Range {
    gt?: string
    gte?: string
    lt?: string
    lte?: string
  }

  export interface ReadOptions extends WaitOptions {
    keyEncoding?: KeyEncoding
    limit?: number
    reverse?: boolean
    signal?: AbortSignal
  }

  export interface NodeStream<T> extends AsyncIterable<T> {
    destroy(error?: Error): void
  }

  interface Reader<V> {
    get(key: string, opts?: { keyEncoding?: KeyEncoding }): Promise<Node<V> | null>
    getBySeq(seq: number): Promise<{ key: string; value: V } | null>
    peek(range?: Range, opts?: ReadOptions): Promise<Node<V> | null>
    createReadStream(range?: Range, opts?: ReadOptions): NodeStream<Node<V>>
  }

  /** Holds the bee's lock from the first write to `flush` or `close`. */
  export interface Batch<V> extends Reader<V> {
    readonly version: number
    lock(): Promise<void>
    put(key: string, value: V, opts?: { keyEncoding?: KeyEncoding }): Promise<void>
    del(key: string, opts?: { keyEncoding?: KeyEncoding }): Promise<void>
    /** One append. */
    flush(): Promise<void>
    close(): Promise<void>
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
    readonly core: Hypercore
    readonly id: string
    readonly key: Uint8Array
    readonly discoveryKey: Uint8Array
    /** The length of the core, at least 1. */
    readonly version: number
    readonly writable: boolean
    readonly readable: boolean
    readonly opened: boolean
    readonly closed: boolean
    ready(): Promise<void>
    /** Closes the core session that it was given. */
    close(): Promise<void>
    update(opts?: WaitOptions): Promise<boolean>
    get(key: string, opts?: WaitOptions & { keyEncoding?: KeyEncoding }): Promise<Node<V> | null>
    getBySeq(seq: number, opts?: WaitOptions): Promise<{ key: string; value: V } | null>
    peek(range?: Range, opts?: ReadOptions): Promise<Node<V> | null>
    put(key: string, value: V, opts?: { keyEncoding?: KeyEncoding }): Promise<void>
    del(key: string, opts?: { keyEncoding?: KeyEncoding }): Promise<void>
    /** `update` false: does not ask peers for something newer. */
    batch(opts?: WaitOptions & { keyEncoding?: KeyEncoding; update?: boolean }): Batch<V>
    createReadStream(range?: Range, opts?: ReadOptions): NodeStream<Node<V>>
    createHistoryStream(opts?: {
      live?: boolean
      reverse?: boolean
      gt?: number
      gte?: number
      lt?: number
      lte?: number
      limit?: number
    }): NodeStream<{ type: 'put' | 'del'; seq: number; key: string; value: V | null }>
    /** Between this version (left) and another (right). */
    createDiffStream(
      other: number | Hyperbee<V>,
      range?: Range,
      opts?: ReadOptions
    ): NodeStream<{ left: Node<V> | null; right: Node<V> | null }>
    checkout(version: number): Hyperbee<V>
    snapshot(): Hyperbee<V>
    getHeader(opts?: WaitOptions): Promise<{
      protocol: string
      metadata: { contentFeed: Uint8Array | null } | null
    } | null>
    static isHyperbee(core: Hypercore, opts?: WaitOptions): Promise<boolean>
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
