;(function objects(kit) {
  // Object, Reflect, Function.prototype and errors. A property's key that is a long string is hashed to its end.
  // What reads the keys of an object pays for as many as it has; so does a chain of prototypes for its length.

  const { apply, charge, construct, enter, isConstructor, isObject, isPlain, leave } = kit
  const { listOf, metered, note, pop, prices, push, refuse, replace, room, sizeOf, spend, toText } =
    kit
  const { chain, limits, link, targetOf, uncurry, wrapConstructor } = kit
  const { getPrototypeOf, ownKeys, setPrototypeOf: setPrototypeRaw } = Reflect
  const { getOwnPropertyDescriptor } = Object
  const { noteArray, primitiveOf, stored } = kit
  const { isView } = ArrayBuffer
  const { defineProperty: defineRaw, getOwnPropertyDescriptor: describeRaw } = Reflect
  const { defineProperty: defineStrictly, prototype } = Object
  const RawObject = Object
  /** Of a property, in the order in which they are read. */
  const FIELDS = ['enumerable', 'configurable', 'value', 'writable', 'get', 'set']
  const { bind } = Function.prototype
  const { isError } = Error
  const RawWeakMap = WeakMap
  const layersOf = uncurry(WeakMap.prototype.get)
  const setLayers = uncurry(WeakMap.prototype.set)
  const { iterator } = Symbol
  const names = new WeakSet()
  /** Bound functions, with how often they are, how many arguments they hold, and what of. */
  const bounds = new RawWeakMap()
  const isNoted = uncurry(WeakSet.prototype.has)
  const noteNative = uncurry(WeakSet.prototype.add)

  replaceCounting()
  replaceKeyed()
  replacePrototypes()
  replaceFunctions()
  replaceErrors()
  return {
    chargeClosed,
    failed,
    keyOf,
    noteNatives,
    isNative: (value) => isNoted(names, value),
    isBound,
    refuseBound,
    refuseUnseen
  }

  /** For a key that a contract gave; returns it as a property key. */
  function keyOf(value) {
    charge(prices.keyGiven)
    if (typeof value === 'string') return hashed(value)
    if (value === undefined || value === null) return `${value}`
    if (!isObject(value)) return typeof value === 'bigint' ? toText(value) : value
    const key = primitiveOf(value, 'string')
    return typeof key === 'symbol' ? key : hashed(toText(key))
  }

  function hashed(key) {
    if (key.length > 32) kit.chargeName(key)
    return key
  }

  function replaceCounting() {
    const {
      assign,
      entries,
      freeze,
      fromEntries,
      getOwnPropertyDescriptors,
      getOwnPropertyNames,
      getOwnPropertySymbols,
      isFrozen,
      isSealed,
      keys,
      seal,
      values,
      defineProperties
    } = Object
    const counted = (name, method, price, bytes) => {
      const closes = name === 'freeze' || name === 'seal'
      replace(Object, {
        [name](object) {
          const size = sizeOf(object)
          if (bytes > 0) room(size * bytes)
          spend(size + 1, price)
          if (closes) noteArray(object)
          return method(object)
        }
      })
    }
    counted('keys', keys, prices.key, 8)
    counted('values', values, prices.keyValue, 8)
    counted('entries', entries, prices.keyValue, 48)
    counted('getOwnPropertyNames', getOwnPropertyNames, prices.key, 8)
    counted('getOwnPropertySymbols', getOwnPropertySymbols, prices.key, 8)
    counted('getOwnPropertyDescriptors', getOwnPropertyDescriptors, prices.keyWrite, 80)
    counted('freeze', freeze, prices.keyWrite, 0)
    counted('seal', seal, prices.keyWrite, 0)
    counted('isFrozen', isFrozen, prices.keyWrite, 0)
    counted('isSealed', isSealed, prices.keyWrite, 0)
    replace(Object, {
      assign(target, ...sources) {
        for (let i = 0; i < sources.length; i++) chargeCopy(sources[i])
        charge(1)
        enter()
        try {
          if (isView(target) || isPlain(target) || typeof target === 'function')
            return assigned(target, sources)
          return apply(assign, Object, [target, ...sources])
        } finally {
          leave()
        }
      },
      defineProperties(object, properties) {
        chargeCopy(properties)
        noteArray(object)
        const areObjects = isObject(object) && isObject(properties)
        return areObjects ? defined(object, properties) : defineProperties(object, properties)
      },
      fromEntries(items) {
        if (items === undefined || items === null) return fromEntries(items)
        const isIntact = kit.isIntact(items)
        const method = items[iterator]
        if (typeof method !== 'function') return fromEntries({ [iterator]: method })
        charge(prices.object)
        enter()
        try {
          const source = { [iterator]: () => apply(method, items, []) }
          const object = {}
          for (const item of isIntact ? items : metered(source, 1)) {
            charge(prices.keyWrite)
            if (!isObject(item)) return fromEntries([item])
            const { 0: key, 1: value } = item
            put(object, keyOf(key), value)
          }
          return object
        } finally {
          leave()
        }
      }
    })
    const close = Object.preventExtensions
    replace(Object, {
      preventExtensions(object) {
        noteArray(object)
        return close(object)
      }
    })
    const closeStrictly = Reflect.preventExtensions
    replace(Reflect, {
      preventExtensions(object) {
        noteArray(object)
        return closeStrictly(object)
      }
    })
    const rawOwnKeys = ownKeys
    replace(Reflect, {
      ownKeys(object) {
        const size = sizeOf(object)
        room(size * 8)
        spend(size + 1, prices.key)
        return rawOwnKeys(object)
      }
    })
  }

  function put(object, key, value) {
    defineRaw(object, key, { value, writable: true, enumerable: true, configurable: true })
  }

  /** Object.assign to what may be an array, a typed one, or a function. */
  function assigned(target, sources) {
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i]
      if (source === undefined || source === null) continue
      const from = RawObject(source)
      const keys = ownKeys(from)
      for (let k = 0; k < keys.length; k++) {
        const key = keys[k]
        if (!describeRaw(from, key)?.enumerable) continue
        target[key] = stored(target, from[key], key)
      }
    }
    return target
  }

  /** Object.defineProperties. */
  function defined(object, properties) {
    const keys = ownKeys(properties)
    const list = []
    enter()
    try {
      for (let i = 0; i < keys.length; i++) {
        if (!describeRaw(properties, keys[i])?.enumerable) continue
        list[list.length] = { key: keys[i], descriptor: fieldsOf(properties[keys[i]]) }
      }
    } finally {
      leave()
    }
    // V8 defines none before it has read all of them
    for (let i = 0; i < list.length; i++) {
      const { key, descriptor } = list[i]
      const own = paid(object, descriptor, key)
      try {
        defineStrictly(object, key, own)
      } finally {
        chargeClosed(object, key)
      }
    }
    return object
  }

  /**
   * For what V8 has compared: a value that is given for a property that cannot be changed, with the one that it has. Both have
   * one length, else they are not looked at.
   */
  function chargeClosed(object, key) {
    const property = describeRaw(targetOf(object), key)
    if (property === undefined || property.configurable || property.writable !== false) return
    const { value } = property
    if (typeof value === 'string' && value.length > 512) spend(value.length, prices.closed)
    else if (typeof value === 'bigint') spend(kit.wordsOf(value), prices.word)
  }

  /**
   * A descriptor of what may be an element of a typed array, a length, or what a function makes things of: one of ours, with a
   * value that is paid for.
   */
  function elementary(object, descriptor, key) {
    if (!isObject(descriptor)) return descriptor
    const isLength = key === 'length' && isPlain(object)
    if (!isView(object) && !isLength && key !== 'prototype') return descriptor
    return paid(object, fieldsOf(descriptor), key)
  }

  /** What a descriptor says, read once; throws where it is none. */
  function fieldsOf(descriptor) {
    const own = { __proto__: null }
    enter()
    try {
      for (let i = 0; isObject(descriptor) && i < FIELDS.length; i++) {
        if (FIELDS[i] in descriptor) own[FIELDS[i]] = descriptor[FIELDS[i]]
      }
    } finally {
      leave()
    }
    defineStrictly({}, 'any', isObject(descriptor) ? own : descriptor)
    return own
  }

  function paid(object, own, key) {
    if ('value' in own) own.value = stored(object, own.value, key)
    return own
  }

  function chargeCopy(source) {
    const size = sizeOf(source)
    room(size * 8)
    spend(size + 1, prices.keyWrite)
  }

  function replaceKeyed() {
    const { is } = Object
    replace(Object, {
      is(a, b) {
        if (typeof a === 'string' && typeof b === 'string') spend(a.length, prices.copy)
        else if (typeof a === 'bigint') spend(kit.wordsOf(a), prices.word)
        return is(a, b)
      }
    })
    const objectText = uncurry(prototype.toString)
    replace(prototype, {
      toString() {
        charge(prices.call)
        const text = tagged(this)
        // a tag may be long, and the text is a rope
        if (text.length > 64) kit.textRoom(text.length)
        return text
      }
    })
    /** The tag may be a getter. */
    function tagged(value) {
      if (!isObject(value)) return objectText(value)
      enter()
      try {
        return objectText(value)
      } finally {
        leave()
      }
    }
    const { hasOwn, getOwnPropertyDescriptor, defineProperty } = Object
    replace(Object, {
      hasOwn(object, key) {
        if (object === undefined || object === null) return hasOwn(object)
        return hasOwn(object, keyOf(key))
      },
      getOwnPropertyDescriptor(object, key) {
        if (object === undefined || object === null) return getOwnPropertyDescriptor(object)
        return getOwnPropertyDescriptor(object, keyOf(key))
      },
      defineProperty(object, key, descriptor) {
        if (!isObject(object)) return defineProperty(object)
        const name = keyOf(key)
        noteArray(object)
        const own = elementary(object, descriptor, name)
        try {
          return defineProperty(object, name, own)
        } finally {
          chargeClosed(object, name)
        }
      }
    })
    const reflect = { ...pick(Reflect, ['defineProperty', 'deleteProperty', 'get', 'set', 'has']) }
    const describe = Reflect.getOwnPropertyDescriptor
    replace(Reflect, {
      defineProperty(object, key, descriptor) {
        if (!isObject(object)) return reflect.defineProperty(object)
        const name = keyOf(key)
        noteArray(object)
        const own = elementary(object, descriptor, name)
        try {
          return reflect.defineProperty(object, name, own)
        } finally {
          chargeClosed(object, name)
        }
      },
      deleteProperty(object, key) {
        if (!isObject(object)) return reflect.deleteProperty(object)
        return reflect.deleteProperty(object, keyOf(key))
      },
      getOwnPropertyDescriptor(object, key) {
        if (!isObject(object)) return describe(object)
        return describe(object, keyOf(key))
      },
      has(object, key) {
        if (!isObject(object)) return reflect.has(object)
        return reflect.has(object, keyOf(key))
      },
      get(object, key, ...receiver) {
        if (!isObject(object)) return reflect.get(object)
        const name = keyOf(key)
        charge(prices.call)
        enter()
        try {
          return reflect.get(object, name, ...receiver)
        } finally {
          leave()
        }
      },
      set(object, key, value, ...receiver) {
        if (!isObject(object)) return reflect.set(object)
        const name = keyOf(key)
        charge(1)
        const given = stored(receiver.length > 0 ? receiver[0] : object, value, name)
        enter()
        try {
          return reflect.set(object, name, given, ...receiver)
        } finally {
          leave()
        }
      }
    })
    const own = pick(prototype, ['hasOwnProperty', 'propertyIsEnumerable'])
    const legacy = pick(prototype, [
      '__defineGetter__',
      '__defineSetter__',
      '__lookupGetter__',
      '__lookupSetter__'
    ])
    const hasOwnProperty = uncurry(own.hasOwnProperty)
    const propertyIsEnumerable = uncurry(own.propertyIsEnumerable)
    replace(prototype, {
      hasOwnProperty(key) {
        return hasOwnProperty(this, typeof key === 'number' ? key : keyOf(key))
      },
      propertyIsEnumerable(key) {
        return propertyIsEnumerable(this, keyOf(key))
      }
    })
    for (const name of Object.keys(legacy)) {
      replace(prototype, {
        [name](key, method) {
          const defines = name[2] === 'd'
          if (this === undefined || this === null || (defines && typeof method !== 'function')) {
            return apply(legacy[name], this, ['', method])
          }
          if (defines) noteArray(this)
          return apply(legacy[name], this, [keyOf(key), method])
        }
      })
    }
  }

  function pick(object, keys) {
    const picked = {}
    for (const key of keys) picked[key] = object[key]
    return picked
  }

  // ---- prototypes

  function replacePrototypes() {
    const { create, setPrototypeOf } = Object
    const change = Reflect.setPrototypeOf
    replace(Object, {
      create(parent, properties) {
        charge(prices.object)
        chain(parent)
        if (properties !== undefined) chargeCopy(properties)
        return create(parent, properties)
      },
      setPrototypeOf(object, parent) {
        charge(prices.object)
        link(object, parent)
        return setPrototypeOf(object, parent)
      }
    })
    replace(Reflect, {
      setPrototypeOf(object, parent) {
        charge(prices.object)
        link(object, parent)
        return change(object, parent)
      }
    })
    const property = Object.getOwnPropertyDescriptor(prototype, '__proto__')
    const setter = uncurry(property.set)
    const { set } = Object.getOwnPropertyDescriptor(
      {
        set ['__proto__'](parent) {
          charge(prices.object)
          link(this, parent)
          setter(this, parent)
        }
      },
      '__proto__'
    )
    Object.defineProperty(prototype, '__proto__', { set })
    const { isPrototypeOf } = prototype
    replace(prototype, {
      isPrototypeOf(value) {
        charge(1)
        return apply(isPrototypeOf, this, [value])
      }
    })
  }

  // ---- functions

  function noteNatives(list) {
    for (let i = 0; i < list.length; i++) noteNative(names, list[i])
  }

  /**
   * For what V8 is about to ask for a prototype, so that it asks no getter for one that nobody has looked at: of a function
   * it is what it was given, but a bound one has none unless a contract has made one up. `isNow`: nothing of the contract's
   * runs before V8 asks, so that what it was given is looked at.
   */
  function refuseBound(maker, isNow = false) {
    if (!isBound(maker)) return
    const target = targetOf(maker)
    const given = isNow ? describeRaw(target, 'prototype') : undefined
    if (given === undefined || !('value' in given)) {
      throw new TypeError('a bound function has no prototype: extend or name the function itself')
    }
    if (isObject(given.value)) chain(given.value)
  }

  function isBound(maker) {
    return layersOf(bounds, targetOf(maker)) !== undefined
  }

  /** Before `maker` makes something for `newTarget`. A function that is no class looks at what it makes: see heir in operators.js. */
  function refuseUnseen(maker, newTarget) {
    let at = targetOf(maker)
    for (let bound = layersOf(bounds, at); bound !== undefined; bound = layersOf(bounds, at)) {
      at = targetOf(bound.target)
    }
    if (describeRaw(at, 'prototype')?.writable !== true) refuseBound(newTarget)
  }

  /** Whether a bound function is one of those that another one was made of: for V8, what was bound first is new.target then. */
  function isBehind(maker, newTarget) {
    if (layersOf(bounds, newTarget) === undefined) return false
    let known = layersOf(bounds, maker)
    while (known !== undefined && known.target !== newTarget) known = layersOf(bounds, known.target)
    return known !== undefined
  }

  function replaceFunctions() {
    const functions = Function.prototype
    replace(functions, {
      apply(receiver, list) {
        if (typeof this !== 'function' || list === undefined || list === null) {
          charge(1)
          return apply(this, receiver, [])
        }
        return passing(this, receiver, list)
      },
      bind(receiver, ...args) {
        charge(prices.bind)
        room(64)
        if (typeof this !== 'function') return apply(bind, this, [])
        const known = layersOf(bounds, this)
        const layers = known === undefined ? 1 : known.layers + 1
        const count = known === undefined ? args.length : known.count + args.length
        if (layers > limits.layers) {
          throw refuse(
            'NESTING_LIMIT',
            `functions may be bound ${limits.layers} times: bind the first one`
          )
        }
        if (count > limits.boundArguments) {
          throw refuse(
            'ARGUMENTS_LIMIT',
            `a bound function may hold ${limits.boundArguments} arguments, and this one would have ${count}: bind an array`
          )
        }
        const counted = isNoted(names, this) ? counting(this) : this
        const bound =
          known === undefined ? boundTo(counted, receiver, args) : boundAgain(this, known, args)
        // "bound " and the name of the function is a rope
        const { value } = getOwnPropertyDescriptor(bound, 'name')
        if (value.length > 64) kit.textRoom(value.length)
        const root = known === undefined ? { target: counted, receiver, args } : known.root
        const all = known === undefined ? args : [...known.all, ...args]
        setLayers(bounds, bound, { layers, count, target: this, root, all })
        return bound
      }
    })
    replace(Reflect, {
      apply(target, receiver, list) {
        if (typeof target !== 'function' || !isObject(list)) return apply(target, receiver, list)
        return passing(target, receiver, list)
      },
      construct(target, list, ...rest) {
        note(prices.object * 2)
        // V8's own message has the text of a function in it, which may be one of ours
        if (!isConstructor(target)) throw new TypeError('the target is not a constructor')
        if (rest.length > 0 && !isConstructor(rest[0])) {
          throw new TypeError('new.target is not a constructor')
        }
        if (!isObject(list)) return construct(target, list, ...rest)
        if (rest.length > 0 && rest[0] !== target) {
          if (isBehind(target, rest[0])) rest.length = 0
          else refuseUnseen(target, rest[0])
        }
        const args = listOf(list)
        push(args.length)
        enter()
        try {
          return construct(target, args, ...rest)
        } finally {
          leave()
          pop(args.length)
        }
      }
    })
  }

  /** V8 asks the function for its name and its length. */
  function boundTo(target, receiver, args) {
    enter()
    try {
      return apply(bind, target, [receiver, ...args])
    } finally {
      leave()
    }
  }

  /**
   * A bound function that is bound again: what was bound first is, with all arguments, since `instanceof` goes through functions
   * that are bound to each other one by one, which nobody pays for. Name, length and prototype are those that V8 gives it.
   */
  function boundAgain(target, { root, all }, args) {
    const looks = boundTo(target, undefined, args)
    const bound = apply(bind, root.target, [root.receiver, ...all, ...args])
    for (const key of ['name', 'length']) {
      Object.defineProperty(bound, key, getOwnPropertyDescriptor(looks, key))
    }
    const parent = getPrototypeOf(looks)
    if (parent !== getPrototypeOf(bound)) setPrototypeRaw(bound, parent)
    return bound
  }

  function passing(target, receiver, list) {
    charge(prices.call)
    const args = isPlain(list) ? list : listOf(list)
    const { length } = args
    push(length)
    enter()
    try {
      return apply(target, receiver, args)
    } finally {
      leave()
      pop(length)
    }
  }

  /** A builtin that was bound may be what a getter or a coercion runs, with an argument that does the same. */
  function counting(native) {
    charge(prices.object * 8)
    room(256)
    const counter = isConstructor(native) ? countingConstructor(native) : countingMethod(native)
    for (const key of ['name', 'length']) {
      Object.defineProperty(counter, key, Object.getOwnPropertyDescriptor(native, key))
    }
    return counter
  }

  /**
   * Pays for the message of an error of a builtin, which may have a text of any length in it, where maybe nothing of the
   * contract's is left by it; returns it.
   */
  function failed(error) {
    const message = isError(error) ? getOwnPropertyDescriptor(error, 'message')?.value : undefined
    if (typeof message === 'string' && message.length > 1024) spend(message.length, prices.scan)
    return error
  }

  function countingMethod(native) {
    return {
      call(...args) {
        charge(1)
        enter()
        try {
          return apply(native, this, args)
        } catch (error) {
          throw failed(error)
        } finally {
          leave()
        }
      }
    }.call
  }

  function countingConstructor(native) {
    const counter = function (...args) {
      charge(1)
      enter()
      try {
        if (new.target === undefined) return apply(native, this, args)
        return construct(native, args, new.target === counter ? native : new.target)
      } catch (error) {
        throw failed(error)
      } finally {
        leave()
      }
    }
    // what `instanceof`, `extends` and the prototype of a bound function look at
    Object.setPrototypeOf(counter, getPrototypeOf(native))
    Object.defineProperty(counter, 'prototype', { value: native.prototype, writable: false })
    return counter
  }

  // ---- errors

  function replaceErrors() {
    replace(Error.prototype, {
      toString() {
        if (!isObject(this)) throw new TypeError('Error.prototype.toString: not an object')
        enter()
        try {
          const { name } = this
          const title = name === undefined ? 'Error' : toText(name)
          const { message } = this
          const text = message === undefined ? '' : toText(message)
          kit.textRoom(title.length + text.length + 2)
          if (title === '') return text
          return text === '' ? title : `${title}: ${text}`
        } finally {
          leave()
        }
      }
    })
    const RawAggregate = AggregateError
    const Wrapped = wrapConstructor(globalThis, RawAggregate, function (errors, message, ...rest) {
      const text = message === undefined ? undefined : toText(message)
      const isIterable = isObject(errors) || typeof errors === 'string'
      const source = isIterable ? metered(errors, prices.step) : errors
      enter()
      try {
        return construct(
          RawAggregate,
          [source, text, ...rest],
          new.target === undefined ? Wrapped : new.target
        )
      } finally {
        leave()
      }
    })
  }
})
