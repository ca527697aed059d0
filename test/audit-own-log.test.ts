// What a host shows to nobody, and its user has: the user's own log.
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import test, { type Test } from 'brittle'
import { audit, verifyEvidence } from 'mivm'
import { Instance } from '../src/host/instance.ts'
import { encodeUserEntry, readUserEntry } from '../src/protocol/entries.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { userLogKey } from '../src/protocol/manifest.ts'
import { closeStore, openStore } from '../src/state/store.ts'
import { Scene } from './set-back-scene.ts'

test('own log - a call that the host has altered is found by its user, whose log the host withholds', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  const bob = await scene.client('bob')
  await bob.call(link, 'add', ['mine'])
  await bob.call(link, 'add', ['mine as well'])
  const restore = alterCalls(t)
  const refused = await bob.call(link, 'add', ['of bob']).catch((error) => error)
  t.is(refused.code, 'PROOF_INVALID', String(refused))
  restore()
  await alice.call(link, 'add', ['behind it'])
  await bob.close()
  await host.close()
  await withhold(scene, userLogKey(decodeId(bob.id), decodeId(address)))
  const liar = await scene.start()
  t.alike((await run(scene, link, 'auditor')).said, ['inconclusive'])
  const again = await scene.client('bob')
  const before = await filesOf(scene, 'bob')
  const { said, evidence } = await run(scene, link, 'bob')
  t.alike(said, ['violation', 'CALL_ALTERED'])
  const proven = evidence && (await verifyEvidence(evidence, { host: liar.host.id }))
  t.alike([proven?.code, proven?.user], ['CALL_ALTERED', bob.id])
  t.alike(await filesOf(scene, 'bob'), before, 'nothing is written where he has his log')
  await again.close()
  t.alike((await run(scene, link, 'bob')).said, ['violation', 'CALL_ALTERED'], 'the next audit')
  await liar.host.close()
})

test('own log - of a user accuses nobody who only withholds it, or has not had all of it', async (t) => {
  const { scene, host, alice, link, address } = await Scene.deployed(t)
  await alice.call(link, 'add', ['one'])
  const bob = await scene.client('bob', 2_000)
  await bob.call(link, 'add', ['mine'])
  await host.close()
  const late = await bob.call(link, 'add', ['that nobody has taken in']).catch((error) => error)
  t.ok(['HOST_UNKNOWN', 'TIMEOUT'].includes(late.code), String(late))
  await bob.close()
  await withhold(scene, userLogKey(decodeId(bob.id), decodeId(address)))
  const again = await scene.start()
  t.alike((await run(scene, link, 'auditor')).said, ['inconclusive'])
  t.alike((await run(scene, link, 'bob')).said, ['clean'])
  // what was copied is there the next time, and goes on as he does
  const more = await scene.client('bob')
  await more.call(link, 'add', ['after it'])
  t.alike((await run(scene, link, 'bob')).said, ['clean'])
  await again.host.close()
})

/** Has the host take in what users have signed, and queue something else. */
function alterCalls(t: Test): () => void {
  const { submit } = Instance.prototype
  const restore = () => {
    Instance.prototype.submit = submit
  }
  t.teardown(restore)
  const other = encodeUserEntry({ type: 'call', method: 'add', args: '["altered"]', head: null })
  const alter = (block: Uint8Array) => (readUserEntry(block)?.type === 'call' ? other : block)
  Instance.prototype.submit = function (log, ...more) {
    let taken = 0
    const slice = (from?: number, to?: number) =>
      taken++ === 0 ? Array.prototype.slice.call(log.blocks, from, to) : log.blocks.map(alter)
    return submit.call(this, { ...log, blocks: Object.assign([...log.blocks], { slice }) }, ...more)
  }
  return restore
}

/** Removes what the host has of a log, but for its length. */
async function withhold({ dir }: Scene, key: Uint8Array): Promise<void> {
  const store = await openStore(path.join(dir, 'store'))
  const log = store.get({ key })
  await log.ready()
  await log.clear(0, log.length)
  await log.close()
  await closeStore(store)
}

async function filesOf({ root }: Scene, name: string): Promise<string[]> {
  const dir = path.join(root, name, 'users')
  const names = await readdir(dir, { recursive: true, withFileTypes: true })
  const files = names.filter((it) => it.isFile()).map((it) => path.join(it.parentPath, it.name))
  return Promise.all(
    files.sort().map(async (it) => `${it} ${(await readFile(it)).toString('hex')}`)
  )
}

async function run({ root, bootstrap }: Scene, address: string, name: string) {
  const said: string[] = []
  const dir = path.join(root, name)
  let evidence: Uint8Array | null = null
  for await (const event of audit({ address, dir, bootstrap, patience: 1_000, evidence: true })) {
    if (event.type === 'finding') said.push(event.finding.code)
    if (event.type === 'evidence') evidence = event.evidence
    if (event.type === 'verdict') said.unshift(event.verdict)
  }
  return { said, evidence }
}
