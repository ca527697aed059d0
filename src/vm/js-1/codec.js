;(function codec(primordials, errors, { charge, prices }) {
  // Values and their text form (protocol/values.ts is the same codec outside of the realm). What is encoded is read
  // by its descriptors; accessors and proxies are refused, so that no code of the contract runs.

  const {
    arrayPrototype,
    bytesPrototype,
    ceil,
    chargeBytes,
    defineProperty,
    fromBase64,
    getOwnPropertyDescriptor,
    getPrototypeOf,
    isArray,
    isFinite,
    isProxy,
    isSafeInteger,
    isWellFormed,
    objectPrototype,
    ownKeys,
    parse,
    slice,
    startsWith,
    stringify,
    test,
    toBase64,
    toBigInt,
    toNumber,
    toText,
    toWellFormed,
    typedArrayLength,
    typedArrayTag
  } = primordials
  const { cut, kindOf, ours, paidText, pathOf, quoted, tooLarge, unsupported, utf8Length } = errors

  const DEPTH_MAX = 128
  const STRICT = { lastChunkHandling: 'strict' }
  const DECIMAL = /^(?:0|-?[1-9]\d*)$/

  /** The value being encoded; `keys` lead to it, and `parents` contain it, from the outside in. */
  let writer = null
  let depth = 0
  const keys = []
  const parents = []
  /** What the value being decoded is called. */
  const reader = { root: '', name: undefined }
  /** The proxy that the call was given, and that is therefore unknown to `isProxy`. */
  let oracle = null

  return { decodeArgs, decodeValue, encodeValue, refuseOracle }

  function refuseOracle(proxy) {
    oracle = proxy
  }

  /** The text form of a value of at most `limit` bytes; errors call it `root`, or `root.name`. */
  function encodeValue(value, root, limit, code, name) {
    if (isSafeInteger(value)) {
      const text = encodeNumber(value)
      charge(1 + text.length * prices.encoded)
      return text
    }
    writer = { text: '', root, name, limit, code }
    depth = 0
    try {
      write(value)
    } finally {
      // where it is no value, what it is in would be kept
      parents.length = 0
      // also where it is no value: a contract may try again and again
      charge(1 + writer.text.length * prices.encoded)
    }
    const { text } = writer
    if (text.length * 3 > limit) {
      const size = utf8Length(text)
      if (size > limit) throw tooLarge(code, rootText(), limit, size)
    }
    return text
  }

  /** The text form of a finite number. */
  function encodeNumber(value) {
    return value === 0 && 1 / value < 0 ? '-0' : `${value}`
  }

  function write(value) {
    switch (typeof value) {
      case 'string':
        return writeText(value, '')
      case 'number':
        if (!isFinite(value)) throw refuse(`${value}`)
        return put(encodeNumber(value))
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
    charge(length * prices.item)
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
    charge(names.length * prices.item)
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

  /** The arguments of a call: an array whose text form has at most `limit` bytes. */
  function decodeArgs(text, limit) {
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
    for (let i = 0; i < value.length; i++) {
      const item = value[i]
      const revived = revive(item, level + 1)
      if (revived !== item) value[i] = revived
    }
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
