import b4a from 'b4a'
import flat from 'flat-tree'
import { decodeEntry } from './entries.ts'
import { unwrap } from './envelope.ts'
import { MivmError } from './errors.ts'
import { decodeEvidence, type EvidenceCode, encodeEvidence } from './evidence.ts'
import type { SignedHead } from './evidence-material.ts'
import { type Head, verifyHead } from './head.ts'
import { addressOf } from './manifest.ts'
import { Tree } from './merkle.ts'
import {
  nodesGiven,
  type Proof,
  type ProofItem,
  pushItem,
  type Through,
  throughOf,
  verifyProof
} from './proof.ts'
import { openReceipt, verifyReceipt } from './receipt.ts'
import { leafHash } from './tree-hash.ts'

/** Whose call log is compared: all of it follows from genesis. */
export interface Subject {
  readonly genesis: Uint8Array
  readonly address: Uint8Array
  readonly host: Uint8Array
}

/** What a host has signed of its call log: a head, and a proof from block 0 under it where there is one. */
export interface Statement {
  readonly head: Head
  readonly proof: Proof | null
}

/** What an auditor holds itself: the head that it has read to, and the tree below it. */
export interface Held {
  readonly genesis: Uint8Array
  readonly head: Head | null
  /** A proof from block 0 under that head, with boundaries at these lengths; null for what is not here. */
  prove(lengths: readonly number[]): Promise<Proof | null>
}

/** What others hold: heads that the host has signed, and evidence that it has signed two histories. */
export interface Heard {
  readonly heads: readonly Head[]
  readonly evidence: Uint8Array | null
}

/** Throws ENTRY_MALFORMED where that is no genesis. */
export function subjectOf(genesis: Uint8Array): Subject {
  const entry = decodeEntry(genesis)
  if (entry.type !== 'genesis') {
    throw new MivmError('ENTRY_MALFORMED', 'the entry is not genesis: ask for the file again')
  }
  return { genesis, address: addressOf(entry.host, genesis), host: entry.host }
}

/** Whether the host has signed this head of the call log. */
export function isSigned({ address, host }: Subject, head: Head): boolean {
  return verifyHead(head, address, host)
}

/** A proof from block 0 with the head that it leads to; throws PROOF_INVALID. */
export function stateProof({ address, host }: Subject, proof: Proof): Statement {
  if (proof.start !== 0) {
    throw new MivmError('PROOF_INVALID', 'the proof does not hold: it does not begin at block 0')
  }
  return { head: verifyProof(proof, { key: address, publicKey: host }).head, proof }
}

/**
 * What a log was at these lengths, in the history that a statement is of: at those that it says something of. One walk,
 * whatever their number; the statement is verified, so that its signature is not asked again.
 */
export function lengthsIn(
  { head, proof }: Statement,
  lengths: Iterable<number>
): ReadonlyMap<number, Through> {
  const wanted = new Set(lengths)
  const found = new Map<number, Through>()
  if (proof !== null) {
    const tree = new Tree()
    const given = nodesGiven(proof)
    const note = () => {
      if (wanted.has(tree.length)) found.set(tree.length, throughOf(tree, given))
    }
    note()
    for (const item of proof.items) {
      pushItem(tree, item)
      note()
    }
    if (tree.length !== head.length || !b4a.equals(tree.treeHash(), head.treeHash)) {
      throw new MivmError('PROOF_INVALID', 'the proof does not hold: it is not of this head')
    }
  }
  const { length, treeHash } = head
  if (wanted.has(length)) found.set(length, { treeHash, isCertain: true })
  return found
}

/**
 * Evidence that two statements of one host, both verified, are of two histories, or that one is of a history that was
 * rewritten; null where they agree, or where they do not say enough to compare them.
 */
export function contradiction(subject: Subject, one: Statement, two: Statement): Uint8Array | null {
  const forked = [one, two].find(({ head }) => head.fork !== 0)
  if (forked !== undefined) return make(subject, 'HISTORY_FORKED', { heads: [forked.head] })
  const [short, long] = one.head.length <= two.head.length ? [one, two] : [two, one]
  const { length } = short.head
  const shown = lengthsIn(long, [length]).get(length)
  if (shown !== undefined) {
    if (b4a.equals(shown.treeHash, short.head.treeHash)) return null
    if (length === long.head.length) {
      return make(subject, 'TWO_HISTORIES', { heads: [short.head, long.head] })
    }
    if (shown.isCertain) {
      return make(subject, 'TWO_HISTORIES', { heads: [short.head], callLog: long.proof })
    }
  }
  if (short.proof === null || long.proof === null || !differ(subject, short.proof, long.proof)) {
    return null
  }
  return make(subject, 'TWO_HISTORIES', { callLog: short.proof, otherLog: long.proof })
}

/** All that a receipt or a piece of evidence shows of what its host has signed of the call log; throws as their verifiers. */
export function statementsIn(file: Uint8Array | string): {
  readonly subject: Subject
  readonly statements: readonly Statement[]
} {
  const { kind } = unwrap(file)
  if (kind === 'receipt') {
    verifyReceipt(file)
    const { genesis, proof } = openReceipt(file)
    const subject = subjectOf(genesis)
    return { subject, statements: [stateProof(subject, proof)] }
  }
  const { genesis, heads, callLog, otherLog } = decodeEvidence(file)
  const subject = subjectOf(genesis)
  const shown = heads.filter(({ log, head }) => log === 'call log' && isSigned(subject, head))
  const proofs = [callLog, otherLog].filter((proof) => proof !== null)
  return {
    subject,
    statements: [
      ...shown.map(({ head }) => ({ head, proof: null })),
      ...proofs.map((proof) => stateProof(subject, proof))
    ]
  }
}

/**
 * Evidence that is in several receipts or pieces of evidence together; null where none contradicts another. Throws as
 * their verifiers, and USAGE where they are of several instances.
 */
export function contradictionIn(files: readonly (Uint8Array | string)[]): Uint8Array | null {
  const all = files.map(statementsIn)
  const [first] = all
  if (first === undefined) return null
  if (all.some(({ subject }) => !b4a.equals(subject.address, first.subject.address))) {
    throw new MivmError('USAGE', 'these files are of several instances: compare those of one')
  }
  const statements = all.flatMap((it) => it.statements)
  for (const [i, one] of statements.entries()) {
    for (const two of statements.slice(i + 1)) {
      const evidence = contradiction(first.subject, one, two)
      if (evidence !== null) return evidence
    }
  }
  return null
}

/** Nodes of the tree below which two proofs say that other blocks are. */
function differ({ address, host }: Subject, one: Proof, two: Proof): boolean {
  const known = new Map<number, Uint8Array>()
  const context = { key: address, publicKey: host }
  verifyProof(one, { ...context, onNode: ({ index, hash }) => known.set(index, hash) })
  let differing = false
  const onNode = ({ index, hash }: { index: number; hash: Uint8Array }) => {
    const other = known.get(index)
    if (other !== undefined && !b4a.equals(other, hash)) differing = true
  }
  verifyProof(two, { ...context, onNode })
  return differing
}

interface Shown {
  readonly heads?: readonly Head[]
  readonly callLog?: Proof | null
  readonly otherLog?: Proof | null
}

function make(
  { genesis }: Subject,
  code: EvidenceCode,
  { heads = [], callLog = null, otherLog = null }: Shown
): Uint8Array {
  const signed: SignedHead[] = heads.map((head) => ({ log: 'call log', head }))
  const [short] = heads
  return encodeEvidence({
    code,
    genesis,
    heads: signed,
    callLog: callLog && withoutBlocks(callLog, short?.length),
    userLog: null,
    state: null,
    otherLog: otherLog && withoutBlocks(otherLog)
  })
}

/**
 * The same proof with the leaf of each block in its place: it shows nothing, and is small. A block that makes certain what the
 * log was at a length stays.
 */
function withoutBlocks(proof: Proof, through = 0): Proof {
  const kept = weighing(proof, through)
  let length = proof.start
  const items = proof.items.map((item): ProofItem => {
    const { block, node } = item
    if (block === null) {
      length = flat.rightSpan(node.index) / 2 + 1
      return item
    }
    const index = 2 * length++
    if (item === kept) return item
    return { block: null, node: { index, size: block.byteLength, hash: leafHash(block) } }
  })
  return { ...proof, items }
}

/** At an odd length the last root is a leaf: its block, or the one behind it, is as large as it is. */
function weighing({ start, items }: Proof, through: number): ProofItem | undefined {
  if (through % 2 === 0) return undefined
  let length = start
  const beside = items.filter(({ block, node }) => {
    if (block === null) length = flat.rightSpan(node.index) / 2 + 1
    else length++
    return block !== null && (length === through || length === through + 1)
  })
  return beside.sort((a, b) => sizeOf(a) - sizeOf(b))[0]
}

function sizeOf({ block }: ProofItem): number {
  return block?.byteLength ?? 0
}
