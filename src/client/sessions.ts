import { setTimeout as sleep } from 'node:timers/promises'
import type Corestore from 'corestore'
import type { KeyPair } from 'hypercore-crypto'
import { contradiction, type Statement, subjectOf } from '../protocol/comparison.ts'
import type { MivmError } from '../protocol/errors.ts'
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
import { clientClosed, Session } from './session.ts'

/** How long an instance is in use before others who use it are looked for, ms: a single call is over by then. */
const MEET_AFTER = 1_000
/** How long a session that is being opened is waited for when all are closed, ms. */
const OPENING_WAIT = 1_000
/** For a proof that compares heads, ms. */
const PROOF_WAIT = 10_000
/** So many stay open whether they are called or not; beyond that one that was not called for so long, ms, is closed. */
const OPEN: OpenBounds = { max: 1_024, idleMs: 10_000 }

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

interface OpenBounds {
  readonly max: number
  readonly idleMs: number
}

/** A session that is open, and what goes with it. */
interface Opened {
  readonly session: Session
  readonly exchange: Exchange
  /** Until others are looked for. */
  readonly timer: NodeJS.Timeout
}

/**
 * The sessions of one user, one for each instance. What a host shows in them is held against what others were shown, and
 * what it is found out with is on disk before a session ends with that. Where there are very many, those that rest are closed,
 * and opened again when somebody calls.
 */
export class Sessions {
  readonly #calling: Calling
  readonly #evidence: EvidenceDir
  readonly #meeting: Meeting
  readonly #bounds: OpenBounds
  readonly #sessions = new Map<string, Promise<Session>>()
  readonly #opened = new Map<string, Opened>()
  /** On their way out of memory: one that is wanted again has to wait for that. */
  readonly #leaving = new Map<string, Promise<unknown>>()
  #isClosed = false

  constructor(calling: Calling, evidence: EvidenceDir, meeting: Meeting, bounds = OPEN) {
    this.#calling = calling
    this.#evidence = evidence
    this.#meeting = meeting
    this.#bounds = bounds
  }

  /** How many are open, or being opened. */
  get size(): number {
    return this.#sessions.size
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
    // one that was closed knows what it has seen by its log
    await this.of(address).catch(() => null)
    await this.#opened.get(encodeId(address))?.exchange.weigh(statement)
  }

  /** Closes all; `disconnect` ends what those wait for that are still being opened: as long as a call, if their host is away. */
  async close(disconnect: () => Promise<void>): Promise<void> {
    this.#isClosed = true
    for (const { timer } of this.#opened.values()) clearTimeout(timer)
    const sessions: Session[] = []
    const opening = Promise.allSettled(
      [...this.#sessions.values()].map(async (session) => sessions.push(await session))
    )
    await Promise.race([opening, sleep(OPENING_WAIT, undefined, { ref: false })])
    await Promise.all(sessions.splice(0).map((session) => session.close()))
    await disconnect()
    await opening
    await Promise.all(sessions.map((session) => session.close()))
    await Promise.all(this.#leaving.values())
  }

  async #open(address: Uint8Array): Promise<Session> {
    const { keyPair, store, wal, known, timeout } = this.#calling
    const { host, genesis } = known.get(address)
    const id = encodeId(address)
    await this.#leaving.get(id)
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
    const timer = setTimeout(() => {
      this.#meeting.enter(exchange, host).catch(() => {})
    }, MEET_AFTER).unref()
    this.#opened.set(id, { session: open, exchange, timer })
    // whoever has waited for one of them has called by then
    setImmediate(() => this.#makeRoom())
    return open
  }

  /** Each takes a log, a topic that it is found on, and its peers: who calls thousands of instances would have all of that for ever. */
  #makeRoom(): void {
    const { max, idleMs } = this.#bounds
    if (this.size <= max || this.#isClosed) return
    const before = performance.now() - idleMs
    const idle = [...this.#opened].flatMap(([id, { session }]) => {
      const { idleSince } = session
      return idleSince === null || idleSince > before ? [] : [{ id, idleSince }]
    })
    for (const { id } of idle.sort((a, b) => a.idleSince - b.idleSince)) {
      if (this.size <= max) return
      this.#leave(id)
    }
  }

  #leave(id: string): void {
    const opened = this.#opened.get(id)
    if (opened === undefined) return
    const { session, exchange, timer } = opened
    clearTimeout(timer)
    this.#opened.delete(id)
    this.#sessions.delete(id)
    this.#meeting.leave(exchange).catch(() => {})
    const leaving = Promise.allSettled([session.close()])
    this.#leaving.set(
      id,
      leaving.finally(() => this.#leaving.delete(id))
    )
  }

  /** What calls end with where there is evidence against the host of an instance; null where there is none. */
  async #accused(address: Uint8Array): Promise<MivmError | null> {
    const file = await this.#evidence.find(encodeId(address))
    return file === null ? null : twoHistories(file)
  }
}
