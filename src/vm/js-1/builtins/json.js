;(function json(kit) {
  // JSON. V8 writes, and asks a replacer of ours at every node: what a node costs depends on getters, toJSON and
  // proxies, and V8 would go as deep as its stack is. Where the contract gives a list of names, writing is done
  // here. V8 reads; a reviver walks here.

  const { apply, charge, enter, fuel, isBlock, isObject, isProxy, leave, lengthOf, prices } = kit
  const {
    hasOwnRaw,
    limits,
    refuse,
    replace,
    room,
    sizeOf,
    spend,
    state,
    textRoom,
    toInteger,
    toText,
    uncurry
  } = kit
  const { parse, rawJSON, isRawJSON, stringify } = JSON
  const { isArray } = Array
  const { defineProperty, deleteProperty } = Reflect
  const { keys: keysOf, getOwnPropertyDescriptor, is } = Object
  const { isFinite } = Number
  const slice = uncurry(String.prototype.slice)
  const indexOf = uncurry(String.prototype.indexOf)
  const repeat = uncurry(String.prototype.repeat)
  const bigintPrototype = BigInt.prototype
  const tests = {
    Number: uncurry(Number.prototype.valueOf),
    String: uncurry(String.prototype.valueOf),
    Boolean: uncurry(Boolean.prototype.valueOf),
    BigInt: uncurry(BigInt.prototype.valueOf)
  }
  const { toStringTag } = Symbol
  const textOf = uncurry(Object.prototype.toString)
  const TEXT_MAX = limits.text
  /** Characters up to which it does not matter how deep a text nests; bytes for a level of one, or a property. */
  const LONG = 64 * 1024
  const LEVEL = 32
  /**
   * Characters of a result, from which on it is counted what V8 writes for one: up to six, such as `\u0000`. Of a long text so
   * many are looked at at a time.
   */
  const EXACT = 1024 * 1024
  const PIECE = 64 * 1024
  /** Levels of nesting that V8's JSON.stringify takes the stack of. */
  const STACK = 9
  const lookupGetter = uncurry(Object.prototype.__lookupGetter__)
  const { getPrototypeOf } = Reflect
  const arrayPrototype = Array.prototype
  const objectPrototype = Object.prototype
  const has = uncurry(Set.prototype.has)
  const add = uncurry(Set.prototype.add)
  const RawSet = Set
  /** Of the value that is written: the spaces of a level, and how many characters it comes to, at least. */
  let indent = 0
  let least = 0

  replace(JSON, {
    parse(value, reviver) {
      const text = toText(value)
      spend(text.length, prices.jsonParse)
      room(text.length * 2)
      if (text.length > LONG) makeRoom(text)
      if (typeof reviver !== 'function') return parse(text)
      return revived(text, reviver)
    },
    stringify(value, replacer, space) {
      if (replacer === undefined && space === undefined) {
        if (typeof value === 'string') return quote(value)
        if (typeof value === 'number') return isFinite(value) ? `${value}` : 'null'
      }
      if (isObject(replacer) && typeof replacer !== 'function' && isArray(replacer)) {
        return written(value, replacer, space)
      }
      fuel.take(prices.spent)
      const gap = space === undefined ? '' : gapOf(space)
      if (typeof replacer === 'function') return watched(value, replacer, gap)
      indent = gap.length
      least = 0
      return isSimple(value, 0) ? fast(value, gap) : watched(value, undefined, gap)
    },
    rawJSON(value) {
      const text = toText(value)
      spend(text.length, prices.jsonParse)
      return rawJSON(text)
    }
  })
  return {}

  /**
   * V8 keeps more of each level of nesting that is open than the text has, and of each property of one, and that in no
   * isolate's memory.
   */
  function makeRoom(text) {
    for (let at = indexOf(text, ':'); at >= 0; at = indexOf(text, ':', at + 1)) room(LEVEL)
    for (let at = indexOf(text, '['); at >= 0; at = indexOf(text, '[', at + 1)) room(LEVEL)
    for (let at = indexOf(text, '{'); at >= 0; at = indexOf(text, '{', at + 1)) room(LEVEL)
  }

  function quote(text) {
    if (text.length <= 64) return stringify(text)
    room(text.length)
    spend(text.length, prices.jsonQuote)
    if (text.length > EXACT && sizeQuoted(text) > TEXT_MAX) textRoom(sizeQuoted(text))
    const quoted = stringify(text)
    room(quoted.length - text.length)
    return quoted
  }

  /** Characters that a text has as JSON, without the quotes around it. */
  function sizeQuoted(text) {
    if (text.length <= PIECE) return stringify(text).length - 2
    let size = 0
    for (let at = 0; at < text.length; at += PIECE) {
      size += stringify(slice(text, at, at + PIECE)).length - 2
      if (size > TEXT_MAX) return size
    }
    return size
  }

  /** What a text in a result adds to it that has `before` characters already, at least. */
  function sizeIn(before, text) {
    return before > EXACT || text.length > EXACT ? sizeQuoted(text) : text.length
  }

  /** What JSON.rawJSON was given, which is copied. */
  function rawText({ rawJSON: text }) {
    if (text.length > 64) spend(text.length, prices.jsonQuote)
    return text
  }

  /**
   * Whether a value holds nothing that could run anything: plain objects and arrays without accessors. Pays for
   * what it finds, which V8 then writes without asking.
   */
  function isSimple(value, level) {
    if (typeof value === 'string') {
      if (value.length > 64) {
        room(value.length)
        spend(value.length, prices.jsonQuote)
      }
      grow(sizeIn(least, value))
      return true
    }
    // a function is asked for its toJSON, too
    if (typeof value === 'function') return false
    if (typeof value !== 'object' || value === null) return typeof value !== 'bigint'
    if (level > 60 || (state.proxies && isProxy(value))) return false
    const plain = getPrototypeOf(value)
    // nor may a proxy behind it be asked for what V8 does not ask
    if ((plain !== arrayPrototype && plain !== objectPrototype) || 'toJSON' in value) return false
    if (isArray(value)) {
      if (plain !== arrayPrototype) return false
      const { length } = value
      fuel.take(length * 4 + 1)
      grow(length * 2)
      if (indent > 0) growLines(length, level + 1)
      const mayHaveGetters = !isBlock(value)
      for (let i = 0; i < length; i++) {
        if (mayHaveGetters && lookupGetter(value, i) !== undefined) return false
        const item = value[i]
        if (typeof item !== 'number' && !isSimple(item, level + 1)) return false
      }
      return true
    }
    if (plain !== objectPrototype || !isRecord(value)) return false
    const names = keysOf(value)
    const { length } = names
    const hidden = sizeOf(value) - length
    fuel.take(length * 6 + 1 + (hidden > 0 ? hidden * prices.keyWrite : 0))
    if (indent > 0) growLines(length, level + 1)
    for (let i = 0; i < length; i++) {
      const name = names[i]
      grow(sizeIn(least, name) + 4)
      if (lookupGetter(value, name) !== undefined) return false
      const item = value[name]
      if (typeof item !== 'number' && !isSimple(item, level + 1)) return false
      if (name.length > 64) spend(name.length, prices.jsonQuote)
    }
    return true
  }

  /** V8 goes through all properties for those that it writes. */
  function chargeHidden(object, shown) {
    const hidden = sizeOf(object) - shown
    if (hidden > 0) charge(hidden * prices.keyWrite)
  }

  /** Before V8 writes them: it would go on for as long as it has memory. */
  function grow(characters) {
    least += characters
    if (least > TEXT_MAX) textRoom(least)
  }

  function growLines(count, level) {
    const spaces = level * indent
    charge(count * spaces * prices.jsonSpace)
    grow(count * spaces)
  }

  /** Whether it holds no primitive, whatever it inherits from. */
  function isRecord(value) {
    return !(toStringTag in value) && textOf(value) === '[object Object]'
  }

  function fast(value, gap) {
    const text = stringify(value, undefined, gap)
    if (text !== undefined && text.length > 1024) {
      if (text.length > TEXT_MAX) textRoom(text.length)
      room(text.length)
      spend(text.length, prices.copy)
    }
    return text
  }

  /**
   * V8 asks a replacer before it goes into a value, in order: so this one knows how deep it is, and pays. The
   * contract's own is called from it.
   */
  function watched(value, replacer, gap) {
    const own = typeof replacer === 'function' ? replacer : undefined
    const holders = []
    let top = 0
    let size = 0
    let last
    enter()
    state.depth += STACK
    try {
      const text = stringify(value, visit, gap)
      if (size > 1024 && text !== undefined) {
        if (text.length > TEXT_MAX) textRoom(text.length)
        room(text.length)
        spend(text.length, prices.copy)
      }
      return text
    } finally {
      state.depth -= STACK
      leave()
    }

    function visit(key, given) {
      charge(prices.jsonNode)
      if (top === 0 || this !== holders[top - 1]) {
        if (this === last || top === 0) {
          if (top >= limits.nesting - state.depth) tooDeep()
          holders[top++] = this
        } else {
          do top--
          while (this !== holders[top - 1])
        }
      }
      last = own === undefined ? given : apply(own, this, [key, given])
      if (isObject(last)) {
        if (!isArray(last) && !isProxy(last)) chargeHidden(last, keysOf(last).length)
        if (isRawJSON(last)) size += rawText(last).length
        else last = unboxed(last)
      }
      const spaces = top * gap.length
      if (spaces > 0) charge(spaces * prices.jsonSpace)
      size += sizeIn(size, key) + 8 + spaces
      if (typeof last === 'string') {
        if (last.length > 64) spend(last.length, prices.jsonQuote)
        size += sizeIn(size, last)
      }
      if (size > limits.text) textRoom(size)
      return last
    }
  }

  function tooDeep() {
    throw refuse(
      'NESTING_LIMIT',
      `JSON may have ${limits.nesting} levels, builtins around it included: flatten the value`
    )
  }

  function written(value, replacer, space) {
    const names = namesOf(replacer)
    const writer = { text: '', gap: gapOf(space), indent: '', names, parents: [] }
    if (!write(writer, '', value)) return undefined
    room(writer.text.length)
    return writer.text
  }

  function namesOf(list) {
    const names = []
    const seen = new RawSet()
    const length = lengthOf(list)
    spend(length, prices.jsonNode)
    for (let i = 0; i < length; i++) {
      const item = list[i]
      let name
      if (typeof item === 'string') name = item
      else if (typeof item === 'number') name = `${item}`
      else if (isObject(item) && (isBoxed(item, 'String') || isBoxed(item, 'Number'))) {
        name = toText(item)
      }
      if (name === undefined || has(seen, name)) continue
      add(seen, name)
      names[names.length] = name
    }
    return names
  }

  function gapOf(space) {
    let value = space
    if (isObject(value)) {
      if (isBoxed(value, 'Number')) value = kit.toNumber(value)
      else if (isBoxed(value, 'String')) value = toText(value)
    }
    if (typeof value === 'number') {
      const count = toInteger(value)
      return count < 1 ? '' : repeat(' ', count > 10 ? 10 : count)
    }
    return typeof value === 'string' ? slice(value, 0, 10) : ''
  }

  /** Whether an object holds a primitive of this class. */
  function isBoxed(object, name) {
    if (isProxy(object)) return false
    try {
      tests[name](object)
      return true
    } catch {
      return false
    }
  }

  function put(writer, text) {
    writer.text += text
    const { length } = writer.text
    if (length > limits.text) textRoom(length)
  }

  /** SerializeJSONProperty: false where there is nothing to write. */
  function write(writer, key, given) {
    charge(prices.jsonNode)
    let value = given
    if (isObject(value) || typeof value === 'bigint') {
      const own = isObject(value) ? value.toJSON : readJSON(value)
      if (typeof own === 'function') value = call(own, value, [`${key}`])
    }
    if (isObject(value)) {
      if (isRawJSON(value)) {
        put(writer, rawText(value))
        return true
      }
      value = unboxed(value)
    }
    switch (typeof value) {
      case 'string':
        put(writer, quote(value))
        return true
      case 'number':
        put(writer, isFinite(value) ? `${value}` : 'null')
        return true
      case 'boolean':
        put(writer, value ? 'true' : 'false')
        return true
      case 'bigint':
        throw new TypeError('Do not know how to serialize a BigInt')
      case 'object':
        if (value === null) put(writer, 'null')
        else if (isArray(value)) writeArray(writer, value)
        else writeObject(writer, value)
        return true
      default:
        return false
    }
  }

  function readJSON(value) {
    return Reflect.get(bigintPrototype, 'toJSON', value)
  }

  function call(method, receiver, args) {
    enter()
    try {
      return apply(method, receiver, args)
    } finally {
      leave()
    }
  }

  /** The primitive that an object holds, as far as JSON reads it. */
  function unboxed(value) {
    if (isProxy(value) || isArray(value) || typeof value === 'function') return value
    if (isRawJSON(value)) return value
    if (!isTagged(value)) {
      switch (textOf(value)) {
        case '[object Number]':
          return kit.toNumber(value)
        case '[object String]':
          return toText(value)
        case '[object Boolean]':
          return tests.Boolean(value)
        default:
          return value
      }
    }
    charge(prices.jsonTagged)
    if (isBoxed(value, 'Number')) return kit.toNumber(value)
    if (isBoxed(value, 'String')) return toText(value)
    if (isBoxed(value, 'Boolean')) return tests.Boolean(value)
    return isBoxed(value, 'BigInt') ? tests.BigInt(value) : value
  }

  /** Whether an object has a tag, or may have one of a proxy behind it, which nobody asks. */
  function isTagged(value) {
    if (!state.proxies) return toStringTag in value
    for (let at = value; at !== null; at = getPrototypeOf(at)) {
      charge(prices.call)
      if (isProxy(at) || hasOwnRaw(at, toStringTag)) return true
    }
    return false
  }

  function writeArray(writer, array) {
    const stepback = open(writer, array)
    enter()
    try {
      const length = lengthOf(array)
      put(writer, '[')
      for (let i = 0; i < length; i++) {
        if (i > 0) put(writer, ',')
        if (writer.gap !== '') put(writer, `\n${writer.indent}`)
        if (!write(writer, i, array[i])) put(writer, 'null')
      }
      close(writer, stepback, length > 0, ']')
    } finally {
      leave()
    }
  }

  function writeObject(writer, object) {
    const stepback = open(writer, object)
    enter()
    try {
      const { names } = writer
      let some = false
      put(writer, '{')
      for (let i = 0; i < names.length; i++) {
        const name = names[i]
        const before = writer.text
        put(writer, some ? ',' : '')
        if (writer.gap !== '') put(writer, `\n${writer.indent}`)
        put(writer, `${quote(name)}:${writer.gap === '' ? '' : ' '}`)
        if (write(writer, name, object[name])) some = true
        else writer.text = before
      }
      close(writer, stepback, some, '}')
    } finally {
      leave()
    }
  }

  function namesIn(object) {
    const names = keysOf(object)
    spend(names.length, prices.key)
    return names
  }

  function open(writer, object) {
    const { parents, indent } = writer
    charge(1 + (parents.length >> 3))
    for (let i = 0; i < parents.length; i++) {
      if (parents[i] === object) throw new TypeError('Converting circular structure to JSON')
    }
    parents[parents.length] = object
    writer.indent = indent + writer.gap
    return indent
  }

  function close(writer, stepback, some, bracket) {
    if (some && writer.gap !== '') put(writer, `\n${stepback}`)
    put(writer, bracket)
    writer.indent = stepback
    writer.parents.length--
  }

  // ---- reading with a reviver

  /** V8 reads the text twice more: for the value, and for the sources of its primitives. */
  function revived(text, reviver) {
    const tree = parse(text)
    checkDepth(tree)
    const record = parse(text, (_key, value, context) =>
      isObject(value) ? { children: value } : { source: context.source }
    )
    pair(record, tree)
    return walk({ '': tree }, '', record, reviver)
  }

  /** V8 walks with a reviver as deep as its stack is, so what it has read must not be deeper than ours. */
  function checkDepth(tree) {
    if (!isObject(tree)) return
    enter()
    try {
      const names = keysOf(tree)
      spend(names.length, prices.jsonNode)
      for (let i = 0; i < names.length; i++) checkDepth(tree[names[i]])
    } finally {
      leave()
    }
  }

  function pair(record, tree) {
    record.value = tree
    if (!isObject(tree)) return
    const names = keysOf(tree)
    for (let i = 0; i < names.length; i++) pair(record.children[names[i]], tree[names[i]])
  }

  /** InternalizeJSONProperty; `record` is undefined for what the reviver has put there. */
  function walk(holder, name, record, reviver) {
    charge(prices.jsonRevive)
    enter()
    try {
      const value = holder[name]
      const known = record !== undefined && is(record.value, value) ? record : undefined
      const context = {}
      if (isObject(value)) {
        const children = known?.children
        if (isArray(value)) {
          const length = lengthOf(value)
          for (let i = 0; i < length; i++) step(value, `${i}`, children?.[i], reviver)
        } else {
          const names = namesIn(value)
          for (let i = 0; i < names.length; i++) {
            const child = children === undefined ? undefined : ownOf(children, names[i])
            step(value, names[i], child, reviver)
          }
        }
      } else if (known !== undefined) {
        context.source = known.source
      }
      return apply(reviver, holder, [name, value, context])
    } finally {
      leave()
    }
  }

  function ownOf(object, name) {
    return getOwnPropertyDescriptor(object, name)?.value
  }

  function step(object, name, record, reviver) {
    const value = kit.element(object, walk(object, name, record, reviver), name)
    if (value === undefined) deleteProperty(object, name)
    else {
      defineProperty(object, name, {
        value,
        writable: true,
        enumerable: true,
        configurable: true
      })
    }
  }
})
