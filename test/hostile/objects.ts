import { FUEL, inMethod, NESTED, OK, THROWN } from './attack.ts'

/** Prototypes, getters and proxies. */
export const objects = inMethod({
  'prototypes without end': ['let o = {}; for (;;) o = Object.create(o)', NESTED],
  'prototypes of proxies without end': [
    'let o = {}; for (;;) o = Object.create(new Proxy(o, {}))',
    NESTED
  ],
  'proxies of what inherits from proxies': [
    'let o = {}; for (;;) o = new Proxy(Object.create(o), {})',
    NESTED
  ],
  'classes without end': ['let C = class {}; for (;;) C = class extends C {}', NESTED],
  'a prototype that is changed while it is searched': [
    'const o = { get x() { Object.setPrototypeOf(o, null); return 1 } }; return Object.create(o).x',
    OK
  ],
  'a proxy that asks itself': ['const p = new Proxy({}, { get: (_, key) => p[key] }); p.x', NESTED],
  'a proxy whose trap is a builtin': [
    'const p = new Proxy({}, { get: Reflect.get, has: Reflect.has, ownKeys: Reflect.ownKeys }); for (;;) { p.x; Object.keys(p) }',
    FUEL
  ],
  'a proxy as a handler': [
    'let h = {}; for (let i = 0; i < 1e4; i++) h = new Proxy({}, h); return h.x',
    NESTED
  ],
  'a proxy with keys without end': [
    'const keys = Array.from({ length: 1e4 }, (_, i) => String(i)); const p = new Proxy({}, { ownKeys: () => keys, getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }) }); for (;;) ({ ...p })',
    FUEL
  ],
  'a proxy whose target has many keys': [
    'const o = {}; for (let i = 0; i < 10_000; i++) o[`k${i}`] = i; const p = new Proxy(o, {}); for (;;) Reflect.ownKeys(p)',
    FUEL
  ],
  'a proxy that hides the keys of its target': [
    'const o = {}; for (let i = 0; i < 10_000; i++) o[`k${i}`] = i; const p = new Proxy(o, { ownKeys: () => [] }); for (;;) ({ ...p })',
    FUEL
  ],
  'keys of an empty array': [
    'const a = []; for (let i = 0; i < 10_000; i++) a[`k${i}`] = i; for (;;) Object.keys(a)',
    FUEL
  ],
  'keys of empty bytes': [
    'const a = new Uint8Array(); for (let i = 0; i < 10_000; i++) a[`k${i}`] = i; for (;;) ({ ...a })',
    FUEL
  ],
  'keys of an empty array in a loop that is left': [
    'const a = []; for (let i = 0; i < 10_000; i++) a[`k${i}`] = i; for (;;) for (const _ in a) break',
    FUEL
  ],
  'keys of prototypes in a loop that is left': [
    'const o = {}; for (let i = 0; i < 10_000; i++) o[`k${i}`] = i; const p = Object.create(o); for (;;) for (const _ in p) break',
    FUEL
  ],
  'a table of elements that becomes shorter': [
    'const a = []; a[4e9] = 1; for (let i = 0; i < 10_000; i++) a[i * 1000] = 1; for (let n = 4e9; ; n--) a.length = n',
    FUEL
  ],
  'a table of elements that becomes shorter by one': [
    'const a = []; a[4e9] = 1; for (let i = 0; i < 10_000; i++) a[i * 1000] = 1; for (;;) a.length--',
    FUEL
  ],
  'a table of elements whose last one is taken': [
    'const a = []; a[4e9] = 1; for (let i = 0; i < 10_000; i++) a[i * 1000] = 1; for (;;) a.pop()',
    FUEL
  ],
  'a length that is a getter': [
    'let n = 0; Array.prototype.map.call({ get length() { return n++ ? 2 ** 53 - 1 : 3 } }, (x) => x); return n',
    OK
  ],
  'a length that calls': [
    'Array.prototype.indexOf.call({ length: { valueOf() { for (;;); } } }, 1)',
    FUEL
  ],
  'a getter that inherits': [
    'let o = { get x() { return 1 } }; for (let i = 0; i < 1e4; i++) { const q = { get x() { return super.x } }; Object.setPrototypeOf(q, o); o = q } return o.x',
    NESTED
  ],
  'a setter among the keys of JSON': ['let n = 0; JSON.stringify({ get a() { for (;;); } })', FUEL],
  'toJSON without end': [
    'const o = { toJSON() { return JSON.stringify(o) } }; JSON.stringify(o)',
    NESTED
  ],
  'a reviver that adds': [
    "JSON.parse('[1,[2]]', function (key, value) { if (Array.isArray(this)) this.push([1]); return value }); return 1",
    OK
  ],
  'valueOf that calls itself': ['const o = { valueOf: () => +o }; +o', NESTED],
  'an object that becomes longer while it is sorted': [
    'const a = [3, 2, 1]; a.sort(() => { a.push(1); return -1 }); return a.length > 3 ? 1 : 0',
    OK
  ],
  'the constructor of an array': [
    'const a = [1, 2, 3]; a.constructor = { [Symbol.species]: function (n) { return new Proxy([], { defineProperty() { for (;;); } }) } }; a.map((x) => x)',
    THROWN
  ],
  'instanceof that is a builtin': [
    'let F = function () {}; for (let i = 0; i < 1000; i++) { const G = {}; Object.defineProperty(G, Symbol.hasInstance, { value: Function.prototype[Symbol.hasInstance].bind(F) }); F = G } return {} instanceof F',
    OK
  ],
  'bound functions without end': ['let f = () => {}; for (;;) f = f.bind()', NESTED],
  'a frozen exports object': ['Object.freeze(exports); exports.n = 1', THROWN]
})
