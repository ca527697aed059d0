import {
  type Commit,
  decodeEntry,
  readEntry,
  type UserHead,
  type Version
} from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { encodeId } from '../protocol/ids.ts'

/** What a call log says of one of its users, as its newest commit with calls of theirs left it. */
export interface WalkedUser {
  readonly key: Uint8Array
  /** The last entry with a result, and the block of its ack. */
  readonly entry: number
  readonly ack: number
  /** Of the user's log, as the host held it then. */
  readonly head: UserHead
}

interface Acked {
  readonly key: Uint8Array
  readonly entry: number
  readonly ack: number
}

/** Walks a call log, block by block, and notes what goes with it: the archive and the users' logs that commits name. */
export class Walk {
  readonly users = new Map<string, WalkedUser>()
  #next = 0
  #commit: { readonly archive: Version; readonly blobs: Version } | null = null
  #committed = 0
  /** Calls that no commit covers yet, by user in the order of their first acks. */
  #open = new Map<string, Acked>()

  /** Number of blocks that were walked. */
  get length(): number {
    return this.#next
  }

  /** Number of blocks up to and with the newest commit. */
  get committed(): number {
    return this.#committed
  }

  /** The archive as the newest commit left it; null before the first. */
  get commit(): { readonly archive: Version; readonly blobs: Version } | null {
    return this.#commit
  }

  /** Calls that are acknowledged, and whose commit is still to come. */
  get open(): readonly Acked[] {
    return [...this.#open.values()]
  }

  /** Takes the next block; throws ENTRY_MALFORMED, ENTRY_VERSION. Returns the users whose heads it names. */
  visit(block: Uint8Array): readonly WalkedUser[] {
    // genesis says which version all of it has
    const entry = this.#next === 0 ? decodeEntry(block) : readEntry(block)
    if (entry === null) throw malformed(`block ${this.#next} of the call log is no entry of it`)
    const index = this.#next++
    if (entry.type === 'ack') {
      this.#open.set(encodeId(entry.user), { key: entry.user, entry: entry.entry, ack: index })
    }
    return entry.type === 'commit' ? this.#close(entry, index) : []
  }

  #close({ archive, blobs, heads }: Commit, index: number): readonly WalkedUser[] {
    const acked = [...this.#open]
    if (acked.length !== heads.length) {
      throw malformed(`the commit in block ${index} does not name the heads of its users`)
    }
    const named: WalkedUser[] = []
    for (const [i, head] of heads.entries()) {
      const [id, of] = acked[i] ?? []
      if (id === undefined || of === undefined) continue
      const user = { ...of, head }
      this.users.set(id, user)
      named.push(user)
    }
    this.#commit = { archive, blobs }
    this.#committed = index + 1
    this.#open = new Map()
    return named
  }
}

function malformed(what: string): MivmError {
  return new MivmError('ENTRY_MALFORMED', `${what}: audit the instance`)
}
