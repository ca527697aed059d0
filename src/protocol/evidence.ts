import b4a from 'b4a'
import c from 'compact-encoding'
import { type CallLogEntry, decodeEntry, type Genesis, readEntry } from './entries.ts'
import { damaged, unwrap, wrap } from './envelope.ts'
import { MivmError } from './errors.ts'
import { checkReplay, invalid, type ReplayCase, type ReplayedClaim } from './evidence-replay.ts'
import { type Claim, RULES, type StructuralCode } from './evidence-rules.ts'
import { type Head, verifyHead } from './head.ts'
import { decodeId, encodeId } from './ids.ts'
import { BLOCK_MAX, EVIDENCE_ITEMS_MAX } from './limits.ts'
import { addressOf, blobsKey, stateKey, userLogKey } from './manifest.ts'
import type { Tree, TreeNode } from './merkle.ts'
import { type Proof, type ProofItem, type Through, verifyProof } from './proof.ts'
import { getEncoding } from './schema/index.js'

/** The logs of a host that a head can be of. */
export const SIGNED_LOGS = ['call log', 'archive', 'blobs'] as const
export type SignedLog = (typeof SIGNED_LOGS)[number]

/** What replay finds; everything else follows from signatures and hashes. */
export const REPLAY_CODES = [
  'RESULT_WRONG',
  'ORACLE_RECORD_WRONG',
  'ORACLE_RECORD_EXTRA',
  'COMMIT_WRONG'
] as const
export type ReplayCode = (typeof REPLAY_CODES)[number]

/** Those that say what the history is, and not what is in it: all that peers can find who compare heads. */
export const HISTORY_CODES = ['TWO_HISTORIES', 'HISTORY_FORKED'] as const
export type HistoryCode = (typeof HISTORY_CODES)[number]

export type EvidenceCode = StructuralCode | ReplayCode

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

/** What evidence is made of: nothing in it is secret, and anybody can put it together. */
export interface EvidenceParts {
  readonly code: EvidenceCode
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

/** What a piece of evidence proves. */
export interface Evidence extends Claim {
  readonly code: EvidenceCode
  /** P: from signatures and hashes alone; R: by replay. */
  readonly class: 'P' | 'R'
  /** z-base-32. */
  readonly host: string
  readonly address: string
  /** Who has signed what of that which the claim rests on. */
  readonly signed: readonly string[]
  /** The evidence itself: anybody can check it again. */
  readonly bytes: Uint8Array
}

/** Executes the calls of a case again; null where that comes to what the log says. */
export type ReplayVerifier = (code: ReplayCode, replay: ReplayCase) => Promise<ReplayedClaim | null>

export interface EvidenceOptions {
  /** The host that has to be the accused, z-base-32. */
  readonly host?: string
  /** For what only replay can show; without it such evidence cannot be judged (NOT_REPRODUCED). */
  readonly replay?: ReplayVerifier
}

export function encodeEvidence({ code, genesis, ...parts }: EvidenceParts): Uint8Array {
  const heads = parts.heads.map(({ log, head }) => ({ log: SIGNED_LOGS.indexOf(log), head }))
  return wrap('evidence', c.encode(EVIDENCE, { ...parts, code, genesis, heads }))
}

/**
 * Verifies evidence, as bytes or as text in armour, without believing who made it. No I/O but that of `replay`. Throws
 * PROOF_INVALID where it does not hold, with `host` also where it accuses another one; NOT_REPRODUCED and VM_UNKNOWN
 * where this machine cannot execute the calls; PROOF_UNKNOWN, PROOF_VERSION, PROOF_DAMAGED, PROOF_TOO_LARGE and, for
 * genesis, ENTRY_MALFORMED and ENTRY_VERSION as for receipts.
 */
export async function verifyEvidence(
  file: Uint8Array | string,
  { host, replay }: EvidenceOptions = {}
): Promise<Evidence> {
  const { bytes } = unwrap(file)
  const parts = decodeEvidence(file)
  const material = verifyParts(parts)
  const accused = encodeId(material.genesis.host)
  if (host !== undefined && !b4a.equals(decodeId(host, 'host key'), material.genesis.host)) {
    throw invalid(`it is about the host ${accused}`)
  }
  const { code } = parts
  const claim = isReplayCode(code)
    ? await judgeReplay(code, material, replay)
    : judge(code, material)
  return {
    code,
    class: isReplayCode(code) ? 'R' : 'P',
    host: accused,
    address: encodeId(material.address),
    signed: signaturesOf(material),
    ...claim,
    bytes
  }
}

/** What evidence is made of, of which nothing is verified; throws as {@link verifyEvidence} does for what is none. */
export function decodeEvidence(file: Uint8Array | string): EvidenceParts {
  const { kind, body } = unwrap(file)
  if (kind !== 'evidence') throw invalid(`it is a ${kind}`)
  return decodeParts(body)
}

export function isReplayCode(code: EvidenceCode): code is ReplayCode {
  return REPLAY_CODES.some((replayed) => replayed === code)
}

export function isHistoryCode(code: string): code is HistoryCode {
  return HISTORY_CODES.some((known) => known === code)
}

export function isEvidenceCode(code: string): code is EvidenceCode {
  return Object.hasOwn(RULES, code) || REPLAY_CODES.some((replayed) => replayed === code)
}

function judge(code: StructuralCode, material: Material): Claim {
  const { parts, find } = RULES[code]
  const there = partsOf(material)
  if (!parts.includes(there)) throw invalid(`${code} is not shown by ${there}`)
  const claim = find(material)
  if (claim === null) throw invalid(`what it shows is no ${code}`)
  return claim
}

async function judgeReplay(
  code: ReplayCode,
  material: Material,
  replay: ReplayVerifier | undefined
): Promise<Claim> {
  const replayCase = checkReplay(code, material)
  if (replay === undefined) {
    throw new MivmError('NOT_REPRODUCED', 'this has to be executed again: use "mivm verify"')
  }
  const claim = await replay(code, replayCase)
  if (claim === null) throw invalid('replay comes to what the log says')
  return claim
}

function partsOf({ heads, callLog, userLog, state, otherLog }: Material): string {
  const parts = [
    ...(heads.length > 0 ? [`heads:${heads.length}`] : []),
    ...(callLog === null ? [] : ['callLog']),
    ...(userLog === null ? [] : ['userLog']),
    ...(state === null ? [] : ['state']),
    ...(otherLog === null ? [] : ['otherLog'])
  ]
  return parts.join('+') || 'nothing'
}

/** Verifies every signature and proof in it, and says nothing of what they amount to; throws PROOF_INVALID. */
export function verifyParts(parts: EvidenceParts): Material {
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

function signaturesOf({ heads, callLog, userLog, otherLog }: Material): string[] {
  const of = (log: string, { length, fork, treeHash }: Head) =>
    `${log}: ${length} blocks${fork === 0 ? '' : `, fork ${fork}`}, tree hash ${b4a.toString(treeHash, 'hex')}`
  return [
    ...heads.map(({ log, head }) => `the host has signed a head of the ${of(log, head)}`),
    ...[callLog, otherLog].flatMap((log) =>
      log === null ? [] : [`the host has signed a head of the ${of('call log', log.head)}`]
    ),
    ...(userLog === null
      ? []
      : [
          `the user ${encodeId(userLog.user)} has signed a head of its own ${of('log', userLog.head)}`
        ])
  ]
}

function decodeParts(body: Uint8Array): EvidenceParts {
  const parts = tryDecode(body)
  if (parts === null) throw damaged('this evidence is damaged or cut off')
  // each is a signature to verify, and is held against all others where several files are compared
  if (parts.heads.length > HEADS_MAX) throw invalid('it has more heads than show anything')
  for (const proof of [parts.callLog, parts.otherLog, parts.userLog?.proof]) {
    if (proof && proof.items.length > EVIDENCE_ITEMS_MAX) {
      throw invalid('a proof in it has more items than show anything')
    }
  }
  const heads = parts.heads.map(({ log, head }) => {
    const name = SIGNED_LOGS[log]
    if (name === undefined) throw invalid('it has a head of no log')
    return { log: name, head }
  })
  const { code } = parts
  if (!isEvidenceCode(code)) throw invalid('this version knows no such violation')
  return { ...parts, code, heads }
}

/** The fields as they are encoded. */
interface Encoded extends Omit<EvidenceParts, 'code' | 'heads'> {
  readonly code: string
  readonly heads: readonly { readonly log: number; readonly head: Head }[]
}

function tryDecode(body: Uint8Array): Encoded | null {
  try {
    const parts = c.decode(EVIDENCE, body)
    return b4a.equals(c.encode(EVIDENCE, parts), body) ? parts : null
  } catch {
    return null
  }
}

/** Of the rules none is about more of them. */
const HEADS_MAX = 2

const EVIDENCE = getEncoding<Encoded>('@mivm/evidence')
