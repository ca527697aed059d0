import type { FindingCode, Place } from './findings.ts'

/** Suspicions that wait for a head; a hostile log may give rise to any number. */
const SUSPICIONS_MAX = 1000

/** What the host has done, if it has seen what this copy of a user's log says. */
export interface Suspicion {
  readonly code: FindingCode
  /** The entry that the host has seen, if a head in a commit covers it. */
  readonly entry: number
  readonly place: Place
  readonly message: string
  /** Whether that is found to be so, and said: whoever reads the same log beside this has the same ones. */
  told: boolean
}

/** What the copy of a user's log says against the host, and no head in a commit covers yet. */
export class Suspicions {
  #list: Suspicion[]

  constructor(list: readonly Suspicion[] = []) {
    this.#list = [...list]
  }

  get list(): readonly Suspicion[] {
    return this.#list
  }

  get isEmpty(): boolean {
    return this.#list.length === 0
  }

  add(code: FindingCode, entry: number, place: Place, message: string): void {
    if (this.#list.length >= SUSPICIONS_MAX) return
    this.#list.push({ code, entry, place, message, told: false })
  }

  /** Those up to this entry are so: it gives out those that are not told yet, and lets go of them. */
  confirm(to: number): readonly Suspicion[] {
    const confirmed = this.#list.filter(({ entry, told }) => entry <= to && !told)
    for (const suspicion of confirmed) suspicion.told = true
    this.#list = this.#list.filter(({ entry }) => entry > to)
    return confirmed
  }

  clear(): void {
    this.#list = []
  }
}
