import type { Account } from '../host/admission.ts'
import type { Quotas } from '../host/quotas.ts'
import type { HostStatus, Lately, Latency, Mirrored, Totals } from '../host/status.ts'
import type { EngineFigures } from '../vm/supervisor.ts'
import { printable } from './output.ts'
import { count, formatBytes, formatDuration } from './text.ts'

/** Of those who use most. */
const ACCOUNTS_SHOWN = 3

/** What a host says to its own operator, for a person. What a newer one says as well is shown as it is. */
export function statusLines(status: HostStatus): string[] {
  const { id, vm, ready, problem, uptime, instances, open, peers, logs, queued, ...figures } =
    status
  const { lately, total, engines, process, ...rest } = figures
  const { connections, quotas, refused, bytesWaiting, users, deployers, mirrored, ...others } = rest
  const { loop, memory, descriptors, disk } = process
  const rows: (readonly [name: string, text: string])[] = [
    ['host', id],
    ['state', `${ready ? 'ready' : 'not ready'}, up ${formatDuration(uptime)}; ${vm}`],
    ...(problem === null ? [] : [['problem', printable(problem)] as const]),
    ['calls', ratesOf(lately)],
    [
      'waiting',
      `${count(queued, 'call')}, ${formatBytes(bytesWaiting)}, ${count(engines.waiting, 'task')} for an engine`
    ],
    ['engines', enginesOf(engines)],
    ['instances', `${number(instances)}, ${number(open)} in memory${damagedOf(total)}`],
    [
      'network',
      `${count(connections.open, 'connection')}, ${number(connections.silent)} silent; ${count(logs, 'open log')}`
    ],
    ...(Object.keys(refused).length === 0 ? [] : [['over quota', codes(refused).trim()] as const]),
    [
      'event loop',
      `${percent(loop.busy)} busy, delays: p50 ${ms(loop.p50)}, p99 ${ms(loop.p99)}, most ${ms(loop.max)}`
    ],
    [
      'process',
      `${formatBytes(memory.resident)}, heap ${formatBytes(memory.heap)}${descriptors === null ? '' : `, ${number(descriptors.open)} of ${descriptors.max === null ? '?' : number(descriptors.max)} descriptors`}`
    ],
    [
      'disk',
      disk === null ? '?' : `${formatBytes(disk.used)} used, ${formatBytes(disk.free)} free`
    ],
    ...(mirrored ?? []).map((one) => ['mirrored', mirroredOf(one)] as const),
    ['in all', totalOf(total)],
    ...unknownOf(others)
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  const line = ([name, text]: readonly [string, string]) => `${name.padEnd(width)}  ${text}`
  // last, since a low terminal has no room for all of them
  const accounts = [
    ...users.slice(0, ACCOUNTS_SHOWN).map((user) => ['user', accountOf(user)] as const),
    ...deployers.slice(0, ACCOUNTS_SHOWN).map((one) => ['deployer', accountOf(one)] as const)
  ]
  const below = [accounts, quotaRows(quotas)].filter(({ length }) => length > 0)
  return [
    ...rows.map(line),
    '',
    ...latencyLines(lately),
    ...below.flatMap((some) => ['', ...some.map(line)])
  ]
}

/** How long calls take, in a table; the stages stand below each other in the order in which they come. */
function latencyLines({ seconds, call, stages }: Lately): string[] {
  const line = (name: string, p50: string, p99: string) =>
    `${name.padEnd(8)}${p50.padStart(9)}${p99.padStart(9)}`
  const row = (name: string, { p50, p99 }: Latency) => line(name, ms(p50), ms(p99))
  return [
    `${line('', 'p50', 'p99')}  of the last ${seconds.toFixed(0)} s`,
    ...Object.entries(stages).map(([name, latency]) => row(name, latency)),
    row('call', call)
  ]
}

function ratesOf({ calls, errors, aborts, fuel, batch }: Lately): string {
  const shared = batch === null ? '' : `; ${batch.toFixed(1)} in a commit`
  return `${rate(calls)} (errors ${rate(errors)}, aborts ${rate(aborts)}), fuel ${rate(fuel)}${shared}`
}

function totalOf({ ok, error, abort, deployments, aborts, refused, failed }: Totals): string {
  const parts = [
    `${count(ok + error + abort, 'call')}, ${count(error, 'error')}, ${count(abort, 'abort')}${codes(aborts)}`,
    count(deployments, 'deployment')
  ]
  if (Object.keys(refused).length > 0) parts.push(`refused${codes(refused)}`)
  if (Object.keys(failed).length > 0) parts.push(`failed batches${codes(failed)}`)
  return parts.join('; ')
}

function enginesOf(engines: EngineFigures): string {
  const { most, running, busy, instances, memory, started, deaths, failing } = engines
  const died = Object.fromEntries(Object.entries(deaths).filter(([, n]) => n > 0))
  const parts = [
    `${running} of ${most}`,
    `${busy} busy`,
    count(instances, 'instance'),
    formatBytes(memory),
    `${number(started)} started`
  ]
  if (Object.keys(died).length > 0) parts.push(`ended over a job${codes(died)}`)
  if (failing) parts.push('none can be started')
  return parts.join(', ')
}

function mirroredOf({ address, blocks, bytes, state }: Mirrored): string {
  return `${address}: ${count(blocks, 'block')}, ${formatBytes(bytes)}, ${printable(state)}`
}

function accountOf({ id, calls, fuel, bytes, bytesStored, refused }: Account): string {
  return `${count(calls, 'call')}, fuel ${number(fuel)}, ${formatBytes(bytes)}, ${formatBytes(bytesStored)} stored, ${number(refused)} refused: ${id}`
}

/** A row for each of those that have quotas; what has no limit is not in it. */
function quotaRows(quotas: Quotas): (readonly [name: string, text: string])[] {
  return Object.entries(quotas).flatMap(([scope, limits]) => {
    if (typeof limits !== 'object') return [['quota', quotaOf(scope, limits)] as const]
    const parts = Object.entries<number | null>(limits).flatMap(([name, limit]) =>
      limit === null ? [] : [quotaOf(name, limit)]
    )
    return [['quota', `${printable(scope)}: ${parts.join(', ') || 'none'}`] as const]
  })
}

/** By the name that it has in the settings. */
function quotaOf(name: string, limit: number): string {
  return `${printable(name)} ${/^bytes/.test(name) ? formatBytes(limit) : number(limit)}`
}

function damagedOf({ damaged, setBack }: Totals): string {
  const list = (what: string, addresses: readonly string[]) =>
    addresses.length === 0 ? '' : `, ${what}: ${addresses.map(printable).join(', ')}`
  return `${list('damaged', damaged)}${list('set back', setBack)}`
}

function codes(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([code, n]) => `${printable(code)} ${number(n)}`)
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

/** What is in none of the lines above. */
function unknownOf(others: object): (readonly [string, string])[] {
  return Object.entries(others).map(([name, value]) => [
    printable(name),
    printable(JSON.stringify(value))
  ])
}

function number(n: number): string {
  return n.toLocaleString('en-US')
}

function rate(perSecond: number): string {
  const digits = perSecond > 0 && perSecond < 10 ? 1 : 0
  return `${perSecond.toLocaleString('en-US', { maximumFractionDigits: digits })}/s`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)}%`
}

function ms(time: number | null): string {
  if (time === null) return '–'
  if (time >= 1000) return `${(time / 1000).toFixed(1)} s`
  return `${time.toFixed(time >= 10 ? 0 : time >= 1 ? 1 : 2)} ms`
}
