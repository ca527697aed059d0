import b4a from 'b4a'
import type { Heard, Held } from '../protocol/comparison.ts'
import { HISTORY_CODES, isHistoryCode, verifyEvidence } from '../protocol/evidence.ts'
import type { Head } from '../protocol/head.ts'
import type { Course } from './course.ts'
import type { Exhibits } from './exhibits.ts'
import type { Report } from './findings.ts'
import { proveLengths } from './prove.ts'

/** Ways to learn what others know of an instance. */
export interface HearsayOptions {
  /** Told once what was read of the call log; resolves to what others who know the instance hold of it. */
  readonly others?: (held: Held) => Promise<Heard>
  /** With `follow`: the same as it goes on, without waiting for them. */
  readonly overheard?: (held: Held) => Heard
  /** With `follow`: heads of the call log that came from elsewhere since the last time it was asked. */
  readonly heard?: () => readonly Head[]
}

/** Heads that were told and are not taken twice, until there are so many of them. */
const KNOWN_MAX = 1024

/** What others who know an instance hold of its call log: told what was read here, and held against it. */
export class Hearsay {
  readonly #id: string
  readonly #options: HearsayOptions
  readonly #exhibits: Exhibits
  /** Heads that were told, by where they come from and their signatures. */
  readonly #known = new Set<string>()

  /** `id`: the address in z-base-32. */
  constructor(id: string, options: HearsayOptions, exhibits: Exhibits) {
    this.#id = id
    this.#options = options
    this.#exhibits = exhibits
  }

  /** Tells others what was read, waits for them, and takes what they hold. */
  async ask(course: Course): Promise<void> {
    const held = this.#held(course)
    if (held !== null) await this.#take(course, await this.#options.others?.(held))
  }

  /** Takes what has come from elsewhere since it was last looked for. */
  async hear(course: Course): Promise<void> {
    const heads = this.#fresh('elsewhere', this.#options.heard?.() ?? [])
    if (heads.length > 0) this.#exhibits.hold(course.claim(heads))
    const held = this.#held(course)
    if (held === null) return
    await this.#take(course, this.#options.overheard?.(held))
    this.accuse(course.report)
  }

  /** Takes on what others have evidence of, where it was not found here. */
  accuse(report: Report): void {
    const heard = this.#exhibits.sources?.heard ?? null
    if (heard === null || heard.address !== this.#id) return
    const { code, block, why } = heard
    if (!isHistoryCode(code) || HISTORY_CODES.some((known) => report.has(known))) return
    report.find(code, { log: 'call log', block }, why)
  }

  #held({ reader }: Course): Held | null {
    const { sources } = this.#exhibits
    if (sources === null) return null
    const { core, head } = reader
    const prove = (lengths: readonly number[]) => proveLengths(core, head, lengths)
    return { genesis: sources.genesisBlock, head, prove }
  }

  /** Those that were not told before from there. */
  #fresh(from: 'elsewhere' | 'peers', told: readonly Head[]): Head[] {
    const heads = told.filter((head) => {
      const name = `${from} ${nameOf(head)}`
      if (this.#known.has(name)) return false
      this.#known.add(name)
      return true
    })
    if (this.#known.size > KNOWN_MAX) this.#known.clear()
    return heads
  }

  async #take(course: Course, said: Heard | undefined): Promise<void> {
    if (said === undefined) return
    const heads = this.#fresh('peers', said.heads)
    this.#exhibits.hold(course.claim(heads, { hearsay: true }))
    if (said.evidence === null || this.#exhibits.sources?.heard !== null) return
    this.#exhibits.note({ heard: await verifyEvidence(said.evidence) })
  }
}

function nameOf({ signature }: Head): string {
  return b4a.toString(signature, 'hex')
}
