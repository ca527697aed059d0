import { MISSING, NO_CODE } from './missing.ts'
import { formatPlace, placeIn } from './places.ts'
import { isCodeFromString, isTypeof, scan } from './scan.ts'
import { parseScript } from './syntax.ts'

/**
 * Warnings about a file that is a contract already: a line for each name in it that the VM does not have, with the place
 * where it is used first. None about what it asks for with `typeof`.
 */
export function warningsOf(file: string, text: string): string[] {
  const program = parseScript(text)
  // the VM says what is wrong with it
  if (program === null) return []
  const { bindings, references } = scan(program, () => false)
  const known = new Set(bindings.map(({ name }) => name))
  for (const { name, parent } of references) {
    if (isTypeof(parent)) known.add(name)
  }
  const lines: string[] = []
  const code = references.find((each) => !known.has('Function') && isCodeFromString(each))
  if (code !== undefined) {
    const place = formatPlace(placeIn(text, file, code.parent.start))
    lines.push(`${place}: ${NO_CODE}`)
  }
  for (const { name, node } of references) {
    const instead = MISSING.get(name)
    if (instead === undefined || known.has(name)) continue
    known.add(name)
    const place = formatPlace(placeIn(text, file, node.start))
    lines.push(`${place}: ${name} is not there: ${instead}`)
  }
  return lines
}
