/**
 * What test/sandbox.test.ts has to do in a process of its own: as another user, or to be killed. Prints JSON.
 *
 *     probe <port> <secret> <folder>   what a probe can do, in every combination of tools that starts here
 *     stuck <mode>                     starts an engine in a sandbox, has it loop for ever, and is killed
 */
import { readFileSync, readlinkSync, writeSync } from 'node:fs'
import { getPriority } from 'node:os'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LIMITS } from '../src/protocol/limits.ts'
import { flagsOf } from '../src/vm/engine.ts'
import { findAddon, findNode } from '../src/vm/node.ts'
import { openVm } from '../src/vm/registry.ts'
import { type Command, candidates, Launcher } from '../src/vm/sandbox/launcher.ts'
import { innermost } from '../src/vm/sandbox/processes.ts'
import type { SandboxMode } from '../src/vm/sandbox/sandbox.ts'
import { contractOf, Instance } from './vm-helpers.ts'

export type Attempt<T> = { readonly ok: T } | { readonly code: string }

/** What test/sandbox-probe.js came to. */
export interface Probe {
  readonly env: readonly string[]
  readonly interfaces: Attempt<number>
  readonly connect: Attempt<string>
  readonly listen: Attempt<string>
  readonly spawn: Attempt<number | null>
  readonly worker: Attempt<string>
  readonly readOwn: Attempt<boolean>
  readonly readPasswd: Attempt<boolean>
  readonly readSecret: Attempt<string>
  readonly root: Attempt<readonly string[]>
  readonly write: readonly Attempt<null>[]
  readonly signal: Attempt<boolean>
  readonly processes: Attempt<number>
  readonly descriptors: { readonly count: number; readonly code: string }
}

/** One combination of tools: what the kernel says of the process, and what it can do, also under --permission. */
export interface Probed {
  readonly tools: readonly string[]
  readonly status: Readonly<Record<string, string>>
  readonly limits: Readonly<Record<string, string>>
  readonly nice: number
  /** Namespaces that it has in common with whoever started it; null where that cannot be seen. */
  readonly shared: readonly string[] | null
  readonly probe: Probe
  readonly permitted: Probe
  /** Whether Node with its JIT starts. */
  readonly jit: boolean
}

export const MEMORY_MAX: number = 1024 * 1024 * 1024
const NAMESPACES = ['ipc', 'mnt', 'net', 'pid', 'user', 'uts']
const MAIN = fileURLToPath(new URL('sandbox-probe.js', import.meta.url))

function toolsOf({ parts }: Launcher): string[] {
  return Object.entries(parts).map(([name, part]) => {
    if (typeof part === 'string') return name
    if ('filter' in part) return part.filter === null ? name : `${name}+filter`
    return part.user ? `${name}+user` : name
  })
}

/** The command of a probe; `permission` as an engine has it. */
export function commandOf(args: readonly string[], permission: boolean): Command {
  const flags = permission ? flagsOf([MAIN]) : ['--no-node-snapshot', '--jitless']
  return commandWith([...flags, MAIN, ...args])
}

export function commandWith(args: readonly string[]): Command {
  const addon = findAddon() ?? ''
  const files = [MAIN, addon]
  return { node: findNode() ?? '', args, files, addon, jit: false, memoryMax: MEMORY_MAX }
}

async function probeAll(args: readonly string[]): Promise<readonly Probed[]> {
  const all: Probed[] = []
  for (const parts of candidates()) {
    const launcher = new Launcher(parts)
    if ((await exitOf(launcher, ['--version'])) !== 0) continue
    // in a file system of its own every place is tried, elsewhere only one that is the test's
    const places = parts.bwrap === undefined ? [] : ['/', '/tmp', '/dev/shm', dirname(MAIN)]
    const words = [String(process.pid), ...args, ...places]
    all.push({
      tools: toolsOf(launcher),
      ...(await probe(launcher, commandOf(words, false))),
      permitted: (await probe(launcher, commandOf(words, true))).probe,
      jit: (await exitOf(launcher, ['--no-node-snapshot', '--eval', '0'])) === 0
    })
  }
  return all
}

async function probe(launcher: Launcher, command: Command) {
  const child = launcher.spawn(command)
  const output = child.stdio[4]
  const pid = child.pid
  if (output === null || output === undefined || !('read' in output) || pid === undefined) {
    throw new Error('the probe has no pipes')
  }
  let stderr = ''
  child.stderr?.on('data', (text) => {
    stderr += text
  })
  const lines = createInterface({ input: output })
  try {
    for await (const line of lines) {
      const inner = launcher.settle(child) ?? pid
      return {
        status: fieldsOf(readFileSync(`/proc/${inner}/status`, 'utf8'), /:\s+/),
        limits: fieldsOf(readFileSync(`/proc/${inner}/limits`, 'utf8'), /\s{2,}/),
        shared: sharedWith(inner),
        nice: getPriority(inner),
        probe: JSON.parse(line)
      }
    }
    throw new Error(`the probe did not report: ${stderr}`)
  } finally {
    child.kill('SIGKILL')
  }
}

function fieldsOf(text: string, separator: RegExp): Record<string, string> {
  const pairs = text.split('\n').map((line) => line.split(separator))
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]))
}

function sharedWith(pid: number): string[] | null {
  try {
    return NAMESPACES.filter(
      (name) => readlinkSync(`/proc/${pid}/ns/${name}`) === readlinkSync(`/proc/self/ns/${name}`)
    )
  } catch {
    return null
  }
}

async function exitOf(launcher: Launcher, args: readonly string[]): Promise<number | null> {
  const child = launcher.spawn(commandWith(args))
  const { promise, resolve } = Promise.withResolvers<number | null>()
  child.once('error', () => resolve(null))
  child.once('close', resolve)
  child.stderr?.resume()
  return promise
}

/** Prints the pid of an engine that is in a loop which nothing but its death ends, and dies itself. */
async function dieOver(sandbox: SandboxMode): Promise<void> {
  const vm = await openVm('js-1', { engines: 1, sandbox })
  const source = 'exports.loop = () => { for (;;); }'
  const limits = { ...LIMITS, fuel: 2 ** 31 - 1, time: 60_000 }
  void new Instance(contractOf(source, { limits })).run(vm, [['init'], ['loop']])
  const [pid] = enginesOf(process.pid)
  if (pid === undefined) throw new Error('there is no engine')
  for (const before = ticksOf(pid); ticksOf(pid) < before + 50; ) await sleep(20)
  writeSync(1, JSON.stringify({ pid, layers: vm.layers }))
  process.kill(process.pid, 'SIGKILL')
}

/** Pids of the engines of a process. */
export function enginesOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return children
    .split(' ')
    .filter(Boolean)
    .map((child) => innermost(Number(child)))
    .filter((inner) => inner !== null)
    .filter((inner) => readFileSync(`/proc/${inner}/cmdline`, 'utf8').includes('engine.js'))
}

/** User time of a process, hundredths of a second. */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')')).split(' ')[12])
}

if (import.meta.main) {
  const [what, ...words] = process.argv.slice(2)
  if (what === 'probe') writeSync(1, JSON.stringify(await probeAll(words)))
  else await dieOver(words[0] === 'none' ? 'none' : 'auto')
}
