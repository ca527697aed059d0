// A user that has signed two logs: one that it sends, and another one that it shows.
import path from 'node:path'
import type { Test } from 'brittle'
import crypto from 'hypercore-crypto'
import { Network } from '../src/net/network.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { userLogManifest } from '../src/protocol/manifest.ts'
import { closeStore, openStore } from '../src/state/store.ts'
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
  /** Shows it to whoever connects to the key that this resolves to. */
  const listen = async () => {
    network.onConnection((stream) => store.replicate(stream))
    await network.listen()
    return network.publicKey
  }
  /** As if it had been there first: its head, and so many blocks. */
  const fill = async (dir: string, end = user.blocks.length) => {
    const copies = await openStore(dir)
    const [one, two] = [store.replicate(true), copies.replicate(false)]
    one.pipe(two).pipe(one)
    const copy = copies.get({ key: core.key })
    await copy.ready()
    await copy.download({ start: 0, end }).done()
    one.destroy()
    two.destroy()
    await closeStore(copies)
  }
  return { core, join, listen, fill }
}
