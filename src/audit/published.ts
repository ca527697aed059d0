import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import Hyperdrive from 'hyperdrive'
import type { Commit } from '../protocol/entries.ts'
import { type Head, verifyHead } from '../protocol/head.ts'
import { stateManifest } from '../protocol/manifest.ts'
import type { Report } from './findings.ts'
import type { HostShows } from './heads.ts'
import { awaitLength, headOf, type Patience } from './log-reader.ts'

const NAMES = ['archive', 'blobs'] as const
type Name = (typeof NAMES)[number]

interface Side {
  readonly name: Name
  readonly core: Hypercore
  /** What commits say that the core was, by its length. */
  readonly committed: Map<number, Uint8Array>
  /** Heads that were seen in the course of the audit. */
  readonly seen: Head[]
}

/**
 * The archive that the host publishes: of its two cores only the heads are looked at, since replay says what has to
 * be below them. Every head has to be that of a commit.
 */
export class Published {
  readonly contentKey: Uint8Array
  readonly #sides: readonly Side[]
  readonly #host: Uint8Array
  readonly #report: Report
  readonly #patience: Patience
  /** The newest commit of the calls that are audited. */
  #last: Commit | null = null

  private constructor(
    sides: readonly Side[],
    contentKey: Uint8Array,
    host: Uint8Array,
    report: Report,
    patience: Patience
  ) {
    this.#sides = sides
    this.contentKey = contentKey
    this.#host = host
    this.#report = report
    this.#patience = patience
  }

  static async open(
    store: Corestore,
    host: Uint8Array,
    address: Uint8Array,
    report: Report,
    patience: Patience
  ): Promise<Published> {
    const { signers, ...rest } = stateManifest(host, address)
    const manifest = { ...rest, signers: [...signers] }
    const archive = store.get({ manifest, allowFork: false })
    await archive.ready()
    const contentManifest = Hyperdrive.getContentManifest(manifest, archive.key)
    if (contentManifest === null) throw new Error('Hyperdrive has no manifest for the blobs')
    const blobs = store.get({ manifest: contentManifest, allowFork: false })
    await blobs.ready()
    const cores = { archive, blobs }
    const sides = NAMES.map((name) => ({
      name,
      core: cores[name],
      committed: new Map(),
      seen: []
    }))
    return new Published(sides, blobs.key, host, report, patience)
  }

  /** Takes the newest heads, of at least the lengths that the newest commit names. */
  async look(): Promise<void> {
    await Promise.all(this.#sides.map((side) => this.#look(side)))
  }

  /** A commit of the calls that are audited. */
  audited(commit: Commit): void {
    this.#last = commit
    this.note(commit)
  }

  /** Any commit of the call log. */
  note(commit: Commit): void {
    for (const { name, committed } of this.#sides) {
      committed.set(commit[name].length, commit[name].treeHash)
    }
  }

  /** Whether a head was seen that is beyond every commit so far. */
  get ahead(): boolean {
    return this.#sides.some(({ seen, committed }) =>
      seen.some(({ length }) => length > newest(committed))
    )
  }

  /**
   * Looks again where the archive was behind the newest commit. The host may have written on: the commit of what is
   * seen now is in a call log that is read after this.
   */
  async lookAgain(): Promise<void> {
    const behind = this.#sides.filter(
      (side) => !side.seen.some(({ length }) => length >= this.#lengthMin(side.name))
    )
    await Promise.all(behind.map((side) => this.#look(side)))
  }

  /** A head of either log that was seen, by its length. */
  headAt(name: Name, length: number): Head | null {
    const side = this.#sides.find((one) => one.name === name)
    return side?.seen.find((head) => head.length === length) ?? null
  }

  /** Judges all that was seen. */
  judge(hostShows: HostShows): void {
    for (const side of this.#sides) {
      for (const head of side.seen) this.#judge(side, head, hostShows)
      this.#judgeEnd(side, hostShows)
    }
  }

  async close(): Promise<void> {
    for (const { core } of this.#sides) await core.close()
  }

  #lengthMin(name: Name): number {
    return this.#last?.[name].length ?? 1
  }

  async #look({ name, core, seen }: Side): Promise<void> {
    await awaitLength(core, this.#lengthMin(name), this.#patience)
    const head = headOf(core)
    if (head === null || seen.some(({ length }) => length === head.length)) return
    if (verifyHead(head, core.key, this.#host)) {
      seen.push(head)
      return
    }
    const message = `the ${name}: its head on this disk is not what the host signed`
    this.#report.gap({ reason: 'damaged', log: name, from: null, to: null, message })
  }

  #judge({ name, core, committed }: Side, head: Head, hostShows: HostShows): void {
    const place = { log: name, block: Math.max(0, head.length - 1) } as const
    if (head.fork > 0) {
      const message = `the host has signed a head of the ${name} with fork ${head.fork}: it has rewritten it`
      this.#report.find('ARCHIVE_FORKED', place, message)
      return
    }
    const treeHash = committed.get(head.length)
    if (treeHash !== undefined && b4a.equals(treeHash, head.treeHash)) return
    const beyond = head.length > newest(committed)
    if (beyond && (hostShows(null) === null || (hostShows(core) ?? 0) < head.length)) {
      const message = `the ${name} has ${head.length} blocks: nobody here shows a call log with the commit to that`
      this.#report.gap({ reason: 'withheld', log: 'call log', from: null, to: null, message })
      return
    }
    const message = `the ${name} was published with ${head.length} blocks, as no commit of the call log has left it`
    this.#report.find('ARCHIVE_UNCOMMITTED', place, message)
  }

  #judgeEnd({ name, core, seen }: Side, hostShows: HostShows): void {
    // a log without a commit says nothing of an archive
    const to = this.#last?.[name].length ?? 0
    const from = seen.reduce((length, head) => Math.max(length, head.length), 0)
    if (from >= to) return
    const shown = hostShows(core)
    if (shown !== null && shown < to) {
      const message = `the newest commit leaves the ${name} at ${to} blocks, and the host shows ${shown}`
      this.#report.find('ARCHIVE_TRUNCATED', { log: name, block: shown }, message)
      return
    }
    const message = `the ${name}, blocks ${from} to ${to - 1}: nobody has shown the head over them`
    this.#report.gap({ reason: 'missing', log: name, from, to, message })
  }
}

function newest(committed: ReadonlyMap<number, Uint8Array>): number {
  // lengths never shrink, or that is a finding of its own
  let length = 0
  for (const key of committed.keys()) length = key
  return length
}
