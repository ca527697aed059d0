// A host that kills itself at a step that it is told, and when it is started again goes on with what it finds. It is
// called here, without a network: what its callers have written and what they were told is in files beside it.

import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import b4a from 'b4a'
import Hypercore from 'hypercore'
import type { Rocks } from 'hypercore-storage'
import { Accounts } from '../../src/host/accounts.ts'
import { Gate } from '../../src/host/gate.ts'
import { Host } from '../../src/host/host.ts'
import { Instance } from '../../src/host/instance.ts'
import { Ledger } from '../../src/host/ledger.ts'
import { Oracles } from '../../src/host/oracles.ts'
import { UserLog } from '../../src/host/user-log.ts'
import { Network } from '../../src/net/network.ts'
import { decodeEntry, encodeUserEntry } from '../../src/protocol/entries.ts'
import { verifyProof } from '../../src/protocol/proof.ts'
import { Archive } from '../../src/state/archive.ts'
import { Cache } from '../../src/state/cache.ts'
import { Wal } from '../../src/state/wal.ts'
import { Supervisor } from '../../src/vm/supervisor.ts'
import { BareUser, deployment } from '../bare-user.ts'
import { BorrowedVm } from '../borrowed-vm.ts'
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

/** One instance a round: what a round could not finish, the next one does. */
export const sourceOf = (round: number): string => `// round ${round}
exports.count = 0
exports.init = () => state.writeFile('/made', 'yes')
exports.add = async (text) => {
  await state.writeFile('/items/' + ++exports.count, text)
  return exports.count
}
exports.ask = async () => {
  await state.writeFile('/items/' + ++exports.count, 'asking')
  const first = await oracle.price('first')
  const second = await oracle.price('second')
  return [first, second, exports.count]
}`

export const CALLERS = ['alice', 'bob', 'carol'] as const

/** What a caller has seen proven: a head of the host, and a result under it. */
export interface Told {
  readonly round: number
  readonly length: number
  readonly treeHash: string
  /** Place of the result in the call log, with the block. */
  readonly index: number
  readonly result: string
}

export const linesOf = (file: string): string[] =>
  existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []

export const writtenBy = (dir: string, round: number, caller: string): string =>
  path.join(dir, `${caller}-${round}`)

/** The seams: all that the host does with its disk, its engines and its callers. */
function takeSteps(): void {
  const once = (name: string) => () => name
  nameWithin(Host.prototype, 'deploy', once('deployment'))
  nameWithin(Instance.prototype, 'submit', once('submission'))
  nameWithin(Ledger.prototype, 'flush', once('acks'))
  nameWithin(Ledger.prototype, 'append', once('oracle'))
  nameWithin(Ledger.prototype, 'commit', (outer) =>
    outer === 'deployment' ? 'first commit' : 'commit'
  )
  for (const vm of [Supervisor.prototype, BorrowedVm.prototype]) {
    stepBefore(vm, 'inspect', 'inspection')
    stepBefore(vm, 'run', 'run')
  }
  stepBefore(UserLog.prototype, 'extend', 'user log')
  stepWithin(UserLog.prototype, 'advance', 'position')
  stepBefore(Accounts.prototype, 'answer', 'answer')
  stepWithin(Archive.prototype, 'write', 'archive')
  stepWithin(Hypercore.prototype, 'append', 'append')
  stepWithin(Wal.prototype, 'sync', 'sync')
  const { ask } = Oracles.prototype
  Oracles.prototype.ask = async function (...args) {
    reach('question')
    const answer = await ask.apply(this, args)
    reach('oracle has answered')
    return answer
  }
  const { hold } = Gate.prototype
  Gate.prototype.hold = function () {
    const release = hold.call(this)
    reachWithin('gate shut')
    return () => {
      release()
      reachWithin('gate open')
    }
  }
  stepBeforeWrites(Cache, (storage) => {
    database = storage.db
  })
}

let database: Rocks | null = null

class Scene {
  readonly #dir: string
  readonly #round: number
  readonly #instance: Instance
  readonly #users: readonly BareUser[]

  /** Deploys, or finds, the instance of a round, whose callers send again what they had sent. */
  static async open(dir: string, host: Host, round: number): Promise<Scene> {
    const { address, request } = deployment(host.id, sourceOf(round))
    const instance = await host.deploy(request)
    const users = CALLERS.map((caller) => {
      const user = new BareUser(address, caller)
      for (const line of linesOf(writtenBy(dir, round, caller))) user.write(b4a.from(line, 'hex'))
      return user
    })
    const scene = new Scene(dir, round, instance, users)
    await scene.#deliver(users.filter(({ blocks }) => blocks.length > 0))
    return scene
  }

  private constructor(dir: string, round: number, instance: Instance, users: readonly BareUser[]) {
    this.#dir = dir
    this.#round = round
    this.#instance = instance
    this.#users = users
  }

  async play(): Promise<void> {
    const [alice, bob, carol] = this.#users
    if (alice === undefined || bob === undefined || carol === undefined) return
    await this.#call([alice, 'add', 'one'], [alice, 'add', 'two'], [bob, 'add', 'three'])
    const answers = [{ entry: 1, index: 5, result: new Uint8Array([1]) }]
    const { head } = this.#instance
    this.#write(alice, encodeUserEntry({ type: 'ack', answers, head }))
    const submitted = this.#instance.submit(alice.log())
    this.#rotate()
    await submitted
    await this.#call([bob, 'add', 'four'], [alice, 'ask'], [carol, 'add', 'five'])
    const called = this.#call([carol, 'ask'], [alice, 'add', 'six'])
    this.#rotate()
    await called
  }

  /** Has the database begin another log, as it does when one is long enough. */
  #rotate(): void {
    database?.flush().catch(() => {})
  }

  async #call(...calls: [user: BareUser, method: string, ...args: unknown[]][]): Promise<void> {
    for (const [user, method, ...args] of calls) {
      const { blocks } = new BareUser(user.key, 'nobody').call(method, ...args)
      for (const block of blocks) this.#write(user, block)
    }
    await this.#deliver([...new Set(calls.map(([user]) => user))])
  }

  /** What users have written is on disk before it is sent. */
  #write(user: BareUser, block: Uint8Array): void {
    const caller = CALLERS[this.#users.indexOf(user)] ?? ''
    appendFileSync(writtenBy(this.#dir, this.#round, caller), `${b4a.toString(block, 'hex')}\n`)
    user.write(block)
  }

  async #deliver(users: readonly BareUser[]): Promise<void> {
    await Promise.all(users.map((user) => this.#instance.submit(user.log())))
    await Promise.all(
      users.map(async (user) => {
        const { length } = user.blocks
        await this.#instance.settled(user.key, length)
        this.#tell(await this.#instance.proofs.prove({ user: user.key, from: 1, to: length }))
      })
    )
  }

  #tell(proof: Awaited<ReturnType<Instance['proofs']['prove']>>): void {
    reach('reply')
    const { address, genesis } = this.#instance
    const { head, blocks } = verifyProof(proof, { key: address, publicKey: genesis.host })
    const { length, treeHash } = head
    for (const [index, block] of blocks) {
      if (decodeEntry(block).type !== 'result') continue
      const result = b4a.toString(block, 'hex')
      const told: Told = {
        round: this.#round,
        ...{ length, treeHash: b4a.toString(treeHash, 'hex'), index, result }
      }
      appendFileSync(path.join(this.#dir, 'told'), `${JSON.stringify(told)}\n`)
    }
    reach('reply sent')
  }
}

/** With `early` it may end while it takes up what the round before has left. */
async function main(dir: string, round: number, doom: Doom | null, early: boolean): Promise<void> {
  noteSyncs(path.join(dir, 'synced'))
  takeSteps()
  Object.assign(Network.prototype, { listen: async () => {}, announce: async () => {} })
  if (process.connected) Object.assign(Supervisor, { open: async () => new BorrowedVm() })
  let price = 0
  const oracles = new Oracles({ price: () => ++price })
  const options = { bootstrap: ['127.0.0.1:1'], engines: 1, sandbox: 'none', oracles } as const
  if (early) setDoom(doom)
  const host = await Host.open({ dir: path.join(dir, 'host'), ...options })
  if (round > 0) await Scene.open(dir, host, round - 1)
  if (!early) setDoom(doom)
  await (await Scene.open(dir, host, round)).play()
  await host.close()
  writeFileSync(path.join(dir, 'steps'), JSON.stringify(countSteps()))
}

const [, , dir, round, doom, early] = process.argv
if (import.meta.main && dir) {
  await main(dir, Number(round), JSON.parse(doom ?? 'null'), early === 'early')
}
