// What programs are told of a host over HTTP.
import { readFileSync } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer } from 'node:net'
import path from 'node:path'
import test, { type Test } from 'brittle'
import { Client } from '../src/client/client.ts'
import { exposition } from '../src/host/exposition.ts'
import { Host } from '../src/host/host.ts'
import { Monitor, type Place } from '../src/host/monitor.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { parseMetrics } from './exposition.ts'
import { tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const SOURCE = 'exports.count = 0; exports.add = () => ++exports.count'
const LOOPBACK = { address: '127.0.0.1', port: 0 }

test('monitor - figures are in the format of Prometheus, and add up', async (t) => {
  const { host, client, monitor } = await open(t)
  const { link } = await client.deploy({ host: host.id, source: SOURCE })
  await Promise.all(Array.from({ length: 40 }, () => client.call(link, 'add', [])))
  const { status, type, body } = await get(monitor, '/metrics')
  t.is(status, 200)
  t.is(type, 'text/plain; version=0.0.4; charset=utf-8')
  const families = parseMetrics(body)
  t.is(families.get('mivm_calls_total')?.value({ outcome: 'ok' }), 41, 'and init')
  t.is(families.get('mivm_deployments_total')?.value({}), 1)
  t.is(families.get('mivm_instances')?.value({}), 1)
  t.is(families.get('mivm_ready')?.value({}), 1)
  for (const stage of ['submit', 'queue', 'engine', 'commit', 'sync', 'reply']) {
    const family = families.get('mivm_call_stage_seconds')
    t.is(family?.type, 'histogram')
    const count = family?.value({ stage }, '_count') ?? 0
    t.ok(count >= 40, `${stage}: ${count}`)
    t.is(family?.value({ stage, le: '+Inf' }, '_bucket'), count)
    t.ok((family?.value({ stage }, '_sum') ?? 0) < 60 * count, 'seconds')
  }
  t.is(families.get('mivm_batch_calls')?.value({}, '_sum'), 40)
  const bounds = Array.from(body.matchAll(/le="([^"]+)"/g), ([, bound = '']) => bound)
  t.alike(
    bounds.filter((bound) => bound.length > 8),
    [],
    'bounds that people read'
  )
  if (process.platform === 'linux') {
    t.ok((families.get('process_open_fds')?.value({}) ?? 0) > 3)
    t.ok((families.get('mivm_engine_memory_bytes')?.value({}) ?? 0) > 2 ** 20)
  }
})

test('monitor - what alarms wait for is there before it has happened', async (t) => {
  const { host } = await open(t)
  const families = () => parseMetrics(exposition(host.status(), host.measures))
  // Prometheus sees no increase of a series that begins with 1
  const page = readFileSync(new URL('../docs/operating.md', import.meta.url), 'utf8')
  const [, section = ''] = /### MivmBatchesFailing\n([^#]*)/.exec(page) ?? []
  const codes = Array.from(section.matchAll(/`([A-Z_]+)`/g), ([, code = '']) => code)
  t.ok(codes.length > 3)
  for (const code of codes) {
    t.is(families().get('mivm_batches_failed_total')?.value({ code }), 0, code)
  }
  for (const code of ['ABORT_TIME', 'ABORT_MEMORY', 'ABORT_ENGINE']) {
    t.is(families().get('mivm_aborts_total')?.value({ code }), 0, code)
  }
  host.measures.failed.add('INTERNAL')
  t.is(families().get('mivm_batches_failed_total')?.value({ code: 'INTERNAL' }), 1)
})

test('monitor - whatever an engine calls its errors stays a label', async (t) => {
  const { host } = await open(t)
  const code = 'X"} 1\n\\mivm_calls_total 9'
  host.measures.aborts.add(code)
  const families = parseMetrics(exposition(host.status(), host.measures))
  t.is(families.get('mivm_aborts_total')?.value({ code }), 1)
})

test('monitor - a host lives before it is ready, and is not ready when it closes', async (t) => {
  const dir = await tempDir(t)
  const monitor = await openMonitor(t, LOOPBACK, dir)
  t.is((await get(monitor, '/healthz')).status, 200)
  t.is((await get(monitor, '/readyz')).status, 503)
  t.is((await get(monitor, '/metrics')).status, 503)
  const { host } = await openHost(t, dir)
  monitor.watch(host)
  t.alike(await get(monitor, '/readyz'), await get(monitor, '/healthz'))
  t.is((await get(monitor, '/readyz')).status, 200)
  const closing = host.close()
  t.is((await get(monitor, '/readyz')).status, 503)
  await closing
})

test('monitor - a host that cannot write any more is not healthy', async (t) => {
  const { host, monitor } = await open(t)
  host.measures.failed.add('ENGINE_FAILED')
  host.measures.failed.add('STORAGE_FULL')
  host.measures.failed.add('STORAGE_FAILED')
  t.is((await get(monitor, '/healthz')).status, 200, 'that may be over')
  const message = 'the disk of the host cannot be written'
  host.measures.note({ type: 'stuck', code: 'STORAGE_FAILED', message })
  const { status, body } = await get(monitor, '/healthz')
  t.is(status, 503)
  t.ok(/disk/.test(body), body)
  t.is((await get(monitor, '/readyz')).status, 503)
})

test('monitor - a host that has failed to write for want of room is not ready', async (t) => {
  const { host, monitor } = await open(t)
  const message = 'the disk of the host is full'
  host.measures.note({ type: 'full', code: 'STORAGE_FULL', message })
  t.is((await get(monitor, '/readyz')).status, 503)
  t.is((await get(monitor, '/healthz')).body, `${message}\n`)
  t.is(host.status().problem, message)
})

test('monitor - a disk that takes nothing is not healthy', async (t) => {
  const dir = await tempDir(t)
  const monitor = await openMonitor(t, LOOPBACK, path.join(dir, 'host'))
  await rm(path.join(dir, 'host'), { recursive: true })
  const { status, body } = await get(monitor, '/healthz')
  t.is(status, 503)
  t.ok(body.startsWith('the disk cannot be written: ENOENT'), body)
})

test('monitor - nothing else is answered', async (t) => {
  const { monitor } = await open(t)
  t.is((await get(monitor, '/healthz?t=1')).status, 200, 'what is asked with it is of no account')
  t.is((await get(monitor, '/status?x')).status, 404)
  t.is((await get(monitor, '/status')).status, 404, 'not over a port')
  t.is((await get(monitor, '/../../etc/passwd')).status, 404)
  const post = await fetch(`${monitor.url}/metrics`, { method: 'POST', body: 'x' })
  t.is(post.status, 405)
  await post.text()
})

test('monitor - a port that is taken, and an address that is not there, are said', async (t) => {
  const dir = await tempDir(t)
  const { url } = await openMonitor(t, LOOPBACK, dir)
  const port = Number(new URL(url ?? '').port)
  // the units start nothing again that ends with 64, and both of these may be over then
  for (const place of [
    { ...LOOPBACK, port },
    { address: '192.0.2.1', port: 0 }
  ]) {
    const error = await Monitor.open(place, dir).catch((error) => error)
    t.ok(error instanceof MivmError && error.code === 'ADDRESS_UNAVAILABLE', String(error))
    t.is(error.exitCode, 69)
  }
})

test('monitor - the socket of a host that runs is left to it', async (t) => {
  const dir = await tempDir(t)
  const socket = path.join(dir, 'host.sock')
  await openMonitor(t, { socket }, dir)
  // somebody starts another host in the same directory
  await t.exception(Monitor.open({ socket }, dir), /is in use by another process/)
  t.is((await getLocally(socket, '/healthz')).status, 200, 'the first one answers')
})

test('monitor - the socket is for its user alone, and takes the place of one that was left', async (t) => {
  const dir = await tempDir(t)
  const socket = path.join(dir, 'host.sock')
  const { host } = await openHost(t, path.join(dir, 'host'))
  for (let i = 0; i < 2; i++) {
    await leaveSocket(socket)
    const monitor = await openMonitor(t, { socket }, dir)
    monitor.watch(host)
    t.is((await stat(socket)).mode & 0o777, 0o600)
    const { status, body } = await getLocally(socket, '/status')
    t.is(status, 200)
    t.is(JSON.parse(body).id, host.id)
    t.is(typeof JSON.parse(body).queued, 'number')
    await monitor.close()
    await t.exception(() => stat(socket), 'and is gone when it is closed')
  }
})

test('monitor - the dashboard and the alarms ask for what there is', async (t) => {
  const { host } = await open(t)
  const families = parseMetrics(exposition(host.status(), host.measures))
  // these have no series before there is something to count
  const labels: { [name: string]: readonly string[] } = {
    mivm_aborts_total: ['code'],
    mivm_refused_total: ['code'],
    mivm_quota_refused_total: ['quota'],
    mivm_batches_failed_total: ['code']
  }
  const dashboard: Dashboard = JSON.parse(read('../docs/grafana.json'))
  const queries = [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...Array.from(
      read('../deploy/alerts.yml').matchAll(/^ +expr: (.*)$/gm),
      ([, expr = '']) => expr
    )
  ]
  t.ok(queries.length > 40)
  for (const query of queries) {
    for (const [name] of query.matchAll(/\b(mivm|process)_\w+/g)) {
      const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''))
      t.ok(family !== undefined, `${name} in ${query}`)
      const isPart = family?.name !== name
      t.is(isPart, family?.type === 'histogram', `${name} is asked for as what it is`)
      const known = [...(labels[name] ?? family?.labels ?? []), 'job', 'instance']
      for (const [, list = ''] of query.matchAll(/\bby \(([^)]*)\)/g)) {
        for (const label of list.split(', ')) t.ok(known.includes(label), `${label} of ${name}`)
      }
    }
  }
})

interface Dashboard {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[]
}

async function open(t: Test) {
  const dir = await tempDir(t)
  const monitor = await openMonitor(t, LOOPBACK, dir)
  const { host, bootstrap } = await openHost(t, path.join(dir, 'host'))
  monitor.watch(host)
  const client = await Client.open({ dir: path.join(dir, 'user'), bootstrap })
  t.teardown(() => client.close(), { order: 1 })
  return { host, client, monitor }
}

async function openMonitor(t: Test, place: Place, dir: string): Promise<Monitor> {
  const monitor = await Monitor.open(place, dir)
  t.teardown(() => monitor.close(), { order: 2 })
  return monitor
}

async function openHost(t: Test, dir: string) {
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const host = await Host.open({ dir, bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 3 })
  return { host, bootstrap }
}

async function get({ url }: Monitor, file: string) {
  const response = await fetch(`${url}${file}`)
  const body = await response.text()
  return { status: response.status, type: response.headers.get('content-type'), body }
}

/** What a process leaves that is killed while it listens. */
async function leaveSocket(socket: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(`${socket}.left`, resolve))
  await rename(`${socket}.left`, socket)
  await new Promise((resolve) => server.close(resolve))
}

function getLocally(socketPath: string, file: string) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    request({ socketPath, path: file, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
      .once('error', reject)
      .end()
  })
}

function read(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8')
}
