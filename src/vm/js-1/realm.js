import { readFileSync } from 'node:fs'
import { runInThisContext } from 'node:vm'

/** In the order in which they are evaluated: each has what those before it return. */
const BUILTINS = [
  'proxies',
  'text',
  'arrays',
  'collections',
  'objects',
  'numbers',
  'json',
  'bytes',
  'iteration'
]

/** What things cost. */
export const PRICES = runInThisContext(readExpression('prices'))()

/** The function around every contract, with `$mivmBody` in its place. */
export const COUNTER = readExpression('counter')

/**
 * One expression that turns a fresh context into the realm and gives the controller's functions. `charge` is the text
 * of an expression for what builtins charge with: it is called with units, and throws when there is no fuel left.
 */
export function composeRealm(charge = 'fuel.charge') {
  const parts = BUILTINS.map((name) => readExpression(`builtins/${name}`)).join(',\n')
  return `(function () { 'use strict'
const prices = ${readExpression('prices')}()
const fuel = ${readExpression('fuel')}(prices)
const charge = ${charge}
const math = ${readExpression('math')}()
const parts = [${parts},
${readExpression('operators')}]
const primordials = ${readExpression('prelude')}(math, () => ${readExpression('builtins')}({
  charge, parts, prices: prices.builtins, limits: prices.limits
}))
return ${readExpression('controller')}(primordials, fuel, prices)
})()`
}

/** A realm script is comments and one function in parentheses, which the formatter guards with a semicolon. */
function readExpression(name) {
  const leading = /^(?:\s|\/\/.*|\/\*[\s\S]*?\*\/)*;?/
  const text = readFileSync(new URL(`./${name}.js`, import.meta.url), 'utf8')
  return text.replace(leading, '').trimEnd()
}
