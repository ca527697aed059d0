/** The author's source as V8 and acorn read it, and what is said of a place in it. */

/** What a contract is called with. */
export const PARAMETERS = [
  'exports',
  'module',
  'state',
  'caller',
  'env',
  'oracle',
  'console',
  'System'
]
const HEAD = `(function (${PARAMETERS.join(', ')}) { 'use strict';\n`
const TAIL = '\n})'

/**
 * How deep a program may nest, in nodes: far below where parser, meter or V8 come to the end of their stacks, which
 * are not everywhere the same.
 */
export const NESTING_MAX = 1000

/** Refused source: `line` and `column` (both from 1) are the author's own. */
export class CodeError extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/** The wrapped source as it is, for V8 to find its errors in. */
export function wrap(source) {
  return `${HEAD}${source}${TAIL}`
}

export const TOO_DEEP = `the code nests deeper than ${NESTING_MAX} levels: split it into smaller pieces (each operator, member or call of a chain is a level, each else if too; a class is four, parameters of an arrow function are sixteen)`

/** Where it is not known at which place. */
export function tooDeep() {
  return new CodeError('CODE_SYNTAX', TOO_DEEP)
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

/** `line` and `column` as acorn counts them in the wrapped source. */
export function errorAt(source, { line, column }, message) {
  const lines = source.split(/\r\n|[\n\r\u2028\u2029]/)
  // the wrapper's own line is the first one; what it closes after the last one was missing in the source
  if (line - 1 > lines.length) {
    const last = `line ${lines.length}, column ${lines.at(-1).length + 1}`
    // a parser that has counted too many levels says so at the token behind them
    const why = message === TOO_DEEP ? message : 'the code ends before all brackets are closed'
    return new CodeError('CODE_SYNTAX', `${last}: ${why}`)
  }
  const at = `line ${Math.max(line - 1, 1)}, column ${column + 1}`
  return new CodeError('CODE_SYNTAX', `${at}: ${message}`)
}
