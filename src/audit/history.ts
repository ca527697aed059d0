import type { CallLogEntry, Genesis } from '../protocol/entries.ts'
import type { Tree, TreeNode } from '../protocol/merkle.ts'
import type { Run } from './ahead.ts'
import { CallLogWalk, type LoggedBatch, type WalkState } from './call-log.ts'
import { decode, type Unreadable } from './entry.ts'
import type { Gap, GapReason, Report } from './findings.ts'
import type { Heads } from './heads.ts'
import type { LogReader } from './log-reader.ts'
import type { Published } from './published.ts'
import type { UserLogs } from './user-logs.ts'

/** Calls that are replayed in one run of the VM, and the bytes of their blocks. */
const RUN_CALLS = 256
const RUN_BYTES = 16 * 1024 * 1024

/** Tree hashes that are looked up before they are used: only so many are kept. */
const LOOKED_UP = 1024

/** How often the end of a log is looked for: somebody may always say that there is more. */
const ROUNDS_MAX = 16

/** Bytes of one batch of the log that this auditor holds in memory. */
const BATCH_BYTES_MAX = 512 * 1024 * 1024

/** Blocks of one batch, of which each takes some hundred bytes more: those of 256 calls, with all oracles that fuel buys. */
const BATCH_BLOCKS_MAX = 128 * 1024

/** Entries after which an honest host has signed a head, and code, which the first seeds come from. */
const SIGNED_AFTER: readonly string[] = ['code', 'oracle-request', 'oracle-answer', 'commit']

interface Read {
  readonly entry: CallLogEntry | Unreadable
  readonly block: Uint8Array
  readonly treeHash: Uint8Array | null
  /** Of the tree up to and with a commit. */
  readonly roots: readonly TreeNode[] | null
}

/** What a call log is read into. */
export interface Readers {
  readonly report: Report
  readonly heads: Heads
  readonly published: Published
  readonly users: UserLogs
}

/** Where the walk over a call log begins that has been read before; `reader` is there already. */
export interface HistoryState {
  readonly walk: WalkState
  readonly source: string
}

/** The call log as it is read and checked entry by entry, with what is to be replayed coming out. */
export class History {
  readonly reader: LogReader
  readonly #walk: CallLogWalk
  readonly #into: Readers
  #source = ''
  #stopped = false
  #isForked = false
  #gap: Gap | null = null
  /** Of the tree up to and with the newest commit. */
  #roots: readonly TreeNode[] = []

  constructor(
    reader: LogReader,
    genesis: Genesis,
    into: Readers,
    from: HistoryState | null = null
  ) {
    this.reader = reader
    this.#walk = new CallLogWalk(genesis, into.report, from?.walk)
    this.#into = into
    this.#source = from?.source ?? ''
    this.#roots = reader.roots
  }

  /** Where it was at the newest commit; null where there is none. */
  state(): { readonly walk: WalkState; readonly roots: readonly TreeNode[] } | null {
    const walk = this.#walk.state()
    return walk === null ? null : { walk, roots: this.#roots }
  }

  /** Why it could not be read to its end, where that may still come to be. */
  get gap(): Gap | null {
    return this.#gap
  }

  get isForked(): boolean {
    return this.#isForked
  }

  /** The log is not the one any more that was read. */
  fork(): void {
    this.#isForked = true
    this.#stopped = true
  }

  /** Takes the newest head as the one to read to, and reads on from where nothing was shown. */
  async goOn(): Promise<void> {
    if (this.#stopped) return
    this.#gap = await this.reader.fix(0)
  }

  /** The code, once there is a batch. */
  get source(): string {
    return this.#source
  }

  /** Entries behind the last commit. */
  get pending(): number {
    return this.#walk.pending
  }

  /** What commits do not cover yet at its end. */
  get tail(): CallLogWalk['tail'] {
    return this.#walk.tail
  }

  /** The same, with the call that has no result yet. */
  get acked(): CallLogWalk['acked'] {
    return this.#walk.acked
  }

  /** Whether all of it could be read and understood. */
  get complete(): boolean {
    return this.reader.done && !this.broken
  }

  /** Whether there is something in it that nobody can go on behind. */
  get broken(): boolean {
    return this.#stopped || this.#walk.broken
  }

  /** Whether what comes next is here, as far as is known, and has a meaning. */
  get isReadable(): boolean {
    return this.#gap === null && !this.broken
  }

  /** Block that is looked at next. */
  get next(): number {
    return this.#walk.next
  }

  /** The batches, as many together as belong into one run. */
  async *runs(): AsyncGenerator<Run<LoggedBatch>> {
    let items: LoggedBatch[] = []
    let calls = 0
    let bytes = 0
    for await (const { batch, size } of this.#batches()) {
      await this.#into.users.check(batch)
      items.push(batch)
      calls += batch.calls.length
      bytes += size
      if (calls < RUN_CALLS && bytes < RUN_BYTES) continue
      yield { items, bytes }
      items = []
      calls = 0
      bytes = 0
    }
    if (items.length > 0) yield { items, bytes }
  }

  /** Reads what is left behind an entry that could not be understood, for its tree hashes. */
  async skip(): Promise<void> {
    while (!this.reader.done && this.#gap === null && !this.#isForked) await this.#read()
  }

  /**
   * Looks for heads that are still open, and for the commit of a newer archive, in what there is by now. `shown` says, once
   * it is asked, up to where there is more: whoever has signed the archive had its commit by then, and may write on for ever.
   */
  async settle(shown: () => Promise<number>): Promise<void> {
    const { heads, published, report } = this.#into
    const { reader } = this
    const furthest = heads.openTo
    let enough: number | null = null
    const isShort = () => published.ahead && reader.length < (enough ?? Number.POSITIVE_INFINITY)
    for (let i = 0; i < ROUNDS_MAX && this.complete; i++) {
      if (furthest <= reader.length && !isShort()) break
      const before = reader.length
      const gap = await reader.fix(Math.max(furthest, enough ?? before + 1))
      if (gap !== null) report.gap(gap)
      if (reader.length === before) break
      enough ??= await shown()
      while (!reader.done && this.#gap === null) {
        // what is read for this alone is judged by nobody, and not counted
        for (const { entry } of await this.#read({ isCounted: false })) {
          if (typeof entry === 'object' && entry.type === 'commit') published.note(entry)
        }
      }
    }
    await this.lookUp()
  }

  /** Looks for heads that are still open in what has been read. */
  async lookUp(): Promise<void> {
    const { heads } = this.#into
    const { reader } = this
    heads.settle()
    const between = heads.open.filter((length) => length <= reader.at)
    for (let i = 0; i < between.length; i += LOOKED_UP) {
      let unknown = 0
      for (const length of between.slice(i, i + LOOKED_UP)) {
        const treeHash = await reader.treeHashAt(length)
        if (treeHash === null) unknown = Math.max(unknown, length)
        else heads.note(length, treeHash)
      }
      if (unknown > 0) await this.#rescan(unknown)
      heads.settle()
    }
  }

  async *#batches(): AsyncGenerator<{ batch: LoggedBatch; size: number }> {
    let size = 0
    let blocks = 0
    while (!this.reader.done && this.isReadable) {
      for (const read of await this.#read()) {
        size += read.block.byteLength
        blocks++
        const batch = this.#push(read)
        if (size > BATCH_BYTES_MAX || blocks > BATCH_BLOCKS_MAX) {
          this.#stop('not-reproduced', 'a batch is larger than what this auditor holds in memory')
        }
        if (this.#stopped) return
        if (batch === null) continue
        this.#into.published.audited(batch.commit)
        yield { batch, size }
        size = 0
        blocks = 0
      }
    }
  }

  #push({ entry, block, treeHash, roots }: Read): LoggedBatch | null {
    if (entry === 'malformed') return this.#walk.refuse('ENTRY_MALFORMED', 'this is no entry')
    if (entry === 'large') {
      const why = `an entry of ${block.byteLength} bytes, or that says more than a call can ask or be told`
      return this.#walk.refuse('ENTRY_TOO_LARGE', why)
    }
    if (entry.type === 'genesis' && this.#walk.next === 0) return this.#walk.begin()
    if (entry.type === 'code' && this.#source === '') this.#source = entry.source
    const batch = this.#walk.push(entry, block, treeHash)
    if (batch !== null && roots !== null) this.#roots = roots
    return batch
  }

  #stop(reason: GapReason, why: string): void {
    const from = this.#walk.next
    this.#stopped = true
    const message = `the call log from block ${from}: ${why}`
    this.#into.report.gap({ reason, log: 'call log', from, to: this.reader.length, message })
  }

  /** The next blocks, proven; none where there is a gap. */
  async #read({ isCounted = true } = {}): Promise<Read[]> {
    const { heads, report } = this.#into
    const read: Read[] = []
    const window = await this.reader.read((block, tree) => {
      const entry = decode(block)
      const signed = typeof entry === 'object' && SIGNED_AFTER.includes(entry.type)
      const treeHash = signed || heads.wants(tree.length) ? tree.treeHash() : null
      const isCommit = typeof entry === 'object' && entry.type === 'commit'
      read.push({ entry, block, treeHash, roots: isCommit ? [...tree.roots] : null })
    })
    if ('reason' in window) {
      this.#gap = window
      this.#stopped ||= window.reason !== 'missing'
      return []
    }
    if (isCounted) report.counts.blocks += read.length
    read.forEach(({ treeHash }, i) => {
      if (treeHash !== null) heads.note(window.start + i + 1, treeHash)
    })
    return read
  }

  /** Reads again from the beginning, for tree hashes that nobody was expected to ask for. */
  async #rescan(length: number): Promise<void> {
    const { heads } = this.#into
    const reader = this.reader.fork([])
    try {
      while (reader.at < length) {
        const found: [number, Uint8Array][] = []
        const window = await reader.read((_, tree: Tree) => {
          if (heads.wants(tree.length)) found.push([tree.length, tree.treeHash()])
        })
        if ('reason' in window) return
        for (const [at, treeHash] of found) heads.note(at, treeHash)
      }
    } finally {
      await reader.close()
    }
  }
}
