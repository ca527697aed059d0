import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto, { type KeyPair } from 'hypercore-crypto'
import { decodeUserEntry, encodeUserEntry, type UserLogEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { type Head, hasSignatureForm, signHead, verifyHead } from '../protocol/head.ts'
import { userLogManifest } from '../protocol/manifest.ts'
import { Tree } from '../protocol/merkle.ts'
import type { RangeReply, UserBlocks } from '../protocol/messages.ts'
import { proveRange } from '../protocol/range.ts'
import { headOf, isSignatureError, treeHashAt } from '../state/head.ts'
import { storageError } from '../state/storage-error.ts'
import type { Wal } from '../state/wal.ts'

/** What a log says about itself when it is opened. */
export interface Recap {
  /** The newest head of the call log that the log records. */
  readonly head: Head | null
  /** Numbers of the entries with calls that are not answered: all calls after the last one that is. */
  readonly open: readonly number[]
}

/** Name of a note beside the log, local. */
const BEHIND = 'behind'

/** Blocks that are sent without reading them back, and their bytes: some more than what is under way. */
const RECENT_MAX = 1024
const RECENT_BYTES_MAX = 8 * 1024 * 1024

/** The user's own log for one instance: on disk before any of it is sent. */
export class OwnLog {
  readonly user: Uint8Array
  readonly #core: Hypercore
  readonly #keyPair: KeyPair
  readonly #wal: Wal
  /** The newest blocks by number of entry: they are about to be sent. */
  readonly #recent = new Map<number, Uint8Array>()
  #recentBytes = 0
  #durable: number
  #isBehind: boolean

  private constructor(core: Hypercore, keyPair: KeyPair, wal: Wal, isBehind: boolean) {
    this.user = keyPair.publicKey
    this.#core = core
    this.#keyPair = keyPair
    this.#wal = wal
    this.#durable = core.length
    this.#isBehind = isBehind
  }

  static async open(
    store: Corestore,
    wal: Wal,
    keyPair: KeyPair,
    address: Uint8Array
  ): Promise<OwnLog> {
    const manifest = userLogManifest(keyPair.publicKey, address)
    const core = store.get({
      manifest,
      keyPair,
      // A longer copy elsewhere comes back by takeBack, not by replication behind a write of ours.
      pushOnly: true,
      allowFork: false
    })
    await core.ready()
    return new OwnLog(core, keyPair, wal, (await core.getUserData(BEHIND)) !== null)
  }

  /** Of the log. */
  get key(): Uint8Array {
    return this.#core.key
  }

  get length(): number {
    return this.#core.length
  }

  /** How much of the log is on disk: no more than that may be sent. */
  get durable(): number {
    return this.#durable
  }

  /** Whether the host was found to hold more of it, which was not all taken back: nothing may be written behind a part. */
  get isBehind(): boolean {
    return this.#isBehind
  }

  /** Notes that down, on disk: the process may end before all has come, and the host be away when it is started again. */
  async setBehind(isBehind: boolean): Promise<void> {
    if (this.#isBehind === isBehind) return
    this.#isBehind = isBehind
    await this.#write(() => this.#core.setUserData(BEHIND, isBehind ? b4a.from([1]) : null))
  }

  /** Appends entries and syncs them. */
  async append(entries: readonly UserLogEntry[]): Promise<void> {
    const blocks = entries.map(encodeUserEntry)
    for (const [i, block] of blocks.entries()) {
      this.#recent.set(this.length + i + 1, block)
      this.#recentBytes += block.byteLength
    }
    await this.#write(() => this.#core.append(blocks))
    const { length } = this.#core
    this.#durable = length
    for (const [entry, block] of this.#recent) {
      if (entry > length - RECENT_MAX && this.#recentBytes <= RECENT_BYTES_MAX) break
      this.#recent.delete(entry)
      this.#recentBytes -= block.byteLength
    }
  }

  /** An entry that was written lately, without reading it; undefined for any other. */
  recent(entry: number): Uint8Array | undefined {
    return this.#recent.get(entry)
  }

  async block(entry: number): Promise<Uint8Array> {
    const block = this.#recent.get(entry) ?? (await this.#core.get(entry - 1, { wait: false }))
    if (block !== null) return block
    throw new MivmError(
      'DIRECTORY_DAMAGED',
      `entry ${entry} of your log cannot be read: restore the data directory from a backup`
    )
  }

  /** Blocks from `start` on, at most `count` of them and about `bytes`, with the head at their end. */
  async blocks(start: number, count: number, bytes: number): Promise<UserBlocks> {
    const blocks: Uint8Array[] = []
    let size = 0
    while (start + blocks.length < this.#durable && blocks.length < count && size < bytes) {
      const block = await this.block(start + blocks.length + 1)
      blocks.push(block)
      size += block.byteLength
    }
    const end = start + blocks.length
    return { user: this.user, start, blocks, head: end === 0 ? null : await this.#headAt(end) }
  }

  /** Takes the end of the log back from a host that has more of it; what comes is checked to be signed by this user. */
  async takeBack({ start, blocks, head }: UserBlocks): Promise<void> {
    const fits =
      head !== null &&
      start === this.length &&
      head.length === start + blocks.length &&
      hasSignatureForm(head)
    if (!fits) throw anotherPart()
    await this.#write(() => this.#core.append([...blocks], { signature: head.signature }))
    this.#durable = this.length
  }

  /** Whether this user has signed a head of this log. */
  isSigned(head: Head): boolean {
    return head.fork === 0 && verifyHead(head, this.key, this.user)
  }

  /**
   * Goes on with blocks that a host has sent, if they lie under a head that this user has signed: what is here is the
   * beginning of that log then, and may be signed again. Throws REQUEST_INVALID, USER_LOG_FORKED.
   */
  async extend(range: RangeReply, head: Head): Promise<void> {
    const tree = new Tree(this.#core.state.roots)
    if (proveRange(tree, range, head) === null) throw anotherPart()
    await this.#write(() => this.#core.append([...range.blocks]))
    this.#durable = this.length
  }

  /** Reads back as far as the last call that is answered: calls may lie between it and the ack that says so. */
  async recap(): Promise<Recap> {
    const open: number[] = []
    let head: Head | null = null
    let answered = 0
    for (let number = this.length; number > answered; number--) {
      const entry = decodeUserEntry(await this.block(number))
      head ??= entry.head
      if (entry.type === 'call') open.push(number)
      else answered = Math.max(answered, ...entry.answers.map((answer) => answer.entry))
    }
    return { head, open: open.reverse() }
  }

  /** The newest heads of the call log that the log records, each of another length, all shorter than `length`. */
  async heads(count: number, length: number): Promise<Head[]> {
    const heads = new Map<number, Head>()
    for (let number = this.length; number > 0 && heads.size < count; number--) {
      const { head } = decodeUserEntry(await this.block(number))
      if (head !== null && head.length < length) heads.set(head.length, head)
    }
    return [...heads.values()]
  }

  async close(): Promise<void> {
    await this.#core.close()
  }

  /** Runs something that writes, and syncs it. Throws STORAGE_FULL, STORAGE_FAILED, USER_LOG_FORKED. */
  async #write(fn: () => Promise<unknown>): Promise<void> {
    let written = false
    try {
      await fn()
      written = true
      await this.#wal.sync(this)
    } catch (error) {
      if (isSignatureError(error)) {
        throw new MivmError(
          'USER_LOG_FORKED',
          'the host holds another log of yours than this machine: use an identity on one machine at a time, or make a new one',
          { cause: error }
        )
      }
      throw await storageError(error, this.#wal.dir, {
        disk: 'the disk of this machine',
        advice: written
          ? 'nobody knows whether the call is written; start again, and look into your log before you call again'
          : 'the call is not written; make room, and start again'
      })
    }
  }

  /** The same head that was signed when the log had this length: Ed25519 signatures are deterministic. */
  async #headAt(length: number): Promise<Head> {
    const newest = headOf(this.#core)
    if (newest?.length === length) return newest
    const treeHash = await treeHashAt(this.#core, length)
    return signHead({ length, fork: 0, treeHash: b4a.from(treeHash) }, this.#core.key, (message) =>
      crypto.sign(message, this.#keyPair.secretKey)
    )
  }
}

/** For a part of the log that does not go on from what is here. */
export function anotherPart(): MivmError {
  return new MivmError('REQUEST_INVALID', 'the host sent another part of your log than asked for')
}
