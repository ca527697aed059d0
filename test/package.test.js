// The published package: packed, installed into an empty folder, used from there.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'brittle'

const root = fileURLToPath(new URL('..', import.meta.url))
const { version, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entries = Object.keys(exports)
  .filter((path) => path !== './package.json')
  .map((path) => `mivm${path.slice(1)}`)

const env = machineEnvironment()
const folder = mkdtempSync(join(tmpdir(), 'package-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const LIBRARY = `
import { readFileSync } from 'node:fs'
import { allowAll, audit, Client, Host, openLocal } from 'mivm'

const { bootstrap, close } = await openLocal(0)
const host = await Host.open({ dir: 'host', bootstrap, policy: allowAll })
const client = await Client.open({ dir: 'client', bootstrap })
const source = readFileSync('node_modules/mivm/contracts/forum.js', 'utf8')
const { address } = await client.deploy({ host: host.id, source, args: [] })
const forum = await client.connect(address)
const topic = await forum.addTopic('Hello world')
const title = await client.state(address).readFile('/topics/1/title')
let verdict
for await (const event of audit({ address, bootstrap, dir: 'auditor' })) {
  if (event.type === 'verdict') verdict = event.verdict
}
console.log(JSON.stringify({ topic, title, verdict }))
await client.close()
await host.close()
await close()
`

// All others use what this one installs.
test('package - installs into an empty folder without a compiler', (t) => {
  run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root })
  const app = join(folder, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{ "type": "module", "private": true }\n')
  const args = ['--prefer-offline', '--no-audit', '--no-fund', `../mivm-${version}.tgz`]
  run('npm', ['install', ...args], { env: { ...env, CC: 'false', CXX: 'false' } })
  t.is(readJson('node_modules/mivm/package.json').version, version)
  // what "mivm host --help" and the README send an operator to
  for (const page of ['configuration', 'operating']) {
    t.ok(existsSync(join(app, `node_modules/mivm/docs/${page}.md`)), page)
  }
  t.ok(existsSync(join(app, 'node_modules/mivm/deploy/alerts.yml')), 'and these to')
  // its image is made of the sources and the lockfile, which are not in the package
  t.absent(existsSync(join(app, 'node_modules/mivm/deploy/Dockerfile')))
})

for (const entry of entries) {
  test(`package - ${entry} exports what its source exports`, async (t) => {
    // This process has the condition that leads to the sources, the other one has not.
    const source = Object.keys(await import(entry)).sort()
    const script = `console.log(JSON.stringify(Object.keys(await import('${entry}')).sort()))`
    const installed = run(process.execPath, ['--input-type=module', '-e', script])
    t.is(source.length > 0, entry !== 'mivm/contract', 'which has types alone')
    t.alike(JSON.parse(installed), source)
  })
}

test('package - types resolve, and need no types of our dependencies', async (t) => {
  const lines = []
  for (const [index, entry] of entries.entries()) {
    lines.push(`import * as entry${index} from '${entry}'`)
    for (const name of Object.keys(await import(entry))) {
      lines.push(`export const ${name}${index}: unknown = entry${index}.${name}`)
    }
    lines.push(
      '// @ts-expect-error: were it untyped, this would be no error',
      `entry${index}.nothing`
    )
  }
  writeFileSync(join(folder, 'app/use.ts'), `${lines.join('\n')}\n`)
  const withNode = { module: 'nodenext', types: ['node'] }
  const plain = { lib: ['es2022', 'dom'], moduleResolution: 'bundler', types: [] }
  for (const options of [withNode, plain]) {
    const config = {
      compilerOptions: {
        strict: true,
        noEmit: true,
        target: 'esnext',
        skipLibCheck: false,
        typeRoots: [join(root, 'node_modules/@types')],
        ...options
      },
      files: ['use.ts']
    }
    writeFileSync(join(folder, 'app/tsconfig.json'), JSON.stringify(config))
    const { status, stdout } = attempt(process.execPath, [
      join(root, 'node_modules/typescript/bin/tsc')
    ])
    t.is(stdout, '')
    t.is(status, 0)
  }
})

test('package - bundles a contract into the same bytes as its source does', async (t) => {
  const { bundle } = await import('mivm')
  const script = `const { bundle } = await import('mivm')
    process.stdout.write((await bundle('node_modules/mivm/contracts/ladder.ts')).source)`
  const installed = run(process.execPath, ['--input-type=module', '-e', script])
  const { source } = await bundle(join(root, 'contracts/ladder.ts'))
  t.is(installed, source)
})

const older = machineNode() !== process.versions.node
test('package - the library deploys, calls and audits, on the Node of the machine as well', (t) => {
  writeFileSync(join(folder, 'app/use.js'), LIBRARY)
  for (const node of older ? ['node', process.execPath] : [process.execPath]) {
    const { status, stdout, stderr } = attempt(node, ['use.js'], { timeout: 120_000 })
    t.is(stdout.trim(), '{"topic":1,"title":"Hello world","verdict":"clean"}', stderr)
    t.is(status, 0, 'and ends when all is closed')
  }
})

test('package - the command line starts on the Node of the machine', (t) => {
  t.is(run('node_modules/.bin/mivm', ['--version']), `${version}\n`)
})

test('package - the demo runs: an honest host, then one that cheats', (t) => {
  const { status, stdout, stderr } = attempt('node_modules/.bin/mivm', ['demo'])
  t.is(status, 0, stderr)
  t.ok(stdout.includes('clean'))
  t.ok(stdout.includes('violation'))
})

test('package - without the pinned Node it says so in one line', { skip: !older }, (t) => {
  const { status, stdout, stderr } = startInsteadOf(() => {})
  t.is(status, 69)
  t.is(stdout, '')
  t.ok(/^mivm: NODE_MISSING: .*omit=optional\n$/.test(stderr), stderr)
  const json = startInsteadOf(() => {}, ['ls', '--json'])
  t.alike([json.status, json.stderr], [69, stderr])
  const message = stderr.trim().replace('mivm: NODE_MISSING: ', '')
  t.alike(JSON.parse(json.stdout), { type: 'error', code: 'NODE_MISSING', message })
})

test('package - where a library is missing for the pinned Node it says so', {
  skip: !older
}, (t) => {
  const { status, stdout, stderr } = startInsteadOf((folder, manifest) => {
    mkdirSync(join(folder, 'bin'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    writeFileSync(join(folder, manifest.bin.node), LOADER, { mode: 0o755 })
  })
  t.is(status, 69)
  t.is(stdout, '')
  t.ok(/^node: error .*\nmivm: NODE_MISSING: .*libatomic1 on Debian.*\n$/.test(stderr), stderr)
})

/** What the loader does. */
const LOADER = `#!/bin/sh
echo 'node: error while loading shared libraries: libatomic.so.1: cannot open shared object file' >&2
exit 127
`

/** Runs the command line while there is something else in the place of the package with the pinned Node. */
function startInsteadOf(put, words = ['--version']) {
  const modules = join(folder, 'app/node_modules')
  const names = Object.keys(readJson('node_modules/mivm/package.json').optionalDependencies)
  const [name = ''] = names.filter((each) => existsSync(join(modules, each)))
  const hidden = join(modules, '.hidden')
  const manifest = readJson(`node_modules/${name}/package.json`)
  renameSync(join(modules, name), hidden)
  try {
    put(join(modules, name), manifest)
    return attempt('node', ['node_modules/mivm/bin/mivm.js', ...words])
  } finally {
    rmSync(join(modules, name), { recursive: true, force: true })
    renameSync(hidden, join(modules, name))
  }
}

function readJson(name) {
  return JSON.parse(readFileSync(join(folder, 'app', name), 'utf8'))
}

/** Standard output of a command that has to succeed. */
function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = attempt(command, args, options)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error ?? stdout + stderr}`)
  return stdout
}

function attempt(command, args, options = {}) {
  const cwd = join(folder, 'app')
  // A process that does not end by itself is a failure too.
  const limits = { timeout: 300_000, killSignal: 'SIGKILL' }
  return spawnSync(command, args, { cwd, env, encoding: 'utf8', ...limits, ...options })
}

function machineNode() {
  const script = 'process.stdout.write(process.versions.node)'
  return spawnSync('node', ['-e', script], { env, encoding: 'utf8' }).stdout
}

/** The environment without what npm adds for the scripts that it runs, the pinned Node included. */
function machineEnvironment() {
  const ours =
    /^(npm_(package|lifecycle|command|execpath|node_execpath)|npm_config_(local_)?prefix$|NODE$|INIT_CWD$)/
  const entries = Object.entries(process.env).filter(([name]) => !ours.test(name))
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((dir) => !dir.includes('node_modules') && !dir.includes('node-gyp-bin'))
  // Last, for a machine that has no other.
  path.push(dirname(process.execPath))
  return { ...Object.fromEntries(entries), PATH: path.join(delimiter) }
}
