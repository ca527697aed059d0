// Histories of a host that makes of its users' logs what it likes, batch by batch, and signs it as it should be.
import b4a from 'b4a'
import type Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import {
  type Commit,
  decodeEntry,
  encodeEntry,
  encodeUserEntry,
  readUserEntry,
  type UserHead
} from '../src/protocol/entries.ts'
import { type Head, signHead } from '../src/protocol/head.ts'
import { encodeResult, MALFORMED } from '../src/vm/record.ts'
import type { Step } from '../src/vm/vm.ts'
import { blocksOf, openStore, signBlocks, type User, type Writer } from './audit-writer.ts'
import type { Teardown } from './helpers.ts'
import type { Random } from './random.ts'

type Block = Uint8Array

/** Nothing is executed: what is judged here are acks, heads and commits. */
const ABORT: Step = {
  outcome: { status: 'abort', error: { name: 'MivmError', message: '', code: 'ABORT_TIME' } },
  writes: [],
  fuel: 0
}

/** A user whose log grows, and what the host has made of it. */
interface Caller {
  readonly user: User
  readonly blocks: Block[]
  acked: number
  lastAck: number
}

/** How often the host and the users do what they should not. */
interface Manners {
  readonly entry: number
  readonly head: number
  readonly bytes: number
  readonly lies: number
}

/** A deployment, and what comes behind it. */
export class Batches {
  readonly #writer: Writer
  readonly #random: Random
  readonly #manners: Manners
  readonly #callers: readonly Caller[]
  readonly #commit: Commit
  readonly call: Block[]
  readonly what: string[] = []
  #seq = 1

  private constructor(writer: Writer, random: Random, call: Block[], logs: readonly Block[][]) {
    this.#writer = writer
    this.#random = random
    this.#manners = {
      entry: random.pick([0, 0.1, 0.3]),
      head: random.pick([0, 0.1, 0.4]),
      bytes: random.pick([0, 0.1]),
      lies: random.pick([0, 0, 0.3])
    }
    this.call = call
    const commit = decodeEntry(call.at(-1) ?? EMPTY)
    if (commit.type !== 'commit') throw new Error('a deployment ends with its commit')
    this.#commit = commit
    this.#callers = writer.users.map((user, i) => {
      const blocks = [...(logs[i] ?? [])]
      return { user, blocks, acked: blocks.length, lastAck: blocks.length > 0 ? 2 : 0 }
    })
  }

  /** The writer has deployed, and done nothing else. */
  static async tell(writer: Writer, random: Random): Promise<Batches> {
    const logs = await Promise.all(writer.users.map(({ core }) => blocksOf(core)))
    const told = new Batches(writer, random, await blocksOf(writer.log), logs)
    const batches = 1 + random.below(5)
    for (let i = 1; i <= batches; i++) {
      for (const caller of told.#callers) told.#write(caller)
      told.#batch(i === batches && random.chance(0.4))
    }
    return told
  }

  /** A store with all of it, in which users show less, or another log, at times. */
  async store(t: Teardown): Promise<Corestore> {
    const { log, files, content, keyPair } = this.#writer
    const store = await openStore(t)
    const logs = [
      { core: log, keyPair, blocks: this.call },
      { core: files, keyPair, blocks: await blocksOf(files) },
      { core: content, keyPair, blocks: await blocksOf(content) },
      ...this.#callers.map(({ user, blocks }) => ({ ...user, blocks: this.#shown(blocks) }))
    ]
    for (const { core, keyPair: pair, blocks } of logs) {
      if (core.manifest === null) throw new Error('the core has a manifest')
      await store.get({ manifest: core.manifest, keyPair: pair }).append([...blocks])
    }
    return store
  }

  /** Some entries: calls, acks and what is neither. */
  #write({ blocks }: Caller): void {
    const random = this.#random
    for (let n = random.below(4); n > 0; n--) {
      const head = random.chance(0.5) ? this.#head() : null
      const kind = random.below(5)
      if (kind < 3) blocks.push(encodeUserEntry({ type: 'call', method: 'm', args: '[]', head }))
      else if (kind === 3 && head !== null)
        blocks.push(encodeUserEntry({ type: 'ack', answers: [], head }))
      else blocks.push(NONSENSE)
    }
  }

  /** A head of the call log as it is, or one that it has never had. */
  #head(): Head {
    const random = this.#random
    if (!random.chance(this.#manners.lies)) return this.#sign(signed(this.#writer, this.call))
    const length = 1 + random.below(this.call.length + 12)
    const isTrue = length <= this.call.length && random.chance(0.5)
    const own = isTrue ? signed(this.#writer, this.call.slice(0, length)).treeHash : null
    return this.#sign({ length, treeHash: own ?? random.bytes(32) }, random.chance(0.1) ? 1 : 0)
  }

  #sign({ length, treeHash }: Pick<Head, 'length' | 'treeHash'>, fork = 0): Head {
    const { keyPair, address } = this.#writer
    return signHead({ length, fork, treeHash }, address, (message) =>
      crypto.sign(message, keyPair.secretKey)
    )
  }

  #batch(isTail: boolean): void {
    const random = this.#random
    const entries = new Map<Caller, number>()
    for (let n = 1 + random.below(3); n > 0; n--) {
      const caller = random.pick(this.#callers as [Caller, Caller])
      const entry = this.#ack(caller)
      if (entry > 0) entries.set(caller, Math.max(entries.get(caller) ?? 0, entry))
    }
    if (entries.size === 0) return
    if (isTail) {
      this.what.push('tail')
      // the last call may have no result
      if (random.chance(0.3)) this.call.pop()
      return
    }
    const heads = [...entries].map(([caller, entry]) => this.#userHead(caller, entry))
    this.call.push(encodeEntry({ ...this.#commit, heads }))
  }

  /** The entry that has an ack now; 0 where there is none. */
  #ack(caller: Caller): number {
    const random = this.#random
    const { blocks, user, lastAck } = caller
    const { entry: often, bytes } = this.#manners
    let entry = caller.acked + 1
    while (readUserEntry(blocks[entry - 1] ?? EMPTY)?.type === 'ack') entry++
    if (random.chance(often)) entry = 1 + random.below(blocks.length + 4)
    if (entry > blocks.length && !random.chance(often)) return 0
    const other = blocks[random.below(blocks.length)] ?? EMPTY
    const own = blocks[entry - 1] ?? NONSENSE
    const call = random.chance(bytes) ? random.pick([EMPTY, other]) : own
    const ack = this.call.length
    const seq = ++this.#seq
    const time = this.#writer.time + seq
    const key = user.keyPair.publicKey
    this.call.push(
      encodeEntry({ type: 'ack', seq, user: key, entry, call, time, previous: lastAck })
    )
    this.call.push(encodeResult(ack, readUserEntry(call)?.type === 'call' ? ABORT : MALFORMED))
    caller.lastAck = ack
    caller.acked = Math.max(caller.acked, entry)
    this.what.push(`ack ${ack} of entry ${entry} of ${this.#callers.indexOf(caller)}`)
    return entry
  }

  /** One that covers what is executed, or not. */
  #userHead({ user, blocks }: Caller, entry: number): UserHead {
    const random = this.#random
    const often = this.#manners.head
    const all = Math.max(1, blocks.length)
    let length = random.chance(0.4) ? all : Math.min(all, entry + random.below(2))
    if (random.chance(often)) length = 1 + random.below(all)
    const covered = blocks.length === 0 ? [NONSENSE] : blocks.slice(0, length)
    if (random.chance(often / 4)) covered[covered.length - 1] = b4a.from('another')
    this.what.push(`head ${covered.length}`)
    return signBlocks(this.#writer, user.keyPair, covered)
  }

  #shown(blocks: readonly Block[]): readonly Block[] {
    const random = this.#random
    if (random.chance(0.1)) return blocks.slice(0, random.below(blocks.length + 1))
    if (!random.chance(0.1) || blocks.length === 0) return blocks
    return blocks.with(random.below(blocks.length), b4a.from('something else'))
  }
}

/** Length and tree hash of these blocks. */
function signed(writer: Writer, blocks: readonly Block[]): UserHead {
  return signBlocks(writer, writer.keyPair, blocks)
}

const EMPTY: Block = new Uint8Array()
const NONSENSE: Block = b4a.from('nothing of ours')
