import type { Files, PathRange, Write } from '../protocol/files.ts'
import { compareBytes } from './js-1/order.js'

/** Files with writes over them: what the calls of a batch see that are executed after those writes. */
export class Overlay implements Files {
  readonly #base: Files
  readonly #writes = new Map<string, Uint8Array | null>()
  /** Those that nobody has asked for yet: most calls read nothing that others before them wrote. */
  #added: (readonly Write[])[] = []
  #sorted: string[] | null = null

  constructor(base: Files) {
    this.#base = base
  }

  add(writes: readonly Write[]): void {
    if (writes.length > 0) this.#added.push(writes)
  }

  async get(path: string): Promise<Uint8Array | null> {
    this.#sortIn()
    const data = this.#writes.get(path)
    return data === undefined ? this.#base.get(path) : data
  }

  async list(range: PathRange): Promise<readonly string[]> {
    this.#sortIn()
    if (this.#writes.size === 0) return this.#base.list(range)
    const { limit, reverse } = range
    const order = (a: string, b: string) => (reverse ? compareBytes(b, a) : compareBytes(a, b))
    const paths: string[] = []
    let { gt, lt } = range
    for (;;) {
      const page = await this.#base.list({ gt, lt, limit, reverse })
      // with more pages to come, nothing is known yet behind the last path of this one
      const last = page.length < limit ? null : page.at(-1)
      const added = this.#within(gt, lt).filter(
        (path) => last === null || last === undefined || order(path, last) <= 0
      )
      const untouched = page.filter((path) => !this.#writes.has(path))
      paths.push(...[...untouched, ...added].sort(order))
      if (paths.length >= limit || last === null || last === undefined) return paths.slice(0, limit)
      if (reverse) lt = last
      else gt = last
    }
  }

  /** Written and not deleted, between two exclusive bounds. */
  #within(gt: string, lt: string): string[] {
    this.#sortIn()
    this.#sorted ??= [...this.#writes.keys()].sort(compareBytes)
    const from = this.#sorted.findIndex((path) => compareBytes(path, gt) > 0)
    if (from === -1) return []
    const paths: string[] = []
    for (const path of this.#sorted.slice(from)) {
      if (compareBytes(path, lt) >= 0) break
      if (this.#writes.get(path) !== null) paths.push(path)
    }
    return paths
  }

  #sortIn(): void {
    if (this.#added.length === 0) return
    for (const writes of this.#added)
      for (const { path, data } of writes) this.#writes.set(path, data)
    this.#added = []
    this.#sorted = null
  }
}
