import { SourceMap } from 'node:module'
import path from 'node:path'

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
  const before = text.slice(0, offset)
  const column = offset - before.lastIndexOf('\n')
  return { file, line: before.split('\n').length, column }
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
  let start = 0
  for (let i = 1; i < line; i++) {
    const end = text.indexOf('\n', start)
    if (end === -1) return text.length
    start = end + 1
  }
  return start + column - 1
}
