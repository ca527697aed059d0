import { sortVariables, variableName } from './variables.js'
import { View } from './view.js'

/**
 * What the calls of a job left so far. Their steps stay texts for as long as nobody looks: most batches only write, and
 * no call of theirs reads what those before it wrote.
 */
export class Left {
  /** Calls, and bytes that they left. */
  count = 0
  bytes = 0
  #variables
  #view
  #unread = []

  /** `variables` before the first call: names and texts. `base`: the files then, see view.js. */
  constructor(variables, base) {
    this.#variables = new Map(variables)
    this.#view = new View(base)
  }

  /** Takes steps as a list without its brackets. */
  add(count, text) {
    this.count += count
    this.bytes += text.length
    this.#unread.push(text)
  }

  /** The files as the next call finds them. */
  view() {
    this.#read()
    return this.#view
  }

  /** The variables as the next call finds them, in the order of their paths. */
  variables() {
    this.#read()
    return sortVariables(this.#variables)
  }

  #read() {
    for (const text of this.#unread) {
      for (const { writes } of JSON.parse(`[${text}]`)) {
        for (const [path, encoding, data] of writes) this.#take(path, encoding, data)
      }
    }
    this.#unread = []
  }

  #take(path, encoding, data) {
    const name = variableName(path)
    if (name === null) this.#view.add(path, data === null ? null : { encoding, data })
    else if (data === null) this.#variables.delete(name)
    else this.#variables.set(name, data)
  }
}
