/** What the last one of somebody counts for in what the next one is expected to cost. */
const EXPECTED_WEIGHT = 1 / 4
/** Of those who have nothing waiting and are ahead of the others, so many are remembered. */
const AHEAD_KEPT = 1_000

/** How long it is remembered that somebody was not alone, ms. */
const SHARED_MS = 10_000

/** Something that waits, such as a call. */
export interface Queued {
  /** Whose it is: a user, z-base-32. */
  readonly id: string
  /** Number of the entry in the user's log. */
  readonly entry: number
}

/** The calls of one user, in the order in which they came. */
interface Line<T> {
  readonly id: string
  /** When its first call came; of two that are equal the older one has its turn. */
  readonly since: number
  readonly items: T[]
  /** Where the user stands: what its calls have cost, counted from where the others stood when it came. */
  spent: number
  /** What its next call will cost, about. */
  expected: number
}

/** A user in the making of a batch. */
interface Place<T> {
  readonly line: Line<T>
  taken: number
  /** What it will have spent when those that are taken are executed. */
  spent: number
}

/**
 * Calls that wait for their execution, of many users. Each user's calls stay in their order. Among users the next turn
 * has who has spent least: who has one call is not behind all those of somebody who has thousands (start-time
 * fair queueing, Goyal et al. 1996). Who was away does not save up turns.
 */
export class Turns<T extends Queued> {
  readonly #lines = new Map<string, Line<T>>()
  /** What users have spent who have nothing waiting, beyond the least that one has spent who has. */
  readonly #ahead = new Map<string, number>()
  #length = 0
  #count = 0
  /** The least that anybody has spent who waits; it never falls. */
  #floor = 0
  /** What each would have spent if all who waited had been served alike. */
  #fair = 0
  readonly #costMin: number
  readonly #clock: () => number
  /** Who has come last, and when somebody did who was not alone. */
  #last: string | null = null
  #sharedAt = Number.NEGATIVE_INFINITY

  /** `costMin` is what every call costs beside what it says: it is decoded, logged, hashed and proven. */
  constructor(costMin: number, clock: () => number = () => performance.now()) {
    this.#costMin = costMin
    this.#clock = clock
  }

  /** Users with calls that wait. */
  get users(): number {
    return this.#lines.size
  }

  /** Whether calls of more than one user came lately. */
  get isShared(): boolean {
    return this.#clock() - this.#sharedAt < SHARED_MS
  }

  /** Calls that wait. */
  get length(): number {
    return this.#length
  }

  /** How many calls of a user wait. */
  waiting(user: string): number {
    return this.#lines.get(user)?.items.length ?? 0
  }

  /** Users with calls that wait, and the last entry of each. */
  lastEntries(): ReadonlyMap<string, number> {
    const last = new Map<string, number>()
    for (const { id, items } of this.#lines.values()) last.set(id, items.at(-1)?.entry ?? 0)
    return last
  }

  push(item: T): void {
    const line = this.#lines.get(item.id) ?? this.#join(item.id)
    line.items.push(item)
    this.#length++
  }

  /** The calls whose turn it is, `max` at most; they stay until they are done. `first` has precedence, where it waits. */
  next(max: number, first: T | null = null): T[] {
    const places = [...this.#lines.values()].map((line) => ({ line, taken: 0, spent: line.spent }))
    const [only] = places
    if (only === undefined) return []
    if (places.length === 1) return only.line.items.slice(0, max)
    this.#look(places.reduce((least, { spent }) => Math.min(least, spent), only.spent))
    const urgent = places.find(({ line }) => first !== null && line.items[0] === first)
    const taken = urgent === undefined ? [] : [take(urgent)]
    const heap = new Heap(places.filter(hasMore), isBefore)
    for (let place = heap.top; place !== undefined && taken.length < max; place = heap.top) {
      taken.push(take(place))
      if (hasMore(place)) heap.sink()
      else heap.drop()
    }
    return taken.flatMap((item) => (item === undefined ? [] : [item]))
  }

  /** Removes calls that are executed, in the order in which `next` gave them, and what each has cost. */
  done(items: readonly T[], costs: readonly number[]): void {
    const counts = new Map<Line<T>, number>()
    const users = Math.max(1, this.#lines.size)
    for (const [i, { id }] of items.entries()) {
      const line = this.#lines.get(id)
      if (line === undefined) continue
      const cost = this.#costMin + (costs[i] ?? 0)
      line.spent += cost
      this.#fair += cost / users
      line.expected += (cost - line.expected) * EXPECTED_WEIGHT
      counts.set(line, (counts.get(line) ?? 0) + 1)
    }
    for (const [line, count] of counts) {
      line.items.splice(0, count)
      this.#length -= count
      if (line.items.length === 0) this.#leave(line)
    }
  }

  /** Everything that waits, user by user. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (const { items } of this.#lines.values()) yield* items
  }

  #look(floor: number): void {
    this.#floor = floor
    this.#fair = Math.max(this.#fair, floor)
  }

  #join(id: string): Line<T> {
    if (this.#lines.size > 0 || (this.#last ?? id) !== id) this.#sharedAt = this.#clock()
    this.#last = id
    const [only] = this.#lines.values()
    if (only !== undefined && this.#lines.size === 1) this.#look(only.spent)
    // All who come to begin with the least would be before those who were here, for ever where enough of them come. One call
    // behind it they are still before everybody who has many.
    const start = Math.min(this.#fair, this.#floor + this.#costMin)
    const spent = Math.max(start, this.#ahead.get(id) ?? 0)
    this.#ahead.delete(id)
    const line = { id, since: this.#count++, items: [], spent, expected: this.#costMin }
    this.#lines.set(id, line)
    return line
  }

  #leave({ id, spent }: Line<T>): void {
    this.#lines.delete(id)
    // where nobody waits nobody is held up: all begin anew
    if (this.#lines.size === 0) {
      this.#ahead.clear()
      return
    }
    if (spent <= this.#floor) return
    this.#ahead.set(id, spent)
    const [oldest = ''] = this.#ahead.keys()
    if (this.#ahead.size > AHEAD_KEPT) this.#ahead.delete(oldest)
  }
}

function take<T>(place: Place<T>): T | undefined {
  place.spent += place.line.expected
  return place.line.items[place.taken++]
}

function hasMore<T>({ line, taken }: Place<T>): boolean {
  return taken < line.items.length
}

function isBefore<T>(a: Place<T>, b: Place<T>): boolean {
  return a.spent === b.spent ? a.line.since < b.line.since : a.spent < b.spent
}

/** A binary heap: the least one is on top. */
class Heap<T> {
  readonly #items: T[]
  readonly #isLess: (a: T, b: T) => boolean

  constructor(items: T[], isLess: (a: T, b: T) => boolean) {
    this.#items = items
    this.#isLess = isLess
    for (let i = items.length >> 1; i >= 0; i--) this.#sink(i)
  }

  get top(): T | undefined {
    return this.#items[0]
  }

  /** The one on top has become more. */
  sink(): void {
    this.#sink(0)
  }

  /** Removes the one on top. */
  drop(): void {
    const last = this.#items.pop()
    if (last === undefined || this.#items.length === 0) return
    this.#items[0] = last
    this.#sink(0)
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      const least = this.#lesser(this.#lesser(at, 2 * at + 1), 2 * at + 2)
      if (least === at) return
      const item = this.#items[at]
      const other = this.#items[least]
      if (item === undefined || other === undefined) return
      this.#items[at] = other
      this.#items[least] = item
      at = least
    }
  }

  #lesser(a: number, b: number): number {
    const first = this.#items[a]
    const second = this.#items[b]
    return first !== undefined && second !== undefined && this.#isLess(second, first) ? b : a
  }
}
