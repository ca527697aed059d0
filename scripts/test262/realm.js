import ivm from 'isolated-vm'
import { describe, judge } from './judge.js'

/** A realm serves so many contracts: it is frozen, so none of them leaves anything to the next. */
const TESTS = 50
const MEMORY_MB = 64
const TIMED_OUT = 'Script execution timed out.'

/**
 * Runs contracts in a realm of js-1, one after the other, which is much faster than an isolate for each. What fails
 * here has to be seen to fail in an isolate of its own.
 */
export class Realm {
  #text
  #tests
  #cache = null
  #isolate = null
  #count = 0
  #functions = null
  #context = null

  /** `text` is that of composeRealm; `tests`: how many contracts one isolate runs. */
  constructor(text, tests = TESTS) {
    this.#text = text
    this.#tests = tests
  }

  /** Null where the test passes, else what it came to; `compiled` is what compileTest gives. */
  run(test, { text, error }, limits) {
    if (error !== undefined) return judge(test, describe(error))
    if (this.#isolate === null || this.#isolate.isDisposed || ++this.#count === this.#tests) {
      this.#build()
    }
    try {
      const outcome = this.#run(text, limits)
      return judge(test, outcome.status === 'ok' ? null : describe(outcome.error))
    } catch (thrown) {
      this.#isolate.isDisposed || this.#isolate.dispose()
      const { message } = thrown
      if (thrown instanceof SyntaxError) {
        return judge(test, describe({ name: 'MivmError', message, code: 'CODE_SYNTAX' }))
      }
      const code = message === TIMED_OUT ? 'ABORT_TIME' : 'ABORT_MEMORY'
      return judge(test, { phase: 'runtime', name: 'MivmError', message: `${message} (${code})` })
    }
  }

  #build() {
    if (this.#isolate?.isDisposed === false) this.#isolate.dispose()
    this.#count = 0
    this.#isolate = new ivm.Isolate({ memoryLimit: MEMORY_MB })
    this.#context = this.#isolate.createContextSync()
    const cache = this.#cache === null ? { produceCachedData: true } : { cachedData: this.#cache }
    const script = this.#isolate.compileScriptSync(this.#text, cache)
    this.#cache ??= script.cachedData
    const realm = script.runSync(this.#context, { reference: true })
    this.#functions = Object.fromEntries(
      ['load', 'open', 'begin', 'poll'].map((name) => [
        name,
        realm.getSync(name, { reference: true })
      ])
    )
  }

  #run(text, limits) {
    const { load, open, begin } = this.#functions
    const body = this.#isolate.compileScriptSync(text).runSync(this.#context, { reference: true })
    load.applySync(undefined, [body.derefInto()])
    const constants = { address: 'address', host: 'host', deployer: 'bob' }
    open.applySync(undefined, [
      JSON.stringify({ ...constants, limits, variables: [], inspect: false })
    ])
    this.#enter(
      begin,
      [JSON.stringify(['main', '[]', 'bob', 2, 1700000000123, 1, 2, 3, 4])],
      limits
    )
    // no test asks the host for anything
    const { outcome } = JSON.parse(this.#poll(limits))
    return outcome ?? { status: 'error', error: { name: 'Error', message: 'it waits', code: null } }
  }

  #poll(limits) {
    const { poll } = this.#functions
    return this.#enter(poll, [], limits) ?? this.#enter(poll, [], limits)
  }

  /** The thrown undefined is the realm's own rejection, see controller.js. */
  #enter(reference, args, { time }) {
    try {
      return reference.applySync(undefined, args, { timeout: time })
    } catch (error) {
      if (error !== undefined) throw error
      return undefined
    }
  }
}
