// What a host, or the lack of one, says to a command that cannot be.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'brittle'
import { parseLines } from './cli.ts'
import { openNetwork } from './cli-network.ts'
import { tempDir } from './helpers.ts'

test('cli - contracts that cannot be deployed leave nothing behind', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  for (const [source, status, stderr] of CONTRACTS_BAD) {
    const file = path.join(root, 'bad.js')
    await writeFile(file, source)
    const session = await cli.run(['deploy', file, '--host', host.id, '--name', 'bad'])
    t.is(session.status, status, source.slice(0, 40))
    t.is(session.stdout, '')
    t.ok(session.stderr.includes(stderr), session.stderr)
    const lines = session.stderr.trim().split('\n')
    t.ok(lines.length <= 2 && !session.stderr.includes('    at '), 'one line, no stack')
  }
  t.is((await cli.json(['status', host.id])).objects[0]?.['instances'], 0)
  t.alike((await cli.json(['ls'])).objects, [{ type: 'summary', instances: 0 }])
})

const CONTRACTS_BAD: [source: string, status: number, stderr: string][] = [
  ['exports.a = () => {\n  return 1 +\n}\n', 64, 'mivm: CODE_SYNTAX: '],
  ['const a = 1\n', 64, 'mivm: CODE_NO_EXPORTS: '],
  ["exports.a = () => 1\nthrow new Error('no')\n", 1, 'mivm: CODE_THROWS: '],
  [
    "exports.init = () => { throw Object.assign(new TypeError('not today'), { code: 'CLOSED' }) }\n",
    1,
    'init ended with TypeError: not today (CLOSED); nothing was deployed'
  ],
  [`// ${'x'.repeat(1024 * 1024)}\nexports.a = () => 1\n`, 64, 'mivm: CODE_TOO_LARGE: ']
]

test('cli - a syntax error is named with file, line and column, and with what to write instead', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const file = path.join(root, 'bad.js')
  await writeFile(file, 'exports.a = () => {\n  return 1 +\n}\n')
  const { stderr } = await cli.run(['deploy', file, '--host', host.id])
  t.ok(/mivm: CODE_SYNTAX: .*bad\.js:3:1: .*\n$/.test(stderr), stderr)
  await writeFile(file, "exports.a = () => 1\nexports.b = () => eval('1')\n")
  const refused = await cli.run(['deploy', 'bad.js', '--host', host.id, '--json'], { cwd: root })
  t.alike(parseLines(refused.stdout), [
    {
      type: 'error',
      code: 'CODE_SYNTAX',
      message:
        'bad.js:2:19: eval is not available: write the code out: what runs is what was deployed'
    }
  ])
})

test('cli - hosts and instances that are not there', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const nobody = (await cli.run(['key', 'new', 'nobody'])).stdout.trim()
  const unknown = await cli.run(['call', `mivm://${nobody}/${nobody}`, 'x'], { alone: true })
  t.is(unknown.status, 69)
  t.ok(/mivm: HOST_UNKNOWN: .*--local or --bootstrap\n$/.test(unknown.stderr), unknown.stderr)
  const link = `mivm://${host.id}/${nobody}`
  for (const words of [
    ['call', link, 'x'],
    ['log', link],
    ['state', 'ls', link],
    ['audit', link]
  ]) {
    const { status, stdout, stderr } = await cli.run(words)
    t.is(status, 69, words[0])
    t.is(stdout, '')
    t.ok(/(^|\n)mivm: INSTANCE_UNKNOWN: [^\n]*\n$/.test(stderr), stderr)
  }
})

test('cli - what is kept of an instance and is damaged is asked for again', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const file = path.join(root, 'counter.js')
  await writeFile(file, 'exports.n = 0\nexports.add = () => ++exports.n\n')
  const { objects } = await cli.json(['deploy', file, '--host', host.id, '--name', 'counter'])
  const kept = path.join(
    cli.dir,
    `users/default/instances/${String(objects.at(-1)?.['address'])}.json`
  )
  let calls = 0
  const damaged = ['{"genesis":', '{}', '{"genesis":"AAAA","methods":["add"]}', '[]', 'null']
  for (const text of damaged) {
    await writeFile(kept, text)
    const listed = await cli.run(['ls'])
    t.is(listed.status, 0, listed.stderr)
    t.ok(listed.stdout.startsWith('counter\t'), 'it has a name all the same')
    const { stdout, stderr } = await cli.run(['call', 'counter', 'add'])
    t.is(stdout, `${++calls}\n`, stderr || text)
  }
})
