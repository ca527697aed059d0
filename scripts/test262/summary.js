import { reasonOf } from './reasons.js'

/** The results as Markdown: totals by folder, what fails only in the VM by reason, and what was not run. */
export function summarize(results, commit) {
  const run = results.filter(({ skip }) => skip === undefined)
  const failed = run.filter(({ plain, vm }) => plain === null && vm !== null)
  return [
    '# test262 in js-1',
    '',
    `Suite: https://github.com/tc39/test262, commit \`${commit}\`, \`language\` and \`built-ins\`. Node ${process.versions.node},`,
    `V8 ${process.versions.v8}, without JIT. Written by \`scripts/test262.js\`, which says how it is run. No text of the suite is`,
    'checked in.',
    '',
    'Each test ran as a strict script in a context as V8 makes it (*bare*), and as a contract of `js-1` with its default limits',
    '(*VM*). What passes bare and fails in the VM is in the list of reasons.',
    '',
    ...table(['', 'run', 'bare', 'VM', 'only bare', 'only VM'], totals(run)),
    '',
    '## What fails only in the VM',
    '',
    ...reasons(failed),
    '## What was not run',
    '',
    ...table(['reason', 'tests'], counts(results.map(({ skip }) => skip).filter(isThere))),
    ''
  ].join('\n')
}

function totals(run) {
  const folders = group(run, ({ path }) => folderOf(path))
  const rows = [...folders].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, of]) => row(name, of))
  return [...rows, row('**all**', run)]
}

function row(name, results) {
  const bare = results.filter(({ plain }) => plain === null)
  const vm = results.filter((result) => result.vm === null)
  const both = bare.filter((result) => result.vm === null).length
  return [name, results.length, bare.length, vm.length, bare.length - both, vm.length - both]
}

function reasons(failed) {
  const groups = group(failed, (result) => reasonOf(result)?.id ?? 'not known')
  const sorted = [...groups].sort((a, b) => b[1].length - a[1].length)
  const overview = table(
    ['reason', 'tests'],
    sorted.map(([id, of]) => [id, of.length])
  )
  const sections = sorted.flatMap(([id, of]) => section(id, of))
  return [...overview, '', ...sections]
}

function section(id, results) {
  const reason = reasonOf(results[0])
  const lines = reason?.isNamed === false ? byFolder(results) : byName(results)
  return [`### ${id}`, '', reason?.text ?? 'Nobody has looked at these.', '', ...lines, '']
}

function byFolder(results) {
  const folders = counts(results.map(({ path }) => folderOf(path)))
  return [folders.map(([name, count]) => `${name} ${count}`).join(' · ')]
}

function byName(results) {
  return results.map(({ path, vm }) => `- \`${path}\`: ${vm.replaceAll(/\s+/g, ' ').slice(0, 140)}`)
}

function folderOf(path) {
  return path.split('/').slice(0, -1).slice(0, 2).join('/')
}

function counts(names) {
  return [...group(names, (name) => name)]
    .map(([name, of]) => [name, of.length])
    .sort((a, b) => b[1] - a[1])
}

function group(items, keyOf) {
  const groups = new Map()
  for (const item of items) {
    const key = keyOf(item)
    if (!groups.has(key)) groups.set(key, [])
    groups.get(key).push(item)
  }
  return groups
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  const rule = head.map((_, i) => (i === 0 ? '---' : '--:'))
  return [line(head), line(rule), ...rows.map(line)]
}

function isThere(value) {
  return value !== undefined
}
