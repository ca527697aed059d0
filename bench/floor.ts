// What no implementation of the protocol can do without, each measured alone: the floor under the time of a call.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import Hyperbee from 'hyperbee'
import crypto from 'hypercore-crypto'
import { openStore } from '../src/state/store.ts'
import { median } from './harness.ts'
import { POST } from './load.ts'

const ROUNDS = 300
/** As many as the largest batch of a host has. */
const BATCH = 256

/** ms, medians. */
export interface Floor {
  readonly sign: number
  readonly verify: number
  /** 4 kB written and synced. */
  readonly sync: number
  /** One entry in a batch of its own, and one of many in a batch, written. */
  readonly put: number
  readonly putOfMany: number
}

/** `dir` is on the disk that the host writes to. */
export async function measureFloor(dir: string): Promise<Floor> {
  return { ...signatures(), sync: sync(dir), ...(await puts(dir)) }
}

/**
 * Of a lone `addPost`. Signed: the user's log by the user; call log, tree and blobs by the host. Checked: the first of them by
 * the host, the call log's by the user. One log is synced on each side.
 */
export function floorOfOne({ sign, verify, sync, put }: Floor): number {
  return 4 * sign + 2 * verify + 2 * sync + put
}

/** The same, of each of as many as one batch has: what is signed and synced is shared by all of them. */
export function floorOfMany({ sign, verify, sync, putOfMany }: Floor): number {
  return (4 * sign + 2 * verify + 2 * sync) / BATCH + putOfMany
}

function signatures(): { sign: number; verify: number } {
  const { publicKey, secretKey } = crypto.keyPair()
  const message = new Uint8Array(96).fill(7)
  const signature = crypto.sign(message, secretKey)
  return {
    sign: median(timed(() => crypto.sign(message, secretKey))),
    verify: median(timed(() => crypto.verify(message, signature, publicKey)))
  }
}

function sync(dir: string): number {
  const file = openSync(path.join(dir, 'synced'), 'w')
  const block = new Uint8Array(4096).fill(1)
  try {
    return median(
      timed(() => {
        writeSync(file, block)
        fdatasyncSync(file)
      })
    )
  } finally {
    closeSync(file)
  }
}

async function puts(dir: string): Promise<{ put: number; putOfMany: number }> {
  const store = await openStore(path.join(dir, 'bee'))
  const bee = new Hyperbee<string>(store.get({ name: 'bee' }), {
    keyEncoding: 'utf-8',
    valueEncoding: 'json'
  })
  let count = 0
  const batch = async (size: number) => {
    const writes = bee.batch()
    for (let i = 0; i < size; i++) await writes.put(`/topics/1/${++count}`, POST)
    await writes.flush()
  }
  try {
    await bee.ready()
    const one: number[] = []
    const many: number[] = []
    for (let i = 0; i < ROUNDS; i++) one.push(await timeOf(() => batch(1)))
    for (let i = 0; i < ROUNDS / 10; i++) many.push((await timeOf(() => batch(BATCH))) / BATCH)
    return { put: median(one), putOfMany: median(many) }
  } finally {
    await store.close()
  }
}

function timed(operation: () => unknown): number[] {
  return Array.from({ length: ROUNDS }, () => {
    const start = performance.now()
    operation()
    return performance.now() - start
  })
}

async function timeOf(operation: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await operation()
  return performance.now() - start
}
