/** Files that are larger hold something else than what is looked for by all of their bits. */
const BYTES_MAX = 1024

/**
 * Reads what a file may have been before a disk flipped a bit of it, with each of its bits the other way in turn: the first that
 * can be read, or null.
 */
export function readUnflipped<T>(
  bytes: Uint8Array,
  read: (bytes: Uint8Array) => T | null
): T | null {
  if (bytes.byteLength > BYTES_MAX) return null
  for (let i = 0; i < 8 * bytes.byteLength; i++) {
    const other = Uint8Array.from(bytes)
    other[i >> 3] = (other[i >> 3] ?? 0) ^ (1 << (i & 7))
    const found = read(other)
    if (found !== null) return found
  }
  return null
}
