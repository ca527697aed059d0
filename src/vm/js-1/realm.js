import { readFileSync } from 'node:fs'
import { runInThisContext } from 'node:vm'

const LEADING = /^(?:\s|\/\/.*|\/\*[\s\S]*?\*\/)*;?/

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

/** What everything costs, see prices.js. */
export const PRICES = runInThisContext(readExpression('prices'))()

/**
 * One expression that turns a fresh context into the realm and gives the controller's functions. `charge` is the text
 * of an expression for the function that takes fuel: it is called with units, and throws when there are none left.
 */
export function composeRealm(charge = 'metering.charge') {
  const parts = BUILTINS.map((name) => readExpression(`builtins/${name}`)).join(',\n')
  return `(function () { 'use strict'
const prices = ${readExpression('prices')}()
const metering = ${readExpression('metering')}({ prices })
const charge = ${charge}
const math = ${readExpression('math')}()
const parts = [${parts},
${readExpression('operators')}]
const primordials = ${readExpression('prelude')}(math, () => ${readExpression('builtins')}({
  charge, meter: metering.meter, parts, prices: prices.builtins, limits: prices.limits
}))
metering.complete(primordials.operators)
return ${readExpression('controller')}(primordials, metering, prices)
})()`
}

/** A realm script is comments and one function in parentheses, which the formatter guards with a semicolon. */
function readExpression(name) {
  const text = readFileSync(new URL(`./${name}.js`, import.meta.url), 'utf8')
  return text.replace(LEADING, '').trimEnd()
}
