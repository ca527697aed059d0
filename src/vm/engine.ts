import { type ChildProcess, spawn } from 'node:child_process'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { MivmError } from '../protocol/errors.ts'
import {
  checkReport,
  type DoneReport,
  encodeFrame,
  FrameReader,
  type InspectedReport,
  type Question,
  type Report,
  type StepReport
} from './frames.ts'
import { findAddon, findParser, NODE_VERSION } from './node.ts'

const MAIN = new URL('./js-1/engine.js', import.meta.url)

/** Heap of the engine's own isolate, MB: files and frames of one job. Contracts have isolates of their own. */
const HEAP_MB = 512

/**
 * Stack, kB: more than all levels of depth together can take (test/vm-meter.test.ts looks for the fattest), so that
 * no call ever ends where the stack does. Of 8 MB that the first thread of a process has on the systems we run on.
 */
const STACK_KB = 4000

const START_MS = 15_000

/** What building an isolate may take, compiling the largest code included. */
const BUILD_MS = 20_000

/** On top of a call's time: for what the engine itself does before and after. */
const SLACK_MS = 500

/** A host that was busy finds its timers before the frames that came meanwhile: these get a last chance. */
const GRACE_MS = 100

const STDERR_MAX = 8 * 1024

/** A job for the engine, as js-1/engine.js takes it. */
export interface Job {
  readonly type: 'run' | 'inspect'
  /** Wall clock that one call has, ms. */
  readonly time: number
}

export interface JobHandlers {
  onSteps(steps: readonly StepReport[]): void
  onQuestion(question: Question): Promise<unknown>
}

/** The engine died over a job: killed by the watchdog (`time`), of memory, or of something else. */
export class EngineDeath extends Error {
  readonly reason: 'time' | 'memory' | 'crash'

  constructor(reason: 'time' | 'memory' | 'crash', message: string) {
    super(message)
    this.reason = reason
  }
}

/**
 * One engine process: the pinned Node without JIT, environment, files or network. It executes one job at a
 * time, and ends by SIGKILL only, because a contract may have brought it into any state.
 */
export class Engine {
  readonly #child: ChildProcess
  readonly #input: Writable
  readonly #closed: Promise<void>
  #alive = true
  #stderr = ''
  #killed = false
  #closing = false
  #timedOut = false
  #job: RunningJob | null = null
  #ready: Readiness | null = null
  #watchdog: NodeJS.Timeout | null = null

  /** Starts an engine; rejects with ENGINE_FAILED where that is impossible. `node`: the pinned binary. */
  static async start(node: string): Promise<Engine> {
    const addon = findAddon()
    if (addon === null) {
      throw failed(
        `isolated-vm has no binary for ${process.platform}-${process.arch}: run "npm ci" on a supported machine`
      )
    }
    const engine = new Engine(node, addon)
    await engine.#started()
    return engine
  }

  private constructor(node: string, addon: string) {
    this.#child = spawnEngine(node, addon)
    const [, , , input, output] = this.#child.stdio
    const { stderr } = this.#child
    if (!(input instanceof Writable) || !(output instanceof Readable) || stderr === null) {
      throw new MivmError('INTERNAL', 'the engine process has no pipes: report this')
    }
    this.#input = input
    // a pipe to a dead process fails; its end is what tells
    input.on('error', () => {})
    output.on('error', () => {})
    stderr.setEncoding('utf8')
    stderr.on('data', (text: string) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-STDERR_MAX)
    })
    const reader = new FrameReader()
    output.on('data', (chunk: Uint8Array) => this.#receive(reader, chunk))
    this.#closed = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#end(error.message)
        resolve()
      })
      // not `exit`: what the engine wrote before its end is still in the pipe then
      this.#child.once('close', (code, signal) => {
        this.#end(signal === null ? `exit code ${code}` : signal)
        resolve()
      })
    })
  }

  get isAlive(): boolean {
    return this.#alive
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** For a frame without an answer; only between two jobs. */
  send(frame: object): void {
    if (this.#alive) this.#input.write(encodeFrame(frame))
  }

  /**
   * Executes a job. Rejects with EngineDeath, with ENGINE_FAILED after `kill`, or with the error of a handler;
   * after the latter the engine can be used on.
   */
  run(job: Job, handlers: JobHandlers): Promise<DoneReport | InspectedReport> {
    if (this.#job !== null) throw new MivmError('INTERNAL', 'the engine has a job: report this')
    if (!this.#alive) return Promise.reject(new EngineDeath('crash', 'the engine is not running'))
    return new Promise((resolve, reject) => {
      this.#job = {
        handlers,
        resolve,
        reject,
        failure: null,
        silence: job.time + SLACK_MS
      }
      this.send(job)
      this.#watch(this.#job.silence)
    })
  }

  /** Ends the process, whatever it is doing, and waits until it has ended. */
  async kill(): Promise<void> {
    this.#closing = true
    this.#kill()
    await this.#closed
  }

  #started(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#kill(), START_MS)
      this.#ready = {
        resolve: () => {
          clearTimeout(timer)
          resolve()
        },
        reject: (reason) => {
          clearTimeout(timer)
          const told = lastLine(this.#stderr)
          reject(failed(`it ended with ${told === '' ? reason : `${reason}: ${told}`}`))
        }
      }
    })
  }

  #receive(reader: FrameReader, chunk: Uint8Array): void {
    try {
      for (const frame of reader.read(chunk)) this.#handle(checkReport(frame))
    } catch (error) {
      this.#stderr = `bad frame: ${error instanceof Error ? error.message : String(error)}`
      this.#kill()
    }
  }

  #handle(report: Report): void {
    if (report.type === 'ready') {
      this.#ready?.resolve()
      this.#ready = null
      return
    }
    const job = this.#job
    if (job === null) throw new Error('it speaks without being asked')
    switch (report.type) {
      case 'building':
        this.#watch(BUILD_MS)
        break
      case 'built':
        this.#watch(job.silence)
        break
      case 'steps':
        this.#takeSteps(job, report.steps)
        break
      case 'done':
      case 'inspected':
        if (report.type === 'done') this.#takeSteps(job, report.steps)
        this.#watch(null)
        this.#job = null
        if (job.failure === null) job.resolve(report)
        else job.reject(job.failure.error)
        break
      default:
        this.#watch(null)
        this.#answer(job, report)
    }
  }

  #takeSteps(job: RunningJob, steps: readonly StepReport[]): void {
    this.#watch(job.silence)
    if (job.failure !== null) return
    try {
      job.handlers.onSteps(steps)
    } catch (error) {
      job.failure = { error }
    }
  }

  async #answer(job: RunningJob, question: Question): Promise<void> {
    let answer: object = { type: 'cancel' }
    try {
      if (job.failure === null) {
        answer = { type: 'answer', value: await job.handlers.onQuestion(question) }
      }
    } catch (error) {
      job.failure = { error }
    }
    if (this.#job !== job || !this.#alive) return
    this.send(answer)
    this.#watch(job.silence)
  }

  /** From now on the engine may be silent for so long; null: for ever, since it is our turn. */
  #watch(silence: number | null): void {
    if (this.#watchdog !== null) clearTimeout(this.#watchdog)
    this.#watchdog = silence === null ? null : setTimeout(() => this.#suspect(), silence)
  }

  #suspect(): void {
    this.#watchdog = setTimeout(() => {
      this.#timedOut = true
      this.#kill()
    }, GRACE_MS)
  }

  #kill(): void {
    this.#alive = false
    this.#killed = true
    this.#child.kill('SIGKILL')
  }

  #end(how: string): void {
    this.#alive = false
    this.#watch(null)
    this.#ready?.reject(how)
    this.#ready = null
    const job = this.#job
    this.#job = null
    job?.reject(job.failure === null ? this.#death(how) : job.failure.error)
  }

  #death(how: string): Error {
    if (this.#closing) return new MivmError('ENGINE_FAILED', 'the VM is closed: open it again')
    if (this.#timedOut) return new EngineDeath('time', 'it did not come back in time')
    if (!this.#killed && OUT_OF_MEMORY.test(this.#stderr)) {
      return new EngineDeath('memory', 'the engine ran out of memory')
    }
    const told = lastLine(this.#stderr)
    return new EngineDeath(
      'crash',
      `the engine ended with ${told === '' ? how : `${how}: ${told}`}`
    )
  }
}

interface RunningJob {
  readonly handlers: JobHandlers
  readonly resolve: (report: DoneReport | InspectedReport) => void
  readonly reject: (error: unknown) => void
  readonly silence: number
  /** What a handler threw. */
  failure: { readonly error: unknown } | null
}

interface Readiness {
  resolve(): void
  reject(reason: string): void
}

const OUT_OF_MEMORY =
  /out of memory|allocation failed|invalid size error|heap limit|bad_alloc|MemoryLimit/i

function spawnEngine(node: string, addon: string): ChildProcess {
  const parser = findParser()
  const flags = [
    '--no-node-snapshot',
    '--jitless',
    '--permission',
    '--allow-addons',
    `--allow-fs-read=${fileURLToPath(new URL('.', MAIN))}`,
    `--allow-fs-read=${addon}`,
    `--allow-fs-read=${parser}`,
    '--disable-warning=SecurityWarning',
    `--max-old-space-size=${HEAP_MB}`,
    `--stack-size=${STACK_KB}`
  ]
  return spawn(node, [...flags, fileURLToPath(MAIN), addon, parser], {
    cwd: '/',
    env: {},
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe']
  })
}

/** ENGINE_FAILED, for `why` the engine cannot be started, which ends with what to do if that is known. */
function failed(why: string): MivmError {
  return new MivmError(
    'ENGINE_FAILED',
    `the engine cannot be started: ${why}: run "mivm doctor" (it needs Node ${NODE_VERSION} and isolated-vm)`
  )
}

function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => /\w/.test(line))
  const error = lines.find((line) => /error/i.test(line)) ?? lines.at(-1)
  return (error ?? '').trim().slice(0, 300)
}
