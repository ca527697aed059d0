;(function makeExported(primordials, errors, codec, calls, { charge, prices }) {
  // The exported variables: what each call finds, and what it leaves to the next one.

  const {
    apply,
    defineProperty,
    encodeURIComponent,
    getOwnPropertyDescriptor,
    isWellFormed,
    keysOf,
    parse,
    sort,
    stringify,
    typedArrayLength,
    typedArrayTag
  } = primordials
  const { isObject, ours, pathOf, tooLarge, unsupported, utf8Length } = errors
  const { decodeValue, encodeValue } = codec
  const { call } = calls

  /** Bytes that a path of the archive may have. */
  const PATH_MAX = 1024

  /** The variables as the call before left them, in the order of their paths, and by name. */
  let variables = []
  let variableOf = { __proto__: null }
  /** Characters of their texts: what they cost may not depend on the calls before. */
  let characters = 0
  /** Variables whose `taken` is this number are among those that the call has left. */
  let taking = 0
  /** How variables are laid over the defaults; only its value changes. */
  const laid = { value: undefined, writable: true, enumerable: true, configurable: true }

  return { layOver, open, payIndices, price, readProperty, take }

  /** Begins with these: `[name, text]` in the order of their paths. */
  function open(pairs) {
    variables = []
    variableOf = { __proto__: null }
    characters = 0
    for (let i = 0; i < pairs.length; i++) {
      const { 0: name, 1: text } = pairs[i]
      variables[i] = variableOf[name] = makeVariable(name, text)
      characters += text.length
    }
  }

  /** What it costs to give them to a call. */
  function price() {
    return variables.length * prices.variable + characters * prices.decoded
  }

  function layOver(E) {
    for (let i = 0; i < variables.length; i++) {
      const entry = variables[i]
      if (entry.isKnown) {
        laid.value = entry.value
      } else {
        laid.value = decodeValue(entry.text, 'exports', entry.name)
        remember(entry, laid.value)
      }
      // of a sealed object, at least the value can be set
      if (defineProperty(E, entry.name, laid)) continue
      if (!defineProperty(E, entry.name, { value: laid.value })) throw fixed(entry.name)
    }
    // it would keep what the call makes of it
    laid.value = undefined
  }

  /** A variable with its text form. */
  function makeVariable(name, text) {
    // no character of a path has to be escaped
    const path = `/.mivm/exports/${encodeURIComponent(name)}.json`
    if (path.length > PATH_MAX) {
      throw ours(
        'EXPORTS_TOO_LARGE',
        'exports: the name of a variable is too long; give it a short name'
      )
    }
    return { name, path, text, isKnown: false, value: undefined, taken: 0 }
  }

  /** Keeps the value, where nothing can change it. */
  function remember(entry, value) {
    entry.isKnown = !isObject(value)
    entry.value = entry.isKnown ? value : undefined
  }

  /** The same for a value of the contract's: a text may be a part of a long one, all of which it keeps in memory. */
  function rememberCopy(entry, value) {
    remember(entry, typeof value === 'string' ? parse(entry.text) : value)
  }

  function fixed(name) {
    const path = pathOf('exports', name)
    return ours(
      'EXPORTS_FROZEN',
      `${path} cannot be stored: it is frozen or has no setter; assign it as exports.x = …`
    )
  }

  /**
   * Before the names of all exports are asked for: of a list, bytes or a text, V8 makes a name of every index, which nobody has
   * paid for.
   */
  function payIndices(E) {
    const length = getOwnPropertyDescriptor(E, 'length')
    const isList = length !== undefined && !length.configurable && !length.enumerable
    const count = isList ? length.value : typedArrayTag(E) === undefined ? 0 : typedArrayLength(E)
    if (count > prices.namesFree) charge(count * prices.item)
  }

  function readProperty(object, { value, get }) {
    return get === undefined ? value : apply(get, object, [])
  }

  /**
   * Takes over the variables as the call leaves them, all or none; adds `{ path, text }` to `writes` for each that has
   * changed. Getters are the only code of the contract that runs here, and come too late to have an effect.
   */
  function take(E, limit, writes) {
    // null as long as there is none: an array that grows is slow without a compiler
    let changed = null
    let added = null
    payIndices(E)
    const names = keysOf(E)
    let cost = 0
    let units = 0
    let kept = 0
    taking++
    for (let i = 0; i < names.length; i++) {
      const name = names[i]
      const value = E[name]
      if (typeof value === 'function') continue
      const property = getOwnPropertyDescriptor(E, name)
      if (property === undefined) continue
      const entry = variableOf[name]
      let text
      if (entry !== undefined && isSame(entry, value)) {
        text = entry.text
        cost += 1 + text.length * prices.encoded
      } else {
        text = encodeValue(value, 'exports', limit, 'EXPORTS_TOO_LARGE', name)
      }
      if (!property.configurable && property.writable !== true) {
        // a constant may stay what it is
        if (property.writable === undefined || isObject(value)) throw fixed(name)
      }
      units += name.length + text.length
      cost += prices.variable + name.length * prices.encoded
      if (units > limit) throw tooLarge('EXPORTS_TOO_LARGE', 'the exported variables', limit, units)
      if (entry === undefined) {
        if (!isWellFormed(name))
          throw unsupported(pathOf('exports', name), 'a name with a lone surrogate')
        const variable = makeVariable(name, text)
        rememberCopy(variable, value)
        if (added === null) added = [variable]
        else added[added.length] = variable
        continue
      }
      entry.taken = taking
      kept++
      if (entry.text === text) continue
      if (changed === null) changed = [{ entry, text, value }]
      else changed[changed.length] = { entry, text, value }
    }
    // methods are few, and cost nothing
    if (names.length > prices.namesFree) cost += (names.length - prices.namesFree) * prices.item
    charge(cost)
    // each is a file, and the host writes it while all others wait
    const gone = variables.length - kept
    const count = gone + (changed?.length ?? 0) + (added?.length ?? 0)
    if (count > call.limits.writes) throw tooManyVariables(count)
    // no unit is more than three bytes: mostly, there is nothing to count
    if (units * 3 > limit) checkBytes(changed ?? [], added ?? [], limit)
    if (changed !== null) change(changed, writes)
    if (added !== null || gone > 0) replace(added ?? [], writes)
  }

  /** The value has the text form of the variable, as far as that can be seen at once. */
  function isSame({ isKnown, value: known }, value) {
    return isKnown && value === known && (value !== 0 || 1 / value === 1 / known)
  }

  function tooManyVariables(count) {
    return ours(
      'WRITES_TOO_MANY',
      `a call may change ${call.limits.writes} exported variables, and this one changes ${count}: gather them in an object or in files`
    )
  }

  function checkBytes(changed, added, limit) {
    let bytes = 0
    for (let i = 0; i < changed.length; i++) {
      bytes += utf8Length(changed[i].text) - utf8Length(changed[i].entry.text)
    }
    for (let i = 0; i < variables.length; i++) {
      const { name, text, taken } = variables[i]
      if (taken === taking) bytes += utf8Length(name) + utf8Length(text)
    }
    for (let i = 0; i < added.length; i++) {
      bytes += utf8Length(added[i].name) + utf8Length(added[i].text)
    }
    if (bytes > limit) throw tooLarge('EXPORTS_TOO_LARGE', 'the exported variables', limit, bytes)
  }

  function change(changed, writes) {
    for (let i = 0; i < changed.length; i++) {
      const { entry, text, value } = changed[i]
      characters += text.length - entry.text.length
      entry.text = text
      rememberCopy(entry, value)
      writes[writes.length] = writeOf(entry.path, text)
    }
  }

  /** Takes in what is new, and out what the call has not left. */
  function replace(added, writes) {
    const after = []
    for (let i = 0; i < variables.length; i++) {
      const entry = variables[i]
      if (entry.taken === taking) {
        after[after.length] = entry
      } else {
        delete variableOf[entry.name]
        characters -= entry.text.length
        writes[writes.length] = { path: entry.path, text: `"${entry.path}",null,null]` }
      }
    }
    for (let i = 0; i < added.length; i++) {
      const entry = added[i]
      after[after.length] = variableOf[entry.name] = entry
      characters += entry.text.length
      writes[writes.length] = writeOf(entry.path, entry.text)
    }
    variables = sort(after, byPath)
  }

  function writeOf(path, text) {
    return { path, text: `"${path}","text",${stringify(text)}]` }
  }

  function byPath(a, b) {
    return a.path < b.path ? -1 : 1
  }
})
