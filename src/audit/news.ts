import type Hypercore from 'hypercore'
import type { Download } from 'hypercore'
import { deferred } from '../protocol/deferred.ts'

const EVENTS = ['append', 'download', 'peer-add', 'peer-remove'] as const

/**
 * Says when there is something new in the logs that an audit follows. Logs that are followed are downloaded as they
 * grow, so that nothing has to be asked for.
 */
export class News {
  readonly #stop: AbortSignal
  readonly #watched = new Set<Hypercore>()
  readonly #downloads = new Map<Hypercore, Download>()
  #fresh = false
  #wake: (() => void) | null = null
  readonly #tell = () => {
    this.#fresh = true
    this.#wake?.()
  }

  constructor(stop: AbortSignal) {
    this.#stop = stop
    stop.addEventListener('abort', this.#tell)
  }

  get stopped(): boolean {
    return this.#stop.aborted
  }

  /** Downloads a log, what is there and what comes. */
  follow(core: Hypercore): void {
    this.watch(core)
    this.download(core)
  }

  /** Downloads a log that is watched. */
  download(core: Hypercore): void {
    if (this.#downloads.has(core)) return
    // in order, since that is how they are read
    this.#downloads.set(core, core.download({ start: 0, end: -1, linear: true }))
  }

  /** Leaves it to others to fetch it. */
  leave(core: Hypercore): void {
    this.#downloads.get(core)?.destroy()
    this.#downloads.delete(core)
  }

  /** Only notices what is new about it. */
  watch(core: Hypercore): void {
    this.#watched.add(core)
    for (const event of EVENTS) core.on(event, this.#tell)
  }

  /** To be called before a log is closed that others go on without. */
  unwatch(core: Hypercore): void {
    this.leave(core)
    if (!this.#watched.delete(core)) return
    for (const event of EVENTS) core.off(event, this.#tell)
  }

  /** Resolves when there is something new since the last time, or after `ms`. */
  async next(ms: number): Promise<void> {
    if (!this.#fresh && !this.stopped) {
      const { promise, resolve } = deferred<void>()
      const timer = setTimeout(resolve, ms)
      this.#wake = resolve
      await promise
      this.#wake = null
      clearTimeout(timer)
    }
    this.#fresh = false
  }

  async close(): Promise<void> {
    this.#stop.removeEventListener('abort', this.#tell)
    for (const core of [...this.#watched].reverse()) this.unwatch(core)
  }
}
