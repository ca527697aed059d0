import { SourceMap } from 'node:module'
import path from 'node:path'
import { MivmError } from '../protocol/errors.ts'
import { isOfNode } from './node-modules.ts'

/** A place in a file of the author's, or of a package; lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Where the code of a bundle comes from: its text before our changes, and esbuild's source map of that. */
export class Places {
  readonly #dir: string
  readonly #map: SourceMap
  /** Offsets at which lines begin. */
  readonly #starts: readonly number[]

  /** `map` is JSON; the paths in it start from `dir`. */
  constructor(dir: string, text: string, map: string) {
    this.#dir = dir
    this.#starts = lineStarts(text)
    this.#map = new SourceMap(JSON.parse(map))
  }

  /** Null for code that is of no file. */
  at(offset: number): Place | null {
    const entry = this.#entryAt(offset)
    if (entry === null || isOfNode(entry.originalSource)) return null
    return {
      file: path.resolve(this.#dir, decoded(entry.originalSource)),
      line: entry.originalLine + 1,
      column: entry.originalColumn + 1
    }
  }

  /** What the name that begins there is in the file that it comes from, where it is another one there. */
  nameAt(offset: number): string | null {
    const entry = this.#entryAt(offset)
    if (entry === null || !('name' in entry) || typeof entry.name !== 'string') return null
    return this.#columnOf(offset) === entry.generatedColumn ? entry.name : null
  }

  /** What the source map has there or before it in the line. */
  #entryAt(offset: number) {
    const line = this.#lineOf(offset)
    const entry = this.#map.findEntry(line, this.#columnOf(offset))
    return 'originalSource' in entry && entry.generatedLine === line ? entry : null
  }

  #columnOf(offset: number): number {
    return offset - (this.#starts[this.#lineOf(offset)] ?? 0)
  }

  /** As a source map counts, from 0. */
  #lineOf(offset: number): number {
    let [low, high] = [0, this.#starts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Paths in a source map are parts of URLs; one that cannot be decoded stays as it is. */
function decoded(source: string): string {
  try {
    return decodeURIComponent(source)
  } catch {
    return source
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
  return Math.min(text.length, (lineStarts(text)[line - 1] ?? text.length) + column - 1)
}

function lineStarts(text: string): number[] {
  const ends = Array.from(text.matchAll(LINE_ENDS), ({ 0: end, index }) => index + end.length)
  return [0, ...ends]
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
