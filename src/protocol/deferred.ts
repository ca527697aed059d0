/** A promise, and what settles it from outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T | PromiseLike<T>) => void
  readonly reject: (reason?: unknown) => void
}

/** `Promise.withResolvers`, which Node 20 does not have. */
export function deferred<T>(): Deferred<T> {
  let resolve: Deferred<T>['resolve'] = () => {}
  let reject: Deferred<T>['reject'] = () => {}
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  return { promise, resolve, reject }
}

/** What a promise comes to; null where a signal gives it up before. */
export async function unlessAborted<T>(
  signal: AbortSignal,
  promise: Promise<T>
): Promise<T | null> {
  const { promise: stopped, resolve } = deferred<null>()
  const stop = () => resolve(null)
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  try {
    return await Promise.race([promise, stopped])
  } finally {
    // it may be there as long as the process
    signal.removeEventListener('abort', stop)
  }
}
