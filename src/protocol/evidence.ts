import b4a from 'b4a'
import c from 'compact-encoding'
import { damaged, unwrap, wrap } from './envelope.ts'
import { MivmError } from './errors.ts'
import {
  invalid,
  type Material,
  type Parts,
  SIGNED_LOGS,
  verifyParts
} from './evidence-material.ts'
import {
  checkReplay,
  isReplayCode,
  type ReplayCase,
  type ReplayCode,
  type ReplayedClaim
} from './evidence-replay.ts'
import { type Claim, RULES, type StructuralCode } from './evidence-rules.ts'
import type { Head } from './head.ts'
import { decodeId, encodeId } from './ids.ts'
import { EVIDENCE_ITEMS_MAX } from './limits.ts'
import { getEncoding } from './schema/index.js'

/** Those that say what the history is, and not what is in it: all that peers can find who compare heads. */
export const HISTORY_CODES = ['TWO_HISTORIES', 'HISTORY_FORKED'] as const
export type HistoryCode = (typeof HISTORY_CODES)[number]

export type EvidenceCode = StructuralCode | ReplayCode

/** What evidence is made of. */
export interface EvidenceParts extends Parts {
  readonly code: EvidenceCode
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

export function isHistoryCode(code: string): code is HistoryCode {
  return HISTORY_CODES.some((known) => known === code)
}

export function isEvidenceCode(code: string): code is EvidenceCode {
  return Object.hasOwn(RULES, code) || isReplayCode(code)
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
