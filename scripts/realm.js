// The text of the realm of js-1 as engines get it: src/vm/js-1/realm.min.js, the program of composeRealm with short names of its
// variables and without white space. scripts/vm-digest.js writes it anew; test/vm-realm-text.test.ts compares.
import { writeFileSync } from 'node:fs'
import { transformSync } from 'esbuild'
import { composeRealm } from '../src/vm/js-1/realm.js'

const FILE = new URL('../src/vm/js-1/realm.min.js', import.meta.url)

/** So long that they cost nothing, and short enough for a change to be seen. */
const LINE = 200

/** Where a text goes on in the next line. */
const CONTINUED = /(?<!\\)((?:\\\\)*)\\\n/g

/**
 * The same program in fewer characters. Its syntax stays as it is written, so that a parser can compare; in ASCII, since V8 keeps
 * a text with one wider character in two bytes each.
 */
export function shortenRealm() {
  const { code } = transformSync(composeRealm(), {
    minifyIdentifiers: true,
    minifyWhitespace: true,
    lineLimit: LINE,
    charset: 'ascii',
    target: 'esnext'
  })
  // a line may end inside of 'use strict', which would be no directive then
  return code.replace(CONTINUED, '$1').replace(/;\s*$/, '\n')
}

export function writeRealm() {
  writeFileSync(FILE, shortenRealm())
}
