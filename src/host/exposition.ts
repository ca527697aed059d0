import { type Histogram, type Measures, STAGES } from './measures.ts'
import type { HostStatus, Mirrored } from './status.ts'

/** Content type of {@link exposition}. */
export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** One line of a metric: its labels, and a value. */
type Sample = readonly [labels: Labels, value: number]
type Labels = Readonly<Record<string, string>>

interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  /** Null where the machine does not say. */
  read(status: HostStatus): number | null | readonly Sample[]
}

/**
 * What alarms wait for is there before it has happened: of a series that begins with its first failure Prometheus sees no
 * increase.
 */
const ABORTS = ['ABORT_TIME', 'ABORT_MEMORY', 'ABORT_ENGINE']
const FAILURES = ['STORAGE_FULL', 'STORAGE_FAILED', 'ENGINE_FAILED', 'INSTANCE_DAMAGED', 'INTERNAL']

const METRICS: readonly Metric[] = [
  counter('mivm_calls_total', 'Calls with a result on disk.', ({ total }) =>
    (['ok', 'error', 'abort'] as const).map((outcome) => [{ outcome }, total[outcome]])
  ),
  counter('mivm_aborts_total', 'Calls that the host ended.', ({ total }) =>
    byCode(total.aborts, ABORTS)
  ),
  counter('mivm_fuel_total', 'Fuel that calls have used.', ({ total }) => total.fuel),
  counter('mivm_refused_total', 'Requests that were answered with an error.', ({ total }) =>
    byCode(total.refused)
  ),
  counter('mivm_quota_refused_total', 'What was over a quota.', ({ refused }) =>
    Object.entries(refused).map(([quota, count]) => [{ quota }, count])
  ),
  counter('mivm_batches_failed_total', 'Batches that were not executed or written.', ({ total }) =>
    byCode(total.failed, FAILURES)
  ),
  counter('mivm_deployments_total', 'Instances that were deployed.', ({ total }) => {
    return total.deployments
  }),
  counter(
    'mivm_contract_lines_total',
    'Lines that contracts wrote to the console.',
    ({ total }) => {
      return total.lines
    }
  ),
  gauge('mivm_queued_calls', 'Calls that have arrived and have no result yet.', ({ queued }) => {
    return queued
  }),
  gauge('mivm_waiting_bytes', 'Calls and other requests that wait in memory.', (status) => {
    return status.bytesWaiting
  }),
  gauge('mivm_instances', 'Instances of this host.', ({ instances }) => instances),
  gauge('mivm_instances_open', 'Instances in memory.', ({ open }) => open),
  gauge('mivm_instances_damaged', 'Instances that turned out to be damaged.', ({ total }) => {
    return total.damaged.length
  }),
  gauge('mivm_instances_set_back', 'Instances of which it has signed more.', ({ total }) => {
    return total.setBack.length
  }),
  gauge(
    'mivm_mirrored_blocks',
    'Blocks of call logs of which there are whole copies.',
    (status) => {
      return eachMirrored(status, ({ blocks }) => blocks)
    }
  ),
  gauge('mivm_mirrored_bytes', 'Bytes of those copies.', (status) => {
    return eachMirrored(status, ({ bytes }) => bytes)
  }),
  gauge('mivm_mirrored_whole', 'Whether all of it is there that its host has shown.', (status) => {
    return eachMirrored(status, ({ state }) => Number(state === 'whole'))
  }),
  gauge('mivm_logs_open', 'Hypercores that are open.', ({ logs }) => logs),
  gauge('mivm_peers', 'Connections.', ({ peers }) => peers),
  gauge('mivm_peers_silent', 'Connections over which nothing has come.', ({ connections }) => {
    return connections.silent
  }),
  gauge('mivm_engines_max', 'Engine processes at most.', ({ engines }) => engines.most),
  gauge('mivm_engines_running', 'Engine processes.', ({ engines }) => engines.running),
  gauge('mivm_engines_busy', 'Engines with something to do.', ({ engines }) => engines.busy),
  gauge('mivm_engine_tasks_waiting', 'Batches that wait for an engine.', ({ engines }) => {
    return engines.waiting
  }),
  gauge('mivm_engine_instances', 'Instances in engines.', ({ engines }) => engines.instances),
  gauge('mivm_engine_memory_bytes', 'Resident memory of all engines.', ({ engines }) => {
    return engines.memory
  }),
  counter('mivm_engine_starts_total', 'Engines that were started.', ({ engines }) => {
    return engines.started
  }),
  counter('mivm_engine_deaths_total', 'Engines that ended over a job.', ({ engines }) =>
    Object.entries(engines.deaths).map(([reason, count]) => [{ reason }, count])
  ),
  gauge('mivm_event_loop_delay_seconds', 'How long what was due had to wait.', ({ process }) => {
    const { p50, p99, max } = process.loop
    return Object.entries({ '0.5': p50, '0.99': p99, '1': max }).map(([quantile, ms]) => [
      { quantile },
      ms / 1000
    ])
  }),
  gauge('mivm_event_loop_utilization', 'Share of time with something to do.', ({ process }) => {
    return process.loop.busy
  }),
  gauge('mivm_disk_used_bytes', 'What the data directory takes.', ({ process }) => {
    return process.disk?.used ?? null
  }),
  gauge('mivm_disk_free_bytes', 'What its file system has left.', ({ process }) => {
    return process.disk?.free ?? null
  }),
  gauge('mivm_ready', 'Whether it takes calls.', ({ ready }) => Number(ready)),
  gauge('mivm_uptime_seconds', 'Since it was opened.', ({ uptime }) => uptime),
  counter('process_cpu_seconds_total', 'Processor time.', ({ process }) => process.cpu),
  gauge('process_resident_memory_bytes', 'Resident memory.', ({ process }) => {
    return process.memory.resident
  }),
  gauge('process_heap_bytes', 'Memory of JavaScript objects.', ({ process }) => {
    return process.memory.heap
  }),
  gauge('process_open_fds', 'Descriptors that are open.', ({ process }) => {
    return process.descriptors?.open ?? null
  }),
  gauge('process_max_fds', 'Descriptors that may be open.', ({ process }) => {
    return process.descriptors?.max ?? null
  })
]

/** Figures of a host in the text format of Prometheus. */
export function exposition(status: HostStatus, measures: Measures): string {
  const stages = STAGES.map((stage) => [{ stage }, measures.stages[stage]] as const)
  return [
    ...METRICS.flatMap((metric) => lines(metric, status)),
    ...histogram(
      'mivm_call_stage_seconds',
      'Time of calls in the stages that they go through.',
      stages,
      1000
    ),
    ...histogram(
      'mivm_call_seconds',
      'Time of calls from the arrival of their bytes until the reply is made.',
      [[{}, measures.calls]],
      1000
    ),
    ...histogram('mivm_batch_calls', 'Calls in a commit.', [[{}, measures.batches]], 1),
    ''
  ].join('\n')
}

function counter(name: string, help: string, read: Metric['read']): Metric {
  return { name, help, type: 'counter', read }
}

function gauge(name: string, help: string, read: Metric['read']): Metric {
  return { name, help, type: 'gauge', read }
}

/** Null where no copies are kept. */
function eachMirrored(
  { mirrored }: HostStatus,
  read: (one: Mirrored) => number
): readonly Sample[] | null {
  return mirrored?.map((one) => [{ address: one.address }, read(one)]) ?? null
}

/** With those codes that `always` are there. */
function byCode(
  counts: Readonly<Record<string, number>>,
  always: readonly string[] = []
): readonly Sample[] {
  const none = Object.fromEntries(always.map((code) => [code, 0]))
  return Object.entries({ ...none, ...counts }).map(([code, count]) => [{ code }, count])
}

function lines({ name, help, type, read }: Metric, status: HostStatus): string[] {
  const value = read(status)
  if (value === null) return []
  const samples: readonly Sample[] = typeof value === 'number' ? [[{}, value]] : value
  return [...heading(name, help, type), ...samples.map((sample) => line(name, ...sample))]
}

/** Values are divided by `unit`. */
function histogram(
  name: string,
  help: string,
  series: readonly (readonly [labels: Labels, of: Histogram])[],
  unit: number
): string[] {
  return [
    ...heading(name, help, 'histogram'),
    ...series.flatMap(([labels, { bounds, counts, count, sum }]) => {
      let below = 0
      const buckets = bounds.map((bound, i) => {
        below += counts[i] ?? 0
        // 0.015 ms are no 0.000014999999999999999 s to whoever reads a dashboard
        const le = String(Number((bound / unit).toPrecision(6)))
        return line(`${name}_bucket`, { ...labels, le }, below)
      })
      return [
        ...buckets,
        line(`${name}_bucket`, { ...labels, le: '+Inf' }, count),
        line(`${name}_sum`, labels, sum / unit),
        line(`${name}_count`, labels, count)
      ]
    })
  ]
}

function heading(name: string, help: string, type: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join()}}`} ${value}`
}

/** Codes may be an engine's to choose. */
function escapeLabel(text: string): string {
  return text.replace(/["\\\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))
}
