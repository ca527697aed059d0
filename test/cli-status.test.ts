// `mivm status`: everything to the operator, little to anybody else.
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import Protomux from 'protomux'
import { fitted } from '../src/cli/output.ts'
import { statusLines } from '../src/cli/status-view.ts'
import { formatBytes, formatDuration } from '../src/cli/text.ts'
import { DEFAULT_QUOTAS, withDefaults } from '../src/host/quotas.ts'
import type { HostStatus } from '../src/host/status.ts'
import { Client } from '../src/index.ts'
import { Network } from '../src/net/network.ts'
import { Rpc } from '../src/net/rpc.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { STATUS } from '../src/protocol/messages.ts'
import { VM_ID } from '../src/protocol/vm-id.ts'
import { Cli, CONTRACTS, type JsonObject, startNetwork } from './cli.ts'
import { tempDir } from './helpers.ts'
import { localNetwork } from './local-network.ts'

test('status - the host of the same directory says all, without a network', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await startNetwork(t, root)
  await cli.run(['deploy', path.join(CONTRACTS, 'counter.js'), '--host', host.id, '--name', 'c'])
  for (let i = 0; i < 3; i++) await cli.run(['call', 'c', 'increment'])
  const operator = new Cli(path.join(root, 'host'), '127.0.0.1:9')
  const { status, stdout, stderr } = await operator.run(['status'], { alone: true })
  t.is(status, 0, stderr)
  t.ok(stdout.includes(`host        ${host.id}\n`), stdout)
  t.ok(/^in all +4 calls, 0 errors, 0 aborts; 1 deployment$/m.test(stdout), stdout)
  t.ok(/^engine +[\d.]+ m?s +[\d.]+ m?s$/m.test(stdout), stdout)
  const [said] = (await operator.json(['status', '--host', host.id])).objects
  t.is(said?.['type'], 'summary')
  t.is(said?.['instances'], 1)
  t.is(said?.['queued'], 0)

  const stranger = await cli.json(['status', host.id])
  t.alike(stranger.objects, [
    { id: host.id, vm: VM_ID, instances: 1, ready: true, type: 'summary' }
  ])
})

test('status - what a host says of itself may be nothing that can be read', async (t) => {
  const root = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const keyPair = crypto.keyPair()
  const network = new Network(keyPair, bootstrap)
  t.teardown(() => network.close())
  let json = ''
  network.onConnection((stream) => {
    new Rpc(Protomux.from(stream)).respond(STATUS, async () => {
      if (json !== '') return { json }
      throw new MivmError('QUOTA_EXCEEDED', 'wait\u001b[2J')
    })
  })
  await network.listen()
  const id = encodeId(keyPair.publicKey)
  const cli = new Cli(path.join(root, 'user'), bootstrap.join(','))
  const client = await Client.open({ dir: path.join(root, 'program'), bootstrap })
  t.teardown(() => client.close())
  for (json of ['{', 'null', '[]']) {
    const { status, stdout, stderr } = await cli.run(['status', id])
    t.alike([status, stdout], [69, ''], json)
    t.ok(/^mivm: REQUEST_INVALID: [^\n]*\n$/.test(stderr), stderr)
    await t.exception(client.status(id), /cannot be read/)
  }

  json = ''
  const { status, stderr } = await cli.run(['status', id], { env: { MIVM_DEBUG: '1' } })
  t.is(status, 69)
  t.ok(stderr.includes('\n    at '), 'with where it was thrown')
  t.absent(stderr.includes('\u001b'), 'and with nothing that a terminal does')
})

test('status - who watches is told again and again, until he stops it', async (t) => {
  const root = await tempDir(t)
  const { host } = await startNetwork(t, root)
  const child = new Cli(path.join(root, 'host'), '127.0.0.1:9').start([
    'status',
    '--watch',
    '--json'
  ])
  t.teardown(() => child.kill('SIGKILL'))
  if (child.stdout === null) throw new Error('no stdout')
  const told: JsonObject[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    told.push(JSON.parse(line))
    if (told.length === 3) child.kill('SIGINT')
  })
  const [status] = await once(child, 'close')
  t.is(status, 0)
  const types = told.map(({ type }) => type)
  t.is(types.at(-1), 'summary')
  t.ok(types.length >= 4 && types.slice(0, -1).every((type) => type === 'status'), types.join())
  t.ok(told.every(({ id }) => id === host.id))
  const [first, second] = told.map(({ uptime }) => Number(uptime))
  t.ok((second ?? 0) > (first ?? 0))
})

test('status - a line for everything, and what others chose is harmless', (t) => {
  const lines = statusLines({
    ...SAMPLE,
    problem: 'calls could not be written\u001b[2J',
    total: { ...SAMPLE.total, aborts: { 'X\n': 2 }, damaged: ['abc'], setBack: ['def'] },
    ...{ newer: { 'bob\u202e': 3 } }
  })
  const text = lines.join('\n')
  t.ok(text.includes('problem     calls could not be written\\x1b[2J\n'), text)
  t.ok(text.includes('2 aborts (X\\x0a 2)'), text)
  t.ok(text.includes('damaged: abc, set back: def'), text)
  t.ok(text.includes('5 connections, 1 silent; 12 open logs'), text)
  t.ok(text.includes('over quota  (user calls 4)'), text)
  t.ok(
    text.includes(
      `user        12 calls, fuel 4,000,000, 2.0 kB, 3.0 MB stored, 1 refused: ${'a'.repeat(52)}`
    ),
    text
  )
  t.ok(
    text.includes('newer       {"bob\\u202e":3}'),
    'what is not known here is shown all the same'
  )
  t.ok(/^sync +0\.50 ms +1\.2 s$/m.test(text), text)
  t.ok(/^call +0\.50 ms +140 ms$/m.test(text), text)
  t.ok(/^reply +– +–$/m.test(text), text)
})

test('status - the quotas that hold, by their names in the settings', (t) => {
  const quotas = withDefaults({
    burstSeconds: 2,
    user: { callsPerSecond: 50, fuelPerSecond: null, bytesPerSecond: 1_000_000 }
  })
  const text = statusLines({ ...SAMPLE, quotas }).join('\n')
  t.ok(text.includes('quota       burstSeconds 2\n'), text)
  t.ok(text.includes('quota       user: callsPerSecond 50, bytesPerSecond 1.0 MB, callsWaiting 2'))
  for (const [scope, limits] of Object.entries(quotas)) {
    for (const name of Object.keys(limits)) {
      const isLimit = name !== 'fuelPerSecond' || scope !== 'user'
      t.is(new RegExp(`^quota +${scope}: .*\\b${name} \\d`, 'm').test(text), isLimit, name)
    }
  }
  const none = { callsPerSecond: null, fuelPerSecond: null, bytesPerSecond: null, users: null }
  const open = statusLines({ ...SAMPLE, quotas: { ...quotas, connection: none } })
  t.ok(open.includes('quota       connection: none'))
})

test('status - what is drawn again neither wraps nor scrolls', (t) => {
  const [user] = SAMPLE.users
  if (user === undefined) throw new Error('a sample without users')
  const lines = statusLines({ ...SAMPLE, users: [user, user, user] })
  const shown = fitted(lines, 80, 25)
  t.is(shown.length, 24)
  t.alike(
    shown.filter((line) => line.length > 79),
    []
  )
  t.ok(
    shown.some((line) => /^user .* 1 refused: a+…$/.test(line)),
    shown.join('\n')
  )
  t.is(shown.at(-1), `… and ${lines.length - 23} more lines`)
  t.alike(fitted(lines, 200, lines.length + 1), lines, 'where there is room, all of it is there')
  t.alike(fitted(['a', 'b'], 1, 1), ['…'])
  t.alike(fitted(['a', 'b'], 0, 0), ['a', 'b'], 'a terminal without a size has the usual one')
})

test('status - numbers for people', (t) => {
  t.alike([0, 999, 1_000, 9_949, 9_950, 999_499, 999_500, 1.25e9, 3e15].map(formatBytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '9.9 kB',
    '10 kB',
    '999 kB',
    '1.0 MB',
    '1.3 GB',
    '3000 TB'
  ])
  t.alike([0, 59.9, 60, 3_661, 90_000, 86_400].map(formatDuration), [
    '0 s',
    '59 s',
    '1 min 0 s',
    '1 h 1 min',
    '1 d 1 h',
    '1 d 0 h'
  ])
})

const NONE = { p50: null, p99: null }

const USAGE = { calls: 12, fuel: 4e6, bytes: 2_000, refused: 1, bytesStored: 3e6 }

const SAMPLE: HostStatus = {
  quotas: DEFAULT_QUOTAS,
  refused: { 'user calls': 4 },
  bytesWaiting: 5_000,
  users: [{ id: 'a'.repeat(52), ...USAGE, connections: 2 }],
  deployers: [{ id: 'b'.repeat(52), ...USAGE, instances: 3 }],
  connections: { open: 5, silent: 1 },
  id: 'y'.repeat(52),
  vm: 'js-1',
  instances: 3,
  ready: false,
  open: 2,
  peers: 4,
  logs: 12,
  uptime: 12.5,
  problem: null,
  queued: 7,
  lately: {
    seconds: 12,
    calls: 1234.5,
    errors: 2,
    aborts: 0.5,
    fuel: 1e6,
    batch: 34.2,
    call: { p50: 0.5, p99: 140 },
    stages: {
      submit: NONE,
      queue: NONE,
      engine: NONE,
      commit: NONE,
      sync: { p50: 0.5, p99: 1_200 },
      reply: NONE
    }
  },
  total: {
    ok: 10,
    error: 1,
    abort: 2,
    fuel: 3,
    deployments: 1,
    lines: 0,
    aborts: {},
    refused: { REQUEST_INVALID: 3 },
    failed: {},
    damaged: [],
    setBack: []
  },
  engines: {
    most: 2,
    running: 1,
    busy: 1,
    waiting: 0,
    instances: 3,
    memory: 1e8,
    started: 1,
    deaths: { time: 0, memory: 0, crash: 0 },
    failing: false
  },
  process: {
    loop: { p50: 0.1, p99: 2, max: 20, busy: 0.34 },
    cpu: 3,
    memory: { resident: 1.2e8, heap: 6e7, external: 1e6 },
    descriptors: { open: 40, max: null },
    disk: null
  }
}
