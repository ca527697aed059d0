import { type ErrorCode, MivmError } from './errors.ts'
import { suggest } from './suggest.ts'

/** What is wrong with a field, each in one line that begins with its path. */
type Problems = string[]

/** What an option, or a field of a file of settings, may hold. `read` gives the value, undefined where it is wrong, and says why. */
export interface Field<T> {
  readonly expected: string
  /** Where there has to be one. */
  readonly isNeeded?: true
  read(value: unknown, path: string, problems: Problems): T | undefined
}

/** A number, whole unless `fraction` is set. */
export function number({
  min,
  max = Number.MAX_SAFE_INTEGER,
  fraction = false
}: {
  readonly min: number
  readonly max?: number
  readonly fraction?: boolean
}): Field<number> {
  const expected = `a ${fraction ? '' : 'whole '}number from ${min} to ${max}`
  return plain(
    expected,
    (value): value is number =>
      typeof value === 'number' &&
      (fraction ? Number.isFinite(value) : Number.isSafeInteger(value)) &&
      value >= min &&
      value <= max
  )
}

export const flag: Field<boolean> = plain(
  'true or false',
  (value): value is boolean => typeof value === 'boolean'
)

export const text: Field<string> = plain(
  'a text',
  (value): value is string => typeof value === 'string' && value !== ''
)

/** What a program gives of a kind of its own, as `expected` says; anything, where nothing else is said. */
export function given<T = unknown>(
  expected = 'anything',
  is: (value: unknown) => value is T = (_): _ is T => true
): Field<T> {
  return plain(expected, is)
}

export const callback: Field<unknown> = given(
  'a function',
  (value): value is unknown => typeof value === 'function'
)

/** Where files are. */
export const directory: Field<string> = given(
  'the path of a directory',
  (value): value is string => typeof value === 'string' && value !== '' && !value.includes('\0')
)

/** An object of which more is said elsewhere. */
export const record: Field<object> = given(
  'an object',
  (value): value is object =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value)
)

/** The longest that a timer waits, ms: one that is to wait for longer fires at once. */
export const TIMER_MAX: number = 2 ** 31 - 1

/** How long to wait, ms; whoever sets a timer to it waits for {@link TIMER_MAX} at most. */
export function duration(min: number): Field<number> {
  return plain(
    `a number of milliseconds from ${min}`,
    (value): value is number => typeof value === 'number' && value >= min
  )
}

/** So many bytes. */
export function bytes(length: number): Field<Uint8Array> {
  return plain(`${length} bytes, a Uint8Array`, (value): value is Uint8Array =>
    isBytes(value, length)
  )
}

/** Whether it is a Uint8Array of so many bytes; also of another context, which is no instance of the one here. */
export function isBytes(value: unknown, length: number): value is Uint8Array {
  if (!ArrayBuffer.isView(value) || value.byteLength !== length) return false
  return Object.prototype.toString.call(value) === '[object Uint8Array]'
}

/** A field that may not be missing. */
export function needed<T>(field: Field<T>): Field<T> {
  return { ...field, isNeeded: true }
}

/** One of some texts. */
export function choice<const T extends string>(choices: readonly T[]): Field<T> {
  const words = choices.map((word) => `"${word}"`).join(', ')
  return plain(`one of ${words}`, (value): value is T => choices.some((word) => word === value))
}

/** A text that another function takes, which throws where it does not. */
export function parsed<T>(expected: string, parse: (text: string) => T): Field<T> {
  const read: Field<T>['read'] = (value, path, problems) => {
    try {
      if (typeof value === 'string') return parse(value)
    } catch {
      // said below
    }
    return wrong(expected, value, path, problems)
  }
  return { expected, read }
}

/** A field that may also be null. */
export function optional<T>(field: Field<T>): Field<T | null> {
  const expected = `${field.expected}, or null`
  return {
    expected,
    read: (value, path, problems) => {
      if (value === null) return null
      const found: Problems = []
      const read = field.read(value, path, found)
      if (found.length > 0) wrong(expected, value, path, problems)
      return read
    }
  }
}

export function list<T>(field: Field<T>): Field<readonly T[]> {
  const expected = `a list, each ${field.expected}`
  return {
    expected,
    read: (value, path, problems) => {
      if (!Array.isArray(value)) return wrong(expected, value, path, problems)
      const found = problems.length
      const read = value.flatMap((one: unknown, i) => {
        const item = field.read(one, `${path}[${i}]`, problems)
        return item === undefined ? [] : [item]
      })
      return problems.length > found ? undefined : read
    }
  }
}

type Fields = { readonly [name: string]: Field<unknown> }

/** What an object of these fields holds; each may be missing, unless it is needed. */
export type Read<F extends Fields> = {
  readonly [name in keyof F]?: F[name] extends Field<infer T> ? T : never
}

export function object<F extends Fields>(fields: F): Field<Read<F>> {
  const expected = `an object with ${Object.keys(fields).join(', ')}`
  return {
    expected,
    read: (value, path, problems) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return wrong(expected, value, path, problems)
      }
      const read: { [name: string]: unknown } = {}
      for (const [name, one] of Object.entries(value)) {
        if (one === undefined) continue
        const at = path === '' ? name : `${path}.${name}`
        const field = Object.hasOwn(fields, name) ? fields[name] : undefined
        if (field !== undefined) read[name] = field.read(one, at, problems)
        else problems.push(`${at} is unknown${suggest(name, Object.keys(fields))}`)
      }
      for (const [name, field] of Object.entries(fields)) {
        if (field.isNeeded !== true || Reflect.get(value, name) !== undefined) continue
        wrong(field.expected, undefined, path === '' ? name : `${path}.${name}`, problems)
      }
      // what was read has the types of the fields that have read it
      return read as Read<F>
    }
  }
}

/**
 * Throws, with all that is wrong in one line, where what a program gives is no object of these fields: programs in JavaScript
 * give anything, and an option that is misspelled would be none.
 */
export function checkGiven(
  value: unknown,
  fields: Fields,
  what: string,
  code: ErrorCode = 'USAGE'
): void {
  const problems: Problems = []
  object(fields).read(value, '', problems)
  if (problems.length > 0) throw new MivmError(code, `${what}: ${problems.join('; ')}: mend them`)
}

function plain<T>(expected: string, is: (value: unknown) => value is T): Field<T> {
  return {
    expected,
    read: (value, path, problems) => (is(value) ? value : wrong(expected, value, path, problems))
  }
}

function wrong(expected: string, value: unknown, path: string, problems: Problems): undefined {
  const where = path === '' ? '' : `${path}: `
  problems.push(`${where}expected ${expected}, found ${brief(value)}`)
}

function brief(value: unknown): string {
  const text = describe(value).replace(/\s+/g, ' ')
  return text.length > BRIEF ? `${text.slice(0, BRIEF)}…` : text
}

function describe(value: unknown): string {
  // JSON has no word for what 1e999 is read as, nor for a function
  const isJson = typeof value === 'object' || typeof value === 'string'
  try {
    // JSON of what says so itself may be no text
    return String(isJson ? JSON.stringify(value) : value)
  } catch {
    // what is a part of itself, or has no text
    return `an ${typeof value}`
  }
}

const BRIEF = 40
