import { setTimeout as sleep } from 'node:timers/promises'
import { MivmError } from '../protocol/errors.ts'
import { Engine, type EngineDeath, type EngineOptions, type Program } from './engine.ts'
import { findNode, NODE_VERSION } from './node.ts'
import type { Launcher } from './sandbox/launcher.ts'
import { findSandbox, type Layer, type Sandbox, type SandboxMode } from './sandbox/sandbox.ts'

export interface PoolOptions {
  /** The Node binary that runs engines, in the place of the pinned one that is found. */
  readonly node?: string | undefined
  readonly sandbox: SandboxMode
  /** Resident memory over which an engine is ended together with the call that it executes, bytes. */
  readonly memoryMax: number
}

/** What has become of all engines that were started. */
export interface PoolFigures {
  readonly started: number
  /** Engines that ended over a job, by why they did. */
  readonly deaths: Readonly<Record<EngineDeath['reason'], number>>
  /** Whether the last one that was wanted could not be started. */
  readonly failing: boolean
}

/** Resident memory over which a process that compiles is ended, bytes. */
const COMPILER_MEMORY_MAX = 1024 * 1024 * 1024
const COMPILER = { program: 'compiler', memoryMax: COMPILER_MEMORY_MAX } as const

const START_TRIES = 3
const RETRY_MS = 200

/** How long a spare waits for its use: where one engine has died, the next one may soon. */
const SPARE_MS = 60_000

/** An engine, and a process that compiles and may still be on its way. */
interface First {
  readonly engine: Engine
  readonly compiler: Promise<Engine>
}

/** What was found to work in this process, by mode, Node and where tools are looked for. */
const sandboxes = new Map<string, Sandbox>()

/** Starts engines inside of one sandbox, with one ahead of its use where that can be foreseen. */
export class EnginePool {
  readonly layers: readonly Layer[]
  readonly #node: string
  readonly #launcher: Launcher
  readonly #memoryMax: number
  #spare: Promise<Engine> | null = null
  /** The first one that compiles, until it is wanted. */
  #compiler: Promise<Engine> | null = null
  #idle: NodeJS.Timeout | null = null
  #closed = false
  #started = 0
  #failing = false
  readonly #deaths: Record<EngineDeath['reason'], number> = { time: 0, memory: 0, crash: 0 }

  /** Finds the sandbox by starting a first engine in it; throws ENGINE_FAILED where none can be started. */
  static async open({ node: path, sandbox: mode, memoryMax }: PoolOptions): Promise<EnginePool> {
    const node = path ?? findNode()
    if (node === null) {
      throw new MivmError(
        'ENGINE_FAILED',
        `the engine cannot be started: it needs Node ${NODE_VERSION}: run "npm ci" without --omit=optional`
      )
    }
    const key = [mode, node, process.env['PATH']].join('\0')
    const known = sandboxes.get(key)
    if (known !== undefined) return new EnginePool(node, known, memoryMax, null)
    let late = () => {}
    const start = (launcher: Launcher) =>
      startFirst({ node, launcher, memoryMax, onLate: () => late() })
    const { sandbox, started } = await findSandbox(mode, start)
    sandboxes.set(key, sandbox)
    const pool = new EnginePool(node, sandbox, memoryMax, started)
    late = () => pool.prepare()
    return pool
  }

  private constructor(node: string, sandbox: Sandbox, memoryMax: number, first: First | null) {
    this.layers = sandbox.layers
    this.#node = node
    this.#launcher = sandbox.launcher
    this.#memoryMax = memoryMax
    if (first === null) return
    this.#spare = Promise.resolve(first.engine)
    this.#compiler = first.compiler
    this.#started++
  }

  get figures(): PoolFigures {
    return { started: this.#started, deaths: { ...this.#deaths }, failing: this.#failing }
  }

  /** Counts an engine that ended over a job. */
  noteDeath({ reason }: EngineDeath): void {
    this.#deaths[reason]++
  }

  /** An engine that has seen no contract: the spare, or a new one. */
  async take(): Promise<Engine> {
    const spare = this.#spare
    this.#forget()
    const engine = await spare?.catch(() => null)
    return engine?.isAlive ? engine : this.#start('engine', this.#memoryMax)
  }

  /** A process that compiles, inside of the same sandbox. */
  async startCompiler(): Promise<Engine> {
    const first = this.#compiler
    this.#compiler = null
    const compiler = await first?.catch(() => null)
    return compiler?.isAlive ? compiler : this.#start('compiler', COMPILER_MEMORY_MAX)
  }

  /** Begins to start an engine that the next `take` shall have, unless there is one. */
  prepare(): void {
    if (this.#spare !== null || this.#closed) return
    const spare = this.#start('engine', this.#memoryMax)
    this.#spare = spare
    spare.catch(() => {
      if (this.#spare === spare) this.#forget()
    })
    this.#idle = setTimeout(() => void this.#drop(), SPARE_MS).unref()
  }

  async close(): Promise<void> {
    this.#closed = true
    const compiler = this.#compiler
    this.#compiler = null
    await this.#drop()
    await compiler?.then(kill, () => {})
  }

  #forget(): void {
    this.#spare = null
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.#idle = null
  }

  async #drop(): Promise<void> {
    const spare = this.#spare
    this.#forget()
    const engine = await spare?.catch(() => null)
    await engine?.kill()
  }

  async #start(program: Program, memoryMax: number): Promise<Engine> {
    for (let tries = 1; ; tries++) {
      try {
        const engine = await Engine.start({
          node: this.#node,
          program,
          launcher: this.#launcher,
          memoryMax,
          onLate: () => {
            if (program === 'engine') this.prepare()
          }
        })
        if (program === 'engine') this.#started++
        this.#failing = false
        return engine
      } catch (error) {
        if (tries === START_TRIES || this.#closed) {
          this.#failing = true
          throw error
        }
        await sleep(RETRY_MS * tries)
      }
    }
  }
}

/** Starts both at once: whoever opens a VM soon has something to compile. */
async function startFirst(options: EngineOptions): Promise<First> {
  const starting = Engine.start(options)
  const compiler = Engine.start({ ...options, ...COMPILER, onLate: () => {} })
  compiler.catch(() => {})
  try {
    return { engine: await starting, compiler }
  } catch (error) {
    await compiler.then(kill, () => {})
    throw error
  }
}

function kill(engine: Engine): Promise<void> {
  return engine.kill()
}
