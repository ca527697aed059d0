import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import { MivmError } from '../protocol/errors.ts'
import { encodeId } from '../protocol/ids.ts'
import { manifestKey, userLogManifest } from '../protocol/manifest.ts'
import type { TreeNode } from '../protocol/merkle.ts'
import { encodeValue } from '../protocol/values.ts'
import { closeLog } from '../state/store.ts'
import { type AnswerClaim, Answers } from './answers.ts'
import type { AckedCall, LoggedBatch } from './call-log.ts'
import { type AskRange, Feed } from './feed.ts'
import type { Gap, Report } from './findings.ts'
import type { Heads } from './heads.ts'
import type { HostShows } from './host-view.ts'
import { type Ending, tellEnding } from './log-ending.ts'
import { LogReader, USER_WINDOW_BYTES } from './log-reader.ts'
import type { News } from './news.ts'
import { awaitPeers, type Patience } from './patience.ts'
import { RestingLog } from './resting-log.ts'
import { type HeldBlocks, UserCopy } from './user-copy.ts'
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
  readonly hostShows: HostShows
}

/** How far the logs of all users have been held against the call log. */
export interface UserLogsState {
  /** Host time of the newest call. */
  readonly time: number
  readonly logs: readonly UserLogState[]
  /** What users say of results that were not here yet; older checkpoints do not have it. */
  readonly answers?: readonly AnswerClaim[]
  /** Block of the last ack of which the head in its call was looked at; older ones do not have that either. */
  readonly claimedTo?: number
}

/** Blocks of the log of one user that are asked for at once. */
const RANGE_BLOCKS = 256

/**
 * Bytes of the bits of all users together that are written down: a hundred million entries. Users who work with a host
 * can have it ack numbers that are far away, and a file of a few of them would be larger than any text can be.
 */
const ACKED_BYTES_MAX = 16 * 1024 * 1024

/** The longest text of all users together that is written down, that of some 200,000: it is in memory several times then. */
const TEXT_MAX = 64 * 1024 * 1024

/** Copies of logs that nobody has shown, of users who may not exist, that a live audit waits for. */
const ABSENT_MAX = 1024

/**
 * Copies that are open at a time, of which each takes 20 to 50 kB of memory: those that were used last. It is more than a
 * batch has users. What is known of the others takes less than one.
 */
const OPEN_MAX = 512

/**
 * Bytes of blocks of all of them that are read and have no ack yet. Few are read of a log with large ones, but a user may
 * sign blocks of any size: with more, those logs are closed as well that were used longest ago, and read again.
 */
const HELD_BYTES_MAX: number = OPEN_MAX * USER_WINDOW_BYTES

/** Logs that are looked at together at the end. */
const GROUP = 64

/** How many logs that are closed an audit that goes on opens in their turn, and how often, ms. */
const LOOK_LOGS = 16
const LOOK_MS = 500

/** How long those who are there have to say that they have a log, ms. */
const PEERS_MS = 1_000

/** Every ack against the log of the user whose call it is, and what the users say there about the call log. */
export class UserLogs {
  readonly #witness: Witness
  /** By the user's id, in the order in which the call log names them. */
  readonly #logs = new Map<string, OpenLog | RestingLog>()
  /** Those that are open; the one that was used last is the last one. */
  readonly #recent = new Set<OpenLog>()
  readonly #answers: Answers
  /** Host time of the newest call. */
  #time = 0
  /** Block of the last ack of which the head in its call was looked at. */
  #claimedTo = 0
  /** Copies in which there is nothing yet. */
  #absent = 0
  readonly #told = new Set<string>()
  readonly #waiting = { count: 0, bytes: 0 }
  readonly #held: HeldBlocks = { bytes: 0 }
  /** Which of them are looked at next while they rest, and when they were looked for last. */
  #turn: Iterator<[string, OpenLog | RestingLog]> | null = null
  #lookedAt = performance.now()

  constructor(witness: Witness) {
    this.#witness = witness
    this.#answers = new Answers(witness.callLog, witness.report)
  }

  /** Goes on where another audit was; false where the copies that are here are not the ones that it had. */
  async resume({ time, logs, answers = [], claimedTo = 0 }: UserLogsState): Promise<boolean> {
    this.#time = time
    this.#claimedTo = claimedTo
    this.#answers.resume(answers)
    for (const state of logs) {
      const { log } = await this.#open(state.key, state.roots)
      if (!(await log.resume(state))) return false
    }
    return true
  }

  /**
   * Where it is, as the text of a {@link UserLogsState}; null where something is still open that the next audit would have
   * to know.
   */
  text(): string | null {
    const logs: string[] = []
    let [length, bytes] = [0, 0]
    for (const it of this.#logs.values()) {
      bytes += it instanceof RestingLog ? it.ackedBytes : it.log.ackedBytes
      if (bytes > ACKED_BYTES_MAX) return null
      const state = it instanceof RestingLog ? it.text() : textOf(it.log.state())
      if (state === null) return null
      length += state.length
      if (length > TEXT_MAX) return null
      logs.push(state)
    }
    const { waiting } = this.#answers
    const rest = `"answers":${encodeValue(waiting)},"claimedTo":${this.#claimedTo}`
    return `{"time":${this.#time},"logs":[${logs.join()}],${rest}}`
  }

  /** Looks again for what was not there. */
  async retry(): Promise<void> {
    for (const { log } of this.#recent) if (log.isWaiting) await log.retry()
    await this.#lookAround()
  }

  /** The next batch of the call log. */
  async check({ calls, heads, commitIndex }: LoggedBatch): Promise<void> {
    const last = calls.at(-1)?.ack
    const seq = last?.seq ?? 0
    this.#time = Math.max(this.#time, last?.time ?? 0)
    this.#answers.know(calls)
    await this.#wakeAll(heads.map(({ user }) => encodeId(user)))
    for (const { user, head } of heads) {
      const { log } = await this.#open(user)
      const place = { log: 'call log', block: commitIndex, seq, user: log.id } as const
      const settling = head === null ? null : log.expect(head, place)
      if (settling !== null) await settling
    }
    const claimedTo = this.#claimedTo
    for (const call of calls) {
      const it = this.#logs.get(call.caller)
      const { log } = it instanceof OpenLog ? it : await this.#open(call.ack.user)
      this.#claim(log, call, claimedTo)
      const comparing = log.check(call)
      if (comparing !== null) await comparing
      if (this.#held.bytes > HELD_BYTES_MAX) await this.#makeRoom()
    }
    for (const { user, head } of heads) {
      const { log } = await this.#open(user)
      if (head !== null) log.held(head.length, this.#time)
    }
    await this.#makeRoom()
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
    const claimedTo = this.#claimedTo
    for (const [id, acked] of own) {
      const [first] = acked
      const known = this.#logs.has(id) ? await this.#wake(id) : null
      const log = known?.log ?? (first && this.#logOf(id, first.ack.user, absent(id)))
      if (log === undefined) continue
      for (const call of acked) this.#claim(log, call, claimedTo)
      if (!(await log.checkTail(acked))) isDone = false
    }
    await this.#makeRoom()
    return isDone
  }

  /**
   * What the users have written behind their last call that has an ack. `isLast`: for good, so that where others have
   * gone on all of them are asked for more.
   */
  async finish({ isLast = false } = {}): Promise<void> {
    const { report, news } = this.#witness
    const looksAgain = isLast && news !== null
    let unanswered = 0
    for (const ids of this.#byGroups()) {
      await this.#wakeAll(ids.filter((id) => looksAgain || this.#endingOf(id) === null))
      if (looksAgain) await this.#awaitPeers(ids)
      for (const id of ids) {
        const it = this.#logs.get(id)
        if (looksAgain && it instanceof OpenLog && it.log.isWaiting) await it.log.retry()
        const ending =
          it instanceof OpenLog ? await it.log.finish({ isLast: looksAgain }) : this.#endingOf(id)
        if (ending === null) throw new MivmError('INTERNAL', 'a log that was not looked at')
        tellEnding(ending, id, this.#time, report)
        unanswered += ending.unanswered
      }
      await this.#makeRoom()
    }
    report.counts.unanswered = unanswered
    await this.#answers.compare()
  }

  /** Looks at what users say that they were answered, as far as it was read. */
  async settle(): Promise<void> {
    await this.#answers.compare()
  }

  async close(): Promise<void> {
    for (const it of this.#logs.values()) {
      if (it instanceof RestingLog) continue
      await it.log.close()
      await it.core?.close()
    }
  }

  /** The head in a call, once: `claimedTo` is the last ack before these of which it was looked at. */
  #claim(log: UserLog, call: AckedCall, claimedTo: number): void {
    if (call.index <= claimedTo) return
    this.#claimedTo = Math.max(this.#claimedTo, call.index)
    log.claim(call)
  }

  async #open(publicKey: Uint8Array, roots: readonly TreeNode[] = []): Promise<OpenLog> {
    const id = encodeId(publicKey)
    if (this.#logs.has(id)) return this.#wake(id)
    await this.#makeRoom()
    const copy = await this.#copyOf(id, publicKey, roots)
    return this.#note(id, copy, this.#logOf(id, publicKey, copy))
  }

  /** One that is known, opened again where it was closed. */
  async #wake(id: string): Promise<OpenLog> {
    const it = this.#logs.get(id)
    if (it === undefined) throw new MivmError('INTERNAL', 'a log that nobody has named')
    if (it instanceof OpenLog) {
      this.#touch(it)
      return it
    }
    const at = it.wake()
    const { key, roots } = at.state
    const copy = at.readTo === null ? absent(id) : await this.#readerOf(id, key, roots)
    if (!('reason' in copy) && at.readTo !== null) copy.readTo = at.readTo
    if (!('reason' in copy) && it.isAbsent) this.#awaitFirst(copy)
    const log = this.#logOf(id, key, copy)
    log.goOn(at)
    return this.#note(id, copy, log, it.shown)
  }

  #note(id: string, copy: LogReader | Gap, log: UserLog, shown = 0): OpenLog {
    const open = new OpenLog(id, log, 'reason' in copy ? null : copy.core, shown)
    this.#logs.set(id, open)
    this.#recent.add(open)
    return open
  }

  #touch(open: OpenLog): void {
    this.#recent.delete(open)
    this.#recent.add(open)
  }

  async #makeRoom(): Promise<void> {
    for (const open of this.#recent) {
      const isCrowded = this.#recent.size > OPEN_MAX
      if (!isCrowded && this.#held.bytes <= HELD_BYTES_MAX) return
      if (!isCrowded && !open.log.holdsBlocks) continue
      this.#recent.delete(open)
      await this.#rest(open)
    }
  }

  async #rest({ id, log, core, shown }: OpenLog): Promise<void> {
    const { store, hostShows, news } = this.#witness
    const shows = core === null ? null : hostShows(core)
    const isAbsent = core !== null && core.length === 0
    this.#logs.set(id, new RestingLog(log.rest(), Math.max(shown, shows ?? 0), isAbsent))
    await log.close()
    if (core === null) return
    news?.unwatch(core)
    await closeLog(store, core)
  }

  /** Opens those at once that are closed: one after the other they would wait for the disk, or for peers. */
  async #wakeAll(ids: readonly string[]): Promise<void> {
    const resting = ids.filter((id) => this.#logs.get(id) instanceof RestingLog)
    await Promise.all(resting.map((id) => this.#wake(id)))
  }

  #endingOf(id: string): Ending | null {
    const it = this.#logs.get(id)
    return it instanceof RestingLog ? it.ending : null
  }

  *#byGroups(): Generator<readonly string[]> {
    let ids: string[] = []
    for (const id of this.#logs.keys()) {
      if (ids.push(id) < GROUP) continue
      yield ids
      ids = []
    }
    yield ids
  }

  /**
   * Opens some of those that are closed, where an audit goes on: what comes of a log is heard of only while it is open. So
   * each has its turn, and is open for as long as it takes for as many others as may be.
   */
  async #lookAround(): Promise<void> {
    const now = performance.now()
    if (this.#witness.news === null || now < this.#lookedAt + LOOK_MS) return
    this.#lookedAt = now
    const ids: string[] = []
    this.#turn ??= this.#logs.entries()
    while (ids.length < LOOK_LOGS) {
      const { value, done } = this.#turn.next()
      if (done === true) {
        this.#turn = null
        break
      }
      if (value[1] instanceof RestingLog) ids.push(value[0])
    }
    await this.#wakeAll(ids)
    await this.#makeRoom()
  }

  /** Waits until those who are there show what they have of logs that were just opened. */
  async #awaitPeers(ids: readonly string[]): Promise<void> {
    const { callLog, patience } = this.#witness
    if (callLog.peers.length === 0) return
    const cores = ids.flatMap((id) => {
      const it = this.#logs.get(id)
      return it instanceof OpenLog && it.core !== null ? [it.core] : []
    })
    await awaitPeers(cores, Math.min(patience.ms, PEERS_MS))
  }

  #shownBy(id: string, hostShows: HostShows): number | null {
    const it = this.#logs.get(id)
    const now = it instanceof OpenLog && it.core !== null ? hostShows(it.core) : null
    // what it has shown it has; where it is not here nothing is said of it
    const shown = hostShows(null) === null ? 0 : (it?.shown ?? 0)
    return Math.max(now ?? 0, shown) || null
  }

  #logOf(id: string, publicKey: Uint8Array, copy: LogReader | Gap): UserLog {
    const { address, heads, report, news, patience } = this.#witness
    const key = manifestKey(userLogManifest(publicKey, address))
    const into = {
      heads,
      report,
      patience,
      answers: this.#answers,
      told: this.#told,
      waiting: this.#waiting,
      isLive: () => news !== null,
      shown: { shownBy: (hostShows: HostShows) => this.#shownBy(id, hostShows) }
    }
    return new UserLog({ id, publicKey, key }, new UserCopy(copy, this.#held), into)
  }

  async #copyOf(
    id: string,
    publicKey: Uint8Array,
    roots: readonly TreeNode[]
  ): Promise<LogReader | Gap> {
    const { store, address, patience, news } = this.#witness
    const key = manifestKey(userLogManifest(publicKey, address))
    // every core that is opened takes space on disk, and a log may name any number of users who do not exist
    const here = await store.storage.hasCore(crypto.discoveryKey(key))
    const isAwaited = patience.ms > 0 || (news !== null && this.#absent < ABSENT_MAX)
    if (!here && !isAwaited) return absent(id)
    const reader = await this.#readerOf(id, publicKey, roots)
    if (reader.core.length === 0) {
      this.#absent++
      this.#awaitFirst(reader)
    }
    return reader
  }

  /** Until something is in it, it is one of those that nobody has shown. */
  #awaitFirst({ core }: LogReader): void {
    if (core.length > 0) this.#absent--
    else core.once('append', () => this.#absent--)
  }

  async #readerOf(
    id: string,
    publicKey: Uint8Array,
    roots: readonly TreeNode[]
  ): Promise<LogReader> {
    const { store, address, patience, ask, news } = this.#witness
    const manifest = userLogManifest(publicKey, address)
    const core = store.get({ manifest, allowFork: false })
    await core.ready()
    // there may be hundreds of them, of each of which so much is in memory
    const feed = ask === null ? null : new Feed(ask, core, news, { blocks: RANGE_BLOCKS })
    if (feed === null) news?.follow(core)
    else news?.watch(core)
    return new LogReader(core, publicKey, { log: 'user log', user: id }, patience, roots, feed)
  }
}

/** The log of a user with an open copy, or one that nobody has shown. */
class OpenLog {
  readonly id: string
  readonly log: UserLog
  /** Null where there is no copy. */
  readonly core: Hypercore | null
  /** The length that the host itself has shown of it before it was opened again. */
  readonly shown: number

  constructor(id: string, log: UserLog, core: Hypercore | null, shown: number) {
    this.id = id
    this.log = log
    this.core = core
    this.shown = shown
  }
}

function textOf(state: UserLogState | null): string | null {
  return state && encodeValue(state)
}

function absent(user: string): Gap {
  const message = `the log of user ${user}: nobody has shown it`
  return { reason: 'missing', log: 'user log', user, from: 0, to: null, message }
}
