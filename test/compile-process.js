// Compiles sources, in JSON on stdin, as the compiler does, in a process with whatever flags: prints what came of each.
import { readFileSync, writeSync } from 'node:fs'
import * as acorn from 'acorn'
import { compile } from '../src/vm/js-1/compile.js'

const sources = JSON.parse(readFileSync(0, 'utf8'))
const bytes = Buffer.from(JSON.stringify(sources.map(outcomeOf)))
for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at)

function outcomeOf(source) {
  try {
    return compile(acorn, source)
  } catch (error) {
    return `${error.code}: ${error.message}`
  }
}
