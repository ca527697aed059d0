import { VM_ID } from '../protocol/vm-id.ts'
import { openVm } from '../vm/registry.ts'
import type { Supervisor } from '../vm/supervisor.ts'

/** How long the VM is kept for who comes next, ms: the next test deploys as soon as the one before has closed what it had. */
const KEPT_MS = 250

/** As it is before a test puts a clock of its own in its place, by which the VM would never end. */
const later = setTimeout

/**
 * One VM with one engine for all instances of this process: starting an engine, and compiling in a process that has not
 * compiled anything yet, take much longer than most tests. Each user releases it once, or leaves it for who comes next; the
 * last one ends the engine, or it ends soon after, so that the process can.
 */
export async function acquireVm(): Promise<Acquired> {
  shared ??= { opening: openVm(VM_ID, { engines: 1 }), users: 0 }
  const mine = shared
  mine.users++
  const release = async () => {
    mine.users--
    await closeUnused(mine)
  }
  const leave = () => {
    mine.users--
    later(() => void closeUnused(mine), KEPT_MS)
  }
  try {
    return { vm: await mine.opening, release, leave }
  } catch (error) {
    // the next one tries again
    if (shared === mine) shared = null
    throw error
  }
}

export interface Acquired {
  readonly vm: Supervisor
  release(): Promise<void>
  leave(): void
}

interface Shared {
  readonly opening: Promise<Supervisor>
  users: number
}

async function closeUnused(mine: Shared): Promise<void> {
  if (mine.users > 0 || shared !== mine) return
  shared = null
  await (await mine.opening).close()
}

let shared: Shared | null = null
