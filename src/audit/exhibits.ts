import { isHistoryCode } from '../protocol/evidence.ts'
import type { Head } from '../protocol/head.ts'
import { Collector, type Sources } from './collector.ts'
import type { AuditEvent } from './events.ts'
import type { Finding } from './findings.ts'

/** Heads that are kept to put evidence together of them. */
const HELD_MAX = 1024

/** Findings that evidence is put together for: one of them is enough. */
const EVIDENCE_MAX = 100

/** What an audit knows of an instance as soon as it has read its genesis. */
type Beginning = Pick<Sources, 'address' | 'store' | 'callLog' | 'genesis' | 'genesisBlock'>

/** What an audit has in its hands, as it goes on, and the evidence that is put together of it for each finding. */
export class Exhibits {
  readonly #wanted: boolean | 'histories'
  #sources: Sources | null = null
  /** Findings that evidence is still to be put together for, and for how many that was tried. */
  readonly #unproven: Finding[] = []
  #tried = 0

  /** `wanted`: evidence for each finding, for none, or for those of two histories alone. */
  constructor(wanted: boolean | 'histories') {
    this.#wanted = wanted
  }

  /** Null where there is no genesis, and so nothing to show. */
  get sources(): Sources | null {
    return this.#sources
  }

  begin(beginning: Beginning): void {
    const nothing = { head: null, held: [], heard: null, published: null, replayer: null }
    this.#sources = { ...beginning, ...nothing }
  }

  note(sources: Partial<Sources>): void {
    if (this.#sources !== null) this.#sources = { ...this.#sources, ...sources }
  }

  /** Heads that come from elsewhere as the audit goes on; the newest of all are kept. */
  hold(heads: readonly Head[]): void {
    this.note({ held: [...(this.#sources?.held ?? []), ...heads].slice(-HELD_MAX) })
  }

  add(finding: Finding): void {
    this.#unproven.push(finding)
  }

  /** Evidence for what was found since the last time. */
  async *take(): AsyncGenerator<AuditEvent> {
    const unproven = this.#unproven.splice(0)
    if (this.#wanted === false || this.#sources === null) return
    const collector = new Collector(this.#sources)
    for (const finding of unproven) {
      if (this.#wanted === 'histories' && !isHistoryCode(finding.code)) continue
      if (this.#tried++ >= EVIDENCE_MAX) return
      yield { type: 'evidence', finding, evidence: await collector.collect(finding) }
    }
  }
}
