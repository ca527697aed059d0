// What all measures share: how often they run, what a figure is, and the table of them.

export interface Options {
  /** One short run of everything: to see that it works, not for numbers. */
  readonly quick: boolean
  /** Of histories, in the place of as many as there usually are. */
  readonly calls?: number
  /** Where processes under load leave their CPU profiles; null: nowhere. */
  readonly profile: string | null
  /** A line for whoever waits. */
  progress(line: string): void
}

/** One subject of measurement, with everything that it starts and leaves behind in its own hands. */
export interface Measure {
  readonly name: string
  run(options: Options): Promise<readonly Figure[]>
}

/** What has to be reached: of some units so many at least, of all others at most, but where `atLeast` says otherwise. */
export interface Figure {
  readonly name: string
  readonly unit: 'µs' | 'ms' | 's' | 'calls/s' | 'B' | 'MB' | 'of the mean' | 'times'
  /** One a run. */
  readonly values: readonly number[]
  readonly bar?: number
  readonly atLeast?: true
  /** The same on Fastify + SQLite, one a run. */
  readonly baseline?: readonly number[]
}

const AT_LEAST: ReadonlySet<Figure['unit']> = new Set(['calls/s', 'of the mean'])

/** Runs something several times, one after another, and returns what each run gave. */
export async function repeat<T>(
  times: number,
  run: (index: number) => Promise<T>,
  { progress }: Options
): Promise<T[]> {
  const results: T[] = []
  for (let i = 0; i < times; i++) {
    progress(`run ${i + 1} of ${times}`)
    results.push(await run(i))
  }
  return results
}

/** The value below which a share of all values lies, by nearest rank; 0.5 is the median. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (value === undefined) throw new Error('there is no quantile of nothing')
  return value
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Whether a figure reaches its bar; true where it has none. */
export function reaches(figure: Figure): boolean {
  const { values, bar } = figure
  if (bar === undefined) return true
  return isLeast(figure) ? median(values) >= bar : median(values) <= bar
}

function isLeast({ unit, atLeast }: Figure): boolean {
  return atLeast ?? AT_LEAST.has(unit)
}

/** A table in Markdown whose columns stand under each other in a terminal as well. */
export function table(figures: readonly Figure[]): string {
  const head = ['', 'median', 'min–max', 'bar', '', 'Fastify + SQLite', 'min–max']
  const rows = figures.map((figure) => {
    const { name, unit, values, bar, baseline } = figure
    return [
      name,
      `${format(median(values))} ${unit}`,
      range(values),
      bar === undefined ? '' : `${isLeast(figure) ? '≥' : '≤'} ${format(bar)} ${unit}`,
      bar === undefined ? '' : reaches(figure) ? 'reached' : 'missed',
      baseline === undefined ? '' : `${format(median(baseline))} ${unit}`,
      baseline === undefined ? '' : range(baseline)
    ]
  })
  const widths = head.map((title, i) =>
    Math.max(CELL_MIN, title.length, ...rows.map((row) => cell(row, i)))
  )
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [head, rule, ...rows].map((row) => line(row, widths)).join('\n')
}

/** What a rule with a colon takes. */
const CELL_MIN = 3

function cell(row: readonly string[], index: number): number {
  return row[index]?.length ?? 0
}

function line(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((text, i) =>
    i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)
  )
  return `| ${cells.join(' | ')} |`
}

function range(values: readonly number[]): string {
  return `${format(Math.min(...values))}–${format(Math.max(...values))}`
}

/** Three digits that mean something; below 0.1 two. */
function format(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  return value >= 100
    ? value.toFixed(0)
    : value >= 10
      ? value.toFixed(1)
      : value >= 0.1
        ? value.toFixed(2)
        : value.toFixed(3)
}
