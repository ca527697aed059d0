// What a host keeps in memory of its logs, to make proofs of.
import test, { type Test } from 'brittle'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import { Tail } from '../src/host/tail.ts'
import { openStore } from '../src/state/store.ts'
import { tempDir } from './helpers.ts'

test('tail - however many nodes are asked for, few of them are kept', async (t) => {
  const { tail, reads } = await open(t, 12_000)
  for (let index = 0; index < 24_000; index += 2) await tail.node(index)
  const before = reads()
  t.is(before, 12_000)
  for (let index = 23_990; index < 24_000; index += 2) await tail.node(index)
  t.is(reads(), before, 'the last ones are at hand')
  for (let index = 0; index < 10; index += 2) await tail.node(index)
  t.is(reads(), before + 5, 'the first ones are read again')
})

/** A log of so many blocks as it is after a start: none of them in memory. */
async function open(t: Test, blocks: number) {
  const store = await openStore(await tempDir(t))
  t.teardown(() => store.close(), { order: 1 })
  const core = store.get({ name: 'log' })
  await core.ready()
  await core.append(Array.from({ length: blocks }, (_, i) => new Uint8Array([i, i >> 8])))
  const { get } = MerkleTree
  let count = 0
  MerkleTree.get = (state, index) => {
    count++
    return get.call(MerkleTree, state, index)
  }
  t.teardown(() => Object.assign(MerkleTree, { get }))
  return { tail: new Tail(core), reads: () => count }
}
