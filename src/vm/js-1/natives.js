import { setFlagsFromString } from 'node:v8'

/**
 * Compiles a function that uses V8's own ones (`%…`) and calls it with `args`, since functions are compiled when they are
 * first called. Returns a reference to it. No other text may use V8's own functions: the flag that allows them is gone
 * before any other text is compiled.
 */
export function callNative(isolate, context, text, filename, args = []) {
  setFlagsFromString('--allow-natives-syntax')
  try {
    const script = isolate.compileScriptSync(text, { filename })
    const reference = script.runSync(context, { reference: true, release: true })
    reference.applySync(undefined, args)
    return reference
  } finally {
    setFlagsFromString('--no-allow-natives-syntax')
  }
}
