import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { KeyPair } from 'hypercore-crypto'
import type { Atom } from 'hypercore-storage'
import { blobsManifest, stateManifest } from '../protocol/manifest.ts'
import { Archive } from '../state/archive.ts'
import { createAtom } from '../state/atom.ts'

/** An instance's own logs, opened so that all that is written to them is in one atom. */
export interface AtomSessions {
  readonly atom: Atom
  readonly log: Hypercore
  readonly archive: Archive
  /** The archive's two logs as they are on disk. */
  readonly files: Hypercore
  readonly blobs: Hypercore
}

/** `callLog` is the log as it is on disk, which stays open when these are closed. */
export async function openSessions(
  store: Corestore,
  keyPair: KeyPair,
  callLog: Hypercore
): Promise<AtomSessions> {
  const atom = createAtom(store)
  const { publicKey: host } = keyPair
  const { key: address } = callLog
  const opened: Hypercore[] = []
  const open = (core: Hypercore): Hypercore => {
    opened.push(core)
    return core
  }
  try {
    const files = open(store.get({ manifest: stateManifest(host, address), keyPair }))
    await files.ready()
    const blobs = open(store.get({ manifest: blobsManifest(host, address), keyPair }))
    await blobs.ready()
    // a block that a damaged disk has lost is an error, and nothing to wait for
    const here = { atom, wait: false }
    const log = open(callLog.session(here))
    const archive = new Archive(open(files.session(here)), open(blobs.session(here)), blobs.key)
    await Promise.all([log.ready(), archive.ready()])
    return { atom, log, archive, files, blobs }
  } catch (error) {
    for (const core of opened.reverse()) await core.close().catch(() => {})
    throw error
  }
}

export async function closeSessions({ archive, log, files, blobs }: AtomSessions): Promise<void> {
  await archive.close()
  await log.close()
  await files.close()
  await blobs.close()
}
