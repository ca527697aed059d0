import { AsyncLocalStorage } from 'node:async_hooks'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { MivmError, messageOf } from '../protocol/errors.ts'
import { ERROR_TEXT_MAX, ORACLE_ANSWER_MAX } from '../protocol/limits.ts'
import { decodeValue, encodeValue, type Value } from '../protocol/values.ts'
import type { OracleAnswer } from '../vm/vm.ts'

/** A window to the world that a host opens to the contracts on it. Any async function of values is one. */
export type Oracle = (...args: never[]) => unknown

/** How long a contract waits for an answer, ms. */
const TIME_MAX = 10_000
/** How long a module may take until it is loaded, ms: it may ask a server of its own. */
const LOAD_MAX = 30_000

/** What of the operator's own is at work: an oracle, or the file of them all. It goes along with whatever that begins. */
const AT_WORK = new AsyncLocalStorage<string>()

/**
 * Whose doing it is what is executed now: an oracle's, as `oracle.price`, or its module's, by the file; null where it is ours. In a
 * handler of `uncaughtException` that is who has left the error.
 */
export function oracleAtWork(): string | null {
  return AT_WORK.getStore() ?? null
}

/**
 * The oracles of a host. Whatever goes wrong with one is an answer too: an error that the contract can catch, with the
 * code ORACLE_UNKNOWN, ORACLE_TIMEOUT, ORACLE_ANSWER_TOO_LARGE, VALUE_UNSUPPORTED, or the one that was thrown.
 */
export class Oracles {
  readonly #functions: ReadonlyMap<string, Oracle>
  readonly #timeMax: number

  constructor(functions: { readonly [name: string]: Oracle } = {}, timeMax: number = TIME_MAX) {
    checkFunctions(functions)
    this.#functions = new Map(Object.entries(functions))
    this.#timeMax = timeMax
  }

  /** Every exported function of a module file that is loaded in time; throws ORACLE_INVALID. */
  static async load(file: string, timeMax: number = LOAD_MAX): Promise<Oracles> {
    if (typeof file !== 'string') {
      throw new MivmError('ORACLE_INVALID', `a module is ${typeof file}: give the path of its file`)
    }
    // an import of what is no file may never end
    const stats = await stat(file).catch(() => null)
    if (stats !== null && !stats.isFile()) {
      throw new MivmError('ORACLE_INVALID', `${file} is no file: give the path of a module`)
    }
    let module: object
    try {
      const { href } = pathToFileURL(path.resolve(file))
      module = await inTime(
        AT_WORK.run(file, () => import(href)),
        timeMax
      )
    } catch (error) {
      const text = messageOf(error)
      const why = text.replace(/ imported from .*/s, '')
      // of a syntax error Node says it to nobody but who runs the file
      const where = stats === null ? '' : `, "node ${file}" shows where`
      throw new MivmError(
        'ORACLE_INVALID',
        `${file} cannot be loaded as a module (${why}): mend it${where}, or give another`
      )
    }
    const functions: { [name: string]: Oracle } = {}
    for (const [name, value] of Object.entries(module)) {
      if (typeof value === 'function') functions[name] = value
    }
    if (Object.keys(functions).length === 0) {
      throw new MivmError(
        'ORACLE_INVALID',
        `${file} exports no functions: export one async function an oracle`
      )
    }
    return new Oracles(functions)
  }

  get names(): string[] {
    return [...this.#functions.keys()]
  }

  async ask(name: string, args: string): Promise<OracleAnswer> {
    const oracle = this.#functions.get(name)
    if (oracle === undefined) return failed('ORACLE_UNKNOWN', `this host has no oracle ${name}`)
    try {
      const decoded = decodeValue(args)
      const value = await this.#inTime(name, oracle, Array.isArray(decoded) ? decoded : [])
      if (value === undefined) return { ok: true, value: null }
      const text = encoded(name, value)
      if (typeof text !== 'string') return text
      const size = Buffer.byteLength(text)
      if (size <= ORACLE_ANSWER_MAX) return { ok: true, value: text }
      return failed(
        'ORACLE_ANSWER_TOO_LARGE',
        `oracle.${name} gave ${size} bytes, the limit is ${ORACLE_ANSWER_MAX}`
      )
    } catch (error) {
      return thrown(error)
    }
  }

  async #inTime(name: string, oracle: Oracle, args: readonly Value[]): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const message = `oracle.${name} did not answer within ${this.#timeMax} ms`
      timer = setTimeout(
        () => reject(Object.assign(new Error(message), { name: NAME, code: 'ORACLE_TIMEOUT' })),
        this.#timeMax
      )
    })
    try {
      const answer = AT_WORK.run(`oracle.${name}`, () => Reflect.apply(oracle, undefined, args))
      return await Promise.race([answer, late])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Throws ORACLE_INVALID: what is no function would be found out by a contract that asks. */
function checkFunctions(functions: { readonly [name: string]: Oracle }): void {
  const isObject = typeof functions === 'object' && functions !== null
  const wrong = Object.entries(isObject ? functions : {}).find(([, it]) => typeof it !== 'function')
  if (isObject && wrong === undefined) return
  const what =
    wrong === undefined ? 'these are no oracles' : `the oracle ${wrong[0]} is no function`
  throw new MivmError('ORACLE_INVALID', `${what}: give an object of functions, one an oracle`)
}

/** An answer as the log has it; where there can be none, the failure, which is not one that the oracle has thrown. */
function encoded(name: string, value: unknown): string | OracleAnswer {
  try {
    return encodeValue(value, `oracle.${name}`)
  } catch (error) {
    if (error instanceof MivmError) return failed(error.code, error.message)
    throw error
  }
}

/** What a host says of an oracle has this name; what the oracle has thrown keeps its own. */
const NAME = 'OracleError'

/** An answer has to be loggable: well-formed text, of bounded length, and a code that is one. */
function failed(code: string, message: string, name = NAME): OracleAnswer {
  const [safeName, safeMessage, safeCode] = [name, message, code].map((text) =>
    text.slice(0, ERROR_TEXT_MAX).toWellFormed()
  )
  return {
    ok: false,
    error: { name: safeName ?? '', message: safeMessage ?? '', code: safeCode || 'ORACLE_FAILED' }
  }
}

/** What cannot even be looked at (no text form, a getter that throws) is an answer as well. */
function thrown(error: unknown): OracleAnswer {
  try {
    if (!(error instanceof Error)) return failed('ORACLE_FAILED', String(error))
    const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
    return failed(code, String(error.message), String(error.name))
  } catch {
    return failed('ORACLE_FAILED', 'the oracle threw something that cannot be told')
  }
}

/** What awaits something that never comes would end the process without a word, and so would an export named `then`. */
async function inTime(loading: Promise<object>, timeMax: number): Promise<object> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`it is not loaded after ${timeMax / 1000} s`)),
      timeMax
    )
  })
  try {
    return await Promise.race([loading, late])
  } finally {
    clearTimeout(timer)
  }
}
