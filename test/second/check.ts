// The structural part of an audit, everything but replay, over logs that are all there: FORMAT.md, 17.
import { equal, hex } from './bytes.ts'
import { type Ack, CallLogWalk, type Finding, isSame } from './call-log.ts'
import { type Head, type Read, readUserEntry, type UserEntry } from './entries.ts'
import { archiveLogs, type Core, holds, treeHashes, userLog } from './logs.ts'

export interface Log {
  readonly blocks: readonly Uint8Array[]
  readonly head: Head
}

export interface UserCopy extends Log {
  readonly user: Uint8Array
}

export interface History {
  /** The key of the call log, and who signs it. */
  readonly core: Core
  /** From the manifest of the call log, with the signer. */
  readonly prologue: Uint8Array
  readonly log: Log
  readonly users: readonly UserCopy[]
  /** Heads of the logs of the archive, where they were met. */
  readonly archive: Head | null
  readonly blobs: Head | null
  /** Whether the host itself shows all this. */
  readonly shownByHost: boolean
}

export interface Report {
  readonly verdict: 'clean' | 'violation' | 'inconclusive'
  readonly findings: readonly Finding[]
  /** What could not be checked. */
  readonly gaps: readonly string[]
}

export function check(history: History): Report {
  const { findings, gaps } = new Checker(history)
  const verdict = findings.length > 0 ? 'violation' : gaps.length > 0 ? 'inconclusive' : 'clean'
  return { verdict, findings, gaps }
}

/** What a copy of a user's log is good for. */
interface Witness {
  readonly copy: UserCopy | null
  readonly entries: readonly Read<UserEntry>[]
  /** How many of its entries are those that the host has seen. */
  readonly trusted: number
  readonly disputed: boolean
}

class Checker {
  readonly findings: Finding[] = []
  readonly gaps: string[] = []
  readonly #history: History
  readonly #hashes: readonly Uint8Array[]
  /** The longest head that goes beyond the call log, and of those in entries that the host has seen. */
  #beyond = 0
  #seenBeyond = { length: 0, block: 0 }

  constructor(history: History) {
    const { log, core, prologue } = history
    this.#history = history
    this.#hashes = treeHashes(log.blocks)
    const isHere = equal(this.#hashes[1] ?? NONE, prologue)
    if (isHere && isProven(log, this.#hashes, core)) this.#check()
    else this.gaps.push('the call log is not proven')
  }

  #check(): void {
    const { log, users, core } = this.#history
    if (log.head.fork !== 0) this.#find('R1', log.blocks.length - 1, 'call log')
    const walk = new CallLogWalk(core, log.blocks)
    this.findings.push(...walk.findings)
    this.gaps.push(...walk.gaps)
    const copies = new Map(users.map((copy) => [hex(copy.user), copy]))
    const acks = Map.groupBy(walk.acks, ({ user }) => hex(user))
    const tail = Map.groupBy(walk.tail, ({ user }) => hex(user))
    for (const [user, own] of acks) {
      const heads = walk.userHeads.get(user) ?? []
      const witness = this.#witness(copies.get(user), heads)
      const all = [...own, ...(tail.get(user) ?? [])]
      this.#checkAcks(all, witness)
      this.#checkHeads(witness)
      this.#checkAckedHeads(all, witness.disputed && witness.copy !== null)
    }
    // of who has no other calls no head is in a commit
    for (const [user, own] of tail) {
      if (acks.has(user)) continue
      this.#checkAcks(own, NOBODY)
      this.#checkAckedHeads(own, false)
    }
    this.#checkBeyond()
    this.#checkArchive(walk)
  }

  #find(rule: string, block: number, log: Finding['log']): void {
    this.findings.push({ rule, log, block })
  }

  #witness(copy: UserCopy | undefined, heads: readonly Head[]): Witness {
    if (copy === undefined) {
      this.gaps.push('the log of a user is not there')
      return NOBODY
    }
    const hashes = treeHashes(copy.blocks)
    if (!isProven(copy, hashes, userLog(copy.user, this.#history.core.key))) {
      this.gaps.push('the log of a user is not proven')
      return NOBODY
    }
    const entries = copy.blocks.map(readUserEntry)
    // the host had one copy, so that these heads agree; where they do not, the first that is another one ends it
    const other = heads.findIndex(
      ({ length, treeHash }) => !equal(hashes[length] ?? NONE, treeHash)
    )
    const forked = copy.head.fork !== 0
    if (other !== -1 || forked) this.gaps.push('the log of a user is another one, or ends early')
    const same = forked ? [] : heads.slice(0, other === -1 ? undefined : other)
    const trusted = same.at(-1)?.length ?? 0
    const disputed = forked || (heads[other]?.length ?? Infinity) < hashes.length
    return { copy, entries, trusted, disputed }
  }

  /** R8 to R10. */
  #checkAcks(acks: readonly Ack[], { copy, entries, trusted }: Witness): void {
    let done = 0
    let seen = 0
    for (const { entry, call, block } of acks) {
      if (entry <= done) {
        this.#find('R9', block, 'call log')
        continue
      }
      const read = entries.slice(done, Math.min(entry, trusted))
      seen = read.reduce((length, it) => Math.max(length, this.#seenBy(it)), seen)
      if (block < seen) this.#find('R10', block, 'call log')
      if (entry <= trusted) {
        const passed = read.slice(0, -1)
        if (!passed.every(isAck) || isAck(entries[entry - 1])) this.#find('R9', block, 'call log')
        if (!equal(call, copy?.blocks[entry - 1] ?? NONE)) this.#find('R8', block, 'call log')
      }
      done = entry
    }
  }

  /** Length of the call log that whoever wrote this had seen. */
  #seenBy(entry: Read<UserEntry>): number {
    const head = headIn(entry)
    if (head === null || head.fork !== 0 || !holds(head, this.#history.core)) return 0
    return head.length
  }

  /** R16: the heads of the call log in a user's log. */
  #checkHeads({ copy, entries, disputed }: Witness): void {
    for (const [block, entry] of copy === null ? [] : entries.entries()) {
      this.#checkHead(entry, block, disputed)
    }
  }

  /** The same of those in the calls that acks have. */
  #checkAckedHeads(acks: readonly Ack[], disputed: boolean): void {
    for (const { entry, call } of acks) {
      this.#checkHead(readUserEntry(call), Math.max(0, entry - 1), disputed)
    }
  }

  #checkHead(entry: Read<UserEntry>, block: number, disputed: boolean): void {
    const head = headIn(entry)
    if (head === null || !holds(head, this.#history.core)) return
    const own = this.#hashes[head.length]
    const isBeyond = head.fork === 0 && own === undefined
    const agrees = head.fork === 0 && equal(own ?? NONE, head.treeHash)
    if (!isBeyond && !agrees) this.#find('R16', block, 'user log')
    if (!isBeyond) return
    this.#beyond = Math.max(this.#beyond, head.length)
    if (disputed || head.length <= this.#seenBeyond.length) return
    this.#seenBeyond = { length: head.length, block }
  }

  /** R17, for the call log. */
  #checkBeyond(): void {
    if (this.#beyond === 0) return
    const { length, block } = this.#seenBeyond
    if (this.#history.shownByHost && length > 0) this.#find('R17', block, 'user log')
    else this.gaps.push('the host has signed more of the call log')
  }

  /** R15 and R17, for the logs of the archive. */
  #checkArchive({ commits, whole }: CallLogWalk): void {
    const { core, shownByHost } = this.#history
    const cores = archiveLogs(core.signer, core.key)
    for (const log of ['archive', 'blobs'] as const) {
      const head = this.#history[log]
      const length = commits.at(-1)?.[log].length ?? 0
      if ((head?.length ?? 0) < length) {
        if (shownByHost) this.#find('R17', head?.length ?? 0, log)
        else this.gaps.push(`the ${log} is not shown up to its last commit`)
      }
      if (head === null) continue
      const isNamed = commits.some((commit) => isSame(commit[log], head))
      const isNewer = commits.every((commit) => commit[log].length < head.length)
      if (!holds(head, cores[log])) this.gaps.push(`the head of the ${log} does not hold`)
      else if (head.fork === 0 && isNewer && !whole) continue
      else if (head.fork === 0 && isNewer && !shownByHost)
        this.gaps.push(`the ${log} is shown beyond the call log`)
      else if (head.fork !== 0 || !isNamed) this.#find('R15', Math.max(0, head.length - 1), log)
    }
  }
}

const NONE = new Uint8Array()
const NOBODY: Witness = { copy: null, entries: [], trusted: 0, disputed: true }

function isProven({ blocks, head }: Log, hashes: readonly Uint8Array[], core: Core): boolean {
  const version = { length: blocks.length, treeHash: hashes[blocks.length] ?? NONE }
  return isSame(version, head) && holds(head, core)
}

function isAck(entry: Read<UserEntry> | undefined): boolean {
  return typeof entry === 'object' && entry.type === 'ack'
}

function headIn(entry: Read<UserEntry>): Head | null {
  return typeof entry === 'object' ? entry.head : null
}
