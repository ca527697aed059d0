import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { AnyNode } from 'acorn'
import { type BuildFailure, build, type Message, type Metafile, type Plugin } from 'esbuild'
import { MivmError } from '../protocol/errors.ts'
import { failure, formatMessage, IMPORTABLE } from './esbuild-errors.ts'
import { isOfNode, requiredOfNode, throwForNode } from './node-modules.ts'
import { preferModules } from './packages.ts'
import { formatFile } from './places.ts'
import { CONTRACT_NAMES } from './rewrite.ts'

/**
 * The language that contracts run in. These options, and the version of esbuild, decide the bytes of a bundle and with
 * them its code hash: nothing of the machine, the directory, the environment or a tsconfig.json goes into it.
 */
const TARGET = 'es2025'

/** What esbuild makes of an entry. */
export interface EsbuildOutput {
  readonly text: string
  /** The source map, JSON. */
  readonly map: string
  /** All modules, as paths from the directory of the entry. */
  readonly inputs: readonly string[]
  /** Those that have a `require`, or call it, and of which all that they require is in the bundle. */
  readonly requiring: readonly string[]
  /** Modules of Node that are required, and by which module. */
  readonly ofNode: readonly (readonly [input: string, name: string])[]
  /** What esbuild warns of in the author's own files, a line each. */
  readonly warnings: readonly string[]
}

/** Bundles the module `entry` with esbuild. Throws what is wrong with it in the author's terms. */
export async function runEsbuild(entry: string, isMarked = true): Promise<EsbuildOutput> {
  const dir = path.dirname(entry)
  try {
    const { outputFiles, metafile, warnings } = await build({
      entryPoints: [entry],
      absWorkingDir: dir,
      outfile: path.join(dir, 'contract.js'),
      write: false,
      bundle: true,
      metafile: true,
      sourcemap: 'external',
      sourcesContent: false,
      format: 'esm',
      platform: 'browser',
      // what runs in a worker of a browser asks for no page
      conditions: ['worker', 'module'],
      target: TARGET,
      charset: 'utf8',
      legalComments: 'inline',
      define: { 'process.env.NODE_ENV': '"production"' },
      tsconfigRaw: '{}',
      nodePaths: [],
      logLevel: 'silent',
      // for a contract, exports is no mistake but the VM's
      logOverride: { 'commonjs-variable-in-esm': 'silent' },
      plugins: [...(isMarked ? [markEntry(entry)] : []), preferModules(), throwForNode()]
    })
    const scripts = outputFiles.filter((file) => file.path.endsWith('.js'))
    const other = outputFiles.find((file) => !/\.(?:js|map)$/.test(file.path))
    if (other !== undefined) {
      const [importer = path.basename(entry), wanted] = importOf(metafile, path.extname(other.path))
      throw new MivmError(
        'IMPORT_UNKNOWN',
        `${formatFile(path.resolve(dir, importer))} imports ${wanted}, which a contract cannot hold: ${IMPORTABLE}`
      )
    }
    return {
      text: scripts[0]?.text ?? '',
      map: outputFiles.find((file) => file.path.endsWith('.map'))?.text ?? '{}',
      inputs: Object.keys(metafile.inputs),
      requiring: requiringOf(metafile),
      ofNode: requiredOfNode(metafile),
      warnings: warnings.filter(isOwn).map((message) => formatMessage(dir, message))
    }
  } catch (error) {
    if (!isBuildFailure(error)) throw error
    // once more with the file as it is: an error at its end would be told of what was put behind it
    if (isMarked) await runEsbuild(entry, false)
    throw failure(dir, error.errors)
  }
}

/** The modules that have a `require`, or call it, and of which all that they require is in the bundle. */
function requiringOf({ inputs }: Metafile): string[] {
  return Object.entries(inputs).flatMap(([input, { imports, format }]) => {
    const required = imports.filter(({ kind }) => kind === 'require-call')
    const hasSome = format === 'cjs' || required.length > 0
    const isWhole = required.every(({ path, external }) => !external && !isOfNode(path))
    return hasSome && isWhole ? [input] : []
  })
}

/** The first module that imports a file of that kind, and what it calls it. */
function importOf(
  { inputs }: Metafile,
  kind: string
): [importer: string | undefined, wanted: string] {
  for (const [importer, { imports }] of Object.entries(inputs)) {
    const found = imports.find((each) => path.extname(each.path) === kind)
    if (found !== undefined) return [importer, `"${found.original ?? found.path}"`]
  }
  return [undefined, `${kind} files`]
}

/**
 * A statement that is put behind the entry and taken out again. It uses all names that a contract finds around it,
 * so that esbuild gives no variable of any module one of them.
 */
const MARKER = 'the names of a contract'

function markEntry(entry: string): Plugin {
  return {
    name: 'entry',
    setup(build) {
      const filter = new RegExp(`[\\\\/]${escapeRegExp(path.basename(entry))}$`)
      build.onLoad({ filter }, async ({ path: file }) => {
        if (file !== entry) return null
        const text = await readFile(entry, 'utf8')
        const marker = `globalThis[${JSON.stringify(MARKER)}](${CONTRACT_NAMES.join(', ')});`
        // a first line for the shell would be kept, and runs nowhere else: as a comment it goes
        const code = text.replace(/^#!/, '//')
        return { contents: `${code}\n;${marker}`, loader: 'default' }
      })
    }
  }
}

/** Whether this is the statement that is to be taken out again. */
export function isMarker(node: AnyNode): boolean {
  if (node.type !== 'ExpressionStatement' || node.expression.type !== 'CallExpression') return false
  const { callee } = node.expression
  return (
    callee.type === 'MemberExpression' &&
    callee.property.type === 'Literal' &&
    callee.property.value === MARKER
  )
}

/** What packages are warned of is for their authors. */
function isOwn({ location }: Message): boolean {
  return location !== null && !location.file.includes('node_modules/')
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors)
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
