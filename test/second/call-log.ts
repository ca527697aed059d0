// The call log by itself, entry by entry: FORMAT.md, 10 and R2 to R7, R13 and R18 of 17.
import { readFileSync } from 'node:fs'
import { equal, H, hex } from './bytes.ts'
import type { UserEntry, Version } from './entries.ts'
import { type CallLogEntry, type Head, type Read, readEntry, readUserEntry } from './entries.ts'
import { type Core, callLog, holds, userLog } from './logs.ts'

const BLOCK_MAX = 8 * 2 ** 20
const BATCH_MAX = 256
/** Of js-1, in the order of the structure. */
const LIMITS = [
  10_000_000, 67_108_864, 2_000, 512, 1_048_576, 262_144, 262_144, 262_144, 1_048_576, 1_000,
  4_194_304, 1_024
]
/** The VM that this reader knows: 18. */
const { id } = JSON.parse(readFileSync(new URL('../vectors/vm.json', import.meta.url), 'utf8'))
const OWN_VM = ['js-1', id]
const NO_WRITES = H('mivm/1/writes')

/** A rule of FORMAT.md that is broken, and the block that shows it. */
export interface Finding {
  readonly rule: string
  readonly log: 'call log' | 'user log' | 'archive' | 'blobs'
  readonly block: number
}

export type Ack = Entry<'ack'> & { readonly block: number }
export type Entry<Type> = Extract<CallLogEntry, { type: Type }>

/** A call that has no result yet. */
interface Open {
  readonly ack: Ack
  readonly isCall: boolean
  requests: number
  /** Whether an oracle has been asked and has not answered. */
  asked: boolean
}

/** Ends the walk: what follows cannot be judged. */
class End extends Error {}

export class CallLogWalk {
  readonly findings: Finding[] = []
  readonly gaps: string[] = []
  /** Those that a commit covers. */
  readonly acks: Ack[] = []
  /** Those that none covers yet. */
  readonly tail: readonly Ack[]
  readonly commits: Entry<'commit'>[] = []
  /** Heads in commits that hold, by user, in the order of the commits. */
  readonly userHeads = new Map<string, Head[]>()
  /** Whether all of the log could be judged. */
  readonly whole: boolean
  readonly #core: Core
  readonly #last = new Map<string, { ack: number; head: Head | null }>()
  #genesis: Entry<'genesis'> | null = null
  #batch: Ack[] = []
  #open: Open | null = null
  #seq = 0
  #time = 0

  constructor(core: Core, blocks: readonly Uint8Array[]) {
    this.#core = core
    if (blocks.length < 2) this.gaps.push('the call log ends before the code')
    this.whole = this.#walk(blocks)
    const open = this.#open === null ? [] : [this.#open.ack]
    this.tail = [...this.#batch, ...open]
  }

  #find(rule: string, block: number): void {
    this.findings.push({ rule, log: 'call log', block })
  }

  #stop(rule: string, block: number): never {
    this.#find(rule, block)
    throw new End()
  }

  #walk(blocks: readonly Uint8Array[]): boolean {
    try {
      for (const [at, block] of blocks.entries()) this.#read(block, at)
      return true
    } catch (error) {
      if (error instanceof End) return false
      throw error
    }
  }

  #read(block: Uint8Array, at: number): void {
    const read = readEntry(block)
    if (read === 'newer' && at === 0) {
      this.gaps.push('the instance is of a newer version')
      throw new End()
    }
    // the version of genesis is that of all that follows it
    const isNone = read === 'newer' || block.length > BLOCK_MAX || saysTooMuch(read)
    const entry = isNone ? 'malformed' : read
    if (at === 0) this.#first(entry, block)
    else if (at === 1) this.#code(entry)
    else if (entry === 'malformed') this.#stop('R4', at)
    else if (entry.type === 'genesis' || entry.type === 'code') this.#stop('R4', at)
    else if (entry.type === 'ack') this.#ack({ ...entry, block: at })
    else if (entry.type === 'commit') this.#commit(entry, at)
    else this.#record(entry, at)
  }

  #first(entry: Read<CallLogEntry>, block: Uint8Array): void {
    if (typeof entry === 'string' || entry.type !== 'genesis') this.#stop('R2', 0)
    const { key, signer } = callLog(entry.host, block)
    if (!equal(signer, this.#core.signer) || !equal(key, this.#core.key)) this.#stop('R2', 0)
    if (!OWN_VM.includes(entry.vm)) this.gaps.push('what another VM allows is not known')
    else if (entry.limits.some((limit, i) => (limit ?? 0) > (LIMITS[i] ?? 0))) this.#stop('R2', 0)
    this.#genesis = entry
  }

  #code(entry: Read<CallLogEntry>): void {
    if (typeof entry === 'string' || entry.type !== 'code') this.#stop('R3', 1)
    const { codeHash } = this.#genesis ?? this.#stop('R2', 0)
    if (!equal(H('mivm/1/code', entry.source), codeHash)) this.#stop('R3', 1)
  }

  #ack(ack: Ack): void {
    const { block, seq, time, previous } = ack
    const size = this.commits.length === 0 ? 1 : BATCH_MAX
    if (this.#open !== null || this.#batch.length === size) this.#stop('R4', block)
    const user = hex(ack.user)
    const last = this.#last.get(user) ?? { ack: 0, head: null }
    const inOrder = seq === this.#seq + 1 && time >= this.#time && previous === last.ack
    if (!inOrder) this.#find('R5', block)
    const call = readUserEntry(ack.call)
    if (this.#seq === 0 && !this.#isInit(ack, call)) this.#find('R6', block)
    this.#seq++
    this.#time = Math.max(time, this.#time)
    this.#last.set(user, { ...last, ack: block })
    this.#open = { ack, isCall: isCall(call), requests: 0, asked: false }
  }

  #isInit({ user, entry }: Ack, call: Read<UserEntry>): boolean {
    const deployer = this.#genesis?.deployer ?? new Uint8Array()
    return entry === 1 && equal(user, deployer) && isCall(call) && call.method === 'init'
  }

  #record(entry: Entry<'result' | 'oracle-request' | 'oracle-answer'>, at: number): void {
    const open = this.#open ?? this.#stop('R4', at)
    if (entry.type === 'result') {
      this.#result(entry, at, open)
      return
    }
    const isRequest = entry.type === 'oracle-request'
    if (isRequest === open.asked) this.#stop('R4', at)
    // nothing is executed, so nothing asks
    if (!open.isCall && open.requests === 0) this.#find('R12', at)
    if (isRequest) open.requests++
    const isInPlace = entry.ack === open.ack.block && entry.index === open.requests - 1
    if (!isInPlace) this.#find('R5', at)
    open.asked = isRequest
  }

  #result(result: Entry<'result'>, at: number, { ack, isCall, asked }: Open): void {
    const { outcome, fuel, writes } = result
    if (asked && outcome !== 2) this.#stop('R4', at)
    const isNothing = outcome === 0 || equal(writes, NO_WRITES)
    const isAbort = outcome === 2
    if (result.ack !== ack.block || !isNothing) this.#find('R5', at)
    else if (isAbort && (fuel !== 0 || !isCall || !saysAbort(result))) this.#find('R5', at)
    else if (!isCall && !isRefusal(result)) this.#find('R13', at)
    if (this.commits.length === 0 && outcome !== 0) this.#find('R6', at)
    this.#batch.push(ack)
    this.#open = null
  }

  #commit(commit: Entry<'commit'>, at: number): void {
    if (this.#open !== null || this.#batch.length === 0) this.#stop('R4', at)
    const last = this.commits.at(-1)
    const isOn =
      !last || (follows(commit.archive, last.archive) && follows(commit.blobs, last.blobs))
    const users = Map.groupBy(this.#batch, ({ user }) => hex(user))
    const isFull = commit.heads.length === users.size
    if (!isOn || !isFull) this.#find('R7', at)
    for (const [i, [user, acks]] of [...users].entries()) {
      const head = isFull ? commit.heads[i] : undefined
      if (head !== undefined) this.#userHead(head, user, acks, at)
    }
    this.commits.push(commit)
    this.acks.push(...this.#batch)
    this.#batch = []
  }

  #userHead(head: Head, user: string, acks: readonly Ack[], at: number): void {
    const last = this.#last.get(user) ?? { ack: 0, head: null }
    this.#last.set(user, { ...last, head })
    const covers = acks.every(({ entry }) => entry <= head.length)
    const isOn = last.head === null || follows(head, last.head)
    const core = userLog(Buffer.from(user, 'hex'), this.#core.key)
    if (!covers || !isOn) this.#find('R7', at)
    if (!isOn) return
    // one that is too short shows what the host has seen as well
    if (holds(head, core)) this.userHeads.set(user, [...(this.userHeads.get(user) ?? []), head])
    else this.#find('R18', at)
  }
}

export function isSame(a: Version, b: Version): boolean {
  return a.length === b.length && equal(a.treeHash, b.treeHash)
}

/** So often an oracle is asked, and so much of its answer is in the log: who replays it has to have it in memory. */
function saysTooMuch(entry: Read<CallLogEntry>): boolean {
  if (typeof entry === 'object' && entry.type === 'oracle-request') return entry.index >= 250
  if (typeof entry === 'string' || entry.type !== 'oracle-answer') return false
  const { name = '', message = '', code = '' } = entry.error ?? {}
  const isLong = [name, message, code ?? ''].some((text) => text.length > 4096)
  return isLong || Buffer.byteLength(entry.value ?? '') > 65_536
}

function follows(now: Version, before: Version): boolean {
  return now.length > before.length || isSame(now, before)
}

function isCall(entry: Read<UserEntry>): entry is Extract<UserEntry, { type: 'call' }> {
  return typeof entry === 'object' && entry.type === 'call'
}

/** Whether this is the result of an entry that is no call. */
function saysAbort({ error }: Entry<'result'>): boolean {
  return error !== null && error.name === 'MivmError' && /^ABORT_/.test(error.code ?? '')
}

function isRefusal({ outcome, fuel, writes, value, error }: Entry<'result'>): boolean {
  const { name, message, code } = error ?? {}
  const isIt = [name, message, code].join() === 'MivmError,the entry is not a call,ENTRY_MALFORMED'
  return outcome === 1 && fuel === 0 && equal(writes, NO_WRITES) && value === null && isIt
}
