import b4a from 'b4a'
import {
  type Ack,
  type CallLogEntry,
  type Commit,
  extendsVersion,
  type Genesis,
  isAbortError,
  type OracleAnswerEntry,
  type OracleRequestEntry,
  type Result,
  readUserEntry,
  type UserHead,
  type UserLogEntry,
  type Version
} from '../protocol/entries.ts'
import type { LoggedCall, OracleRecord } from '../protocol/evidence-replay.ts'
import { codeHash, writesHash } from '../protocol/hash.ts'
import { copyHead } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { BATCH_CALLS_MAX } from '../protocol/limits.ts'
import type { Attested, FindingCode, Place, Report } from './findings.ts'

/** What a commit says of the log of a user with acks in its batch; the head is null where it cannot be that. */
export interface LoggedHead {
  readonly user: Uint8Array
  readonly head: UserHead | null
}

/** The calls of one commit. */
export interface LoggedBatch {
  readonly calls: readonly LoggedCall[]
  readonly heads: readonly LoggedHead[]
  readonly commit: Commit
  readonly commitIndex: number
  /** Tree hash of the call log at the commit before: it goes into the seeds. */
  readonly committed: Uint8Array
  /** As they are in the log, from the first ack to the commit. */
  readonly blocks: readonly Uint8Array[]
}

interface OpenCall {
  readonly ack: Ack
  readonly caller: string
  readonly asked: UserLogEntry | null
  readonly index: number
  readonly oracles: OracleRecord[]
}

/** A call that may have no result yet. */
export type AckedCall = Pick<LoggedCall, 'ack' | 'caller' | 'asked' | 'index'>

interface Caller {
  readonly key: Uint8Array
  readonly id: string
  lastAck: number
  /** In the newest commit that has one. */
  head: UserHead | null
}

/** Where a call log is at its newest commit, with what the entries behind that are checked against. */
export interface WalkState {
  /** Index of the block behind the commit. */
  readonly next: number
  readonly seq: number
  readonly time: number
  /** Tree hash up to and with the commit. */
  readonly committed: Uint8Array
  readonly archive: Version
  readonly blobs: Version
  readonly callers: readonly Omit<Caller, 'id'>[]
  /** Calls that commits cover, and what of them is the host's word. */
  readonly calls: number
  readonly attested: Attested
}

/** As the newest commit left it. */
type Committed = Omit<WalkState, 'committed' | 'archive' | 'blobs' | 'callers'>

/**
 * The form of a call log, entry by entry: genesis, code, then batches of calls. An entry that has no place there
 * ends the walk, since nothing behind it means anything; a wrong number in its place does not.
 */
export class CallLogWalk {
  readonly #report: Report
  readonly #callers = new Map<string, Caller>()
  readonly #genesis: Genesis
  #calls: LoggedCall[] = []
  /** Since the newest commit. */
  #blocks: Uint8Array[] = []
  #call: OpenCall | null = null
  #code = false
  #broken = false
  #seq = 0
  #time = 0
  #committed: Uint8Array = new Uint8Array()
  #commit: Pick<Commit, 'archive' | 'blobs'> | null = null
  #next = 0
  #atCommit: Committed | null = null
  /** What `lastAck` of callers was at the newest commit, where it is another now; 0 for those who had none. */
  readonly #changed = new Map<Caller, number>()

  /** `from`: where another walk over the same log has come to; what it counted is in the report. */
  constructor(genesis: Genesis, report: Report, from: WalkState | null = null) {
    this.#genesis = genesis
    this.#report = report
    if (from === null) return
    const { next, seq, time, committed, archive, blobs, callers, calls, attested } = from
    this.#code = true
    this.#seq = seq
    this.#time = time
    this.#committed = committed
    this.#commit = { archive, blobs }
    this.#next = next
    this.#atCommit = { next, seq, time, calls, attested }
    for (const caller of callers) {
      const id = encodeId(caller.key)
      this.#callers.set(id, { ...caller, id })
    }
  }

  /** Where it was at the newest commit; null where there is none. */
  state(): WalkState | null {
    if (this.#atCommit === null || this.#commit === null) return null
    const { archive, blobs } = this.#commit
    const callers = [...this.#callers.values()].flatMap((caller) => {
      const lastAck = this.#changed.get(caller) ?? caller.lastAck
      return lastAck === 0 ? [] : [{ key: caller.key, lastAck, head: caller.head }]
    })
    return { ...this.#atCommit, committed: this.#committed, archive, blobs, callers }
  }

  /** Index of the block that comes next. */
  get next(): number {
    return this.#next
  }

  /** True when an entry had no place: what follows was not checked. */
  get broken(): boolean {
    return this.#broken
  }

  /** Entries behind the last commit: a batch that is not done. */
  get pending(): number {
    const calls = this.#calls.reduce((sum, { oracles }) => sum + 2 + blocksOf(oracles), 0)
    return calls + (this.#call === null ? 0 : 1 + blocksOf(this.#call.oracles))
  }

  /** Calls behind the last commit that have a result, and the tree hash of the log at that commit. */
  get tail(): Pick<LoggedBatch, 'calls' | 'committed'> {
    return { calls: [...this.#calls], committed: this.#committed }
  }

  /** Calls behind the last commit, with a result or without. */
  get acked(): AckedCall[] {
    return this.#call === null ? [...this.#calls] : [...this.#calls, this.#call]
  }

  /** Takes genesis, which has been checked. */
  begin(): null {
    this.#next = 1
    return null
  }

  /** Takes the next entry; `treeHash` is that of the log with it, needed for code and commit. */
  push(entry: CallLogEntry, block: Uint8Array, treeHash: Uint8Array | null): LoggedBatch | null {
    const index = this.#next++
    if (this.#broken) return null
    if (!this.#code) {
      this.#pushCode(entry, index, treeHash)
      return null
    }
    this.#blocks.push(block)
    switch (entry.type) {
      case 'ack':
        if (this.#call !== null) break
        this.#pushAck(entry, index)
        return null
      case 'oracle-request':
      case 'oracle-answer':
        if (this.#call === null || !this.#pushOracle(this.#call, entry, index)) break
        return null
      case 'result':
        if (this.#call === null) break
        this.#pushResult(this.#call, entry, index, block)
        return null
      case 'commit':
        if (this.#call !== null || this.#calls.length === 0 || treeHash === null) break
        return this.#pushCommit(entry, index, treeHash)
    }
    this.#break(index, 'ENTRY_UNEXPECTED', `${aOf(entry.type)} has no place here`)
    return null
  }

  /** Says that the next block is no entry at all. */
  refuse(code: FindingCode, why: string): null {
    const index = this.#next++
    if (!this.#broken) this.#break(index, code, why)
    return null
  }

  #pushCode(entry: CallLogEntry, index: number, treeHash: Uint8Array | null): void {
    if (entry.type !== 'code' || treeHash === null) {
      this.#break(index, 'ENTRY_UNEXPECTED', `${aOf(entry.type)} is where the code should be`)
    } else if (!b4a.equals(codeHash(entry.source), this.#genesis.codeHash)) {
      this.#break(index, 'CODE_WRONG', 'the code is not the one that genesis names by its hash')
    } else {
      this.#code = true
      this.#committed = treeHash
    }
  }

  #pushAck(ack: Ack, index: number): void {
    const { seq, user, time, previous } = ack
    const place = placeOf(index, { ack })
    if (seq !== this.#seq + 1) {
      const message = `this ack has the number ${seq}, the one before it ${this.#seq}`
      this.#report.find('SEQ_WRONG', place, message)
    }
    if (time < this.#time) {
      const message = `host time ${time} is ${this.#time - time} ms before that of an earlier call`
      this.#report.find('TIME_BACKWARDS', place, message)
    }
    const caller = this.#callerOf(user)
    if (previous !== caller.lastAck) {
      const message = `this ack says that the user's one before it is block ${previous}, it is ${caller.lastAck}`
      this.#report.find('ACK_CHAIN_WRONG', { ...place, user: caller.id }, message)
    }
    // by its place: the number is the host's word
    const asked = readUserEntry(ack.call)
    if (index === FIRST_ACK && !isInit(ack, asked, this.#genesis)) {
      const message = 'the first call is not init, called by the first entry of the deployer'
      this.#report.find('INIT_WRONG', place, message)
    }
    // the seed of call 1 comes from the tree of genesis and code, so that no other call is in its batch
    const most = this.#commit === null ? 1 : BATCH_CALLS_MAX
    if (this.#calls.length === most) {
      this.#break(index, 'BATCH_TOO_LARGE', `a batch of more than ${most} calls`)
      return
    }
    if (!this.#changed.has(caller)) this.#changed.set(caller, caller.lastAck)
    caller.lastAck = index
    this.#seq = seq
    this.#time = Math.max(time, this.#time)
    this.#call = { ack, caller: caller.id, asked, index, oracles: [] }
  }

  #pushOracle(
    call: OpenCall,
    entry: OracleRequestEntry | OracleAnswerEntry,
    block: number
  ): boolean {
    const { index: ackIndex, oracles } = call
    const last = oracles.at(-1)
    const waiting = last !== undefined && last.answer === null
    const asks = entry.type === 'oracle-request'
    if (asks === waiting) return false
    const number = waiting ? oracles.length - 1 : oracles.length
    if (entry.ack !== ackIndex || entry.index !== number) {
      const message = `this record is number ${entry.index} of ack ${entry.ack}, and stands at ${number} of ${ackIndex}`
      this.#report.find('ORACLE_INDEX_WRONG', placeOf(block, call), message)
    }
    if (entry.type === 'oracle-request') {
      oracles.push({ request: entry, block, answer: null })
    } else if (last !== undefined) {
      last.answer = entry
      this.#report.attested.oracleAnswers++
    }
    return true
  }

  #pushResult(call: OpenCall, result: Result, index: number, block: Uint8Array): void {
    const place = placeOf(index, call)
    // a call may be aborted while it waits for an oracle, it cannot end otherwise then
    if (call.oracles.at(-1)?.answer === null && result.outcome !== 'abort') {
      this.#break(index, 'ENTRY_UNEXPECTED', 'the call ends while it waits for an oracle')
      return
    }
    const wrong = wrongForm(result, call)
    if (wrong !== null) this.#report.find('RESULT_FORM', place, wrong)
    if (this.#report.counts.calls === 0 && result.outcome !== 'ok') {
      const message = `init ended with ${result.outcome}: such a deployment leaves no log`
      this.#report.find('INIT_WRONG', place, message)
    }
    if (result.outcome === 'abort') this.#report.abort(place)
    this.#report.attested.hostTimes++
    this.#report.counts.calls++
    this.#calls.push({ ...call, result, resultIndex: index, resultBlock: block })
    this.#call = null
  }

  #pushCommit(commit: Commit, index: number, treeHash: Uint8Array): LoggedBatch {
    const before = this.#commit
    const calls = this.#calls
    if (before !== null) {
      for (const log of ['archive', 'blobs'] as const) {
        if (extendsVersion(before[log], commit[log])) continue
        const place = placeOf(index, calls.at(-1))
        const message = `the ${log} goes back from length ${before[log].length} to ${commit[log].length}, or is another at the same`
        this.#report.find('COMMIT_BACKWARDS', place, message)
      }
    }
    const heads = this.#headsOf(calls, commit.heads, index)
    const committed = this.#committed
    const batch = { calls, heads, commit, commitIndex: index, committed, blocks: this.#blocks }
    const { counts, attested } = this.#report
    counts.commits++
    this.#calls = []
    this.#blocks = []
    this.#commit = commit
    this.#committed = treeHash
    this.#changed.clear()
    this.#atCommit = {
      next: this.#next,
      seq: this.#seq,
      time: this.#time,
      calls: counts.calls,
      attested: { ...attested }
    }
    return batch
  }

  /** Which head is whose. Nothing is said here of signatures, nor of what is in the users' logs. */
  #headsOf(calls: readonly LoggedCall[], heads: readonly UserHead[], block: number): LoggedHead[] {
    const entries = new Map<Caller, number>()
    for (const { ack } of calls) {
      const caller = this.#callerOf(ack.user)
      entries.set(caller, Math.max(entries.get(caller) ?? 0, ack.entry))
    }
    const place = placeOf(block, calls.at(-1))
    if (heads.length !== entries.size) {
      const message = `this commit has ${heads.length} heads for the ${entries.size} users of its calls`
      this.#report.find('COMMIT_HEADS_WRONG', place, message)
      return [...entries.keys()].map(({ key }) => ({ user: key, head: null }))
    }
    return [...entries].map(([caller, entry], i) => {
      const { key, id, head: before } = caller
      const head = heads[i]
      if (head === undefined) return { user: key, head: null }
      const wrong = wrongHead(head, entry, before)
      const goesOn = before === null || extendsVersion(before, head)
      const own = copyHead(head)
      caller.head = own
      if (wrong === null) return { user: key, head: own }
      const message = `the head of the user's log ${wrong}`
      this.#report.find('COMMIT_HEADS_WRONG', { ...place, user: id }, message)
      // one that is too short shows what the host has seen all the same
      return { user: key, head: goesOn ? own : null }
    })
  }

  #callerOf(user: Uint8Array): Caller {
    const id = encodeId(user)
    let caller = this.#callers.get(id)
    if (caller === undefined) {
      // a copy, since the whole block that it is cut from would stay
      caller = { key: new Uint8Array(user), id, lastAck: 0, head: null }
      this.#callers.set(id, caller)
      this.#report.counts.users++
    }
    return caller
  }

  #break(block: number, code: FindingCode, why: string): void {
    this.#broken = true
    const message = `block ${block}: ${why}; what follows was not checked`
    this.#report.find(code, placeOf(block, this.#call), message)
  }
}

/** With the call that it concerns, where there is one. */
function placeOf(block: number, call: Pick<OpenCall, 'ack'> | null | undefined): Place {
  return call ? { log: 'call log', block, seq: call.ack.seq } : { log: 'call log', block }
}

/** What is wrong with a result before anybody replays it; null where nothing is. */
function wrongForm(
  { ack, outcome, value, error, fuel, writes }: Result,
  { asked, index }: OpenCall
): string | null {
  if (ack !== index) return `this result is for ack ${ack}, and stands behind ${index}`
  // nothing is executed for it, so nothing can have been aborted
  if (outcome === 'abort' && asked?.type !== 'call') return 'this entry is no call, and was aborted'
  if (outcome === 'abort' && fuel > 0) return 'this call was aborted, and says what fuel it used'
  if (outcome === 'abort' && (error === null || !isAbortError(error)))
    return 'this call was aborted, and ends with an error that no abort has'
  if (outcome === 'ok') return error === null ? null : 'this call succeeded and has an error'
  if (error === null || value !== null)
    return `this call ended with ${outcome}, without an error or with a value`
  return b4a.equals(writes, NOTHING) ? null : `this call ended with ${outcome}, and wrote something`
}

/** What is wrong with the head of a user's log whose entries up to this one are executed; null where nothing is. */
function wrongHead(head: UserHead, entry: number, before: UserHead | null): string | null {
  if (head.length < entry) return `has length ${head.length}, and entry ${entry} is executed`
  if (before === null || extendsVersion(before, head)) return null
  return `goes back from length ${before.length} to ${head.length}, or is another at the same`
}

function isInit({ user, entry }: Ack, asked: UserLogEntry | null, { deployer }: Genesis): boolean {
  const isCalled = asked?.type === 'call' && asked.method === 'init'
  return entry === 1 && b4a.equals(user, deployer) && isCalled
}

function blocksOf(oracles: readonly OracleRecord[]): number {
  return oracles.reduce((sum, { answer }) => sum + (answer === null ? 1 : 2), 0)
}

function aOf(type: CallLogEntry['type']): string {
  return `${/^[ao]/.test(type) ? 'an' : 'a'} ${type} entry`
}

/** Genesis and code stand before it. */
const FIRST_ACK = 2
const NOTHING = writesHash([])
