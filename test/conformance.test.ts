// The runner of test262, over a small suite of our own. What the suite itself comes to is in conformance/summary.md.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'brittle'

interface Result {
  readonly path: string
  readonly skip?: string
  readonly plain?: string | null
  readonly vm?: string | null
  readonly causes?: readonly string[]
}

const RUNNER = fileURLToPath(new URL('../scripts/test262.js', import.meta.url))
const SUITE = fileURLToPath(new URL('./conformance/suite', import.meta.url))

test('conformance - the runner tells what only fails in the VM, and why', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mivm-conformance-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const files = ['results', 'summary'].map((name) => join(folder, name))
  const [results = '', summary = ''] = files
  const args = [RUNNER, SUITE, '--commit', 'ours', '--results', results, '--summary', summary]
  const { status, stderr } = spawnSync(process.execPath, ['--conditions=mivm-source', ...args], {
    encoding: 'utf8'
  })
  t.is(status, 0, stderr)
  const all = readResults(results)
  const of = (path: string) => all.get(`${path}.js`)
  const passed = { plain: null, vm: null }
  t.alike(of('built-ins/names-and-indices'), passed)
  for (const name of ['passes', 'begins-with-a-bracket', 'late-pattern', 'refused', 'throws']) {
    t.alike(of(`language/${name}`), passed, name)
  }
  t.alike(of('language/fails'), {
    plain: 'Test262Error: the reason',
    vm: 'Test262Error: the reason'
  })
  t.alike(of('language/throws-not'), { plain: 'no ReferenceError', vm: 'no ReferenceError' })
  t.ok(of('language/module')?.skip?.startsWith('modules'))
  t.ok(of('language/agent')?.skip?.includes('realm'))
  t.alike(of('language/script')?.causes, ['body'])
  t.alike(of('built-ins/frozen')?.causes, ['frozen'])
  t.alike(of('built-ins/depth')?.causes, ['limit'])
  t.ok(of('built-ins/depth')?.vm?.includes('CALL_DEPTH'))
  t.ok(of('built-ins/eval')?.vm?.startsWith('EvalError'))
  const text = readFileSync(summary, 'utf8')
  t.ok(text.includes('| language | 8 | 6 | 5 | 1 | 0 |'), 'totals of a folder')
  t.ok(text.includes('| code from strings | 1 |'), 'reasons')
  t.is(all.size, 14)
})

function readResults(file: string): Map<string, Omit<Result, 'path'>> {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return new Map(
    lines.map((line) => {
      const { path, ...result }: Result = JSON.parse(line)
      return [path, result]
    })
  )
}
