import type { UserLogEntry } from '../protocol/entries.ts'
import type { Place } from './findings.ts'

/** Acks that wait for the copy of a user's log, and their bytes; with more of them it is no longer waited for. */
const ACKS_MAX = 4096
const BYTES_MAX = 4 * 1024 * 1024
/** The same of all users together: a host may show the log of none of them, however many there are. */
const ALL_ACKS_MAX = 65_536
const ALL_BYTES_MAX = 64 * 1024 * 1024

/** An ack that is still to be held against the copy. */
export interface WaitingAck {
  readonly entry: number
  readonly call: Uint8Array
  readonly asked: UserLogEntry | null
  readonly place: Place
}

/** Acks of all users that wait for copies of their logs. */
export interface AllWaiting {
  count: number
  bytes: number
}

/** Acks of one user that its copy is not yet long enough for, in the order of the call log. */
export class WaitingAcks {
  readonly #all: AllWaiting
  readonly #acks: WaitingAck[] = []
  #bytes = 0

  constructor(all: AllWaiting) {
    this.#all = all
  }

  /** Goes on with those that waited before the log was closed: they have been counted since. */
  goOn(acks: readonly WaitingAck[]): void {
    this.#acks.push(...acks)
    this.#bytes += acks.reduce((sum, { call }) => sum + call.byteLength, 0)
  }

  get list(): readonly WaitingAck[] {
    return this.#acks
  }

  get isEmpty(): boolean {
    return this.#acks.length === 0
  }

  /** Whether there are too many of this user, or of all. */
  get isFull(): boolean {
    const { count, bytes } = this.#all
    const isOwn = this.#acks.length > ACKS_MAX || this.#bytes > BYTES_MAX
    return isOwn || count > ALL_ACKS_MAX || bytes > ALL_BYTES_MAX
  }

  get first(): WaitingAck | undefined {
    return this.#acks[0]
  }

  add(ack: WaitingAck): void {
    this.#acks.push(ack)
    this.#note(1, ack.call.byteLength)
  }

  /** The first one waits no more. */
  shift(): void {
    const ack = this.#acks.shift()
    if (ack !== undefined) this.#note(-1, -ack.call.byteLength)
  }

  /** None of them waits any more. */
  clear(): void {
    this.#note(-this.#acks.length, -this.#bytes)
    this.#acks.splice(0)
  }

  #note(count: number, bytes: number): void {
    this.#bytes += bytes
    this.#all.count += count
    this.#all.bytes += bytes
  }
}
