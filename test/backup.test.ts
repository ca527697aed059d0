// Backups of hosts that run and of hosts that do not, and what comes of them.
import { spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import path from 'node:path'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { deflateSync } from 'node:zlib'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import CorestoreStorage from 'hypercore-storage'
import DHT from 'hyperdht'
import Protomux from 'protomux'
import { recover } from '../src/copies/recovery.ts'
import { backUpClosed, restore } from '../src/host/backup.ts'
import type { HostEvent } from '../src/host/events.ts'
import { Host } from '../src/host/host.ts'
import { Monitor } from '../src/host/monitor.ts'
import { Restored } from '../src/host/restored.ts'
import { Network } from '../src/net/network.ts'
import { Rpc } from '../src/net/rpc.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { CALL } from '../src/protocol/messages.ts'
import { BareUser, deployment } from './bare-user.ts'
import { Cli, CONTRACTS, startHost } from './cli.ts'
import { codeOf, keep, tempDir } from './helpers.ts'
import { localNetwork } from './local-network.ts'
import { Scene, SOURCE, someoneKnows, until } from './set-back-scene.ts'

const FORUM = path.join(CONTRACTS, 'forum.js')

test('backup - of a host under load, restored, asks first and takes back the rest', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t, 8_000)
  const mirrored = await scene.mirror([link])
  const file = path.join(scene.root, 'backup')
  const calls = Array.from({ length: 1000 }, (_, i) => alice.call(link, 'add', [String(i)]))
  await calls[9]
  const [{ records }] = await Promise.all([host.backUp(file), ...calls])
  // however many of them are in the backup
  await alice.call(link, 'add', ['last'])
  const instance = await host.instance(decodeId(address))
  t.is((await stat(file)).mode & 0o777, 0o600)
  await mirrored.whole(address, instance.head.length)
  await alice.close()
  await host.close()

  scene.dir = path.join(scene.root, 'restored')
  t.is((await restore(file, scene.dir)).records, records)
  const key = decodeId(address)
  const { length, verdict } = await scene.look(key)
  t.is(verdict, 'clean', `${length} blocks`)
  t.ok(length > 20, 'all that was acknowledged before it began is in it')
  const { dir, bootstrap } = scene
  const stopped = await scene.start()
  const network = new Network(crypto.keyPair(), bootstrap)
  t.teardown(() => network.close(), { order: 1 })
  const rpc = new Rpc(Protomux.from(await network.connect(decodeId(host.id))))
  const log = new BareUser(key, 'carol').call('add', 'c').log()
  const ask = { address: key, log, from: 1, to: 1, known: 0, anchored: false }
  const waiting = codeOf(rpc.request(CALL, ask, 10_000))
  await until(() => stopped.host.status().open > 0)
  await stopped.host.close()
  t.not(await waiting, 'none')
  t.is((await scene.look(key)).length, length, 'nor is anything by one that is told to stop')
  const set = await scene.start()
  await until(() => set.events.some(({ type }) => type === 'set-back'))
  const bob = await scene.client('bob', 8_000)
  await scene.reached(bob)
  t.is(await codeOf(bob.call(link, 'add', ['b'])), 'INSTANCE_SET_BACK')
  await set.host.close()
  t.is((await scene.look(key)).length, length, 'nothing was signed')
  t.is((await recover({ dir, bootstrap }))[0]?.type, 'recovered')
  const again = await scene.start()
  t.is(await bob.call(link, 'add', ['c']), 1002, 'all calls are there')
  await bob.close()
  await again.host.close()
  t.is((await scene.look(key)).verdict, 'clean')
})

test('backup - one that is restored beside the host that runs does not start', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  await alice.close()
  const file = path.join(scene.root, 'backup')
  await host.backUp(file)
  const key = decodeId(address)
  const { length } = (await host.instance(key)).head
  scene.dir = path.join(scene.root, 'restored')
  await restore(file, scene.dir)
  t.is(await codeOf(scene.start()), 'DIRECTORY_LOCKED')
  t.is((await scene.look(key)).length, length)
  const carol = await scene.client('carol')
  t.is(await carol.call(link, 'add', []), 1, 'the other one is there as before')
  await carol.close()
  await host.close()
  const alone = await scene.start()
  t.is(alone.host.id, host.id)
})

test('backup - one that is restored where there is no network does not begin beside the host that runs when there is one', async (t) => {
  const { scene, host, link } = await Scene.deployed(t)
  const file = path.join(scene.root, 'backup')
  await host.backUp(file)
  const dir = path.join(scene.root, 'restored')
  await restore(file, dir)
  const port = await freePort()
  const events: HostEvent[] = []
  const onEvent = (event: HostEvent) => events.push(event)
  const lone = await Host.open({ dir, bootstrap: [`127.0.0.1:${port}`], engines: 1, onEvent })
  t.teardown(() => lone.close(), { order: 2 })
  t.absent(lone.isReady)
  const bootstrap = [...scene.bootstrap]
  const node = new DHT({ port, host: '127.0.0.1', bootstrap, ephemeral: false, firewalled: false })
  t.teardown(() => node.destroy({ force: true }), { order: 3 })
  const end = performance.now() + 30_000
  while (events.length === 0 && performance.now() < end) await sleep(50)
  t.alike(
    events.map((event) => (event.type === 'fatal' ? event.code : event.type)),
    ['DIRECTORY_LOCKED']
  )
  t.absent(lone.isReady)
  const carol = await scene.client('carol')
  t.is(await carol.call(link, 'add', []), 1, 'the other one is found as before')
  await carol.close()
  await host.close()
  await lone.close()
  await (await Host.open({ dir, bootstrap, engines: 1 })).close()
})

test('backup - a restored host that nobody knows more of goes on', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  await host.close()
  const file = path.join(scene.root, 'backup')
  await backUpClosed(scene.dir, file)
  scene.dir = path.join(scene.root, 'restored')
  await restore(file, scene.dir)
  t.ok((await readdir(scene.dir)).includes('restored'))
  const again = await scene.start()
  await again.host.instance(decodeId(address))
  await setImmediate()
  t.absent(again.host.isReady, 'not as long as it asks')
  t.is(await alice.call(link, 'add', []), 1)
  t.ok(again.host.isReady)
  t.absent((await readdir(scene.dir)).includes('restored'), 'it has asked')
  t.absent(again.events.some(({ type }) => type === 'set-back'))
})

test('backup - what was deployed after it is not deployed a second time', async (t) => {
  const scene = await Scene.open(t)
  await (await scene.start()).host.close()
  const file = path.join(scene.root, 'backup')
  await backUpClosed(scene.dir, file)
  const { host } = await scene.start()
  const { address, request } = deployment(host.id, SOURCE)
  const { id } = await host.deploy(request)
  const mirrored = await scene.mirror([`mivm://${host.id}/${id}`])
  await mirrored.whole(id, 5)
  await host.close()

  scene.dir = path.join(scene.root, 'restored')
  await restore(file, scene.dir)
  const first = await scene.start()
  await until(() => first.host.isReady)
  await first.host.close()
  const { dir, bootstrap } = scene
  const lone = await Host.open({ dir, bootstrap: ['127.0.0.1:9'], engines: 1 })
  t.teardown(() => lone.close(), { order: 5 })
  const find = keep(t, Network.prototype, 'find')
  let looks = 0
  Network.prototype.find = async () => {
    looks++
  }
  const deploying = codeOf(lone.deploy(request))
  let isOver = false
  void deploying.then(() => {
    isOver = true
  })
  await until(() => isOver || looks === 2)
  Object.assign(Network.prototype, { find })
  await lone.close()
  t.is(await deploying, 'HOST_CLOSED', 'where there is nobody to be asked it waits')
  const again = await scene.start()
  t.is(await codeOf(again.host.deploy(request)), 'INSTANCE_SET_BACK')
  await again.host.close()
  t.alike(await recover({ dir, bootstrap }), [{ type: 'recovered', address: id, from: 0, to: 5 }])
  t.is((await scene.look(address)).verdict, 'clean')
})

test('backup - where a copy has gone on, the host that it is of signs nothing when it is started again', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  const file = path.join(scene.root, 'backup')
  await host.backUp(file)
  await alice.call(link, 'add', [])
  await alice.close()
  await host.close()
  const { dir } = scene
  const key = decodeId(address)
  const { length } = await scene.look(key)
  scene.dir = path.join(scene.root, 'restored')
  await restore(file, scene.dir)
  const copy = await scene.start()
  const bob = await scene.client('bob')
  for (let i = 0; i < 3; i++) await bob.call(link, 'add', [])

  const restored = scene.dir
  scene.dir = dir
  t.is(await codeOf(scene.start()), 'DIRECTORY_LOCKED', 'not beside it')
  await copy.host.close()
  await someoneKnows(scene, key)
  const again = await scene.start()
  const carol = await scene.client('carol', 8_000)
  await scene.reached(carol)
  t.is(await codeOf(carol.call(link, 'add', [])), 'INSTANCE_SET_BACK')
  t.ok(again.events.some(({ type }) => type === 'set-back'))
  await again.host.close()
  t.is((await scene.look(key)).length, length)

  scene.dir = restored
  const last = await scene.start()
  await until(() => last.host.isReady)
  await scene.reached(bob)
  t.is(await bob.call(link, 'add', []), 4, 'the copy goes on')
})

test('backup - what is no whole backup is one clear line, and restores nothing', async (t) => {
  const scene = await Scene.open(t)
  const { host } = await scene.start()
  const alice = await scene.client('alice')
  await alice.deploy({ host: host.id, source: SOURCE })
  await alice.close()
  await host.close()
  const file = path.join(scene.root, 'backup')
  await backUpClosed(scene.dir, file)
  const whole = await readFile(file)
  const dir = path.join(scene.root, 'restored')
  const attempt = async (bytes: Uint8Array) => {
    const other = path.join(scene.root, 'other')
    await writeFile(other, bytes)
    const error = await restore(other, dir).catch((reason) => reason)
    t.ok(/^[^\n]+$/.test(error.message), error.message)
    t.alike(await readdir(dir).catch(() => []), [])
    return error.code
  }
  t.is(await attempt(Buffer.from('something else')), 'BACKUP_UNKNOWN')
  t.is(await attempt(Buffer.alloc(0)), 'BACKUP_UNKNOWN')
  const newer = Buffer.from(whole)
  newer.write('2', 'mivm/backup/'.length)
  t.is(await attempt(newer), 'BACKUP_VERSION')
  for (const length of [14, 30, whole.length >> 1, whole.length - 1]) {
    t.is(await attempt(whole.subarray(0, length)), 'BACKUP_DAMAGED', `${length} bytes`)
  }
  for (const at of [20, whole.length >> 1, whole.length - 1]) {
    const flipped = Buffer.from(whole)
    flipped[at] = (flipped[at] ?? 0) ^ 1
    t.is(await attempt(flipped), 'BACKUP_DAMAGED', `byte ${at}`)
  }
  t.is(await attempt(Buffer.concat([whole, Buffer.alloc(1)])), 'BACKUP_DAMAGED')
  for (const [name, record] of [
    ['of no kind', [2, 1, 7, 1, 7]],
    ['cut off', [1, 1, 7, 9, 7]],
    ['without a value', [1, 1, 7]],
    ['a kind alone', [1]],
    ['a file elsewhere', [0, 5, ...Buffer.from('../up'), 0]]
  ] as const) {
    t.is(await attempt(framed(deflateSync(Buffer.from(record)))), 'BACKUP_DAMAGED', name)
  }
  t.is(await attempt(framed(Buffer.from('not deflated'))), 'BACKUP_DAMAGED')
  t.is(await codeOf(restore(file, scene.dir)), 'USAGE', 'not over what is there')
  t.is(await codeOf(backUpClosed(scene.dir, file)), 'USAGE', 'nor over another backup')
  t.is(await codeOf(backUpClosed(dir, `${file}-2`)), 'USAGE', 'nor of nothing')
  if (process.platform === 'win32') return
  const pipe = path.join(scene.root, 'pipe')
  spawnSync('mkfifo', [pipe])
  // whoever opened it would wait for the other side
  t.is(await codeOf(backUpClosed(scene.dir, pipe)), 'USAGE')
  t.is(await codeOf(restore(pipe, dir)), 'BACKUP_UNKNOWN')
})

test('backup - one that is given up leaves nothing', async (t) => {
  const scene = await Scene.open(t)
  const { host } = await scene.start()
  const [file, late] = ['backup', 'late'].map((name) => path.join(scene.root, name))
  const { records } = await host.backUp(file ?? '')
  const waiting = codeOf(host.backUp(late ?? ''))
  await host.close()
  t.is(await waiting, 'HOST_CLOSED', 'who stops a host does not wait until all is written')
  const stop = new AbortController()
  await t.exception(backUpClosed(scene.dir, late ?? '', AbortSignal.abort()))

  const dir = path.join(scene.root, 'restored')
  const close = keep(t, CorestoreStorage.prototype, 'close')
  CorestoreStorage.prototype.close = async function () {
    stop.abort()
    await close.call(this)
  }
  await t.exception(restore(file ?? '', dir, stop.signal))
  t.alike((await readdir(scene.root)).sort(), ['backup', 'host'])
  t.is((await restore(file ?? '', dir)).records, records)
})

test('backup - a host does not go on with one that nobody waits for any more', async (t) => {
  const dir = await tempDir(t)
  const socket = path.join(dir, 'host.sock')
  const monitor = await Monitor.open({ socket }, dir)
  t.teardown(() => monitor.close())
  const [asked, stopped] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const backUp: Host['backUp'] = async (_, stop) => {
    asked.resolve()
    if (stop !== undefined) await once(stop, 'abort')
    stopped.resolve()
    throw new Error('given up')
  }
  monitor.watch(Object.assign(Object.create(Host.prototype), { backUp }))
  const asking = request({ socketPath: socket, path: '/backup', method: 'POST', agent: false })
  asking.once('error', () => {})
  asking.end(JSON.stringify({ file: path.join(dir, 'backup') }))
  await asked.promise
  asking.destroy()
  await stopped.promise
  t.pass()
})

test('backup - what a restore leaves that is killed goes with the next one', async (t) => {
  const scene = await Scene.open(t)
  await (await scene.start()).host.close()
  const file = path.join(scene.root, 'backup')
  await backUpClosed(scene.dir, file)
  const dir = path.join(scene.root, 'restored')
  const killed = `
    import CorestoreStorage from 'hypercore-storage'
    import { restore } from ${JSON.stringify(new URL('../src/host/backup.ts', import.meta.url))}
    CorestoreStorage.prototype.close = () => process.kill(process.pid, 'SIGKILL')
    await restore(${JSON.stringify(file)}, ${JSON.stringify(dir)})`
  const flags = ['--conditions=mivm-source', '--input-type=module', '--eval', killed]
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'ignore', 'inherit'] })
  t.alike(await once(child, 'exit'), [null, 'SIGKILL'])
  const left = (await readdir(scene.root)).find((name) => name.startsWith('.restoring-'))
  t.ok((await readdir(path.join(scene.root, left ?? ''))).includes('host.key'))
  await restore(file, dir)
  t.alike((await readdir(scene.root)).sort(), ['backup', 'host', 'restored'])
})

test('backup - on the command line, while the host runs and when it does not', async (t) => {
  const root = await tempDir(t)
  const host = await startHost(t, path.join(root, 'one'))
  const user = new Cli(path.join(root, 'user'), host.bootstrap)
  await user.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  await user.run(['call', 'forum', 'addTopic', 'kept'])
  const owner = new Cli(path.join(root, 'one'), host.bootstrap)
  const running = await owner.run(['backup', path.join(root, 'running')], { alone: true })
  t.is(running.status, 0, running.stderr)
  t.is((await owner.run(['backup', path.join(root, 'running')])).status, 64, 'not a second time')
  const nowhere = await owner.run(['backup', path.join(root, 'no', 'directory')])
  t.is(nowhere.status, 69, nowhere.stderr)
  t.ok(/mivm: STORAGE_FAILED: the file system refuses /.test(nowhere.stderr), nowhere.stderr)
  // a disk for backups that is not mounted is no name for a file
  const unmounted = `${path.join(root, 'unmounted')}${path.sep}`
  t.alike(await owner.run(['backup', unmounted]), {
    status: 64,
    stdout: '',
    stderr: `mivm: FILE_UNKNOWN: there is no directory ${unmounted}: make it, or mount it\n`
  })
  await host.stop()
  const closed = await owner.run(['backup', root])
  t.ok(closed.stdout.trim().endsWith('.mivm-backup'), closed.stderr)
  t.is((await owner.run(['restore', path.join(root, 'running')])).status, 64, 'not over a host')

  const other = new Cli(path.join(root, 'two'), host.bootstrap)
  const restored = await other.run(['restore', path.join(root, 'running')], { alone: true })
  t.is(restored.status, 0, restored.stderr)
  const again = await startHost(t, path.join(root, 'two'), ['--recover'])
  t.is(again.id, host.id)
  const reader = new Cli(path.join(root, 'reader'), again.bootstrap)
  const [{ instances } = {}] = again.events.filter(({ type }) => type === 'ready')
  t.is(instances, 1)
  t.is((await reader.run(['status', again.id])).status, 0)
})

/** A whole backup of one frame. */
function framed(frame: Uint8Array): Uint8Array {
  const line = Buffer.from('mivm/backup/1\n')
  const parts: Uint8Array[] = [line]
  let before = crypto.hash(line)
  for (const bytes of [frame, Buffer.alloc(0)]) {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(bytes.byteLength)
    before = crypto.hash([before, bytes])
    parts.push(length, before, bytes)
  }
  return Buffer.concat(parts)
}

test('backup - a host that cannot note that it has asked the others asks them again at its next start, and works', async (t) => {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  await Restored.mark(dir)
  keep(t, Restored.prototype, 'asked')
  Restored.prototype.asked = async () => {
    throw new Error('EROFS')
  }
  const host = await Host.open({ dir, bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 2 })
  const end = performance.now() + 20_000
  while (!host.isReady && performance.now() < end) await sleep(20)
  t.ok(host.isReady)
  t.is((await Restored.find(dir))?.isAsked, false)
})

/** A port that nobody has. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}
