import b4a from 'b4a'
import {
  type Ack,
  type Commit,
  type Genesis,
  type OracleAnswerEntry,
  type OracleRequestEntry,
  type Result,
  readUserEntry,
  type UserLogEntry,
  type Version
} from './entries.ts'
import { invalid, type Material, type Shown } from './evidence-material.ts'
import type { Claim } from './evidence-rules.ts'
import { codeHash } from './hash.ts'
import { encodeId } from './ids.ts'
import { BATCH_CALLS_MAX } from './limits.ts'
import { Tree, type TreeNode } from './merkle.ts'
import { type ProofItem, pushItem } from './proof.ts'

/** What replay finds; everything else follows from signatures and hashes. */
export const REPLAY_CODES = [
  'RESULT_WRONG',
  'ORACLE_RECORD_WRONG',
  'ORACLE_RECORD_EXTRA',
  'COMMIT_WRONG'
] as const
export type ReplayCode = (typeof REPLAY_CODES)[number]

export function isReplayCode(code: string): code is ReplayCode {
  return REPLAY_CODES.some((replayed) => replayed === code)
}

/** What a replay came to, in the call that the evidence is about. */
export type ReplayedClaim = Claim & Required<Pick<Claim, 'seq'>>

/** An oracle request as it is logged; the answer is null only where the call was aborted before it came. */
export interface OracleRecord {
  readonly request: OracleRequestEntry
  readonly block: number
  answer: OracleAnswerEntry | null
}

/** One call as the log tells it. */
export interface LoggedCall {
  readonly ack: Ack
  /** Its user in z-base-32. */
  readonly caller: string
  /** The user's block in it; null where that is no entry of a user's log. */
  readonly asked: UserLogEntry | null
  /** Blocks of ack and result. */
  readonly index: number
  readonly resultIndex: number
  readonly result: Result
  readonly resultBlock: Uint8Array
  readonly oracles: readonly OracleRecord[]
}

/** A log as far as it is proven: its tree at one length, and some of its blocks. */
export interface SparseLog {
  readonly roots: readonly TreeNode[]
  readonly blocks: ReadonlyMap<number, Uint8Array>
}

/** Calls from a commit on, with all that decides what they come to, and all of it signed by the host. */
export interface ReplayCase {
  readonly genesis: Genesis
  readonly address: Uint8Array
  readonly source: string
  /** Tree hash of the call log at the commit before: it goes into the seeds. */
  readonly committed: Uint8Array
  /** Block of the commit before; null where these are the first calls. */
  readonly start: number | null
  readonly calls: readonly LoggedCall[]
  /** The commit at the end, where the evidence is about that. */
  readonly commit: { readonly entry: Commit; readonly index: number } | null
  /** The state archive as the commit before left it. */
  readonly archive: SparseLog
  readonly blobs: SparseLog
}

/** What the parts have to be for a replay; throws PROOF_INVALID. Nothing is executed yet. */
export function checkReplay(code: ReplayCode, material: Material): ReplayCase {
  const { genesis, address, heads, callLog, userLog, state, otherLog } = material
  if (callLog === null || heads.length > 0 || userLog !== null || otherLog !== null) {
    throw invalid(`${code} is shown by the call log and the state, and nothing else`)
  }
  const [first, ...others] = callLog.shown
  if (first?.index !== 1 || first.entry?.type !== 'code') throw invalid('it lacks the code')
  const { source } = first.entry
  if (!b4a.equals(codeHash(source), genesis.codeHash)) throw invalid('it has other code')
  const before = others[0]?.entry?.type === 'commit' ? others[0] : null
  const batch = before === null ? others : others.slice(1)
  const start = before ?? first
  if (batch.some(({ index }, i) => index !== start.index + 1 + i)) {
    throw invalid('blocks between the commit and the call are missing')
  }
  const last = batch.at(-1)
  const commit = code === 'COMMIT_WRONG' && last?.entry?.type === 'commit' ? last.entry : null
  if ((code === 'COMMIT_WRONG') !== (commit !== null)) throw invalid('its last block is another')
  const previous = before?.entry?.type === 'commit' ? before.entry : null
  return {
    genesis,
    address,
    source,
    committed: new Tree(callLog.roots.get(start.index)).treeHash(),
    start: before?.index ?? null,
    calls: readCalls(commit === null ? batch : batch.slice(0, -1)),
    commit: commit && { entry: commit, index: last?.index ?? 0 },
    ...readState(previous, state)
  }
}

function readState(previous: Commit | null, state: Material['state']) {
  if ((previous === null) !== (state === null)) {
    throw invalid('it has to have the state that its calls began with')
  }
  if (previous === null || state === null) return { archive: EMPTY, blobs: EMPTY }
  return {
    archive: readSparse(state.archive, previous.archive),
    blobs: readSparse(state.blobs, previous.blobs)
  }
}

function readSparse(items: readonly ProofItem[], version: Version): SparseLog {
  const tree = new Tree()
  const blocks = new Map<number, Uint8Array>()
  for (const item of items) {
    if (item.block !== null) blocks.set(tree.length, item.block)
    pushItem(tree, item)
  }
  if (tree.length !== version.length || !b4a.equals(tree.treeHash(), version.treeHash)) {
    throw invalid('its state is not the one that the commit names')
  }
  return { roots: tree.roots, blocks }
}

/** The calls of blocks that follow each other, without the commit at their end. */
export function readCalls(shown: readonly Shown[]): LoggedCall[] {
  const calls: LoggedCall[] = []
  let open:
    | (Pick<LoggedCall, 'ack' | 'caller' | 'asked' | 'index'> & { oracles: OracleRecord[] })
    | null = null
  for (const { index, block, entry } of shown) {
    const last: OracleRecord | undefined = open?.oracles.at(-1)
    const waits = last !== undefined && last.answer === null
    if (entry?.type === 'ack' && open === null) {
      const caller = encodeId(entry.user)
      open = { ack: entry, caller, asked: readUserEntry(entry.call), index, oracles: [] }
    } else if (entry?.type === 'oracle-request' && open !== null && !waits) {
      open.oracles.push({ request: entry, block: index, answer: null })
    } else if (entry?.type === 'oracle-answer' && waits) {
      last.answer = entry
    } else if (entry?.type === 'result' && open !== null) {
      calls.push({ ...open, result: entry, resultIndex: index, resultBlock: block })
      open = null
    } else {
      throw invalid(`block ${index} has no place in a batch`)
    }
  }
  if (open !== null || calls.length === 0) throw invalid('its last call has no result')
  if (calls.length > BATCH_CALLS_MAX) throw invalid('it has more calls than a batch')
  return calls
}

const EMPTY: SparseLog = { roots: [], blocks: new Map() }
