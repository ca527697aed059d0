/** Bytes of files of the base that are kept to be read again. */
const CACHE_BYTES = 8 * 1024 * 1024

/** The host has given up the job: a callback of its own failed. */
export class Cancelled extends Error {}

/** What only the host knows: asks, and blocks until it answers. It is the base of the view, too. */
export class Host {
  /** Milliseconds that were no work of the calls. */
  waited = 0
  #channel
  #cache = new Map()
  #cached = 0

  constructor(channel) {
    this.#channel = channel
  }

  ask(question) {
    const answer = this.waiting(() => {
      this.#channel.write(question)
      return this.#channel.read()
    })
    if (answer === null) throw new Error('the host has gone')
    if (answer.type === 'cancel') throw new Cancelled()
    return answer.value
  }

  /** Runs a function whose time does not count. */
  waiting(wait) {
    const from = performance.now()
    try {
      return wait()
    } finally {
      this.waited += performance.now() - from
    }
  }

  get(path) {
    const cached = this.#cache.get(path)
    if (cached !== undefined) return cached
    const answer = this.ask({ type: 'get', path })
    const data = answer === null ? null : Buffer.from(answer, 'base64')
    this.#cached += path.length + (data?.length ?? 0)
    if (this.#cached > CACHE_BYTES) {
      this.#cache.clear()
      this.#cached = 0
    }
    this.#cache.set(path, data)
    return data
  }

  list(range) {
    return this.ask({ type: 'list', range })
  }
}
