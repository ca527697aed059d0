import type SecretStream from '@hyperswarm/secret-stream'

/** A message that takes longer to come than this, ms, is taken for one that may never end. */
const SLOW_MS = 1_000

/** When messages that were coming in were first looked at, as performance.now(). */
const seen = new WeakMap<Uint8Array, number>()

/**
 * Bytes of a message of which only a part has come for a while, from somebody who came to us: a stream has room for all of it from
 * its first byte on, up to 16 MiB. Those to whom we go are few, and what they send was asked for. To be asked again and again.
 */
export function slowIn(stream: SecretStream, now: number): number {
  const { isInitiator, _message: message } = stream
  if (isInitiator || message === null) return 0
  const since = seen.get(message) ?? now
  seen.set(message, since)
  return now - since < SLOW_MS ? 0 : message.byteLength
}

/** Ends those whose slow messages are the largest, until what all of them have is so many bytes at most. */
export function endSlow(streams: Iterable<SecretStream>, most: number, now: number): void {
  endLargest(
    streams,
    most,
    (stream) => slowIn(stream, now),
    (stream) => stream.destroy()
  )
}

/** Ends those that hold most, until what all of them hold is so many bytes at most. Returns how many those were. */
export function endLargest<T>(
  all: Iterable<T>,
  most: number,
  bytesOf: (one: T) => number,
  end: (one: T) => void
): number {
  const holding = [...all]
    .map((one) => ({ one, bytes: bytesOf(one) }))
    .filter(({ bytes }) => bytes > 0)
  let held = holding.reduce((sum, { bytes }) => sum + bytes, 0)
  let ended = 0
  for (const { one, bytes } of holding.sort((a, b) => b.bytes - a.bytes)) {
    if (held <= most) break
    held -= bytes
    end(one)
    ended++
  }
  return ended
}
