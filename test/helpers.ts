import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** What a test gives to its helpers: the means to clean up. */
export interface Teardown {
  teardown(fn: () => unknown, options?: { order?: number }): void
}

/** A fresh directory that is removed after everything else of the test has been closed. */
export async function tempDir(t: Teardown): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'mivm-test-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }), { order: Number.MAX_SAFE_INTEGER })
  return dir
}

/** What a test puts something else in the place of; it is there again at its end. */
export function keep<T extends object, K extends keyof T>(t: Teardown, object: T, name: K): T[K] {
  const kept = object[name]
  t.teardown(() => {
    object[name] = kept
  })
  return kept
}

/** The code that something ends with. */
export function codeOf(doing: Promise<unknown>): Promise<string> {
  return rejection(doing).then(({ code }) => code)
}

/** What something ends with. */
export function rejection(doing: Promise<unknown>): Promise<{ code: string; message: string }> {
  return doing.then(
    (value) => ({ code: 'none', message: `it was answered: ${value}` }),
    (error) => error
  )
}
