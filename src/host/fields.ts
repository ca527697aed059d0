import { suggest } from '../protocol/suggest.ts'

/** What is wrong with a field, each in one line that begins with its path. */
type Problems = string[]

/** What a field of a file of settings may hold. `read` gives the value, undefined where it is wrong, and says why. */
export interface Field<T> {
  readonly expected: string
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

/** What an object of these fields holds; each may be missing. */
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
      // what was read has the types of the fields that have read it
      return read as Read<F>
    }
  }
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
  // JSON has no word for what 1e999 is read as, nor for a function
  const isJson = typeof value === 'object' || typeof value === 'string'
  const json = isJson ? JSON.stringify(value) : String(value)
  return json.length > BRIEF ? `${json.slice(0, BRIEF)}…` : json
}

const BRIEF = 40
