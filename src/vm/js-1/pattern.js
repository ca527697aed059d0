;(function pattern(classes) {
  // Reads the source of a RegExp into a tree. V8 has accepted every source that comes here, so nothing is
  // checked but the limits. Classes are not read into sets: whether a character is in one is asked of V8,
  // by a RegExp that is the class alone (`text` and `flags` of a node).
  //
  // Nodes, by `type`:
  //   char       { code, other }: one code unit; `other` is its other case, or the same
  //   class      { text, flags }: one character
  //   strings    { text, flags, longest }: a class of flag v that may match up to `longest` characters
  //   sequence   { items }
  //   choice     { items }
  //   group      { body, index }: captures
  //   loop       { body, min, max, lazy, first, last }: `first` to `last` are the captures inside, if any
  //   look       { body, behind, negative }
  //   reference  { indices, flags }: to whichever of the groups has matched; flags '' heed case
  //   start, end { multiline }
  //   word       { negative, flags }

  const uncurry = Function.prototype.bind.bind(Function.prototype.call)
  const exec = uncurry(RegExp.prototype.exec)
  const charCodeAt = uncurry(String.prototype.charCodeAt)
  const codePointAt = uncurry(String.prototype.codePointAt)
  const includes = uncurry(String.prototype.includes)
  const indexOf = uncurry(String.prototype.indexOf)
  const slice = uncurry(String.prototype.slice)
  const { parseInt } = Number
  const { fromCodePoint } = String
  const { min: least, max: most } = Math

  const DEPTH_MAX = 100
  const INFINITE = 0x7fffffff
  /** The longest emoji of Unicode has 10 code points; longer ones may come. */
  const EMOJI_MAX = 16
  const OF_STRINGS = /\\q\{|\\p\{(?:Basic_Emoji|Emoji_Keycap|RGI_)/
  const LOW_SURROGATE = /^u[dD][89abAB][\da-fA-F]{2}\\u([dD][c-fC-F][\da-fA-F]{2})/
  const ESCAPE_IN_NAME = /\\u(?:\{([\da-fA-F]+)\}|([\da-fA-F]{4}))/g
  const STRING_IN_CLASS = /\\q\{(?:\\.|[^\\}])*\}/g

  return { parse, depthOf, DEPTH_MAX }

  /** How deep groups and classes nest, by brackets that neither a `\` nor a class hides. */
  function depthOf(source, flags) {
    const nests = includes(flags, 'v')
    let depth = 0
    let deepest = 0
    let classes = 0
    for (let i = 0; i < source.length; i++) {
      const char = source[i]
      if (char === '\\') i++
      else if (char === '[') {
        if (classes === 0 || nests) classes++
      } else if (char === ']') {
        if (classes > 0) classes--
      } else if (char === '(' && classes === 0) depth++
      else if (char === ')' && classes === 0) depth--
      deepest = most(deepest, depth + classes)
    }
    return deepest
  }

  /** `{ tree, count, names, foldsInPart }`: the captures without the whole, `{ name, indices }` in order of the
   * source, and whether a modifier changes flag i. */
  function parse(source, flags) {
    const sets = includes(flags, 'v')
    const unicode = sets || includes(flags, 'u')
    const { total, hasNames, classEnds } = scan(source, sets)
    const named = unicode || hasNames
    const names = []
    const indicesByName = { __proto__: null }
    const references = []
    let at = 0
    let count = 0
    let ignoreCase = includes(flags, 'i')
    let multiline = includes(flags, 'm')
    let dotAll = includes(flags, 's')
    let foldsInPart = false

    const tree = readChoice()
    for (let i = 0; i < references.length; i++) {
      references[i].indices = indicesByName[references[i].name]
    }
    return { tree, count, names, foldsInPart }

    function readChoice() {
      const items = [readSequence()]
      while (source[at] === '|') {
        at++
        items[items.length] = readSequence()
      }
      return items.length === 1 ? items[0] : { type: 'choice', items }
    }

    function readSequence() {
      const items = []
      while (at < source.length && source[at] !== '|' && source[at] !== ')') {
        const before = count
        const item = readAtom()
        items[items.length] = readLoop(item, before + 1)
      }
      return items.length === 1 ? items[0] : { type: 'sequence', items }
    }

    function readLoop(body, first) {
      const bounds = readBounds()
      if (bounds === null) return body
      const lazy = source[at] === '?'
      if (lazy) at++
      return { type: 'loop', body, min: bounds.min, max: bounds.max, lazy, first, last: count }
    }

    function readBounds() {
      const char = source[at]
      if (char === '*' || char === '+' || char === '?') {
        at++
        return { min: char === '+' ? 1 : 0, max: char === '?' ? 1 : INFINITE }
      }
      if (char !== '{') return null
      const found = exec(/^\{(\d+)(?:(,)(\d*))?\}/, slice(source, at))
      if (found === null) return null
      at += found[0].length
      const min = least(+found[1], INFINITE)
      const max = found[2] === undefined ? min : found[3] === '' ? INFINITE : +found[3]
      return { min, max: least(max, INFINITE) }
    }

    function readAtom() {
      const char = source[at]
      switch (char) {
        case '^':
          at++
          return { type: 'start', multiline }
        case '$':
          at++
          return { type: 'end', multiline }
        case '.':
          at++
          return { type: 'class', text: '.', flags: dotAll ? classFlags('s') : classFlags('') }
        case '(':
          return readGroup()
        case '[':
          return readClass()
        case '\\':
          return readEscape()
        default:
          return readCharacter()
      }
    }

    function readGroup() {
      at++
      if (source[at] !== '?') return readBody({ type: 'group', body: null, index: ++count })
      const head = exec(/^\?(?:<?[=!]|<[^>]*>|[ims]*(?:-[ims]*)?:)/, slice(source, at))[0]
      at += head.length
      if (head === '?:') return readBody(null)
      const last = head[head.length - 1]
      if (last === '=' || last === '!') {
        const behind = head[1] === '<'
        return readBody({ type: 'look', body: null, behind, negative: last === '!' })
      }
      if (head[1] === '<') {
        const name = unescapeName(slice(head, 2, -1))
        const known = indicesByName[name]
        count++
        if (known === undefined) {
          const indices = [count]
          indicesByName[name] = indices
          names[names.length] = { name, indices }
        } else known[known.length] = count
        return readBody({ type: 'group', body: null, index: count })
      }
      const outer = [ignoreCase, multiline, dotAll]
      const minus = indexOf(head, '-')
      const on = minus < 0 ? head : slice(head, 0, minus)
      const off = minus < 0 ? '' : slice(head, minus)
      ignoreCase = includes(on, 'i') || (ignoreCase && !includes(off, 'i'))
      if (ignoreCase !== outer[0]) foldsInPart = true
      multiline = includes(on, 'm') || (multiline && !includes(off, 'm'))
      dotAll = includes(on, 's') || (dotAll && !includes(off, 's'))
      const body = readBody(null)
      ignoreCase = outer[0]
      multiline = outer[1]
      dotAll = outer[2]
      return body
    }

    function readBody(node) {
      const body = readChoice()
      at++
      if (node === null) return body
      node.body = body
      return node
    }

    function readClass() {
      const text = slice(source, at, classEnds[at])
      at += text.length
      return classOf(text)
    }

    function readEscape() {
      const char = source[at + 1]
      if (char === 'b' || char === 'B') {
        at += 2
        return { type: 'word', negative: char === 'B', flags: classFlags('') }
      }
      if (includes('dDsSwW', char)) {
        at += 2
        return classOf(`\\${char}`)
      }
      if (unicode && (char === 'p' || char === 'P')) {
        const text = slice(source, at, indexOf(source, '}', at) + 1)
        at += text.length
        return classOf(sets ? `[${text}]` : text)
      }
      if (char === 'k' && named) {
        const end = indexOf(source, '>', at)
        const name = unescapeName(slice(source, at + 3, end))
        at = end + 1
        const reference = { type: 'reference', indices: [], flags: classFlags(''), name }
        references[references.length] = reference
        return reference
      }
      if (char >= '1' && char <= '9') {
        const digits = exec(/^\d+/, slice(source, at + 1))[0]
        if (+digits <= total) {
          at += 1 + digits.length
          return { type: 'reference', indices: [+digits], flags: classFlags('') }
        }
      }
      return charOf(readEscapedCode())
    }

    /** The escapes that stand for one character; without flag u, what is none stands for itself. */
    function readEscapedCode() {
      const rest = slice(source, at + 1, at + 12)
      const take = (length, code) => {
        at += 1 + length
        return code
      }
      const control = indexOf('fnrtv', rest[0])
      if (control >= 0) return take(1, [12, 10, 13, 9, 11][control])
      if (rest[0] === 'c') {
        if (exec(/^c[a-zA-Z]/, rest) !== null) return take(2, charCodeAt(rest, 1) % 32)
        return take(0, 0x5c)
      }
      const hex = exec(/^x([\da-fA-F]{2})|^u([\da-fA-F]{4})/, rest)
      if (hex !== null) {
        const code = parseInt(hex[1] ?? hex[2], 16)
        const low = exec(LOW_SURROGATE, rest)
        if (!unicode || low === null) return take(hex[0].length, code)
        return take(11, 0x10000 + ((code & 0x3ff) << 10) + (parseInt(low[1], 16) & 0x3ff))
      }
      if (unicode && rest[0] === 'u' && rest[1] === '{') {
        const end = indexOf(source, '}', at)
        return take(end - at, parseInt(slice(source, at + 3, end), 16))
      }
      const octal = unicode ? null : exec(/^(?:[0-3][0-7]{0,2}|[4-7][0-7]?)/, rest)
      if (octal !== null) return take(octal[0].length, parseInt(octal[0], 8))
      if (rest[0] === '0') return take(1, 0)
      const code = unicode ? codePointAt(source, at + 1) : charCodeAt(source, at + 1)
      return take(code > 0xffff ? 2 : 1, code)
    }

    function readCharacter() {
      const code = unicode ? codePointAt(source, at) : charCodeAt(source, at)
      at += code > 0xffff ? 2 : 1
      return charOf(code)
    }

    function charOf(code) {
      const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a && code < 0x80
      if (
        ignoreCase &&
        (code > 0x7f || (unicode && letter && ((code | 0x20) === 0x6b || (code | 0x20) === 0x73)))
      ) {
        return classOf(classes.textOf(code))
      }
      if (code > 0xffff) {
        const high = 0xd7c0 + (code >> 10)
        const low = 0xdc00 + (code & 0x3ff)
        const items = [
          { type: 'char', code: high, other: high },
          { type: 'char', code: low, other: low }
        ]
        return { type: 'sequence', items }
      }
      // a lone surrogate does not match half of a pair
      if (unicode && code >= 0xd800 && code <= 0xdfff) return classOf(classes.textOf(code))
      return { type: 'char', code, other: ignoreCase && letter ? code ^ 0x20 : code }
    }

    function classOf(text) {
      if (sets && exec(OF_STRINGS, text) !== null) {
        return { type: 'strings', text, flags: classFlags(''), longest: longestOf(text) }
      }
      return { type: 'class', text, flags: classFlags('') }
    }

    function classFlags(others) {
      return `${ignoreCase ? 'i' : ''}${others}${sets ? 'v' : unicode ? 'u' : ''}`
    }
  }

  /** Characters of the longest string that a class may match, or more. */
  function longestOf(text) {
    let longest = includes(text, '\\p') ? EMOJI_MAX : 1
    STRING_IN_CLASS.lastIndex = 0
    for (let m = exec(STRING_IN_CLASS, text); m !== null; m = exec(STRING_IN_CLASS, text)) {
      longest = most(longest, m[0].length)
    }
    return longest
  }

  function unescapeName(text) {
    let name = ''
    let end = 0
    ESCAPE_IN_NAME.lastIndex = 0
    for (let m = exec(ESCAPE_IN_NAME, text); m !== null; m = exec(ESCAPE_IN_NAME, text)) {
      name += slice(text, end, m.index) + fromCodePoint(parseInt(m[1] ?? m[2], 16))
      end = m.index + m[0].length
    }
    return name + slice(text, end)
  }

  function isName(source, at) {
    return source[at] === '<' && source[at + 1] !== '=' && source[at + 1] !== '!'
  }

  /** The number of captures in all, and where the classes begin and end. */
  function scan(source, sets) {
    const classEnds = { __proto__: null }
    let total = 0
    let hasNames = false
    let begin = 0
    let depth = 0
    for (let i = 0; i < source.length; i++) {
      const char = source[i]
      if (char === '\\') i++
      else if (char === '[') {
        if (depth === 0) begin = i
        if (depth === 0 || sets) depth++
      } else if (char === ']' && depth > 0) {
        depth--
        if (depth === 0) classEnds[begin] = i + 1
      } else if (char === '(' && depth === 0) {
        const isNamed = source[i + 1] === '?' && isName(source, i + 2)
        if (isNamed) hasNames = true
        if (isNamed || source[i + 1] !== '?') total++
      }
    }
    return { total, hasNames, classEnds }
  }
})
