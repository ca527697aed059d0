// Runs kernels in the realm of js-1, without engine and host, with and without the meter: what came of it goes out on
// stdout as JSON. Plain JavaScript, because --jitless strips no types.
import { writeSync } from 'node:fs'
import * as acorn from 'acorn'
import ivm from 'isolated-vm'
import { compile } from '../../src/vm/js-1/compile.js'
import { compileDrain } from '../../src/vm/js-1/microtasks.js'
import { readRealm } from '../../src/vm/js-1/realm.js'
import { CALL, KERNELS } from './kernels.js'

const ROUNDS = Number(process.argv[2])
const CALLS = 500
const LIMITS = {
  fuel: 1e9,
  depth: 512,
  args: 262144,
  result: 262144,
  exports: 262144,
  file: 1048576,
  writes: 1e6,
  written: 1e8,
  path: 1024
}
const REALM = readRealm()

const kernels = Object.entries(KERNELS).map(([name, body]) => {
  const source = `exports.init = () => {}\nexports.f = () => { ${body} }`
  const contract = realm(source)
  const unpaid = realm(source, unmetered(source))
  for (const each of [contract, unpaid]) each.call('init')
  const alone = plain(body)
  if (JSON.stringify(alone()) !== contract.call('f').value)
    throw new Error(`${name} comes to something else`)
  const times = { metered: [], free: [], bare: [] }
  let fuel = 0
  for (let i = 0; i < ROUNDS; i++) {
    times.bare.push(timed(alone))
    times.free.push(timed(() => unpaid.call('f')))
    times.metered.push(
      timed(() => {
        fuel = contract.call('f').fuel
      })
    )
  }
  const [bare, free, metered] = [times.bare, times.free, times.metered].map(least)
  return { name, bare, free, metered, fuel }
})

const call = callTimes()
const code = compileTimes()
writeSync(1, JSON.stringify({ kernels, call, code }))
process.kill(process.pid, 'SIGKILL')

/** A contract in a realm: `call` makes one call, and answers what it asks as if there were no files. */
function realm(source, text = compile(acorn, source, 2 ** 20)) {
  const isolate = new ivm.Isolate({ memoryLimit: 256 })
  const context = isolate.createContextSync()
  const controller = context.evalSync(REALM, { reference: true })
  const [load, open, run] = ['load', 'open', 'run'].map((name) => {
    return controller.getSync(name, { reference: true })
  })
  const body = context.evalSync(text, { reference: true })
  const drain = compileDrain(isolate, context)
  const ask = new ivm.Callback(() => '[true,null]')
  const hasRoom = new ivm.Callback(() => true)
  load.applySync(undefined, [body.derefInto(), drain.derefInto(), ask, hasRoom])
  open.applySync(undefined, [
    JSON.stringify({
      address: 'a',
      host: 'h',
      deployer: 'd',
      limits: LIMITS,
      variables: [],
      inspect: false
    })
  ])
  let seq = 0
  return { call }

  function call(method, args = '[]') {
    const call = JSON.stringify([method, args, 'caller', ++seq, 1e12, 1, 2, 3, 4])
    const text = run.applySync(undefined, [`[${call}]`])
    const { outcome, fuel } = JSON.parse(text.slice(text.indexOf(' ')))
    if (outcome.status !== 'ok') throw new Error(JSON.stringify(outcome))
    return { ...outcome, fuel }
  }
}

/** The same without any of ours: a function that runs the body in a fresh context. */
function plain(body) {
  const isolate = new ivm.Isolate({ memoryLimit: 256 })
  const context = isolate.createContextSync()
  const run = context.evalSync(
    `(function () { 'use strict'; return JSON.stringify((() => { ${body} })()) })`,
    { reference: true }
  )
  return () => JSON.parse(run.applySync(undefined, []))
}

/** `addTopic`, many times: with the meter, and with a counter that nothing is taken from. */
function callTimes() {
  const [metered, free] = [realm(CALL), realm(CALL, unmetered(CALL))]
  const times = { metered: [], free: [] }
  let fuel = 0
  for (const each of [metered, free]) each.call('init')
  for (let i = 0; i < ROUNDS * 3; i++) {
    times.free.push(timed(() => many(free)))
    times.metered.push(
      timed(() => {
        fuel = many(metered).fuel
      })
    )
  }
  return {
    name: 'addTopic',
    free: least(times.free) / CALLS,
    metered: least(times.metered) / CALLS,
    fuel
  }
}

function many(contract) {
  let outcome
  for (let i = 0; i < CALLS; i++) outcome = contract.call('addTopic', '["Hello world"]')
  return outcome
}

function unmetered(source) {
  return `(function () { 'use strict'; return { charge() {}, start() {}, used() { return 0 }, end() { return null },
body: function (exports, module, state, caller, env, oracle, console, System) {\n${source}\n} } })`
}

/** Milliseconds for 100 kB of code: the transform alone, and with V8's part of it. */
function compileTimes() {
  const kernels = Object.values(KERNELS)
    .map((body, i) => `const kernel${i} = () => { ${body} };`)
    .join('\n')
  let source = ''
  for (let i = 0; source.length < 100_000; i++) source += `exports.f${i} = () => { ${kernels} }\n`
  source = source.slice(0, source.lastIndexOf('exports.'))
  let text
  const transform = []
  const compiled = []
  for (let i = 0; i < ROUNDS; i++) {
    transform.push(
      timed(() => {
        text = compile(acorn, source, 2 ** 20)
      })
    )
    const isolate = new ivm.Isolate({ memoryLimit: 64 })
    const context = isolate.createContextSync()
    compiled.push(timed(() => context.evalSync(text, { reference: true })))
  }
  return {
    bytes: source.length,
    first: transform[0],
    transform: least(transform),
    compile: least(compiled),
    grown: text.length / source.length
  }
}

/** Milliseconds of the processor. */
function timed(run) {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function least(values) {
  return Math.min(...values)
}
