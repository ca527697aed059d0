;(function makeCall(primordials, errors, { charge, prices }) {
  // The call that is executed: its limits, what it has asked of the engine, written and said, and how it ended. One
  // object for all calls, so that whoever holds it needs no closure of its own for each.

  const { freeze, parse, rejectPromise, resolvePromise, stringify, withResolvers } = primordials
  const { makeError, ours, tooLarge, utf8Length } = errors

  const call = {
    limits: null,
    /** No call is executed: nothing that is asked has an effect. */
    over: true,
    /** Oracles may be asked. */
    consulting: false,
    /** `module.exports`, once the body has run. */
    exports: null,
    settled: false,
    result: undefined,
    /** Name, message and code of what was thrown, or null. */
    error: null,
    logs: '',
    lines: 0
  }
  /** Changes so far, as the contract is told of them. */
  let writes = 0
  /** What is written so far, at most; exactly but for the texts that are not measured yet. Bytes. */
  let written = 0
  /**
   * Operations in their order, `{ path, text, data, entry }`. Of a write, `text` is `"/path",encoding,data]`, and `data`
   * what is not measured yet, or null. Anything else has no path; its text is the operation as the engine takes it, and
   * its entry that of who waits. Null as long as there is none: an array that grows is slow without a compiler.
   */
  let ops = null
  /** How many of them the engine has been told. */
  let told = 0
  /** Those who wait for an answer, and who waits behind them. */
  let waiting = []
  let answered = 0

  return freeze({
    answer,
    ask,
    call,
    callOver,
    changes,
    checkWrites,
    countRemoved,
    countWrite,
    countChanges,
    isWaiting,
    start,
    tell,
    unsent,
    write,
    writesLeft
  })

  function start(limits, consulting) {
    call.limits = limits
    call.over = false
    call.consulting = consulting
    call.exports = null
    call.settled = false
    call.result = undefined
    call.error = null
    call.logs = ''
    call.lines = 0
    writes = 0
    written = 0
    answered = 0
    told = 0
    ops = null
    if (waiting.length > 0) waiting = []
  }

  // ---- operations

  /** An operation that the engine answers. `convert(payload, entry)` gives what its promise resolves to. */
  function ask(op, convert, refuse = makeError) {
    if (call.over) return rejectPromise(callOver())
    charge(prices.operation + prices.answer + op.length * prices.byte)
    const entry = withResolvers()
    entry.convert = convert
    entry.refuse = refuse
    /** What an answer says is gone: `[path, whether it was there before the call]` each. */
    entry.removed = null
    add({ path: null, text: op, data: null, entry })
    waiting[waiting.length] = entry
    return entry.promise
  }

  /** The promise of an operation that needs no answer; it keeps its place in the queue. */
  function tell(error = null) {
    if (call.over) return rejectPromise(callOver())
    if (error !== null) charge(prices.answer)
    if (answered === waiting.length) {
      return error === null ? resolvePromise(undefined) : rejectPromise(error)
    }
    const entry = withResolvers()
    entry.convert = null
    entry.error = error
    waiting[waiting.length] = entry
    return entry.promise
  }

  function add(op) {
    if (ops === null) ops = [op]
    else ops[ops.length] = op
  }

  function callOver() {
    return ours('CALL_OVER', 'the call is over: await what it does')
  }

  function isWaiting() {
    return answered < waiting.length
  }

  /** The operations that the engine has not been told yet, as a list for it. */
  function unsent() {
    let list = ''
    for (; told < ops.length; told++) {
      const { path, text } = ops[told]
      const op = path === null ? text : `["writeFile",${text}`
      list += list === '' ? op : `,${op}`
    }
    return `[${list}]`
  }

  /** Answers the oldest operation that waits, and with it those behind it that need no answer. */
  function answer(text) {
    const { 0: ok, 1: payload } = parse(text)
    const entry = waiting[answered++]
    try {
      charge(text.length * prices.byte)
      if (ok) entry.resolve(entry.convert(payload, entry))
      else entry.reject(entry.refuse(payload))
    } catch (thrown) {
      entry.reject(thrown)
    }
    while (answered < waiting.length && waiting[answered].convert === null) {
      const { resolve, reject, error } = waiting[answered++]
      if (error === null) resolve()
      else reject(error)
    }
    if (answered === waiting.length) {
      waiting = []
      answered = 0
    }
  }

  // ---- what is written

  /** Counts changes, at most as many as there are left. */
  function countChanges(count) {
    if (writes + count > call.limits.writes) throw tooManyWrites(writes + count)
    writes += count
  }

  /** Counts what has been deleted already: more than was left where operations asked meanwhile count too. */
  function countRemoved(count) {
    writes += count
    checkWrites()
  }

  /** Throws where there are more changes than a call may make. */
  function checkWrites() {
    if (writes > call.limits.writes) throw tooManyWrites(writes)
  }

  function writesLeft() {
    return call.limits.writes - writes
  }

  function tooManyWrites(count) {
    return ours(
      'WRITES_TOO_MANY',
      `a call may write or delete ${call.limits.writes} files, and this makes it ${count}; spread it over calls`
    )
  }

  /**
   * Counts a write of a file: of a text, or of `size` bytes. Texts are measured only where they could be too long: no
   * code unit is more than three bytes. Returns whether it was counted exactly.
   */
  function countWrite(path, data, size) {
    const { file, written: limit } = call.limits
    let isExact = data === null
    let bytes = isExact ? size : data.length * 3
    if (bytes > file) {
      if (!isExact) bytes = utf8Length(data)
      isExact = true
      if (bytes > file) throw tooLarge('FILE_TOO_LARGE', `the file ${path}`, file, bytes)
    }
    if (written + bytes > limit) {
      measure()
      if (!isExact) bytes = utf8Length(data)
      isExact = true
      if (written + bytes > limit) {
        throw tooLarge('WRITTEN_TOO_MUCH', 'what the call writes', limit, written + bytes)
      }
    }
    countChanges(1)
    written += bytes
    return isExact
  }

  /** Takes note of a write that is counted and paid for; `data` is the text where it is not counted exactly, or null. */
  function write(path, text, data) {
    if (!call.over) add({ path, text, data, entry: null })
  }

  function measure() {
    for (let i = 0; ops !== null && i < ops.length; i++) {
      const op = ops[i]
      if (op.data === null) continue
      written += utf8Length(op.data) - op.data.length * 3
      op.data = null
    }
  }

  /** The files as the call leaves them: `{ path, text }`, in no order, once a path. */
  function changes() {
    if (ops === null) return []
    if (ops.length === 1 && ops[0].path !== null) return ops
    const last = { __proto__: null }
    for (let i = 0; i < ops.length; i++) {
      const { path, text, entry } = ops[i]
      if (path !== null) last[path] = text
      else if (entry.removed !== null) remove(entry.removed, last)
    }
    const list = []
    for (const path in last) {
      const text = last[path]
      if (text !== undefined) list[list.length] = { path, text }
    }
    return list
  }

  /** A file that the call itself created leaves no trace. */
  function remove(removed, last) {
    for (let i = 0; i < removed.length; i++) {
      const { 0: path, 1: wasThere } = removed[i]
      last[path] = wasThere ? `${stringify(path)},null,null]` : undefined
    }
  }
})
