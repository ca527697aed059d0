import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import { type Answer, readUserEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { manifestKey, userLogManifest } from '../protocol/manifest.ts'
import type { LoggedCall } from './call-log.ts'
import type { Gap, Place, Report } from './findings.ts'
import type { Heads } from './heads.ts'
import { LogReader, type Patience } from './log-reader.ts'

/** Answers that are compared at once. */
const ANSWERS_MAX = 256

/** What the acks of a call log are checked against. */
export interface Witness {
  readonly store: Corestore
  readonly address: Uint8Array
  readonly callLog: Hypercore
  readonly heads: Heads
  readonly report: Report
  readonly patience: Patience
}

interface UserLog {
  readonly id: string
  /** Entries that have acks, in the order of the user's log. */
  readonly acked: number[]
  reader: LogReader | null
  gap: Gap | null
  /** Blocks that are read and not looked at yet; the first of them is block `at`. */
  blocks: readonly Uint8Array[]
  taken: number
  at: number
}

/** Every ack against the log of the user whose call it is, and what the users say there about the call log. */
export class UserLogs {
  readonly #witness: Witness
  readonly #logs = new Map<string, UserLog>()
  #answers: Answer[] = []

  constructor(witness: Witness) {
    this.#witness = witness
  }

  /** The next call of the call log. */
  async check(call: LoggedCall): Promise<void> {
    const { ack, index } = call
    const log = await this.#open(ack.user)
    const place = { log: 'call log', block: index, seq: ack.seq, user: log.id } as const
    const last = log.acked.at(-1) ?? 0
    if (ack.entry <= last) {
      this.#again(log, ack.entry, place)
      return
    }
    log.acked.push(ack.entry)
    let skipped = 0
    let first = 0
    while (log.at < ack.entry) {
      if (log.taken === log.blocks.length && !(await this.#fill(log, ack.entry))) return
      const { block, asks } = this.#take(log, place)
      if (log.at === ack.entry) {
        this.#compare(block, asks, ack.call, place)
      } else if (asks) {
        skipped++
        if (first === 0) first = log.at
      }
    }
    if (skipped > 0) {
      const message = `${skipped} calls of the user before entry ${ack.entry} have no ack, entry ${first} first`
      this.#witness.report.find('CALL_SKIPPED', place, message)
    }
  }

  /** What the users have written behind their last call that has an ack. */
  async finish(): Promise<void> {
    for (const log of this.#logs.values()) {
      const end = log.reader?.length ?? 0
      while (log.gap === null && log.at < end) {
        if (log.taken === log.blocks.length && !(await this.#fill(log, end))) break
        if (this.#take(log, null).asks) this.#witness.report.counts.unanswered++
        if (this.#answers.length >= ANSWERS_MAX) await this.#compareAnswers()
      }
      const entry = log.acked.at(-1) ?? 0
      if (log.gap !== null) this.#witness.report.gap({ ...log.gap, to: log.gap.to ?? entry })
    }
    await this.#compareAnswers()
  }

  async close(): Promise<void> {
    for (const { reader } of this.#logs.values()) {
      await reader?.close()
      await reader?.core.close()
    }
  }

  #again(log: UserLog, entry: number, place: Place): void {
    if (log.acked.includes(entry)) {
      const message = `entry ${entry} of the user is executed again`
      this.#witness.report.find('CALL_REPEATED', place, message)
    } else {
      const message = `entry ${entry} of the user is executed after entry ${log.acked.at(-1)}`
      this.#witness.report.find('CALL_OUT_OF_ORDER', place, message)
    }
  }

  #compare(block: Uint8Array, asks: boolean, call: Uint8Array, place: Place): void {
    const { report } = this.#witness
    if (!b4a.equals(block, call)) {
      report.find('CALL_ALTERED', place, 'the call is not the one that the user has written')
    } else if (!asks) {
      report.find('CALL_INVENTED', place, 'the entry of the user asks for no call')
    }
  }

  /** The next block of a user's log, and whether it asks for a result. */
  #take(log: UserLog, ack: Place | null): { block: Uint8Array; asks: boolean } {
    const block = log.blocks[log.taken++]
    if (block === undefined) throw new MivmError('INTERNAL', 'a block was taken that is not there')
    const index = log.at++
    this.#witness.report.counts.userEntries++
    const entry = readUserEntry(block)
    if (entry === null) return { block, asks: true }
    if (entry.head !== null) this.#claim(log, index, entry.head, ack)
    if (entry.type === 'call') return { block, asks: true }
    this.#answers.push(...entry.answers.slice(0, ANSWERS_MAX))
    return { block, asks: false }
  }

  #claim(log: UserLog, block: number, head: Head, ack: Place | null): void {
    const { heads, report } = this.#witness
    heads.claim(head, { core: log.reader?.core ?? null, user: log.id, block })
    // who has seen the head has written the call behind it
    if (ack === null || head.length <= ack.block || head.fork > 0 || !heads.isSigned(head)) return
    const message = `block ${ack.block} is before the head of ${head.length} blocks that the user had seen when it called`
    report.find('ACK_BEFORE_HEAD', ack, message)
  }

  async #fill(log: UserLog, entry: number): Promise<boolean> {
    if (this.#answers.length >= ANSWERS_MAX) await this.#compareAnswers()
    const { reader } = log
    if (log.gap !== null || reader === null) return false
    if (reader.length < entry) log.gap = await this.#extend(reader, entry)
    if (log.gap !== null) return false
    const window = await reader.read()
    if ('reason' in window) {
      log.gap = window
      return false
    }
    log.blocks = window.blocks
    log.taken = 0
    return true
  }

  async #extend(reader: LogReader, entry: number): Promise<Gap | null> {
    const gap = await reader.fix(entry)
    if (gap !== null) return gap
    if ((reader.head?.fork ?? 0) > 0) {
      return reader.gap(
        'disputed',
        0,
        null,
        'the user has rewritten it, so it says nothing about the host'
      )
    }
    if (reader.length >= entry) return null
    return reader.gap('missing', reader.length, null, 'nobody has shown them')
  }

  async #open(key: Uint8Array): Promise<UserLog> {
    const id = encodeId(key)
    const known = this.#logs.get(id)
    if (known !== undefined) return known
    const log: UserLog = { id, acked: [], reader: null, gap: null, blocks: [], taken: 0, at: 0 }
    this.#logs.set(id, log)
    const { store, address, patience } = this.#witness
    const manifest = userLogManifest(key, address)
    const name = { log: 'user log', user: id } as const
    // every core that is opened takes space on disk, and a log may name any number of users who do not exist
    const here = await store.storage.hasCore(crypto.discoveryKey(manifestKey(manifest)))
    if (!here && patience.ms === 0) {
      const message = `the log of user ${id}: nobody has shown it`
      log.gap = { reason: 'missing', ...name, from: 0, to: null, message }
      return log
    }
    const core = store.get({
      manifest: { ...manifest, signers: [...manifest.signers] },
      allowFork: false
    })
    await core.ready()
    log.reader = new LogReader(core, key, name, patience)
    return log
  }

  /** Compares what users say they were answered with the call log; a difference is a lie of the user. */
  async #compareAnswers(): Promise<void> {
    const { callLog, report } = this.#witness
    const answers = this.#answers
    this.#answers = []
    const same = await Promise.all(
      answers.map(async ({ index, result }) => {
        if (index >= callLog.length) return true
        const block = await callLog.get(index, { wait: false })
        return block === null || b4a.equals(block, result)
      })
    )
    report.counts.falseAnswers += same.filter((is) => !is).length
  }
}
