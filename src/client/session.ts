import { setTimeout as sleep } from 'node:timers/promises'
import { decodeUserEntry, type UserCall } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import { LIMITS, METHOD_MAX } from '../protocol/limits.ts'
import { CALL, RANGE, type RangeRequest, type UserBlocks } from '../protocol/messages.ts'
import type { Conflict } from './chain.ts'
import { Dispatch, isPassing, isToBeMended } from './dispatch.ts'
import type { OwnLog, Recap } from './own-log.ts'
import { type Done, PendingCalls } from './pending.ts'
import type { Remote } from './remote.ts'
import { Replies } from './replies.ts'
import { takeBack } from './take-back.ts'
import { type Delivery, Writer } from './writer.ts'

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
  readonly #dispatch: Dispatch
  readonly #ticker: NodeJS.Timeout
  #failed: unknown = null
  /** Why nothing can be written any more; what is in the log goes on. */
  #unwritable: unknown = null
  #closed = false
  #usedAt = performance.now()

  private constructor(options: SessionOptions, { head, open }: Recap) {
    const { address, remote, log, timeout, onHead } = options
    this.#options = options
    const waiting = this.#waiting
    const writer = new Writer(log, this.#delivery(), head?.length ?? 0)
    this.#writer = writer
    const replies = { address, host: remote.key, log, waiting, writer, onHead }
    this.#replies = new Replies(replies, head)
    this.#dispatch = new Dispatch({
      address,
      remote,
      log,
      waiting,
      replies: this.#replies,
      timeout,
      onTrouble: (error) => this.#heed(error),
      onEnd: (error) => void this.#reasonOf(error).then((why) => this.fail(why)),
      onRefused: (time, behind) => this.#expire(time, behind)
    })
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
      session.#dispatch.trouble = error
    }
    session.#dispatch.send()
    return session
  }

  /**
   * Takes back what the host holds of this log beyond its end here, before anything is written to it: another entry at
   * a place that the host has one for would be a second history.
   */
  async #reconcile(): Promise<void> {
    const { log, remote, timeout } = this.#options
    const ask = async (known: UserBlocks) => {
      this.#dispatch.tell(await remote.rpc())
      return remote.ask(CALL, this.#dispatch.request(known, 0, 0), timeout)
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
    if (this.#closed) return Promise.reject(clientClosed())
    const failed = this.#failed ?? this.#unwritable
    if (failed !== null) return Promise.reject(failed)
    const wrong = refuse(method, args)
    if (wrong !== null) return Promise.reject(wrong)
    this.#usedAt = performance.now()
    return new Promise<Done>((resolve, reject) => {
      const deadline = this.#deadline(since)
      this.#writer.write({ method, args, resolve, reject, deadline })
    })
  }

  /** Waits for calls that nobody waits for any more, or since an earlier run: each with what comes of it, in order. */
  async deliver(since: number): Promise<LateCall[]> {
    if (this.#failed !== null) throw this.#failed
    this.#usedAt = performance.now()
    const deadline = this.#deadline(since)
    const late = this.#waiting.unattended.map((entry) => {
      const done = new Promise<Done>((resolve, reject) => {
        this.#waiting.add(entry, { resolve, reject, deadline })
      })
      // whoever takes it may still be busy with the one before
      done.catch(() => {})
      return { entry, done }
    })
    this.#dispatch.send()
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
    const { underWay, isUpToDate } = this.#dispatch
    return this.#writer.isIdle && this.#waiting.size + underWay === 0 && isUpToDate
  }

  /** The newest head of the call log that was verified; null where there was none yet. */
  get head(): Head | null {
    return this.#replies.head
  }

  get pendingCalls(): number {
    return this.#writer.length + this.#waiting.size
  }

  /** When somebody has last called, as performance.now(); null where something is under way, or what it has failed with is to be said. */
  get idleSince(): number | null {
    const isUsable = (this.#failed ?? this.#unwritable) === null && !this.#closed
    return isUsable && this.#isDrained() ? this.#usedAt : null
  }

  async close(): Promise<void> {
    if (this.#closed) return
    await this.#writer.flush()
    // the last acks go out with the connection if it is there; else they go with the next call
    if (this.#dispatch.isConnected) await this.drained(500).catch(() => {})
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
      underWay: () => this.#dispatch.underWay,
      expect: (first, calls) => {
        for (const [i, call] of calls.entries()) this.#waiting.add(first + i, call)
      },
      send: () => this.#dispatch.send(),
      fail: (error) => this.#stopWriting(error)
    }
  }

  /** Calls that are in the log are delivered, and waited for as before: whoever was told that they are not would call again. */
  #stopWriting(error: unknown): void {
    this.#unwritable ??= error
    this.#writer.close(error)
    this.#waiting.drop(this.#options.log.durable, error)
  }

  /** Something has gone wrong that is tried again. */
  #heed(error: MivmError): void {
    const { head } = this.#replies
    if (error.code === 'INSTANCE_SET_BACK' && head !== null) {
      // one that has signed another history since then cannot say that it has only lost this one
      this.#options.onSetBack(head).catch(() => {})
    }
    if (isToBeMended(error)) this.#waiting.fail(this.#late())
  }

  /** Gives up calls behind an entry whose time is over at `now`, as performance.now(). */
  #expire(now = performance.now(), behind = 0): void {
    this.#waiting.expire(now, behind, () => this.#late())
  }

  #late(): MivmError {
    const { code, message, retryAfter } =
      this.#dispatch.trouble ?? new MivmError('TIMEOUT', 'the host has not answered in time')
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
    this.#dispatch.stop()
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

export function clientClosed(): MivmError {
  return new MivmError('HOST_CLOSED', 'this client is closed: open another one')
}
