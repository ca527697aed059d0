import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { MivmError } from '../protocol/errors.ts'
import { type Engine, EngineDeath, NO_HANDLERS, vmClosed } from './engine.ts'
import type { Compiled } from './frames.ts'

/** Resident memory over which the process is replaced after a job, bytes. */
const MEMORY_IDLE = 320 * 1024 * 1024

/** How long it has had nothing to do before it is warmed up: who has only one contract does not pay for it. */
const QUIET_MS = 1_000

/** Processor time of the machine that nobody wanted meanwhile, ms: else others would wait for what may never be needed. */
const SPARE_MS = 500

/** Between two scripts of the warm-up, ms. */
const PAUSE_MS = 20

/** Scripts of ours that are compiled for nothing else but V8 to get to know the compiler. */
const WARM_UP = ['controller', 'regexp', 'prelude', 'math', 'controller', 'regexp', 'prelude']

/**
 * One process that compiles one source at a time: started when there is one, again when it died. When it has nothing to
 * do, and the machine neither, it warms up, since V8 takes several times as long over the first source.
 */
export class Compiler {
  readonly #start: () => Promise<Engine>
  readonly #time: number
  readonly #slow: number
  readonly #onFree: () => void
  readonly #onSlow: () => void
  #engine: Promise<Engine> | null = null
  #since: number | null = null
  /** What the process does, a part of the warm-up included. */
  #tail: Promise<unknown> = Promise.resolve()
  #warmth = 0
  #timer: NodeJS.Timeout | null = null
  #closed = false

  /** `time`: what one source may take, ms. `onFree` is called after each, `onSlow` when one takes longer than `slow`, ms. */
  constructor(
    start: () => Promise<Engine>,
    { time, slow }: { readonly time: number; readonly slow: number },
    onFree: () => void,
    onSlow: () => void
  ) {
    this.#start = start
    this.#time = time
    this.#slow = slow
    this.#onFree = onFree
    this.#onSlow = onSlow
  }

  get isFree(): boolean {
    return this.#since === null
  }

  /** Whether it has been busy with one source for longer than with any that is usual. */
  get isSlow(): boolean {
    return this.#since !== null && performance.now() - this.#since >= this.#slow
  }

  /** Starts the process ahead of its use. */
  prepare(): void {
    this.#take().catch(() => {})
    this.#rest()
  }

  /** To be called only when it is free. Rejects with EngineDeath where the process dies of the source. */
  async compile(source: string): Promise<Compiled> {
    this.#since = performance.now()
    this.#wait(this.#slow + 1, this.#onSlow)
    const before = this.#tail
    try {
      const compiling = before.then(() => this.#compile(source))
      this.#tail = compiling.catch(() => {})
      return await compiling
    } finally {
      this.#since = null
      this.#rest()
      this.#onFree()
    }
  }

  /** Ends the process, and what it is doing with it. */
  async close(): Promise<void> {
    this.#closed = true
    this.#wait(null)
    const engine = await this.#engine?.catch(() => null)
    await engine?.kill()
    await this.#tail
  }

  async #compile(source: string): Promise<Compiled> {
    for (let tries = 1; ; tries++) {
      const engine = await this.#take()
      try {
        const report = await engine.run({ type: 'compile', source, time: this.#time }, NO_HANDLERS)
        if (report.type !== 'compiled') throw new MivmError('INTERNAL', 'no compiler: report this')
        if ((engine.memory ?? 0) > MEMORY_IDLE) await engine.kill()
        return report.code
      } catch (error) {
        if (!(error instanceof EngineDeath)) throw error
        // one that did not run out of time may have died of something else than this source
        if (error.reason === 'time' || tries === 2) throw error
      }
    }
  }

  async #take(): Promise<Engine> {
    const running = this.#engine === null ? null : await this.#engine.catch(() => null)
    if (running?.isAlive) return running
    if (this.#closed) throw vmClosed()
    this.#warmth = 0
    this.#engine = this.#start()
    const engine = await this.#engine
    if (!this.#closed) return engine
    await engine.kill()
    throw vmClosed()
  }

  #rest(): void {
    const before = unusedTime()
    this.#wait(QUIET_MS, () => {
      if (unusedTime() - before < SPARE_MS) this.#rest()
      else this.#warmUp()
    })
  }

  /** The next script; each is short, so that no job waits for long. */
  #warmUp(): void {
    const name = WARM_UP[this.#warmth++]
    if (name === undefined || !this.isFree) return
    const file = new URL(`./js-1/${name}.js`, import.meta.url)
    // what cannot be read, for want of a descriptor, is not needed either
    this.#tail = this.#tail
      .then(() => this.#compile(readFileSync(file, 'utf8')))
      .then(
        () => {
          if (this.isFree) this.#wait(PAUSE_MS, () => this.#warmUp())
        },
        () => {}
      )
  }

  /** There is one thing at a time to wait for. */
  #wait(ms: number | null, then: () => void = () => {}): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = ms === null || this.#closed ? null : setTimeout(then, ms).unref()
  }
}

/** Of all processors since the machine was started, ms; 0 where that cannot be read, for want of a descriptor. */
function unusedTime(): number {
  try {
    return cpus().reduce((sum, { times }) => sum + times.idle, 0)
  } catch {
    return 0
  }
}
