import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { type Logger, pino } from 'pino'
import type { HostEvent } from '../host/events.ts'
import { Bucket } from '../net/bucket.ts'
import { type Output, printable } from './output.ts'

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What a line says beside its text. */
type Fields = Readonly<Record<string, unknown>>

/** Characters of what others wrote. */
const TEXT_MAX = 1_000

/** Bytes that wait for somebody to read them; what comes when there are more is lost, and nothing waits for it. */
const UNREAD_MAX = 4 * 1024 * 1024

/** Lines that others cause, at once and a second: who asks for nonsense shall not fill a disk. */
const LINES_MAX = 200
const LINES_A_SECOND = 20

const STDERR = 2

/**
 * The log of a host, on stderr: readable where a person sees it, else one JSON object a line. What contracts and strangers
 * wrote is marked, cut and made harmless; nobody's secrets come near it.
 */
export class HostLog {
  readonly #output: Output
  readonly #logger: Logger | null
  readonly #close: () => void
  readonly #isShown: (level: LogLevel) => boolean
  readonly #limits = new Map<HostEvent['type'], Limit>()

  /** The level is by default `info`, and `debug`, which shows what contracts write, where a person sees it. */
  constructor(
    output: Output,
    level?: LogLevel,
    isTerminal: boolean = process.stderr.isTTY === true
  ) {
    this.#output = output
    const least = LOG_LEVELS.indexOf(level ?? (isTerminal ? 'debug' : 'info'))
    this.#isShown = (level) => LOG_LEVELS.indexOf(level) <= least
    if (isTerminal) {
      this.#logger = null
      this.#close = () => {}
      return
    }
    const destination = pino.destination({ dest: STDERR, sync: false, maxLength: UNREAD_MAX })
    // nobody reads any more: the host goes on
    destination.on('error', () => {})
    this.#close = () => destination.flushSync()
    this.#logger = pino(
      {
        level: 'debug',
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) }
      },
      destination
    )
  }

  /** A line of the host itself. */
  write(level: LogLevel, text: string, fields: Fields = {}): void {
    if (!this.#isShown(level)) return
    if (this.#logger === null) this.#output.note(text)
    else this.#logger[level](fields, text)
  }

  /** What has happened; of what others can cause as often as they like, not more than somebody can read. */
  event(event: HostEvent): void {
    const { level, text, colour, said } = describe(event)
    if (!this.#isShown(level)) return
    const limit = this.#limitOf(event.type)
    const left = limit.admit()
    if (left === null) return
    if (left > 0) this.write(level, `${left} more of "${event.type}" were left out`, { left })
    const { type, ...fields } = event
    const painted = colour === null ? text : this.#output.paintNote(colour, text)
    if (this.#logger === null) this.#output.note(`${painted}${said}`)
    else this.#logger[level]({ event: type, ...harmless(fields) }, `${text}${said}`)
  }

  /** For who writes to a console, such as an oracle: stdout is for data, and stderr for lines of one form. */
  console(): Console {
    const write = (chunk: Buffer, _: string, done: () => void) => {
      for (const line of chunk.toString().split('\n'))
        if (line !== '') this.write('info', brief(line))
      done()
    }
    const [stdout, stderr] = [new Writable({ write }), new Writable({ write })]
    return new Console({ stdout, stderr })
  }

  /** Writes out what is not written yet. */
  close(): void {
    try {
      this.#close()
    } catch {
      // nobody reads it
    }
  }

  #limitOf(type: HostEvent['type']): Limit {
    const limit = this.#limits.get(type) ?? new Limit()
    this.#limits.set(type, limit)
    return limit
  }
}

/**
 * The events of a host as objects on stdout. Contracts and strangers cause as many as they like, and a program that does not
 * read them would have them all wait in the memory of the host.
 */
export class EventObjects {
  readonly #output: Output
  readonly #unread: () => number
  #left = 0

  constructor(output: Output, unread: () => number = () => process.stdout.writableLength) {
    this.#output = output
    this.#unread = unread
  }

  write(event: HostEvent): void {
    if (this.#unread() > UNREAD_MAX) {
      this.#left++
      return
    }
    if (this.#left > 0) this.#output.object({ type: 'left-out', events: this.#left })
    this.#left = 0
    this.#output.object(event)
  }
}

/** Lets lines through as long as there are not too many. */
class Limit {
  readonly #bucket = new Bucket(LINES_MAX, LINES_A_SECOND)
  #left = 0

  /** How many lines were left out before this one; null where it is left out, too. */
  admit(): number | null {
    if (!this.#bucket.take()) {
      this.#left++
      return null
    }
    const left = this.#left
    this.#left = 0
    return left
  }
}

interface Description {
  readonly level: LogLevel
  /** What it is, in that colour, and what was said. */
  readonly text: string
  readonly colour: 'red' | 'yellow' | 'dim' | null
  readonly said: string
}

function describe(event: HostEvent): Description {
  switch (event.type) {
    case 'deployed': {
      const said = ` ${event.address} by ${event.deployer}`
      return { level: 'info', text: 'deployed', colour: null, said }
    }
    case 'fatal':
    case 'full':
    case 'stuck': {
      const said = ` ${event.code}: ${brief(event.message)}`
      return { level: 'error', text: event.type, colour: 'red', said }
    }
    case 'mended':
      return { level: 'error', text: 'mended', colour: 'red', said: `: ${brief(event.message)}` }
    case 'oracle': {
      const said = ` has left an error behind: ${brief(event.message)}`
      return { level: 'error', text: event.name, colour: 'red', said }
    }
    case 'damaged': {
      const said = ` ${event.address}: ${brief(event.message)}`
      return { level: 'error', text: 'damaged', colour: 'red', said }
    }
    case 'set-back': {
      const said = ` ${event.address}: ${brief(event.message)}`
      return { level: 'error', text: 'set back', colour: 'red', said }
    }
    case 'refused': {
      const said = ` ${event.code}: ${brief(event.message)}`
      return { level: 'warn', text: 'refused', colour: 'yellow', said }
    }
    case 'log': {
      const said = ` ${event.address.slice(0, 8)}: ${brief(event.line)}`
      return { level: 'debug', text: 'contract', colour: 'dim', said }
    }
  }
}

function harmless(fields: Fields): Fields {
  const entries = Object.entries(fields)
  return Object.fromEntries(
    entries.map(([key, value]) => [key, typeof value === 'string' ? brief(value) : value])
  )
}

/** On one line, and not too much of it. */
function brief(text: string): string {
  const { length } = text
  if (length <= TEXT_MAX) return printable(text)
  return `${printable(text.slice(0, TEXT_MAX))}… (${length - TEXT_MAX} more characters)`
}
