import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type Hyperdrive from 'hyperdrive'
import type { Genesis } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { userLogKey } from '../protocol/manifest.ts'
import type { InfoReply } from '../protocol/messages.ts'
import { openDrive } from './drive.ts'
import { findNewest } from './newest.ts'

/** How long to wait for peers to say what they have, ms. */
const WAIT = 10_000

/** The logs of one instance, as they come in. Nothing is verified beyond the signatures of their authors. */
export class InstanceReplica {
  readonly host: Uint8Array
  readonly address: Uint8Array
  readonly genesis: Genesis
  /** False where neither its host nor anybody else was reached: then this machine's copy is all there is. */
  readonly online: boolean
  /**
   * Blocks of the call log that whoever serves it in the place of its host says to have, with all that goes with them; null where
   * the host is there itself. There may be a head of more, of which nobody has the blocks.
   */
  readonly whole: number | null
  readonly #store: Corestore
  readonly #log: Hypercore
  readonly #length: number
  readonly #users = new Map<string, Hypercore>()
  #drive: Hyperdrive | null = null

  constructor(
    store: Corestore,
    log: Hypercore,
    genesis: Genesis,
    info: InfoReply | null,
    isHosts: boolean
  ) {
    this.host = genesis.host
    this.address = log.key
    this.genesis = genesis
    this.online = info !== null
    this.#store = store
    this.#log = log
    this.#length = info?.head.length ?? 0
    this.whole = isHosts || info === null ? null : this.#length
  }

  /** The call log, at least as long as the host said it was. */
  async callLog(): Promise<Hypercore> {
    await this.#sync(this.#log, this.#length)
    return this.#log
  }

  /** The log of a user, an identity's key, at least `length` blocks of it. */
  async userLog(user: Uint8Array, length = 0): Promise<Hypercore> {
    const id = b4a.toString(user, 'hex')
    let core = this.#users.get(id)
    if (core === undefined) {
      const key = userLogKey(user, this.address)
      core = this.#store.get({ key, allowFork: false })
      this.#users.set(id, core)
      await core.ready()
    }
    await this.#sync(core, length)
    return core
  }

  /** The state archive, at least as long as a commit entry says. */
  async drive(length: number): Promise<Hyperdrive> {
    if (this.#drive === null) {
      this.#drive = await openDrive(this.#store, this.#store.session(), this.host, this.address)
    }
    await this.#sync(this.#drive.core, length)
    return this.#drive
  }

  async close(): Promise<void> {
    await this.#drive?.close()
    for (const core of this.#users.values()) await core.close()
    await this.#log.close()
  }

  /** Asks peers for the newest head, and waits until there are so many blocks under it. */
  async #sync(core: Hypercore, length: number): Promise<void> {
    if (!this.online && core.peers.length === 0) {
      if (core.length >= length) return
      throw new MivmError(
        'HOST_UNKNOWN',
        'nobody who serves the instance can be reached, and the copy on this machine is not complete: check --local or --bootstrap'
      )
    }
    const end = performance.now() + WAIT
    await findNewest(core, WAIT)
    while (core.length < length) {
      if (performance.now() > end) throw late(core.length, length)
      await sleep(20)
      await findNewest(core, 1_000)
    }
  }
}

function late(length: number, expected: number): MivmError {
  return new MivmError(
    'TIMEOUT',
    `only ${length} of ${expected} blocks came within ${WAIT / 1000} s: try again, or ask the operator of the host`
  )
}
