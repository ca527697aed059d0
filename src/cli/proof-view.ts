import type { Evidence } from '../protocol/evidence.ts'
import type { Receipt } from '../protocol/receipt.ts'
import { type Output, printable } from './output.ts'
import { embed, formatThrown, inspectCall, inspectText } from './text.ts'

/** What a receipt proves, as data. */
export function describeReceipt(receipt: Receipt) {
  const { host, address, user, seq, time, method, outcome, value, error, head } = receipt
  return {
    kind: 'receipt',
    host,
    address,
    user,
    seq,
    time,
    method,
    args: embed(receipt.args),
    outcome,
    value: embed(value),
    error,
    length: head.length
  }
}

/** What a receipt proves, in words: no more than what is in it. */
export function renderReceipt(output: Output, receipt: Receipt): void {
  const { host, address, user, seq, time, method, args, head } = receipt
  const call = method === null ? 'an entry that is no call' : inspectCall(method, args ?? '[]')
  output.line(`${output.paint(['bold', 'green'], 'receipt holds')}: the host ${host}`)
  output.line(`has signed, for the instance ${address}:`)
  output.line(`  call ${seq}: ${call}`)
  output.line(`  of the user ${user}`)
  output.line(`  ${outcomeOf(receipt)}`)
  output.line(`  in a log of ${head.length} blocks; by its own clock at ${showTime(time)}`)
  output.line(
    "Whether the result is right, an audit says; that the user has called, the user's log."
  )
}

/** What evidence proves, in words: no more than what is in it. */
export function renderEvidence(output: Output, evidence: Evidence): void {
  const { code, host, address, log, block, seq, user, why, differences = [], signed } = evidence
  const which = seq === undefined ? '' : `, call ${seq}`
  output.line(`${output.paint(['bold', 'red'], 'evidence holds')}: ${code}`)
  output.line(`the host ${host}`)
  output.line(`has cheated in the instance ${address}, ${log} block ${block}${which}:`)
  output.line(`  ${printable(why)}`)
  if (user !== undefined) output.line(`  the user is ${user}`)
  for (const { what, logged, replayed } of differences) {
    output.line(
      `  ${what}: the host has signed ${printable(logged)}, replay gives ${printable(replayed)}`
    )
  }
  for (const statement of signed) output.line(`signed: ${statement}`)
  output.line(
    evidence.class === 'P'
      ? 'It follows from signatures and hashes alone.'
      : 'The calls were executed again here, on code and state that the host has signed.'
  )
}

function outcomeOf({ outcome, value, error }: Receipt): string {
  if (outcome === 'ok') return value === null ? 'result: none' : `result: ${inspectText(value)}`
  const thrown = error === null ? '' : formatThrown(error)
  return outcome === 'error' ? `error: ${thrown}` : `aborted by the host, its word only: ${thrown}`
}

/** A log may hold any number. */
function showTime(time: number): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? `${time} ms` : date.toISOString()
}
