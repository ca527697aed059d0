import test from 'brittle'
import { encodeUserEntry } from '../src/protocol/entries.ts'
import {
  type Audited,
  closeVm,
  found,
  type Item,
  openStore,
  replicate,
  run,
  Writer
} from './audit-writer.ts'
import { closeOwnVm, Follower } from './follower.ts'
import { tempDir } from './helpers.ts'
import { Random } from './random.ts'

const SOURCE = `
let loaded = 0
exports.total = 0
exports.init = async () => { await state.mkdir('/a') }
exports.write = async (path, text) => { await state.writeFile(path, text); exports.total += text.length }
exports.remove = async (path) => { await state.unlink(path) }
exports.list = async (path, options) => ++loaded + ':' + (await state.readdir(path, options)).join()
exports.copy = async (from, to) => { await state.writeFile(to, await state.readFile(from)) }
exports.late = (path, text) => { state.writeFile(path, text); return Math.random() }
exports.set = (name, value) => { exports['v' + name] = value }
exports.unset = (name) => { delete exports['v' + name] }
exports.both = async (a, b) => Promise.all([state.exists(a), state.stat(b).catch((e) => e.code), state.writeFile(b, 'both')])
exports.fail = async (path, kind) => {
  await state.writeFile(path, 'never')
  exports.total = -1
  if (kind === 0) throw null
  if (kind === 1) throw Object.freeze({ message: 'frozen', code: 7 })
  if (kind === 2) throw 'text'
  if (kind === 3) return new Promise(() => {})
  if (kind === 4) return () => {}
  throw Object.assign(new RangeError(''), { code: '' })
}
`

test('audit - random honest histories are clean', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  for (let round = 0; round < 3; round++) {
    const writer = await Writer.deploy(t, { source: SOURCE })
    const written: Item[] = []
    for (let batch = 0; batch < 60; batch++) await commit(writer, random, written)
    const audited = await run(t, writer)
    t.alike(found(audited), [])
    t.alike(audited.verdict.missing, [])
    t.is(audited.verdict.verdict, 'clean')
  }
})

test('audit - random honest histories are clean to who follows them, comes and goes, and is cut off', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const writer = await Writer.deploy(t, { source: SOURCE })
  const written: Item[] = []
  const store = await openStore(t)
  const dir = await tempDir(t)
  const options = { store, address: writer.address, dir, patience: 10_000 }
  let end = await replicate(store, writer)
  let follower = await Follower.open(t, options)
  for (let batch = 0; batch < 60; batch++) {
    await commit(writer, random, written)
    if (random.chance(0.15)) {
      await end()
      if (random.chance(0.5)) await commit(writer, random, written)
      end = await replicate(store, writer)
    }
    if (!random.chance(0.1)) continue
    if (random.chance(0.7)) await follower.read(writer.log.length)
    const { findings, verdict } = await follower.stop()
    t.alike(found({ findings }), [])
    const others = verdict.missing.filter(({ reason }) => reason !== 'interrupted')
    t.alike(others, [], 'but that it may have been told to end while there was more to read')
    follower = await Follower.open(t, options)
  }
  await follower.replayed(countReplayed(await run(t, writer)))
  const { findings, verdict } = await follower.stop()
  const whole = await run(t, writer)
  t.alike(found({ findings }), [])
  t.alike(verdict.missing, [])
  // heads that it remembers itself count as well
  t.alike({ ...verdict.counts, heads: 0 }, { ...whole.verdict.counts, heads: 0 })
  await end()
})

function countReplayed({ verdict }: Audited): number {
  return verdict.counts.replayed
}

test.hook('audit - the VM of these tests closes', async (t) => {
  await t.execution(Promise.all([closeVm(), closeOwnVm()]))
})

/** Executes what was left of `written` and some that is new, and leaves some: users are ahead of their host. */
async function commit(writer: Writer, random: Random, written: Item[]): Promise<void> {
  const items = written.splice(0)
  const aborts: number[] = []
  for (let i = random.chance(0.1) ? 60 : random.below(12); i >= 0; i--) {
    const user = random.below(2)
    if (random.chance(0.03)) {
      items.push(await writer.write(user, random.bytes(random.below(40))))
      continue
    }
    if (random.chance(0.03)) aborts.push(items.length)
    const head = random.chance(0.2) ? await writer.head() : null
    items.push(await writer.call(user, ...callOf(random), head))
  }
  const left = items.splice(1 + random.below(items.length))
  written.push(...left)
  const first = await writer.commit(items, { aborts: aborts.filter((i) => i < items.length) })
  for (const user of [0, 1]) {
    if (random.chance(0.3)) await writer.ack(user, 1, first + 1)
    if (random.chance(0.05)) {
      const head = {
        ...(await writer.head()),
        signature: random.bytes(68),
        length: random.below(1000)
      }
      await writer.write(user, encodeUserEntry({ type: 'ack', answers: [], head }))
    }
  }
}

type Asked = [method: string, args: unknown[]]

function callOf(random: Random): Asked {
  const path = () => `/${random.pick(['a', 'b', 'ä', 'c/d'])}/${random.below(20)}`
  const text = random.text(30)
  return random.pick<Asked>([
    ['write', [path(), text]],
    ['write', [path(), 'same']],
    ['late', [path(), text]],
    ['remove', [path()]],
    ['list', [random.pick(['/', '/a', '/b', '/c'])]],
    ['list', ['/a', { limit: 3, reverse: random.chance(0.5) }]],
    ['copy', [path(), path()]],
    ['set', [random.below(5), text]],
    ['unset', [random.below(5)]],
    ['both', [path(), path()]],
    ['fail', [path(), random.below(6)]],
    ['nothing', []]
  ])
}
