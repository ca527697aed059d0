import { DEPTH, FUEL, inMethod, NESTED, OK, ROOM, THROWN } from './attack.ts'

/** An iterator whose steps are a builtin: it never ends, and runs no code of the contract. */
const ENDLESS =
  'const endless = { [Symbol.iterator]: () => ({ next: Map.prototype.get.bind(new Map([[undefined, { value: [1, 2] }]])) }) };'
const HELPER = `${ENDLESS} const helper = Iterator.from(endless);`

/** A function that gives the integer of a hash of V8's, by which a Map finds it. */
const INVERTED_HASH = `
  const inverse = (n) => { let x = 1; for (let i = 0; i < 6; i++) x = Math.imul(x, 2 - Math.imul(n, x)); return x }
  const [A, B, C] = [2057, 5, 32767].map(inverse)
  const back = (h, s) => { let r = h; for (let i = s; i < 32; i += s) r = h ^ (r >>> s); return r }
  const inverted = (h) => Math.imul(back(Math.imul(back(Math.imul(back(h, 16), A), 4), B), 12) + 1, C);`

/** Iterators and well-known symbols. */
export const iterators = inMethod({
  'spreading without end': [`${ENDLESS} return [...endless]`, FUEL],
  'arguments without end': [`${ENDLESS} return Math.max(...endless)`, FUEL],
  'Array.from without end': [`${ENDLESS} return Array.from(endless)`, FUEL],
  'a set without end': [`${ENDLESS} return new Set(endless)`, FUEL],
  'a map without end': [`${ENDLESS} return new Map(endless)`, FUEL],
  'an object without end': [`${ENDLESS} return Object.fromEntries(endless)`, FUEL],
  'groups without end': [`${ENDLESS} return Object.groupBy(endless, () => 1)`, FUEL],
  'bytes without end': [`${ENDLESS} return new Uint8Array(endless)`, FUEL],
  'Uint8Array.from without end': [`${ENDLESS} return Uint8Array.from(endless)`, FUEL],
  'errors without end': [`${ENDLESS} return new AggregateError(endless)`, FUEL],
  'a weak set without end': [`${ENDLESS} return new WeakSet(endless)`, FUEL],
  'a rest without end': [`${ENDLESS} const [a, ...b] = endless; return b`, FUEL],
  'a union without end': [
    `${ENDLESS} return new Set([1]).union({ size: 1, has: () => true, keys: endless[Symbol.iterator] })`,
    FUEL
  ],
  'a set that is larger than it says': [
    `${ENDLESS} return new Set([1]).isSupersetOf({ size: 0, has: () => true, keys: endless[Symbol.iterator] })`,
    OK
  ],
  'toArray without end': [`${HELPER} return helper.toArray()`, FUEL],
  'drop without end': [`${HELPER} return helper.drop(2 ** 52).next()`, FUEL],
  'some without end': [`${HELPER} return helper.some(() => false)`, FUEL],
  'flatMap without end': [`${HELPER} return helper.flatMap(() => []).next()`, FUEL],
  'filter without end': [`${HELPER} return helper.filter(() => false).next()`, FUEL],
  'concat without end': [`${ENDLESS} return Iterator.concat(endless).toArray()`, FUEL],
  'yield* without end': [`${ENDLESS} function* g() { yield* endless } for (const _ of g());`, FUEL],
  'helpers of helpers': [
    'let i = [1].values(); for (let k = 0; k < 5000; k++) i = i.map((x) => x); return i.next()',
    NESTED
  ],
  'an iterator that returns itself': [
    'const i = { [Symbol.iterator]: () => i, next: () => i, get done() { return false }, get value() { return i } }; return [...i]',
    FUEL
  ],
  'an iterator whose return throws the end away': [
    'const i = { [Symbol.iterator]: () => i, next: () => ({ value: 1 }), return() { for (;;); } }; for (const _ of i) break',
    FUEL
  ],
  'a set that grows while it is walked': [
    'const s = new Set([1]); s.forEach((x) => s.add(x + 1))',
    FUEL
  ],
  'a map that grows while it is walked': [
    'const m = new Map([[0, 0]]); for (const [k] of m) m.set(k + 1, 0)',
    FUEL
  ],
  'the first key of a map of gaps': [
    'const m = new Map(); for (let i = 0; i < 20_000; i++) m.set(i, 0); for (let i = 0; i < 10_000; i++) m.delete(i); for (;;) m.keys().next()',
    FUEL
  ],
  'a loop over a set of gaps that is left': [
    'const s = new Set(); for (let i = 0; i < 20_000; i++) s.add(i); for (let i = 0; i < 10_000; i++) s.delete(i); for (;;) for (const _ of s) break',
    FUEL
  ],
  'gaps that come behind the iterators': [
    'const m = new Map(); const a = []; for (let i = 0; i < 20_000; i++) a.push(m.keys()); for (let i = 0; i < 20_000; i++) m.set(i, 0); for (let i = 0; i < 10_000; i++) m.delete(i); for (const i of a) i.next()',
    FUEL
  ],
  'tables that iterators have to pass': [
    'const m = new Map(); const a = []; for (let i = 0; i < 20_000; i++) a.push(m.keys()); for (;;) { m.set(1, 1); m.clear() }',
    FUEL
  ],
  'numbers of one hash': [
    `${INVERTED_HASH} const m = new Map(); for (let i = 0; ; i++) m.set(inverted(i << 16), i)`,
    FUEL
  ],
  'numbers of one hash that are looked for': [
    `${INVERTED_HASH} const s = new Set(); for (let i = 0; i < 4096; i++) s.add(inverted(i << 16)); for (;;) for (const n of s) s.has(n)`,
    FUEL
  ],
  'numbers of one hash, all at once': [
    `${INVERTED_HASH} const a = []; for (let i = 0; i < 20_000; i++) a.push(inverted(i << 16)); for (;;) new Set(a)`,
    FUEL
  ],
  'numbers of one hash in two sets': [
    `${INVERTED_HASH} const [a, b] = [0, 1].map((n) => { const s = new Set(); for (let i = 0; i < 4096; i++) s.add(inverted((2 * i + n) << 16)); return s }); for (;;) a.union(b)`,
    FUEL
  ],
  'groups by numbers of one hash': [
    `${INVERTED_HASH} const a = []; for (let i = 0; i < 20_000; i++) a.push(i << 16); for (;;) Map.groupBy(a, inverted)`,
    FUEL
  ],
  'an array that grows while it is walked': ['const a = [1]; for (const _ of a) a.push(1)', FUEL],
  'toPrimitive without end': ['return 1 + { [Symbol.toPrimitive]() { for (;;); } }', FUEL],
  'toPrimitive of dates in dates': [
    "let o = { toString: () => 'x' }; for (let i = 0; i < 1000; i++) { const q = {}; q.toString = Date.prototype[Symbol.toPrimitive].bind(o, 'string'); o = q } return String(o)",
    NESTED
  ],
  'toStringTag without end': [
    'return Object.prototype.toString.call({ get [Symbol.toStringTag]() { for (;;); } })',
    FUEL
  ],
  'isConcatSpreadable without end': [
    'return [].concat({ length: 2 ** 53 - 1, [Symbol.isConcatSpreadable]: true })',
    FUEL
  ],
  'split that is replaced': ["return 'x'.split({ [Symbol.split]() { for (;;); } })", FUEL],
  'hasInstance without end': [
    'return {} instanceof { [Symbol.hasInstance]() { for (;;); } }',
    FUEL
  ],
  unscopables: [
    'if (Array.prototype[Symbol.unscopables].flat !== true) throw 1; Array.prototype[Symbol.unscopables].leak = 1',
    THROWN
  ],
  'symbols without end': ["for (let i = 0; ; i++) Symbol.for('x'.repeat(1000) + i)", FUEL],
  'a symbol with a long description': ["Symbol('x'.repeat(1e6))", ROOM],
  'generators that spread each other': ['function* g() { yield* [...g()] } g().next()', NESTED],
  'generators that recurse': ['function* g() { for (const x of g()) yield x } g().next()', DEPTH],
  'Array.fromAsync without end': [
    'return Array.fromAsync({ *[Symbol.iterator]() { for (;;) yield 0 } })',
    FUEL
  ]
})
