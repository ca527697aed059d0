import type Hypercore from 'hypercore'
import type { Head } from '../protocol/head.ts'
import type { Tree } from '../protocol/merkle.ts'
import type { RangeReply, RangeRequest } from '../protocol/messages.ts'
import { RANGE_BLOCKS_MAX } from '../protocol/messages.ts'
import { type ProvenRange, proveRange } from '../protocol/range.ts'
import { putBlocks } from '../state/blocks.ts'
import type { News } from './news.ts'

/** Asks somebody for many blocks at once; null where nobody sends them so. It never rejects. */
export type AskRange = (request: RangeRequest) => Promise<RangeReply | null>

/** Blocks that are proven, with the leaves of the tree over them. */
export type Proven = Pick<ProvenRange, 'blocks' | 'leaves'>

export interface FeedOptions {
  /** Blocks that are asked for at once; as many as there may be by default. */
  readonly blocks?: number
  /** Whether the next ones are asked for while these are looked at. */
  readonly ahead?: boolean
}

/**
 * Blocks of a log by the thousand, from somebody who sends them so. Hypercore asks for each block, looks for its proof, sends
 * it and writes it down by itself, which takes five times as long as auditing it. What comes is proven before it is
 * given out or written down: who sends anything else is not asked again for this log. Where nobody sends it so, it is
 * downloaded by Hypercore.
 */
export class Feed {
  readonly #ask: AskRange
  readonly #core: Hypercore
  readonly #news: News | null
  readonly #blocks: number
  readonly #isAhead: boolean
  #coming: { readonly request: RangeRequest; readonly reply: Promise<RangeReply | null> } | null =
    null
  #isTrusted = true

  constructor(
    ask: AskRange,
    core: Hypercore,
    news: News | null,
    { blocks = RANGE_BLOCKS_MAX, ahead = false }: FeedOptions = {}
  ) {
    this.#ask = ask
    this.#core = core
    this.#news = news
    this.#blocks = blocks
    this.#isAhead = ahead
  }

  /** Blocks behind a tree that is proven, under a head; they are on disk then. Null where there are none to be had so. */
  async next(tree: Tree, head: Head): Promise<Proven | null> {
    const range = await this.#next(tree, head)
    if (range === null) this.#news?.download(this.#core)
    else this.#news?.leave(this.#core)
    return range
  }

  async #next(tree: Tree, head: Head): Promise<Proven | null> {
    const { length: start } = tree
    const reply = this.#isTrusted ? await this.#receive(start, head.length) : null
    if (reply === null || reply.blocks.length === 0) return null
    const range = reply.blocks.length <= this.#blocks ? proveRange(tree, reply, head) : null
    if (range === null) {
      this.#isTrusted = false
      return null
    }
    const { blocks, nodes } = range
    return (await putBlocks(this.#core, head.fork, start, blocks, nodes)) ? range : null
  }

  async #receive(start: number, length: number): Promise<RangeReply | null> {
    const coming = this.#coming
    this.#coming = null
    const isIt = coming?.request.start === start && coming.request.length === length
    const reply = await (isIt ? coming.reply : this.#request(start, length).reply)
    const next = start + (reply?.blocks.length ?? 0)
    if (this.#isAhead && next > start && next < length) this.#coming = this.#request(next, length)
    return reply
  }

  #request(start: number, length: number) {
    const request = { key: this.#core.key, start, length, blocks: this.#blocks }
    return { request, reply: this.#ask(request) }
  }
}
