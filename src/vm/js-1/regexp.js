;(function regexp({ charge, classes, pattern, bound, matcher, prices }) {
  // RegExp whose work is paid for. No contract reaches V8's own matching: every method that matches is replaced by
  // one that first knows the pattern. What bound.js proves to be cheap goes to V8, on a RegExp of our own, and is
  // charged by what it can cost at most; everything else goes to matcher.js, which counts its steps. The choice
  // and the charge depend on pattern and text alone.

  const realm = globalThis
  const { apply, construct, defineProperty, getPrototypeOf, ownKeys } = Reflect
  const { getOwnPropertyDescriptor, hasOwn, is } = Object
  const { ceil, trunc, min: least } = Math
  const uncurry = Function.prototype.bind.bind(Function.prototype.call)
  const RawRegExp = RegExp
  const RawMap = Map
  const RawWeakMap = WeakMap
  const prototype = RegExp.prototype
  const iteratorPrototype = getPrototypeOf('x'.matchAll(/x/g))
  const { match, matchAll, replace, search, species, split } = Symbol

  const rawExec = uncurry(prototype.exec)
  const get = uncurry(Map.prototype.get)
  const set = uncurry(Map.prototype.set)
  const knownOf = uncurry(WeakMap.prototype.get)
  const setKnown = uncurry(WeakMap.prototype.set)
  const includes = uncurry(String.prototype.includes)
  const indexOf = uncurry(String.prototype.indexOf)
  const charCodeAt = uncurry(String.prototype.charCodeAt)
  const slice = uncurry(String.prototype.slice)
  const getter = (key) => uncurry(getOwnPropertyDescriptor(prototype, key).get)
  const sourceOf = getter('source')
  const hasIndices = getter('hasIndices')
  const isGlobal = getter('global')
  const ignoresCase = getter('ignoreCase')
  const isMultiline = getter('multiline')
  const isDotAll = getter('dotAll')
  const isUnicode = getter('unicode')
  const hasSets = getter('unicodeSets')
  const isSticky = getter('sticky')

  /** Characters of a source; a longer one is refused. */
  const SOURCE_MAX = 64 * 1024
  /** Characters of a source that V8 may run; its compiler takes time, too. */
  const NATIVE_SOURCE_MAX = 1000
  /** What V8 may make of its classes, see classes.js. */
  const NATIVE_BULK_MAX = 32
  /** Steps that V8 may take for one match: where they are few, and where they grow no faster than the text. */
  const NATIVE_STEPS_MAX = 1024
  const LINEAR_STEPS_MAX = 2 ** 22
  /** Patterns that are remembered; the one above it makes all others forgotten, and paid for anew. */
  const PATTERNS_MAX = 256
  /** Characters of their sources. */
  const PATTERNS_SIZE_MAX = 128 * 1024
  const LENGTH_MAX = 2 ** 53 - 1

  /** What the call has used and paid for, by source: a list of patterns with their flags. */
  let paid = new RawMap()
  let paidCount = 0
  let paidSize = 0
  /** What has been compiled, in whichever call: it saves work and changes nothing else. */
  let compiled = new RawMap()
  let compiledCount = 0
  let compiledSize = 0
  /** Counts how often `paid` was emptied. */
  let era = 0
  /** From RegExp objects to `{ pattern, global, sticky, era }`. */
  const objects = new RawWeakMap()
  const iterators = new RawWeakMap()

  /** Around what a contract may run: set once there is something to count with. */
  let enter = () => {}
  let leave = () => {}
  let toText = (value) => `${value}`
  let toNumber = (value) => +value
  /** Throws where a text would be longer than one may be. */
  let checkLength = () => {}
  /** For what is thrown where the stack of the matcher grows. */
  let rethrow = (error) => {
    throw error
  }

  const RealmRegExp = replaceConstructor()
  const { exec } = replaceMethods()
  replaceIterator()
  replaceStringMethods()

  return { startRegExps, nestWith }

  /** How deep builtins are nested: for a RegExp whose `exec`, or whose flags, are a builtin that matches. */
  function nestWith(kit) {
    enter = kit.enter
    leave = kit.leave
    toText = kit.toText
    toNumber = kit.toNumber
    rethrow = kit.rethrow
    checkLength = (length) => {
      if (length > kit.limits.text) kit.textRoom(length)
    }
  }

  /** Every call pays for its own patterns. */
  function startRegExps() {
    if (paidCount === 0) return
    forget()
    matcher.shrink()
  }

  function forget() {
    paid = new RawMap()
    paidCount = 0
    paidSize = 0
    era++
  }

  // ---- patterns

  /** Throws a TypeError for what is no RegExp. */
  function knowledgeOf(object) {
    const known = knownOf(objects, object)
    if (known !== undefined) {
      if (known.era === era) return known
      known.pattern = payPattern(known.pattern.source, known.pattern.flags)
      known.era = era
      return known
    }
    const source = sourceOf(object)
    if (object === prototype) throw new TypeError('RegExp.prototype is no RegExp')
    const found = {
      pattern: payPattern(source, flagsOf(object)),
      global: isGlobal(object),
      sticky: isSticky(object),
      era
    }
    setKnown(objects, object, found)
    return found
  }

  /** The flags that a pattern is compiled with: `g` and `y` only say where it is used. */
  function flagsOf(object) {
    const first = `${hasIndices(object) ? 'd' : ''}${ignoresCase(object) ? 'i' : ''}`
    const second = `${isMultiline(object) ? 'm' : ''}${isDotAll(object) ? 's' : ''}`
    return `${first}${second}${isUnicode(object) ? 'u' : ''}${hasSets(object) ? 'v' : ''}`
  }

  function payPattern(source, flags) {
    let list = get(paid, source)
    const known = find(list, flags)
    if (known !== undefined) return known
    const bulk = bulkOf(source, flags)
    charge(
      prices.COMPILE +
        source.length * prices.COMPILE_CHARACTER +
        bulk.folds * prices.COMPILE_PROPERTY +
        bulk.strings * prices.STRING_PROPERTY +
        bulk.classes * prices.COMPILE_CLASS +
        squareOf(source, flags)
    )
    const found = find(get(compiled, source), flags) ?? compilePattern(source, flags)
    if (paidCount >= PATTERNS_MAX || paidSize + source.length > PATTERNS_SIZE_MAX) forget()
    list = get(paid, source)
    if (list === undefined) set(paid, source, [found])
    else list[list.length] = found
    paidCount++
    paidSize += source.length
    return found
  }

  function find(list, flags) {
    if (list === undefined) return undefined
    for (let i = 0; i < list.length; i++) if (list[i].flags === flags) return list[i]
    return undefined
  }

  function compilePattern(source, flags) {
    refuseLarge(source, flags)
    const { tree, count, names, foldsInPart } = pattern.parse(source, flags)
    const isUnicodeMode = includes(flags, 'u') || includes(flags, 'v')
    const isShort = source.length <= NATIVE_SOURCE_MAX && sizeOf(tree) <= NATIVE_BULK_MAX
    // V8 folds what stands beside (?i:…), too
    const bounds = isShort && !foldsInPart ? bound.boundOf(tree) : null
    const found = {
      source,
      flags,
      tree,
      count,
      names,
      bounds,
      hasIndices: includes(flags, 'd'),
      isUnicode: isUnicodeMode,
      /** V8's, to search and to match at one place; made when they are used. */
      searching: null,
      sticking: null,
      program: null
    }
    if (compiledCount >= PATTERNS_MAX || compiledSize + source.length > PATTERNS_SIZE_MAX) {
      compiled = new RawMap()
      compiledCount = 0
      compiledSize = 0
    }
    compiledCount++
    compiledSize += source.length
    const list = get(compiled, source)
    if (list === undefined) set(compiled, source, [found])
    else list[list.length] = found
    return found
  }

  function sizeOf(node) {
    if (node.type === 'class') return classes.bulkOf(node)
    if (node.body !== undefined) return sizeOf(node.body)
    if (node.items === undefined) return 0
    let size = 0
    for (let i = 0; i < node.items.length; i++) size += sizeOf(node.items[i])
    return size
  }

  function refuseLarge(source, flags) {
    if (source.length > SOURCE_MAX) {
      throw tooLarge(`its source has ${source.length} characters and may have ${SOURCE_MAX}`)
    }
    const depth = pattern.depthOf(source, flags)
    if (depth > pattern.DEPTH_MAX) {
      throw tooLarge(`its brackets nest ${depth} deep and may nest ${pattern.DEPTH_MAX} deep`)
    }
  }

  function tooLarge(reason) {
    const error = new RangeError(`a RegExp is too large: ${reason}`)
    error.code = 'REGEXP_TOO_LARGE'
    return error
  }

  /** What makes V8's parser slow: properties, and under the flags iu and v everything that it has to fold. */
  function bulkOf(source, flags) {
    const isUnicodeMode = includes(flags, 'u') || includes(flags, 'v')
    const folds = isUnicodeMode ? timesIn(source, '\\p') + timesIn(source, '\\P') : 0
    const strings = includes(flags, 'v')
      ? timesIn(source, '\\p{RGI_') + timesIn(source, '\\p{Basic_')
      : 0
    const isFolded = isUnicodeMode && includes(flags, 'i')
    return {
      folds: folds + (isFolded ? timesIn(source, '[') + timesIn(source, '\\W') : 0),
      strings,
      classes: isUnicodeMode ? timesIn(source, '[') + timesIn(source, '.') : 0
    }
  }

  /** V8 takes the square of the members of a class with flag v. */
  function squareOf(source, flags) {
    return includes(flags, 'v') ? ceil(source.length * source.length * prices.SET_PAIR) : 0
  }

  function timesIn(text, part) {
    let times = 0
    for (let at = indexOf(text, part); at >= 0; at = indexOf(text, part, at + 1)) times++
    return times
  }

  // ---- matching

  /** The result of exec from `from` on, or with `once` at `from` only; charges for it. */
  function matchFrom(found, text, from, once) {
    const { bounds, count } = found
    charge(prices.EXEC + count * (found.hasIndices ? prices.INDEXED_CAPTURE : prices.CAPTURE))
    if (bounds === null) return matchMetered(found, text, from, once)
    const left = bounds.looksBehind ? text.length : text.length - from
    const { attempt, failure, isAnchored } = bounds
    const isSingle = once || isAnchored
    const isLinear = attempt[2] + attempt[3] === 0
    if (!isSingle && failure !== null && isLinear) {
      // nothing beyond the end of a match is looked at, and little before its beginning
      if (failure * left + bound.stepsOf(attempt, left) > LINEAR_STEPS_MAX) {
        return matchMetered(found, text, from, once)
      }
      const result = matchNatively(found, text, from, once)
      const begin = result === null ? text.length : result.index
      const length = result === null ? 0 : result[0].length
      chargeSteps(failure * (begin - from) + bound.stepsOf(attempt, length))
      return result
    }
    const steps = bound.stepsOf(attempt, left) * (isSingle ? 1 : left + 1)
    if (steps > (isSingle && isLinear ? LINEAR_STEPS_MAX : NATIVE_STEPS_MAX)) {
      return matchMetered(found, text, from, once)
    }
    chargeSteps(steps)
    return matchNatively(found, text, from, once)
  }

  function chargeSteps(steps) {
    charge(ceil(steps * prices.NATIVE_STEP))
  }

  function matchNatively(found, text, from, once) {
    const { source, flags } = found
    let native
    if (once) {
      native = found.sticking ??= new RawRegExp(source, `${flags}y`)
    } else {
      native = found.searching ??= new RawRegExp(source, `${flags}g`)
    }
    native.lastIndex = from
    let result = rawExec(native, text)
    // V8 looks for a match inside of surrogate pairs, too, where ECMA-262 sees no place to begin
    while (result !== null && found.isUnicode && !once && isInPair(text, result.index)) {
      native.lastIndex = result.index + 1
      charge(prices.EXEC)
      result = rawExec(native, text)
    }
    return result
  }

  function isInPair(text, at) {
    return at > 0 && at < text.length && advance(text, at - 1, true) > at
  }

  function matchMetered(found, text, from, once) {
    const { tree, count, isUnicode: unicode, bounds } = found
    found.program ??= matcher.compile(tree, count, unicode)
    const isSingle = once || bounds?.isAnchored === true
    try {
      const registers = matcher.search(found.program, text, from, isSingle, charge)
      return registers === null ? null : resultOf(found, text, registers)
    } catch (error) {
      return rethrow(error)
    }
  }

  /** The array that exec returns. */
  function resultOf({ count, names, hasIndices: indexed }, text, registers) {
    const result = []
    const indices = indexed ? [] : null
    for (let i = 0; i <= count; i++) {
      const begin = registers[2 * i]
      const end = registers[2 * i + 1]
      const isSet = begin >= 0 && end >= 0
      result[i] = isSet ? slice(text, begin, end) : undefined
      if (indexed) indices[i] = isSet ? [begin, end] : undefined
    }
    result.index = registers[0]
    result.input = text
    result.groups = groupsOf(names, result)
    if (indexed) {
      result.indices = indices
      indices.groups = groupsOf(names, indices)
    }
    return result
  }

  function groupsOf(names, values) {
    if (names.length === 0) return undefined
    const groups = { __proto__: null }
    for (let i = 0; i < names.length; i++) {
      const { name, indices } = names[i]
      let value
      for (let j = 0; j < indices.length; j++) value ??= values[indices[j]]
      groups[name] = value
    }
    return groups
  }

  /** RegExpBuiltinExec of ECMA-262. */
  function builtinExec(object, text) {
    const { pattern: found, global, sticky } = knowledgeOf(object)
    const lastIndex = toLength(object.lastIndex)
    const remembers = global || sticky
    const from = remembers ? lastIndex : 0
    if (from > text.length) {
      object.lastIndex = 0
      return null
    }
    const result = matchFrom(found, text, from, sticky)
    if (remembers) object.lastIndex = result === null ? 0 : result.index + result[0].length
    return result
  }

  /** RegExpExec of ECMA-262. */
  function regExpExec(object, text) {
    const method = object.exec
    if (method === exec || typeof method !== 'function') return builtinExec(object, text)
    const result = apply(method, object, [text])
    if (result !== null && !isObject(result)) throw new TypeError('exec: not an object or null')
    return result
  }

  /**
   * What is known of an object that matches as we think, if it is global and `flags` are its own: its matches
   * can be looked for at once, without `exec` and `lastIndex`. Else null.
   */
  function plainGlobal(object, flags) {
    if (object.exec !== exec || !isRegExp(object)) return null
    const known = knowledgeOf(object)
    if (!known.global || !includes(flags, 'g')) return null
    return (includes(flags, 'u') || includes(flags, 'v')) === known.pattern.isUnicode ? known : null
  }

  function isRegExp(object) {
    if (knownOf(objects, object) !== undefined) return true
    try {
      sourceOf(object)
      return object !== prototype
    } catch {
      return false
    }
  }

  /** Calls `visit` with all results, as a loop over exec gives them; after the last one, if exec is not ours. */
  function eachMatch(object, text, flags, visit) {
    const isUnicodeMode = includes(flags, 'u') || includes(flags, 'v')
    object.lastIndex = 0
    const known = plainGlobal(object, flags)
    if (known === null) return eachMatchOfExec(object, text, isUnicodeMode, visit)
    for (let from = 0; from <= text.length; ) {
      const result = matchFrom(known.pattern, text, from, known.sticky)
      if (result === null) return
      const { length } = result[0]
      from = result.index + length
      if (length === 0) from = advance(text, from, isUnicodeMode)
      visit(result)
    }
  }

  function eachMatchOfExec(object, text, isUnicodeMode, visit) {
    const results = []
    for (;;) {
      const result = regExpExec(object, text)
      if (result === null) break
      charge(prices.EXEC)
      results[results.length] = result
      if (toText(result[0]) === '') {
        object.lastIndex = advance(text, toLength(object.lastIndex), isUnicodeMode)
      }
    }
    for (let i = 0; i < results.length; i++) visit(results[i])
  }

  function advance(text, index, isUnicodeMode) {
    if (!isUnicodeMode || index + 1 >= text.length) return index + 1
    const high = charCodeAt(text, index)
    const low = charCodeAt(text, index + 1)
    const isPair = high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff
    return index + (isPair ? 2 : 1)
  }

  // ---- what contracts see

  function replaceConstructor() {
    const Replacement = function (source, flags) {
      let text = source
      let letters = flags
      const isPattern = isObject(source) && isRegExpLike(source)
      if (new.target === undefined && isPattern && flags === undefined) {
        if (source.constructor === Replacement) return source
      }
      if (isObject(source) && isRegExp(source)) {
        text = sourceOf(source)
        if (flags === undefined) {
          letters = `${flagsOf(source)}${isGlobal(source) ? 'g' : ''}${isSticky(source) ? 'y' : ''}`
        }
      } else if (isPattern) {
        text = source.source
        if (flags === undefined) letters = source.flags
      }
      text = text === undefined ? '' : toText(text)
      letters = letters === undefined ? '' : toText(letters)
      payParsing(text, letters)
      return construct(RawRegExp, [text, letters], new.target ?? Replacement)
    }
    defineProperty(Replacement, 'name', { value: 'RegExp' })
    defineProperty(Replacement, 'length', { value: 2 })
    defineProperty(Replacement, 'prototype', { value: prototype, writable: false })
    put(prototype, { constructor: Replacement })
    for (const key of ownKeys(RawRegExp)) {
      if (hasOwn(Replacement, key)) continue
      defineProperty(Replacement, key, getOwnPropertyDescriptor(RawRegExp, key))
    }
    realm.RegExp = Replacement
    return Replacement
  }

  /** What V8 does with a source when it makes the object. */
  function payParsing(source, flags) {
    const bulk = bulkOf(source, flags)
    charge(
      prices.CREATE +
        source.length * prices.CREATE_CHARACTER +
        bulk.folds * prices.PROPERTY +
        bulk.strings * prices.STRING_PROPERTY +
        squareOf(source, flags)
    )
    refuseLarge(source, flags)
  }

  /** IsRegExp of ECMA-262, for an object. */
  function isRegExpLike(object) {
    const matches = object[match]
    return matches === undefined ? isRegExp(object) : !!matches
  }

  function replaceMethods() {
    const methods = {
      exec(text) {
        if (!isObject(this)) throw notObject('exec')
        // a TypeError comes before the text is looked at
        if (knownOf(objects, this) === undefined) knowledgeOf(this)
        return builtinExec(this, toText(text))
      },
      test(text) {
        if (!isObject(this)) throw notObject('test')
        return regExpExec(this, toText(text)) !== null
      },
      [match](text) {
        if (!isObject(this)) throw notObject('[Symbol.match]')
        const input = toText(text)
        const flags = toText(this.flags)
        if (!includes(flags, 'g')) return regExpExec(this, input)
        charge(prices.METHOD)
        const found = []
        eachMatch(this, input, flags, (result) => {
          found[found.length] = toText(result[0])
        })
        return found.length === 0 ? null : found
      },
      [matchAll](text) {
        if (!isObject(this)) throw notObject('[Symbol.matchAll]')
        charge(prices.METHOD)
        const input = toText(text)
        const Species = speciesOf(this)
        const flags = toText(this.flags)
        const copy = construct(Species, [this, flags])
        copy.lastIndex = toLength(this.lastIndex)
        const iterator = { __proto__: iteratorPrototype }
        setKnown(iterators, iterator, {
          object: copy,
          text: input,
          global: includes(flags, 'g'),
          isUnicode: includes(flags, 'u') || includes(flags, 'v'),
          done: false
        })
        return iterator
      },
      [replace](text, replacement) {
        if (!isObject(this)) throw notObject('[Symbol.replace]')
        charge(prices.METHOD)
        return replaceIn(this, toText(text), replacement)
      },
      [search](text) {
        if (!isObject(this)) throw notObject('[Symbol.search]')
        const input = toText(text)
        const before = this.lastIndex
        if (!is(before, 0)) this.lastIndex = 0
        const result = regExpExec(this, input)
        if (!is(this.lastIndex, before)) this.lastIndex = before
        return result === null ? -1 : result.index
      },
      [split](text, limit) {
        if (!isObject(this)) throw notObject('[Symbol.split]')
        charge(prices.METHOD)
        return splitText(this, toText(text), limit)
      }
    }
    const counting = counted(methods)
    put(prototype, counting)
    return counting
  }

  /** The same methods, which count a level; each has two parameters at most. */
  function counted(methods) {
    const counting = {}
    for (const key of ownKeys(methods)) {
      const method = uncurry(methods[key])
      const { [key]: own } = {
        [key](first, second) {
          enter()
          try {
            return method(this, first, second)
          } finally {
            leave()
          }
        }
      }
      defineProperty(own, 'length', { value: methods[key].length })
      counting[key] = own
    }
    return counting
  }

  function speciesOf(object) {
    const Constructor = object.constructor
    if (Constructor === undefined) return RealmRegExp
    if (!isObject(Constructor)) throw new TypeError('constructor is not an object')
    return Constructor[species] ?? RealmRegExp
  }

  /** RegExp.prototype[Symbol.replace] of ECMA-262. */
  function replaceIn(object, text, replacement) {
    const isFunction = typeof replacement === 'function'
    const template = isFunction ? null : toText(replacement)
    const flags = toText(object.flags)
    const isPlain = !isFunction && !includes(template, '$')
    let replaced = ''
    let end = 0
    if (includes(flags, 'g')) {
      eachMatch(object, text, flags, visit)
    } else {
      const result = regExpExec(object, text)
      if (result !== null) visit(result)
    }
    if (end >= text.length) return replaced
    checkLength(replaced.length + text.length - end)
    return replaced + slice(text, end)

    function visit(result) {
      const length = toLength(result.length)
      // of ours they are paid for; one that a contract's exec returns may have any number
      if (length > 16) charge(length * prices.CAPTURE)
      const matched = toText(result[0])
      const index = toInteger(result.index)
      const position = index < 0 ? 0 : least(index, text.length)
      const captures = []
      for (let j = 1; j < length; j++) {
        const capture = result[j]
        captures[j - 1] = capture === undefined ? undefined : toText(capture)
      }
      const { groups } = result
      let piece = template
      if (isFunction) {
        const args = [matched]
        for (let j = 0; j < captures.length; j++) args[args.length] = captures[j]
        args[args.length] = position
        args[args.length] = text
        if (groups !== undefined) args[args.length] = groups
        piece = toText(apply(replacement, undefined, args))
      } else if (!isPlain || groups !== undefined) {
        const named = groups === undefined ? undefined : toObject(groups)
        if (!isPlain) charge(template.length * prices.TEMPLATE_CHARACTER)
        if (!isPlain) piece = substitute(template, { matched, text, position, captures, named })
      }
      if (position < end) return
      charge(ceil((position - end + piece.length) * prices.CHARACTER))
      checkLength(replaced.length + position - end + piece.length)
      replaced += slice(text, end, position) + piece
      end = position + matched.length
    }
  }

  /** GetSubstitution of ECMA-262. */
  function substitute(template, { matched, text, position, captures, named }) {
    let result = ''
    let end = 0
    for (let at = indexOf(template, '$'); at >= 0; at = indexOf(template, '$', end)) {
      result += slice(template, end, at)
      const next = template[at + 1]
      end = at + 2
      if (next === '$') result += '$'
      else if (next === '&') result += matched
      else if (next === '`') result += slice(text, 0, position)
      else if (next === "'") result += slice(text, least(position + matched.length, text.length))
      else if (next >= '0' && next <= '9') {
        const second = template[at + 2]
        const isLong = second >= '0' && second <= '9'
        let number = +next
        if (isLong && +(next + second) >= 1 && +(next + second) <= captures.length) {
          number = +(next + second)
          end++
        }
        if (number >= 1 && number <= captures.length) result += captures[number - 1] ?? ''
        else result += slice(template, at, end)
      } else {
        const close = next === '<' && named !== undefined ? indexOf(template, '>', at) : -1
        if (close < 0) {
          result += '$'
          end = at + 1
        } else {
          const capture = named[slice(template, at + 2, close)]
          if (capture !== undefined) result += toText(capture)
          end = close + 1
        }
      }
      checkLength(result.length)
    }
    return result + slice(template, end)
  }

  /** RegExp.prototype[Symbol.split] of ECMA-262. */
  function splitText(object, text, limit) {
    const Species = speciesOf(object)
    const flags = toText(object.flags)
    const isUnicodeMode = includes(flags, 'u') || includes(flags, 'v')
    const isOurs = Species === RealmRegExp && isRegExp(object)
    const found = isOurs ? knowledgeOf(object).pattern : null
    // of a copy with the same flags nobody but us would ever know
    const isPlain = isOurs && sameFlags(object, flags)
    const splitter = isPlain
      ? null
      : construct(Species, [object, includes(flags, 'y') ? flags : `${flags}y`])
    const parts = []
    const max = limit === undefined ? 2 ** 32 - 1 : toNumber(limit) >>> 0
    if (max === 0) return parts
    if (text.length === 0) {
      const result = isPlain ? matchFrom(found, text, 0, true) : regExpExec(splitter, text)
      if (result === null) parts[0] = text
      return parts
    }
    let begin = 0
    let at = 0
    while (at < text.length) {
      let end
      let result
      if (isPlain) {
        result = matchFrom(found, text, at, false)
        if (result === null) break
        at = result.index
        if (at >= text.length) break
        end = at + result[0].length
      } else {
        splitter.lastIndex = at
        result = regExpExec(splitter, text)
        if (result !== null) end = least(toLength(splitter.lastIndex), text.length)
      }
      if (result === null || end === begin) {
        at = advance(text, at, isUnicodeMode)
        continue
      }
      parts[parts.length] = slice(text, begin, at)
      if (parts.length === max) return parts
      begin = end
      const count = isPlain ? result.length : toLength(result.length)
      if (count > 16) charge(count * prices.CAPTURE)
      for (let i = 1; i < count; i++) {
        parts[parts.length] = result[i]
        if (parts.length === max) return parts
      }
      at = begin
    }
    parts[parts.length] = slice(text, begin)
    return parts
  }

  function sameFlags(object, flags) {
    const own = `${flagsOf(object)}${isGlobal(object) ? 'g' : ''}${isSticky(object) ? 'y' : ''}`
    if (own.length !== flags.length) return false
    for (let i = 0; i < own.length; i++) if (!includes(flags, own[i])) return false
    return true
  }

  function replaceIterator() {
    put(iteratorPrototype, {
      next() {
        const state = isObject(this) ? knownOf(iterators, this) : undefined
        if (state === undefined) throw new TypeError('next: not a RegExp String Iterator')
        if (state.done) return { value: undefined, done: true }
        const { object, text } = state
        const value = regExpExec(object, text)
        if (value === null || !state.global) state.done = true
        if (value === null) return { value: undefined, done: true }
        if (state.global && toText(value[0]) === '') {
          object.lastIndex = advance(text, toLength(object.lastIndex), state.isUnicode)
        }
        return { value, done: false }
      }
    })
  }

  /** Those that make a RegExp of their argument; the others find our methods by their symbols. */
  function replaceStringMethods() {
    const methods = {
      match(regexp) {
        return dispatch(this, regexp, match, undefined)
      },
      matchAll(regexp) {
        if (isObject(regexp) && this !== undefined && this !== null && isRegExpLike(regexp)) {
          const { flags } = regexp
          if (flags === undefined || flags === null || !includes(toText(flags), 'g')) {
            throw new TypeError(
              'String.prototype.matchAll called with a non-global RegExp argument'
            )
          }
        }
        return dispatch(this, regexp, matchAll, 'g')
      },
      search(regexp) {
        return dispatch(this, regexp, search, undefined)
      }
    }
    put(realm.String.prototype, counted(methods))
  }

  function dispatch(text, regexp, symbol, flags) {
    if (text === undefined || text === null) {
      throw new TypeError('String.prototype method called on null or undefined')
    }
    if (isObject(regexp)) {
      const method = regexp[symbol]
      if (method !== undefined && method !== null) return apply(method, regexp, [text])
    }
    const input = toText(text)
    const source = regexp === undefined ? '' : toText(regexp)
    payParsing(source, flags ?? '')
    return new RawRegExp(source, flags)[symbol](input)
  }

  // ---- helpers

  function put(object, methods) {
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

  function notObject(name) {
    return new TypeError(`RegExp.prototype.${name} called on something that is no object`)
  }

  function toObject(value) {
    if (value === null) throw new TypeError('groups: null is no object')
    return isObject(value) ? value : realm.Object(value)
  }

  function toInteger(value) {
    const number = trunc(typeof value === 'number' ? value : toNumber(value))
    return number === number ? number : 0
  }

  function toLength(value) {
    const number = toInteger(value)
    return number <= 0 ? 0 : least(number, LENGTH_MAX)
  }

  function isObject(value) {
    return (typeof value === 'object' && value !== null) || typeof value === 'function'
  }
})
