import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Edits } from './edits.ts'
import { isOfNode } from './node-modules.ts'

/** A comment of the bundle, from `start` to `end`. */
export interface Comment {
  readonly text: string
  readonly start: number
  readonly end: number
}

/**
 * The modules of a bundle, which esbuild names in comments and keys by their paths. How those look depends on where
 * packages are installed; the bundle must not, so they get names: the author's own their path from the entry,
 * those of packages `npm:lodash-es@4.18.1/add.js`.
 */
export class Modules {
  readonly #dir: string
  readonly #entry: string
  readonly #inputs: ReadonlySet<string>
  readonly #requiring: ReadonlySet<string>
  /** Where the code of a module begins; one may begin more than once. */
  readonly #beginnings: readonly { readonly start: number; readonly input: string }[]
  readonly #comments: readonly Comment[]
  readonly #packages = new Map<string, string>()

  /** The paths of `inputs`, and of those of them that are `requiring`, start from the folder of the entry. */
  constructor(
    entry: string,
    inputs: Iterable<string>,
    requiring: Iterable<string>,
    comments: readonly Comment[]
  ) {
    this.#dir = path.dirname(entry)
    this.#entry = path.basename(entry)
    this.#inputs = new Set(inputs)
    this.#requiring = new Set(requiring)
    this.#comments = comments.filter(({ text }) => this.#inputs.has(text.slice(1)))
    this.#beginnings = this.#comments.map(({ text, start }) => ({ start, input: text.slice(1) }))
  }

  /** The module that the code at an offset is of; null for esbuild's own. */
  at(offset: number): string | null {
    return this.#beginnings.findLast(({ start }) => start <= offset)?.input ?? null
  }

  isEntry(offset: number): boolean {
    return this.at(offset) === this.#entry
  }

  /** Whether a module has a `require`, of which nothing is left: all that it requires is in the bundle. */
  isRequiring(input: string | null): boolean {
    return input !== null && this.#requiring.has(input)
  }

  /** Whether it is code of the author's, and not of a package. */
  isOwn(offset: number): boolean {
    const input = this.at(offset)
    return input !== null && !isOfNode(input) && !this.nameOf(input).startsWith('npm:')
  }

  /** `name@version` of the packages in the bundle, sorted. */
  get packages(): string[] {
    for (const input of this.#inputs) this.nameOf(input)
    return [...new Set(this.#packages.values())].sort()
  }

  nameOf(input: string): string {
    const below = /(?:^|\/)node_modules\/(.*)$/s.exec(input)
    if (below === null) return input
    const [, prefix = '', name = '', file = ''] =
      /^((?:.*\/)?node_modules\/)?((?:@[^/]+\/)?[^/]+)(.*)$/s.exec(below[1] ?? '') ?? []
    const folder = input.slice(0, input.length - file.length)
    return `npm:${prefix}${this.#versioned(folder, name)}${file}`
  }

  /** Puts the names in the place of the paths. */
  rename(edits: Edits, keys: readonly { readonly text: string; start: number; end: number }[]) {
    for (const { text, start, end } of this.#comments) {
      edits.replace(start, end, `// ${this.nameOf(text.slice(1))}`)
    }
    for (const { text, start, end } of keys) {
      if (this.#inputs.has(text)) edits.replace(start, end, JSON.stringify(this.nameOf(text)))
    }
  }

  #versioned(folder: string, name: string): string {
    const known = this.#packages.get(folder)
    if (known !== undefined) return known
    const manifest = path.resolve(this.#dir, folder, 'package.json')
    let versioned = name
    try {
      const { version }: { version?: unknown } = JSON.parse(readFileSync(manifest, 'utf8'))
      if (typeof version === 'string') versioned = `${name}@${version}`
    } catch {
      // a folder without a manifest: its name has to do
    }
    this.#packages.set(folder, versioned)
    return versioned
  }
}
