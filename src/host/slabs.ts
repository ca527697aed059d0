/** Node's own was that for years, and is 64 KiB now. */
const SLAB_BYTES = 8 * 1024

/**
 * For a process that is a host, and before anything else in it: Node's Buffers share slabs, and a key or a hash that is kept
 * keeps all of one. Of logs that are open for long there are many.
 */
export function useSmallSlabs(): void {
  Buffer.poolSize = SLAB_BYTES
}
