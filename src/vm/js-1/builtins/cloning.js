;(function cloning(kit) {
  // What is no part of ECMAScript and yet in every place that runs it: queueMicrotask and structuredClone, by the HTML
  // standard (https://html.spec.whatwg.org/#safe-passing-of-structured-data). What an object holds besides its
  // properties (the entries of a map, a time) is looked for where one of its prototypes says that it may be there.

  const { apply, charge, defineRaw, describeRaw, enter, hasOwnRaw, isObject, isProxy, leave } = kit
  const { bufferOf, lengthOfTyped, offsetOf, prices, rawArrays, room, stored } = kit
  const { tagOf, toText, uncurry, waitFor } = kit
  const { getPrototypeOf } = Reflect
  const { isArray } = Array
  const { isError } = Error
  const { keys: keysOf } = Object
  const toObject = Object
  const Bytes = Uint8Array
  const Buffer = ArrayBuffer
  const View = DataView
  const RawDate = Date
  const RawMap = Map
  const RawSet = Set
  const RawPattern = RegExp
  const RawError = Error
  const RawTypeError = TypeError
  const method = ({ prototype }, name) => uncurry(prototype[name])
  const getter = (object, key) => uncurry(describeRaw(object, key).get)
  const lookUp = method(Map, 'get')
  const note = method(Map, 'set')
  const addTo = method(Set, 'add')
  const eachEntry = method(Map, 'forEach')
  const eachItem = method(Set, 'forEach')
  const timeOf = method(Date, 'getTime')
  const sourceOf = getter(RegExp.prototype, 'source')
  const bufferOfView = getter(View.prototype, 'buffer')
  const offsetOfView = getter(View.prototype, 'byteOffset')
  const sizeOfView = getter(View.prototype, 'byteLength')
  const sizeOfBuffer = getter(ArrayBuffer.prototype, 'byteLength')
  const copyBytes = method(Bytes, 'set')
  const flags = [
    ...['hasIndices', 'global', 'ignoreCase', 'multiline', 'dotAll'],
    ...['unicode', 'unicodeSets', 'sticky']
  ].map((name, i) => ({ letter: 'dgimsuvy'[i], isSet: getter(RegExp.prototype, name) }))
  const errors = {
    __proto__: null,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError
  }
  const thrower = describeRaw(
    (function () {
      // biome-ignore lint/complexity/noArguments: what is asked for is of it
      return arguments
    })(),
    'callee'
  ).get
  const settled = Promise.resolve()
  /** By prototype: a function that gives the copy of something, or throws a TypeError where it is not of that kind. */
  const makers = new RawMap([
    [Date.prototype, (date) => new RawDate(timeOf(date))],
    [RegExp.prototype, copyOfPattern],
    [Map.prototype, copyOfMap],
    [Set.prototype, copyOfSet],
    [ArrayBuffer.prototype, copyOfBuffer],
    [DataView.prototype, copyOfView]
  ])
  for (const { prototype } of [Boolean, Number, String, BigInt]) {
    const valueOf = uncurry(prototype.valueOf)
    note(makers, prototype, (object) => toObject(valueOf(object)))
  }
  /** By prototype: what is never copied. */
  const refused = new RawMap([
    [globalThis, 'the global object'],
    [Symbol.prototype, 'a symbol'],
    [Promise.prototype, 'a promise'],
    [WeakMap.prototype, 'a WeakMap'],
    [WeakSet.prototype, 'a WeakSet'],
    [DisposableStack.prototype, 'a DisposableStack'],
    [AsyncDisposableStack.prototype, 'an AsyncDisposableStack'],
    [TextEncoder.prototype, 'a TextEncoder'],
    [TextDecoder.prototype, 'a TextDecoder'],
    [getPrototypeOf(getPrototypeOf((function* () {})())), 'a generator'],
    [getPrototypeOf(getPrototypeOf((async function* () {})())), 'a generator']
  ])
  for (const iterator of [
    ...[[].values(), new Map().keys(), new Set().keys(), ''[Symbol.iterator](), ''.matchAll(/x/g)],
    ...[[].values().map(() => 0), Iterator.from({ next() {} })]
  ]) {
    note(refused, getPrototypeOf(iterator), 'an iterator')
  }
  /** A proxy that is not of the contract's making. */
  let given = null
  /** Of the copy that is being made: copies by what they are of, and what is not copied yet, the next one last. */
  let copies = null
  let todo = []

  const functions = {
    queueMicrotask(callback) {
      if (typeof callback !== 'function') throw new RawTypeError('queueMicrotask: give a function')
      charge(prices.then)
      waitFor(settled, () => {
        enter()
        try {
          apply(callback, undefined, [])
        } catch {
          // as a rejection that nobody handles
        } finally {
          leave()
        }
      })
    },

    structuredClone(value, options = undefined) {
      // biome-ignore lint/complexity/noArguments: undefined is a value, too
      if (arguments.length === 0) throw new RawTypeError('structuredClone: give a value')
      charge(prices.object)
      refuseTransfer(options)
      // getters may copy something themselves
      const [outerCopies, outerTodo] = [copies, todo]
      copies = new RawMap()
      todo = []
      try {
        const copy = copyOf(value)
        while (todo.length > 0) {
          const work = todo[todo.length - 1]
          if (work.at < work.list.length) work.step(work, work.list[work.at++])
          else todo.length--
        }
        return copy
      } finally {
        copies = outerCopies
        todo = outerTodo
      }
    }
  }
  for (const name of ['queueMicrotask', 'structuredClone']) {
    const value = functions[name]
    if (name === 'structuredClone') defineRaw(value, 'length', { value: 1 })
    defineRaw(globalThis, name, { value, writable: true, enumerable: false, configurable: true })
  }
  return {
    /** From now on this one, and nothing before it, is a proxy that `isProxy` does not know. */
    refuseCopies(proxy) {
      given = proxy
    }
  }

  function refuseTransfer(options) {
    if (options === undefined || options === null) return
    if (!isObject(options)) throw new RawTypeError('structuredClone: the options are no object')
    const transfer = read(options, 'transfer')
    if (transfer === undefined || (isArray(transfer) && transfer.length === 0)) return
    throw uncloneable('what is to be transferred')
  }

  function read(object, key) {
    enter()
    try {
      return object[key]
    } finally {
      leave()
    }
  }

  function copyOf(value) {
    if (!isObject(value)) {
      if (typeof value === 'symbol') throw uncloneable('a symbol')
      return value
    }
    const known = lookUp(copies, value)
    if (known !== undefined) return known
    charge(prices.proxy)
    room(64)
    const copy = begin(value)
    note(copies, value, copy)
    return copy
  }

  /** The copy of an object, whose contents may still be to be copied. */
  function begin(object) {
    if (typeof object === 'function') throw uncloneable('a function')
    if (isProxy(object) || object === given) throw uncloneable('a proxy')
    if (isArray(object)) {
      const array = []
      array.length = stored(array, object.length, 'length')
      return withProperties(array, object)
    }
    const tag = tagOf(object)
    if (tag !== undefined) return copyOfTyped(object, rawArrays[tag])
    if (isError(object)) return copyOfError(object)
    return copyOfKind(object) ?? withProperties({}, object)
  }

  /** The copy of what is no plain object, or undefined. */
  function copyOfKind(object) {
    for (let at = object; at !== null && !isProxy(at); at = getPrototypeOf(at)) {
      charge(prices.kind)
      const what = lookUp(refused, at)
      if (what !== undefined) throw uncloneable(what)
      const make = at === object ? undefined : lookUp(makers, at)
      if (make === undefined) continue
      try {
        return make(object)
      } catch (error) {
        if (!(error instanceof RawTypeError)) throw error
        charge(prices.kindMissed)
      }
    }
    if (describeRaw(object, 'callee')?.get === thrower) throw uncloneable('an arguments object')
    return undefined
  }

  function withProperties(copy, object) {
    todo[todo.length] = { copy, object, list: keysOf(object), at: 0, step: putProperty }
    return copy
  }

  function putProperty({ copy, object }, key) {
    charge(prices.keyWrite)
    // a getter may have removed it
    if (hasOwnRaw(object, key)) put(copy, key, copyOf(read(object, key)), true)
  }

  function put(object, key, value, enumerable) {
    defineRaw(object, key, { value, writable: true, enumerable, configurable: true })
  }

  /** Key and value in turns. */
  function copyOfMap(map) {
    const list = []
    eachEntry(map, (value, key) => {
      room(16)
      list[list.length] = key
      list[list.length] = value
    })
    const copy = new RawMap()
    todo[todo.length] = { copy, key: undefined, list, at: 0, step: putEntry }
    return copy
  }

  function putEntry(work, item) {
    if (work.at % 2 === 1) work.key = copyOf(item)
    else note(work.copy, work.key, copyOf(item))
  }

  function copyOfSet(set) {
    const list = []
    eachItem(set, (item) => {
      room(8)
      list[list.length] = item
    })
    const copy = new RawSet()
    todo[todo.length] = { copy, list, at: 0, step: ({ copy }, item) => addTo(copy, copyOf(item)) }
    return copy
  }

  function copyOfPattern(pattern) {
    const source = sourceOf(pattern)
    let text = ''
    for (let i = 0; i < flags.length; i++) if (flags[i].isSet(pattern)) text += flags[i].letter
    return new RawPattern(source, text)
  }

  function copyOfBuffer(buffer) {
    const copy = new Buffer(sizeOfBuffer(buffer))
    copyBytes(new Bytes(copy), new Bytes(buffer))
    return copy
  }

  function copyOfTyped(array, Raw) {
    charge(prices.view)
    const buffer = copyOf(bufferOf(array))
    return new Raw(buffer, offsetOf(array), lengthOfTyped(array))
  }

  function copyOfView(view) {
    const buffer = copyOf(bufferOfView(view))
    return new View(buffer, offsetOfView(view), sizeOfView(view))
  }

  /** Its name says of which class it is, of those that are known. */
  function copyOfError(error) {
    const name = read(error, 'name')
    const Known = (name === undefined ? undefined : errors[toText(name)]) ?? RawError
    const message = describeRaw(error, 'message')
    const hasMessage = message !== undefined && 'value' in message
    const copy = hasMessage ? new Known(toText(message.value)) : new Known()
    const cause = describeRaw(error, 'cause')
    if (cause !== undefined && 'value' in cause) {
      todo[todo.length] = { copy, list: [cause.value], at: 0, step: putCause }
    }
    return copy
  }

  function putCause({ copy }, cause) {
    put(copy, 'cause', copyOf(cause), false)
  }

  function uncloneable(what) {
    const error = new RawError(`structuredClone: ${what} cannot be copied`)
    put(error, 'name', 'DataCloneError', false)
    return error
  }
})
