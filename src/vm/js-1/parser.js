import { limitLiterals } from './literals.js'
import { NESTING_MAX, TOO_DEEP } from './source.js'

const OPTIONS = { ecmaVersion: 2026, sourceType: 'script', preserveParens: true }

/**
 * Parses a script with acorn, whose module `acorn` is, into a tree without lines and columns; `onComment` gets the
 * start of each comment. Throws acorn's SyntaxError, with `loc`, also for one that nests too deeply.
 *
 * How deep a source nests is counted only when it cannot be parsed: a tree that came out is measured by analysis.js. So
 * what is said of a source depends on counted levels, and never on where the stack of a process ends.
 */
export function parse(acorn, text, onComment) {
  const { Quick, Counting } = parsersOf(acorn)
  const options = { ...OPTIONS, onComment: (_block, _value, start) => onComment(start) }
  try {
    return new Quick(options, text).parse()
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error
  }
  return new Counting(OPTIONS, text).parse()
}

/** Throws what {@link parse} throws where the stack does not suffice, for a source that may nest too deeply for that. */
export function parseCounting(acorn, text) {
  const { Counting } = parsersOf(acorn)
  new Counting(OPTIONS, text).parse()
}

/** One pair of classes a process: V8 knows how to be fast with a class that it has seen before. */
function parsersOf(acorn) {
  let found = parsers.get(acorn)
  if (found === undefined) {
    const Quick = quicken(acorn, limitLiterals(acorn.Parser))
    found = { Quick, Counting: countNesting(Quick) }
    parsers.set(acorn, found)
  }
  return found
}

const parsers = new Map()

/** What the parser does most is done with less work here, above all under --jitless. All it comes to is the same. */
function quicken({ Parser, tokTypes }, Base) {
  const words = wordSets()
  const RegExpState = regExpStateOf(Parser)
  const { _class, _function, dot, parenL, questionDot } = tokTypes

  return class extends Base {
    #special
    /** Templates with a tag, which have to be known before they are priced. */
    #tagged = 0

    constructor(options, input) {
      super(options, input)
      this.keywords = words(this.keywords)
      this.reservedWords = words(this.reservedWords)
      this.reservedWordsStrict = words(this.reservedWordsStrict)
      this.reservedWordsStrictBind = words(this.reservedWordsStrictBind)
      this.#special = specialOf(this.keywords, this.reservedWords, this.reservedWordsStrict)
    }

    skipSpace() {
      const { input } = this
      let { pos } = this
      let code = input.charCodeAt(pos)
      while (code === SPACE || code === LINE_FEED) code = input.charCodeAt(++pos)
      this.pos = pos
      // a comment, a rarer kind of space, or none
      if (code === SLASH || code < SPACE || code > ASCII_MAX) super.skipSpace()
    }

    readToken(code) {
      if (code > ASCII_MAX) return super.readToken(code)
      const kind = KINDS[code]
      return kind === LETTER || code === BACKSLASH ? this.readWord() : this.getTokenFromCode(code)
    }

    readWord1() {
      const { input, pos } = this
      let end = pos
      let code = input.charCodeAt(end)
      while (KINDS[code] > 0) code = input.charCodeAt(++end)
      if (code > ASCII_MAX || code === BACKSLASH) return super.readWord1()
      this.containsEsc = false
      this.pos = end
      return input.slice(pos, end)
    }

    /** As acorn's, without giving the pattern to V8: nothing of a source is, in the process that compiles it. */
    readRegexp() {
      const { input, pos: start } = this
      let isEscaped = false
      let inClass = false
      for (; ; this.pos++) {
        const char = input[this.pos]
        if (char === undefined || LINE_BREAK.has(char)) {
          this.raise(start, 'Unterminated regular expression')
        }
        if (isEscaped) isEscaped = false
        else if (char === '[') inClass = true
        else if (char === ']') inClass = false
        else if (char === '/' && !inClass) break
        else isEscaped = char === '\\'
      }
      const pattern = input.slice(start, this.pos)
      const flagsStart = ++this.pos
      const flags = this.readWord1()
      if (this.containsEsc) this.unexpected(flagsStart)
      this.regexpState ??= new RegExpState(this)
      this.regexpState.reset(start, pattern, flags)
      this.validateRegExpFlags(this.regexpState)
      this.validateRegExpPattern(this.regexpState)
      return this.finishToken(tokTypes.regexp, { pattern, flags, value: null })
    }

    /**
     * As acorn's, but behind `?.` as behind a dot: else the slash in `a?.new / 2` would begin a regular expression. Of these two
     * words it knows by itself.
     */
    updateContext(before) {
      const { type } = this
      const isDot = before === questionDot && type !== _class && type !== _function
      const last = isDot ? dot : before
      if (type.keyword && last === dot) this.exprAllowed = false
      else if (type.updateContext) type.updateContext.call(this, last)
      else this.exprAllowed = type.beforeExpr
    }

    /** Of `async function (` the parenthesis is read by then, which acorn would take for the function: else two `{` of its parameters end a template around it. */
    overrideContext(context) {
      const { length } = this.context
      this.context[this.type === parenL ? length - 2 : length - 1] = context
    }

    /** Asked of a `yield`, which strict code has nowhere else. For acorn, methods are no generators. */
    inGeneratorContext() {
      return true
    }

    parse() {
      const program = super.parse()
      program.tagged = this.#tagged
      return program
    }

    parseTemplate(options) {
      if (options?.isTagged) this.#tagged++
      return super.parseTemplate(options)
    }

    checkUnreserved(node) {
      if (this.#special.has(node.name)) super.checkUnreserved(node)
    }

    enterScope(flags) {
      super.enterScope(flags)
      const scope = this.scopeStack.at(-1)
      scope.var = new Names()
      scope.lexical = new Names()
      scope.functions = new Names()
    }

    /** As acorn's, but that a name of `var` is put into the scopes around its own when that one ends: there may be hundreds. */
    declareName(name, bindingType, pos) {
      if (bindingType !== BIND_VAR) return super.declareName(name, bindingType, pos)
      const { scopeStack } = this
      for (let i = scopeStack.length - 1; ; i--) {
        const scope = scopeStack[i]
        if (isTaken(scope, name)) {
          this.raiseRecoverable(pos, `Identifier '${name}' has already been declared`)
        }
        if (scope.flags & SCOPE_VAR) break
      }
      scopeStack.at(-1).var.push(name)
    }

    exitScope() {
      const scope = this.currentScope()
      super.exitScope()
      if (scope.flags & SCOPE_VAR || scope.var.length === 0) return
      const outer = this.currentScope()
      const [few, many] =
        scope.var.length < outer.var.length ? [scope.var, outer.var] : [outer.var, scope.var]
      for (let i = 0; i < few.length; i++) many.push(few[i])
      outer.var = many
    }
  }
}

/** What acorn calls a declaration with `var`, or a parameter; and the scopes in which these end, as bits of their flags. */
const BIND_VAR = 1
const SCOPE_VAR = 1 | 2 | 256
/** Such as those of a `catch` with one name, which a `var` may have as well; of a function, whose functions are like `var`. */
const SCOPE_SIMPLE_CATCH = 32
const SCOPE_OF_FUNCTIONS = 1 | 2

/** Whether something in a scope has a name that `var` may not have, too. */
function isTaken({ flags, lexical, functions }, name) {
  if (lexical.length > 0 && lexical.indexOf(name) > -1) {
    if (!(flags & SCOPE_SIMPLE_CATCH) || lexical[0] !== name) return true
  }
  return functions.length > 0 && !(flags & SCOPE_OF_FUNCTIONS) && functions.indexOf(name) > -1
}

/** A parser that gives up where one of its functions is inside of itself more than {@link NESTING_MAX} times. */
function countNesting(Base) {
  class Counting extends Base {
    /** How often each of the functions is under way. */
    nesting = new Map(RECURSIVE.map((name) => [name, 0]))
  }
  for (const name of RECURSIVE) {
    Counting.prototype[name] = function (...parameters) {
      const depth = this.nesting.get(name) + 1
      // each time there is a node around the one before
      if (depth > NESTING_MAX + MARGIN) this.raise(this.start, TOO_DEEP)
      this.nesting.set(name, depth)
      const node = Base.prototype[name].apply(this, parameters)
      this.nesting.set(name, depth - 1)
      return node
    }
  }
  return Counting
}

/** Wherever acorn calls itself, it comes by one of these. */
const RECURSIVE = [
  'parseStatement',
  'parseMaybeAssign',
  'parseMaybeUnary',
  'parseExprAtom',
  'parseExprOp',
  'parseBindingAtom'
]

/** A function may be called once more than there are nodes. */
const MARGIN = 1

/** Names of a scope, as acorn uses them: an array that finds out quickly whether it has one, when it is long. */
class Names extends Array {
  #known = null

  push(name) {
    if (this.length >= NAMES_FEW) this.#known ??= new Set(this)
    this.#known?.add(name)
    return super.push(name)
  }

  indexOf(name) {
    if (this.#known === null) return super.indexOf(name)
    return this.#known.has(name) ? 0 : -1
  }
}

const NAMES_FEW = 16

/** The words of acorn's expressions `^(?:one|other)$` as sets, with the same function `test`. */
function wordSets() {
  const known = new Map()
  return ({ source }) => {
    if (!known.has(source))
      known.set(source, new Words(/^\^\(\?:(.*)\)\$$/.exec(source)[1].split('|')))
    return known.get(source)
  }
}

class Words extends Set {
  test(word) {
    return this.has(word)
  }
}

let special = null

/** All that {@link acorn.Parser.checkUnreserved} looks at more closely. */
function specialOf(...all) {
  special ??= new Set(['yield', 'await', 'arguments', ...all.flatMap((words) => [...words])])
  return special
}

/** A class that acorn does not export. */
function regExpStateOf(Parser) {
  const parser = new Parser(OPTIONS, '/a/')
  parser.nextToken()
  return parser.regexpState.constructor
}

const LINE_FEED = 10
const SPACE = 32
const SLASH = 47
const BACKSLASH = 92
const ASCII_MAX = 127

const LINE_BREAK = new Set(['\n', '\r', '\u2028', '\u2029'])

const LETTER = 1
const DIGIT = 2

/** Of ASCII characters: what may begin a word, and what may stand in one. */
const KINDS = Uint8Array.from({ length: ASCII_MAX + 1 }, (_, code) => {
  const char = String.fromCharCode(code)
  if (/[a-zA-Z$_]/.test(char)) return LETTER
  return /[0-9]/.test(char) ? DIGIT : 0
})
