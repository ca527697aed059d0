import type Protomux from 'protomux'

/**
 * Holds back everything that would leave for peers while a commit is on its way to the disk: Hypercore announces a
 * new head as soon as it is written, and one that a power cut takes back must never have been seen.
 */
export class Gate {
  readonly #streams = new Set<Protomux>()
  #holding = 0

  /** Peers' streams come under the gate as they connect, also while it is closed. */
  add(mux: Protomux): void {
    this.#streams.add(mux)
    for (let i = 0; i < this.#holding; i++) mux.cork()
  }

  delete(mux: Protomux): void {
    this.#streams.delete(mux)
  }

  /** Closes the gate until the returned function is called. Nests. */
  hold(): () => void {
    this.#holding++
    for (const mux of this.#streams) mux.cork()
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#holding--
      for (const mux of this.#streams) mux.uncork()
    }
  }
}
