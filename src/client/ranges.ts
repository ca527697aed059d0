import { setTimeout as sleep } from 'node:timers/promises'
import type { Rpc } from '../net/rpc.ts'
import { MivmError } from '../protocol/errors.ts'
import { RANGE, type RangeReply, type RangeRequest } from '../protocol/messages.ts'

/** How long one reply may take, ms; and how long somebody who did not send one is not asked again. */
const REPLY_MS = 5_000
const SILENT_MS = 30_000
/** How often it is tried where too much was asked for at once. */
const TRIES = 5

/** Asks one host for ranges of its logs, as long as there is a connection and the host knows what that is. */
export class Ranges {
  readonly #rpcOf: () => Promise<Rpc | null>
  /** An older host does not know what is asked for. */
  readonly #older = new WeakSet<Rpc>()
  #silentUntil = 0

  constructor(rpcOf: () => Promise<Rpc | null>) {
    this.#rpcOf = rpcOf
  }

  /** Null where the host is not there, or does not send it. */
  async ask(request: RangeRequest): Promise<RangeReply | null> {
    if (performance.now() < this.#silentUntil) return null
    // there may be nothing to find the host by any more: this end is being closed
    const rpc = await this.#rpcOf().catch(() => null)
    if (rpc === null || rpc.closed || this.#older.has(rpc)) return null
    for (let i = 0; i < TRIES; i++) {
      try {
        return await rpc.request(RANGE, request, REPLY_MS)
      } catch (error) {
        const wait = this.#waitOf(error, rpc)
        if (wait === null) return null
        await sleep(wait)
      }
    }
    // who always says later shall not hold up every part of every log
    this.#silentUntil = performance.now() + SILENT_MS
    return null
  }

  /** After how long it is worth to ask again, ms; null where it is not. */
  #waitOf(error: unknown, rpc: Rpc): number | null {
    const code = error instanceof MivmError ? error.code : 'INTERNAL'
    const after = error instanceof MivmError ? error.retryAfter : null
    if (code === 'QUOTA_EXCEEDED') return Math.min(after ?? 0, REPLY_MS)
    if (code === 'REQUEST_INVALID') this.#older.add(rpc)
    if (code === 'TIMEOUT') this.#silentUntil = performance.now() + SILENT_MS
    return null
  }
}
