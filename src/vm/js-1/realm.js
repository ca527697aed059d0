import { readFileSync } from 'node:fs'
import { PRICES } from './prices.js'

/** In the order in which they are evaluated: each has what those before it return, and captures what they left. */
const BUILTINS = [
  'proxies',
  'json',
  'text',
  'arrays',
  'hashes',
  'collections',
  'objects',
  'numbers',
  'bytes',
  'encodings',
  'iteration',
  'nesting',
  'conversions',
  'cloning'
]

/** The function around every contract, with `$mivmBody` in its place: strict, since it assigns for patterns of the contract. */
export const COUNTER = readExpression('counter').replace('{', "{ 'use strict'\n")

/** The text of {@link composeRealm} as engines get it, in fewer characters, since every isolate has a copy: scripts/realm.js. */
export function readRealm() {
  return readFileSync(new URL('./realm.min.js', import.meta.url), 'latin1').trimEnd()
}

/**
 * One expression that turns a fresh context into the realm and gives the controller's functions. `charge` is the text
 * of an expression for the function that takes fuel: it is called with units, and throws when there are none left.
 */
export function composeRealm(charge = 'fuel.charge') {
  const parts = BUILTINS.map((name) => readExpression(`builtins/${name}`)).join(',\n')
  return `(function () { 'use strict'
const prices = ${JSON.stringify(PRICES)}
const fuel = ${readExpression('fuel')}()
const charge = ${charge}
const { ascend, descend, note, rethrow, weigh } = fuel
const math = ${readExpression('math')}()
const { exec } = RegExp.prototype
const parts = [${parts},
${readExpression('operators')}]
const installRegExp = () => (${composeRegExp()})(charge)
const chargeBuiltins = () => ${readExpression('builtins')}({
  charge, fuel, note, ascend, descend, rethrow, weigh, exec, parts, prices: prices.builtins, limits: prices.limits
})
const primordials = ${readExpression('prelude')}({
  charge, rethrow, chargeBuiltins, installRegExp, math, prices: prices.builtins
})
return ${composeController()}(primordials)
})()`
}

/** A function that takes the intrinsics of the realm and gives the controller's functions, in scope of `composeRealm`. */
function composeController() {
  const tariff = '{ charge, spent: fuel.spent, prices: prices.state }'
  return `(function (primordials) {
const errors = ${readExpression('errors')}(primordials)
const codec = ${readExpression('codec')}(primordials, errors, ${tariff})
const missing = ${readExpression('missing')}()
const thrown = ${readExpression('thrown')}(primordials, errors, codec, missing)
const calls = ${readExpression('call')}(primordials, errors, ${tariff})
const exported = ${readExpression('exported')}(primordials, errors, codec, calls, ${tariff})
const state = ${readExpression('state')}(primordials, errors, calls, ${tariff})
const services = ${readExpression('services')}(primordials, errors, codec, thrown, calls, ${tariff})
const parts = { calls, codec, errors, exported, services, state, thrown }
return ${readExpression('controller')}(primordials, parts, fuel, prices)
})`
}

/** A function that takes `charge(units)` and gives a context the RegExp of the realm; returns also what it is made of. */
export function composeRegExp() {
  const names = ['classes', 'pattern', 'bound', 'matcher', 'regexp']
  const [classes, pattern, bound, matcher, regexp] = names.map(readExpression)
  return `(function (charge) { 'use strict'
const prices = ${JSON.stringify(PRICES.regexp)}
const classes = ${classes}()
const pattern = ${pattern}(classes)
const bound = ${bound}(classes)
const matcher = ${matcher}(classes, prices)
const parts = { classes, pattern, bound, matcher }
return { ...${regexp}({ charge, ...parts, prices }), parts }
})`
}

/**
 * A realm script is comments and one function in parentheses, which the formatter guards with a semicolon.
 */
function readExpression(name) {
  const text = readFileSync(new URL(`./${name}.js`, import.meta.url), 'utf8')
  return text
    .replace(/^[ \t]*(?:\/\/.*|\/\*[\s\S]*?\*\/)\n/gm, '')
    .replace(/^\s*;/, '')
    .replace(/^[ \t]+/gm, '')
    .trimEnd()
}
