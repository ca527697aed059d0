import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'brittle'

const root = fileURLToPath(new URL('..', import.meta.url))

const FINE = "test('one', (t) => t.pass())\ntest('two', (t) => t.pass())"

test('runner - counts tests, not files', (t) => {
  const { status, last, stdout } = run(t, { 'a.test.js': FINE, 'sub/b.test.js': FINE })
  t.is(last, '4 passed, 0 failed')
  t.is(status, 0)
  t.ok(/^ok {3}.*a\.test\.js \(\d+\.\d s\)$/m.test(stdout), 'each file with its time')
})

test('runner - a failed assertion fails the file and shows its output', (t) => {
  const body = "test('good', (t) => t.pass())\ntest('bad', (t) => t.is(1, 2, 'a sum'))"
  const { status, last, stdout } = run(t, { 'a.test.js': body })
  t.is(last, '1 passed, 1 failed')
  t.is(status, 1)
  const [name, assertion, place] = stdout.split('\n').filter((line) => line.startsWith('  | '))
  t.is(name, '  | # bad')
  t.ok(assertion.includes('not ok 1 - a sum'))
  t.ok(place.includes('a.test.js:'), place)
})

test('runner - a file that crashes fails', (t) => {
  const { status, last } = run(t, { 'a.test.js': `${FINE}\nthrow new Error('crash')` })
  t.is(last, '0 passed, 1 failed')
  t.is(status, 1)
})

test('runner - a file that does not parse fails', (t) => {
  const { status, last } = run(t, { 'a.test.js': 'test(' })
  t.is(last, '0 passed, 1 failed')
  t.is(status, 1)
})

test('runner - a file that is killed fails', (t) => {
  const body = "test('one', () => process.kill(process.pid, 'SIGKILL'))"
  const { status, last, stdout } = run(t, { 'a.test.js': body })
  t.is(last, '0 passed, 1 failed')
  t.is(status, 1)
  t.ok(stdout.includes('ended by SIGKILL'))
})

test('runner - a file that hangs is killed with all it started', (t) => {
  const body = `
    import { spawn } from 'node:child_process'
    test('one', (t) => {
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
      console.log('child', child.pid)
      t.pass()
      setInterval(() => {}, 1000)
    })`
  const { status, last, stdout } = run(t, { 'a.test.js': body }, ['--timeout', '5'])
  t.is(last, '0 passed, 1 failed')
  t.is(status, 1)
  t.ok(stdout.includes('killed: it ran for more than 5 s'))
  t.absent(isRunning(Number(stdout.match(/child (\d+)/)[1])), 'nor does its child run on')
})

test('runner - what a passing file leaves running is killed', (t) => {
  const body = `
    import { spawn } from 'node:child_process'
    test('one', (t) => {
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
      console.log('child', child.pid)
      child.unref()
      t.pass()
      t.fail('so that the output is shown')
    })`
  const { stdout } = run(t, { 'a.test.js': body })
  t.absent(isRunning(Number(stdout.match(/child (\d+)/)[1])))
})

test('runner - exit code 0 in the middle of a test fails', (t) => {
  const body = `${FINE}\ntest('three', (t) => { t.pass(); process.exit(0) })`
  const { status, last, stdout } = run(t, { 'a.test.js': body })
  t.is(last, '0 passed, 1 failed')
  t.is(status, 1)
  t.ok(stdout.includes('no summary'))
})

test('runner - an empty file fails', (t) => {
  const { status, last } = run(t, { 'a.test.js': '', 'b.test.js': FINE })
  t.is(last, '2 passed, 1 failed')
  t.is(status, 1)
})

test('runner - a test without assertions fails', (t) => {
  const body = "test('good', (t) => t.pass())\ntest('says nothing', () => {})"
  const { status, last, stdout } = run(t, { 'a.test.js': body })
  t.is(last, '1 passed, 1 failed')
  t.is(status, 1)
  t.ok(stdout.includes('asserts nothing: says nothing'))
})

test('runner - assertions of a nested test count for its parent', (t) => {
  const body = "test('outer', async (t) => { await t.test('inner', async (s) => s.pass()) })"
  t.is(run(t, { 'a.test.js': body }).last, '1 passed, 0 failed')
})

test('runner - skipped tests are named and not counted', (t) => {
  const body = "test('good', (t) => t.pass())\ntest.skip('later', (t) => t.pass())"
  const { status, last, stdout } = run(t, { 'a.test.js': body })
  t.is(last, '1 passed, 0 failed')
  t.is(status, 0)
  t.ok(stdout.includes('skipped: later'))
})

test('runner - nothing but skipped tests fails', (t) => {
  const { status, last } = run(t, { 'a.test.js': "test.skip('later', (t) => t.pass())" })
  t.is(last, '0 passed, 0 failed')
  t.is(status, 1)
})

test('runner - a forgotten solo fails', (t) => {
  const { status, last } = run(t, { 'a.test.js': `${FINE}\ntest.solo('me', (t) => t.pass())` })
  t.is(last, '1 passed, 1 failed')
  t.is(status, 1)
})

test('runner - what a test leaves in its TMPDIR fails the file, and is removed', (t) => {
  const body = `
    import { writeFileSync } from 'node:fs'
    import { tmpdir } from 'node:os'
    test('one', (t) => {
      writeFileSync(tmpdir() + '/left.txt', '')
      t.pass()
    })`
  const { status, last, stdout } = run(t, { 'a.test.js': body })
  t.is(last, '1 passed, 1 failed')
  t.is(status, 1)
  t.ok(stdout.includes('left behind in TMPDIR: left.txt'))
})

test('runner - long tests run only with --long, and alone', (t) => {
  const files = { 'a.test.js': FINE, 'b.long.test.js': "test('long', (t) => t.pass())" }
  t.is(run(t, files).last, '2 passed, 0 failed')
  t.is(run(t, files, ['--long']).last, '1 passed, 0 failed')
})

test('runner - takes parts of file names', (t) => {
  const { last } = run(t, { 'apple.test.js': FINE, 'pear.test.js': '' }, ['apple'])
  t.is(last, '2 passed, 0 failed')
})

test('runner - the longest files begin first, the others by name', (t) => {
  const files = { 'a.test.js': FINE, 'b.test.js': FINE, 'crash.test.js': FINE }
  files['crash-matrix.test.js'] = FINE
  const { stdout } = run(t, files, ['--jobs', '1'])
  const order = Array.from(stdout.matchAll(/([\w-]+)\.test\.js \(/g), ([, name]) => name)
  t.alike(order, ['crash-matrix', 'crash', 'a', 'b'])
})

test('runner - a test has the time of its file', (t) => {
  const body = "test('one', (t) => t.is(t._runner.defaultTimeout, 180_000))"
  t.is(run(t, { 'a.test.js': body }, ['--timeout', '200']).last, '1 passed, 0 failed')
})

test('runner - no file at all fails', (t) => {
  const { status, last, stdout } = run(t, { 'a.test.js': FINE }, ['pear'])
  t.is(last, '0 passed, 0 failed')
  t.is(status, 1)
  t.ok(stdout.includes('no test file matches'))
})

test('runner - TypeScript runs as it is', (t) => {
  const body = "const n: number = 1\ntest('one', (t) => t.is(n, 1))"
  t.is(run(t, { 'a.test.ts': body }).last, '1 passed, 0 failed')
})

test('runner - an option that it does not know is a usage error', (t) => {
  t.is(run(t, { 'a.test.js': FINE }, ['--fast']).status, 64)
  t.is(run(t, { 'a.test.js': FINE }, ['--jobs', 'many']).status, 64)
})

/** Runs the runner over files made for the purpose; `last` is the last line that it prints. */
function run(t, files, args = []) {
  const base = mkdtempSync(join(tmpdir(), 'runner-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }), { force: true })
  symlinkSync(join(root, 'node_modules'), join(base, 'node_modules'))
  const dir = join(base, 'test')
  for (const [name, body] of Object.entries(files)) {
    const file = join(dir, name)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, body === '' ? '' : `import test from 'brittle'\n${body}\n`)
  }
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'test/run.js'), '--dir', dir, ...args],
    { encoding: 'utf8' }
  )
  return { status, stdout, stderr, last: stdout.trimEnd().split('\n').at(-1) }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  // Killed and not yet reaped is not running.
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z')
}
