// Callers whose clock is wrong by years.
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import test, { type Test } from 'brittle'
import { Client, Host, type MivmError } from 'mivm'
import { Monitor } from '../src/host/monitor.ts'
import { openNetwork } from './cli-network.ts'
import { heldOracle } from './held-oracle.ts'
import { keep, tempDir } from './helpers.ts'
import { localNetwork } from './local-network.ts'

const YEAR_MS = 365 * 86_400_000

for (const years of [-30, 30]) {
  test(`clock - a caller whose clock is ${years} years off calls, reads and audits`, async (t) => {
    const root = await tempDir(t)
    const contract = path.join(root, 'clock.js')
    await writeFile(
      contract,
      "exports.init = () => state.writeFile('/a', 'text')\nexports.time = () => env.time\n"
    )
    const { host, cli } = await openNetwork(t, root)
    // Stores compare the date of a file with what they noted, and the kernel that dates files has no wrong clock here:
    // they are made while the clock is right.
    await cli.run(['deploy', contract, '--host', host.id, '--name', 'clock'])
    await cli.run(['state', 'cat', 'clock', '/a'])
    await cli.run(['audit', 'clock'])

    const env = { NODE_OPTIONS: `--import=${await wrongClock(root, years * YEAR_MS)}` }
    const run = (...words: string[]) => cli.run(words, { env })
    const times: number[] = []
    for (const options of [{ env }, {}, { env }]) {
      const call = await cli.run(['call', 'clock', 'time'], options)
      t.is(call.status, 0, call.stderr)
      times.push(Number(call.stdout))
    }
    t.ok(
      times.every((time) => Math.abs(time - Date.now()) < 60_000),
      'the time of a call is the host’s'
    )
    await cli.run(['key', 'new', 'eve'], { env })
    const deployed = await run('deploy', contract, '--host', host.id, '--as', 'eve')
    t.is(deployed.status, 0, deployed.stderr)
    t.is((await run('state', 'cat', 'clock', '/a')).stdout, 'text')
    const audit = await run('audit', 'clock')
    t.is(audit.status, 0, audit.stderr)
    t.ok(audit.stdout.includes('clean: 4 calls'), 'all calls are there')
  })
}

test('clock - one that is set right meanwhile neither ends calls nor keeps them', async (t) => {
  const bootstrap = await localNetwork(t)
  const dir = await tempDir(t)
  const { oracles, asked, answer } = heldOracle()
  const host = await Host.open({ dir: path.join(dir, 'host'), bootstrap, engines: 1, oracles })
  const client = await Client.open({ dir: path.join(dir, 'user'), bootstrap, timeout: 10_000 })
  t.teardown(() => client.close(), { order: 1 })
  const source = 'exports.wait = async () => { await oracle.wait(); return 1 }'
  const { link } = await client.deploy({ host: host.id, source })
  const call = client.call(link, 'wait', [])
  await asked
  set(t, YEAR_MS)
  // it is looked every quarter of a second whose time is over
  await sleep(600)
  answer()
  t.is(await call, 1, 'ahead')
  await host.close()
  const late = client.call(link, 'wait', []).then(
    () => new Error('it was answered'),
    (error) => error
  )
  await sleep(600)
  set(t, -YEAR_MS)
  const { code, message }: MivmError = await late
  t.ok(/delivered with the next one, or by "mivm deliver"$/.test(message), `${code}: ${message}`)
})

test('clock - when one is set back a disk is looked at as often as ever', async (t) => {
  const dir = path.join(await tempDir(t), 'host')
  const monitor = await Monitor.open({ address: '127.0.0.1', port: 0 }, dir)
  t.teardown(() => monitor.close())
  const health = async () => {
    const response = await fetch(`${monitor.url}/healthz`)
    await response.text()
    return response.status
  }
  t.is(await health(), 200)
  await rm(dir, { recursive: true })
  set(t, -YEAR_MS)
  while ((await health()) === 200) await sleep(100)
  t.pass()
})

/** Has the clock of this process be wrong until the end of the test. */
function set(t: Test, by: number): void {
  const now = keep(t, Date, 'now')
  Date.now = () => now() + by
}

/** A module that puts the clock of the process that imports it wrong, before anything else is loaded. */
async function wrongClock(root: string, by: number): Promise<string> {
  const file = path.join(root, 'clock.mjs')
  await writeFile(
    file,
    `const now = Date.now
const Real = Date
globalThis.Date = class Date extends Real {
  constructor (...args) { if (args.length === 0) super(now() + ${by}); else super(...args) }
  static now () { return now() + ${by} }
}
if (Math.abs(Date.now() - Real.now() - ${by}) > 1000) throw new Error('the clock is right')
`
  )
  return pathToFileURL(file).href
}
