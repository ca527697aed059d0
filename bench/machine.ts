// The machine that numbers were measured on, in a line.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import path from 'node:path'
import { Directories } from './directories.ts'
import { median } from './harness.ts'

const SYNCS = 200

/** Cores, processor, memory, Node, load, and what a sync of its disk takes, which bounds most of what is measured. */
export function describeMachine(): string {
  const load = loadavg().map((value) => value.toFixed(1))
  return [
    `${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown'}, ${process.arch}`,
    `${Math.round(totalmem() / 2 ** 30)} GB`,
    `Node ${process.versions.node}`,
    `load ${load.join(' ')}`,
    `4 kB written and synced in ${syncTime().toFixed(2)} ms`
  ].join('; ')
}

function syncTime(): number {
  const directories = new Directories()
  const file = openSync(path.join(directories.root, 'file'), 'w')
  try {
    const block = new Uint8Array(4096).fill(1)
    const times = Array.from({ length: SYNCS }, () => {
      const start = performance.now()
      writeSync(file, block)
      fdatasyncSync(file)
      return performance.now() - start
    })
    return median(times)
  } finally {
    closeSync(file)
    directories.remove()
  }
}
