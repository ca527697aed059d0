// Random changes of an honest history, each signed anew by whose log it is.
import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto, { type KeyPair } from 'hypercore-crypto'
import {
  type CallLogEntry,
  decodeEntry,
  encodeEntry,
  encodeUserEntry,
  readUserEntry,
  type UserHead
} from '../../src/protocol/entries.ts'
import { MivmError } from '../../src/protocol/errors.ts'
import { type Head, signHead } from '../../src/protocol/head.ts'
import { blocksOf, openStore, signBlocks, type Writer } from '../audit-writer.ts'
import type { Teardown } from '../helpers.ts'
import type { Random } from '../random.ts'

type Block = Uint8Array

type Rest = readonly (readonly [Hypercore, readonly Block[]])[]

/** The logs of an instance as what is in them. */
export interface Logs {
  call: Block[]
  users: Block[][]
}

export class Mutator {
  readonly #writer: Writer
  readonly #random: Random
  readonly #honest: Logs
  readonly #rest: Rest

  private constructor(writer: Writer, random: Random, honest: Logs, rest: Rest) {
    this.#writer = writer
    this.#random = random
    this.#honest = honest
    this.#rest = rest
  }

  static async of(writer: Writer, random: Random): Promise<Mutator> {
    const { log, users, files, content } = writer
    const honest = {
      call: await blocksOf(log),
      users: await Promise.all(users.map(({ core }) => blocksOf(core)))
    }
    const rest = [files, content].map(async (core) => [core, await blocksOf(core)] as const)
    return new Mutator(writer, random, honest, await Promise.all(rest))
  }

  /** The history as it was. */
  honest(): Logs {
    return { call: [...this.#honest.call], users: this.#honest.users.map((log) => [...log]) }
  }

  /** Another history, and what was changed. */
  next(): { logs: Logs; what: string } {
    const logs = this.honest()
    const done: string[] = []
    for (let i = this.#random.below(3); i >= 0; i--) {
      done.push(this.#random.chance(0.7) ? this.#changeCalls(logs) : this.#changeUser(logs))
    }
    if (this.#random.chance(0.5)) {
      this.#repair(logs)
      done.push('repair')
    }
    return { logs, what: done.join(', ') }
  }

  /** A store that holds these logs, and the archive as it was. */
  async store(t: Teardown, logs: Logs): Promise<Corestore> {
    const { log, users, keyPair } = this.#writer
    const store = await openStore(t)
    const cores: [Hypercore, KeyPair, readonly Block[]][] = [[log, keyPair, logs.call]]
    for (const [i, user] of users.entries()) {
      cores.push([user.core, user.keyPair, logs.users[i] ?? []])
    }
    for (const [core, blocks] of this.#rest) cores.push([core, keyPair, blocks])
    for (const [{ manifest }, pair, blocks] of cores) {
      if (manifest === null) throw new Error('the core has a manifest')
      await store.get({ manifest, keyPair: pair }).append([...blocks])
    }
    return store
  }

  #changeCalls({ call }: Logs): string {
    const at = this.#random.below(call.length)
    const other = 1 + this.#random.below(call.length - 1)
    const block = call[at] ?? EMPTY
    const named = `${at}`
    switch (this.#random.below(9)) {
      case 0:
        call[at] = this.#flip(block)
        return `flip ${named}`
      case 1:
        call[at] = call[other] ?? EMPTY
        call[other] = block
        return `swap ${named} ${other}`
      case 2:
        call.splice(at, 1)
        return `drop ${named}`
      case 3:
        call.splice(other, 0, block)
        return `copy ${named} to ${other}`
      case 4:
        call.length = at
        return `cut at ${named}`
      case 5: {
        // a whole call, or a whole batch
        const length = this.#random.below(6)
        const moved = call.splice(at, length)
        const to = this.#random.chance(0.5) ? call.length : Math.min(other, call.length)
        if (this.#random.chance(0.7)) call.splice(to, 0, ...moved)
        return `move ${named} +${length} to ${to}`
      }
      default:
        call[at] = this.#changeField(block, call)
        return `change ${named}`
    }
  }

  #changeUser({ call, users }: Logs): string {
    const user = this.#random.below(users.length)
    const log = users[user] ?? []
    const at = this.#random.below(log.length)
    switch (this.#random.below(7)) {
      case 0:
        log[at] = this.#flip(log[at] ?? EMPTY)
        return `flip ${at} of user ${user}`
      case 1:
        log.splice(at, 1)
        return `drop ${at} of user ${user}`
      case 2:
        log.length = at
        return `cut user ${user} at ${at}`
      case 3:
        log.splice(at, 0, log[this.#random.below(log.length)] ?? EMPTY)
        return `insert at ${at} of user ${user}`
      default: {
        const entry = readUserEntry(log[at] ?? EMPTY)
        const head = this.#head(call)
        log[at] = encodeUserEntry(
          entry === null ? { type: 'ack', answers: [], head } : { ...entry, head }
        )
        return `head of ${head.length} fork ${head.fork} in ${at} of user ${user}`
      }
    }
  }

  /** A head of the call log, true or not. */
  #head(blocks: readonly Block[]): Head {
    const random = this.#random
    const length = random.below(blocks.length + 4)
    const { keyPair, address } = this.#writer
    const fork = random.chance(0.85) ? 0 : 1
    const isTrue = random.chance(0.8)
    const treeHash = isTrue ? this.#treeHash(blocks.slice(0, length)) : random.bytes(32)
    const head = signHead({ length, fork, treeHash }, address, (message) =>
      crypto.sign(message, keyPair.secretKey)
    )
    if (random.chance(0.85)) return head
    return { ...head, signature: random.chance(0.5) ? EMPTY : this.#flip(head.signature) }
  }

  #treeHash(blocks: readonly Block[]): Uint8Array {
    return signBlocks(this.#writer, this.#writer.keyPair, blocks).treeHash
  }

  #flip(block: Block): Block {
    const flipped = b4a.from(block)
    const at = this.#random.below(block.byteLength)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << this.#random.below(8))
    return flipped
  }

  #changeField(block: Block, all: readonly Block[]): Block {
    const entry = read(block)
    if (entry === null) return this.#random.bytes(this.#random.below(9))
    const fields = Object.entries(entry).filter(([name]) => name !== 'type')
    const [name, value] = fields[this.#random.below(fields.length)] ?? ['', null]
    // of the same field of another entry, often
    const others = all.map(read).flatMap((other) => {
      const found = Object.entries(other ?? {}).find(([key]) => key === name)
      return found === undefined ? [] : [found[1]]
    })
    const borrowed = others[this.#random.below(others.length)]
    const changed = this.#random.chance(0.4) ? borrowed : this.#other(value, all)
    try {
      return encodeEntry(Object.assign({ ...entry }, { [name]: changed }))
    } catch {
      return this.#flip(block)
    }
  }

  #other(value: unknown, all: readonly Block[]): unknown {
    const random = this.#random
    if (typeof value === 'number') {
      const numbers = [value + 1, Math.max(0, value - 1), random.below(all.length), random.uint()]
      return numbers[random.below(4)]
    }
    if (Array.isArray(value)) {
      const changed = [value.slice(1), value.toReversed(), [...value, ...value.slice(-1)]]
      return changed[random.below(3)]
    }
    if (value instanceof Uint8Array) {
      return random.chance(0.8) && value.length > 0 ? this.#flip(value) : random.bytes(value.length)
    }
    if (typeof value === 'string' || value === null) {
      const error = { name: 'Error', message: random.text(4), code: null }
      return random.pick([null, 'ok', 'error', 'abort', random.text(4), error])
    }
    const [name = '', field] = Object.entries(value ?? {})[random.below(2)] ?? []
    return { ...Object(value), [name]: this.#other(field, all) }
  }

  /** Makes all numbers and heads right again that whoever changes a log can make right. */
  #repair(logs: Logs): void {
    const entries = logs.call.map(read)
    const lastAck = new Map<string, number>()
    const lengths = new Map<string, number>()
    let batch = new Map<string, number>()
    let [seq, ack, index, time] = [0, 0, 0, 0]
    for (const [at, entry] of entries.entries()) {
      if (entry === null) continue
      let right: CallLogEntry = entry
      if (entry.type === 'ack') {
        const user = hex(entry.user)
        const previous = lastAck.get(user) ?? 0
        lastAck.set(user, at)
        batch.set(user, Math.max(batch.get(user) ?? 0, entry.entry))
        time = Math.max(time, entry.time)
        ack = at
        index = 0
        right = { ...entry, seq: ++seq, previous, time }
      } else if (entry.type === 'oracle-request') right = { ...entry, ack, index }
      else if (entry.type === 'oracle-answer') right = { ...entry, ack, index: index++ }
      else if (entry.type === 'result') right = { ...entry, ack }
      else if (entry.type === 'commit') {
        right = {
          ...entry,
          heads: [...batch].map(([user, to]) => this.#headOf(user, to, lengths, logs))
        }
        batch = new Map()
      }
      logs.call[at] = encodeEntry(right)
    }
  }

  /** The head of a user's log as it is now, of as many entries as are executed, or some more. */
  #headOf(user: string, to: number, lengths: Map<string, number>, { users }: Logs): UserHead {
    const i = this.#writer.users.findIndex(({ keyPair }) => hex(keyPair.publicKey) === user)
    const log = users[i] ?? []
    const more = this.#random.chance(0.5) ? this.#random.below(3) : 0
    const length = Math.max(lengths.get(user) ?? 1, Math.min(log.length, to + more))
    lengths.set(user, length)
    const keyPair = this.#writer.users[i]?.keyPair ?? this.#writer.keyPair
    return signBlocks(this.#writer, keyPair, log.slice(0, length))
  }
}

function read(block: Block): CallLogEntry | null {
  try {
    return decodeEntry(block)
  } catch (error) {
    if (error instanceof MivmError) return null
    throw error
  }
}

function hex(bytes: Uint8Array): string {
  return b4a.toString(bytes, 'hex')
}

const EMPTY: Block = new Uint8Array()
