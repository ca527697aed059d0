import type { Instance } from './instance.ts'

/** After so long without a call an instance is closed. */
const IDLE_MS = 60_000

/** The instances that are open, by address: those that nobody calls are closed, and opened again when somebody does. */
export class Residents {
  readonly #max: number
  readonly #instances = new Map<string, Promise<Instance>>()
  /** On their way out of memory: one that is wanted again has to wait for that. */
  readonly #leaving = new Map<string, Promise<void>>()
  readonly #sweep: NodeJS.Timeout

  /** `max`: so many stay open whether they are called or not. */
  constructor(max: number) {
    this.#max = max
    this.#sweep = setInterval(() => this.closeIdle(), IDLE_MS / 4).unref()
  }

  get size(): number {
    return this.#instances.size
  }

  get isCrowded(): boolean {
    return this.#instances.size > this.#max
  }

  has(id: string): boolean {
    return this.#instances.has(id)
  }

  get(id: string): Promise<Instance> | undefined {
    return this.#instances.get(id)
  }

  /** One that is being opened; forgotten where that fails. */
  keep(id: string, opening: Promise<Instance>): Promise<Instance> {
    this.#instances.set(id, opening)
    opening.catch(() => this.#instances.delete(id))
    return opening
  }

  /** Resolves when the last one of that address is closed. */
  async left(id: string): Promise<void> {
    await this.#leaving.get(id)
  }

  /** Closes those that have been idle for long, and where there are too many all that are idle. */
  closeIdle(): void {
    const { isCrowded } = this
    for (const [id, opening] of this.#instances) {
      void opening.then(
        (instance) => {
          const { idleSince } = instance
          if (idleSince === null || this.#instances.get(id) !== opening) return
          if (!isCrowded && Date.now() - idleSince < IDLE_MS) return
          this.#instances.delete(id)
          this.#leaving.set(
            id,
            instance.close().finally(() => this.#leaving.delete(id))
          )
        },
        () => {}
      )
    }
  }

  /** Finishes the batches in flight, and closes all. */
  async close(): Promise<void> {
    clearInterval(this.#sweep)
    const opened = await Promise.allSettled(this.#instances.values())
    await Promise.allSettled(
      opened.map((opening) => (opening.status === 'fulfilled' ? opening.value.close() : null))
    )
  }
}
