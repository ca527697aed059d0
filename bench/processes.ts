// What the kernel says of processes.
import { readdir, readFile } from 'node:fs/promises'

export interface Process {
  readonly pid: number
  readonly parent: number
  /** Resident set, with the pages that are shared with others. */
  readonly bytes: number
  readonly command: string
}

/** A process and all below it. */
export async function processesBelow(root: number): Promise<Process[]> {
  const all = new Map<number, Process>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '')
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    const pid = Number(name)
    const bytes = field(status, 'VmRSS') * 1024
    all.set(pid, { pid, parent: field(status, 'PPid'), bytes, command })
  }
  return [...all.values()].filter(({ pid }) => isBelow(pid, root, all))
}

/** Open descriptors of a process. */
export async function descriptorsOf(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length
}

function isBelow(pid: number, root: number, all: ReadonlyMap<number, Process>): boolean {
  for (let at = pid; at > 0; at = all.get(at)?.parent ?? 0) if (at === root) return true
  return false
}

function field(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
}
