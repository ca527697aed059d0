import type { Gap, Report } from './findings.ts'

/** How long a host may hold a call without an ack before that is suspicious, ms of its own time. */
const UNANSWERED_MS = 60_000

/** A head that the host had put into a commit at that time, and in which are entries without acks. */
export interface Ahead {
  readonly length: number
  readonly time: number
}

/** Calls behind the last one that has an ack, and the entry of the first of them. */
export interface Unanswered {
  unanswered: number
  first: number
}

export const NOTHING: Readonly<Unanswered> = { unanswered: 0, first: 0 }

/** What the end of a copy comes to, behind the last call that has an ack. */
export interface Ending {
  /** Calls there without an ack. */
  readonly unanswered: number
  /** Entry of the first of them; 0 where there is none that the host could be blamed for. */
  readonly first: number
  readonly ahead: Ahead | null
  /** What could not be checked. */
  readonly gaps: readonly Gap[]
}

/**
 * Says what the end of the log of a user comes to, where the host's time is `time` at the end of its own: what could not be
 * checked, and whether the first call without an ack has waited for long while others were served.
 */
export function tellEnding(ending: Ending, user: string, time: number, report: Report): void {
  const { first, ahead, gaps } = ending
  const waits = first === 0 || ahead === null || ahead.length < first ? 0 : time - ahead.time
  if (waits >= UNANSWERED_MS) {
    const place = { log: 'user log', block: first - 1, user } as const
    const message = `the host has had entry ${first} for ${Math.floor(waits / 1000)} s of its time, and has not answered it`
    report.suspect('CALLS_UNANSWERED', place, message)
  }
  for (const gap of gaps) report.gap(gap)
}
