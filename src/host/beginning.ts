import { setTimeout as sleep } from 'node:timers/promises'
import type { Bootstrap, Network } from '../net/network.ts'
import { deferred } from '../protocol/deferred.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import { decodeId } from '../protocol/ids.ts'
import { askOthers, isAnybody, Rounds } from './asking.ts'
import type { Restored } from './restored.ts'

const ASK_AGAIN_MS = 5_000
/** How long a host of which there is a copy asks others before it goes on, ms: it is heard to the end all the same. */
const ASK_FIRST_MS = 5_000

/** What a host begins with. */
export interface BeginningOptions {
  readonly dir: string
  /** Key of the host. */
  readonly publicKey: Uint8Array
  readonly network: Network
  readonly bootstrap: Bootstrap | undefined
  readonly restored: Restored | null
  /** Whether there may be another copy of its directory, which has gone on in its place. */
  readonly isCopied: boolean
  /** The host is told to stop. */
  readonly stop: AbortSignal
  /** Addresses of all instances, z-base-32. */
  instances(): readonly string[]
  /** Hears of a head that somebody holds; nothing of it is verified. */
  heed(address: Uint8Array, head: Head): Promise<unknown>
  onFatal(error: unknown): void
}

/**
 * How a host begins to answer. Where there may be a copy of its directory, of two with one key each would sign what the
 * other one has not: it listens only where nobody else does under its key, and hears what others hold before it signs
 * anything.
 */
export class Beginning {
  readonly #options: BeginningOptions
  #isListening = false
  readonly #listens = deferred<void>()
  #asked: Promise<void> | null = null
  #heard: Promise<unknown> = Promise.resolve()
  readonly #deployments = new Rounds((ids) => this.#askAll(ids))

  constructor(options: BeginningOptions) {
    this.#options = options
  }

  get isListening(): boolean {
    return this.#isListening
  }

  /** Resolves when it listens. */
  get listens(): Promise<void> {
    return this.#listens.promise
  }

  /** Resolves when others were asked; null but in a directory that was restored, or of which there is a copy. */
  get asked(): Promise<void> | null {
    return this.#asked
  }

  /** Resolves when what they say is heard to the end. */
  get heard(): Promise<unknown> {
    return this.#heard
  }

  /**
   * Listens; in a directory that was restored perhaps only later, when there is a network. Throws DIRECTORY_LOCKED where
   * another host has the key.
   */
  async listen(): Promise<void> {
    if (this.#unasked !== null) await this.#listenAlone()
    else if (!this.#options.isCopied || !(await this.#listenAlone())) await this.#listen()
  }

  /** Begins to ask about the instances that there are, where that has to be. */
  askFirst(): void {
    const restored = this.#unasked
    if (restored !== null) this.#asked = this.#askRestored(restored)
    else if (this.#options.isCopied) this.#asked = this.#askBriefly()
  }

  /** Asks about instances with calls that were in flight, unless they were all asked about already. */
  async askWaiting(ids: readonly string[]): Promise<void> {
    if (this.#unasked === null) await this.#ask(ids)
  }

  /** Asks about a deployment: anybody can send one again that came after the backup. */
  async askDeployment(id: string): Promise<void> {
    if (this.#options.restored !== null) await this.#deployments.about(id)
  }

  /** The mark of a directory that was restored, and in which nobody was asked before this start. */
  get #unasked(): Restored | null {
    const { restored } = this.#options
    return restored?.isAsked === false ? restored : null
  }

  async #listen(): Promise<void> {
    await this.#options.network.listen()
    this.#isListening = true
    this.#listens.resolve()
  }

  /**
   * Listens, unless the host is there that this one was restored from, or one that was restored from this one. Where this one
   * listened, it would find itself. False where there is no network to find anybody in.
   */
  async #listenAlone(): Promise<boolean> {
    const { publicKey, bootstrap, dir, restored } = this.#options
    const isBeside = await isAnybody(publicKey, bootstrap)
    if (isBeside === null) return false
    if (isBeside) throw beside(dir, restored !== null)
    await this.#listen()
    return true
  }

  /** A restored directory may be an old one: before it signs anything it hears whoever can be found. */
  async #askRestored(restored: Restored): Promise<void> {
    const { stop, instances, onFatal } = this.#options
    try {
      await this.#untilDone(async () => this.#isListening || this.#listenAlone())
    } catch (error) {
      onFatal(error)
      // nobody is told anything any more
      await this.#untilDone(async () => false)
    }
    await this.#askAll(instances())
    // what cannot be noted down is done again at the next start
    if (!stop.aborted) await restored.asked().catch(() => {})
  }

  /** Its copy may have signed more. Where there are many instances, or no network, calls do not wait for all that is said. */
  async #askBriefly(): Promise<void> {
    const { stop: signal, instances } = this.#options
    this.#heard = this.#ask(instances())
    const late = sleep(ASK_FIRST_MS, undefined, { signal, ref: false }).catch(() => {})
    await Promise.race([this.#heard, late])
  }

  /** Hears what others hold of instances, as soon as there is a network: before that nobody could say anything. */
  #askAll(ids: readonly string[]): Promise<void> {
    return this.#untilDone(() => this.#ask(ids))
  }

  /** Tries something again and again, until it has come to something or the host is told to stop. */
  async #untilDone(attempt: () => Promise<boolean>): Promise<void> {
    const { stop: signal } = this.#options
    while (!signal.aborted && !(await attempt())) {
      await sleep(ASK_AGAIN_MS, undefined, { signal }).catch(() => {})
    }
  }

  /** Hears what others hold of instances; false where there is no network. */
  #ask(ids: readonly string[]): Promise<boolean> {
    const { bootstrap, stop, heed } = this.#options
    const addresses = ids.map((id) => decodeId(id))
    return askOthers(addresses, bootstrap, stop, async (address, head) => {
      await heed(address, head)
    }).catch(() => false)
  }
}

function beside(dir: string, isRestored: boolean): MivmError {
  return new MivmError(
    'DIRECTORY_LOCKED',
    isRestored
      ? `${dir} was restored, and the host that it is of is running: stop that one, and then start this one with --recover`
      : `${dir} was backed up, and a host with the same key is running, as one that was restored from the backup: of the two only one may go on`
  )
}
