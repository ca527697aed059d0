;(function arrays(kit) {
  // Arrays. A method of a plain array pays by its length, which nothing can change between here and V8's own
  // method, which reads it before it runs anything else. For whatever else is `this`, a proxy stands before it
  // that answers the one question for its length with what has been read and paid for.

  const { apply, charge, construct, enter, isBlock, isConstructor, isObject, isPlain } = kit
  const { leave, note } = kit
  const { lengthOf, prices, replace, room, spend, textRoom, toInteger } = kit
  const { element, isProxy, limits, state, toNumber, toText, uncurry } = kit
  const { wrapConstructor } = kit
  const { defineProperty, deleteProperty, get, has, set } = Reflect
  const { isArray } = Array
  const { clz32, trunc } = Math
  const { prototype } = Array
  const RawArray = Array
  const RawProxy = Proxy
  const RawObject = Object
  const { species, iterator, asyncIterator, isConcatSpreadable } = Symbol
  const LENGTH_MAX = 2 ** 53 - 1
  /** Elements that are passed as arguments. */
  const BLOCK = 4096
  const values = prototype.values
  const raw = {}
  for (const key of Reflect.ownKeys(prototype)) {
    const { value } = Object.getOwnPropertyDescriptor(prototype, key)
    if (typeof value === 'function' && key !== 'constructor' && typeof key === 'string') {
      raw[key] = value
    }
  }
  const pushRaw = uncurry(raw.push)
  const rawJoin = uncurry(raw.join)
  const rawSort = uncurry(raw.sort)
  const rawToSpliced = uncurry(raw.toSpliced)
  const rawToReversed = uncurry(raw.toReversed)
  const rawIncludes = uncurry(raw.includes)
  const objectText = uncurry(Object.prototype.toString)
  const joining = []
  const CALLBACK = prices.callback
  const NESTING = limits.nesting

  const SomeArray = wrapConstructor(globalThis, RawArray, function (...args) {
    const [length] = args
    if (args.length === 1 && typeof length === 'number' && length > 0 && length < 2 ** 32) {
      room(length * 8)
      spend(length, prices.arrayNew)
    } else charge(prices.call)
    return construct(RawArray, args, new.target === undefined ? SomeArray : new.target)
  })

  replaceCallbacks()
  replaceSearches()
  replaceChanges()
  replaceCopies()
  replaceSorts()
  replaceTexts()
  replaceFrom()
  return { sortCharge, isIntact, chargeList, pushRaw }

  /** Runs V8's method on an object with this length, whatever the object says from now on. */
  function run(method, object, length, args, isMeasured = isPlain(object)) {
    enter()
    try {
      if (isMeasured) return apply(method, object, args)
      const stand = standFor(object, length)
      const result = apply(method, stand, args)
      return result === stand ? object : result
    } finally {
      leave()
    }
  }

  /** Runs what an element of a plain array may interrupt, since that may be a getter. */
  function nested(method, receiver, args) {
    enter()
    try {
      return apply(method, receiver, args)
    } finally {
      leave()
    }
  }

  /** Its target is empty, since V8 compares what a trap says with what the target has. */
  function standFor(object, length) {
    let asked = false
    return new RawProxy(isArray(object) ? [] : {}, {
      get(_, key) {
        if (key !== 'length' || asked) return get(object, key, object)
        asked = true
        return length
      },
      has(_, key) {
        return has(object, key)
      },
      set(_, key, value) {
        return set(object, key, element(object, value, key), object)
      },
      deleteProperty(_, key) {
        return deleteProperty(object, key)
      }
    })
  }

  /**
   * Numbers of what says where: of arguments from `from` on, up to `to`. Where one was an object, the array may be another one
   * behind it: false, for the length that it had to be kept.
   */
  function placed(args, from, to) {
    let isKnown = true
    for (let i = from; i < args.length && i < to; i++) {
      const place = args[i]
      if (typeof place === 'number' || place === undefined) continue
      if (isObject(place)) isKnown = false
      args[i] = toNumber(place)
    }
    return isKnown
  }

  function toObject(value, name) {
    if (isObject(value)) return value
    if (value !== undefined && value !== null) return RawObject(value)
    throw new TypeError(`Array.prototype.${name} called on null or undefined`)
  }

  function replaceCallbacks() {
    for (const name of [
      ...['every', 'find', 'findIndex', 'findLast', 'findLastIndex', 'forEach', 'some', 'map'],
      'filter'
    ]) {
      const method = uncurry(raw[name])
      const own = name === 'map' ? mapped : name === 'filter' ? filtered : null
      replace(prototype, {
        [name](callback, receiver) {
          if (
            typeof callback !== 'function' ||
            !isArray(this) ||
            (state.proxies && isProxy(this))
          ) {
            return generic(raw[name], name, this, [callback, receiver], 2)
          }
          const { length } = this
          charge(CALLBACK + length)
          if (state.depth >= NESTING) enter()
          state.depth++
          try {
            if (own !== null) {
              return this.constructor === SomeArray
                ? own(this, length, callback, receiver)
                : intoSpecies(this, length, callback, receiver, name === 'map')
            }
            return receiver === undefined
              ? method(this, callback)
              : method(this, callback, receiver)
          } finally {
            state.depth--
          }
        }
      })
    }
    for (const name of ['reduce', 'reduceRight']) {
      const method = raw[name]
      replace(prototype, {
        [name](...args) {
          if (typeof args[0] !== 'function' || !isPlain(this)) {
            return generic(method, name, this, args, 3)
          }
          charge(prices.callback + this.length * prices.arrayEach)
          enter()
          try {
            return apply(method, this, args)
          } finally {
            leave()
          }
        }
      })
    }
  }

  /** For whatever is no plain array; `last` is which argument of the callback is the object. */
  function generic(method, name, receiver, args, last) {
    const object = toObject(receiver, name)
    const length = lengthOf(object)
    const [callback, ...rest] = args
    if (typeof callback !== 'function') return run(method, object, 0, [callback])
    charge(prices.callback)
    spend(length, prices.arrayEach * 4)
    if (name === 'map') room(length * 8)
    if ((name === 'map' || name === 'filter') && isArray(object)) {
      return nested(intoSpecies, undefined, [object, length, callback, rest[0], name === 'map'])
    }
    // the callback gets the object, not what stands for it
    const own = function (...given) {
      given[last] = object
      return apply(callback, this, given)
    }
    return run(method, object, length, [own, ...rest])
  }

  /** map or filter, where what they make may be anything. */
  function intoSpecies(array, length, callback, receiver, isMap) {
    const result = speciesOf(array, isMap ? length : 0)
    let next = 0
    for (let i = 0; i < length; i++) {
      if (!(i in array)) continue
      charge(prices.arrayPut)
      const value = array[i]
      const answer = apply(callback, receiver, [value, i, array])
      if (isMap) put(result, i, answer)
      else if (answer) put(result, next++, value)
    }
    return result
  }

  /** Whether ArraySpeciesCreate would make a plain array, without asking anybody. */
  function isDefault(array) {
    return (
      Reflect.getPrototypeOf(array) === prototype &&
      Object.getOwnPropertyDescriptor(array, 'constructor') === undefined
    )
  }

  function mapped(array, length, callback, receiver) {
    if (length > 32) room(length * 8)
    const result = new RawArray(length)
    if (receiver === undefined) {
      for (let i = 0; i < length; i++) {
        const value = array[i]
        if (value !== undefined || i in array) result[i] = callback(value, i, array)
      }
      return result
    }
    for (let i = 0; i < length; i++) {
      const value = array[i]
      if (value !== undefined || i in array) {
        result[i] = apply(callback, receiver, [value, i, array])
      }
    }
    return result
  }

  function filtered(array, length, callback, receiver) {
    const result = []
    for (let i = 0; i < length; i++) {
      const value = array[i]
      if (value === undefined && !(i in array)) continue
      const keep =
        receiver === undefined
          ? callback(value, i, array)
          : apply(callback, receiver, [value, i, array])
      // V8's own: this place sees arrays of all kinds, and a store takes three times as long there
      if (keep) pushRaw(result, value)
    }
    return result
  }

  function replaceSearches() {
    for (const name of ['indexOf', 'lastIndexOf', 'includes']) {
      const method = raw[name]
      replace(prototype, {
        [name](sought, ...rest) {
          const isLong = typeof sought === 'string' || typeof sought === 'bigint'
          if (rest.length === 0 && !isLong && isPlain(this)) {
            charge(prices.spent + trunc(this.length * prices.arrayFind))
            return nested(method, this, [sought])
          }
          const object = toObject(this, name)
          const length = lengthOf(object)
          spend(length, prices.arrayFind)
          // what is equal is compared to its end; where it is no block, ropes are gone through
          if (typeof sought === 'string' && sought.length > 16) {
            spend(length * sought.length, isBlock(object) ? prices.copy : prices.closed)
          } else if (typeof sought === 'bigint') spend(length * kit.wordsOf(sought), prices.word)
          // of an empty one nobody asks where
          const isKnown = placed(rest, 0, length === 0 ? 0 : 1)
          return run(method, object, length, [sought, ...rest], isKnown && isPlain(object))
        }
      })
    }
  }

  function replaceChanges() {
    for (const [name, price] of [
      ['shift', prices.arrayMove],
      ['reverse', prices.arrayCopy],
      ['copyWithin', prices.arrayCopy],
      ['fill', prices.arrayCopy / 8],
      ['unshift', prices.arrayMove]
    ]) {
      const method = raw[name]
      const shifts = name === 'shift' || name === 'unshift'
      const [from, to] = name === 'copyWithin' ? [0, 3] : name === 'fill' ? [1, 3] : [0, 0]
      replace(prototype, {
        [name](...args) {
          if (isBlock(this) && this.length <= 32 && areNumbers(args, from, to)) {
            charge(prices.spent * 2)
            return nested(method, this, args)
          }
          const object = toObject(this, name)
          const length = lengthOf(object)
          const isKnown = placed(args, from, to)
          // what is no array is not moved as a block
          const isMoved = isKnown && isBlock(object) && (!shifts || isDense(object))
          spend(length, isMoved ? price : prices.arrayCopy * 4)
          return run(method, object, length, args, isKnown && isPlain(object))
        }
      })
    }
    const rawSplice = raw.splice
    replace(prototype, {
      splice(...args) {
        const object = toObject(this, 'splice')
        const length = lengthOf(object)
        const [start, count] = args
        if (isBlock(object) && isDefault(object) && isInteger(start) && args.length > 1) {
          if (isInteger(count) && Object.isExtensible(object)) {
            charge(prices.spent * 2)
            return nested(spliced, undefined, [object, length, args])
          }
        }
        placed(args, 0, 2)
        room(length * 8)
        spend(length, prices.arrayCopy * 2)
        if (isArray(object)) return nested(splicedInto, undefined, [object, length, args])
        return run(rawSplice, object, length, args)
      }
    })
  }

  /** Whether it is known to have no holes: of an array that has, V8 may have made a table. */
  function isDense(array) {
    if (Reflect.getPrototypeOf(array) !== prototype) return false
    if (!rawIncludes(array, undefined)) return true
    const { length } = array
    spend(length, prices.arrayFind)
    // one that holds `undefined` is no hole
    for (let i = 0; i < length; i++) if (array[i] === undefined && !(i in array)) return false
    return true
  }

  /** splice, where what is removed may go into anything. */
  function splicedInto(array, length, args) {
    const from = position(toInteger(args[0]), length)
    const most = args.length === 0 ? 0 : length - from
    const wanted = args.length < 2 ? most : toInteger(args[1])
    const count = wanted < 0 ? 0 : wanted < most ? wanted : most
    const added = args.length > 2 ? args.length - 2 : 0
    const after = length - count + added
    if (after > LENGTH_MAX) throw new TypeError('the array would be too long')
    const removed = speciesOf(array, count)
    for (let i = 0; i < count; i++) {
      charge(prices.arrayPut)
      if (from + i in array) put(removed, i, array[from + i])
    }
    removed.length = count
    if (added < count) {
      for (let i = from + count; i < length; i++) move(array, i, i - count + added)
      for (let i = length - 1; i >= after; i--) delete array[i]
    } else if (added > count) {
      for (let i = length - 1; i >= from + count; i--) move(array, i, i - count + added)
    }
    for (let i = 0; i < added; i++) array[from + i] = args[i + 2]
    array.length = after
    return removed
  }

  function move(array, from, to) {
    charge(prices.arrayPut)
    if (from in array) array[to] = array[from]
    else delete array[to]
  }

  /** Whether arguments in these places are numbers, or not there. */
  function areNumbers(args, from, to) {
    for (let i = from; i < to; i++) {
      if (typeof args[i] !== 'number' && args[i] !== undefined) return false
    }
    return true
  }

  function isInteger(value) {
    return typeof value === 'number' && value === value - (value % 1)
  }

  /** Of a plain array: what stands behind the place is taken off and put back, which is a matter of blocks. */
  function spliced(array, length, args) {
    const from = position(args[0], length)
    const count = args[1] < 0 ? 0 : args[1] < length - from ? args[1] : length - from
    const removed = part(array, from, from + count)
    const added = args.length - 2
    if (added === count) {
      for (let i = 0; i < added; i++) array[from + i] = args[i + 2]
      charge(added + 1)
      return removed
    }
    const tail = part(array, from + count, length)
    if (hasHoles(tail) || hasHoles(removed)) {
      spend(length, prices.arrayCopy * 2)
      return apply(raw.splice, array, args)
    }
    array.length = from
    for (let i = 2; i < args.length; i++) array[array.length] = args[i]
    append(array, tail)
    return removed
  }

  function position(value, length) {
    if (value < 0) return value + length > 0 ? value + length : 0
    return value < length ? value : length
  }

  function hasHoles(array) {
    if (!rawIncludes(array, undefined)) return false
    for (let i = 0; i < array.length; i++) if (!(i in array)) return true
    return false
  }

  /** Adds the items of an array of ours to one, as a block where they fit on the stack. */
  function append(array, items) {
    const { length } = items
    if (length > 8 && length <= BLOCK) {
      spend(length, prices.arrayMove * 8)
      apply(raw.push, array, items)
      return
    }
    spend(length, prices.arrayCopy)
    for (let i = 0, next = array.length; i < length; i++) array[next++] = items[i]
  }

  /** A part of a plain array, as slice makes it. */
  function part(array, from, to) {
    return nested(copyOf, undefined, [array, from, to])
  }

  function copyOf(array, from, to) {
    const count = to > from ? to - from : 0
    if (count <= 2) return few(array, from, to)
    if (count > 32) room(count * 8)
    spend(array.length, prices.arrayMove * 2)
    // where there may be holes, V8 is slow with all but iterating it and turning it around
    const copy = array[iterator] === values ? [...array] : rawToSpliced(array, 0, 0)
    if (to < copy.length) copy.length = to
    return from === 0
      ? checkedCopy(copy, array, 0, to)
      : checkedCopy(tailOf(copy, count), array, from, to)
  }

  /** The last elements of a list of ours. */
  function tailOf(list, count) {
    const reversed = rawToReversed(list)
    reversed.length = count
    return rawToReversed(reversed)
  }

  /** What is `undefined` may be a hole. */
  function checkedCopy(copy, array, from, to) {
    return rawIncludes(copy, undefined) ? few(array, from, to) : copy
  }

  /** The same, one by one. */
  function few(array, from, to) {
    const result = []
    charge(to > from ? to - from : 1)
    for (let i = from, next = 0; i < to; i++, next++) {
      const value = array[i]
      if (value !== undefined || i in array) result[next] = value
      else result.length = next + 1
    }
    return result
  }

  function replaceCopies() {
    const { slice, at, toSpliced } = raw
    replace(prototype, {
      slice(start, end) {
        if (isBlock(this) && this.length <= 32 && isDefault(this)) {
          const from =
            start === undefined ? 0 : isInteger(start) ? position(start, this.length) : -1
          const to =
            end === undefined ? this.length : isInteger(end) ? position(end, this.length) : -1
          if (from >= 0 && to >= 0) return part(this, from, to)
        }
        const object = toObject(this, 'slice')
        const length = lengthOf(object)
        const simple = start === undefined || isInteger(start)
        if (simple && (end === undefined || isInteger(end)) && isBlock(object)) {
          if (isDefault(object)) {
            const from = start === undefined ? 0 : position(start, length)
            return part(object, from, end === undefined ? length : position(end, length))
          }
        }
        const args = [start, end]
        placed(args, 0, 2)
        room(length * 8)
        spend(length, prices.arrayCopy)
        if (isArray(object)) return nested(slicedInto, undefined, [object, length, args])
        return run(slice, object, length, args)
      },
      concat(...items) {
        return concatenated(toObject(this, 'concat'), items)
      },
      flat(levels) {
        const object = toObject(this, 'flat')
        const length = lengthOf(object)
        const depth = levels === undefined ? 1 : toInteger(levels)
        const result = speciesOf(object, 0)
        flatten(result, object, length, 0, depth, undefined, undefined)
        return result
      },
      flatMap(callback, receiver) {
        const object = toObject(this, 'flatMap')
        const length = lengthOf(object)
        if (typeof callback !== 'function') {
          throw new TypeError('flatMap mapper function is not callable')
        }
        const result = speciesOf(object, 0)
        flatten(result, object, length, 0, 1, callback, receiver)
        return result
      },
      at(index) {
        if (isPlain(this) && typeof index === 'number') return nested(at, this, [index])
        const object = toObject(this, 'at')
        const length = lengthOf(object)
        const args = [index]
        return run(at, object, length, args, placed(args, 0, 1) && isPlain(object))
      },
      toSpliced(...args) {
        const object = toObject(this, 'toSpliced')
        const length = lengthOf(object)
        const isKnown = placed(args, 0, 2)
        room(length * 8)
        spend(length, prices.arrayCopy)
        return run(toSpliced, object, length, args, isKnown && isPlain(object))
      }
    })
    for (const name of ['with', 'toReversed']) {
      const method = raw[name]
      replace(prototype, {
        [name](...args) {
          const object = toObject(this, name)
          const length = lengthOf(object)
          const isKnown = placed(args, 0, name === 'with' ? 1 : 0)
          room(length < 2 ** 32 ? length * 8 : 0)
          spend(length, prices.arrayCopy)
          return run(method, object, length, args, isKnown && isPlain(object))
        }
      })
    }
  }

  /** slice, where what it makes may be anything. */
  function slicedInto(array, length, [start, end]) {
    const from = position(toInteger(start), length)
    const to = end === undefined ? length : position(toInteger(end), length)
    const result = speciesOf(array, to > from ? to - from : 0)
    let next = 0
    for (let i = from; i < to; i++, next++) {
      charge(prices.arrayPut)
      if (i in array) put(result, next, array[i])
    }
    result.length = next
    return result
  }

  /** ArraySpeciesCreate. */
  function speciesOf(object, length) {
    if (!isArray(object)) return []
    if (isPlain(object) && isDefault(object)) return []
    return nested(speciesAsked, undefined, [object, length])
  }

  function speciesAsked(object, length) {
    let Constructor = object.constructor
    if (isObject(Constructor)) {
      Constructor = Constructor[species]
      if (Constructor === null) Constructor = undefined
    }
    if (Constructor === undefined) {
      room(length * 8)
      return newArray(length)
    }
    if (!isConstructor(Constructor))
      throw new TypeError('object.constructor[Symbol.species] is not a constructor')
    return construct(Constructor, [length])
  }

  function put(target, index, value) {
    const defined = defineProperty(target, index, {
      value: element(target, value),
      writable: true,
      enumerable: true,
      configurable: true
    })
    if (!defined) throw new TypeError(`Cannot add property ${index}, object is not extensible`)
  }

  function flatten(target, source, length, start, depth, callback, receiver) {
    let next = start
    const plain = isPlain(target)
    charge(prices.arrayEnter)
    enter()
    try {
      // all at once where it is no more than there is
      const known = isPlain(source)
      if (known) {
        charge(length * prices.arrayPut)
        room(length * 8)
      }
      for (let i = 0; i < length; i++) {
        if (!known) charge(prices.arrayPut * 2)
        let item = known ? source[i] : undefined
        if (item === undefined) {
          if (!(i in source)) continue
          if (!known) item = source[i]
        }
        if (callback !== undefined) item = apply(callback, receiver, [item, i, source])
        if (depth > 0 && typeof item === 'object' && item !== null && isArray(item)) {
          next = flatten(target, item, lengthOf(item), next, depth - 1, undefined, undefined)
          continue
        }
        if (next >= LENGTH_MAX) throw new TypeError('the array would be too long')
        if (!known) room(8)
        if (plain && next === target.length && next < 2 ** 32 - 1) pushRaw(target, item)
        else put(target, next, item)
        next++
      }
    } finally {
      leave()
    }
    return next
  }

  function concatenated(object, items) {
    if (isPlain(object) && isDefault(object)) {
      let simple = true
      for (let i = -1; i < items.length && simple; i++) {
        const item = i < 0 ? object : items[i]
        simple = !isObject(item) || (isBlock(item) && isDefault(item) && !hasSpreadable(item))
      }
      if (simple) return joined(object, items)
    }
    const result = speciesOf(object, 0)
    let next = 0
    enter()
    try {
      for (let i = -1; i < items.length; i++) {
        const item = i < 0 ? object : items[i]
        if (!isSpreadable(item)) {
          if (next >= LENGTH_MAX) throw new TypeError('the array would be too long')
          charge(prices.arrayPut)
          put(result, next++, item)
          continue
        }
        const length = lengthOf(item)
        if (next + length > LENGTH_MAX) throw new TypeError('the array would be too long')
        spend(length, prices.arrayCopy * 4)
        room(length * 8)
        for (let k = 0; k < length; k++, next++) if (k in item) put(result, next, item[k])
      }
      result.length = next
    } finally {
      leave()
    }
    return result
  }

  function hasSpreadable(array) {
    return Object.getOwnPropertyDescriptor(array, isConcatSpreadable) !== undefined
  }

  function isSpreadable(value) {
    if (!isObject(value)) return false
    const spreadable = value[isConcatSpreadable]
    return spreadable === undefined ? isArray(value) : !!spreadable
  }

  function joined(object, items) {
    let result = part(object, 0, object.length)
    for (let i = 0; i < items.length; i++) {
      const item = items[i]
      if (!isObject(item)) {
        charge(1)
        room(8)
        result[result.length] = item
        continue
      }
      const piece = part(item, 0, item.length)
      if (piece.length === 0) continue
      if (result.length === 0) result = piece
      else if (hasHoles(piece)) {
        const from = result.length
        charge(piece.length)
        for (let k = 0; k < piece.length; k++) if (k in piece) result[from + k] = piece[k]
        result.length = from + piece.length
      } else {
        append(result, piece)
      }
    }
    return result
  }

  // ---- order

  /** Charges for sorting `count` items of together `size` characters. */
  function sortCharge(count, size) {
    const levels = count < 2 ** 31 ? 32 - clz32(count) : 64
    spend(count * levels, prices.sort)
    if (size > 0) spend(size * levels, prices.copy)
  }

  function replaceSorts() {
    for (const name of ['sort', 'toSorted']) {
      const method = raw[name]
      replace(prototype, {
        [name](comparator) {
          if (comparator !== undefined && typeof comparator !== 'function') {
            throw new TypeError('The comparison function must be either a function or undefined')
          }
          const object = toObject(this, name)
          const length = lengthOf(object)
          if (name === 'toSorted') room(length * 8)
          if (comparator === undefined) return sortedTexts(object, length, name === 'toSorted')
          sortCharge(length, 0)
          // V8 makes a number of what it returns
          const compare = (left, right) => {
            const order = comparator(left, right)
            return typeof order === 'number' ? order : toNumber(order)
          }
          return run(method, object, length, [compare])
        }
      })
    }
  }

  /** SortIndexedProperties and what follows, for sorting by text: what the texts are is known once all are read. */
  function sortedTexts(object, length, copies) {
    if (copies && length >= 2 ** 32) throw new RangeError('Invalid array length')
    const items = []
    let size = 0
    let simple = true
    const plain = isPlain(object)
    spend(length, prices.arrayEach)
    enter()
    try {
      for (let i = 0; i < length; i++) {
        if (!plain && !copies && !(i in object)) continue
        const item = object[i]
        if (item === undefined && plain && !copies && !(i in object)) continue
        items[items.length] = item
        if (typeof item === 'string') size += item.length
        else if (typeof item === 'number') size += 16
        else simple = false
      }
      sortCharge(items.length, size)
      rawSort(items, simple ? undefined : compareTexts)
      if (copies) return items
      for (let i = 0; i < items.length; i++) object[i] = items[i]
      for (let i = items.length; i < length; i++) {
        if (i in object && !deleteProperty(object, i))
          throw new TypeError(`Cannot delete property '${i}'`)
      }
    } finally {
      leave()
    }
    return object
  }

  function compareTexts(left, right) {
    const first = toText(left)
    const second = toText(right)
    spend(first.length < second.length ? first.length : second.length, prices.copy)
    return first < second ? -1 : first > second ? 1 : 0
  }

  // ---- text

  function replaceTexts() {
    replace(prototype, {
      join(separator) {
        const object = toObject(this, 'join')
        const length = lengthOf(object)
        const between = separator === undefined ? ',' : toText(separator)
        return textOf(object, length, between, false)
      },
      toLocaleString() {
        const object = toObject(this, 'toLocaleString')
        return textOf(object, lengthOf(object), ',', true)
      },
      toString() {
        const object = toObject(this, 'toString')
        charge(prices.callback)
        enter()
        try {
          const { join } = object
          return typeof join === 'function' ? apply(join, object, []) : objectText(object)
        } finally {
          leave()
        }
      }
    })
  }

  function textOf(object, length, between, local) {
    for (let i = 0; i < joining.length; i++) if (joining[i] === object) return ''
    charge(prices.join + length * prices.arrayJoin)
    if (length > 32) room(length * (8 + between.length))
    const texts = []
    let size = length > 1 ? (length - 1) * between.length : 0
    let i = 0
    let item
    if (state.depth >= NESTING) enter()
    state.depth++
    try {
      for (const plain = !local && isPlain(object); plain && i < length; i++) {
        item = object[i]
        if (typeof item === 'number') item = `${item}`
        else if (item === undefined || item === null) item = ''
        else if (typeof item !== 'string') break
        texts[i] = item
        size += item.length
      }
    } finally {
      state.depth--
    }
    if (i < length) size += convertRest(object, length, texts, local, i, item)
    if (size > 64) textRoom(size)
    return rawJoin(texts, between)
  }

  /** From `from` on; that one has been read where it is not undefined. Returns how many characters it came to. */
  function convertRest(object, length, texts, local, from, first) {
    let size = 0
    enter()
    joining[joining.length] = object
    try {
      for (let i = from; i < length; i++) {
        const item = i === from && first !== undefined ? first : object[i]
        if (item === undefined || item === null) texts[i] = ''
        else {
          charge(prices.joinText)
          texts[i] = toText(local ? item.toLocaleString() : item)
        }
        size += texts[i].length
        if (size > limits.text) textRoom(size)
      }
    } finally {
      joining.length--
      leave()
    }
    return size
  }

  // ---- Array.from

  /** A plain array that is iterated as the intrinsic does it. */
  function isIntact(object) {
    return isBlock(object) && object[iterator] === values
  }

  /** For going through an intact one, which V8 keeps as a table where there are gaps. */
  function chargeList(array) {
    const { length } = array
    const mayHaveGaps = length > 32 && rawIncludes(array, undefined)
    spend(length, mayHaveGaps ? prices.arrayCopy : prices.arrayMove * 4)
  }

  function replaceFrom() {
    replace(SomeArray, {
      from(items, ...rest) {
        const [mapper, receiver] = rest
        if (mapper !== undefined && typeof mapper !== 'function') {
          throw new TypeError(`${typeof mapper} is not a function`)
        }
        if (this === SomeArray && mapper === undefined && isIntact(items)) {
          room(items.length * 8)
          chargeList(items)
          return [...items]
        }
        const method = items[iterator]
        enter()
        try {
          if (method !== undefined && method !== null) {
            return collected(this, items, method, mapper, receiver)
          }
          return copied(this, items, mapper, receiver)
        } finally {
          leave()
        }
      },
      of(...items) {
        if (this === SomeArray || !isConstructor(this)) return items
        charge(items.length * prices.arrayPut)
        return nested(listed, undefined, [this, items])
      },
      fromAsync(items, mapper, receiver) {
        note(prices.reject)
        return gathered(this, items, mapper, receiver)
      }
    })
  }

  function listed(Constructor, items) {
    const result = construct(Constructor, [items.length])
    for (let i = 0; i < items.length; i++) put(result, i, items[i])
    result.length = items.length
    return result
  }

  function collected(Constructor, items, method, mapper, receiver) {
    const result =
      Constructor === SomeArray || !isConstructor(Constructor) ? [] : construct(Constructor, [])
    const plain = isPlain(result)
    let next = 0
    const source = { [iterator]: () => apply(method, items, []) }
    for (const item of source) {
      charge(prices.step)
      room(8)
      const value =
        mapper === undefined
          ? item
          : receiver === undefined
            ? mapper(item, next)
            : apply(mapper, receiver, [item, next])
      if (plain && next === result.length) result[next] = value
      else put(result, next, value)
      next++
    }
    result.length = next
    return result
  }

  function copied(Constructor, items, mapper, receiver) {
    const object = RawObject(items)
    const length = lengthOf(object)
    room(length * 8)
    spend(length, prices.step)
    const result =
      Constructor === SomeArray || !isConstructor(Constructor)
        ? newArray(length)
        : construct(Constructor, [length])
    const plain = isPlain(result) && Constructor === SomeArray
    for (let i = 0; i < length; i++) {
      const item = object[i]
      const value =
        mapper === undefined
          ? item
          : receiver === undefined
            ? mapper(item, i)
            : apply(mapper, receiver, [item, i])
      if (plain) result[i] = value
      else put(result, i, value)
    }
    result.length = length
    return result
  }

  function newArray(length) {
    if (length >= 2 ** 32) throw new RangeError('Invalid array length')
    return new RawArray(length)
  }

  /** Array.fromAsync: V8's own goes on for ever where `next` of what is no async iterable always throws. */
  async function gathered(Constructor, items, mapper, receiver) {
    if (mapper !== undefined && typeof mapper !== 'function') {
      throw new TypeError(`${typeof mapper} is not a function`)
    }
    const source = asyncSource(items)
    const own = mapper && ((item, index) => mappedItem(mapper, receiver, item, index))
    if (source === undefined) return gatheredLike(Constructor, items, own)
    const result = isConstructor(Constructor) ? construct(Constructor, []) : []
    let next = 0
    for await (const item of source) {
      room(8)
      put(result, next, own === undefined ? item : await own(item, next))
      next++
    }
    result.length = next
    return result
  }

  async function gatheredLike(Constructor, items, own) {
    const object = RawObject(items)
    const length = lengthOf(object)
    room(length * 8)
    spend(length, prices.step * 8)
    const result = isConstructor(Constructor) ? construct(Constructor, [length]) : newArray(length)
    for (let i = 0; i < length; i++) {
      const item = await object[i]
      put(result, i, own === undefined ? item : await own(item, i))
    }
    result.length = length
    return result
  }

  function mappedItem(mapper, receiver, item, index) {
    enter()
    try {
      return apply(mapper, receiver, [item, index])
    } finally {
      leave()
    }
  }

  /** What `for await` can go through, with `next` read and every step paid for; undefined for what is array-like. */
  function asyncSource(items) {
    for (const symbol of [asyncIterator, iterator]) {
      const method = items[symbol]
      if (method === undefined || method === null) continue
      if (typeof method !== 'function') throw new TypeError('the value is not async iterable')
      const steps = apply(method, items, [])
      if (!isObject(steps)) throw new TypeError('the result of the method is no iterator')
      const { next } = steps
      const stand = kit.meteredIterator(
        {
          next: (...args) => apply(next, steps, args),
          get return() {
            const end = steps.return
            return end && ((...args) => apply(end, steps, args))
          }
        },
        prices.step * 4
      )
      return { [symbol]: () => stand }
    }
    return undefined
  }
})
