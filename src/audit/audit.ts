import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import { type Genesis, limitsOf } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { verifyEvidence } from '../protocol/evidence.ts'
import type { Head } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { addressOf } from '../protocol/manifest.ts'
import { Tree } from '../protocol/merkle.ts'
import type { Proof } from '../protocol/proof.ts'
import { contractOf } from '../vm/record.ts'
import { openVm as openRegistered, VM_IDS } from '../vm/registry.ts'
import type { VirtualMachine } from '../vm/vm.ts'
import { Collector, proveLengths, type Sources } from './collector.ts'
import {
  type Attested,
  type Counts,
  exitCodeOf,
  type Finding,
  type Gap,
  Report,
  type Suspicion,
  type Verdict
} from './findings.ts'
import { Heads, type HostShows } from './heads.ts'
import { decode, History, newerFormat } from './history.ts'
import { awaitLength, LogReader, Patience } from './log-reader.ts'
import { Memory } from './memory.ts'
import { Published } from './published.ts'
import { Replay } from './replay.ts'
import { Shadow } from './shadow.ts'
import { UserLogs } from './user-logs.ts'

export interface AuditOptions {
  readonly address: Uint8Array
  /** Where the logs come from; the caller replicates it with whoever has them. */
  readonly store: Corestore
  /** The auditor's own directory: what it remembers, and its copy of the state while it works. */
  readonly dir: string
  /** Opens the VM that genesis names; by default one of this version. */
  readonly openVm?: (id: string) => Promise<VirtualMachine>
  /** How many peers there are, for progress. */
  readonly peers?: () => number
  /** Heads of the call log from elsewhere, such as receipts: the log has to agree with those that the host signed. */
  readonly heads?: readonly Head[]
  /** How long to wait for something that nobody shows, ms; 0 asks nobody. Default 10,000. */
  readonly patience?: number
  /** Told once what was read of the call log; resolves to what others who know the instance hold of it. */
  readonly others?: (held: Held) => Promise<Heard>
  /** Puts evidence together for each finding, or for those of two histories alone. */
  readonly evidence?: boolean | 'histories'
}

/** What was read of a call log. */
export interface Held {
  readonly genesis: Uint8Array
  readonly head: Head | null
  /** A proof from block 0 under that head, with boundaries at these lengths; null for what is not here. */
  prove(lengths: readonly number[]): Promise<Proof | null>
}

/** What others hold: heads of the call log, and evidence that there are two histories. */
export interface Heard {
  readonly heads: readonly Head[]
  readonly evidence: Uint8Array | null
}

/** The checks, in the order and with the numbers of the design. */
export type CheckName = 'log' | 'acks' | 'replay' | 'commits' | 'heads' | 'records'

export type AuditEvent =
  | {
      readonly type: 'progress'
      readonly blocks: number
      readonly of: number
      readonly calls: number
      readonly replayed: number
      readonly peers: number | null
    }
  | { readonly type: 'finding'; readonly finding: Finding }
  /** What proves a finding to anybody; null where nothing does that can be put into a file. */
  | {
      readonly type: 'evidence'
      readonly finding: Finding
      readonly evidence: Uint8Array | null
    }
  | {
      readonly type: 'check'
      readonly check: number
      readonly name: CheckName
      /** What was checked, counted. */
      readonly checked: { readonly [what: string]: number }
      /** False where something of it could not be checked: see what the verdict misses. */
      readonly complete: boolean
    }
  | {
      readonly type: 'verdict'
      readonly verdict: Verdict
      readonly exitCode: 0 | 1 | 2
      readonly findings: number
      readonly counts: Counts
      /** What nothing but the host's word stands for. */
      readonly attested: Attested
      /** What looks bad, and can be proven to nobody. */
      readonly suspicions: readonly Suspicion[]
      /** Entries at the end of the log that no commit covers yet. */
      readonly pending: number
      /** Why this is not the whole truth. */
      readonly missing: readonly Gap[]
    }

const PATIENCE_MS = 10_000

/** Findings that evidence is put together for: one of them is enough. */
const EVIDENCE_MAX = 100

/**
 * Audits an instance from its first entry to the newest one that is shown. The last event is the verdict; findings
 * come when they are proven. Throws only what is this machine's own fault (DIRECTORY_LOCKED, STORAGE_FAILED).
 */
export async function* audit(options: AuditOptions): AsyncGenerator<AuditEvent> {
  const run = new Audit(options)
  try {
    yield* run.events()
  } finally {
    await run.close()
  }
}

class Audit {
  readonly #options: AuditOptions
  readonly #id: string
  readonly #patience: Patience
  readonly #report = new Report()
  readonly #opened: { close(): Promise<void> }[] = []
  readonly #found: Finding[] = []
  #sources: Sources | null = null
  #pending = 0
  #walked = false
  #replayed = false

  constructor(options: AuditOptions) {
    this.#options = options
    this.#id = encodeId(options.address)
    this.#patience = this.#newPatience()
  }

  async *events(): AsyncGenerator<AuditEvent> {
    const core = await this.#openLog()
    const genesis = await this.#readGenesis(core)
    if (genesis !== null) yield* this.#instance(core, genesis)
    yield* this.#findings()
    yield* this.#evidence()
    yield* this.#checks()
    const { verdict, findings, counts, attested, suspicions, gaps: missing } = this.#report
    const exitCode = exitCodeOf(verdict)
    const pending = this.#pending
    const words = { verdict, exitCode, findings, counts, attested, suspicions, pending, missing }
    yield { type: 'verdict', ...words }
  }

  async close(): Promise<void> {
    for (const it of this.#opened.reverse()) await it.close()
  }

  async *#instance(core: Hypercore, genesis: Genesis): AsyncGenerator<AuditEvent> {
    const { address, store, dir } = this.#options
    const report = this.#report
    const patience = this.#patience
    const hostShows: HostShows = (of) => shownBy(genesis.host, core, of)
    const heads = new Heads(address, genesis.host, report)
    const memory = new Memory(dir, this.#id)
    const pinned = await memory.read()

    // the archive first: the commit of what is in it is then in the call log
    const published = await this.#open(
      Published.open(store, genesis.host, address, report, patience)
    )
    await published.look()
    const reader = this.#keep(new LogReader(core, genesis.host, { log: 'call log' }, patience))
    const gap = await reader.fix(2)
    const held = [pinned, ...(this.#options.heads ?? [])].filter((head) => head !== null)
    this.#note({ held, published, head: reader.head })
    if (gap !== null) {
      await this.#hear(heads, reader)
      this.#accuse()
      return report.gap(gap)
    }
    if (reader.head !== null && reader.head.fork > 0) {
      heads.claim(reader.head, { core: null, block: reader.length - 1 })
    }
    for (const head of held) heads.claim(head, { core: null, block: head.length - 1 })

    // what users who do not exist use up is no one else's
    const witness = { store, address, callLog: core, heads, report, patience: this.#newPatience() }
    const users = this.#keep(new UserLogs(witness))
    const history = new History(reader, genesis, { report, heads, published, users })
    yield* this.#follow(history, genesis, published)
    this.#pending = history.pending
    this.#walked = history.complete
    if (!history.complete) await history.skip()
    else await published.lookAgain()
    await users.finish()
    report.weigh()
    await this.#hear(heads, reader)
    await history.settle()
    this.#note({ head: reader.head })
    heads.withheld(reader.length, hostShows)
    for (const head of held) {
      if (heads.isSigned(head)) heads.truncated(head, reader.length, hostShows)
    }
    this.#accuse()
    if (history.complete) published.judge(hostShows)
    await this.#remember(memory, reader)
  }

  /** Tells others what was read, and takes what they hold. */
  async #hear(heads: Heads, { core, head }: LogReader): Promise<void> {
    const { others } = this.#options
    if (others === undefined || this.#sources === null) return
    const { genesisBlock: genesis, held } = this.#sources
    const prove = (lengths: readonly number[]) => proveLengths(core, head, lengths)
    const said = await others({ genesis, head, prove })
    for (const it of said.heads) {
      heads.claim(it, { core: null, block: it.length - 1, hearsay: true })
    }
    const heard = said.evidence === null ? null : await verifyEvidence(said.evidence)
    this.#note({ held: [...held, ...said.heads], heard })
  }

  /** Takes on what others have evidence of, where it was not found here. */
  #accuse(): void {
    const heard = this.#sources?.heard ?? null
    if (heard === null || heard.address !== this.#id) return
    const { code, block, why } = heard
    if (!isOfHistories(code) || HISTORIES.some((known) => this.#report.has(known))) return
    this.#report.find(code, { log: 'call log', block }, why)
  }

  /** Reads on while the VM replays what has been read. */
  async *#follow(
    history: History,
    genesis: Genesis,
    published: Published
  ): AsyncGenerator<AuditEvent> {
    const runs = history.runs()
    let replay: Replay | null | undefined
    let next = runs.next()
    try {
      for (;;) {
        const { value: batches, done } = await next
        if (done === true) break
        next = runs.next()
        next.catch(() => {})
        replay ??= await this.#openReplay(genesis, history.source, published)
        await replay?.run(batches)
        yield* this.#progress(history)
      }
    } finally {
      await next.catch(() => {})
      await replay?.finish()
    }
    yield* this.#progress(history)
    this.#replayed = replay !== null && replay?.stopped !== true
  }

  /** What executes the calls; null where this machine cannot, and that is a gap. */
  async #openReplay(
    genesis: Genesis,
    source: string,
    published: Published
  ): Promise<Replay | null> {
    const open = this.#options.openVm ?? ((id: string) => openRegistered(id, { engines: 1 }))
    try {
      const vm = await this.#open(open(genesis.vm))
      const shadow = await this.#open(
        Shadow.open(this.#options.dir, this.#id, published.contentKey)
      )
      this.#note({ vm, shadow })
      return new Replay(
        vm,
        contractOf(this.#options.address, genesis, source),
        shadow,
        this.#report
      )
    } catch (error) {
      if (!(error instanceof MivmError)) throw error
      if (error.code !== 'VM_UNKNOWN' && error.code !== 'ENGINE_FAILED') throw error
      const reason = error.code === 'VM_UNKNOWN' ? 'unsupported' : 'not-reproduced'
      const message = `no call could be replayed: ${error.message}`
      this.#report.gap({ reason, log: 'call log', from: null, to: null, message })
      return null
    }
  }

  *#progress({ reader }: History): Generator<AuditEvent> {
    yield* this.#findings()
    const { calls, replayed } = this.#report.counts
    const peers = this.#options.peers?.() ?? null
    yield { type: 'progress', blocks: reader.at, of: reader.length, calls, replayed, peers }
  }

  *#findings(): Generator<AuditEvent> {
    for (const finding of this.#report.take()) {
      if (this.#found.length < EVIDENCE_MAX) this.#found.push(finding)
      yield { type: 'finding', finding }
    }
  }

  async *#evidence(): AsyncGenerator<AuditEvent> {
    const { evidence = false } = this.#options
    if (evidence === false || this.#sources === null) return
    const collector = new Collector(this.#sources)
    for (const finding of this.#found) {
      if (evidence === 'histories' && !isOfHistories(finding.code)) continue
      yield { type: 'evidence', finding, evidence: await collector.collect(finding) }
    }
  }

  *#checks(): Generator<AuditEvent> {
    const { counts, attested, gaps } = this.#report
    const { blocks, calls, users, userEntries, replayed, commits } = counts
    const lacks = (log: string) => gaps.some((gap) => gap.log === log)
    const walked = this.#walked
    const events: [CheckName, { [what: string]: number }, boolean][] = [
      ['log', { blocks }, walked],
      ['acks', { calls, users, entries: userEntries }, walked && !lacks('user log')],
      ['replay', { replayed }, walked && this.#replayed],
      ['commits', { commits }, walked && this.#replayed && !lacks('archive') && !lacks('blobs')],
      ['heads', { heads: counts.heads }, walked && gaps.length === 0],
      ['records', { ...attested }, walked]
    ]
    for (const [i, [name, checked, complete]] of events.entries()) {
      yield { type: 'check', check: i + 1, name, checked, complete }
    }
  }

  async #remember(memory: Memory, { head, at }: LogReader): Promise<void> {
    if (head === null || at < head.length) return
    const before = await memory.read()
    // what was seen first is kept where the two do not agree
    if (this.#report.verdict === 'violation' && before !== null) return
    if (before === null || before.length < head.length) await memory.write(head)
  }

  async #openLog(): Promise<Hypercore> {
    const { address, store } = this.#options
    // A log that was rewritten has a fork, and that head is the evidence: it can only be fetched where forks are let
    // in. With nothing here to lose, they are.
    const info = await store.storage.getInfo(crypto.discoveryKey(address))
    const allowFork = (info?.head?.length ?? 0) === 0
    const core = this.#keep(store.get({ key: address, allowFork }))
    await core.ready()
    return core
  }

  /** Genesis, if this is the log of an instance; null with a finding or a gap. */
  async #readGenesis(core: Hypercore): Promise<Genesis | null> {
    await awaitLength(core, 1, this.#patience)
    const block = await this.#firstBlock(core)
    const place = { log: 'call log', block: 0 } as const
    if (block === null) {
      const message = `the call log ${this.#id}: nobody has shown it`
      this.#report.gap({ reason: 'missing', log: 'call log', from: 0, to: null, message })
      return null
    }
    const tree = new Tree()
    tree.append(block)
    const prologue = core.manifest?.prologue
    if (prologue?.length !== 1) {
      this.#report.find('ADDRESS_WRONG', place, 'at this address there is no instance')
      return null
    }
    if (!b4a.equals(prologue.hash, tree.treeHash())) {
      const message = 'the call log, block 0: what is on this disk is not what the address names'
      this.#report.gap({ reason: 'damaged', log: 'call log', from: 0, to: 1, message })
      return null
    }
    const entry = decode(block)
    if (entry === 'newer') {
      this.#report.gap(newerFormat(0))
    } else if (typeof entry === 'string' || entry.type !== 'genesis') {
      this.#report.find('ADDRESS_WRONG', place, 'at this address there is no instance')
    } else if (!b4a.equals(addressOf(entry.host, block), this.#options.address)) {
      this.#report.find('ADDRESS_WRONG', place, 'the address is not that of its genesis')
    } else if (!hasLimits(entry)) {
      this.#begin(core, entry, block)
      this.#report.find('GENESIS_INVALID', place, 'genesis asks for higher limits than the VM has')
    } else {
      this.#begin(core, entry, block)
      return entry
    }
    return null
  }

  #begin(callLog: Hypercore, genesis: Genesis, genesisBlock: Uint8Array): void {
    const { address, store } = this.#options
    const nothing = {
      head: null,
      held: [],
      heard: null,
      published: null,
      shadow: null,
      vm: null
    }
    this.#sources = { address, store, callLog, genesis, genesisBlock, ...nothing }
  }

  #note(sources: Partial<Sources>): void {
    if (this.#sources !== null) this.#sources = { ...this.#sources, ...sources }
  }

  async #firstBlock(core: Hypercore): Promise<Uint8Array | null> {
    const { ms } = this.#patience
    try {
      return await core.get(0, ms === 0 ? { wait: false } : { wait: true, timeout: ms })
    } catch {
      return null
    }
  }

  #newPatience(): Patience {
    return new Patience(this.#options.patience ?? PATIENCE_MS)
  }

  #keep<T extends { close(): Promise<void> }>(it: T): T {
    this.#opened.push(it)
    return it
  }

  async #open<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> {
    return this.#keep(await opening)
  }
}

const HISTORIES = ['TWO_HISTORIES', 'HISTORY_FORKED'] as const

/** Whether that is about what the history is, and not about what is in it. */
export function isOfHistories(code: string): code is (typeof HISTORIES)[number] {
  return HISTORIES.some((known) => known === code)
}

/** What the host itself shows of the call log, or of another log: as a peer, or because this is its own disk. */
function shownBy(host: Uint8Array, callLog: Hypercore, of: Hypercore | null): number | null {
  const core = of ?? callLog
  if (callLog.writable) return core.length
  const lengths = core.peers
    .filter((peer) => b4a.equals(peer.remotePublicKey, host) && peer.remoteFork === core.fork)
    .map((peer) => peer.remoteLength)
    .filter((length) => length > 0)
  return lengths.length === 0 ? null : Math.max(...lengths)
}

/** Whether its limits are allowed, as far as this version knows the VM that they are limits of. */
function hasLimits(genesis: Genesis): boolean {
  if (!VM_IDS.includes(genesis.vm)) return true
  try {
    limitsOf(genesis)
    return true
  } catch (error) {
    if (error instanceof MivmError) return false
    throw error
  }
}
