/** More than any isolate may have, whatever its limits (protocol/limits.ts). */
const TOO_LARGE = 128 * 1024 * 1024

let refused = null

/**
 * Has V8 collect all garbage of an isolate, make its heap as small as it gets, and give the pages back. There is no
 * function for that; but before isolated-vm refuses an isolate a buffer that is larger than it may have, it does so.
 * `reference` is to any function of the isolate, which is not called.
 */
export function collect(ivm, reference) {
  // never written to, so that it takes no memory
  refused ??= new ivm.ExternalCopy(new ArrayBuffer(TOO_LARGE), { transferOut: true })
  try {
    reference.applySync(undefined, [refused.copyInto()])
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
}
