import { collect } from './collect.js'
import { compileDrain } from './microtasks.js'
import { cacheRealm, compileRealm, shareText } from './realm-cache.js'
import { CodeError, syntaxError, tooDeep, wrap } from './source.js'

const MEBIBYTE = 1024 * 1024

/** The least memory that isolated-vm gives an isolate. */
const MEMORY_MIN = 8 * MEBIBYTE

/**
 * Of its memory, what a call has to leave that makes buffers, and what may be left of it until V8 collects garbage: so
 * V8 does that once for half of it, and not for each buffer.
 */
const RESERVE = 1 / 8

/** What the controller returns in the place of steps where a call ended because there was no room for a buffer. */
const NO_MEMORY = 'no memory is left'

/** Calls after which V8 may have that much to collect again that it is worth it. */
const CALLS_UNTIL_REST = 64

/** What ends a call from outside: not reproducible. The isolate may hold anything after it and is given up. */
export class Abort extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/**
 * One contract in an isolate of its own: the isolate is built on the first call, kept for the next ones and
 * built anew after an abort. `tools` are `{ ivm, realm, cachedRealm }`: the module, the text of the realm scripts, and
 * null or what V8 made of it. `code` is what the compiler made of `source`.
 */
export class Instance {
  #tools
  #source
  #code
  #limits
  #isolate = null
  #realm = null
  #isSettled = false
  /** Calls since V8 has collected on our behalf, at most. */
  #calls = 0
  #refusal = null
  /** The segment that is executed: what answers it, when it began, ms that it waited, and what `ask` threw. */
  #segment = null

  constructor(tools, source, code, limits) {
    this.#tools = tools
    this.#source = source
    this.#code = code
    this.#limits = limits
  }

  get isReady() {
    return this.#realm !== null || this.#refusal !== null
  }

  /** Whether {@link settle} has something to do. */
  get isUnsettled() {
    return !this.#isSettled && this.#realm !== null
  }

  /** Why the code cannot be compiled, with which every call ends; null where it can. */
  get refusal() {
    return this.#refusal
  }

  /** Builds the isolate, or finds out that the code cannot be compiled. */
  prepare() {
    try {
      const { text, refusal } = this.#code
      if (refusal !== null) throw new CodeError(refusal.code, refusal.message)
      this.#build(text)
    } catch (error) {
      this.dispose()
      if (!(error instanceof CodeError)) throw error
      this.#refusal = error
    }
  }

  /** Tells the realm what holds for the calls to come: a text that `open` of the controller takes. */
  open(text) {
    this.#realm.open.applySync(undefined, [text])
  }

  /**
   * Executes calls, each as the controller takes it, within `time` ms: all of them or as many as the controller finds
   * room for. `ask(steps, ops, isFirst)` gets the steps up to the call that asks and answers its operations. Returns
   * the steps behind those: `{ count, text }`. Throws Abort where that was too much; the isolate is gone then.
   */
  run(calls, time, ask) {
    this.#calls += calls.length
    this.#segment = { ask, startedAt: performance.now(), waited: 0, failure: null }
    try {
      const text = this.#enter(`[${calls.join()}]`, time)
      if (text === NO_MEMORY) throw this.#outOfMemory()
      return stepsOf(text)
    } catch (error) {
      this.dispose()
      throw error
    }
  }

  /**
   * To be called behind a job. After the first one V8 collects all that building it has left, and gives the pages back,
   * which is half of the memory. The first instance of an engine has then compiled what the others will need.
   */
  settle() {
    if (!this.isUnsettled) return
    this.#isSettled = true
    this.#attempt(() => {
      const { ivm, realm } = this.#tools
      this.#tools.cachedRealm ??= cacheRealm(ivm, this.#isolate, realm)
      collect(ivm, this.#realm.rest)
    })
  }

  /** To be called when there is time: gives back what V8 keeps for young objects, where there may be some. */
  rest() {
    if (this.#realm === null || this.#calls < CALLS_UNTIL_REST) return
    this.#attempt(() => collect(this.#tools.ivm, this.#realm.rest))
  }

  /** Fails where what is left of the memory that it may have is not enough. */
  #attempt(collect) {
    this.#calls = 0
    try {
      collect()
    } catch {
      this.dispose()
    }
  }

  dispose() {
    this.#isSettled = false
    this.#realm = null
    if (this.#isolate !== null && !this.#isolate.isDisposed) this.#isolate.dispose()
    this.#isolate = null
  }

  #build(code) {
    const memoryLimit = Math.floor(this.#memory / MEBIBYTE)
    this.#isolate = new this.#tools.ivm.Isolate({ memoryLimit })
    const context = this.#isolate.createContextSync()
    const { realm: text, cachedRealm } = this.#tools
    const script = compileRealm(this.#isolate, text, cachedRealm)
    const realm = script.runSync(context, { reference: true, release: true })
    const load = realm.getSync('load', { reference: true })
    if (cachedRealm !== null) shareText(this.#isolate, context, load, cachedRealm)
    const drain = compileDrain(this.#isolate, context)
    const body = this.#compile(context, code)
    const ask = new this.#tools.ivm.Callback((...args) => this.#answer(...args))
    const hasRoom = new this.#tools.ivm.Callback((bytes) => this.#hasRoom(bytes))
    load.applySync(undefined, [body.derefInto(), drain.derefInto(), ask, hasRoom])
    this.#realm = {
      open: realm.getSync('open', { reference: true }),
      run: realm.getSync('run', { reference: true }),
      rest: realm.getSync('rest', { reference: true })
    }
    for (const reference of [load, body, drain, realm, context]) reference.release()
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

  /** Calls `run` of the controller; afterwards V8 runs all microtasks, still within the time. */
  #enter(text, time) {
    try {
      return this.#realm.run.applySync(undefined, [text], { timeout: Math.ceil(time) })
    } catch (error) {
      return this.#recover(error, time)
    }
  }

  /** What the controller returned, or why it did not. */
  #recover(error, time) {
    const { startedAt, waited, failure } = this.#segment
    if (failure !== null) throw failure.error
    if (this.#isolate.isDisposed) throw this.#outOfMemory()
    if (performance.now() - startedAt - waited >= time) {
      const message = `the call ran for more than the ${time} ms that it may: do less in one call`
      throw new Abort('ABORT_TIME', message)
    }
    // isolated-vm reports an unhandled rejection by throwing its reason, whatever that is, in the place of the text
    const text = this.#realm.rest.applySync()
    if (typeof text === 'string') return text
    throw new Abort('ABORT_ENGINE', `the engine failed: ${String(error?.message)}`)
  }

  #outOfMemory() {
    const limit = Math.floor(this.#limits.memory / MEBIBYTE)
    const message = `the call used more than the ${limit} MiB of memory that it may: keep less at once`
    return new Abort('ABORT_MEMORY', message)
  }

  /** For the realm: whether there is room for so many bytes of buffers, and the reserve. */
  #hasRoom(bytes) {
    const reserve = this.#memory * RESERVE
    try {
      if (this.#free() >= bytes + reserve / 2) return true
      collect(this.#tools.ivm, this.#realm.rest)
      return this.#free() >= bytes + reserve
    } catch {
      // it was disposed of, because not even what there is has room
      return false
    }
  }

  /** What heap and buffers leave of the memory, with what is garbage. */
  #free() {
    const heap = this.#isolate.getHeapStatisticsSync()
    return this.#memory - heap.used_heap_size - heap.externally_allocated_size
  }

  get #memory() {
    return Math.max(this.#limits.memory, MEMORY_MIN)
  }

  /** For the controller: answers operations. What is thrown here goes past it, to `run`. */
  #answer(steps, ops, isFirst) {
    const from = performance.now()
    try {
      return this.#segment.ask(stepsOf(steps), ops, isFirst)
    } catch (error) {
      this.#segment.failure = { error }
      throw new Error('the question failed')
    } finally {
      this.#segment.waited += performance.now() - from
    }
  }
}

/** A count, a space, and a list without its brackets. */
function stepsOf(text) {
  const space = text.indexOf(' ')
  return { count: Number(text.slice(0, space)), text: text.slice(space + 1) }
}

export function errorOf({ message, code }) {
  return { name: 'MivmError', message, code }
}
