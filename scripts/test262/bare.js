import ivm from 'isolated-vm'
import { judge } from './judge.js'

const TIME_MS = 20_000
const MEMORY_MB = 256

/** One isolate serves so many tests: what each of them needs is a context of its own. */
const TESTS = 100

/** Runs tests in contexts as V8 makes them. */
export class Bare {
  #isolate = null
  #count = 0

  /**
   * Null where the test passes, else what it came to. `text` is a script, or an expression for the function around a
   * contract's body.
   */
  run(test, text) {
    if (this.#isolate === null || this.#isolate.isDisposed || this.#count++ % TESTS === 0) {
      if (this.#isolate?.isDisposed === false) this.#isolate.dispose()
      this.#isolate = new ivm.Isolate({ memoryLimit: MEMORY_MB })
    }
    const context = this.#createContext()
    try {
      return this.#runIn(context, test, text)
    } finally {
      if (!this.#isolate.isDisposed) context.release()
    }
  }

  #createContext() {
    try {
      return this.#isolate.createContextSync()
    } catch {
      // the rejection that nobody handled in the test before is told late
      return this.#isolate.createContextSync()
    }
  }

  #runIn(context, test, text) {
    let script
    try {
      script = this.#isolate.compileScriptSync(text)
    } catch (error) {
      return judge(test, { phase: 'parse', name: error.name, message: error.message })
    }
    try {
      runScript(script, context, text.startsWith('(function'))
    } catch (error) {
      const { name = 'Error', message = String(error) } = Object(error)
      return judge(test, { phase: 'runtime', name, message })
    }
    if (!test.flags.includes('async')) return judge(test, null)
    const end = context.evalSync('(globalThis.$test262 ?? exports.$test262).end', {
      timeout: TIME_MS
    })
    if (end === null) return null
    return end === undefined ? 'it never calls $DONE' : end.slice(0, 300)
  }
}

/** isolated-vm reports the first rejection that nobody handles: that is always one with undefined for a reason. */
function runScript(script, context, isBody) {
  try {
    if (!isBody) return script.runSync(context, { timeout: TIME_MS })
    const body = script.runSync(context, { reference: true })
    const call = 'Promise.reject(); globalThis.exports = {}; $0(exports, {})'
    context.evalClosureSync(call, [body.derefInto()], { timeout: TIME_MS })
  } catch (error) {
    if (error !== undefined) throw error
  }
}
