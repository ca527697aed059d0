// A user that has signed two logs: one that it sends, and another one that it shows.
import path from 'node:path'
import type { Test } from 'brittle'
import crypto from 'hypercore-crypto'
import { Network } from '../src/net/network.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { userLogManifest } from '../src/protocol/manifest.ts'
import { openStore } from '../src/state/store.ts'
import type { BareUser } from './bare-user.ts'
import type { Scene } from './set-back-scene.ts'

/** Shows the log of a user to those whom it joins, and nothing else. */
export async function showLog(t: Test, scene: Scene, user: BareUser, address: Uint8Array) {
  const store = await openStore(path.join(scene.root, 'liar'))
  const manifest = userLogManifest(user.key, address)
  const core = store.get({
    manifest: { ...manifest, signers: [...manifest.signers] },
    keyPair: user.keyPair
  })
  await core.append(user.blocks)
  const network = new Network(crypto.keyPair(), scene.bootstrap)
  t.teardown(() => network.close().then(() => store.close()), { order: 1 })
  const join = async (id: string) => {
    store.replicate(await network.connect(decodeId(id)))
  }
  return { store, core, join }
}
