;(function makeThrown(primordials, errors, { encodeValue }, { insteadOf }) {
  // What was thrown, as far as the log records it.

  const { errorPrototype, isError, isPrototypeOf, slice } = primordials
  const { cut, ERROR_TEXT_MAX, isObject, paidText } = errors

  /** What V8 says of a name that there is not, behind it. */
  const UNDEFINED = ' is not defined'

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
