import type { AnyNode, Identifier, MemberExpression, Program, VariableDeclaration } from 'acorn'

/** A name where it stands for what it is bound to. */
export interface Reference {
  readonly name: string
  readonly node: AnyNode
  readonly parent: AnyNode
  /** It is assigned to. */
  readonly write: boolean
}

/** A name where it is declared. */
export interface Binding {
  readonly name: string
  readonly node: AnyNode
  /** The declaration, function, class, or clause that it is a part of. */
  readonly owner: AnyNode
  /** The innermost function, class or clause around it, outside of which it is not seen; null at the top. */
  readonly scope: AnyNode | null
  readonly inFunction: boolean
}

/** What a program says about names, and the constructs that only a module has. */
export interface Scan {
  readonly bindings: readonly Binding[]
  readonly references: readonly Reference[]
  /** Each with the node that contains it. */
  readonly variables: readonly { readonly node: VariableDeclaration; readonly parent: AnyNode }[]
  readonly topLevelAwaits: readonly AnyNode[]
  readonly importMetas: readonly AnyNode[]
  readonly dynamicImports: readonly AnyNode[]
  /** `name.x` where it is assigned to. */
  readonly memberWrites: readonly (MemberExpression & { readonly object: Identifier })[]
  /** Where `{ name }` stands for `{ name: name }`: the offsets of the names. */
  readonly shorthands: ReadonlySet<number>
}

/** Reads a program once, without recursion, since bundles nest deeply. Nodes for which `skip` is true are left out. */
export function scan(program: Program, skip: (node: AnyNode) => boolean): Scan {
  const found = {
    bindings: [] as Binding[],
    references: [] as Reference[],
    variables: [] as { node: VariableDeclaration; parent: AnyNode }[],
    topLevelAwaits: [] as AnyNode[],
    importMetas: [] as AnyNode[],
    dynamicImports: [] as AnyNode[],
    memberWrites: [] as (MemberExpression & { object: Identifier })[],
    shorthands: new Set<number>()
  }
  const todo: Visit[] = [
    { node: program, parent: program, role: 'value', owner: program, scope: null }
  ]
  for (let visit = todo.pop(); visit !== undefined; visit = todo.pop()) {
    const { node, parent, scope } = visit
    const inFunction = scope !== null
    if (skip(node)) continue
    switch (node.type) {
      case 'Identifier':
        if (visit.role === 'binding') {
          const { owner } = visit
          found.bindings.push({ name: node.name, node, owner, scope, inFunction })
        } else {
          const write = visit.role === 'target'
          found.references.push({ name: node.name, node, parent, write })
        }
        break
      case 'VariableDeclaration':
        found.variables.push({ node, parent })
        if (node.kind === 'await using' && !inFunction) found.topLevelAwaits.push(node)
        break
      case 'MemberExpression':
        if (visit.role === 'target' && isOfName(node)) found.memberWrites.push(node)
        break
      case 'AwaitExpression':
        if (!inFunction) found.topLevelAwaits.push(node)
        break
      case 'ForOfStatement':
        if (node.await && !inFunction) found.topLevelAwaits.push(node)
        break
      case 'Property':
        if (node.shorthand) found.shorthands.add(node.start)
        break
      case 'MetaProperty':
        if (node.meta.name === 'import') found.importMetas.push(node)
        break
      case 'ImportExpression':
        found.dynamicImports.push(node)
        break
    }
    for (const next of children(visit)) todo.push(next)
  }
  found.references.sort((a, b) => a.node.start - b.node.start)
  return found
}

function isOfName(node: MemberExpression): node is MemberExpression & { object: Identifier } {
  return node.object.type === 'Identifier'
}

/** Whether it asks what something is, which may not be there. */
export function isTypeof(node: AnyNode): boolean {
  return node.type === 'UnaryExpression' && node.operator === 'typeof'
}

interface Visit {
  readonly node: AnyNode
  readonly parent: AnyNode
  /** Whether names in it are values, declared, or assigned to. */
  readonly role: 'value' | 'binding' | 'target'
  readonly owner: AnyNode
  readonly scope: AnyNode | null
}

/** The nodes in a node, without those that only name a property, a label or an export. */
function children(visit: Visit): Visit[] {
  const { node, role, owner, scope } = visit
  const next: Visit[] = []
  const add = (child: unknown, as: Visit['role'], by = owner, inside = scope) => {
    for (const each of Array.isArray(child) ? child : [child]) {
      if (isNode(each)) next.push({ node: each, parent: node, role: as, owner: by, scope: inside })
    }
  }
  switch (node.type) {
    case 'Identifier':
    case 'MetaProperty':
    case 'BreakStatement':
    case 'ContinueStatement':
      break
    case 'ExportNamedDeclaration':
      add(node.declaration, 'value')
      break
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      // the name of a function expression is seen inside of it alone
      add(node.id, 'binding', node, node.type === 'FunctionExpression' ? node : scope)
      add(node.params, 'binding', node, node)
      add(node.body, 'value', node, node)
      break
    case 'ClassDeclaration':
    case 'ClassExpression':
      add(node.id, 'binding', node, node.type === 'ClassExpression' ? node : scope)
      add(node.superClass, 'value')
      add(node.body, 'value')
      break
    case 'StaticBlock':
      add(node.body, 'value', node, node)
      break
    case 'PropertyDefinition':
      if (node.computed) add(node.key, 'value')
      add(node.value, 'value', node, node)
      break
    case 'MethodDefinition':
      if (node.computed) add(node.key, 'value')
      add(node.value, 'value')
      break
    case 'Property':
      if (node.computed) add(node.key, 'value')
      add(node.value, role)
      break
    case 'MemberExpression':
      add(node.object, 'value')
      if (node.computed) add(node.property, 'value')
      break
    case 'LabeledStatement':
      add(node.body, 'value')
      break
    case 'VariableDeclaration':
      add(node.declarations, 'value', node)
      break
    case 'VariableDeclarator':
      add(node.id, 'binding')
      add(node.init, 'value')
      break
    case 'CatchClause':
      add(node.param, 'binding', node, node)
      add(node.body, 'value')
      break
    case 'AssignmentExpression':
      add(node.left, 'target')
      add(node.right, 'value')
      break
    case 'UpdateExpression':
      add(node.argument, 'target')
      break
    case 'ForInStatement':
    case 'ForOfStatement':
      add(node.left, 'target')
      add(node.right, 'value')
      add(node.body, 'value')
      break
    case 'AssignmentPattern':
      add(node.left, role)
      add(node.right, 'value')
      break
    case 'ObjectPattern':
      add(node.properties, role)
      break
    case 'ArrayPattern':
      add(node.elements, role)
      break
    case 'RestElement':
      add(node.argument, role)
      break
    default:
      add(Object.values(node).flat(), 'value')
  }
  return next
}

function isNode(value: unknown): value is AnyNode {
  return (
    typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
  )
}

/** `Function(…)`, with or without `new`. */
export function isCodeFromString({ name, node, parent }: Reference): boolean {
  const isMade = parent.type === 'NewExpression' || parent.type === 'CallExpression'
  return name === 'Function' && isMade && parent.callee === node
}
