import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { Writable } from 'node:stream'
import { innermost, lowerPriority } from './processes.ts'
import { filterOf } from './seccomp.ts'

/** A program of ours to be run by Node, apart from everything that it does not need. */
export interface Command {
  readonly node: string
  readonly args: readonly string[]
  /** Files and directories that it reads. */
  readonly files: readonly string[]
  /** A file of machine code among them that it loads, and whose libraries it needs as well; or null. */
  readonly addon: string | null
  /** Whether it may make machine code. */
  readonly jit: boolean
  /** Resident memory that it is ended at, bytes; infinite where nobody looks. */
  readonly memoryMax: number
}

/** What a launcher is made of; each is used where it is named. */
export interface Parts {
  /** POSIX shell: sets limits by `ulimit`, waits for the end of the host. */
  readonly sh?: string
  /** bubblewrap, with a filter of system calls or without. */
  readonly bwrap?: { readonly path: string; readonly filter: Uint8Array | null }
  /** Of util-linux; in a new user namespace or, which takes root, without. */
  readonly unshare?: { readonly path: string; readonly user: boolean }
  /** Of util-linux. */
  readonly setpriv?: string
}

/** What every process may use, set by `ulimit`. A kernel takes these for what they are, whoever asks. */
export const DESCRIPTORS_MAX = 64

/**
 * Data that the kernel lets it have, as a multiple of the resident memory that it is ended at: a limit that a contract
 * can run into would be one that it can see, so that this is only there in case the host does not come to look.
 */
const DATA_FACTOR = 2

/** KiB of the first thread's stack, twice what V8 is told to use of it: with less a contract could end engines by depth alone. */
const STACK_KIB = 8192

/** Behind the host and whatever else the machine does, without being starved by it. */
export const NICE = 5

const SH = '/bin/sh'

/** Where the filter is given to bubblewrap; 3 and 4 are the channel. */
const FILTER_FD = 5

/** The first process of a PID namespace is immune to its own signals, so that the engine must not be it. */
const REAP = 'exec 5>&2 2>/dev/null; "$@" 2>&5 5>&-; exit $?'

/** Its stdin ends when the host does, however that came. */
const GUARD = 'read -r _; kill -9 "$0"'

/** Starts commands inside of layers. What the layers are depends on the parts alone, so that it can be tried out. */
export class Launcher {
  readonly parts: Parts
  readonly #libraries = new Map<string, readonly string[]>()

  constructor(parts: Parts) {
    this.parts = parts
  }

  /**
   * Starts the command with pipes at descriptors 2, 3 and 4. Whoever kills the child kills all that was started
   * for it, and when this process ends, the child does.
   */
  spawn(command: Command): ChildProcess {
    const [file = '', ...args] = this.#wrap(command)
    const filter = this.#filterOf(command)
    const child = spawn(file, args, {
      cwd: '/',
      env: {},
      stdio: [
        'ignore',
        'ignore',
        'pipe',
        'pipe',
        'pipe',
        ...(filter === null ? [] : ['pipe' as const])
      ]
    })
    if (child.pid === undefined) return child
    if (filter !== null) give(child, filter)
    lowerPriority(child.pid, NICE)
    if (this.needsGuard) this.#guard(child, child.pid)
    return child
  }

  /**
   * To be called when the command is known to run: its own process, behind all those that it was started through; null
   * where that cannot be seen.
   */
  settle({ pid }: ChildProcess): number | null {
    const inner = pid === undefined ? null : innermost(pid)
    // it may have begun before its priority was set
    if (inner !== null) lowerPriority(inner, NICE)
    return inner
  }

  /** Where the kernel has not been told to end the child with this process, a shell does it. */
  get needsGuard(): boolean {
    return this.parts.bwrap === undefined && this.parts.setpriv === undefined
  }

  #wrap(command: Command): string[] {
    const { node, args, files, addon, memoryMax } = command
    const { sh, bwrap, unshare, setpriv } = this.parts
    const argv = [node, ...args]
    if (bwrap !== undefined) {
      const paths = [...new Set([node, ...this.#librariesOf(node, addon), ...files])]
      argv.unshift(bwrap.path, ...bubblewrap(paths, this.#filterOf(command) !== null), '--')
    } else {
      if (setpriv !== undefined) argv.unshift(setpriv, ...privileges(unshare !== undefined), '--')
      if (unshare !== undefined) {
        argv.unshift(unshare.path, ...namespaces(unshare.user), '--', SH, '-c', REAP, 'sh')
        if (setpriv !== undefined) argv.unshift(setpriv, '--pdeathsig', 'KILL', '--')
      }
    }
    if (sh !== undefined) argv.unshift(sh, '-c', limits(memoryMax), 'sh')
    return argv
  }

  #filterOf({ jit }: Command): Uint8Array | null {
    const filter = this.parts.bwrap?.filter ?? null
    return filter === null || !jit ? filter : filterOf(process.arch, { jit })
  }

  /** Paths of the libraries that the dynamic linker loads for Node and the addon. */
  #librariesOf(node: string, addon: string | null): readonly string[] {
    const key = `${node}\0${addon ?? ''}`
    const known = this.#libraries.get(key)
    if (known !== undefined) return known
    const { stdout } = spawnSync(node, ['--version'], {
      env: { LD_TRACE_LOADED_OBJECTS: '1', LD_PRELOAD: addon ?? '' },
      encoding: 'utf8',
      timeout: 5000
    })
    const traced = Array.from((stdout ?? '').matchAll(/(\/\S+) \(0x/g), ([, path = '']) => path)
    // other linkers than glibc's do not say
    const paths = traced.length > 0 ? traced : ['/lib', '/lib64', '/usr/lib'].filter(existsSync)
    this.#libraries.set(key, paths)
    return paths
  }

  #guard(child: ChildProcess, pid: number): void {
    if (process.platform === 'win32' || !existsSync(SH)) return
    const guard = spawn(SH, ['-c', GUARD, String(pid)], {
      cwd: '/',
      env: {},
      stdio: ['pipe', 'ignore', 'ignore']
    })
    guard.on('error', () => {})
    // where there is no descriptor left, it has none
    guard.stdin?.on('error', () => {})
    // it must not keep the process from ending by itself, nor kill whoever has the number next
    guard.unref()
    child.once('exit', () => guard.kill('SIGKILL'))
  }
}

/** The tools of this machine, in the strongest combination first; all of them were only looked for, not tried. */
export function candidates(): Parts[] {
  const sh = process.platform === 'win32' || !existsSync(SH) ? {} : { sh: SH }
  if (process.platform !== 'linux') return [sh, {}]
  const [bwrap, unshare, setpriv] = ['bwrap', 'unshare', 'setpriv'].map(findTool)
  const privileged = setpriv === undefined ? {} : { setpriv }
  const filter = filterOf(process.arch)
  const all: Parts[] = []
  if (bwrap !== undefined) {
    if (filter !== null) all.push({ ...sh, bwrap: { path: bwrap, filter } })
    all.push({ ...sh, bwrap: { path: bwrap, filter: null } })
  }
  if (unshare !== undefined) {
    all.push({ ...sh, ...privileged, unshare: { path: unshare, user: true } })
    if (process.geteuid?.() === 0) {
      all.push({ ...sh, ...privileged, unshare: { path: unshare, user: false } })
    }
  }
  if (setpriv !== undefined) all.push({ ...sh, setpriv })
  return [...all, sh, {}]
}

/** The absolute path of a tool in PATH. */
export function findTool(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute)
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function limits(memoryMax: number): string {
  const words = ['ulimit -c 0', 'ulimit -f 0', `ulimit -n ${DESCRIPTORS_MAX}`]
  // where no more is allowed already, that holds, here and below
  words.push(`{ ulimit -s ${STACK_KIB} 2>/dev/null || :; }`)
  if (Number.isFinite(memoryMax)) {
    words.push(`{ ulimit -d ${Math.ceil((memoryMax * DATA_FACTOR) / 1024)} 2>/dev/null || :; }`)
  }
  return `${words.join(' && ')} && exec "$@"`
}

function bubblewrap(paths: readonly string[], filtered: boolean): string[] {
  return [
    '--unshare-all',
    '--die-with-parent',
    '--cap-drop',
    'ALL',
    ...paths.flatMap((path) => ['--ro-bind', path, path]),
    '--remount-ro',
    '/',
    '--chdir',
    '/',
    ...(filtered ? ['--seccomp', String(FILTER_FD)] : [])
  ]
}

function namespaces(user: boolean): string[] {
  return [
    ...(user ? ['--user', '--map-root-user'] : []),
    '--net',
    '--ipc',
    '--uts',
    '--pid',
    '--mount-proc',
    '--fork',
    '--kill-child=KILL'
  ]
}

/** Who is not root has no capabilities and cannot gain any; to drop them from the bounding set takes one. */
function privileges(isRoot: boolean): string[] {
  const drop = isRoot || process.geteuid?.() === 0
  return [
    '--pdeathsig',
    'KILL',
    '--no-new-privs',
    ...(drop ? ['--inh-caps=-all', '--bounding-set=-all'] : [])
  ]
}

function give(child: ChildProcess, filter: Uint8Array): void {
  const pipe = child.stdio.at(FILTER_FD)
  if (!(pipe instanceof Writable)) return
  // one that has failed before it read the filter is told by its end
  pipe.on('error', () => {})
  pipe.end(filter)
}
