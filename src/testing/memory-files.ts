import type { Files, PathRange, Write } from '../protocol/files.ts'
import { compareBytes } from '../vm/js-1/order.js'

/** The files of an instance, in memory. */
export class MemoryFiles implements Files {
  readonly #files = new Map<string, Uint8Array>()

  /** Paths in the order of the archive. */
  get paths(): string[] {
    return [...this.#files.keys()].sort(compareBytes)
  }

  async get(path: string): Promise<Uint8Array | null> {
    return this.#files.get(path) ?? null
  }

  async list({ gt, lt, limit, reverse }: PathRange): Promise<string[]> {
    const paths = this.paths.filter(
      (path) => compareBytes(path, gt) > 0 && compareBytes(path, lt) < 0
    )
    return (reverse ? paths.reverse() : paths).slice(0, limit)
  }

  /** Takes over what a call wrote. */
  write(writes: readonly Write[]): void {
    for (const { path, data } of writes) {
      if (data === null) this.#files.delete(path)
      else this.#files.set(path, data)
    }
  }
}
