import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'brittle'
import { CONTRACT_NAMES } from '../src/bundle/rewrite.ts'
import { PARAMETERS } from '../src/vm/js-1/source.js'

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

test('layers - every package that src imports is a dependency of this one', (t) => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const sources = readdirSync(join(root, 'src'), { recursive: true })
    .filter((path) => /\.(ts|js)$/.test(path) && !path.endsWith('.d.ts'))
    .map((path) => readFileSync(join(root, 'src', path), 'utf8'))
  // what is imported for its types is declared in types/, and comes with the package
  const imported =
    /^(?:import|export|\}) (?!type\b)(?:[^'\n]* )?from '((?:@[^/']+\/)?[^./'][^/']*)/gm
  const found = sources.flatMap((source) =>
    Array.from(source.matchAll(imported), ([, name]) => name)
  )
  const names = new Set(found.filter((name) => !name.startsWith('node:')))
  t.ok(names.has('hypercore') && names.has('@commander-js/extra-typings'), 'they are found')
  // of others it depends on the folders of whoever installs it whether they are found, and in which version
  t.alike(
    [...names].filter((name) => !Object.hasOwn(dependencies, name)),
    []
  )
})

test('layers - ARCHITECTURE.md says of every file of src where it is, and of no other', (t) => {
  const named = filesNamed(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))
  const folders = named.filter((path) => path.endsWith('/'))
  const found = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(join(root, 'src'), join(entry.parentPath, entry.name)))
    .map((path) => path.replaceAll('\\', '/'))
  const isNamed = (path) => named.includes(path) || folders.some((it) => path.startsWith(it))
  const own = found.filter((path) => path.includes('/') && !path.endsWith('.d.ts'))
  t.alike(
    own.filter((path) => !isNamed(path)),
    [],
    'each is there'
  )
  t.alike(
    named.filter((path) => !found.some((it) => it === path || it.startsWith(path))),
    [],
    'and nothing else'
  )
})

test('layers - what ARCHITECTURE.md says is enforced in a member of a class is there', (t) => {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
  const sources = readdirSync(join(root, 'src'), { recursive: true })
    .filter((path) => /\.(ts|js)$/.test(path))
    .map((path) => readFileSync(join(root, 'src', path), 'utf8'))
  for (const [name, type, member] of text.matchAll(/`([A-Z]\w+)\.(#?[a-z]\w*)`/g)) {
    const homes = sources.filter((source) => source.includes(`class ${type} `))
    const isThere = homes.some((source) => new RegExp(`[\\s.]${member}\\b`).test(source))
    if (homes.length > 0) t.ok(isThere, name)
  }
})

test('layers - a bundle finds around it what the VM puts there', (t) => {
  t.alike(CONTRACT_NAMES, PARAMETERS, 'bundle must not import vm, and names them itself')
})

/** Paths below src in the list of ARCHITECTURE.md; those of folders, which stand for all in them, end with /. */
function filesNamed(text) {
  const [, list = ''] = text.split(/^## Where things are$/m)
  const [lines = ''] = list.split(/^## /m)
  const named = []
  let folder = ''
  for (const line of lines.split('\n')) {
    folder = /^### `(.+)`$/.exec(line)?.[1] ?? folder
    if (!line.startsWith('- ')) continue
    for (const [, name] of line.matchAll(/`([\w.-]+(?:\.ts|\.js|\.md|\/))`/g))
      named.push(folder + name)
  }
  return named
}

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
