import b4a from 'b4a'
import type Hypercore from 'hypercore'
import type { Answer } from '../protocol/entries.ts'
import type { LoggedCall } from '../protocol/evidence-replay.ts'
import { readBlocks } from '../state/blocks.ts'
import type { Report } from './findings.ts'

/** Answers of one entry that are looked at, and how many wait before any is. */
const ANSWERS_MAX = 256
/** Answers that wait for the call log to be read so far, and their bytes; with more of them it is asked for theirs. */
const WAITING_MAX = 1024
const WAITING_BYTES_MAX = 4 * 1024 * 1024
/** Results that are kept, and their bytes: those of two generations. */
const GENERATION_RESULTS = 2048
const GENERATION_BYTES = 2 * 1024 * 1024

/** What users say that they were answered, against the call log; a difference is a lie of the user. */
export class Answers {
  readonly #callLog: Hypercore
  readonly #report: Report
  #waiting: Answer[] = []
  #waitingBytes = 0
  /** Results that were read last, by their blocks: most answers are to one of them. */
  #young = new Map<number, Uint8Array>()
  #old: ReadonlyMap<number, Uint8Array> = new Map()
  #youngBytes = 0

  constructor(callLog: Hypercore, report: Report) {
    this.#callLog = callLog
    this.#report = report
  }

  add(answers: readonly Answer[]): void {
    for (const answer of answers.slice(0, ANSWERS_MAX)) {
      this.#waiting.push(answer)
      this.#waitingBytes += answer.result.byteLength
    }
  }

  /** Takes results of the call log, proven. */
  know(calls: readonly LoggedCall[]): void {
    for (const { resultIndex, resultBlock: block } of calls) {
      // what it is cut from would stay with it
      const isWhole = block.byteLength === block.buffer.byteLength
      this.#young.set(resultIndex, isWhole ? block : new Uint8Array(block))
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
    const waiting = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    if (waiting.length === 0) return
    const known = waiting.filter(({ index }) => index < this.#callLog.length)
    const blocks = await readBlocks(
      this.#callLog,
      known.map(({ index }) => index)
    )
    const same = known.map(({ result }, i) => {
      const block = blocks[i] ?? null
      return block === null || b4a.equals(block, result)
    })
    this.#report.counts.falseAnswers += same.filter((is) => !is).length
  }

  /** Compares those to results that are at hand. */
  #compareKnown(): void {
    this.#waiting = this.#waiting.filter(({ index, result }) => {
      const block = this.#young.get(index) ?? this.#old.get(index)
      if (block === undefined) return true
      if (!b4a.equals(block, result)) this.#report.counts.falseAnswers++
      this.#waitingBytes -= result.byteLength
      return false
    })
  }
}
