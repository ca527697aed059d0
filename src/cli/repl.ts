import { once } from 'node:events'
import repl, { type REPLEval, type REPLServer, Recoverable } from 'node:repl'
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { inspect, types } from 'node:util'
import { type CallPromise, type ContractObject, contractObject } from '../client/contract.ts'
import type { StateReader } from '../index.ts'
import { deferred } from '../protocol/deferred.ts'
import { ContractError, MivmError } from '../protocol/errors.ts'
import { encodeValue } from '../protocol/values.ts'
import { type Output, printable, printableLines } from './output.ts'
import { checkUtf8, embed, formatThrown } from './text.ts'

export interface ConsoleOptions {
  readonly contract: ContractObject
  readonly state: StateReader
  readonly output: Output
  /** Whether a person types; else lines are given to {@link Console.line}. */
  readonly terminal: boolean
  /** What the prompt says. */
  readonly name: string
}

/** Node's own prompt with the methods of an instance as functions, whose results are awaited before they are shown. */
export class Console {
  /** Resolves when the prompt is left. */
  readonly closed: Promise<void>
  readonly server: REPLServer
  readonly #input: PassThrough | null
  readonly #output: Output
  readonly #evaluate: REPLEval
  #pending: Promise<void> = Promise.resolve()
  readonly #calls = new Set<CallPromise>()
  #done = () => {}
  #lines = 0
  #left = false
  /** Whether what the last line began goes on in the next one. */
  #isOpen = false

  constructor({ contract, state, output, terminal, name }: ConsoleOptions) {
    this.#output = output
    this.#input = terminal ? null : new PassThrough()
    this.server = repl.start({
      prompt: terminal ? `${name}> ` : '',
      input: this.#input ?? process.stdin,
      output: terminal ? process.stdout : new PassThrough().resume(),
      terminal,
      // the codec of values refuses objects of another realm
      useGlobal: true,
      ignoreUndefined: true,
      // what it shows while somebody types, `writer` never sees
      preview: false,
      writer: terminal ? writer : (value: unknown) => this.#print(value),
      handleError: (error: unknown) => this.#fail(error)
    })
    this.#evaluate = this.server.eval
    Object.defineProperty(this.server, 'eval', { value: this.#queue })
    // a line that awaits something keeps the exit from coming, and there is no prompt any more
    this.server.once('close', () => {
      this.#left = true
    })
    this.closed = once(this.server, 'exit').then(() => this.#pending)
    const methods = contractObject(Object.keys(contract), (method, args) =>
      this.#call(contract, method, args)
    )
    define('contract', methods)
    define('state', state)
    for (const [method, call] of Object.entries(methods)) define(method, call)
  }

  /** Lines executed so far. */
  get lines(): number {
    return this.#lines
  }

  /**
   * Executes a line, when all before it are done, the calls included that nobody awaits. Throws VALUE_MALFORMED for one that is
   * not UTF-8: what follows may be the rest of what begins there.
   */
  async line(text: string): Promise<void> {
    if (this.#left || this.#input === null) return
    checkUtf8(text, `line ${this.#lines + 1}`)
    const taken = once(this.server, 'line')
    this.#input.write(`${text}\n`)
    await taken
    this.#lines++
    await this.#pending
    while (this.#calls.size > 0) {
      await Promise.allSettled(this.#calls)
      // what the line does with their values
      await setImmediate()
    }
  }

  /** What the last line of a pipe leaves open is not executed, and that is said. */
  close(): void {
    if (this.#isOpen) this.#fail(new SyntaxError('Unexpected end of input'))
    this.server.close()
  }

  #call(contract: ContractObject, method: string, args: readonly unknown[]): CallPromise {
    const call = contract[method]
    if (call === undefined) throw new MivmError('METHOD_UNKNOWN', `there is no method "${method}"`)
    const calling = call(...args)
    this.#calls.add(calling)
    const done = () => this.#calls.delete(calling)
    // a call that nobody awaits must not end the process
    calling.then(done, done)
    return calling
  }

  readonly #queue: REPLEval = (code, context, file, callback) => {
    try {
      checkUtf8(code, 'what was typed')
    } catch (error) {
      return callback(asError(error), undefined)
    }
    const done = deferred<void>()
    this.#pending = done.promise
    this.#done = done.resolve
    this.#evaluate.call(this.server, code, context, file, async (error, value) => {
      this.#isOpen = error instanceof Recoverable
      try {
        if (error !== null) callback(error, undefined)
        else callback(null, types.isPromise(value) ? await value : value)
      } catch (thrown) {
        callback(asError(thrown), undefined)
      }
      done.resolve()
    })
  }

  /** What a contract threw, and what is ours, is said in one line without a stack. */
  #fail(error: unknown): 'print' | 'ignore' {
    this.#done()
    const text = describe(error)
    if (text === null && this.#input === null) return 'print'
    this.#output.note(text ?? printableLines(`Uncaught ${String(error)}`))
    this.#output.object({ type: 'error', error: partsOf(error) })
    // it may end when the prompt is gone
    if (this.#left) return 'ignore'
    this.server.clearBufferedCommand()
    this.server.displayPrompt()
    return 'ignore'
  }

  #print(value: unknown): string {
    if (value === undefined) return ''
    this.#output.line(writer(value))
    this.#output.object({ type: 'value', value: asJson(value) })
    return ''
  }
}

/** Left out where the language has something of that name: it is at `contract.<name>` all the same. */
function define(name: string, value: unknown): void {
  if (name in globalThis) return
  Object.defineProperty(globalThis, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true
  })
}

/** What begins a sequence for a terminal. */
const ESCAPE = '\u001b'
/** What {@link inspect} puts into its text: colours, where it is asked for them, and line ends. */
const OURS = /(\n)/
const OURS_COLOURED = new RegExp(`(${ESCAPE}\\[(?:1|4|22|24|[39]\\d)m|\\n)`)

/** All else is made harmless: others may have written what an error says, which `inspect` shows as it is. */
function writer(value: unknown): string {
  const colors = process.stdout.hasColors?.() === true
  const parts = inspect(value, { depth: 6, colors }).split(colors ? OURS_COLOURED : OURS)
  return parts.map((part, i) => (i % 2 === 0 ? printable(part) : part)).join('')
}

function asJson(value: unknown): unknown {
  try {
    return embed(encodeValue(value))
  } catch {
    return inspect(value)
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** As `mivm call` says what a call ended with. */
function partsOf(error: unknown): { name: string; message: string; code: string | null } {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), code: null }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null
  return { name: error.name, message: error.message, code }
}

function describe(error: unknown): string | null {
  if (error instanceof ContractError) return formatThrown(error)
  if (error instanceof MivmError) return `mivm: ${error.code}: ${printable(error.message)}`
  return null
}
