import type { Random } from '../random.ts'

/** What the calls of a random contract can be; each has a weight, and arguments that mean something to it. */
interface Method {
  readonly name: string
  readonly code: string
  args(random: Random): unknown[]
}

const path = (random: Random) =>
  random.pick(['/a', '/a/b', '/ä', '/a\u0308', '/x/y/z', '/😀', '/a/10', '/a/9', '/Z'])
const text = (random: Random) => random.text(40)

/** Everything that honest hosts have been accused for, and more. */
const METHODS: readonly Method[] = [
  {
    name: 'write',
    code: 'async (path, text) => { await state.writeFile(path, text); exports.total += text.length }',
    args: (random) => [path(random), text(random)]
  },
  {
    name: 'rewrite',
    code: `async (path) => { await state.writeFile(path, 'same'); await state.unlink(path); await state.writeFile(path, 'same'); return state.readFile(path) }`,
    args: (random) => [path(random)]
  },
  {
    name: 'late',
    code: '(path, text) => { state.writeFile(path, text) }',
    args: (random) => [path(random), text(random)]
  },
  {
    name: 'remove',
    code: 'async (path) => { await state.unlink(path) }',
    args: (random) => [path(random)]
  },
  {
    name: 'list',
    code: `async (path) => (await state.readdir(path)).join('|')`,
    args: (random) => [random.pick(['/', '/a', '/x'])]
  },
  {
    name: 'both',
    code: 'async (a, b) => Promise.all([state.exists(a), state.stat(b).catch((e) => e.code), state.writeFile(b, a)])',
    args: (random) => [path(random), path(random)]
  },
  {
    name: 'roll',
    code: '() => [Math.random(), Date.now(), env.seq, new Date(env.time).toISOString()]',
    args: () => []
  },
  {
    name: 'sort',
    code: `(words) => [words.toSorted(), words.toSorted((a, b) => a.localeCompare(b)), words.map((w) => w.toUpperCase().normalize('NFD'))]`,
    args: (random) => [Array.from({ length: random.below(12) }, () => random.text(6))]
  },
  {
    name: 'number',
    code: '(n) => [n, -0, n / 3, Math.sin(n), n ** 0.5 || 0, 1e308, 5e-324, BigInt(Math.trunc(n)) ** 3n, (0.1 + 0.2).toFixed(20)]',
    args: (random) => [random.pick([0, -1, random.below(1e6) / 7, 1e21, 2 ** 53])]
  },
  {
    name: 'set',
    code: `(name, text) => { exports['v' + name] = text.length % 3 === 0 ? () => text : { text, list: [text.length, null, true] } }`,
    args: (random) => [random.below(5), text(random)]
  },
  {
    name: 'unset',
    code: `(name) => { delete exports['v' + name] }`,
    args: (random) => [random.below(5)]
  },
  { name: 'hidden', code: '() => ++hidden', args: () => [] },
  {
    name: 'fail',
    code: `async (path, kind) => {
      await state.writeFile(path, 'never')
      exports.total = -1
      const thrown = [null, undefined, 'text', 7, Symbol.iterator, Object.freeze({ message: 'frozen', code: 7 }), { get message() { throw 1 } },
        Object.assign(new RangeError(''), { code: '' }), new (class Odd extends Error {})('odd'), Object.create(null), [1], () => 1,
        new Proxy({}, { get() { throw 2 } }), Object.defineProperty(new Error('x'), 'name', { get: () => 'N' })]
      throw thrown[kind % thrown.length]
    }`,
    args: (random) => [path(random), random.below(14)]
  },
  { name: 'never', code: '() => new Promise(() => {})', args: () => [] },
  {
    name: 'odd',
    code: '(kind) => [() => 1, Symbol.iterator, NaN, new Map([[1, 2]]), new Date(0), undefined, 1n][kind]',
    args: (random) => [random.below(7)]
  },
  { name: 'burn', code: '() => { for (;;) hidden++ }', args: () => [] },
  { name: 'deep', code: 'function f(n) { return f(n + 1) }', args: () => [0] },
  {
    name: 'ask',
    code: `async (what, fails) => { const said = await oracle.price(what).catch((e) => e.message); await state.writeFile('/said', String(said)); if (fails) throw new Error(said); return said }`,
    args: (random) => [random.below(5), random.chance(0.3)]
  },
  {
    name: 'bytes',
    code: '(bytes) => { exports.kept = bytes; return bytes }',
    args: (random) => [random.bytes(random.below(50))]
  }
]

/** Methods that burn all the fuel of a call are called rarely: they take as long as hundreds of others. */
const DEAR: readonly string[] = ['burn', 'deep']

export interface RandomContract {
  readonly source: string
  call(random: Random): readonly [method: string, args: unknown[]]
}

/** A contract of some of the methods, with an `init` or without one. */
export function randomContract(random: Random): RandomContract {
  const methods = METHODS.filter(() => random.chance(0.8))
  const init = random.pick([
    '',
    'exports.init = () => {}',
    `exports.init = async () => { await state.writeFile('/a', caller.id); exports.total = 1 }`
  ])
  const lines = methods.map(({ name, code }) => `exports.${name} = ${code}`)
  const source = ['let hidden = 0', 'exports.total = 0', init, ...lines].join('\n')
  const cheap = methods.filter(({ name }) => !DEAR.includes(name))
  return {
    source,
    call: (random) => {
      const all = random.chance(0.01) ? methods : cheap
      const method = all[random.below(all.length)]
      if (method === undefined || random.chance(0.02)) return ['nothing', []]
      return [method.name, method.args(random)]
    }
  }
}
