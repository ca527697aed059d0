import { fileURLToPath } from 'node:url'
import test, { type Test } from 'brittle'
import { bundle, callerId, deploy } from 'mivm/testing'
import { codeHash } from '../src/protocol/hash.ts'

const FILE = fileURLToPath(new URL('../contracts/ladder.ts', import.meta.url))

async function open(t: Test) {
  const instance = await deploy<'join' | 'lose' | 'table'>(await bundle(FILE))
  t.teardown(() => instance.close())
  return instance
}

test('contracts - the ladder moves points from who loses to who wins', async (t) => {
  const ladder = await open(t)
  for (const name of ['ann', 'bob', 'cem']) t.is(await ladder.as(name).join(name), 1000)
  t.is(await ladder.as('ann').lose('bob'), 984)
  t.is(await ladder.as('bob').lose('ann'), 999)
  t.alike(await ladder.as('cem').table(), [
    { name: 'ann', rating: 1001, games: 2 },
    { name: 'cem', rating: 1000, games: 0 },
    { name: 'bob', rating: 999, games: 2 }
  ])
  t.alike(ladder.variables['games'], 2)
  t.alike(Object.keys(ladder.variables['players'] ?? {}), ['ann', 'bob', 'cem'].map(callerId))
})

test('contracts - the ladder keeps names apart, and players from lying', async (t) => {
  const ladder = await open(t)
  await ladder.as('ann').join('ann')
  await t.exception(ladder.as('bob').join('ann'), { code: 'NAME_TAKEN' })
  await t.exception(ladder.as('bob').join(''), { code: 'NAME_INVALID' })
  await t.exception(ladder.as('bob').join(['bob']), { code: 'NAME_INVALID' })
  await t.exception(ladder.as('bob').lose('ann'), { code: 'NOT_A_PLAYER' })
  await t.exception(ladder.as('ann').lose('bob'), { code: 'NOT_A_PLAYER' })
  await t.exception(ladder.as('ann').lose('ann'), { code: 'OWN_GAME' })
  t.is(await ladder.as('ann').join('anna'), 1000)
  t.alike(ladder.variables['games'], 0)
})

test('contracts - the bundle of the ladder is the same everywhere', async (t) => {
  const { source, packages } = await bundle(FILE)
  t.alike(packages, [])
  // another version of esbuild may well give another one, which then is another contract
  t.is(Buffer.from(codeHash(source)).toString('hex'), HASH, source)
})

const HASH = '52f24dc0fe3796aac684fc2283e9da8e3c4421ae8140ddc82d76e74a0c93bc07'
