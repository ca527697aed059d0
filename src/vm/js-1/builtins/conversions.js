;(function conversions(kit) {
  // Functions of V8's whose work is constant but for what they make of their arguments: a long text takes as long to be
  // read as a number as it is long, and a long big integer far longer to be written. So here they get numbers and texts
  // that are made, and paid for, before. What does the same and charges for more is in the other parts.

  const { apply, charge, construct, numbersIn, placesIn, prices, replace, spend } = kit
  const { tagOf, toBig, toNumber, toText, uncurry, wrapConstructor } = kit
  const { isView } = ArrayBuffer
  const { freeze, getOwnPropertyDescriptor, setPrototypeOf } = Object
  const realm = globalThis
  const RawString = String
  const { trunc } = Math
  /** Days and hours, up to which V8 multiplies without rounding. */
  const FAR = 2 ** 35
  const DAY_MS = 86400000
  /** V8's own, for compiled code that has numbers. */
  const numeric = {}

  replaceMath()
  replaceViews()
  replaceDates()
  replaceStrings()
  replaceErrors()
  return { numeric: freeze(numeric) }

  function replaceMath() {
    const names = 'abs ceil clz32 f16round floor fround round sign sqrt trunc'
    for (const name of names.split(' ')) {
      const compute = Math[name]
      numeric[name] = compute
      replace(Math, {
        [name](x) {
          return compute(typeof x === 'number' ? x : toNumber(x))
        }
      })
    }
    const { imul } = Math
    numeric.imul = imul
    replace(Math, {
      imul(x, y) {
        if (typeof x === 'number' && typeof y === 'number') return imul(x, y)
        const first = toNumber(x)
        return imul(first, toNumber(y))
      }
    })
    for (const name of ['max', 'min']) {
      const compute = Math[name]
      numeric[name] = compute
      replace(Math, {
        [name](x, y) {
          // biome-ignore lint/complexity/noArguments: a list of two would be slower
          const { length } = arguments
          if (length === 2 && typeof x === 'number' && typeof y === 'number') return compute(x, y)
          // biome-ignore lint/complexity/noArguments: the same
          return apply(compute, undefined, numbersIn(arguments))
        }
      })
    }
  }

  function replaceViews() {
    const { prototype } = DataView
    const kinds = 'Int8 Uint8 Int16 Uint16 Int32 Uint32 Float16 Float32 Float64'
    for (const kind of kinds.split(' ')) replaceView(prototype, kind, toNumber)
    for (const kind of ['BigInt64', 'BigUint64']) replaceView(prototype, kind, toBig)
    const Raw = DataView
    const sizeOfBuffer = uncurry(getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength').get)
    wrapConstructor(realm, Raw, function (buffer, offset, length) {
      if (new.target === undefined) throw new TypeError("Constructor DataView requires 'new'")
      // what is no buffer is refused before anything is converted
      if (typeof offset !== 'number' && offset !== undefined) sizeOfBuffer(buffer)
      return construct(Raw, placesIn([buffer, offset, length], 1), new.target)
    })
  }

  function replaceView(prototype, kind, convert) {
    const get = uncurry(prototype[`get${kind}`])
    const set = uncurry(prototype[`set${kind}`])
    replace(prototype, {
      [`get${kind}`](offset, isLittle) {
        if (typeof offset === 'number' || !isOne(this)) return get(this, offset, isLittle)
        return get(this, offset === undefined ? 0 : toNumber(offset), isLittle)
      },
      [`set${kind}`](offset, value, isLittle) {
        const areNumbers = typeof offset === 'number' && typeof value === 'number'
        if (areNumbers || !isOne(this)) return set(this, offset, value, isLittle)
        const at = offset === undefined ? 0 : toNumber(offset)
        // what is no index at all is refused before the value is looked at
        if (!(at > -1 && at < 2 ** 53) && at === at) return set(this, at, 0, isLittle)
        return set(this, at, convert(value), isLittle)
      }
    })
  }

  /** What is none, V8 refuses before anything is converted. */
  function isOne(value) {
    return isView(value) && tagOf(value) === undefined
  }

  function replaceDates() {
    const { prototype } = Date
    const { UTC } = Date
    const getTime = uncurry(prototype.getTime)
    const setTime = uncurry(prototype.setTime)
    const setHours = uncurry(prototype.setUTCHours)
    const hoursOf = uncurry(prototype.getUTCHours)
    const minutesOf = uncurry(prototype.getUTCMinutes)
    const secondsOf = uncurry(prototype.getUTCSeconds)
    const millisecondsOf = uncurry(prototype.getUTCMilliseconds)
    const parts = ['FullYear', 'Month', 'Date', 'Hours', 'Minutes', 'Seconds', 'Milliseconds']
    const setters = parts.flatMap((part) => [`set${part}`, `setUTC${part}`])
    for (const name of ['setTime', ...setters]) {
      const method = prototype[name]
      const { length } = method
      // these begin at 1970 where there is no time yet, or need none
      const isOfNone = name === 'setTime' || name === 'setFullYear' || name === 'setUTCFullYear'
      const place = ['Hours', 'Minutes', 'Seconds'].findIndex((part) => name.endsWith(part))
      replace(prototype, {
        [name](...args) {
          charge(prices.call)
          const time = getTime(this)
          if (args.length > length) args.length = length
          if (!areNumbers(args)) {
            numbersIn(args)
            // the time before that counts, whatever it has been set to meanwhile
            if (time !== time && !isOfNone) return time
            setTime(this, time)
          }
          if (place >= 0 && time === time && isFar(args, 0)) return setFar(this, place, args)
          return apply(method, this, args)
        }
      })
    }
    const most = UTC.length
    replace(Date, {
      UTC(...args) {
        charge(prices.spent)
        if (args.length > most) args.length = most
        numbersIn(args)
        if (!isFar(args, 2)) return apply(UTC, undefined, args)
        charge(prices.date)
        const {
          0: year,
          1: month,
          2: day,
          3: hours = 0,
          4: minutes = 0,
          5: seconds = 0,
          6: ms = 0
        } = args
        const time = timeFrom(hours, minutes, seconds, ms)
        if (isNear(day)) return UTC(year, month, day, 0, 0, 0, time)
        // MakeDay and MakeDate of ECMA-262, of the first day of the month
        const days = UTC(year, month, 1) / DAY_MS + (trunc(day) - 1)
        return UTC(1970, 0, 1, 0, 0, 0, days * DAY_MS + time)
      }
    })

    function setFar(date, place, args) {
      charge(prices.date * 2)
      const parts = [hoursOf(date), minutesOf(date), secondsOf(date), millisecondsOf(date)]
      for (let i = 0; i < args.length; i++) parts[place + i] = args[i]
      return setHours(date, 0, 0, 0, timeFrom(parts[0], parts[1], parts[2], parts[3]))
    }
  }

  /**
   * Whether V8 multiplies one of the numbers from `from` on to more than a double has bits for. What that comes to with what
   * is added is not the same on all processors: some of them round once where they multiply and add.
   */
  function isFar(list, from) {
    for (let i = from; i < list.length; i++) if (!isNear(list[i])) return true
    return false
  }

  function isNear(number) {
    return number < FAR && number > -FAR
  }

  /** MakeTime of ECMA-262. */
  function timeFrom(hours, minutes, seconds, ms) {
    return trunc(hours) * 3600000 + trunc(minutes) * 60000 + trunc(seconds) * 1000 + trunc(ms)
  }

  function areNumbers(list) {
    for (let i = 0; i < list.length; i++) if (typeof list[i] !== 'number') return false
    return true
  }

  function replaceStrings() {
    for (const name of ['fromCharCode', 'fromCodePoint']) {
      const make = RawString[name]
      replace(RawString, {
        [name](code) {
          // biome-ignore lint/complexity/noArguments: a list of one would be slower
          const codes = arguments
          if (codes.length === 1 && typeof code === 'number') return make(code)
          spend(codes.length, prices.code)
          let checked = name === 'fromCodePoint' ? 0 : codes.length
          for (let i = 0; i < codes.length; i++) {
            if (typeof codes[i] === 'number') continue
            // what is no point is refused before the next one is looked at
            for (; checked < i; checked++) make(codes[checked])
            codes[i] = toNumber(codes[i])
          }
          return apply(make, RawString, codes)
        }
      })
    }
    wrapConstructor(realm, RawString, function (value) {
      const isCall = new.target === undefined
      if (isCall && (typeof value === 'number' || typeof value === 'symbol')) {
        return RawString(value)
      }
      // biome-ignore lint/complexity/noArguments: a list of one would be slower
      const text = arguments.length === 0 ? '' : toText(value)
      return isCall ? text : construct(RawString, [text], new.target)
    })
  }

  /** Their messages. */
  function replaceErrors() {
    const RawError = Error
    const names = ['EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError']
    const SomeError = wrapError(RawError, 0)
    for (const name of [...names, 'URIError']) setPrototypeOf(wrapError(realm[name], 0), SomeError)
    setPrototypeOf(wrapError(SuppressedError, 2), SomeError)
    setPrototypeOf(AggregateError, SomeError)
  }

  /** `place`: where its message stands among the arguments. */
  function wrapError(Raw, place) {
    const Wrapped = wrapConstructor(realm, Raw, function (...args) {
      charge(prices.call)
      const message = args[place]
      if (typeof message !== 'string' && message !== undefined) args[place] = toText(message)
      return construct(Raw, args, new.target === undefined ? Wrapped : new.target)
    })
    return Wrapped
  }
})
