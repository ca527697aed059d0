;(function prelude({ charge, rethrow, chargeBuiltins, installRegExp, math, prices }) {
  // Turns a fresh context into the realm of js-1: what ECMAScript leaves to the machine, the clock, the
  // locale or the collector is replaced or removed, and every intrinsic is frozen, so that nothing that one
  // call does to it is seen by another. Returns what the controller needs: intrinsics as they were before
  // any contract ran, and the setters of clock, random numbers and budgets.

  const realm = globalThis
  const { apply, construct, ownKeys, defineProperty, getPrototypeOf, setPrototypeOf } = Reflect
  const { freeze, getOwnPropertyDescriptor, hasOwn, isFrozen, preventExtensions } = Object
  const { isArray } = Array
  const { trunc, imul } = Math
  const stringify = JSON.stringify
  const RawDate = Date
  const RawSymbol = Symbol
  const RawMap = Map
  const RawSet = Set
  const TypedArray = getPrototypeOf(Uint8Array)
  // made while nothing is charged for it
  const regExpIterator = 'x'.matchAll(/x/g)

  /** `(this, …arguments)` for a method: nobody can come between. */
  const uncurry = Function.prototype.bind.bind(Function.prototype.call)
  const see = uncurry(RawSet.prototype.add)
  const hasSeen = uncurry(RawSet.prototype.has)

  const GLOBALS = [
    'AggregateError Array ArrayBuffer AsyncDisposableStack BigInt BigInt64Array BigUint64Array Boolean',
    'DataView Date DisposableStack Error EvalError Float16Array Float32Array Float64Array Function',
    'Infinity Int16Array Int32Array Int8Array Iterator JSON Map Math NaN Number Object Promise Proxy',
    'RangeError ReferenceError Reflect RegExp Set String SuppressedError Symbol SyntaxError TypeError',
    'URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakSet decodeURI',
    'decodeURIComponent encodeURI encodeURIComponent escape globalThis isFinite isNaN parseFloat',
    'parseInt undefined unescape'
  ]
    .join(' ')
    .split(' ')

  const primordials = captureIntrinsics()

  keepListedGlobals()
  const setSeed = replaceRandom()
  replaceTranscendentals()
  forbidCodeFromStrings()
  removeStacks()
  const setTime = replaceDate()
  removeLocale()
  removeRealmState()
  const { startRegExps, nestWith } = installRegExp()
  const startSymbols = replaceSymbolRegistry()
  canonicalizeNaN()
  const kit = chargeBuiltins()
  nestWith(kit)
  repairOverrides()
  kit.noteNatives(freezeIntrinsics())

  return freeze({
    ...primordials,
    isProxy: kit.isProxy,
    refuseCopies: kit.refuseCopies,
    chargeBytes: kit.chargeBytes,
    operators: kit.operators,
    // that of the realm, which is paid for
    normalize: uncurry(String.prototype.normalize),
    freezeMethods,
    /** Sets everything that a call may observe and did not make itself: clock, seed, budgets. */
    startCall(time, a, b, c, d) {
      setTime(time)
      setSeed(a, b, c, d)
      startSymbols()
      kit.startBuiltins()
      startRegExps()
    }
  })

  function captureIntrinsics() {
    const exec = uncurry(RegExp.prototype.exec)
    const tagOfTypedArray = getOwnPropertyDescriptor(TypedArray.prototype, Symbol.toStringTag).get
    return {
      apply,
      ownKeys,
      keysOf: Object.keys,
      defineProperty,
      getPrototypeOf,
      freeze,
      getOwnPropertyDescriptor,
      isArray,
      isError: Error.isError,
      isFinite: Number.isFinite,
      isInteger: Number.isInteger,
      isSafeInteger: Number.isSafeInteger,
      parse: JSON.parse,
      stringify,
      encodeURIComponent,
      unescape,
      toBigInt: BigInt,
      toText: String,
      toNumber: Number,
      fromBase64: fromBase64Of(Uint8Array),
      toBase64: uncurry(Uint8Array.prototype.toBase64),
      typedArrayTag: uncurry(tagOfTypedArray),
      typedArrayLength: uncurry(getOwnPropertyDescriptor(TypedArray.prototype, 'length').get),
      charCodeAt: uncurry(String.prototype.charCodeAt),
      slice: uncurry(String.prototype.slice),
      includes: uncurry(String.prototype.includes),
      ceil: Math.ceil,
      floor: Math.floor,
      startsWith: uncurry(String.prototype.startsWith),
      split: uncurry(String.prototype.split),
      sort: uncurry(Array.prototype.sort),
      isWellFormed: uncurry(String.prototype.isWellFormed),
      toWellFormed: uncurry(String.prototype.toWellFormed),
      isPrototypeOf: uncurry(Object.prototype.isPrototypeOf),
      // V8's own, which nothing is charged for; `test` would look for the one of the realm
      exec,
      test: (regexp, text) => exec(regexp, text) !== null,
      then: uncurry(Promise.prototype.then),
      withResolvers: Promise.withResolvers.bind(Promise),
      resolvePromise: Promise.resolve.bind(Promise),
      rejectPromise: Promise.reject.bind(Promise),
      Promise,
      Error,
      errorPrototype: Error.prototype,
      typeErrorPrototype: TypeError.prototype,
      objectPrototype: Object.prototype,
      arrayPrototype: Array.prototype,
      toObject: Object,
      rawProxy: Proxy,
      iterator: Symbol.iterator,
      asyncIterator: Symbol.asyncIterator,
      bytesPrototype: Uint8Array.prototype
    }
  }

  function fromBase64Of(Bytes) {
    const { fromBase64 } = Bytes
    return (text, options) => {
      try {
        return apply(fromBase64, Bytes, [text, options])
      } catch (error) {
        return rethrow(error)
      }
    }
  }

  /** A list of what stays, not of what goes: a new version of the engine adds nothing. */
  function keepListedGlobals() {
    for (const key of ownKeys(realm)) {
      if (!GLOBALS.includes(key) && !delete realm[key]) throw new Error(`${String(key)} stays`)
    }
  }

  /** xoshiro128** 1.1 by Blackman and Vigna, https://prng.di.unimi.it/xoshiro128starstar.c */
  function replaceRandom() {
    let a = 1
    let b = 0
    let c = 0
    let d = 0
    replace(Math, {
      random() {
        charge(prices.numberMade)
        // 53 bits, the high ones of two outputs
        return ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000
      }
    })
    return function setSeed(first, second, third, fourth) {
      a = first | 0
      b = second | 0
      c = third | 0
      d = fourth | 0
      if ((a | b | c | d) === 0) a = 1 // the one state that the generator never leaves
    }

    function next() {
      const product = imul(b, 5)
      const output = imul((product << 7) | (product >>> 25), 9)
      const shifted = b << 9
      c ^= a
      d ^= b
      b ^= c
      a ^= d
      c ^= shifted
      d = (d << 11) | (d >>> 21)
      return output
    }
  }

  /** These differ in their last bits between processors, or between the libraries of their systems. */
  function replaceTranscendentals() {
    const names =
      'acos acosh asin asinh atan atan2 atanh cos cosh exp expm1 log log10 log1p log2 pow sin'
    for (const name of `${names} sinh tan tanh`.split(' ')) {
      if (typeof math[name] !== 'function') throw new Error(`math.${name} is missing`)
    }
    for (const name of ownKeys(math)) {
      if (!hasOwn(Math, name)) throw new Error(`Math.${String(name)} is not standard`)
      const length = Math[name].length
      const compute = math[name]
      const price = name === 'pow' ? prices.power : prices.math
      // coerced once and in order: math.js takes numbers only
      const methods = {
        one(x) {
          charge(price)
          return compute(toNumber(x))
        },
        two(x, y) {
          charge(price)
          const first = toNumber(x)
          return compute(first, toNumber(y))
        },
        all(...values) {
          charge(price + values.length)
          return compute(...kit.numbersIn(values))
        }
      }
      const method = name === 'hypot' ? methods.all : length === 1 ? methods.one : methods.two
      replace(Math, { [name]: method })
      defineProperty(Math[name], 'name', { value: name })
      defineProperty(Math[name], 'length', { value: length })
    }
  }

  function forbidCodeFromStrings() {
    const samples = [() => {}, async () => {}, function* () {}, async function* () {}]
    let PlainFunction
    for (const sample of samples) {
      const prototype = getPrototypeOf(sample)
      const name = prototype.constructor.name
      const Replacement = function (...source) {
        // the one text that is common (lodash, webpack and others find the global object with it)
        if (name === 'Function' && source.length === 1 && source[0] === 'return this') {
          return () => realm
        }
        throw new EvalError(`${name}: code from strings is not available in this VM`)
      }
      asConstructor(Replacement, name, 1, prototype)
      if (PlainFunction === undefined) PlainFunction = Replacement
      else setPrototypeOf(Replacement, PlainFunction)
    }
    realm.Function = PlainFunction
    replace(Function.prototype, {
      // the source has been rewritten by the meter, and is nobody's business at run time. Of a builtin it has the name:
      // libraries know plain objects by a constructor with the text of Object's
      toString() {
        if (typeof this !== 'function') throw new TypeError('not a function')
        const name = kit.isNative(this) ? (getOwnPropertyDescriptor(this, 'name')?.value ?? '') : ''
        return `function ${name}() { [native code] }`
      }
    })
  }

  /** `error.stack` is undefined: V8 collects none where the limit is no plain number. */
  function removeStacks() {
    replace(Error, {
      captureStackTrace(target) {
        if (!isObject(target)) throw new TypeError('Error.captureStackTrace: not an object')
      }
    })
    // libraries assign to it, which is ignored
    const { get, set } = { get: () => 0, set: () => {} }
    defineAccessor(Error, 'stackTraceLimit', get, set)
  }

  function replaceDate() {
    let now = 0
    const prototype = RawDate.prototype
    const { UTC } = RawDate
    const getTime = uncurry(prototype.getTime)
    const exec = uncurry(RegExp.prototype.exec)
    const padStart = uncurry(String.prototype.padStart)
    const slice = uncurry(String.prototype.slice)
    const fields = {}
    for (const field of ['FullYear', 'Month', 'Date', 'Day', 'Hours', 'Minutes', 'Seconds']) {
      fields[field] = uncurry(prototype[`getUTC${field}`])
    }
    const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
    const MONTHS = [
      'Jan',
      'Feb',
      'Mar',
      'Apr',
      'May',
      'Jun',
      'Jul',
      'Aug',
      'Sep',
      'Oct',
      'Nov',
      'Dec'
    ]
    const ZONE = 'GMT+0000 (Coordinated Universal Time)'
    const FOUR_CENTURIES_MS = 146097 * 86400000
    const ISO =
      /^([+-]\d{6}|\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):(\d\d))?)?$/
    const TEXT =
      /^[A-Z][a-z][a-z] ([A-Z][a-z][a-z]) (\d\d) (-?\d{4,6}) (\d\d):(\d\d):(\d\d) GMT\+0000 \(Coordinated Universal Time\)$/
    const UTC_TEXT =
      /^[A-Z][a-z][a-z], (\d\d) ([A-Z][a-z][a-z]) (-?\d{4,6}) (\d\d):(\d\d):(\d\d) GMT$/

    const UniversalDate = function (...args) {
      if (new.target === undefined) return dateText(new RawDate(now))
      charge(prices.object)
      return construct(RawDate, [timeOf(args)], new.target)
    }
    asConstructor(UniversalDate, 'Date', 7, prototype)
    replace(UniversalDate, {
      now() {
        return now
      },
      parse(text) {
        return parse(kit.toText(text))
      },
      UTC
    })
    realm.Date = UniversalDate

    const parts = ['FullYear', 'Month', 'Date', 'Hours', 'Minutes', 'Seconds', 'Milliseconds']
    for (const part of [...parts, 'Day']) replaceByUTC('get', part)
    for (const part of parts) replaceByUTC('set', part)
    for (const key of ['getYear', 'setYear', 'toTemporalInstant']) delete prototype[key]
    replace(prototype, {
      getTimezoneOffset() {
        return getTime(this) - getTime(this)
      },
      toString() {
        return dateText(this)
      },
      toDateString() {
        return dateText(this, 'day')
      },
      toTimeString() {
        return dateText(this, 'time')
      },
      toLocaleString() {
        return dateText(this)
      },
      toLocaleDateString() {
        return dateText(this, 'day')
      },
      toLocaleTimeString() {
        return dateText(this, 'time')
      }
    })
    return function setTime(time) {
      now = time
    }

    /** What is of the zone does what that of UTC does, under its own name. */
    function replaceByUTC(verb, part) {
      const method = prototype[`${verb}UTC${part}`]
      const name = `${verb}${part}`
      const methods = {
        [name](...args) {
          if (verb === 'set') charge(prices.date)
          return apply(method, this, args)
        }
      }
      defineProperty(methods[name], 'length', { value: method.length })
      replace(prototype, methods)
    }

    function timeOf(args) {
      if (args.length === 0) return now
      // the one of the realm: of V8's own, huge parts do not come to the same everywhere
      if (args.length > 1) return apply(UniversalDate.UTC, undefined, args)
      if (isDate(args[0])) return getTime(args[0])
      const value = toPrimitive(args[0])
      return typeof value === 'string' ? parse(value) : +value
    }

    function isDate(value) {
      if (!isObject(value)) return false
      try {
        getTime(value)
        return true
      } catch {
        return false
      }
    }

    function dateText(date, part) {
      charge(prices.date)
      const time = getTime(date)
      if (time !== time) return 'Invalid Date'
      const year = fields.FullYear(date)
      const years = `${year < 0 ? '-' : ''}${padStart(`${year < 0 ? -year : year}`, 4, '0')}`
      const day = `${DAYS[fields.Day(date)]} ${MONTHS[fields.Month(date)]} ${two(fields.Date(date))} ${years}`
      const hours = `${two(fields.Hours(date))}:${two(fields.Minutes(date))}:${two(fields.Seconds(date))}`
      if (part === 'day') return day
      return part === 'time' ? `${hours} ${ZONE}` : `${day} ${hours} ${ZONE}`
    }

    function two(number) {
      return number < 10 ? `0${number}` : `${number}`
    }

    /** ISO 8601 as ECMAScript has it, and what toString and toUTCString give; all else is NaN. */
    function parse(text) {
      charge(prices.date)
      const iso = exec(ISO, text)
      if (iso !== null) return parseISO(iso)
      const local = exec(TEXT, text)
      if (local !== null) {
        return timeFrom(local[3], monthOf(local[1]), local[2], local[4], local[5], local[6], 0)
      }
      const utc = exec(UTC_TEXT, text)
      if (utc === null) return Number.NaN
      return timeFrom(utc[3], monthOf(utc[2]), utc[1], utc[4], utc[5], utc[6], 0)
    }

    function parseISO(match) {
      if (match[1] === '-000000') return Number.NaN
      const fraction = match[7] === undefined ? 0 : +slice(`${match[7]}00`, 0, 3)
      const offset = match[8] === undefined ? 0 : (+match[9] * 60 + +match[10]) * 60000
      if (+match[9] > 23 || +match[10] > 59) return Number.NaN
      const { 2: month = 1, 3: day = 1, 4: hours = 0, 5: minutes = 0, 6: seconds = 0 } = match
      const time = timeFrom(match[1], +month, day, hours, minutes, seconds, fraction)
      return clip(match[8] === '-' ? time + offset : time - offset)
    }

    function monthOf(name) {
      for (let i = 0; i < 12; i++) if (MONTHS[i] === name) return i + 1
      return Number.NaN
    }

    function timeFrom(year, month, day, hours, minutes, seconds, ms) {
      const midnight = +hours === 24 && +minutes === 0 && +seconds === 0 && ms === 0
      if (!(month >= 1 && month <= 12 && +day >= 1 && +day <= daysIn(+year, month)))
        return Number.NaN
      if (!((+hours <= 23 || midnight) && +minutes <= 59 && +seconds <= 59)) return Number.NaN
      // four centuries on and back: UTC() takes the years 0 to 99 for those of the 20th century
      const time = UTC(
        +year + (+year < 0 ? 0 : 400),
        month - 1,
        +day,
        +hours,
        +minutes,
        +seconds,
        ms
      )
      if (time === time) return +year < 0 ? time : time - FOUR_CENTURIES_MS
      return UTC(+year, month - 1, +day, +hours, +minutes, +seconds, ms)
    }

    function daysIn(year, month) {
      if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
      return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
    }

    function clip(time) {
      return time >= -8.64e15 && time <= 8.64e15 ? time : Number.NaN
    }
  }

  function removeLocale() {
    const { toLowerCase, toUpperCase, normalize } = String.prototype
    const canonical = uncurry(normalize)
    replace(String.prototype, {
      /** By the code units of the canonical (NFC) form, whatever the locale. */
      localeCompare(that) {
        if (this === undefined || this === null) throw new TypeError('localeCompare of nothing')
        const left = `${this}`
        const right = `${that}`
        if (left === right) return 0
        const first = canonical(left)
        const second = canonical(right)
        return first < second ? -1 : first > second ? 1 : 0
      },
      toLocaleLowerCase() {
        return apply(toLowerCase, this, [])
      },
      toLocaleUpperCase() {
        return apply(toUpperCase, this, [])
      }
    })
    for (const prototype of [Number.prototype, BigInt.prototype]) {
      const { toString } = prototype
      replace(prototype, {
        toLocaleString() {
          return apply(toString, this, [])
        }
      })
    }
  }

  /** What remembers, outside of objects, that something has run. */
  function removeRealmState() {
    for (const key of ownKeys(RegExp)) {
      const legacy = typeof key === 'string' && /^(?:\$.|input|last|left|right)/.test(key)
      if (legacy) delete RegExp[key]
    }
    delete RegExp.prototype.compile
  }

  /** V8 keeps registered symbols for ever; these live as long as the call. */
  function replaceSymbolRegistry() {
    let symbols = new RawMap()
    let keys = new RawMap()
    const get = uncurry(RawMap.prototype.get)
    const set = uncurry(RawMap.prototype.set)
    const size = uncurry(getOwnPropertyDescriptor(RawMap.prototype, 'size').get)
    replace(RawSymbol, {
      for(key) {
        const text = `${key}`
        const known = get(symbols, text)
        if (known !== undefined) return known
        const symbol = RawSymbol(text)
        set(symbols, text, symbol)
        set(keys, symbol, text)
        return symbol
      },
      keyFor(symbol) {
        if (typeof symbol !== 'symbol') throw new TypeError(`${typeof symbol} is not a symbol`)
        return get(keys, symbol)
      }
    })
    return function startSymbols() {
      if (size(symbols) === 0) return
      symbols = new RawMap()
      keys = new RawMap()
    }
  }

  /** A DataView writes every NaN with the same bits. */
  function canonicalizeNaN() {
    const { setFloat16, setFloat32, setFloat64, setUint16, setUint32 } = DataView.prototype
    const sizeOf = uncurry(getOwnPropertyDescriptor(DataView.prototype, 'byteLength').get)
    replace(DataView.prototype, {
      setFloat16(offset, value, littleEndian) {
        const at = place(this, offset)
        const number = toNumber(value)
        apply(setFloat16, this, [at, number === number ? number : 0, littleEndian])
        if (number !== number) apply(setUint16, this, [at, 0x7e00, littleEndian])
      },
      setFloat32(offset, value, littleEndian) {
        const at = place(this, offset)
        const number = toNumber(value)
        apply(setFloat32, this, [at, number === number ? number : 0, littleEndian])
        if (number !== number) apply(setUint32, this, [at, 0x7fc00000, littleEndian])
      },
      setFloat64(offset, value, littleEndian) {
        const at = place(this, offset)
        const number = toNumber(value)
        apply(setFloat64, this, [at, number === number ? number : 0, littleEndian])
        // of the zero just written, only the half with the exponent changes
        if (number !== number) {
          apply(setUint32, this, [littleEndian ? at + 4 : at, 0x7ff80000, littleEndian])
        }
      }
    })
    for (const name of ['setFloat16', 'setFloat32', 'setFloat64']) {
      defineProperty(DataView.prototype[name], 'length', { value: 2 })
    }

    /** Throws where there is no view. */
    function place(view, offset) {
      charge(prices.call)
      sizeOf(view)
      return toIndex(offset)
    }

    /** Throws for what is no index at all before the value is coerced, as V8 does. */
    function toIndex(value) {
      const index = value === undefined ? 0 : trunc(toNumber(value))
      if (index < 0 || index > 2 ** 53 - 1) {
        throw new RangeError('Offset is outside the bounds of the DataView')
      }
      return index === index ? index : 0
    }
  }

  /**
   * On a frozen prototype, `object.toString = …` would throw (the "override mistake"), and with it every class
   * that extends Error and sets its name. So what people do override is an accessor that defines an own property
   * of the receiver. What runs in inner loops stays a plain property, and so does what V8 checks before it takes
   * a fast path: how arrays, maps and sets are iterated, `then`, `exec`, the constructors of arrays and promises.
   * That an iterator is one itself is overridden by every generator that TypeScript compiles to ES5.
   */
  function repairOverrides() {
    const generator = getPrototypeOf(getPrototypeOf((function* () {})()))
    const asyncGenerator = getPrototypeOf(getPrototypeOf((async function* () {})()))
    const all = (prototype) => ownKeys(prototype).filter((key) => typeof key === 'string')
    const symbols = (prototype) => ownKeys(prototype).filter((key) => typeof key === 'symbol')
    const repairs = [
      [Object.prototype, all(Object.prototype)],
      [Function.prototype, ['constructor', 'bind', 'toString']],
      [Array.prototype, ['push', 'pop', 'shift', 'unshift', 'splice', 'sort', 'reverse', 'concat']],
      [Array.prototype, ['toString', 'toLocaleString']],
      [TypedArray.prototype, all(TypedArray.prototype)],
      [String.prototype, ['constructor', 'toString', 'valueOf']],
      [Promise.prototype, ['catch', 'finally']],
      [Iterator.prototype, all(Iterator.prototype)],
      [generator, all(generator)],
      [asyncGenerator, all(asyncGenerator)],
      [Iterator.prototype, symbols(Iterator.prototype)],
      [getPrototypeOf(asyncGenerator), symbols(getPrototypeOf(asyncGenerator))],
      [Array, ['from', 'fromAsync', 'of']],
      [TypedArray, ['from', 'of']],
      [Uint8Array, ['fromBase64', 'fromHex']],
      [Error, ['captureStackTrace', 'isError']]
    ]
    for (const name of GLOBALS) {
      if (name.endsWith('Error') || name.endsWith('Array') || name.startsWith('Weak')) {
        if (name !== 'Array') repairs.push([realm[name].prototype, all(realm[name].prototype)])
      }
    }
    for (const { prototype } of [Map, Set, Date, ArrayBuffer, DataView]) {
      repairs.push([prototype, all(prototype)])
    }
    for (const [object, keys] of repairs) for (const key of keys) repairOverride(object, key)
  }

  function repairOverride(object, key) {
    const { value, writable, configurable } = getOwnPropertyDescriptor(object, key)
    if (!writable || !configurable) return
    const name = primordials.toText(key)
    // named by a property: variables have other names in engines
    const { get } = { get: () => value }
    // where libraries that look behind accessors find what it stands for
    defineProperty(get, 'originalValue', { value })
    const { set } = getOwnPropertyDescriptor(
      {
        set value(replacement) {
          if (this === object) throw new TypeError(`Cannot assign to read only property '${name}'`)
          if (!isObject(this))
            throw new TypeError(`Cannot create property '${name}' on a primitive`)
          const defined = defineProperty(this, key, {
            value: replacement,
            writable: true,
            enumerable: true,
            configurable: true
          })
          if (!defined) throw new TypeError(`Cannot define property '${name}'`)
        }
      },
      'value'
    )
    defineAccessor(object, key, get, set)
  }

  /**
   * Freezes an object. Behind an array or object whose prototypes are frozen at once V8 looks for elements that cannot be written,
   * whenever a new element is put into it, which takes three times as long: so these two are frozen property by property.
   */
  function close(object) {
    if (object === primordials.objectPrototype || object === primordials.arrayPrototype) {
      for (const key of ownKeys(object)) {
        const { get, set } = getOwnPropertyDescriptor(object, key)
        const isAccessor = get !== undefined || set !== undefined
        const closed = isAccessor
          ? { configurable: false }
          : { writable: false, configurable: false }
        defineProperty(object, key, closed)
      }
      preventExtensions(object)
    } else freeze(object)
  }

  /** Everything that can be reached from the global object, from a literal or from an error; returns the functions. */
  function freezeIntrinsics() {
    const todo = [
      realm,
      async () => {},
      (function* () {})(),
      (async function* () {})(),
      [].values(),
      [].values().map(() => 0),
      Iterator.from({ next() {} }),
      new Map().values(),
      new Set().values(),
      ''[Symbol.iterator](),
      regExpIterator
    ]
    const stack = getOwnPropertyDescriptor(new Error(), 'stack')
    // the builtins are those of the realm already, which take their time
    let count = todo.length
    const reach = (value) => {
      if (isObject(value) && !hasSeen(seen, value)) todo[count++] = value
    }
    const seen = new RawSet()
    reach(stack?.get)
    reach(stack?.set)
    const functions = []
    while (count > 0) {
      const object = todo[--count]
      if (hasSeen(seen, object)) continue
      see(seen, object)
      reach(getPrototypeOf(object))
      const isFunction = typeof object === 'function'
      const keys = ownKeys(object)
      for (let i = 0; i < keys.length; i++) {
        // of a function they are a number and a text
        if (isFunction && (keys[i] === 'length' || keys[i] === 'name')) continue
        const { value, get, set } = getOwnPropertyDescriptor(object, keys[i])
        reach(value)
        reach(get)
        reach(set)
      }
      close(object)
      if (!isFrozen(object)) throw new Error('an intrinsic cannot be frozen')
      if (isFunction) functions[functions.length] = object
    }
    return functions
  }

  /** Puts methods of a literal (they are no constructors, and have the right names) in the place of others. */
  function replace(object, methods) {
    for (const key of ownKeys(methods)) {
      const defined = defineProperty(object, key, {
        value: methods[key],
        writable: true,
        enumerable: false,
        configurable: true
      })
      if (!defined) throw new Error(`${String(key)} cannot be replaced`)
    }
  }

  /** For an object of ours with methods that contracts get. */
  function freezeMethods(object) {
    for (const key of ownKeys(object)) freeze(object[key])
    return freeze(object)
  }

  function defineAccessor(object, key, get, set) {
    const defined = defineProperty(object, key, { get, set, enumerable: false, configurable: true })
    if (!defined) throw new Error(`${key} cannot be replaced`)
  }

  function asConstructor(Constructor, name, length, prototype) {
    defineProperty(Constructor, 'name', { value: name })
    defineProperty(Constructor, 'length', { value: length })
    defineProperty(Constructor, 'prototype', { value: prototype, writable: false })
    replace(prototype, { constructor: Constructor })
  }

  /** ToPrimitive of ECMA-262 without a hint. */
  function toPrimitive(value) {
    if (!isObject(value)) return value
    const exotic = value[RawSymbol.toPrimitive] ?? undefined
    if (exotic !== undefined) {
      const primitive = apply(exotic, value, ['default'])
      if (!isObject(primitive)) return primitive
    } else {
      for (const key of ['valueOf', 'toString']) {
        const method = value[key]
        const primitive = typeof method === 'function' ? apply(method, value, []) : value
        if (!isObject(primitive)) return primitive
      }
    }
    throw new TypeError('Cannot convert object to primitive value')
  }

  /** ToNumber, paid for. */
  function toNumber(value) {
    return typeof value === 'number' ? value : kit.toNumber(value)
  }

  function isObject(value) {
    return (typeof value === 'object' && value !== null) || typeof value === 'function'
  }
})
