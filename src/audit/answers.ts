import b4a from 'b4a'
import type Hypercore from 'hypercore'
import type { Ack, Answer } from '../protocol/entries.ts'
import type { LoggedCall } from '../protocol/evidence-replay.ts'
import { encodeId } from '../protocol/ids.ts'
import { readBlocks } from '../state/blocks.ts'
import { decode } from './entry.ts'
import type { Report } from './findings.ts'

/** Answers of one entry that are looked at, and how many wait before any is. */
const ANSWERS_MAX = 256
/** Answers that wait for the call log to be read so far, and their bytes; with more of them it is asked for theirs. */
const WAITING_MAX = 1024
const WAITING_BYTES_MAX = 4 * 1024 * 1024
/** Blocks of the call log that are read at once: each may be as large as a block can be, and any number of answers name it. */
const READ_BLOCKS = 16
/** Results that are kept, and their bytes: those of two generations. */
const GENERATION_RESULTS = 2048
const GENERATION_BYTES = 2 * 1024 * 1024

/** What a user says that it was answered. */
export interface AnswerClaim extends Answer {
  /** In z-base-32. */
  readonly user: string
}

/** A result of the call log, and whose entry it answers. */
interface Known {
  readonly block: Uint8Array
  readonly user: string
  readonly entry: number
}

/** What users say that they were answered, against the call log; a difference is a lie of the user. */
export class Answers {
  readonly #callLog: Hypercore
  readonly #report: Report
  #waiting: AnswerClaim[] = []
  #waitingBytes = 0
  /** Results that were read last, by their blocks: most answers are to one of them. */
  #young = new Map<number, Known>()
  #old: ReadonlyMap<number, Known> = new Map()
  #youngBytes = 0

  constructor(callLog: Hypercore, report: Report) {
    this.#callLog = callLog
    this.#report = report
  }

  /** Those of results that are not here yet: the next audit has to hold them against the call log. */
  get waiting(): readonly AnswerClaim[] {
    return this.#waiting
  }

  /** Goes on where another audit was. */
  resume(waiting: readonly AnswerClaim[]): void {
    this.#keep(waiting)
  }

  /** `user`: who says so, in z-base-32. */
  add(answers: readonly Answer[], user: string): void {
    for (const answer of answers.slice(0, ANSWERS_MAX)) {
      this.#waiting.push({ ...answer, user })
      this.#waitingBytes += answer.result.byteLength
    }
  }

  /** Takes results of the call log, proven. */
  know(calls: readonly LoggedCall[]): void {
    for (const { ack, caller, resultIndex, resultBlock } of calls) {
      const block = wholeOf(resultBlock)
      this.#young.set(resultIndex, { block, user: caller, entry: ack.entry })
      this.#youngBytes += block.byteLength
    }
    if (this.#young.size < GENERATION_RESULTS && this.#youngBytes < GENERATION_BYTES) return
    this.#old = this.#young
    this.#young = new Map()
    this.#youngBytes = 0
  }

  /** To be awaited before more is read: answers hold blocks in memory. */
  async drain(): Promise<void> {
    if (this.#waiting.length >= ANSWERS_MAX) this.#compareKnown()
    const isFull = this.#waiting.length >= WAITING_MAX || this.#waitingBytes >= WAITING_BYTES_MAX
    if (isFull) await this.compare()
  }

  async compare(): Promise<void> {
    this.#compareKnown()
    const { length } = this.#callLog
    const open = this.#waiting.filter(({ index }) => index >= length)
    const here = [...byIndex(this.#waiting.filter(({ index }) => index < length))]
    for (let i = 0; i < here.length; i += READ_BLOCKS) {
      for (const claim of await this.#judge(here.slice(i, i + READ_BLOCKS))) open.push(claim)
    }
    this.#keep(open)
  }

  /** Takes some with the blocks that they name; returns those about which nothing can be said yet. */
  async #judge(named: readonly (readonly [number, readonly AnswerClaim[]])[]) {
    const blocks = await this.#read(named.map(([index]) => index))
    const results = named.map(([, claims], i) => {
      const block = blocks[i] ?? null
      const isSaid = block !== null && claims.some(({ result }) => b4a.equals(block, result))
      return isSaid ? decode(block) : null
    })
    const acks = await this.#read(results.map(ackOf))
    return named.flatMap(([, claims], i) => {
      const [block = null, result = null, ack = null] = [blocks[i], results[i], acks[i]]
      // what is not here says nothing
      if (block === null) return claims
      const isResult = ackOf(result) !== null
      const entry = ack === null ? null : decode(ack)
      return claims.filter((claim) => {
        const isSaid = isResult && b4a.equals(block, claim.result)
        if (isSaid && ack === null) return true
        const isTrue = isSaid && isAck(entry) && isFor(claim, encodeId(entry.user), entry.entry)
        if (!isTrue) this.#report.counts.falseAnswers++
        return false
      })
    })
  }

  /** Blocks of the call log; null for those that are not here, and for none. */
  async #read(indexes: readonly (number | null)[]): Promise<(Uint8Array | null)[]> {
    const asked = indexes.filter((index) => index !== null)
    const blocks = await readBlocks(this.#callLog, asked)
    return indexes.map((index) => (index === null ? null : (blocks.shift() ?? null)))
  }

  /** Those of results that are not here yet, as far as there is room for more. */
  #keep(claims: readonly AnswerClaim[]): void {
    const bytes = claims.reduce((sum, { result }) => sum + result.byteLength, 0)
    const isFull = claims.length > WAITING_MAX / 2 || bytes > WAITING_BYTES_MAX / 2
    this.#waiting = isFull ? [] : claims.map(toKeep)
    this.#waitingBytes = isFull ? 0 : bytes
  }

  /** Compares those to results that are at hand. */
  #compareKnown(): void {
    this.#waiting = this.#waiting.filter((claim) => {
      const known = this.#young.get(claim.index) ?? this.#old.get(claim.index)
      if (known === undefined) return true
      const isTrue = b4a.equals(known.block, claim.result) && isFor(claim, known.user, known.entry)
      if (!isTrue) this.#report.counts.falseAnswers++
      this.#waitingBytes -= claim.result.byteLength
      return false
    })
  }
}

function byIndex(claims: readonly AnswerClaim[]): ReadonlyMap<number, readonly AnswerClaim[]> {
  const named = new Map<number, AnswerClaim[]>()
  for (const claim of claims) {
    const same = named.get(claim.index)
    if (same === undefined) named.set(claim.index, [claim])
    else same.push(claim)
  }
  return named
}

function toKeep(claim: AnswerClaim): AnswerClaim {
  return { ...claim, result: wholeOf(claim.result) }
}

/** The same bytes by themselves: what they are cut from would stay with them. */
function wholeOf(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)
}

type Decoded = ReturnType<typeof decode>

/** Block of the ack that a result answers; null for what is no result. */
function ackOf(entry: Decoded | null): number | null {
  return typeof entry === 'object' && entry?.type === 'result' ? entry.ack : null
}

function isAck(entry: Decoded | null): entry is Ack {
  return typeof entry === 'object' && entry?.type === 'ack'
}

function isFor(claim: AnswerClaim, user: string, entry: number): boolean {
  return claim.entry === entry && claim.user === user
}
