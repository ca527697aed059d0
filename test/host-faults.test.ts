// What goes wrong around a host: no descriptors, a clock that is set back, engines that die or cannot be started.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import test, { type Test } from 'brittle'
import { audit, Client } from 'mivm'
import { Cli, type CliHost, startHost } from './cli.ts'
import { tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const SOURCE = `
exports.count = 0
exports.add = async () => { await state.writeFile('/count', String(++exports.count)); return exports.count }
exports.time = () => env.time`

const DAY_MS = 86_400_000

test('descriptors - a host without any refuses, lives on, and goes on when there are some again', async (t) => {
  const { host, open, dir, link, verdict } = await scene(t)
  const user = await open('user', 3_000)
  t.is(await user.call(link, 'add', []), 1)
  if (!limitDescriptors(host, 8)) {
    t.pass('SKIPPED: there is no prlimit here, so nothing was tested')
    return
  }
  // as when the database has a new file
  const store = path.join(dir, 'host', 'host', 'store', 'db')
  writeFileSync(path.join(store, 'new'), '')
  rmSync(path.join(store, 'new'))
  const waiting = [user.call(link, 'add', [])]
  t.is(await refusal(waiting[0]), 'TIMEOUT', 'what cannot be synced is not told')
  t.is(host.child.exitCode, null, 'the host waits')
  killEngines(host)
  waiting.push(user.call(link, 'add', []))
  const refused = await refusal(waiting[1])
  t.ok(['ENGINE_FAILED', 'TIMEOUT'].includes(refused), refused)
  t.is(host.child.exitCode, null, 'the host lives')
  limitDescriptors(host, 4_096)
  while ((await user.pendingCalls()) > 0) await sleep(20)
  t.is(await user.call(link, 'add', []), 4, 'what waited was executed, once')
  t.alike(await verdict(), ['clean'])
  t.is(await host.stop(), 0)
})

test('descriptors - a database that could make no file is opened anew when there are some again', async (t) => {
  const { host, open, link, verdict } = await scene(t)
  const user = await open('user', 2_000)
  // where no file was made for a while, nobody has to look for a new one at each sync
  await sleep(4_000)
  await user.call(link, 'add', [])
  // as many numbers as are used, so that none is free
  const used = new Set(readdirSync(`/proc/${host.child.pid}/fd`).map(Number))
  let free = 0
  while (used.has(free)) free++
  if (!limitDescriptors(host, free)) {
    t.pass('SKIPPED: there is no prlimit here, so nothing was tested')
    return
  }
  const isStuck = () => host.events.some(({ type }) => type === 'stuck')
  const text = 'x'.repeat(200_000)
  let told = 0
  // what it has in memory becomes a file after some megabytes
  for (let i = 0; i < 40 && !isStuck(); i++) {
    const calls = Array.from({ length: 5 }, () => user.call(link, 'add', [text]))
    told += (await Promise.all(calls.map(refusal))).filter((code) => code === 'none').length
  }
  t.ok(isStuck(), `after ${told} calls a write has failed, and the operator is told`)
  t.is(host.child.exitCode, null, 'the host lives')
  limitDescriptors(host, 4_096)
  while ((await user.pendingCalls()) > 0) await sleep(20)
  t.ok(Number(await user.call(link, 'add', [])) > told, 'it goes on, without a restart')
  t.alike(await verdict(), ['clean'])
  t.is(await host.stop(), 0)
})

test('engines - a host whose engines are killed again and again serves between two deaths', async (t) => {
  const { host, open, link, verdict } = await scene(t)
  const user = await open('user', 60_000)
  let killed = 0
  let killing = true
  const killer = (async () => {
    for (; killing && killed < 15; await sleep(20)) killed += killEngines(host)
  })()
  const outcomes: string[] = []
  while (killed < 15) {
    const calls = Array.from({ length: 20 }, () => user.call(link, 'add', []))
    outcomes.push(...(await Promise.all(calls.map(refusal))))
  }
  killing = false
  await killer
  const strange = outcomes.filter((code) => code !== 'none' && code !== 'ABORT_ENGINE')
  t.alike(strange, [], `${killed} engines were killed under ${outcomes.length} calls`)
  const done = outcomes.filter((code) => code === 'none').length
  t.is(await user.call(link, 'add', []), done + 1, 'what was aborted has left nothing')
  t.is(host.child.exitCode, null, 'the host lives')
  t.alike(await verdict(), ['clean'])
})

test('clock - a host whose clock is set back goes on with the time that it had', async (t) => {
  const root = await tempDir(t)
  const clock = path.join(root, 'clock.mjs')
  await writeFile(
    clock,
    `const { now } = Date
let back = process.env.CLOCK_BACK === undefined ? 0 : ${DAY_MS}
process.on('SIGUSR2', () => { back = ${DAY_MS} })
Date.now = () => now() - back`
  )
  const NODE_OPTIONS = `--import=${pathToFileURL(clock).href}`
  const { host, start, open, link, verdict } = await scene(t, { NODE_OPTIONS })
  const user = await open('user', 60_000)
  const before = Number(await user.call(link, 'time', []))
  t.ok(Math.abs(before - Date.now()) < DAY_MS / 2)
  host.child.kill('SIGUSR2')
  await sleep(50)
  const times = [before, Number(await user.call(link, 'time', []))]
  t.is(await host.stop(), 0)
  const again = await start({ NODE_OPTIONS, CLOCK_BACK: 'yes' })
  times.push(Number(await user.call(link, 'time', [])))
  t.alike(times, times.toSorted(), 'time does not go back')
  t.is(times[1], times[2], 'it stands still until the clock has come so far')
  t.alike(await verdict(), ['clean'])
  t.is(await again.stop(), 0)
})

for (const [what, code, message] of [
  ['the pinned Node', `process.execPath = '/nowhere/node'`, /^mivm: ENGINE_FAILED: .*\n$/],
  [
    'the binary of isolated-vm',
    `import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
const { existsSync } = fs
fs.existsSync = (file) => !String(file).includes('isolated-vm') && existsSync(file)
syncBuiltinESMExports()`,
    /^mivm: ENGINE_FAILED: .*isolated-vm.*\n$/
  ]
] as const) {
  test(`engines - a host without ${what} says so and ends`, async (t) => {
    const root = await tempDir(t)
    const module = path.join(root, 'missing.mjs')
    await writeFile(module, code)
    const env = { NODE_OPTIONS: `--import=${pathToFileURL(module).href}` }
    const host = await new Cli(path.join(root, 'host'), '').run(['host', '--local=0'], { env })
    t.is(host.status, 69, host.stderr)
    t.ok(message.test(host.stderr), host.stderr)
    const mended = await startHost(t, path.join(root, 'host'))
    t.is(await mended.stop(), 0, 'nothing stands in the way of the next start')
  })
}

/** A host with an instance, and what there is around it. */
async function scene(t: Test, env: { readonly [name: string]: string } = {}) {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const hostDir = path.join(dir, 'host')
  const start = (env: { readonly [name: string]: string }) =>
    startHost(t, hostDir, [], `--bootstrap=${bootstrap.join()}`, env)
  const host = await start(env)
  const open = async (name: string, timeout: number) => {
    const client = await Client.open({ dir: path.join(dir, name), bootstrap, timeout })
    t.teardown(() => client.close(), { order: 1 })
    return client
  }
  const deployer = await open('deployer', 60_000)
  const { link } = await deployer.deploy({ host: host.id, source: SOURCE })
  const verdict = async () => {
    const said: string[] = []
    const options = { address: link, dir: path.join(dir, 'auditor'), bootstrap }
    for await (const event of audit(options)) {
      if (event.type === 'verdict') said.push(event.verdict)
      if (event.type === 'finding') said.push(JSON.stringify(event.finding))
    }
    return said
  }
  return { host, start, open, dir, link, verdict }
}

/** Resolves to the code that a call ends with. */
async function refusal(call: Promise<unknown> | undefined): Promise<string> {
  return Promise.resolve(call).then(
    () => 'none',
    (error) => String(error.code)
  )
}

/** Lets a host open files only up to this number; false where that cannot be done. */
function limitDescriptors({ child }: CliHost, count: number): boolean {
  const { status } = spawnSync('prlimit', ['--pid', String(child.pid), `--nofile=${count}:`])
  return status === 0
}

/** Kills the engines of a host that are running; gives how many those were. */
function killEngines(host: CliHost): number {
  return enginesOf(host).filter(kill).length
}

/** False for a process that has ended by itself since it was found. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** The engines of a host, without what is around them. */
function enginesOf({ child }: CliHost): number[] {
  const parents = new Map<number, number>()
  const engines: number[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const pid = Number(name)
    const words = read(`/proc/${name}/cmdline`).split('\0')
    parents.set(pid, Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${name}/status`))?.[1] ?? 0))
    if (words.includes('--jitless') && /node$/.test(words[0] ?? '')) engines.push(pid)
  }
  const isBelow = (pid: number): boolean =>
    pid === child.pid || (pid > 1 && isBelow(parents.get(pid) ?? 0))
  return engines.filter(isBelow)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
