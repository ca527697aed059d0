import { readFileSync } from 'node:fs'

const LEADING = /^(?:\s|\/\/.*|\/\*[\s\S]*?\*\/)*;?/

/** In the order in which they are evaluated: each has what those before it return, and captures what they left. */
const BUILTINS = [
  'proxies',
  'json',
  'text',
  'arrays',
  'collections',
  'objects',
  'numbers',
  'bytes',
  'iteration'
]

/**
 * One expression that turns a fresh context into the realm and gives the controller's functions. `charge` is the text
 * of an expression for the function that takes fuel: it is called with units, and throws when there are none left.
 */
export function composeRealm(charge) {
  const parts = BUILTINS.map((name) => readExpression(`builtins/${name}`)).join(',\n')
  return `(function () { 'use strict'
const prices = ${readExpression('prices')}()
const charge = ${charge}
const math = ${readExpression('math')}()
const parts = [${parts},
${readExpression('operators')}]
const primordials = ${readExpression('prelude')}(math, charge, prices.builtins, () => ${readExpression('builtins')}({
  charge, parts, prices: prices.builtins, limits: prices.limits
}))
return ${readExpression('controller')}(primordials)
})()`
}

/** A realm script is comments and one function in parentheses, which the formatter guards with a semicolon. */
function readExpression(name) {
  const text = readFileSync(new URL(`./${name}.js`, import.meta.url), 'utf8')
  return text.replace(LEADING, '').trimEnd()
}
