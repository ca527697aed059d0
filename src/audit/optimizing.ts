import { setFlagsFromString } from 'node:v8'

/** Calls of a function after which V8 compiles it with TurboFan; V8's own is 3,000. */
const CALLS_UNTIL_TURBOFAN = 30_000

/**
 * For a process that is an auditor, and before anything else in it. Most audits are over after some seconds, of which
 * TurboFan would take a fifth for what Maglev has compiled before; in longer ones all that counts is called often enough.
 */
export function optimizeLate(): void {
  setFlagsFromString(`--invocation-count-for-turbofan=${CALLS_UNTIL_TURBOFAN}`)
}

/** How much V8's heap may grow from one collection to the next, percent of what the first leaves; by itself V8 takes up to 300. */
const GROWTH = 100

/**
 * For a process that is an auditor: what an audit keeps is little, and all else that it has read goes by. V8 by itself lets four
 * times as much of it lie around.
 */
export function collectSooner(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH}`)
}
