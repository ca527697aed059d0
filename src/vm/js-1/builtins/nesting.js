;(function nesting(kit) {
  // What V8 does by itself with whatever `this` is, which may be a builtin again: `o.toString = o.at`, where `o.at` is
  // that of texts, goes as deep as V8's stack is, and how deep that is differs between machines. So each of these
  // counts a level. It is enough to count those that look at `this`: nothing but the contract, or one of these, hands
  // an object to those that look at their arguments.

  const { apply, ascend, charge, DEEP, deepen, descend, element, enter, isBlock, isPlain } = kit
  const { leave, prices, replace, spend, state, thisText, toInteger, uncurry } = kit
  const { defineProperty, getPrototypeOf } = Reflect
  const { getOwnPropertyDescriptor } = Object
  const { asyncDispose, dispose, iterator, toStringTag } = Symbol
  const { push } = Array.prototype
  const { isView } = ArrayBuffer
  /** Elements of an array, up to which it does not matter how V8 keeps them. */
  const POPPED_MIN = 512

  replaceTexts()
  replaceStacks()
  replaceOthers()
  replaceSetters()
  replaceGenerators()
  return {}

  function replaceTexts() {
    const { prototype } = String
    const charCodeAt = uncurry(prototype.charCodeAt)
    const slice = uncurry(prototype.slice)
    const iterate = uncurry(prototype[iterator])
    // these two are called for every character of a text
    replace(prototype, {
      charCodeAt(position) {
        if (typeof this === 'string' && typeof position === 'number') {
          return charCodeAt(this, position)
        }
        const text = thisText(this, 'charCodeAt')
        return charCodeAt(text, toInteger(position))
      },
      slice(start, end) {
        if (typeof this === 'string' && typeof start === 'number') {
          if (end === undefined || typeof end === 'number') return slice(this, start, end)
        }
        const text = thisText(this, 'slice')
        const first = toInteger(start)
        return slice(text, first, end === undefined ? undefined : toInteger(end))
      },
      [iterator]() {
        return iterate(typeof this === 'string' ? this : thisText(this, 'Symbol.iterator'))
      }
    })
    for (const name of ['at', 'charAt', 'codePointAt']) {
      const method = uncurry(prototype[name])
      replace(prototype, {
        [name](position) {
          if (typeof this === 'string' && typeof position === 'number') {
            return method(this, position)
          }
          const text = thisText(this, name)
          return method(text, toInteger(position))
        }
      })
    }
    for (const name of ['substr', 'substring']) {
      const method = uncurry(prototype[name])
      replace(prototype, {
        [name](start, end) {
          const text = typeof this === 'string' ? this : thisText(this, name)
          const first = toInteger(start)
          return method(text, first, end === undefined ? undefined : toInteger(end))
        }
      })
    }
  }

  /** As short as can be: who uses a list as a stack does little else, and a `finally` is as long as the rest. */
  function replaceStacks() {
    const { prototype } = Array
    const pop = uncurry(prototype.pop)
    const pushOne = uncurry(push)
    replace(prototype, {
      push(item) {
        if (state.depth >= DEEP) deepen()
        state.depth++
        try {
          // biome-ignore lint/complexity/noArguments: a list of one would be slower
          const items = arguments
          const isEasy = typeof item === 'number' || !isView(this)
          const length =
            items.length === 1
              ? pushOne(this, isEasy ? item : element(this, item))
              : pushAll(this, items)
          state.depth--
          return length
        } catch (error) {
          state.depth--
          throw error
        }
      },
      pop() {
        if (state.depth >= DEEP) deepen()
        state.depth++
        try {
          if (isPlain(this) && (state.tables || this.length > POPPED_MIN)) chargePop(this)
          const item = pop(this)
          state.depth--
          return item
        } catch (error) {
          state.depth--
          throw error
        }
      }
    })
  }

  function pushAll(array, items) {
    if (isView(array)) for (let i = 0; i < items.length; i++) items[i] = element(array, items[i])
    return apply(push, array, items)
  }

  /** An array with gaps may be a table, all of which V8 goes through, in particular one without its last element. */
  function chargePop(array) {
    const { length } = array
    if (!isBlock(array)) spend(length, prices.arrayTable)
    else if (!(length - 1 in array)) spend(length, prices.arrayLeft)
    else if (length > POPPED_MIN) spend(length, prices.arrayPopped)
  }

  function replaceOthers() {
    const asyncGenerator = getPrototypeOf(getPrototypeOf((async function* () {})()))
    for (const [object, names] of [
      [Object.prototype, ['toLocaleString']],
      [Date.prototype, ['toJSON']],
      [Promise.prototype, ['catch']],
      [RegExp.prototype, ['flags', 'toString']],
      [Iterator.prototype, [dispose]],
      [getPrototypeOf(asyncGenerator), [asyncDispose]]
    ]) {
      for (const name of names) replace(object, counted(object, name))
    }
  }

  /** A method or getter that counts a level, as a literal of one. */
  function counted(object, name) {
    const { value, get } = getOwnPropertyDescriptor(object, name)
    const run = (receiver, args) => {
      charge(prices.object)
      enter()
      try {
        return apply(get ?? value, receiver, args)
      } finally {
        leave()
      }
    }
    if (get === undefined) {
      return {
        [name](...args) {
          return run(this, args)
        }
      }
    }
    return {
      get [name]() {
        return run(this, [])
      }
    }
  }

  /** They assign to `this`, where it has a property of that name, and that may have a setter. */
  function replaceSetters() {
    for (const key of ['constructor', toStringTag]) {
      const { set } = getOwnPropertyDescriptor(Iterator.prototype, key)
      const own = {
        set [key](value) {
          enter()
          try {
            apply(set, this, [value])
          } finally {
            leave()
          }
        }
      }
      const setter = getOwnPropertyDescriptor(own, key).set
      const { value: name } = getOwnPropertyDescriptor(set, 'name')
      defineProperty(setter, 'name', { value: name })
      defineProperty(Iterator.prototype, key, { set: setter })
    }
  }

  /**
   * A generator that is closed may close others, in its handlers or by V8 itself, and none of them enters a function: each
   * takes a level as one does.
   */
  function replaceGenerators() {
    const prototype = getPrototypeOf(getPrototypeOf((function* () {})()))
    for (const name of ['return', 'throw']) {
      const method = prototype[name]
      replace(prototype, {
        [name](value) {
          charge(prices.call)
          const before = descend()
          try {
            return apply(method, this, [value])
          } finally {
            ascend(before)
          }
        }
      })
    }
  }
})
