import { inspect } from 'node:util'
import { MivmError } from '../protocol/errors.ts'
import { decodeValue, encodeValue, type Value } from '../protocol/values.ts'
import { printable } from './output.ts'

/**
 * An argument as it is written on the command line: the text form of a value, that is JSON with `{"$bytes":"<base64>"}`
 * and `{"$bigint":"<decimal>"}`, or else text. Throws VALUE_MALFORMED for JSON that is no value, or that has integers which are
 * no numbers: they would be signed as others. So would bytes that are not UTF-8, of which Node leaves U+FFFD.
 */
export function parseArgument(text: string): Value {
  checkUtf8(text, 'argument')
  try {
    JSON.parse(text)
  } catch {
    return text
  }
  const value = decodeValue(text, 'argument')
  // which goes down by recursion: what is too deep for that is refused by now, and is not taken for text
  JSON.parse(text, refuseRounded)
  return value
}

/** Throws VALUE_MALFORMED for what may have been other bytes: nothing tells that from the character. */
export function checkUtf8(text: string, what: string): void {
  if (!text.includes('\ufffd')) return
  throw new MivmError(
    'VALUE_MALFORMED',
    `${what}: has U+FFFD, as bytes become that are not UTF-8: convert them, or write "\\ufffd" where that character is meant`
  )
}

function refuseRounded(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  const written = context?.source ?? ''
  if (typeof value !== 'number' || !/^-?\d+$/.test(written)) return value
  if (!Number.isFinite(value) || BigInt(value) === BigInt(written)) return value
  throw new MivmError(
    'VALUE_MALFORMED',
    `argument: no number is exactly ${written}: write {"$bigint":"${written}"}, or text in quotes`
  )
}

/** A value as it is printed: a string raw, nothing for undefined, everything else so that it can be an argument again. */
export function formatValue(value: Value | undefined): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  return encodeValue(value).replace(NO_ARGUMENT, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** What no argument has as it is, and control characters that JSON has as they are: a terminal shows them as no JSON. */
const NO_ARGUMENT = /[\u007f-\u009f\ufffd]/g

/** A value in one line of a log, as one would write it in JavaScript, and harmless; long ones are cut. */
export function inspectValue(value: Value | undefined): string {
  const text = inspect(value, {
    depth: 6,
    breakLength: Number.POSITIVE_INFINITY,
    compact: true,
    maxStringLength: 200,
    maxArrayLength: 20
  })
  // it escapes control characters, and not what turns the direction of text
  return printable(text)
}

/** The text form of a value as one would write it in JavaScript; as it is, where it is malformed. */
export function inspectText(text: string): string {
  const value = tryDecode(text)
  return value === MALFORMED ? printable(text.slice(0, 200)) : inspectValue(value)
}

/** `addTopic('Hello world')`, from the method and the text form of the array of arguments. */
export function inspectCall(method: string, args: string): string {
  const values = tryDecode(args)
  const list = Array.isArray(values)
    ? values.map(inspectValue).join(', ')
    : printable(args.slice(0, 200))
  return `${printable(method)}(${list})`
}

/** `Name: message (CODE)`, in one line. */
export function formatThrown(error: {
  readonly name: string
  readonly message: string
  readonly code: string | null
}): string {
  const { name, message, code } = error
  return printable(`${name}: ${message}${code === null ? '' : ` (${code})`}`)
}

/** A text form inside JSON output: the same JSON, or the text where it is malformed. */
export function embed(text: string | null): unknown {
  if (text === null) return null
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** `3 calls`, `1 call`, `2 entries`. */
export function count(n: number, noun: string): string {
  const plural = noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`
  return `${n.toLocaleString('en-US')} ${n === 1 ? noun : plural}`
}

/** `1.2 MB`, in thousands as disks are sold. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000
  const digits = unit > 0 && value < 9.95 ? 1 : 0
  return `${value.toFixed(digits)} ${units[unit]}`
}

/** `3 d 4 h`, `2 min 5 s`: the two largest units. */
export function formatDuration(seconds: number): string {
  let rest = Math.floor(seconds)
  const parts: string[] = []
  for (const [name, size] of DURATIONS) {
    const many = Math.floor(rest / size)
    if (many > 0 || parts.length > 0 || size === 1) parts.push(`${many} ${name}`)
    rest -= many * size
  }
  return parts.slice(0, 2).join(' ')
}

const DURATIONS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1]
] as const

function tryDecode(text: string): Value | typeof MALFORMED {
  try {
    return decodeValue(text)
  } catch (error) {
    if (error instanceof MivmError) return MALFORMED
    throw error
  }
}

const MALFORMED = Symbol('malformed')

/** The number of a call, `3` or `host+3`; throws USAGE. */
export function parseSeq(text: string): number {
  const seq = wholeNumber(text.replace(/^host\+/, ''))
  if (seq >= 1) return seq
  throw new MivmError('USAGE', `${text} is not the number of a call: they count from 1`)
}

/** For options without a value: given or not, and never false. */
export function asTrue(): true {
  return true
}

/** What is written in digits and nothing else; NaN for any other text, such as "" or 0x10. */
export function wholeNumber(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(number) ? number : Number.NaN
}

/** What `--timeout` takes, in ms; throws USAGE. */
export function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (Number.isFinite(seconds) && seconds > 0) return seconds * 1000
  throw new MivmError('USAGE', `--timeout ${text} is not a number of seconds above 0`)
}
