/**
 * Which variable a name means, and which variables can only ever hold numbers (or booleans, null and undefined): for
 * those, no operator can do more work than it looks. Works on the AST of acorn, of strict code.
 */

/** A variable: `writes` are the expressions it is given, null for one that says nothing of what it is. */
class Binding {
  writes = []
  isNumber = true
}

class Scope {
  #parent
  #names = new Map()
  isFunction

  constructor(parent, isFunction) {
    this.#parent = parent
    this.isFunction = isFunction
  }

  get parent() {
    return this.#parent
  }

  declare(name) {
    let binding = this.#names.get(name)
    if (binding === undefined) {
      binding = new Binding()
      this.#names.set(name, binding)
    }
    return binding
  }

  find(name) {
    for (let scope = this; scope !== null; scope = scope.parent) {
      const binding = scope.#names.get(name)
      if (binding !== undefined) return binding
    }
    return null
  }

  get size() {
    return this.#names.size
  }
}

const FUNCTIONS = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'StaticBlock'
])
const BLOCKS = new Set([
  'BlockStatement',
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'SwitchStatement',
  'CatchClause',
  'ClassDeclaration',
  'ClassExpression'
])

/** Says of every variable in a program whether it is a number; `isNumber` asks it of an expression. */
export function findNumbers(program) {
  const bindings = new Map()
  const all = []
  const scopes = new Map()
  const root = new Scope(null, true)

  declareAll(program, root)
  resolveAll(program, root)
  for (let changed = true; changed; ) {
    changed = false
    for (const binding of all) {
      if (!binding.isNumber || binding.writes.every((each) => each !== null && isNumber(each))) {
        continue
      }
      binding.isNumber = false
      changed = true
    }
  }
  return { isNumber, isGlobal: (node) => bindings.get(node) === null }

  function scopeOf(node, parent) {
    const isFunction = FUNCTIONS.has(node.type)
    if (!isFunction && !BLOCKS.has(node.type)) return parent
    let scope = scopes.get(node)
    if (scope === undefined) {
      scope = new Scope(parent, isFunction)
      scopes.set(node, scope)
    }
    return scope
  }

  function add(scope, name, write) {
    const before = scope.size
    const binding = scope.declare(name)
    if (scope.size > before) all.push(binding)
    if (write !== undefined) binding.writes.push(write)
    return binding
  }

  /** Declares what a node and what is below it declares. */
  function declareAll(node, outer) {
    const scope = scopeOf(node, outer)
    switch (node.type) {
      case 'FunctionDeclaration':
        add(outer, node.id.name, null)
        break
      case 'FunctionExpression':
        if (node.id !== null) add(scope, node.id.name, null)
        break
      case 'ClassDeclaration':
        add(outer, node.id.name, null)
        break
      case 'ClassExpression':
        if (node.id !== null) add(scope, node.id.name, null)
        break
      case 'CatchClause':
        if (node.param !== null) declarePattern(node.param, scope)
        break
      case 'VariableDeclaration': {
        const target = node.kind === 'var' ? functionScope(scope) : scope
        for (const { id } of node.declarations) declarePattern(id, target, true)
        break
      }
    }
    if (FUNCTIONS.has(node.type) && node.type !== 'StaticBlock') {
      if (node.type !== 'ArrowFunctionExpression') add(scope, 'arguments', null)
      for (const param of node.params) declarePattern(param, scope)
    }
    forChildren(node, (child) => declareAll(child, scope))
  }

  function functionScope(scope) {
    let at = scope
    while (!at.isFunction) at = at.parent
    return at
  }

  /** `known`: what the names are given is found where they are given it. */
  function declarePattern(pattern, scope, known = false) {
    for (const { name } of namesIn(pattern)) add(scope, name, known ? undefined : null)
  }

  function resolveAll(node, outer) {
    const scope = scopeOf(node, outer)
    switch (node.type) {
      case 'Identifier':
        bindings.set(node, scope.find(node.name))
        break
      case 'VariableDeclarator':
        if (node.id.type === 'Identifier') {
          if (node.init !== null) scope.find(node.id.name)?.writes.push(node.init)
        } else {
          write(node.id, scope, null)
        }
        break
      case 'AssignmentExpression':
        write(node.left, scope, node.left.type === 'Identifier' ? node : null)
        break
      case 'ForInStatement':
      case 'ForOfStatement':
        write(
          node.left.type === 'VariableDeclaration' ? node.left.declarations[0].id : node.left,
          scope,
          null
        )
        break
    }
    forChildren(node, (child) => resolveAll(child, scope))
  }

  function write(target, scope, value) {
    for (const { name } of namesIn(target)) scope.find(name)?.writes.push(value)
  }

  /** Whether an expression is a number, a boolean, null or undefined, if it is anything at all. */
  function isNumber(node) {
    switch (node.type) {
      case 'Literal':
        return typeof node.value !== 'string' && !node.bigint && !node.regex
      case 'Identifier': {
        const binding = bindings.get(node)
        if (binding === null) return GLOBAL_NUMBERS.has(node.name)
        return binding?.isNumber === true
      }
      case 'UnaryExpression':
        if (node.operator === '-' || node.operator === '~') return isNumber(node.argument)
        return node.operator !== 'typeof'
      case 'UpdateExpression':
        return isNumber(node.argument)
      case 'BinaryExpression':
        return isNumberOperation(node.operator, node.left, node.right)
      case 'AssignmentExpression':
        if (node.operator === '=') return isNumber(node.right)
        if (LOGICAL.has(node.operator)) return isNumber(node.left) && isNumber(node.right)
        return isNumberOperation(node.operator.slice(0, -1), node.left, node.right)
      case 'LogicalExpression':
        return isNumber(node.left) && isNumber(node.right)
      case 'ConditionalExpression':
        return isNumber(node.consequent) && isNumber(node.alternate)
      case 'SequenceExpression':
        return isNumber(node.expressions.at(-1))
      case 'CallExpression':
        return isNumberCall(node.callee)
      default:
        return false
    }
  }

  function isNumberOperation(operator, left, right) {
    if (COMPARISONS.has(operator) || operator === '>>>') return true
    if (operator === '+') return isNumber(left) && isNumber(right)
    // a big integer on the other side is an error
    return isNumber(left) || isNumber(right)
  }

  /** Math and its kin are frozen; only a variable of that name would be another. */
  function isNumberCall(callee) {
    if (callee.type === 'Identifier') {
      return bindings.get(callee) === null && GLOBAL_FUNCTIONS.has(callee.name)
    }
    if (callee.type !== 'MemberExpression' || callee.computed) return false
    const { object } = callee
    return object.type === 'Identifier' && object.name === 'Math' && bindings.get(object) === null
  }
}

/** The identifiers that a pattern gives values to. */
export function namesIn(pattern) {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern]
    case 'ArrayPattern':
      return pattern.elements.flatMap((each) => (each === null ? [] : namesIn(each)))
    case 'ObjectPattern':
      return pattern.properties.flatMap((each) =>
        namesIn(each.type === 'RestElement' ? each.argument : each.value)
      )
    case 'AssignmentPattern':
      return namesIn(pattern.left)
    case 'RestElement':
      return namesIn(pattern.argument)
    default:
      return []
  }
}

/** Calls `visit` for each node directly below another, in the order of the text but for what a name only names. */
export function forChildren(node, visit) {
  for (const key in node) {
    if (key === 'type' || key === 'start' || key === 'end' || key === 'loc') continue
    if (isOnlyName(node, key)) continue
    const value = node[key]
    if (Array.isArray(value)) {
      for (const each of value) if (isNode(each)) visit(each)
    } else if (isNode(value)) {
      visit(value)
    }
  }
}

function isOnlyName(node, key) {
  switch (node.type) {
    case 'MemberExpression':
      return key === 'property' && !node.computed
    case 'Property':
      return key === 'key' && !node.computed
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return key === 'key' && !node.computed
    case 'LabeledStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
      return key === 'label'
    case 'MetaProperty':
      return true
    default:
      return false
  }
}

function isNode(value) {
  return typeof value === 'object' && value !== null && typeof value.type === 'string'
}

const GLOBAL_NUMBERS = new Set(['undefined', 'NaN', 'Infinity'])
const GLOBAL_FUNCTIONS = new Set([
  'Number',
  'parseInt',
  'parseFloat',
  'isNaN',
  'isFinite',
  'Boolean'
])
const LOGICAL = new Set(['&&=', '||=', '??='])
const COMPARISONS = new Set(['<', '<=', '>', '>=', '==', '!=', '===', '!==', 'in', 'instanceof'])
