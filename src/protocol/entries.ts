import b4a from 'b4a'
import type { Encoder, State } from 'compact-encoding'
import { MivmError } from './errors.ts'
import { type Head, hasSignatureForm } from './head.ts'
import {
  ERROR_TEXT_MAX,
  LIMITS,
  type LimitName,
  type Limits,
  ORACLE_ANSWER_MAX,
  ORACLE_REQUESTS_MAX
} from './limits.ts'
import { getEncoding } from './schema/index.js'

/** An error as a log records it. */
export interface ThrownEntry {
  readonly name: string
  readonly message: string
  readonly code: string | null
}

/** Block 0 of a call log, written by the deployer: everything that decides what the instance is. */
export interface Genesis {
  readonly type: 'genesis'
  readonly vm: string
  readonly host: Uint8Array
  readonly deployer: Uint8Array
  /** 32 bytes: the same deployment with the same salt has the same address. */
  readonly salt: Uint8Array
  readonly codeHash: Uint8Array
  /** Limits lower than the VM's own; those that are not named, or 0, hold as they are. */
  readonly limits: { readonly [name in LimitName]?: number }
}

/** Block 1: the source that genesis names by its hash. */
export interface Code {
  readonly type: 'code'
  readonly source: string
}

/** The host has seen a call in a user log, and executes it now. */
export interface Ack {
  readonly type: 'ack'
  /** Number of the call in the instance, from 1. */
  readonly seq: number
  readonly user: Uint8Array
  /** Number of the entry in the user's log, from 1. */
  readonly entry: number
  /** The block of the user's log, verbatim. */
  readonly call: Uint8Array
  /** Host time, ms since 1970; never goes backwards. */
  readonly time: number
  /** Block of the same user's ack before this one; 0 (genesis, never an ack) for the first. */
  readonly previous: number
}

export type OutcomeName = 'ok' | 'error' | 'abort'

export interface Result {
  readonly type: 'result'
  /** Block of the ack that this answers. */
  readonly ack: number
  readonly outcome: OutcomeName
  /** Text form of the value; null where the call returned undefined, or did not return. */
  readonly value: string | null
  readonly error: ThrownEntry | null
  readonly fuel: number
  /** Hash of what the call wrote, see writesHash. */
  readonly writes: Uint8Array
}

/**
 * Whether an error is one that a host may end a call with. The rest of it is the host's word; but it must not pass for
 * what the contract says.
 */
export function isAbortError({ name, code }: ThrownEntry): boolean {
  return name === 'MivmError' && (code?.startsWith('ABORT_') ?? false)
}

export interface OracleRequestEntry {
  readonly type: 'oracle-request'
  readonly ack: number
  /** Number of the request within its call, from 0. */
  readonly index: number
  readonly name: string
  readonly args: string
}

export interface OracleAnswerEntry {
  readonly type: 'oracle-answer'
  readonly ack: number
  readonly index: number
  readonly value: string | null
  readonly error: ThrownEntry | null
}

/** A core as one commit left it. */
export interface Version {
  readonly length: number
  readonly treeHash: Uint8Array
}

/** Whether a core that was left as the one may be left as the other later on, as far as their lengths tell. */
export function extendsVersion(before: Version, after: Version): boolean {
  if (after.length !== before.length) return after.length > before.length
  return b4a.equals(after.treeHash, before.treeHash)
}

/** A head of a user's log as its user has signed it; the fork is 0. */
export type UserHead = Omit<Head, 'fork'>

/** The end of a batch: the state archive now holds what its calls wrote. */
export interface Commit {
  readonly type: 'commit'
  readonly archive: Version
  readonly blobs: Version
  /** The host's copies of the logs of all users with acks in the batch, in the order of their first ones. */
  readonly heads: readonly UserHead[]
}

export type CallLogEntry =
  | Genesis
  | Code
  | Ack
  | Result
  | OracleRequestEntry
  | OracleAnswerEntry
  | Commit

/** A user asks for a call. */
export interface UserCall {
  readonly type: 'call'
  readonly method: string
  /** Text form of the array of arguments. */
  readonly args: string
  /** The newest head of the call log that the user has seen; null where the log has it in an earlier entry. */
  readonly head: Head | null
}

export interface Answer {
  /** Number of the call's entry in this user log. */
  readonly entry: number
  /** Block of the result in the call log. */
  readonly index: number
  /** That block, verbatim. */
  readonly result: Uint8Array
}

/** A user has seen the answers to its calls, under this head. */
export interface UserAck {
  readonly type: 'ack'
  readonly answers: readonly Answer[]
  readonly head: Head
}

export type UserLogEntry = UserCall | UserAck

/** Version of the entry format; the first byte of every block. */
const FORMAT_VERSION = 1

const CALL_LOG_TYPES = [
  'genesis',
  'code',
  'ack',
  'result',
  'oracle-request',
  'oracle-answer',
  'commit'
] as const
const USER_LOG_TYPES = ['call', 'ack'] as const
const OUTCOMES = ['ok', 'error', 'abort'] as const

const CALL_LOG_ENCODINGS = CALL_LOG_TYPES.map((type) => getEncoding(`@mivm/${type}`))
const USER_LOG_ENCODINGS = [getEncoding('@mivm/call'), getEncoding('@mivm/user-ack')]

/** Throws VALUE_UNSUPPORTED where a field cannot be written as it is. */
export function encodeEntry(entry: CallLogEntry): Uint8Array {
  checkFields(entry)
  // encodings take the fields that they know, and leave the type
  const fields =
    entry.type === 'result' ? { ...entry, outcome: OUTCOMES.indexOf(entry.outcome) } : entry
  return encodeBlock(CALL_LOG_TYPES.indexOf(entry.type), CALL_LOG_ENCODINGS, fields)
}

/** Whether a newer MIVM wrote this block: what it may be, and how large, is not known here. */
export function isNewer([version = 0]: Uint8Array): boolean {
  return version > FORMAT_VERSION
}

/** Reads a block by itself, as of a call log; throws ENTRY_MALFORMED, or ENTRY_VERSION where a newer MIVM wrote it. */
export function decodeEntry(block: Uint8Array): CallLogEntry {
  const [id, fields] = decodeBlock(block, CALL_LOG_ENCODINGS)
  const type = CALL_LOG_TYPES[id]
  const entry = Object.assign({ type }, fields, outcomeIn(type, fields)) as CallLogEntry
  if (!isWhole(entry)) throw malformed()
  checkForm(block, id, CALL_LOG_ENCODINGS, fields)
  return entry
}

/**
 * Reads a block of a call log whose genesis is of this version, which then is that of all its entries: null where it is none
 * of them, whatever a newer MIVM could make of it.
 */
export function readEntry(block: Uint8Array): CallLogEntry | null {
  return attempt(() => decodeEntry(block))
}

/** Throws VALUE_UNSUPPORTED where a field cannot be written as it is. */
export function encodeUserEntry(entry: UserLogEntry): Uint8Array {
  checkFields(entry)
  return encodeBlock(USER_LOG_TYPES.indexOf(entry.type), USER_LOG_ENCODINGS, entry)
}

/** Reads a block of a user log; throws ENTRY_MALFORMED or ENTRY_VERSION. */
export function decodeUserEntry(block: Uint8Array): UserLogEntry {
  const [id, fields] = decodeBlock(block, USER_LOG_ENCODINGS)
  checkForm(block, id, USER_LOG_ENCODINGS, fields)
  return Object.assign({ type: USER_LOG_TYPES[id] }, fields) as UserLogEntry
}

/** Reads a block that anybody may have written; null where it is no entry of a user log. */
export function readUserEntry(block: Uint8Array): UserLogEntry | null {
  return attempt(() => decodeUserEntry(block))
}

/**
 * Whether this is a record of an oracle that no honest host writes down, whatever it was asked and told: a larger answer may
 * take more memory than a call has, and more questions than fuel buys more than an auditor has, and nobody could replay
 * the call, nor what follows.
 */
export function isTooMuch(entry: CallLogEntry): boolean {
  if (entry.type === 'oracle-request') return entry.index >= ORACLE_REQUESTS_MAX
  if (entry.type !== 'oracle-answer') return false
  const { value, error } = entry
  const texts = error === null ? [] : [error.name, error.message, error.code ?? '']
  if (texts.some(({ length }) => length > ERROR_TEXT_MAX)) return true
  return value !== null && b4a.byteLength(value) > ORACLE_ANSWER_MAX
}

/** The limits that hold for an instance; throws LIMIT_INVALID where genesis asks for more than the VM gives. */
export function limitsOf(genesis: Genesis): Limits {
  const limits: { [name in LimitName]: number } = { ...LIMITS }
  for (const name of Object.keys(LIMITS) as LimitName[]) {
    const asked = genesis.limits[name]
    if (!asked) continue
    checkLimit(name, asked)
    limits[name] = asked
  }
  return limits
}

/**
 * Throws LIMIT_INVALID for what a deployer may not ask for. Genesis has no place for limits that there are not, and 0 means
 * none there: whoever misspelled one would be without it, and not know.
 */
export function checkLimits(limits: Genesis['limits']): void {
  for (const [name, asked] of Object.entries(limits)) {
    if (!isLimit(name)) {
      throw new MivmError(
        'LIMIT_INVALID',
        `there is no limit ${name}: there is ${Object.keys(LIMITS).join(', ')}`
      )
    }
    if (asked !== undefined) checkLimit(name, asked)
  }
}

function isLimit(name: string): name is LimitName {
  return Object.hasOwn(LIMITS, name)
}

function checkLimit(name: LimitName, asked: number): void {
  if (Number.isSafeInteger(asked) && asked >= 1 && asked <= LIMITS[name]) return
  throw new MivmError(
    'LIMIT_INVALID',
    `limit ${name} of ${asked} is not between 1 and ${LIMITS[name]}; ask for a lower one or leave it out`
  )
}

function encodeBlock(
  id: number,
  encodings: readonly Encoder<object>[],
  fields: object
): Uint8Array {
  const encoding = encodings[id]
  if (encoding === undefined) throw new MivmError('INTERNAL', `no encoding for entry ${id}`)
  const state: State = { start: 0, end: 2, buffer: EMPTY }
  encoding.preencode(state, fields)
  state.buffer = b4a.allocUnsafe(state.end)
  state.buffer[0] = FORMAT_VERSION
  state.buffer[1] = id
  state.start = 2
  encoding.encode(state, fields)
  return state.buffer
}

function attempt<T>(decode: () => T): T | null {
  try {
    return decode()
  } catch (error) {
    if (error instanceof MivmError) return null
    throw error
  }
}

function decodeBlock(block: Uint8Array, encodings: readonly Encoder<object>[]): [number, object] {
  const [version, id = -1] = block
  if (isNewer(block)) {
    throw new MivmError(
      'ENTRY_VERSION',
      `an entry of format ${version} was written by a newer MIVM: update this one`
    )
  }
  const encoding = encodings[id]
  if (version !== FORMAT_VERSION || encoding === undefined) throw malformed()
  try {
    return [id, encoding.decode({ start: 2, end: block.byteLength, buffer: block })]
  } catch (error) {
    throw malformed(error)
  }
}

/** What the encodings would write as something else: they cut numbers off and replace lone surrogates. */
function checkFields(fields: object): void {
  for (const name of Object.keys(fields)) {
    const value: unknown = Reflect.get(fields, name)
    if (typeof value === 'string') {
      if (!value.isWellFormed()) throw unsupported(name, 'a string with a lone surrogate')
    } else if (typeof value === 'number') {
      if (!Number.isSafeInteger(value) || value < 0) throw unsupported(name, `${value}`)
    } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
      checkFields(value)
    }
  }
}

function unsupported(name: string, what: string): MivmError {
  return new MivmError(
    'VALUE_UNSUPPORTED',
    `${name}: ${what} cannot be logged; use well-formed text, and whole numbers from 0`
  )
}

/**
 * A call that succeeded has no error, one that did not has no value; an answer has one of them at most. Signatures
 * have one form.
 */
function isWhole(entry: CallLogEntry): boolean {
  if (entry.type === 'commit') return entry.heads.every(hasSignatureForm)
  if (entry.type === 'oracle-answer') return entry.value === null || entry.error === null
  if (entry.type !== 'result') return true
  return entry.outcome === 'ok'
    ? entry.error === null
    : entry.error !== null && entry.value === null
}

/** The outcome of a result by its name, in the place of its number; of other entries nothing. */
function outcomeIn(type: string | undefined, fields: object): { outcome: OutcomeName } | null {
  if (type !== 'result' || !('outcome' in fields)) return null
  const outcome = OUTCOMES[Number(fields.outcome)]
  if (outcome === undefined) throw malformed()
  return { outcome }
}

/** One entry has one form: a block that reads the same but is written otherwise is refused. */
function checkForm(
  block: Uint8Array,
  id: number,
  encodings: readonly Encoder<object>[],
  fields: object
): void {
  let again: Uint8Array
  try {
    again = encodeBlock(id, encodings, fields)
  } catch (error) {
    throw malformed(error)
  }
  if (!b4a.equals(again, block)) throw malformed()
}

function malformed(cause?: unknown): MivmError {
  return new MivmError('ENTRY_MALFORMED', 'the block is not an entry of this log', { cause })
}

const EMPTY: Uint8Array = new Uint8Array()
