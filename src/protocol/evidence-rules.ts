import b4a from 'b4a'
import flat from 'flat-tree'
import {
  type Ack,
  type Commit,
  extendsVersion,
  isAbortError,
  isTooMuch,
  limitsOf,
  readUserEntry
} from './entries.ts'
import { MivmError } from './errors.ts'
import type { Material, Shown, SignedLog } from './evidence-material.ts'
import { codeHash, writesHash } from './hash.ts'
import { type Head, verifyHead } from './head.ts'
import { encodeId } from './ids.ts'
import { BATCH_CALLS_MAX, BLOCK_MAX } from './limits.ts'
import { userLogKey } from './manifest.ts'
import { isOwnVm, otherVm } from './vm-id.ts'

/** What is proven: where it is, and why no honest host can have signed it. */
export interface Claim {
  readonly log: SignedLog
  readonly block: number
  readonly seq?: number
  /** z-base-32. */
  readonly user?: string
  /** A sentence that follows from what is shown. */
  readonly why: string
  readonly differences?: readonly {
    readonly what: string
    readonly logged: string
    readonly replayed: string
  }[]
}

interface Rule {
  /** What it has to be shown by, exactly: parts that prove nothing have no place in evidence. */
  readonly parts: readonly string[]
  /** Null where what is shown is not what the code says. */
  find(material: Material): Claim | null
}

/**
 * Every violation that signatures and hashes alone prove, each with the fewest blocks that an honest host can never
 * have signed. Rules say nothing of blocks that are not shown: where "the next" counts, all between are.
 */
export const RULES = {
  GENESIS_INVALID: rule(['heads:1'], ({ genesis, heads: [signed] }) => {
    if (signed?.log !== 'call log' || signed.head.length === 0) return null
    // what another VM allows is not known here
    if (!isOwnVm(genesis.vm)) throw new MivmError('VM_UNKNOWN', otherVm(genesis.vm))
    const message = refusal(() => limitsOf(genesis))
    return message === null ? null : at(0, `genesis cannot be run: ${message}`)
  }),

  CODE_WRONG: shownBy(([code, ...more], { genesis }) => {
    if (code?.index !== 1 || code.entry?.type !== 'code' || more.length > 0) return null
    if (b4a.equals(codeHash(code.entry.source), genesis.codeHash)) return null
    return at(1, 'the code in block 1 is not the one that genesis names by its hash')
  }),

  INIT_WRONG: shownBy((shown, { genesis: { deployer } }) => {
    const [first] = shown
    if (first?.index !== 2 || first.entry?.type !== 'ack') return null
    const { user, entry, call } = first.entry
    if (shown.length === 1) {
      const isInit = entry === 1 && b4a.equals(user, deployer) && callIn(call)?.method === 'init'
      if (isInit) return null
      return at(first, 'the first call is not init, called by the first entry of the deployer')
    }
    const { result } = readCall(shown) ?? {}
    if (result === undefined || result.entry.outcome === 'ok') return null
    const why = `the first call ended with ${result.entry.outcome}: such a deployment leaves no log`
    return at(result, why, first.entry)
  }),

  ENTRY_MALFORMED: shownBy(([it, ...more]) => {
    if (it === undefined || more.length > 0) return null
    if (it.entry !== null || it.block.byteLength > BLOCK_MAX) return null
    return at(it, `block ${it.index} of the call log is no entry`)
  }),

  ENTRY_TOO_LARGE: shownBy(([it, ...more]) => {
    if (it === undefined || more.length > 0) return null
    const { index, block, entry } = it
    if (entry !== null && isTooMuch(entry)) {
      return at(
        it,
        `the record of an oracle in block ${index} is more than a call can ask, or be told`
      )
    }
    if (block.byteLength <= BLOCK_MAX) return null
    return at(it, `block ${index} has ${block.byteLength} bytes, ${BLOCK_MAX} are allowed`)
  }),

  ENTRY_UNEXPECTED: shownBy((shown) => {
    const it = shown.at(-1)
    if (it === undefined || it.entry === null || !isRange(shown)) return null
    const { type } = it.entry
    if (shown.length === 1) {
      const misplaced =
        (it.index === 1 && type !== 'code') ||
        (it.index > 0 && type === 'genesis') ||
        (it.index > 1 && type === 'code')
      return misplaced ? at(it, `block ${it.index} is ${type}, which has no place there`) : null
    }
    const [before] = shown
    if (shown.length !== 2 || !before?.entry || follows(before, it)) return null
    const why = `block ${it.index} is ${type}, which cannot follow ${before.entry.type}`
    // it belongs to the call that is not over, if to any, also where it is the ack of another
    return at({ index: it.index, entry: null }, why, ackOf(before))
  }),

  BATCH_TOO_LARGE: shownBy((shown) => {
    const last = shown.at(-1)
    if (shown[0]?.entry?.type !== 'ack') return null
    // the first batch is the deployment alone
    const callsMax = shown[0].index === 2 ? 1 : BATCH_CALLS_MAX
    const acks = shown.filter(({ entry }) => entry?.type === 'ack').length
    if (last?.entry?.type !== 'ack' || acks !== callsMax + 1 || !isRange(shown)) return null
    if (shown.some(({ entry }) => entry === null || entry.type === 'commit')) return null
    return at(last, `more than ${callsMax} calls follow each other without a commit`)
  }),

  SEQ_WRONG: shownBy((shown) => {
    const last = shown.at(-1)
    const [first] = shown
    if (last?.entry?.type !== 'ack' || first === undefined) return null
    const { seq } = last.entry
    const says = `the ack in block ${last.index} has the number ${seq}`
    if (shown.length === 1) {
      return last.index === 2 && seq !== 1 ? at(last, `${says}, and it is the first`) : null
    }
    if (first.entry?.type !== 'ack' || acksIn(shown).length !== 2 || !isRange(shown)) return null
    return seq === first.entry.seq + 1
      ? null
      : at(last, `${says}, the one before it ${first.entry.seq}`)
  }),

  ACK_CHAIN_WRONG: shownBy((shown) => {
    const last = shown.at(-1)
    if (last?.entry?.type !== 'ack' || shown.length > 2) return null
    const { previous, user } = last.entry
    const says = `the ack in block ${last.index} says that its user's one before it is block ${previous}`
    const other = shown.length === 2 ? shown[0] : undefined
    if (other === undefined) {
      return previous >= last.index ? at(last, `${says}, which is not before it`) : null
    }
    const same = other.entry?.type === 'ack' && b4a.equals(other.entry.user, user)
    if (same && other.index > previous) return at(last, `${says}, and block ${other.index} is one`)
    // 0 says that there is none
    if (same || previous === 0 || other.index !== previous) return null
    return at(last, `${says}, which is none of that user`)
  }),

  RESULT_FORM: shownBy((shown) => {
    const { ack, result } = readCall(shown) ?? {}
    if (ack === undefined || result === undefined) return null
    const why = wrongForm(ack, result)
    return why === null ? null : at(result, why, ack.entry)
  }),

  ORACLE_INDEX_WRONG: shownBy((shown) => {
    const [ack, ...records] = shown
    const last = records.at(-1)
    if (ack?.entry?.type !== 'ack' || last === undefined || !isRange(shown)) return null
    if (!records.every(({ entry }, i) => entry?.type === RECORDS[i % 2])) return null
    const { entry } = last
    if (entry?.type !== 'oracle-request' && entry?.type !== 'oracle-answer') return null
    const number = Math.floor((records.length - 1) / 2)
    if (entry.ack === ack.index && entry.index === number) return null
    const why = `the record in block ${last.index} is number ${entry.index} of ack ${entry.ack}, and stands at ${number} of ${ack.index}`
    return at(last, why, ack.entry)
  }),

  COMMIT_BACKWARDS: shownBy(([before, after, ...more]) => {
    if (before?.entry?.type !== 'commit' || after?.entry?.type !== 'commit') return null
    if (more.length > 0) return null
    for (const log of ['archive', 'blobs'] as const) {
      const [from, to] = [before.entry[log], after.entry[log]]
      if (extendsVersion(from, to)) continue
      const why = `the commit in block ${before.index} leaves the ${log} at ${from.length} blocks, the one in block ${after.index} at ${to.length} or with another tree hash`
      return at(after, why)
    }
    return null
  }),

  COMMIT_HEADS_WRONG: shownBy((shown, { address }) => {
    const last = shown.at(-1)
    if (last?.entry?.type !== 'commit') return null
    const [before, ack] = shown
    if (shown.length === 3 && before?.entry?.type === 'commit' && !isRange(shown)) {
      return ack?.entry?.type === 'ack'
        ? headsBackwards(before.entry, last, last.entry, ack.entry.user, address)
        : null
    }
    const users = batchUsers(shown)
    return users && wrongHeads(users, last, last.entry)
  }),

  USER_HEAD_INVALID: shownBy((shown, { address }) => {
    const last = shown.at(-1)
    const users = batchUsers(shown)
    if (users === null || last?.entry?.type !== 'commit') return null
    const { heads } = last.entry
    if (heads.length !== users.length) return null
    for (const [i, { user }] of users.entries()) {
      const head = heads[i]
      if (head === undefined || verifyHead({ ...head, fork: 0 }, userLogKey(user, address), user))
        continue
      const why = `the commit in block ${last.index} has a head of the log of this user, of ${head.length} blocks, that the user has not signed`
      return { ...at(last, why), user: encodeId(user) }
    }
    return null
  }),

  TIME_BACKWARDS: twoAcks((before, after) =>
    after.ack.time < before.ack.time
      ? `the host time of this call, ${after.ack.time}, is before that of call ${before.ack.seq}, ${before.ack.time}`
      : null
  ),

  CALL_REPEATED: twoAcks((before, after) =>
    isSameUser(before.ack, after.ack) && after.ack.entry === before.ack.entry
      ? `entry ${after.ack.entry} of the user is executed twice, at blocks ${before.at.index} and ${after.at.index}`
      : null
  ),

  CALL_OUT_OF_ORDER: shownBy((shown) => {
    const [only, ...more] = shown
    if (only?.entry?.type === 'ack' && only.entry.entry === 0 && more.length === 0) {
      return at(only, 'the host has executed entry 0 of the user, and the first one is 1')
    }
    return ofTwoAcks(shown, (before, after) =>
      isSameUser(before.ack, after.ack) && after.ack.entry < before.ack.entry
        ? `entry ${after.ack.entry} of the user is executed after entry ${before.ack.entry}`
        : null
    )
  }),

  CALL_INVENTED: shownBy(([it, ...more]) => {
    if (it?.entry?.type !== 'ack' || more.length > 0) return null
    if (readUserEntry(it.entry.call)?.type !== 'ack') return null
    return at(it, 'the host has executed as a call what the user wrote as an ack: it asks for none')
  }),

  CALL_ALTERED: againstUser(1, ({ ack, index, block }) => {
    if (index !== ack.entry - 1 || b4a.equals(block, ack.call)) return null
    return `the host has executed as entry ${ack.entry} of the user another call than the user has written there`
  }),

  CALL_SKIPPED: againstUser(2, ({ ack, index, block, previous }) => {
    const after = previous?.entry ?? 0
    // a previous ack has to be shown where there is one, and has to be the one that the host names
    if ((ack.previous === 0) !== (previous === null)) return null
    const entry = index + 1
    if (entry <= after || entry >= ack.entry || readUserEntry(block)?.type === 'ack') return null
    return `the host has executed entry ${ack.entry} of the user right after ${after === 0 ? 'nothing' : `entry ${after}`}, and entry ${entry} asks for a result as well`
  }),

  ACK_BEFORE_HEAD: againstUser(1, ({ ack, ackIndex, index, block, address, host }) => {
    const seen = readUserEntry(block)?.head ?? null
    if (seen === null || index + 1 > ack.entry || ackIndex >= seen.length) return null
    if (seen.fork !== 0 || !verifyHead(seen, address, host)) return null
    return `the host has put this call at block ${ackIndex}, and the user had seen ${seen.length} blocks, signed by the host, when it wrote it`
  }),

  HISTORY_FORKED: rule(['heads:1'], ({ heads: [signed] }) => {
    if (signed?.log !== 'call log' || signed.head.fork === 0) return null
    const { length, fork } = signed.head
    return at(
      lastOf(length),
      `the host has signed a head with fork ${fork}: it has rewritten its log`
    )
  }),

  TWO_HISTORIES: rule(['heads:1+callLog', 'heads:2', 'callLog+otherLog'], (material) => {
    const { heads, callLog, otherLog } = material
    const [one, two] = heads
    if (otherLog !== null) return callLog && differingNodes(callLog, otherLog)
    if (one?.log !== 'call log' || one.head.fork !== 0) return null
    const { length } = one.head
    const why = `the host has signed two histories that have ${length} blocks and are not the same`
    if (two === undefined) {
      const through = callLog?.through ?? null
      if (callLog === null || !showsOnlySizes(callLog.shown, length)) return null
      if (through === null || !through.isCertain) return null
      return b4a.equals(through.treeHash, one.head.treeHash) ? null : at(lastOf(length), why)
    }
    if (two.log !== 'call log' || two.head.fork !== 0 || two.head.length !== length) return null
    return b4a.equals(one.head.treeHash, two.head.treeHash) ? null : at(lastOf(length), why)
  }),

  ARCHIVE_FORKED: rule(['heads:1'], ({ heads: [signed] }) => {
    if (signed === undefined || signed.log === 'call log' || signed.head.fork === 0) return null
    const { log, head } = signed
    const why = `the host has signed a head of the ${log} with fork ${head.fork}: it has rewritten it`
    return { log, block: lastOf(head.length), why }
  }),

  ARCHIVE_UNCOMMITTED: rule(['heads:1+callLog'], ({ heads: [signed], callLog }) => {
    if (signed === undefined || signed.log === 'call log' || signed.head.fork !== 0) return null
    const { log, head } = signed
    const shown = callLog?.shown ?? []
    const last = shown.at(-1)
    if (last?.entry?.type !== 'commit') return null
    const version = last.entry[log]
    const place = { log, block: lastOf(head.length) }
    if (shown.length === 1) {
      if (version.length !== head.length || b4a.equals(version.treeHash, head.treeHash)) return null
      const why = `the host has signed the ${log} with ${head.length} blocks otherwise than its commit in block ${last.index} says`
      return { ...place, why }
    }
    const from = batchStart(shown)
    if (from === null) return null
    const before = from.entry?.type === 'commit' ? from.entry[log].length : 0
    if (head.length <= before || head.length >= version.length) return null
    const why = `the host has signed the ${log} with ${head.length} blocks, and its commits go from ${before} to ${version.length}: no call has left it so`
    return { ...place, why }
  })
} as const

export type StructuralCode = keyof typeof RULES

/** What an entry may be followed by (FORMAT.md, 10.1). */
const NEXT: { readonly [type: string]: readonly string[] } = {
  genesis: ['code'],
  code: ['ack'],
  ack: ['oracle-request', 'result'],
  'oracle-request': ['oracle-answer', 'result'],
  'oracle-answer': ['oracle-request', 'result'],
  result: ['ack', 'commit'],
  commit: ['ack']
}

const RECORDS = ['oracle-request', 'oracle-answer'] as const

const NOTHING = writesHash([])

function rule(parts: readonly string[], find: Rule['find']): Rule {
  return { parts, find }
}

/** A rule about blocks of the call log, in ascending order. */
function shownBy(find: (shown: readonly Shown[], material: Material) => Claim | null): Rule {
  return rule(['callLog'], (material) => find(material.callLog?.shown ?? [], material))
}

interface ShownAck {
  readonly at: Shown
  readonly ack: Ack
}

type BesideEachOther = (before: ShownAck, after: ShownAck) => string | null

function twoAcks(why: BesideEachOther): Rule {
  return shownBy((shown) => ofTwoAcks(shown, why))
}

function ofTwoAcks(shown: readonly Shown[], why: BesideEachOther): Claim | null {
  const [before, after, ...more] = acksIn(shown)
  if (before === undefined || after === undefined) return null
  if (more.length > 0 || shown.length !== 2) return null
  const said = why(before, after)
  return said === null ? null : at(after.at, said)
}

interface Against {
  readonly ack: Ack
  readonly ackIndex: number
  /** The ack that `ack.previous` names, where it is shown. */
  readonly previous: Ack | null
  /** A block of the user's log, proven under a head that the host has put into a commit. */
  readonly index: number
  readonly block: Uint8Array
  readonly address: Uint8Array
  readonly host: Uint8Array
}

/**
 * A rule about an ack and a block of its user's log. A user may have signed two histories, so the host is only held
 * to one of which it has put the head into a commit.
 */
function againstUser(acksMax: 1 | 2, why: (against: Against) => string | null): Rule {
  return rule(['callLog+userLog'], ({ callLog, userLog, address, genesis }) => {
    if (callLog === null || userLog === null || userLog.blocks.size !== 1) return null
    const acks = acksIn(callLog.shown)
    const it = acks.at(-1)
    const commits = callLog.shown.filter(({ entry }) => entry?.type === 'commit')
    if (it === undefined || acks.length > acksMax || commits.length !== 1) return null
    if (callLog.shown.length !== acks.length + 1) return null
    const previous = acks.length === 2 ? acks[0] : undefined
    if (previous !== undefined && previous.at.index !== it.ack.previous) return null
    if (
      ![it, ...(previous ? [previous] : [])].every(({ ack }) => b4a.equals(ack.user, userLog.user))
    ) {
      return null
    }
    if (!commits.some(({ entry }) => entry?.type === 'commit' && holds(entry, userLog.head))) {
      return null
    }
    const [[index, block] = [0, new Uint8Array()]] = userLog.blocks
    const said = why({
      ack: it.ack,
      ackIndex: it.at.index,
      previous: previous?.ack ?? null,
      index,
      block,
      address,
      host: genesis.host
    })
    return said === null ? null : at(it.at, said)
  })
}

/** Whether the host has put this head of a user into the commit. */
function holds({ heads }: Commit, { length, treeHash, signature }: Head): boolean {
  return heads.some(
    (head) =>
      head.length === length &&
      b4a.equals(head.treeHash, treeHash) &&
      b4a.equals(head.signature, signature)
  )
}

function callIn(block: Uint8Array) {
  const entry = readUserEntry(block)
  return entry?.type === 'call' ? entry : null
}

function ackOf({ entry }: Shown): Ack | undefined {
  return entry?.type === 'ack' ? entry : undefined
}

function acksIn(shown: readonly Shown[]): ShownAck[] {
  return shown.flatMap((it) => (it.entry?.type === 'ack' ? [{ at: it, ack: it.entry }] : []))
}

/** Blocks that follow each other. */
function isRange(shown: readonly Shown[]): boolean {
  const first = shown[0]?.index ?? 0
  return shown.every(({ index }, i) => index === first + i)
}

function follows(before: Shown, { entry }: Shown): boolean {
  if (before.entry === null || entry === null) return false
  if (!NEXT[before.entry.type]?.includes(entry.type)) return false
  // a call may be aborted while it waits for an oracle, it cannot end otherwise then
  const waits = before.entry.type === 'oracle-request' && entry.type === 'result'
  return !waits || entry.outcome === 'abort'
}

/** An ack, its oracle records and the result behind them, where that is all that is shown. */
function readCall(shown: readonly Shown[]) {
  const [ack, ...between] = shown
  const result = between.pop()
  if (ack?.entry?.type !== 'ack' || result?.entry?.type !== 'result' || !isRange(shown)) return null
  if (!between.every(({ entry }) => RECORDS.some((type) => entry?.type === type))) return null
  return {
    ack: { index: ack.index, entry: ack.entry },
    result: { index: result.index, entry: result.entry }
  }
}

type ReadCall = NonNullable<ReturnType<typeof readCall>>

function wrongForm(ack: ReadCall['ack'], { entry, index }: ReadCall['result']): string | null {
  const { outcome, error, fuel, writes } = entry
  if (entry.ack !== ack.index) {
    return `the result in block ${index} is for ack ${entry.ack}, and stands behind ${ack.index}`
  }
  if (outcome === 'abort' && callIn(ack.entry.call) === null) {
    return 'this entry is no call, nothing is executed for it, and it was aborted'
  }
  if (outcome === 'abort' && fuel > 0) return 'this call was aborted, and says what fuel it used'
  if (outcome === 'abort' && (error === null || !isAbortError(error))) {
    return 'this call was aborted, and ends with an error that is not one of an abort'
  }
  if (outcome === 'ok' || b4a.equals(writes, NOTHING)) return null
  return `this call ended with ${outcome}, and wrote something`
}

/** The entry that a batch begins behind, where what is shown is that entry and the whole batch. */
function batchStart(shown: readonly Shown[]): Shown | null {
  const [start, ...batch] = shown
  const last = batch.pop()
  if (start === undefined || last?.entry?.type !== 'commit' || !isRange(shown)) return null
  if (start.entry?.type !== 'code' && start.entry?.type !== 'commit') return null
  const between = ['ack', 'result', ...RECORDS]
  return batch.every(({ entry }) => entry !== null && between.includes(entry.type)) ? start : null
}

/** The users of a batch, in the order of their first acks, with their largest entries in it. */
function batchUsers(shown: readonly Shown[]) {
  if (batchStart(shown) === null) return null
  const users = new Map<string, { user: Uint8Array; entry: number }>()
  for (const { ack } of acksIn(shown)) {
    const id = b4a.toString(ack.user, 'hex')
    const entry = Math.max(ack.entry, users.get(id)?.entry ?? 0)
    users.set(id, { user: ack.user, entry })
  }
  return [...users.values()]
}

function wrongHeads(
  users: readonly { readonly user: Uint8Array; readonly entry: number }[],
  last: Shown,
  { heads }: Commit
): Claim | null {
  if (heads.length !== users.length) {
    const why = `the commit in block ${last.index} has ${heads.length} heads for the ${users.length} users of its calls`
    return at(last, why)
  }
  for (const [i, { user, entry }] of users.entries()) {
    const length = heads[i]?.length ?? 0
    if (length >= entry) continue
    const why = `the commit in block ${last.index} has a head of ${length} blocks of this user's log, and entry ${entry} of it is executed`
    return { ...at(last, why), user: encodeId(user) }
  }
  return null
}

/** Whose heads they are the user's own signatures say. */
function headsBackwards(
  before: Commit,
  last: Shown,
  after: Commit,
  user: Uint8Array,
  address: Uint8Array
): Claim | null {
  const key = userLogKey(user, address)
  const of = ({ heads }: Commit) =>
    heads.find((head) => verifyHead({ ...head, fork: 0 }, key, user))
  const [from, to] = [of(before), of(after)]
  if (from === undefined || to === undefined || extendsVersion(from, to)) return null
  const why = `the commit in block ${last.index} has a head of ${to.length} blocks of this user's log, which does not follow the ${from.length} that the host had before`
  return { ...at(last, why), user: encodeId(user) }
}

/** Whether no block is shown but the one that the size of the last root takes, which is a leaf at odd lengths. */
function showsOnlySizes(shown: readonly Shown[], length: number): boolean {
  const [it, ...more] = shown
  if (it === undefined) return true
  return length % 2 === 1 && more.length === 0 && (it.index === length - 1 || it.index === length)
}

/** What two proofs say of one subtree: below it no block ever changes, however long the log becomes. */
function differingNodes(
  one: NonNullable<Material['callLog']>,
  two: NonNullable<Material['callLog']>
): Claim | null {
  if (one.shown.length > 0 || two.shown.length > 0) return null
  const differing = [...one.nodes.keys()].filter((index) => {
    const [a, b] = [one.nodes.get(index), two.nodes.get(index)]
    return a !== undefined && b !== undefined && !b4a.equals(a, b)
  })
  // the one with the fewest blocks, of those the first
  const [node] = differing.sort((a, b) => flat.countLeaves(a) - flat.countLeaves(b) || a - b)
  if (node === undefined) return null
  const [from, to] = flat.spans(node).map((leaf) => leaf / 2) as [number, number]
  const why = `the host has signed two histories, of ${one.head.length} and of ${two.head.length} blocks, in which blocks ${from} to ${to} are not the same`
  return at(to, why)
}

function isSameUser(a: Ack, b: Ack): boolean {
  return b4a.equals(a.user, b.user)
}

function lastOf(length: number): number {
  return Math.max(0, length - 1)
}

/** A place in the call log; with the call where the entry there is its ack. */
function at(where: number | Pick<Shown, 'index' | 'entry'>, why: string, of?: Ack): Claim {
  if (typeof where === 'number') return { log: 'call log', block: where, why }
  const ack = of ?? (where.entry?.type === 'ack' ? where.entry : null)
  const call = ack === null ? {} : { seq: ack.seq, user: encodeId(ack.user) }
  return { log: 'call log', block: where.index, ...call, why }
}

function refusal(check: () => unknown): string | null {
  try {
    check()
    return null
  } catch (error) {
    if (error instanceof MivmError) return error.message
    throw error
  }
}
