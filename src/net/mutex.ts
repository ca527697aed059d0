/** Runs one function at a time, in the order of the calls. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve()

  /** Resolves when all that was to run by now has run. */
  get idle(): Promise<unknown> {
    return this.#last
  }

  run<T>(fn: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(fn)
    this.#last = result.catch(() => {})
    return result
  }
}

/** A mutex for each key: nobody waits for functions of another one. */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<unknown>>()

  async run<T>(key: string, fn: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const result = before === undefined ? fn() : before.catch(() => {}).then(fn)
    this.#last.set(key, result)
    try {
      return await result
    } finally {
      if (this.#last.get(key) === result) this.#last.delete(key)
    }
  }
}
