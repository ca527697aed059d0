;(function text(kit) {
  // Strings. The characters of a rope (what + makes of long strings) are copied together when they are first
  // looked at; that copy is paid for by whoever makes the rope. So what only looks at a place, or shares characters
  // (at, charCodeAt, slice, substring …), is constant.

  const { apply, exec, isObject, isProxy, prices, replace, room, spend, textRoom, toInteger } = kit
  const { enter, leave, lengthOf, limits, toNumber, toText, uncurry, charge, wrapConstructor } = kit
  const { prototype } = String
  const { min: least, max: most } = Math
  const symbols = Symbol
  const raw = {}
  for (const key of Reflect.ownKeys(prototype)) {
    const { value } = Object.getOwnPropertyDescriptor(prototype, key)
    if (typeof value === 'function' && typeof key === 'string') raw[key] = uncurry(value)
  }
  const join = uncurry(Array.prototype.join)
  const isRegExpObject = (() => {
    const source = uncurry(Object.getOwnPropertyDescriptor(RegExp.prototype, 'source').get)
    const base = RegExp.prototype
    return (value) => {
      if (value === base) return false
      try {
        source(value)
        return true
      } catch {
        return false
      }
    }
  })()
  /** Combining marks in a row. */
  const MARKS = /[\p{M}\uff9e\uff9f]{4,}/gu
  const STRING = 'String.prototype.'
  /** What digits come to that V8 adds at a time. */
  const PART_MAX = 119304647

  /** Characters of a text that are normalized at a time to see how many they become. */
  const PIECE = 64 * 1024

  /** Below it nothing is measured: what calls a method pays enough. */
  const SHORT = 24
  const rawIndexOf = raw.indexOf
  const rawIncludes = raw.includes
  const rawStartsWith = raw.startsWith
  const rawEndsWith = raw.endsWith
  const rawSplit = raw.split
  const rawTrim = raw.trim
  const rawLower = raw.toLowerCase
  const rawUpper = raw.toUpperCase
  const rawRepeat = raw.repeat
  const rawReplace = raw.replace
  const rawReplaceAll = raw.replaceAll

  replaceSearches()
  replaceCopies()
  replaceCases()
  replaceMarkup()
  replaceStatics()
  replaceConversions()
  replaceDates()
  replaceSymbols()
  return { find, chargeFind, thisText }

  function isShort(text, pattern) {
    return typeof text === 'string' && typeof pattern === 'string' && text.length < SHORT
  }

  /** ToString of `this`, which may be anything but undefined and null. */
  function thisText(value, name) {
    if (value === undefined || value === null) {
      throw new TypeError(`${STRING}${name} called on null or undefined`)
    }
    return toText(value)
  }

  /** Before looking for a pattern in a text; `places` is how many characters are looked at. */
  function chargeFind(places, pattern) {
    if (pattern <= 1) spend(places, prices.find)
    else if (pattern < 8) spend(places, prices.findShort)
    else if (pattern <= 250) spend(places, prices.findLong)
    else spend(most(places - pattern + 1, 1) * pattern, prices.findProduct)
  }

  function find(text, pattern, from) {
    chargeFind(text.length - from, pattern.length)
    return raw.indexOf(text, pattern, from)
  }

  function toObject(value) {
    if (value !== undefined && value !== null) return Object(value)
    throw new TypeError('Cannot convert undefined or null to object')
  }

  /** IsRegExp of ECMA-262. */
  function isRegExp(value) {
    if (!isObject(value)) return false
    charge(1)
    enter()
    try {
      const matcher = value[symbols.match]
      return matcher === undefined ? !isProxy(value) && isRegExpObject(value) : !!matcher
    } finally {
      leave()
    }
  }

  function plainPattern(value, name) {
    if (isRegExp(value)) {
      throw new TypeError(`First argument to ${STRING}${name} must not be a regular expression`)
    }
    return toText(value)
  }

  function replaceSearches() {
    replace(prototype, {
      indexOf(pattern, position) {
        if (position === undefined && isShort(this, pattern)) return rawIndexOf(this, pattern)
        const text = thisText(this, 'indexOf')
        const sought = toText(pattern)
        const from = least(most(toInteger(position), 0), text.length)
        return find(text, sought, from)
      },
      lastIndexOf(pattern, position) {
        const text = thisText(this, 'lastIndexOf')
        const sought = toText(pattern)
        const from = toNumber(position)
        spend(text.length * most(sought.length, 1), prices.findLast)
        return raw.lastIndexOf(text, sought, from)
      },
      includes(pattern, position) {
        if (position === undefined && isShort(this, pattern)) return rawIncludes(this, pattern)
        const text = thisText(this, 'includes')
        const sought = plainPattern(pattern, 'includes')
        const from = least(most(toInteger(position), 0), text.length)
        return find(text, sought, from) !== -1
      },
      startsWith(pattern, position) {
        if (position === undefined && isShort(this, pattern)) return rawStartsWith(this, pattern)
        const text = thisText(this, 'startsWith')
        const sought = plainPattern(pattern, 'startsWith')
        const from = toInteger(position)
        spend(sought.length, prices.scan)
        return raw.startsWith(text, sought, from)
      },
      endsWith(pattern, position) {
        if (position === undefined && isShort(this, pattern)) return rawEndsWith(this, pattern)
        const text = thisText(this, 'endsWith')
        const sought = plainPattern(pattern, 'endsWith')
        const to = position === undefined ? text.length : toInteger(position)
        spend(sought.length, prices.scan)
        return raw.endsWith(text, sought, to)
      },
      split(separator, limit) {
        if (limit === undefined && isShort(this, separator)) {
          charge(prices.spent + (this.length >> 1))
          return rawSplit(this, separator)
        }
        charge(prices.call)
        if (this === undefined || this === null) return thisText(this, 'split')
        const own = methodOf(separator, symbols.split)
        if (own !== undefined) return delegate(own, separator, this, limit)
        const text = toText(this)
        const count = limit === undefined ? 2 ** 32 - 1 : toNumber(limit) >>> 0
        const sought = toText(separator)
        if (count > 0 && separator !== undefined) chargeParts(text, sought, count)
        return raw.split(text, separator === undefined ? undefined : sought, count)
      },
      replace(pattern, replacement) {
        return replaceIn(this, pattern, replacement, 'replace', false)
      },
      replaceAll(pattern, replacement) {
        return replaceIn(this, pattern, replacement, 'replaceAll', true)
      },
      localeCompare(that) {
        const left = thisText(this, 'localeCompare')
        const right = toText(that)
        if (left === right) {
          spend(left.length, prices.copy)
          return 0
        }
        const first = normalForm(left, 'NFC')
        const second = normalForm(right, 'NFC')
        spend(least(first.length, second.length), prices.copy)
        return first < second ? -1 : first > second ? 1 : 0
      }
    })
  }

  /** The method that takes over, as split and replace look for it; undefined where there is none. */
  function methodOf(pattern, symbol) {
    if (!isObject(pattern)) return undefined
    enter()
    try {
      const method = pattern[symbol]
      if (method === undefined || method === null) return undefined
      if (typeof method !== 'function') throw new TypeError(`${typeof method} is not a function`)
      return method
    } finally {
      leave()
    }
  }

  function delegate(method, pattern, text, argument) {
    charge(1)
    enter()
    try {
      return apply(method, pattern, [text, argument])
    } finally {
      leave()
    }
  }

  /** Parts are counted before they are made, as they may be many more than characters are long. */
  function chargeParts(text, sought, max) {
    let parts = 0
    if (sought === '') {
      parts = least(text.length, max)
    } else {
      chargeFind(text.length, sought.length)
      // at most, and mostly far too many: what a part costs is more than finding it
      parts = least(countOf(text, sought), max) + 1
    }
    spend(parts, prices.part)
    room(parts * 24)
  }

  function countOf(text, sought) {
    let count = 0
    for (let at = raw.indexOf(text, sought, 0); at !== -1; count++) {
      charge(prices.part)
      at = raw.indexOf(text, sought, at + sought.length)
    }
    return count
  }

  function replaceIn(receiver, pattern, replacement, name, all) {
    if (receiver === undefined || receiver === null) return thisText(receiver, name)
    if (isObject(pattern)) {
      if (all && isRegExp(pattern)) {
        const { flags } = pattern
        if (flags === undefined || flags === null || !raw.includes(toText(flags), 'g')) {
          throw new TypeError('replaceAll must be called with a global RegExp')
        }
      }
      const own = methodOf(pattern, symbols.replace)
      if (own !== undefined) return delegate(own, pattern, receiver, replacement)
    }
    if (isShort(receiver, pattern) && isShortText(replacement)) {
      charge(all ? 4 + receiver.length : 4)
      return all
        ? rawReplaceAll(receiver, pattern, replacement)
        : rawReplace(receiver, pattern, replacement)
    }
    const text = toText(receiver)
    const sought = toText(pattern)
    const isCall = typeof replacement === 'function'
    const template = isCall ? '' : toText(replacement)
    const expands = !isCall && find(template, '$', 0) !== -1
    const step = most(sought.length, 1)
    const pieces = []
    let count = 0
    let length = 0
    let end = 0
    chargeFind(text.length, sought.length)
    // all places first: what the callback does comes after
    const places = []
    for (let at = raw.indexOf(text, sought, 0); at !== -1; ) {
      charge(prices.part)
      places[places.length] = at
      if (!all || at + step > text.length) break
      at = raw.indexOf(text, sought, at + step)
    }
    if (places.length === 0) return text
    room(places.length * 16)
    for (let i = 0; i < places.length; i++) {
      const at = places[i]
      const piece = isCall
        ? textOfCall(replacement, sought, at, text)
        : expands
          ? expand(template, sought, at, text)
          : template
      spend(piece.length, prices.copy)
      pieces[count++] = raw.slice(text, end, at)
      pieces[count++] = piece
      length += at - end + piece.length
      if (length > limits.text) textRoom(length)
      end = at + sought.length
    }
    pieces[count] = raw.slice(text, end)
    textRoom(length + text.length - end)
    return join(pieces, '')
  }

  /** What a `$` in it stands for may be longer. */
  function isShortText(value) {
    return typeof value === 'string' && value.length < 8 && rawIndexOf(value, '$') === -1
  }

  function textOfCall(replacement, sought, at, text) {
    charge(prices.callback)
    enter()
    try {
      return toText(replacement(sought, at, text))
    } finally {
      leave()
    }
  }

  /** GetSubstitution of ECMA-262 for a pattern without groups. */
  function expand(template, sought, at, text) {
    let result = ''
    let from = 0
    for (;;) {
      charge(1)
      const sign = raw.indexOf(template, '$', from)
      if (sign === -1) return result + raw.slice(template, from)
      result += raw.slice(template, from, sign)
      const next = raw.charAt(template, sign + 1)
      if (next === '$') result += '$'
      else if (next === '&') result += sought
      else if (next === '`') result += raw.slice(text, 0, at)
      else if (next === "'") result += raw.slice(text, at + sought.length)
      else {
        result += '$'
        from = sign + 1
        continue
      }
      from = sign + 2
      if (result.length > limits.text) textRoom(result.length)
    }
  }

  function replaceCopies() {
    replace(prototype, {
      repeat(count) {
        if (typeof this === 'string' && typeof count === 'number' && count > 0) {
          const size = this.length * count
          if (size < SHORT) {
            charge(2)
            return rawRepeat(this, count)
          }
        }
        const text = thisText(this, 'repeat')
        const times = toInteger(count)
        if (times > 0 && times < 2 ** 53) textRoom(text.length * times)
        return raw.repeat(text, times)
      },
      padStart(length, filler) {
        const text = thisText(this, 'padStart')
        return pad(text, length, filler, raw.padStart)
      },
      padEnd(length, filler) {
        const text = thisText(this, 'padEnd')
        return pad(text, length, filler, raw.padEnd)
      },
      concat(...texts) {
        let result = thisText(this, 'concat')
        for (let i = 0; i < texts.length; i++) {
          const next = toText(texts[i])
          textRoom(result.length + next.length)
          result += next
        }
        return result
      },
      trim() {
        if (typeof this === 'string' && this.length < SHORT) return rawTrim(this)
        return scanned(thisText(this, 'trim'), raw.trim)
      },
      trimStart() {
        return scanned(thisText(this, 'trimStart'), raw.trimStart)
      },
      trimEnd() {
        return scanned(thisText(this, 'trimEnd'), raw.trimEnd)
      },
      isWellFormed() {
        return scanned(thisText(this, 'isWellFormed'), raw.isWellFormed)
      },
      toWellFormed() {
        const text = thisText(this, 'toWellFormed')
        textRoom(text.length)
        return scanned(text, raw.toWellFormed)
      }
    })
    for (const [alias, name] of [
      ['trimLeft', 'trimStart'],
      ['trimRight', 'trimEnd']
    ]) {
      Object.defineProperty(prototype, alias, { value: prototype[name] })
    }
  }

  function pad(text, length, filler, method) {
    const target = kit.toLength(length)
    charge(prices.call)
    if (target <= text.length) return text
    const fill = filler === undefined ? ' ' : toText(filler)
    if (fill === '') return text
    textRoom(target)
    return method(text, target, fill)
  }

  function scanned(text, method) {
    spend(text.length, prices.scan)
    return method(text)
  }

  /** Letters beyond ASCII take V8 more than ten times as long, the first of them included. */
  function changedShort(method, text) {
    charge(1 + (text.length >> 1))
    return method(text)
  }

  function replaceCases() {
    const changed = (name) => (value) => {
      const text = thisText(value, name)
      spend(text.length, prices.changeCase)
      room(text.length)
      const result = raw[name](text)
      // one letter may become three, which takes longer
      const more = result.length - text.length
      if (more > 0) spend(more, prices.changeCase * 4)
      return checked(result)
    }
    const lower = changed('toLowerCase')
    const upper = changed('toUpperCase')
    replace(prototype, {
      toLowerCase() {
        if (typeof this === 'string' && this.length < SHORT) return changedShort(rawLower, this)
        return lower(this)
      },
      toUpperCase() {
        if (typeof this === 'string' && this.length < SHORT) return changedShort(rawUpper, this)
        return upper(this)
      },
      toLocaleLowerCase() {
        return lower(this)
      },
      toLocaleUpperCase() {
        return upper(this)
      },
      normalize(form) {
        const text = thisText(this, 'normalize')
        return normalForm(text, form === undefined ? 'NFC' : toText(form))
      }
    })
  }

  function normalForm(text, form) {
    const { length } = text
    if (length < 8) {
      charge(4)
      return raw.normalize(text, form)
    }
    spend(length, prices.normalize)
    room(length * 4)
    chargeMarks(text)
    if (length > PIECE) checkPieces(text, form)
    return checked(raw.normalize(text, form))
  }

  /** With compatibility forms, one character becomes up to 18, all of which V8 would make in nobody's memory. */
  function checkPieces(text, form) {
    spend(text.length, prices.normalize)
    let size = 0
    for (let at = 0; at < text.length; at += PIECE) {
      size += raw.normalize(raw.slice(text, at, at + PIECE), form).length
      if (size > limits.text) textRoom(size)
    }
  }

  /** What nobody knew the length of before it was made. */
  function checked(result) {
    if (result.length > limits.text) textRoom(result.length)
    return result
  }

  function chargeMarks(text) {
    MARKS.lastIndex = 0
    for (let run = exec(MARKS, text); run !== null; run = exec(MARKS, text)) {
      spend(run[0].length ** 2, prices.normalizePair)
    }
  }

  /** CreateHTML of ECMA-262. */
  function replaceMarkup() {
    const tags = {
      anchor: ['a', 'name'],
      big: ['big'],
      blink: ['blink'],
      bold: ['b'],
      fixed: ['tt'],
      fontcolor: ['font', 'color'],
      fontsize: ['font', 'size'],
      italics: ['i'],
      link: ['a', 'href'],
      small: ['small'],
      strike: ['strike'],
      sub: ['sub'],
      sup: ['sup']
    }
    for (const name of Object.keys(tags)) {
      const [tag, attribute] = tags[name]
      replace(prototype, {
        [name](value) {
          const text = thisText(this, name)
          let head = `<${tag}`
          if (attribute !== undefined) {
            const plain = toText(value)
            head += ` ${attribute}="${replaceIn(plain, '"', '&quot;', 'replaceAll', true)}"`
          }
          textRoom(head.length + text.length + tag.length + 4)
          return `${head}>${text}</${tag}>`
        }
      })
    }
  }

  function replaceStatics() {
    replace(String, {
      raw(template, ...values) {
        enter()
        try {
          const literals = toObject(toObject(template).raw)
          const length = lengthOf(literals)
          spend(length, prices.part)
          let result = ''
          for (let i = 0; i < length; i++) {
            const literal = toText(literals[i])
            textRoom(result.length + literal.length)
            result += literal
            if (i + 1 < length && i < values.length) {
              const value = toText(values[i])
              textRoom(result.length + value.length)
              result += value
            }
          }
          return result
        } finally {
          leave()
        }
      }
    })
    const escapePattern = RegExp.escape
    replace(RegExp, {
      escape(value) {
        if (typeof value !== 'string') throw new TypeError('RegExp.escape: not a string')
        charge(prices.call)
        spend(value.length, prices.escape)
        textRoom(value.length * 6)
        return apply(escapePattern, RegExp, [value])
      }
    })
  }

  function replaceDates() {
    for (const name of ['toISOString', 'toUTCString']) {
      const method = Date.prototype[name]
      replace(Date.prototype, {
        [name]() {
          charge(prices.date)
          return apply(method, this, [])
        }
      })
    }
    Object.defineProperty(Date.prototype, 'toGMTString', { value: Date.prototype.toUTCString })
  }

  /** What V8 makes of a description is a rope that nobody has paid for: so none is long. */
  function replaceSymbols() {
    const RawSymbol = Symbol
    const symbolFor = Symbol.for
    const SomeSymbol = wrapConstructor(globalThis, RawSymbol, function (description) {
      if (new.target !== undefined) throw new TypeError('Symbol is not a constructor')
      charge(prices.call)
      return description === undefined ? RawSymbol() : RawSymbol(described(description))
    })
    replace(SomeSymbol, {
      for(key) {
        const text = described(key)
        charge(prices.call)
        room(text.length + 64)
        return apply(symbolFor, RawSymbol, [text])
      }
    })
  }

  function described(value) {
    const text = toText(value)
    if (text.length > limits.description) {
      throw kit.refuse(
        'ALLOCATION_LIMIT',
        `the description of a symbol may have ${limits.description} characters, and this one has ${text.length}: shorten it`
      )
    }
    spend(text.length, prices.hash)
    return text
  }

  /**
   * What V8 rounds in a base that is neither ten nor a power of two, which is not the same on all processors: some of them
   * round once where they multiply and add. So this does what V8 does where they do not. `value` is V8's own.
   */
  function parsedLong(text, given, value) {
    const base = given | 0
    if (value !== value || base === 0 || base === 10 || (base & (base - 1)) === 0) return value
    const digits = raw.trimStart(text)
    const sign = raw.charCodeAt(digits, 0)
    let at = sign === 43 || sign === 45 ? 1 : 0
    let sum = 0
    let isLast = false
    while (!isLast && sum < Infinity) {
      let part = 0
      let factor = 1
      while (factor * base <= PART_MAX) {
        const digit = digitOf(raw.charCodeAt(digits, at))
        isLast = !(digit < base)
        if (isLast) break
        charge(prices.digit)
        part = part * base + digit
        factor *= base
        at++
      }
      sum = sum * factor + part
    }
    return sign === 45 ? -sum : sum
  }

  function digitOf(code) {
    if (code <= 57) return code >= 48 ? code - 48 : 36
    const letter = code | 32
    return letter >= 97 && letter <= 122 ? letter - 87 : 36
  }

  /** The global functions and constructors that read a text. */
  function replaceConversions() {
    const realm = globalThis
    for (const name of [
      'decodeURI',
      'decodeURIComponent',
      'encodeURI',
      'encodeURIComponent',
      'escape',
      'unescape'
    ]) {
      const convert = realm[name]
      const growth = name === 'escape' ? 6 : name[0] === 'e' ? 9 : 1
      replace(realm, {
        [name](value) {
          const text = toText(value)
          spend(text.length, prices.escape)
          room(text.length * growth)
          return convert(text)
        }
      })
    }
    const { isFinite, isNaN, parseFloat, parseInt } = realm
    replace(realm, {
      parseFloat(value) {
        const text = toText(value)
        if (text.length > 32) spend(text.length, prices.parseNumber)
        return parseFloat(text)
      },
      parseInt(value, radix) {
        if (typeof value === 'number' && radix === undefined) return parseInt(value, 10)
        const text = toText(value)
        const base = toNumber(radix)
        if (text.length > 32) spend(text.length, prices.parseNumber)
        const number = parseInt(text, base)
        return number < 2 ** 53 && number > -(2 ** 53) ? number : parsedLong(text, base, number)
      },
      isFinite(value) {
        return isFinite(toNumber(value))
      },
      isNaN(value) {
        return isNaN(toNumber(value))
      }
    })
    Object.defineProperty(Number, 'parseFloat', { value: realm.parseFloat })
    Object.defineProperty(Number, 'parseInt', { value: realm.parseInt })
  }
})
