import b4a from 'b4a'
import { readUserEntry, type UserHead } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import type { LoggedCall } from '../protocol/evidence-replay.ts'
import { type Head, verifyHead } from '../protocol/head.ts'
import { Tree, type TreeNode } from '../protocol/merkle.ts'
import type { Answers } from './answers.ts'
import type { FindingCode, Gap, Place, Report } from './findings.ts'
import type { Heads } from './heads.ts'
import type { LogReader } from './log-reader.ts'

const REWRITTEN = 'the user has rewritten it, so it says nothing about the host'

/** Suspicions that wait for a head; a hostile log may give rise to any number. */
const SUSPICIONS_MAX = 1000

/** How long a host may hold a call without an ack before that is suspicious, ms of its own time. */
const UNANSWERED_MS = 60_000

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
}

/** What a commit says that the host's copy of this log was. */
interface Expected {
  readonly head: UserHead
  /** Block of the commit. */
  readonly block: number
}

/** What the host has done, if it has seen what this copy says. */
interface Suspicion {
  readonly code: FindingCode
  readonly place: Place
  readonly message: string
}

/**
 * The auditor's copy of one user's log, and the acks of a call log against it. A user may have signed two histories
 * and have shown the host the other one. So what the copy says against the host counts only once it is found to have
 * the tree hash of a head that the host has put into a commit, and that covers it: until then it is a suspicion.
 */
export class UserLog {
  readonly id: string
  readonly #owner: LogOwner
  readonly #reader: LogReader | null
  readonly #into: UserLogReaders
  /** Entries that have acks: a hostile log may ack each of them again. */
  readonly #acked = new Set<number>()
  /** The largest of them. */
  #ackedTo = 0
  /** By length; none is below what has been looked at. */
  readonly #expected = new Map<number, Expected>()
  #suspicions: Suspicion[] = []
  #gap: Gap | null
  #dispute: Gap | null = null
  /** Blocks that are read, each with the roots of the tree up to and with it; `taken` of them are looked at. */
  #blocks: readonly Uint8Array[] = []
  #roots: readonly (readonly TreeNode[])[] = []
  #taken = 0
  /** Blocks that are looked at since the beginning. */
  #at = 0
  /** The newest length at which host and copy are the same. */
  #agreed = 0
  /** The largest length that a commit has named. */
  #expectedTo = 0
  /** A head that the host had put into a commit at that time, and in which are entries without acks. */
  #ahead: { readonly length: number; readonly time: number } | null = null

  constructor(owner: LogOwner, copy: LogReader | Gap, into: UserLogReaders) {
    this.id = owner.id
    this.#owner = owner
    this.#reader = 'reason' in copy ? null : copy
    this.#gap = 'reason' in copy ? copy : null
    this.#into = into
  }

  /** The head of this log in a commit at `place`. */
  expect(head: UserHead, place: Place): void {
    const { key, publicKey } = this.#owner
    if (!verifyHead({ ...head, fork: 0 }, key, publicKey)) {
      const message = `the user has not signed the head of ${head.length} blocks that this commit has of its log`
      this.#into.report.find('USER_HEAD_INVALID', place, message)
      return
    }
    // one that is behind adds nothing: a later one covers the same entries
    if (this.#dispute !== null || head.length <= this.#expectedTo || head.length < this.#at) return
    this.#expectedTo = head.length
    this.#expected.set(head.length, { head, block: place.block })
    this.#settle()
  }

  /** What the host held at that time, on its own word; to be told behind the acks of the batch. */
  held(length: number, time: number): void {
    const last = this.#ackedTo
    if (this.#ahead !== null && this.#ahead.length <= last) this.#ahead = null
    if (length > last) this.#ahead ??= { length, time }
  }

  /** The next call of this user in the call log. */
  async check({ ack, index }: LoggedCall): Promise<void> {
    const place = { log: 'call log', block: index, seq: ack.seq, user: this.id } as const
    if (ack.entry <= this.#ackedTo) {
      this.#again(ack.entry, place)
      return
    }
    this.#acked.add(ack.entry)
    this.#ackedTo = ack.entry
    let skipped = 0
    let first = 0
    while (this.#dispute === null && this.#at < ack.entry) {
      if (!(await this.#fill(ack.entry))) return
      const { block, asks } = this.#take(place)
      if (this.#at === ack.entry) {
        this.#compare(block, asks, ack.call, place)
        if (skipped > 0) {
          const message = `${skipped} calls of the user before entry ${ack.entry} have no ack, entry ${first} first`
          this.#suspect('CALL_SKIPPED', place, message)
        }
      } else if (asks) {
        skipped++
        if (first === 0) first = this.#at
      }
      this.#settle()
    }
  }

  /**
   * Reads what the user has written behind its last call that has an ack, and says what could not be checked. `time` is
   * the host's at the end of the log.
   */
  async finish(time: number): Promise<void> {
    let first = 0
    while (this.#at < this.#last && (await this.#fill(this.#last))) {
      const { asks } = this.#take(null)
      if (asks && this.#dispute === null) this.#into.report.counts.unanswered++
      if (asks && first === 0) first = this.#at
      this.#settle()
    }
    if (this.#dispute === null) this.#weigh(first, time)
    const end = Math.max(this.#ackedTo, this.#expectedTo)
    for (const gap of [this.#dispute, this.#gap]) {
      if (gap !== null) this.#into.report.gap({ ...gap, to: gap.to ?? end })
    }
  }

  async close(): Promise<void> {
    await this.#reader?.close()
    await this.#reader?.core.close()
  }

  /** Where the first call without an ack has waited for long while others were served. */
  #weigh(first: number, time: number): void {
    const ahead = this.#ahead
    if (first === 0 || ahead === null || ahead.length < first) return
    const waits = time - ahead.time
    if (waits < UNANSWERED_MS) return
    const place = { log: 'user log', block: first - 1, user: this.id } as const
    const message = `the host has had entry ${first} for ${Math.floor(waits / 1000)} s of its time, and has not answered it`
    this.#into.report.suspect('CALLS_UNANSWERED', place, message)
  }

  /** The end of the copy, which has to be where a commit says that the log went on to. */
  get #last(): number {
    const length = this.#reader?.length ?? 0
    return this.#dispute === null ? Math.max(length, this.#expectedTo) : length
  }

  /** What acks alone show: there is no log in which an entry is called twice. */
  #again(entry: number, place: Place): void {
    const { report } = this.#into
    if (this.#acked.has(entry)) {
      report.find('CALL_REPEATED', place, `entry ${entry} of the user is executed again`)
    } else {
      const message = `entry ${entry} of the user is executed after entry ${this.#ackedTo}`
      report.find('CALL_OUT_OF_ORDER', place, message)
    }
  }

  #compare(block: Uint8Array, asks: boolean, call: Uint8Array, place: Place): void {
    if (!b4a.equals(block, call)) {
      this.#suspect('CALL_ALTERED', place, 'the call is not the one that the user has written')
    } else if (!asks) {
      this.#suspect('CALL_INVENTED', place, 'the entry of the user asks for no call')
    }
  }

  #suspect(code: FindingCode, place: Place, message: string): void {
    if (this.#suspicions.length < SUSPICIONS_MAX) this.#suspicions.push({ code, place, message })
  }

  /** Where the copy has come to a length that a commit names: what is suspected so far is so, or is no one's doing. */
  #settle(): void {
    const expected = this.#expected.get(this.#at)
    if (expected === undefined) return
    this.#expected.delete(this.#at)
    const tree = new Tree(this.#roots[this.#taken - 1])
    if (!b4a.equals(expected.head.treeHash, tree.treeHash())) {
      this.#disbelieve(expected)
      return
    }
    this.#agreed = this.#at
    for (const { code, place, message } of this.#suspicions) {
      this.#into.report.find(code, place, message)
    }
    this.#suspicions = []
  }

  #disbelieve({ head, block }: Expected): void {
    const shown = this.#reader?.head
    if (this.#reader === null || !shown) throw new MivmError('INTERNAL', 'a copy without a head')
    const why = `the user has signed two histories of it, one of ${show(head)}, which the host had at block ${block} of the call log, and one of ${show(shown)}, which is shown here and says nothing about the host`
    this.#ignore(this.#reader.gap('disputed', this.#agreed, null, why))
  }

  /** From now on only the heads of the call log count that are in this copy. */
  #ignore(dispute: Gap): void {
    this.#dispute = dispute
    this.#suspicions = []
    this.#expected.clear()
    this.#into.heads.disbelieve(this.id)
  }

  /** The next block, and whether it asks for a result. */
  #take(ack: Place | null): { block: Uint8Array; asks: boolean } {
    const block = this.#blocks[this.#taken++]
    if (block === undefined) throw new MivmError('INTERNAL', 'a block was taken that is not there')
    const index = this.#at++
    this.#into.report.counts.userEntries++
    const entry = readUserEntry(block)
    if (entry === null) return { block, asks: true }
    if (entry.head !== null) this.#claim(index, entry.head, ack)
    if (entry.type === 'call') return { block, asks: true }
    this.#into.answers.add(entry.answers)
    return { block, asks: false }
  }

  #claim(block: number, head: Head, ack: Place | null): void {
    const { heads } = this.#into
    heads.claim(head, { core: this.#reader?.core ?? null, user: this.id, block })
    // who has seen the head has written the call behind it
    if (ack === null || head.length <= ack.block || head.fork > 0 || !heads.isSigned(head)) return
    const message = `block ${ack.block} is before the head of ${head.length} blocks that the user had seen when it called`
    this.#suspect('ACK_BEFORE_HEAD', ack, message)
  }

  /** Reads on, where there is nothing left to look at, and waits for entry `to` where the copy ends before it. */
  async #fill(to: number): Promise<boolean> {
    if (this.#taken < this.#blocks.length) return true
    await this.#into.answers.drain()
    const reader = this.#reader
    if (this.#gap !== null || reader === null) return false
    if (reader.done) this.#gap = await extend(reader, to)
    if (this.#gap !== null) return false
    if ((reader.head?.fork ?? 0) > 0 && this.#dispute === null) {
      this.#ignore(reader.gap('disputed', 0, null, REWRITTEN))
    }
    // which lengths commits name is not known yet, and to hash at all of them is dear
    const roots: TreeNode[][] = []
    const window = await reader.read((_, tree) => roots.push([...tree.roots]))
    if ('reason' in window) {
      this.#gap = window
      return false
    }
    this.#blocks = window.blocks
    this.#roots = roots
    this.#taken = 0
    return true
  }
}

async function extend(reader: LogReader, to: number): Promise<Gap | null> {
  const gap = await reader.fix(to)
  if (gap !== null) return gap
  return reader.done ? reader.gap('missing', reader.length, null, 'nobody has shown them') : null
}

function show({ length, treeHash }: UserHead): string {
  return `${length} blocks with tree hash ${b4a.toString(treeHash, 'hex')}`
}
