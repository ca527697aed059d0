;(function errors(primordials) {
  // Errors for a contract to catch, and the words in which they name things, without running any code of the
  // contract.

  const {
    charCodeAt,
    defineProperty,
    encodeURIComponent,
    Error,
    getOwnPropertyDescriptor,
    getPrototypeOf,
    isProxy,
    objectPrototype,
    operators,
    slice,
    stringify,
    test,
    toText,
    toWellFormed,
    unescape
  } = primordials

  const ERROR_TEXT_MAX = 4096
  const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u
  const VOWEL = /^(?:[AEIO]|U(?!int|RI))/
  /** Text that is as long as it looks. */
  const PLAIN_TEXT = /^[ -~\n\r\t]{0,1000}$/

  return {
    ERROR_TEXT_MAX,
    cut,
    fsError,
    invalid,
    isObject,
    kindOf,
    makeError,
    ours,
    paidText,
    pathOf,
    quoted,
    tooLarge,
    unsupported,
    utf8Length
  }

  function makeError({ name, code, message }) {
    const error = new Error(message)
    if (name !== undefined && name !== 'Error') {
      defineProperty(error, 'name', { value: name, writable: true, configurable: true })
    }
    if (code !== null) error.code = code
    return error
  }

  function fsError(code, text) {
    return makeError({ code, message: `${code}: ${text}` })
  }

  function invalid(message) {
    const error = new Error(message)
    error.code = 'EINVAL'
    return error
  }

  function ours(code, message) {
    return makeError({ name: 'MivmError', code, message })
  }

  function tooLarge(code, what, limit, size) {
    return ours(code, `${what}: ${size} bytes, over the limit of ${limit}; make it smaller`)
  }

  function unsupported(path, what) {
    return ours(
      'VALUE_UNSUPPORTED',
      `${path}: ${what} is not a value; use JSON values, Uint8Array or bigint`
    )
  }

  function pathOf(path, key) {
    if (typeof key === 'number') return `${path}[${key}]`
    return test(IDENTIFIER, key) ? `${path}.${key}` : `${path}[${stringify(key)}]`
  }

  function quoted(text) {
    return stringify(cut(text))
  }

  /** At most ERROR_TEXT_MAX code units, well-formed. */
  function cut(text) {
    if (text.length <= ERROR_TEXT_MAX) return toWellFormed(text)
    const unit = charCodeAt(text, ERROR_TEXT_MAX - 1)
    const splitsPair = unit >= 0xd800 && unit <= 0xdbff
    return toWellFormed(slice(text, 0, splitsPair ? ERROR_TEXT_MAX - 1 : ERROR_TEXT_MAX))
  }

  /** String(value); a big integer is paid for, since nobody else does. */
  function paidText(value) {
    return typeof value === 'bigint' ? operators.part(value) : toText(value)
  }

  function isObject(value) {
    return (typeof value === 'object' && value !== null) || typeof value === 'function'
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
})
