import { StateError } from './view.js'

/** Answers what calls ask for, in the order in which they ask. */
export class Operations {
  #left
  #oracle
  /** Of the call that asks: its view, operations that wait for their turn, and how many were for oracles. */
  #view = null
  #queue = []
  #next = 0
  #oracles = 0

  /** `oracle(name, args, index)` gives `{ ok, value, error }`. */
  constructor(left, oracle) {
    this.#left = left
    this.#oracle = oracle
  }

  /**
   * Takes operations that a call has asked for, as JSON, and answers the oldest one that waits for an answer:
   * `[ok, payload]`, as JSON. `isFirst`: no operation of this call was taken before.
   */
  answer(ops, isFirst) {
    if (isFirst) this.#begin()
    for (const op of JSON.parse(ops)) this.#queue.push(op)
    let answer = null
    while (answer === null) {
      if (this.#next === this.#queue.length) throw new Error('nothing was asked')
      answer = this.#perform(this.#queue[this.#next++])
    }
    return JSON.stringify(answer)
  }

  #begin() {
    this.#view = this.#left.view()
    this.#view.rollback()
    this.#queue = []
    this.#next = 0
    this.#oracles = 0
  }

  /** Does one operation; returns null for one that wants no answer. */
  #perform(op) {
    const view = this.#view
    try {
      switch (op[0]) {
        case 'writeFile':
          view.writeFile(op[1], op[2], op[3])
          return null
        case 'readFile':
          return [true, view.readFile(op[1], op[2])]
        case 'unlink':
          return [true, [view.unlink(op[1]), view.looked]]
        case 'rmdir':
          return [true, view.rmdir(op[1], op[2], op[3])]
        case 'readdir':
          return [true, [view.readdir(op[1], op[2], op[3], op[4]), view.probed]]
        case 'stat':
          return [true, view.stat(op[1])]
        case 'exists':
          return [true, [view.exists(op[1]), view.looked]]
        case 'oracle':
          return this.#consult(op[1], op[2])
        default:
          throw new Error(`there is no operation ${op[0]}`)
      }
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      return [false, { code: error.code, message: error.message }]
    }
  }

  #consult(name, args) {
    const { ok, value, error } = this.#oracle(name, args, this.#oracles++)
    return ok ? [true, value] : [false, error]
  }
}
