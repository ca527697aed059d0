import { type Ack, type CallLogEntry, encodeEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { answerOf } from '../vm/record.ts'
import type { OracleAnswer, OracleRequest } from '../vm/vm.ts'
import type { Waiting } from './intake.ts'
import type { Ledger } from './ledger.ts'
import type { Oracles } from './oracles.ts'

/** A call whose ack is in the log before its result. */
export interface Opened {
  readonly item: Waiting
  /** Block of the ack. */
  readonly ack: number
  readonly seq: number
  readonly time: number
  /** Requests that are logged; the answer is null where it is not logged yet. */
  readonly requests: (OracleAnswer | null)[]
}

/** The call of an instance that asks an oracle: it is in the log before the world is asked, and cannot be rolled back. */
export class OracleCall {
  readonly #ledger: Ledger
  readonly #oracles: Oracles
  #opened: Opened | null = null
  #stopped: MivmError | null = null

  constructor(ledger: Ledger, oracles: Oracles) {
    this.#ledger = ledger
    this.#oracles = oracles
  }

  /** Null where none has asked. */
  get opened(): Opened | null {
    return this.#opened
  }

  /** Goes on with one that a host that went down has left: its ack, and the entries behind it. */
  resume(item: Waiting, { seq, time }: Ack, entries: readonly CallLogEntry[]): void {
    const requests: (OracleAnswer | null)[] = []
    for (const entry of entries) {
      if (entry.type === 'oracle-request') requests[entry.index] = null
      if (entry.type === 'oracle-answer') requests[entry.index] = answerOf(entry)
    }
    const ack = this.#ledger.tail.length - entries.length - 1
    this.#opened = { item, ack, seq, time, requests }
  }

  /** Nothing more is asked: a call may ask hundreds of times, and what is logged of it is where the next start goes on. */
  stop(why: MivmError): void {
    this.#stopped ??= why
  }

  /** Its result is about to be committed: no answer comes into the log any more, but for those that are on their way. */
  close(): void {
    this.#opened = null
  }

  /**
   * Logs the request before it is made and the answer before it is used; what is logged is not asked again. The engine
   * may die meanwhile, and the call be aborted: once the run is over nothing more of it may come into the log.
   */
  async ask(
    item: Waiting,
    { seq, time }: { readonly seq: number; readonly time: number },
    { index, name, args }: OracleRequest,
    isOver: () => boolean
  ): Promise<OracleAnswer> {
    const user = await this.#ledger.user(item.user)
    // the batch before may still be on its way into the log
    if (this.#opened === null) await this.#ledger.settle()
    if (isOver()) throw new MivmError('ENGINE_FAILED', 'the engine that asks is dead')
    if (this.#opened === null && this.#stopped !== null) throw this.#stopped
    // from here on a commit waits for what is written
    this.#opened ??= { item, ack: this.#ledger.tail.length, seq, time, requests: [] }
    const { ack, requests } = this.#opened
    const logged = requests[index]
    if (logged !== undefined && logged !== null) return logged
    if (this.#stopped !== null) throw this.#stopped
    if (logged === undefined) {
      requests[index] = null
      const request = encodeEntry({ type: 'oracle-request', ack, index, name, args })
      const opening = () => encodeEntry(ackOf(item, seq, time, user.position.ack))
      await this.#ledger.append(index === 0 ? [opening(), request] : [request])
    } else {
      // asked again by an engine that replaces a dead one: the request may still be on its way to the disk
      await this.#ledger.settle()
    }
    const answer = await this.#oracles.ask(name, args)
    // Meanwhile the engine may have died, and the call have been aborted or asked again by another: an answer that
    // comes too late for its place in the log is not logged.
    const known = requests[index]
    if (known !== null) return known ?? answer
    if (this.#opened?.ack !== ack) return answer
    requests[index] = answer
    const value = answer.ok ? answer.value : null
    const error = answer.ok ? null : answer.error
    await this.#ledger.append([encodeEntry({ type: 'oracle-answer', ack, index, value, error })])
    return answer
  }
}

/** `previous` is the block of the user's ack before. */
export function ackOf(
  { user, entry, block }: Waiting,
  seq: number,
  time: number,
  previous: number
): Ack {
  return { type: 'ack', seq, user, entry, call: block, time, previous }
}
