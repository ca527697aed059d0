;(function bytes(kit) {
  // Buffers and what views them. Whether a large buffer can be had depends on the machine, and failure can be caught;
  // so there is a budget per call, far below what the isolate has. Buffers neither grow nor detach, and those of
  // arrays of floats are not shown: the bits of a NaN in them differ between processors.

  const { apply, charge, enter, isObject, leave, limits, listOf, prices, rethrow, spend } = kit
  const { chargeList, element, isIntact, metered, placesIn, replace, room, sortCharge, textRoom } =
    kit
  const { toInteger, toNumber, toText, uncurry, weigh, wrapConstructor } = kit
  const realm = globalThis
  const RawArrayBuffer = ArrayBuffer
  const { defineProperty, getPrototypeOf } = Reflect
  const { getOwnPropertyDescriptor } = Object
  const { isArray } = Array
  const { trunc } = Math
  const { iterator } = Symbol
  const TypedArray = getPrototypeOf(Uint8Array)
  let bytes = 0
  const { species } = Symbol
  const prototype = TypedArray.prototype
  const getter = (object, key) => uncurry(getOwnPropertyDescriptor(object, key).get)
  const tagOf = getter(prototype, Symbol.toStringTag)
  const lengthOf = getter(prototype, 'length')
  const bufferOf = getter(prototype, 'buffer')
  const offsetOf = getter(prototype, 'byteOffset')
  const sizeOf = getter(RawArrayBuffer.prototype, 'byteLength')
  const set = uncurry(prototype.set)
  const rawSubarray = uncurry(prototype.subarray)
  const slice = uncurry(String.prototype.slice)
  const charCodeAt = uncurry(String.prototype.charCodeAt)
  const { exec } = kit
  const BLANKS = /[\t\n\f\r ]+/g
  const NO_HEX = /[^0-9A-Fa-f]/
  const NO_BASE64 = /[^+/0-9A-Za-z\t\n\f\r ]/
  const NO_BASE64_URL = /[^-_0-9A-Za-z\t\n\f\r ]/
  /** Hexadecimal digits that are no bytes. */
  const ODD = '0'
  const raw = {}
  const wrapped = {}
  /** Arguments that say where: from this one, up to that. */
  const PLACES = {
    __proto__: null,
    copyWithin: [0, 3],
    fill: [1, 3],
    includes: [1, 2],
    indexOf: [1, 2],
    lastIndexOf: [1, 2]
  }

  const names = ['Int8', 'Uint8', 'Uint8Clamped', 'Int16', 'Uint16', 'Int32', 'Uint32']
  for (const name of [...names, 'BigInt64', 'BigUint64', 'Float16', 'Float32', 'Float64']) {
    wrapArray(`${name}Array`)
  }
  wrapBuffer()
  wrapMethods()
  chargeMethods()
  chargeText()
  return {
    chargeBytes,
    bufferOf,
    offsetOf,
    rawArrays: raw,
    startBytes() {
      bytes = 0
    }
  }

  function chargeBytes(size) {
    if (!(bytes + size <= limits.buffers)) {
      throw kit.refuse(
        'BUFFER_TOO_LARGE',
        `buffers of one call may hold ${limits.buffers} bytes in all, and this one would make it ${bytes + size}`
      )
    }
    bytes += size
    spend(size, prices.bytesNew)
    weigh(size)
  }

  function allocate(Raw, args, target = Raw) {
    try {
      return kit.construct(Raw, args, target)
    } catch (error) {
      return rethrow(error)
    }
  }

  function wrapArray(name) {
    const Raw = realm[name]
    const width = Raw.BYTES_PER_ELEMENT
    const Wrapped = function (...args) {
      if (new.target === undefined) throw new TypeError(`Constructor ${name} requires 'new'`)
      const [source] = args
      if (!isObject(source)) {
        const length = toInteger(source ?? 0)
        if (length > 0) chargeBytes(length * width)
        return allocate(Raw, [length], new.target)
      }
      if (isBuffer(source)) {
        if (isFloat(name)) {
          throw new TypeError(
            `${name}: a view of a buffer is not available in this VM; use a DataView`
          )
        }
        charge(prices.view)
        const [, offset, length] = args
        const places = [offset === undefined ? 0 : toInteger(offset)]
        if (length !== undefined) places[1] = toInteger(length)
        return allocate(Raw, [source, ...places], new.target)
      }
      const items = itemsOf(source)
      const count =
        items === source && tagOf(source) !== undefined ? lengthOf(source) : items.length
      chargeBytes(count * width)
      spend(count, prices.bytesCopy)
      enter()
      try {
        const given = items === source && count > 0 && !isTyped(source) ? [...items] : items
        if (given !== source) convert(given, isBig(name))
        return allocate(Raw, [given], new.target)
      } finally {
        leave()
      }
    }
    raw[name] = Raw
    wrapped[name] = wrapConstructor(realm, Raw, Wrapped)
    if (name !== 'Uint8Array') return
    const { fromBase64, fromHex } = Raw
    replace(Wrapped, {
      fromBase64(text, ...options) {
        charge(prices.converted)
        if (typeof text === 'string') {
          chargeBytes(trunc((text.length * 3) / 4))
          spend(text.length, prices.bytesConvert)
        }
        return guarded(fromBase64, Raw, [text, ...options])
      },
      fromHex(text) {
        charge(prices.converted)
        if (typeof text !== 'string') return guarded(fromHex, Raw, [text])
        chargeBytes(trunc(text.length / 2))
        spend(text.length, prices.bytesRead)
        return guarded(fromHex, Raw, [endOf(NO_HEX, text) < text.length ? ODD : text])
      }
    })
  }

  function isTyped(value) {
    return tagOf(value) !== undefined
  }

  /** Makes numbers, or big integers, of what is in a list of ours. */
  function convert(list, isBig) {
    spend(list.length, prices.argument)
    for (let i = 0; i < list.length; i++) {
      if (typeof list[i] !== 'number' || isBig)
        list[i] = isBig ? kit.toBig(list[i]) : toNumber(list[i])
    }
  }

  function wrapBuffer() {
    const Wrapped = function (length, options) {
      if (new.target === undefined) throw new TypeError("Constructor ArrayBuffer requires 'new'")
      const size = toInteger(length ?? 0)
      if (isObject(options) && options.maxByteLength !== undefined) {
        throw new TypeError('ArrayBuffer: one that can grow is not available in this VM')
      }
      if (size > 0) chargeBytes(size)
      return allocate(RawArrayBuffer, [size], new.target)
    }
    wrapConstructor(realm, RawArrayBuffer, Wrapped)
    const keys = ['resize', 'resizable', 'maxByteLength', 'detached', 'transfer']
    for (const key of [...keys, 'transferToFixedLength']) delete RawArrayBuffer.prototype[key]
    replace(RawArrayBuffer.prototype, {
      // of this very class: a species constructor could be the engine's own, which charges nothing
      slice(start, end) {
        const size = sizeOf(this)
        const first = position(start, size, 0)
        const last = position(end, size, size)
        charge(prices.view)
        if (last > first) chargeBytes(last - first)
        const copy = allocate(RawArrayBuffer, [last > first ? last - first : 0])
        set(new raw.Uint8Array(copy), new raw.Uint8Array(this, first, sizeOf(copy)))
        return copy
      }
    })
  }

  /** The methods that make arrays, so that no way leads around the budget or to the bits of floats. */
  function wrapMethods() {
    for (const name of ['toReversed', 'toSorted', 'with']) {
      const method = prototype[name]
      replace(prototype, {
        [name](...args) {
          const length = lengthOf(this)
          if (name === 'toSorted' && (args[0] === undefined || typeof args[0] === 'function')) {
            sortCharge(length, 0)
          }
          charge(prices.view)
          chargeBytes(length * raw[tagOf(this)].BYTES_PER_ELEMENT)
          if (name === 'with') {
            placesIn(args, 0, 1)
            args[1] = element(this, args[1])
          }
          if (name === 'toSorted') args[0] = comparing(args[0])
          return guarded(method, this, args)
        }
      })
    }
    replace(prototype, {
      subarray(start, end) {
        charge(prices.subarray)
        const tag = tagOf(this)
        // a species constructor would be handed the buffer
        if (tag === undefined) return rawSubarray(this)
        if (!isFloat(tag)) {
          enter()
          try {
            return rawSubarray(this, ...placesIn([start, end]))
          } finally {
            leave()
          }
        }
        const length = lengthOf(this)
        const first = position(start, length, 0)
        const last = position(end, length, length)
        return view(this, first, last > first ? last - first : 0)
      },
      slice(start, end) {
        const length = lengthOf(this)
        const first = position(start, length, 0)
        const last = position(end, length, length)
        const count = last > first ? last - first : 0
        const copy = create(this, count)
        spend(count, prices.bytesCopy)
        if (count > 0) set(copy, view(this, first, count))
        return copy
      },
      map(callback, receiver) {
        const length = lengthOf(this)
        if (typeof callback !== 'function') throw new TypeError('map: not a function')
        const result = create(this, length)
        spend(length, prices.bytesEach)
        enter()
        try {
          for (let i = 0; i < length; i++) {
            const value =
              receiver === undefined
                ? callback(this[i], i, this)
                : apply(callback, receiver, [this[i], i, this])
            result[i] = typeof value === 'number' ? value : element(result, value)
          }
        } finally {
          leave()
        }
        return result
      },
      filter(callback, receiver) {
        const length = lengthOf(this)
        if (typeof callback !== 'function') throw new TypeError('filter: not a function')
        const kept = []
        spend(length, prices.bytesEach)
        room(length * 8)
        enter()
        try {
          for (let i = 0; i < length; i++) {
            const item = this[i]
            const keep =
              receiver === undefined
                ? callback(item, i, this)
                : apply(callback, receiver, [item, i, this])
            if (keep) kept[kept.length] = item
          }
        } finally {
          leave()
        }
        const result = create(this, kept.length)
        for (let i = 0; i < kept.length; i++) result[i] = kept[i]
        return result
      }
    })
    defineProperty(prototype, 'buffer', {
      get: getOwnPropertyDescriptor(
        {
          get buffer() {
            charge(1)
            const tag = tagOf(this)
            if (tag !== undefined && isFloat(tag)) {
              throw new TypeError(`${tag}: its buffer is not available in this VM; use a DataView`)
            }
            return bufferOf(this)
          }
        },
        'buffer'
      ).get,
      set: undefined
    })
  }

  function guarded(method, array, args) {
    enter()
    try {
      return apply(method, array, args)
    } catch (error) {
      return rethrow(error)
    } finally {
      leave()
    }
  }

  /** What only looks, moves or calls back pays by the length of the array. */
  function chargeMethods() {
    const rules = {
      bytesEach: [
        ...['every', 'find', 'findIndex', 'findLast', 'findLastIndex', 'forEach', 'reduce'],
        ...['reduceRight', 'some']
      ],
      bytesCopy: ['copyWithin', 'fill', 'includes', 'indexOf', 'lastIndexOf', 'reverse', 'set']
    }
    for (const price of Object.keys(rules)) {
      for (const name of rules[price]) {
        const method = prototype[name]
        const [from, to] = PLACES[name] ?? [0, 0]
        replace(prototype, {
          [name](...args) {
            const length = lengthOf(this)
            spend(length, prices[price])
            // where to look in an empty one is not asked
            if (from < to && (length > 0 || to > 2)) placesIn(args, from, to)
            if (name === 'fill') args[0] = element(this, args[0])
            if (name === 'set') {
              charge(prices.object)
              return setIn(method, this, args)
            }
            return guarded(method, this, args)
          }
        })
      }
    }
    const { at, sort } = prototype
    replace(prototype, {
      at(index) {
        lengthOf(this)
        return apply(at, this, [toNumber(index)])
      },
      sort(comparator) {
        if (comparator === undefined || typeof comparator === 'function') {
          sortCharge(lengthOf(this), 0)
        }
        return guarded(sort, this, [comparing(comparator)])
      }
    })
    const { from, of } = TypedArray
    replace(TypedArray, {
      from(source, mapper, receiver) {
        const isMapped = mapper !== undefined
        if (!kit.isConstructor(this) || (isMapped && typeof mapper !== 'function')) {
          return apply(from, this, [source, mapper])
        }
        if (source === undefined || source === null) return apply(from, this, [source])
        const items = itemsOf(Object(source), true)
        const length = items.length
        charge(prices.view)
        const result = kit.construct(this, [length])
        if (lengthOf(result) < length) throw new TypeError('the array is too short')
        spend(length, prices.bytesEach)
        enter()
        try {
          for (let i = 0; i < length; i++) {
            const item = isMapped ? apply(mapper, receiver, [items[i], i]) : items[i]
            result[i] = element(result, item)
          }
        } finally {
          leave()
        }
        return result
      },
      of(...items) {
        if (!kit.isConstructor(this)) return apply(of, this, [])
        charge(prices.view)
        spend(items.length, prices.bytesEach)
        enter()
        try {
          const result = kit.construct(this, [items.length])
          if (lengthOf(result) < items.length) throw new TypeError('the array is too short')
          for (let i = 0; i < items.length; i++) result[i] = element(result, items[i])
          return result
        } finally {
          leave()
        }
      }
    })
  }

  /** V8 makes a number of what a comparator returns. */
  function comparing(comparator) {
    if (typeof comparator !== 'function') return comparator
    return (left, right) => {
      const order = comparator(left, right)
      return typeof order === 'number' ? order : toNumber(order)
    }
  }

  /** TypedArray.prototype.set; of a list it is numbers that V8 gets. */
  function setIn(set, array, [source, offset, ...rest]) {
    const start = toInteger(offset)
    if (isTyped(source) || source === undefined || source === null || start < 0) {
      return guarded(set, array, [source, start, ...rest])
    }
    if (isIntact(source)) chargeList(source)
    const items = isIntact(source) ? [...source] : Object(source)
    const length = kit.lengthOf(items)
    // V8's own says what is wrong with the place
    if (!(length + start <= lengthOf(array))) return guarded(set, array, [{ length }, start])
    spend(length, prices.argument)
    enter()
    try {
      const makeNumber = isBig(tagOf(array)) ? kit.toBig : toNumber
      // each is there before the next one is looked at, which may throw
      for (let i = 0; i < length; i++) array[start + i] = makeNumber(items[i])
    } finally {
      leave()
    }
    return undefined
  }

  /** What an array is made of, with a length that stays: typed arrays and plain ones as they are, unless `copies`. */
  function itemsOf(source, copies = false) {
    if (tagOf(source) !== undefined && !copies) return source
    if (isIntact(source)) {
      spend(source.length, prices.argument)
      chargeList(source)
      return copies ? [...source] : source
    }
    const method = source[iterator]
    if (method === undefined || method === null) return listOf(source)
    const list = []
    for (const item of metered({ [iterator]: () => apply(method, source, []) }, prices.step)) {
      room(8)
      list[list.length] = item
    }
    return list
  }

  function chargeText() {
    const { join, toLocaleString } = prototype
    replace(prototype, {
      join(separator) {
        const length = lengthOf(this)
        const between = separator === undefined ? ',' : toText(separator)
        const most = charactersOf(tagOf(this))
        // long ones take as many times longer to be written
        spend(length, most > 11 ? prices.arrayJoin * 4 : prices.arrayJoin)
        textRoom(length * (between.length + most))
        return apply(join, this, [between])
      },
      toLocaleString() {
        const length = lengthOf(this)
        spend(length, prices.arrayJoin * 4)
        textRoom(length * (charactersOf(tagOf(this)) + 1))
        return guarded(toLocaleString, this, [])
      }
    })
    defineProperty(prototype, 'toString', { value: Array.prototype.toString })
    const { toBase64, toHex, setFromBase64, setFromHex } = Uint8Array.prototype
    replace(Uint8Array.prototype, {
      toBase64(...options) {
        chargeOutput(this)
        return guarded(toBase64, this, options)
      },
      toHex() {
        chargeOutput(this)
        return apply(toHex, this, [])
      },
      setFromBase64(text, ...options) {
        charge(prices.converted * 2)
        if (typeof text === 'string') spend(text.length, prices.bytesRead)
        if (typeof text !== 'string' || tagOf(this) !== 'Uint8Array') {
          return guarded(setFromBase64, this, [text, ...options])
        }
        const given = optionsOf(options)
        guarded(setFromBase64, new raw.Uint8Array(0), ['', given])
        // what V8 writes behind whole groups of four, or of three bytes, depends on the processor: it gets these first
        const pattern = given.alphabet === 'base64url' ? NO_BASE64_URL : NO_BASE64
        const groups = slice(text, 0, endOfGroups(text, endOf(pattern, text)))
        const whole = {
          __proto__: null,
          alphabet: given.alphabet,
          lastChunkHandling: 'stop-before-partial'
        }
        const size = lengthOf(this)
        const { read, written } = apply(setFromBase64, view(this, 0, size - (size % 3)), [
          groups,
          whole
        ])
        const left = size - written
        if (left === 0 || read === text.length) return { read, written }
        const last = new raw.Uint8Array(left < 3 ? left : 3)
        const rest = apply(setFromBase64, last, [slice(text, read), given])
        for (let i = 0; i < rest.written; i++) this[written + i] = last[i]
        return { read: read + rest.read, written: written + rest.written }
      },
      setFromHex(text) {
        charge(prices.converted)
        if (typeof text !== 'string') return apply(setFromHex, this, [text])
        spend(text.length, prices.bytesRead)
        const end = endOf(NO_HEX, text)
        if (end === text.length) return apply(setFromHex, this, [text])
        const pairs = text.length % 2 === 0 ? trunc(end / 2) : 0
        const result = apply(setFromHex, this, [slice(text, 0, pairs * 2)])
        return pairs < lengthOf(this) ? apply(setFromHex, this, [ODD]) : result
      }
    })
  }

  /** Where the first character is of those that a pattern looks for; the end of the text where none is. */
  function endOf(pattern, text) {
    return exec(pattern, text)?.index ?? text.length
  }

  /** Where the last four characters of base64 end that are before `end`, of which some may be white space. */
  function endOfGroups(text, end) {
    let count = end
    BLANKS.lastIndex = 0
    for (let run = exec(BLANKS, text); run !== null && run.index < end; run = exec(BLANKS, text)) {
      charge(prices.object)
      count -= run[0].length
    }
    let at = end
    for (let over = count % 4; over > 0; ) if (!isBlank(charCodeAt(text, --at))) over--
    return at
  }

  function isBlank(code) {
    return code === 32 || (code >= 9 && code <= 13)
  }

  /** What V8 would ask of the options, asked once. */
  function optionsOf({ 0: options }) {
    const given = { __proto__: null, alphabet: undefined, lastChunkHandling: undefined }
    if (!isObject(options)) return options === undefined ? given : options
    enter()
    try {
      given.alphabet = options.alphabet
      const { alphabet } = given
      const isKnown = alphabet === undefined || alphabet === 'base64' || alphabet === 'base64url'
      if (isKnown) given.lastChunkHandling = options.lastChunkHandling
      return given
    } finally {
      leave()
    }
  }

  /** What an element comes to as text, at most. */
  function charactersOf(tag) {
    if (isBig(tag)) return 20
    if (isFloat(tag)) return 25
    if (tag === 'Int32Array' || tag === 'Uint32Array') return 11
    return tag === 'Int16Array' || tag === 'Uint16Array' ? 6 : 4
  }

  function chargeOutput(array) {
    if (tagOf(array) !== 'Uint8Array') return
    charge(prices.converted)
    textRoom(lengthOf(array) * 2)
    spend(lengthOf(array), prices.bytesConvert)
  }

  /** TypedArraySpeciesCreate of ECMA-262, which by default takes the engine's own constructor. */
  function create(array, length) {
    const tag = tagOf(array)
    charge(prices.view)
    const result = createAs(array, wrapped[tag], length)
    if (lengthOf(result) < length) throw new TypeError('the array of the species is too short')
    if (isBig(tag) !== isBig(tagOf(result))) throw new TypeError('bigints and numbers do not mix')
    return result
  }

  /** Getters, and the constructor, may be of the contract, or builtins that do the same. */
  function createAs(array, Wrapped, length) {
    enter()
    try {
      const Constructor = array.constructor
      if (Constructor === undefined) return kit.construct(Wrapped, [length])
      if (!isObject(Constructor)) throw new TypeError('constructor is not an object')
      return kit.construct(Constructor[species] ?? Wrapped, [length])
    } finally {
      leave()
    }
  }

  function view(array, first, length) {
    const Raw = raw[tagOf(array)]
    const offset = offsetOf(array) + first * Raw.BYTES_PER_ELEMENT
    return new Raw(bufferOf(array), offset, length)
  }

  function position(value, length, fallback) {
    if (value === undefined) return fallback
    const index = toInteger(value)
    if (index < 0) return index + length > 0 ? index + length : 0
    return index < length ? index : length
  }

  function isBuffer(value) {
    if (isArray(value) || tagOf(value) !== undefined) return false
    try {
      sizeOf(value)
      return true
    } catch {
      return false
    }
  }

  function isFloat(name) {
    return name === 'Float64Array' || name === 'Float32Array' || name === 'Float16Array'
  }

  function isBig(name) {
    return name === 'BigInt64Array' || name === 'BigUint64Array'
  }
})
