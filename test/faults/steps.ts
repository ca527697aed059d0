import { AsyncLocalStorage } from 'node:async_hooks'
import type CorestoreStorage from 'hypercore-storage'
import type { Cache } from '../../src/state/cache.ts'

/** What is under way, as a name in front of the steps that it takes. */
const activity = new AsyncLocalStorage<string>()

/** How often each step was reached since a doom was set. */
const reached = new Map<string, number>()
let doom: Doom | null = null

/** The step at which this process kills itself, when it is reached for the n-th time, from 1 on. */
export interface Doom {
  readonly step: string
  readonly nth: number
}

/** Every step that was reached, with how often. */
export function countSteps(): [step: string, count: number][] {
  return [...reached]
}

export function setDoom(step: Doom | null): void {
  doom = step
  reached.clear()
}

/** Says that a step is reached; at the one where it shall, the process ends here. */
export function reach(step: string): void {
  const count = (reached.get(step) ?? 0) + 1
  reached.set(step, count)
  if (doom?.step === step && doom.nth === count) process.kill(process.pid, 'SIGKILL')
}

/** The same, named by what is under way. */
export function reachWithin(step: string): void {
  const within = activity.getStore()
  reach(within === undefined ? step : `${within}: ${step}`)
}

/** Whatever comes before a method is called is one side of a step, what it does is the other. */
export function stepBefore(target: object, method: string, step: string): void {
  replace(target, method, (original) => {
    reach(step)
    return original()
  })
}

export function stepWithin(target: object, method: string, step: string): void {
  replace(target, method, (original) => {
    reachWithin(step)
    return original()
  })
}

/** A step before every write of the database, which is shown as soon as it is open. */
export function stepBeforeWrites(
  cache: typeof Cache,
  onOpen: (storage: CorestoreStorage) => void = () => {}
): void {
  const { over } = cache
  cache.over = (storage) => {
    onOpen(storage)
    const { _state: state } = storage.rocks
    const create = state.createWriteBatch.bind(state)
    const known = new WeakSet()
    state.createWriteBatch = (db, options) => {
      const batch = create(db, options)
      // they are used again
      if (!known.has(batch)) stepWithin(batch, 'flush', 'write')
      known.add(batch)
      return batch
    }
    over(storage)
  }
}

/** Gives the steps within a method a name in front of theirs. */
export function nameWithin(target: object, method: string, name: (outer: string) => string): void {
  replace(target, method, (original) => activity.run(name(activity.getStore() ?? ''), original))
}

function replace(target: object, method: string, by: (original: () => unknown) => unknown): void {
  const original: unknown = Reflect.get(target, method)
  if (typeof original !== 'function') throw new Error(`there is no method ${method} any more`)
  const replaced = function (this: unknown, ...args: unknown[]) {
    return by(() => Reflect.apply(original, this, args))
  }
  Reflect.set(target, method, replaced)
}
