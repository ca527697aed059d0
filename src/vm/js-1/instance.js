import { CodeError, compile, syntaxError, tooDeep, wrap } from './compile.js'
import { StateError } from './view.js'

const MEBIBYTE = 1024 * 1024

/** The least memory that isolated-vm gives an isolate. */
const MEMORY_MIN = 8 * MEBIBYTE

/** What ends a call from outside: not reproducible. The isolate may hold anything after it and is given up. */
class Abort extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/** The time of one call: what the engine works on it, without what it waits for the host. */
export class Stopwatch {
  /** What a call may take, ms. */
  limit
  #end

  constructor(limit) {
    this.limit = limit
    this.start()
  }

  /** Begins the time of a call; returns the clock, ms. */
  start() {
    const now = performance.now()
    this.#end = now + this.limit
    return now
  }

  /** Milliseconds that are left, at most 0 when the time is over. */
  get left() {
    return this.#end - performance.now()
  }

  /** Runs a function whose time does not count. */
  waiting(wait) {
    const from = performance.now()
    try {
      return wait()
    } finally {
      this.#end += performance.now() - from
    }
  }
}

/**
 * One contract in an isolate of its own: the isolate is built on the first call, kept for the next ones and
 * built anew after an abort. `tools` are `{ ivm, acorn, realm, compiledRealm }`: the modules, the
 * text of the realm scripts, and null or what V8 made of it.
 */
export class Instance {
  #tools
  #source
  #limits
  #isolate = null
  #realm = null
  #refusal = null
  /** What the next call begins with, see `open`. */
  #opening = null

  constructor(tools, source, limits) {
    this.#tools = tools
    this.#source = source
    this.#limits = limits
  }

  get isReady() {
    return this.#realm !== null || this.#refusal !== null
  }

  /** Builds the isolate, or finds out that the code cannot be compiled, which every call then ends with. */
  prepare() {
    try {
      this.#build(compile(this.#tools.acorn, this.#source, this.#limits.code))
    } catch (error) {
      this.dispose()
      if (!(error instanceof CodeError)) throw error
      this.#refusal = error
    }
  }

  /** Tells the realm what holds for the calls to come: a text that `open` of the controller takes. */
  open(text) {
    this.#opening = text
  }

  /**
   * Executes one call, `begin` as the controller takes it. `ask` answers an operation that the view cannot: it
   * gets the operation and returns `[ok, payload]`. Returns the outcome as the controller gives it, or one
   * with the status `abort`.
   */
  run(begin, view, ask, stopwatch) {
    if (this.#refusal !== null) return { status: 'error', error: errorOf(this.#refusal) }
    try {
      return this.#run(begin, view, ask, stopwatch)
    } catch (error) {
      this.dispose()
      if (!(error instanceof Abort)) throw error
      return { status: 'abort', error: errorOf(error) }
    }
  }

  dispose() {
    this.#realm = null
    if (this.#isolate !== null && !this.#isolate.isDisposed) this.#isolate.dispose()
    this.#isolate = null
  }

  #build(text) {
    const memory = Math.max(this.#limits.memory, MEMORY_MIN)
    this.#isolate = new this.#tools.ivm.Isolate({ memoryLimit: Math.floor(memory / MEBIBYTE) })
    const context = this.#isolate.createContextSync()
    const realm = this.#compileRealm().runSync(context, { reference: true, release: true })
    const load = realm.getSync('load', { reference: true })
    const body = this.#compile(context, text)
    load.applySync(undefined, [body.derefInto()])
    this.#realm = {
      open: realm.getSync('open', { reference: true }),
      begin: realm.getSync('begin', { reference: true }),
      poll: realm.getSync('poll', { reference: true }),
      resume: realm.getSync('resume', { reference: true })
    }
    for (const reference of [load, body, realm, context]) reference.release()
  }

  /** V8 compiles the realm once a process; the other isolates take what it made of it. */
  #compileRealm() {
    const { realm, compiledRealm } = this.#tools
    const cache =
      compiledRealm === null ? { produceCachedData: true } : { cachedData: compiledRealm }
    const script = this.#isolate.compileScriptSync(realm, { filename: 'realm.js', ...cache })
    if (compiledRealm === null) this.#tools.compiledRealm = script.cachedData
    return script
  }

  #compile(context, text) {
    let script
    try {
      script = this.#isolate.compileScriptSync(text, { filename: 'contract.js' })
    } catch (error) {
      if (error instanceof SyntaxError) throw this.#syntaxError(error)
      if (error instanceof RangeError) throw tooDeep()
      throw error
    }
    return script.runSync(context, { reference: true, release: true })
  }

  /** What V8 does not take and acorn did: where it is shows in the text that was not rewritten. */
  #syntaxError(error) {
    try {
      this.#isolate.compileScriptSync(wrap(this.#source), { filename: 'contract.js' })
    } catch ({ message }) {
      return syntaxError(message, this.#source)
    }
    return error
  }

  #run(begin, view, ask, stopwatch) {
    if (this.#opening !== null) this.#enter('open', [this.#opening], stopwatch)
    this.#opening = null
    this.#enter('begin', [begin], stopwatch)
    const queue = []
    let next = 0
    for (;;) {
      const { ops, outcome } = JSON.parse(this.#poll(stopwatch))
      for (const op of ops) queue.push(op)
      let answer = null
      while (answer === null && next < queue.length) answer = perform(queue[next++], view, ask)
      if (outcome !== null) return outcome
      if (answer === null) throw new Error('the realm waits for an answer to no question')
      this.#enter('resume', [JSON.stringify(answer)], stopwatch)
    }
  }

  #poll(stopwatch) {
    // once more where the thrown undefined of #enter came in the place of the text: asking again changes nothing
    for (let i = 0; i < 3; i++) {
      const text = this.#enter('poll', [], stopwatch)
      if (typeof text === 'string') return text
    }
    throw new Error('the realm does not answer')
  }

  /** Calls a function of the controller; afterwards V8 runs all microtasks, still within the time. */
  #enter(name, args, stopwatch) {
    const timeout = Math.ceil(stopwatch.left)
    if (timeout <= 0) throw this.#outOfTime(stopwatch)
    try {
      return this.#realm[name].applySync(undefined, args, { timeout })
    } catch (error) {
      if (this.#isolate.isDisposed) {
        const limit = Math.floor(this.#limits.memory / MEBIBYTE)
        const message = `the call used more than the ${limit} MiB of memory that it may: keep less at once`
        throw new Abort('ABORT_MEMORY', message)
      }
      // isolated-vm reports an unhandled rejection by throwing its reason, and the controller sees to it that
      // this is always a rejection of its own, with undefined
      if (error === undefined) return undefined
      if (error?.message === 'Script execution timed out.') throw this.#outOfTime(stopwatch)
      throw new Abort('ABORT_ENGINE', `the engine failed in ${name}: ${String(error?.message)}`)
    }
  }

  #outOfTime({ limit }) {
    const message = `the call ran for more than the ${limit} ms that it may: do less in one call`
    return new Abort('ABORT_TIME', message)
  }
}

function errorOf({ message, code }) {
  return { name: 'MivmError', message, code }
}

/** Does one operation; returns the answer `[ok, payload]`, or null for an operation that wants none. */
function perform(op, view, ask) {
  try {
    switch (op[0]) {
      case 'writeFile':
        view.writeFile(op[1], op[2], op[3])
        return null
      case 'readFile':
        return [true, view.readFile(op[1], op[2])]
      case 'unlink':
        view.unlink(op[1])
        return [true, null]
      case 'rmdir':
        return [true, view.rmdir(op[1], op[2], op[3])]
      case 'readdir':
        return [true, view.readdir(op[1], op[2])]
      case 'stat':
        return [true, view.stat(op[1])]
      case 'exists':
        return [true, view.exists(op[1])]
      default:
        return ask(op)
    }
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    return [false, { code: error.code, message: error.message }]
  }
}
