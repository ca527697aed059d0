/** The syntax trees of acorn (ESTree, with parentheses as nodes): where the children of a node are, and what they are. */

/** Something that is not available: `node` is where it stands. */
export class Refusal extends Error {
  constructor(node, message) {
    super(message)
    this.node = node
  }
}

/** A node that is inside of too many others. */
export class TooDeep extends Refusal {}

/** Keys of the children of each type, in the order of the source. What is not named has none. */
const CHILDREN = {
  Program: ['body'],
  ExpressionStatement: ['expression'],
  BlockStatement: ['body'],
  StaticBlock: ['body'],
  LabeledStatement: ['label', 'body'],
  BreakStatement: ['label'],
  ContinueStatement: ['label'],
  IfStatement: ['test', 'consequent', 'alternate'],
  SwitchStatement: ['discriminant', 'cases'],
  SwitchCase: ['test', 'consequent'],
  ReturnStatement: ['argument'],
  ThrowStatement: ['argument'],
  TryStatement: ['block', 'handler', 'finalizer'],
  CatchClause: ['param', 'body'],
  WhileStatement: ['test', 'body'],
  DoWhileStatement: ['body', 'test'],
  ForStatement: ['init', 'test', 'update', 'body'],
  ForInStatement: ['left', 'right', 'body'],
  ForOfStatement: ['left', 'right', 'body'],
  VariableDeclaration: ['declarations'],
  VariableDeclarator: ['id', 'init'],
  FunctionDeclaration: ['id', 'params', 'body'],
  FunctionExpression: ['id', 'params', 'body'],
  ArrowFunctionExpression: ['params', 'body'],
  ClassDeclaration: ['id', 'superClass', 'body'],
  ClassExpression: ['id', 'superClass', 'body'],
  ClassBody: ['body'],
  MethodDefinition: ['key', 'value'],
  PropertyDefinition: ['key', 'value'],
  ArrayExpression: ['elements'],
  ObjectExpression: ['properties'],
  UnaryExpression: ['argument'],
  UpdateExpression: ['argument'],
  BinaryExpression: ['left', 'right'],
  LogicalExpression: ['left', 'right'],
  AssignmentExpression: ['left', 'right'],
  ConditionalExpression: ['test', 'consequent', 'alternate'],
  CallExpression: ['callee', 'arguments'],
  NewExpression: ['callee', 'arguments'],
  MemberExpression: ['object', 'property'],
  ChainExpression: ['expression'],
  ParenthesizedExpression: ['expression'],
  SequenceExpression: ['expressions'],
  SpreadElement: ['argument'],
  TaggedTemplateExpression: ['tag', 'quasi'],
  YieldExpression: ['argument'],
  AwaitExpression: ['argument'],
  ImportExpression: ['source', 'options'],
  ObjectPattern: ['properties'],
  ArrayPattern: ['elements'],
  AssignmentPattern: ['left', 'right'],
  RestElement: ['argument']
}

/** The children of a node, in the order of the source, without those that are not there. */
export function childrenOf(node) {
  const children = []
  // a shorthand property is one node in two places
  if (node.type === 'Property') return node.shorthand ? [node.value] : [node.key, node.value]
  if (node.type === 'TemplateLiteral') return node.expressions
  const keys = CHILDREN[node.type]
  if (keys === undefined) return children
  for (const key of keys) {
    const value = node[key]
    if (Array.isArray(value)) {
      for (const each of value) if (each !== null) children.push(each)
    } else if (value !== null && value !== undefined) {
      children.push(value)
    }
  }
  return children
}

export function isFunction({ type }) {
  return (
    type === 'FunctionExpression' ||
    type === 'ArrowFunctionExpression' ||
    type === 'FunctionDeclaration'
  )
}

export function isLoop({ type }) {
  return (
    type === 'ForStatement' ||
    type === 'ForOfStatement' ||
    type === 'ForInStatement' ||
    type === 'WhileStatement' ||
    type === 'DoWhileStatement'
  )
}

export function isClass({ type }) {
  return type === 'ClassExpression' || type === 'ClassDeclaration'
}

/** The expression itself, without parentheses around it. */
export function bare(node) {
  let inner = node
  while (inner.type === 'ParenthesizedExpression') inner = inner.expression
  return inner
}

/** Whether the expression takes the name of what it is assigned to. */
export function isAnonymous(node) {
  const { type, id } = bare(node)
  if (type === 'ArrowFunctionExpression') return true
  return (type === 'FunctionExpression' || type === 'ClassExpression') && id === null
}

/** Whether a member is a field with a class that takes its name from a key that nobody knows before it runs. */
export function isNamedByKey({ type, computed, value = null }) {
  if (type !== 'PropertyDefinition' || !computed || value === null) return false
  return isClass(bare(value)) && isAnonymous(value)
}
