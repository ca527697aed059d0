import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type Node, parse } from 'acorn'

/** What strangers' bytes come to first, and the second implementation of it. */
const READERS =
  /\/(src\/protocol\/.*|src\/audit\/(call-log|history|answers|genesis|findings)|src\/vm\/frames|test\/second\/.*)\.[jt]s$/

const PLACES_MAX = 16_384

/** How often each place of the instrumented code was passed. */
const passed = new Uint32Array(PLACES_MAX)
let places = 0

/** Has modules that are loaded from now on count where they are passed: functions, branches and turns of loops. */
export function instrumentReaders(): void {
  Object.defineProperty(globalThis, 'mivmPassed', { value: passed })
  registerHooks({
    load(url, context, next) {
      if (!READERS.test(url)) return next(url, context)
      const source = readFileSync(fileURLToPath(url), 'utf8')
      const code = url.endsWith('.ts') ? stripTypeScriptTypes(source) : source
      return { format: 'module', source: instrument(code), shortCircuit: true }
    }
  })
}

/** What was passed by the executions that it was told of. */
export class Coverage {
  /** Of each place one bit for each {@link rank}. */
  readonly #seen = new Uint8Array(PLACES_MAX)
  readonly #isCounting: boolean

  /** `isCounting`: to pass a place more often than before is new, too. */
  constructor({ isCounting = true } = {}) {
    this.#isCounting = isCounting
    passed.fill(0)
  }

  /** Takes what was passed since the last time; whether there is anything in it that it has not seen before. */
  learn(): boolean {
    let isNew = false
    for (let i = 0; i < places; i++) {
      const count = passed[i] ?? 0
      if (count === 0) continue
      passed[i] = 0
      const seen = this.#seen[i] ?? 0
      const now = seen | (this.#isCounting ? rank(count) : 1)
      if (now === seen) continue
      this.#seen[i] = now
      isNew = true
    }
    return isNew
  }

  /** Places that were passed. */
  get size(): number {
    return this.#seen.reduce((sum, seen) => (seen === 0 ? sum : sum + 1), 0)
  }
}

/** Counts are told apart as AFL does, https://lcamtuf.coredump.cx/afl/technical_details.txt: 1, 2, 3, 4–7, 8–15, … */
function rank(count: number): number {
  if (count < 4) return 1 << (count - 1)
  return 8 << Math.min(4, Math.floor(Math.log2(count)) - 2)
}

/** A node of acorn's, whose fields depend on its type. */
type Syntax = Node & { readonly [field: string]: unknown }

export function instrument(code: string): string {
  const emit = (node: Syntax): string => {
    let text = ''
    let at = node.start
    for (const [field, child] of childrenOf(node)) {
      // `{ a }` and `export { a }` have a node twice
      if (child.start < at) continue
      text += code.slice(at, child.start) + marked(node, field, child, emit(child))
      at = child.end
    }
    return text + code.slice(at, node.end)
  }
  const program = parse(code, { ecmaVersion: 'latest', sourceType: 'module' })
  return emit(program as unknown as Syntax)
}

/** The text of a child that is evaluated on one of several ways only, with a mark in front of it. */
function marked(parent: Syntax, field: string, child: Syntax, text: string): string {
  switch (parent.type) {
    case 'IfStatement':
    case 'ForStatement':
    case 'ForOfStatement':
    case 'WhileStatement':
      return child.type.endsWith('Statement') ? statement(text) : text
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'CatchClause':
      return field === 'body' ? `{${mark()};${text.slice(1)}` : text
    case 'ArrowFunctionExpression':
      if (field !== 'body') return text
      return child.type === 'BlockStatement' ? `{${mark()};${text.slice(1)}` : expression(text)
    case 'SwitchCase':
      return Array.isArray(parent['consequent']) && parent['consequent'][0] === child
        ? `${mark()};${text}`
        : text
    case 'ConditionalExpression':
      return field === 'test' ? text : expression(text)
    case 'LogicalExpression':
    case 'AssignmentPattern':
      return field === 'right' ? expression(text) : text
    default:
      return text
  }
}

function statement(text: string): string {
  return `{${mark()};${text}}`
}

function expression(text: string): string {
  return `(${mark()}, ${text})`
}

function mark(): string {
  if (places === PLACES_MAX) throw new Error(`there are more than ${PLACES_MAX} places`)
  return `mivmPassed[${places++}]++`
}

function childrenOf(node: Syntax): [string, Syntax][] {
  const children: [string, Syntax][] = []
  for (const [field, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) children.push([field, child])
    }
  }
  return children.sort(([, a], [, b]) => a.start - b.start || b.end - a.end)
}

function isNode(value: unknown): value is Syntax {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}
