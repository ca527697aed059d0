import { readFileSync } from 'node:fs'
import { REGEXP_PRICES } from './prices.js'

const LEADING = /^(?:\s|\/\/.*|\/\*[\s\S]*?\*\/)*;?/

/**
 * One expression that turns a fresh context into the realm and gives the controller's functions. `charge` is the
 * text of a function that takes units of fuel, and throws when there are none left.
 */
export function composeRealm(charge = '() => {}') {
  const [math, prelude, controller] = ['math', 'prelude', 'controller'].map(readExpression)
  return `(function () { 'use strict'
const math = ${math}()
const charge = ${charge}
const installRegExp = ${composeRegExp()}
const primordials = ${prelude}(math, () => installRegExp(charge))
return ${controller}(primordials)
})()`
}

/** A function that takes `charge(units)` and gives a context the RegExp of the realm; returns also what it is made of. */
export function composeRegExp() {
  const names = ['classes', 'pattern', 'bound', 'matcher', 'regexp']
  const [classes, pattern, bound, matcher, regexp] = names.map(readExpression)
  return `(function (charge) { 'use strict'
const prices = ${JSON.stringify(REGEXP_PRICES)}
const classes = ${classes}()
const pattern = ${pattern}(classes)
const bound = ${bound}(classes)
const matcher = ${matcher}(classes, prices)
const parts = { classes, pattern, bound, matcher }
return { ...${regexp}({ charge, ...parts, prices }), parts }
})`
}

/** A realm script is comments and one function in parentheses, which the formatter guards with a semicolon. */
function readExpression(name) {
  const text = readFileSync(new URL(`./${name}.js`, import.meta.url), 'utf8')
  return text.replace(LEADING, '').trimEnd()
}
