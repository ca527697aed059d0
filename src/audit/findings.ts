/**
 * Everything that a host can be found to have done, with how it is known: P, from signatures and hashes alone;
 * R, by replay.
 */
const CODES = {
  // check 1: the log itself
  ADDRESS_WRONG: 'P',
  GENESIS_INVALID: 'P',
  CODE_WRONG: 'P',
  INIT_WRONG: 'P',
  ENTRY_MALFORMED: 'P',
  ENTRY_TOO_LARGE: 'P',
  ENTRY_UNEXPECTED: 'P',
  BATCH_TOO_LARGE: 'P',
  SEQ_WRONG: 'P',
  ACK_CHAIN_WRONG: 'P',
  RESULT_FORM: 'P',
  ORACLE_INDEX_WRONG: 'P',
  COMMIT_BACKWARDS: 'P',
  COMMIT_HEADS_WRONG: 'P',
  TIME_BACKWARDS: 'P',
  // check 2: acks against the users' own logs
  USER_HEAD_INVALID: 'P',
  CALL_ALTERED: 'P',
  CALL_SKIPPED: 'P',
  CALL_REPEATED: 'P',
  CALL_OUT_OF_ORDER: 'P',
  CALL_INVENTED: 'P',
  // check 3: replay
  RESULT_WRONG: 'R',
  ORACLE_RECORD_WRONG: 'R',
  ORACLE_RECORD_EXTRA: 'R',
  // check 4: commits and the archive
  COMMIT_WRONG: 'R',
  ARCHIVE_UNCOMMITTED: 'P',
  ARCHIVE_FORKED: 'P',
  ARCHIVE_TRUNCATED: 'P',
  // check 5: heads
  ACK_BEFORE_HEAD: 'P',
  TWO_HISTORIES: 'P',
  HISTORY_FORKED: 'P',
  HISTORY_TRUNCATED: 'P'
} as const

export type FindingCode = keyof typeof CODES
export type FindingClass = (typeof CODES)[FindingCode]

/** Where something was found. Blocks count from 0 in the log that `log` names, calls from 1. */
export interface Place {
  readonly log: 'call log' | 'archive' | 'blobs' | 'user log'
  readonly block: number
  /** The call it concerns. */
  readonly seq?: number
  /** z-base-32, where it is in or about a user's log. */
  readonly user?: string
}

/** What the log says, and what the same call comes to here. */
export interface Difference {
  readonly what: 'outcome' | 'value' | 'error' | 'fuel' | 'writes' | 'request' | 'archive' | 'blobs'
  readonly logged: string
  readonly replayed: string
}

/** A cheat: what, where, and both sides where replay came to something else. */
export interface Finding extends Place {
  readonly code: FindingCode
  readonly class: FindingClass
  readonly message: string
  readonly differences?: readonly Difference[]
}

/**
 * What an honest host hardly does, and nobody can prove that one did. It changes no verdict:
 *
 * - `ABORTS_MANY`: a large part of all calls is aborted, which only the host's word stands for;
 * - `CALLS_UNANSWERED`: a call that the host has held for long has no ack;
 * - `SET_BACK`: the host says itself that it has signed more than it shows.
 */
export interface Suspicion extends Place {
  readonly code: 'ABORTS_MANY' | 'CALLS_UNANSWERED' | 'SET_BACK'
  readonly message: string
}

/**
 * Why something could not be checked:
 *
 * - `missing`: nobody has shown it; `withheld`: it is signed for, and nobody shows it;
 * - `damaged`: what is on this disk is not what was signed;
 * - `unsupported`: this version does not know the format or the VM;
 * - `not-reproduced`: this machine could not execute it;
 * - `interrupted`: who follows it was told to end before it came to them;
 * - `disputed`: a user has signed two histories of its own log, so that this copy of it says nothing about the host.
 */
export type GapReason =
  | 'missing'
  | 'withheld'
  | 'damaged'
  | 'unsupported'
  | 'not-reproduced'
  | 'interrupted'
  | 'disputed'

/** Something that was not checked; with one of these and no finding the verdict is inconclusive. */
export interface Gap {
  readonly reason: GapReason
  readonly log: Place['log']
  readonly user?: string
  /** The blocks, `to` excluded; null where all are meant. */
  readonly from: number | null
  readonly to: number | null
  readonly message: string
}

export type Verdict = 'clean' | 'violation' | 'inconclusive'

export interface Counts {
  /** Entries of the call log that were read and proven. */
  blocks: number
  calls: number
  commits: number
  users: number
  /** Calls that the VM executed again. */
  replayed: number
  /** Entries of user logs that were read and proven. */
  userEntries: number
  /** Heads in user logs that agree with the call log. */
  heads: number
  /** Calls in user logs behind the last one that has an ack. */
  unanswered: number
  /** Heads that users cite and that the host never signed: their lie, held against nobody. */
  falseHeads: number
  /** Answers that users claim and that the call log does not have for that entry of theirs: their lie as well. */
  falseAnswers: number
}

/** What no replay can check: the host's word. */
export interface Attested {
  hostTimes: number
  oracleAnswers: number
  aborts: number
}

/** Findings that are shown; a hostile log may hold any number. */
const FINDINGS_MAX = 1000

/** Aborts from which on they are many: so many of them, and of so many calls one. */
const ABORTS_MANY = 8
const ABORTS_SHARE = 10

/** What an audit comes to, as it grows. */
export class Report {
  readonly counts: Counts = {
    blocks: 0,
    calls: 0,
    commits: 0,
    users: 0,
    replayed: 0,
    userEntries: 0,
    heads: 0,
    unanswered: 0,
    falseHeads: 0,
    falseAnswers: 0
  }
  readonly attested: Attested = { hostTimes: 0, oracleAnswers: 0, aborts: 0 }
  readonly gaps: Gap[] = []
  readonly suspicions: Suspicion[] = []
  #firstAbort: Place | null = null
  readonly #codes = new Set<FindingCode>()
  #findings = 0
  #fresh: Finding[] = []
  #isReplayBlamed = false
  #lasting = { gaps: 0, suspicions: 0 }

  get findings(): number {
    return this.#findings
  }

  get firstAbort(): Place | null {
    return this.#firstAbort
  }

  /** Goes on from what another audit has counted. */
  resume(counts: Counts, attested: Attested, firstAbort: Place | null): void {
    Object.assign(this.counts, counts)
    Object.assign(this.attested, attested)
    this.#firstAbort = firstAbort
  }

  /** What is said from now on of gaps and suspicions may be another thing the next time: until `rewind`. */
  mark(): void {
    this.#lasting = { gaps: this.gaps.length, suspicions: this.suspicions.length }
  }

  rewind(): void {
    this.gaps.length = Math.min(this.gaps.length, this.#lasting.gaps)
    this.suspicions.length = Math.min(this.suspicions.length, this.#lasting.suspicions)
  }

  find(
    code: FindingCode,
    place: Place,
    message: string,
    differences?: readonly Difference[]
  ): void {
    this.#codes.add(code)
    if (CODES[code] === 'R') this.#isReplayBlamed = true
    if (this.#findings++ >= FINDINGS_MAX) return
    const finding = { code, class: CODES[code], ...place, message }
    this.#fresh.push(differences === undefined ? finding : { ...finding, differences })
  }

  /** Whether anything of that kind was found. */
  has(code: FindingCode): boolean {
    return this.#codes.has(code)
  }

  /** Whether something of it comes from executing calls. */
  get isReplayBlamed(): boolean {
    return this.#isReplayBlamed
  }

  gap(gap: Gap): void {
    if (gap.reason === 'not-reproduced') this.#isReplayBlamed = true
    if (this.gaps.length < FINDINGS_MAX) this.gaps.push(gap)
  }

  suspect(code: Suspicion['code'], place: Place, message: string): void {
    if (this.suspicions.length < FINDINGS_MAX) this.suspicions.push({ code, ...place, message })
  }

  /** A call that the host says it had to end. */
  abort(place: Place): void {
    this.attested.aborts++
    this.#firstAbort ??= place
  }

  /** Looks at what was attested, once all of it is. */
  weigh(): void {
    const { aborts } = this.attested
    const { calls } = this.counts
    if (this.#firstAbort === null || aborts < ABORTS_MANY || aborts * ABORTS_SHARE < calls) return
    const message = `${aborts} of ${calls} calls are aborted, this one first, and nobody can say whether they had to be`
    this.suspect('ABORTS_MANY', this.#firstAbort, message)
  }

  /** Findings since the last time. */
  take(): Finding[] {
    const fresh = this.#fresh
    this.#fresh = []
    return fresh
  }

  get verdict(): Verdict {
    if (this.#findings > 0) return 'violation'
    return this.gaps.length > 0 ? 'inconclusive' : 'clean'
  }
}

/** What a command exits with. */
export function exitCodeOf(verdict: Verdict): 0 | 1 | 2 {
  if (verdict === 'clean') return 0
  return verdict === 'violation' ? 1 : 2
}
