import path from 'node:path'
import { audit as auditLogs, headsSeen } from './audit/audit.ts'
import type { AuditEvent } from './audit/events.ts'
import { Others } from './client/others.ts'
import { copyOwnLogs } from './client/own-copies.ts'
import { Replica } from './client/replica.ts'
import type { Bootstrap } from './index.ts'
import { statementsIn } from './protocol/comparison.ts'
import { MivmError } from './protocol/errors.ts'
import { isHistoryCode } from './protocol/evidence.ts'
import {
  checkGiven,
  directory,
  duration,
  flag,
  given,
  list,
  needed,
  TIMER_MAX
} from './protocol/fields.ts'
import type { Head } from './protocol/head.ts'
import { encodeId, parseLink } from './protocol/ids.ts'
import { EvidenceDir } from './state/evidence-dir.ts'
import { fileError } from './state/file-error.ts'

export interface AuditOptions {
  /** Address or link of the instance. */
  readonly address: string
  /** The data directory: copies of the logs, and what this auditor has seen before. */
  readonly dir: string
  readonly bootstrap?: Bootstrap
  /** How long to wait for something that nobody shows, ms; default 10 s. */
  readonly patience?: number
  /** Has evidence put together for each finding: an event of its own, before those of the checks. */
  readonly evidence?: boolean
  /** Receipts, or evidence, of this instance: the log has to agree with the heads in them. */
  readonly receipts?: readonly (Uint8Array | string)[]
  /** Begins at genesis also where an earlier audit in this directory has left a checkpoint. */
  readonly fromGenesis?: boolean
  /**
   * Goes on as calls come in, until this is aborted: findings come as they happen, and the verdict is of what was
   * verified so far, inconclusive where there was more to read. Goes on also while the host is away.
   */
  readonly follow?: AbortSignal
}

const OPTIONS = {
  // what is no address, or no node, is said where they are read
  address: given(),
  bootstrap: given(),
  dir: needed(directory),
  patience: duration(0),
  evidence: flag,
  receipts: list(given()),
  fromGenesis: flag,
  follow: given('an AbortSignal', (value): value is AbortSignal => value instanceof AbortSignal)
}

/**
 * Audits an instance, from its host and whoever else serves it; where nobody does, the copy on this machine. It begins
 * where the last audit of this directory was, or at the first entry. The last event is the verdict. Throws
 * INSTANCE_UNKNOWN or HOST_UNKNOWN where there is nothing to audit, or it is not on the host that the link names; what is
 * wrong with the instance is never thrown.
 */
export async function* audit(options: AuditOptions): AsyncGenerator<AuditEvent> {
  checkGiven(options, OPTIONS, 'the options of the audit')
  try {
    yield* events(options)
  } catch (error) {
    throw fileError(error)
  }
}

async function* events(options: AuditOptions): AsyncGenerator<AuditEvent> {
  const { dir, bootstrap, patience, evidence, fromGenesis, follow, receipts = [] } = options
  const { address, host: owner } = parseLink(options.address)
  const heads = receipts.flatMap((file) => headsIn(file, address))
  const kept = new EvidenceDir(dir)
  const replica = await Replica.open({ dir, bootstrap })
  const audits = path.join(dir, 'audits')
  for (const head of [...heads, ...(await headsSeen(audits, address))]) {
    replica.hold(address, head)
  }
  const isLive = follow !== undefined
  const host = new AskedHost(replica, options.address)
  if (isLive) host.listen()
  let others: Others | null = null
  try {
    const info = await replica.reach(options.address, { again: isLive })
    const meeting = await Others.open({ replica, address, info, kept, bootstrap })
    others = meeting
    if (info === null && !isLive) yield { type: 'host', online: false }
    // where nobody is there nobody withholds anything, and they may have gone on behind the copy
    if (info !== null || isLive) await copyOwnLogs(dir, address, replica.store)
    const ranges = replica.ranges(options.address)
    const running = auditLogs({
      address,
      ...(owner === null ? {} : { host: owner }),
      heads,
      store: replica.store,
      ask: (request) => ranges.ask(request),
      dir: audits,
      peers: () => replica.peers,
      isSetBack: () => replica.isSetBack(address),
      others: (held) => meeting.hear(held),
      overheard: (held) => meeting.overhear(held),
      // who follows waits for the host
      ...(info !== null || isLive ? {} : { patience: 0 }),
      ...(patience === undefined ? {} : { patience: Math.min(patience, TIMER_MAX) }),
      evidence: evidence === true ? true : 'histories',
      ...(fromGenesis === undefined ? {} : { fromGenesis }),
      answeredAt: () => host.answeredAt,
      askHost: () => host.ask(),
      ...(follow === undefined ? {} : { follow, heard: () => host.heard() })
    })
    for await (const event of running) {
      // on disk before anything is closed, whoever asks for it or not
      if (event.type === 'evidence' && event.evidence !== null && isHistoryCode(event.finding.code))
        await kept.keep(encodeId(address), event.finding.code, event.evidence)
      if (event.type !== 'evidence' || evidence === true) yield event
    }
  } finally {
    await others?.close()
    host.end()
    await replica.close()
  }
}

/** The host of an instance, as one that is asked for its newest head. */
class AskedHost {
  readonly #replica: Replica
  readonly #instance: string
  #told: Head[] = []
  /** When it was asked what it has answered last, as performance.now(). */
  answeredAt: number = Number.NEGATIVE_INFINITY
  #unlisten: () => void = () => {}

  constructor(replica: Replica, instance: string) {
    this.#replica = replica
    this.#instance = instance
  }

  /** Asks it again and again, until the end. */
  listen(): void {
    this.#unlisten = this.#replica.listen(this.#instance, (head, askedAt) => {
      this.#told.push(head)
      this.answeredAt = askedAt
    })
  }

  /** Asks it once: all that it had said before has come when it answers, whenever it was asked for that. */
  async ask(): Promise<void> {
    if ((await this.#replica.newest(this.#instance)) !== null) this.answeredAt = performance.now()
  }

  /** Heads that it has told since the last time. */
  heard(): Head[] {
    return this.#told.splice(0)
  }

  end(): void {
    this.#unlisten()
  }
}

/** Heads in a receipt, or in evidence; throws USAGE where it is about another instance. */
function headsIn(file: Uint8Array | string, address: Uint8Array): Head[] {
  const { subject, statements } = statementsIn(file)
  if (encodeId(subject.address) === encodeId(address)) return statements.map(({ head }) => head)
  throw new MivmError(
    'USAGE',
    `a receipt is of another instance, ${encodeId(subject.address)}: leave it out`
  )
}
