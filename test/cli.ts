import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Teardown } from './helpers.ts'
import { programOf } from './programs.js'

const BIN = programOf(fileURLToPath(new URL('../bin/mivm.js', import.meta.url)))

/** The contracts of this repository. */
export const CONTRACTS: string = fileURLToPath(new URL('../contracts', import.meta.url))

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
}

/** `mivm` on one data directory and network. */
export class Cli {
  readonly dir: string
  readonly bootstrap: string

  constructor(dir: string, bootstrap: string) {
    this.dir = dir
    this.bootstrap = bootstrap
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], options: SessionOptions = {}): Promise<Session> {
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
      env: {
        PATH: process.env['PATH'],
        TMPDIR: process.env['TMPDIR'],
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        MIVM_DIR: this.dir,
        MIVM_BOOTSTRAP: this.bootstrap,
        ...env
      }
    })
  }
}

export type JsonObject = { readonly [key: string]: unknown }

export interface CliHost {
  readonly id: string
  readonly bootstrap: string
  readonly child: ChildProcess
  /** What it has printed so far. */
  readonly events: readonly JsonObject[]
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
  let problem = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    problem += text
  })
  if (child.stdout === null) throw new Error('no stdout')
  const ready = Promise.withResolvers<JsonObject>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event: JsonObject = JSON.parse(line)
    events.push(event)
    if (event['type'] === 'ready') ready.resolve(event)
  })
  child.once('exit', () => ready.reject(new Error(`the host did not start: ${problem}`)))
  const { id, bootstrap } = await ready.promise
  const nodes = Array.isArray(bootstrap) ? bootstrap.join(',') : ''
  return { id: String(id), bootstrap: nodes, child, events, stop }
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
