import { setFlagsFromString } from 'node:v8'

// V8 forgets what functions were compiled to that have not run for a while, and compiles them anew
setFlagsFromString('--no-flush-bytecode')

/**
 * Compiles a function that runs all microtasks of an isolate, as V8 does by itself only when nothing is on the stack.
 * With it the realm executes many calls while it is entered once. Only this one text may use V8's own functions: the
 * flag that allows them is gone before any other text is compiled. Functions are compiled when they are first called,
 * so this one is called at once.
 */
export function compileDrain(isolate, context) {
  setFlagsFromString('--allow-natives-syntax')
  try {
    const script = isolate.compileScriptSync(DRAIN, { filename: 'microtasks.js' })
    const drain = script.runSync(context, { reference: true, release: true })
    drain.applySync()
    return drain
  } finally {
    setFlagsFromString('--no-allow-natives-syntax')
  }
}

const DRAIN = '(function drain() { %PerformMicrotaskCheckpoint() })'
