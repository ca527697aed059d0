import test from 'brittle'
import Hyperbee from 'hyperbee'
import { SparseCore } from '../src/audit/sparse-core.ts'
import { BeeWriter, type Change } from '../src/state/bee-writer.ts'
import { Random } from './random.ts'

const KEY = Buffer.alloc(32, 1)
const CONTENT = Buffer.alloc(32, 2)

/** How the keys of a history come: how many there are, and the share of deletions. */
interface Habit {
  readonly name: string
  readonly keys: number
  readonly deletions: number
  readonly batch: number
  readonly batches: number
}

const HABITS: readonly Habit[] = [
  { name: 'few keys', keys: 6, deletions: 0.4, batch: 6, batches: 400 },
  { name: 'one change at a time', keys: 120, deletions: 0.3, batch: 1, batches: 600 },
  { name: 'a tree that grows', keys: 5_000, deletions: 0.02, batch: 40, batches: 60 },
  { name: 'a tree that comes and goes', keys: 90, deletions: 0.5, batch: 30, batches: 200 },
  { name: 'three levels, small batches', keys: 800, deletions: 0.45, batch: 5, batches: 800 },
  { name: 'more nodes than are kept', keys: 20_000, deletions: 0.01, batch: 1_000, batches: 14 }
]

for (const habit of HABITS) {
  test(`bee writer - the blocks of Hyperbee: ${habit.name}`, async (t) => {
    const random = new Random()
    t.comment(`MIVM_SEED=${random.seed}`)
    const [theirs, ours] = [newCore(), newCore()]
    const bee = new Hyperbee<string>(theirs, {
      keyEncoding: 'utf-8',
      valueEncoding: 'utf-8',
      metadata: { contentFeed: CONTENT },
      extension: false
    })
    let writer = new BeeWriter(ours, CONTENT)
    for (let i = 0; i < habit.batches; i++) {
      const changes = changesOf(habit, random)
      const batch = bee.batch({ update: false })
      for (const [key, value] of changes) {
        if (value === null) await batch.del(key)
        else await batch.put(key, value)
      }
      await batch.flush()
      await writer.write(changes.map(encode))
      // what a restart finds is what was there before
      if (random.chance(0.05)) writer = new BeeWriter(ours, CONTENT)
    }
    t.ok(theirs.length > habit.batches / 2, `${theirs.length} blocks`)
    t.is(ours.length, theirs.length)
    t.is(await firstDifference(ours, theirs), null, 'the first block that is not the same')
  })
}

test('bee writer - after a block that could not be read it goes on with what the core has', async (t) => {
  const keys = Array.from({ length: 200 }, (_, i) => `key ${i}`)
  const core = newCore()
  await new BeeWriter(core, CONTENT).write(keys.map((key) => encode([key, 'a'])))
  const { length } = core
  let isDamaged = true
  const copy = new SparseCore(KEY, core.state.roots, async (index) =>
    isDamaged && index === 100 ? null : core.get(index)
  )
  const writer = new BeeWriter(copy, CONTENT)
  const failed = new Set<string>()
  // of two that fail together the first may be in the nodes already
  for (let i = 0; i < keys.length; i += 2) {
    const pair = keys.slice(i, i + 2)
    await writer.write(pair.map((key) => encode([key, 'b']))).catch(() => {
      for (const key of pair) failed.add(key)
    })
  }
  t.ok(failed.size > 0 && failed.size < keys.length, `${failed.size} of ${keys.length} failed`)
  isDamaged = false
  const whole = newCore()
  for (let i = 0; i < copy.length; i++) await whole.append(await copy.get(i))
  t.is(whole.length, length + keys.length - failed.size)
  const bee = new Hyperbee<string>(whole, {
    keyEncoding: 'utf-8',
    valueEncoding: 'utf-8',
    extension: false
  })
  const found: string[] = []
  for await (const { key, value } of bee.createReadStream()) found.push(`${key} ${value}`)
  t.alike(found, keys.map((key) => `${key} ${failed.has(key) ? 'a' : 'b'}`).sort())
})

function newCore(): SparseCore {
  return new SparseCore(KEY, [], async () => null)
}

function changesOf({ keys, deletions, batch }: Habit, random: Random): [string, string | null][] {
  const length = 1 + random.below(batch)
  return Array.from({ length }, () => {
    const key = `key ${random.below(keys)}`
    return [key, random.chance(deletions) ? null : 'v'.repeat(random.below(40))]
  })
}

function encode([key, value]: readonly [string, string | null]): Change {
  return [Buffer.from(key), value === null ? null : Buffer.from(value)]
}

async function firstDifference(a: SparseCore, b: SparseCore): Promise<number | null> {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if (Buffer.compare(await a.get(i), await b.get(i)) !== 0) return i
  }
  return null
}
