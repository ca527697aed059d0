;(function makeThrown(primordials, errors, { encodeValue }, { insteadOf }) {
  // What was thrown, as far as the log records it.

  const {
    charCodeAt,
    errorPrototype,
    exec,
    isError,
    isPrototypeOf,
    slice,
    split,
    startsWith,
    test
  } = primordials
  const { cut, ERROR_TEXT_MAX, isObject, paidText } = errors

  /** What V8 says of a name that there is not, behind it. */
  const UNDEFINED = ' is not defined'
  /** What V8 says of what has no name, and what the names of the meter begin with. */
  const NAMELESS = '(intermediate value)'
  const OURS = '$mivm'
  /** What the meter makes of `new X`, of `await x` and `yield x`, and of a value that it looks at, as V8 prints them. */
  const MADE = [
    `((${NAMELESS}++) , ${NAMELESS})`,
    `(${NAMELESS} , (((${NAMELESS} | ${NAMELESS}) >> 31) && ${NAMELESS}) , ${NAMELESS})`,
    `(${NAMELESS} , ${NAMELESS})`
  ]
  /** What V8 says before and behind the code of a function, of which it says so many characters at most. */
  const AROUND_CODE = [
    ['Class extends value ', ' is not a constructor or null'],
    ['', ' is not a constructor'],
    ['', ' is not extensible'],
    [" of function '", "'"],
    ["' of ", ''],
    [' called on incompatible receiver ', ''],
    ['Invalid hint: ', ''],
    ["' of object '", "' is not a function"]
  ]
  const CODE_MAX = 128
  /** A class, a function or method, and what is so far to its end that V8 leaves it out; an arrow function of the realm. */
  const CODE = /(?:^class\b|\)\s*\{|\.\.\.<omitted>\.\.\.).*\}$|^[^\s{]*=>/s
  const NATIVE = /\{ \[native code\] \}$/
  /** The name where code says it, which is none of a variable: those that contracts get are methods. */
  const NAME =
    /^(?:async\b\s*)?(?:function\b\s*\*?|class\b|[gs]et\s|\*)?\s*(?!extends\b)([^\s(){}[\]=>,*/'"`]*)\s*[({\s]/

  return { describe, isThrownError }

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
      if (error.name === 'ReferenceError') error.message = explained(error.message)
      else if (error.name === 'TypeError') error.message = withoutOurs(withoutCode(error.message))
      // what a call that went too far ends with is nobody's to throw
      const isForged = error.code === 'OUT_OF_FUEL' || error.code === 'CALL_DEPTH'
      if (isForged && error.name === 'MivmError') error.name = 'Error'
      return error
    } catch {
      return { name: 'Error', message: 'the thrown value could not be read', code: null }
    }
  }

  function explained(message) {
    const name = slice(message, 0, -UNDEFINED.length)
    const instead = `${name}${UNDEFINED}` === message ? insteadOf(name) : undefined
    return instead === undefined ? message : `${message} in this VM: ${instead}`
  }

  /** A message in which V8 says the code of a function, which is what the meter has made of it, or the realm's. */
  function withoutCode(message) {
    for (let i = 0; i < AROUND_CODE.length; i++) {
      const { 0: before, 1: behind } = AROUND_CODE[i]
      const start = before === '' ? 0 : split(message, before)[0].length + before.length
      const end = message.length - behind.length
      if (end <= start || end - start > CODE_MAX || slice(message, end) !== behind) continue
      const code = slice(message, start, end)
      if (!test(CODE, code) || test(NATIVE, code)) continue
      const name = exec(NAME, code)?.[1] ?? ''
      return `${slice(message, 0, start)}function ${name}() { [native code] }${behind}`
    }
    return message
  }

  /** A message in which V8 calls something by a name of the meter's. */
  function withoutOurs(message) {
    const parts = split(message, OURS)
    let text = parts[0]
    for (let i = 1; i < parts.length; i++) {
      let end = 0
      while (isOfName(charCodeAt(parts[i], end))) end++
      const rest = slice(parts[i], end)
      text += NAMELESS + (startsWith(rest, '(...)') ? slice(rest, 5) : rest)
    }
    text = replaced(text, `${NAMELESS}${NAMELESS}${NAMELESS}`)
    for (let i = 0; i < MADE.length; i++) text = replaced(text, MADE[i])
    return cut(text)
  }

  function replaced(text, part) {
    const parts = split(text, part)
    let result = parts[0]
    for (let i = 1; i < parts.length; i++) result += NAMELESS + parts[i]
    return result
  }

  function isOfName(code) {
    return (
      (code >= 97 && code <= 122) ||
      (code >= 65 && code <= 90) ||
      (code >= 48 && code <= 57) ||
      code === 95
    )
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
})
