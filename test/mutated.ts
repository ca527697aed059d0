import b4a from 'b4a'
import type { Random } from './random.ts'

/** Bytes that mean something to a decoder: ends of ranges, flags, lengths, UTF-8, text. */
const ODD: readonly (readonly number[])[] = [
  [0],
  [1],
  [2],
  [3],
  [0x7f],
  [0x80],
  [0xfc],
  [0xfd],
  [0xfe],
  [0xff],
  [0xfd, 0xfc, 0],
  [0xfd, 0xfd, 0],
  [0xfd, 0xff, 0xff],
  [0xfe, 0, 0, 1, 0],
  [0xfe, 0, 0, 0x10, 0],
  [0xfe, 0xff, 0xff, 0xff, 0xff],
  [0xff, 0, 0, 0, 0, 1, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0],
  [0xff, 0, 0, 0, 0, 0, 0, 0x20, 0],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xef, 0xbb, 0xbf],
  [0xed, 0xa0, 0x80],
  [0xc0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0x22],
  [0x5b],
  [0x7b]
]

/** Bytes that begin as one of `corpus` and are changed in a few places, sometimes in none. */
export function mutated(random: Random, corpus: readonly Uint8Array[]): Uint8Array {
  const pick = () => corpus[random.below(corpus.length)] ?? new Uint8Array()
  let bytes = pick()
  for (let i = random.below(4); i > 0; i--) bytes = change(random, bytes, pick)
  return bytes
}

function change(random: Random, bytes: Uint8Array, pick: () => Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1)
  // near the beginning is where most of the structure is
  const near = random.below(Math.min(bytes.length + 1, 12))
  const to = random.chance(0.3) ? near : at
  const length = random.below(1 + Math.min(bytes.length - to, random.chance(0.5) ? 4 : 64))
  const [before, after] = [bytes.subarray(0, to), bytes.subarray(to)]
  const rest = after.subarray(length)
  switch (random.below(8)) {
    case 0:
    case 1: {
      const flipped = b4a.from(bytes)
      if (to < bytes.length) flipped[to] = (flipped[to] ?? 0) ^ (1 << random.below(8))
      return flipped
    }
    case 2:
      return b4a.concat([before, odd(random), after.subarray(1)])
    case 3:
      return b4a.concat([before, odd(random), after])
    case 4:
      return b4a.concat([before, rest])
    case 5:
      return b4a.concat([before, after.subarray(0, length), after])
    case 6:
      return b4a.concat([before, random.bytes(length), rest])
    default: {
      const other = pick()
      return b4a.concat([before, other.subarray(Math.min(other.length, to))])
    }
  }
}

function odd(random: Random): Uint8Array {
  return Uint8Array.from(ODD[random.below(ODD.length)] ?? [])
}
