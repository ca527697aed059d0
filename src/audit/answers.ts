import b4a from 'b4a'
import type Hypercore from 'hypercore'
import type { Answer } from '../protocol/entries.ts'
import { readBlocks } from '../state/blocks.ts'
import type { Report } from './findings.ts'

/** Answers that are compared at once, and of one entry at all. */
const ANSWERS_MAX = 256

/** What users say that they were answered, against the call log; a difference is a lie of the user. */
export class Answers {
  readonly #callLog: Hypercore
  readonly #report: Report
  #waiting: Answer[] = []

  constructor(callLog: Hypercore, report: Report) {
    this.#callLog = callLog
    this.#report = report
  }

  add(answers: readonly Answer[]): void {
    this.#waiting.push(...answers.slice(0, ANSWERS_MAX))
  }

  /** To be awaited before more is read: answers hold blocks in memory. */
  async drain(): Promise<void> {
    if (this.#waiting.length >= ANSWERS_MAX) await this.compare()
  }

  async compare(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
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
}
