import { FUEL, inMethod, OK, ROOM } from './attack.ts'

/** Memory in every shape, within little fuel: what a normal contract meets is a limit of ours, not of the allocator. */
export const memory = inMethod({
  'arrays that are long': ['const a = []; for (;;) a.push(new Array(1e6))', ROOM],
  'an array that is filled': ['for (;;) Array(1e8).fill(0)', ROOM],
  'a length that is set': ['const a = []; a.length = 2 ** 32 - 1; return a.fill(0)', ROOM],
  buffers: ['const a = []; for (;;) a.push(new Uint8Array(2 ** 20))', 'error BUFFER_TOO_LARGE'],
  'a buffer': ['return new ArrayBuffer(2 ** 32)', 'error BUFFER_TOO_LARGE'],
  'a buffer that grows': ['return new ArrayBuffer(8, { maxByteLength: 2 ** 30 })', 'error null'],
  'buffers that are copied': [
    'const b = new Uint8Array(2 ** 20); for (;;) b.slice()',
    'error BUFFER_TOO_LARGE'
  ],
  'texts that are kept': ["const a = []; for (;;) a.push('x'.repeat(1e6) + a.length)", ROOM],
  'texts that are keys': ["const o = {}; for (let i = 0; ; i++) o['x'.repeat(1e5) + i] = 1", FUEL],
  'texts that are split': ["for (;;) 'x'.repeat(1e5).split('')", FUEL],
  'a map': ['const m = new Map(); for (let i = 0; ; i++) m.set(i, i)', FUEL],
  'a set': ['const s = new Set(); for (let i = 0; ; i++) s.add(i)', FUEL],
  objects: ['const a = []; for (;;) a.push({ a: 1 })', FUEL],
  closures: ['let f = () => 0; for (;;) { const g = f; f = () => g }', FUEL],
  promises: ['const a = []; for (;;) a.push(new Promise(() => {}))', FUEL],
  'big integers': ['const a = []; for (let i = 1n; ; i++) a.push(i << 500_000n)', ROOM],
  symbols: ['const a = []; for (;;) a.push(Symbol())', FUEL],
  proxies: ['const a = []; for (;;) a.push(new Proxy({}, {}))', FUEL],
  generators: [
    'function* g() { yield 1 } const a = []; for (;;) { const i = g(); i.next(); a.push(i) }',
    FUEL
  ],
  patterns: ['const a = []; for (let i = 0; ; i++) a.push(new RegExp("a{" + i + "}"))', FUEL],
  errors: ["const a = []; for (;;) a.push(new Error('x', { cause: a }))", FUEL],
  'weak maps': [
    'const m = new WeakMap(); let k = {}; for (;;) { const next = {}; m.set(k, next); k = next }',
    FUEL
  ],
  'arguments objects': [
    'const a = []; for (;;) a.push((function () { return arguments })(1, 2, 3))',
    FUEL
  ],
  'arrays of arrays': ['for (;;) Array.from({ length: 1e4 }, () => [1, 2, 3])', FUEL],
  'what is thrown away': ["for (let i = 0; i < 20; i++) 'x'.repeat(1e6); return 1", OK],
  classes: ['const a = []; for (;;) a.push(class { static x = [1, 2, 3]; m() {} })', FUEL],
  'builtins that are bound': [
    "const a = []; for (;;) a.push(Date.prototype[Symbol.toPrimitive].bind(null, 'string'))",
    FUEL
  ],
  'generators that are not begun': [
    'function* g() { yield 1 } const a = []; for (;;) a.push(g())',
    FUEL
  ],
  'functions with prototypes': [
    'const a = []; for (;;) { const f = function () {}; f.prototype; a.push(f) }',
    FUEL
  ],
  'collections that are empty': ['const a = []; for (;;) a.push(new Map(), new WeakSet())', FUEL],
  'promises that are chained': ['const p = new Promise(() => {}); for (;;) p.then(() => 1)', FUEL]
})
