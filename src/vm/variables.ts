import type { Files, Write } from '../protocol/files.ts'
import { sortVariables, variableName, variablePath } from './js-1/variables.js'

/**
 * Exported variables as files of the archive: `/.mivm/exports/<name, encoded as in a URI>.json`, each with the
 * value in text form. What decides an outcome, such as a name that is too long, is in the engine's
 * js-1/variables.js.
 */
export { sortVariables, variableName, variablePath }

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
  for (const { path, data } of writes) {
    const name = variableName(path)
    if (name === null) continue
    if (data === null) variables.delete(name)
    else variables.set(name, decoder.decode(data))
  }
}

const FIRST = '/.mivm/exports/'
const END = '/.mivm/exports0'
const PAGE = 256
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
