import { type Program, parse } from 'acorn'
import { scan } from './scan.ts'

/**
 * Whether a file of JavaScript is made of modules: it is no script, or one that calls `require` or `import`. What is
 * neither module nor script stays as it is, and the VM says what is wrong with it.
 */
export function hasModules(text: string): boolean {
  const script = parseScript(text)
  if (script === null) return tryParse(text, 'module') !== null
  const { bindings, references, dynamicImports } = scan(script, () => false)
  if (dynamicImports.length > 0) return true
  if (bindings.some(({ name }) => name === 'require')) return false
  return references.some(
    ({ name, node, parent }) =>
      name === 'require' && parent.type === 'CallExpression' && parent.callee === node
  )
}

/** The file as a script, as contracts are; null where it is none. */
export function parseScript(text: string): Program | null {
  return tryParse(text, 'script')
}

function tryParse(text: string, sourceType: 'script' | 'module'): Program | null {
  try {
    return parse(text, {
      ecmaVersion: 2026,
      sourceType,
      allowReturnOutsideFunction: sourceType === 'script',
      // the body of a contract is strict, and no method of it is async but those that say so
      allowAwaitOutsideFunction: false
    })
  } catch {
    return null
  }
}
