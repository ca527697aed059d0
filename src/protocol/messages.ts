import c, { type Encoder, type State } from 'compact-encoding'
import { MivmError } from './errors.ts'
import type { Head } from './head.ts'
import type { TreeNode } from './merkle.ts'
import type { Proof } from './proof.ts'
import { getEncoding } from './schema/index.js'

/** What peers ask each other on the RPC channel. Nothing here is signed or stored. */

/** A part of a user's log, and the user's head at its end. */
export interface UserBlocks {
  readonly user: Uint8Array
  /** Index of the first block. */
  readonly start: number
  readonly blocks: readonly Uint8Array[]
  /** Null where there are no blocks, or not all that is to be taken back. */
  readonly head: Head | null
}

export interface InfoRequest {
  readonly address: Uint8Array
}

export interface InfoReply {
  readonly genesis: Uint8Array
  readonly methods: readonly string[]
  readonly head: Head
}

export interface DeployRequest {
  readonly genesis: Uint8Array
  readonly source: string
  /** The first entry of the deployer's log, and no other: the call of `init`. */
  readonly log: UserBlocks
}

export interface DeployReply {
  readonly address: Uint8Array
}

export interface CallRequest {
  readonly address: Uint8Array
  readonly log: UserBlocks
  /**
   * Entries of the user's log, from 1, whose results are asked for; `to` 0 asks for none and does not wait. The reply has those
   * that there are some time after the first, of as many as fit.
   */
  readonly from: number
  readonly to: number
  /** Length of the newest head of the call log that the user has verified. */
  readonly known: number
  /** Whether the user still has the tree of that head, so that a proof can begin there. */
  readonly anchored: boolean
}

/**
 * One of: a proof; blocks to take back (`behind`); neither, where blocks from `length` on have to be sent first. Where
 * `behind` has no head there is more of it: a request without blocks that begins where it ends asks for the next part.
 * The answer to a request with blocks has none in `behind`: the host had these blocks, and more.
 */
export interface CallReply {
  /** Length of the host's copy of the user's log. */
  readonly length: number
  /** The proof has a boundary at this length of the call log. */
  readonly through: number
  readonly proof: Proof | null
  readonly behind: UserBlocks | null
}

/** Asks for the proof, from block 0, of one entry's ack and result. */
export interface ProveRequest {
  readonly address: Uint8Array
  readonly user: Uint8Array
  readonly entry: number
}

export interface ProveReply {
  readonly proof: Proof
}

/**
 * Asks for the proof, from block 0 and without blocks but those that say how large a leaf is, that the newest head extends
 * others: it has a boundary at each of the lengths that the log has. So one signature of the host says what the log was at all of them.
 */
export interface ConsistencyRequest {
  readonly address: Uint8Array
  /** In any order, {@link LENGTHS_MAX} of them at most. */
  readonly lengths: readonly number[]
}

export interface ConsistencyReply {
  readonly proof: Proof
}

/**
 * Tells a host the newest head of the call log that the sender has verified. A host that was set back finds out by this
 * that it has signed more than it has, and signs nothing more.
 */
export interface KnownRequest {
  readonly address: Uint8Array
  readonly head: Head
}

export interface KnownReply {
  /** A head that the host has signed and that its log does not lead to; null where there is none. */
  readonly signed: Head | null
}

/** Asks for blocks of a log of an instance, call log or user log, as many together as go into one reply. */
export interface RangeRequest {
  /** Of the log. */
  readonly key: Uint8Array
  /** Index of the first block. */
  readonly start: number
  /** Length of the head that they shall be proven under, beyond `start`. */
  readonly length: number
  /** So many at most. */
  readonly blocks: number
}

/**
 * At least one block, or none where there is no such log, or not so much of it. `nodes` are the subtrees, largest first
 * from the left, that cover what is between the last block and `length`: whoever has the tree up to `start` knows with
 * them whether all of it is what the head is signed over.
 */
export interface RangeReply {
  readonly blocks: readonly Uint8Array[]
  readonly nodes: readonly TreeNode[]
}

export interface StatusRequest {
  /** Nobody looks at it: what a host says to anybody is the same, whatever is asked for. */
  readonly verbose: boolean
}

export interface StatusReply {
  readonly json: string
}

/** A method of the RPC channel with the encodings of its two messages. */
export interface Method<Request, Reply> {
  readonly name: string
  readonly request: Encoder<Request>
  readonly reply: Encoder<Reply>
}

export const INFO: Method<InfoRequest, InfoReply> = method('info')
export const DEPLOY: Method<DeployRequest, DeployReply> = withFewBlocks(
  method('deploy'),
  // genesis and source, whose text is not read twice
  [c.buffer, c.buffer]
)
export const CALL: Method<CallRequest, CallReply> = withFewBlocks(
  method('call'),
  // the address
  [c.fixed32]
)
export const PROVE: Method<ProveRequest, ProveReply> = method('prove')
export const CONSISTENCY: Method<ConsistencyRequest, ConsistencyReply> = method('consistency')
export const KNOWN: Method<KnownRequest, KnownReply> = method('known')
export const RANGE: Method<RangeRequest, RangeReply> = method('range')
export const STATUS: Method<StatusRequest, StatusReply> = method('status')

/** What a host says of itself, which may be anything; throws REQUEST_INVALID where it is no object. */
export function readStatus({ json }: StatusReply): { readonly [key: string]: unknown } {
  const status = tryParse(json)
  if (typeof status === 'object' && status !== null && !Array.isArray(status)) {
    return Object.fromEntries(Object.entries(status))
  }
  throw new MivmError(
    'REQUEST_INVALID',
    'what the host says of itself cannot be read: use the same version as the host'
  )
}

function tryParse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}

/** Name of the RPC channel on a stream between peers. */
export const RPC_PROTOCOL = 'mivm/1'

/** Name of the channel, one for each instance by its topic, on which peers that are no hosts compare heads. */
export const HEADS_PROTOCOL = 'mivm/heads/1'

/** Blocks of one call or deployment: a host has work with each, however small, and others wait meanwhile. */
const BLOCKS_MAX = 4096

/** Blocks of one reply to `range`; and their bytes, but that a block may go beyond that which is the only one. */
export const RANGE_BLOCKS_MAX = 4096
export const RANGE_BYTES_MAX: number = 1024 * 1024

/** Lengths that one proof of consistency is asked for. */
export const LENGTHS_MAX = 8

/** The same question as in {@link ConsistencyRequest}, to another peer. */
export interface HeadsAsk {
  readonly lengths: readonly number[]
}

/** Null where this peer has no proof. */
export interface HeadsProof {
  readonly proof: Proof | null
}

/** The messages of that channel, in the order of their types; the last, evidence (FORMAT.md, 20), is a file as it is. */
export const HEADS_HEAD: Encoder<Head> = getEncoding('@mivm/head')
export const HEADS_ASK: Encoder<HeadsAsk> = getEncoding('@mivm/heads-ask')
export const HEADS_PROOF: Encoder<HeadsProof> = getEncoding('@mivm/heads-proof')

/** scripts/schema.js declares its messages, `<name>-request` and `<name>-reply`. */
function method<Request extends object, Reply extends object>(
  name: string
): Method<Request, Reply> {
  const request = getEncoding<Request>(`@mivm/${name}-request`)
  return { name, request, reply: getEncoding(`@mivm/${name}-reply`) }
}

/**
 * The same method, where the blocks of the user's log in a request are counted before they are read, which takes a second where
 * there are a million of them; `before` are the fields of the request before that log.
 */
function withFewBlocks<Request, Reply>(
  { name, request, reply }: Method<Request, Reply>,
  before: readonly Encoder<unknown>[]
): Method<Request, Reply> {
  const decode = (state: State) => {
    const ahead = { ...state }
    // the log begins with its user and the index of its first block
    for (const field of [...before, c.fixed32, c.uint]) field.decode(ahead)
    if (c.uint.decode(ahead) > BLOCKS_MAX) {
      throw new MivmError('REQUEST_INVALID', `send ${BLOCKS_MAX} entries at once at most`)
    }
    return request.decode(state)
  }
  return { name, request: { ...request, decode }, reply }
}
