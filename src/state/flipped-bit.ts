/** Files that are larger hold something else than what is looked for by all of their bits. */
const BYTES_MAX = 1024

/** What a file may have been before a disk flipped a bit of it: what it is, and that with each of its bits the other way. */
export function* unflipped(bytes: Uint8Array): Generator<Uint8Array> {
  yield bytes
  if (bytes.byteLength > BYTES_MAX) return
  for (let i = 0; i < 8 * bytes.byteLength; i++) {
    const other = Uint8Array.from(bytes)
    other[i >> 3] = (other[i >> 3] ?? 0) ^ (1 << (i & 7))
    yield other
  }
}
