import b4a from 'b4a'
import { MivmError } from './errors.ts'
import { VALUE_DEPTH_MAX } from './limits.ts'

/** What arguments, results and exported variables are made of. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value }

/**
 * The text form of a value: JSON without white space, keys in the order of the object, and
 *
 * - a Uint8Array is `{"$bytes":"<base64>"}`, a bigint `{"$bigint":"<decimal>"}`;
 * - a key that starts with `$` is written with one more `$`;
 * - negative zero is `-0`.
 *
 * Everything else is refused with VALUE_UNSUPPORTED and the path to it, `root` being its first word: nothing is
 * dropped or rounded on the way.
 */
export function encodeValue(value: unknown, root = 'value'): string {
  const walk: Walk = { path: [root], parents: [] }
  try {
    return encode(value, walk)
  } catch (error) {
    if (error instanceof MivmError || error instanceof RangeError) throw error
    // a proxy that was revoked or throws, bytes that were transferred
    throw unsupported(walk, 'what cannot be read')
  }
}

/** Encodes the arguments of a call: the elements of an array, named `arguments[0]` and so on in errors. */
export function encodeArgs(args: readonly unknown[]): string {
  // a text can be spread as well, and would be an argument for each character
  if (!Array.isArray(args)) {
    throw new MivmError('VALUE_UNSUPPORTED', 'arguments: not an array; give an array of them')
  }
  return encodeValue([...args], 'arguments')
}

/** Reads the text form; throws VALUE_MALFORMED or VALUE_TOO_DEEP. */
export function decodeValue(text: string, root = 'value'): Value {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw malformed(root, 'it is not JSON')
  }
  return revive(parsed, root, 0)
}

interface Walk {
  readonly path: (string | number)[]
  readonly parents: object[]
}

function encode(value: unknown, walk: Walk): string {
  switch (typeof value) {
    case 'boolean':
      return String(value)
    case 'number':
      if (!Number.isFinite(value)) throw unsupported(walk, `${value}`)
      return Object.is(value, -0) ? '-0' : String(value)
    case 'bigint':
      checkDepth(walk) // in text form it is an object
      return `{"$bigint":"${value}"}`
    case 'string':
      return encodeString(value, walk)
    case 'object':
      return value === null ? 'null' : encodeObject(value, walk)
    default:
      throw unsupported(walk, value === undefined ? 'undefined' : `a ${typeof value}`)
  }
}

function encodeString(text: string, walk: Walk): string {
  if (!text.isWellFormed()) throw unsupported(walk, 'a string with a lone surrogate')
  return JSON.stringify(text)
}

function encodeObject(object: object, walk: Walk): string {
  if (walk.parents.includes(object)) throw unsupported(walk, 'a cycle')
  checkDepth(walk)
  walk.parents.push(object)
  const text = isBytes(object)
    ? `{"$bytes":"${b4a.toString(object, 'base64')}"}`
    : Array.isArray(object)
      ? encodeArray(object, walk)
      : encodeRecord(object, walk)
  walk.parents.pop()
  return text
}

function checkDepth({ path, parents }: Walk): void {
  if (parents.length >= VALUE_DEPTH_MAX) throw tooDeep(formatPath(path))
}

function encodeArray(array: readonly unknown[], walk: Walk): string {
  if (Object.getPrototypeOf(array) !== Array.prototype) throw unsupported(walk, kindOf(array))
  for (const key of Reflect.ownKeys(array)) {
    if (key !== 'length' && !isIndex(key, array.length)) {
      throw unsupported(walk, `an array with the property ${String(key)}`)
    }
  }
  const items: string[] = []
  for (let i = 0; i < array.length; i++) {
    walk.path.push(i)
    const property = Object.getOwnPropertyDescriptor(array, i)
    if (property === undefined) throw unsupported(walk, 'a hole in an array')
    items.push(encodeProperty(property, walk))
    walk.path.pop()
  }
  return `[${items.join()}]`
}

function encodeRecord(object: object, walk: Walk): string {
  const prototype = Object.getPrototypeOf(object)
  if (prototype !== null && prototype !== Object.prototype) throw unsupported(walk, kindOf(object))
  const members: string[] = []
  for (const key of Reflect.ownKeys(object)) {
    const property = Object.getOwnPropertyDescriptor(object, key)
    if (property?.enumerable !== true) continue
    if (typeof key === 'symbol') throw unsupported(walk, `an object with the key ${String(key)}`)
    walk.path.push(key)
    const name = encodeString(key.startsWith('$') ? `$${key}` : key, walk)
    members.push(`${name}:${encodeProperty(property, walk)}`)
    walk.path.pop()
  }
  return `{${members.join()}}`
}

function encodeProperty(property: PropertyDescriptor, walk: Walk): string {
  if (!('value' in property)) throw unsupported(walk, 'an accessor')
  return encode(property.value, walk)
}

function isBytes(object: object): object is Uint8Array {
  // a Buffer is a Uint8Array to the people who pass one; it comes back as a Uint8Array
  return object instanceof Uint8Array
}

function isIndex(key: string | symbol, length: number): boolean {
  return typeof key === 'string' && String(Number(key) >>> 0) === key && Number(key) < length
}

function revive(parsed: unknown, root: string, depth: number): Value {
  if (typeof parsed === 'string') {
    if (!parsed.isWellFormed()) throw malformed(root, 'a string has a lone surrogate')
    return parsed
  }
  if (typeof parsed === 'number') {
    if (!Number.isFinite(parsed)) throw malformed(root, 'a number is out of range')
    return parsed
  }
  if (parsed === null || typeof parsed !== 'object') return parsed as null | boolean
  if (depth >= VALUE_DEPTH_MAX) {
    throw tooDeep(root)
  }
  if (Array.isArray(parsed)) return parsed.map((item) => revive(item, root, depth + 1))
  return reviveRecord(Object.entries(parsed), root, depth)
}

function reviveRecord(entries: [string, unknown][], root: string, depth: number): Value {
  const [first] = entries
  if (first !== undefined && entries.length === 1) {
    if (first[0] === '$bytes') return reviveBytes(first[1], root)
    if (first[0] === '$bigint') return reviveBigint(first[1], root)
  }
  const record: { [key: string]: Value } = {}
  for (const [written, inner] of entries) {
    if (!written.isWellFormed()) throw malformed(root, 'a key has a lone surrogate')
    if (written.startsWith('$') && !written.startsWith('$$')) {
      throw malformed(root, `"${written}" is not a key: one that starts with $ is written with $$`)
    }
    const key = written.startsWith('$') ? written.slice(1) : written
    // not by assignment, since the key may be __proto__
    Object.defineProperty(record, key, {
      value: revive(inner, root, depth + 1),
      writable: true,
      enumerable: true,
      configurable: true
    })
  }
  return record
}

function reviveBytes(text: unknown, root: string): Uint8Array {
  if (typeof text === 'string') {
    const bytes = Uint8Array.from(b4a.from(text, 'base64'))
    if (b4a.toString(bytes, 'base64') === text) return bytes
  }
  throw malformed(root, '$bytes is not followed by base64 with padding')
}

function reviveBigint(text: unknown, root: string): bigint {
  if (typeof text === 'string' && /^(?:0|-?[1-9]\d*)$/.test(text)) return BigInt(text)
  throw malformed(root, '$bigint is not followed by a decimal integer')
}

function unsupported(walk: Walk, what: string): MivmError {
  return new MivmError(
    'VALUE_UNSUPPORTED',
    `${formatPath(walk.path)}: ${what} is not a value; use JSON values, Uint8Array or bigint`
  )
}

function tooDeep(where: string): MivmError {
  const message = `${where}: nested deeper than ${VALUE_DEPTH_MAX} levels; flatten it`
  return new MivmError('VALUE_TOO_DEEP', message)
}

function malformed(root: string, why: string): MivmError {
  return new MivmError('VALUE_MALFORMED', `${root}: not the text form of a value: ${why}`)
}

function formatPath(path: readonly (string | number)[]): string {
  const [root, ...keys] = path
  return keys.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
      ? `${text}.${key}`
      : `${text}[${JSON.stringify(key)}]`
  }, String(root))
}

function kindOf(object: object): string {
  const name: unknown = object.constructor?.name
  if (typeof name !== 'string' || name === '') return 'an object of a class'
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`
}
