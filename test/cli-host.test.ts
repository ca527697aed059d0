// The host as its operator sees it.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'brittle'
import { Cli, CONTRACTS, startHost, startNetwork } from './cli.ts'
import { tempDir } from './helpers.ts'

const FORUM = path.join(CONTRACTS, 'forum.js')

test('cli - a host says what happens, and ends with 0 when told to', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await startNetwork(t, root)
  const { sandbox, ...ready } = host.events[0] ?? {}
  t.is(typeof sandbox, 'object')
  t.alike(ready, {
    type: 'ready',
    id: host.id,
    bootstrap: host.bootstrap.split(','),
    instances: 0
  })
  const { objects } = await cli.json(['deploy', FORUM, '--host', host.id])
  const { address, deployer } = objects[0] ?? {}
  t.alike(host.events.slice(1), [{ type: 'deployed', address, deployer }])
  t.is(await host.stop('SIGINT'), 0)
  t.alike(host.events.at(-1), { type: 'summary', id: host.id, instances: 1 })

  const again = await startHost(t, path.join(root, 'host'))
  t.is(again.id, host.id, 'the same host')
  t.is(again.events[0]?.['instances'], 1, 'with what it had')
  t.is(await again.stop('SIGTERM'), 0)
})

test('cli - a host that is closed says so; the call is delivered later', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await startNetwork(t, root)
  await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  await host.stop()
  const lost = await cli.run(['call', 'forum', 'addTopic', 'one', '--timeout', '1'])
  t.is(lost.status, 69)
  t.ok(
    /mivm: (TIMEOUT|HOST_UNKNOWN): .*in your log and is delivered/.test(lost.stderr),
    lost.stderr
  )
  await cli.run(['call', 'forum', 'addTopic', '{"no":"text"}', '--timeout', '1'])
  const again = await startHost(t, path.join(root, 'host'))
  const next = new Cli(cli.dir, again.bootstrap)
  const delivered = await next.run(['deliver', 'forum'], { alone: true })
  const [first, second] = delivered.stdout.split('\n')
  t.is(first, "addTopic('one') → 1")
  t.ok(second?.startsWith("addTopic({ no: 'text' }) → Error: writeFile"), second)
  t.is(delivered.status, 1, 'a contract has thrown')
  t.is((await next.run(['call', 'forum', 'addTopic', 'two'])).stdout, '2\n')
  const none = await next.json(['deliver', 'forum'])
  t.is(none.stderr, 'every call in your log has its result\n')
  t.alike(none.objects.at(-1)?.['delivered'], 0)
})

test('cli - only those who are allowed deploy', async (t) => {
  const root = await tempDir(t)
  const cli = new Cli(path.join(root, 'user'), '')
  const bob = (await cli.run(['key', 'new', 'bob'])).stdout.trim()
  const eve = (await cli.run(['key', 'new', 'eve'])).stdout.trim()
  const { host } = await startNetwork(t, root, ['--allow-deploy', bob])
  const user = new Cli(cli.dir, host.bootstrap)
  const denied = await user.run(['deploy', FORUM, '--host', host.id, '--as', 'eve'])
  t.is(denied.status, 64)
  t.is(
    denied.stderr,
    `mivm: DEPLOY_DENIED: ${eve} may not deploy here: ask the operator for --allow-deploy ${eve}\n`
  )
  const { type, code } = host.events.at(-1) ?? {}
  t.alike([type, code], ['refused', 'DEPLOY_DENIED'])
  t.is((await user.run(['deploy', FORUM, '--host', host.id, '--as', 'bob'])).status, 0)
})

test('cli - one directory has one host, and its own is the default', async (t) => {
  const root = await tempDir(t)
  const host = await startHost(t, root)
  const second = new Cli(root, host.bootstrap)
  const { status, stdout, stderr } = await second.run(['host'])
  t.is(status, 69)
  t.is(stdout, '')
  t.ok(/^mivm: DIRECTORY_LOCKED: .*is in use by another process.*\n$/.test(stderr), stderr)

  t.is((await second.json(['status'])).objects[0]?.['id'], host.id)
  const doctor = await second.json(['doctor'], { alone: true })
  t.is(doctor.status, 0, doctor.stdout)
  t.alike(doctor.objects.at(-1), { type: 'summary', ok: true, problems: 0 })
  const layers = doctor.objects.filter(({ type }) => type === 'layer')
  t.alike(
    layers.map(({ name }) => name),
    [
      'process',
      'permission',
      'priority',
      'lifetime',
      'limits',
      'privileges',
      'namespaces',
      'files',
      'syscalls'
    ]
  )
  const inHost = host.events.find(({ type }) => type === 'ready')?.['sandbox']
  t.alike(Object.fromEntries(layers.map(({ name, state }) => [name, state])), inHost)
  const off = (await second.json(['doctor', '--sandbox', 'none'])).objects
  t.alike(
    off.filter(({ state }) => state === 'off').map(({ name }) => name),
    ['limits', 'privileges', 'namespaces', 'files', 'syscalls']
  )
  const locks = doctor.objects.find(({ name }) => name === 'locks')
  t.is(locks?.['message'], 'in use by other processes: host')
})

test('cli - doctor says what is wrong', async (t) => {
  const root = await tempDir(t)
  const file = path.join(root, 'file')
  await writeFile(file, '')
  const { status, objects } = await new Cli(file, '127.0.0.1:9').json(['doctor'])
  t.is(status, 69)
  const wrong = objects.filter(({ type, ok }) => type === 'check' && ok === false)
  t.alike(
    wrong.map(({ name }) => name),
    ['directory', 'network']
  )
})

test('cli - metrics are for this machine, unless an address is given', async (t) => {
  const root = await tempDir(t)
  const { host } = await startNetwork(t, root, ['--metrics', '0'])
  const url = String(host.events[0]?.['metrics'])
  t.ok(/^http:\/\/127\.0\.0\.1:\d+$/.test(url), url)
  t.is((await fetch(`${url}/readyz`)).status, 200)
  t.ok((await (await fetch(`${url}/metrics`)).text()).includes('\nmivm_instances 0\n'))
  t.is(await host.stop(), 0, 'a connection that is kept alive holds up nothing')
  t.is(await fetch(`${url}/healthz`).catch(() => null), null)
  const other = await startNetwork(t, path.join(root, 'other'), ['--metrics', '[::1]:0'])
  t.ok(/^http:\/\/\[::1\]:\d+$/.test(String(other.host.events[0]?.['metrics'])))
})

test('cli - an oracle is a module of the operator', async (t) => {
  const root = await tempDir(t)
  const prices = path.join(root, 'prices.mjs')
  await writeFile(prices, 'export const price = async (name) => name.length * 10\n')
  const contract = path.join(root, 'bet.js')
  await writeFile(contract, 'exports.ask = async (name) => oracle.price(name)\n')
  const { host, cli } = await startNetwork(t, root, ['--oracle', prices])
  await cli.run(['deploy', contract, '--host', host.id, '--name', 'bet'])
  t.is((await cli.run(['call', 'bet', 'ask', 'ACME'])).stdout, '40\n')
  const { stdout } = await cli.run(['log', 'bet'])
  t.ok(stdout.includes("host+2 ask('ACME') (ACK default+3) result: 40"), stdout)
  t.ok(stdout.includes("oracle price('ACME') said 40"), stdout)
  const audit = await cli.json(['audit', 'bet'])
  const verdict = audit.objects.at(-1)
  t.alike(verdict?.['attested'], { hostTimes: 2, oracleAnswers: 1, aborts: 0 })
})

test('cli - what an oracle says, and what it leaves behind, is in the log of its host', async (t) => {
  const root = await tempDir(t)
  const file = path.join(root, 'careless.mjs')
  await writeFile(
    file,
    `setTimeout(() => Promise.reject(new Error('before anybody asks')))
    export const forgetful = async () => (Promise.reject(new Error('not awaited')), 1)
    export const late = async () => (setTimeout(() => { throw new Error('too late') }), 2)
    export const talkative = async (name) => (console.log('asked for', { name }), 3)\n`
  )
  const contract = path.join(root, 'asks.js')
  await writeFile(contract, 'exports.ask = async (name) => oracle[name](name)\n')
  const { host, cli } = await startNetwork(t, root, ['--oracle', file])
  await cli.run(['deploy', contract, '--host', host.id, '--name', 'asks'])
  const names = ['forgetful', 'late', 'talkative', 'forgetful']
  const values = []
  for (const name of names) values.push((await cli.run(['call', 'asks', 'ask', name])).stdout)
  t.alike(values, ['1\n', '2\n', '3\n', '1\n'], 'it goes on')
  const read = once(host.child, 'close')
  t.is(await host.stop(), 0)
  await read
  const lines = host.stderr.trim().split('\n')
  const said = lines.map((line) => JSON.parse(line))
  t.alike(
    said.flatMap(({ event, name, message }) => (event === 'oracle' ? [[name, message]] : [])),
    [
      [file, 'before anybody asks'],
      ['oracle.forgetful', 'not awaited'],
      ['oracle.late', 'too late'],
      ['oracle.forgetful', 'not awaited']
    ]
  )
  t.ok(said.some(({ level, msg }) => level === 'info' && msg === "asked for { name: 'talkative' }"))
  t.absent(host.events.some(({ type }) => type === 'error'))
})
