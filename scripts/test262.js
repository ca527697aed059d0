// Runs test262, the conformance suite of ECMAScript, in bare contexts and in the VM, and says what differs:
//
//   git clone https://github.com/tc39/test262
//   node bin/node.js scripts/test262.js <checkout> [--filter part]… [--jobs 2] [--results file] [--summary file]
//
// Each test runs as a strict script in a context as V8 makes it, and as a contract of js-1 with its default limits.
// What passes only in the first is run again with one thing of the VM changed at a time, to find the reason.
// --without leaves out what has a part in its path and no result yet: property-escapes/generated takes an hour.
// --results keeps what every test came to, one JSON a line; a run with the same file goes on where it ended.
// --summary writes test/conformance/summary.md. Exit code 1: something differs for a reason that is not known.
import { fork, spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as acorn from 'acorn'
import { LIMITS } from '../src/protocol/limits.ts'
import { REALM_FLAGS } from '../src/vm/engine.ts'
import { compileOrRefuse } from '../src/vm/js-1/compile.js'
import { reasonOf } from './test262/reasons.js'
import { Sources } from './test262/sources.js'
import { listTests, readTest } from './test262/suite.js'
import { summarize } from './test262/summary.js'

const WORKER = fileURLToPath(new URL('./test262/worker.js', import.meta.url))

const FLAGS = [...REALM_FLAGS, '--jitless']

/** A worker is replaced after so many tests: isolates are not given back whole. */
const TESTS_MAX = 400

/** After so long without an answer a worker hangs, ms: five runs of one test, and their isolates. */
const SILENCE_MS = 180_000

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    filter: { type: 'string', multiple: true, default: [] },
    without: { type: 'string', multiple: true, default: [] },
    jobs: { type: 'string', default: '2' },
    results: { type: 'string' },
    summary: { type: 'string' },
    commit: { type: 'string' }
  }
})
if (positionals.length !== 1) {
  console.error(
    'usage: node bin/node.js scripts/test262.js <checkout> [--filter part]… [--summary file]'
  )
  process.exit(64)
}
const checkout = resolve(positionals[0])
const sources = new Sources(checkout)
const paths = listTests(checkout, options.filter)
const results = readResults()
// the slow ones come last: taken is from the end
const todo = paths
  .filter((path) => !results.has(path) && !isLeftOut(path))
  .sort((a, b) => isSlow(b) - isSlow(a))
console.error(`${paths.length} tests, ${todo.length} to run`)
let since = Date.now()
await Promise.all(Array.from({ length: Number(options.jobs) }, work))
report()

/** Matches against all code points, one by one: far more than the fuel of a call. */
function isSlow(path) {
  return path.includes('/property-escapes/generated/')
}

function isLeftOut(path) {
  return options.without.some((part) => path.includes(part))
}

function readResults() {
  const { results: file } = options
  if (file === undefined || !existsSync(file)) return new Map()
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
  return new Map(lines.map((line) => JSON.parse(line)).map((result) => [result.path, result]))
}

async function work() {
  while (todo.length > 0) await runWorker()
}

/** Runs tests in one process until there are none, or it has had enough of them, or it is gone. */
function runWorker() {
  return new Promise((done, fail) => {
    const worker = fork(WORKER, [checkout, JSON.stringify(LIMITS)], {
      execArgv: FLAGS,
      silent: true
    })
    let current = null
    let count = 0
    let timer = null
    let said = ''
    worker.stderr.on('data', (chunk) => {
      said = `${said}${chunk}`.slice(0, 4000)
    })
    worker.on('message', (result) => {
      if (current !== null) note(result)
      current = null
      clearTimeout(timer)
      const next = count++ === TESTS_MAX ? null : take()
      if (next === null) return worker.kill('SIGKILL')
      current = next.path
      timer = setTimeout(() => worker.kill('SIGKILL'), SILENCE_MS)
      worker.send(next)
    })
    worker.on('close', () => {
      clearTimeout(timer)
      // one that never began would end for ever
      if (count === 0) return fail(new Error(`a worker does not start: ${firstLine(said)}`))
      // its end is the outcome: which half of it was at fault, the list of reasons has to say
      if (current !== null)
        note({ path: current, plain: null, vm: `the engine ended: ${firstLine(said)}`, causes: [] })
      done()
    })
  })
}

/** The next test, compiled: this process has a JIT, which makes that fast. */
function take() {
  while (todo.length > 0) {
    const path = todo.pop()
    const test = readTest(checkout, path)
    if (test.skip === null) {
      return { path, compiled: compileOrRefuse(acorn, sources.contract(test)) }
    }
    note({ path, skip: test.skip })
  }
  return null
}

function firstLine(text) {
  return (
    text
      .split('\n')
      .find((line) => /\w/.test(line))
      ?.trim()
      .slice(0, 200) ?? 'it hung'
  )
}

function note(result) {
  results.set(result.path, result)
  if (options.results !== undefined) appendFileSync(options.results, `${JSON.stringify(result)}\n`)
  if (Date.now() - since < 10_000) return
  since = Date.now()
  console.error(`${results.size} of ${paths.length}`)
}

function report() {
  const all = paths.map((path) => results.get(path) ?? { path, skip: 'left out of this run' })
  const unknown = all.filter((result) => differs(result) && reasonOf(result) === null)
  const commit = options.commit ?? commitOf(checkout)
  const text = summarize(all, commit)
  if (options.summary === undefined) console.log(text)
  else writeFileSync(options.summary, text)
  for (const { path, vm, causes } of unknown) console.error(`${path}\n  ${vm}\n  ${causes}`)
  if (unknown.length > 0) process.exitCode = 1
}

function differs({ skip, plain, vm }) {
  return skip === undefined && plain === null && vm !== null
}

function commitOf(folder) {
  const { status, stdout } = spawnSync('git', ['-C', folder, 'rev-parse', 'HEAD'], {
    encoding: 'utf8'
  })
  return status === 0 ? stdout.trim() : 'unknown'
}
