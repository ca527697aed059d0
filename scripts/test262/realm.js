import ivm from 'isolated-vm'
import { compileDrain } from '../../src/vm/js-1/microtasks.js'
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
  #drain = null

  /** `text` is that of readRealm or composeRealm; `tests`: how many contracts one isolate runs. */
  constructor(text, tests = TESTS) {
    this.#text = text
    this.#tests = tests
  }

  /** Null where the test passes, else what it came to; `compiled` is what compileOrRefuse gives. */
  run(test, { text, refusal }, limits) {
    if (refusal !== null) return judge(test, describe({ name: 'MivmError', ...refusal }))
    if (this.#isolate === null || this.#isolate.isDisposed || ++this.#count === this.#tests) {
      this.#build()
    }
    try {
      const outcome = this.#run(text, limits)
      return judge(test, outcome.status === 'ok' ? null : describe(outcome.error))
    } catch (thrown) {
      this.#isolate.isDisposed || this.#isolate.dispose()
      // at the end of its time it may be the rejection that stands first, which has no reason
      const message = thrown?.message ?? TIMED_OUT
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
    this.#drain = compileDrain(this.#isolate, this.#context)
    const realm = script.runSync(this.#context, { reference: true })
    this.#functions = Object.fromEntries(
      ['load', 'open', 'run', 'rest'].map((name) => [
        name,
        realm.getSync(name, { reference: true })
      ])
    )
  }

  #run(text, limits) {
    const { load, open, run } = this.#functions
    const body = this.#isolate.compileScriptSync(text).runSync(this.#context, { reference: true })
    // no test asks the host for anything
    const ask = new ivm.Callback(() => '[true,null]')
    const hasRoom = new ivm.Callback(() => true)
    load.applySync(undefined, [body.derefInto(), this.#drain.derefInto(), ask, hasRoom])
    open.applySync(undefined, [JSON.stringify({ ...CONSTANTS, limits })])
    const steps = this.#enter(run, [CALLS], limits)
    return JSON.parse(steps.slice(steps.indexOf(' ') + 1)).outcome
  }

  /** What is thrown may be a rejection that nobody handled, and then the steps are there all the same, see controller.js. */
  #enter(reference, args, { time }) {
    try {
      return reference.applySync(undefined, args, { timeout: time })
    } catch (error) {
      const steps = this.#isolate.isDisposed ? null : this.#functions.rest.applySync()
      if (typeof steps !== 'string') throw error
      return steps
    }
  }
}

const CONSTANTS = {
  ...{ address: 'address', host: 'host', deployer: 'bob' },
  ...{ variables: [], inspect: false }
}
const CALLS = JSON.stringify([['main', '[]', 'bob', 2, 1700000000123, 1, 2, 3, 4]])
