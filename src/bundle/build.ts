import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import path from 'node:path'
import { type AnyNode, type Comment as ParsedComment, type Program, parse } from 'acorn'
import {
  type BuildFailure,
  type Message,
  type Metafile,
  type Plugin,
  build as runEsbuild
} from 'esbuild'
import { type ErrorCode, MivmError } from '../protocol/errors.ts'
import type { Bundle } from './bundle.ts'
import { keepClassNames } from './class-names.ts'
import { Edits } from './edits.ts'
import { insteadOfModule, MISSING, NO_CODE } from './missing.ts'
import { Modules } from './modules.ts'
import { isOfNode, requiredOfNode, throwForNode } from './node-modules.ts'
import { preferModules } from './packages.ts'
import { explain, formatFile, formatPlace, Places } from './places.ts'
import {
  CONTRACT_NAMES,
  findsGlobal,
  Refusal,
  replaceEval,
  replaceGlobal,
  rewrite,
  sharedNames
} from './rewrite.ts'
import { isCodeFromString, isTypeof, type Reference, type Scan, scan } from './scan.ts'

/**
 * The language that contracts run in, for esbuild and acorn. These options, and the version of esbuild, decide the
 * bytes of a bundle and with them its code hash: nothing of the machine, the directory, the environment or a
 * tsconfig.json goes into it.
 */
const TARGET = 'es2025'
const ECMA_VERSION = 2026

/** What packages get for `import.meta`, who ask bundlers for their mode in different ways. */
const META = '({ env: { MODE: "production" } })'
const NO_META = 'a contract has no address of its own'

/** Warnings about packages that are worth a line each. */
const WARNINGS_MAX = 8

/** Bundles the module `entry`, a real path, and all that it imports. */
export async function build(entry: string): Promise<Bundle> {
  const dir = path.dirname(entry)
  const { text, map, inputs, requiring, ofNode, warnings } = await runBundler(entry)
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

async function runBundler(entry: string, isMarked = true) {
  const dir = path.dirname(entry)
  try {
    const { outputFiles, metafile, warnings } = await runEsbuild({
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
    if (isMarked) await runBundler(entry, false)
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

const IMPORTABLE = 'import code, JSON or .txt'

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

function isMarker(node: AnyNode): boolean {
  if (node.type !== 'ExpressionStatement' || node.expression.type !== 'CallExpression') return false
  const { callee } = node.expression
  return (
    callee.type === 'MemberExpression' &&
    callee.property.type === 'Literal' &&
    callee.property.value === MARKER
  )
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

/** Looks for what the VM does not have. */
class Check {
  readonly #entry: string
  readonly #scan: Scan
  readonly #modules: Modules
  readonly #places: Places
  readonly #missing: readonly Reference[]
  /** `exports` and `module` in other modules than the contract's: a module has neither. */
  readonly foreign: readonly Reference[]
  /** `eval` in packages: one that only mentions it is no reason to refuse the contract. */
  readonly evals: readonly Reference[]
  /** `typeof require`, where there is none. */
  readonly askedRequires: readonly Reference[]
  /** `typeof require`, where all that the module requires is in the bundle. */
  readonly knownRequires: readonly Reference[]
  /** Other names of the global object, which packages use without asking whether they are there. */
  readonly globals: readonly Reference[]
  /** What is on the global object because a module puts it there, by its name alone. */
  readonly shared: readonly Reference[]

  constructor(entry: string, scanned: Scan, modules: Modules, places: Places) {
    this.#entry = entry
    this.#scan = scanned
    this.#modules = modules
    this.#places = places
    const bound = new Set(scanned.bindings.map(({ name }) => name))
    const free = this.#findFree((name) => MISSING.has(name))
    const isForeign = ({ node }: Reference) => !modules.isOwn(node.start)
    const [asked, known] = this.#askedRequires(free)
    this.askedRequires = asked
    this.knownRequires = known
    this.evals = free.filter((each) => each.name === 'eval' && isForeign(each))
    const missing = this.#withoutAsked(free)
    this.globals = missing.filter((each) => isGlobal(each) && isForeign(each))
    const names = sharedNames(scanned, [
      ...scanned.references.filter(({ name }) => name === 'globalThis'),
      ...this.globals
    ])
    this.shared = this.#findFree((name) => names.has(name))
    const there = new Set([...this.globals, ...this.shared])
    this.#missing = missing.filter((each) => !there.has(each))
    this.foreign = scanned.references.filter(
      ({ name, node }) =>
        (name === 'exports' || name === 'module') &&
        !bound.has(name) &&
        !modules.isEntry(node.start)
    )
  }

  error(code: ErrorCode, offset: number, message: string): MivmError {
    return new MivmError(code, `${this.#format(offset)}: ${message}`)
  }

  /** Throws for what cannot work wherever it is, and for what is missing in the author's own files. */
  refuse(text: string, program: Program): void {
    const { topLevelAwaits, importMetas, dynamicImports, references } = this.#scan
    this.#refuseURLs(program)
    const refuse = (node: AnyNode | undefined, message: string) => {
      if (node !== undefined) throw this.error('CODE_UNAVAILABLE', node.start, message)
    }
    refuse(
      topLevelAwaits[0],
      'await outside of a function is not available: await in a method, or in init'
    )
    const meta = importMetas.find(({ start }) => this.#modules.isOwn(start))
    refuse(meta, `import.meta is not available: ${NO_META}`)
    refuse(
      dynamicImports[0],
      'import() of something that is not known at deployment: write the path as plain text'
    )
    const again = references.find(
      ({ name, parent, node }) =>
        name === '__reExport' &&
        parent.type === 'CallExpression' &&
        this.#modules.isEntry(node.start)
    )
    refuse(
      again?.node,
      'export * of a CommonJS module is not available: import it, and export functions of your own'
    )
    refuse(
      this.foreign.find(({ node, parent }) => this.#modules.isOwn(node.start) && !isTypeof(parent))
        ?.node,
      'exports and module are there in the file that is deployed alone: export from here, and import there'
    )
    for (const { name, node } of this.#missing) {
      if (!this.#modules.isOwn(node.start)) continue
      refuse(node, `${nameOfMissing(name, text, node)} is not available: ${MISSING.get(name)}`)
    }
    for (const { name, node } of this.#usesOfGlobal(text)) {
      refuse(node, `globalThis.${name} is not available: ${MISSING.get(name)}`)
    }
  }

  /**
   * `globalThis.x(…)` and `globalThis.x.y` in the author's own files, of an `x` that is not there. None where a file looks
   * whether it is, a module puts it there, or the object goes where that may be done.
   */
  #usesOfGlobal(text: string): { name: string; node: AnyNode }[] {
    const { bindings, references } = this.#scan
    const all = references.filter(({ name }) => name === 'globalThis')
    if (bindings.some(({ name }) => name === 'globalThis') || !all.every(isOfMember)) return []
    const names = sharedNames(this.#scan, [...all, ...this.globals])
    const asked = new Set<string>()
    const used: { name: string; node: AnyNode }[] = []
    for (const { node, parent } of all) {
      if (!this.#modules.isOwn(node.start)) continue
      const name = text.slice(node.end + 1, parent.end)
      if (/^[.([]/.test(text.slice(parent.end))) used.push({ name, node })
      else asked.add(name)
    }
    return used.filter(({ name }) => MISSING.has(name) && !names.has(name) && !asked.has(name))
  }

  /** What is left of imports: esbuild leaves those from a URL to the browser. */
  #refuseURLs({ body }: Program): void {
    for (const node of body) {
      if (!('source' in node) || !node.source) continue
      throw this.error(
        'IMPORT_UNKNOWN',
        node.start,
        `"${node.source.value}" is not fetched: "npm install" the package, or copy the file`
      )
    }
  }

  /** What packages use that is missing: they may never come to it. */
  warnings(text: string, ofNode: readonly (readonly [input: string, name: string])[]): string[] {
    const lines = new Map<string, string>()
    for (const [input, name] of ofNode) {
      const module = this.#modules.nameOf(input)
      const use = `${name}, a module of Node, is not there, and ${module} uses it`
      lines.set(`${name} of Node ${module}`, `${use}: ${insteadOfModule(name)}`)
    }
    for (const { name, node } of this.#missing) {
      const input = this.#modules.at(node.start)
      if (input === null) continue
      const module = this.#modules.nameOf(input)
      const use = `${name === '__require' ? 'require' : name} is not there, and ${module} uses it`
      lines.set(`${name} ${module}`, `${use}: ${MISSING.get(name)}`)
    }
    for (const { parent, node } of this.#scan.references.filter(isCode)) {
      const module = this.#modules.nameOf(this.#modules.at(node.start) ?? '')
      const place = this.#format(parent.start)
      lines.set(`Function ${module}`, `${place}: ${NO_CODE}`)
    }
    for (const { start, end } of this.#scan.importMetas) {
      if (text.startsWith('.env', end)) continue
      const module = this.#modules.nameOf(this.#modules.at(start) ?? '')
      lines.set(
        `import.meta ${module}`,
        `import.meta is not there, and ${module} uses it: ${NO_META}`
      )
    }
    const all = [...lines.values()]
    const more = all.length - WARNINGS_MAX
    return more > 0 ? [...all.slice(0, WARNINGS_MAX), `and ${more} more of the kind`] : all
  }

  /** Whether a method or variable of the contract can come from anywhere. */
  hasExports(body: readonly AnyNode[]): boolean {
    return (
      body.some(({ type }) => type.startsWith('Export')) ||
      this.#scan.references.some(({ name }) => name === 'exports' || name === 'module')
    )
  }

  /**
   * Uses of `typeof require`. esbuild's own would be a function, for who asks for one, but one that only throws: there is
   * one where nothing is left of it.
   */
  #askedRequires(free: readonly Reference[]): [asked: Reference[], known: Reference[]] {
    const all = free.filter(({ name }) => name === '__require')
    const used = new Set<string | null>()
    for (const { node, parent } of all)
      if (!isTypeof(parent)) used.add(this.#modules.at(node.start))
    const asked: Reference[] = []
    const known: Reference[] = []
    for (const each of all) {
      if (!isTypeof(each.parent)) continue
      const input = this.#modules.at(each.node.start)
      const isKnown = !used.has(input) && this.#modules.isRequiring(input)
      ;(isKnown ? known : asked).push(each)
    }
    return [asked, known]
  }

  /** Uses of what is not there. A variable of another module, in a function of its own, is not seen from this one. */
  #findFree(isWanted: (name: string) => boolean): Reference[] {
    const free = this.#scan.references.filter(({ name }) => isWanted(name))
    const seen = new Set<string>()
    for (const { name, node, inFunction } of this.#scan.bindings) {
      if (!isWanted(name) || name === '__require') continue
      seen.add(inFunction ? `${name} ${this.#modules.at(node.start)}` : name)
    }
    return free.filter(({ name, node }) => {
      const input = this.#modules.at(node.start)
      return input !== null && !seen.has(name) && !seen.has(`${name} ${input}`)
    })
  }

  /** Those of them that the module does not ask for with `typeof` first. */
  #withoutAsked(free: readonly Reference[]): Reference[] {
    const keyOf = ({ name, node }: Reference) => `${name} ${this.#modules.at(node.start)}`
    const asked = new Set(free.filter(({ parent }) => isTypeof(parent)).map(keyOf))
    return free.filter((each) => !asked.has(keyOf(each)))
  }

  #format(offset: number): string {
    const place = this.#places.at(offset)
    return place === null ? formatFile(this.#entry) : formatPlace(place)
  }
}

/** Whether it is the `a` of `a.b`. */
function isOfMember({ node, parent }: Reference): boolean {
  return parent.type === 'MemberExpression' && parent.object === node && !parent.computed
}

function isGlobal({ name, write }: Reference): boolean {
  return (name === 'self' || name === 'global') && !write
}

function nameOfMissing(name: string, text: string, node: AnyNode): string {
  if (name === '__require') return 'require'
  const member = /^\.[\w$]+/.exec(text.slice(node.end, node.end + 40))
  return `${name}${member?.[0] ?? ''}`
}

/** But not where it stands for the global object. */
function isCode(reference: Reference): boolean {
  return isCodeFromString(reference) && !findsGlobal(reference)
}

/** A refusal by the VM, which names line and column of the bundle, in the author's terms. */
function failure(dir: string, errors: readonly Message[]): MivmError {
  const [first] = errors
  if (first === undefined) return new MivmError('INTERNAL', 'the bundler failed: report this')
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  const [, wanted] = /^Could not resolve "(.*)"$/s.exec(first.text) ?? []
  const code =
    wanted === undefined
      ? /No loader|No matching export|Could not (read|load)/.test(first.text)
        ? 'IMPORT_UNKNOWN'
        : 'CODE_SYNTAX'
      : isBuiltin(wanted)
        ? 'CODE_UNAVAILABLE'
        : 'IMPORT_UNKNOWN'
  return new MivmError(code, `${formatMessage(dir, first)}${advice(dir, first, wanted)}${more}`)
}

function advice(dir: string, { text, notes }: Message, wanted: string | undefined): string {
  if (text.startsWith('No loader')) return `: ${IMPORTABLE}`
  if (/^No matching export .* "default"$/s.test(text)) {
    return ': import what it exports by name, or all of it with import * as'
  }
  if (text.startsWith('Parameter decorators')) {
    return ': write the class without, since no tsconfig.json is read and decorators are those of ECMAScript'
  }
  if (wanted === undefined) return ''
  if (isBuiltin(wanted))
    return `, a module of Node: ${insteadOfModule(wanted.replace(/^node:/, ''))}`
  if (/^[./]/.test(wanted)) return ': check the path and its extension'
  if (notes.some((note) => / is not (?:currently )?exported by package /.test(note.text))) {
    return ': its package does not export that, or for Node alone'
  }
  if (wanted.startsWith('#')) return ': name it in "imports" of package.json'
  const unread = 'the paths of a tsconfig.json are not known'
  // no package has such a name
  if (/^[@~]\//.test(wanted)) {
    return `: ${unread}: write a relative one, or name it in "imports" of package.json`
  }
  const known = hasPaths(dir) ? `; ${unread}` : ''
  return `: run "npm install" where its package.json is, or check the name${known}`
}

/** Whether a `tsconfig.json`, there or above, has names that look like those of packages. */
function hasPaths(dir: string): boolean {
  for (let folder = dir; ; folder = path.dirname(folder)) {
    const text = readText(path.join(folder, 'tsconfig.json'))
    if (text !== null) return /"(?:paths|baseUrl)"/.test(text)
    if (folder === path.dirname(folder)) return false
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

function formatMessage(dir: string, { text, location }: Message): string {
  const plain = text.replace(/^Could not resolve "(.*)"$/s, 'there is no "$1"')
  if (location === null) return plain
  const { file, line, column } = location
  return `${formatPlace({ file: path.resolve(dir, file), line, column: column + 1 })}: ${plain}`
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
