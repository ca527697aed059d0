import type CorestoreStorage from 'hypercore-storage'

/** Entries that are written at once, and their bytes, about: blocks may have hundreds of kilobytes, and batches keep copies. */
const WRITTEN_AT_ONCE = 4096
const BYTES_AT_ONCE = 8 * 1024 * 1024

/** One entry of a database. */
export interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Writes entries into a database that nobody uses yet; on disk once it is flushed. Returns how many there were. */
export async function fill(
  { db }: CorestoreStorage,
  entries: AsyncIterable<Entry>
): Promise<number> {
  let count = 0
  let some: Entry[] = []
  let bytes = 0
  const write = async () => {
    const batch = db.write({ autoDestroy: true })
    for (const { key, value } of some) batch.tryPut(key, value)
    await batch.flush()
    count += some.length
    some = []
    bytes = 0
  }
  for await (const entry of entries) {
    some.push(entry)
    bytes += entry.key.byteLength + entry.value.byteLength
    if (some.length === WRITTEN_AT_ONCE || bytes >= BYTES_AT_ONCE) await write()
  }
  await write()
  return count
}
