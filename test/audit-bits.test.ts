// The set of a user's entries that have acks.
import test from 'brittle'
import { Bits } from '../src/audit/bits.ts'
import { Random } from './random.ts'

test('bits - hold what was added, and go on from what was written down', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const numbers = new Set(Array.from({ length: 2_000 }, () => random.below(200_000)))
  const bits = new Bits()
  for (const n of numbers) bits.add(n)
  const again = new Bits(bits.bytes() ?? undefined)
  const wrong: number[] = []
  for (let n = 0; n < 200_100; n++) {
    if (bits.has(n) !== numbers.has(n) || again.has(n) !== numbers.has(n)) wrong.push(n)
  }
  t.alike(wrong, [])
  t.alike(again.bytes(), bits.bytes())
})

test('bits - a number that is far away takes no room, and is not written down', (t) => {
  const bits = new Bits()
  bits.add(3)
  for (const far of [2 ** 40, 2 ** 52, Number.MAX_SAFE_INTEGER]) {
    t.absent(bits.has(far))
    bits.add(far)
    t.ok(bits.has(far))
    t.absent(bits.has(far - 1))
  }
  t.ok(bits.has(3))
  t.is(bits.bytes(), null)
})

test('bits - numbers that are far from each other take little more room than what they come from', (t) => {
  const bits = new Bits()
  const before = room()
  for (let i = 0; i < 20_000; i++) bits.add(i * 40_000)
  const taken = room() - before
  t.ok(bits.has(40_000) && !bits.has(40_001))
  t.ok(taken < 20_000 * 600, `${taken} bytes for 20,000 acks, of 200 bytes each in a log`)
})

function room(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
