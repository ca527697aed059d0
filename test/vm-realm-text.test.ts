import { createRequire } from 'node:module'
import test from 'brittle'
import { composeRealm, composeScript } from '../src/vm/js-1/realm.js'
import { findParser } from '../src/vm/node.ts'

const { parse } = createRequire(import.meta.url)(findParser()) as {
  parse: (text: string, options: { ecmaVersion: 'latest' }) => unknown
}

test('the text of the realm as isolates get it is the program that is written', (t) => {
  const [written, given] = [composeScript(), composeRealm()]
  t.ok(written.length - given.length > 20_000, 'much shorter')
  t.is(shapeOf(given), shapeOf(written))
})

/** What a parser makes of a script, but for where it stands and how its literals are spelled. */
function shapeOf(text: string): string {
  return JSON.stringify(parse(text, { ecmaVersion: 'latest' }), (key, value) => {
    if (key === 'start' || key === 'end' || key === 'raw') return undefined
    return typeof value === 'bigint' || value instanceof RegExp ? String(value) : value
  })
}
