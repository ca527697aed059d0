// Runs scripts with the RegExp of js-1 and fuel that is counted, each in an isolate of its own: `{ fuel, sources }`
// comes in on stdin as JSON, and what became of each goes out on stdout as `{ error, used }`. Plain JavaScript, because
// --jitless strips no types.
import { readFileSync, writeSync } from 'node:fs'
import ivm from 'isolated-vm'
import { composeRegExp } from '../src/vm/js-1/realm.js'

const { fuel, sources } = JSON.parse(readFileSync(0, 'utf8'))
const kept = []
writeSync(1, JSON.stringify(sources.map(run)))
// see realm-process.js
process.kill(process.pid, 'SIGKILL')

function run(source) {
  const isolate = new ivm.Isolate({ memoryLimit: 64 })
  const context = isolate.createContextSync()
  const counter = new ivm.Reference((units) => {
    used += units
    return used <= fuel
  })
  let used = 0
  context.global.setSync('count', counter)
  const charge = `((count) => (units) => {
    if (!count.applySync(undefined, [units])) throw 'no fuel is left'
  })(count)`
  kept.push(isolate, context, counter)
  context.evalSync(`(${composeRegExp()})(${charge})`)
  try {
    context.evalSync(`'use strict';\n{ ${source} }`)
    return { error: null, used }
  } catch (error) {
    return { error: error?.message ?? String(error), used }
  }
}
