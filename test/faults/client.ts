// A client that kills itself at a step that it is told. What it was told by its host is in a file beside it.
import fs, { appendFileSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import Hypercore from 'hypercore'
import { Chain } from '../../src/client/chain.ts'
import { Client } from '../../src/client/client.ts'
import { OwnLog } from '../../src/client/own-log.ts'
import { Rpc } from '../../src/net/rpc.ts'
import { CONSISTENCY } from '../../src/protocol/messages.ts'
import { Cache } from '../../src/state/cache.ts'
import { Wal } from '../../src/state/wal.ts'
import {
  countSteps,
  type Doom,
  nameWithin,
  reach,
  reachWithin,
  setDoom,
  stepBefore,
  stepBeforeWrites,
  stepWithin
} from './steps.ts'
import { noteSyncs } from './synced.ts'

/** Says whether a call came twice, and when it came. */
export const SOURCE = `
exports.count = 0
exports.add = async (name) => {
  const before = await state.readFile('/calls/' + name).catch(() => null)
  if (before !== null) await state.writeFile('/twice/' + name, before)
  await state.writeFile('/calls/' + name, String(++exports.count))
  return exports.count
}`

/** What is deployed anew in every round. */
export const sourceOf = (round: number): string => `// round ${round}
exports.one = () => 1`

export interface Answer {
  readonly name: string
  readonly value: unknown
}

function takeSteps(): void {
  nameWithin(Client.prototype, 'deploy', () => 'deployment')
  const { append } = OwnLog.prototype
  OwnLog.prototype.append = async function (...args) {
    reachWithin('log')
    await append.apply(this, args)
    reachWithin('logged')
  }
  stepWithin(Hypercore.prototype, 'append', 'append')
  stepWithin(Wal.prototype, 'sync', 'sync')
  stepBeforeWrites(Cache)
  stepBefore(Chain.prototype, 'extend', 'verification')
  const { request } = Rpc.prototype
  Rpc.prototype.request = async function <Request, Reply>(
    ...args: Parameters<typeof request<Request, Reply>>
  ): Promise<Reply> {
    const [{ name }] = args
    // what clients ask to compare heads goes beside the calls, and only where these take long
    const isStep = name !== CONSISTENCY.name
    if (isStep) reach(`request ${name}`)
    const reply = await request.apply(this, args)
    if (isStep) reach(`reply ${name}`)
    // another Rpc method of this name has another Reply
    return reply as Reply
  }
  stepBefore(fs.promises, 'rename', 'note of the instance')
  syncBuiltinESMExports()
}

class Caller {
  readonly #dir: string
  readonly #client: Client
  readonly #host: string
  readonly #link: string
  readonly #attempt: string

  constructor(dir: string, client: Client, host: string, link: string, attempt: string) {
    this.#dir = dir
    this.#attempt = attempt
    this.#client = client
    this.#host = host
    this.#link = link
  }

  /** What was on its way when the process before ended is there when this resolves. */
  async takeUp(): Promise<void> {
    await this.#call('first')
    while ((await this.#client.pendingCalls()) > 0) await sleep(5)
  }

  async deploy(round: number): Promise<void> {
    const salt = b4a.alloc(32, round % 256)
    await this.#client.deploy({ host: this.#host, source: sourceOf(round), salt })
  }

  async play(round: number): Promise<void> {
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => this.#call(name)))
    await this.#call('alone')
    // the acks go out by themselves
    await sleep(100)
    await this.#call('last')
    await this.deploy(round)
  }

  async #call(what: string): Promise<void> {
    const name = `${this.#attempt}-${what}`
    const value = await this.#client.call(this.#link, 'add', [name])
    reach('answer')
    const answer: Answer = { name, value }
    appendFileSync(path.join(this.#dir, 'told'), `${JSON.stringify(answer)}\n`)
    reach('answer noted')
  }
}

async function main(
  dir: string,
  round: number,
  doom: Doom | null,
  early: boolean,
  [bootstrap = '', host = '', link = '', attempt = '']: string[]
): Promise<void> {
  noteSyncs(path.join(dir, 'synced'))
  takeSteps()
  if (early) setDoom(doom)
  const client = await Client.open({
    dir: path.join(dir, 'client'),
    bootstrap: bootstrap.split(','),
    timeout: 30_000
  })
  const caller = new Caller(dir, client, host, link, attempt)
  await caller.takeUp()
  if (round > 0) await caller.deploy(round - 1)
  if (!early) setDoom(doom)
  await caller.play(round)
  await client.close()
  writeFileSync(path.join(dir, 'steps'), JSON.stringify(countSteps()))
}

const [, , dir, round, doom, early, ...rest] = process.argv
if (import.meta.main && dir) {
  await main(dir, Number(round), JSON.parse(doom ?? 'null'), early === 'early', rest)
}
