import { setFlagsFromString } from 'node:v8'

/** Calls of a function after which V8 compiles it with Maglev; V8's own is 400, and 500 since the last news about its types. */
const CALLS_UNTIL_MAGLEV = 100

/**
 * How much V8's heap may grow from one collection to the next, percent of what the first leaves; by itself V8 takes up to 300, of
 * which most is lying around in a host that has opened a thousand instances.
 */
const GROWTH = 150

/**
 * For a process that is a host, and before anything else in it. Of a batch most functions are called once, however many calls
 * are in it: where calls come one by one, V8 would wait for the first five hundred of them.
 */
export function optimizeEarly(): void {
  setFlagsFromString(`--invocation-count-for-maglev=${CALLS_UNTIL_MAGLEV}`)
  setFlagsFromString(`--minimum-invocations-after-ic-update=${CALLS_UNTIL_MAGLEV}`)
  setFlagsFromString(`--heap-growing-percent=${GROWTH}`)
}
