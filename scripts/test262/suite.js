import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What of the suite is about contracts at all; the other folders are about browsers, ECMA-402 and proposals. */
const FOLDERS = ['language', 'built-ins']

const FLAGS = {
  noStrict: 'sloppy mode only: contracts are strict',
  module: 'modules: they are bundled before the VM sees them',
  raw: 'raw: a contract is always wrapped',
  CanBlockIsTrue: 'agents',
  CanBlockIsFalse: 'agents'
}

const FEATURES = {
  Temporal: 'Temporal is removed',
  SharedArrayBuffer: 'threads are removed',
  Atomics: 'threads are removed',
  'Atomics.pause': 'threads are removed',
  'Atomics.waitAsync': 'threads are removed',
  ShadowRealm: 'ShadowRealm is removed',
  WeakRef: 'observation of the collector is removed',
  FinalizationRegistry: 'observation of the collector is removed',
  'host-gc-required': 'observation of the collector is removed',
  'cross-realm': 'needs a second realm',
  IsHTMLDDA: 'document.all',
  'dynamic-import': 'modules: they are bundled before the VM sees them',
  'import.meta': 'modules: they are bundled before the VM sees them',
  'import-defer': 'modules: they are bundled before the VM sees them',
  'source-phase-imports': 'modules: they are bundled before the VM sees them',
  'top-level-await': 'modules: they are bundled before the VM sees them',
  'resizable-arraybuffer': 'buffers have one size for life',
  'arraybuffer-transfer': 'buffers have one size for life',
  'immutable-arraybuffer': 'buffers have one size for life',
  'legacy-regexp': 'RegExp.$1 and its like are removed',
  caller: 'sloppy mode only: contracts are strict'
}

/** What a test asks of the shell that runs it, and no contract could. */
const HOST = /\$262\s*\.\s*(createRealm|evalScript|agent|gc|IsHTMLDDA|AbstractModuleSource)\b/

/** Paths of all tests below a checkout that contain one of the parts, from `test/`, in order. */
export function listTests(checkout, parts) {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(checkout, 'test', folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /(?<!_FIXTURE)\.js$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name).slice(join(checkout, 'test').length + 1))
  )
    .filter((path) => parts.length === 0 || parts.some((part) => path.includes(part)))
    .sort()
}

/** One test: its text, what its front matter says, and in `skip` why a contract cannot be it, or null. */
export function readTest(checkout, path) {
  const text = readFileSync(join(checkout, 'test', path), 'utf8')
  const matter = /\/\*---([\s\S]*?)---\*\//.exec(text)?.[1] ?? ''
  const test = {
    path,
    text,
    flags: listOf(matter, 'flags'),
    features: listOf(matter, 'features'),
    includes: listOf(matter, 'includes'),
    negative: negativeOf(matter)
  }
  return { ...test, skip: whySkipped(test) }
}

function whySkipped({ flags, features, text }) {
  for (const flag of flags) if (Object.hasOwn(FLAGS, flag)) return FLAGS[flag]
  for (const feature of features) if (Object.hasOwn(FEATURES, feature)) return FEATURES[feature]
  return HOST.test(text) ? 'needs a second realm, an agent or a script of its own' : null
}

/** A list of YAML, `key: [a, b]` or one item a line: the front matter has no others. */
function listOf(matter, key) {
  const inline = new RegExp(`^ *${key}: *\\[([^\\]]*)\\]`, 'm').exec(matter)
  if (inline !== null) return itemsOf(inline[1].split(','))
  const block = new RegExp(`^ *${key}: *\\r?\\n((?: +- .*(?:\\r?\\n|$))+)`, 'm').exec(matter)
  return block === null
    ? []
    : itemsOf(block[1].split('\n').map((line) => line.replace(/^ *- /, '')))
}

function itemsOf(items) {
  return items.map((item) => item.trim()).filter((item) => item !== '')
}

function negativeOf(matter) {
  const block = /^negative:\s*\n((?: +.*\n?)+)/m.exec(matter)?.[1]
  if (block === undefined) return null
  const [, phase] = /phase: *(\w+)/.exec(block)
  const [, type] = /type: *(\w+)/.exec(block)
  return { phase, type }
}
