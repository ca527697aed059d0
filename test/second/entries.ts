// Entries of both kinds of logs: FORMAT.md, 7 and 8.
import { attempt, filled, Reader, refuse } from './bytes.ts'

export interface Head {
  readonly length: number
  readonly fork: number
  readonly treeHash: Uint8Array
  readonly signature: Uint8Array
}

export interface Thrown {
  readonly name: string
  readonly message: string
  readonly code: string | null
}

export interface Version {
  readonly length: number
  readonly treeHash: Uint8Array
}

export type CallLogEntry = Readonly<
  | {
      type: 'genesis'
      vm: string
      host: Uint8Array
      deployer: Uint8Array
      salt: Uint8Array
      codeHash: Uint8Array
      limits: readonly (number | null)[]
    }
  | { type: 'code'; source: string }
  | {
      type: 'ack'
      seq: number
      user: Uint8Array
      entry: number
      call: Uint8Array
      time: number
      previous: number
    }
  | {
      type: 'result'
      ack: number
      outcome: number
      fuel: number
      writes: Uint8Array
      value: string | null
      error: Thrown | null
    }
  | { type: 'oracle-request'; ack: number; index: number; name: string; args: string }
  | {
      type: 'oracle-answer'
      ack: number
      index: number
      value: string | null
      error: Thrown | null
    }
  | { type: 'commit'; archive: Version; blobs: Version; heads: readonly Head[] }
>

export type UserEntry = Readonly<
  | { type: 'call'; method: string; args: string; head: Head | null }
  | { type: 'ack'; answers: readonly Answer[]; head: Head }
>

export interface Answer {
  readonly entry: number
  readonly index: number
  readonly result: Uint8Array
}

/** `newer`: of a version above this one. `malformed`: not an entry, or not in its one form. */
export type Read<Entry> = Entry | 'newer' | 'malformed'

const CALL_LOG = [genesis, code, ack, result, oracleRequest, oracleAnswer, commit]
const USER_LOG = [call, userAck]

export function readEntry(block: Uint8Array): Read<CallLogEntry> {
  return read<CallLogEntry>(block, CALL_LOG)
}

export function readUserEntry(block: Uint8Array): Read<UserEntry> {
  return read<UserEntry>(block, USER_LOG)
}

/** The 64 bytes of Ed25519 in the one form that a head's signature has; null for any other. */
export function signatureIn(bytes: Uint8Array): Uint8Array | null {
  const frame = [bytes[0], bytes[1], bytes[66], bytes[67]]
  return bytes.length === 68 && frame.join() === '1,0,0,0' ? bytes.subarray(2, 66) : null
}

function read<Entry>(block: Uint8Array, types: readonly ((r: Reader) => Entry)[]): Read<Entry> {
  if ((block[0] ?? 0) > 1) return 'newer'
  const fields = types[block[1] ?? -1]
  if (block[0] !== 1 || fields === undefined) return 'malformed'
  const entry = attempt(() => {
    const reader = new Reader(block.subarray(2))
    const entry = fields(reader)
    reader.end()
    return entry
  })
  return entry ?? 'malformed'
}

function genesis(r: Reader): CallLogEntry {
  const [vm, host, deployer] = [r.string(), r.fixed32(), r.fixed32()]
  const [salt, codeHash] = [r.fixed32(), r.fixed32()]
  const limits = r.flags(12).map((there) => (there ? filled(r.uint()) : null))
  return { type: 'genesis', vm, host, deployer, salt, codeHash, limits }
}

function code(r: Reader): CallLogEntry {
  return { type: 'code', source: r.string() }
}

function ack(r: Reader): CallLogEntry {
  const [seq, user, entry, call, time] = [r.uint(), r.fixed32(), r.uint(), r.buffer(), r.uint()]
  const [chained] = r.flags(1)
  const previous = chained ? filled(r.uint()) : 0
  return { type: 'ack', seq, user, entry, call, time, previous }
}

function result(r: Reader): CallLogEntry {
  const [ack, outcome, fuel, writes] = [r.uint(), r.uint(), r.uint(), r.fixed32()]
  const { value, error } = outcomeOf(r)
  const fits = outcome === 0 ? error === null : error !== null && value === null
  if (outcome > 2 || !fits) refuse('the outcome is another')
  return { type: 'result', ack, outcome, fuel, writes, value, error }
}

function oracleRequest(r: Reader): CallLogEntry {
  const [ack, index, name, args] = [r.uint(), r.uint(), r.string(), r.string()]
  return { type: 'oracle-request', ack, index, name, args }
}

function oracleAnswer(r: Reader): CallLogEntry {
  const [ack, index] = [r.uint(), r.uint()]
  const { value, error } = outcomeOf(r)
  if (value !== null && error !== null) refuse('an answer is a value or an error')
  return { type: 'oracle-answer', ack, index, value, error }
}

function commit(r: Reader): CallLogEntry {
  const [archive, blobs] = [version(r), version(r)]
  const heads = r.array(() => ({ ...version(r), fork: 0, signature: r.buffer() }))
  if (heads.some(({ signature }) => signatureIn(signature) === null)) refuse('no signature')
  return { type: 'commit', archive, blobs, heads }
}

function call(r: Reader): UserEntry {
  const [method, args] = [r.string(), r.string()]
  const [seen] = r.flags(1)
  return { type: 'call', method, args, head: seen ? head(r) : null }
}

function userAck(r: Reader): UserEntry {
  const answers = r.array(() => ({ entry: r.uint(), index: r.uint(), result: r.buffer() }))
  return { type: 'ack', answers, head: head(r) }
}

function outcomeOf(r: Reader): { value: string | null; error: Thrown | null } {
  const [returned, failed] = r.flags(2)
  return { value: returned ? filled(r.string()) : null, error: failed ? thrown(r) : null }
}

function thrown(r: Reader): Thrown {
  const [name, message] = [r.string(), r.string()]
  const [coded] = r.flags(1)
  return { name, message, code: coded ? filled(r.string()) : null }
}

function version(r: Reader): Version {
  return { length: r.uint(), treeHash: r.fixed32() }
}

function head(r: Reader): Head {
  return { length: r.uint(), fork: r.uint(), treeHash: r.fixed32(), signature: r.buffer() }
}
