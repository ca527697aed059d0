;(function builtins(given) {
  // The builtins of the realm whose work grows with what they are given: each pays for it before it does it, and
  // meets a limit of ours before one of the machine's. Arguments are coerced first, once and in the order of
  // ECMA-262, then measured, then handed on as the primitives that were measured. `parts` are the functions of
  // builtins/*.js; what no part replaces is listed as constant in test/vectors/builtins.json.
  //
  // Depth is counted wherever a builtin calls what a contract gave it, so that builtins that call each other
  // without a line of the contract between them end at a limit of ours and not at the end of the stack.

  const { charge, fuel, note, ascend, descend, rethrow, weigh, exec, parts, prices, limits } = given
  const { apply, construct, defineProperty, getPrototypeOf, ownKeys } = Reflect
  const { getOwnPropertyDescriptor, hasOwn } = Object
  const { getOwnPropertyNames: namesOf, getOwnPropertySymbols: symbolsOf } = Object
  const { isArray } = Array
  const { isView } = ArrayBuffer
  const { trunc } = Math
  const RawError = RangeError
  const RawProxy = Proxy
  const uncurry = Function.prototype.bind.bind(Function.prototype.call)
  const RawString = String
  const RawWeakSet = WeakSet
  const noteTable = uncurry(WeakSet.prototype.add)
  const isNoted = uncurry(WeakSet.prototype.has)
  const { iterator: ITERATOR, toPrimitive: TO_PRIMITIVE } = Symbol
  const tagOf = uncurry(
    getOwnPropertyDescriptor(getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get
  )
  const lengthOfTyped = uncurry(
    getOwnPropertyDescriptor(getPrototypeOf(Uint8Array.prototype), 'length').get
  )
  const textOf = uncurry(String.prototype.valueOf)
  const LENGTH_MAX = 2 ** 53 - 1
  /** Levels that are not looked at: hardly a contract has more. */
  const DEEP = 16
  const CALL = prices.spent
  const CONSTRUCT = { construct: () => ({}) }

  let allocated = 0
  let passed = 0
  /** Also used without a call where that would be felt: by what enters, and by what asks for proxies or long hashes. */
  const state = { depth: 0, proxies: false, crowded: false, tables: false }
  /** Arrays that V8 may keep as a table, of which no part can be moved as a block. */
  let tables = new RawWeakSet()

  const kit = {
    state,
    apply,
    construct,
    defineRaw: defineProperty,
    describeRaw: getOwnPropertyDescriptor,
    hasOwnRaw: hasOwn,
    uncurry,
    charge,
    fuel,
    note,
    ascend,
    descend,
    rethrow,
    weigh,
    /** V8's own, for patterns of ours. */
    exec: uncurry(exec),
    prices,
    limits,
    spend,
    room,
    textRoom,
    enter,
    leave,
    DEEP,
    deepen,
    push,
    pop,
    refuse,
    isObject,
    isPlain,
    isBlock,
    noteArray,
    isConstructor,
    toText,
    toNumber,
    primitiveOf,
    chargeLeft,
    toCount,
    element,
    heir,
    stored,
    numbersIn,
    placesIn,
    toPrimitive,
    toInteger,
    toLength,
    lengthOf,
    sizeOf,
    listOf,
    metered,
    meteredIterator,
    replace,
    wrapConstructor,
    tagOf,
    lengthOfTyped
  }
  for (let i = 0; i < parts.length; i++) Object.assign(kit, parts[i](kit))

  return Object.freeze({
    ...kit,
    startBuiltins() {
      kit.startProxies()
      kit.startBytes()
      kit.startPromises()
      kit.startCollections()
      kit.startHashes()
      allocated = 0
      state.depth = 0
      passed = 0
      if (!state.tables) return
      state.tables = false
      tables = new RawWeakSet()
    }
  })

  /** Charges a call and `count` items. */
  function spend(count, price) {
    const product = count * price
    const units = product < 1 ? CALL : CALL + ((product | 0) === product ? product : trunc(product))
    if (units >>> 0 === units) fuel.take(units)
    else charge(units)
  }

  /** Takes `bytes` from the budget of the call. */
  function room(bytes) {
    if (allocated + bytes > limits.allocation) {
      throw refuse(
        'ALLOCATION_LIMIT',
        `what builtins make in one call may have ${limits.allocation} bytes in all, and this would make it ${allocated + bytes}: make less, or over several calls`
      )
    }
    allocated += bytes
  }

  /** For a string of this many characters that is about to be made. */
  function textRoom(length) {
    if (length > limits.text) {
      throw refuse(
        'ALLOCATION_LIMIT',
        `a string may have ${limits.text} characters, and this one would have ${length}: keep it in pieces`
      )
    }
    room(length)
    spend(length, prices.copy)
  }

  /** Around whatever calls something that a contract gave; `leave` belongs into a finally. */
  function enter() {
    if (state.depth >= DEEP) deepen()
    state.depth++
  }

  /** Before a level that is far inside: builtins that call each other for nothing pay by themselves for nothing. */
  function deepen() {
    if (state.depth >= limits.nesting) {
      throw refuse(
        'NESTING_LIMIT',
        `builtins may call each other ${limits.nesting} levels deep: nest less`
      )
    }
    charge(prices.deep)
  }

  function leave() {
    state.depth--
  }

  /** For a call with this many arguments from an array; `pop` belongs into a finally. */
  function push(count) {
    if (passed + count > limits.arguments) {
      throw refuse(
        'ARGUMENTS_LIMIT',
        `calls may have ${limits.arguments} arguments from arrays at a time, and this would make it ${passed + count}: pass the array`
      )
    }
    spend(count, prices.argument)
    passed += count
  }

  function pop(count) {
    passed -= count
  }

  function refuse(code, message) {
    const error = new RawError(message)
    defineProperty(error, 'code', {
      value: code,
      writable: true,
      enumerable: true,
      configurable: true
    })
    return error
  }

  function isObject(value) {
    return typeof value === 'object' ? value !== null : typeof value === 'function'
  }

  /** An array whose length can be read without running anything. */
  function isPlain(value) {
    return isArray(value) && !(state.proxies && kit.isProxy(value))
  }

  /** One of which parts can be moved at once: no element has a getter, all may be changed, and so may the length. */
  function isBlock(value) {
    return isPlain(value) && !(state.tables && isNoted(tables, value))
  }

  /** Something is about to be defined on what may be an array, or it is closed. */
  function noteArray(value) {
    if (!isArray(value)) return
    if (isPlain(value) && !(state.tables && isNoted(tables, value))) {
      spend(value.length, prices.arrayTable)
    }
    state.tables = true
    noteTable(tables, value)
  }

  function isConstructor(value) {
    if (typeof value !== 'function') return false
    try {
      // a proxy constructs only where its target does, and this trap keeps the target from being run
      new new RawProxy(value, CONSTRUCT)()
      return true
    } catch {
      return false
    }
  }

  // ---- coercions; what is no object needs no depth

  /** ToString. What an object comes to is paid for like anything else: it may be a big integer. */
  function toText(value) {
    if (typeof value === 'string') return value
    if (isObject(value)) return toText(primitiveOf(value, 'string'))
    if (typeof value === 'bigint') kit.chargeDigits(kit.wordsOf(value))
    return `${value}`
  }

  /** ToNumber; the same. */
  function toNumber(value) {
    if (typeof value === 'number') return value
    if (typeof value === 'string') spend(value.length, prices.parseNumber)
    return isObject(value) ? toNumber(primitiveOf(value, 'number')) : +value
  }

  /** ToPrimitive of an object, a level deeper. */
  function primitiveOf(object, hint) {
    charge(prices.object)
    enter()
    try {
      return toPrimitive(object, hint)
    } finally {
      leave()
    }
  }

  /**
   * For a value that is about to be a property, which V8 makes a number where that is an element of a typed array: pays for it.
   * An object comes to its number here, everything else stays what it is. A key that is not given is a number; of null
   * nobody knows, so that an object pays for whatever it may come to. What is made a prototype by being assigned pays for its own.
   */
  function element(target, value, key = 0) {
    if (typeof value === 'number') return value
    if (key === 'prototype') return heir(value)
    if (!isView(target))
      return key === null || key === 'length' ? lengthRefused(target, value) : value
    const tag = tagOf(target)
    if (tag === undefined || (key !== null && !isNumeric(key))) return value
    const isBig = tag === 'BigInt64Array' || tag === 'BigUint64Array'
    if (isObject(value) && key !== null) return isBig ? kit.toBig(value) : toNumber(value)
    if (isBig && typeof value === 'string') kit.toBig(value)
    else chargeNumber(value)
    return value
  }

  /** For what a function may give to all that it makes, or an object to what inherits from it. */
  function heir(value) {
    if (isObject(value)) kit.chain(value)
    return value
  }

  /** For a field, which no array lets its length be: V8 makes a number of it before it says so. */
  function lengthRefused(target, value) {
    if (isPlain(target)) chargeNumber(value)
    return value
  }

  /** Before V8 makes a number of a value, where that may be any number of things. */
  function chargeNumber(value) {
    if (isObject(value)) charge(limits.text * prices.parseNumber)
    else if (typeof value === 'string') spend(value.length, prices.parseNumber)
  }

  /** A value that is about to be a property by a builtin: see {@link element}; of an array it may be the length. */
  function stored(target, value, key) {
    return key === 'length' ? lengthGiven(target, value) : element(target, value, key)
  }

  /**
   * For a value that is about to be the length of what may be an array: of an array's it makes a number, and pays for the
   * elements that there will be room for, or that are left.
   */
  function lengthGiven(target, value) {
    if (!isPlain(target)) return value
    const length = toCount(value)
    const added = length - target.length
    if (added > 0 && length < 2 ** 32) {
      room(added * 8)
      spend(added, prices.arrayNew)
    } else if (added < 0) chargeLeft(target, length)
    return length
  }

  /** What a length comes to, for which ECMA-262 converts it twice: where the two are not the same, it is none. */
  function toCount(value) {
    const count = toNumber(value)
    return !isObject(value) || count >>> 0 === toNumber(value) ? count : -1
  }

  /**
   * For a shorter length: V8 goes through all that are left where they are a table, and through those that go where one of
   * them may have to stay, each time that it is tried.
   */
  function chargeLeft(array, length) {
    if (!isBlock(array)) spend(array.length, prices.arrayTable)
    else if (length > 64 && length < 2 ** 32) spend(length, prices.arrayLeft)
  }

  /** CanonicalNumericIndexString: what is longer is none. */
  function isNumeric(key) {
    if (typeof key !== 'string') return typeof key === 'number'
    return key.length < 32 && (key === '-0' || `${+key}` === key)
  }

  /** A list of ours, in place: what V8 takes numbers for, from `from` on. */
  function numbersIn(list, from = 0) {
    for (let i = from; i < list.length; i++) {
      if (typeof list[i] !== 'number') list[i] = toNumber(list[i])
    }
    return list
  }

  /** The same, but for what is not given. */
  function placesIn(list, from = 0, to = list.length) {
    for (let i = from; i < list.length && i < to; i++) {
      if (typeof list[i] !== 'number' && list[i] !== undefined) list[i] = toNumber(list[i])
    }
    return list
  }

  /** ToIntegerOrInfinity; undefined is 0. */
  function toInteger(value) {
    const number = value === undefined ? 0 : trunc(toNumber(value))
    return number === number ? number + 0 : 0
  }

  /** ToPrimitive of an object; the hint is `number`, `string` or `default`. */
  function toPrimitive(object, hint) {
    const exotic = object[TO_PRIMITIVE]
    if (exotic !== undefined && exotic !== null) {
      if (typeof exotic !== 'function') throw new TypeError(`${typeof exotic} is not a function`)
      const primitive = apply(exotic, object, [hint])
      if (!isObject(primitive)) return primitive
    } else {
      for (let i = 0; i < 2; i++) {
        const method = (i === 0) === (hint === 'string') ? object.toString : object.valueOf
        const primitive = typeof method === 'function' ? apply(method, object, []) : object
        if (!isObject(primitive)) return primitive
      }
    }
    throw new TypeError('Cannot convert object to primitive value')
  }

  function toLength(value) {
    const length = toInteger(value)
    return length <= 0 ? 0 : length < LENGTH_MAX ? length : LENGTH_MAX
  }

  /** LengthOfArrayLike. */
  function lengthOf(object) {
    if (isPlain(object)) return object.length
    enter()
    try {
      return toLength(object.length)
    } finally {
      leave()
    }
  }

  /** How many properties something has: its own keys are counted, which are already there. */
  function sizeOf(value) {
    if (typeof value === 'string') return value.length
    if (typeof value === 'object' ? value === null : typeof value !== 'function') return 0
    if (state.proxies && kit.isProxy(value)) return 0 // its trap pays
    // an array has a length of its own, and so has a text
    if (typeof value === 'object' && hasOwn(value, 'length')) {
      if (isArray(value)) return sizeOfList(value, value.length)
      const length = textLength(value)
      if (length !== undefined) return length
    }
    if (isView(value) && tagOf(value) !== undefined) return sizeOfList(value, lengthOfTyped(value))
    // as many as Reflect.ownKeys says, in a quarter of its time
    return namesOf(value).length + symbolsOf(value).length
  }

  /** Elements may be holes, and there may be properties beside them; V8 makes a text of every index. */
  function sizeOfList(list, length) {
    if (length > 32) {
      room(length * 32)
      charge(length)
    }
    const { length: count } = ownKeys(list)
    return count > length ? count : length
  }

  /** Of a String object; undefined for anything else. */
  function textLength(value) {
    const property = getOwnPropertyDescriptor(value, 'length')
    if (property === undefined || property.configurable || property.writable) return undefined
    try {
      return textOf(value).length
    } catch {
      return undefined
    }
  }

  /** CreateListFromArrayLike, without a type to check. */
  function listOf(object) {
    if (!isObject(object)) throw new TypeError('CreateListFromArrayLike called on non-object')
    const length = lengthOf(object)
    spend(length, isPlain(object) ? prices.argument : prices.arrayLike)
    const list = []
    room(length * 8)
    enter()
    try {
      for (let i = 0; i < length; i++) list[i] = object[i]
    } finally {
      leave()
    }
    return list
  }

  // ---- iterables whose every step is paid for: a builtin may well iterate without end

  function metered(iterable, price, bytes = 0, growth = 0) {
    return {
      [ITERATOR]() {
        const method = iterable[ITERATOR]
        if (typeof method !== 'function') throw new TypeError(`${typeof iterable} is not iterable`)
        const iterator = apply(method, iterable, [])
        if (!isObject(iterator)) {
          throw new TypeError('Result of the Symbol.iterator method is not an object')
        }
        return meteredIterator(iterator, price, bytes, growth)
      }
    }
  }

  /** Stands for an iterator, with its `next` and `return` as the builtin asks for them. */
  function meteredIterator(iterator, price, bytes = 0, growth = 0) {
    return {
      get next() {
        return callable(iterator.next, iterator, price, bytes, growth)
      },
      get return() {
        return callable(iterator.return, iterator, price, 0, 0)
      }
    }
  }

  function callable(method, receiver, price, bytes, growth) {
    if (typeof method !== 'function') return method
    let before = 0
    return (...args) => {
      charge(price + growth * before++)
      if (bytes > 0) room(bytes)
      enter()
      try {
        return apply(method, receiver, args)
      } finally {
        leave()
      }
    }
  }

  // ---- how a builtin is replaced

  /** Puts methods of a literal, which are no constructors, in the place of others, and keeps what they look like. */
  function replace(object, methods) {
    const keys = ownKeys(methods)
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]
      const old = getOwnPropertyDescriptor(object, key)
      if (old === undefined) throw new Error(`there is no ${RawString(key)} to replace`)
      const { value, get } = getOwnPropertyDescriptor(methods, key)
      dress(get ?? value, old.get ?? old.value)
      const what = get === undefined ? { value } : { get }
      if (!defineProperty(object, key, what)) throw new Error(`${RawString(key)} stays`)
    }
  }

  function dress(method, original) {
    for (const key of ['name', 'length']) {
      const { value } = getOwnPropertyDescriptor(original, key)
      // V8 keeps a table for each function of which one was defined
      if (getOwnPropertyDescriptor(method, key).value !== value) {
        defineProperty(method, key, { value })
      }
    }
  }

  /** Gives a function the place of a constructor, its statics included. */
  function wrapConstructor(holder, Raw, Wrapped) {
    dress(Wrapped, Raw)
    Object.setPrototypeOf(Wrapped, getPrototypeOf(Raw))
    const { prototype } = Raw
    defineProperty(Wrapped, 'prototype', { value: prototype, writable: false })
    for (const key of ownKeys(Raw)) {
      if (!hasOwn(Wrapped, key)) defineProperty(Wrapped, key, getOwnPropertyDescriptor(Raw, key))
    }
    defineProperty(prototype, 'constructor', { value: Wrapped })
    defineProperty(holder, Raw.name, { value: Wrapped })
    return Wrapped
  }
})
