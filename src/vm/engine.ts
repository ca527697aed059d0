import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { MivmError, messageOf } from '../protocol/errors.ts'
import {
  type CompiledReport,
  checkReport,
  type DoneReport,
  encodeFrame,
  FrameReader,
  type InspectedReport,
  type Question,
  type Report,
  type StepReport
} from './frames.ts'
import { readRealm } from './js-1/realm.js'
import { findAddon, findParser, NODE_VERSION } from './node.ts'
import { type Command, Launcher } from './sandbox/launcher.ts'
import { residentMemory } from './sandbox/processes.ts'

/** Everything that a process of ours reads is in here, but for packages. */
const FOLDER = new URL('./js-1/', import.meta.url)

/**
 * Heap of the process's own isolate, MB: in an engine, files and frames of one job, since contracts have isolates of
 * their own; in a compiler, one syntax tree.
 */
const HEAP_MB = 512

/**
 * Stack, kB: more than all levels of depth together can take (test/vm-meter.test.ts looks for the fattest), so that
 * no call ever ends where the stack does. Of 8 MB that the first thread of a process has on the systems we run on.
 */
const STACK_KB = 4000

/** Young generation of a compiler, MB. */
const YOUNG_MB = 32

const START_MS = 15_000

/** What building an isolate may take, compiling the largest code included. */
const BUILD_MS = 20_000

/** What collecting the garbage of an instance may take, between two jobs. */
const TIDY_MS = 20_000

/** On top of a call's time: for what the engine itself does before and after. */
const SLACK_MS = 500

/** A host that was busy finds its timers before the frames that came meanwhile: these get a last chance. */
const GRACE_MS = 100

const STDERR_MAX = 8 * 1024

/** How often the memory of an engine with a job is looked at. */
const MEMORY_MS = 50

export interface EngineOptions {
  /** The pinned binary. */
  readonly node: string
  /** Default: `engine`. */
  readonly program?: Program
  /** Default: one without layers. */
  readonly launcher?: Launcher
  /** Resident memory over which a job is ended with its engine, bytes; default: none. */
  readonly memoryMax?: number
  /** Called when a job has used half of its time or memory: the engine may soon have to be replaced. */
  readonly onLate?: () => void
}

/**
 * What runs in the process. An `engine` executes contracts, without JIT. A `compiler` makes of their source what engines
 * execute: it has a JIT, and no more of a contract than its text.
 */
export type Program = 'engine' | 'compiler'

/** A job, as js-1/engine.js or js-1/compiler.js takes it. */
export interface Job {
  readonly type: 'run' | 'inspect' | 'compile'
  /** Wall clock that one call has, or the compilation, ms. */
  readonly time: number
}

/** The last that comes of a job. */
export type JobReport = DoneReport | InspectedReport | CompiledReport

export interface JobHandlers {
  onSteps(steps: readonly StepReport[]): void
  onQuestion(question: Question): Promise<unknown>
}

/** For a job that reports one thing, and asks for nothing. */
export const NO_HANDLERS: JobHandlers = {
  onSteps() {},
  async onQuestion() {
    return null
  }
}

/** What a job ends with that comes too late. */
export function vmClosed(): MivmError {
  return new MivmError('ENGINE_FAILED', 'the VM is closed: open it again')
}

/** The engine died over a job: killed by the watchdog (`time`), of memory, or of something else. */
export class EngineDeath extends Error {
  readonly reason: 'time' | 'memory' | 'crash'
  /** False where it cannot have come to the job: it died before it was sent, or before it said a word about its first one. */
  readonly hasBegun: boolean

  constructor(reason: 'time' | 'memory' | 'crash', message: string, hasBegun = true) {
    super(message)
    this.reason = reason
    this.hasBegun = hasBegun
  }
}

/**
 * One engine process, or one that compiles: the pinned Node without environment, files or network, inside of the layers
 * that its launcher has. It executes one job at a time, and ends by SIGKILL only, because a contract may have brought
 * it into any state.
 */
export class Engine {
  readonly #child: ChildProcess
  readonly #launcher: Launcher
  readonly #memoryMax: number
  readonly #onLate: () => void
  readonly #input: Writable
  readonly #closed: Promise<void>
  #alive = true
  #stderr = ''
  #killed = false
  #closing = false
  #timedOut = false
  #tooLarge = false
  #used = false
  #tidying = false
  #pid: number | null = null
  #job: RunningJob | null = null
  #ready: Readiness | null = null
  #watchdog: NodeJS.Timeout | null = null
  #gauge: NodeJS.Timeout | null = null

  /** Starts an engine; rejects with ENGINE_FAILED where that is impossible. */
  static async start(options: EngineOptions): Promise<Engine> {
    const addon = findAddon()
    if (addon === null) {
      throw failed(
        `isolated-vm has no binary for ${process.platform}-${process.arch}: run "npm ci" on a supported machine`
      )
    }
    const engine = new Engine(options, addon)
    await engine.#started()
    return engine
  }

  private constructor(options: EngineOptions, addon: string) {
    const { node, program = 'engine', launcher = new Launcher({}), memoryMax, onLate } = options
    this.#launcher = launcher
    this.#memoryMax = memoryMax ?? Number.POSITIVE_INFINITY
    this.#onLate = onLate ?? (() => {})
    this.#child = launcher.spawn(commandOf(program, node, addon, this.#memoryMax))
    const { stderr, stdio } = this.#child
    // Node makes none where it gets no descriptors for them, whatever its types say
    if (stdio === undefined) {
      this.#child.on('error', () => {})
      throw failed('there are no descriptors left for its pipes')
    }
    const [, , , input, output] = stdio
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
    if (program === 'engine') input.write(startFrame())
    const reader = new FrameReader()
    output.on('data', (chunk: Uint8Array) => this.#receive(reader, chunk))
    this.#closed = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#end(error.message)
        resolve()
      })
      // not `exit`: what the engine wrote before its end is still in the pipe then
      this.#child.once('close', (code, signal) => {
        this.#end(signal ?? howOf(code))
        resolve()
      })
    })
  }

  get isAlive(): boolean {
    return this.#alive
  }

  /** Whether it gives back what it does not need: a job waits for the end of that. */
  get isTidying(): boolean {
    return this.#tidying
  }

  /** Of the engine itself, not of what it was started through; null where that cannot be seen. */
  get pid(): number | null {
    return this.#pid
  }

  /** Resident memory, bytes; null where that cannot be seen. */
  get memory(): number | null {
    return this.#pid === null || !this.#alive ? null : residentMemory(this.#pid)
  }

  /** For a frame without an answer; only between two jobs. */
  send(frame: object): void {
    if (this.#alive) this.#input.write(encodeFrame(frame))
  }

  /** Has an instance give back what it does not need; only between two jobs. */
  rest(address: string): void {
    this.#tidying = true
    this.send({ type: 'rest', address })
  }

  /**
   * Executes a job. Rejects with EngineDeath, with ENGINE_FAILED after `kill`, or with the error of a handler;
   * after the latter the engine can be used on.
   */
  run<T extends Job>(job: T, handlers: JobHandlers): Promise<JobReport> {
    if (this.#job !== null) throw new MivmError('INTERNAL', 'the engine has a job: report this')
    if (!this.#alive)
      return Promise.reject(new EngineDeath('crash', 'the engine is not running', false))
    // one that has the instance may go on with it at once
    const hasBegun = this.#used
    this.#used = true
    return new Promise((resolve, reject) => {
      this.#job = {
        handlers,
        resolve,
        reject,
        failure: null,
        silence: job.time + SLACK_MS,
        hasBegun
      }
      this.send(job)
      this.#watch(this.#tidying ? TIDY_MS : this.#job.silence)
      if (this.#memoryMax < Number.POSITIVE_INFINITY) {
        this.#gauge = setInterval(() => this.#weigh(), MEMORY_MS)
      }
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
      this.#stderr = `bad frame: ${messageOf(error)}`
      this.#kill()
    }
  }

  #handle(report: Report): void {
    if (report.type === 'ready') {
      this.#pid = this.#launcher.settle(this.#child)
      this.#ready?.resolve()
      this.#ready = null
      return
    }
    if (report.type === 'tidying' || report.type === 'tidied') {
      this.#tidying = report.type === 'tidying'
      if (this.#job !== null) this.#watch(this.#tidying ? TIDY_MS : this.#job.silence)
      return
    }
    const job = this.#job
    if (job === null) throw new Error('it speaks without being asked')
    job.hasBegun = true
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
      case 'compiled':
        if (report.type === 'done') this.#takeSteps(job, report.steps)
        this.#rest()
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
    this.#watchdog =
      silence === null ? null : setTimeout(() => this.#late(silence / 2), silence / 2)
  }

  #late(left: number): void {
    this.#onLate()
    this.#watchdog = setTimeout(() => this.#suspect(), left)
  }

  #suspect(): void {
    this.#watchdog = setTimeout(() => {
      this.#timedOut = true
      this.#kill()
    }, GRACE_MS)
  }

  #weigh(): void {
    const memory = this.memory ?? 0
    if (memory > this.#memoryMax / 2) this.#onLate()
    if (memory <= this.#memoryMax) return
    this.#tooLarge = true
    this.#kill()
  }

  /** Nothing runs that would have to be watched. */
  #rest(): void {
    this.#watch(null)
    if (this.#gauge !== null) clearInterval(this.#gauge)
    this.#gauge = null
  }

  #kill(): void {
    this.#alive = false
    this.#killed = true
    this.#child.kill('SIGKILL')
  }

  #end(how: string): void {
    this.#alive = false
    this.#rest()
    this.#ready?.reject(how)
    this.#ready = null
    const job = this.#job
    this.#job = null
    job?.reject(job.failure === null ? this.#death(how, job) : job.failure.error)
  }

  #death(how: string, { hasBegun }: RunningJob): Error {
    if (this.#closing) return vmClosed()
    // a job that has not begun has no part in it
    if (this.#timedOut && !this.#tidying)
      return new EngineDeath('time', 'it did not come back in time')
    if (this.#tooLarge || (!this.#killed && OUT_OF_MEMORY.test(this.#stderr))) {
      return new EngineDeath('memory', 'the engine ran out of memory')
    }
    const told = lastLine(this.#stderr)
    return new EngineDeath(
      'crash',
      `the engine ended with ${told === '' ? how : `${how}: ${told}`}`,
      hasBegun
    )
  }
}

interface RunningJob {
  readonly handlers: JobHandlers
  readonly resolve: (report: JobReport) => void
  readonly reject: (error: unknown) => void
  readonly silence: number
  /** What a handler threw. */
  failure: { readonly error: unknown } | null
  /** Whether the engine may have come to it. */
  hasBegun: boolean
}

interface Readiness {
  resolve(): void
  reject(reason: string): void
}

const OUT_OF_MEMORY =
  /out of memory|allocation failed|invalid size error|heap limit|bad_alloc|MemoryLimit/i

/** Flags of Node that decide what a contract sees, beside --jitless, which decides how fast. */
export const REALM_FLAGS: readonly string[] = [
  '--no-node-snapshot',
  // what cannot be extended gets no private members either: else a contract could hang them on what all calls share
  '--js-nonextensible-applies-to-private',
  `--stack-size=${STACK_KB}`
]

/** The flags that an engine runs with: `files` are all that it may read. They are part of the VM id. */
export function flagsOf(files: readonly string[]): string[] {
  return [
    ...REALM_FLAGS,
    '--jitless',
    '--permission',
    '--allow-addons',
    ...files.map((file) => `--allow-fs-read=${file}`),
    '--disable-warning=SecurityWarning',
    `--max-old-space-size=${HEAP_MB}`
  ]
}

/** The same for a compiler. What it makes of a source depends on none of them. */
function compilerFlagsOf(files: readonly string[]): string[] {
  return [
    '--permission',
    ...files.map((file) => `--allow-fs-read=${file}`),
    '--disable-warning=SecurityWarning',
    '--disallow-code-generation-from-strings',
    `--max-old-space-size=${HEAP_MB}`,
    // most of a syntax tree is still in use when V8 looks for garbage
    `--max-semi-space-size=${YOUNG_MB}`,
    `--min-semi-space-size=${YOUNG_MB}`,
    `--stack-size=${STACK_KB}`
  ]
}

function commandOf(program: Program, node: string, addon: string, memoryMax: number): Command {
  const main = fileURLToPath(new URL(`${program}.js`, FOLDER))
  const parser = findParser()
  if (program === 'compiler') {
    const files = [fileURLToPath(FOLDER), parser]
    const args = [...compilerFlagsOf(files), main, parser]
    return { node, args, files, addon: null, jit: true, memoryMax }
  }
  const files = [fileURLToPath(FOLDER), addon]
  return { node, args: [...flagsOf(files), main, addon], files, addon, jit: false, memoryMax }
}

/** What an engine is to read first: made while the first one starts, and the same for all. */
function startFrame(): Uint8Array {
  start ??= encodeFrame({ realm: readRealm() })
  return start
}

let start: Uint8Array | null = null

/** A wrapper exits with 128 and the number of the signal that ended what it was started for. */
function howOf(code: number | null): string {
  const signal = Object.entries(constants.signals).find(([, number]) => 128 + number === code)
  return signal === undefined ? `exit code ${code}` : signal[0]
}

/** ENGINE_FAILED, for `why` the engine cannot be started, which ends with what to do if that is known. */
function failed(why: string): MivmError {
  return new MivmError(
    'ENGINE_FAILED',
    `the engine cannot be started: ${why}: run "mivm doctor" (it needs Node ${NODE_VERSION} and isolated-vm)`,
    { cause: new Error(why) }
  )
}

function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => /\w/.test(line))
  const error = lines.find((line) => /error/i.test(line)) ?? lines.at(-1)
  return (error ?? '').trim().slice(0, 300)
}
