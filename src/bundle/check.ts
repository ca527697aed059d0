import type { AnyNode, Program } from 'acorn'
import { type ErrorCode, MivmError } from '../protocol/errors.ts'
import { insteadOfModule, MISSING, NO_CODE } from './missing.ts'
import type { Modules } from './modules.ts'
import { formatFile, formatPlace, type Places } from './places.ts'
import { findsGlobal, sharedNames } from './rewrite.ts'
import { isCodeFromString, isTypeof, type Reference, type Scan } from './scan.ts'

const NO_META = 'a contract has no address of its own'

/** Warnings about packages that are worth a line each. */
const WARNINGS_MAX = 8

/** Looks for what the VM does not have. */
export class Check {
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
