import b4a from 'b4a'
import type Corestore from 'corestore'
import type { Head } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { isCallLog } from '../protocol/manifest.ts'
import type { KnownReply } from '../protocol/messages.ts'
import { hasLog, treeHashAt } from '../state/head.ts'
import type { Instance } from './instance.ts'
import { type SetBacks, setBack } from './set-back.ts'

/** The instances of a host, as they are compared with what others hold. */
export interface Compared {
  /** Whether there is one of that address, z-base-32. */
  has(id: string): boolean
  use<T>(address: Uint8Array, fn: (instance: Instance) => Promise<T>): Promise<T>
  /** One is found to have been set back. */
  onSetBack(id: string, message: string): void
}

/** Takes notice of heads that others hold: one that this host has signed and cannot show ends its signing there. */
export class SetBackDetector {
  readonly #store: Corestore
  /** Key of the host. */
  readonly #host: Uint8Array
  readonly #setBacks: SetBacks
  readonly #instances: Compared

  constructor(store: Corestore, host: Uint8Array, setBacks: SetBacks, instances: Compared) {
    this.#store = store
    this.#host = host
    this.#setBacks = setBacks
    this.#instances = instances
  }

  /** Resolves to the longest head of that instance that the host has signed and lost, when that is on disk. */
  async heed(address: Uint8Array, head: Head): Promise<KnownReply> {
    const id = encodeId(address)
    const isHere = () => this.#instances.has(id)
    const isLogAlone = !isHere() && (await hasLog(this.#store, address))
    if (isLogAlone && !(await this.#isLeftOut(address, head))) return { signed: null }
    if (isHere()) {
      await this.#instances.use(address, (instance) => this.#compare(id, head, instance))
    } else {
      await this.#compare(id, head, null)
    }
    return { signed: this.#setBacks.get(id) }
  }

  /**
   * Whether a log that is in no index is that of calls, which a crash has left out, and does not lead to a head. Archives
   * are signed with the same key, and are no instances.
   */
  async #isLeftOut(address: Uint8Array, { length, treeHash }: Head): Promise<boolean> {
    const log = this.#store.get({ key: address })
    try {
      await log.ready()
      const { manifest } = log
      if (manifest === null || !isCallLog(manifest, this.#host)) return false
      return length > log.length || !b4a.equals(await treeHashAt(log, length), treeHash)
    } finally {
      await log.close()
    }
  }

  async #compare(id: string, head: Head, instance: Instance | null): Promise<void> {
    const agrees = instance !== null && (await instance.agrees(head))
    if (agrees || !this.#setBacks.isSigned(id, head)) return
    const why = setBack(head)
    const isNews = this.#setBacks.get(id) === null
    instance?.bar(why)
    // it holds from here on, also where it cannot be written down
    const kept = this.#setBacks.keep(id, head)
    if (isNews) this.#instances.onSetBack(id, why.message)
    await kept
  }
}
