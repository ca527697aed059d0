import { setFlagsFromString } from 'node:v8'
import { callNative } from './natives.js'

// V8 forgets what functions were compiled to that have not run for a while, and compiles them anew
setFlagsFromString('--no-flush-bytecode')

/**
 * Compiles a function that runs all microtasks of an isolate, as V8 does by itself only when nothing is on the stack.
 * With it the realm executes many calls while it is entered once.
 */
export function compileDrain(isolate, context) {
  return callNative(isolate, context, DRAIN, 'microtasks.js')
}

const DRAIN = '(function drain() { %PerformMicrotaskCheckpoint() })'
