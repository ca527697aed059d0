;(function classes() {
  // Which characters are in a class such as \w, [^a-z] or \p{L}: V8 is asked, by a RegExp that is the class alone,
  // so that its case folding, its set operations and its version of Unicode are the only ones there are.

  const uncurry = Function.prototype.bind.bind(Function.prototype.call)
  const RawRegExp = RegExp
  const exec = uncurry(RegExp.prototype.exec)
  const charCodeAt = uncurry(String.prototype.charCodeAt)
  const padStart = uncurry(String.prototype.padStart)
  const toString = uncurry(Number.prototype.toString)
  const get = uncurry(Map.prototype.get)
  const set = uncurry(Map.prototype.set)
  const clear = uncurry(Map.prototype.clear)
  const sizeOf = uncurry(Object.getOwnPropertyDescriptor(Map.prototype, 'size').get)
  const { fromCharCode, fromCodePoint } = String

  /** A class without negation of what ASCII can write, under flags that fold nothing else into ASCII. */
  const ASCII_CLASS = /^(?:\\[dw]|\[(?!\^)(?:[^\\[\]\x80-\uffff]|\\[dwbfnrtv!-/:-@[-`{-~])*\])$/
  const PROPERTY = /\\p/i
  const FOLDS_UNICODE = /i.*[uv]/
  const UNICODE = /[uv]/
  const KEPT_MAX = 512
  const ASCII = fromCharCode.apply(
    undefined,
    Array.from({ length: 128 }, (_, code) => code)
  )

  const kept = new Map()

  return { classOf, has, endOfRun, setOf, weightOf, bulkOf, textOf, compile }

  /** The class of a node; what is known of it is kept for the next pattern. */
  function classOf({ text, flags }) {
    const key = `${flags} ${text}`
    const known = get(kept, key)
    if (known !== undefined) return known
    if (sizeOf(kept) >= KEPT_MAX) clear(kept)
    const found = {
      text,
      flags,
      table: tableOf(text, flags),
      others: exec(ASCII_CLASS, text) === null || exec(FOLDS_UNICODE, flags) !== null,
      single: compile(`^(?:${text})$`, flags),
      outside: null
    }
    set(kept, key, found)
    return found
  }

  /** Whether a code unit, or with the flags u and v a code point, is in the class. */
  function has(found, code) {
    if (code < 128) return (found.table[code >>> 5] & (1 << (code & 31))) !== 0
    return found.others && exec(found.single, fromCodePoint(code)) !== null
  }

  /** Where the first character from `at` is that is not in the class. */
  function endOfRun(found, text, at) {
    // no (?:class)*: that one keeps a place to return to for each character
    found.outside ??= compile(`(?!${found.text})[^]`, `${found.flags}g`)
    found.outside.lastIndex = at
    const first = exec(found.outside, text)
    return first === null ? text.length : first.index
  }

  /** `{ table, others }` of a char or a class: 128 bits, and whether there may be others. */
  function setOf(node) {
    if (node.type === 'class') return classOf(node)
    const table = [0, 0, 0, 0]
    for (const code of [node.code, node.other]) {
      if (code < 128) table[code >>> 5] |= 1 << (code & 31)
    }
    return { table, others: node.code > 127 }
  }

  /** Steps that V8 takes for one character at most, in units of a plain comparison. */
  function weightOf(node) {
    if (!classOf(node).others) return 1
    if (exec(UNICODE, node.flags) === null) return 2
    return bulkOf(node) > 1 ? 16 : 4
  }

  /** How much V8 makes of a class when it compiles it. */
  function bulkOf({ text, flags }) {
    if (exec(PROPERTY, text) !== null || exec(FOLDS_UNICODE, flags) !== null) return 10
    return exec(UNICODE, flags) === null ? 0 : 1
  }

  /** A character as a RegExp can be told it. */
  function textOf(code) {
    const hex = toString(code, 16)
    return code > 0xffff ? `\\u{${hex}}` : `\\u${padStart(hex, 4, '0')}`
  }

  function tableOf(text, flags) {
    const table = [0, 0, 0, 0]
    const member = compile(text, `${flags}g`)
    for (let m = exec(member, ASCII); m !== null; m = exec(member, ASCII)) {
      const code = charCodeAt(m[0], 0)
      table[code >>> 5] |= 1 << (code & 31)
    }
    return table
  }

  function compile(text, flags) {
    return new RawRegExp(text, flags)
  }
})
