/**
 * From the author's source to the text that V8 compiles: one function expression, which runs the module body.
 * The wrapped source is parsed first, because a source such as `}) (); (function () {` would otherwise close
 * the function and run outside of it. Then it is metered (meter.js), and put into the function of counter.js.
 */

import { NESTING_MAX } from './analysis.js'
import { limitLiterals } from './literals.js'
import { instrument } from './meter.js'
import { PRICES } from './prices.js'
import { COUNTER } from './realm.js'
import { bare, Refusal } from './syntax.js'

const PARAMETERS = ['exports', 'module', 'state', 'caller', 'env', 'oracle', 'console', 'System']
const HEAD = `(function (${PARAMETERS.join(', ')}) { 'use strict';\n`
const TAIL = '\n})'

/** Refused source: `line` and `column` (both from 1) are the author's own. */
export class CodeError extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/**
 * The text to compile in the isolate; throws CodeError with CODE_TOO_LARGE or CODE_SYNTAX. `acorn` is the
 * parser's module, `sizeMax` the limit in bytes.
 */
export function compile(acorn, source, sizeMax) {
  const size = Buffer.byteLength(source)
  if (size > sizeMax) {
    throw new CodeError(
      'CODE_TOO_LARGE',
      `the code has ${size} bytes and may have ${sizeMax}: make it smaller, for example by minifying it`
    )
  }
  const text = wrap(source)
  const program = parse(acorn, text, source)
  refuseEscape(program, text, source)
  refuseMissing(program, text, source)
  return COUNTER.replace('body: $mivmBody', () => `body: ${meter(text, program, source)}`)
}

/** The wrapped source as it is, for V8 to find its errors in. */
export function wrap(source) {
  return `${HEAD}${source}${TAIL}`
}

function meter(text, program, source) {
  try {
    return instrument(text, program, PRICES.code)
  } catch (error) {
    if (error instanceof Refusal) throw errorAt(source, error.node.loc.start, error.message)
    if (error instanceof RangeError) throw tooDeep()
    throw error
  }
}

/** Also where it is a stack that ends: without a place, since that is not everywhere the same. */
export function tooDeep() {
  const message = `the code nests deeper than ${NESTING_MAX} levels: split it into smaller pieces`
  return new CodeError('CODE_SYNTAX', message)
}

/** The error for a SyntaxError that V8 found in the compiled text and acorn did not. */
export function syntaxError(message, source) {
  const [, text, line, column] = /^(.*) \[[^[\]]*:(\d+):(\d+)\]$/s.exec(message) ?? [
    null,
    message,
    2,
    1
  ]
  return errorAt(source, { line: Number(line), column: Number(column) - 1 }, text)
}

function parse(acorn, text, source) {
  const comments = []
  try {
    const program = limitLiterals(acorn.Parser).parse(text, {
      ecmaVersion: 2026,
      sourceType: 'script',
      locations: true,
      preserveParens: true,
      onComment: (_block, _value, start) => comments.push(start)
    })
    // acorn, like browsers, takes <!-- and --> for comments: one more way to read a source in two ways
    const html = comments.find((start) => text[start] !== '/')
    if (html !== undefined) {
      throw errorAt(source, acorn.getLineInfo(text, html), 'HTML-like comments are not allowed')
    }
    return program
  } catch (error) {
    if (error instanceof CodeError) throw error
    if (error instanceof RangeError) throw tooDeep()
    if (!(error instanceof SyntaxError)) throw error
    if (/^Not enough stack/.test(error.message)) throw tooDeep()
    throw errorAt(source, error.loc, error.message.replace(/ \(\d+:\d+\)$/, ''))
  }
}

/** Throws unless the whole text is the one function that was wrapped around the source. */
function refuseEscape({ body }, text, source) {
  const [statement] = body
  const isStatement = body.length === 1 && statement.type === 'ExpressionStatement'
  const expression = isStatement ? bare(statement.expression) : null
  const isWhole =
    expression?.type === 'FunctionExpression' &&
    statement.start === 0 &&
    statement.end === text.length &&
    expression.start === 1 &&
    expression.end === text.length - 1 &&
    expression.params.length === PARAMETERS.length
  if (isWhole) return
  const wrapper = findWrapper(statement)
  const at = wrapper === null ? { line: 2, column: 0 } : wrapper.body.loc.end
  throw errorAt(
    source,
    { line: at.line, column: Math.max(at.column - 1, 0) },
    "Unexpected token '}'"
  )
}

function findWrapper(root) {
  for (const node of nodesOf(root)) {
    if (node.type === 'FunctionExpression' && node.start === 1) return node
  }
  return null
}

/** Throws at the first use of what the VM does not have and that no missing global stands for. */
function refuseMissing(program, text, source) {
  if (!SUSPICIOUS.test(text)) return
  for (const node of nodesOf(program)) {
    if (node.type === 'ImportExpression' || node.type === 'MetaProperty') {
      if (node.type === 'MetaProperty' && node.meta.name !== 'import') continue
      throw errorAt(
        source,
        node.loc.start,
        'import is not available: bundle the code into one file'
      )
    }
    if (node.type === 'Identifier' && node.name === 'eval' && !node.isName) {
      throw errorAt(source, node.loc.start, 'eval is not available')
    }
  }
}

/** Only a source that holds one of these, or could by an escape, has to be searched for them. */
const SUSPICIOUS = /eval|import|\\u/

/** All nodes below `root`, itself included, in no order; without recursion, for sources nest deeply. */
function* nodesOf(root) {
  const todo = [root]
  while (todo.length > 0) {
    const node = todo.pop()
    yield node
    // x.eval and { eval: 1 } name a property, not the global
    if (node.type === 'MemberExpression' && !node.computed) node.property.isName = true
    if (PROPERTIES.has(node.type) && !node.computed && !node.shorthand) node.key.isName = true
    for (const key in node) {
      const value = node[key]
      if (Array.isArray(value)) {
        for (const each of value) if (isNode(each)) todo.push(each)
      } else if (isNode(value)) {
        todo.push(value)
      }
    }
  }
}

const PROPERTIES = new Set(['Property', 'MethodDefinition', 'PropertyDefinition'])

function isNode(value) {
  return typeof value === 'object' && value !== null && typeof value.type === 'string'
}

function errorAt(source, { line, column }, message) {
  const lines = source.split(/\r\n|[\n\r\u2028\u2029]/)
  // the wrapper's own line is the first one; what it closes after the last one was missing in the source
  if (line - 1 > lines.length) {
    const last = `line ${lines.length}, column ${lines.at(-1).length + 1}`
    return new CodeError('CODE_SYNTAX', `${last}: the code ends before all brackets are closed`)
  }
  const at = `line ${Math.max(line - 1, 1)}, column ${column + 1}`
  return new CodeError('CODE_SYNTAX', `${at}: ${message}`)
}
