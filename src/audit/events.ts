import type { Attested, Counts, Finding, Gap, Suspicion, Verdict } from './findings.ts'

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
  /** Goes on where an earlier audit was, or cannot, and begins at genesis: then `message` says why. */
  | {
      readonly type: 'checkpoint'
      readonly state: 'resumed' | 'unusable'
      readonly blocks: number
      readonly calls: number
      readonly message: string | null
    }
  /** All that is there is verified; what comes from now on is as it comes. */
  | { readonly type: 'following'; readonly blocks: number; readonly calls: number }
  /**
   * The host has gone away, or come back; what is here is verified either way. Where calls are not followed: nobody who
   * serves the instance can be reached, and the verdict is of the copy on this machine, which may be old.
   */
  | { readonly type: 'host'; readonly online: boolean }
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
      readonly counts: Readonly<Counts>
      /** What nothing but the host's word stands for. */
      readonly attested: Readonly<Attested>
      /** What looks bad, and can be proven to nobody. */
      readonly suspicions: readonly Suspicion[]
      /** Entries at the end of the log that no commit covers yet. */
      readonly pending: number
      /** Why this is not the whole truth. */
      readonly missing: readonly Gap[]
    }
