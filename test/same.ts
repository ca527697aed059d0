import b4a from 'b4a'
import type { Value } from '../src/protocol/values.ts'

/**
 * Whether two values are the same in every bit and in the order of their keys. Not brittle's `alike`, whose time
 * doubles with every level of nesting.
 */
export function sameValue(a: Value, b: Value): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return Object.is(a, b)
  }
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && b4a.equals(a, b)
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [left, right] = [Object.entries(a), Object.entries(b)]
  return (
    left.length === right.length &&
    left.every(([key, value], i) => key === right[i]?.[0] && sameValue(value, right[i][1]))
  )
}

/** With all bytes in hex: a Buffer and a Uint8Array of the same bytes are the same. */
export function inHex(value: unknown): unknown {
  if (value instanceof Uint8Array) return b4a.toString(value, 'hex')
  if (Array.isArray(value)) return value.map(inHex)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inHex(inner)]))
}
