import b4a from 'b4a'
import { MivmError } from './errors.ts'
import { PROOF_BYTES_MAX } from './limits.ts'
import { savedText } from './saved-text.ts'

/** What a file can be that proves something by itself. */
export type ProofKind = 'receipt' | 'evidence'

/** A line that says what the bytes behind it are, and of which version. */
export function wrap(kind: ProofKind, body: Uint8Array): Uint8Array {
  return b4a.concat([b4a.from(`mivm/${kind}/${VERSION}\n`), body])
}

/**
 * Takes off what {@link wrap} and {@link armor} put around a body; `bytes` is the file without armour. Throws
 * PROOF_UNKNOWN, PROOF_VERSION, PROOF_DAMAGED or PROOF_TOO_LARGE, before anything is decoded.
 */
export function unwrap(file: Uint8Array | string): {
  kind: ProofKind
  bytes: Uint8Array
  body: Uint8Array
} {
  // programs in JavaScript give anything
  if (typeof file !== 'string' && !b4a.isBuffer(file)) throw unknown()
  if (file.length > ARMORED_MAX) throw tooLarge()
  const armored = typeof file === 'string' || !startsAsProof(file)
  const { name, bytes } = armored ? readArmor(file) : { name: null, bytes: file }
  if (bytes.byteLength > PROOF_BYTES_MAX) throw tooLarge()
  const { kind, length } = readLine(bytes)
  if (name !== null && name !== kind) throw damaged('it is not what its first line says')
  return { kind, bytes, body: bytes.subarray(length) }
}

/** The same as text that can be pasted into a message: base64 between two lines that say what it is. */
export function armor(bytes: Uint8Array): string {
  if (!b4a.isBuffer(bytes)) throw unknown()
  const name = readLine(bytes).kind.toUpperCase()
  const lines = b4a.toString(bytes, 'base64').match(/.{1,64}/g) ?? []
  return `${BEGIN} ${name}-----\n${lines.join('\n')}\n${END} ${name}-----\n`
}

export function damaged(why: string): MivmError {
  return new MivmError('PROOF_DAMAGED', `${why}: ask for the file again, as an attachment`)
}

export function tooLarge(name = 'this'): MivmError {
  const megabytes = PROOF_BYTES_MAX / 1024 / 1024
  return new MivmError(
    'PROOF_TOO_LARGE',
    `${name} is neither a receipt nor evidence: those have ${megabytes} MiB at most`
  )
}

/**
 * Reads text as mail programs leave it: quoted, indented, wrapped anew, with other line ends and with more before and
 * behind; also as it is on its way, in quoted-printable or in a signed message (`- ` before dashes). What is between the two lines has to be base64 in its one form, or two texts would be one file.
 */
function readArmor(file: Uint8Array | string): { name: string; bytes: Uint8Array } {
  const whole = typeof file === 'string' ? file : savedText(file)
  const text = whole.replace(/(^|[\r\n])[>|\s]*(?:- (?=-----))?/g, '$1').replace(/\s+/g, ' ')
  const first = text.indexOf(BEGIN)
  if (first === -1) throw unknown()
  const name = /^ (RECEIPT|EVIDENCE)-----/.exec(text.slice(first + BEGIN.length, first + 64))
  if (name === null) throw unknown()
  const start = first + BEGIN.length + name[0].length
  const end = text.indexOf(`${END}${name[0]}`, start)
  if (end === -1) throw damaged('its last line is missing, it is cut off')
  if (text.includes(BEGIN, start)) throw damaged('there is more than one in it')
  const sent = text.slice(start, end)
  // in quoted-printable: a line that goes on, and padding
  const body = sent
    .replace(/= (?=[^ =])/g, '')
    .replaceAll('=3D', '=')
    .replaceAll(' ', '')
  const bytes = b4a.from(body, 'base64')
  if (b4a.toString(bytes, 'base64') !== body) {
    throw damaged('there are characters in it that do not belong there')
  }
  return { name: String(name[1]).toLowerCase(), bytes }
}

function readLine(bytes: Uint8Array): { kind: ProofKind; length: number } {
  const start = b4a.toString(bytes.subarray(0, LINE_MAX), 'latin1')
  const line = /^mivm\/(receipt|evidence)\/([1-9]\d{0,8})\n/.exec(start)
  if (line === null) {
    if (CHANGED_END.test(start)) throw damaged('its line ends are not those that it had')
    throw startsAsProof(bytes) && bytes.byteLength < LINE_MAX ? damaged('it is cut off') : unknown()
  }
  const kind = line[1] === 'receipt' ? 'receipt' : 'evidence'
  if (Number(line[2]) <= VERSION) return { kind, length: line[0].length }
  throw new MivmError(
    'PROOF_VERSION',
    `this ${kind} is of format ${line[2]}, which a newer MIVM wrote: update this one`
  )
}

function startsAsProof(file: Uint8Array): boolean {
  return b4a.equals(file.subarray(0, START.byteLength), START)
}

function unknown(): MivmError {
  return new MivmError(
    'PROOF_UNKNOWN',
    'this is neither a receipt nor evidence: see "mivm prove" and "mivm audit --report"'
  )
}

const VERSION = 1
/** What becomes of the first line where a program takes bytes for text. */
const CHANGED_END = /^mivm\/(receipt|evidence)\/[1-9]\d{0,8}\r/
const START = b4a.from('mivm/')
const LINE_MAX = 32
const BEGIN = '-----BEGIN MIVM'
const END = '-----END MIVM'
/** Bytes of a file with armour, which takes a third more, and its lines and quotes some. */
export const ARMORED_MAX = 2 * PROOF_BYTES_MAX
