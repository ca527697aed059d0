import b4a from 'b4a'

/*
 * Keys as hypercore-storage 3 composes them (its lib/keys.js): a table; for that of data, the number of the core's data
 * and a kind; for kinds with many entries, where in the core. Numbers take one byte, or three, five or nine.
 */
export const DATA = 4
export const HEAD = 0
export const HINTS = 2
export const BLOCK = 3
export const TREE = 4
export const PAGE = 5
const NOTE = 6

/** A key of the table of data. */
export interface DataKey {
  readonly data: number
  readonly kind: number
  /** What is behind the kind, as a number, where it begins with one. */
  readonly index: number | null
}

/** Null for a key of another table. */
export function parseDataKey(key: Uint8Array): DataKey | null {
  if (key[0] !== DATA) return null
  const data = readNumber(key, 1)
  const kind = data && readNumber(key, data.end)
  if (!kind) return null
  const index = readNumber(key, kind.end)
  return { data: data.value, kind: kind.value, index: index?.value ?? null }
}

/** Of a key of the table of data, the number of the data. */
export function dataOf(key: Uint8Array): number {
  return readNumber(key, 1)?.value ?? 0
}

/** Whether that is the key of the user data of this name, of whatever core. */
export function isNote(key: Uint8Array, name: string): boolean {
  // a text has a zero before it, and zero and one behind it
  const end = b4a.concat([b4a.from([NOTE, 0]), b4a.from(name), b4a.from([0, 1])])
  return parseDataKey(key)?.kind === NOTE && b4a.equals(key.subarray(-end.byteLength), end)
}

/** Whether two keys are one: they differ at their ends. */
export function isSameKey(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return false
  return true
}

/** Bytes of a number that begins with this one. */
export function numberLength(first: number): number {
  return first < 0xfc ? 1 : first === 0xfc ? 3 : first === 0xfd ? 5 : 9
}

function readNumber(key: Uint8Array, at: number): { value: number; end: number } | null {
  const first = key[at]
  if (first === undefined) return null
  const end = at + numberLength(first)
  if (end > key.byteLength) return null
  if (end === at + 1) return { value: first, end }
  const value = key.subarray(at + 1, end).reduce((sum, byte) => sum * 256 + byte, 0)
  return { value, end }
}
