import type Hypercore from 'hypercore'

/** Gives up when nothing has come for some time. */
export class Progress {
  readonly #stop = new AbortController()
  readonly #ends: (() => void)[] = []
  readonly #timer: NodeJS.Timeout
  readonly #touch = () => {
    this.#timer.refresh()
  }

  constructor(ms: number) {
    this.#timer = setTimeout(() => this.#stop.abort(), ms)
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** What comes of this log counts. */
  watch(core: Hypercore): void {
    core.on('download', this.#touch).on('append', this.#touch)
    this.#ends.push(() => core.off('download', this.#touch).off('append', this.#touch))
  }

  end(): void {
    clearTimeout(this.#timer)
    for (const end of this.#ends.splice(0)) end()
  }
}
