import { RESERVED, type Write } from '../protocol/files.ts'
import { LIMITS } from '../protocol/limits.ts'
import { FRAME_MAX } from './js-1/channel.js'
import { variableName } from './variables.ts'
import type { Call, Outcome, PathRange, Thrown } from './vm.ts'

/**
 * What host and engine say to each other, each frame a length (u32, little endian) and JSON. The engine has
 * run contracts and may be theirs: whatever comes from it is checked here, and nothing else is believed.
 */

export interface StepReport {
  readonly outcome: Outcome
  readonly fuel: number
  readonly writes: readonly Write[]
  readonly logs: readonly string[]
}

/**
 * The end of a job: calls executed, ms worked by the clock and by the processor's count, and whether there was no time for
 * more; with the last steps.
 */
export interface DoneReport {
  readonly type: 'done'
  readonly steps: readonly StepReport[]
  readonly count: number
  readonly work: number
  readonly processor: number
  readonly outOfTime: boolean
}

export type InspectedReport =
  | (Inspected & { readonly status: 'ok'; readonly methods: readonly string[] })
  | (Inspected & { readonly status: 'error' | 'abort'; readonly error: Thrown })

interface Inspected {
  readonly type: 'inspected'
  /** As in {@link DoneReport}. */
  readonly processor: number
}

/** What the compiler made of a source: the text for V8, or why the source is refused. */
export interface CompiledReport {
  readonly type: 'compiled'
  readonly code: Compiled
}

export type Compiled =
  | { readonly text: string; readonly refusal: null }
  | { readonly text: null; readonly refusal: Refusal }

/** Why a source cannot be a contract. */
export interface Refusal {
  readonly code: 'CODE_SYNTAX' | 'CODE_TOO_LARGE'
  readonly message: string
}

/** Questions, for whose answers the engine waits. */
export type Question =
  | { readonly type: 'get'; readonly path: string }
  | { readonly type: 'list'; readonly range: PathRange }
  | {
      readonly type: 'oracle'
      readonly call: number
      readonly index: number
      readonly name: string
      readonly args: string
    }

export type Report =
  | { readonly type: 'ready' }
  | { readonly type: 'building' }
  | { readonly type: 'built' }
  | { readonly type: 'tidying' }
  | { readonly type: 'tidied' }
  | { readonly type: 'steps'; readonly steps: readonly StepReport[] }
  | DoneReport
  | InspectedReport
  | CompiledReport
  | Question

/** A call as the realm takes it, see `run` in js-1/controller.js: half of the seed is what its generator takes. */
export function encodeCall({ method, args, caller, seq, time, seed }: Call): string {
  const words = [wordOf(seed, 0), wordOf(seed, 4), wordOf(seed, 8), wordOf(seed, 12)]
  return JSON.stringify([method, args, caller, seq, time, ...words])
}

export function encodeFrame(frame: object): Uint8Array {
  const body = Buffer.from(JSON.stringify(frame))
  const head = Buffer.allocUnsafe(4)
  head.writeUInt32LE(body.length)
  return Buffer.concat([head, body])
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #chunks: Uint8Array[] = []
  #size = 0
  /** Bytes that the next thing, a head or a frame, needs. */
  #wanted = 4
  #inHead = true

  /** The frames that `chunk` completes; throws at one that is too long or no JSON. */
  read(chunk: Uint8Array): unknown[] {
    const frames: unknown[] = []
    this.#chunks.push(chunk)
    this.#size += chunk.length
    while (this.#size >= this.#wanted) {
      const bytes = this.#take(this.#wanted)
      if (this.#inHead) {
        this.#wanted = bytes.readUInt32LE()
        if (this.#wanted > FRAME_MAX) throw new Error(`a frame of ${this.#wanted} bytes`)
      } else {
        this.#wanted = 4
        frames.push(JSON.parse(bytes.toString('utf8')))
      }
      this.#inHead = !this.#inHead
    }
    return frames
  }

  #take(size: number): Buffer {
    const [first] = this.#chunks
    const whole =
      this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks)
    const all = Buffer.from(whole.buffer, whole.byteOffset, whole.length)
    this.#size = all.length - size
    this.#chunks = this.#size === 0 ? [] : [all.subarray(size)]
    return all.subarray(0, size)
  }
}

/** The frame as what it claims to be; throws where it is nothing of the kind. */
export function checkReport(frame: unknown): Report {
  const report = record(frame)
  const { type } = report
  switch (type) {
    case 'ready':
    case 'building':
    case 'built':
    case 'tidying':
    case 'tidied':
      return { type }
    case 'steps':
      return { type, steps: array(report['steps']).map(checkStep) }
    case 'done':
      return {
        type,
        steps: array(report['steps']).map(checkStep),
        count: number(report['count']),
        work: number(report['work']),
        processor: number(report['processor']),
        outOfTime: report['outOfTime'] === true
      }
    case 'inspected':
      return checkInspected(report)
    case 'compiled':
      return { type, code: checkCompiled(report) }
    case 'get':
      return { type, path: string(report['path']) }
    case 'list':
      return { type, range: checkRange(record(report['range'])) }
    case 'oracle':
      return {
        type,
        call: number(report['call']),
        index: number(report['index']),
        name: loggable(report['name']),
        args: loggable(report['args'])
      }
    default:
      throw new Error(`a frame of the type ${JSON.stringify(type)}`)
  }
}

type Fields = Record<string, unknown>

function checkStep(value: unknown): StepReport {
  const step = record(value)
  const writes = array(step['writes']).map(checkWrite)
  writes.forEach(({ path }, i) => {
    const before = writes[i - 1]
    if (before !== undefined && before.path >= path) throw new Error('writes out of order')
  })
  const outcome = checkOutcome(record(step['outcome']))
  if (outcome.status !== 'ok' && writes.length > 0) throw new Error('writes of a failed call')
  const fuel = number(step['fuel'])
  if (!Number.isSafeInteger(fuel)) throw new Error('fuel that is no whole number')
  return { outcome, writes, fuel, logs: array(step['logs']).map(string) }
}

function checkOutcome(outcome: Fields): Outcome {
  const { status } = outcome
  if (status === 'ok') return { status, value: wellFormedOrNull(outcome['value']) }
  return { status: failure(status), error: checkThrown(record(outcome['error'])) }
}

function checkWrite(value: unknown): Write {
  const [file, encoding, data] = array(value)
  const path = wellFormed(file)
  if (!path.startsWith('/')) throw new Error('a write without a path')
  if (path.startsWith(RESERVED) && variableName(path) === null) {
    throw new Error('a write to a reserved path')
  }
  if (encoding === null) return { path, data: null }
  if (encoding !== 'text' && encoding !== 'binary') throw new Error('a write without an encoding')
  return { path, data: Buffer.from(string(data), encoding === 'text' ? 'utf8' : 'base64') }
}

function checkInspected(report: Fields): InspectedReport {
  const { status } = report
  const inspected = { type: 'inspected', processor: number(report['processor']) } as const
  if (status === 'ok')
    return { ...inspected, status, methods: array(report['methods']).map(string) }
  const error = checkThrown(record(report['error']))
  return { ...inspected, status: failure(status), error }
}

function checkCompiled({ text, refusal }: Fields): Compiled {
  if (refusal === null) return { text: string(text), refusal }
  const { code, message } = record(refusal)
  if (code !== 'CODE_SYNTAX' && code !== 'CODE_TOO_LARGE') throw new Error('no reason to refuse')
  return { text: null, refusal: { code, message: string(message) } }
}

function checkThrown(error: Fields): Thrown {
  return {
    name: wellFormed(error['name']),
    message: wellFormed(error['message']),
    code: wellFormedOrNull(error['code'])
  }
}

function checkRange(range: Fields): PathRange {
  return {
    gt: string(range['gt']),
    lt: string(range['lt']),
    limit: number(range['limit']),
    reverse: range['reverse'] === true
  }
}

function failure(status: unknown): 'error' | 'abort' {
  if (status !== 'error' && status !== 'abort') throw new Error('an outcome without a status')
  return status
}

function record(value: unknown): Fields {
  if (!isObject(value)) throw new Error('a value that is no object')
  return value
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

function array(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error('a value that is no array')
  return value
}

function string(value: unknown): string {
  if (typeof value !== 'string') throw new Error('a value that is no text')
  return value
}

/** Text that goes into the log: the log takes no other. */
function wellFormed(value: unknown): string {
  const text = string(value)
  if (!text.isWellFormed()) throw new Error('a text that no log takes')
  return text
}

function wellFormedOrNull(value: unknown): string | null {
  return value === null ? null : wellFormed(value)
}

function loggable(value: unknown): string {
  const text = wellFormed(value)
  if (text.length > LIMITS.args) throw new Error('a text that no log takes')
  return text
}

/** Four bytes, little endian. */
function wordOf(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
  const high = (bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8)
  return low + high * 2 ** 16
}

function number(value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0)) throw new Error('a value that is no number')
  return value
}
