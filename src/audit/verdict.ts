import type { Behind } from './course.ts'
import type { AuditEvent, CheckName } from './events.ts'
import { exitCodeOf, type Report } from './findings.ts'

/** What each of the checks has come to, in their order. */
export function checksOf({ counts, attested, gaps }: Report, behind: Behind): AuditEvent[] {
  const { blocks, calls, users, userEntries, replayed: executed, commits } = counts
  const { walked, replayed } = behind
  const lacks = (log: string) => gaps.some((gap) => gap.log === log)
  const checks: [CheckName, { [what: string]: number }, boolean][] = [
    ['log', { blocks }, walked],
    ['acks', { calls, users, entries: userEntries }, walked && !lacks('user log')],
    ['replay', { replayed: executed }, walked && replayed],
    ['commits', { commits }, walked && replayed && !lacks('archive') && !lacks('blobs')],
    ['heads', { heads: counts.heads }, walked && gaps.length === 0],
    ['records', { ...attested }, walked]
  ]
  return checks.map(([name, checked, complete], i) => {
    return { type: 'check', check: i + 1, name, checked, complete }
  })
}

/** What all of it has come to: the last event of an audit. */
export function verdictOf(report: Report, { pending }: Behind): AuditEvent {
  const { verdict, findings, counts, attested, suspicions, gaps: missing } = report
  const exitCode = exitCodeOf(verdict)
  const words = { verdict, exitCode, findings, counts, attested, suspicions, pending, missing }
  return { type: 'verdict', ...words }
}
