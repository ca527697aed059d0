;(function controller(primordials, fuel, { state: prices, counter: counterPrices }) {
  // Runs calls inside the realm: decodes what comes in, gives the contract its API, encodes what comes out.
  // No function here throws, and none runs code of the contract while it is at work on something of its own:
  // values are read by their descriptors, accessors and proxies are refused, all that is used at run time was
  // captured before any contract ran. What a contract may run (its body, its method, its thenables, its getters)
  // runs in `begin` and `resume`, or, for accessors among the exports, as the very last thing of a call.

  const {
    apply,
    arrayPrototype,
    asyncIterator,
    bytesPrototype,
    charCodeAt,
    chargeBytes,
    defineProperty,
    encodeURIComponent,
    Error,
    errorPrototype,
    ceil,
    freeze,
    fromBase64,
    getOwnPropertyDescriptor,
    getPrototypeOf,
    includes,
    isArray,
    isError,
    isFinite,
    isInteger,
    isPrototypeOf,
    isProxy,
    isSafeInteger,
    isWellFormed,
    iterator,
    normalize,
    objectPrototype,
    operators,
    ownKeys,
    parse,
    Promise,
    rawProxy,
    rejectPromise,
    resolvePromise,
    slice,
    sort,
    split,
    startCall,
    startsWith,
    stringify,
    test,
    then,
    toBase64,
    toBigInt,
    toNumber,
    toObject,
    toText,
    toWellFormed,
    typedArrayLength,
    typedArrayTag,
    typeErrorPrototype,
    unescape,
    withResolvers
  } = primordials
  const { spend, attach } = fuel

  const DEPTH_MAX = 128
  const ERROR_TEXT_MAX = 4096
  const ORACLE_NAME_MAX = 256
  const LOG_LINES_MAX = 1000
  const STRICT = { lastChunkHandling: 'strict' }
  const DECIMAL = /^(?:0|-?[1-9]\d*)$/
  const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u
  /** Numbers whose text form says all; not -0. */
  const PLAIN_NUMBER = /^(?:0|-?[1-9]\d{0,14})$/
  /** Bytes that a path of the archive may have. */
  const PATH_MAX = 1024
  /** Characters that a path may have before it is in normal form, in lengths of one that is. */
  const RAW_PATHS = 4
  /** Text that is as long as it looks. */
  const PLAIN_TEXT = /^[ -~\n\r\t]{0,1000}$/
  const VOWEL = /^(?:[AEIO]|U(?!int|RI))/
  /** Paths that are in normal form and, in ASCII, as long as they look. */
  const PLAIN_PATH = /^(?:\/[\w~@+,=-][\w.~@+,=-]*)+$/

  /** What a call that went too far ends with: no contract ever sees it. */
  const TRAP = freeze({ __proto__: null })

  let body = null
  let counter = null
  /** What holds for all calls of a job: `{ address, host, deployer, limits, inspect }`. */
  let job = null
  /** The exported variables as the call before left them, in the order of their paths. */
  let variables = []
  /** The same by name; their property `taken` tells which of them a call has left. */
  let variableOf = { __proto__: null }
  let taking = 0
  let call = null
  /** Holds the rejected promise that nobody handles: see {@link standFirst}. */
  const turn = { first: null }

  /** The value being encoded; `keys` lead to it, and `parents` contain it, from the outside in. */
  let writer = null
  /** How variables are laid over the defaults; only its value changes. */
  const laid = { value: undefined, writable: true, enumerable: true, configurable: true }
  /** What the value being decoded is called. */
  const reader = { root: '', name: undefined }
  let depth = 0
  const keys = []
  const parents = []

  const yes = freezeMethods({ is: () => true }).is
  const no = freezeMethods({ is: () => false }).is
  const state = makeState()
  const console = makeConsole()
  const oracle = makeOracle()

  return freeze({ load, open, begin, poll, resume })

  /** The function that the contract was compiled to, see counter.js. */
  function load(compiled) {
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
    attach(counter)
    body = counter.body
  }

  /** Whether an error may be one whose message V8 has made from the code. */
  function isFailure(value) {
    return isError(value) && getPrototypeOf(value) === typeErrorPrototype
  }

  /**
   * Begins a job: `{ address, host, deployer, limits, variables, inspect }`, with the variables as `[name, text]` in
   * the order of their paths.
   */
  function open(text) {
    job = parse(text)
    variables = []
    variableOf = { __proto__: null }
    for (let i = 0; i < job.variables.length; i++) {
      const entry = makeVariable(job.variables[i][0], job.variables[i][1])
      variables[i] = entry
      variableOf[entry.name] = entry
    }
  }

  /**
   * Starts a call, `[method, arguments, caller, seq, time, seed × 4]`; what it asks for and how it ended is in
   * `poll`.
   */
  function begin(text) {
    standFirst()
    const given = parse(text)
    counter.start(job.limits.fuel, job.limits.depth)
    startCall(given[4], given[5], given[6], given[7], given[8])
    call = {
      limits: job.limits,
      /** Texts of the operations that the engine has not seen. */
      ops: '',
      /** Those that wait for an answer, and what waits behind them. */
      waiting: [],
      answered: 0,
      writes: 0,
      written: 0,
      lines: 0,
      exports: null,
      consulting: false,
      settled: false,
      result: undefined,
      error: null,
      over: false,
      outcome: null
    }
    try {
      run(given[0], given[1], given[2], given[3], given[4])
    } catch (thrown) {
      settle(call, describe(thrown), undefined)
    }
  }

  /** The operations asked since the last poll, and the outcome once there is one (then always the same text). */
  function poll() {
    if (call === null) return '{"ops":[],"outcome":null,"settled":false}'
    if (call.outcome !== null) return call.outcome
    const { ops, settled } = call
    call.ops = ''
    // a call that went too far waits for nothing any more
    if (call.answered < call.waiting.length && counter.end() === null) {
      return `{"ops":[${ops}],"outcome":null,"settled":${settled}}`
    }
    const outcome = finish()
    call.outcome = `{"ops":[${ops}],"outcome":${outcome},"settled":${settled}}`
    return call.outcome
  }

  /** Answers the oldest operation that waits for an answer, and with it those behind it that need none. */
  function resume(text) {
    standFirst()
    if (call === null || call.over || call.answered === call.waiting.length) return
    const { 0: ok, 1: payload } = parse(text)
    const entry = call.waiting[call.answered++]
    try {
      spend(text.length * prices.byte)
      if (ok) entry.resolve(entry.convert(payload))
      else entry.reject(entry.refuse(payload))
    } catch (thrown) {
      entry.reject(thrown)
    }
    while (call.answered < call.waiting.length && call.waiting[call.answered].convert === null) {
      const { resolve, reject, error } = call.waiting[call.answered++]
      if (error === null) resolve()
      else reject(error)
    }
    if (call.answered === call.waiting.length) {
      call.waiting = []
      call.answered = 0
    }
  }

  /**
   * isolated-vm reports the first rejected promise of a turn that nobody handles: after the turn it reads name,
   * message and stack of the reason, which may be getters of the contract, unless the collector was quicker. For
   * that never to decide anything, the first is always this one, and its reason is undefined. The engine sees
   * `undefined` thrown by every begin and resume, and ignores it.
   */
  function standFirst() {
    turn.first = rejectPromise(undefined)
  }

  // ---- the call

  function run(method, args, caller, seq, time) {
    const { address, host, deployer, inspect } = job
    if (!inspect) checkMethod(method, seq)
    spend(prices.call + args.length * prices.decoded)
    const values = inspect ? [] : decodeArgs(args)
    const exports = {}
    const module = { exports }
    // an instance is there once init has succeeded: until then nothing could be logged for it
    call.consulting = seq > 1
    const system = freeze({ caller, files: state })
    const id = freeze({ id: caller })
    const env = freeze({ address, host, deployer, seq, time })
    apply(body, undefined, [exports, module, state, id, env, oracle, console, system])
    const E = module.exports
    if ((typeof E !== 'object' && typeof E !== 'function') || E === null || isProxy(E)) {
      throw ours(
        'CODE_NO_EXPORTS',
        'module.exports is no plain object or function; export methods from it'
      )
    }
    call.exports = E
    if (inspect) {
      call.over = true
      call.outcome = `{"ops":[],"outcome":${okText(stringify(methodNames(E)), '')},"settled":true}`
      return
    }
    for (let i = 0; i < variables.length; i++) {
      spend(prices.variable + variables[i].text.length * prices.decoded)
      layOver(E, variables[i])
    }
    const property = getOwnPropertyDescriptor(E, method)
    const callable = property?.enumerable === true ? readProperty(E, property) : undefined
    if (typeof callable !== 'function') {
      if (seq !== 1) throw unknownMethod(E, method)
      settle(call, null, undefined)
      return
    }
    const result = apply(callable, E, values)
    if ((typeof result !== 'object' || result === null) && typeof result !== 'function') {
      settle(call, null, result)
      return
    }
    // not result.then(…): a promise of the contract's may have a constructor and a then of its own
    const current = call
    then(
      new Promise((resolve) => resolve(result)),
      (value) => settle(current, null, value),
      (thrown) => settle(current, describe(thrown), undefined)
    )
  }

  function settle(current, error, result) {
    current.settled = true
    current.error = error
    current.result = result
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
    const keys = ownKeys(E)
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

  function readProperty(object, { value, get }) {
    return get === undefined ? value : apply(get, object, [])
  }

  function layOver(E, { name, text, value, known }) {
    laid.value = known ? value : decodeValue(text, 'exports', name)
    // of a sealed object, at least the value can be set
    if (defineProperty(E, name, laid)) return
    if (!defineProperty(E, name, { value: laid.value })) throw fixed(name)
  }

  /** A variable with its text form; the value too where nothing can change it. */
  function makeVariable(name, text) {
    const path = `/.mivm/exports/${encodeURIComponent(name)}.json`
    if (path.length > PATH_MAX) {
      throw ours(
        'EXPORTS_TOO_LARGE',
        'exports: the name of a variable is too long; give it a short name'
      )
    }
    const entry = { name, path, text, value: undefined, known: false, taken: 0 }
    remember(entry)
    return entry
  }

  function remember(entry) {
    entry.known = test(PLAIN_NUMBER, entry.text)
    entry.value = entry.known ? toNumber(entry.text) : undefined
  }

  function fixed(name) {
    const path = pathOf('exports', name)
    return ours(
      'EXPORTS_FROZEN',
      `${path} cannot be stored: it is frozen or has no setter; assign it as exports.x = …`
    )
  }

  /** The outcome as JSON. Nothing that the contract still does has an effect from here on. */
  function finish() {
    call.over = true
    const text = outcomeText()
    const end = counter.end()
    return end === null ? text : errorText(wentTooFar(end))
  }

  function outcomeText() {
    // also where it was caught: no handler of the contract's has run since
    if (counter.end() !== null) return ''
    if (!call.settled) {
      const why = 'the call can never settle: it awaits a promise that nothing will resolve'
      return errorText(describe(ours('NEVER_SETTLES', why)))
    }
    if (call.error !== null) return errorText(call.error)
    try {
      const { limits, result } = call
      if (call.writes > limits.writes) throw tooManyWrites(call.writes)
      const value =
        result === undefined
          ? null
          : encodeValue(result, 'result', limits.result, 'RESULT_TOO_LARGE')
      return okText(value, takeVariables(call.exports, limits.exports))
    } catch (thrown) {
      return errorText(describe(thrown))
    }
  }

  function wentTooFar(end) {
    const { fuel, depth } = call.limits
    if (end === 'fuel') {
      const message = `the call used all of its fuel, ${fuel}: do less in one call`
      return { name: 'MivmError', message, code: 'OUT_OF_FUEL' }
    }
    const message = `the call nested functions more than ${depth} levels deep: use a loop`
    return { name: 'MivmError', message, code: 'CALL_DEPTH' }
  }

  function okText(value, changes) {
    return `{"status":"ok","value":${value === null ? 'null' : stringify(value)},"changes":[${changes}],"fuel":${counter.used()}}`
  }

  function errorText(error) {
    return `{"status":"error","error":${stringify(error)},"fuel":${counter.used()}}`
  }

  /**
   * Takes over the variables as the call leaves them, all or none; returns what changed as JSON: `[name, text]`
   * each, where the text of one that is gone is null.
   */
  function takeVariables(E, limit) {
    const changed = []
    const added = []
    let units = 0
    let kept = 0
    let guarded = false
    taking++
    const keys = ownKeys(E)
    for (let i = 0; i < keys.length; i++) {
      const name = keys[i]
      if (typeof name !== 'string') continue
      const property = getOwnPropertyDescriptor(E, name)
      if (property === undefined || !property.enumerable) continue
      // the only code of the contract that runs here; its effects come too late, its rejections second
      if (property.get !== undefined && !guarded) {
        standFirst()
        guarded = true
      }
      const value = readProperty(E, property)
      if (typeof value === 'function') continue
      const text = isSafeInteger(value)
        ? encodeInteger(value)
        : encodeValue(value, 'exports', limit, 'EXPORTS_TOO_LARGE', name)
      const stays = property.writable === false && !isObject(value)
      if (!property.configurable && property.writable !== true && !stays) throw fixed(name)
      units += name.length + text.length
      spend(prices.variable + name.length * prices.encoded)
      if (units > limit) throw tooLarge('EXPORTS_TOO_LARGE', 'the exported variables', limit, units)
      const entry = variableOf[name]
      if (entry === undefined) {
        if (!isWellFormed(name))
          throw unsupported(pathOf('exports', name), 'a name with a lone surrogate')
        added[added.length] = makeVariable(name, text)
        continue
      }
      entry.taken = taking
      kept++
      if (entry.text !== text) {
        changed[changed.length] = entry
        changed[changed.length] = text
      }
    }
    // each is a file, and the host writes it while all others wait
    const count = changed.length / 2 + added.length + variables.length - kept
    if (count > call.limits.writes) throw tooManyVariables(count)
    // no unit is more than three bytes: mostly, there is nothing to count
    if (units * 3 > limit) checkBytes(changed, added, limit)
    if (counter.end() !== null) throw TRAP // caught by a getter: nothing is taken
    return replaceVariables(changed, added, kept)
  }

  function tooManyVariables(count) {
    return ours(
      'WRITES_TOO_MANY',
      `a call may change ${call.limits.writes} exported variables, and this one changes ${count}: gather them in an object or in files`
    )
  }

  function encodeInteger(value) {
    return value === 0 && 1 / value < 0 ? '-0' : `${value}`
  }

  function checkBytes(changed, added, limit) {
    let bytes = 0
    for (let i = 0; i < changed.length; i += 2) {
      bytes += utf8Length(changed[i + 1]) - utf8Length(changed[i].text)
    }
    for (let i = 0; i < variables.length; i++) {
      const { name, text, taken } = variables[i]
      if (taken === taking) bytes += utf8Length(name) + utf8Length(text)
    }
    for (let i = 0; i < added.length; i++) {
      bytes += utf8Length(added[i].name) + utf8Length(added[i].text)
    }
    if (bytes > limit) throw tooLarge('EXPORTS_TOO_LARGE', 'the exported variables', limit, bytes)
  }

  function replaceVariables(changed, added, kept) {
    let text = ''
    for (let i = 0; i < changed.length; i += 2) {
      const entry = changed[i]
      entry.text = changed[i + 1]
      remember(entry)
      text = appendChange(text, entry.name, stringify(entry.text))
    }
    if (added.length === 0 && kept === variables.length) return text
    const after = []
    for (let i = 0; i < variables.length; i++) {
      const entry = variables[i]
      if (entry.taken === taking) {
        after[after.length] = entry
      } else {
        delete variableOf[entry.name]
        text = appendChange(text, entry.name, 'null')
      }
    }
    for (let i = 0; i < added.length; i++) {
      const entry = added[i]
      after[after.length] = entry
      variableOf[entry.name] = entry
      text = appendChange(text, entry.name, stringify(entry.text))
    }
    variables = sort(after, byPath)
    return text
  }

  function appendChange(text, name, value) {
    return `${text}${text === '' ? '' : ','}[${stringify(name)},${value}]`
  }

  function byPath(a, b) {
    return a.path < b.path ? -1 : 1
  }

  // ---- operations

  /** An operation that the engine answers. */
  function ask(op, convert, refuse = makeError) {
    if (call === null || call.over) return rejectPromise(callOver())
    spend(prices.operation + prices.answer + op.length * prices.byte)
    call.ops += call.ops === '' ? op : `,${op}`
    const entry = withResolvers()
    entry.convert = convert
    entry.refuse = refuse
    call.waiting[call.waiting.length] = entry
    return entry.promise
  }

  /** An operation that is paid for and needs no answer (op is null: none at all); its promise keeps its place in the queue. */
  function tell(op, error = null) {
    if (call === null || call.over) return rejectPromise(callOver())
    if (error !== null) spend(prices.answer)
    if (op !== null) call.ops += call.ops === '' ? op : `,${op}`
    if (call.answered === call.waiting.length) {
      return error === null ? resolvePromise(undefined) : rejectPromise(error)
    }
    const entry = withResolvers()
    entry.convert = null
    entry.error = error
    call.waiting[call.waiting.length] = entry
    return entry.promise
  }

  function callOver() {
    return ours('CALL_OVER', 'the call is over: await what it does')
  }

  function makeState() {
    return freezeMethods({
      readFile(path, options) {
        try {
          const normal = normalPath(path, 'open')
          const encoding = encodingOf(options)
          fileOnly(normal, 'open')
          const convert = encoding === 'binary' ? decodeBytes : identity
          return ask(`["readFile",${stringify(normal)},"${encoding}"]`, convert)
        } catch (thrown) {
          return tell(null, thrown)
        }
      },
      writeFile(path, data, options) {
        try {
          const normal = normalPath(path, 'open')
          fileOnly(normal, 'open')
          return writeContent(normal, data, encodingOf(options))
        } catch (thrown) {
          return tell(null, thrown)
        }
      },
      unlink(path) {
        try {
          const normal = normalPath(path, 'unlink')
          fileOnly(normal, 'unlink')
          countWrites(1)
          return ask(`["unlink",${stringify(normal)}]`, nothing, refuseUnlink)
        } catch (thrown) {
          return tell(null, thrown)
        }
      },
      mkdir(path) {
        try {
          normalPath(path, 'mkdir')
          return tell(null)
        } catch (thrown) {
          return tell(null, thrown)
        }
      },
      rmdir(path, options) {
        try {
          const normal = normalPath(path, 'rmdir')
          const recursive = flag(options, 'recursive')
          const budget = call.limits.writes - call.writes
          return ask(`["rmdir",${stringify(normal)},${recursive},${budget}]`, countRemoved)
        } catch (thrown) {
          return tell(null, thrown)
        }
      },
      readdir(path, options) {
        try {
          const normal = normalPath(path, 'scandir')
          const gt = bound(options, 'gt')
          const lt = bound(options, 'lt')
          const limit = countOf(options, 'limit')
          const range = `{"gt":${gt},"lt":${lt},"limit":${limit},"reverse":${flag(options, 'reverse')}}`
          return ask(`["readdir",${stringify(normal)},${range}]`, identity)
        } catch (thrown) {
          return tell(null, thrown)
        }
      },
      stat(path) {
        try {
          return ask(`["stat",${stringify(normalPath(path, 'stat'))}]`, makeStat)
        } catch (thrown) {
          return tell(null, thrown)
        }
      },
      exists(path) {
        try {
          return ask(`["exists",${stringify(normalPath(path, 'stat'))}]`, identity)
        } catch (thrown) {
          return tell(null, thrown)
        }
      }
    })
  }

  function writeContent(path, data, encoding) {
    const isText = typeof data === 'string'
    const { limits } = call
    if (isText && data.length > limits.file) {
      throw tooLarge('FILE_TOO_LARGE', `the file ${path}`, limits.file, data.length)
    }
    if (!isText && (isProxy(data) || typedArrayTag(data) !== 'Uint8Array')) {
      throw invalid(
        `writeFile ${path}: the data is ${kindOf(data)}; write a string or a Uint8Array`
      )
    }
    if (isText && encoding === 'binary') {
      throw invalid(
        `writeFile ${path}: the data is a string; write a Uint8Array, or leave out the encoding`
      )
    }
    if (isText && !isWellFormed(data)) {
      throw invalid(`writeFile ${path}: the text has a lone surrogate, which UTF-8 cannot hold`)
    }
    // before it is measured, which is most of the work
    const paid = isText ? data.length : typedArrayLength(data)
    spend(prices.operation + paid * prices.byte)
    const size = isText ? utf8Length(data) : paid
    if (size > limits.file) throw tooLarge('FILE_TOO_LARGE', `the file ${path}`, limits.file, size)
    if (call.written + size > limits.written) {
      throw tooLarge(
        'WRITTEN_TOO_MUCH',
        'what the call writes',
        limits.written,
        call.written + size
      )
    }
    countWrites(1)
    call.written += size
    const content = isText ? `"text",${stringify(data)}` : `"binary","${toBase64(data)}"`
    const op = `["writeFile",${stringify(path)},${content}]`
    spend((op.length - paid) * prices.byte)
    return tell(op)
  }

  function countWrites(count) {
    if (call.writes + count > call.limits.writes) throw tooManyWrites(call.writes + count)
    call.writes += count
  }

  function tooManyWrites(count) {
    return ours(
      'WRITES_TOO_MANY',
      `a call may write or delete ${call.limits.writes} files, and this makes it ${count}; spread it over calls`
    )
  }

  function tooLarge(code, what, limit, size) {
    return ours(code, `${what}: ${size} bytes, over the limit of ${limit}; make it smaller`)
  }

  function countRemoved(count) {
    // operations asked meanwhile count too, so that the budget may be overdrawn: then the call fails
    call.writes += count
    if (call.writes > call.limits.writes) throw tooManyWrites(call.writes)
  }

  function refuseUnlink(payload) {
    call.writes--
    return makeError(payload)
  }

  function identity(payload) {
    return payload
  }

  function nothing() {}

  function decodeBytes(base64) {
    chargeBytes((base64.length / 4) * 3)
    return fromBase64(base64)
  }

  function makeStat({ type, size }) {
    const isFile = type === 'file'
    const stat = { type, size: isFile ? size : 0 }
    // not enumerable, so that a stat is a value
    defineProperty(stat, 'isFile', { value: isFile ? yes : no })
    defineProperty(stat, 'isDirectory', { value: isFile ? no : yes })
    return freeze(stat)
  }

  function makeError({ name, code, message }) {
    const error = new Error(message)
    if (name !== undefined && name !== 'Error') {
      defineProperty(error, 'name', { value: name, writable: true, configurable: true })
    }
    if (code !== null) error.code = code
    return error
  }

  /**
   * Any name is an oracle: which ones a host has is not part of the record, so no contract may see it. A host answers
   * for those that it does not have with an error, which is logged like every answer.
   */
  function makeOracle() {
    const target = freeze({ __proto__: null })
    return new Proxy(target, {
      get(_, name) {
        // not then: whoever awaits `oracle` asks nothing
        if (typeof name !== 'string' || name === 'then') return undefined
        return freeze((...args) => consult(name, args))
      }
    })
  }

  function consult(name, args) {
    try {
      if (call === null || call.over) throw callOver()
      if (!call.consulting) {
        throw ours('ORACLE_UNAVAILABLE', 'there are no oracles during init; ask in a later call')
      }
      // the name goes into the log, which takes no other text and no larger entries
      if (name.length > ORACLE_NAME_MAX || !isWellFormed(name)) {
        throw ours(
          'ORACLE_UNKNOWN',
          `no oracle has such a name: use at most ${ORACLE_NAME_MAX} characters`
        )
      }
      const root = `${pathOf('oracle', name)} arguments`
      const text = encodeValue(args, root, call.limits.args, 'ARGS_TOO_LARGE')
      spend(prices.oracle)
      return ask(`["oracle",${stringify(name)},${stringify(text)}]`, decodeAnswer)
    } catch (thrown) {
      return tell(null, thrown)
    }
  }

  function decodeAnswer(text) {
    return text === null ? undefined : decodeValue(text, 'the answer of the oracle')
  }

  function makeConsole() {
    return freezeMethods({
      log: (...args) => log(args),
      info: (...args) => log(args),
      warn: (...args) => log(args),
      error: (...args) => log(args),
      debug: (...args) => log(args)
    })
  }

  function log(args) {
    if (call === null || call.over || ++call.lines > LOG_LINES_MAX) return
    let line = ''
    for (let i = 0; i < args.length && line.length <= ERROR_TEXT_MAX; i++) {
      line += i === 0 ? display(args[i]) : ` ${display(args[i])}`
    }
    const op = `["log",${stringify(cut(line))}]`
    spend(prices.operation + op.length * prices.byte)
    call.ops += call.ops === '' ? op : `,${op}`
  }

  function display(value) {
    if (typeof value === 'string') return cut(value)
    if (isThrownError(value)) {
      const { name, message } = describe(value)
      return `${name}: ${message}`
    }
    try {
      return encodeValue(value, 'value', ERROR_TEXT_MAX, 'RESULT_TOO_LARGE')
    } catch {
      return typeof value === 'symbol' || value === undefined ? toText(value) : `[${kindOf(value)}]`
    }
  }

  function freezeMethods(object) {
    const keys = ownKeys(object)
    for (let i = 0; i < keys.length; i++) freeze(object[keys[i]])
    return freeze(object)
  }

  // ---- arguments of operations

  /** `/a/b` in NFC, without empty, `.` and `..` segments. */
  function normalPath(path, syscall) {
    if (typeof path !== 'string') {
      throw invalid(`EINVAL: a path is a string, and this is ${kindOf(path)}, ${syscall}`)
    }
    // the usual case, at the price of one regular expression
    if (path.length <= call.limits.path && test(PLAIN_PATH, path)) return path
    const { path: limit } = call.limits
    // what is empty or composed may go from it, but not any amount
    if (path.length > RAW_PATHS * limit) {
      throw tooLarge('PATH_TOO_LONG', 'the path', limit, path.length)
    }
    spend(path.length * prices.pathCharacter)
    if (!isWellFormed(path) || includes(path, '\0') || includes(path, '\\')) {
      throw invalid(
        `EINVAL: a path has no NUL, backslash or lone surrogate, ${syscall} ${quoted(path)}`
      )
    }
    let normal = ''
    const segments = split(normalize(path), '/')
    for (let i = 0; i < segments.length; i++) {
      const segment = segments[i]
      if (segment === '') continue
      if (segment === '.' || segment === '..') {
        throw invalid(`EINVAL: a path has no . and .. segments, ${syscall} ${quoted(path)}`)
      }
      normal += `/${segment}`
    }
    const size = utf8Length(normal)
    if (size > limit) throw tooLarge('PATH_TOO_LONG', 'the path', limit, size)
    if (normal === '/.mivm' || startsWith(normal, '/.mivm/')) {
      throw fsError('EACCES', `permission denied, ${syscall} '${normal}'`)
    }
    return normal === '' ? '/' : normal
  }

  function fileOnly(path, syscall) {
    if (path === '/') throw fsError('EISDIR', `illegal operation on a directory, ${syscall} '/'`)
  }

  function encodingOf(options) {
    const encoding = isObject(options) ? options.encoding : options
    if (encoding === undefined || encoding === null) return 'text'
    if (encoding === 'utf8' || encoding === 'utf-8') return 'text'
    if (encoding === 'binary') return 'binary'
    throw invalid(`EINVAL: the encoding is ${kindOf(encoding)}; give 'utf8' or 'binary'`)
  }

  function flag(options, key) {
    const value = option(options, key)
    if (value === undefined || value === null) return false
    if (typeof value === 'boolean') return value
    throw invalid(`EINVAL: ${key} is ${kindOf(value)}; give true or false`)
  }

  function bound(options, key) {
    const value = option(options, key)
    if (value === undefined || value === null) return 'null'
    if (typeof value === 'string' && isWellFormed(value)) return stringify(normalize(value))
    throw invalid(`EINVAL: ${key} is ${kindOf(value)}; give a name`)
  }

  function countOf(options, key) {
    const value = option(options, key)
    if (value === undefined || value === null) return 'null'
    if (isInteger(value) && value >= 0) return `${value}`
    throw invalid(`EINVAL: ${key} is ${kindOf(value)}; give a number from 0`)
  }

  function option(options, key) {
    if (options === undefined || options === null) return undefined
    if (isObject(options)) return options[key]
    throw invalid(`EINVAL: the options are ${kindOf(options)}; give an object`)
  }

  function isObject(value) {
    return (typeof value === 'object' && value !== null) || typeof value === 'function'
  }

  function quoted(text) {
    return stringify(cut(text))
  }

  function invalid(message) {
    const error = new Error(message)
    error.code = 'EINVAL'
    return error
  }

  function fsError(code, text) {
    return makeError({ code, message: `${code}: ${text}` })
  }

  function ours(code, message) {
    return makeError({ name: 'MivmError', code, message })
  }

  /** Bytes of a well-formed string in UTF-8. */
  function utf8Length(text) {
    const { length } = text
    if (test(PLAIN_TEXT, text)) return length
    if (length > 100) return unescape(encodeURIComponent(text)).length
    let bytes = length
    for (let i = 0; i < length; i++) {
      const unit = charCodeAt(text, i)
      // a surrogate is half of four bytes
      if (unit > 0x7f) bytes += unit <= 0x7ff || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2
    }
    return bytes
  }

  /** String(value); a big integer is paid for, since nobody else does. */
  function paidText(value) {
    return typeof value === 'bigint' ? operators.part(value) : toText(value)
  }

  /** At most ERROR_TEXT_MAX code units, well-formed. */
  function cut(text) {
    if (text.length <= ERROR_TEXT_MAX) return toWellFormed(text)
    const unit = charCodeAt(text, ERROR_TEXT_MAX - 1)
    const splitsPair = unit >= 0xd800 && unit <= 0xdbff
    return toWellFormed(slice(text, 0, splitsPair ? ERROR_TEXT_MAX - 1 : ERROR_TEXT_MAX))
  }

  // ---- what was thrown

  /** Name, message and code of anything that can be thrown. Getters and traps of the contract may run. */
  function describe(thrown) {
    try {
      if (!isThrownError(thrown))
        return { name: 'Error', message: textOfThrown(thrown), code: null }
      const { name, message, code } = thrown
      const error = {
        name: cut(name === undefined ? 'Error' : paidText(name)),
        message: cut(message === undefined ? '' : paidText(message)),
        code: typeof code === 'string' ? cut(code) : typeof code === 'number' ? `${code}` : null
      }
      // what a call that went too far ends with is nobody's to throw
      const isForged = error.code === 'OUT_OF_FUEL' || error.code === 'CALL_DEPTH'
      if (isForged && error.name === 'MivmError') error.name = 'Error'
      return error
    } catch {
      return { name: 'Error', message: 'the thrown value could not be read', code: null }
    }
  }

  function isThrownError(value) {
    return isObject(value) && (isError(value) || isPrototypeOf(errorPrototype, value))
  }

  function textOfThrown(thrown) {
    if (typeof thrown === 'string') return cut(thrown)
    try {
      return encodeValue(thrown, 'value', ERROR_TEXT_MAX, 'RESULT_TOO_LARGE')
    } catch {
      return typeof thrown
    }
  }

  // ---- values (protocol/values.ts is the same codec outside of the realm)

  /** The text form of a value of at most `limit` bytes; errors call it `root`, or `root.name`. */
  function encodeValue(value, root, limit, code, name) {
    writer = { text: '', root, name, limit, code }
    depth = 0
    parents.length = 0
    try {
      write(value)
    } finally {
      // also where it is no value: a contract may try again and again
      spend(1 + writer.text.length * prices.encoded)
    }
    const { text } = writer
    if (text.length * 3 > limit) {
      const size = utf8Length(text)
      if (size > limit) throw tooLarge(code, rootText(), limit, size)
    }
    return text
  }

  function write(value) {
    switch (typeof value) {
      case 'string':
        return writeText(value, '')
      case 'number':
        if (!isFinite(value)) throw refuse(`${value}`)
        return put(value === 0 && 1 / value < 0 ? '-0' : `${value}`)
      case 'boolean':
        return put(value ? 'true' : 'false')
      case 'bigint':
        if (depth >= DEPTH_MAX) throw tooDeep(pathText())
        return put(`{"$bigint":"${paidText(value)}"}`)
      case 'object':
        return value === null ? put('null') : writeObject(value)
      default:
        throw refuse(kindOf(value))
    }
  }

  function writeText(text, prefix) {
    if (text.length > writer.limit)
      throw tooLarge(writer.code, rootText(), writer.limit, text.length)
    if (!isWellFormed(text)) throw refuse('a string with a lone surrogate')
    put(stringify(prefix === '' ? text : prefix + text))
  }

  function put(text) {
    writer.text += text
    const { limit, code } = writer
    // what is shared is written again: before that grows without end
    if (writer.text.length > limit) throw tooLarge(code, rootText(), limit, writer.text.length)
  }

  function writeObject(object) {
    // ours is older than the call, and unknown to isProxy
    if (isProxy(object) || object === oracle) throw refuse('a Proxy')
    for (let i = 0; i < depth; i++) if (parents[i] === object) throw refuse('a cycle')
    if (depth >= DEPTH_MAX) throw tooDeep(pathText())
    const prototype = getPrototypeOf(object)
    parents[depth] = object
    if (isArray(object)) {
      if (prototype !== arrayPrototype) throw refuse(kindOf(object))
      writeArray(object)
    } else if (prototype === objectPrototype || prototype === null) {
      writeRecord(object)
    } else if (prototype === bytesPrototype && typedArrayTag(object) === 'Uint8Array') {
      const size = typedArrayLength(object)
      if (size > writer.limit) throw tooLarge(writer.code, rootText(), writer.limit, size)
      put(`{"$bytes":"${toBase64(object)}"}`)
    } else {
      throw refuse(kindOf(object))
    }
    parents[depth] = undefined
  }

  function writeArray(array) {
    const { length } = array
    const level = depth
    const { limit, code } = writer
    if (length > limit) throw tooLarge(code, rootText(), limit, length)
    spend(length * prices.item)
    if (ownKeys(array).length !== length + 1) throw refuseArray(array)
    put('[')
    depth = level + 1
    for (let i = 0; i < length; i++) {
      keys[level] = i
      if (i > 0) put(',')
      const property = getOwnPropertyDescriptor(array, i)
      if (property === undefined) throw refuse('a hole in an array')
      writeProperty(property)
    }
    depth = level
    put(']')
  }

  function writeRecord(record) {
    const names = ownKeys(record)
    const level = depth
    let separator = ''
    spend(names.length * prices.item)
    put('{')
    depth = level + 1
    for (let i = 0; i < names.length; i++) {
      const name = names[i]
      const property = getOwnPropertyDescriptor(record, name)
      if (!property.enumerable) continue
      if (typeof name === 'symbol') {
        depth = level
        throw refuse(`an object with the key ${toText(name)}`)
      }
      keys[level] = name
      put(separator)
      writeText(name, startsWith(name, '$') ? '$' : '')
      put(':')
      writeProperty(property)
      separator = ','
    }
    depth = level
    put('}')
  }

  function writeProperty({ value, get, set }) {
    if (get !== undefined || set !== undefined) throw refuse('an accessor')
    write(value)
  }

  function refuseArray(array) {
    const names = ownKeys(array)
    for (let i = 0; i < names.length; i++) {
      const name = names[i]
      if (name === 'length') continue
      if (typeof name === 'symbol' || `${toNumber(name) >>> 0}` !== name) {
        return refuse(`an array with the property ${toText(name)}`)
      }
    }
    let i = 0
    while (getOwnPropertyDescriptor(array, i) !== undefined) i++
    keys[depth] = i
    depth++
    return refuse('a hole in an array')
  }

  function refuse(what) {
    return unsupported(pathText(), what)
  }

  function unsupported(path, what) {
    return ours(
      'VALUE_UNSUPPORTED',
      `${path}: ${what} is not a value; use JSON values, Uint8Array or bigint`
    )
  }

  function tooDeep(path) {
    return ours('VALUE_TOO_DEEP', `${path}: nested deeper than ${DEPTH_MAX} levels; flatten it`)
  }

  function pathText() {
    let path = rootText()
    for (let i = 0; i < depth; i++) path = pathOf(path, keys[i])
    return cut(path)
  }

  function rootText() {
    return writer.name === undefined ? writer.root : pathOf(writer.root, writer.name)
  }

  function pathOf(path, key) {
    if (typeof key === 'number') return `${path}[${key}]`
    return test(IDENTIFIER, key) ? `${path}.${key}` : `${path}[${stringify(key)}]`
  }

  /** What something is that is no value, without running any of its code. */
  function kindOf(value) {
    switch (typeof value) {
      case 'object':
        return value === null ? 'null' : kindOfObject(value)
      case 'function':
        return 'a function'
      case 'symbol':
        return 'a symbol'
      case 'string':
        return quoted(value)
      default:
        return cut(paidText(value))
    }
  }

  function kindOfObject(object) {
    if (isProxy(object)) return 'a Proxy'
    const prototype = getPrototypeOf(object)
    if (prototype === objectPrototype || prototype === null) return 'an object'
    const name = isProxy(prototype) ? undefined : dataOf(constructorOf(prototype), 'name')
    if (typeof name !== 'string' || name === '') return 'an object of a class'
    return `${test(VOWEL, name) ? 'an' : 'a'} ${cut(name)}`
  }

  function constructorOf(prototype) {
    const property = getOwnPropertyDescriptor(prototype, 'constructor')
    // of an intrinsic, it is an accessor of the prelude's
    return property?.get === undefined ? property?.value : dataOf(property.get, 'originalValue')
  }

  function dataOf(object, key) {
    if (!isObject(object) || isProxy(object)) return undefined
    return getOwnPropertyDescriptor(object, key)?.value
  }

  function decodeArgs(text) {
    const { args: limit } = call.limits
    if (text.length > limit || (text.length * 3 > limit && textSize(text) > limit)) {
      throw tooLarge('ARGS_TOO_LARGE', 'the arguments', limit, textSize(text))
    }
    const values = decodeValue(text, 'arguments')
    if (!isArray(values)) throw malformed('it is no array')
    return values
  }

  function textSize(text) {
    return utf8Length(toWellFormed(text))
  }

  /** Reads the text form of a value; errors call it `root`, or `root.name`. */
  function decodeValue(text, root, name) {
    reader.root = root
    reader.name = name
    let value
    try {
      value = parse(text)
    } catch {
      throw malformed('it is not JSON')
    }
    return revive(value, 0)
  }

  function revive(value, level) {
    if (typeof value === 'string') {
      if (!isWellFormed(value)) throw malformed('a string has a lone surrogate')
      return value
    }
    if (typeof value === 'number') {
      if (!isFinite(value)) throw malformed('a number is out of range')
      return value
    }
    if (typeof value !== 'object' || value === null) return value
    if (level >= DEPTH_MAX) throw tooDeep(readerRoot())
    if (!isArray(value)) return reviveRecord(value, level)
    for (let i = 0; i < value.length; i++) value[i] = revive(value[i], level + 1)
    return value
  }

  function reviveRecord(record, level) {
    const names = ownKeys(record)
    if (names.length === 1) {
      if (names[0] === '$bytes') return reviveBytes(record.$bytes)
      if (names[0] === '$bigint') return reviveBigint(record.$bigint)
    }
    let escaped = false
    for (let i = 0; i < names.length; i++) {
      const name = names[i]
      if (!isWellFormed(name)) throw malformed('a key has a lone surrogate')
      if (startsWith(name, '$')) {
        if (!startsWith(name, '$$')) {
          const rule = 'one that starts with $ is written with $$'
          throw malformed(`${quoted(name)} is not a key: ${rule}`)
        }
        escaped = true
      }
      // its own property, whatever its name: JSON.parse made it
      record[name] = revive(record[name], level + 1)
    }
    return escaped ? unescapeKeys(record, names) : record
  }

  function unescapeKeys(record, names) {
    const copy = {}
    for (let i = 0; i < names.length; i++) {
      const name = names[i]
      defineProperty(copy, startsWith(name, '$') ? slice(name, 1) : name, {
        value: record[name],
        writable: true,
        enumerable: true,
        configurable: true
      })
    }
    return copy
  }

  function reviveBytes(text) {
    if (typeof text === 'string') {
      chargeBytes((text.length / 4) * 3)
      try {
        const bytes = fromBase64(text, STRICT)
        // it skips white space
        if (text.length === 4 * ceil(typedArrayLength(bytes) / 3)) return bytes
      } catch {}
    }
    throw malformed('$bytes is not followed by base64 with padding')
  }

  function reviveBigint(text) {
    if (typeof text === 'string' && test(DECIMAL, text)) return toBigInt(text)
    throw malformed('$bigint is not followed by a decimal integer')
  }

  function readerRoot() {
    return reader.name === undefined ? reader.root : pathOf(reader.root, reader.name)
  }

  function malformed(why) {
    return ours('VALUE_MALFORMED', `${readerRoot()}: not the text form of a value: ${why}`)
  }
})
