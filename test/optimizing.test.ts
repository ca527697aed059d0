import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'brittle'

// V8 throws nothing for a flag that it does not have
test('optimizing - V8 has the flags that auditors and hosts set', (t) => {
  const script = `
    import { collectSooner, optimizeLate } from ${JSON.stringify(sourceOf('audit'))}
    import { optimizeEarly } from ${JSON.stringify(sourceOf('host'))}
    optimizeLate()
    collectSooner()
    optimizeEarly()`
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  t.is(status, 0)
  t.is(stderr, '')
})

function sourceOf(part: string): string {
  return fileURLToPath(new URL(`../src/${part}/optimizing.ts`, import.meta.url))
}
