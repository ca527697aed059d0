import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import Hyperdrive from 'hyperdrive'
import { codeOf, MivmError } from '../protocol/errors.ts'
import { blobsKey, stateKey } from '../protocol/manifest.ts'
import { writeFailure } from '../state/store.ts'

/** For a block of an archive that has to come from a peer, ms. */
export const ARCHIVE_WAIT = 10_000

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
  const key = stateKey(host, address)
  for (const log of [key, blobsKey(host, address)]) {
    await store.get({ key: log, allowFork: false }).ready()
  }
  const drive = new Hyperdrive(own, key)
  await drive.ready()
  return drive
}

/** A block that nobody sends in time is no fault of ours. */
export function throwLate(error: unknown, log: Hypercore): never {
  throw codeOf(error) === 'REQUEST_TIMEOUT' ? lateArchive(log) : error
}

/** TIMEOUT, for an archive of which something did not come; or why it could not be written. */
export function lateArchive(log: Hypercore): unknown {
  return (
    writeFailure(log) ??
    new MivmError('TIMEOUT', 'the archive, or a part of it, did not come: try again later')
  )
}
