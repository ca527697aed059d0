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
  'conversions'
]

/** The function around every contract, with `$mivmBody` in its place: strict, since it assigns for patterns of the contract. */
export const COUNTER = readExpression('counter').replace('{', "{ 'use strict'\n")

/**
 * One expression that turns a fresh context into the realm and gives the controller's functions. `charge` is the text
 * of an expression for the function that takes fuel: it is called with units, and throws when there are none left.
 */
export function composeRealm(charge = 'fuel.charge') {
  return narrow(squeeze(composeScript(charge)))
}

/** The text of {@link composeRealm} as it is written, but for comments and indentation. */
export function composeScript(charge = 'fuel.charge') {
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
  charge, note, ascend, descend, rethrow, weigh, exec, parts, prices: prices.builtins, limits: prices.limits
})
const primordials = ${readExpression('prelude')}({
  charge, rethrow, chargeBuiltins, installRegExp, math, prices: prices.builtins
})
return ${composeController()}(primordials)
})()`
}

/** A function that takes the intrinsics of the realm and gives the controller's functions, in scope of `composeRealm`. */
function composeController() {
  const tariff = '{ charge, prices: prices.state }'
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
 * The same program in fewer characters, as every isolate has a copy of them: without spaces around punctuation where a line
 * has no text, pattern or template in it, and without the ends of lines at brackets. This holds for how the realm is
 * written, and not for any script: test/vm-realm-text.test.ts compares what a parser makes of both.
 */
function squeeze(text) {
  const marks = / ?([=<>?:&|*,{}()[\];]+) ?/g
  return text
    .replace(/ +\/\/ .*$/gm, '')
    .replace(/^[^'"`/\n]+$/gm, (line) => line.replace(marks, '$1'))
    .replace(/([{([,])\n/g, '$1')
    .replace(/\n(?=[})\]])/g, '')
}

/**
 * A text that V8 keeps in one byte a character, which it does as long as no character takes more: every isolate has a
 * copy of it.
 */
function narrow(text) {
  const escaped = text.replace(/[^\0-\xff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  // a part of a text that was in two bytes stays in two
  return Buffer.from(escaped, 'latin1').toString('latin1')
}

/**
 * A realm script is comments and one function in parentheses, which the formatter guards with a semicolon. Comments on
 * lines of their own, and indentation, are left out: every isolate has a copy of the text.
 */
function readExpression(name) {
  const text = readFileSync(new URL(`./${name}.js`, import.meta.url), 'utf8')
  return text
    .replace(/^[ \t]*(?:\/\/.*|\/\*[\s\S]*?\*\/)\n/gm, '')
    .replace(/^\s*;/, '')
    .replace(/^[ \t]+/gm, '')
    .trimEnd()
}
