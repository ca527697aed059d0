// Contracts in TypeScript and modules, deployed from the command line.
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'brittle'
import { bundle } from 'mivm'
import { Cli, CONTRACTS } from './cli.ts'
import { openNetwork } from './cli-network.ts'
import { tempDir } from './helpers.ts'

test('cli - a contract in TypeScript is bundled, deployed, called and audited', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const file = path.join(CONTRACTS, 'ladder.ts')
  const words = ['deploy', file, '--host', host.id, '--name', 'ladder']
  const deployed = await cli.run(words, { alone: true })
  t.is(deployed.status, 0, deployed.stderr)
  t.ok(/^mivm:\/\/\w+\/\w+\n$/.test(deployed.stdout))
  const notes = deployed.stderr.split('\n').filter((line) => !line.startsWith('created'))
  t.is(notes.length, 2, deployed.stderr)
  t.ok(
    /^bundled 2 kB: loading them? takes [\d.]+ ms here and \d+ fuel of every call$/.test(
      notes[0] ?? ''
    ),
    notes[0]
  )

  t.is((await cli.run(['call', 'ladder', 'join', 'bob'])).stdout, '1000\n')
  t.is(
    (await cli.run(['call', 'ladder', 'join', 'ann', '--as', 'ann'])).status,
    64,
    'no such identity'
  )
  await cli.run(['key', 'new', 'ann'])
  t.is((await cli.run(['call', 'ladder', 'join', 'ann', '--as', 'ann'])).stdout, '1000\n')
  t.is((await cli.run(['call', 'ladder', 'lose', 'bob', '--as', 'ann'])).stdout, '984\n')
  t.is((await cli.run(['state', 'cat', 'ladder', '/.mivm/exports/games.json'])).stdout, '1')
  const { source } = await bundle(file)
  t.is((await cli.run(['state', 'cat', 'ladder', '/.mivm/contract.js'])).stdout, source)
  const audit = await new Cli(path.join(root, 'auditor'), cli.bootstrap).json([
    'audit',
    deployed.stdout.trim()
  ])
  t.is(audit.objects.at(-1)?.['verdict'], 'clean', audit.stderr)
})

test('cli - packages in a contract are named, with what they cost and lack', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const dir = path.join(root, 'project')
  await mkdir(dir)
  await symlink(
    fileURLToPath(new URL('../node_modules', import.meta.url)),
    path.join(dir, 'node_modules')
  )
  const lines =
    "import Big from 'big.js'\nimport { debounce } from 'lodash-es'\nexport const add = (a, b) => new Big(a).plus(b).toString()\nexport { debounce }\n"
  await writeFile(path.join(dir, 'app.js'), lines)
  const { status, stderr, objects } = await cli.json(
    ['deploy', 'app.js', '--host', host.id, '--name', 'sum'],
    { cwd: dir }
  )
  t.is(status, 0, stderr)
  t.ok(
    /\nwarning: setTimeout is not there, and npm:lodash-es@[\d.]+\/debounce\.js uses it: /.test(
      `\n${stderr}`
    ),
    stderr
  )
  t.ok(/\nbundled \d+ kB with big\.js@[\d.]+, lodash-es@[\d.]+: loading /.test(stderr), stderr)
  const summary = objects.at(-1) as {
    bundle?: { bytes: number; packages: string[]; ms: number; fuel: number }
  }
  t.alike(
    summary.bundle?.packages.map((each) => each.replace(/@.*/, '')),
    ['big.js', 'lodash-es']
  )
  t.ok((summary.bundle?.bytes ?? 0) > 10_000 && (summary.bundle?.fuel ?? 0) > 0)
  t.is((await cli.run(['call', 'sum', 'add', '0.1', '0.2'])).stdout, '0.3\n')
})

test('cli - modules that cannot be deployed are refused in one line, with the place', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const dir = path.join(root, 'project')
  await mkdir(dir)
  for (const [text, stderr] of BAD) {
    await writeFile(path.join(dir, 'app.ts'), text)
    const session = await cli.run(['deploy', 'app.ts', '--host', host.id], { cwd: dir })
    t.is(session.status, stderr.includes('CODE_THROWS') ? 1 : 64, text)
    t.is(session.stdout, '')
    const said = session.stderr.split('\n').filter((line) => !/^(created|bundled)/.test(line))
    t.alike(said, [stderr, ''])
  }
  const none = await cli.run(['deploy', 'none.ts', '--host', host.id], { cwd: dir })
  t.is(none.stderr, 'mivm: FILE_UNKNOWN: there is no file none.ts: check the path\n')
  t.is((await cli.json(['status', host.id])).objects[0]?.['instances'], 0)
})

const BAD: [text: string, stderr: string][] = [
  ['export let a = 1 +\n', 'mivm: CODE_SYNTAX: app.ts:2:1: Unexpected end of file'],
  [
    "import { a } from './a.ts'\nexport { a }\n",
    'mivm: IMPORT_UNKNOWN: app.ts:1:19: there is no "./a.ts": check the path and its extension'
  ],
  [
    'type A = 1\n\nexport const a = () => 1\nconst $mivmX = 1\nexport const b = () => $mivmX\n',
    "mivm: CODE_SYNTAX: app.ts:4:7: names that begin with $mivm are the VM's own: give it another name"
  ],
  [
    "export const a = () => 1\nthrow new RangeError('no')\n",
    'mivm: CODE_THROWS: app.ts:2:1: the code throws while it is loaded: RangeError: no: make it load without an error'
  ],
  [
    'export type A = string\n',
    'mivm: CODE_NO_EXPORTS: app.ts exports nothing that is there when it runs: export a method, as in export async function greet(name) { … }'
  ],
  [
    'export let count = 0\n',
    'mivm: CODE_NO_EXPORTS: the code exports no method: give it one, as in exports.greet = async (name) => …'
  ]
]
