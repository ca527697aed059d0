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

test('tail - of many logs no more is in memory than of few, and all of it is read', async (t) => {
  const store = await openStore(await tempDir(t))
  t.teardown(() => store.close(), { order: 1 })
  const tails: Tail[] = []
  for (let i = 0; i < 12; i++) {
    const core = store.get({ name: `log ${i}` })
    await core.ready()
    const tail = new Tail(core)
    tails.push(tail)
    t.teardown(() => tail.forget())
    for (let j = 0; j < 9; j++) {
      const blocks = Array.from({ length: 8 }, (_, k) => new Uint8Array(250_000).fill(9 * k + j))
      await core.append(blocks)
      tail.append(blocks)
    }
  }
  const held = tails.map(({ bytes }) => bytes > 0)
  t.is(held.indexOf(true), 4, 'the first ones have let go of theirs')
  t.is(held.lastIndexOf(false), 3)
  t.ok(tails.reduce((sum, { bytes }) => sum + bytes, 0) <= 128 * 1024 * 1024)
  for (const tail of tails) t.is((await tail.block(71))[0], 71)
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
