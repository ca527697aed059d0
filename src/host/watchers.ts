import type { Accounts } from './accounts.ts'

interface Watcher {
  readonly user: string
  readonly entry: number
  resolve(): void
  reject(error: unknown): void
}

/** Those who wait until calls have their results. */
export class Watchers {
  readonly #accounts: Accounts
  readonly #watchers = new Set<Watcher>()

  constructor(accounts: Accounts) {
    this.#accounts = accounts
  }

  get size(): number {
    return this.#watchers.size
  }

  /** Resolves when a user's calls, by z-base-32, up to this entry of its log have their results. */
  settled(user: string, entry: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#watchers.add({ user, entry, resolve, reject })
    })
  }

  /** There are new results. */
  notify(): void {
    for (const watcher of this.#watchers) {
      if (!this.#accounts.isSettled(watcher.user, watcher.entry)) continue
      this.#watchers.delete(watcher)
      watcher.resolve()
    }
  }

  /** Nobody waits any longer. */
  reject(error: unknown): void {
    for (const watcher of this.#watchers) watcher.reject(error)
    this.#watchers.clear()
  }
}
