import b4a from 'b4a'
import { decodeEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import type { CallReply } from '../protocol/messages.ts'
import type { Proof } from '../protocol/proof.ts'
import { Chain, type Conflict } from './chain.ts'
import type { OwnLog } from './own-log.ts'
import type { PendingCalls } from './pending.ts'
import type { Writer } from './writer.ts'

export interface RepliesOptions {
  readonly address: Uint8Array
  /** Key of the host. */
  readonly host: Uint8Array
  readonly log: OwnLog
  readonly waiting: PendingCalls
  /** Writes the acks. */
  readonly writer: Writer
  /** Called with each head of the call log that is verified. */
  readonly onHead: (head: Head) => void
}

/** What a host answers: proven against all that it has shown this user before, and given to those who wait for it. */
export class Replies {
  readonly #options: RepliesOptions
  #chain: Chain
  /** Those that came before the one that their proof begins at. */
  #held: CallReply[] = []

  /** `head`: the newest one that the user's log records. */
  constructor(options: RepliesOptions, head: Head | null) {
    this.#options = options
    this.#chain = this.#chainAt(head)
  }

  /** The newest head of the call log that is verified. */
  get head(): Head | null {
    return this.#chain.head
  }

  /** Of that head. */
  get length(): number {
    return this.#chain.length
  }

  /** Whether a proof can begin at the head, instead of at 0. */
  get anchored(): boolean {
    return this.#chain.anchored
  }

  /** What the host was found out with; null as long as it was not. */
  get conflict(): Conflict | null {
    return this.#chain.conflict
  }

  /** Whether some wait for the one that their proof begins at. */
  get isHolding(): boolean {
    return this.#held.length > 0
  }

  /** What the user had seen before is in a log that was taken back: the host cannot show it another history now. */
  beginAt(head: Head | null): void {
    this.#chain = this.#chainAt(head)
  }

  /** On a new connection no reply of the old one is waited for. */
  forget(): void {
    this.#held = []
  }

  /** Takes on what a reply proves, and what others do that have waited for it. Throws PROOF_INVALID, HEAD_CONFLICT. */
  async take(reply: CallReply): Promise<void> {
    this.#held.push(reply)
    for (;;) {
      // one that was overtaken proves nothing new; what it answered is missed, and asked for again
      this.#held = this.#held.filter(({ through }) => through >= this.#chain.length)
      const proofs = this.#held
        .filter(({ through }) => through === this.#chain.length)
        .map(({ proof }) => proof)
        .filter((proof) => proof !== null)
      const next = proofs.sort((a, b) => a.length - b.length)[0]
      if (next === undefined) return
      this.#held = this.#held.filter(({ proof }) => proof !== next)
      await this.prove(next)
    }
  }

  /**
   * Takes on the results among the blocks of a proof: each follows its ack, which names the entry and has it verbatim. Throws
   * PROOF_INVALID also where it has another one.
   */
  async prove(proof: Proof): Promise<void> {
    const blocks = this.#extend(proof)
    const { log, waiting, writer } = this.#options
    writer.beginReply()
    let entry = 0
    let at = 0
    for (const [index, block] of blocks) {
      const decoded = decodeEntry(block)
      if (decoded.type === 'ack') {
        if (!b4a.equals(decoded.user, log.user)) continue
        entry = decoded.entry
        at = index
        if (!waiting.has(entry)) continue
        // of a call that was written lately nothing has to be read
        const own = log.recent(entry) ?? (await log.block(entry))
        if (!b4a.equals(decoded.call, own)) throw altered(entry)
      } else if (decoded.type === 'result' && decoded.ack === at) {
        if (!waiting.has(entry)) continue
        writer.acknowledge({ entry, index, result: block })
        waiting.settle(entry, decoded)
      }
    }
    writer.endReply()
  }

  #extend(proof: Proof): ReadonlyMap<number, Uint8Array> {
    const blocks = this.#chain.extend(proof)
    const { head } = this.#chain
    if (head !== null) this.#options.onHead(head)
    return blocks
  }

  #chainAt(head: Head | null): Chain {
    const { address, host, onHead } = this.#options
    if (head !== null) onHead(head)
    return new Chain(address, host, head)
  }
}

function altered(entry: number): MivmError {
  return new MivmError(
    'PROOF_INVALID',
    `the host acknowledged entry ${entry} of your log as another call: audit the instance`
  )
}
