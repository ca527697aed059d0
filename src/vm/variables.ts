import type { Files, Write } from '../protocol/files.ts'
import { variableName as nameAt, sortVariables } from './js-1/variables.js'

/**
 * Exported variables as files of the archive: `/.mivm/exports/<name, encoded as in a URI>.json`, each with the
 * value in text form. What decides an outcome, such as a name that is too long, is in the engine's
 * js-1/variables.js.
 */
export { sortVariables }

/** The name of the exported variable that is kept at this path, or null where it is the path of no variable. */
export function variableName(path: string): string | null {
  if (!path.startsWith(FIRST)) return null
  const known = NAMES.get(path)
  if (known !== undefined) return known
  const name = nameAt(path)
  if (NAMES.size >= NAMES_MAX) NAMES.clear()
  NAMES.set(path, name)
  return name
}

/** All variables that an archive holds, by name. */
export async function readVariables(files: Files): Promise<Map<string, string>> {
  const variables = new Map<string, string>()
  let gt = FIRST
  for (;;) {
    const paths = await files.list({ gt, lt: END, limit: PAGE, reverse: false })
    for (const path of paths) {
      const name = variableName(path)
      const data = name === null ? null : await files.get(path)
      if (name !== null && data !== null) variables.set(name, decoder.decode(data))
      gt = path
    }
    if (paths.length < PAGE) return variables
  }
}

/** Takes over those writes that are of variables. */
export function updateVariables(variables: Map<string, string>, writes: readonly Write[]): void {
  const last = new Map<string, Uint8Array | null>()
  for (const { path, data } of writes) {
    const name = variableName(path)
    if (name !== null) last.set(name, data)
  }
  for (const [name, data] of last) {
    if (data === null) variables.delete(name)
    else variables.set(name, decoder.decode(data))
  }
}

/** Calls write the same few variables again and again. */
const NAMES = new Map<string, string | null>()
const NAMES_MAX = 1024

const FIRST = '/.mivm/exports/'
const END = '/.mivm/exports0'
const PAGE = 256
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
