// A reader of the text format of Prometheus, version 0.0.4, that takes nothing but what the format allows.

type Labels = { readonly [name: string]: string }

export interface Family {
  readonly name: string
  readonly type: string
  /** Names of all labels of its series, `le` included. */
  readonly labels: readonly string[]
  /** Of the series with these labels and no others; `part` is `_sum` and the like of a histogram. */
  value(labels: Labels, part?: string): number | undefined
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const PAIR = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y

/** Throws where a line, the order of lines or a histogram is wrong. */
export function parseMetrics(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const families = new Map<string, Family>()
  let series = new Map<string, number>()
  let labels = new Set<string>()
  let name = ''
  let type = ''
  for (const line of text.split('\n').slice(0, -1)) {
    const help = /^# HELP (\S+) \S/.exec(line)
    const typed = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line)
    if (help?.[1] !== undefined) {
      name = help[1]
      if (!NAME.test(name) || families.has(name)) throw new Error(line)
      continue
    }
    if (typed?.[1] !== undefined) {
      if (typed[1] !== name) throw new Error(line)
      type = typed[2] ?? ''
      if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name} is a ${type}`)
      const own = { series: new Map<string, number>(), labels: new Set<string>() }
      ;({ series, labels } = own)
      families.set(name, {
        name,
        type,
        get labels() {
          return [...own.labels]
        },
        value: (labels, part = '') => own.series.get(keyOf(part, labels))
      })
      continue
    }
    const [, full = '', pairs = '', value = ''] = LINE.exec(line) ?? []
    const part = full.startsWith(name) ? full.slice(name.length) : null
    const parts = type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    if (part === null || !parts.includes(part)) throw new Error(line)
    if (!/^[+-]?(\d+(\.\d+)?(e[+-]?\d+)?|Inf)$/.test(value)) throw new Error(line)
    const found = parseLabels(pairs)
    for (const label of Object.keys(found)) labels.add(label)
    const key = keyOf(part, found)
    if (series.has(key)) throw new Error(`twice: ${line}`)
    series.set(key, Number(value))
  }
  return families
}

function parseLabels(text: string): Labels {
  const labels: { [name: string]: string } = {}
  let at = 0
  while (at < text.length) {
    PAIR.lastIndex = at
    const [all, name = '', value = ''] = PAIR.exec(text) ?? []
    if (all === undefined || Object.hasOwn(labels, name)) throw new Error(`labels {${text}}`)
    labels[name] = value.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character))
    at += all.length
  }
  return labels
}

function keyOf(part: string, labels: Labels): string {
  return JSON.stringify([part, Object.entries(labels).sort()])
}
