// Processes of a benchmark. What one of them offers is an object of async functions; whoever started it calls these
// as if they were its own. Arguments and results cross as JSON.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What a process can be asked; `close` is for `stop`. */
export type Commands = { readonly [name: string]: (...args: never[]) => Promise<unknown> }

interface Question {
  readonly id: number
  readonly name: string
  readonly args: readonly never[]
}

interface Answer {
  readonly id: number
  /** What went wrong; null where `value` is what was asked for. */
  readonly error: string | null
  readonly value?: unknown
}

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
}

const STOP_MS = 10_000

/** Answers whoever started this process, until that is gone. */
export function serve(commands: Commands & { close(): Promise<void> }): void {
  process.on('message', (text) => {
    const { id, name, args }: Question = JSON.parse(String(text))
    const answer = async () => commands[name]?.(...args)
    answer().then(
      (value) => send({ id, error: null, value }),
      (error: unknown) =>
        send({ id, error: error instanceof Error ? `${error.stack}` : `${error}` })
    )
  })
  // a profile is written at an orderly end only, and Ctrl-C is for the parent to answer
  process.on('SIGINT', () => {})
  process.on('disconnect', () => {
    setTimeout(() => process.exit(1), STOP_MS).unref()
    commands.close().then(
      () => process.exit(),
      () => process.exit(1)
    )
  })
}

function send(answer: Answer): void {
  if (process.connected) process.send?.(JSON.stringify(answer))
}

/** A process that was started with one of our files, which calls `serve`. */
export class Worker<Offered extends Commands> {
  static readonly #running = new Set<Worker<Commands>>()
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly #pending = new Map<number, Pending>()
  #asked = 0

  /** `profile`: directory for a CPU profile of the whole life of the process; `core`: the only one that it, and what it starts, may use. */
  static start<Offered extends Commands>(
    file: URL,
    profile: string | null = null,
    core: number | null = null
  ): Worker<Offered> {
    const worker = new Worker<Offered>(file, profile, core)
    Worker.#running.add(worker)
    void worker.#ended.then(() => Worker.#running.delete(worker))
    return worker
  }

  /** Ends every process that is still running. */
  static async stopAll(): Promise<void> {
    await Promise.all([...Worker.#running].map((worker) => worker.stop()))
  }

  private constructor(file: URL, profile: string | null, core: number | null) {
    const profiling = profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
    const flags = [
      '--conditions=mivm-source',
      '--disable-warning=ExperimentalWarning',
      ...profiling
    ]
    const onCore = { execPath: 'taskset', execArgv: ['-c', `${core}`, process.execPath, ...flags] }
    this.#child = fork(fileURLToPath(file), core === null ? { execArgv: flags } : onCore)
    this.#child.on('message', (text) => this.#take(JSON.parse(String(text))))
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#end(error.message, resolve))
      this.#child.once('exit', (code, signal) => this.#end(`${signal ?? code}`, resolve))
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  ask<Name extends keyof Offered & string>(
    name: Name,
    ...args: Parameters<Offered[Name]>
  ): Promise<Awaited<ReturnType<Offered[Name]>>> {
    return new Promise((resolve, reject) => {
      const id = ++this.#asked
      this.#pending.set(id, { resolve, reject })
      this.#child.send(JSON.stringify({ id, name, args }))
    })
  }

  /** Has the process close what it has open, and waits until it has ended. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 2 * STOP_MS)
    await this.#ended
    clearTimeout(timer)
  }

  #take({ id, error, value }: Answer): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === null) pending?.resolve(value)
    else pending?.reject(new Error(error))
  }

  #end(how: string, done: () => void): void {
    const error = new Error(`${this.#child.spawnargs.at(-1)} has ended: ${how}`)
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
    done()
  }
}
