import b4a from 'b4a'
import test from 'brittle'
import type { AtomChange } from 'hypercore-storage'
import { createAtom } from '../src/state/atom.ts'
import { parseDataKey, TREE } from '../src/state/keys.ts'
import { openStore } from '../src/state/store.ts'
import { tempDir } from './helpers.ts'
import { Random } from './random.ts'

const ROUNDS = 300

test('state - an atom is read like one of the library, however much is in it', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const store = await openStore(await tempDir(t))
  t.teardown(() => store.close())
  const views = [createAtom(store), store.storage.createAtom()].map(({ view }) => view)
  const database = { get: async (key: Uint8Array) => b4a.concat([b4a.from('db'), key]) }
  let wrong = 0
  for (let round = 0; round < ROUNDS; round++) {
    const many = random.below(20) === 0 ? 9000 : random.below(8)
    const changes = Array.from({ length: many }, () => changeOf(random))
    for (const view of views) {
      if (changes.length > 0) view.apply(changes.map((change) => [...change]))
    }
    for (let i = random.below(20); i > 0; i--) {
      const key = keyOf(random)
      const [ours, theirs] = await Promise.all(views.map((view) => view.get(database, key)))
      if (b4a.toString(ours ?? b4a.from('none')) !== b4a.toString(theirs ?? b4a.from('none'))) {
        wrong++
      }
    }
    if (random.below(10) === 0) for (const view of views) view.reset()
  }
  t.is(wrong, 0)
})

test('state - the flush of an atom leaves those logs alone to which nothing was appended', async (t) => {
  const store = await openStore(await tempDir(t))
  t.teardown(() => store.close())
  const atom = createAtom(store)
  const told: string[] = []
  const open = async (name: string) => {
    const log = store.get({ name })
    await log.append(b4a.from('before'))
    const session = log.session({ atom })
    await session.ready()
    log.on('append', () => told.push(name))
    return { log, session }
  }
  const a = await open('a')
  const b = await open('b')
  const flushed = async ({ session }: typeof a, block: string) => {
    await session.append(b4a.from(block))
    await atom.flush()
    return told.splice(0)
  }
  t.alike(await flushed(a, 'first'), ['a'])
  t.alike(await flushed(a, 'second'), ['a'])
  t.alike(await flushed(b, 'first'), ['b'])
  t.alike(await flushed(a, 'third'), ['a'])
  await atom.flush()
  t.alike(told, [], 'nothing is told of a flush of nothing')
  t.alike([a.log.length, b.log.length], [4, 2])
  t.alike(await a.log.get(3, { wait: false }), b4a.from('third'))
  t.alike(a.log.state.signature, a.session.state.signature)
})

test('state - nodes of a tree are written in the order of their keys', async (t) => {
  const store = await openStore(await tempDir(t))
  t.teardown(() => store.close())
  const atom = createAtom(store)
  const log = store.get({ name: 'log' })
  await log.ready()
  const session = log.session({ atom })
  await session.ready()
  const nodes: Uint8Array[] = []
  for (const count of [3, 1, 50]) {
    const before = atom.view.changes?.length ?? 0
    await session.append(Array.from({ length: count }, (_, i) => b4a.from(`${i}`)))
    const keys = (atom.view.changes ?? []).slice(before).map(([key]) => key)
    const added = keys.filter((key) => parseDataKey(key)?.kind === TREE)
    t.alike(added, added.toSorted(b4a.compare))
    nodes.push(...added)
  }
  t.is(new Set(nodes.map((key) => b4a.toString(key, 'hex'))).size, nodes.length)
  t.is(nodes.length, 54 + 50, 'as many as the tree has')
  await atom.flush()
  t.is(log.length, 54)
})

function changeOf(random: Random): AtomChange {
  const key = keyOf(random)
  const kind = random.below(12)
  if (kind === 0) {
    const [from = key, end = key] = [key, keyOf(random)].sort(b4a.compare)
    return [from, null, end]
  }
  return [key, kind < 3 ? null : random.bytes(4), null]
}

function keyOf(random: Random): Uint8Array {
  return b4a.from([4, random.below(2), ...(random.below(2) === 0 ? [5] : [3, random.below(40)])])
}
