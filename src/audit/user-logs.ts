import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import { encodeId } from '../protocol/ids.ts'
import { manifestKey, userLogManifest } from '../protocol/manifest.ts'
import type { TreeNode } from '../protocol/merkle.ts'
import { type AnswerClaim, Answers } from './answers.ts'
import type { AckedCall, LoggedBatch } from './call-log.ts'
import { type AskRange, Feed } from './feed.ts'
import type { Gap, Report } from './findings.ts'
import type { Heads } from './heads.ts'
import { LogReader } from './log-reader.ts'
import type { News } from './news.ts'
import type { Patience } from './patience.ts'
import { UserCopy } from './user-copy.ts'
import { UserLog, type UserLogState } from './user-log.ts'

/** What the acks of a call log are checked against. */
export interface Witness {
  readonly store: Corestore
  readonly address: Uint8Array
  readonly callLog: Hypercore
  readonly heads: Heads
  readonly report: Report
  readonly patience: Patience
  /** Null where logs are to be had from Hypercore alone. */
  readonly ask: AskRange | null
  /** Told of the copies, where an audit goes on as they grow. */
  readonly news: News | null
}

/** How far the logs of all users have been held against the call log. */
export interface UserLogsState {
  /** Host time of the newest call. */
  readonly time: number
  readonly logs: readonly UserLogState[]
  /** What users say of results that were not here yet; older checkpoints do not have it. */
  readonly answers?: readonly AnswerClaim[]
}

/** Blocks of the log of one user that are asked for at once. */
const RANGE_BLOCKS = 256

/**
 * Bytes of the bits of all users together that are written down: a hundred million entries. Users who work with a host
 * can have it ack numbers that are far away, and a file of a few of them would be larger than any text can be.
 */
const ACKED_BYTES_MAX = 16 * 1024 * 1024

/** Copies of logs that nobody has shown, of users who may not exist, that a live audit waits for. */
const ABSENT_MAX = 1024

/** Every ack against the log of the user whose call it is, and what the users say there about the call log. */
export class UserLogs {
  readonly #witness: Witness
  readonly #logs = new Map<string, UserLog>()
  readonly #answers: Answers
  /** Host time of the newest call. */
  #time = 0
  /** Copies in which there is nothing yet. */
  #absent = 0
  readonly #told = new Set<string>()

  constructor(witness: Witness) {
    this.#witness = witness
    this.#answers = new Answers(witness.callLog, witness.report)
  }

  /** Goes on where another audit was; false where the copies that are here are not the ones that it had. */
  async resume({ time, logs, answers = [] }: UserLogsState): Promise<boolean> {
    this.#time = time
    this.#answers.resume(answers)
    for (const state of logs) {
      const log = await this.#open(state.key, state.roots)
      if (!(await log.resume(state))) return false
    }
    return true
  }

  /** Where it is; null where something is still open that the next audit would have to know. */
  state(): UserLogsState | null {
    const logs: UserLogState[] = []
    let bytes = 0
    for (const log of this.#logs.values()) {
      const state = log.state()
      if (state === null) return null
      bytes += state.acked.byteLength
      if (bytes > ACKED_BYTES_MAX) return null
      logs.push(state)
    }
    return { time: this.#time, logs, answers: this.#answers.waiting }
  }

  /** Looks again for what was not there. */
  async retry(): Promise<void> {
    for (const log of this.#logs.values()) await log.retry()
  }

  /** The next batch of the call log. */
  async check({ calls, heads, commitIndex }: LoggedBatch): Promise<void> {
    const last = calls.at(-1)?.ack
    const seq = last?.seq ?? 0
    this.#time = Math.max(this.#time, last?.time ?? 0)
    this.#answers.know(calls)
    for (const { user, head } of heads) {
      const log = await this.#open(user)
      const place = { log: 'call log', block: commitIndex, seq, user: log.id } as const
      const settling = head === null ? null : log.expect(head, place)
      if (settling !== null) await settling
    }
    for (const call of calls) {
      const log = this.#logs.get(call.caller) ?? (await this.#open(call.ack.user))
      const comparing = log.check(call)
      if (comparing !== null) await comparing
    }
    for (const { user, head } of heads) {
      if (head !== null) (await this.#open(user)).held(head.length, this.#time)
    }
  }

  /**
   * Calls behind the newest commit: of users who have none before it nothing is known but these acks. False where a
   * log is not here yet that they could be held against.
   */
  async checkTail(calls: readonly AckedCall[]): Promise<boolean> {
    const own = new Map<string, AckedCall[]>()
    for (const call of calls) {
      const before = own.get(call.caller)
      if (before === undefined) own.set(call.caller, [call])
      else before.push(call)
    }
    let isDone = true
    for (const [id, acked] of own) {
      const [first] = acked
      const log = this.#logs.get(id) ?? (first && this.#logOf(first.ack.user, absent(id)))
      if (log !== undefined && !(await log.checkTail(acked))) isDone = false
    }
    return isDone
  }

  /** What the users have written behind their last call that has an ack. */
  async finish(): Promise<void> {
    let unanswered = 0
    for (const log of this.#logs.values()) {
      unanswered += (await log.finish(this.#time)).unanswered
    }
    this.#witness.report.counts.unanswered = unanswered
    await this.#answers.compare()
  }

  /** Looks at what users say that they were answered, as far as it was read. */
  async settle(): Promise<void> {
    await this.#answers.compare()
  }

  async close(): Promise<void> {
    for (const log of this.#logs.values()) await log.close()
  }

  async #open(publicKey: Uint8Array, roots: readonly TreeNode[] = []): Promise<UserLog> {
    const id = encodeId(publicKey)
    const known = this.#logs.get(id)
    if (known !== undefined) return known
    const log = this.#logOf(publicKey, await this.#copyOf(id, publicKey, roots))
    this.#logs.set(id, log)
    return log
  }

  #logOf(publicKey: Uint8Array, copy: LogReader | Gap): UserLog {
    const { address, heads, report, news } = this.#witness
    const key = manifestKey(userLogManifest(publicKey, address))
    const owner = { id: encodeId(publicKey), publicKey, key }
    const answers = this.#answers
    const into = { heads, report, answers, told: this.#told, isLive: () => news !== null }
    return new UserLog(owner, new UserCopy(copy), into)
  }

  async #copyOf(
    id: string,
    publicKey: Uint8Array,
    roots: readonly TreeNode[]
  ): Promise<LogReader | Gap> {
    const { store, address, patience, ask, news } = this.#witness
    const manifest = userLogManifest(publicKey, address)
    const name = { log: 'user log', user: id } as const
    // every core that is opened takes space on disk, and a log may name any number of users who do not exist
    const here = await store.storage.hasCore(crypto.discoveryKey(manifestKey(manifest)))
    const isAwaited = patience.ms > 0 || (news !== null && this.#absent < ABSENT_MAX)
    if (!here && !isAwaited) return absent(id)
    const core = store.get({ manifest, allowFork: false })
    await core.ready()
    if (core.length === 0) {
      this.#absent++
      core.once('append', () => this.#absent--)
    }
    // there may be a thousand of them, of each of which so much is in memory
    const feed = ask === null ? null : new Feed(ask, core, news, { blocks: RANGE_BLOCKS })
    if (feed === null) news?.follow(core)
    else news?.watch(core)
    return new LogReader(core, publicKey, name, patience, roots, feed)
  }
}

function absent(user: string): Gap {
  const message = `the log of user ${user}: nobody has shown it`
  return { reason: 'missing', log: 'user log', user, from: 0, to: null, message }
}
