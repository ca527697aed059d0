;(function collections(kit) {
  // Map, Set and their weak kin. A key that is a long string is hashed and compared to its end, and long big
  // integers whose lowest word is the same are all in one bucket of V8's.

  const { apply, charge, construct, enter, fuel, isObject, leave, metered, prices } = kit
  const { chargeKeyClass, chargeKeys, crowdMin, HASHED_MAX, isHashed, noteKey } = kit
  const { replace, room, spend, state, uncurry, wrapConstructor, isIntact } = kit
  const { iterator } = Symbol
  const { getPrototypeOf, ownKeys } = Reflect
  const getter = (prototype, key) => uncurry(Object.getOwnPropertyDescriptor(prototype, key).get)
  const sizeOfMap = getter(Map.prototype, 'size')
  const sizeOfSet = getter(Set.prototype, 'size')
  const WORD = 2n ** 64n
  const PUT = prices.entryPut
  const RawSet = Set
  const addRaw = uncurry(Set.prototype.add)
  /** Iterators that the call has made of its collections. */
  let iterators = 0
  /** Units for comparing the longest of the keys that V8 may all find under one hash. */
  let longest = 0

  for (const name of ['Map', 'Set', 'WeakMap', 'WeakSet']) replaceConstructor(name)
  replaceAccess()
  replaceLoops()
  replaceIterators()
  replaceSetMethods()
  replaceGroups()
  return {
    chargeKey,
    startCollections() {
      iterators = 0
      longest = 0
    }
  }

  /** For something that is looked up by its content; `size` is how much else is there. */
  function chargeKey(key, size) {
    if (typeof key === 'string') {
      if (key.length > 32) spend(key.length, prices.hash)
      if (key.length > HASHED_MAX) chargeCompared(size, key.length * prices.copy)
    } else if (typeof key === 'bigint' && (key >= WORD || key <= -WORD)) {
      chargeCompared(size, prices.entryRead + kit.wordsOf(key) * prices.word)
    } else if (state.crowded && isHashed(key)) chargeKeyClass(key)
  }

  /** For a key that may have to be compared, to its end, with as many as there are. */
  function chargeCompared(size, price) {
    if (price > longest) longest = price
    spend(size, price)
  }

  function replaceConstructor(name) {
    const Raw = globalThis[name]
    const adder = name === 'Map' || name === 'WeakMap' ? 'set' : 'add'
    const price = name[0] === 'W' ? prices.collectionWeak : prices.collection
    wrapConstructor(globalThis, Raw, function (items) {
      if (new.target === undefined) throw new TypeError(`Constructor ${name} requires 'new'`)
      charge(price)
      if (items === undefined || items === null) return construct(Raw, [], new.target)
      if (isIntact(items) && items.length <= crowdMin) {
        spend(items.length, prices.entry)
        room(items.length * 32)
        enter()
        try {
          return construct(Raw, [items], new.target)
        } finally {
          leave()
        }
      }
      enter()
      try {
        const collection = construct(Raw, [], new.target)
        const add = collection[adder]
        if (typeof add !== 'function') {
          throw new TypeError(`'${typeof add}' returned for property '${adder}' is not a function`)
        }
        const put = adder === 'set' ? putEntry : putItem
        for (const item of metered(items, prices.entry, 32)) put(collection, add, item)
        return collection
      } finally {
        leave()
      }
    })
  }

  function putItem(collection, add, item) {
    apply(add, collection, [item])
  }

  function putEntry(collection, add, item) {
    if (!isObject(item)) throw new TypeError(`Iterator value ${typeof item} is not an entry object`)
    apply(add, collection, [item[0], item[1]])
  }

  function replaceAccess() {
    for (const [prototype, sizeOf, names] of [
      [Map.prototype, sizeOfMap, ['get', 'has', 'delete', 'set']],
      [Set.prototype, sizeOfSet, ['has', 'add', 'delete']]
    ]) {
      for (const name of names) {
        const method = uncurry(prototype[name])
        const puts = name === 'set' || name === 'add'
        replace(prototype, puts ? putting(name, method, sizeOf) : finding(name, method, sizeOf))
      }
    }
    replaceWeakAccess()
    const getOrInsert = uncurry(Map.prototype.getOrInsert)
    const getOrInsertComputed = uncurry(Map.prototype.getOrInsertComputed)
    replace(Map.prototype, {
      getOrInsert(key, value) {
        charge(prices.entryPut)
        chargeKey(key, sizeOfMap(this))
        return noted(getOrInsert, sizeOfMap, this, key, value)
      },
      getOrInsertComputed(key, callback) {
        charge(prices.entryPut)
        chargeKey(key, sizeOfMap(this))
        enter()
        try {
          return noted(getOrInsertComputed, sizeOfMap, this, key, callback)
        } finally {
          leave()
        }
      }
    })
  }

  function finding(name, method, sizeOf) {
    const removes = name === 'delete'
    return {
      [name](key) {
        if (removes && iterators > 0) charge(iterators * prices.iteratorPassing)
        if (typeof key === 'string') {
          if (key.length > 32) chargeKey(key, key.length > HASHED_MAX ? sizeOf(this) : 0)
        } else if (typeof key === 'number') {
          if (state.crowded) chargeKeyClass(key)
        } else if (typeof key === 'bigint') chargeKey(key, sizeOf(this))
        return method(this, key)
      }
    }
  }

  function putting(name, method, sizeOf) {
    return {
      [name](key, value) {
        fuel.take(PUT)
        if (typeof key === 'string') {
          if (key.length > 32) chargeKey(key, key.length > HASHED_MAX ? sizeOf(this) : 0)
        } else if (typeof key === 'number') {
          if (state.crowded) chargeKeyClass(key)
          if (sizeOf(this) >= crowdMin) return noted(method, sizeOf, this, key, value)
        } else if (typeof key === 'bigint') {
          chargeKey(key, sizeOf(this))
          return noted(method, sizeOf, this, key, value)
        }
        return method(this, key, value)
      }
    }
  }

  /** Puts a key that is a number, and notes it where it is new. */
  function noted(method, sizeOf, collection, key, value) {
    const size = sizeOf(collection)
    const result = method(collection, key, value)
    if (size >= crowdMin && isHashed(key) && sizeOf(collection) > size) noteKey(key)
    return result
  }

  function replaceWeakAccess() {
    const { set, getOrInsert, getOrInsertComputed: computed } = WeakMap.prototype
    const { add } = WeakSet.prototype
    replace(WeakSet.prototype, {
      add(item) {
        charge(prices.entryWeak)
        return apply(add, this, [item])
      }
    })
    replace(WeakMap.prototype, {
      set(key, value) {
        charge(prices.entryWeak)
        return apply(set, this, [key, value])
      },
      getOrInsert(key, value) {
        charge(prices.entryWeak)
        return apply(getOrInsert, this, [key, value])
      },
      getOrInsertComputed(key, callback) {
        charge(prices.entryWeak)
        enter()
        try {
          return apply(computed, this, [key, callback])
        } finally {
          leave()
        }
      }
    })
  }

  function replaceLoops() {
    for (const [prototype, sizeOf] of [
      [Map.prototype, sizeOfMap],
      [Set.prototype, sizeOfSet]
    ]) {
      const { clear, forEach } = prototype
      replace(prototype, {
        clear() {
          spend(sizeOf(this), prices.entryRead)
          charge(iterators * prices.iteratorPassing)
          return apply(clear, this, [])
        },
        forEach(callback, receiver) {
          chargeIterator(sizeOf(this))
          if (typeof callback !== 'function') return apply(forEach, this, [callback])
          charge(1)
          enter()
          try {
            const own = (value, key) => {
              charge(prices.entry)
              apply(callback, receiver, [value, key, this])
            }
            return apply(forEach, this, [own])
          } finally {
            leave()
          }
        }
      })
    }
  }

  /**
   * V8 leaves a gap where a key was, up to three for each that is left, and every iterator goes through those before the
   * next key. Whoever makes an iterator pays for the gaps that there are, and whoever makes a gap for the iterators.
   */
  function chargeIterator(size) {
    iterators++
    spend(size, prices.entryPassed)
  }

  function replaceIterators() {
    for (const [prototype, sizeOf, names] of [
      [Map.prototype, sizeOfMap, ['entries', 'keys', 'values']],
      [Set.prototype, sizeOfSet, ['entries', 'values']]
    ]) {
      for (const name of names) {
        const method = uncurry(prototype[name])
        replace(prototype, {
          [name]() {
            chargeIterator(sizeOf(this))
            return method(this)
          }
        })
      }
    }
    Object.defineProperty(Map.prototype, iterator, { value: Map.prototype.entries })
    Object.defineProperty(Set.prototype, 'keys', { value: Set.prototype.values })
    Object.defineProperty(Set.prototype, iterator, { value: Set.prototype.values })
  }

  function replaceSetMethods() {
    for (const name of [
      ...['union', 'intersection', 'difference', 'symmetricDifference'],
      ...['isSubsetOf', 'isSupersetOf', 'isDisjointFrom']
    ]) {
      const method = Set.prototype[name]
      const makes = name[0] !== 'i' || name === 'intersection'
      replace(Set.prototype, {
        [name](other) {
          const size = sizeOfSet(this)
          spend(size, prices.entry)
          chargeKeys(size)
          if (makes) room(size * 16)
          if (isSet(other)) {
            const others = sizeOfSet(other)
            spend(others, prices.entry)
            chargeKeys(others)
            if (longest > 0) spend(size * others, longest)
            if (makes) room(others * 16)
            return apply(method, this, [other])
          }
          enter()
          try {
            const given = isObject(other) ? meteredSet(other, size * longest, makes) : other
            return apply(method, this, [given])
          } finally {
            leave()
          }
        }
      })
    }
  }

  /** One that has nothing of its own, and inherits nothing else. */
  function isSet(value) {
    if (!isObject(value) || kit.isProxy(value)) return false
    if (getPrototypeOf(value) !== Set.prototype || ownKeys(value).length > 0) return false
    try {
      sizeOfSet(value)
      return true
    } catch {
      return false
    }
  }

  /** Stands for what is like a set, as GetSetRecord reads it; `price` is that of looking for one of its keys. */
  function meteredSet(other, price, makes) {
    return {
      get size() {
        return kit.toNumber(other.size)
      },
      get has() {
        const { has } = other
        if (typeof has !== 'function') return has
        return (key) => {
          charge(prices.entry)
          return apply(has, other, [key])
        }
      },
      get keys() {
        const { keys } = other
        if (typeof keys !== 'function') return keys
        return () => {
          const iterated = apply(keys, other, [])
          if (!isObject(iterated)) return iterated
          return stepping(iterated, price, makes)
        }
      }
    }
  }

  function stepping(iterated, price, makes) {
    const steps = kit.meteredIterator(iterated, prices.entry + price)
    return {
      get next() {
        const { next } = steps
        if (typeof next !== 'function' || !makes) return next
        return () => {
          room(16)
          return next()
        }
      },
      get return() {
        return steps.return
      }
    }
  }

  function replaceGroups() {
    for (const Constructor of [Map, Object]) {
      const { groupBy } = Constructor
      replace(Constructor, {
        groupBy(items, callback) {
          charge(prices.object)
          if (items === undefined || items === null || typeof callback !== 'function') {
            return apply(groupBy, Constructor, [items, callback])
          }
          const method = items[iterator]
          if (typeof method !== 'function') return apply(groupBy, Constructor, [items, callback])
          enter()
          try {
            const source = { [iterator]: () => apply(method, items, []) }
            const seen = new RawSet()
            const makesKeys = Constructor === Object
            const own = (item, index) => {
              const given = callback(item, index)
              const key = makesKeys ? kit.keyOf(given) : given
              chargeKey(key, index)
              if (isHashed(key)) noted(addRaw, sizeOfSet, seen, key)
              return key
            }
            return apply(groupBy, Constructor, [metered(source, prices.keyWrite), own])
          } finally {
            leave()
          }
        }
      })
    }
  }
})
