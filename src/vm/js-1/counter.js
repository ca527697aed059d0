;(function $mivmCounter($mivmKit, $mivmBody) {
  // Fuel and depth of the contract, as variables around its code: nothing is faster under --jitless. The compiled
  // text is this function with the contract in the place of $mivmBody; no name in a contract begins with $mivm.
  // What compiled code does by itself is in meter.js: it takes from $mivmF and calls $mivmT below zero, sets
  // $mivmD at the entry of functions and restores it when they end.

  /**
   * Fuel that is left; below zero for good once the call is over. Compiled code looks at its sign as at that of an
   * integer of 32 bits: no call may have 2^31, which is far from what any gets.
   */
  var $mivmF = 0
  /** Levels of depth that are left. */
  var $mivmD = 0
  /** Fuel at the beginning, and what was left of it at the end of a call that went too far. */
  var $mivmStart = 0
  var $mivmLeft = 0
  var $mivmEnd = null
  /**
   * Promises of this call that may have been rejected before they had a handler, at most. isolated-vm makes a note of
   * each and goes through all notes when one of them gets its handler: whatever may do that pays for all of them. Any
   * `new` counts, since nobody sees what it makes.
   */
  var $mivmN = 0

  var $mivmO = $mivmKit.operators
  var {
    power: $mivm_power,
    shiftLeft: $mivm_shiftLeft,
    shiftRight: $mivm_shiftRight,
    shiftRightUnsigned: $mivm_shiftRightUnsigned,
    bitNot: $mivm_bitNot,
    negate: $mivm_negate,
    positive: $mivm_positive,
    numeric: $mivm_numeric,
    equal: $mivm_equal,
    part: $mivm_part,
    text: $mivm_text,
    spread: $mivm_spread,
    passed: $mivm_passed,
    copied: $mivmCopied,
    iterated: $mivm_iterated,
    key: $mivm_key,
    length: $mivm_length,
    enumerated: $mivm_enumerated,
    compared: $mivm_compared,
    heritage: $mivm_heritage,
    heir: $mivm_heir,
    element: $mivm_element,
    math: $mivmM
  } = $mivmO
  var {
    error: $mivmError,
    notes: $mivmNotes,
    operator: $mivmOperator,
    step: $mivmStepPrice,
    text: $mivmText
  } = $mivmKit.prices
  /** Big integers between these two cost the same, whatever they are. */
  var $mivmMost = 2n ** 512n
  var $mivmLeast = -$mivmMost
  var {
    apply: $mivmApply,
    RawProxy: $mivmProxy,
    iterator: $mivmI,
    asyncIterator: $mivmAI
  } = $mivmKit
  var $mivmTrap = $mivmKit.trap
  /** What every place in a pattern is, see $mivmV. */
  var $mivmPlace = {
    __proto__: null,
    set v(value) {
      var { o: object, k: key } = this
      if (key === 'length') object[key] = $mivm_length(object, value)
      else object[key] = typeof value === 'number' ? value : $mivm_element(object, value, key)
    }
  }
  var $mivmFailed = $mivmKit.isFailure

  return {
    body: $mivmBody,
    /** Takes fuel for something that is not in the code; throws when there is none left. */
    charge(units) {
      if (($mivmF -= units) < 0) $mivmT()
    },
    /** The same for a builtin that may handle such a promise, and may make one. */
    note(units) {
      if (($mivmF -= units + ($mivmN++ >> $mivmNotes)) < 0) $mivmT()
    },
    /** Takes a level of depth for a builtin that goes on with a generator; returns what `ascend` takes behind it. */
    descend() {
      var before = $mivmD
      if (($mivmD = before - 1) < 0) $mivmT()
      return before
    },
    ascend(before) {
      $mivmD = before
    },
    /** Before a call: what it may use. */
    start(fuel, depth) {
      if ((fuel | 0) !== fuel) throw new RangeError(`a call cannot have ${fuel} fuel`)
      $mivmN = 0
      $mivmStart = $mivmF = fuel
      $mivmD = depth
      $mivmEnd = null
    },
    /** How much fuel was used so far. */
    used() {
      return $mivmEnd === null ? $mivmStart - $mivmF : $mivmStart - $mivmLeft
    },
    /** Ends the call as $mivmT does, because the isolate has no memory left for it. */
    abandon() {
      if ($mivmEnd === null) {
        $mivmEnd = 'memory'
        $mivmLeft = 0
      }
      $mivmF = -1
      throw $mivmTrap
    },
    /**
     * Why no code of the contract runs any more in this call: `fuel`, `depth`, `memory`, or null if it does. What was taken
     * last, where a function was suspended or ended, may not have been looked at yet.
     */
    end() {
      if ($mivmF < 0) $mivmEnds()
      return $mivmEnd
    }
  }

  /** Ends the call: everything that looks at the fuel from now on gets here again, so that nothing can go on. */
  function $mivmT() {
    $mivmEnds()
    $mivmF = -1
    throw $mivmTrap
  }

  function $mivmEnds() {
    if ($mivmEnd !== null) return
    $mivmEnd = $mivmF < 0 ? 'fuel' : 'depth'
    $mivmLeft = $mivmF < 0 ? 0 : $mivmF
  }

  // ---- the usual cases of some operators, which are paid for here; the others are in operators.js. Two short texts
  // are looked at in each of them: a function for it would take as long as all else

  /** Pays for two big integers, if that is what they are and both are short. What is used most does that by itself. */
  function $mivmBig(a, b) {
    if (typeof a !== 'bigint' || typeof b !== 'bigint') return false
    if (a > $mivmMost || a < $mivmLeast || b > $mivmMost || b < $mivmLeast) return false
    if (($mivmF -= $mivmOperator) < 0) $mivmT()
    return true
  }

  /** The text of a number is short. */
  function $mivm_add(a, b) {
    if (typeof a === 'string') {
      if (
        typeof b === 'number' ? a.length <= 96 : typeof b === 'string' && a.length + b.length <= 128
      ) {
        if (($mivmF -= $mivmText) < 0) $mivmT()
        return a + b
      }
    } else if (typeof a === 'number' && typeof b === 'string' && b.length <= 96) {
      if (($mivmF -= $mivmText) < 0) $mivmT()
      return a + b
    }
    if (typeof a !== 'bigint' || typeof b !== 'bigint') return $mivmO.add(a, b)
    if (a > $mivmMost || a < $mivmLeast || b > $mivmMost || b < $mivmLeast) return $mivmO.add(a, b)
    if (($mivmF -= $mivmOperator) < 0) $mivmT()
    return a + b
  }

  function $mivm_subtract(a, b) {
    if (typeof a !== 'bigint' || typeof b !== 'bigint') return $mivmO.subtract(a, b)
    if (a > $mivmMost || a < $mivmLeast || b > $mivmMost || b < $mivmLeast)
      return $mivmO.subtract(a, b)
    if (($mivmF -= $mivmOperator) < 0) $mivmT()
    return a - b
  }

  function $mivm_multiply(a, b) {
    if (typeof a !== 'bigint' || typeof b !== 'bigint') return $mivmO.multiply(a, b)
    if (a > $mivmMost || a < $mivmLeast || b > $mivmMost || b < $mivmLeast)
      return $mivmO.multiply(a, b)
    if (($mivmF -= $mivmOperator) < 0) $mivmT()
    return a * b
  }

  function $mivm_divide(a, b) {
    return $mivmBig(a, b) ? a / b : $mivmO.divide(a, b)
  }

  function $mivm_remainder(a, b) {
    if (typeof a !== 'bigint' || typeof b !== 'bigint') return $mivmO.remainder(a, b)
    if (a > $mivmMost || a < $mivmLeast || b > $mivmMost || b < $mivmLeast)
      return $mivmO.remainder(a, b)
    if (($mivmF -= $mivmOperator) < 0) $mivmT()
    return a % b
  }

  function $mivm_increment(a) {
    return $mivmBig(a, 1n) ? a + 1n : $mivmO.increment(a)
  }

  function $mivm_decrement(a) {
    return $mivmBig(a, 1n) ? a - 1n : $mivmO.decrement(a)
  }

  function $mivm_bitAnd(a, b) {
    return $mivmBig(a, b) ? a & b : $mivmO.bitAnd(a, b)
  }

  function $mivm_bitOr(a, b) {
    return $mivmBig(a, b) ? a | b : $mivmO.bitOr(a, b)
  }

  function $mivm_bitXor(a, b) {
    return $mivmBig(a, b) ? a ^ b : $mivmO.bitXor(a, b)
  }

  function $mivm_less(a, b) {
    if (typeof a === 'string' && typeof b === 'string' && a.length + b.length <= 128) {
      if (($mivmF -= $mivmText) < 0) $mivmT()
      return a < b
    }
    if (typeof a !== 'bigint' || typeof b !== 'bigint') return $mivmO.less(a, b)
    if (a > $mivmMost || a < $mivmLeast || b > $mivmMost || b < $mivmLeast) return $mivmO.less(a, b)
    if (($mivmF -= $mivmOperator) < 0) $mivmT()
    return a < b
  }

  function $mivm_lessOrEqual(a, b) {
    if (typeof a === 'string' && typeof b === 'string' && a.length + b.length <= 128) {
      if (($mivmF -= $mivmText) < 0) $mivmT()
      return a <= b
    }
    return $mivmBig(a, b) ? a <= b : $mivmO.lessOrEqual(a, b)
  }

  function $mivm_greater(a, b) {
    if (typeof a === 'string' && typeof b === 'string' && a.length + b.length <= 128) {
      if (($mivmF -= $mivmText) < 0) $mivmT()
      return a > b
    }
    return $mivmBig(a, b) ? a > b : $mivmO.greater(a, b)
  }

  function $mivm_greaterOrEqual(a, b) {
    if (typeof a === 'string' && typeof b === 'string' && a.length + b.length <= 128) {
      if (($mivmF -= $mivmText) < 0) $mivmT()
      return a >= b
    }
    return $mivmBig(a, b) ? a >= b : $mivmO.greaterOrEqual(a, b)
  }

  function $mivm_same(a, b) {
    if (typeof a === 'string' && typeof b === 'string' && a.length + b.length <= 128) {
      if (($mivmF -= $mivmText) < 0) $mivmT()
      return a === b
    }
    return $mivmBig(a, b) ? a === b : $mivmO.same(a, b)
  }

  /** What `...` copies, paid for here: that is two calls less. */
  function $mivm_copied(source, others) {
    // it may take fuel itself
    var units = $mivmCopied(source, others)
    if (($mivmF -= units) < 0) $mivmT()
    return source
  }

  // ---- errors

  /** An error gets to a handler, in a function that V8 may have made its message from, which costs `units`. */
  function $mivmC(error, units) {
    if (typeof error !== 'object') return
    // it may take fuel itself
    var price = $mivmFailed(error) ? units : $mivmError
    if (($mivmF -= price) < 0) $mivmT()
  }

  /** An error leaves a function, which costs `price` in any case. */
  function $mivmX(error, units, price) {
    if (($mivmF -= price) < 0) $mivmT()
    $mivmC(error, units)
    throw error
  }

  /** What an async function returns: a thenable may reject its promise, and is a promise that gets a handler. */
  function $mivmQ(value) {
    if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
      $mivmF -= $mivmN++ >> $mivmNotes
    }
    return value
  }

  /** A generator is called, whose body may never be entered. */
  function $mivmG(units) {
    if (($mivmF -= units) < 0) $mivmT()
  }

  /** A field, or the parameters of a generator: code that belongs to no body of a function. */
  function $mivmP(evaluate, units, levels) {
    var $mivmd = $mivmD
    if ($mivmF < 0 || ($mivmD = $mivmd - levels) < 0) $mivmT()
    try {
      return evaluate()
    } catch (error) {
      $mivmX(error, units, 0)
    } finally {
      $mivmD = $mivmd
    }
  }

  /** Arguments that come from an array take room on the stack, as nested calls do: 128 of them as much as one. */
  function $mivmA(iterable) {
    var list = $mivm_passed(iterable)
    if (($mivmD -= list.length >>> 7) < 0) $mivmT()
    return list
  }

  /** The rest of the arguments of a generator. */
  function $mivmR(list, first) {
    var rest = []
    for (var i = first; i < list.length; i++) rest[rest.length] = list[i]
    return rest
  }

  /**
   * What yield* delegates to: while it does, the generator itself is not entered and left by code of its own, so
   * this counts a level for it, and fuel for every step, on top of it what the generator keeps.
   */
  function $mivmY(iterable, isAsync, kept) {
    var method = isAsync ? iterable[$mivmAI] : undefined
    if (method !== undefined && method !== null) {
      return { [$mivmAI]: () => $mivmSteps($mivmApply(method, iterable, []), null, kept) }
    }
    method = iterable[$mivmI]
    if (typeof method !== 'function') throw new TypeError('the operand of yield* is not iterable')
    return { [$mivmI]: () => $mivmSteps($mivmApply(method, iterable, []), null, kept) }
  }

  /** What `for await` iterates over: `leave` is called before the function that does it is suspended. */
  function $mivmW(iterable, leave) {
    var method = iterable[$mivmAI]
    if (method === undefined || method === null) {
      method = iterable[$mivmI]
      if (typeof method !== 'function') throw new TypeError('the value is not async iterable')
      return { [$mivmI]: () => $mivmSteps($mivmApply(method, iterable, []), leave, 0) }
    }
    return { [$mivmAI]: () => $mivmSteps($mivmApply(method, iterable, []), leave, 0) }
  }

  function $mivmSteps(iterator, leave, kept) {
    if ((typeof iterator !== 'object' || iterator === null) && typeof iterator !== 'function') {
      throw new TypeError(`${typeof iterator} is not an iterator`)
    }
    var { next } = iterator
    return {
      next: (value) => $mivmStep(iterator, next, value, leave, 1, kept),
      get return() {
        return $mivmMethod(iterator, iterator.return, leave, kept)
      },
      get throw() {
        return $mivmMethod(iterator, iterator.throw, leave, kept)
      }
    }
  }

  function $mivmMethod(iterator, method, leave, kept) {
    if (method === undefined || method === null) return undefined
    // yield*: what closes a generator, or throws into it, takes a level by itself
    return (value) => $mivmStep(iterator, method, value, leave, leave === null ? 0 : 1, kept)
  }

  function $mivmStep(iterator, method, value, leave, levels, kept) {
    var $mivmd = $mivmD
    // it may be awaited
    var units = $mivmStepPrice + kept + ($mivmN >> $mivmNotes)
    if (($mivmF -= units) < 0 || ($mivmD = $mivmd - levels) < 0) $mivmT()
    try {
      return $mivmApply(method, iterator, [value])
    } finally {
      $mivmD = $mivmd
      if (leave !== null) leave()
    }
  }

  /** For `pattern = value` as an expression whose pattern has a rest element: what is destructured, and the value. */
  function $mivmB(value, shape) {
    return { v: $mivmS(value, shape), o: value }
  }

  /**
   * A value that is destructured by a pattern with rest elements somewhere in it. `shape` is null, for anything
   * without, or `[isArray, hasRest, shapes]`, with one shape for every element or property; behind them, how many properties an
   * object pattern with a rest element has, where those are many.
   */
  function $mivmS(value, shape) {
    if (shape === null || value === undefined || value === null) return value
    var { 0: isArray, 1: hasRest, 2: shapes, 3: others = 0 } = shape
    if (isArray) {
      var list = hasRest ? $mivm_iterated(value) : value
      return shapes.length === 0 ? list : $mivmElements(list, shapes)
    }
    if (hasRest) $mivm_copied(value, others)
    return shapes.length === 0 ? value : $mivmProperties(value, shapes)
  }

  function $mivmElements(list, shapes) {
    return {
      [$mivmI]() {
        var iterator = list[$mivmI]()
        var { next } = iterator
        var i = 0
        return {
          next() {
            var step = $mivmApply(next, iterator, [])
            if (i >= shapes.length || step.done) return step
            return { done: false, value: $mivmInner(iterator, step.value, shapes[i++]) }
          },
          get return() {
            var method = iterator.return
            return method === undefined || method === null
              ? undefined
              : () => $mivmApply(method, iterator, [])
          }
        }
      }
    }
  }

  /** An element that cannot be destructured closes the iterator, which V8 does not for what its `next` throws. */
  function $mivmInner(iterator, value, shape) {
    try {
      return $mivmS(value, shape)
    } catch (error) {
      if ($mivmF < 0) $mivmT()
      try {
        var method = iterator.return
        if (method !== undefined && method !== null) $mivmApply(method, iterator, [])
      } catch {
        if ($mivmF < 0) $mivmT()
      }
      throw error
    }
  }

  /** Properties are read in the order of the pattern; those behind them belong to its rest element. */
  function $mivmProperties(value, shapes) {
    var i = 0
    return new $mivmProxy(
      { __proto__: null },
      {
        get(_target, key) {
          return i < shapes.length ? $mivmS(value[key], shapes[i++]) : value[key]
        },
        ownKeys() {
          return $mivmKit.ownKeys($mivmKit.Object(value))
        },
        getOwnPropertyDescriptor(_target, key) {
          var property = $mivmKit.getOwnPropertyDescriptor($mivmKit.Object(value), key)
          if (property === undefined) return undefined
          return {
            value: undefined,
            enumerable: property.enumerable,
            configurable: true,
            writable: true
          }
        }
      }
    )
  }

  /** A place in a pattern where something is assigned to what could be the length of an array, or an element of bytes. */
  function $mivmV(object, key) {
    if (($mivmF -= $mivmOperator) < 0) $mivmT()
    return { __proto__: $mivmPlace, o: object, k: key }
  }
})
