import { readFileSync } from 'node:fs'

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

/** Memory that a process has, bytes; null where that cannot be seen, or it has ended. */
export function residentMemory(pid: number): number | null {
  try {
    const found = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return found === null ? null : Number(found[1]) * 1024
  } catch {
    return null
  }
}
