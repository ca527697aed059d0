// What processes have worked, by the kernel's count: on a busy machine it says more than the clock.
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { processesBelow } from './processes.ts'

/** Seconds that the processors have worked for a process, and for those below it that are there now. */
export async function cpuOf(root: number): Promise<number> {
  const times = await Promise.all((await processesBelow(root)).map(({ pid }) => ticksOf(pid)))
  return times.reduce((sum, ticks) => sum + ticks, 0) / TICKS
}

async function ticksOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // the name of the program, in parentheses, may have blanks
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
}

/** A second of the kernel's count. */
const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
