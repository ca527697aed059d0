import b4a from 'b4a'
import { readUserEntry, type UserHead } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { type Head, verifyHead } from '../protocol/head.ts'
import { Tree, type TreeNode } from '../protocol/merkle.ts'
import type { Answers } from './answers.ts'
import { Bits } from './bits.ts'
import type { AckedCall } from './call-log.ts'
import { ClaimedHeads } from './claimed-heads.ts'
import type { FindingCode, Gap, Place, Report } from './findings.ts'
import type { Heads, ShownLog } from './heads.ts'
import { type Ahead, type Ending, NOTHING, type Unanswered } from './log-ending.ts'
import type { ReadTo } from './log-reader.ts'
import type { Patience } from './patience.ts'
import { type Suspicion, Suspicions } from './suspicions.ts'
import type { UserCopy } from './user-copy.ts'
import { type AllWaiting, type WaitingAck, WaitingAcks } from './waiting-acks.ts'

const REWRITTEN = 'the user has rewritten it, so it says nothing about the host'

/** Whose log it is. */
export interface LogOwner {
  /** The user's key in z-base-32. */
  readonly id: string
  readonly publicKey: Uint8Array
  /** Key of the log. */
  readonly key: Uint8Array
}

/** What a user's log is read into. */
export interface UserLogReaders {
  readonly heads: Heads
  readonly report: Report
  readonly answers: Answers
  /** What was found of acks that no commit covered, by code and block: it is found again with the commit. */
  readonly told: Set<string>
  readonly waiting: AllWaiting
  /** Whether what is not here may still come. */
  isLive(): boolean
  readonly patience: Patience
  /** How far the host itself shows this log, whether it is open or not. */
  readonly shown: ShownLog
}

/** What a commit says that the host's copy of this log was. */
interface Expected {
  readonly head: UserHead
  /** Block of the commit. */
  readonly block: number
}

/** Calls that were passed over on the way to the first ack that waits, and the entry of the first of those. */
interface Skipped {
  count: number
  first: number
}

/** How far one user's log has been held against the call log. */
export interface UserLogState {
  readonly key: Uint8Array
  /** Blocks that have been looked at, and the roots of the tree over them. */
  readonly at: number
  readonly roots: readonly TreeNode[]
  readonly acked: Uint8Array
  readonly ackedTo: number
  readonly expected: readonly Expected[]
  readonly expectedTo: number
  readonly agreed: number
  /** Blocks whose heads and answers have been looked at. */
  readonly claimedTo: number
  readonly ahead: Ahead | null
  readonly dispute: string | null
}

/** All that is known of a log whose copy is closed meanwhile. */
export interface LogAtRest {
  readonly state: Omit<UserLogState, 'acked' | 'dispute'>
  readonly acked: Bits
  /** Null where the log is not here at all. */
  readonly readTo: ReadTo | null
  /** What is not as it should be; null where nothing is. */
  readonly trouble: Trouble | null
  /** Null where the copy has to be opened again to know. */
  readonly ending: Ending | null
}

export interface Trouble {
  readonly gap: Gap | null
  readonly dispute: Gap | null
  readonly gaveUp: boolean
  readonly suspicions: readonly Suspicion[]
  readonly waiting: readonly WaitingAck[]
  readonly skipped: Skipped
}

/**
 * The auditor's copy of one user's log, and the acks of a call log against it. A user may have signed two histories
 * and have shown the host the other one. So what the copy says against the host counts only once it is found to have
 * the tree hash of a head that the host has put into a commit, and that covers it: until then it is a suspicion.
 */
export class UserLog {
  readonly id: string
  readonly #owner: LogOwner
  readonly #copy: UserCopy
  readonly #into: UserLogReaders
  /** Entries that have acks: a hostile log may ack each of them again. */
  #acked = new Bits()
  /** The largest of them. */
  #ackedTo = 0
  /** Acks that the copy is not yet long enough for. */
  readonly #waiting: WaitingAcks
  /** Nothing that comes now makes up for what the copy did not have. */
  #gaveUp = false
  #skipped: Skipped = { count: 0, first: 0 }
  /** By length; none is below what has been looked at. */
  #expected = new Map<number, Expected>()
  #suspicions = new Suspicions()
  #dispute: Gap | null = null
  /** Of the blocks whose heads and answers are looked at, also by whoever went ahead of this. */
  #claimed: ClaimedHeads
  /** The newest length at which host and copy are the same. */
  #agreed = 0
  /** The largest length that a commit has named. */
  #expectedTo = 0
  #ahead: Ahead | null = null
  /** Goes ahead of this to the end of the copy. */
  #scout: Scout | null = null
  /** Whether no commit covers yet what is checked. */
  #isTail = false

  constructor(owner: LogOwner, copy: UserCopy, into: UserLogReaders) {
    this.id = owner.id
    this.#owner = owner
    this.#copy = copy
    this.#into = into
    this.#waiting = new WaitingAcks(into.waiting)
    this.#claimed = new ClaimedHeads(owner.id, into.heads, into.shown)
  }

  /** Goes on where another audit was; false where the copy is not the one that it has read to there. */
  async resume(state: UserLogState): Promise<boolean> {
    if (!(await this.#copy.resume(state.at, state.claimedTo))) return false
    this.#acked = new Bits(state.acked)
    this.#takeOver(state)
    if (state.dispute === null) return true
    this.#ignore({ ...this.#disputed(state.agreed, ''), message: state.dispute })
    return true
  }

  /** Goes on where another one was, before the copy was closed and opened again; nothing is looked at a second time. */
  goOn({ state, acked, trouble }: LogAtRest): void {
    this.#copy.goOn(state.at, trouble?.gap ?? null)
    this.#acked = acked
    this.#takeOver(state)
    if (trouble === null) return
    this.#dispute = trouble.dispute
    this.#gaveUp = trouble.gaveUp
    this.#suspicions = new Suspicions(trouble.suspicions)
    this.#waiting.goOn(trouble.waiting)
    this.#skipped = trouble.skipped
  }

  /** What another one goes on with when the copy is opened again. */
  rest(): LogAtRest {
    const { gap, reader } = this.#copy
    const [dispute, gaveUp, skipped] = [this.#dispute, this.#gaveUp, this.#skipped]
    const [suspicions, waiting] = [this.#suspicions.list, this.#waiting.list]
    const isOpen = gap !== null || waiting.length > 0
    const isFine = !isOpen && dispute === null && !gaveUp && suspicions.length === 0
    return {
      state: this.#known,
      acked: this.#acked,
      readTo: reader?.readTo ?? null,
      trouble: isFine ? null : { gap, dispute, gaveUp, suspicions, waiting, skipped },
      ending: this.#ending
    }
  }

  get ackedBytes(): number {
    return this.#acked.byteLength
  }

  /** Whether acks wait for more of the copy. */
  get isWaiting(): boolean {
    return !this.#waiting.isEmpty
  }

  /** Whether blocks of the copy are read and have no ack yet. */
  get holdsBlocks(): boolean {
    return this.#copy.hasNext
  }

  /** Where it is; null where something is still open that the next audit would have to know. */
  state(): UserLogState | null {
    if (this.#copy.gap !== null) return null
    if (!this.#waiting.isEmpty || !this.#suspicions.isEmpty) return null
    const acked = this.#acked.bytes()
    if (acked === null) return null
    return { ...this.#known, acked, dispute: this.#dispute?.message ?? null }
  }

  /** The head of this log in a commit at `place`; null where nothing is to be waited for. */
  expect(head: UserHead, place: Place): Promise<void> | null {
    const { key, publicKey } = this.#owner
    if (!verifyHead({ ...head, fork: 0 }, key, publicKey)) {
      const message = `the user has not signed the head of ${head.length} blocks that this commit has of its log`
      this.#into.report.find('USER_HEAD_INVALID', place, message)
      return null
    }
    // one that is behind adds nothing: a later one covers the same entries
    if (this.#dispute !== null || head.length <= this.#expectedTo) return null
    this.#expectedTo = head.length
    const expected = { head, block: place.block }
    if (head.length < this.#copy.at) return this.#settlePassed(expected)
    // there it never comes, and a log may have any number of commits
    if (this.#gaveUp && head.length > this.#copy.at) return null
    this.#expected.set(head.length, expected)
    this.#settle()
    return null
  }

  /**
   * What the host held at that time, on its own word; to be told behind the acks of a batch with calls of this user. Those
   * behind them have waited in turn until then.
   */
  held(length: number, time: number): void {
    this.#ahead = length > this.#ackedTo ? { length, time } : null
  }

  /** The next call of this user in the call log; null where that is done, as far as it can be. */
  check(call: AckedCall): Promise<void> | null {
    if (!this.#add(call)) return null
    // the copy is read some hundred blocks at a time: most calls wait for nothing
    return this.#compareRead() && this.#copy.gap === null ? null : this.#checkLate()
  }

  /**
   * Calls that no commit covers yet. Of the copy counts what an earlier one has covered; when their own comes they are
   * checked like all others, and what is found here is not said again. False where some of that is not here.
   */
  async checkTail(calls: readonly AckedCall[]): Promise<boolean> {
    const tail = this.#fork()
    tail.#isTail = true
    tail.#acked = this.#acked.clone()
    tail.#gaveUp = this.#gaveUp || this.isWaiting
    const to = tail.#expectedTo
    for (const call of calls) {
      if (!tail.#add(call)) continue
      while (!tail.#compareRead() && tail.#copy.at < to && (await tail.#fill(to)));
    }
    while (!tail.#suspicions.isEmpty && tail.#copy.at < to && (await tail.#fill(to))) {
      tail.#take(null, null)
      tail.#settle()
    }
    await tail.#copy.close()
    const isLeft = tail.isWaiting || !tail.#suspicions.isEmpty
    tail.#waiting.clear()
    const isShort = tail.#dispute === null && tail.#copy.at < to && isLeft
    return this.#gaveUp || !(isShort || this.isWaiting)
  }

  /** Claims the head in a call that has an ack; to be told before that is checked. */
  claim(call: AckedCall): void {
    this.#claimed.inAck(call, this.#ackedTo)
  }

  /** Looks again for what was not there. */
  async retry(): Promise<void> {
    if (this.#copy.reader === null || this.#gaveUp) return
    this.#copy.forgetMissing()
    await this.#compareWaiting()
  }

  /**
   * Reads what the user has written behind its last call that has an ack. What comes behind it can be checked afterwards, but for
   * the last time.
   */
  async finish({ isLast = false } = {}): Promise<Ending> {
    const scout = await this.#sendScout()
    // who had not come to the end of what was here has not asked for more
    if ((await this.#readTail(scout)) && isLast) await this.#readTail(scout)
    return this.#endingOf(scout.log, scout)
  }

  /** Ends what is still asked of peers; the log itself stays open. */
  async close(): Promise<void> {
    await this.#callScoutBack()
    await this.#copy.close()
  }

  /** What a checkpoint has of it, but for the acks. */
  get #known(): LogAtRest['state'] {
    return {
      key: this.#owner.publicKey,
      at: this.#copy.at,
      roots: this.#copy.roots,
      ackedTo: this.#ackedTo,
      expected: [...this.#expected.values()],
      expectedTo: this.#expectedTo,
      agreed: this.#agreed,
      claimedTo: this.#claimed.to,
      ahead: this.#ahead
    }
  }

  #takeOver(state: LogAtRest['state']): void {
    this.#ackedTo = state.ackedTo
    const { heads, shown } = this.#into
    this.#claimed = new ClaimedHeads(this.id, heads, shown, state.claimedTo)
    this.#agreed = state.agreed
    this.#expectedTo = state.expectedTo
    this.#ahead = state.ahead
    for (const expected of state.expected) this.#expected.set(expected.head.length, expected)
  }

  /** Whether there was anything to read. */
  async #readTail(scout: Scout): Promise<boolean> {
    const { log } = scout
    const from = log.#copy.at
    await log.#retryTail()
    while (log.#copy.at < log.#last && (await log.#fill(log.#last))) {
      const { asks } = log.#take(null, null)
      if (asks && log.#dispute === null) scout.unanswered++
      if (asks && scout.first === 0) scout.first = log.#copy.at
      log.#settle()
    }
    return log.#copy.at > from
  }

  /** A copy that was at its end may have grown; what acks wait for is no affair of whoever goes ahead. */
  async #retryTail(): Promise<void> {
    if (this.#copy.at >= this.#ackedTo) this.#copy.forgetMissing()
    await this.#copy.lookAgain()
  }

  /** The end of the copy, which has to be where a commit says that the log went on to. */
  get #last(): number {
    const { length } = this.#copy
    return this.#dispute === null ? Math.max(length, this.#expectedTo) : length
  }

  /** What `finish` has come to, or would without reading anything. */
  get #ending(): Ending | null {
    const scout = this.#scout
    if (scout?.from === this.#from) return this.#endingOf(scout.log, scout)
    const { at, gap, hasNext, reader } = this.#copy
    const mayCome = reader !== null && gap?.reason === 'missing' && at >= this.#ackedTo
    const isStuck = gap !== null && !mayCome
    const isOver = isStuck || (gap === null && !hasNext && at >= this.#last)
    return isOver ? this.#endingOf(this, NOTHING) : null
  }

  #endingOf(last: UserLog, { unanswered, first }: Unanswered): Ending {
    const dispute = last.#dispute
    const end = Math.max(this.#ackedTo, this.#expectedTo)
    const found = [dispute, last.#copy.gap].filter((it) => it !== null)
    const gaps = found.map((it) => ({ ...it, to: it.to ?? end }))
    return { unanswered, first: dispute === null ? first : 0, ahead: this.#ahead, gaps }
  }

  /** The one that is out, as long as nothing has been acked or expected since. */
  async #sendScout(): Promise<Scout> {
    const from = this.#from
    if (this.#scout !== null && this.#scout.from === from) return this.#scout
    await this.#callScoutBack()
    this.#scout = { from, log: this.#fork(), unanswered: 0, first: 0 }
    return this.#scout
  }

  /** What a scout sets out from. */
  get #from(): string {
    const { at, gap } = this.#copy
    return [at, this.#ackedTo, this.#expectedTo, gap === null].join()
  }

  async #callScoutBack(): Promise<void> {
    const scout = this.#scout
    this.#scout = null
    if (scout !== null) await scout.log.#copy.close()
  }

  /** Another reader of the same log, at the same place; what the two find is found once. */
  #fork(): UserLog {
    const fork = new UserLog(this.#owner, this.#copy.fork(), this.#into)
    fork.#ackedTo = this.#ackedTo
    fork.#expected = new Map(this.#expected)
    fork.#suspicions = new Suspicions(this.#suspicions.list)
    fork.#dispute = this.#dispute
    fork.#claimed = this.#claimed
    fork.#agreed = this.#agreed
    fork.#expectedTo = this.#expectedTo
    return fork
  }

  /** Whether this ack is to be held against the copy. */
  #add({ ack, asked, index }: AckedCall): boolean {
    const place = { log: 'call log', block: index, seq: ack.seq, user: this.id } as const
    if (ack.entry <= this.#ackedTo) {
      this.#again(ack.entry, place)
      return false
    }
    this.#acked.add(ack.entry)
    this.#ackedTo = ack.entry
    if (this.#dispute !== null || this.#gaveUp) return false
    this.#waiting.add({ entry: ack.entry, call: ack.call, asked, place })
    return true
  }

  /** What acks alone show: there is no log in which an entry is called twice. */
  #again(entry: number, place: Place): void {
    if (this.#acked.has(entry)) {
      this.#find('CALL_REPEATED', place, `entry ${entry} of the user is executed again`)
    } else {
      const message = `entry ${entry} of the user is executed after entry ${this.#ackedTo}`
      this.#find('CALL_OUT_OF_ORDER', place, message)
    }
  }

  /** Goes on where what is read of the copy is not enough. */
  async #checkLate(): Promise<void> {
    await this.#compareWaiting()
    // what is not here at all is not looked for again
    const mayCome = this.#into.isLive() && this.#copy.reader !== null
    const isOpen = () => this.#copy.gap === null || (mayCome && !this.#waiting.isFull)
    if (isOpen()) return
    // it may only be slower to come than the call log
    if (mayCome) await this.#into.patience.lastly(() => this.retry())
    if (isOpen()) return
    this.#gaveUp = true
    this.#waiting.clear()
    this.#expected.clear()
  }

  async #compareWaiting(): Promise<void> {
    while (!this.#compareRead()) {
      const next = this.#waiting.first
      if (next === undefined || !(await this.#fill(next.entry))) return
    }
  }

  /** Compares with what is read of the copy; false where something waits for more of it. */
  #compareRead(): boolean {
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      if (!this.#compareNext(next)) return false
      this.#waiting.shift()
      if (this.#skipped.count > 0) this.#skipped = { count: 0, first: 0 }
    }
    return true
  }

  /** False where what is read does not come to the entry. */
  #compareNext(next: WaitingAck): boolean {
    const { entry, place } = next
    const copy = this.#copy
    const skipped = this.#skipped
    while (this.#dispute === null && copy.at < entry) {
      if (!copy.hasNext) return false
      const { asks, isSame } = this.#take(place, copy.at + 1 === entry ? next : null)
      if (copy.at === entry) {
        this.#compare(isSame, asks, next)
        if (skipped.count > 0) {
          const message = `${skipped.count} calls of the user before entry ${entry} have no ack, entry ${skipped.first} first`
          this.#suspicions.add('CALL_SKIPPED', entry, place, message)
        }
      } else if (asks) {
        skipped.count++
        if (skipped.first === 0) skipped.first = copy.at
      }
      this.#settle()
    }
    return true
  }

  #compare(isSame: boolean, asks: boolean, { entry, place }: WaitingAck): void {
    if (!isSame) {
      const message = 'the call is not the one that the user has written'
      this.#suspicions.add('CALL_ALTERED', entry, place, message)
    } else if (!asks) {
      this.#suspicions.add('CALL_INVENTED', entry, place, 'the entry of the user asks for no call')
    }
  }

  #find(code: FindingCode, place: Place, message: string): void {
    const { told, report } = this.#into
    const name = `${code} ${place.block}`
    if (told.has(name)) return
    if (this.#isTail) told.add(name)
    report.find(code, place, message)
  }

  /** Where the copy has come to a length that a commit names: what is suspected so far is so, or is no one's doing. */
  #settle(): void {
    const { at, roots } = this.#copy
    const expected = this.#expected.get(at)
    if (expected === undefined) return
    this.#expected.delete(at)
    this.#judge(expected, new Tree(roots).treeHash())
  }

  /** The same where the copy is beyond that: for a host that executes what is behind all heads that it has. */
  async #settlePassed(expected: Expected): Promise<void> {
    const treeHash = await this.#copy.reader?.treeHashAt(expected.head.length)
    if (treeHash) this.#judge(expected, treeHash)
  }

  #judge(expected: Expected, treeHash: Uint8Array): void {
    const { length } = expected.head
    if (!b4a.equals(expected.head.treeHash, treeHash)) {
      this.#disbelieve(expected)
      return
    }
    this.#agreed = length
    for (const { code, place, message } of this.#suspicions.confirm(length)) {
      this.#find(code, place, message)
    }
  }

  #disbelieve({ head, block }: Expected): void {
    const shown = this.#copy.reader?.head
    if (!shown) throw new MivmError('INTERNAL', 'a copy without a head')
    const why = `the user has signed two histories of it, one of ${show(head)}, which the host had at block ${block} of the call log, and one of ${show(shown)}, which is shown here and says nothing about the host`
    this.#ignore(this.#disputed(this.#agreed, why))
  }

  #disputed(from: number, why: string): Gap {
    const { reader } = this.#copy
    if (reader === null) throw new MivmError('INTERNAL', 'a copy that is not here')
    return reader.gap('disputed', from, null, why)
  }

  /** From now on only the heads of the call log count that are in this copy. */
  #ignore(dispute: Gap): void {
    this.#dispute = dispute
    this.#suspicions.clear()
    this.#expected.clear()
    this.#into.heads.disbelieve(this.id)
  }

  /** The next block: whether it asks for a result, and is that of the call whose turn it is. */
  #take(ack: Place | null, call: WaitingAck | null): { asks: boolean; isSame: boolean } {
    const { index, block } = this.#copy.take()
    const claimed = this.#claimed
    const isNew = claimed.look(index)
    if (isNew) this.#into.report.counts.userEntries++
    const isSame = call !== null && b4a.equals(block, call.call)
    const entry = isSame ? call.asked : readUserEntry(block)
    const other = claimed.wasRead(index) && !isSame ? (call?.asked?.head ?? null) : null
    if (other !== null) claimed.inBlock(index, other)
    if (entry === null) return { asks: true, isSame }
    const { head } = entry
    // that of a call with an ack has been claimed with it
    if (head !== null && isNew && !isSame) claimed.inBlock(index, head)
    if (head !== null && ack !== null) this.#compareOrder(index, head, ack)
    if (entry.type === 'call') {
      if (isNew && call === null && head !== null) claimed.noteUnacked(index, head)
      return { asks: true, isSame }
    }
    if (isNew) this.#into.answers.add(entry.answers, this.id)
    return { asks: false, isSame }
  }

  /** Who has seen a head has written the call behind it, and that is acked behind the head. */
  #compareOrder(block: number, head: Head, ack: Place): void {
    if (head.length <= ack.block || head.fork > 0 || !this.#into.heads.isSigned(head)) return
    const message = `block ${ack.block} is before the head of ${head.length} blocks that the user had seen when it called`
    this.#suspicions.add('ACK_BEFORE_HEAD', block + 1, ack, message)
  }

  /** Reads on, where there is nothing left to look at, and waits for entry `to` where the copy ends before it. */
  async #fill(to: number): Promise<boolean> {
    if (this.#copy.hasNext) return true
    await this.#into.answers.drain()
    if (!(await this.#copy.awaitNext(to))) return false
    if (this.#copy.isRewritten && this.#dispute === null) {
      this.#ignore(this.#disputed(0, REWRITTEN))
    }
    return this.#copy.read()
  }
}

/** Who goes ahead of an audit to the end of a user's log. */
interface Scout extends Unanswered {
  /** What it set out from. */
  readonly from: string
  readonly log: UserLog
}

function show({ length, treeHash }: UserHead): string {
  return `${length} blocks with tree hash ${b4a.toString(treeHash, 'hex')}`
}
