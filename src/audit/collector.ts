import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import {
  type Ack,
  type CallLogEntry,
  type Commit,
  type Genesis,
  readUserEntry
} from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import {
  type Evidence,
  type EvidenceParts,
  encodeEvidence,
  isEvidenceCode,
  isHistoryCode,
  verifyEvidence
} from '../protocol/evidence.ts'
import { type SignedHead, verifyParts } from '../protocol/evidence-material.ts'
import { checkReplay, isReplayCode } from '../protocol/evidence-replay.ts'
import { type Head, verifyHead } from '../protocol/head.ts'
import { decodeId } from '../protocol/ids.ts'
import { PROOF_BYTES_MAX } from '../protocol/limits.ts'
import { userLogKey, userLogManifest } from '../protocol/manifest.ts'
import type { Proof } from '../protocol/proof.ts'
import { headOf } from '../state/head.ts'
import { decode } from './entry.ts'
import type { Finding } from './findings.ts'
import type { PlainLog } from './plain-log.ts'
import { blockOf, Incomplete, itemsOf, proveBlocks } from './prove.ts'
import type { Published } from './published.ts'
import { executeOn, reexecute, stateKeys } from './reexecute.ts'
import type { Replayer } from './replayer.ts'
import { SparseCore } from './sparse-core.ts'

/** What an audit has in its hands when it has come to its findings. */
export interface Sources {
  readonly address: Uint8Array
  readonly genesis: Genesis
  readonly genesisBlock: Uint8Array
  readonly store: Corestore
  readonly callLog: Hypercore
  /** The head that the call log was read to. */
  readonly head: Head | null
  /** Heads that this auditor saw the last time, or was given. */
  readonly held: readonly Head[]
  /** What others have shown of it. */
  readonly heard: Evidence | null
  readonly published: Published | null
  /** Null where nothing was executed. */
  readonly replayer: Replayer | null
}

type Parts = Omit<EvidenceParts, 'code' | 'genesis'>

type Beside = (earlier: Ack, ack: Ack) => boolean

/** What one audit spends on evidence at most: a hostile log may hold any number of cheats, far apart. */
const READS_MAX = 1_000_000
/** What each finding may read whatever was spent on those before it: one that is looked for in vain hides no other. */
const READS_EACH = 10_000
/** And on one finding: each is put together and verified. Where any of them shows it, one of the first does. */
const CANDIDATES_MAX = 64
const REPLAYS_MAX = 20

/**
 * Puts evidence together for what an audit has found, from what is on this machine. A piece is only ever given out that
 * has been verified as anybody will verify it; so nothing here has to be believed.
 */
export class Collector {
  readonly #from: Sources
  #reads = 0
  /** Of the finding whose turn it is. */
  #own = 0
  #replays = 0

  constructor(from: Sources) {
    this.#from = from
  }

  /** Evidence for a finding; null where nothing shows it to somebody who is offline. */
  async collect(finding: Finding): Promise<Uint8Array | null> {
    try {
      return await this.#collect(finding)
    } catch (error) {
      // what is not here, or cannot be executed again here, cannot be shown from here
      const isOurs = error instanceof MivmError && error.code === 'INTERNAL'
      if (isOurs || !(error instanceof MivmError || error instanceof Incomplete)) throw error
      return null
    }
  }

  async #collect(finding: Finding): Promise<Uint8Array | null> {
    const { code } = finding
    if (!isEvidenceCode(code)) return null
    const { genesisBlock: genesis, replayer } = this.#from
    let tried = 0
    this.#own = 0
    for await (const parts of this.#candidates(finding)) {
      if (tried++ >= CANDIDATES_MAX) break
      const evidence = encodeEvidence({ ...parts, code, genesis })
      if (evidence.byteLength > PROOF_BYTES_MAX) continue
      const holds = await verifyEvidence(evidence, {
        replay: async (replayed, replayCase) => {
          const vm = await replayer?.vm()
          return vm ? reexecute(replayed, replayCase, vm) : null
        }
      }).then(() => true, isRefusal)
      if (holds) return evidence
    }
    const { heard } = this.#from
    return heard?.code === code && heard.block === finding.block ? heard.bytes : null
  }

  /** What may show it, the smallest first. Not all of it has to hold: a log may be wrong in several ways at once. */
  async *#candidates(finding: Finding): AsyncGenerator<Parts> {
    const { code, log, block } = finding
    if (isReplay(finding)) {
      const parts = await this.#replayParts(finding)
      if (parts !== null) yield parts
    } else if (code === 'GENESIS_INVALID') {
      const head = this.#from.head ?? headOf(this.#from.callLog)
      if (head !== null) yield withHeads([{ log: 'call log', head }])
    } else if (isHistoryCode(code)) {
      yield* this.#historyParts(finding)
    } else if (log === 'archive' || log === 'blobs') {
      for (const head of this.#from.published?.wrongAt(log, block + 1) ?? []) {
        yield* this.#archiveParts(log, head)
      }
    } else if (code === 'CALL_ALTERED' || code === 'CALL_SKIPPED' || code === 'ACK_BEFORE_HEAD') {
      yield* this.#userParts(finding)
    } else {
      for await (const indexes of this.#blocksFor(finding)) {
        yield { ...NOTHING, callLog: await this.#prove(indexes) }
      }
    }
  }

  /** Blocks of the call log that show a finding by themselves. */
  async *#blocksFor({ code, block, user }: Finding): AsyncGenerator<readonly number[]> {
    yield [block]
    switch (code) {
      case 'ENTRY_UNEXPECTED':
        yield [block - 1, block]
        break
      case 'INIT_WRONG':
      case 'SEQ_WRONG':
      case 'RESULT_FORM':
      case 'ORACLE_INDEX_WRONG':
        yield range(await this.#before(block, ({ type }) => type === 'ack'), block)
        break
      case 'BATCH_TOO_LARGE':
        yield range((await this.#before(block, endsBatch)) + 1, block)
        break
      case 'COMMIT_BACKWARDS':
        yield [await this.#before(block, endsBatch), block]
        break
      case 'USER_HEAD_INVALID':
        yield range(await this.#before(block, endsBatch), block)
        break
      case 'COMMIT_HEADS_WRONG':
        yield range(await this.#before(block, endsBatch), block)
        if (user !== undefined) yield* this.#headsBefore(block, decodeId(user))
        break
      default:
        yield* this.#acksBefore(code, block)
    }
  }

  /** The earlier ack, or what should be one, that an ack is wrong beside. */
  async *#acksBefore(code: Finding['code'], block: number): AsyncGenerator<readonly number[]> {
    const ack = await this.#entry(block)
    const beside = BESIDE[code]
    if (ack?.type !== 'ack' || beside === undefined) return
    const isNamed = ack.previous > 0 && ack.previous < block
    if (code === 'ACK_CHAIN_WRONG' && isNamed) yield [ack.previous, block]
    const isOfUser = code === 'CALL_REPEATED' || code === 'CALL_OUT_OF_ORDER'
    const own = isOfUser ? await this.#ownBefore(ack, block, beside) : 1
    if (own > 1) yield [own, block]
    const index = await this.#before(block, (entry) => entry.type === 'ack' && beside(entry, ack))
    if (index > 1) yield [index, block]
  }

  /** The last ack of the same user that is so, by what each says of the one before it; 1 where that leads to none. */
  async #ownBefore(ack: Ack, block: number, is: Beside): Promise<number> {
    let [index, before] = [ack.previous, block]
    while (index > 1 && index < before) {
      const entry = await this.#entry(index)
      if (entry?.type !== 'ack' || !isSameUser(entry, ack)) break
      if (is(entry, ack)) return index
      ;[index, before] = [entry.previous, index]
    }
    return 1
  }

  /** An earlier commit with a head of the same user, and an ack that says who that is. */
  async *#headsBefore(block: number, user: Uint8Array): AsyncGenerator<readonly number[]> {
    const isOf = (entry: CallLogEntry) => entry.type === 'ack' && b4a.equals(entry.user, user)
    const ack = await this.#before(block, isOf)
    const earlier = await this.#before(await this.#before(ack, endsBatch), isOf)
    if (earlier <= 1) return
    yield [await this.#after(earlier, ({ type }) => type === 'commit'), ack, block]
  }

  async *#historyParts({ user, block }: Finding): AsyncGenerator<Parts> {
    const { held, head: shown } = this.#from
    const by = user === undefined ? null : decodeId(user)
    const cited = by && (await this.#userEntry(by, block).catch(ifIncomplete))
    const here = held.filter(({ length }) => user === undefined && length - 1 === block)
    for (const head of [cited?.head ?? null, ...here, shown]) yield* this.#headParts(head)
    if (by === null) return
    for await (const head of this.#ackedHeads(by, block)) yield* this.#headParts(head)
  }

  async *#headParts(head: Head | null): AsyncGenerator<Parts> {
    const { head: shown } = this.#from
    if (head === null) return
    const heads = [{ log: 'call log', head }] as const
    yield withHeads(heads)
    if (shown === null || head.length > shown.length) return
    if (head.length === shown.length) yield withHeads([...heads, { log: 'call log', head: shown }])
    yield { ...withHeads(heads), callLog: await this.#prove([], head.length) }
    // blocks that are too large to be sent around may do for a file
    for (const index of [head.length - 1, head.length]) {
      if (head.length % 2 === 0 || index >= shown.length) continue
      yield { ...withHeads(heads), callLog: await this.#prove([index], head.length) }
    }
  }

  /** Heads that a block of a user's log has as it was acked, once or again: the log may not be here, or be another one. */
  async *#ackedHeads(user: Uint8Array, block: number): AsyncGenerator<Head | null> {
    const isOf = (it: CallLogEntry) =>
      it.type === 'ack' && Math.max(0, it.entry - 1) === block && b4a.equals(it.user, user)
    for (let index = this.#length; index > 1; ) {
      index = await this.#before(index, isOf)
      const ack = await this.#entry(index)
      if (ack?.type === 'ack') yield readUserEntry(ack.call)?.head ?? null
    }
  }

  async *#archiveParts(log: 'archive' | 'blobs', head: Head): AsyncGenerator<Parts> {
    const heads = [{ log, head }]
    yield withHeads(heads)
    let before = 1
    for (let index = 2; index < this.#length; index++) {
      const entry = await this.#entry(index)
      if (entry?.type !== 'commit') continue
      const { length } = entry[log]
      if (length === head.length) yield { ...withHeads(heads), callLog: await this.#prove([index]) }
      if (length > head.length) {
        yield { ...withHeads(heads), callLog: await this.#prove(range(before, index)) }
        return
      }
      before = index
    }
  }

  /** An ack against a block of the user's log, under a head of that which the host has put into a commit. */
  async *#userParts({ code, block, user: id }: Finding): AsyncGenerator<Parts> {
    const ack = await this.#entry(block)
    if (id === undefined || ack?.type !== 'ack') return
    const user = decodeId(id)
    for await (const guilty of this.#guiltyEntries(code, user, ack, block)) {
      for await (const { index, head } of this.#commitsOf(user, block)) {
        if (head.length <= guilty) continue
        const previous = code === 'CALL_SKIPPED' && ack.previous > 0 ? [ack.previous] : []
        const indexes = [...new Set([...previous, block, index])].sort((a, b) => a - b)
        // the copy may end before this head, and not before another one
        const proof = await this.#proveUser(user, guilty, { ...head, fork: 0 }).catch(ifIncomplete)
        if (proof === null) continue
        yield { ...NOTHING, callLog: await this.#prove(indexes), userLog: { user, proof } }
      }
    }
  }

  /** Blocks of the user's log that do not go with the ack, the last one first; not all of them may a commit cover. */
  async *#guiltyEntries(
    code: Finding['code'],
    user: Uint8Array,
    ack: Ack,
    block: number
  ): AsyncGenerator<number> {
    if (code === 'CALL_ALTERED') {
      yield ack.entry - 1
      return
    }
    const { address, genesis } = this.#from
    // an ack can name what is far behind the end of the log
    const length = await this.#withUser(user, async (core) => core.length)
    for (let index = Math.min(ack.entry, length) - 1; index >= 0; index--) {
      const entry = await this.#userEntry(user, index)
      if (code === 'CALL_SKIPPED') {
        if (index < ack.entry - 1 && entry?.type !== 'ack') yield index
      } else if (entry?.head && entry.head.length > block && entry.head.fork === 0) {
        if (verifyHead(entry.head, address, genesis.host)) yield index
      }
    }
  }

  /** Commits with a head of a user: that of the batch of its ack, and those before and behind. */
  async *#commitsOf(user: Uint8Array, block: number) {
    const key = userLogKey(user, this.#from.address)
    const own = await this.#after(block, ({ type }) => type === 'commit')
    for (const [from, step] of [
      [own, 1],
      [own - 1, -1]
    ] as const) {
      for (let index = from; index > 1 && index < this.#length; index += step) {
        const entry = await this.#entry(index)
        if (entry?.type !== 'commit') continue
        // each takes a signature to know whose it is
        this.#spend(entry.heads.length)
        for (const head of headsOf(entry, user, key)) yield { index, head }
      }
    }
  }

  async #replayParts(finding: Finding): Promise<Parts | null> {
    const { replayer, genesisBlock: genesis, address } = this.#from
    const { code, block } = finding
    const vm = await replayer?.vm()
    if (!vm || !replayer || !isEvidenceCode(code) || !isReplayCode(code)) return null
    if (this.#replays++ >= REPLAYS_MAX) return null
    const isEnd = ({ type }: CallLogEntry) => type === 'result' || type === 'commit'
    const start = await this.#before(block, endsBatch)
    const last = await this.#after(block, isEnd)
    const callLog = await this.#prove(start === 1 ? range(1, last) : [1, ...range(start, last)])
    const before = await this.#entry(start)
    if (before?.type !== 'commit') return { ...NOTHING, callLog }
    const { files, blobs } = await replayer.state()
    const logs = [
      { core: files, version: before.archive },
      { core: blobs, version: before.blobs }
    ] as const
    // the trees alone first, to see what the calls read
    const [archive = [], contents = []] = await Promise.all(
      logs.map(({ core, version }) => itemsOf(core, version.length, []))
    )
    const parts = { ...NOTHING, callLog, state: { archive, blobs: contents } }
    const replayCase = checkReplay(code, verifyParts({ ...parts, code, genesis }))
    const keys = stateKeys({ genesis: this.#from.genesis, address })
    const from = (log: PlainLog) => (index: number) => log.get(index)
    const state = {
      archive: new SparseCore(keys.files, replayCase.archive.roots, from(files)),
      blobs: new SparseCore(keys.blobs, replayCase.blobs.roots, from(blobs))
    }
    await executeOn(code, replayCase, state, vm)
    return {
      ...parts,
      state: {
        archive: await itemsOf(files, before.archive.length, [...state.archive.read]),
        blobs: await itemsOf(blobs, before.blobs.length, [...state.blobs.read])
      }
    }
  }

  get #length(): number {
    return this.#from.head?.length ?? 0
  }

  /** The last block before this one with such an entry; 1, where the code is, if there is none. */
  async #before(block: number, is: (entry: CallLogEntry) => boolean): Promise<number> {
    for (let index = block - 1; index > 1; index--) {
      const entry = await this.#entry(index)
      if (entry !== null && is(entry)) return index
    }
    return 1
  }

  /** The first block from this one on with such an entry; the last block if there is none. */
  async #after(block: number, is: (entry: CallLogEntry) => boolean): Promise<number> {
    for (let index = block; index < this.#length; index++) {
      const entry = await this.#entry(index)
      if (entry !== null && is(entry)) return index
    }
    return this.#length - 1
  }

  async #entry(index: number): Promise<CallLogEntry | null> {
    this.#spend(1)
    const entry = decode(await blockOf(this.#from.callLog, index))
    return typeof entry === 'string' ? null : entry
  }

  #spend(reads: number): void {
    this.#reads += reads
    this.#own += reads
    if (this.#reads > READS_MAX && this.#own > READS_EACH) throw new Incomplete('too far away')
  }

  async #prove(indexes: readonly number[], through?: number): Promise<Proof> {
    const { callLog, head } = this.#from
    if (head === null) throw new MivmError('INTERNAL', 'a finding about a log that was not read')
    return proveBlocks(callLog, head, indexes, through)
  }

  async #proveUser(user: Uint8Array, index: number, head: Head): Promise<Proof> {
    return this.#withUser(user, (core) => proveBlocks(core, head, [index]))
  }

  async #userEntry(user: Uint8Array, index: number) {
    this.#spend(1)
    return this.#withUser(user, async (core) => readUserEntry(await blockOf(core, index)))
  }

  async #withUser<T>(user: Uint8Array, use: (core: Hypercore) => Promise<T>): Promise<T> {
    const manifest = userLogManifest(user, this.#from.address)
    const core = this.#from.store.get({ manifest, allowFork: false })
    await core.ready()
    try {
      return await use(core)
    } finally {
      await core.close()
    }
  }
}

/** What the earlier one of two acks is that no honest host has signed. */
const BESIDE: { readonly [code: string]: Beside } = {
  ACK_CHAIN_WRONG: isSameUser,
  CALL_REPEATED: (earlier, ack) => isSameUser(earlier, ack) && earlier.entry === ack.entry,
  CALL_OUT_OF_ORDER: (earlier, ack) => isSameUser(earlier, ack) && earlier.entry > ack.entry,
  TIME_BACKWARDS: (earlier, ack) => earlier.time > ack.time
}

function isSameUser(a: Ack, b: Ack): boolean {
  return b4a.equals(a.user, b.user)
}

function headsOf({ heads }: Commit, user: Uint8Array, key: Uint8Array) {
  return heads.filter((head) => verifyHead({ ...head, fork: 0 }, key, user))
}

function endsBatch({ type }: CallLogEntry): boolean {
  return type === 'commit'
}

function isReplay({ code }: Finding): boolean {
  return isEvidenceCode(code) && isReplayCode(code)
}

function ifIncomplete(error: unknown): null {
  if (error instanceof Incomplete) return null
  throw error
}

function isRefusal(error: unknown): false {
  if (error instanceof MivmError) return false
  throw error
}

function withHeads(heads: readonly SignedHead[]): Parts {
  return { ...NOTHING, heads }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i)
}

const NOTHING: Parts = { heads: [], callLog: null, userLog: null, state: null, otherLog: null }
