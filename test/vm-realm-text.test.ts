import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import test from 'brittle'
import { shortenRealm } from '../scripts/realm.js'
import { composeRealm, readRealm } from '../src/vm/js-1/realm.js'
import { findParser } from '../src/vm/node.ts'

const { parse } = createRequire(import.meta.url)(findParser()) as {
  parse: (text: string, options: { ecmaVersion: 'latest' }) => unknown
}

test('the text of the realm as isolates get it is the one that its sources give', (t) => {
  // written anew by node scripts/vm-digest.js
  t.ok(readRealm() === shortenRealm().trimEnd())
})

test('the text of the realm as isolates get it is the program that is written, but for names of variables', (t) => {
  const [written, given] = [composeRealm(), readRealm()]
  t.ok(written.length - given.length > 100_000, 'much shorter')
  t.is(/[^\n -~]/.exec(given), null, 'in one byte a character')
  t.ok(shapeOf(given) === shapeOf(written))
})

test('isolates share the text of the realm', (t) => {
  const PROCESS = fileURLToPath(new URL('./realm-text-process.js', import.meta.url))
  const flags = ['--no-node-snapshot', '--jitless', PROCESS]
  const { stdout, stderr } = spawnSync(process.execPath, flags, { encoding: 'utf8' })
  if (stdout === '') throw new Error(stderr)
  const { text, alone, shared } = JSON.parse(stdout)
  t.ok(alone - shared > text * 0.8, `${alone} bytes with a copy of ${text}, ${shared} without`)
})

interface Node {
  type: string
  name?: string
  key?: Node
  property?: Node
  computed?: boolean
  [name: string]: unknown
}

/** Where it stands, and how it is spelled. */
const SPELLING = ['start', 'end', 'raw', 'shorthand']

/** What a parser makes of a script, but for names of variables and for how it is spelled. */
function shapeOf(text: string): string {
  const tree = parse(text, { ecmaVersion: 'latest' })
  return JSON.stringify(tree, (name, value) => {
    if (SPELLING.includes(name)) return undefined
    if (typeof value === 'bigint' || value instanceof RegExp) return String(value)
    return isNode(value) ? withoutVariables(value) : value
  })
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value
}

/** The same, in which an identifier that is no name of a property is any identifier. */
function withoutVariables(node: Node): object {
  if (isUndefined(node)) return { type: 'undefined' }
  if (/^(Private)?Identifier$/.test(node.type)) return { type: node.type }
  if (node.type === 'EmptyStatement') return {}
  if (node.computed === true) return node
  const { key, property } = node
  if (key !== undefined && key.type !== 'PrivateIdentifier') {
    return { ...node, key: `${key.name ?? key['value']}` }
  }
  if (property?.type === 'Identifier') return { ...node, property: `${property.name}` }
  return node
}

/** It is spelled `void 0` where names are short. */
function isUndefined({ type, name, operator, argument }: Node): boolean {
  if (type === 'Identifier') return name === 'undefined'
  return operator === 'void' && isNode(argument) && argument['value'] === 0
}
