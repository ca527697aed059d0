declare module 'hypercore' {
  import type { EventEmitter } from 'node:events'
  import type SecretStream from '@hyperswarm/secret-stream'
  import type { RawStream } from '@hyperswarm/secret-stream'
  import type { KeyPair, TreeNode } from 'hypercore-crypto'
  import type CorestoreStorage from 'hypercore-storage'
  import type { Atom, CoreStorage } from 'hypercore-storage'
  import type Protomux from 'protomux'

  export interface ManifestSigner {
    signature: 'ed25519'
    namespace: Uint8Array
    publicKey: Uint8Array
  }

  export interface Manifest {
    version: number
    hash: 'blake2b'
    allowPatch: boolean
    quorum: number
    signers: readonly ManifestSigner[]
    prologue: { hash: Uint8Array; length: number } | null
  }

  export interface Proof {
    fork: number
    block: { index: number; value: Uint8Array | null; nodes: TreeNode[] } | null
    hash: { index: number; nodes: TreeNode[] } | null
    seek: { bytes: number; nodes: TreeNode[] } | null
    upgrade: {
      start: number
      length: number
      nodes: TreeNode[]
      /** Nodes between `length` and the head that the signature is over. */
      additionalNodes: TreeNode[]
      signature: Uint8Array
    } | null
    manifest: Manifest | null
  }

  export interface ProofRequest {
    /** `nodes`: how many of the lowest nodes the receiver has already. */
    block?: { index: number; nodes: number }
  }

  export interface SessionOptions {
    /** The session sees, and what it writes goes into, this atom. */
    atom?: Atom
    name?: string
    snapshot?: boolean
    active?: boolean
    /** False: `get` answers null instead of asking peers. */
    wait?: boolean
  }

  export interface CoreOptions extends SessionOptions {
    key?: Uint8Array | string
    manifest?: Manifest
    /** Stored in clear when it has a secret key. */
    keyPair?: KeyPair
    createIfMissing?: boolean
    /** False refuses every truncation, with the old data kept; the default accepts it silently. */
    allowFork?: boolean
    eagerUpgrade?: boolean
    pushOnly?: boolean
  }

  export interface WaitOptions {
    wait?: boolean
    timeout?: number
  }

  export interface Download {
    done(): Promise<unknown>
    destroy(): void
  }

  export interface Peer {
    readonly remotePublicKey: Uint8Array
    readonly remoteLength: number
    readonly remoteFork: number
    readonly stream: SecretStream
    readonly protomux: Protomux
    readonly channel: { close(): void }
    /** Up to where it has said that it has all blocks; private. */
    readonly _remoteContiguousLength: number
    /** By number: those that are not answered. */
    readonly remoteRequests: Map<number, PeerRequest>
    /** What comes from it. */
    onrange: (range: PeerRange) => Promise<void>
    onbitfield: (bits: { start: number; bitfield: Uint32Array }) => void
    onrequest: (request: PeerRequest) => Promise<void>
    onwant: (range: { readonly start: number; readonly length: number }) => void
    onunwant: (range: { readonly start: number; readonly length: number }) => void
    onsync: (sync: { readonly canUpgrade: boolean }) => Promise<void>
    ondata: (data: PeerData) => Promise<void>
    /** What comes of it, one after the other where it says how the log goes on; private. */
    _handleData: (data: PeerData) => Promise<void>
    onnodata: (answer: { readonly request: number; readonly reason: number }) => void
    oncancel: (cancelled: { readonly request: number }) => void
    onextension: (message: { readonly name: string }) => void
    /** Whether it is asked for nothing, for good; private. */
    paused: boolean
    /** Whether it says that it can show how the log goes on. */
    remoteCanUpgrade: boolean
    /** Asks the peer for something; private, as is the next one. */
    _send: (request: SentRequest) => Promise<void>
    /** Whether it may be asked for a block, and says that it has it; private, both. */
    _canRequest: (index: number, force: boolean) => boolean
    _remoteHasBlock(index: number): boolean
    /** Tells it that it is not waited for any more. */
    _cancelRequest(request: SentRequest): void
    /** Answers a request, if it is not cancelled meanwhile; private. */
    _handleRequest(request: PeerRequest): Promise<void>
  }

  /** What a peer shows of a log. */
  export interface PeerData {
    /** Number of the request that is answered; 0 where it had none. */
    readonly request: number
    readonly fork: number
    readonly block: object | null
    readonly upgrade: object | null
  }

  /** Blocks that a peer says that it has, or not any more. */
  export interface PeerRange {
    readonly drop: boolean
    readonly start: number
    readonly length: number
  }

  export interface PeerRequest {
    readonly id: number
    readonly block: object | null
  }

  /** What a peer is asked for; with `upgrade` how the log goes on. */
  export interface SentRequest {
    readonly id: number
    readonly upgrade: { readonly start: number } | null
    readonly block: { readonly index: number } | null
    readonly peer: Peer
    /** When, as Date.now(). */
    readonly timestamp: number
  }

  /** What a log reads from and writes to. */
  export interface SessionStorage {
    /** As it is now, whatever is written later; past all that is between it and the database. */
    snapshot(): CoreStorage
    /** Where the log is in the database. */
    readonly core: unknown
    readonly store: { deleteCore(place: unknown): Promise<void> }
  }

  /** What is written to a log at once; private to Hypercore. */
  export interface CoreBatch {
    putBlock(index: number, block: Uint8Array): void
    putTreeNode(node: TreeNode): void
  }

  /** Which blocks of a log are here, in pages. */
  export interface Bitfield {
    get(index: number): boolean
  }

  /** The state of a core, shared by its sessions. */
  export interface SessionState {
    readonly storage: SessionStorage
    readonly length: number
    readonly fork: number
    readonly roots: TreeNode[]
    /** The signature over the head, as stored: a multi-signature. Null or empty when unsigned. */
    readonly signature: Uint8Array | null
    setUserData(key: string, value: Uint8Array | null): Promise<void>
    /** Held by whoever writes. */
    readonly mutex: { lock(): Promise<void>; unlock(): void }
    /** The next write, and what has it on disk; to be called with the mutex held. */
    createWriteBatch(): CoreBatch
    flush(): Promise<boolean>
    _clearActiveBatch(): void
  }

  /** What all sessions of a log share. */
  export interface SharedCore {
    readonly replicator: {
      /** True: asks peers for nothing, whatever they announce. */
      setPushOnly(pushOnly: boolean): void
      readonly pushOnly: boolean
      readonly peers: readonly Peer[]
      /** What peers are asked for and have not answered; private, as is what follows. */
      readonly _inflight: Iterable<SentRequest> & {
        readonly idle: boolean
        get(id: number): SentRequest | null | undefined
      }
      /** Looks again what to ask of one peer. */
      updatePeer(peer: Peer): void
      /** The question how the log goes on, with who is asked; null where nobody wants to know. */
      readonly _upgrade: { readonly inflight: readonly SentRequest[] } | null
      /** Asks it, where heads are asked for unasked; private. */
      _addUpgradeMaybe(): void
      /** Has a peer that is asked for something count as not asked. */
      _clearRequest(peer: Peer, request: SentRequest): void
      /** Called for each peer when its channel is open, before anything comes from it; private. */
      _addPeer: (peer: Peer) => void
      /** Requests under way to a peer; 16 to 512, by the time a round trip takes. */
      setInflightRange(min: number, max: number): void
      /** As the option of that name. */
      allowFork: boolean
      /** Asks a peer for its log where that has another fork, if that is let in; private. */
      _updateFork(peer: Peer): void
      /** True: asks for every newer head that a peer announces. */
      eagerUpgrade: boolean
      /** Looks again what to ask of which peer. */
      updateAll(): void
      /**
       * False, then true: makes the channels anew that peers have closed. As it is, one that has closed while it said that
       * it wants blocks as well is never asked again. Private.
       */
      _setDownloadingNow(downloading: boolean): void
      /** For how long channels are kept when nobody downloads any more, ms; private. */
      _notDownloadingLinger: number
      /** Whether it is replicated over a stream. */
      attached(mux: Protomux): boolean
      /** Called when the core, or the stream, is closed; private. */
      detachFrom: (mux: Protomux) => void
      /** True where no peer reads it. */
      idle(): boolean
      /** Tells peers that blocks are here. */
      onhave(start: number, length: number, drop: boolean): void
    }
    /** Rejects where it could not be opened. */
    ready(): Promise<void>
    /** Without sessions only. */
    close(): Promise<void>
    hasSession(): boolean
    /** Cycles for which nobody has used it; with the fourth it is closed. */
    gc: number
    readonly discoveryKey: Uint8Array
    readonly bitfield: Bitfield
    /** To be called with the write of these blocks on disk. */
    _setBitfieldRanges(start: number, end: number, value: boolean): void
    updateContiguousLength(range: { start: number; length: number; drop: boolean }): void
    /** Whether the length to which all blocks are here has to be noted down. */
    readonly hintsChanged: boolean
    flushHints(): Promise<void>
    /** Notes, with the next write to disk, how much of the core a peer has said that it has. */
    updateRemoteContiguousLength(length: number): void
    /** Looks at a proof of another version of the log; true where nothing of it is to be taken. */
    checkConflict: (proof: unknown, from: unknown) => Promise<boolean>
    /** Takes on what a proof shows, and looks at one of another fork; private, both. */
    verify: (proof: unknown, from: unknown) => Promise<boolean>
    verifyReorg: (proof: unknown) => Promise<object>
    readonly opened: boolean
    readonly manifest: Manifest | null
    readonly state: SessionState
  }

  export interface CoreEvents {
    ready: []
    close: []
    append: []
    truncate: [length: number, fork: number]
    'peer-add': [peer: Peer]
    'peer-remove': [peer: Peer]
    download: [index: number, byteLength: number, from: Peer]
    upload: [index: number, byteLength: number, from: Peer]
    manifest: []
    /** Two signed heads of one length: the proof of one of them. All sessions are then closed. */
    conflict: [length: number, fork: number, proof: Proof]
    'verification-error': [error: Error, request: unknown, response: unknown, from: Peer]
    'remote-contiguous-length': [length: number]
  }

  /** A session of a log. */
  export default class Hypercore extends EventEmitter<CoreEvents> {
    constructor(
      storage: string | CorestoreStorage,
      key?: Uint8Array | CoreOptions,
      opts?: CoreOptions
    )

    /** The key of a log is the hash of its manifest. */
    static key(manifest: Manifest): Uint8Array

    readonly key: Uint8Array
    readonly discoveryKey: Uint8Array
    /** Null where only the key is known and no peer has sent it yet. */
    readonly manifest: Manifest | null
    readonly core: SharedCore
    readonly state: SessionState
    /** The four below are 0 before `ready()`. */
    readonly length: number
    readonly byteLength: number
    readonly contiguousLength: number
    readonly fork: number
    readonly writable: boolean
    readonly opened: boolean
    readonly closed: boolean
    readonly closing: Promise<void> | null
    readonly peers: readonly Peer[]
    readonly sessions: readonly Hypercore[]

    ready(): Promise<void>
    close(opts?: { error?: Error }): Promise<void>
    session(opts?: SessionOptions): Hypercore
    snapshot(opts?: SessionOptions): Hypercore

    has(start: number, end?: number): Promise<boolean>
    /** Null only where waiting for peers is off; throws when closed or timed out. */
    get(index: number, opts?: WaitOptions): Promise<Uint8Array | null>
    /** Asks peers for a longer length; true when there was one. */
    update(opts?: WaitOptions & { force?: boolean }): Promise<boolean>
    /** Holds `update` back until the returned function is called. */
    findingPeers(): () => void
    /** `end: -1` follows the head. */
    download(range?: {
      start?: number
      end?: number
      blocks?: Iterable<number>
      linear?: boolean
    }): Download
    /**
     * One write and one signature. With `signature` it works without a secret key, and the
     * signature is checked over the resulting head: INVALID_SIGNATURE, and nothing appended.
     */
    append(
      blocks: Uint8Array | Uint8Array[],
      opts?: { signature?: Uint8Array; keyPair?: KeyPair; maxLength?: number; writable?: boolean }
    ): Promise<{ length: number; byteLength: number }>
    truncate(
      length?: number,
      opts?: number | { fork?: number; keyPair?: KeyPair; signature?: Uint8Array }
    ): Promise<void>
    clear(start: number, end?: number): Promise<unknown>

    treeHash(length?: number): Promise<Uint8Array>
    proof(request: ProofRequest): Promise<Proof>
    /** Checks and stores; false where it brings nothing. INVALID_CHECKSUM, INVALID_SIGNATURE. */
    applyProof(proof: Proof): Promise<boolean>
    /** How many nodes of the path of a block are not here. */
    missingNodes(index: number): Promise<number>

    setUserData(key: string, value: Uint8Array | null): Promise<void>
    getUserData(key: string): Promise<Uint8Array | null>

    createReadStream(opts?: {
      start?: number
      end?: number
      live?: boolean
      reverse?: boolean
    }): AsyncIterable<Uint8Array>

    replicate(isInitiator: boolean | RawStream | Protomux): RawStream
  }
}

declare module 'hypercore/lib/session-state.js' {
  /** What sessions of a log share that see the same of it; private to Hypercore. */
  export default class SessionState {
    /** Of one in an atom: what the log is without it. */
    readonly parent: SessionState | null
    readonly length: number
    readonly fork: number
    readonly signature: Uint8Array | null
    /** Blocks that an atom has and the log has not yet. */
    readonly _pendingBitfield: object | null
    /** Has the log take over what a session in an atom has: that is on disk now. */
    _commit(): Promise<void>
  }
}

declare module 'hypercore/lib/merkle-tree.js' {
  import type { SessionState } from 'hypercore'
  import type { TreeNode } from 'hypercore-crypto'

  export const MerkleTree: {
    getRoots(state: SessionState, length: number): Promise<TreeNode[]>
    hash(tree: { roots: TreeNode[] }): Uint8Array
    /** Null when the node is not here. */
    get(state: SessionState, index: number): Promise<TreeNode | null>
  }

  /** A tree that grows in memory. */
  export class MerkleTreeBatch {
    /** Those that are new, in the order in which they were made. */
    readonly nodes: TreeNode[]
    /** Puts what is new into a batch of changes. */
    commit(tx: unknown): this
  }
}

declare module 'hypercore/lib/bit-interlude.js' {
  import type { Bitfield, CoreBatch } from 'hypercore'

  /** Bits that are to be set in a bitfield. */
  export default class BitInterlude {
    setRange(start: number, end: number, value: boolean): void
    /** Writes the pages as they will be; the bitfield stays as it is. */
    flush(batch: CoreBatch, bitfield: Bitfield): unknown
  }
}
