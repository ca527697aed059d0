import { SourceMap } from 'node:module'
import path from 'node:path'
import { MivmError } from '../protocol/errors.ts'

/** A place in a file of the author's, or of a package; lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Where the code of a bundle comes from: its text before our changes, and esbuild's source map of that. */
export class Places {
  readonly #dir: string
  readonly #text: string
  readonly #map: SourceMap

  /** `map` is JSON; the paths in it start from `dir`. */
  constructor(dir: string, text: string, map: string) {
    this.#dir = dir
    this.#text = text
    this.#map = new SourceMap(JSON.parse(map))
  }

  /** Null for code that esbuild made up. */
  at(offset: number): Place | null {
    const { line, column } = placeIn(this.#text, '', offset)
    // a source map counts from 0
    const entry = this.#map.findEntry(line - 1, column - 1)
    if (!('originalSource' in entry) || entry.generatedLine !== line - 1) return null
    return {
      file: path.resolve(this.#dir, entry.originalSource),
      line: entry.originalLine + 1,
      column: entry.originalColumn + 1
    }
  }
}

/** The place of an offset in the text of a file. */
export function placeIn(text: string, file: string, offset: number): Place {
  const lines = text.slice(0, offset).split(LINE_END)
  return { file, line: lines.length, column: (lines.at(-1) ?? '').length + 1 }
}

/** `app.ts:3:5`, as seen from the working directory. */
export function formatPlace({ file, line, column }: Place): string {
  return `${formatFile(file)}:${line}:${column}`
}

export function formatFile(file: string): string {
  const relative = path.relative(process.cwd(), file)
  return relative.length < file.length ? relative : file
}

/** The offset of a line and a column, both from 1. */
export function offsetOf(text: string, line: number, column: number): number {
  const ends = Array.from(text.matchAll(LINE_ENDS), ({ 0: end, index }) => index + end.length)
  const start = line === 1 ? 0 : (ends[line - 2] ?? text.length)
  return Math.min(text.length, start + column - 1)
}

/** What the VM refuses at a line and column of the source, with the place that this comes from; anything else as it is. */
export function explain(
  error: unknown,
  source: string,
  placeOf: (offset: number) => Place | null
): unknown {
  if (!(error instanceof MivmError) || error.code !== 'CODE_SYNTAX') return error
  const [, line, column, message] = /^line (\d+), column (\d+): (.*)$/s.exec(error.message) ?? []
  if (line === undefined || column === undefined) return error
  const place = placeOf(offsetOf(source, Number(line), Number(column)))
  if (place === null) return error
  return new MivmError(error.code, `${formatPlace(place)}: ${message}`, { cause: error })
}

/** What ends a line in JavaScript, and so in what its parsers say of places. */
const LINE_END = /\r\n|[\n\r\u2028\u2029]/
const LINE_ENDS = new RegExp(LINE_END, 'g')
