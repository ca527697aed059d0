// How callers call: the same for ours and for the baseline.
import { setTimeout as sleep } from 'node:timers/promises'

/** A call that resolves when its caller knows that it is done, and on disk. */
export type Operation = () => Promise<unknown>

/** What one `addPost` writes. */
export const POST = 'x'.repeat(100)

/** One call at a time; ms of each. */
export async function oneByOne(operation: Operation, count: number): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const start = performance.now()
    await operation()
    times.push(performance.now() - start)
  }
  return times
}

/** Always so many calls under way, until `count` have been made; calls/s. */
export async function manyAtOnce(
  operation: Operation,
  count: number,
  inFlight: number
): Promise<number> {
  let left = count
  const caller = async () => {
    while (left-- > 0) await operation()
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: inFlight }, caller))
  return (count / (performance.now() - start)) * 1000
}

/**
 * So many calls a second, whether those before are answered or not; for each that is answered when, ms since 1970, in
 * the order of the answers.
 */
export async function atRate(
  operation: Operation,
  count: number,
  perSecond: number
): Promise<number[]> {
  const times: number[] = []
  const calls: Promise<unknown>[] = []
  const start = performance.now()
  while (calls.length < count) {
    const due = Math.min(count, ((performance.now() - start) / 1000) * perSecond)
    while (calls.length < due) calls.push(operation().then(() => times.push(Date.now())))
    await sleep(5)
  }
  await Promise.all(calls)
  return times
}

/**
 * So many calls a second, whether those before are answered or not; ms of each from the moment at which it was due, so that
 * what the calls before it held up counts.
 */
export async function latenciesAtRate(
  operation: Operation,
  count: number,
  perSecond: number
): Promise<number[]> {
  const calls: Promise<number>[] = []
  const start = performance.now()
  while (calls.length < count) {
    const now = performance.now() - start
    for (; calls.length < Math.min(count, (now / 1000) * perSecond); ) {
      const due = start + (calls.length / perSecond) * 1000
      calls.push(operation().then(() => performance.now() - due))
    }
    await sleep(1)
  }
  return Promise.all(calls)
}
