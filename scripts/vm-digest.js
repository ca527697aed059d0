// What the VM id js-1 stands for, by value or by hash: test/vectors/vm.json; and the id, which ends with a hash of that until it
// is released: src/protocol/vm-id.ts. test/vm-digest.test.ts compares. Makes the text of the realm before, which is a part of it.
//
//   node bin/node.js scripts/vm-digest.js     writes it anew, until the id is released; then never again
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LIMITS, VALUE_DEPTH_MAX } from '../src/protocol/limits.ts'
import { flagsOf } from '../src/vm/engine.ts'
import { findParser, NODE_VERSION } from '../src/vm/node.ts'
import { writeRealm } from './realm.js'

const FILE = fileURLToPath(new URL('../test/vectors/vm.json', import.meta.url))
const ID_FILE = fileURLToPath(new URL('../src/protocol/vm-id.ts', import.meta.url))
const SOURCE = fileURLToPath(new URL('../src/vm/js-1', import.meta.url))
const require = createRequire(import.meta.url)

/** What decides what a contract sees, as it is now. */
export function describeVm() {
  return {
    node: NODE_VERSION,
    'isolated-vm': require('isolated-vm/package.json').version,
    acorn: hashOf(findParser()),
    flags: flagsOf([]),
    limits: { ...LIMITS, valueDepth: VALUE_DEPTH_MAX },
    files: Object.fromEntries(sources().map((file) => [nameOf(file), hashOf(file)]))
  }
}

/** The id of what is described so. */
export function idOf(description, released) {
  const hash = createHash('sha256').update(JSON.stringify(description)).digest('hex')
  return released ? 'js-1' : `js-1@${hash.slice(0, 16)}`
}

/** As it is checked in: the same, and whether contracts rely on it. */
export function recordedVm() {
  return JSON.parse(readFileSync(FILE, 'utf8'))
}

function sources() {
  return readdirSync(SOURCE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.js'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function nameOf(file) {
  return relative(SOURCE, file).replaceAll('\\', '/')
}

function hashOf(file) {
  // as they are checked out, also where lines end in another way
  const text = readFileSync(file, 'utf8').replaceAll('\r\n', '\n')
  return createHash('sha256').update(text).digest('hex')
}

function main() {
  const { released } = recordedVm()
  if (released) {
    console.error('js-1 is released, and what it is never changes: copy it under a new id')
    return 1
  }
  writeRealm()
  const description = describeVm()
  const id = idOf(description, released)
  writeFileSync(FILE, `${JSON.stringify({ released, id, ...description }, null, 1)}\n`)
  const text = readFileSync(ID_FILE, 'utf8')
  writeFileSync(ID_FILE, text.replace(/(VM_ID = )'.*'/, `$1'${id}'`))
  return 0
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) process.exitCode = main()
