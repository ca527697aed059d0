;(function makeServices(primordials, errors, codec, thrown, calls, { charge, prices }) {
  // `oracle` and `console`: what a contract may ask of its host, and say to it.

  const { freeze, freezeMethods, isWellFormed, rawProxy, refuseCopies, stringify, toText } =
    primordials
  const { cut, ERROR_TEXT_MAX, kindOf, ours, pathOf } = errors
  const { decodeValue, encodeValue, refuseOracle } = codec
  const { describe, isThrownError } = thrown
  const { ask, call, callOver, tell } = calls

  const ORACLE_NAME_MAX = 256
  const LOG_LINES_MAX = 1000

  const nothing = freeze({ __proto__: null })
  /**
   * Any name is an oracle: which ones a host has is not part of the record, so no contract may see it. A host answers
   * for those that it does not have with an error, which is logged like every answer.
   */
  const byName = {
    get(_, name) {
      // not then: whoever awaits `oracle` asks nothing
      charge(prices.named)
      if (typeof name !== 'string' || name === 'then') return undefined
      return freeze((...args) => consult(name, args))
    }
  }

  return { console: makeConsole(), makeOracle }

  /** For one call: a proxy takes private members, whatever its target is, and keeps them for as long as it is there. */
  function makeOracle() {
    const oracle = new rawProxy(nothing, byName)
    refuseOracle(oracle)
    refuseCopies(oracle)
    return oracle
  }

  function consult(name, args) {
    try {
      if (call.over) throw callOver()
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
      charge(prices.oracle)
      return ask(`["oracle",${stringify(name)},${stringify(text)}]`, decodeAnswer)
    } catch (thrown) {
      return tell(thrown)
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
      debug: (...args) => log(args),
      // what libraries say with the others: time stands still, and nothing is counted or indented
      dir: (value) => log([value]),
      table: (value) => log([value]),
      trace: (...args) => log(args),
      group: (...args) => log(args),
      groupCollapsed: (...args) => log(args),
      groupEnd: () => {},
      assert(condition, ...args) {
        if (!condition) log(['Assertion failed', ...args])
      },
      count: (label = 'default') => log([label]),
      countReset: () => {},
      time: () => {},
      timeLog: (label = 'default', ...args) => log([label, ...args]),
      timeEnd: (label = 'default') => log([label])
    })
  }

  function log(args) {
    if (call.over || ++call.lines > LOG_LINES_MAX) return
    let line = ''
    for (let i = 0; i < args.length && line.length <= ERROR_TEXT_MAX; i++) {
      line += i === 0 ? display(args[i]) : ` ${display(args[i])}`
    }
    const text = stringify(cut(line))
    charge(prices.operation + text.length * prices.byte)
    call.logs += call.logs === '' ? text : `,${text}`
  }

  function display(value) {
    if (typeof value === 'string') return cut(value)
    if (isThrownError(value)) {
      const { name, message } = describe(value)
      charge(prices.shown + message.length)
      return `${name}: ${message}`
    }
    try {
      return encodeValue(value, 'value', ERROR_TEXT_MAX, 'RESULT_TOO_LARGE')
    } catch {
      charge(prices.shown)
      return typeof value === 'symbol' || value === undefined ? toText(value) : `[${kindOf(value)}]`
    }
  }
})
