import { isIndex, isPlain } from './analysis.js'
import { bare, isClass, isFunction } from './syntax.js'

export const COMPARISONS = new Set(['<', '<=', '>', '>='])

/** Keys up to this length are as cheap as numbers. */
export const KEY_MAX = 32

/** So are texts. */
export const TEXT_MAX = 128
/** Characters of the text of a number, at most; it has 25. */
const NUMBER_MAX = 32

/** Properties of a pattern beside its rest element, up to which it does not matter how many they are. */
const OTHERS_FEW = 16

/** What {@link shapeOf} says of `[...a]` and `{ ...a }`. */
export const ITERATED = '[1,1,[]]'
export const COPIED = '[0,1,[]]'

// What can be said of a node by looking at it, so that less has to be inserted.

export function isDirective({ directive }) {
  return directive !== undefined
}

export function hasSpread(node) {
  return node.arguments.some(({ type }) => type === 'SpreadElement')
}

/** Whether evaluating it can run no code, and evaluating it later comes to the same. */
export function isRepeatable({ type, regex, value }) {
  if (type === 'Literal') return regex === undefined && typeof value !== 'string'
  return type === 'Identifier' || type === 'ThisExpression'
}

/** Whether evaluating a parameter or an operand can run no code and change nothing. */
export function isStill(node) {
  if (isName(node)) return true
  if (node.type === 'AssignmentPattern') {
    return node.left.type === 'Identifier' && isStillValue(node.right)
  }
  return isStillValue(node)
}

/** Whether evaluating it runs no code, whatever a contract does. */
export function isQuiet({ type, regex, variable }) {
  if (type === 'Identifier') return variable !== null
  return type === 'ThisExpression' || (type === 'Literal' && regex === undefined)
}

export function isName({ type, argument }) {
  return type === 'Identifier' || (type === 'RestElement' && argument.type === 'Identifier')
}

function isStillValue(node) {
  const { type, expressions, argument, elements, properties } = bare(node)
  switch (type) {
    case 'Literal':
    case 'Identifier':
    case 'ThisExpression':
      return true
    case 'TemplateLiteral':
      return expressions.length === 0
    case 'UnaryExpression':
      return argument.type === 'Literal'
    case 'ArrayExpression':
      return elements.every((each) => each !== null && isStillValue(each))
    case 'ObjectExpression':
      return properties.every((each) => {
        return each.type === 'Property' && !each.computed && isStillProperty(each)
      })
    default:
      return isFunction(bare(node))
  }
}

export function isStillField({ value, isElement = false }) {
  return !isElement && isStillValue(value)
}

function isStillProperty({ key, value }) {
  return (key.name ?? key.value) !== '__proto__' && isStillValue(value)
}

/** Whether it is null or undefined. */
function isNothing(node) {
  const { type, raw, name, operator, variable } = bare(node)
  if (type === 'UnaryExpression') return operator === 'void'
  return type === 'Identifier' ? name === 'undefined' && variable === null : raw === 'null'
}

/** Whether comparing with it is no work. */
export function isShort(node) {
  const inner = bare(node)
  if (isPlain(inner) || isNothing(inner)) return true
  if (inner.type === 'Literal')
    return typeof inner.value === 'string' && inner.value.length <= TEXT_MAX
  if (inner.type === 'UnaryExpression') return inner.operator === 'typeof'
  return isFunction(inner) || isClass(inner)
}

/** Whether making a number of it is no work. */
export function isNoText(node) {
  return isShort(node) && !isClass(bare(node))
}

/** Whether V8 runs a constructor for it in every class. */
export function isOfInstances({ type, static: isStatic, key }) {
  if (isStatic || type === 'StaticBlock') return false
  return type === 'PropertyDefinition' || key.type === 'PrivateIdentifier'
}

/** Whether `==` is no work: a text may have to be made a number. */
export function isEasilyEqual(left, right) {
  if (isNothing(left) || isNothing(right)) return true
  if (isPlain(left) || isPlain(right)) return isPlain(left) && isPlain(right)
  return isShort(left) || isShort(right)
}

/** Whether a key is known to be no work. */
export function isCheapKey(node) {
  const inner = bare(node)
  return isIndex(inner) || isShortText(inner)
}

/** Whether a key is known to be another one than `length`. */
function isNoLength(node) {
  const inner = bare(node)
  return isPlain(inner) || (isShortText(inner) && inner.value !== 'length')
}

function isShortText({ type, value }) {
  return type === 'Literal' && typeof value === 'string' && value.length <= KEY_MAX
}

/** Whether what is assigned to may be the length of an array. */
export function mayBeLength({ type, property, computed }) {
  if (type !== 'MemberExpression') return false
  return computed
    ? !isNoLength(property)
    : property.name === 'length' && property.type === 'Identifier'
}

/** Whether what is assigned to is what a function gives to what it makes, as far as that is known. */
export function isPrototype({ type, property, computed }) {
  if (type !== 'MemberExpression' || property.type === 'PrivateIdentifier') return false
  const inner = bare(property)
  return computed ? inner.value === 'prototype' : inner.name === 'prototype'
}

/**
 * Whether what is assigned to may be an element of a typed array, for which V8 makes a number of the value. It does so for
 * Infinity and NaN, too.
 */
export function mayBeElement({ type, property, computed }) {
  return type === 'MemberExpression' && mayBeIndex(property, computed)
}

/** Whether a value has a form of which nothing has to be found out before it is stored, or is paid for otherwise. */
export function isEasilyStored(node) {
  const { type, bigint, regex, operator } = bare(node)
  if (type === 'Literal') return bigint === undefined && regex === undefined
  if (type === 'BinaryExpression') return operator !== '+'
  return type === 'UnaryExpression' || type === 'UpdateExpression'
}

export function isElementField({ key, value, computed }) {
  if (value === null || isNoText(value)) return false
  return mayBeIndex(key, computed) || isLength(key)
}

export function isLength({ name, value }) {
  return (name ?? value) === 'length'
}

function mayBeIndex(key, computed) {
  const { type, name, value } = bare(key)
  if (type === 'Identifier' && !computed) return NUMERIC_NAMES.has(name)
  if (type === 'PrivateIdentifier') return false
  return type !== 'Literal' || typeof value !== 'string' || isNumeric(value)
}

function isNumeric(text) {
  return NUMERIC_NAMES.has(text) || `${Number(text)}` === text || text === '-0'
}

const NUMERIC_NAMES = new Set(['Infinity', 'NaN'])

/** Whether it is known to be a string; found out once a node, since sums may be long. */
export function isText(node) {
  node.isText ??= findText(bare(node))
  return node.isText
}

/** Whether it is a short text that is written out: V8 looks at no more characters of what is compared with it. */
export function isWritten(node) {
  const { type, value } = bare(node)
  return type === 'Literal' && typeof value === 'string' && value.length <= TEXT_MAX
}

/** Whether it stays short where it is joined with a number, true, false, null or undefined. */
export function isBrief(node) {
  return isWritten(node) && bare(node).value.length <= TEXT_MAX - NUMBER_MAX
}

/** Whether it is a short big integer that is written out. */
export function isShortBig(node) {
  const { type, bigint } = bare(node)
  return type === 'Literal' && bigint !== undefined && bigint.length <= TEXT_MAX
}

/** Whether one of the operands of a comparison is, and nobody knows what the other one is. */
export function isOrderedByText(left, right) {
  return (isWritten(left) && !isText(right)) || (isWritten(right) && !isText(left))
}

function findText({ type, value, operator, left, right }) {
  if (type === 'Literal') return typeof value === 'string'
  if (type === 'BinaryExpression') return operator === '+' && (isText(left) || isText(right))
  return type === 'TemplateLiteral'
}

/**
 * What $mivmS in counter.js takes, as text; null for a pattern that has no rest element in it. Found out once a node, since
 * patterns nest.
 */
export function shapeOf(pattern) {
  const node = bare(pattern)
  if (node.shape === undefined) node.shape = findShape(node)
  return node.shape
}

function findShape(node) {
  if (node.type === 'AssignmentPattern') return shapeOf(node.left)
  const isArray = node.type === 'ArrayPattern'
  if (!isArray && node.type !== 'ObjectPattern') return null
  const parts = isArray ? node.elements : node.properties.map((each) => each.value ?? each)
  const rest = parts.at(-1)?.type === 'RestElement' ? 1 : 0
  const shapes = parts
    .slice(0, parts.length - rest)
    .map((each) => (each === null ? null : shapeOf(each)))
  const isFlat = shapes.every((shape) => shape === null)
  if (isFlat && rest === 0) return null
  // what V8 copies it compares with each of them
  const others = !isArray && rest === 1 && shapes.length > OTHERS_FEW ? `,${shapes.length}` : ''
  return `[${isArray ? 1 : 0},${rest},[${isFlat ? '' : shapes.map(String).join(',')}]${others}]`
}

/** Whether a pattern behind `...` has something in it that needs {@link shapeOf}, but for its own rest element. */
export function hasNestedRest(pattern) {
  const shape = shapeOf(pattern)
  return shape !== null && shape !== ITERATED && shape !== COPIED
}
