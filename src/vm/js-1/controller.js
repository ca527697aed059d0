;(function controller(primordials, parts, fuel, { state: prices, counter: counterPrices }) {
  // Runs calls inside the realm: decodes what comes in, gives the contract its API, encodes what comes out.
  // None of ours runs code of the contract while it is at work on something of its own: values are read by their
  // descriptors, accessors and proxies are refused, all that is used at run time was captured before any contract ran.
  // What a contract may run (its body, its method, its thenables, its getters) runs in `begin` and `drain`, or, for
  // accessors among the exports, as the very last thing of a call.

  const {
    apply,
    asyncIterator,
    freeze,
    getOwnPropertyDescriptor,
    getPrototypeOf,
    isError,
    isProxy,
    iterator,
    operators,
    ownKeys,
    parse,
    rawProxy,
    rejectPromise,
    slice,
    sort,
    startCall,
    startsWith,
    stringify,
    then,
    toObject,
    typeErrorPrototype
  } = primordials
  const { calls, codec, errors, exported, services, state, thrown } = parts
  const { isObject, ours } = errors
  const { decodeArgs, encodeValue } = codec
  const { describe } = thrown
  const { answer, call, changes, checkWrites, isWaiting, start, unsent } = calls
  const { layOver, payIndices, price, readProperty, take } = exported
  const { console, makeOracle } = services
  const { charge } = fuel

  /**
   * A segment ends behind the call with which its calls have used this much fuel, or left this many characters: the
   * host hears of none of them before.
   */
  const SEGMENT_FUEL = 100_000
  const SEGMENT_CHARACTERS = 1024 * 1024

  /** Characters of a message that costs no more than any. */
  const MESSAGE_FREE = 1024

  /** In the place of steps: a call has ended for want of memory, see instance.js. */
  const NO_MEMORY = 'no memory is left'

  /** What a call that went too far ends with: no contract ever sees it. */
  const TRAP = freeze({ __proto__: null })

  let body = null
  let counter = null
  /** Runs all microtasks. */
  let drain = null
  /** Asks the engine: gives it the steps that it has not seen, and operations, and whether they are the call's first. */
  let askEngine = null
  /** What holds for all calls of a job: `{ address, host, deployer, limits, inspect }`. */
  let job = null
  /** Counts the calls: what belongs to one that is over settles no other. */
  let serial = 0
  /** Steps that the engine has not seen: how many, and their texts. */
  let stepCount = 0
  let steps = ''
  let isRunning = false
  let isOutOfMemory = false
  /** What `caller` and `System` are for the calls of one user. */
  let user = { caller: null, id: null, system: null }
  /** Holds the rejected promise that nobody handles: see {@link standFirst}. */
  const turn = { first: null }

  return freeze({ load, open, run, rest })

  /**
   * The function that the contract was compiled to, see counter.js, with what the realm has of the engine: `drain`
   * (microtasks.js), `ask` and `hasRoom` (instance.js).
   */
  function load(compiled, runMicrotasks, ask, hasRoom) {
    drain = runMicrotasks
    askEngine = ask
    counter = compiled({
      apply,
      asyncIterator,
      getOwnPropertyDescriptor,
      isFailure,
      iterator,
      Object: toObject,
      operators,
      ownKeys,
      prices: counterPrices,
      RawProxy: rawProxy,
      trap: TRAP
    })
    fuel.attach(counter, hasRoom)
    body = counter.body
  }

  /** Whether an error may be one whose message V8 has made from the code, and from a text of any length: pays for that one. */
  function isFailure(value) {
    if (!isError(value) || getPrototypeOf(value) !== typeErrorPrototype) return false
    const message = getOwnPropertyDescriptor(value, 'message')?.value
    if (typeof message === 'string' && message.length > MESSAGE_FREE) {
      charge(message.length * counterPrices.message)
    }
    return true
  }

  /**
   * Begins a job: `{ address, host, deployer, limits, variables, inspect }`, with the variables as `[name, text]` in
   * the order of their paths. With `inspect`, calls run the body and give the names of the methods.
   */
  function open(text) {
    job = parse(text)
    exported.open(job.variables)
  }

  /**
   * Executes a segment of a job, `[method, arguments, caller, seq, time, seed × 4]` for each call: all of them, or as
   * many as there is room for. Returns what `rest` does.
   */
  function run(text) {
    const segment = parse(text)
    let used = 0
    isRunning = true
    isOutOfMemory = false
    stepCount = 0
    steps = ''
    standFirst()
    for (let i = 0; i < segment.length; i++) {
      used += execute(segment[i])
      if (isOutOfMemory) break
      if (used > SEGMENT_FUEL || steps.length > SEGMENT_CHARACTERS) break
    }
    stepDown()
    isRunning = false
    return rest()
  }

  /**
   * The steps that the engine has not seen: how many, and, behind a space, their texts as a list without brackets;
   * null while a segment is executed.
   */
  function rest() {
    if (isRunning) return null
    return isOutOfMemory ? NO_MEMORY : stepsText()
  }

  function stepsText() {
    return `${stepCount} ${steps}`
  }

  /** Executes one call, and returns its fuel. */
  function execute(given) {
    let isFirst = true
    begin(given)
    drain()
    // a call that went too far waits for nothing any more
    while (isWaiting() && counter.end() === null) {
      const seen = stepsText()
      stepCount = 0
      steps = ''
      answer(askEngine(seen, unsent(), isFirst))
      isFirst = false
      drain()
    }
    call.over = true
    const step = finish()
    isOutOfMemory = counter.end() === 'memory'
    const used = counter.used()
    steps += `${stepCount++ === 0 ? '' : ','}{${step},"fuel":${used},"logs":[${call.logs}]}`
    // what a getter among the exports has begun may not be there when the next call begins
    counter.start(-1, 0)
    drain()
    return used
  }

  /**
   * isolated-vm reports the first rejected promise of a turn that nobody handles: after the turn it reads name,
   * message and stack of the reason, which may be getters of the contract, unless the collector was quicker. For
   * that never to decide anything, the first is always this one, and its reason is undefined, for as long as a call
   * is under way.
   */
  function standFirst() {
    turn.first = rejectPromise(undefined)
  }

  /** When all calls are over no getter can do anything, and a turn that ends without an error ends sooner. */
  function stepDown() {
    then(turn.first, undefined, () => {})
  }

  // ---- the call

  function begin({ 0: method, 1: args, 2: caller, 3: seq, 4: time, 5: a, 6: b, 7: c, 8: d }) {
    const { inspect, limits } = job
    serial++
    counter.start(limits.fuel, limits.depth)
    startCall(time, a, b, c, d)
    // an instance is there once init has succeeded: until then nothing could be logged for it
    start(limits, seq > 1)
    try {
      if (!inspect) checkMethod(method, seq)
      charge(prices.call + args.length * prices.decoded + price())
      const values = inspect ? [] : decodeArgs(args, limits.args)
      const E = runBody(caller, seq, time)
      if (inspect) return settle(serial, null, undefined)
      layOver(E)
      callMethod(E, method, values, seq)
    } catch (thrown) {
      settle(serial, describe(thrown), undefined)
    }
  }

  /** Runs the body of the module; returns its exports. */
  function runBody(caller, seq, time) {
    const { address, host, deployer } = job
    if (user.caller !== caller) {
      user = { caller, id: freeze({ id: caller }), system: freeze({ caller, files: state }) }
    }
    const exports = {}
    const module = { exports }
    const env = freeze({ address, host, deployer, seq, time })
    const { id, system } = user
    apply(body, undefined, [exports, module, state, id, env, makeOracle(), console, system])
    const E = module.exports
    if (!isObject(E) || isProxy(E)) {
      throw ours(
        'CODE_NO_EXPORTS',
        'module.exports is no plain object or function; export methods from it'
      )
    }
    call.exports = E
    return E
  }

  function callMethod(E, method, values, seq) {
    const property = getOwnPropertyDescriptor(E, method)
    const callable = property?.enumerable === true ? readProperty(E, property) : undefined
    if (typeof callable !== 'function') {
      if (seq !== 1) throw unknownMethod(E, method)
      settle(serial, null, undefined)
      return
    }
    const result = apply(callable, E, values)
    if (isObject(result)) settleWith(serial, result)
    else settle(serial, null, result)
  }

  /** Settles the call as a promise does, or anything that has a `then`. */
  async function settleWith(mine, result) {
    let value
    try {
      value = await result
    } catch (thrown) {
      settle(mine, describe(thrown), undefined)
      return
    }
    settle(mine, null, value)
  }

  function settle(mine, error, result) {
    if (mine !== serial || call.over) return
    call.settled = true
    call.error = error
    call.result = result
  }

  function checkMethod(method, seq) {
    if (seq === 1 ? method === 'init' : method !== 'init') {
      if (!isForbidden(method)) return
      throw ours(
        'METHOD_FORBIDDEN',
        `${stringify(method)} cannot be called; call one of the methods`
      )
    }
    const why =
      seq === 1 ? 'the first call of an instance is init' : 'init runs once, at deployment'
    throw ours('METHOD_FORBIDDEN', `${stringify(method)} cannot be called now: ${why}`)
  }

  function isForbidden(name) {
    return (
      name === 'then' ||
      name === 'constructor' ||
      name === 'toJSON' ||
      name === '__proto__' ||
      startsWith(name, '_')
    )
  }

  function methodNames(E) {
    const names = []
    payIndices(E)
    const keys = ownKeys(E)
    if (keys.length > prices.namesFree) charge((keys.length - prices.namesFree) * prices.item * 2)
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]
      if (typeof key !== 'string' || isForbidden(key)) continue
      const property = getOwnPropertyDescriptor(E, key)
      if (property === undefined || !property.enumerable) continue
      if (typeof readProperty(E, property) === 'function') names[names.length] = key
    }
    return names
  }

  function unknownMethod(E, method) {
    const names = methodNames(E)
    let list = ''
    for (let i = 0; i < names.length; i++) list += i === 0 ? names[i] : `, ${names[i]}`
    if (list.length > 200) list = `${slice(list, 0, 200)}…`
    return ours(
      'METHOD_UNKNOWN',
      `there is no method ${stringify(method)}; there is ${list || 'none'}`
    )
  }

  // ---- the outcome

  /** Outcome and writes, as they are in a step. Nothing that the contract still does has an effect from here on. */
  function finish() {
    const text = outcomeText()
    // also where it was caught: no handler of the contract's has run since
    return counter.end() === null ? text : failed(wentTooFar(counter.end()))
  }

  function outcomeText() {
    if (counter.end() !== null) return ''
    if (!call.settled) {
      const why = 'the call can never settle: it awaits a promise that nothing will resolve'
      return failed(describe(ours('NEVER_SETTLES', why)))
    }
    if (call.error !== null) return failed(call.error)
    try {
      return job.inspect ? succeeded(stringify(methodNames(call.exports)), []) : leave()
    } catch (thrown) {
      return failed(describe(thrown))
    }
  }

  /** Takes what the call leaves: result, variables and files. */
  function leave() {
    const { limits, result } = call
    checkWrites()
    const value =
      result === undefined ? null : encodeValue(result, 'result', limits.result, 'RESULT_TOO_LARGE')
    const writes = changes()
    take(call.exports, limits.exports, writes)
    return succeeded(value, writes)
  }

  /** `writes`: `{ path, text }`, in any order. */
  function succeeded(value, writes) {
    let list = ''
    sortByPath(writes)
    for (let i = 0; i < writes.length; i++) list += `${i === 0 ? '' : ','}[${writes[i].text}`
    return `"outcome":{"status":"ok","value":${value === null ? 'null' : stringify(value)}},"writes":[${list}]`
  }

  function failed(error) {
    return `"outcome":{"status":"error","error":${stringify(error)}},"writes":[]`
  }

  function sortByPath(writes) {
    const { length } = writes
    if (length === 2 && writes[1].path < writes[0].path) {
      const first = writes[1]
      writes[1] = writes[0]
      writes[0] = first
    } else if (length > 2) {
      sort(writes, (a, b) => (a.path < b.path ? -1 : 1))
    }
  }

  function wentTooFar(end) {
    const { fuel, depth } = call.limits
    if (end === 'fuel') {
      const message = `the call used all of its fuel, ${fuel}: do less in one call`
      return { name: 'MivmError', message, code: 'OUT_OF_FUEL' }
    }
    const message = `the call nested functions more than ${depth} levels deep, of which a large one takes several: use a loop`
    return { name: 'MivmError', message, code: 'CALL_DEPTH' }
  }
})
