/**
 * From the author's source to the text that V8 compiles: one function expression, which runs the module body.
 * The wrapped source is parsed first, because a source such as `}) (); (function () {` would otherwise close
 * the function and run outside of it. Then it is metered (meter.js), and put into the function of counter.js.
 */

import { NESTING_MAX } from './analysis.js'
import { instrument } from './meter.js'
import { NestingError, parse } from './parser.js'
import { PRICES } from './prices.js'
import { COUNTER } from './realm.js'
import { bare, childrenOf, Refusal } from './syntax.js'

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
  try {
    const program = parseWrapped(acorn, text, source)
    refuseEscape(acorn, program, text, source)
    const body = instrument(text, program, PRICES.code)
    return COUNTER.replace('body: $mivmBody', () => `body: ${body}`)
  } catch (error) {
    if (error instanceof Refusal) {
      throw errorAt(source, acorn.getLineInfo(text, error.node.start), error.message)
    }
    // the end of a stack is behind NESTING_MAX in every process
    if (error instanceof NestingError || error instanceof RangeError) throw tooDeep()
    throw error
  }
}

/** The wrapped source as it is, for V8 to find its errors in. */
export function wrap(source) {
  return `${HEAD}${source}${TAIL}`
}

/** Without a place: it is not one level that is too much. */
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

function parseWrapped(acorn, text, source) {
  const comments = []
  let program
  try {
    program = parse(acorn, text, (start) => comments.push(start))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw errorAt(source, error.loc, error.message.replace(/ \(\d+:\d+\)$/, ''))
  }
  // acorn, like browsers, takes <!-- and --> for comments: one more way to read a source in two ways
  const html = comments.find((start) => text[start] !== '/')
  if (html === undefined) return program
  throw errorAt(source, acorn.getLineInfo(text, html), 'HTML-like comments are not allowed')
}

/** Throws unless the whole text is the one function that was wrapped around the source. */
function refuseEscape(acorn, { body }, text, source) {
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
  const at = wrapper === null ? { line: 2, column: 0 } : acorn.getLineInfo(text, wrapper.body.end)
  throw errorAt(
    source,
    { line: at.line, column: Math.max(at.column - 1, 0) },
    "Unexpected token '}'"
  )
}

/** The function that begins where ours does; without recursion, for sources nest deeply. */
function findWrapper(root) {
  const todo = [root]
  while (todo.length > 0) {
    const node = todo.pop()
    if (node.type === 'FunctionExpression' && node.start === 1) return node
    for (const child of childrenOf(node)) if (child.start <= 1) todo.push(child)
  }
  return null
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
