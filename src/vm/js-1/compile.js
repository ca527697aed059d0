/**
 * From the author's source to the text that V8 compiles: one function expression, which runs the module body.
 * The wrapped source is parsed first, because a source such as `}) (); (function () {` would otherwise close
 * the function and run outside of it. Then it is metered (meter.js), and put into the function of counter.js.
 */

import { instrument } from './meter.js'
import { parse, parseCounting } from './parser.js'
import { PRICES } from './prices.js'
import { COUNTER } from './realm.js'
import { CodeError, errorAt, PARAMETERS, tooDeep, wrap } from './source.js'
import { bare, childrenOf, Refusal, TooDeep } from './syntax.js'

/** Bytes of a compiled text: several times what code of the largest size comes to, unless it is made to grow. */
const COMPILED_MAX = 16 * 1024 * 1024

/** The text to compile in the isolate; throws CodeError. `acorn` is the parser's module. */
export function compile(acorn, source) {
  const text = wrap(source)
  try {
    const program = parseWrapped(acorn, text, source)
    refuseEscape(acorn, program, text, source)
    const { notes, operator, text: join } = PRICES.counter
    const body = instrument(text, program, { ...PRICES.code, notes, operator, join })
    return limited(COUNTER.replace('body: $mivmBody', () => `body: ${body}`))
  } catch (error) {
    // what could not be parsed at all with a smaller stack is refused at the same place where it could
    if (error instanceof TooDeep) placed(source, () => parseCounting(acorn, text))
    if (error instanceof Refusal) {
      throw errorAt(source, acorn.getLineInfo(text, error.node.start), error.message)
    }
    // in no process that compiles does the stack end before NESTING_MAX: nothing else would be said if it did
    if (error instanceof RangeError) throw tooDeep()
    throw error
  }
}

/** The same as data, `{ text, refusal: { code, message } }`: one of them is null. */
export function compileOrRefuse(acorn, source) {
  try {
    return { text: compile(acorn, source), refusal: null }
  } catch (error) {
    if (!(error instanceof CodeError)) throw error
    return { text: null, refusal: { code: error.code, message: error.message } }
  }
}

function limited(text) {
  const size = Buffer.byteLength(text)
  if (size <= COMPILED_MAX) return text
  throw new CodeError(
    'CODE_TOO_LARGE',
    `the code has ${size} bytes when it is metered and may have ${COMPILED_MAX}: split it into smaller contracts`
  )
}

function parseWrapped(acorn, text, source) {
  if (source.startsWith('#!')) {
    throw errorAt(source, { line: 2, column: 0 }, 'a line with #! is not available: leave it out')
  }
  const comments = []
  const program = placed(source, () => parse(acorn, text, (start) => comments.push(start)))
  // acorn, like browsers, takes <!-- and --> for comments: one more way to read a source in two ways
  const html = comments.find((start) => text[start] !== '/')
  if (html === undefined) return program
  throw errorAt(
    source,
    acorn.getLineInfo(text, html),
    'HTML-like comments are not allowed: write // or /* */'
  )
}

/** What `parse` returns; where acorn's SyntaxError says is the author's own place. */
function placed(source, parse) {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw errorAt(source, error.loc, error.message.replace(/ \(\d+:\d+\)$/, ''))
  }
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
