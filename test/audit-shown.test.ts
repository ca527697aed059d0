// What a host shows, and what it does not, to somebody who audits it over the network.
import path from 'node:path'
import test from 'brittle'
import Hyperdrive from 'hyperdrive'
import { audit, Host } from 'mivm'
import { SetBacks } from '../src/host/set-back.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { stateManifest } from '../src/protocol/manifest.ts'
import { Archive } from '../src/state/archive.ts'
import { readIdentity } from '../src/state/identity.ts'
import { closeStore, openStore } from '../src/state/store.ts'
import { keep } from './helpers.ts'
import { Scene } from './set-back-scene.ts'

test('shown - less than a receipt has is found, where the host does not say that it was set back', async (t) => {
  keep(t, SetBacks.prototype, 'isSigned')
  const { scene, host, alice, link } = await Scene.deployed(t)
  await host.close()
  await scene.keep()
  const again = await scene.start()
  const call = alice.call(link, 'add', [])
  const { bytes } = await call.receipt
  await alice.close()
  await again.host.close()
  await scene.setBack()
  SetBacks.prototype.isSigned = () => false
  const liar = await scene.start()
  t.alike(await run(scene, link, [bytes]), ['violation', 'HISTORY_TRUNCATED'])
  await liar.host.close()
})

test('shown - an archive that no commit has left so is found', async (t) => {
  const { scene, host, link, address, alice } = await Scene.deployed(t)
  await alice.close()
  await host.close()
  const { keyPair } = await readIdentity(scene.dir, 'host')
  const store = await openStore(path.join(scene.dir, 'store'))
  const { signers, ...rest } = stateManifest(keyPair.publicKey, decodeId(address))
  const manifest = { ...rest, signers: [...signers] }
  const files = store.get({ manifest, keyPair })
  await files.ready()
  const contentManifest = Hyperdrive.getContentManifest(manifest, files.key)
  if (contentManifest === null) throw new Error('no manifest for the blobs')
  const archive = new Archive(files, store.get({ manifest: contentManifest, keyPair }))
  await archive.ready()
  await archive.write([{ path: '/texts/1', data: new Uint8Array([1]) }])
  await archive.close()
  await closeStore(store)
  const liar = await scene.start()
  t.alike(await run(scene, link), ['violation', 'ARCHIVE_UNCOMMITTED', 'ARCHIVE_UNCOMMITTED'])
  await liar.host.close()
})

test('shown - an instance of another host than the link names is not found clean', async (t) => {
  const { scene, host, link, address, alice } = await Scene.deployed(t)
  await alice.close()
  t.alike(await run(scene, link), ['clean'])
  // whoever makes such a link may be the one who is found honest then
  const other = await Host.open({
    dir: path.join(scene.root, 'other'),
    bootstrap: scene.bootstrap,
    engines: 1
  })
  const named = `mivm://${other.id}/${address}`
  await t.exception(run(scene, named), { code: 'INSTANCE_UNKNOWN' })
  await other.close()
  await host.close()
  await t.exception(run(scene, named), { code: 'INSTANCE_UNKNOWN' }, 'nor by the copy')
  t.alike(await run(scene, link), ['clean'])
})

async function run(
  { root, bootstrap }: Scene,
  address: string,
  receipts: Uint8Array[] = []
): Promise<string[]> {
  const said: string[] = []
  const dir = path.join(root, 'auditor')
  for await (const event of audit({ address, dir, bootstrap, patience: 1_000, receipts })) {
    if (event.type === 'finding') said.push(event.finding.code)
    if (event.type === 'verdict') said.unshift(event.verdict)
  }
  return said
}
