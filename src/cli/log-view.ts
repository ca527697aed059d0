import {
  type Ack,
  type Answer,
  type OracleAnswerEntry,
  type OracleRequestEntry,
  type Result,
  readEntry,
  readUserEntry,
  type UserLogEntry
} from '../protocol/entries.ts'
import { encodeId } from '../protocol/ids.ts'
import { printable } from './output.ts'
import { embed, inspectCall, inspectText } from './text.ts'

/** What people call the users and the contract, and what they want to see. */
export interface Names {
  /** Own identities, by id. */
  readonly users: ReadonlyMap<string, string>
  readonly contract: string
  /** Whether to say what calls cost. */
  readonly fuel: boolean
}

/** One line of a log, as text and as data. */
export interface LogLine {
  /** Number of the call, or of the entry in the user's log. */
  readonly number: number
  readonly text: string
  readonly object: { readonly type: string; readonly [key: string]: unknown }
}

/** A call as the call log has it so far. */
interface OpenCall {
  readonly ack: Ack
  readonly block: number
  readonly oracles: OracleRequestEntry[]
  readonly answers: OracleAnswerEntry[]
}

/** Writes the logs of an instance as the design pictures them: `host+2 addTopic('Hello world') (ACK bob+3) result: 1`. */
export class LogView {
  readonly #names: Names
  /** Numbers of calls by the blocks of their acks. */
  readonly #numbers = new Map<number, number>()
  #open: OpenCall | null = null

  constructor(names: Names) {
    this.#names = names
  }

  /** A user as the log names it: an identity of this machine by its name, others by the beginning of their id. */
  user(id: string): string {
    const name = this.#names.users.get(id)
    return name === undefined || name === 'host' ? id.slice(0, 8) : name
  }

  /** Takes the next block of the call log; a line comes with the result of a call. */
  hostLine(index: number, block: Uint8Array): LogLine | null {
    const entry = readEntry(block)
    switch (entry?.type) {
      case 'ack':
        this.#numbers.set(index, entry.seq)
        this.#open = { ack: entry, block: index, oracles: [], answers: [] }
        return null
      case 'oracle-request':
        this.#open?.oracles.push(entry)
        return null
      case 'oracle-answer':
        this.#open?.answers.push(entry)
        return null
      case 'result':
        return this.#result(entry, index)
      default:
        return null
    }
  }

  /** The call at the end of the log that has no result yet, if there is one. */
  underWay(): LogLine | null {
    if (this.#open === null) return null
    const { ack } = this.#open
    return {
      number: ack.seq,
      text: `${this.#call(this.#open)} under way`,
      object: { ...this.#describe(this.#open), outcome: null }
    }
  }

  /** An entry of a user's log. Acks are named by their calls, so the call log comes first. */
  userLine(user: string, number: number, block: Uint8Array): LogLine {
    const entry = readUserEntry(block)
    const text = `${this.user(user)}+${number} ${this.#userText(entry)}`
    const base = { log: user, name: this.user(user), entry: number }
    if (entry === null) return { number, text, object: { type: 'malformed', ...base } }
    const head =
      entry.head === null ? null : { length: entry.head.length, treeHash: hex(entry.head.treeHash) }
    if (entry.type === 'call') {
      const { method, args } = entry
      return { number, text, object: { type: 'call', ...base, method, args: embed(args), head } }
    }
    const answers = entry.answers.map((answer) => ({
      entry: answer.entry,
      block: answer.index,
      seq: this.#numberOf(answer)
    }))
    return { number, text, object: { type: 'ack', ...base, answers, head } }
  }

  #userText(entry: UserLogEntry | null): string {
    if (entry === null) return 'malformed entry'
    if (entry.type === 'call') return inspectCall(entry.method, entry.args)
    return `ACK ${entry.answers.map((answer) => this.#answer(answer)).join(', ')}`
  }

  #answer(answer: Answer): string {
    const number = this.#numberOf(answer)
    return number === null ? `block ${answer.index}` : `host+${number}`
  }

  #numberOf({ result }: Answer): number | null {
    const entry = readEntry(result)
    return entry?.type === 'result' ? (this.#numbers.get(entry.ack) ?? null) : null
  }

  #result(result: Result, index: number): LogLine | null {
    const open = this.#open
    this.#open = null
    if (open === null || result.ack !== open.block) return null
    const { outcome, value, error, fuel } = result
    return {
      number: open.ack.seq,
      text: [
        `${this.#call(open)}${outcomeText(result)}${this.#names.fuel ? ` fuel: ${fuel}` : ''}`,
        ...oracleLines(open)
      ].join('\n'),
      object: {
        ...this.#describe(open),
        outcome,
        value: embed(value),
        error,
        fuel,
        oracles: open.oracles.map(({ name, args }, i) => ({
          name,
          args: embed(args),
          value: embed(open.answers[i]?.value ?? null),
          error: open.answers[i]?.error ?? null
        })),
        blocks: [open.block, index]
      }
    }
  }

  /** `host+2 addTopic('Hello world') (ACK bob+3)`; the first call makes the instance. */
  #call({ ack }: OpenCall): string {
    const call = readUserEntry(ack.call)
    const user = `${this.user(encodeId(ack.user))}+${ack.entry}`
    const first = ack.seq === 1 ? `new ${this.#names.contract}` : null
    const text =
      call?.type === 'call' ? inspectCall(first ?? call.method, call.args) : 'malformed entry'
    return `host+${ack.seq} ${text} (ACK ${user})`
  }

  #describe({ ack }: OpenCall) {
    const call = readUserEntry(ack.call)
    const user = encodeId(ack.user)
    return {
      type: 'result',
      log: 'host',
      seq: ack.seq,
      user,
      name: this.user(user),
      entry: ack.entry,
      method: call?.type === 'call' ? call.method : null,
      args: call?.type === 'call' ? embed(call.args) : null,
      time: ack.time
    }
  }
}

/** `forum` is `Forum`, `price-bet` is `PriceBet`; without a name it is just a contract. */
export function contractName(name: string | null): string {
  if (name === null) return 'Contract'
  return name
    .split(/[-_]/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')
}

function outcomeText({ outcome, value, error }: Result): string {
  if (outcome === 'ok') return value === null ? '' : ` result: ${inspectText(value)}`
  const { name = 'Error', message = '', code = null } = error ?? {}
  const what =
    code !== null && message.startsWith(code) ? message : `${code ?? name} ${message}`.trimEnd()
  if (outcome === 'error') return ` error: ${printable(what)}`
  return ` aborted by the host, its word only: ${printable(what)}`
}

/** What the host said for the world outside: indented below the call. */
function oracleLines({ oracles, answers }: OpenCall): string[] {
  return oracles.map(({ name, args }, i) => {
    const answer = answers[i]
    const said =
      answer === undefined
        ? 'no answer'
        : answer.error === null
          ? `said ${answer.value === null ? 'nothing' : inspectText(answer.value)}`
          : `failed: ${printable(`${answer.error.code ?? answer.error.name} ${answer.error.message}`)}`
    return `  oracle ${inspectCall(name, args)} ${said}`
  })
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
