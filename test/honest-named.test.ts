import test from 'brittle'
import type { Limits } from '../src/protocol/limits.ts'
import { closeVm, found, type Item, run, Writer } from './audit-writer.ts'
import { tell } from './honest/audited.ts'
import type { Act, Story } from './honest/history.ts'

type Spec = readonly [method: string, ...args: unknown[]]

interface Case {
  readonly what: string
  readonly source: string
  readonly limits?: Partial<Limits>
  readonly calls: readonly Spec[]
}

const THROWN = [
  'null',
  'undefined',
  '7',
  "'text'",
  'Symbol.iterator',
  '10n',
  '[1]',
  '() => 1',
  '{}',
  'Object.create(null)',
  "Object.freeze({ message: 'frozen', code: 7 })",
  "Object.freeze(new TypeError('frozen'))",
  'new Error()',
  "Object.assign(new RangeError(''), { code: '' })",
  '{ get message() { throw 1 } }',
  "Object.defineProperty(new Error('x'), 'name', { get() { throw 2 } })",
  'new Proxy({}, { get() { throw 3 } })',
  "new (class Odd extends Error { get code() { return 'ODD' } })('odd')",
  "new AggregateError([new Error('a')], 'all')",
  "new Error('x'.repeat(10000))",
  "new Error('\\ud800')"
]

/** The honest histories of the list that a single host can tell with a contract. */
const CASES: readonly Case[] = [
  {
    what: 'thrown errors of every shape, in the middle and at the end',
    source: `const all = [${THROWN.map((thrown) => `() => { throw ${thrown} }`).join(',')}]
exports.ok = () => 1
exports.fail = async (i) => { await state.writeFile('/lost', 'x'); all[i]() }`,
    calls: THROWN.flatMap((_, i): Spec[] => [['ok'], ['fail', i]])
  },
  {
    what: 'calls that write nothing',
    source: `exports.n = 1; exports.nothing = () => {}; exports.same = () => { exports.n = 1; return exports.n }
exports.look = async () => [await state.exists('/no'), (await state.readdir('/')).length]`,
    calls: [['nothing'], ['look'], ['same'], ['nothing']]
  },
  {
    what: 'calls that read what they wrote, delete, rewrite, and write the same again',
    source: `exports.all = async (text) => {
  await state.writeFile('/a', text); const read = await state.readFile('/a')
  await state.unlink('/a'); const gone = await state.exists('/a')
  await state.writeFile('/a', text); return [read, gone, await state.readFile('/a')] }
exports.same = async () => { await state.writeFile('/a', await state.readFile('/a')) }
exports.gone = async () => { await state.unlink('/a') }`,
    calls: [['all', 'x'], ['all', 'x'], ['same'], ['same'], ['gone'], ['all', ''], ['gone']]
  },
  {
    what: 'random numbers, dates, locales, sorting and numbers of all sizes',
    source: `exports.all = (words) => [Math.random(), Math.random(), Date.now(), new Date().getTimezoneOffset(), String(new Date(env.time)),
  words.toSorted(), words.toSorted((a, b) => a.localeCompare(b)), words.map((w) => [w.toLocaleUpperCase(), w.normalize('NFC'), w.normalize('NFD')]),
  (1234567.891).toLocaleString(), -0, 5e-324, 1.7976931348623157e308, 1e21, 0.1 + 0.2, 2 ** 53, Math.sin(1e10), Math.pow(1.1, 77), 10n ** 30n]`,
    calls: [
      ['all', ['ä', 'a\u0308', 'I', 'ı', 'i', 'ß', 'Z', 'z', '10', '9', '😀', '\uffff']],
      ['all', []]
    ]
  },
  {
    what: 'unicode keys, and keys that are equal after normalisation',
    source: `exports.write = async (path, text) => { await state.writeFile(path, text) }
exports.read = async (path) => state.readFile(path)
exports.list = async () => state.readdir('/')`,
    calls: [
      '/a//b',
      '/a/b',
      '/ä',
      '/a\u0308',
      '/😀',
      '/\uffff',
      '/\u{10ffff}',
      '/A',
      '/a '
    ].flatMap((path): Spec[] => [['write', path, path], ['read', path], ['list']])
  },
  {
    what: 'writes that nobody awaits, and promises that never settle',
    source: `exports.late = (text) => { state.writeFile('/late', text); state.unlink('/late'); state.writeFile('/late', text + '!') }
exports.all = async () => Promise.all([state.writeFile('/a', '1'), state.exists('/a'), state.writeFile('/b', '2'), state.readdir('/')])
exports.race = async () => Promise.race([state.writeFile('/c', '1'), new Promise(() => {})])
exports.never = async () => { await state.writeFile('/never', '1'); return new Promise(() => {}) }
exports.rejected = () => { Promise.reject(new Error('nobody listens')); return 1 }`,
    calls: [['late', 'a'], ['all'], ['race'], ['never'], ['rejected'], ['late', 'b'], ['never']]
  },
  {
    what: 'variables of the module that are not exported',
    source: `let n = 0; const kept = []; const seen = new Map()
exports.count = () => [++n, kept.push(n), seen.set(n, 1).size]`,
    calls: [['count'], ['count'], ['count']]
  },
  {
    what: 'exported variables that come, go, change their names and become functions',
    source: `exports.a = 1; exports.keep = { list: [1] }
exports.add = (name, value) => { exports[name] = value }
exports.drop = (name) => { delete exports[name] }
exports.rename = (from, to) => { exports[to] = exports[from]; delete exports[from] }
exports.call = (name) => { exports[name] = () => 1 }
exports.push = () => exports.keep.list.push(2)
exports.see = () => Object.keys(exports)`,
    calls: [
      ['add', 'b', { x: [1] }],
      ['rename', 'b', 'c'],
      ['drop', 'a'],
      ['see'],
      ['call', 'c'],
      ['see'],
      ['add', 'c', 3],
      ['push'],
      ['drop', 'push'],
      ['push'],
      ['see']
    ]
  },
  {
    what: 'calls that use up their fuel, at the end as well',
    source: `exports.n = 0; exports.burn = async () => { exports.n++; await state.writeFile('/x', 'x'); for (;;); }
exports.see = () => exports.n`,
    limits: { fuel: 100_000 },
    calls: [['see'], ['burn'], ['see'], ['burn']]
  },
  {
    what: 'a contract with an init that writes',
    source: `exports.made = ''; exports.see = () => exports.made
exports.init = async () => { exports.made = caller.id; await state.writeFile('/made', env.seq + '') }`,
    calls: [['see'], ['init'], ['see']]
  }
]

for (const { what, source, limits = {}, calls } of CASES) {
  test(`honest - ${what}`, async (t) => {
    const writer = await Writer.deploy(t, { source, genesis: { limits } })
    const items: Item[] = []
    for (const [i, [method, ...args]] of calls.entries()) {
      items.push(await writer.call(i % 2, method, args))
      // some calls have a batch of their own, others are in one
      if (i % 3 === 0) await writer.commit(items.splice(0))
    }
    if (items.length > 0) await writer.commit(items)
    const audited = await run(t, writer)
    t.alike(found(audited), [])
    t.alike(audited.verdict.missing, [])
    t.alike(audited.verdict.suspicions, [])
    t.is(audited.verdict.verdict, 'clean')
    t.is(audited.verdict.counts.replayed, calls.length + 1)
  })
}

test('honest - a host that is killed at each step of a commit', async (t) => {
  const acts: Act[] = []
  // its beginning, before and behind the sync, and its end
  for (let steps = 0; steps < 4; steps++) {
    acts.push(call(0), call(1), { type: 'kill', steps }, sendAll(), { type: 'settle' })
  }
  const told = await tell(t, storyOf(acts))
  t.alike(told.problems, [])
  t.is(told.calls, 9)
  t.is(told.kills, 4)
})

test('honest - evictions, restarts, dead engines and users who send everything again', async (t) => {
  const between: readonly Act[] = [
    { type: 'evict' },
    { type: 'restart' },
    { type: 'engine' },
    { type: 'settle' }
  ]
  const acts = between.flatMap((act): Act[] => [
    ...Array.from({ length: 20 }, (_, i) => call(i % 2)),
    sendAll(),
    act,
    sendAll(),
    { type: 'ack', user: 0 }
  ])
  const told = await tell(t, storyOf(acts))
  t.alike(told.problems, [])
  t.is(told.calls, 81)
})

test('honest - a user who vanishes half-way, and one who is never heard of', async (t) => {
  const writer = await Writer.deploy(t, { source: 'exports.see = () => 1' })
  const item = await writer.call(1, 'see')
  for (let i = 0; i < 5; i++) await writer.call(1, 'see')
  await writer.commit([item])
  for (let i = 0; i < 5; i++) await writer.commit([await writer.call(0, 'see')])
  const audited = await run(t, writer)
  t.alike(found(audited), [])
  t.is(audited.verdict.verdict, 'clean')
  t.is(audited.verdict.counts.unanswered, 5)
  t.alike(audited.verdict.suspicions, [], 'it has waited for five seconds')
})

test.hook('honest - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

function storyOf(acts: readonly Act[]): Story {
  const source =
    "exports.n = 0; exports.add = async (x) => { await state.writeFile('/' + ++exports.n, x) }; exports.init = () => {}"
  return { seed: 0, source, users: 2, acts }
}

function call(user: number): Act {
  return { type: 'call', user, method: 'add', args: '["x"]' }
}

function sendAll(): Act {
  return { type: 'send', users: [0, 1], again: true }
}
