;(function numbers(kit) {
  // Numbers and big integers. How many words a big integer has is found by comparing it with powers of two, which
  // V8 does by their lengths.

  const { apply, charge, construct, fuel, isObject, limits, prices, refuse, replace, room, spend } =
    kit
  /** A number of a short text. */
  const SHORT = prices.numberMade + 1
  const { primitiveOf, toNumber, toInteger, uncurry, wrapConstructor } = kit
  const RawBigInt = BigInt
  const RawNumber = Number
  const { asIntN, asUintN } = BigInt
  const isSafe = Number.isSafeInteger
  const valueOf = uncurry(BigInt.prototype.valueOf)
  const valueOfNumber = uncurry(Number.prototype.valueOf)
  const rawText = uncurry(BigInt.prototype.toString)
  const SMALL = 2n ** 64n
  const NEGATIVE = -SMALL
  /**
   * Powers of two with twice as many words each, and how many those are: as many as were needed so far, since the
   * largest take more memory than all else in the realm.
   */
  const BOUNDS = []
  const WORDS_MAX = limits.bits / 64

  replaceBigInt()
  replaceNumber()
  return { wordsOf, bigRoom, chargeDigits, toBig, toFloat: RawNumber }

  /** Words of a big integer, at most twice as many as it has. */
  function wordsOf(value) {
    if (value < SMALL && value > NEGATIVE) return 1
    let words = 2
    for (let i = 0; words <= WORDS_MAX; i++) {
      if (i === BOUNDS.length) BOUNDS[i] = boundsOf(words)
      const bound = BOUNDS[i]
      if (value < bound.above && value > bound.below) return words
      words *= 2
    }
    return WORDS_MAX
  }

  function boundsOf(words) {
    const above = 1n << RawBigInt(words * 64)
    return { above, below: -above }
  }

  /** For a big integer of this many bits that is about to be made. */
  function bigRoom(bits) {
    if (bits > limits.bits) {
      throw refuse(
        'ALLOCATION_LIMIT',
        `a big integer may have ${limits.bits} bits, and this one would have up to ${bits}: compute with smaller ones`
      )
    }
    if (bits >= 8192) room(bits / 8)
    spend(bits / 64, prices.word)
  }

  function chargeDigits(words) {
    spend(words * words, prices.digits)
    if (words > 16) room(words * 20)
  }

  function replaceBigInt() {
    const Wrapped = wrapConstructor(globalThis, RawBigInt, function (value) {
      if (new.target !== undefined) throw new TypeError('BigInt is not a constructor')
      charge(prices.numberMade)
      const primitive = isObject(value) ? primitiveOf(value, 'number') : value
      if (typeof primitive === 'string') {
        const bits = primitive.length * 4
        bigRoom(bits)
        chargeDigits(1 + bits / 64)
      }
      return RawBigInt(primitive)
    })
    replace(Wrapped, {
      asIntN(bits, value) {
        return clipped(asIntN, bits, value)
      },
      asUintN(bits, value) {
        return clipped(asUintN, bits, value)
      }
    })
    replace(RawBigInt.prototype, {
      toString(radix) {
        const value = valueOf(this)
        const base = radix === undefined ? 10 : toInteger(radix)
        const words = wordsOf(value)
        if (words > 1) chargeDigits(words)
        return rawText(value, base)
      },
      toLocaleString() {
        const value = valueOf(this)
        chargeDigits(wordsOf(value))
        return rawText(value)
      }
    })
  }

  function clipped(method, bits, value) {
    const width = toInteger(bits)
    if (!(width >= 0 && width < 2 ** 53)) return method(width, 0n)
    const number = toBig(value)
    const words = wordsOf(number)
    // a negative one is filled up
    if (method === asUintN && number < 0n && width > words * 64) {
      if (width < 2 ** 53) bigRoom(width)
    } else spend(words, prices.word)
    return method(width, number)
  }

  /** ToBigInt, which does not take numbers. */
  function toBig(value) {
    if (typeof value === 'bigint') return value
    if (isObject(value)) return toBig(primitiveOf(value, 'number'))
    if (typeof value !== 'string') return asIntN(1024, value)
    bigRoom(value.length * 4)
    chargeDigits(1 + value.length / 16)
    return RawBigInt(value)
  }

  function replaceNumber() {
    wrapConstructor(globalThis, RawNumber, function (...args) {
      const first = args[0]
      if (typeof first === 'string' && first.length < 32 && new.target === undefined) {
        fuel.take(SHORT)
        return RawNumber(first)
      }
      charge(prices.numberMade)
      let value = 0
      if (args.length > 0) {
        const primitive = isObject(first) ? primitiveOf(first, 'number') : first
        if (typeof primitive === 'string') spend(primitive.length, prices.parseNumber)
        value = RawNumber(primitive)
      }
      return new.target === undefined ? value : construct(RawNumber, [value], new.target)
    })
    const { toString, toFixed, toExponential, toPrecision } = RawNumber.prototype
    replace(RawNumber.prototype, {
      toString(radix) {
        if (radix === undefined || radix === 10) return apply(toString, this, [])
        const value = valueOfNumber(this)
        const base = toInteger(radix)
        charge(isSafe(value) ? prices.numberText : prices.numberTextLong)
        return apply(toString, this, [base])
      }
    })
    for (const [name, method] of Object.entries({ toFixed, toExponential, toPrecision })) {
      replace(RawNumber.prototype, {
        [name](digits) {
          valueOfNumber(this)
          const count = digits === undefined ? undefined : toNumber(digits)
          charge(count > 20 ? prices.numberTextLong : prices.numberText)
          return apply(method, this, [count])
        }
      })
    }
  }
})
