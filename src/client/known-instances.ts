import { randomUUID } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import { unavailable } from '../net/rpc-errors.ts'
import { MivmError } from '../protocol/errors.ts'
import { checkGenesis } from '../protocol/genesis.ts'
import { encodeId } from '../protocol/ids.ts'
import type { InfoReply } from '../protocol/messages.ts'
import { readOwnFile } from '../state/own-file.ts'

/** What a client keeps of an instance, to call it without asking. */
export interface KnownInstance {
  readonly host: Uint8Array
  readonly genesis: Uint8Array
  readonly methods: readonly string[]
}

/** Asks the host of an instance, or finds it first where that is null: its key, and what it says. */
export type AskHost = (
  host: Uint8Array | null,
  address: Uint8Array
) => Promise<{ readonly host: Uint8Array; readonly info: InfoReply }>

/** Instances that a client has used, in memory and as a file each. Nothing in these is believed that their address does not say. */
export class KnownInstances {
  readonly #dir: string
  readonly #askHost: AskHost
  readonly #known = new Map<string, KnownInstance>()
  readonly #asking = new Map<string, Promise<void>>()

  constructor(dir: string, askHost: AskHost) {
    this.#dir = dir
    this.#askHost = askHost
  }

  /** One that was found or learnt before. */
  get(address: Uint8Array): KnownInstance {
    const known = this.#known.get(encodeId(address))
    if (known === undefined) throw new MivmError('INTERNAL', 'an instance that was not resolved')
    return known
  }

  /**
   * Has it known when this resolves; null where it is already, so that who calls then has to wait for nothing. Throws
   * INSTANCE_UNKNOWN, HOST_UNKNOWN.
   */
  find(host: Uint8Array | null, address: Uint8Array): Promise<void> | null {
    const id = encodeId(address)
    // calls that begin meanwhile wait for the same answer, until it is written down as well: else they would overtake each other
    const begun = this.#asking.get(id)
    if (begun !== undefined) return begun
    if (this.#known.has(id)) return null
    const asking = this.#ask(host, address).finally(() => this.#asking.delete(id))
    this.#asking.set(id, asking)
    return asking
  }

  /** Takes on what a host says of an instance; throws INSTANCE_UNKNOWN where it is not one of its own. */
  async learn(
    address: Uint8Array,
    host: Uint8Array,
    { genesis, methods }: InfoReply
  ): Promise<void> {
    if (!b4a.equals(checkGenesis(address, genesis).host, host)) {
      throw new MivmError(
        'INSTANCE_UNKNOWN',
        `${encodeId(address)} is not an instance of that host: check the link`
      )
    }
    const id = encodeId(address)
    this.#known.set(id, { host, genesis, methods })
    const text = JSON.stringify({ genesis: b4a.toString(genesis, 'base64'), methods })
    // several calls may learn of it at once
    const fresh = `${this.#file(id)}.${randomUUID()}`
    await writeFile(fresh, `${text}\n`, { mode: 0o600 })
    await rename(fresh, this.#file(id))
  }

  async #ask(host: Uint8Array | null, address: Uint8Array): Promise<void> {
    const stored = await this.#read(address)
    if (stored !== null) {
      this.#known.set(encodeId(address), stored)
    } else {
      const said = await this.#askHost(host, address).catch((error) => {
        throw unavailable(error)
      })
      await this.learn(address, said.host, said.info)
    }
  }

  /** What was learnt before; null where the file is not there or not what it should be: then it is asked for again. */
  async #read(address: Uint8Array): Promise<KnownInstance | null> {
    try {
      const stored = JSON.parse(b4a.toString(await readOwnFile(this.#file(encodeId(address)))))
      const genesis = b4a.from(String(stored.genesis), 'base64')
      const methods: string[] = Array.from(stored.methods, String)
      return { host: checkGenesis(address, genesis).host, genesis, methods }
    } catch {
      return null
    }
  }

  #file(id: string): string {
    return path.join(this.#dir, `${id}.json`)
  }
}
