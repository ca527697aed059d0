import type { EventEmitter } from 'node:events'
import type { Waiting } from './by-range.ts'

/** Gives up what is waited for when nothing has come for some time. What is done between two waits takes what it takes. */
export class Progress {
  readonly #ms: number
  readonly #stop: AbortSignal | null

  /** `stop` gives up at once. */
  constructor(ms: number, stop: AbortSignal | null = null) {
    this.#ms = ms
    this.#stop = stop
  }

  /** Waits for something of a log. */
  async during<T>(core: EventEmitter, wait: (waiting: Waiting) => Promise<T>): Promise<T> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), this.#ms)
    const touch = () => {
      timer.refresh()
    }
    core.on('download', touch).on('append', touch)
    try {
      const { signal } = late
      return await wait({ signal: this.#stop ? AbortSignal.any([signal, this.#stop]) : signal })
    } finally {
      clearTimeout(timer)
      core.off('download', touch).off('append', touch)
    }
  }
}
