import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { MivmError } from '../protocol/errors.ts'
import type { VirtualMachine } from '../vm/vm.ts'
import type { LoggedBatch } from './call-log.ts'
import { type PackedBatches, pack } from './packed-batches.ts'
import type { Found, Tail } from './replay.ts'
import type { Replayer, ReplaySubject, StateLogs } from './replayer.ts'
import { type ShadowRoots, ShadowView } from './shadow.ts'

/** What the thread can be asked. */
export interface ReplayCommands {
  open(subject: ReplaySubject): Promise<boolean>
  prepare(): Promise<void>
  run(batches: PackedBatches): Promise<void>
  finish(): Promise<void>
  judgeTail(tail: Tail): Promise<void>
  sync(): Promise<ShadowRoots>
  isWhole(): Promise<boolean>
  flush(): Promise<ShadowRoots>
  close(options: { keep: boolean }): Promise<void>
}

export interface Asked {
  readonly command: keyof ReplayCommands
  readonly args: readonly unknown[]
}

/** What comes back, one answer to each request in turn, with all that was found since the last one. */
export interface Answer {
  readonly value: unknown
  readonly error: Failure | null
  readonly found: readonly Parameters<Found['find']>[]
  readonly gaps: readonly Parameters<Found['gap']>[0][]
  readonly replayed: number
  readonly stopped: boolean
}

interface Failure {
  /** Null for what is none of MIVM's own. */
  readonly code: MivmError['code'] | null
  readonly message: string
  /** What Node or the file system calls it. */
  readonly system?: string
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
}

/**
 * Replays in a thread of its own, with an engine of its own: while it executes and compares, this one reads, checks
 * signatures and hashes. What it says is what a {@link LocalReplayer} says.
 */
export class ReplayThread implements Replayer {
  readonly #worker: Worker
  readonly #report: Found
  readonly #subject: ReplaySubject
  readonly #openVm: () => Promise<VirtualMachine>
  readonly #waiting: Waiting[] = []
  #view: ShadowView | null = null
  #stopped = false
  #failure: Error | null = null

  /** As {@link LocalReplayer.open}; `openVm` is for evidence alone. */
  static async open(
    subject: ReplaySubject,
    openVm: () => Promise<VirtualMachine>,
    report: Found
  ): Promise<ReplayThread | null> {
    const thread = new ReplayThread(subject, openVm, report)
    const isOpen = await thread.#ask('open', subject).catch(async (error) => {
      await thread.#worker.terminate()
      throw error
    })
    if (isOpen) return thread
    await thread.#worker.terminate()
    return null
  }

  private constructor(
    subject: ReplaySubject,
    openVm: () => Promise<VirtualMachine>,
    report: Found
  ) {
    this.#subject = subject
    this.#openVm = openVm
    this.#report = report
    const file = `./replay-worker${path.extname(import.meta.url)}`
    this.#worker = new Worker(new URL(file, import.meta.url), {
      // RocksDB opens and closes descriptors that Node does not know of
      trackUnmanagedFds: false,
      // hardly anything lives longer than a run; with the default of Node it takes 50 MB more and is no faster
      resourceLimits: { maxYoungGenerationSizeMb: 24 }
    })
    this.#worker.on('message', (answer: Answer) => this.#take(answer))
    this.#worker.on('error', (error: Error) => this.#fail(error))
    this.#worker.on('exit', () => this.#fail(new Error('the thread that replays has ended')))
  }

  get stopped(): boolean {
    return this.#stopped
  }

  prepare(): void {
    this.#ask('prepare').catch(() => {})
  }

  async run(batches: readonly LoggedBatch[]): Promise<void> {
    if (!this.#stopped) await this.#ask('run', pack(batches))
  }

  async finish(): Promise<void> {
    await this.#ask('finish')
  }

  async judgeTail(tail: Tail): Promise<void> {
    if (!this.#stopped) await this.#ask('judgeTail', tail)
  }

  sync(): Promise<ShadowRoots> {
    return this.#ask('sync')
  }

  isWhole(): Promise<boolean> {
    return this.#ask('isWhole')
  }

  vm(): Promise<VirtualMachine> {
    return this.#openVm()
  }

  async state(): Promise<StateLogs> {
    const { dir, id } = this.#subject
    await this.#view?.close()
    this.#view = await ShadowView.open(dir, id, await this.#ask('flush'))
    return this.#view
  }

  async close(options: { keep: boolean }): Promise<void> {
    await this.#view?.close()
    try {
      // what has ended by itself has nothing to close
      if (this.#failure === null) await this.#ask('close', options)
    } finally {
      await this.#worker.terminate()
    }
  }

  #ask<K extends keyof ReplayCommands>(
    command: K,
    ...args: Parameters<ReplayCommands[K]>
  ): ReturnType<ReplayCommands[K]>
  #ask(command: keyof ReplayCommands, ...args: unknown[]): Promise<unknown> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      const asked: Asked = { command, args }
      this.#worker.postMessage(asked)
    })
  }

  #take({ value, error, found, gaps, replayed, stopped }: Answer): void {
    for (const finding of found) this.#report.find(...finding)
    for (const gap of gaps) this.#report.gap(gap)
    this.#report.counts.replayed += replayed
    this.#stopped = stopped
    const waiting = this.#waiting.shift()
    if (error === null) waiting?.resolve(value)
    else waiting?.reject(errorOf(error))
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure)
  }
}

function errorOf({ code, message, system }: Failure): Error {
  if (code !== null) return new MivmError(code, message)
  return Object.assign(new Error(message), system === undefined ? {} : { code: system })
}
