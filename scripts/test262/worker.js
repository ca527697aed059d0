// Runs tests of test262 in this process, each in a bare context and as a contract of js-1, see ../test262.js. Plain
// JavaScript, because --jitless strips no types.
import * as acorn from 'acorn'
import ivm from 'isolated-vm'
import { compileOrRefuse } from '../../src/vm/js-1/compile.js'
import { Abort, errorOf, Instance } from '../../src/vm/js-1/instance.js'
import { composeRealm, readRealm } from '../../src/vm/js-1/realm.js'
import { wrap } from '../../src/vm/js-1/source.js'
import { Bare } from './bare.js'
import { describe, judge } from './judge.js'
import { Realm } from './realm.js'
import { Sources } from './sources.js'
import { readTest } from './suite.js'
import { thaw } from './thaw.js'

/** Without these limits, a test that only needs more of something shows that it does. */
const LIFTED = { fuel: 2 ** 31 - 1, depth: 2000, time: 20_000 }

/** What a limit of the VM ends with. */
const LIMIT = /OUT_OF_FUEL|ABORT_|_LIMIT|CALL_DEPTH|_TOO_LARGE|_TOO_DEEP/

const [, , checkout, limitsText] = process.argv
const limits = JSON.parse(limitsText)
const lifted = { ...limits, ...LIFTED }
const sources = new Sources(checkout)
const tools = { ivm, realm: readRealm(), cachedRealm: null }
const bare = new Bare()
const frozen = new Realm(tools.realm)
const thawed = new Realm(thaw(composeRealm()), 1)

process.on('message', ({ path, compiled }) => process.send({ path, ...execute(path, compiled) }))
process.send({ ready: true })

function execute(path, compiled) {
  const test = readTest(checkout, path)
  const plain = bare.run(test, sources.script(test))
  const quick = frozen.run(test, compiled, limits)
  if (quick === null) return { plain, vm: null }
  const vm = runInstance(test, limits)
  if (plain !== null || vm === null) return { plain, vm }
  return { plain, vm, causes: findCauses(test, compiled, vm) }
}

/** What has to be changed for the test to pass: names of causes; empty where nothing that is known helps. */
function findCauses(test, compiled, failure) {
  if (bare.run(test, wrap(sources.body(test))) !== null) return ['body']
  if (LIMIT.test(failure) && frozen.run(test, compiled, lifted) === null) return ['limit']
  const other = thawed.run(test, compiled, limits)
  if (other === null) return ['frozen']
  if (LIMIT.test(other) && thawed.run(test, compiled, lifted) === null) return ['frozen', 'limit']
  if (!test.includes.includes('testTypedArray.js')) return [`thawed: ${other}`]
  const integers = compileOrRefuse(acorn, sources.contract(test, { floats: false }))
  if (frozen.run(test, integers, limits) === null) return ['floats']
  if (thawed.run(test, integers, limits) === null) return ['frozen', 'floats']
  return [`thawed: ${other}`]
}

/** In an isolate of its own, by the engine's own class: null where the test passes, else what it came to. */
function runInstance(test, given) {
  const source = sources.contract(test)
  const instance = new Instance(tools, source, compileOrRefuse(acorn, source), given)
  const outcome = outcomeOf(instance, given)
  instance.dispose()
  if (outcome.status === 'ok') return judge(test, null)
  return judge(test, describe(outcome.error))
}

function outcomeOf(instance, given) {
  try {
    instance.prepare()
    if (instance.refusal !== null) return { status: 'error', error: errorOf(instance.refusal) }
    instance.open(JSON.stringify({ ...CONSTANTS, limits: given, variables: [], inspect: false }))
    // no test asks the host for anything
    return JSON.parse(instance.run([CALL], given.time, () => '[true,null]').text).outcome
  } catch (error) {
    if (!(error instanceof Abort)) throw error
    return { status: 'abort', error: errorOf(error) }
  }
}

const CALL = JSON.stringify(['main', '[]', 'bob', 2, 1700000000123, 1, 2, 3, 4])

const CONSTANTS = { address: 'address', host: 'host', deployer: 'bob' }
