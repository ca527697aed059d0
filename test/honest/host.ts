import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import b4a from 'b4a'
import crypto from 'hypercore-crypto'
import { Gate } from '../../src/host/gate.ts'
import { Instance } from '../../src/host/instance.ts'
import { Oracles } from '../../src/host/oracles.ts'
import { decodeEntry, encodeUserEntry } from '../../src/protocol/entries.ts'
import { encodeId } from '../../src/protocol/ids.ts'
import { closeStore, openStore } from '../../src/state/store.ts'
import { Wal } from '../../src/state/wal.ts'
import { openVm } from '../../src/vm/registry.ts'
import { BareUser, deployment } from '../bare-user.ts'
import type { Act, Story } from './history.ts'

/** The honest host of every story. */
export const HOST = crypto.keyPair(crypto.hash(b4a.from('honest host')))

/** Steps of commits until the host is killed; none, where it is not to be. */
let stepsLeft = Number.POSITIVE_INFINITY

function step(): void {
  if (stepsLeft-- <= 0) process.kill(process.pid, 'SIGKILL')
}

/** The two things that every commit goes through, at its beginning, before and after its sync, and at its end. */
class SteppingWal extends Wal {
  override async sync(): Promise<void> {
    step()
    await super.sync()
    step()
  }
}

class SteppingGate extends Gate {
  override hold(): () => void {
    step()
    const release = super.hold()
    return () => {
      step()
      release()
    }
  }
}

/** Plays a story from where the run before it was killed. What users have written is in files of their own. */
class Player {
  readonly #dir: string
  readonly #story: Story
  readonly #address: Uint8Array
  readonly #users: BareUser[]
  readonly #sent: number[]

  constructor(dir: string, story: Story) {
    this.#dir = dir
    this.#story = story
    this.#address = deployment(encodeId(HOST.publicKey), story.source).address
    this.#users = Array.from({ length: story.users }, (_, i) => this.#readUser(i))
    this.#sent = this.#users.map(() => 0)
  }

  async play(): Promise<void> {
    const store = await openStore(path.join(this.#dir, 'store'))
    const wal = new SteppingWal(store.storage.rocks)
    const vm = await openVm('js-1', { engines: 1 })
    const onFatal = (error: Error) => {
      throw error
    }
    const writing = { store, keyPair: HOST, wal, gate: new SteppingGate(), onFatal }
    const price = (n: number) => (n === 0 ? Promise.reject(new Error('closed')) : n * 1.5)
    const execution = { vm, oracles: new Oracles({ price }), onLog: () => {} }
    const open = async () => {
      const info = await store.storage.getInfo(crypto.discoveryKey(this.#address))
      if ((info?.head?.length ?? 0) > 0) {
        const opened = await Instance.open(writing, execution, this.#address)
        // nobody could know of more than this directory has
        opened.release()
        return opened
      }
      const { request } = deployment(encodeId(HOST.publicKey), this.#story.source)
      const genesis = decodeEntry(request.genesis)
      if (genesis.type !== 'genesis') throw new Error('not genesis')
      return Instance.deploy(writing, execution, this.#address, genesis, request)
    }
    let instance = await open()
    for (let at = this.#done(); at < this.#story.acts.length; at++) {
      const act = this.#story.acts[at]
      appendFileSync(path.join(this.#dir, 'done'), '.')
      if (act === undefined) break
      if (act.type === 'restart') {
        await instance.close()
        instance = await open()
      } else if (act.type === 'evict') vm.evict(instance.id)
      else await this.#act(instance, act)
    }
    await this.#send(instance, [...this.#users.keys()], false)
    await this.#settle(instance)
    stepsLeft = Number.POSITIVE_INFINITY
    await instance.close()
    await vm.close()
    await wal.close()
    await closeStore(store)
  }

  async #act(instance: Instance, act: Act): Promise<void> {
    switch (act.type) {
      case 'call':
        this.#write(
          act.user,
          encodeUserEntry({ type: 'call', method: act.method, args: act.args, head: null })
        )
        break
      case 'garbage':
        this.#write(act.user, b4a.from(act.bytes, 'hex'))
        break
      case 'ack':
        this.#write(act.user, encodeUserEntry({ type: 'ack', answers: [], head: instance.head }))
        break
      case 'send':
        await this.#send(instance, act.users, act.again)
        break
      case 'settle':
        await this.#settle(instance)
        break
      case 'engine':
        killEngines()
        break
      case 'kill':
        stepsLeft = act.steps
        break
    }
  }

  async #send(instance: Instance, users: readonly number[], again: boolean): Promise<void> {
    const sending = users.map(async (i) => {
      const user = this.#users[i]
      if (user === undefined || user.blocks.length === 0) return
      const from = again ? 0 : (this.#sent[i] ?? 0)
      if (from < user.blocks.length) await instance.submit(user.log(from))
      this.#sent[i] = user.blocks.length
    })
    await Promise.all(sending)
  }

  async #settle(instance: Instance): Promise<void> {
    await Promise.all(this.#users.map((user, i) => instance.settled(user.key, this.#sent[i] ?? 0)))
  }

  /** In the user's file before anybody is sent it. */
  #write(i: number, block: Uint8Array): void {
    appendFileSync(this.#fileOf(i), `${b4a.toString(block, 'hex')}\n`)
    this.#users[i]?.write(block)
  }

  #readUser(i: number): BareUser {
    const user = new BareUser(this.#address, `user ${i}`)
    const file = this.#fileOf(i)
    if (!existsSync(file)) return user
    for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
      user.write(b4a.from(line, 'hex'))
    }
    return user
  }

  #fileOf(i: number): string {
    return path.join(this.#dir, `user-${i}`)
  }

  #done(): number {
    const file = path.join(this.#dir, 'done')
    return existsSync(file) ? readFileSync(file).byteLength : 0
  }
}

/** Engines are all that this process starts. */
function killEngines(): void {
  const file = `/proc/self/task/${process.pid}/children`
  if (!existsSync(file)) return
  for (const pid of readFileSync(file, 'utf8').split(' ')) {
    if (pid !== '') process.kill(Number(pid), 'SIGKILL')
  }
}

const [, , dir] = process.argv
if (import.meta.main && dir) {
  mkdirSync(dir, { recursive: true })
  const story: Story = JSON.parse(readFileSync(path.join(dir, 'story.json'), 'utf8'))
  await new Player(dir, story).play()
}
