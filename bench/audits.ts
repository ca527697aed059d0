import { Worker } from './process.ts'
import type { Place } from './scene.ts'
import type { Audited, AuditorCommands } from './workers/auditor.ts'

const AUDITOR = new URL('./workers/auditor.ts', import.meta.url)

/** An audit that has not begun. */
function notReached(error: unknown): Audited {
  return { verdict: 'inconclusive', said: [String(error)], calls: 0 }
}

/** An auditor, and what it has seen of each instance. */
export class Audits {
  readonly #worker = Worker.start<AuditorCommands>(AUDITOR)
  readonly #bootstrap: readonly string[]
  readonly #dirs: ReadonlyMap<string, string>
  readonly #calls = new Map<string, number>()
  readonly #findings: string[] = []

  static async start(place: Place, links: readonly string[]): Promise<Audits> {
    const dirs = new Map<string, string>()
    for (const link of links) dirs.set(link, await place.directory('auditor'))
    const audits = new Audits(place.bootstrap, dirs)
    await audits.#worker.ask('giveWay')
    return audits
  }

  private constructor(bootstrap: readonly string[], dirs: ReadonlyMap<string, string>) {
    this.#bootstrap = bootstrap
    this.#dirs = dirs
  }

  /** Calls that were executed again. */
  get calls(): number {
    return [...this.#calls.values()].reduce((sum, calls) => sum + calls, 0)
  }

  /** Audits what has come to each of the instances since the last time; what a busy machine did not show is for the next. */
  async round(isOver: () => boolean): Promise<void> {
    for (const link of this.#dirs.keys()) {
      if (isOver()) return
      const { verdict, said } = await this.#audit(link).catch(notReached)
      if (verdict === 'inconclusive') console.log(`on the way: ${link}: ${said.join('; ')}`)
      else this.#findings.push(...said.map((word) => `${link}: ${word}`))
    }
  }

  /** Audits the rest, and gives what was not clean; what was lost is not there the second time either. */
  async finish(): Promise<string[]> {
    for (const link of this.#dirs.keys()) {
      const first = await this.#audit(link)
      const { said } = first.verdict === 'inconclusive' ? await this.#audit(link) : first
      this.#findings.push(...said.map((word) => `${link}: ${word}`))
    }
    await this.#worker.stop()
    return this.#findings
  }

  async #audit(link: string): Promise<Audited> {
    const audited = await this.#worker.ask(
      'goOn',
      this.#dirs.get(link) ?? '',
      this.#bootstrap,
      link
    )
    this.#calls.set(link, audited.calls)
    return audited
  }
}
