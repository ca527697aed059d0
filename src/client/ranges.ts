import { setTimeout as sleep } from 'node:timers/promises'
import type { Rpc } from '../net/rpc.ts'
import { MivmError } from '../protocol/errors.ts'
import { RANGE, type RangeReply, type RangeRequest } from '../protocol/messages.ts'
import { restMs } from '../state/block-turns.ts'

/**
 * How long one reply may take, ms; and half of how long somebody who did not send one is not asked again, which is twice as
 * long each time in a row.
 */
const REPLY_MS = 5_000
const SILENT_MS = 15_000
/** How often it is tried where too much was asked for at once. */
const TRIES = 5
/** How many are asked for one range, one after the other. */
const ASKED_MAX = 4
/** Who takes longer for one reply, ms, and sends less than so much of what there is, bytes, is asked after others. */
const SLOW_MS = 1_000
const SLOW_BYTES = 64 * 1024

/** Asks a host for ranges of its logs, or who has copies of them, as long as there are connections. */
export class Ranges {
  readonly #rpcsOf: () => Promise<readonly Rpc[]>
  /** Who does not know what is asked for: an older host, and who has nothing to send. */
  readonly #older = new WeakSet<Rpc>()
  /** Until when somebody is not asked again, and how often in a row there was no answer. */
  readonly #silentUntil = new WeakMap<Rpc, number>()
  readonly #silences = new WeakMap<Rpc, number>()
  /** How often in a row somebody has sent nothing: who has sent something is asked first. */
  readonly #fruitless = new WeakMap<Rpc, number>()

  /** `rpcsOf`: who may have it, in the order in which they are asked. */
  constructor(rpcsOf: () => Promise<readonly Rpc[]>) {
    this.#rpcsOf = rpcsOf
  }

  /** Null where nobody is there who sends it; what is not accepted is as good as nothing. */
  async ask(
    request: RangeRequest,
    isAccepted: (reply: RangeReply) => boolean = () => true
  ): Promise<RangeReply | null> {
    // there may be nothing to find the host by any more: this end is being closed
    const rpcs = await this.#rpcsOf().catch(() => [])
    const asked = rpcs.filter((one) => this.#isAsked(one))
    asked.sort((a, b) => this.#fruitlessOf(a) - this.#fruitlessOf(b))
    for (const rpc of asked.slice(0, ASKED_MAX)) {
      const askedAt = performance.now()
      const reply = await this.#askOne(rpc, request)
      if (reply !== null) this.#silences.delete(rpc)
      const isTaken = reply !== null && reply.blocks.length > 0 && isAccepted(reply)
      // block by block a log may take days
      const isSlow = performance.now() - askedAt > SLOW_MS && isPart(request, reply)
      if (isTaken && !isSlow) this.#fruitless.delete(rpc)
      else this.#fruitless.set(rpc, this.#fruitlessOf(rpc) + 1)
      if (isTaken) return reply
    }
    return null
  }

  /**
   * Asks all who are there at once; who sends first what is accepted is asked before the others from then on. False where nobody
   * does.
   */
  async find(request: RangeRequest, isAccepted: (reply: RangeReply) => boolean): Promise<boolean> {
    const rpcs = await this.#rpcsOf().catch(() => [])
    const asked = rpcs.filter((one) => this.#isAsked(one))
    const replies = asked.map(async (rpc) => {
      this.#fruitless.set(rpc, this.#fruitlessOf(rpc) + 1)
      const reply = await this.#askOne(rpc, request)
      if (reply === null || !isAccepted(reply)) throw new Error('nothing has come')
      this.#fruitless.delete(rpc)
    })
    return Promise.any(replies).then(
      () => true,
      () => false
    )
  }

  #fruitlessOf(rpc: Rpc): number {
    return this.#fruitless.get(rpc) ?? 0
  }

  #silence(rpc: Rpc): void {
    const silences = (this.#silences.get(rpc) ?? 0) + 1
    this.#silences.set(rpc, silences)
    this.#silentUntil.set(rpc, performance.now() + restMs(SILENT_MS, silences))
  }

  #isAsked(rpc: Rpc): boolean {
    if (rpc.closed || this.#older.has(rpc)) return false
    return performance.now() >= (this.#silentUntil.get(rpc) ?? 0)
  }

  async #askOne(rpc: Rpc, request: RangeRequest): Promise<RangeReply | null> {
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
    this.#silence(rpc)
    return null
  }

  /** After how long it is worth asking again, ms; null where it is not. */
  #waitOf(error: unknown, rpc: Rpc): number | null {
    const code = error instanceof MivmError ? error.code : 'INTERNAL'
    const after = error instanceof MivmError ? error.retryAfter : null
    if (code === 'QUOTA_EXCEEDED') return Math.min(after ?? 0, REPLY_MS)
    if (code === 'REQUEST_INVALID') this.#older.add(rpc)
    if (code === 'TIMEOUT') this.#silence(rpc)
    return null
  }
}

/** Whether there was much more to send. */
function isPart({ start, length, blocks: most }: RangeRequest, reply: RangeReply | null): boolean {
  const { blocks } = reply ?? { blocks: [] }
  const bytes = blocks.reduce((sum, { byteLength }) => sum + byteLength, 0)
  return blocks.length < Math.min(most, length - start) && bytes < SLOW_BYTES
}
