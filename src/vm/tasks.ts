import { deferred } from '../protocol/deferred.ts'
import { type Queued, Turns } from './turns.ts'

/** What a task costs at least, µs. */
const TASK_COST = 1_000

interface Task extends Queued {
  run(): Promise<void>
}

/** Tasks of one owner, in turns of whose they are. */
interface Stretch {
  readonly owner: string
  readonly turns: Turns<Task>
}

/**
 * Runs one task at a time. Owners take turns in the order in which their tasks come. Among the tasks of one owner the
 * next is the one of whoever has used least time, so that somebody with small tasks does not wait for many large ones.
 */
export class Tasks {
  readonly #stretches: Stretch[] = []
  #working: Promise<void> | null = null
  #load = 0

  /** Tasks that run or wait. */
  get load(): number {
    return this.#load
  }

  /** `onEnd` runs behind the task, before the next one. */
  add<T>(
    owner: string,
    whose: string,
    task: () => Promise<T>,
    onEnd: () => Promise<void>
  ): Promise<T> {
    const { promise, resolve, reject } = deferred<T>()
    const run = async () => {
      // what it throws at once is its result, too
      await new Promise<T>((started) => started(task()))
        .finally(() => this.#load--)
        .then(resolve, reject)
      await onEnd()
    }
    this.#load++
    this.#last(owner).turns.push({ id: whose, entry: 0, run })
    this.#working ??= this.#work()
    return promise
  }

  /** Resolves when there is nothing more to do. */
  async settled(): Promise<void> {
    await this.#working
  }

  /** Where a task of this owner is to be put: behind all those of other owners. */
  #last(owner: string): Stretch {
    const last = this.#stretches.at(-1)
    if (last?.owner === owner) return last
    const stretch = { owner, turns: new Turns<Task>(TASK_COST) }
    this.#stretches.push(stretch)
    return stretch
  }

  async #work(): Promise<void> {
    // a task begins when whoever has added it is done with that
    await null
    for (let stretch = this.#stretches[0]; stretch !== undefined; [stretch] = this.#stretches) {
      const [task] = stretch.turns.next(1)
      if (task === undefined) {
        this.#stretches.shift()
        continue
      }
      const started = performance.now()
      // what ends a task badly is for whoever has added it
      await task.run().catch(() => {})
      stretch.turns.done([task], [(performance.now() - started) * 1000])
    }
    this.#working = null
  }
}
