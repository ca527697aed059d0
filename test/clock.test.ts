// Callers whose clock is wrong by years.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'brittle'
import { startNetwork } from './cli.ts'
import { tempDir } from './helpers.ts'

const YEAR_MS = 365 * 86_400_000

for (const years of [-30, 30]) {
  test(`clock - a caller whose clock is ${years} years off calls, reads and audits`, async (t) => {
    const root = await tempDir(t)
    const contract = path.join(root, 'clock.js')
    await writeFile(
      contract,
      "exports.init = () => state.writeFile('/a', 'text')\nexports.time = () => env.time\n"
    )
    const { host, cli } = await startNetwork(t, root)
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
