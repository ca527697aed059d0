import type CorestoreStorage from 'hypercore-storage'

const WRITTEN_AT_ONCE = 4096

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
  const write = async () => {
    const batch = db.write({ autoDestroy: true })
    for (const { key, value } of some) batch.tryPut(key, value)
    await batch.flush()
    count += some.length
    some = []
  }
  for await (const entry of entries) {
    some.push(entry)
    if (some.length === WRITTEN_AT_ONCE) await write()
  }
  await write()
  return count
}
