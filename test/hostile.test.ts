import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import { audit, Client, ContractError } from 'mivm'
import { tempDir } from './helpers.ts'
import { HostProcess } from './host-process.ts'
import { type Attack, contractOf, INNOCENT, THEMES } from './hostile/index.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

/** Other attacks need no more. */
const FUEL = 1_000_000
/** Those that are about loops: they burn all of it, here and in the audit. */
const LOOPS = ['meter', 'iterators', 'paths', 'patterns', 'values']
const LOOPS_FUEL = 250_000
const AUDITS = 4
/** Between two calls of the neighbour, ms: he is there all the time, and not what the machine is busy with. */
const PAUSE = 20

/**
 * Every attack of the corpus, on a real host: between two innocent calls of the same instance, while another deployer's
 * instance is called all the time.
 */
test('hostile - whatever a contract does, its own later calls, its neighbours and the log are as they should be', async (t) => {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  shareVm(t)
  // what is tested is the fuel: the watchdog leaves it the time that it needs on a busy machine
  const flags = ['--isolate-by', 'deployer', '--engines', '4', '--patience', '10']
  const host = await HostProcess.start(t, path.join(dir, 'host'), bootstrap, flags)
  const [deployer, neighbour] = await Promise.all(
    ['deployer', 'neighbour'].map(async (name) => {
      const client = await Client.open({ dir: path.join(dir, name), bootstrap, timeout: 60_000 })
      t.teardown(() => client.close(), { order: 1 })
      return client
    })
  )
  if (deployer === undefined || neighbour === undefined) return

  const source = 'exports.n = 0\nexports.inc = () => ++exports.n'
  const { link } = await neighbour.deploy({ host: host.id, source })
  const links = [link]
  const load = new Load(neighbour, link)
  await load.during(sleep(1500))
  t.comment(`the neighbour, quiet: ${load.take()}`)

  await load.during(
    (async () => {
      for (const [theme, attacks] of Object.entries(THEMES)) {
        links.push(await runTheme(t, deployer, host.id, theme, attacks))
        t.comment(`the neighbour, ${theme}: ${load.take()}`)
      }
    })()
  )
  t.is(load.failures, 0, 'all calls of the neighbour succeeded')
  t.comment(`the neighbour, throughout: ${load.all()}`)
  t.is(await neighbour.call(link, 'inc', []), load.count + 1, 'and each counted once')

  const queue = [...links]
  const verdicts = new Map<string, unknown>()
  await Promise.all(
    Array.from({ length: AUDITS }, async (_, number) => {
      for (let address = queue.shift(); address !== undefined; address = queue.shift()) {
        const auditor = path.join(dir, `auditor${number}`)
        for await (const event of audit({ address, dir: auditor, bootstrap })) {
          if (event.type === 'finding') t.fail(JSON.stringify(event.finding))
          if (event.type === 'verdict') verdicts.set(address, event.verdict)
        }
      }
    })
  )
  t.alike(
    [...verdicts.values()],
    links.map(() => 'clean'),
    'all logs audit clean'
  )
  await host.kill('SIGTERM')
})

type Assert = Pick<import('brittle').Test, 'is' | 'alike' | 'comment'>

/** Deploys the attacks of a theme and runs them, one after the other; resolves to the link. */
async function runTheme(
  t: Assert,
  client: Client,
  host: string,
  theme: string,
  attacks: readonly Attack[]
): Promise<string> {
  const { link } = await client.deploy({
    host,
    source: contractOf(attacks),
    limits: { fuel: LOOPS.includes(theme) ? LOOPS_FUEL : FUEL }
  })
  let fuel = await innocent(t, client, link, 1, `${theme} begins`)
  for (const [index, { name, outcome }] of attacks.entries()) {
    const started = performance.now()
    t.is(await outcomeOf(client.call(link, `attack${index}`, [])), outcome, `${theme}: ${name}`)
    const ms = performance.now() - started
    if (ms > 1000) t.comment(`${theme}: ${name} took ${ms.toFixed()} ms`)
    const after = await innocent(t, client, link, index + 2, `nothing is left of ${name}`)
    // one digit more of the counter is one character more
    if (index > 9) t.is(after, fuel, `nor does the next call cost something else`)
    fuel = after
  }
  return link
}

/** Calls what answers all that an attack could have changed; resolves to the fuel that it used. */
async function innocent(
  t: Assert,
  client: Client,
  link: string,
  n: number,
  why: string
): Promise<number> {
  const contract = await client.connect(link)
  const call = contract['innocent']?.()
  t.alike(await call?.catch(String), { n, ...INNOCENT }, why)
  return (await call?.fuel) ?? -1
}

async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'ok'
  } catch (error) {
    if (!(error instanceof ContractError)) return String(error)
    return `${error.aborted ? 'abort' : 'error'} ${error.code}`
  }
}

/** Calls of one after the other, and how long each takes. */
class Load {
  count = 0
  failures = 0
  readonly #client: Client
  readonly #link: string
  #recent: number[] = []
  #times: number[] = []

  constructor(client: Client, link: string) {
    this.#client = client
    this.#link = link
  }

  /** Keeps calling until the work is done. */
  async during(work: Promise<unknown>): Promise<void> {
    let working = true
    const done = work.finally(() => {
      working = false
    })
    for (; working; await sleep(PAUSE)) await this.#call()
    await done
  }

  async #call(): Promise<void> {
    const started = performance.now()
    try {
      const value = await this.#client.call(this.#link, 'inc', [])
      if (value !== ++this.count) this.failures++
    } catch {
      this.failures++
    }
    this.#recent.push(performance.now() - started)
  }

  /** Figures since they were last taken. */
  take(): string {
    const recent = this.#recent
    this.#recent = []
    this.#times.push(...recent)
    return figuresOf(recent)
  }

  all(): string {
    return figuresOf([...this.#times, ...this.#recent])
  }
}

function figuresOf(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1)
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, at most ${at(1)} ms, ${times.length} calls`
}
