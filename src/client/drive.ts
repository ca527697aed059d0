import type Corestore from 'corestore'
import Hyperdrive from 'hyperdrive'
import { blobsManifest, manifestKey, stateManifest } from '../protocol/manifest.ts'

/**
 * The state archive of an instance, of which nothing is cut back under its reader: a drive opens its cores so that they
 * may be, and the first session of a core decides. They stay open as long as the store does. `own` is a store that the
 * drive closes.
 */
export async function openDrive(
  store: Corestore,
  own: Corestore,
  host: Uint8Array,
  address: Uint8Array
): Promise<Hyperdrive> {
  const key = manifestKey(stateManifest(host, address))
  for (const log of [key, manifestKey(blobsManifest(host, address))]) {
    await store.get({ key: log, allowFork: false }).ready()
  }
  const drive = new Hyperdrive(own, key)
  await drive.ready()
  return drive
}
