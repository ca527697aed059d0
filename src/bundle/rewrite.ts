import type {
  AnyNode,
  ExportSpecifier,
  MemberExpression,
  Program,
  VariableDeclaration
} from 'acorn'
import type { Edits } from './edits.ts'
import { type Binding, isTypeof, type Reference, type Scan } from './scan.ts'

/** Something in the program that cannot be made into a contract. */
export class Refusal extends Error {
  /** Where in the program. */
  readonly offset: number

  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

/** Names that a contract finds around it: the parameters of the function whose body it becomes (PARAMETERS of the VM). */
export const CONTRACT_NAMES: readonly string[] = [
  'exports',
  'module',
  'state',
  'caller',
  'env',
  'oracle',
  'console',
  'System'
]

/**
 * Makes the body of a contract's function out of a module, by edits. What the module exports becomes properties
 * of `exports`. A variable *is* its property from then on, in every place that reads or writes it: what the VM
 * lays over before a call is what the module sees, and what the module assigns is what is stored. No copy can go
 * stale. Functions and classes that nothing is ever assigned to keep their names and are only shown, since the
 * VM does not store them.
 *
 * Relies on what esbuild does with names, and checks it: no declaration hides a name of the module's top level.
 *
 * Throws {@link Refusal}.
 */
export function rewrite(program: Program, scan: Scan, edits: Edits): void {
  const specifiers = takeExports(program, edits)
  const shown: string[] = []
  const variables = new Map<string, string>()
  for (const { local, exported } of specifiers) {
    const name = nameOf(local)
    const property = propertyOf(nameOf(exported))
    if (nameOf(exported) === 'default') throw noDefault(scan, name)
    const constant = constantOf(program, scan, name)
    if (constant?.type === 'FunctionDeclaration') {
      shown.push(`${property} = ${name};\n`)
    } else if (constant !== null) {
      edits.insert(constant.end, `\n${property} = ${name};`)
    } else {
      refuseVariable(scan, name, nameOf(exported), variables)
      variables.set(name, property)
    }
  }
  if (specifiers.length > 0) refuseHidden(scan, variables)
  edits.insert(0, shown.join(''))
  if (variables.size > 0) replaceVariables(scan, variables, edits)
}

/** Removes the export declarations; those of CommonJS, which esbuild makes a default export, stay whole. */
function takeExports(program: Program, edits: Edits): ExportSpecifier[] {
  const specifiers: ExportSpecifier[] = []
  for (const node of program.body) {
    if (node.type === 'ExportNamedDeclaration') {
      specifiers.push(...node.specifiers)
      edits.replace(node.start, node.end, '')
    } else if (node.type === 'ExportDefaultDeclaration') {
      edits.replace(node.start, node.declaration.start, 'module.exports = ')
    }
  }
  return specifiers
}

/**
 * `exports` has to be the contract's own wherever a variable of it is used, and all of it. Functions of packages may have
 * such names: where one makes code of strings, esbuild gives nothing another name.
 */
function refuseHidden(
  { bindings, references }: Scan,
  variables: ReadonlyMap<string, string>
): void {
  const isOf = (name: string) => (each: { readonly name: string }) => each.name === name
  const used = references.filter(({ name }) => variables.has(name))
  const hidden = bindings
    .filter(isOf('exports'))
    .find(({ scope }) => scope === null || used.some(({ node }) => isInside(node, scope)))
  if (hidden !== undefined) throw new Refusal(hidden.node.start, 'exports: give it another name')
  const scopes = bindings.filter(isOf('module')).map(({ scope }) => scope)
  const mixed = references
    .filter(isOf('module'))
    .find(({ node }) => !scopes.some((scope) => scope !== null && isInside(node, scope)))
  if (mixed === undefined) return
  throw new Refusal(mixed.node.start, 'module.exports and export in one contract: use export alone')
}

function isInside(node: AnyNode, around: AnyNode): boolean {
  return node.start >= around.start && node.end <= around.end
}

/**
 * Some modules keep something on the global object, which is frozen. Where one might, all get an object that has
 * everything of it and can be added to: like every variable, it lasts as long as the call. `others` are further names
 * that stand for it, and `shared` are names of what is kept there.
 */
export function replaceGlobal(
  { bindings, references, memberWrites, shorthands }: Scan,
  others: readonly Reference[],
  shared: readonly Reference[],
  edits: Edits
): void {
  const uses = references.filter(({ name }) => name === 'globalThis')
  const finders = references.filter(findsGlobal)
  const written = new Set<AnyNode>(memberWrites)
  const isRead = ({ node, parent }: Reference) =>
    (parent.type === 'MemberExpression' && parent.object === node && !written.has(parent)) ||
    isTypeof(parent)
  if (others.length === 0 && finders.length === 0 && uses.every(isRead)) return
  const taken = new Set([...bindings, ...references].map(({ name }) => name))
  let name = 'globals'
  while (taken.has(name)) name += '_'
  for (const each of [...uses, ...others]) replaceReference(each, name, shorthands, edits)
  for (const each of shared) {
    const property = `${name}.${each.name}`
    const by = isCalled(each.node, each.parent) ? `(0, ${property})` : property
    replaceReference(each, by, shorthands, edits)
  }
  for (const { parent } of finders) edits.replace(parent.start, parent.end, `(() => ${name})`)
  edits.insert(0, `var ${name} = Object.create(globalThis);\n`)
}

/** What modules keep on the global object, each by `globals` in one of its names: the names that it has for others. */
export function sharedNames(
  { memberWrites }: Pick<Scan, 'memberWrites'>,
  globals: readonly Reference[]
): ReadonlySet<string> {
  const objects = new Set(globals.map(({ node }) => node))
  const written = memberWrites.filter(({ object }) => objects.has(object))
  const names = new Set(written.map(nameOfMember))
  for (const name of CONTRACT_NAMES) names.delete(name)
  return names
}

function nameOfMember({ property, computed }: MemberExpression): string {
  if (property.type === 'Literal') return String(property.value)
  return property.type === 'Identifier' && !computed ? property.name : ''
}

/** `Function('return this')`, with or without `new`. */
export function findsGlobal({ name, node, parent }: Reference): boolean {
  if (name !== 'Function') return false
  if (parent.type !== 'NewExpression' && parent.type !== 'CallExpression') return false
  const [source, ...others] = parent.arguments
  return (
    parent.callee === node &&
    others.length === 0 &&
    source?.type === 'Literal' &&
    /^return this;?$/.test(String(source.value))
  )
}

/** In the place of `eval`: what refuses code from strings when it is called, and is not there for who asks. */
export function replaceEval(
  evals: readonly Reference[],
  { shorthands }: Pick<Scan, 'shorthands'>,
  edits: Edits
): void {
  for (const each of evals) {
    const by = isTypeof(each.parent) ? 'undefined' : 'globalThis.Function'
    replaceReference(each, by, shorthands, edits)
  }
}

function replaceReference(
  { name, node }: Reference,
  by: string,
  shorthands: ReadonlySet<number>,
  edits: Edits
): void {
  edits.replace(node.start, node.end, shorthands.has(node.start) ? `${name}: ${by}` : by)
}

function noDefault({ bindings }: Scan, name: string): Refusal {
  const binding = bindings.find((each) => each.name === name)
  return new Refusal(
    binding?.node.start ?? 0,
    'a contract has no default export: export methods and variables by their names'
  )
}

function refuseVariable(
  { bindings, references }: Scan,
  name: string,
  exported: string,
  before: ReadonlyMap<string, string>
): void {
  const binding = bindings.find((each) => each.name === name)
  const offset = binding?.node.start ?? 0
  const refuse = (message: string) => new Refusal(offset, message)
  if (exported === '__proto__') throw refuse('nothing can be exported as __proto__: rename it')
  if (before.has(name)) throw refuse(`${name} is exported under two names: export it once`)
  const isNamespace = references.some(
    ({ parent, ...each }) =>
      each.name === name &&
      parent.type === 'CallExpression' &&
      parent.callee.type === 'Identifier' &&
      parent.callee.name.startsWith('__export')
  )
  if (isNamespace) {
    throw refuse(`${exported} is a whole module: export its methods and variables one by one`)
  }
  if (isOfCommonJS(binding)) {
    throw refuse(
      `${exported} is exported from a CommonJS module, whose variables cannot be followed: import it, and export a function of your own`
    )
  }
}

/** What esbuild makes of `export { x } from './common.cjs'`: `var export_x = import_common.x`. */
function isOfCommonJS(binding: Binding | undefined): boolean {
  if (binding?.owner.type !== 'VariableDeclaration') return false
  const init = binding.owner.declarations.find(({ id }) => id === binding.node)?.init
  return (
    binding.name.startsWith('export_') &&
    init?.type === 'MemberExpression' &&
    init.object.type === 'Identifier' &&
    init.object.name.startsWith('import_')
  )
}

/**
 * The declaration of a function or class that nothing is ever assigned to, at the top level; null for all that has
 * to be treated as a variable.
 */
function constantOf(program: Program, { bindings, references }: Scan, name: string) {
  if (references.some((reference) => reference.name === name && reference.write)) return null
  const [binding, ...others] = bindings.filter((each) => each.name === name)
  if (binding === undefined || others.length > 0) return null
  for (const node of program.body) {
    if (node !== binding.owner) continue
    if (node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration') return node
    if (node.type !== 'VariableDeclaration') return null
    const declarator = node.declarations.find(({ id }) => id === binding.node)
    return isFunction(declarator?.init) ? node : null
  }
  return null
}

function isFunction(node: AnyNode | null | undefined): boolean {
  return (
    node?.type === 'ArrowFunctionExpression' ||
    node?.type === 'FunctionExpression' ||
    node?.type === 'ClassExpression'
  )
}

/** Puts the properties in the place of the variables, declarations included. */
function replaceVariables(
  { bindings, references, variables: declarations, shorthands }: Scan,
  variables: ReadonlyMap<string, string>,
  edits: Edits
): void {
  const put = (node: AnyNode, name: string, text: string) =>
    edits.replace(node.start, node.end, shorthands.has(node.start) ? `${name}: ${text}` : text)
  // what stands inside comes before what stands around it, should both end at one place
  for (const { name, node, parent } of references) {
    const property = variables.get(name)
    if (property === undefined) continue
    const isLeft = 'left' in parent && parent.left === node
    if (isLeft && parent.type.startsWith('Assignment')) keepName(parent.right, name, edits)
    put(node, name, isCalled(node, parent) ? `(0, ${property})` : property)
  }
  const hoisted: string[] = []
  const gone = new Set<AnyNode>()
  for (const { node, parent } of declarations) {
    const own = bindings.filter(({ owner }) => owner === node)
    if (!own.some(({ name }) => variables.has(name))) continue
    for (const { name } of own) if (!variables.has(name)) hoisted.push(name)
    replaceDeclaration(node, parent, variables, edits, gone)
  }
  if (hoisted.length > 0) edits.insert(0, `var ${hoisted.join(', ')};\n`)
  for (const { name, node, owner, inFunction } of bindings) {
    const property = variables.get(name)
    if (property === undefined || gone.has(node)) continue
    if (
      inFunction ||
      (owner.type !== 'VariableDeclaration' && owner.type !== 'FunctionDeclaration')
    ) {
      throw new Refusal(node.start, `${name} is exported and declared twice: rename one of them`)
    }
    if (owner.type === 'FunctionDeclaration') edits.insert(0, `${property} = ${name};\n`)
    else put(node, name, property)
  }
}

/**
 * `var a = 1, b;` becomes `a = 1;` where one of the two is exported: the names in it are properties, or declared at
 * the top. What has no value of its own is left out: it is undefined, which is no value to store.
 */
function replaceDeclaration(
  node: VariableDeclaration,
  parent: AnyNode,
  variables: ReadonlyMap<string, string>,
  edits: Edits,
  gone: Set<AnyNode>
): void {
  const isLeft = 'left' in parent && parent.left === node
  const isHead = isLeft || ('init' in parent && parent.init === node)
  let from = node.start
  let separator = ''
  for (const declarator of node.declarations) {
    const { id, init, start, end } = declarator
    if (!init && !isLeft) {
      gone.add(id)
      continue
    }
    edits.replace(from, start, separator)
    if (id.type === 'ObjectPattern' && init) edits.insert(start, '(')
    if (id.type === 'Identifier' && variables.has(id.name)) keepName(init, id.name, edits)
    if (id.type === 'ObjectPattern' && init) edits.insert(end, ')')
    from = end
    separator = ', '
  }
  edits.replace(from, node.end, isHead || separator === '' ? '' : ';')
}

/** A function without a name gets that of the variable it is assigned to, but none of a property. */
function keepName(value: AnyNode | null | undefined, name: string, edits: Edits): void {
  if (!value || !isFunction(value) || ('id' in value && value.id)) return
  edits.insert(value.start, `{ ${name}: `)
  edits.insert(value.end, ` }.${name}`)
}

/** Called as a property, a function would get `exports` as its `this`. */
function isCalled(node: AnyNode, parent: AnyNode): boolean {
  return (
    (parent.type === 'CallExpression' && parent.callee === node) ||
    (parent.type === 'TaggedTemplateExpression' && parent.tag === node)
  )
}

function nameOf(node: ExportSpecifier['local']): string {
  return node.type === 'Identifier' ? node.name : String(node.value)
}

function propertyOf(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)
    ? `exports.${name}`
    : `exports[${JSON.stringify(name)}]`
}
