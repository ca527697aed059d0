import { type CallLogEntry, decodeEntry, type Genesis, readEntry } from './entries.ts'
import { MivmError } from './errors.ts'
import { type Head, verifyHead } from './head.ts'
import { BLOCK_MAX } from './limits.ts'
import { addressOf, blobsKey, stateKey, userLogKey } from './manifest.ts'
import type { Tree, TreeNode } from './merkle.ts'
import { type Proof, type ProofItem, type Through, verifyProof } from './proof.ts'

/** The logs of a host that a head can be of. */
export const SIGNED_LOGS = ['call log', 'archive', 'blobs'] as const
export type SignedLog = (typeof SIGNED_LOGS)[number]

export interface SignedHead {
  readonly log: SignedLog
  readonly head: Head
}

export interface UserProof {
  readonly user: Uint8Array
  readonly proof: Proof
}

/** The blocks of the archive that the calls of a batch read, in the trees that the commit before it names. */
export interface StateProof {
  readonly archive: readonly ProofItem[]
  readonly blobs: readonly ProofItem[]
}

/** What a piece of evidence shows: nothing in it is secret, and anybody can put it together. */
export interface Parts {
  /** What it is said to show. */
  readonly code: string
  readonly genesis: Uint8Array
  readonly heads: readonly SignedHead[]
  readonly callLog: Proof | null
  readonly userLog: UserProof | null
  readonly state: StateProof | null
  /** Of the call log as well, where one proof says something else than another. */
  readonly otherLog: Proof | null
}

/** A block of the call log that is proven; the entry is null where the block is none. */
export interface Shown {
  readonly index: number
  readonly block: Uint8Array
  readonly entry: CallLogEntry | null
}

/** The parts with all their signatures and proofs verified: what a rule may rely on. */
export interface Material {
  readonly genesis: Genesis
  readonly genesisBlock: Uint8Array
  readonly address: Uint8Array
  readonly heads: readonly SignedHead[]
  readonly callLog: {
    readonly head: Head
    readonly shown: readonly Shown[]
    /** What it was at the length of the first of `heads`, where the proof has a boundary there. */
    readonly through: Through | null
    /** Roots of the tree up to and with a block that is shown. */
    readonly roots: ReadonlyMap<number, readonly TreeNode[]>
    /** Hashes of the nodes of its tree, as far as the proof says what they are. */
    readonly nodes: ReadonlyMap<number, Uint8Array>
  } | null
  readonly userLog: {
    readonly user: Uint8Array
    readonly head: Head
    readonly blocks: ReadonlyMap<number, Uint8Array>
  } | null
  readonly state: StateProof | null
  readonly otherLog: Material['callLog']
}

/** Verifies every signature and proof in it, and says nothing of what they amount to; throws PROOF_INVALID. */
export function verifyParts(parts: Parts): Material {
  const { code, genesis, heads, callLog, userLog, state, otherLog } = parts
  const entry = decodeEntry(genesis)
  if (entry.type !== 'genesis') throw invalid('it does not begin with genesis')
  const address = addressOf(entry.host, genesis)
  for (const { log, head } of heads) {
    const key = keyOf(log, entry.host, address)
    if (!verifyHead(head, key, entry.host)) throw invalid(`the host has not signed this ${log}`)
  }
  const verifyLog = (proof: Proof, length?: number) => {
    const { blocks, ...log } = verifyCallLog(proof, address, entry.host, length)
    // there a block only says how large it is, whoever can read it
    return { ...log, shown: code === 'TWO_HISTORIES' ? unread(blocks) : readBlocks(blocks) }
  }
  return {
    genesis: entry,
    genesisBlock: genesis,
    address,
    heads,
    callLog: callLog && verifyLog(callLog, heads[0]?.head.length),
    userLog: userLog && verifyUserLog(userLog, address),
    state,
    otherLog: otherLog && verifyLog(otherLog)
  }
}

function keyOf(log: SignedLog, host: Uint8Array, address: Uint8Array): Uint8Array {
  if (log === 'call log') return address
  return log === 'archive' ? stateKey(host, address) : blobsKey(host, address)
}

function verifyCallLog(proof: Proof, address: Uint8Array, host: Uint8Array, length?: number) {
  if (proof.start !== 0) throw invalid('a proof in it does not begin at block 0')
  if (proof.fork !== 0) throw invalid('a head in it is of a history that was rewritten')
  const roots = new Map<number, readonly TreeNode[]>()
  const nodes = new Map<number, Uint8Array>()
  const { head, blocks, through } = verifyProof(proof, {
    key: address,
    publicKey: host,
    visit: (index: number, tree: Tree) => roots.set(index, [...tree.roots]),
    onNode: (node: TreeNode) => nodes.set(node.index, node.hash),
    ...(length === undefined ? {} : { through: length })
  })
  return { head, blocks, through, roots, nodes }
}

function verifyUserLog({ user, proof }: UserProof, address: Uint8Array) {
  if (proof.start !== 0) throw invalid('a proof in it does not begin at block 0')
  if (proof.fork !== 0) throw invalid('a head in it is of a history that was rewritten')
  const key = userLogKey(user, address)
  const { head, blocks } = verifyProof(proof, { key, publicKey: user })
  return { user, head, blocks }
}

function unread(blocks: ReadonlyMap<number, Uint8Array>): Shown[] {
  return [...blocks].map(([index, block]) => ({ index, block, entry: null }))
}

/** Of what is no entry a rule is shown two blocks at most; not to read on makes files cheap that are made up. */
function readBlocks(blocks: ReadonlyMap<number, Uint8Array>): Shown[] {
  return [...blocks].map(([index, block]) => {
    const entry = block.byteLength > BLOCK_MAX ? null : readEntry(block)
    if (entry === null && blocks.size > 2) throw invalid(`block ${index} in it is no entry`)
    return { index, block, entry }
  })
}

/** The error for what is no evidence. */
export function invalid(why: string): MivmError {
  return new MivmError('PROOF_INVALID', `not valid evidence: ${why}`)
}
