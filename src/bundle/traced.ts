import type { AnyNode, BlockStatement, Expression, Statement } from 'acorn'
import { Edits } from './edits.ts'
import { parse } from './syntax.ts'

/**
 * What a line of `console` of a traced contract begins with that is not the author's. An offset in the source follows, then a
 * number of the error and, where it is on its way already, the offset of the statement that it has left another function by.
 */
const MARK = 'mivm: thrown at '

/** Functions that are told of each error, and of all errors of a call: more would leave no lines for where they were thrown. */
const WAY_MAX = 20
const WAYS_MAX = 300

/**
 * Says where an error was thrown, once for each time that another one is on its way, and what it leaves; `$traceKept` watches what
 * is returned. A contract may have variables of its own with the names of builtins. What it says itself is said to nobody: of the
 * lines of a call only the first thousand are kept, so that errors that are caught in a loop must not fill them.
 */
const headOf = (prefix: string) => `const ${prefix}Thrown = ((console, errors) => {
  let count = 0
  let ways = 0
  let last
  let told
  const say = ({ first, id }, way) => console.log('${MARK}' + first + ' ' + id + way)
  return (thrown, at) => {
    const isObject = typeof thrown === 'object' && thrown !== null
    let error = isObject ? errors.get(thrown) : undefined
    if (error === undefined) {
      error = { first: at, id: ++count, ways: 0 }
      if (isObject) errors.set(thrown, error)
      if (at !== last) say(error, '')
      last = at
    } else if (error.ways < ${WAY_MAX} && ways < ${WAYS_MAX}) {
      error.ways++
      ways++
      say(error, ' ' + at)
      last = undefined
    } else if (told !== error.id) {
      say(error, '')
      last = undefined
    }
    told = error.id
  }
})(console, new globalThis.WeakMap())
console = (() => {
  const { Object } = globalThis
  return Object.freeze(Object.fromEntries(Object.keys(console).map((name) => [name, () => {}])))
})()
const ${prefix}Kept = (value, at) => {
  if (value instanceof globalThis.Promise) value.then(undefined, (error) => ${prefix}Thrown(error, at))
  return value
}
`
/** What a line begins with that says which statement a call is at, and how many it has begun. */
const STEP = 'mivm: is at '
/** So large a part of the statements is left out from one line to the next: 10,000,000 of them are 700 lines. */
const STEP_PART = 50

/** Which statements a call that a limit ends is at: of those from the `from`th on it says some, and the `stop`th one throws. */
export interface Steps {
  readonly from: number
  readonly stop: number
}

/** Notes each statement. What throws at one throws at all that follow, so that no `catch` keeps the call from ending. */
const stepsOf = (
  prefix: string,
  { from, stop }: Steps
) => `const ${prefix}Step = ((console, Error) => {
  let count = 0
  let next = ${from}
  return (at) => {
    if (++count < next) return
    if (count >= ${stop}) throw new Error('stopped')
    console.log('${STEP}' + at + ' ' + count)
    next = count + 1 + (count - ${from} - (count - ${from}) % ${STEP_PART}) / ${STEP_PART}
  }
})(console, globalThis.Error)
`
/** Lines of a call that the VM keeps. */
const LINES_MAX = 1000
const openOf = (prefix: string) => `let ${prefix}At = 0; try {`
const closeOf = (prefix: string) =>
  `} catch (${prefix}Error) { ${prefix}Thrown(${prefix}Error, ${prefix}At); throw ${prefix}Error }`

/**
 * The source of a contract that does the same, and says over `console` where what ends a call was thrown: errors have no
 * `stack` in the VM. With `steps` it also says at which statements the call is. Takes more fuel and time. Null where the source
 * is none that can be read.
 */
export function traced(source: string, steps: Steps | null = null): string | null {
  let program: AnyNode
  try {
    program = parse(source, {
      ecmaVersion: 2026,
      sourceType: 'script',
      allowReturnOutsideFunction: true,
      preserveParens: true
    })
  } catch {
    return null
  }
  const nodes = [...nodesOf(program)]
  const prefix = freePrefix(nodes)
  const open = openOf(prefix)
  const close = closeOf(prefix)
  const markOf = ({ start }: AnyNode) =>
    `${prefix}At = ${start}; ${steps === null ? '' : `${prefix}Step(${start}); `}`
  const edits = new Edits(source)
  edits.insert(0, `${steps === null ? '' : stepsOf(prefix, steps)}${headOf(prefix)}${open}`)
  const closings: [at: number, text: string][] = [[source.length, `\n${close}`]]
  const statements: AnyNode[] = []
  for (const node of nodes) {
    for (const statement of statementsOf(node)) statements.push(statement)
    for (const body of bareBodiesOf(node)) {
      edits.insert(body.start, `{ ${markOf(body)}`)
      closings.push([body.end, ' }'])
    }
    if (node.type === 'TryStatement' && node.finalizer) {
      // what it does after an error is not where that was thrown
      edits.insert(node.finalizer.start + 1, `const ${prefix}Last = ${prefix}At; `)
      closings.push([node.finalizer.end - 1, `; ${prefix}At = ${prefix}Last `])
    }
    if (node.type === 'ReturnStatement' && node.argument) {
      edits.insert(node.argument.start, ` ${prefix}Kept((`)
      closings.push([node.argument.end, `), ${node.start})`])
    }
    const body = functionBodyOf(node)
    if (body === null) continue
    if (body.type === 'BlockStatement') {
      edits.insert(body.start + 1, open)
      closings.push([body.end - 1, close])
    } else {
      edits.insert(body.start, `{ ${open} ${markOf(body)}return ${prefix}Kept((`)
      closings.push([body.end, `), ${body.start}) ${close} }`])
    }
  }
  // what begins later ends first
  for (const [at, text] of closings.reverse()) edits.insert(at, text)
  for (const statement of statements) edits.insert(statement.start, markOf(statement))
  return edits.apply()
}

/** Where in the source what has ended a call was thrown, and the statements of the callers that it went through: offsets. */
export interface ThrownAt {
  readonly offset: number
  /** The nearest first; of very many only those, and none where too many errors were on their way. */
  readonly through: readonly number[]
}

/** What has ended a call of a traced contract; null where that is not known. */
export function thrownAt(lines: readonly string[]): ThrownAt | null {
  // there may have been more, and it is the last one that counts
  if (lines.length >= LINES_MAX) return null
  const marks = lines
    .filter((line) => line.startsWith(MARK))
    .map((line) => line.slice(MARK.length).split(' ').map(Number))
  const [offset, id] = marks.at(-1) ?? []
  if (offset === undefined) return null
  const ways = marks.filter((mark) => mark.length === 3)
  const own = ways.length < WAYS_MAX ? ways.filter((mark) => mark[1] === id) : []
  return { offset, through: own.flatMap((mark) => mark[2] ?? []) }
}

/** The last statement that a call whose code notes steps has named: its offset, and which one it was; null where it named none. */
export function lastStep(
  lines: readonly string[],
  from: number
): { readonly offset: number; readonly count: number; readonly isExact: boolean } | null {
  const last = lines.findLast((line) => line.startsWith(STEP))
  if (last === undefined) return null
  const [offset = 0, count = 0] = last.slice(STEP.length).split(' ').map(Number)
  return { offset, count, isExact: count - from < STEP_PART }
}

/** What our names begin with: none of the contract's does, however it is written there. */
function freePrefix(nodes: readonly AnyNode[]): string {
  const taken = new Set<string>()
  for (const node of nodes) {
    if (node.type !== 'Identifier') continue
    const [, digits] = /^\$trace(\d*)/.exec(node.name) ?? []
    if (digits !== undefined) taken.add(digits)
  }
  for (let n = 1; ; n++) {
    const digits = n === 1 ? '' : String(n)
    if (!taken.has(digits)) return `$trace${digits}`
  }
}

/** All nodes, each before those in it, in the order of the source; without recursion, since bundles nest deeply. */
function* nodesOf(root: AnyNode): Generator<AnyNode> {
  const todo = [root]
  for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
    yield node
    const children = Object.values(node).flat().filter(isNode)
    todo.push(...children.reverse())
  }
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

function functionBodyOf(node: AnyNode): BlockStatement | Expression | null {
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return node.body
    default:
      return null
  }
}

/** Statements before which another one may stand. */
function statementsOf(node: AnyNode): readonly AnyNode[] {
  switch (node.type) {
    case 'Program':
    case 'BlockStatement':
    case 'StaticBlock':
      return node.body
    case 'SwitchCase':
      return node.consequent
    default:
      return []
  }
}

/** Statements without braces, where another one may stand only within some. */
function bareBodiesOf(node: AnyNode): readonly Statement[] {
  switch (node.type) {
    case 'IfStatement':
      return [node.consequent, node.alternate].filter(isBare)
    case 'ForStatement':
    case 'ForInStatement':
    case 'ForOfStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
      return [node.body].filter(isBare)
    default:
      return []
  }
}

function isBare(body: Statement | null | undefined): body is Statement {
  return !!body && body.type !== 'BlockStatement'
}
