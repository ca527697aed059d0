// Runs contracts in the realm of js-1, without engine and host: scenarios come in on stdin, a list of them as JSON in each
// line, what came of their calls goes out on stdout in the same way. Plain JavaScript, because --jitless strips no types.
import { writeSync } from 'node:fs'
import * as acorn from 'acorn'
import ivm from 'isolated-vm'
import { compile } from '../src/vm/js-1/compile.js'
import { compileDrain } from '../src/vm/js-1/microtasks.js'
import { readRealm } from '../src/vm/js-1/realm.js'
import { sortVariables, variableName } from '../src/vm/js-1/variables.js'

// the defaults of js-1, see protocol/limits.ts, but for fuel: what is tested here is something else
const LIMITS = {
  fuel: 1e9,
  depth: 512,
  args: 262144,
  result: 262144,
  exports: 262144,
  file: 1048576,
  writes: 1000,
  written: 4194304,
  path: 1024
}

// isolated-vm may fail an assertion when the collector frees what belonged to an isolate, in particular under
// --stress-compaction: so everything is kept, and the end is sudden
const kept = []
for await (const line of linesOf(process.stdin)) {
  writeAll(`${JSON.stringify(JSON.parse(line).map(runScenario))}\n`)
}
process.kill(process.pid, 'SIGKILL')

function runScenario({ source, calls, memory = 64, probe = false }) {
  const isolate = new ivm.Isolate({ memoryLimit: memory })
  const context = isolate.createContextSync()
  const controller = context.evalSync(readRealm(), { reference: true })
  const functions = ['load', 'open', 'run', 'rest'].map((name) => {
    return controller.getSync(name, { reference: true })
  })
  const [load, open, enter, rest] = functions
  const drain = compileDrain(isolate, context)
  const engine = { ask: null }
  const ask = new ivm.Callback((...args) => engine.ask(...args))
  const hasRoom = new ivm.Callback(() => true)
  kept.push(isolate, context, controller, drain, ask, hasRoom, ...functions)
  // before there is a contract, nothing is charged
  const globals = probe ? JSON.parse(context.evalSync(`JSON.stringify((${probeText()})())`)) : null
  const body = context.evalSync(compile(acorn, source), { reference: true })
  kept.push(body)
  load.applySync(undefined, [body.derefInto(), drain.derefInto(), ask, hasRoom])
  let files = new Map()
  let variables = []
  let isOpen = false
  const results = calls.map((call, index) => {
    const isOwn = ['variables', 'env', 'limits', 'inspect'].some((key) => key in call)
    if (isOwn) isOpen = false
    const limits = { ...LIMITS, ...call.limits }
    const result = runCall({ ...defaults(index + 1), variables, ...call, limits }, isOwn)
    if (result.outcome.status === 'ok' && call.inspect !== true) {
      variables = change(call.variables ?? variables, result.writes)
      result.outcome.variables = variables
    }
    return result
  })
  return { results, files: [...files], globals, natives: takesNatives(isolate) }

  function runCall(given, isOwn) {
    const ops = []
    const queue = []
    const { method, args, caller, env, seed, ...others } = given
    const { seq, time, ...constants } = env
    // a job goes on for as long as nothing is set otherwise
    if (!isOpen) open.applySync(undefined, [JSON.stringify({ ...constants, ...others })])
    isOpen = !isOwn
    let asks = 0
    // those that the call changes while it runs are not those that are left
    const before = new Map(files)
    engine.ask = (steps, asked, isFirst) => {
      if (steps !== '0 ' || isFirst !== (asks === 0)) throw new Error('not as it is asked')
      asks++
      ops.push(...JSON.parse(asked))
      queue.push(...JSON.parse(asked))
      let answer
      while (answer === undefined) answer = perform(files, before, queue.shift())
      return JSON.stringify(answer)
    }
    const call = JSON.stringify([method, args, caller, seq, time, ...seed])
    const text = steps(enter, `[${call}]`)
    const [step] = JSON.parse(text.replace(/^1 (.*)$/s, '[$1]'))
    files = before
    for (const [path, ...file] of step.writes) {
      if (variableName(path) !== null) continue
      if (file[0] === null) files.delete(path)
      else files.set(path, file)
    }
    return { ...step, ops, asks, again: rest.applySync() === text }
  }

  /** What isolated-vm throws is a rejection of the contract's, behind the realm's own. */
  function steps(enter, text) {
    try {
      return enter.applySync(undefined, [text])
    } catch {
      return rest.applySync()
    }
  }
}

/** The variables with what a call wrote, in the order of their paths. */
function change(variables, writes) {
  const after = new Map(variables)
  for (const [path, , text] of writes) {
    const name = variableName(path)
    if (name === null) continue
    if (text === null) after.delete(name)
    else after.set(name, text)
  }
  return sortVariables(after)
}

/** Whether code that is compiled from now on may use V8's own functions. */
function takesNatives(isolate) {
  try {
    isolate.compileScriptSync('%PerformMicrotaskCheckpoint()')
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** For node:readline, lines end at U+2028 as well, which JSON leaves as it is. */
async function* linesOf(stream) {
  let rest = ''
  for await (const text of stream.setEncoding('utf8')) {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    yield* lines
  }
  if (rest !== '') yield rest
}

function writeAll(text) {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at)
}

function defaults(seq) {
  return {
    method: seq === 1 ? 'init' : 'main',
    args: '[]',
    caller: 'bob',
    env: { address: 'address', host: 'host', deployer: 'bob', seq, time: 1700000000123 },
    seed: [1, 2, 3, seq],
    oracles: [],
    limits: LIMITS,
    inspect: false
  }
}

/** Files in a map; undefined is no answer. */
function perform(files, before, [name, path, ...rest]) {
  const below = [...files.keys()].filter((key) => key.startsWith(path === '/' ? '/' : `${path}/`))
  const missing = (word) => [
    false,
    { code: 'ENOENT', message: `ENOENT: no such file or directory, ${word} '${path}'` }
  ]
  switch (name) {
    case 'writeFile':
      files.set(path, rest)
      return undefined
    case 'readFile':
      return files.has(path) ? [true, files.get(path)[1]] : missing('open')
    case 'unlink':
      return files.delete(path) ? [true, [[[path, before.has(path)]], 0]] : missing('unlink')
    case 'rmdir':
      for (const key of below) files.delete(key)
      return [true, below.map((key) => [key, before.has(key)])]
    case 'readdir': {
      const names = below.map((key) => key.slice(path === '/' ? 1 : path.length + 1).split('/')[0])
      return [true, [[...new Set(names)].sort(), 0]]
    }
    case 'stat':
      if (files.has(path)) return [true, { type: 'file', size: files.get(path)[1].length }]
      return below.length > 0 ? [true, { type: 'directory' }] : missing('stat')
    case 'exists':
      return [true, [files.has(path) || below.length > 0, 0]]
    case 'oracle':
      if (path === 'fails') return [false, { name: 'Error', code: 'ORACLE_FAILED', message: 'no' }]
      return [true, path === 'nothing' ? null : rest[0]]
    default:
      throw new Error(`unknown operation ${name}`)
  }
}

/** Everything that can be reached from the global object: path, and what is there. */
function probeText() {
  return function probe() {
    const found = []
    const seen = new Map()
    visit(globalThis, '')
    return found.sort()

    function visit(object, path) {
      if (object === null || (typeof object !== 'object' && typeof object !== 'function')) return
      if (seen.has(object)) return
      seen.set(object, path)
      for (const key of Reflect.ownKeys(object)) {
        if (typeof object === 'function' && (key === 'name' || key === 'length')) continue
        if (key === 'originalValue') continue
        const name = `${path}${path === '' ? '' : '.'}${String(key)}`
        const { value, get, set } = Object.getOwnPropertyDescriptor(object, key)
        const repaired = get !== undefined && 'originalValue' in get
        const what = repaired ? ` (repaired)${about(get.originalValue)}` : about(value)
        found.push(`${name}${what}${about(get)}${about(set)}`)
        if (get === undefined) visit(value, name)
        else if (repaired) visit(get.originalValue, name)
        else visit(get, `${name} get`)
        visit(set, `${name} set`)
      }
      visit(Object.getPrototypeOf(object), `${path}.[[Prototype]]`)
    }

    /** Name and length of a function. */
    function about(value) {
      return typeof value === 'function' ? ` ${value.name}/${value.length}` : ''
    }
  }.toString()
}
