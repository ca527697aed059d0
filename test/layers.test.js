import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'brittle'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What each layer may import, besides itself and packages. */
const LAYERS = {
  protocol: [],
  vm: ['protocol'],
  state: ['protocol'],
  net: ['protocol'],
  host: ['protocol', 'vm', 'state', 'net'],
  client: ['protocol', 'vm', 'state', 'net'],
  copies: ['protocol', 'vm', 'state', 'net', 'host', 'client'],
  audit: ['protocol', 'vm', 'state'],
  bundle: ['protocol'],
  testing: ['protocol', 'vm', 'state', 'net', 'host', 'client', 'audit', 'bundle'],
  cli: ['protocol', 'vm', 'state', 'net', 'host', 'client', 'copies', 'audit', 'bundle', 'testing']
}
const NAMES = Object.keys(LAYERS)

test('layers - every directory of src is one of them', (t) => {
  const found = readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
  t.alike(
    found.filter((name) => !NAMES.includes(name)),
    []
  )
})

test('layers - the linter reports each import against the arrows, and no other', (t) => {
  const files = {}
  const expected = []
  for (const from of NAMES) {
    for (const to of NAMES) {
      if (from === to) continue
      const file = `src/${from}/uses-${to}.ts`
      files[file] = `import { x } from '../${to}/x.ts'\n\nexport const y = x\n`
      if (!LAYERS[from].includes(to)) expected.push(file)
    }
  }
  t.alike(lint(t, files), expected.sort())
})

test('layers - types, re-exports, dynamic imports and deeper files are no way around', (t) => {
  const files = {
    'src/audit/type.ts': "import type { X } from '../host/x.ts'\n\nexport type Y = X\n",
    'src/audit/again.ts': "export { x } from '../host/x.ts'\n",
    'src/audit/late.ts': "export const x = await import('../host/x.ts')\n",
    'src/audit/deep/a.ts': "import { x } from '../../host/x.ts'\n\nexport const y = x\n",
    'src/audit/door.ts': "import { x } from '../index.ts'\n\nexport const y = x\n",
    'src/audit/self.ts': "import { x } from 'mivm'\n\nexport const y = x\n",
    'src/audit/fine.ts': "import { x } from './x.ts'\n\nexport const y = x\n",
    'src/index.ts': "export { x } from './cli/x.ts'\n"
  }
  const expected = Object.keys(files).filter((file) => file !== 'src/audit/fine.ts')
  t.alike(lint(t, files), expected.sort())
})

test('layers - the protocol has no Node built-ins', (t) => {
  const body = "import { readFileSync } from 'node:fs'\n\nexport const x = readFileSync\n"
  const files = { 'src/protocol/a.ts': body, 'src/net/a.ts': body }
  t.alike(lint(t, files), ['src/protocol/a.ts'])
})

/** Names of the files with an import that our Biome configuration refuses. */
function lint(t, files) {
  const dir = mkdtempSync(join(tmpdir(), 'layers-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }), { force: true })
  copyFileSync(join(root, 'biome.json'), join(dir, 'biome.json'))
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  for (const [name, body] of Object.entries(files)) {
    mkdirSync(join(dir, dirname(name)), { recursive: true })
    writeFileSync(join(dir, name), body)
  }
  const biome = join(root, 'node_modules/.bin/biome')
  const args = ['lint', '--vcs-enabled=false', '--max-diagnostics=none', '--reporter=json', 'src']
  const { stdout } = spawnSync(biome, args, { cwd: dir, encoding: 'utf8' })
  const { diagnostics } = JSON.parse(stdout)
  for (const { category } of diagnostics) {
    if (category !== 'lint/style/noRestrictedImports') throw new Error(`unexpected: ${category}`)
  }
  return [...new Set(diagnostics.map(({ location }) => location.path))].sort()
}
