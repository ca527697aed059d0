// Where the bytes of an instance are: what its logs have in the database by kind, and what the database adds.
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import crypto from 'hypercore-crypto'
import Hyperdrive from 'hyperdrive'
import { parseLink } from 'mivm'
import { stateManifest } from '../src/protocol/manifest.ts'
import { openStore } from '../src/state/store.ts'

/** Kinds of keys in the data of a core, as hypercore-storage 3 numbers them. */
const KINDS = ['head', 'dependency', 'hints', 'blocks', 'tree', 'bitfield'] as const
const DATA = 4

/** Bytes by what they are for. */
export type Bytes = ReadonlyMap<string, number>

/**
 * What is in the store of a host that has ended, and has one instance. Tables are what is left when the database has
 * compacted nothing by force: with values that were written over and are not collected yet.
 */
export async function bytesOf(dir: string, link: string): Promise<Bytes> {
  const bytes = new Map<string, number>()
  const add = (what: string, count: number) => bytes.set(what, (bytes.get(what) ?? 0) + count)
  const db = path.join(dir, 'store', 'db')
  let files = 0
  for (const name of await readdir(db)) {
    const { size } = await stat(path.join(db, name))
    // what RocksDB tells people is not data
    if (/^LOG/.test(name)) continue
    files += size
  }
  const logical = await logicalBytes(path.join(dir, 'store'), link, add)
  add('RocksDB: over the keys and values that count', files - logical)
  return bytes
}

async function logicalBytes(
  dir: string,
  link: string,
  add: (what: string, count: number) => void
): Promise<number> {
  const store = await openStore(dir)
  try {
    const names = await namesOf(store, link)
    let sum = 0
    for await (const { key, value } of store.storage.db.iterator({})) {
      const size = key.byteLength + value.byteLength
      sum += size
      const [number, kind] = placeOf(key)
      const core = number === null ? null : (names.get(number) ?? 'user logs')
      add(core === null ? 'cores' : `${core}: ${KINDS[kind ?? -1] ?? 'notes'}`, size)
    }
    return sum
  } finally {
    await store.close()
  }
}

/** Names of the cores that are not users' logs, by their number in the database. */
async function namesOf(
  store: Awaited<ReturnType<typeof openStore>>,
  link: string
): Promise<Map<number, string>> {
  const { host, address } = parseLink(link)
  if (host === null) throw new Error('a link without a host')
  const { signers, ...rest } = stateManifest(host, address)
  const manifest = { ...rest, signers: [...signers] }
  const files = store.get({ manifest })
  await files.ready()
  const cores: [name: string, key: Uint8Array][] = [
    ['call log', address],
    ['bee', files.key]
  ]
  const content = Hyperdrive.getContentManifest(manifest, files.key)
  if (content !== null) {
    const blobs = store.get({ manifest: content })
    await blobs.ready()
    cores.push(['blobs', blobs.key])
  }
  const names = new Map<number, string>()
  for (const [name, key] of cores) {
    const info = await store.storage.getInfo(crypto.discoveryKey(key))
    if (info !== null) names.set(info.core.dataPointer, name)
  }
  return names
}

/** The number of the core that a key belongs to, and the kind of the key; null where it is not of a core's data. */
function placeOf(key: Uint8Array): [number: number | null, kind: number | null] {
  if (key[0] !== DATA) return [null, null]
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
  const first = view.getUint8(1)
  // big endian, so that keys are ordered as their numbers are
  if (first < 0xfc) return [first, key[2] ?? null]
  if (first === 0xfc) return [view.getUint16(2), key[4] ?? null]
  return [view.getUint32(2), key[6] ?? null]
}
