import { setTimeout as sleep } from 'node:timers/promises'
import c from 'compact-encoding'
import type Hypercore from 'hypercore'
import type { Meeting } from '../client/meeting.ts'
import { askNewest } from '../client/newest.ts'
import { Others } from '../client/others.ts'
import type { Ranges } from '../client/ranges.ts'
import type { Replica } from '../client/replica.ts'
import { decodeMethods, encodeMethods, METHODS_NOTE } from '../host/notes.ts'
import type { Held } from '../protocol/comparison.ts'
import type { Version } from '../protocol/entries.ts'
import { MivmError, messageOf } from '../protocol/errors.ts'
import { checkGenesis } from '../protocol/genesis.ts'
import { type Head, verifyHead } from '../protocol/head.ts'
import { encodeId, parseLink } from '../protocol/ids.ts'
import { blobsKey, stateKey } from '../protocol/manifest.ts'
import { HEADS_HEAD, type InfoReply, LENGTHS_MAX } from '../protocol/messages.ts'
import { createProof, type Proof } from '../protocol/proof.ts'
import { readBlocks } from '../state/blocks.ts'
import type { EvidenceDir } from '../state/evidence-dir.ts'
import { fileError } from '../state/file-error.ts'
import { hasLog, headOf } from '../state/head.ts'
import { ProofReader } from '../state/proof-reader.ts'
import { awaitBlocks, fetchBlocks, isVersion, openCopy } from './copy.ts'
import { UserCopies } from './user-copies.ts'
import { Walk, type WalkedUser } from './walk.ts'

/** What whoever runs a mirror may want to know. */
export type MirrorEvent =
  /** All that there is was copied; told once, and again after it has been away. */
  | { readonly type: 'mirrored'; readonly address: string; readonly blocks: number }
  /** Nothing more is taken of that instance: what there is stays, and is served. */
  | {
      readonly type: 'mirror-stopped'
      readonly address: string
      readonly reason: 'histories' | 'full' | 'malformed' | 'storage'
      readonly message: string
    }

export interface MirroredOptions {
  readonly replica: Replica
  readonly link: string
  readonly kept: EvidenceDir
  readonly bytesMax: number
  readonly meeting: Meeting
  onEvent(event: MirrorEvent): void
}

/** Between two tries to find an instance of which there is nothing here yet, ms. */
const RETRY_MS = 2_000
/** Between two looks at what others say, ms. */
const LOOK_MS = 500
/** Blocks of a log that are taken at once. */
const BLOCKS_MAX = 4096
/** Blocks that are in memory at once: they may have hundreds of kilobytes. */
const READ_MAX = 64
/** Name of the note of the newest head under which all is here. */
const WHOLE_NOTE = 'whole'

/** Why nothing more is taken. */
class Stopped extends Error {
  readonly reason: Extract<MirrorEvent, { type: 'mirror-stopped' }>['reason']

  constructor(reason: Stopped['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/** What there is of it, but for the users' logs. */
interface Logs {
  readonly log: Hypercore
  readonly files: Hypercore
  readonly blobs: Hypercore
  readonly host: Uint8Array
  readonly genesis: Uint8Array
}

/** The whole copy of one instance. */
export class MirroredInstance {
  readonly #address: Uint8Array
  readonly #id: string
  readonly #options: MirroredOptions
  readonly #stop = new AbortController()
  readonly #walk = new Walk()
  readonly #ranges: Ranges
  readonly #users: UserCopies
  #logs: Logs | null = null
  #others: Others | null = null
  #unlisten: () => void = () => {}
  /** The newest head under which all is here that goes with it. */
  #head: Head | null = null
  #methods: readonly string[] = []
  #state = 'looking for it'
  #isLevel = false
  #running: Promise<void> = Promise.resolve()

  constructor(options: MirroredOptions) {
    this.#options = options
    this.#address = parseLink(options.link).address
    this.#id = encodeId(this.#address)
    this.#ranges = options.replica.ranges(options.link)
    this.#users = new UserCopies({
      ranges: this.#ranges,
      store: options.replica.store,
      address: this.#address,
      stop: this.#stop.signal,
      room: () => options.bytesMax - this.#bytes,
      refuseWhenFull: () => this.#refuseWhenFull(),
      hasHost: () =>
        this.#logs !== null && options.replica.connected(this.#logs.host) !== undefined,
      onFailed: (error) => this.fail(error)
    })
  }

  start(): void {
    this.#running = this.#run().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#end(error)
    })
  }

  /** Ends it where its store takes nothing more: Hypercore keeps to itself that it could not write what came. */
  fail(error: unknown): void {
    if (!this.#stop.signal.aborted) this.#end(error)
  }

  #end(error: unknown): void {
    this.#stop.abort()
    this.#unlisten()
    const reason = error instanceof Stopped ? error.reason : 'storage'
    const message = messageOf(fileError(error))
    this.#state = `stopped: ${message}`
    this.#options.onEvent({ type: 'mirror-stopped', address: this.#id, reason, message })
  }

  status(): { blocks: number; bytes: number; state: string } {
    return { blocks: this.#head?.length ?? 0, bytes: this.#bytes, state: this.#state }
  }

  /** What it says of the instance: as much as there is a whole copy of. */
  async info(): Promise<InfoReply> {
    const head = this.#head
    if (head === null || this.#logs === null) {
      throw new MivmError('INSTANCE_UNKNOWN', 'the copy has only begun: try again later')
    }
    return { genesis: this.#logs.genesis, methods: this.#methods, head }
  }

  /** A proof from block 0 with boundaries at these lengths; null where they are not all here. */
  async prove(lengths: readonly number[]): Promise<Proof | null> {
    const head = this.#head
    const log = this.#logs?.log
    if (head === null || log === undefined || lengths.length > LENGTHS_MAX) return null
    if (lengths.some((length) => length > head.length)) return null
    const read = readerOf(log)
    const request = { start: 0, head, blocks: [], through: lengths, readBlock: read.block }
    return createProof(request, read.node)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    // it may only be about to meet the others, and to listen
    await this.#running
    await this.#users.settled()
    this.#unlisten()
    await this.#others?.close()
    for (const core of [this.#logs?.log, this.#logs?.files, this.#logs?.blobs]) {
      await core?.close()
    }
  }

  async #run(): Promise<void> {
    const { replica, link } = this.#options
    const before = await this.#taken()
    if (before !== null) await this.#show(before)
    const info = await this.#find()
    if (info === undefined) return
    const logs = before ?? (await this.#open())
    if (logs === null) return
    if (before === null) await this.#show(logs)
    this.#methods = await methodsOf(logs.log, info)
    const { kept, meeting } = this.#options
    this.#others = await Others.open({ replica, address: this.#address, info, kept, meeting })
    this.#unlisten = replica.listen(link, (head) => this.#others?.claim(head))
    this.#state = 'copying'
    while (!this.#stop.signal.aborted) {
      await this.#catchUp(logs)
      this.#compare(logs)
      await this.#news(logs.log)
    }
  }

  /** What its host, or another mirror, says of it; null where there is a copy, and undefined when it is closed. */
  async #find(): Promise<InfoReply | null | undefined> {
    const { replica, link } = this.#options
    while (!this.#stop.signal.aborted) {
      try {
        return await replica.reach(link, { again: true })
      } catch (error) {
        if (!(error instanceof MivmError)) throw error
        this.#state = `not found yet: ${error.message}`
        await sleep(RETRY_MS, undefined, { signal: this.#stop.signal }).catch(() => {})
      }
    }
    return undefined
  }

  /** What was taken before; null where that is nothing. */
  async #taken(): Promise<Logs | null> {
    const { store } = this.#options.replica
    if (!(await hasLog(store, this.#address))) return null
    const log = await openCopy(store, this.#address)
    const genesis = await log.get(0, { wait: false })
    if (genesis !== null) return this.#openWith(log, genesis)
    await log.close()
    return null
  }

  async #open(): Promise<Logs | null> {
    const log = await openCopy(this.#options.replica.store, this.#address)
    if (!(await fetchBlocks(log, 0, 1, this.#stop))) return null
    const genesis = await log.get(0, { wait: false })
    return genesis && this.#openWith(log, genesis)
  }

  async #openWith(log: Hypercore, genesis: Uint8Array): Promise<Logs> {
    const { store } = this.#options.replica
    const { host } = checkGenesis(this.#address, genesis)
    const files = await openCopy(store, stateKey(host, this.#address))
    const blobs = await openCopy(store, blobsKey(host, this.#address))
    return { log, files, blobs, host, genesis }
  }

  /** What was whole before is shown at once: its host may be away, and one that takes more may never have it. */
  async #show(logs: Logs): Promise<void> {
    this.#logs = logs
    this.#methods = await methodsOf(logs.log, null)
    this.#head = await wholeHead(logs)
  }

  /** Takes the log as far as it goes now, then what goes with it. */
  async #catchUp({ log, files, blobs }: Logs): Promise<void> {
    const walk = this.#walk
    if (walk.length < log.length) this.#state = 'copying'
    while (walk.length < log.length) {
      const users = new Map<string, WalkedUser>()
      const end = Math.min(log.length, walk.length + BLOCKS_MAX)
      this.#refuseWhenFull()
      if (!(await fetchBlocks(log, walk.length, end, this.#stop, this.#ranges))) return
      while (walk.length < end) {
        const next = Math.min(end, walk.length + READ_MAX)
        for (const block of await blocksOf(log, walk.length, next)) {
          for (const user of this.#visit(block)) users.set(encodeId(user.key), user)
        }
      }
      await this.#users.take(users)
      if (this.#stop.signal.aborted) return
    }
    this.#users.takeLacking()
    const { commit } = walk
    if (commit === null) return
    for (const { key, entry } of walk.open) await this.#users.takeOpen(key, entry)
    const isWhole =
      (await this.#take(files, commit.archive, 'the archive')) &&
      (await this.#take(blobs, commit.blobs, 'the blobs'))
    // what has come meanwhile is next
    if (isWhole && walk.length === log.length) await this.#advance(log)
  }

  #visit(block: Uint8Array): readonly WalkedUser[] {
    try {
      return this.#walk.visit(block)
    } catch (error) {
      if (!(error instanceof MivmError)) throw error
      throw new Stopped('malformed', error.message)
    }
  }

  /** Has a log here as a commit names it; false where that was given up. */
  async #take(core: Hypercore, version: Version, what: string): Promise<boolean> {
    if (!(await awaitBlocks(core, version.length, this.#stop))) return false
    this.#refuseWhenFull()
    if (!(await fetchBlocks(core, 0, version.length, this.#stop, this.#ranges))) return false
    if (await isVersion(core, version)) return true
    throw new Stopped(
      'malformed',
      `${what} is not what the commit names: audit the instance to learn whose fault that is`
    )
  }

  async #advance(log: Hypercore): Promise<void> {
    const head = headOf(log)
    if (head === null || head.length !== this.#walk.length) return
    const { lacking } = this.#users
    this.#state = lacking === 0 ? 'whole' : `whole, but for the logs of ${lacking} users`
    if (head.length !== this.#head?.length) {
      await log.setUserData(WHOLE_NOTE, c.encode(HEADS_HEAD, head))
      this.#head = head
    }
    if (this.#isLevel) return
    this.#isLevel = true
    this.#options.onEvent({ type: 'mirrored', address: this.#id, blocks: head.length })
  }

  /** Holds what there is against what all others hold: a second history is not mirrored. */
  #compare({ log, genesis }: Logs): void {
    const held: Held = { genesis, head: this.#head, prove: (lengths) => this.prove(lengths) }
    const { evidence = null } = this.#others?.overhear(held) ?? {}
    if (evidence === null && log.fork === 0) return
    throw new Stopped(
      'histories',
      'the host has signed two histories of this instance: the evidence is in the data directory'
    )
  }

  async #news(log: Hypercore): Promise<void> {
    if (log.length > this.#walk.length) return
    const { signal } = this.#stop
    const wait = sleep(LOOK_MS, undefined, { signal, ref: false }).catch(() => {})
    await Promise.race([askNewest(log, LOOK_MS), wait])
    if (log.length === this.#walk.length) await wait
  }

  get #bytes(): number {
    const logs = this.#logs
    if (logs === null) return 0
    const { log, files, blobs } = logs
    return log.byteLength + files.byteLength + blobs.byteLength + this.#users.bytes
  }

  #refuseWhenFull(): void {
    const { bytesMax } = this.#options
    if (this.#bytes <= bytesMax) return
    throw new Stopped(
      'full',
      `the instance has ${this.#bytes} bytes and may have ${bytesMax} here: raise --mirror-max`
    )
  }
}

function readerOf(log: Hypercore): ProofReader {
  return new ProofReader(log, unreadable)
}

/** All of these blocks of a log, which are here. */
async function blocksOf(log: Hypercore, start: number, end: number): Promise<Uint8Array[]> {
  const indexes = Array.from({ length: end - start }, (_, i) => start + i)
  const blocks = await readBlocks(log, indexes)
  return blocks.map((block, i) => {
    if (block === null) throw unreadable(`block ${start + i}`)
    return block
  })
}

function unreadable(what: string): MivmError {
  return new MivmError('INSTANCE_DAMAGED', `${what} of the copy cannot be read`)
}

/** The newest head under which all is here that goes with it, as it was noted down; null where there was none yet. */
async function wholeHead({ log, host }: Logs): Promise<Head | null> {
  const note = await log.getUserData(WHOLE_NOTE)
  if (note === null) return null
  const head = c.decode(HEADS_HEAD, note)
  return head.length <= log.length && verifyHead(head, log.key, host) ? head : null
}

/**
 * The names of its methods, as its host says them, and as they were noted down when it is away: who knows of none is taken
 * for a user, who has no logs to show.
 */
async function methodsOf(log: Hypercore, info: InfoReply | null): Promise<readonly string[]> {
  if (info === null || info.methods.length === 0) {
    return decodeMethods(await log.getUserData(METHODS_NOTE))
  }
  await log.setUserData(METHODS_NOTE, encodeMethods(info.methods))
  return info.methods
}
