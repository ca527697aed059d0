import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { Answer, UserAck, UserCall } from '../protocol/entries.ts'
import type { Head } from '../protocol/head.ts'
import { BATCH_CALLS_MAX } from '../protocol/limits.ts'
import type { OwnLog } from './own-log.ts'
import type { Pending } from './pending.ts'

/** Bytes of the calls that are written at once, about. */
const WRITE_BYTES = 1024 * 1024
/** Bytes of results in one ack entry; a larger one has an entry of its own. */
const ACK_BYTES = 64 * 1024
/** With so many requests under way, and fewer new calls than that, they wait for others for so long, ms. */
const SCATTERED_REQUESTS = 2
const SCATTERED_CALLS = 64
const GATHER_MS = 8
/** How long an ack waits for a call to go with, ms. */
const ACK_DELAY = 50

export interface Outgoing extends Pending {
  readonly method: string
  readonly args: string
}

/** What a writer has to do with whoever delivers what it writes. */
export interface Delivery {
  /** The newest head of the call log that is verified. */
  head(): Head | null
  /** Requests under way. */
  underWay(): number
  /** Calls are about to be in the log, the first of them as entry `first`. */
  expect(first: number, calls: readonly Outgoing[]): void
  /** There is more in the log. */
  send(): void
  /** The log cannot be written. */
  fail(error: unknown): void
}

/** Writes a user's calls, and acks of results, as entries of its log: as many at once as have come meanwhile. */
export class Writer {
  readonly #log: OwnLog
  readonly #delivery: Delivery
  readonly #outbox: Outgoing[] = []
  #unacked: Answer[] = []
  /** Results that came with the last reply. */
  #settled = 0
  /** Length of the newest head that is in the log. */
  #recorded: number
  #writing: Promise<void> | null = null
  #isClosed = false

  constructor(log: OwnLog, delivery: Delivery, recorded: number) {
    this.#log = log
    this.#delivery = delivery
    this.#recorded = recorded
  }

  /** Calls that are not in the log yet. */
  get length(): number {
    return this.#outbox.length
  }

  /** Whether there is nothing to write. */
  get isIdle(): boolean {
    return this.#outbox.length + this.#unacked.length === 0 && this.#writing === null
  }

  write(call: Outgoing): void {
    this.#outbox.push(call)
    this.#write(false)
  }

  /** Writes acks too, without waiting for a call to go with. */
  async flush(): Promise<void> {
    this.#write(true)
    await this.#writing
  }

  /** A reply is about to be looked at. */
  beginReply(): void {
    this.#settled = 0
  }

  acknowledge(answer: Answer): void {
    this.#settled++
    this.#unacked.push(answer)
  }

  /** That was the reply. */
  endReply(): void {
    if (this.#unacked.length > 0) setTimeout(() => this.#write(true), ACK_DELAY).unref()
  }

  /** The next entry has the newest head, also where that is in the log already. */
  recordAgain(): void {
    this.#recorded = 0
  }

  /** Writes nothing any more; calls that are not in the log end with this error. */
  close(error: unknown): void {
    this.#isClosed = true
    for (const call of this.#outbox.splice(0)) call.reject(error)
  }

  #write(acksAlone: boolean): void {
    if (this.#writing !== null || this.#isClosed) return
    if (this.#outbox.length === 0 && !(acksAlone && this.#unacked.length > 0)) return
    this.#writing = this.#writeAll()
      .catch((error) => this.#delivery.fail(error))
      .finally(() => {
        this.#writing = null
        this.#write(false)
        this.#delivery.send()
      })
  }

  async #writeAll(): Promise<void> {
    // whoever waited for these results may call again, and what is written at once costs one sync and one request
    if (this.#settled > 1) await turn()
    do {
      if (this.#isScattered) await sleep(GATHER_MS)
      const acks = this.#takeAcks()
      const calls = this.#takeCalls()
      const entries = [
        ...acks,
        ...calls.map((call, i) => this.#entryOf(call, i === 0 && acks.length === 0))
      ]
      // known as waiting before they are in the log: from then on they may be sent, and asked for
      this.#delivery.expect(this.#log.length + acks.length + 1, calls)
      await this.#log.append(entries)
      this.#delivery.send()
    } while (this.#outbox.length > 0)
  }

  /** Whether calls come one by one while others are under way: what each costs by itself is most of what it costs. */
  get #isScattered(): boolean {
    return this.#delivery.underWay() >= SCATTERED_REQUESTS && this.#outbox.length < SCATTERED_CALLS
  }

  #takeCalls(): Outgoing[] {
    let bytes = 0
    let count = 0
    for (const { args } of this.#outbox) {
      if (count >= BATCH_CALLS_MAX || bytes > WRITE_BYTES) break
      bytes += args.length
      count++
    }
    return this.#outbox.splice(0, count)
  }

  /** Everything answered so far, in entries of bounded size. */
  #takeAcks(): UserAck[] {
    const head = this.#delivery.head()
    if (head === null) return []
    const acks: UserAck[] = []
    let answers: Answer[] = []
    let bytes = 0
    for (const answer of this.#unacked.splice(0)) {
      if (answers.length > 0 && bytes + answer.result.byteLength > ACK_BYTES) {
        acks.push({ type: 'ack', answers, head })
        answers = []
        bytes = 0
      }
      answers.push(answer)
      bytes += answer.result.byteLength
    }
    if (answers.length > 0) acks.push({ type: 'ack', answers, head })
    if (acks.length > 0) this.#recorded = head.length
    return acks
  }

  /** The head goes into the log once: every later entry stands on it. */
  #entryOf({ method, args }: Outgoing, first: boolean): UserCall {
    const head = this.#delivery.head()
    const news = first && head !== null && head.length > this.#recorded
    if (news) this.#recorded = head.length
    return { type: 'call', method, args, head: news ? head : null }
  }
}
