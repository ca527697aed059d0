import type { AuditEvent, Finding } from '../index.ts'
import { type Output, printable } from './output.ts'
import { count } from './text.ts'

type CheckName = Extract<AuditEvent, { type: 'check' }>['name']
type VerdictEvent = Extract<AuditEvent, { type: 'verdict' }>

const CHECKS: Readonly<Record<CheckName, string>> = {
  log: 'address, code and form of the log',
  acks: "calls against the users' own logs",
  replay: 'results, by executing every call again',
  commits: 'the archive: what the calls wrote, nothing else',
  heads: 'signed heads: one history for everybody',
  records: 'times and oracles'
}

/** Writes an event of an audit for people. */
export function renderAudit(output: Output, event: AuditEvent): void {
  switch (event.type) {
    case 'progress':
      output.progress(
        `block ${event.blocks} of ${event.of}, ${count(event.replayed, 'call')} executed again`
      )
      break
    case 'checkpoint':
      if (event.state === 'resumed') {
        output.note(
          `goes on at block ${event.blocks}, behind ${count(event.calls, 'call')} verified before`
        )
      } else {
        output.note(`begins at genesis, since the checkpoint cannot be used: ${event.message}`)
      }
      break
    case 'following':
      output.note(
        `${count(event.calls, 'call')} verified; going on as they come, until interrupted`
      )
      break
    case 'host':
      output.note(event.online ? 'the host is back' : 'the host is away: waiting for it')
      break
    case 'finding':
      renderFinding(output, event.finding)
      break
    case 'check':
      output.line(
        `${event.complete ? output.paint('green', 'checked') : output.paint('yellow', 'partly ')} ${event.check} ${CHECKS[event.name]}: ${listCounts(event.checked)}`
      )
      break
    case 'verdict':
      renderVerdict(output, event)
      break
  }
}

function renderFinding(output: Output, finding: Finding): void {
  const { code, log, block, seq, user, message, differences = [] } = finding
  const where = seq === undefined ? `${log} block ${block}` : `host+${seq} (${log} block ${block})`
  const whose = user === undefined ? '' : ` of ${user}`
  output.line(`${output.paint('red', code)} ${where}${whose}: ${printable(message)}`)
  for (const { what, logged, replayed } of differences) {
    output.line(`  ${what}: the log says ${printable(logged)}, replay says ${printable(replayed)}`)
  }
}

function renderVerdict(
  output: Output,
  { verdict, findings, attested, suspicions, pending, missing, counts }: VerdictEvent
): void {
  for (const { code, message } of suspicions) {
    output.line(`${output.paint('yellow', 'suspicious')} ${code}: ${printable(message)}`)
  }
  for (const { message } of missing) output.line(`not checked: ${printable(message)}`)
  if (pending > 0)
    output.line(`not committed yet: ${count(pending, 'block')} at the end of the log`)
  output.line(
    `the host's word only: ${count(attested.hostTimes, 'host time')}, ${count(attested.oracleAnswers, 'oracle answer')}, ${count(attested.aborts, 'abort')}`
  )
  const style = verdict === 'clean' ? 'green' : verdict === 'violation' ? 'red' : 'yellow'
  const what =
    verdict === 'clean'
      ? `${count(counts.calls, 'call')}, nothing found`
      : verdict === 'violation'
        ? count(findings, 'finding')
        : 'not everything could be checked, and nothing was found'
  output.line(`${output.paint(['bold', style], verdict)}: ${what}`)
}

function listCounts(checked: { readonly [what: string]: number }): string {
  return Object.entries(checked)
    .map(([what, n]) => count(n, NOUNS[what] ?? what))
    .join(', ')
}

/** What the checks count, as nouns. */
const NOUNS: { readonly [what: string]: string } = {
  blocks: 'block',
  calls: 'call',
  users: 'user',
  entries: 'entry',
  replayed: 'call',
  commits: 'commit',
  heads: 'head',
  hostTimes: 'host time',
  oracleAnswers: 'oracle answer',
  aborts: 'abort'
}
