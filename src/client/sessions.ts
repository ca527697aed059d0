import { setTimeout as sleep } from 'node:timers/promises'
import type Corestore from 'corestore'
import type { KeyPair } from 'hypercore-crypto'
import { contradiction, type Statement, subjectOf } from '../protocol/comparison.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { CONSISTENCY, LENGTHS_MAX } from '../protocol/messages.ts'
import type { EvidenceDir } from '../state/evidence-dir.ts'
import type { Wal } from '../state/wal.ts'
import type { Conflict } from './chain.ts'
import { Exchange, twoHistories } from './exchange.ts'
import type { KnownInstances } from './known-instances.ts'
import type { Meeting } from './meeting.ts'
import { OwnLog } from './own-log.ts'
import type { Remote } from './remote.ts'
import { Session } from './session.ts'

/** How long an instance is in use before others who use it are looked for, ms: a single call is over by then. */
const MEET_AFTER = 1_000
/** How long a session that is being opened is waited for when all are closed, ms. */
const OPENING_WAIT = 1_000
/** For a proof that compares heads, ms. */
const PROOF_WAIT = 10_000

/** What a client calls and deploys with. */
export interface Calling {
  readonly keyPair: KeyPair
  readonly store: Corestore
  readonly wal: Wal
  readonly known: KnownInstances
  /** How long a call waits for its result, ms. */
  readonly timeout: number
  remote(host: Uint8Array): Remote
}

/**
 * The sessions of one user, one for each instance. What a host shows in them is held against what others were shown, and
 * what it is found out with is on disk before a session ends with that.
 */
export class Sessions {
  readonly #calling: Calling
  readonly #evidence: EvidenceDir
  readonly #meeting: Meeting
  readonly #sessions = new Map<string, Promise<Session>>()
  readonly #exchanges = new Map<string, Exchange>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #isClosed = false

  constructor(calling: Calling, evidence: EvidenceDir, meeting: Meeting) {
    this.#calling = calling
    this.#evidence = evidence
    this.#meeting = meeting
  }

  /** The session of an instance that is known, opened where there is none. Throws HEAD_CONFLICT where there is evidence against its host. */
  async of(address: Uint8Array): Promise<Session> {
    if (this.#isClosed) throw clientClosed()
    const id = encodeId(address)
    let opening = this.#sessions.get(id)
    if (opening === undefined) {
      opening = this.#open(address)
      this.#sessions.set(id, opening)
      opening.catch(() => this.#sessions.delete(id))
    }
    return opening
  }

  /** The same without opening one; null where there is none. */
  async opened(address: Uint8Array): Promise<Session | null> {
    return (await this.#sessions.get(encodeId(address))?.catch(() => null)) ?? null
  }

  /** Calls that are written and have no result yet. */
  async pendingCalls(): Promise<number> {
    const sessions = await Promise.all(this.#sessions.values())
    return sessions.reduce((sum, session) => sum + session.pendingCalls, 0)
  }

  /** Holds something that the host of an instance has signed against what was seen in its session. */
  async weigh(address: Uint8Array, statement: Statement): Promise<void> {
    await this.#exchanges.get(encodeId(address))?.weigh(statement)
  }

  /** Closes all; `disconnect` ends what those wait for that are still being opened: as long as a call, if their host is away. */
  async close(disconnect: () => Promise<void>): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers) clearTimeout(timer)
    const sessions: Session[] = []
    const opening = Promise.allSettled(
      [...this.#sessions.values()].map(async (session) => sessions.push(await session))
    )
    await Promise.race([opening, sleep(OPENING_WAIT, undefined, { ref: false })])
    await Promise.all(sessions.splice(0).map((session) => session.close()))
    await disconnect()
    await opening
    await Promise.all(sessions.map((session) => session.close()))
  }

  async #open(address: Uint8Array): Promise<Session> {
    const { keyPair, store, wal, known, timeout } = this.#calling
    const { host, genesis } = known.get(address)
    const accused = await this.#accused(address)
    if (accused !== null) throw accused
    const log = await OwnLog.open(store, wal, keyPair, address)
    const remote = this.#calling.remote(host)
    const subject = subjectOf(genesis)
    let newest: Head | null = null
    let open: Session | null = null
    const prove = async (lengths: readonly number[]) => {
      return (await remote.ask(CONSISTENCY, { address, lengths }, PROOF_WAIT)).proof
    }
    const keep = async (evidence: Uint8Array, code: string) => {
      await this.#evidence.keep(encodeId(address), code, evidence)
      open?.fail(await this.#accused(address))
    }
    const exchange = new Exchange({ subject, newest: () => newest, prove, keep })
    const onHead = (head: Head) => {
      newest = head
      exchange.told(head)
    }
    const onConflict = async ({ known, head, proof }: Conflict) => {
      const shown = proof.start === 0 ? proof : null
      const evidence = contradiction(subject, { head: known, proof: null }, { head, proof: shown })
      if (evidence !== null) await exchange.accuse(evidence)
      // a head that is shorter than the newest one says nothing of that, but may of those before
      else await exchange.recall(await log.heads(LENGTHS_MAX, head.length))
      return this.#accused(address)
    }
    const onSetBack = async (head: Head) => {
      await exchange.recall([head, ...(await log.heads(LENGTHS_MAX - 1, head.length))])
    }
    open = await Session.open({ address, remote, log, timeout, onHead, onConflict, onSetBack })
    this.#exchanges.set(encodeId(address), exchange)
    this.#meetLater(exchange, host)
    return open
  }

  #meetLater(exchange: Exchange, host: Uint8Array): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#meeting.enter(exchange, host).catch(() => {})
    }, MEET_AFTER).unref()
    this.#timers.add(timer)
  }

  /** What calls end with where there is evidence against the host of an instance; null where there is none. */
  async #accused(address: Uint8Array): Promise<MivmError | null> {
    const file = await this.#evidence.find(encodeId(address))
    return file === null ? null : twoHistories(file)
  }
}

export function clientClosed(): MivmError {
  return new MivmError('HOST_CLOSED', 'this client is closed: open another one')
}
