// Every example runs as its reader would run it: in a process of its own.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type Test } from 'brittle'
import { Client, Host, Oracles, verify } from 'mivm'
import { readContract } from './contracts.ts'
import { tempDir } from './helpers.ts'
import { localNetwork } from './local-network.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const TESTED = ['audit.ts', 'client.ts', 'embed-host.ts', 'oracle-prices.js', 'read-archive.ts']

test('examples - all of them are run here', (t) => {
  t.alike(readdirSync(path.join(ROOT, 'examples')).sort(), TESTED)
})

test('examples - embed-host runs a host and a client of it', async (t) => {
  const { code, stdout, stderr } = await run('embed-host.ts', [])
  t.is(stdout, 'host: deployed\ncounts: 1, 3, 6\nin the archive: 6\n')
  t.is(stderr, '')
  t.is(code, 0)
})

test('examples - client calls a forum of somebody else, and keeps a receipt', async (t) => {
  const { link, address, hostId, env, dir } = await openForum(t)
  const userDir = path.join(dir, 'example')
  const { code, stdout, stderr } = await run('client.ts', [link], { ...env, MIVM_DIR: userDir })
  const receipt = path.join(userDir, 'post.receipt')
  t.alike(stdout.split('\n'), [
    'topic: 2 post: 2',
    'title: Hello world',
    `receipt: ${receipt} proves: call 5, addPost, gave 2`,
    'refused: EINVAL writeFile /topics/3/title: the data is an object; write a string or a Uint8Array',
    ''
  ])
  t.is(stderr, '')
  t.is(code, 0)
  const { host, address: proven, outcome } = verify(await readFile(receipt), hostId)
  t.alike([host, proven, outcome], [hostId, address, 'ok'])
})

test('examples - audit replays a forum and finds nothing', async (t) => {
  const { link, env } = await openForum(t)
  const { code, stdout, stderr } = await run('audit.ts', [link], env)
  t.is(stdout, 'clean: 3 calls, 0 findings\n')
  t.is(stderr, '')
  t.is(code, 0)
})

test('examples - audit that cannot audit accuses nobody', async (t) => {
  const { code, stdout, stderr } = await run('audit.ts', ['nonsense'])
  t.is(code, 2)
  t.is(stdout, '')
  t.ok(/^"nonsense" is not a valid address: [^\n]*\n$/.test(stderr), stderr)
})

test('examples - audit is 20 lines', async (t) => {
  const text = await readFile(path.join(ROOT, 'examples/audit.ts'), 'utf8')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('//'))
  t.ok(lines.length <= 20, `${lines.length} lines`)
})

test('examples - read-archive needs nothing of MIVM to read the files', async (t) => {
  const { link, env } = await openForum(t)
  const { code, stdout, stderr } = await run('read-archive.ts', [link], env)
  t.alike(stdout.split('\n'), [
    `/.mivm/contract.js ${JSON.stringify(readContract('forum'))}`,
    '/.mivm/exports/postCounter.json "1"',
    '/.mivm/exports/topicCounter.json "1"',
    '/topics/1/1 "My name is bob"',
    '/topics/1/title "Hello world"',
    ''
  ])
  t.is(stderr, '')
  t.is(code, 0)
  const text = await readFile(path.join(ROOT, 'examples/read-archive.ts'), 'utf8')
  t.absent(/from '(mivm|\.)/.test(text))
})

test('examples - oracle-prices knows some prices', async (t) => {
  const oracles = await Oracles.load(path.join(ROOT, 'examples/oracle-prices.js'))
  t.alike(await oracles.ask('price', '["ACME"]'), { ok: true, value: '151.25' })
  t.alike(await oracles.ask('price', '["NOSUCH"]'), {
    ok: false,
    error: { name: 'Error', message: 'there is no stock NOSUCH', code: 'SYMBOL_UNKNOWN' }
  })
})

/** A host with the forum of the design's example on it, on a network of its own. */
async function openForum(t: Test) {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const host = await Host.open({ dir: path.join(dir, 'host'), bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 2 })
  const client = await Client.open({ dir: path.join(dir, 'bob'), bootstrap })
  t.teardown(() => client.close(), { order: 1 })
  const { address, link } = await client.deploy({ host: host.id, source: readContract('forum') })
  await client.call(address, 'addTopic', ['Hello world'])
  await client.call(address, 'addPost', [1, 'My name is bob'])
  const env = { MIVM_BOOTSTRAP: bootstrap.join(',') }
  return { address, link, hostId: host.id, env, dir }
}

/** Runs an example to its end; one that does not end by itself fails by the signal that ends it. */
function run(
  example: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {}
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const file = path.join(ROOT, 'examples', example)
    const child = spawn(process.execPath, ['--conditions=mivm-source', file, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 300_000
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
