import { setTimeout as sleep } from 'node:timers/promises'
import type { Rpc } from '../net/rpc.ts'
import { decodeUserEntry, type UserCall } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import { BATCH_CALLS_MAX, LIMITS, METHOD_MAX } from '../protocol/limits.ts'
import {
  CALL,
  type CallReply,
  KNOWN,
  RANGE,
  type RangeRequest,
  type UserBlocks
} from '../protocol/messages.ts'
import { Backoff } from './backoff.ts'
import type { Conflict } from './chain.ts'
import type { OwnLog, Recap } from './own-log.ts'
import { type Done, PendingCalls } from './pending.ts'
import type { Remote } from './remote.ts'
import { Replies } from './replies.ts'
import { takeBack } from './take-back.ts'
import { type Delivery, Writer } from './writer.ts'

/** Requests under way at once: the next batch is on its way while one is executed. */
const REQUESTS_MAX = 4
/** Bytes of blocks in one request. */
const REQUEST_BYTES = 1024 * 1024
/** Replies in a row that bring nothing of what was asked for: those under way may be overtaken, and more are no accident. */
const FRUITLESS_MAX = 2 * REQUESTS_MAX
/** A call waits for so long at least, ms: when it is given up it has to be in the log. */
const WAIT_MIN = 500

export interface SessionOptions {
  readonly address: Uint8Array
  readonly remote: Remote
  readonly log: OwnLog
  /** How long a call waits for its result, ms, before it is given up here; it stays in the log and is delivered. */
  readonly timeout: number
  /** Called with each head of the call log that is verified. */
  readonly onHead: (head: Head) => void
  /**
   * Puts on disk that the host has signed two histories; resolves to what calls end with from then on, null where that cannot be
   * shown.
   */
  readonly onConflict: (conflict: Conflict) => Promise<MivmError | null>
  /** The host says that it does not have what it has signed: compares what it has with this head. */
  readonly onSetBack: (head: Head) => Promise<void>
}

/** A call of an earlier time, and its result when that has come. */
export interface LateCall {
  readonly call: UserCall
  readonly done: Promise<Done>
}

interface Asked {
  readonly from: number
  readonly to: number
}

/**
 * One user's calls to one instance. Calls are first written to the user's log, then sent with the blocks that the
 * host has not seen; results come back proven, and are acknowledged in the log. What the network loses is sent again:
 * the host executes an entry once.
 */
export class Session {
  readonly #options: SessionOptions
  readonly #waiting = new PendingCalls()
  readonly #writer: Writer
  readonly #replies: Replies
  readonly #ticker: NodeJS.Timeout
  /** How much of the log has been sent on this connection, blocks. */
  #sent = 0
  /** Entries in one request: as many as the host has room for, where it has said so. */
  #atOnce = BATCH_CALLS_MAX
  #rpc: Rpc | null = null
  /** Requests under way on this connection, with the entries whose results they ask for. */
  readonly #requests = new Set<Asked>()
  #pumping = false
  readonly #backoff = new Backoff(FRUITLESS_MAX, () => this.#pump())
  /** Why the last try did not succeed. */
  #trouble: MivmError | null = null
  #failed: unknown = null
  /** Why nothing can be written any more; what is in the log goes on. */
  #unwritable: unknown = null
  #closed = false

  private constructor(options: SessionOptions, { head, open }: Recap) {
    const { address, remote, log, onHead } = options
    this.#options = options
    const waiting = this.#waiting
    const writer = new Writer(log, this.#delivery(), head?.length ?? 0)
    this.#writer = writer
    const replies = { address, host: remote.key, log, waiting, writer, onHead }
    this.#replies = new Replies(replies, head)
    for (const entry of open) waiting.add(entry, null)
    this.#ticker = setInterval(() => this.#expire(), 250).unref()
  }

  /** Opens it at the end of the log, or where the host holds more of it, at the end of that. */
  static async open(options: SessionOptions): Promise<Session> {
    const { log } = options
    const session = new Session(options, await log.recap())
    try {
      await session.#reconcile()
    } catch (error) {
      // An empty log may be a lost one, and the host has to say; so it is with one of which only a part came back. Any other
      // that has entries may be an old copy, but calls are written while the host is away, too.
      if (log.length === 0 || log.isBehind || !isPassing(error)) {
        const why = await session.#reasonOf(error)
        await session.close()
        throw why
      }
      session.#trouble = error
    }
    session.#pump()
    return session
  }

  /**
   * Takes back what the host holds of this log beyond its end here, before anything is written to it: another entry at
   * a place that the host has one for would be a second history.
   */
  async #reconcile(): Promise<void> {
    const { log, remote, timeout } = this.#options
    const ask = async (known: UserBlocks) => {
      this.#tell(await remote.rpc())
      return remote.ask(CALL, this.#request(known, 0, 0), timeout)
    }
    const part = (start: number) => ask({ user: log.user, start, blocks: [], head: null })
    const range = (request: RangeRequest) => remote.ask(RANGE, request, timeout)
    for (;;) {
      const reply = await ask(await log.blocks(log.length, 0, 0))
      // the host counts on it that this head is known here from now on
      if (reply.proof !== null) await this.#replies.prove(reply.proof)
      await log.setBehind(reply.behind !== null)
      if (reply.behind === null) return
      await takeBack(log, reply.behind, reply.length, { part, range })
      await log.setBehind(false)
      const { head, open } = await log.recap()
      this.#replies.beginAt(head)
      // it stands in the next entry once more: the same call by the machine that had the log before is another entry then
      this.#writer.recordAgain()
      for (const entry of open) this.#waiting.add(entry, null)
    }
  }

  /**
   * `args` is the text form of the array of arguments. What the contract threw is a result, too. `since`: when it was asked for,
   * as performance.now().
   */
  call(method: string, args: string, since: number): Promise<Done> {
    if (this.#closed) return Promise.reject(new MivmError('HOST_CLOSED', 'this client is closed'))
    const failed = this.#failed ?? this.#unwritable
    if (failed !== null) return Promise.reject(failed)
    const wrong = refuse(method, args)
    if (wrong !== null) return Promise.reject(wrong)
    return new Promise<Done>((resolve, reject) => {
      const deadline = this.#deadline(since)
      this.#writer.write({ method, args, resolve, reject, deadline })
    })
  }

  /** Waits for calls that nobody waits for any more, or since an earlier run: each with what comes of it, in order. */
  async deliver(since: number): Promise<LateCall[]> {
    if (this.#failed !== null) throw this.#failed
    const deadline = this.#deadline(since)
    const late = this.#waiting.unattended.map((entry) => {
      const done = new Promise<Done>((resolve, reject) => {
        this.#waiting.add(entry, { resolve, reject, deadline })
      })
      // whoever takes it may still be busy with the one before
      done.catch(() => {})
      return { entry, done }
    })
    this.#pump()
    const calls: LateCall[] = []
    for (const { entry, done } of late) {
      const call = decodeUserEntry(await this.#options.log.block(entry))
      if (call.type === 'call') calls.push({ call, done })
    }
    return calls
  }

  /** What the search for the host has taken is a part of the wait, but for enough to write the call down. */
  #deadline(since: number): number {
    return Math.max(since + this.#options.timeout, performance.now() + WAIT_MIN)
  }

  /** Resolves when all calls in the log have results, and the host has the acks of these. */
  async drained(timeout: number): Promise<void> {
    const end = performance.now() + timeout
    while (!this.#isDrained()) {
      const failed = this.#failed ?? this.#unwritable
      if (failed !== null) throw failed
      if (performance.now() > end) throw this.#late()
      void this.#writer.flush()
      await sleep(5)
    }
  }

  #isDrained(): boolean {
    const open = this.#waiting.size + this.#requests.size
    return this.#writer.isIdle && open === 0 && this.#sent >= this.#options.log.durable
  }

  /** The newest head of the call log that was verified; null where there was none yet. */
  get head(): Head | null {
    return this.#replies.head
  }

  get pendingCalls(): number {
    return this.#writer.length + this.#waiting.size
  }

  async close(): Promise<void> {
    if (this.#closed) return
    await this.#writer.flush()
    // the last acks go out with the connection if it is there; else they go with the next call
    if (this.#rpc !== null && !this.#rpc.closed) await this.drained(500).catch(() => {})
    this.#closed = true
    clearInterval(this.#ticker)
    const error = new MivmError(
      'HOST_CLOSED',
      'the client was closed: the call is in your log and is delivered later'
    )
    this.fail(error)
    await this.#options.log.close()
  }

  #delivery(): Delivery {
    return {
      head: () => this.#replies.head,
      underWay: () => this.#requests.size,
      expect: (first, calls) => {
        for (const [i, call] of calls.entries()) this.#waiting.add(first + i, call)
      },
      send: () => this.#pump(),
      fail: (error) => this.#stopWriting(error)
    }
  }

  /** Calls that are in the log are delivered, and waited for as before: whoever was told that they are not would call again. */
  #stopWriting(error: unknown): void {
    this.#unwritable ??= error
    this.#writer.close(error)
    this.#waiting.drop(this.#options.log.durable, error)
  }

  #pump(): void {
    if (this.#pumping || this.#closed || this.#failed !== null) return
    if (this.#backoff.isResting) return
    const connected = this.#rpc !== null && !this.#rpc.closed
    const news = this.#options.log.durable > this.#sent
    if (!news && (connected ? this.#missed().length === 0 : this.#waiting.size === 0)) return
    this.#pumping = true
    this.#send()
      .catch((error) => this.#retryLater(error))
      .finally(() => {
        this.#pumping = false
        // lost meanwhile: nobody else goes on
        if (this.#rpc === null) this.#pump()
      })
  }

  async #send(): Promise<void> {
    const { log, remote } = this.#options
    const rpc = await remote.rpc()
    if (rpc !== this.#rpc) this.#restart(rpc)
    while (this.#requests.size < REQUESTS_MAX && this.#sent < log.durable && this.#rpc === rpc) {
      const start = this.#sent
      const blocks = await log.blocks(start, this.#atOnce, REQUEST_BYTES)
      // meanwhile the connection may have been lost, or what goes before this been refused
      if (this.#rpc !== rpc || this.#backoff.isResting) return
      if (this.#sent !== start) continue
      const end = blocks.start + blocks.blocks.length
      const calls = this.#waiting.entries.filter((entry) => entry > blocks.start && entry <= end)
      this.#sent = end
      this.#exchange(rpc, blocks, { from: calls[0] ?? 0, to: calls.at(-1) ?? 0 })
    }
    const missed = this.#missed()
    if (missed.length > 0 && this.#requests.size < REQUESTS_MAX && this.#rpc === rpc) {
      const none = { user: log.user, start: 0, blocks: [], head: null }
      this.#exchange(rpc, none, { from: missed[0] ?? 0, to: missed.at(-1) ?? 0 })
    }
  }

  /** Calls that the host has and nobody asks the results of: what did not fit into a reply, or was overtaken. */
  #missed(): number[] {
    if (this.#replies.isHolding) return []
    const requests = [...this.#requests]
    return this.#waiting.entries.filter(
      (entry) =>
        entry <= this.#sent && !requests.some(({ from, to }) => entry >= from && entry <= to)
    )
  }

  /** A new connection: what is not answered goes out again, and no proof of the old one is waited for. */
  #restart(rpc: Rpc): void {
    const { first } = this.#waiting
    this.#rpc = rpc
    this.#tell(rpc)
    this.#requests.clear()
    this.#replies.forget()
    this.#sent = first === undefined ? this.#options.log.durable : first - 1
    rpc.onClose(() => {
      if (this.#rpc !== rpc) return
      this.#rpc = null
      if (this.#waiting.size > 0) this.#pump()
    })
  }

  /** The first thing that a host hears: one that was set back must not sign what it has signed already. */
  #tell(rpc: Rpc): void {
    const { head } = this.#replies
    if (head === null) return
    const { address, timeout } = this.#options
    // an older host does not know what that means
    rpc.request(KNOWN, { address, head }, timeout).catch(() => {})
  }

  #exchange(rpc: Rpc, blocks: UserBlocks, asked: Asked): void {
    this.#requests.add(asked)
    rpc
      .request(CALL, this.#request(blocks, asked.from, asked.to))
      .then((reply) => {
        return this.#rpc === rpc ? this.#harvest(reply, asked) : undefined
      })
      .catch((error) => {
        if (this.#rpc === rpc) this.#refused(rpc, blocks, error)
      })
      .finally(() => {
        this.#requests.delete(asked)
        if (this.#rpc !== rpc) return
        // what the held ones begin at will not come any more: only a new connection begins anew
        if (this.#replies.isHolding && this.#requests.size === 0) rpc.destroy()
        else this.#pump()
      })
  }

  #request(log: UserBlocks, from: number, to: number) {
    const { length: known, anchored } = this.#replies
    return { address: this.#options.address, log, from, to, known, anchored }
  }

  async #harvest(reply: CallReply, { from }: Asked): Promise<void> {
    await this.#receive(reply)
    // as far as results go into one reply, they are the first that were asked for
    this.#backoff.replied(reply.proof !== null && !this.#waiting.has(from))
  }

  async #receive(reply: CallReply): Promise<void> {
    if (reply.length > this.#options.log.durable) throw forked()
    if (reply.behind !== null) {
      // it was sent before, and so was what follows: the host has it, and the results are asked for again
      this.#sent = Math.max(this.#sent, reply.length)
      return
    }
    if (reply.proof === null) {
      // the host lacks what comes before: it was set back, or never had it
      this.#sent = Math.min(this.#sent, reply.length)
      return
    }
    this.#trouble = null
    this.#backoff.reset()
    this.#atOnce = Math.min(BATCH_CALLS_MAX, this.#atOnce + 1)
    await this.#replies.take(reply)
  }

  #refused(rpc: Rpc, blocks: UserBlocks, error: unknown): void {
    if (rpc.closed) this.#rpc = null
    else if (blocks.blocks.length > 0) this.#sent = Math.min(this.#sent, blocks.start)
    this.#retryLater(error)
    if (!(error instanceof MivmError) || error.retryAfter === null) return
    const { room } = error
    if (room !== null) this.#atOnce = Math.min(BATCH_CALLS_MAX, Math.max(1, Math.floor(room)))
    // what was not taken in will not be before that
    if (blocks.blocks.length > 0) this.#expire(performance.now() + error.retryAfter, blocks.start)
  }

  #retryLater(error: unknown): void {
    const isToBeMended = error instanceof MivmError && MENDED.has(error.code)
    if (!isPassing(error) && !isToBeMended) {
      // what it ends with takes a while to be found out
      this.#backoff.stop()
      void this.#reasonOf(error).then((why) => this.fail(why))
      return
    }
    const { head } = this.#replies
    if (error.code === 'INSTANCE_SET_BACK' && head !== null) {
      // one that has signed another history since then cannot say that it has only lost this one
      this.#options.onSetBack(head).catch(() => {})
    }
    this.#trouble = error
    if (isToBeMended) this.#waiting.fail(this.#late())
    this.#backoff.failed(error)
  }

  /** Gives up calls behind an entry whose time is over at `now`, as performance.now(). */
  #expire(now = performance.now(), behind = 0): void {
    this.#waiting.expire(now, behind, () => this.#late())
  }

  #late(): MivmError {
    const { code, message, retryAfter } =
      this.#trouble ?? new MivmError('TIMEOUT', 'the host has not answered in time')
    return new MivmError(
      code,
      `${message}; the call is in your log and is delivered with the next one, or by "mivm deliver"`,
      retryAfter === null ? {} : { retryAfter }
    )
  }

  /** What a session ends with: where the host has signed two histories, that is on disk first. */
  async #reasonOf(error: unknown): Promise<unknown> {
    const { conflict } = this.#replies
    if (conflict === null) return error
    const why = await this.#options.onConflict(conflict).catch(() => null)
    return why ?? error
  }

  /** Ends all calls that wait, and those to come, with an error. */
  fail(error: unknown): void {
    this.#failed ??= error
    this.#waiting.fail(error)
    this.#writer.close(error)
  }
}

/** What would end in an error for certain does not go into the log. */
function refuse(method: string, args: string): MivmError | null {
  const size = Buffer.byteLength(args)
  if (size > LIMITS.args) {
    return new MivmError(
      'ARGS_TOO_LARGE',
      `the arguments have ${size} bytes and may have ${LIMITS.args}: send less in one call`
    )
  }
  // programs in JavaScript give anything
  const isName = typeof method === 'string' && method.isWellFormed()
  if (isName && Buffer.byteLength(method) <= METHOD_MAX) return null
  return new MivmError(
    'METHOD_UNKNOWN',
    'no method has such a name: see the methods of the instance'
  )
}

/** Whether it may be over when we try again. */
function isPassing(error: unknown): error is MivmError {
  return error instanceof MivmError && PASSING.has(error.code)
}

/** What its operator has to see to: nobody waits for that, but then this goes on. */
const MENDED: ReadonlySet<string> = new Set(['INSTANCE_DAMAGED', 'INSTANCE_UNKNOWN', 'INTERNAL'])

const PASSING: ReadonlySet<string> = new Set([
  'CONNECTION_LOST',
  'ENGINE_FAILED',
  'HOST_CLOSED',
  'HOST_UNKNOWN',
  'INSTANCE_SET_BACK',
  'QUOTA_EXCEEDED',
  'STORAGE_FAILED',
  'STORAGE_FULL'
])

function forked(): MivmError {
  return new MivmError(
    'USER_LOG_FORKED',
    'the host holds more of your log than this machine: use an identity on one machine at a time, or make a new one'
  )
}
