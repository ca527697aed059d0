import { openVm } from '../vm/registry.ts'
import type { VirtualMachine } from '../vm/vm.ts'

/**
 * One VM with one engine for all instances of this process that are open: starting an engine takes much longer than
 * most tests. Each user releases it once, and the last one ends the engine, so that the process can end.
 */
export async function acquireVm(): Promise<{ vm: VirtualMachine; release(): Promise<void> }> {
  shared ??= { opening: openVm('js-1', { engines: 1 }), users: 0 }
  const mine = shared
  mine.users++
  const release = async () => {
    if (--mine.users > 0) return
    if (shared === mine) shared = null
    await (await mine.opening).close()
  }
  try {
    return { vm: await mine.opening, release }
  } catch (error) {
    // the next one tries again
    if (shared === mine) shared = null
    throw error
  }
}

let shared: { readonly opening: Promise<VirtualMachine>; users: number } | null = null
