import { styleText } from 'node:util'

export type Style = Parameters<typeof styleText>[0]

/** What stands in the line of a terminal that is written over; there is one stderr, whoever writes to it. */
let progress = ''

/** Where a command writes: data to stdout, as text or as JSON, and everything else to stderr. */
export class Output {
  readonly json: boolean

  constructor(json: boolean) {
    this.json = json
  }

  /** Whether a person reads stdout. */
  get isTerminal(): boolean {
    return process.stdout.isTTY === true
  }

  /** A line for people and pipes; nothing with --json. */
  line(text = ''): void {
    if (this.json) return
    this.#clear()
    process.stdout.write(`${text}\n`)
  }

  /** An object for programs; nothing without --json. The last one of a command is its summary. */
  object(object: { readonly type: string; readonly [key: string]: unknown }): void {
    if (this.json) process.stdout.write(`${encodeLine(object)}\n`)
  }

  /** A file that others wrote, as it is; a terminal gets its text, harmless. */
  bytes(bytes: Uint8Array): void {
    this.#clear()
    process.stdout.write(this.isTerminal ? printableLines(new TextDecoder().decode(bytes)) : bytes)
  }

  /** A line about what happens. */
  note(text: string): void {
    this.#clear()
    process.stderr.write(`${text}\n`)
  }

  /** How far long work has come: one line that is written over, where a person reads; else nothing. */
  progress(text: string): void {
    if (process.stderr.isTTY !== true || isDumb()) return
    this.#clear()
    progress = text.slice(0, (process.stderr.columns || COLUMNS) - 1)
    process.stderr.write(this.paintNote('dim', progress))
  }

  /** Ends the line of {@link progress}. */
  done(): void {
    this.#clear()
  }

  /** Lines that take the place of those before, where a person reads and can; else they follow them, after an empty one. */
  redraw(lines: readonly string[]): void {
    if (this.json) return
    const { columns = 0, rows = 0 } = process.stdout
    const shown = fitted(lines, columns, rows)
    if (this.isTerminal && !isDumb())
      process.stdout.write(`${HOME}${shown.join(CLEARED)}${CLEARED}${CLEAR}`)
    else process.stdout.write(`${lines.join('\n')}\n\n`)
  }

  /** Rows in columns under a heading, where a person reads; else one row a line, tabs between. */
  table(heading: readonly string[], rows: readonly (readonly string[])[]): void {
    if (!this.isTerminal) {
      for (const row of rows) this.line(row.join('\t'))
      return
    }
    const widths = heading.map((title, i) =>
      Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length))
    )
    const layOut = (row: readonly string[]) =>
      row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  ')
    if (rows.length > 0) this.line(this.paint('dim', layOut(heading)))
    for (const row of rows) this.line(layOut(row))
  }

  /** Colours what goes to stdout; NO_COLOR and pipes are obeyed. */
  paint(style: Style, text: string): string {
    return styleText(style, text, { stream: process.stdout })
  }

  /** Colours what goes to stderr. */
  paintNote(style: Style, text: string): string {
    return styleText(style, text, { stream: process.stderr })
  }

  #clear(): void {
    if (progress === '') return
    process.stderr.write('\r\u001b[K')
    progress = ''
  }
}

/**
 * What a terminal has room for: what wraps, or scrolls, is not where the next lines are drawn over it. A line that is cut ends
 * with …, and the last one says how many more there are. 0 is what a terminal says that does not know its size.
 */
export function fitted(lines: readonly string[], columns: number, rows: number): string[] {
  // the cursor stands in a line, and in a column, of its own
  const [width, height] = [Math.max((columns || COLUMNS) - 1, 1), Math.max((rows || ROWS) - 1, 1)]
  const more = lines.length - height + 1
  const shown = more <= 1 ? lines : [...lines.slice(0, height - 1), `… and ${more} more lines`]
  return shown.map((line) => (line.length <= width ? line : `${line.slice(0, width - 1)}…`))
}

/**
 * Text that others wrote, on one line and harmless to a terminal: control characters, and those that turn the
 * direction of text, become escapes.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escapeCharacter)
}

/** The same for text of several lines: line ends and tabs stay. */
export function printableLines(text: string): string {
  return text.replace(UNPRINTABLE, (character) =>
    character === '\n' || character === '\t' ? character : escapeCharacter(character)
  )
}

/**
 * JSON on one line, whatever takes that apart: some readers of lines also end them at U+2028. A value that is -0 stays that, as
 * it is in logs.
 */
function encodeLine(object: object): string {
  const zero = (_: string, value: unknown) => (Object.is(value, -0) ? JSON.rawJSON('-0') : value)
  return JSON.stringify(object, zero).replace(UNPRINTABLE, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** What is written there stays: a pane of an editor, or a slow line. */
function isDumb(): boolean {
  return process.env['TERM'] === 'dumb'
}

const COLUMNS = 80
const ROWS = 24

const HOME = '\u001b[H'
const CLEAR = '\u001b[J'
/** The end of a line, with nothing left of what was there before. */
const CLEARED = '\u001b[K\n'

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`
}

const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu
