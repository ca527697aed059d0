import path from 'node:path'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { KeyPair } from 'hypercore-crypto'
import { METHODS_NOTE, positionNote } from '../host/notes.ts'
import { decodeEntry, encodeEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { encodeId } from '../protocol/ids.ts'
import {
  blobsManifest,
  callLogManifest,
  type Manifest,
  stateManifest,
  userLogManifest
} from '../protocol/manifest.ts'
import { exportIdentity, importIdentity, readIdentity } from '../state/identity.ts'
import { makeDirectory } from '../state/make-directory.ts'
import { openStore } from '../state/store.ts'

export interface Lie {
  readonly address: Uint8Array
  /** The call whose result is changed. */
  readonly seq: number
  /** What it is changed to, in the text form of values. */
  readonly value: string
}

/**
 * What a cheating host does: it takes the directory of a host that is not running, and writes another one in which a
 * single result differs, everything signed anew with the host's own key. Nobody else's signature is needed, and none
 * is forged: the users' logs are copied as they signed them.
 */
export async function falsify(honestDir: string, cheatDir: string, lie: Lie): Promise<void> {
  const host = await readIdentity(honestDir, 'host')
  await makeDirectory(cheatDir)
  await importIdentity(cheatDir, 'host', exportIdentity(host))
  const from = await openStore(path.join(honestDir, 'store'))
  const to = await openStore(path.join(cheatDir, 'store'))
  try {
    await rewrite({ from, to, keyPair: host.keyPair }, lie)
    // the host's own list of what it has
    const index = to.get({ name: 'instances' })
    await index.ready()
    await index.append(lie.address)
  } finally {
    await from.close()
    await to.close()
  }
}

interface Stores {
  readonly from: Corestore
  readonly to: Corestore
  readonly keyPair: KeyPair
}

async function rewrite(stores: Stores, lie: Lie): Promise<void> {
  const { from, to, keyPair } = stores
  const { address } = lie
  const log = from.get({ key: address })
  await log.ready()
  const { blocks, users } = await changeResult(await readAll(log), lie)
  const [genesis] = blocks
  if (genesis === undefined) throw new MivmError('INTERNAL', 'a call log without genesis')
  const copy = to.get({ manifest: callLogManifest(keyPair.publicKey, genesis), keyPair })
  await copy.ready()
  await copy.append(blocks)
  for (const note of [METHODS_NOTE, ...[...users.keys()].map(positionNote)]) {
    await copy.setUserData(note, await log.getUserData(note))
  }
  await copyArchive(stores, address)
  for (const user of users.values()) {
    await copyLog(stores, userLogManifest(user, address), false)
  }
}

/** All blocks with the result of one call changed, and the users that the log names. */
async function changeResult(blocks: Uint8Array[], { seq, value }: Lie) {
  const users = new Map<string, Uint8Array>()
  let ack = -1
  let changed = false
  for (const [index, block] of blocks.entries()) {
    const entry = decodeEntry(block)
    if (entry.type === 'ack') {
      users.set(encodeId(entry.user), entry.user)
      if (entry.seq === seq) ack = index
    } else if (entry.type === 'result' && entry.ack === ack) {
      blocks[index] = encodeEntry({ ...entry, value })
      changed = true
    }
  }
  if (!changed) throw new MivmError('INTERNAL', `there is no call ${seq} to lie about`)
  return { blocks, users }
}

async function copyArchive(stores: Stores, address: Uint8Array): Promise<void> {
  const { publicKey } = stores.keyPair
  await copyLog(stores, stateManifest(publicKey, address), true)
  await copyLog(stores, blobsManifest(publicKey, address), true)
}

/** Copies a log, signed anew or with the signature that it has. */
async function copyLog(
  { from, to, keyPair }: Stores,
  manifest: Manifest,
  sign: boolean
): Promise<void> {
  const log = from.get({ manifest })
  await log.ready()
  const copy = to.get(sign ? { manifest, keyPair } : { manifest })
  await copy.ready()
  const { signature } = log.state
  const blocks = await readAll(log)
  if (sign) await copy.append(blocks)
  else if (signature !== null) await copy.append(blocks, { signature })
}

async function readAll(log: Hypercore): Promise<Uint8Array[]> {
  const blocks: Uint8Array[] = []
  for (let i = 0; i < log.length; i++) {
    const block = await log.get(i, { wait: false })
    if (block === null) throw new MivmError('DIRECTORY_DAMAGED', `block ${i} is missing`)
    blocks.push(block)
  }
  return blocks
}
