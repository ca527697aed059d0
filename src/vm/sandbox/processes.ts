import { readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/** The process at the end of a chain of wrappers, each of which has one child; null where that cannot be seen. */
export function innermost(pid: number): number | null {
  try {
    for (let at = pid; ; ) {
      const child = /\d+/.exec(readFileSync(`/proc/${at}/task/${at}/children`, 'utf8'))
      if (child === null) return at
      at = Number(child[0])
    }
  } catch {
    return null
  }
}

/** Sets the nice value of a process, which on Linux each of its threads has for itself. */
export function lowerPriority(pid: number, nice: number): void {
  for (const thread of threadsOf(pid)) {
    try {
      setPriority(thread, nice)
    } catch {
      // it has ended, or its nice value is higher already
    }
  }
}

/** Memory that a process has, bytes; null where that cannot be seen, or it has ended. */
export function residentMemory(pid: number): number | null {
  try {
    const found = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return found === null ? null : Number(found[1]) * 1024
  } catch {
    return null
  }
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch {
    return [pid]
  }
}
