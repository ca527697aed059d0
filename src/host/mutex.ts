/** Runs one function at a time, in the order of the calls. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(fn: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(fn)
    this.#last = result.catch(() => {})
    return result
  }
}

/** Runs so many functions at a time, in the order of the calls. */
export class Places {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async run<T>(fn: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((go) => this.#waiting.push(go))
    try {
      return await fn()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}

/** Runs functions of the same name one at a time, in the order of the calls. */
export class Order {
  readonly #last = new Map<string, Promise<unknown>>()

  async run<T>(name: string, fn: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name)
    const result = before === undefined ? fn() : before.catch(() => {}).then(fn)
    this.#last.set(name, result)
    try {
      return await result
    } finally {
      if (this.#last.get(name) === result) this.#last.delete(name)
    }
  }
}
