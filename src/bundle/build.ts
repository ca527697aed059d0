import path from 'node:path'
import type { AnyNode, Comment as ParsedComment, Program } from 'acorn'
import { MivmError } from '../protocol/errors.ts'
import type { Bundle } from './bundle.ts'
import { Check } from './check.ts'
import { keepClassNames } from './class-names.ts'
import { Edits } from './edits.ts'
import { isMarker, runEsbuild } from './esbuild.ts'
import { Modules } from './modules.ts'
import { explain, formatFile, formatPlace, Places } from './places.ts'
import { Refusal, replaceEval, replaceGlobal, rewrite } from './rewrite.ts'
import { scan } from './scan.ts'
import { parse } from './syntax.ts'

/** What a bundle is read as: whatever esbuild lets through, the VM judges. */
const ECMA_VERSION = 2026

/** What packages get for `import.meta`, who ask bundlers for their mode in different ways. */
const META = '({ env: { MODE: "production" } })'

/** Bundles the module `entry`, a real path, and all that it imports. */
export async function build(entry: string): Promise<Bundle> {
  const dir = path.dirname(entry)
  const { text, map, inputs, requiring, ofNode, warnings } = await runEsbuild(entry)
  const places = new Places(dir, text, map)
  const comments: ParsedComment[] = []
  const program = parseBundle(text, comments, places)
  const lineComments = comments
    .filter(({ type }) => type === 'Line')
    .map(({ value, start, end }) => ({ text: value, start, end }))
  const modules = new Modules(entry, inputs, requiring, lineComments)
  const edits = new Edits(text)
  const keys: { text: string; start: number; end: number }[] = []
  const scanned = scan(program, (node) => {
    if (isMarker(node)) {
      edits.replace(node.start, node.end, '')
      return true
    }
    const key = wrapperKey(node)
    if (key !== null) keys.push(key)
    return false
  })
  const check = new Check(entry, scanned, modules, places)
  check.refuse(text, program)
  for (const { node } of check.foreign) edits.replace(node.start, node.end, 'undefined')
  keepClassNames(scanned, places, edits)
  replaceEval(check.evals, scanned, edits)
  for (const { node } of check.askedRequires) edits.replace(node.start, node.end, 'undefined')
  for (const { parent } of check.knownRequires) {
    edits.replace(parent.start, parent.end, '"function"')
  }
  for (const { start, end } of scanned.importMetas) edits.replace(start, end, META)
  const gone = new Set([...check.foreign, ...check.evals])
  const references = scanned.references.filter((each) => !gone.has(each))
  const own = { ...scanned, references }
  try {
    replaceGlobal(own, check.globals, check.shared, edits)
    rewrite(program, own, edits)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw check.error('CODE_UNAVAILABLE', error.offset, error.message)
  }
  if (!check.hasExports(program.body)) {
    throw new MivmError(
      'CODE_NO_EXPORTS',
      `${formatFile(entry)} exports nothing that is there when it runs: export a method, as in export async function greet(name) { … }`
    )
  }
  modules.rename(edits, keys)
  const source = `${edits.apply().trimEnd()}\n`
  const placeOf = (offset: number) => places.at(edits.origin(offset))
  return {
    source,
    isBundled: true,
    packages: modules.packages,
    warnings: [...warnings, ...check.warnings(text, ofNode)],
    explain: (error) => explain(error, source, placeOf),
    placeOf
  }
}

/** What esbuild gives is a module, but for rare mixtures such as a top-level using in a file that imports itself. */
function parseBundle(text: string, comments: ParsedComment[], places: Places): Program {
  try {
    return parse(text, { ecmaVersion: ECMA_VERSION, sourceType: 'module', onComment: comments })
  } catch (error) {
    if (!(error instanceof SyntaxError && 'pos' in error)) throw error
    const place = places.at(Number(error.pos))
    const message = error.message.replace(/ \(\d+:\d+\)$/, '')
    const where = place === null ? '' : `${formatPlace(place)}: `
    throw new MivmError('CODE_SYNTAX', `${where}the bundle is no program: ${message}`)
  }
}

/** The path in `__commonJS({ "path"(exports, module) { … } })`, with its place. */
function wrapperKey(node: AnyNode) {
  if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier') return null
  if (!/^__(?:commonJS|esm)/.test(node.callee.name)) return null
  const [argument] = node.arguments
  const property = argument?.type === 'ObjectExpression' ? argument.properties[0] : undefined
  if (property?.type !== 'Property' || property.key.type !== 'Literal') return null
  const { value, start, end } = property.key
  return { text: String(value), start, end }
}
