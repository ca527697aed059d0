import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import {
  hashOf,
  leafHash,
  parentHash,
  rootsHash,
  takeOverHashes
} from '../src/protocol/tree-hash.ts'
import { Random } from './random.ts'

const { data, parent, tree, hash } = crypto

/** Around what is gathered, and around what its parts leave of that. */
const SIZES = [0, 1, 9, 100, 4086, 4087, 4088, 4095, 4096, 4097, 100_000]

test('protocol - hashes of trees are those of Hypercore', (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const bytes = (size: number) => random.bytes(size)
  const numbers = [
    0,
    1,
    255,
    256,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    // two of them are still a safe integer
    2 ** 51 + 5,
    random.below(2 ** 30)
  ]
  const node = (index: number) => ({
    index,
    size: numbers[random.below(numbers.length)] ?? 0,
    hash: bytes(32)
  })
  for (const size of SIZES) {
    const block = bytes(size)
    t.alike(leafHash(block), data(block), `a block of ${size} bytes`)
    const parts = [bytes(3), block, bytes(0), bytes(5)]
    t.alike(hashOf(parts), hash(parts), `parts around ${size} bytes`)
  }
  for (const index of numbers) {
    const [a, b] = [node(index), node(index + 4)]
    t.alike(parentHash(a, b), parent(a, b), `nodes ${index} and after`)
    t.alike(parentHash(b, a), parent(a, b), 'in any order')
  }
  for (const count of [0, 1, 2, 50, 85, 86, 200]) {
    const roots = Array.from({ length: count }, (_, i) => node(i * 4))
    t.alike(rootsHash(roots), tree(roots), `${count} roots`)
    const out = b4a.alloc(32)
    t.is(rootsHash(roots, out), out)
    t.alike(out, tree(roots))
  }
})

test('protocol - Hypercore goes on with them, however often they are put in its place', (t) => {
  takeOverHashes()
  takeOverHashes()
  for (const size of SIZES) {
    const block = b4a.alloc(size, size)
    t.alike(crypto.data(block), data(block))
  }
})
