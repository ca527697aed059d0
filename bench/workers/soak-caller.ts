// A caller of a soak test, which comes, calls at a rate, and goes.
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'mivm'
import { POST } from '../load.ts'
import { serve } from '../process.ts'

/** Calls that one caller has under way at most: what is due beyond them is left out, and counted. */
const IN_FLIGHT_MAX = 1_000

const SOURCE = `
exports.count = 0
exports.count_up = () => ++exports.count
exports.fail = async () => { await state.writeFile('/never', 'x'); throw new TypeError('on purpose') }
exports.spin = () => { for (;;) {} }`

/** Calls that a caller has under way to show how many can be answered at most. */
const IN_FLIGHT_AT_MOST = 250

/** What is called, and of how many calls one is of that kind. */
const KINDS = [
  ['spin', 20_000],
  ['fail', 20],
  ['count_up', 10]
] as const

const RAREST = KINDS[0][1]

/** How calls ended, by kind and outcome, and how long they took, ms. */
export interface Calls {
  readonly outcomes: { readonly [outcome: string]: number }
  readonly times: readonly number[]
}

let client: Client | null = null

const commands = {
  async open(dir: string, bootstrap: readonly string[]): Promise<void> {
    client = await Client.open({ dir, bootstrap })
  },
  async deployTrouble(host: string): Promise<string> {
    return (await opened().deploy({ host, source: SOURCE })).link
  },
  /** Calls forums, and now and then what makes trouble; without a rate, as many as are answered. */
  async callAtRate(
    forums: readonly string[],
    trouble: string,
    perSecond: number | null,
    ms: number
  ): Promise<Calls> {
    const outcomes = new Map<string, number>()
    const times: number[] = []
    const underWay = new Set<Promise<void>>()
    const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    const call = async (n: number) => {
      const kind = KINDS.find(([, every]) => n % every === 0)?.[0] ?? 'addPost'
      const forum = forums[n % forums.length] ?? ''
      const started = performance.now()
      const answer =
        kind === 'addPost'
          ? opened().call(forum, 'addPost', [1, POST])
          : opened().call(trouble, kind, [])
      count(`${kind} ${await answer.then(() => 'ok', outcomeOf)}`)
      times.push(performance.now() - started)
    }
    const start = performance.now()
    // who stays for a minute makes fewer calls than there are to one that runs out of fuel
    const first = Math.floor(Math.random() * RAREST)
    for (let n = 1; performance.now() - start < ms; await sleep(5)) {
      const due =
        perSecond === null
          ? n + IN_FLIGHT_AT_MOST - underWay.size
          : ((performance.now() - start) / 1000) * perSecond
      for (; n < due; n++) {
        if (underWay.size >= IN_FLIGHT_MAX) {
          count('left out')
          continue
        }
        const done = call(first + n).finally(() => underWay.delete(done))
        underWay.add(done)
      }
    }
    await Promise.all(underWay)
    return { outcomes: Object.fromEntries(outcomes), times }
  },
  async close(): Promise<void> {
    await client?.close()
  }
}

export type SoakCommands = typeof commands

serve(commands)

function outcomeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && error.code !== null ? String(error.code) : error.name
}

function opened(): Client {
  if (client === null) throw new Error('the client is not open')
  return client
}
