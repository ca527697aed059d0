import b4a from 'b4a'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import type { UserHead } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { type Head, hasSignatureForm, verifyHead } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { USER_BLOCK_MAX } from '../protocol/limits.ts'
import { userLogKey } from '../protocol/manifest.ts'
import { Tree } from '../protocol/merkle.ts'
import type { UserBlocks } from '../protocol/messages.ts'
import { isSignatureError, treeHashAt } from '../state/head.ts'
import { decodePosition, type Position } from './notes.ts'

/** Entries that take longer to be read and hashed than a signature takes to be looked at. */
const MANY = 64

/** The host's copy of one user's log for one instance, and how far its calls have been executed. */
export class UserLog {
  readonly key: Uint8Array
  readonly id: string
  readonly #core: Hypercore
  readonly #session: Hypercore
  #position: Position
  /** When the user has last written something, as performance.now(). */
  usedAt = performance.now()

  constructor(key: Uint8Array, core: Hypercore, session: Hypercore, position: Uint8Array | null) {
    this.key = key
    this.id = encodeId(key)
    this.#core = core
    this.#session = session
    this.#position = decodePosition(position)
  }

  get length(): number {
    return this.#session.length
  }

  get position(): Position {
    return this.#position
  }

  advance(position: Position): void {
    this.#position = position
  }

  /** What the user has signed of this log, as the next flush puts it on disk. */
  head(): UserHead {
    const { length, roots, signature } = this.#session.state
    if (signature === null) throw new MivmError('INTERNAL', 'a log without a signature')
    return { length, treeHash: crypto.tree(roots), signature }
  }

  async block(index: number): Promise<Uint8Array> {
    const block = await this.#session.get(index, { wait: false })
    if (block !== null) return block
    throw new MivmError(
      'INSTANCE_DAMAGED',
      `block ${index} of the log of ${this.id} cannot be read: restore the data directory from a backup`
    )
  }

  /**
   * Takes in what the user has written since; nothing, where blocks between are missing or known already. Throws
   * USER_LOG_FORKED where the two do not agree.
   */
  async extend({ start, blocks, head }: UserBlocks): Promise<void> {
    this.usedAt = performance.now()
    if (head === null) {
      if (blocks.length > 0)
        throw new MivmError('REQUEST_INVALID', 'blocks of a user log without a head')
      return
    }
    checkForm(start, blocks, head)
    if (start > this.length) return
    if (head.length <= this.length) {
      if (b4a.equals(await treeHashAt(this.#session, head.length), head.treeHash)) return
      throw this.#refusal(head)
    }
    try {
      // checks the signature over the tree that comes of it
      await this.#session.append(blocks.slice(this.length - start), { signature: head.signature })
    } catch (error) {
      if (isSignatureError(error) || !verifyHead(head, this.#core.key, this.key))
        throw this.#refusal(head)
      throw error
    }
  }

  /** What a user takes back who has lost the end of its own log: so many blocks at most, about `bytes`, with the head if that is all. */
  async since(start: number, count: number, bytes: number): Promise<UserBlocks> {
    const head = { ...this.head(), fork: 0 }
    const blocks: Uint8Array[] = []
    let size = 0
    for (let i = start; i < Math.min(head.length, start + count) && size < bytes; i++) {
      const block = await this.block(i)
      blocks.push(block)
      size += block.byteLength
    }
    const isWhole = start + blocks.length >= head.length
    return { user: this.key, start, blocks, head: isWhole ? head : null }
  }

  async close(): Promise<void> {
    await this.#session.close()
    await this.#core.close()
  }

  /** A head that the user has signed and that does not fit is a second history; any other is nobody's. */
  #refusal(head: Head): MivmError {
    return verifyHead(head, this.#core.key, this.key)
      ? new MivmError(
          'USER_LOG_FORKED',
          `the log of ${this.id} was written twice: use an identity on one machine at a time, or make a new one`
        )
      : notSigned()
  }
}

/**
 * Throws REQUEST_INVALID where a large part of a log has a head that its user has not signed, without looking at what it is of. Of
 * a few entries that is done with them.
 */
export function checkSigned({ user, blocks, head }: UserBlocks, address: Uint8Array): void {
  if (blocks.length < MANY) return
  if (head === null || !verifyHead(head, userLogKey(user, address), user)) throw notSigned()
}

/** Throws REQUEST_INVALID unless a log, from its beginning, is signed by its user for this instance. */
export function checkLog({ user, start, blocks, head }: UserBlocks, address: Uint8Array): void {
  if (head === null || start !== 0) throw notSigned()
  checkForm(start, blocks, head)
  const tree = new Tree()
  for (const block of blocks) tree.append(block)
  const signed =
    b4a.equals(head.treeHash, tree.treeHash()) && verifyHead(head, userLogKey(user, address), user)
  if (!signed) throw notSigned()
}

/** What no copy of a log is made for, whoever has signed it. */
function checkForm(start: number, blocks: readonly Uint8Array[], head: Head): void {
  if (blocks.some((block) => block.byteLength > USER_BLOCK_MAX)) {
    throw new MivmError(
      'REQUEST_INVALID',
      `an entry of the user log is over the ${USER_BLOCK_MAX} bytes that it may have: send less in one call`
    )
  }
  if (head.length !== start + blocks.length || head.fork !== 0) {
    throw new MivmError('REQUEST_INVALID', 'the head of the user log is not that of the blocks')
  }
  // Hypercore takes a signature in other forms too: no auditor would, and the host's copy would count for nothing
  if (!hasSignatureForm(head)) throw notSigned()
}

function notSigned(): MivmError {
  return new MivmError('REQUEST_INVALID', 'the blocks of the user log are not signed by its user')
}
