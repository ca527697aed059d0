import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Teardown } from './helpers.ts'
import { programOf } from './programs.js'

const BIN = programOf(fileURLToPath(new URL('../bin/mivm.js', import.meta.url)))
const COMMANDS = programOf(fileURLToPath(new URL('./cli-process.ts', import.meta.url)))

/** The contracts of this repository. */
export const CONTRACTS: string = fileURLToPath(new URL('../contracts', import.meta.url))

/** Commands that are there to go on. */
const LASTING = /^(demo|host|repl)$/

/** How a command went. */
export interface Session {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface SessionOptions {
  /** What the command reads from stdin. */
  readonly input?: string
  readonly env?: { readonly [name: string]: string }
  readonly cwd?: string
  /** Whether it has a process to itself, as it has for its users; one that reads something, or goes on, has. */
  readonly alone?: boolean
}

/** A command, for the process that runs those of a test. */
export interface Asked {
  readonly args: readonly string[]
  readonly env: { readonly [name: string]: string | undefined }
  readonly cwd: string | undefined
}

/** `mivm` on one data directory and network. */
export class Cli {
  readonly dir: string
  readonly bootstrap: string
  readonly #alone: boolean

  /** With `alone` each command has a process to itself, as it has for its users. */
  constructor(dir: string, bootstrap: string, alone = false) {
    this.dir = dir
    this.bootstrap = bootstrap
    this.#alone = alone
  }

  /** Runs a command to its end: beside others, in a process of its own. */
  async run(args: readonly string[], options: SessionOptions = {}): Promise<Session> {
    const { input, env = {}, cwd } = options
    const alone =
      options.alone ?? (this.#alone || input !== undefined || LASTING.test(args[0] ?? ''))
    const commands = Commands.of(env['NODE_OPTIONS'] ?? '')
    if (alone || commands.isBusy) return this.#runAlone(args, options)
    return commands.run({ args, env: this.#environment(env), cwd })
  }

  async #runAlone(args: readonly string[], options: SessionOptions): Promise<Session> {
    const child = this.start(args, options)
    child.stdin?.end(options.input ?? '')
    const output = { stdout: '', stderr: '' }
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text
    })
    await once(child, 'close')
    return { status: child.exitCode, ...output }
  }

  /** Runs a command with --json; the objects that it printed. */
  async json(args: readonly string[], options?: SessionOptions) {
    const session = await this.run([...args, '--json'], options)
    return { ...session, objects: parseLines(session.stdout) }
  }

  start(args: readonly string[], { env = {}, cwd }: SessionOptions = {}): ChildProcess {
    return spawn(process.execPath, [BIN, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
      env: this.#environment(env)
    })
  }

  #environment(env: { readonly [name: string]: string }) {
    return {
      PATH: process.env['PATH'],
      TMPDIR: process.env['TMPDIR'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      MIVM_DIR: this.dir,
      MIVM_BOOTSTRAP: this.bootstrap,
      ...env
    }
  }
}

/** A process that runs commands for tests; it begins with the first one, and ends with this process. */
class Commands {
  static readonly #all = new Map<string, Commands>()

  isBusy = false
  readonly #options: string
  #child: ChildProcess | null = null
  /** What it says of its own end. */
  #stderr = ''

  private constructor(options: string) {
    this.#options = options
  }

  /** The one of a Node with these options. */
  static of(options: string): Commands {
    const commands = Commands.#all.get(options) ?? new Commands(options)
    Commands.#all.set(options, commands)
    return commands
  }

  async run(asked: Asked): Promise<Session> {
    this.isBusy = true
    const child = this.#start()
    child.ref()
    child.channel?.ref()
    try {
      return await new Promise((resolve, reject) => {
        child.once('message', (session: Session) => {
          child.removeAllListeners('close')
          resolve(session)
        })
        child.once('close', () => {
          this.#child = null
          reject(new Error(`the end of "mivm ${asked.args.join(' ')}": ${this.#stderr}`))
        })
        child.send(asked)
      })
    } finally {
      child.unref()
      child.channel?.unref()
      this.isBusy = false
    }
  }

  #start(): ChildProcess {
    if (this.#child !== null) return this.#child
    const child = spawn(process.execPath, ['--conditions=mivm-source', COMMANDS], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: this.#options }
    })
    this.#stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    if (child.stderr instanceof Socket) child.stderr.unref()
    this.#child = child
    return child
  }
}

export type JsonObject = { readonly [key: string]: unknown }

export interface CliHost {
  readonly id: string
  readonly bootstrap: string
  readonly child: ChildProcess
  /** What it has printed so far. */
  readonly events: readonly JsonObject[]
  /** What is in its log so far. */
  readonly stderr: string
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** `mivm host --local`, on a port of its own choosing; stopped at the end of the test. */
export async function startHost(
  t: Teardown,
  dir: string,
  args: readonly string[] = [],
  network: string = '--local=0',
  env: { readonly [name: string]: string } = {}
): Promise<CliHost> {
  const words = ['host', network, '--engines', '1', '--json', ...args]
  const child = new Cli(dir, '').start(words, { env })
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit')
      child.kill(signal)
      await exited
    }
    return child.exitCode
  }
  t.teardown(() => stop())
  const events: JsonObject[] = []
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  if (child.stdout === null) throw new Error('no stdout')
  const ready = Promise.withResolvers<JsonObject>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event: JsonObject = JSON.parse(line)
    events.push(event)
    if (event['type'] === 'ready') ready.resolve(event)
  })
  child.once('exit', () => ready.reject(new Error(`the host did not start: ${stderr}`)))
  const { id, bootstrap } = await ready.promise
  const nodes = Array.isArray(bootstrap) ? bootstrap.join(',') : ''
  return {
    id: String(id),
    bootstrap: nodes,
    child,
    events,
    get stderr() {
      return stderr
    },
    stop
  }
}

/** A host, and a directory beside it for whoever calls it. */
export async function startNetwork(
  t: Teardown,
  root: string,
  args: readonly string[] = []
): Promise<{ host: CliHost; cli: Cli }> {
  const host = await startHost(t, path.join(root, 'host'), args)
  return { host, cli: new Cli(path.join(root, 'user'), host.bootstrap) }
}

export function parseLines(text: string): JsonObject[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
