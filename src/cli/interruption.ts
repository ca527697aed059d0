import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const cleanups = new Set<() => unknown>()
let waiter: (() => void) | null = null
let asked = false
let ended: Promise<number> | null = null

/** Begins to listen to signals: where no command waits for them they clean up and end the process. */
export function handleSignals(): void {
  for (const signal of SIGNALS) process.on(signal, () => onSignal(signal))
}

/**
 * Resolves at the first signal, or when nobody reads stdout any more: for commands that run until they are told to
 * stop. The second signal ends the process whatever is under way.
 */
export function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    waiter = resolve
    if (asked) resolve()
  })
}

/** Has something done when the command ends, in whatever way. */
export function atEnd(cleanup: () => unknown): void {
  cleanups.add(cleanup)
}

/** Does something that is given up, and leaves nothing behind, where the command is told to end. */
export function untilEnd<T>(work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const working = work(stop.signal)
  atEnd(async () => {
    stop.abort()
    await working.catch(() => {})
  })
  return working
}

/** Does what {@link atEnd} was told, the latest first; throws the first error when all is done. */
export async function cleanUp(): Promise<void> {
  const errors: unknown[] = []
  for (const cleanup of [...cleanups].reverse()) {
    cleanups.delete(cleanup)
    try {
      await cleanup()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}

/** Where a signal ends the process: the exit code, when all is cleaned up. */
export function ending(): Promise<number> | null {
  return ended
}

/** What reads our output is gone (`| head`): a command that waits is told to stop, any other ends here, quietly. */
export function stopQuietly(): void {
  if (waiter === null) end(Number(process.exitCode ?? 0))
  else tell()
}

function onSignal(signal: (typeof SIGNALS)[number]): void {
  if (asked) die(signal)
  else if (waiter === null) end(128 + constants.signals[signal])
  else tell()
}

function tell(): void {
  asked = true
  waiter?.()
}

function end(code: number): void {
  asked = true
  ended ??= cleanUp().then(
    () => code,
    () => code
  )
  void ended.then((known) => {
    // Node ends only when what it reads has come, a pipe that nobody writes to included: the next signal is the system's
    for (const signal of SIGNALS) process.removeAllListeners(signal)
    process.exit(known)
  })
}

/** At once, as one who does not listen. */
function die(signal: (typeof SIGNALS)[number]): void {
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
  // the first process of a container, which no signal of its own ends
  process.exit(128 + constants.signals[signal])
}
