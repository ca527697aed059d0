// Runs the tests: every test/**/*.test.{ts,js} in a process of its own, those named *.long.test.* only
// with --long. What brittle lets pass as green (a crash, an exit in the middle of a test, an empty file,
// a test that asserts nothing) is counted as a failure here.
//
//   npm test -- [--long] [--jobs n] [--timeout seconds] [--dir test] [part of a file name…]
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { basename, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isPinned } from '../bin/node.js'
import { makePrograms } from './programs.js'

const TIMEOUT_S = 900
const TIMEOUT_LONG_S = 3600

/**
 * A file waits for more than half of its time (connections, disks, peers that are gone): so many more run than there are
 * cores. Long ones compute.
 */
const JOBS_MORE = 5
const JOBS_MORE_LONG = 1

/** From so many files on it pays to compile for all of them first. */
const MANY = 10

/**
 * The files that take longest begin first, in this order, so that nobody waits for one of them alone in the end; all others
 * come in the order of their names.
 */
const LONGEST = [
  'net-hostile',
  'hostile',
  'full-disk',
  'recover',
  'salvage',
  'package',
  'crash-matrix',
  'set-back',
  'host-faults',
  'cheats-entries',
  'second',
  'cheats-records',
  'cheats-results',
  'backup',
  'cheats-histories',
  'honest',
  'audit-killed',
  'mirror',
  'audit-archive',
  'quotas',
  'cli-host',
  'cheats-users',
  'sandbox',
  'crash',
  'audit-ranges',
  'cli-ends',
  'crash-client',
  'host-readers',
  'audit-user-heads',
  'audit-lies',
  'cli-follow',
  'audit-thread',
  'one-identity',
  'clock',
  'host',
  'host-connections',
  'audit-hostile',
  'vm-determinism',
  'vm-regexp',
  'client-log',
  'audit-overheard',
  'client-newest',
  'audit-patience',
  'audit-random'
]

/** With these each file is run. */
const FLAGS = [
  '--conditions=mivm-source',
  '--import',
  new URL('./configure.js', import.meta.url).href
]
const SOLO = /^\s*(await )?(test\.)?solo\(/m
const EXIT_USAGE = 64
const EXIT_UNAVAILABLE = 69

const root = fileURLToPath(new URL('..', import.meta.url))

if (!isPinned) {
  console.error('test/run.js: this is not the pinned Node: run it with "npm test"')
  process.exit(EXIT_UNAVAILABLE)
}

const options = parseOptions()
// long runs are there to find what nobody has thought of
if (options.long) process.env.MIVM_SEED ??= String(Date.now() % 2 ** 32)
const running = new Set()
const compiled = mkdtempSync(join(tmpdir(), 'mivm-compiled-'))
process.on('exit', () => rmSync(compiled, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => abandon(signal))

const files = listFiles(options)
if (files.length === 0) console.log('no test file matches')
if (files.length >= MANY) {
  // long runs have the time for the sources themselves
  if (!options.long) await makeOnce()
  compileOnce(join(root, 'bin', 'mivm.js'))
}
let passed = 0
let failed = 0
const skipped = []
const failures = []
await Promise.all(Array.from({ length: options.jobs }, worker))

if (skipped.length > 0) console.log(`\nskipped: ${skipped.join(', ')}`)
if (failures.length > 0) console.log(`\nfailed: ${failures.join(', ')}`)
console.log(`\n${passed} passed, ${failed} failed`)
process.exit(failed > 0 || passed === 0 ? 1 : 0)

/** Makes the programs that tests start, for all files of this run. */
async function makeOnce() {
  const made = join(compiled, 'programs')
  for (const file of await makePrograms(made)) compileOnce(file)
  process.env.MIVM_TEST_PROGRAMS = made
}

/**
 * Loads what most files load, so that not each of the first ones compiles it for itself, nor those that they kill: only
 * who comes to an end leaves what he has compiled to others. But for the command line, these do nothing of themselves.
 */
function compileOnce(file) {
  spawnSync(
    process.execPath,
    [...FLAGS, file, ...(/mivm/.test(basename(file)) ? ['--help'] : [])],
    {
      stdio: 'ignore',
      env: { ...process.env, NODE_COMPILE_CACHE: compiled }
    }
  )
}

async function worker() {
  for (;;) {
    const file = files.shift()
    if (file === undefined) return
    report(file, await runFile(file))
  }
}

function report(file, { output, tests, problems, seconds }) {
  const name = relative(root, file)
  console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds.toFixed(1)} s)`)
  passed += tests.passed
  skipped.push(...tests.skipped)
  // A file that fails as a whole counts as one failure, beside those of its tests.
  failed += tests.failed
  if (problems.length === 0) return
  if (tests.failed === 0) failed++
  failures.push(name)
  for (const problem of problems) console.log(`  ${name}: ${problem}`)
  const lines = unexpected(output)
  console.log(lines.map((line) => `  | ${line}`).join('\n'))
}

/**
 * The lines of brittle's TAP but for assertions that held: those that did not first, each with its test and its place, since
 * what is shown of them may be cut; then all in their order.
 */
function unexpected(output) {
  const lines = output.split('\n').filter((line) => !/^\s*(ok \d+|$)/.test(line))
  const broken = lines.flatMap((line, i) => {
    if (!/^\s+not ok\b/.test(line)) return []
    const name = lines.slice(0, i).findLast((before) => before.startsWith('# '))
    const place = lines.slice(i).find((after) => /:\d+:\d+\)?$/.test(after))
    return [name, line, place].filter((found) => found !== undefined)
  })
  return [...broken, ...lines]
}

/** Runs one file and says what is wrong with how it went. */
async function runFile(file) {
  const temporary = mkdtempSync(join(tmpdir(), 'mivm-test-'))
  const started = process.hrtime.bigint()
  const { output, code, signal, timedOut } = await execute(file, temporary)
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  const leftovers = readdirSync(temporary)
  rmSync(temporary, { recursive: true, force: true })

  const { tests, problems } = judge(output)
  if (SOLO.test(readFileSync(file, 'utf8'))) problems.push('solo leaves out the other tests')
  if (timedOut) problems.unshift(`killed: it ran for more than ${options.timeout} s`)
  else if (signal !== null) problems.unshift(`ended by ${signal}`)
  else if (code !== 0) problems.unshift(`exit code ${code}`)
  if (leftovers.length > 0) problems.push(`left behind in TMPDIR: ${leftovers.join(', ')}`)
  return { output, tests, problems, seconds }
}

function execute(file, temporary) {
  return new Promise((done) => {
    // A process group of its own, so that what a test starts ends with it.
    const child = spawn(process.execPath, [...FLAGS, file], {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...{ TMPDIR: temporary, TMP: temporary, TEMP: temporary },
        // all processes of a run compile our code once; tsc and npm would leave a cache in TMPDIR
        NODE_COMPILE_CACHE: compiled,
        // how fast a machine is, no test knows: only one that hangs is given up
        MIVM_TEST_SECONDS: String(options.timeout)
      }
    })
    running.add(child)
    const chunks = []
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      killGroup(child)
    }, options.timeout * 1000)
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    // A child that the test left running holds our pipes open: it goes when the test does.
    child.on('exit', () => killGroup(child))
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      running.delete(child)
      done({ output: Buffer.concat(chunks).toString(), code, signal, timedOut })
    })
  })
}

function killGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // nobody of the group is left
  }
}

function abandon(signal) {
  for (const child of running) killGroup(child)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

/** Reads brittle's TAP. Its summary alone is not to be believed. */
function judge(output) {
  const lines = output.split('\n')
  const total = lines.findLast((line) => /^# tests = \d+\/\d+ pass$/.test(line))
  const asserts = lines.findLast((line) => /^# asserts = \d+\/\d+ pass$/.test(line))
  if (total === undefined || asserts === undefined) {
    const problem = 'no summary: it ended in the middle of a test, or has none'
    return { tests: { passed: 0, failed: 0, skipped: [] }, problems: [problem] }
  }
  const [good, count] = fraction(total)
  const [held, made] = fraction(asserts)
  const { empty, skipped } = closings(lines)
  const problems = empty.map((name) => `asserts nothing: ${name}`)
  if (count === 0) problems.push('no test in it')
  if (good < count) problems.push(`${count - good} of ${count} tests failed`)
  if (held < made) problems.push(`${made - held} of ${made} assertions failed`)
  else if (lines.some((line) => /^\s*not ok\b/.test(line))) problems.push('not ok')
  const passed = Math.max(0, good - empty.length - skipped.length)
  return { tests: { passed, failed: count - good + empty.length, skipped }, problems }
}

function fraction(line) {
  return line.match(/\d+/g).map(Number)
}

/** Looks at the `ok` that ends each test: was it skipped, and did an assertion come before it? */
function closings(lines) {
  const empty = []
  const skipped = []
  let assertions = 0
  for (const line of lines) {
    if (/^ {4}(not )?ok \d+/.test(line)) assertions++
    const end = line.match(/^(not )?ok \d+ - (.*?)(?: # (SKIP|TODO|time = .*))?$/)
    if (end === null) continue
    const [, failed, name, note] = end
    if (note === 'SKIP' || note === 'TODO') skipped.push(name)
    else if (assertions === 0 && failed === undefined) empty.push(name)
    assertions = 0
  }
  return { empty, skipped }
}

function listFiles({ dir, long, filters }) {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.test\.(ts|js)$/.test(entry.name))
    .filter((entry) => /\.long\.test\.(ts|js)$/.test(entry.name) === long)
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (file) => filters.length === 0 || filters.some((part) => relative(root, file).includes(part))
    )
    .sort((a, b) => placeOf(a) - placeOf(b) || (a < b ? -1 : 1))
}

function placeOf(file) {
  const place = LONGEST.indexOf(basename(file).split('.')[0])
  return place < 0 ? LONGEST.length : place
}

function parseOptions() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        long: { type: 'boolean', default: false },
        jobs: { type: 'string' },
        timeout: { type: 'string' },
        dir: { type: 'string', default: join(root, 'test') }
      }
    })
    return {
      dir: resolve(values.dir),
      long: values.long,
      jobs: positive(values.jobs ?? defaultJobs(values.long), '--jobs'),
      timeout: positive(values.timeout ?? (values.long ? TIMEOUT_LONG_S : TIMEOUT_S), '--timeout'),
      filters: positionals
    }
  } catch (error) {
    console.error(`test/run.js: ${error.message}`)
    return process.exit(EXIT_USAGE)
  }
}

function defaultJobs(long) {
  return availableParallelism() + (long ? JOBS_MORE_LONG : JOBS_MORE)
}

function positive(text, name) {
  const number = Number(text)
  if (Number.isFinite(number) && number > 0) return number
  throw new Error(`${name} takes a number above 0, not ${text}`)
}
