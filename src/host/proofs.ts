import { setImmediate as turn } from 'node:timers/promises'
import { Mutex } from '../net/mutex.ts'
import { decodeEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import type { UserBlocks } from '../protocol/messages.ts'
import { createProof, type Proof, type ProofRequest } from '../protocol/proof.ts'
import type { Accounts, Answered } from './accounts.ts'
import type { Ledger } from './ledger.ts'
import { Marks } from './marks.ts'
import { damaged, readEntry } from './stand.ts'

/** Bytes of blocks that one proof carries at most; a caller asks again for the rest. */
const PROOF_BYTES_MAX = 4 * 1024 * 1024

/** Blocks of a user's log that are read at once for who takes it back: all of an instance, its commits too, wait for them. */
const TAKEN_AT_ONCE = 256

/**
 * Entries whose results are proven at once, each of which stops the process for some 20 µs; a caller asks again for the rest, and
 * sends fewer by itself.
 */
const ENTRIES_MAX = 1_024

/** Whose results are to be proven, and where the proof may begin. */
export interface ResultsAsked {
  readonly user: Uint8Array
  /** Numbers of entries in the user's log, both included. */
  readonly from: number
  readonly to: number
  /** A length that the user has a verified head of; default 0. */
  readonly through?: number
  /** Whether the proof can begin there; else, and for results further back, it begins at 0 with a boundary there. */
  readonly anchored?: boolean
}

/** What an instance says of calls that have their results: where those are in the call log, and the proof of it. */
export class Proofs {
  readonly #ledger: Ledger
  readonly #accounts: Accounts
  readonly #marks = new Marks()
  /** Parts of users' logs are read one at a time: of so many as there are connections each call would wait for all. */
  readonly #taking = new Mutex()

  constructor(ledger: Ledger, accounts: Accounts) {
    this.#ledger = ledger
    this.#accounts = accounts
  }

  /** The newest head of the call log that is on disk. */
  get head(): Head {
    const { head } = this.#ledger
    if (head === null) throw new MivmError('INTERNAL', 'an instance without a head')
    return head
  }

  /** Proves acks and results under the newest head, as many as fit. The head is the one at the moment of the call. */
  async prove({ user, from, to, through = 0, anchored = false }: ResultsAsked): Promise<Proof> {
    const { tail } = this.#ledger
    const head = this.head
    const last = Math.min(to, from + ENTRIES_MAX - 1)
    const blocks: { index: number; block: Uint8Array }[] = []
    let bytes = 0
    for (const { ack, result } of await this.#answers(user, from, last)) {
      if (bytes > PROOF_BYTES_MAX) break
      for (const index of [ack, result]) {
        const block = await tail.block(index)
        bytes += block.byteLength
        blocks.push({ index, block })
      }
    }
    const lowest = blocks[0]?.index ?? head.length
    const start = anchored && lowest >= through ? through : 0
    return this.#create({ start, head, blocks, through })
  }

  /** The proof, from block 0, that the newest head extends the log as it was at these lengths. */
  consistency(lengths: readonly number[]): Promise<Proof> {
    return this.#create({ start: 0, head: this.head, blocks: [], through: lengths })
  }

  /** What a user has to take back whose own log ends at `start`: anybody can ask for that, as often as it likes. */
  async takeBack(key: Uint8Array, start: number): Promise<UserBlocks> {
    const blocks: Uint8Array[] = []
    let left = PROOF_BYTES_MAX
    for (;;) {
      const part = await this.#taking.run(() =>
        this.#ledger.withUser(key, (user) => user.since(start + blocks.length, TAKEN_AT_ONCE, left))
      )
      for (const block of part.blocks) {
        blocks.push(block)
        left -= block.byteLength
      }
      if (part.head !== null || left <= 0) return { ...part, start, blocks }
      // what is in memory is read without anybody else having a turn
      await turn()
    }
  }

  #create(request: Omit<ProofRequest, 'readBlock'>): Promise<Proof> {
    const { tail } = this.#ledger
    return createProof({ ...request, readBlock: (index) => tail.block(index) }, tail.node)
  }

  /** Where acks and results of a user's entries are, in order: from memory, else along the acks' chain. */
  async #answers(key: Uint8Array, from: number, to: number): Promise<Answered[]> {
    if (to === 0) return []
    const id = encodeId(key)
    const position = await this.#ledger.position(key)
    const lately = this.#accounts.lately(id, from, to)
    if (lately !== null) return lately
    const found: Answered[] = []
    let later: number | null = null
    for (let index = this.#marks.before(id, to, position); index > 0; ) {
      const { entry, previous } = await readEntry(this.#ledger, index, 'ack')
      if (later !== null) this.#marks.pass(id, later, entry, index)
      if (entry < from) break
      if (entry <= to) found.push({ entry, ack: index, result: await this.#resultOf(index) })
      later = entry
      index = previous
    }
    return found.reverse()
  }

  async #resultOf(ack: number): Promise<number> {
    for (let index = ack + 1; index < this.#ledger.tail.length; index++) {
      if (decodeEntry(await this.#ledger.tail.block(index)).type === 'result') return index
    }
    throw damaged(`the result of block ${ack}`)
  }
}
