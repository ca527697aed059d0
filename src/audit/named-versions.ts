import b4a from 'b4a'
import type { Version } from '../protocol/entries.ts'

/** Versions of one page. */
const PAGE = 1024
const HASH_BYTES = 32
/** How often a log may go back: an honest one never does, and each time is a finding of its own. */
const RUNS_MAX = 64

/**
 * What commits say that a log was, by its length: as many as the call log has commits, where nobody shows what they are of. So no
 * more than 40 bytes are kept of each.
 */
export class NamedVersions {
  #runs: Run[] = []
  #isFull = false

  add(version: Version): void {
    const run = this.#runs.at(-1)
    if (run !== undefined && run.to < version.length) run.add(version)
    else if (!this.has(version)) this.#begin(version)
  }

  /** Whether a commit names it; of a log that goes back too often that is not known, and it is taken for named. */
  has(version: Version): boolean {
    return this.#isFull || this.#runs.some((run) => run.has(version))
  }

  /** Lets go of those that are not needed, by their lengths. */
  keep(isNeeded: (length: number) => boolean): void {
    this.#runs = this.#runs.map((run) => run.only(isNeeded)).filter((run) => run.to >= 0)
  }

  #begin(version: Version): void {
    if (this.#runs.length >= RUNS_MAX) {
      this.#isFull = true
      return
    }
    const run = new Run()
    run.add(version)
    this.#runs.push(run)
  }
}

interface Page {
  readonly lengths: Float64Array
  readonly hashes: Uint8Array
}

/** Versions that get longer from one to the next. */
class Run {
  readonly #pages: Page[] = []
  #count = 0

  /** The length of the last one; -1 where there is none. */
  get to(): number {
    return this.#count === 0 ? -1 : this.#lengthAt(this.#count - 1)
  }

  add({ length, treeHash }: Version): void {
    const i = this.#count++ % PAGE
    if (i === 0) this.#pages.push(newPage())
    const page = this.#pages.at(-1)
    page?.lengths.set([length], i)
    page?.hashes.set(treeHash, i * HASH_BYTES)
  }

  has({ length, treeHash }: Version): boolean {
    let [from, to] = [0, this.#count]
    while (from < to) {
      const middle = Math.floor((from + to) / 2)
      if (this.#lengthAt(middle) < length) from = middle + 1
      else to = middle
    }
    if (from === this.#count || this.#lengthAt(from) !== length) return false
    return b4a.equals(this.#hashAt(from), treeHash)
  }

  /** Itself, where all of them are needed. */
  only(isNeeded: (length: number) => boolean): Run {
    const needed: number[] = []
    for (let i = 0; i < this.#count; i++) if (isNeeded(this.#lengthAt(i))) needed.push(i)
    if (needed.length === this.#count) return this
    const run = new Run()
    for (const i of needed) run.add({ length: this.#lengthAt(i), treeHash: this.#hashAt(i) })
    return run
  }

  #lengthAt(i: number): number {
    return this.#pages[Math.floor(i / PAGE)]?.lengths[i % PAGE] ?? 0
  }

  #hashAt(i: number): Uint8Array {
    const at = (i % PAGE) * HASH_BYTES
    const page = this.#pages[Math.floor(i / PAGE)] ?? newPage()
    return page.hashes.subarray(at, at + HASH_BYTES)
  }
}

function newPage(): Page {
  return { lengths: new Float64Array(PAGE), hashes: new Uint8Array(PAGE * HASH_BYTES) }
}
