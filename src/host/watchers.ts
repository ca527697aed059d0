import type { Accounts } from './accounts.ts'

interface Watcher {
  resolve(): void
  reject(error: unknown): void
  /** Until it waits no longer. */
  readonly timer: NodeJS.Timeout | undefined
}

/** Those who wait until calls have their results. */
export class Watchers {
  readonly #accounts: Accounts
  /** By user, and entry of its log: there may be hundreds of thousands, and most wait for others than those that are answered. */
  readonly #watchers = new Map<string, Map<number, Watcher[]>>()
  #size = 0

  constructor(accounts: Accounts) {
    this.#accounts = accounts
  }

  get size(): number {
    return this.#size
  }

  /** Resolves when a user's calls, by z-base-32, up to this entry of its log have their results, or after so many ms. */
  settled(user: string, entry: number, ms: number | null = null): Promise<void> {
    return new Promise((resolve, reject) => {
      const entries = this.#watchers.get(user) ?? new Map<number, Watcher[]>()
      const watchers = entries.get(entry) ?? []
      this.#watchers.set(user, entries.set(entry, watchers))
      const giveUp = () => {
        this.#forget(user, entry, watcher)
        resolve()
      }
      const timer = ms === null ? undefined : setTimeout(giveUp, ms).unref()
      const watcher = { resolve, reject, timer }
      watchers.push(watcher)
      this.#size++
    })
  }

  /** There are new results of these users. */
  notify(users: Iterable<string>): void {
    for (const user of users) {
      const entries = this.#watchers.get(user)
      if (entries === undefined) continue
      const next = this.#accounts.next(user)
      for (const [entry, watchers] of entries) {
        if (next !== null && next <= entry) continue
        entries.delete(entry)
        this.#size -= watchers.length
        for (const { resolve, timer } of watchers) {
          clearTimeout(timer)
          resolve()
        }
      }
      if (entries.size === 0) this.#watchers.delete(user)
    }
  }

  /** Nobody waits any longer. */
  reject(error: unknown): void {
    const all = [...this.#watchers.values()].flatMap((entries) => [...entries.values()].flat())
    this.#watchers.clear()
    this.#size = 0
    for (const { reject, timer } of all) {
      clearTimeout(timer)
      reject(error)
    }
  }

  #forget(user: string, entry: number, watcher: Watcher): void {
    const entries = this.#watchers.get(user)
    const watchers = entries?.get(entry)
    const at = watchers?.indexOf(watcher) ?? -1
    if (entries === undefined || watchers === undefined || at < 0) return
    watchers.splice(at, 1)
    this.#size--
    if (watchers.length === 0) entries.delete(entry)
    if (entries.size === 0) this.#watchers.delete(user)
  }
}
