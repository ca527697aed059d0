;(function operators(kit) {
  // What compiled code calls in the place of syntax whose work grows with its operands. Every function takes
  // operands that are already evaluated, coerces them once and in the order of ECMA-262, pays, and does what
  // the syntax does. The calls themselves are paid for by the code that makes them.
  //
  //   a + b                 add(a, b)                a += b           a = add(a, b), with `a` evaluated once
  //   - * / % **            subtract multiply divide remainder power
  //   << >> >>>             shiftLeft shiftRight shiftRightUnsigned
  //   & | ^ ~a              bitAnd bitOr bitXor bitNot(a)
  //   -a +a ++a --a         negate(a) positive(a) increment(a) decrement(a); of a++ the old value is numeric(a)
  //   < <= > >=             less lessOrEqual greater greaterOrEqual
  //   === !== == !=         same, !same, equal, !equal
  //   `…${a}…`              text(`…${part(a)}…`): each part before the next expression is evaluated
  //   [...a]  f(...a)       [...spread(a)]  f(...passed(a)): an array that is iterated as it is
  //   {...a}                copied(a) units, also for { x, ...rest } = a, with how many others if many
  //   [x, y] = a            [x, y] = iterated(a), where there is a rest element or none
  //   o[a]  a in o          o[key(a)]  key(a) in o; also for delete, computed members, computed names in patterns
  //   o.length = a          o.length = length(o, a)
  //   o[x] = a              o[x] = element(o, a, x)
  //   for (k in a)          for (k in enumerated(a))
  //   switch (a)            switch (compared(a, number of cases))
  //   class extends a       class extends heritage(a)
  //   { __proto__: a }      { __proto__: heir(a) }
  //   new F                 heir(this) at the entry of a function that is called with new
  //   F.prototype = a       F.prototype = heir(a)
  //
  // Nothing has to be emitted where an operand is a literal number, or both are known to be short.

  const { apply, charge, enter, isIntact, isObject, isPlain, isProxy, leave, limits, metered } = kit
  const {
    chain,
    chargeDigits,
    chargeList,
    bigRoom,
    prices,
    refuse,
    room,
    sizeOf,
    spend,
    toNumber,
    toText
  } = kit
  const { pushRaw, toFloat, wordsOf } = kit
  const COPIED = prices.keyCopied
  const OPERAND = prices.operand
  const STEP = prices.step
  const { clz32, max: most, min: least, pow, trunc } = Math
  const { getPrototypeOf } = Reflect
  const { freeze, getOwnPropertyDescriptor } = Object
  const { iterator } = Symbol
  const arrayPrototype = Array.prototype
  const objectPrototype = Object.prototype

  return {
    operators: freeze({
      math: kit.numeric,
      element: kit.element,
      add,
      subtract,
      multiply,
      divide,
      remainder,
      power,
      shiftLeft,
      shiftRight,
      shiftRightUnsigned,
      bitAnd,
      bitOr,
      bitXor,
      bitNot,
      negate,
      positive,
      increment,
      decrement,
      numeric,
      less,
      lessOrEqual,
      greater,
      greaterOrEqual,
      same,
      equal,
      part: toText,
      text,
      spread,
      passed,
      copied,
      iterated,
      key,
      length,
      enumerated,
      compared,
      heritage,
      heir: kit.heir
    })
  }

  // ---- arithmetic

  function add(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a + b
    if (typeof a === 'string' && typeof b === 'string') return joined(a, b)
    charge(OPERAND)
    const left = primitive(a, 'default')
    const right = primitive(b, 'default')
    if (typeof left === 'string' || typeof right === 'string') {
      const first = toText(left)
      return joined(first, toText(right))
    }
    if (typeof left === 'bigint' && typeof right === 'bigint') chargeSum(left, right)
    return left + right
  }

  function joined(a, b) {
    const size = a.length + b.length
    if (size > 128) chargeText(size)
    return a + b
  }

  /** A rope: its characters are copied when somebody looks at them. */
  function chargeText(size) {
    if (size > limits.text) {
      throw refuse(
        'ALLOCATION_LIMIT',
        `a string may have ${limits.text} characters, and this one would have ${size}: keep it in pieces`
      )
    }
    charge(prices.rope + trunc(size * prices.copy))
  }

  function subtract(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a - b
    const left = numeric(a)
    const right = numeric(b)
    if (typeof left === 'bigint' && typeof right === 'bigint') chargeSum(left, right)
    return left - right
  }

  function multiply(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a * b
    const left = numeric(a)
    const right = numeric(b)
    if (typeof left === 'bigint' && typeof right === 'bigint') {
      charge(prices.operator)
      const first = wordsOf(left)
      const second = wordsOf(right)
      if (first > 1 || second > 1) {
        bigRoom(least(first, second) === 1 ? (first + second) * 32 : bitsOf(left) + bitsOf(right))
        chargeProduct(first, second)
      }
    }
    return left * right
  }

  function divide(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a / b
    const left = numeric(a)
    const right = numeric(b)
    chargeQuotient(left, right)
    return left / right
  }

  function remainder(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a % b
    const left = numeric(a)
    const right = numeric(b)
    chargeQuotient(left, right)
    return left % right
  }

  function power(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return b === 2 ? a * a : pow(a, b)
    const left = numeric(a)
    const right = numeric(b)
    if (typeof left === 'number' && typeof right === 'number') return pow(left, right)
    if (typeof left === 'bigint' && typeof right === 'bigint' && right > 1n) {
      charge(prices.operator)
      if (left > 1n || left < -1n) {
        const bits = bitsOf(left) * toFloat(right)
        bigRoom(bits)
        chargeProduct(1 + bits / 64, 1 + bits / 64)
      }
    }
    return left ** right
  }

  function chargeSum(left, right) {
    charge(prices.operator)
    const words = most(wordsOf(left), wordsOf(right))
    if (words > 1) chargeWords(words)
  }

  function chargeOne(value) {
    charge(prices.operator)
    const words = wordsOf(value)
    if (words > 1) chargeWords(words)
  }

  function chargeWords(words) {
    spend(words, prices.word)
    if (words > 64) room(words * 8)
  }

  function chargeProduct(first, second) {
    const long = least(first, second) > 1000
    spend(first * second, long ? prices.multiplyLong : prices.multiply)
  }

  function chargeQuotient(left, right) {
    if (typeof left !== 'bigint' || typeof right !== 'bigint') return
    charge(prices.operator)
    const first = wordsOf(left)
    const second = wordsOf(right)
    if (first === 1) return
    if (first > 64) room(first * 8)
    spend(first * second, prices.divide)
  }

  /** Bits of a big integer, at most: exact for one word, else as wordsOf. */
  function bitsOf(value) {
    const words = wordsOf(value)
    if (words > 1) return words * 64
    const size = toFloat(value < 0n ? -value : value)
    if (size < 2 ** 32) return 32 - clz32(size)
    return size < 2 ** 64 ? 64 - clz32(size / 2 ** 32) : 64
  }

  function shiftLeft(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a << b
    const left = numeric(a)
    const right = numeric(b)
    if (typeof left === 'bigint' && typeof right === 'bigint') chargeShift(left, right)
    return left << right
  }

  function shiftRight(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a >> b
    const left = numeric(a)
    const right = numeric(b)
    if (typeof left === 'bigint' && typeof right === 'bigint') chargeShift(left, -right)
    return left >> right
  }

  function chargeShift(value, by) {
    if (value === 0n) return
    const grown = by > 0n ? toFloat(by) : 0
    if (grown > 64) bigRoom(bitsOf(value) + grown)
    else chargeOne(value)
  }

  function shiftRightUnsigned(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a >>> b
    const left = numeric(a)
    const right = numeric(b)
    return left >>> right
  }

  function bitAnd(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a & b
    const left = numeric(a)
    const right = numeric(b)
    if (typeof left === 'bigint' && typeof right === 'bigint') chargeSum(left, right)
    return left & right
  }

  function bitOr(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a | b
    const left = numeric(a)
    const right = numeric(b)
    if (typeof left === 'bigint' && typeof right === 'bigint') chargeSum(left, right)
    return left | right
  }

  function bitXor(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a ^ b
    const left = numeric(a)
    const right = numeric(b)
    if (typeof left === 'bigint' && typeof right === 'bigint') chargeSum(left, right)
    return left ^ right
  }

  function bitNot(a) {
    return typeof a === 'number' ? ~a : ~paid(a)
  }

  function negate(a) {
    return typeof a === 'number' ? -a : -paid(a)
  }

  function positive(a) {
    if (typeof a === 'number') return a
    charge(OPERAND)
    return toNumber(a)
  }

  function increment(a) {
    if (typeof a === 'number') return a + 1
    let value = paid(a)
    return ++value
  }

  function decrement(a) {
    if (typeof a === 'number') return a - 1
    let value = paid(a)
    return --value
  }

  function paid(a) {
    const value = typeof a === 'bigint' ? a : numeric(a)
    if (typeof value === 'bigint') chargeOne(value)
    return value
  }

  /** ToNumeric. */
  function numeric(a) {
    if (typeof a === 'number' || typeof a === 'bigint') return a
    charge(OPERAND)
    const value = primitive(a, 'number')
    return typeof value === 'bigint' ? value : toNumber(value)
  }

  /** ToPrimitive. */
  function primitive(value, hint) {
    if (!isObject(value)) return value
    charge(prices.object)
    enter()
    try {
      return kit.toPrimitive(value, hint)
    } finally {
      leave()
    }
  }

  // ---- comparison

  function less(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a < b
    const left = primitive(a, 'number')
    const right = primitive(b, 'number')
    chargeComparison(left, right)
    return left < right
  }

  function lessOrEqual(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a <= b
    const left = primitive(a, 'number')
    const right = primitive(b, 'number')
    chargeComparison(left, right)
    return left <= right
  }

  function greater(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a > b
    const left = primitive(a, 'number')
    const right = primitive(b, 'number')
    chargeComparison(left, right)
    return left > right
  }

  function greaterOrEqual(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a >= b
    const left = primitive(a, 'number')
    const right = primitive(b, 'number')
    chargeComparison(left, right)
    return left >= right
  }

  function same(a, b) {
    charge(1)
    if (typeof a === 'string') {
      if (typeof b === 'string' && a.length === b.length && a.length > 512) {
        charge(trunc(a.length * prices.copy))
      }
    } else if (typeof a === 'bigint' && typeof b === 'bigint') chargeSum(a, b)
    return a === b
  }

  function equal(a, b) {
    if (typeof a === typeof b) {
      return typeof a === 'string' || typeof a === 'bigint' ? same(a, b) : a === b
    }
    if (a === undefined || a === null) return b === undefined || b === null
    if (b === undefined || b === null) return false
    const left = isObject(b) ? a : primitive(a, 'default')
    const right = isObject(a) ? b : primitive(b, 'default')
    chargeComparison(left, right)
    // biome-ignore lint/suspicious/noDoubleEquals: of primitives of two types, as the language has it
    return left == right
  }

  function chargeComparison(left, right) {
    charge(OPERAND)
    if (typeof left === 'string') {
      if (typeof right === 'string') {
        const size = least(left.length, right.length)
        if (size > 512) charge(trunc(size * prices.copy))
      } else chargeConversion(left, right)
    } else if (typeof right === 'string') chargeConversion(right, left)
    else if (typeof left === 'bigint' && typeof right === 'bigint') chargeSum(left, right)
  }

  /** A text is made a number, or where the other side is one, a big integer. */
  function chargeConversion(text, other) {
    if (text.length < 32) return
    if (typeof other === 'bigint') {
      bigRoom(text.length * 4)
      chargeDigits(1 + text.length / 16)
    } else spend(text.length, prices.parseNumber)
  }

  // ---- text and properties

  function text(value) {
    if (value.length > 128) chargeText(value.length)
    return value
  }

  function key(value) {
    if (typeof value === 'number') {
      charge(prices.keyNumber)
      return value
    }
    if (typeof value === 'symbol') return value
    if (typeof value === 'string') {
      if (value.length > 32) kit.chargeName(value)
      return value
    }
    return kit.keyOf(value)
  }

  /**
   * For an assignment to `length`, which makes room for as many elements. To make it shorter, V8 goes through all that
   * are left where they are a table.
   */
  function length(object, value) {
    if (isPlain(object)) {
      charge(OPERAND)
      const count = typeof value === 'number' ? value : kit.toCount(value)
      const added = count - object.length
      if (added > 0 && count < 2 ** 32) {
        room(added * 8)
        spend(added, prices.arrayNew)
      } else kit.chargeLeft(object, count)
      // the value of the assignment is what was assigned; an object could come to something else the next time
      return isObject(value) ? count : value
    }
    return value
  }

  /** How many comparisons a switch makes with a long text or big integer. */
  function compared(value, cases) {
    if (typeof value === 'string') {
      if (value.length > 128) charge(trunc(value.length * cases * prices.copy))
    } else if (typeof value === 'bigint') {
      const words = wordsOf(value)
      if (words > 1) spend(words * cases, prices.word)
    }
    return value
  }

  // ---- iteration and copies

  function spread(iterable) {
    if (isIntact(iterable)) {
      room(iterable.length * 8)
      chargeList(iterable)
      return iterable
    }
    return listed(iterable)
  }

  function passed(iterable) {
    const list = isIntact(iterable) ? iterable : listed(iterable)
    // how many of all calls together, the caller counts
    if (list.length > limits.arguments) {
      throw refuse(
        'ARGUMENTS_LIMIT',
        `a call may have ${limits.arguments} arguments from an array, and this one would have ${list.length}: pass the array`
      )
    }
    spend(list.length, prices.argument)
    return list
  }

  function listed(iterable) {
    const method = iterable[iterator]
    if (typeof method !== 'function') throw new TypeError('Spread syntax requires an iterable')
    const list = []
    const steps = apply(method, iterable, [])
    const source = { [iterator]: () => steps }
    charge(STEP)
    enter()
    try {
      for (const item of source) {
        charge(STEP)
        room(8)
        pushRaw(list, item)
      }
      return list
    } finally {
      leave()
    }
  }

  function iterated(iterable) {
    if (isIntact(iterable)) {
      chargeList(iterable)
      return iterable
    }
    const method = iterable[iterator]
    if (typeof method !== 'function') throw new TypeError('the value is not iterable')
    return metered({ [iterator]: () => apply(method, iterable, []) }, prices.step, 16)
  }

  /** Units for it, which the caller takes. `others`: how many keys V8 compares each with, since they are not copied. */
  function copied(source, others = 0) {
    if (source === null || (typeof source !== 'object' && typeof source !== 'string')) {
      if (typeof source !== 'function') return 0
    }
    const size = sizeOf(source)
    if (size > 32) room(size * 8)
    if (others > 0) spend(size * others, prices.keyCompared)
    return 1 + size * COPIED
  }

  /** for-in goes through the prototypes, too; what the usual ones have is not enumerable, and V8 knows that. */
  function enumerated(object) {
    let size = 0
    if (typeof object === 'string') {
      size = object.length
      // V8 makes a text of every index
      if (size > 32) room(size * 32)
    }
    for (let at = object; isObject(at) && !isProxy(at); at = getPrototypeOf(at)) {
      size += at === arrayPrototype || at === objectPrototype ? 1 : sizeOf(at)
    }
    spend(size, prices.keyValue)
    return object
  }

  // ---- prototypes

  function heritage(Parent) {
    chain(Parent)
    kit.refuseBound(Parent, true)
    if (typeof Parent === 'function' && !isProxy(Parent)) {
      const property = getOwnPropertyDescriptor(Parent, 'prototype')
      if (property !== undefined && isObject(property.value)) chain(property.value)
    }
    return Parent
  }
})
