// Runs expressions in realms of js-1 that count fuel, without engine and host: each in an isolate of its own. They
// come in on stdin as a JSON array of `[name, text]`; for each a line of JSON goes out when it begins, and one when
// it is over. Plain JavaScript, because --jitless strips no types.
import { readFileSync, writeSync } from 'node:fs'
import ivm from 'isolated-vm'
import { composeRealm } from '../src/vm/js-1/realm.js'

const FUEL = 10_000_000

/** As the meter will do it: what is thrown is nobody's, and nothing is left afterwards. */
const CHARGE = `(() => {
  let fuel = ${FUEL}
  let charged = 0
  return (units) => {
    if (!(units >= 0)) throw new Error('units: ' + units)
    charged += units
    fuel -= units
    if (fuel < 0) { fuel = -1; throw { outOfFuel: true } }
  }
})()`

const kept = []
for (const [name, text] of JSON.parse(readFileSync(0, 'utf8'))) {
  write({ name, begins: true })
  write({ name, ...run(text) })
}
process.kill(process.pid, 'SIGKILL')

function run(text) {
  const isolate = new ivm.Isolate({ memoryLimit: 64 })
  const context = isolate.createContextSync()
  const realm = context.evalSync(composeRealm(CHARGE), { reference: true })
  kept.push(isolate, context, realm)
  const started = process.cpuUsage()
  let outcome
  try {
    outcome = context.evalSync(wrapped(text), { timeout: 20_000 })
  } catch (error) {
    outcome = `threw ${error?.message}`
  }
  const { user, system } = process.cpuUsage(started)
  const ms = (user + system) / 1000
  if (isolate.isDisposed) return { outcome: 'out of memory', ms }
  isolate.dispose()
  return { outcome, ms }
}

function wrapped(text) {
  return `'use strict';
(() => {
  try {
    const value = (() => { ${text} })()
    return 'ok ' + (typeof value === 'object' || typeof value === 'function' ? typeof value : String(value).slice(0, 2000))
  } catch (thrown) {
    if (thrown?.outOfFuel === true) return 'out of fuel'
    return thrown?.code ?? thrown?.name + ': ' + thrown?.message
  }
})()`
}

function write(line) {
  writeSync(1, `${JSON.stringify(line)}\n`)
}
