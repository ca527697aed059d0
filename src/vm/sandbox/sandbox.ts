import { existsSync } from 'node:fs'
import { MivmError } from '../../protocol/errors.ts'
import { candidates, DESCRIPTORS_MAX, findTool, Launcher, NICE, type Parts } from './launcher.ts'

/** `auto`: every layer that works on this machine; `none`: only those that every machine has. */
export type SandboxMode = 'auto' | 'none'

export type LayerName =
  | 'process'
  | 'permission'
  | 'priority'
  | 'lifetime'
  | 'limits'
  | 'privileges'
  | 'namespaces'
  | 'files'
  | 'syscalls'

/** One of the walls around an engine, and what it is made of, or why it is not there and how to get it. */
export interface Layer {
  readonly name: LayerName
  readonly state: 'active' | 'unavailable' | 'off'
  readonly message: string
}

export interface Sandbox {
  readonly launcher: Launcher
  readonly layers: readonly Layer[]
}

/**
 * Finds the strongest combination of layers in which `start` works: it is called with one after the other until it
 * does. Resolves to that and to what was started; rejects where not even a bare process can be started.
 */
export async function findSandbox<T>(
  mode: SandboxMode,
  start: (launcher: Launcher) => Promise<T>
): Promise<{ readonly sandbox: Sandbox; readonly started: T }> {
  const failures: Failure[] = []
  const all = mode === 'none' ? [{}] : candidates()
  for (const [index, parts] of all.entries()) {
    const launcher = new Launcher(parts)
    try {
      const started = await start(launcher)
      return { sandbox: { launcher, layers: describe(mode, launcher, failures) }, started }
    } catch (error) {
      if (index === all.length - 1) throw error
      failures.push({ parts, why: reasonOf(error) })
    }
  }
  throw new MivmError('INTERNAL', 'a machine without candidates for a sandbox: report this')
}

/** Throws SANDBOX_UNAVAILABLE unless all layers are active. */
export function requireLayers(layers: readonly Layer[]): void {
  const missing = layers.filter(({ state }) => state !== 'active')
  if (missing.length === 0) return
  const list = missing.map(({ name, message }) => `${name} (${message})`).join('; ')
  throw new MivmError(
    'SANDBOX_UNAVAILABLE',
    `the sandbox is required and not complete: ${list}: mend that, or start without --require-sandbox`
  )
}

interface Failure {
  readonly parts: Parts
  readonly why: string
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

function describe(mode: SandboxMode, launcher: Launcher, failures: readonly Failure[]): Layer[] {
  const { sh, bwrap, unshare, setpriv } = launcher.parts
  const isolating = bwrap === undefined ? unshare && 'unshare' : 'bubblewrap'
  const lowering = bwrap === undefined ? setpriv && 'setpriv' : 'bubblewrap'
  const layer = (name: LayerName, what: string, by: string | undefined, lacking: string): Layer => {
    if (by !== undefined) return { name, state: 'active', message: `${what} (${by})` }
    if (mode === 'none') return { name, state: 'off', message: 'turned off by --sandbox none' }
    return { name, state: 'unavailable', message: lacking }
  }
  return [
    active('process', 'a process of its own, without JIT and environment'),
    active(
      'permission',
      'no network, no child processes, no files but its own (Node --permission)'
    ),
    active('priority', `behind the rest of the machine (nice ${NICE})`),
    layer('lifetime', 'ends with its host', lifetimeBy(launcher), 'needs /bin/sh or util-linux'),
    layer(
      'limits',
      `no core dumps, no file contents, ${DESCRIPTORS_MAX} descriptors, bounded memory`,
      sh && 'ulimit',
      'needs /bin/sh'
    ),
    layer(
      'privileges',
      'no capabilities, and no way to gain any',
      lowering,
      lacks('setpriv', 'util-linux', failures)
    ),
    layer(
      'namespaces',
      'a network and processes of its own: nobody else in them',
      isolating,
      lacks('bwrap', 'bubblewrap', failures)
    ),
    layer(
      'files',
      'a file system with the files of the engine, read-only',
      bwrap && 'bubblewrap',
      lacks('bwrap', 'bubblewrap', failures)
    ),
    layer(
      'syscalls',
      'no processes, no sockets, no new machine code (seccomp)',
      bwrap?.filter ? 'bubblewrap' : undefined,
      lacks('bwrap', 'bubblewrap', failures)
    )
  ]
}

function active(name: LayerName, message: string): Layer {
  return { name, state: 'active', message }
}

function lifetimeBy({ parts, needsGuard }: Launcher): string | undefined {
  if (parts.bwrap !== undefined) return 'bubblewrap'
  if (!needsGuard) return 'setpriv'
  // libuv puts the children of a process into a job object that ends with it
  if (process.platform === 'win32') return 'job object'
  return existsSync('/bin/sh') ? 'a shell that waits' : undefined
}

/** Why a tool is not used, and what would change that. */
function lacks(tool: 'bwrap' | 'setpriv', name: string, failures: readonly Failure[]): string {
  if (process.platform !== 'linux') return 'only on Linux'
  if (findTool(tool) === undefined) {
    return `needs ${name}: "apt install ${name}" (Debian, Ubuntu), "dnf install ${name}" (Fedora)`
  }
  const failure = failures.find(({ parts }) => parts[tool] !== undefined)
  return `${name} does not work here${failure === undefined ? '' : ` (${failure.why})`}: allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)`
}
