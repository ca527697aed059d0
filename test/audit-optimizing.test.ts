import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'brittle'

const FILE = fileURLToPath(new URL('../src/audit/optimizing.ts', import.meta.url))

// V8 throws nothing for a flag that it does not have
test('optimizing - V8 has the flag that an auditor sets', (t) => {
  const script = `import { optimizeLate } from ${JSON.stringify(FILE)}; optimizeLate()`
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  t.is(status, 0)
  t.is(stderr, '')
})
