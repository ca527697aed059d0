// More contracts that look at what might differ between machines, settings and runs, by subject. Each `see` is one
// observation: what it came to as text, or the error with its message.

/** Stands before each of them. */
const PRELUDE = `
const rows = []
const show = (value) => {
  if (typeof value === 'string') return value
  if (Object.is(value, -0)) return '-0'
  if (typeof value === 'bigint') return value + 'n'
  if (typeof value === 'function') return 'function ' + value.name + ' ' + value.length
  if (Array.isArray(value)) {
    const parts = []
    for (let i = 0; i < value.length && i < 60; i++) parts.push(i in value ? show(value[i]) : 'hole')
    return '[' + parts.join(' ') + ']'
  }
  return String(value)
}
const see = (name, look) => {
  let seen
  try { seen = show(look()) } catch (error) { seen = 'throws ' + error.name + ': ' + error.message + ' ' + error.code }
  rows.push(name + ' = ' + seen.slice(0, 400))
}
const caught = (f) => { try { return f() } catch (error) { return error.name + ': ' + error.message } }
const hot = (f) => { let last; for (let i = 0; i < 3000; i++) last = f(i); return last }
const hex = (view) => Array.from(new Uint8Array(view.buffer ?? view), (x) => x.toString(16).padStart(2, '0')).join('')
`

const GROUPS: Readonly<Record<string, string>> = {
  order: `
  see('integer-like keys', () => Object.keys({ b: 1, '-1': 1, '01': 1, 4294967295: 1, 4294967294: 1, 10: 1, 9: 1, '1.5': 1, a: 1, '-0': 1, 0: 1 }))
  see('integer-like keys of an array', () => { const a = []; a[3] = 1; a.x = 1; a[1] = 1; a['4294967295'] = 1; a['4294967296'] = 1; return Reflect.ownKeys(a) })
  see('integer-like keys of a function', () => { const f = (a, b) => 0; f[2] = 1; f.z = 1; f[0] = 1; return Reflect.ownKeys(f) })
  see('integer-like keys of a class', () => { class C { static 2 () {} static a = 1; static 1 = 1; static [Symbol.iterator] () {} static b () {} } return Reflect.ownKeys(C).map(String) })
  see('keys behind deletes', () => { const o = {}; for (let i = 0; i < 40; i++) o['k' + i] = i; for (let i = 0; i < 40; i += 2) delete o['k' + i]; for (let i = 38; i >= 0; i -= 4) o['k' + i] = 1; return Object.keys(o) })
  see('keys of a dictionary', () => { const o = {}; for (let i = 0; i < 1500; i++) o['x' + (i * 31 % 1511)] = 1; for (let i = 0; i < 1500; i += 7) delete o['x' + i]; o.x7 = 2; return Object.keys(o).slice(-40) })
  see('sparse arrays', () => { const a = []; a[1e6] = 1; a[5] = 2; a[4e9] = 3; a[70] = 4; return Object.keys(a) + ' ' + a.length })
  see('for in of a chain', () => { const s = []; const a = { x: 1, 2: 1, y: 1 }; const b = Object.create(a, { z: { enumerable: true, value: 1 }, x: { enumerable: false, value: 1 }, 1: { enumerable: true, value: 1 } }); for (const k in b) s.push(k); return s })
  see('for in with additions', () => { const s = []; const o = { a: 1, b: 1, 5: 1 }; for (const k in o) { s.push(k); o['n' + k] = 1; if (k === 'a') delete o.b } return s })
  see('for in of an array that shrinks', () => { const s = []; const a = [1, 2, 3, 4]; for (const k in a) { s.push(k); a.length = 2 } return s })
  see('for in of a proxy', () => { const s = []; const p = new Proxy({}, { ownKeys: () => ['b', 'a', '1'], getOwnPropertyDescriptor: (t, k) => ({ value: 1, enumerable: k !== 'a', configurable: true }) }); for (const k in p) s.push(k); return s })
  see('keys of a proxy', () => Reflect.ownKeys(new Proxy({ b: 1, 1: 1, [Symbol('s')]: 1 }, {})).map(String))
  see('entries while changing', () => { const o = { a: 1, get b () { delete this.c; this.d = 1; return 2 }, c: 3 }; return Object.entries(o).flat() })
  see('assign in order', () => { const s = []; const o = new Proxy({}, { defineProperty: (t, k, d) => { s.push(String(k)); return Reflect.defineProperty(t, k, d) } }); Object.assign(o, { b: 1, 1: 1, [Symbol('x')]: 1, a: 1 }); return s })
  see('spread with getters', () => { const s = []; const o = { get b () { s.push('b') }, get a () { s.push('a') }, get 1 () { s.push('1') } }; ({ ...o }); return s })
  see('class elements', () => { const s = []; const n = (x) => { s.push(x); return x }; class C { [n('a')] = n('A'); static [n('b')] = n('B'); [n('c')] () {} static { n('static') } static [n('d')] = n('D') } new C(); return s })
  see('map while it changes', () => { const m = new Map([[1, 1], [2, 2], [3, 3]]); const s = []; for (const [k] of m) { s.push(k); if (k < 6) { m.delete(k); m.set(k + 3, 0) } } return s })
  see('set while it is cleared', () => { const s = new Set([1, 2, 3]); const seen = []; for (const x of s) { seen.push(x); if (x === 2 && seen.length < 5) { s.clear(); s.add(2); s.add(9) } } return seen })
  see('map of many', () => { const m = new Map(); for (let i = 0; i < 3000; i++) m.set((i * 7919) % 3001, i); for (let i = 0; i < 3000; i += 3) m.delete(i); return [...m.keys()].slice(0, 30) })
  see('map of objects', () => { const keys = Array.from({ length: 200 }, (_, i) => ({ i })); const m = new Map(keys.map((k) => [k, k.i])); keys.filter((k) => k.i % 3).forEach((k) => m.delete(k)); return [...m.values()] })
  see('map of symbols and others', () => [...new Map([[Symbol('a'), 1], [0, 2], ['0', 3], [0n, 4], [-0, 5], [null, 6], [undefined, 7], [NaN, 8], [0 / 0, 9]]).values()])
  see('set operations', () => [[...new Set([3, 1, 2]).union(new Set([9, 1]))], [...new Set([3, 1, 2]).intersection(new Set([1, 3, 5, 7]))], [...new Set([3, 1]).symmetricDifference(new Set([1, 4]))]])
  see('grouping', () => [...Map.groupBy([5, 1, 4, 2], (x) => x % 2)].map(([k, v]) => k + ':' + v))
  see('group by mixed keys', () => Object.keys(Object.groupBy([3, 'a', 1, 'b', 2], (x) => x)))
  see('json keys', () => JSON.stringify({ b: 1, 2: 1, a: { z: 1, 1: 1 }, 1: 1, ['__proto__']: 5 }))
  see('parsed keys', () => Object.keys(JSON.parse('{"b":1,"2":1,"a":1,"b":2,"1":1,"__proto__":3,"-1":0}')))
  see('reviver in order', () => { const s = []; JSON.parse('{"b":[1,{"c":2}],"a":3,"1":4}', function (k, v) { s.push(k); return v }); return s })
  see('replacer in order', () => { const s = []; JSON.stringify({ b: 1, a: { d: 1 }, 1: 2 }, (k, v) => { s.push(k); return v }); return s })
  see('replacer list', () => JSON.stringify({ a: 1, b: 2, 1: 3, c: { a: 4, z: 5 } }, ['z', 1, 'c', 'a', 'a']))
  see('weak maps', () => { const w = new WeakMap(); const keys = Array.from({ length: 100 }, () => ({})); keys.forEach((k, i) => w.set(k, i)); return keys.reduce((sum, k) => sum + w.get(k), 0) + String(w) + Reflect.ownKeys(w) })
  see('from entries', () => Object.keys(Object.fromEntries([['b', 1], ['1', 2], ['a', 3], ['b', 4], ['0', 5]])))
  see('own keys of builtins', () => [Array, Object, String, Promise, Symbol, Number, Reflect, JSON].map((f) => Reflect.ownKeys(f).map(String).join()))
  see('own keys of prototypes', () => [Array.prototype, String.prototype, Map.prototype, Iterator.prototype, RegExp.prototype].map((f) => Reflect.ownKeys(f).map(String).join().length))
  see('own keys of an array buffer', () => Reflect.ownKeys(ArrayBuffer.prototype).map(String))
  see('own keys of an error', () => [Reflect.ownKeys(new AggregateError([1], 'x')), Reflect.ownKeys(new SuppressedError(1, 2, 'x')), Reflect.ownKeys(new Error())])
  see('own keys of a match', () => Reflect.ownKeys(/(?<y>b)(?<x>a)?/d.exec('ab')))
  see('own keys of arguments', () => (function () { return Reflect.ownKeys(arguments).map(String) })(1, 2))
  see('own keys of functions', () => [function () {}, () => 0, class { static x = 1 }, async () => 0, function* () {}, { m () {} }.m].map((f) => Reflect.ownKeys(f).join()))
  see('descriptor in order', () => Object.keys(Object.getOwnPropertyDescriptor({ get a () { return 1 } }, 'a')) + ' ' + Object.keys(Object.getOwnPropertyDescriptor([1], 0)))
`,
  sort: String.raw`
  const many = Array.from({ length: 300 }, (_, i) => ({ key: (i * 37) % 11, i }))
  see('stable', () => many.toSorted((a, b) => a.key - b.key).map(({ i }) => i))
  see('always less', () => Array.from({ length: 50 }, (_, i) => i).sort(() => -1))
  see('always greater', () => Array.from({ length: 50 }, (_, i) => i).sort(() => 1))
  see('always equal', () => Array.from({ length: 50 }, (_, i) => 50 - i).sort(() => 0))
  see('NaN for an answer', () => [3, 1, 2, 5, 4].sort(() => NaN))
  see('booleans for an answer', () => [3, 1, 2, 5, 4].sort((a, b) => a > b))
  see('alternating', () => { let n = 0; return Array.from({ length: 60 }, (_, i) => i).sort(() => n++ % 2 ? 1 : -1) })
  see('a liar by modulus', () => { let n = 0; const r = Array.from({ length: 100 }, (_, i) => (i * 17) % 101).sort((a, b) => { n++; return ((a * b) % 7) - 3 }); return r.slice(0, 40) + ' ' + n })
  see('not transitive', () => ['rock', 'paper', 'scissors', 'rock', 'paper', 'scissors'].sort((a, b) => a === b ? 0 : (a + b) in { paperrock: 1, scissorspaper: 1, rockscissors: 1 } ? 1 : -1))
  see('how often it asks', () => [1, 2, 3, 10, 33, 100, 129].map((length) => { let n = 0; Array.from({ length }, (_, i) => (i * 7) % length).sort((a, b) => { n++; return a - b }); return n }))
  see('which it compares', () => { const s = []; [5, 2, 9, 1, 7].sort((a, b) => { s.push(a + ':' + b); return a - b }); return s })
  see('a comparator that changes the array', () => { const a = [5, 4, 3, 2, 1]; let n = 0; a.sort((x, y) => { if (n++ < 3) a.push(n); return x - y }); return a })
  see('a comparator that shrinks the array', () => { const a = [5, 4, 3, 2, 1, 0]; a.sort((x, y) => { a.length = 2; return x - y }); return a })
  see('a comparator that throws', () => { const a = [3, 2, 1]; let n = 0; return caught(() => a.sort(() => { if (n++ === 1) throw new Error('second'); return -1 })) + a })
  see('holes and undefined', () => [3, , undefined, 1, , null, undefined, 2].sort())
  see('holes copied', () => [3, , undefined, 1].toSorted())
  see('by text', () => [10, 9, 1, 100, -1, -10, 1e21, 0.1, '\ud83d\ude00', '\uffff', '\u{10ffff}'].sort())
  see('text is asked once', () => { let n = 0; const a = Array.from({ length: 20 }, (_, i) => ({ toString: () => { n++; return String(i * 7 % 20) } })); return a.sort().join() + ' ' + n })
  see('numbers of arrays', () => [new Int8Array([5, -1, 3]).sort(), new Uint8Array([200, 5, 100]).sort((a, b) => b - a), new BigInt64Array([5n, -1n]).sort(), new Float32Array([NaN, 0, -0, -1]).sort()].map((a) => Array.from(a, show).join()))
  see('a liar on numbers', () => { let n = 0; return Array.from(new Int16Array(40).map((_, i) => i * 13 % 40).sort(() => n++ % 3 - 1)) })
  see('array-likes', () => Object.entries(Array.prototype.sort.call({ length: 4, 0: 'b', 2: 'a', 3: undefined, 7: 'z' })).flat())
  see('sort through a proxy', () => { const s = []; Array.prototype.sort.call(new Proxy([3, 1, 2], { get: (t, k) => { s.push('g' + String(k)); return t[k] }, set: (t, k, v) => { s.push('s' + String(k)); t[k] = v; return true }, has: (t, k) => { s.push('h' + String(k)); return k in t } })); return s })
  see('mixed types', () => [undefined, 'b', 3, null, true, { toString: () => 'm' }, [2], 1n, NaN].sort().map(String))
  see('locale compare', () => ['ö', 'o', 'z', 'Ö', 'ß', 'ss', 'a-b', 'ab', '_', '1', '10', '2'].sort((a, b) => a.localeCompare(b, 'de', { numeric: true })))
`,
  errors: String.raw`
  const failing = {
    'null property': () => null.a, 'undefined call': () => undefined(), 'not a function': () => ({}).f(), 'not a function by index': () => [][0](), 'a long chain': () => ({ a: { b: {} } }).a.b.c.d,
    'not iterable': () => { const [a] = {} }, 'spread of nothing': () => [...undefined], 'not a constructor': () => new (() => 0)(), 'method as constructor': () => new ({ m () {} }.m)(), 'class as function': () => (class A {})(),
    'assignment to constant': () => { const x = 1; x = 2 }, 'dead zone': () => { y; let y }, 'unknown name': () => nobody, 'unknown name assigned': () => { nobody = 1 },
    'frozen assigned': () => { const o = Object.freeze({ a: 1 }); o.a = 2 }, 'frozen added': () => { const o = Object.freeze({}); o.b = 2 }, 'no setter': () => { ({ get a () { return 1 } }).a = 2 }, 'deleted': () => { delete Object.freeze({ a: 1 }).a }, 'on a primitive': () => { 'x'.y = 1 },
    'private missing': () => { class A { #p; static get (o) { return o.#p } } A.get({}) }, 'private method': () => { class A { #m () {} static set (o) { o.#m = 1 } } A.set(new A()) }, 'private twice': () => { class B { constructor (o) { return o } } class A extends B { #p = 1 } const o = {}; new A(o); new A(o) },
    'super before this': () => { class A extends Object { constructor () { this.x = 1 } } new A() }, 'super twice': () => { class A extends Object { constructor () { super(); super() } } new A() }, 'no object from a constructor': () => { class A extends Object { constructor () { return 1 } } new A() },
    'extends null': () => { class A extends null {} new A() }, 'extends a number': () => { class A extends 5 {} }, 'extends a generator': () => { class A extends function* () {} {} }, 'instanceof a number': () => ({}) instanceof 5, 'in a string': () => 'a' in 'b',
    'symbol to number': () => +Symbol('s'), 'symbol to text': () => 'a' + Symbol('s'), 'bigint mixed': () => 1n + 1, 'bigint divided': () => 1n / 0n, 'bigint negative power': () => 2n ** -1n, 'bigint of text': () => BigInt('x'), 'bigint of a fraction': () => BigInt(0.5), 'bigint to number': () => Math.max(1n),
    'array length': () => { [].length = -1 }, 'array length type': () => new Array(1.5), 'radix': () => (1).toString(99), 'digits': () => (1).toFixed(-1), 'precision': () => (1).toPrecision(0), 'exponent': () => (1).toExponential(101), 'code point': () => String.fromCodePoint(-1), 'form': () => 'x'.normalize('NFX'),
    'uri': () => decodeURIComponent('%ff'), 'uri surrogate': () => encodeURI('\ud800'), 'date': () => new Date(NaN).toISOString(), 'regexp': () => new RegExp('('), 'regexp flags': () => new RegExp('a', 'gg'), 'regexp class': () => new RegExp('[b-a]'), 'regexp group': () => new RegExp('(?<a>)(?<a>)'), 'regexp unicode': () => new RegExp('\\-', 'u'),
    'json': () => JSON.parse('{"a":}'), 'json end': () => JSON.parse('[1,'), 'json token': () => JSON.parse('[1 2]'), 'json text': () => JSON.parse('"\u0001"'), 'json number': () => JSON.parse('01'), 'json nothing': () => JSON.parse(''), 'json long': () => JSON.parse('{"' + 'a'.repeat(100) + '": x}'), 'json cycle': () => { const a = { b: [] }; a.b[0] = a; JSON.stringify(a) }, 'json bigint': () => JSON.stringify({ a: 1n }),
    'generator running': () => { const g = (function* () { g.next() })(); g.next() }, 'reduce of nothing': () => [].reduce((a) => a), 'flat map': () => [1].flatMap(5), 'iterator': () => Iterator.from(5), 'take': () => [].values().take(-1), 'drop': () => [].values().drop(NaN), 'abstract': () => new Iterator(), 'map entry': () => new Map([1]), 'map without new': () => Map(), 'weak key': () => new WeakMap().set(1, 1), 'set like': () => new Set().union([1]),
    'proxy revoked': () => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); proxy.a }, 'proxy invariant': () => new Proxy(Object.freeze({ a: 1 }), { get: () => 2 }).a, 'proxy keys': () => Object.keys(new Proxy({}, { ownKeys: () => [1] })), 'proxy prototype': () => Object.getPrototypeOf(new Proxy({}, { getPrototypeOf: () => 1 })), 'cyclic prototype': () => { const a = {}; const b = Object.create(a); Object.setPrototypeOf(a, b) },
    'define': () => Object.defineProperty({}, 'a', { get () {}, value: 1 }), 'redefine': () => Object.defineProperty(Object.freeze({ a: 1 }), 'a', { value: 2 }), 'define on a number': () => Object.defineProperty(1, 'a', {}), 'own keys': () => Reflect.ownKeys(1), 'apply': () => Reflect.apply(1), 'bind': () => Function.prototype.bind.call(1), 'receiver': () => Map.prototype.get.call({}, 1), 'receiver of a date': () => Date.prototype.getTime.call({}), 'receiver of text': () => String.prototype.trim.call(null), 'receiver of a view': () => DataView.prototype.getInt8.call({}),
    'offset': () => new DataView(new ArrayBuffer(1)).getInt16(0), 'alignment': () => new Uint32Array(new ArrayBuffer(5)), 'out of bounds': () => new Uint8Array(new ArrayBuffer(1), 2), 'set too long': () => new Uint8Array(1).set([1, 2]), 'hex': () => Uint8Array.fromHex('abc'), 'base64': () => Uint8Array.fromBase64('*'), 'bigint into bytes': () => { new Uint8Array(1)[0] = 1n }, 'number into bigints': () => { new BigInt64Array(1)[0] = 1 },
    'promise': () => Promise(), 'promise executor': () => new Promise(5), 'capability': () => Promise.resolve.call(5), 'primitive': () => \`\${{ toString: () => ({}), valueOf: () => ({}) }}\`, 'to primitive': () => +{ [Symbol.toPrimitive]: 5 }, 'species': () => { const a = [1]; a.constructor = 5; a.map((x) => x) }, 'concat': () => Symbol() + '', 'tag': () => String.raw(), 'group by': () => Object.groupBy(null, () => 1), 'from async': () => Array.from(5, 5), 'structured': () => structuredClone(() => 1), 'microtask': () => queueMicrotask(1), 'template': () => undefined\`x\`
  }
  for (const [name, f] of Object.entries(failing)) see(name, () => caught(f))
  see('thrown values', () => [1, 'x', null, undefined, Symbol('s'), { a: 1 }].map((x) => { try { throw x } catch (e) { return e === x } }))
  see('cause', () => { const e = new Error('a', { cause: new TypeError('b') }); return e.cause.message + Object.keys(e) + String(e) })
  see('text of errors', () => [new RangeError('r'), new AggregateError([1, 2], 'm'), Object.assign(new Error('x'), { name: '' }), Object.assign(new Error(''), { name: 'N' }), new Error(undefined), new Error(null)].map(String))
  see('stack of errors', () => [new Error('x').stack, Object.hasOwn(new Error('x'), 'stack'), (() => { try { null.f() } catch (e) { return e.stack } })(), new (class E extends TypeError {})('x').stack])
  see('stack that is set', () => { const e = new Error('x'); e.stack = 'mine'; return e.stack + Object.keys(e) })
  see('rejected with errors', () => { const e = []; Promise.reject(new Error('x')).catch((r) => e.push(r.stack)); return e.length })
  see('is an error', () => [Error.isError(new Error()), Error.isError({}), Error.isError(Object.create(Error.prototype)), Error.isError(new Proxy(new Error(), {}))])
`,
  numbers: String.raw`
  see('shortest texts', () => [0.1, 1 / 3, 2 / 3, 1e21, 1e-7, 123456789012345680000, 5e-324, 1.7976931348623157e308, 4.35, 0.000001, 1e300, 9007199254740993, 0.1 + 0.7, 1.005, 4503599627370497.5])
  see('fixed', () => [(1.005).toFixed(2), (1.45).toFixed(1), (8.345).toFixed(2), (0.5).toFixed(0), (1.5).toFixed(0), (2.5).toFixed(0), (1e21).toFixed(2), (-1.5).toFixed(0), (0.000001).toFixed(7), (123.456).toFixed(30)])
  see('precision', () => [(1.25).toPrecision(2), (1.35).toPrecision(2), (0.00001).toPrecision(1), (123456).toPrecision(2), (1e21).toPrecision(3), (0).toPrecision(5), (1 / 3).toPrecision(50)])
  see('exponential', () => [(1.25).toExponential(1), (0).toExponential(2), (12345).toExponential(), (1e-10).toExponential(3), (-1.5e300).toExponential(20), (1 / 3).toExponential(40)])
  see('radix', () => [(0.1).toString(3), (1e21).toString(7), (-255.5).toString(16), (2 ** 53).toString(2), (1 / 3).toString(36), (1e-7).toString(36), (123.456).toString(11), (5e-324).toString(2).length, (1.7e308).toString(36).length])
  see('parsed', () => ['0x1F', '0b101', '0o17', '1e1000', '-1e-400', '.5', '5.', '+5', '- 5', '1_0', '\u00a05\ufeff', '\u180e5', '\u20285', '0x', '1e', 'Infinity', 'infinity', '١٢', '1n', '00012', '1e5x'].map(Number))
  see('parseFloat', () => ['3.14.15', '1e400', '-.5e-3x', '0x10', ' \n12', '1e+', '.e1', '123456789012345678901234567890', '4.9406564584124654e-324', '2.4703282292062328e-324', '1.7976931348623158e308', '1.7976931348623159e308'].map(parseFloat))
  see('parseInt', () => ['0x1f', '077', '12px', '1e3', '-0', '999999999999999999999', '0b11', '9007199254740993', '100000000000000000000000000000000000001'].map((x) => parseInt(x)).concat(parseInt('zz', 36), parseInt('12', 1), parseInt('12', 37), parseInt('1'.repeat(400), 2)))
  see('rounding', () => [Math.round(-0.5), Math.round(0.49999999999999994), Math.round(2.5), Math.round(-2.5), Math.round(4503599627370495.5), Math.trunc(-0.9), Math.fround(5.5), Math.fround(1e40), Math.clz32(-1), Math.sign(-0)])
  see('remainders', () => [5.5 % 2, -5.5 % 2, 5 % -0, -0 % 1, 1e308 % 3, 2 ** 53 % 3, 0.3 % 0.1, 5e-324 % 1, Infinity % 1, 1 % Infinity])
  see('denormals', () => [5e-324 / 2, 5e-324 * 0.6, 2.2250738585072014e-308 / 3, 1e-310 * 1e-10, 1e-310 + 1e-310, Math.sqrt(5e-324)])
  see('fused or not', () => [0.1 * 10 - 1, 1.1 * 1.1 - 1.21, 3 * (4 / 3 - 1) - 1, 1e16 * (1 + 2 ** -52) - 1e16, (0.1 + 0.2) * 10 - 3])
  see('long sums', () => hot((i) => { let x = 0; for (let j = 0; j < 5; j++) x = x * 1.0000001 + j / (i + 1); return x }))
  see('sum precise', () => typeof Math.sumPrecise === 'function' ? Math.sumPrecise([1e100, 1, -1e100, 0.1]) : 'none')
  see('integers', () => [2147483647 + 1 | 0, -2147483648 - 1 | 0, 4294967295 >>> 0, -1 >>> 0, 1 << 31, 1 << 32, 1 << -1, 5e9 | 0, -5e9 | 0, 2 ** 53 | 0, NaN | 0, Infinity | 0, ~2147483648, 1e21 >> 3])
  see('multiplied integers', () => [Math.imul(2147483647, 2147483647), 65537 * 65537, 46341 * 46341 | 0, -2147483648 * -1, 0 * -1, Math.imul(-5, 12), 0xffffffff * 0xffffffff])
  see('minus zero', () => [0 * -5, -0 + -0, -0 + 0, Math.min(0, -0), Math.max(-0, 0), -0 | 0, JSON.stringify(-0), String(-0), (-0).toFixed(2), [-0].includes(0), Math.round(-0.2), Math.atan2(-0, 0), (-0) ** 3].map(show))
  see('parseInt of many digits', () => { const s = []; for (let base = 2; base <= 36; base++) for (const digits of ['1201021122210012', '-2112', ' +10zZ']) s.push(parseInt(digits.repeat(base % 7 + 1), base), parseInt(digits + '012021'.repeat(90 / base), base)); return s.join(' ') })
  see('powers', () => [2 ** 0.5, 10 ** -5, 10 ** 308, 0.1 ** 3, (-8) ** (1 / 3), 1 ** Infinity, NaN ** 0, 2 ** -1075, 1.0000001 ** 1e7, 5 ** 100, 7 ** -7, 1e-5 ** 60])
  see('hot powers', () => hot((i) => (i + 0.5) ** 1.37 + 2 ** (i % 30) + (i % 7) ** 3))
  see('roots', () => [Math.cbrt(2), Math.cbrt(-27), Math.cbrt(1e-300), Math.hypot(3, 4), Math.hypot(1e200, 1e200), Math.hypot(), Math.hypot(NaN, Infinity), Math.sqrt(3), Math.sqrt(1e-320)])
  see('sines', () => [0.1, 1, 3.141592653589793, 1e5, 1e15, 1e22, 1.7e308, -2.5, 1e-10].map((x) => Math.sin(x)))
  see('cosines', () => [0.1, 1, 1.5707963267948966, 1e5, 1e15, 1e22, -2.5, 5e-324].map((x) => Math.cos(x)))
  see('tangents', () => [0.1, 1, 1.5707963267948966, 1e5, 1e15, -2.5, 0.7853981633974483].map((x) => Math.tan(x)))
  see('arcs', () => [Math.asin(0.3), Math.acos(0.3), Math.atan(0.3), Math.atan2(-3, -0.2), Math.asin(1.1), Math.acos(-1), Math.atan(1e300), Math.atan2(5e-324, 1)])
  see('exponentials', () => [Math.exp(1), Math.exp(-745), Math.exp(709.78), Math.exp(0.1), Math.expm1(1e-10), Math.expm1(50), Math.exp(-1e-20)])
  see('logarithms', () => [Math.log(10), Math.log(0.1), Math.log10(1000), Math.log10(2), Math.log2(8), Math.log2(0.1), Math.log1p(1e-15), Math.log(5e-324), Math.log1p(-0.5), Math.log10(1e-320)])
  see('hyperbolic', () => [Math.sinh(0.1), Math.sinh(20), Math.cosh(2.2), Math.tanh(0.7), Math.asinh(1e10), Math.acosh(1.0001), Math.atanh(0.999), Math.tanh(-50), Math.cosh(710)])
  see('hot transcendentals', () => hot((i) => Math.sin(i) * Math.exp(-i / 100) + Math.log(i + 1) - Math.atan2(i, 7) + Math.pow(i, 0.3)))
  see('bigints', () => [2n ** 200n % 997n, (-7n) / 2n, (-7n) % 2n, -(2n ** 64n) >> 3n, (5n << 70n) | 3n, ~(2n ** 65n), (-5n) & 0xffn, BigInt.asIntN(64, 2n ** 63n), BigInt.asUintN(64, -1n), BigInt.asIntN(3, 25n)])
  see('text of bigints', () => [(2n ** 300n).toString(), (-(3n ** 100n)).toString(36), (10n ** 50n).toString(2).length, BigInt('0x' + 'f'.repeat(40)), BigInt('-0'), BigInt('  12  '), BigInt('')])
  see('bigints and numbers', () => [2n ** 53n + 1n == 2 ** 53 + 1, 1n < 1.5, 2n > '1', Number(2n ** 64n + 1n), Number(2n ** 1024n), BigInt(1e21), BigInt(2 ** 1000) % 1000n, parseFloat('12n'), 9007199254740993n > 9007199254740992])
  see('random of the call', () => [Math.random(), Math.random(), hot(() => Math.random()), Math.floor(Math.random() * 1e9)])
`,
  bytes: String.raw`
  see('endianness', () => [hex(new Uint16Array([1, 0x1234])), hex(new Uint32Array([0x12345678])), hex(new BigUint64Array([0x1122334455667788n])), hex(new Int32Array([-2]))])
  see('views of one buffer', () => { const b = new ArrayBuffer(8); new Uint32Array(b)[0] = 0x01020304; new Int16Array(b)[3] = -2; return hex(b) + new BigInt64Array(b)[0] })
  see('a view by bytes', () => { const v = new DataView(new ArrayBuffer(16)); v.setInt32(1, -5, true); v.setUint16(6, 0xabcd); v.setBigInt64(8, -1n); return hex(v) + v.getInt32(1) + v.getFloat64(0) + v.getFloat32(4, true) + v.getFloat16(2) })
  const nan = (write) => { const v = new DataView(new ArrayBuffer(8)); write(v); return hex(v) }
  see('bits of NaN', () => [NaN, -NaN, 0 / 0, -(0 / 0), Infinity - Infinity, 0 * Infinity, Math.sqrt(-1), Number('x'), parseFloat(''), Math.log(-1), Math.asin(2), NaN ** 1, +undefined, new Date(NaN).getTime()].map((x) => nan((v) => v.setFloat64(0, x))))
  see('bits of hot NaN', () => nan((v) => hot((i) => v.setFloat64(0, -((i - i) / (i - i))))))
  see('bits of small NaN', () => [nan((v) => v.setFloat32(0, -NaN)), nan((v) => v.setFloat32(0, Math.fround(-NaN), true)), nan((v) => v.setFloat16(2, -NaN, true)), nan((v) => v.setFloat32(4, 0 / 0))])
  see('payloads through numbers', () => { const v = new DataView(new ArrayBuffer(8)); v.setBigUint64(0, 0xfff8dead00c0ffeen); const x = v.getFloat64(0); const o = { x, a: [x, 1.5] }; v.setFloat64(0, o.a[0]); return hex(v) + nan((w) => w.setFloat64(0, o.x + 1)) + nan((w) => w.setFloat64(0, -o.x)) })
  see('payloads through float arrays', () => { const v = new DataView(new ArrayBuffer(8)); v.setBigUint64(0, 0x7ff4000000000001n); const f = new Float64Array([v.getFloat64(0)]); v.setFloat64(0, f[0]); return hex(v) })
  see('payloads through floats', () => { const v = new DataView(new ArrayBuffer(8)); v.setUint32(0, 0xffa00001); v.setFloat32(4, v.getFloat32(0)); v.setFloat64(0, v.getFloat32(4)); return hex(v) })
  see('payloads as integers', () => { const v = new DataView(new ArrayBuffer(8)); v.setBigUint64(0, 0xfff8000000000123n); const x = v.getFloat64(0); return [x | 0, Object.is(x, NaN), new Uint8Array([x])[0], String(x), JSON.stringify([x]), new Map([[x, 1]]).get(NaN), [x].includes(NaN), Math.min(x, 1)] })
  see('buffers of floats', () => [Float16Array, Float32Array, Float64Array].map((F) => caught(() => new F(2).buffer)))
  see('floats over buffers', () => [Float16Array, Float32Array, Float64Array].map((F) => caught(() => new F(new ArrayBuffer(8)))))
  see('bytes of floats by set', () => { const u = new Uint8Array(3); u.set(new Float64Array([1.9, -1, NaN])); return u })
  see('bytes of floats by copy', () => new Uint8Array(new Float32Array([256.7, -0.5, 1e10])))
  see('floats by callbacks', () => { const s = []; new Float64Array([NaN, 1]).forEach((x, i, a) => s.push(typeof a, caught(() => a.buffer))); return s })
  see('floats in reduce', () => new Float64Array([1, 2]).reduce((x, y, i, a) => x + caught(() => hex(a.buffer)), ''))
  see('floats by iterators', () => [...new Float32Array([0.1, NaN]).values()])
  see('floats in clamped bytes', () => new Uint8ClampedArray([0.5, 1.5, 2.5, 254.5, 300, -1, NaN]))
  see('conversions', () => [new Int8Array([128, -129, 1e10, NaN])].concat([new Uint16Array([-1, 65536.9])], [new Int32Array([2 ** 31, -(2 ** 31) - 1, 1e20])]).map((a) => a.join()))
  see('bigints in arrays', () => new BigInt64Array([2n ** 63n, -(2n ** 63n) - 1n, 5n]).join())
  see('bytes of what is no base64', () => ['wQduSnaJNGWy29B8t/qA3lis5sixE7EKpcf+m9CryptmAbyiGju/TixK5pLl', 'AAAA'.repeat(50)].flatMap((text) => ['', 'te', 'tex', '!', 'te-', ' =', '\t'].map((end) => ['strict', 'stop-before-partial'].map((lastChunkHandling) => { const u = new Uint8Array(170).fill(170); try { return u.setFromBase64(text + end, { lastChunkHandling }).read + u.toHex() } catch (e) { return e.name + u.toHex() } }).join())).join())
  see('bytes of what is no hex', () => ['\u0161a', '1\u0161'.repeat(16), 'c1F4e84fD2E50CF8E73e1F\u0161A1411E932', 'c1F4e84fD2E50CF8E73e1FzA1411E9322'].map((text) => { const u = new Uint8Array(20).fill(170); try { return Uint8Array.fromHex(text) + u.setFromHex(text).read } catch { try { return u.setFromHex(text).read + u.toHex() } catch (e) { return e.name + u.toHex() } } }))
  see('halves', () => [65504, 65519, 65520, 2 ** -24, 2 ** -25, 1.0009765625, 0.1, -0].map((x) => show(Math.f16round(x))))
  see('floats as text', () => [new Float32Array([0.1, 1e-45, 3.4e38]).join(), new Float16Array([0.1, 1e-8]).join()])
  see('search in floats', () => { const f = new Float64Array([NaN, -0, 1]); return [f.includes(NaN), f.indexOf(NaN), f.indexOf(0), f.lastIndexOf(1), f.findLast((x) => x !== x)] })
  see('copy within', () => { const u = new Uint8Array([1, 2, 3, 4, 5]); u.copyWithin(1, 0, 3); return u })
  see('overlapping set', () => { const b = new ArrayBuffer(8); const u = new Uint8Array(b); u.set([1, 2, 3, 4, 5, 6, 7, 8]); new Uint16Array(b).set(u.subarray(0, 4)); return u })
  see('base64 and hex', () => [new Uint8Array([255, 254, 253]).toBase64(), new Uint8Array([255, 254, 253]).toBase64({ alphabet: 'base64url', omitPadding: true }), new Uint8Array([0, 171]).toHex(), Uint8Array.fromBase64(' YQ = = ').join(), Uint8Array.fromHex('00Ff').join()])
  see('new arrays are empty', () => [...new Uint8Array(64)].every((x) => x === 0) && [...new Uint8Array(new ArrayBuffer(300).slice(10))].every((x) => x === 0))
  see('species', () => { class U extends Uint8Array {} const u = new U([1, 2, 3]); return [u.slice(1), u.map((x) => x), u.subarray(1), u.filter(() => true), u.toSorted()].map((x) => x.constructor.name) })
  see('out of bounds', () => { const u = new Uint8Array(2); u[5] = 1; u[-1] = 1; u['-0'] = 1; u[1.5] = 1; return Object.keys(u) + ('5' in u) + ('-0' in u) + u[9] })
  see('text to bytes', () => [...new TextEncoder().encode('a\u00e9\u20ac\ud83d\ude00\ud800x')])
  see('bytes to text', () => [...new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff, 0xc3, 0xa9, 0xe2, 0x82, 0xf0, 0x9f, 0x98]))].map((x) => x.codePointAt(0)))
  see('buffers to text', () => [String(new ArrayBuffer(2)), String(new DataView(new ArrayBuffer(2))), Object.prototype.toString.call(new Float16Array(1))])
`,
  text: String.raw`
  see('normal forms', () => ['NFC', 'NFD', 'NFKC', 'NFKD'].map((f) => ['\u1e9b\u0323', '\u212b', '\uac00', '\ufdfa', 'e\u0301\u0323', '\u0958', '\u{1d15e}', '\u{2f800}'].map((x) => [...x.normalize(f)].map((c) => c.codePointAt(0).toString(16)).join('.')).join()))
  see('new characters', () => ['\u{1e030}', '\u{11f02}', '\u{31350}', '\u{1cd00}', '\u{10d40}'].map((x) => x.normalize('NFKD').length + x.toUpperCase().length))
  see('upper case', () => ['\u00df', '\ufb03', '\u0149', '\u01c5', '\u0390', '\u1f80', 'i', '\u0131', '\u{10428}', '\u0250', '\u10d0', '\uab70', '\ua7c3'].map((x) => x.toUpperCase()))
  see('lower case', () => ['\u0130', '\u03a3', 'A\u03a3', '\u1e9e', '\u{10400}', '\u2126', 'I\u0307', '\u1c90', '\u13a0', 'A\u03a3B', '\u03a3\u0301'].map((x) => x.toLowerCase()))
  see('locale case', () => ['tr', 'az', 'lt', 'el', 'de', undefined].map((l) => 'iI\u0130\u0131\u00cc\u0386'.toLocaleUpperCase(l) + 'iI\u0130\u00cc'.toLocaleLowerCase(l)))
  see('locale compare', () => [['a', 'b'], ['a', 'B'], ['\u00e4', 'z'], ['', 'a'], ['co-op', 'coop'], ['1', '10'], ['e\u0301', '\u00e9'], ['\u0000', ''], ['\ud800', '\ud801']].map(([a, b]) => a.localeCompare(b) + '' + 'a'.localeCompare('A', 'en', { sensitivity: 'base' })))
  see('white space', () => [...'\u0009\u00a0\u1680\u180e\u2000\u200b\u2028\u202f\u205f\u3000\ufeff\u0085'].map((x) => x.trim().length))
  see('surrogates', () => ['\ud83d\ude00'.length, [...'\ud83d\ude00\ud83d'].length, 'a\ud800'.isWellFormed(), 'a\ud800b'.toWellFormed().charCodeAt(1), '\ud83d\ude00'.at(-1).charCodeAt(0), '\ud83d\ude00'.split('').length, escape('\ud83d\u00e4+'), JSON.stringify('\ud83d\ude00\udc00\u2028')])
  see('comparison', () => ['\uffff' < '\u{10000}', 'a' < 'B', '10' < '9', '' < ' ', 'Z' < 'a', '\u00e9' < 'z'])
  see('split and join', () => ['a,b,,c'.split(','), 'abc'.split(''), ''.split(''), ''.split(','), 'a1b2'.split(/\d/), 'a1b2'.split(/(\d)/), 'abc'.split(/(?:)/), 'x'.split(undefined), 'abc'.split('', 2), '\ud83d\ude00'.split(/(?:)/u)].map((x) => JSON.stringify(x)))
  see('replaced', () => ['abc'.replace('b', '$&$\x60$\'$$$1'), 'abc'.replace(/(b)/, '[$1$2$01$10]'), 'aaa'.replaceAll('a', (m, i) => i), 'abc'.replace(/(?<x>b)/, '<$<x>$<y>>'), 'abc'.replace('', '_'), 'aXbX'.replaceAll(/x/gi, '$$')])
  see('padded', () => ['a'.padStart(5, '\ud83d\ude00'), 'a'.padEnd(4, ''), 'abc'.at(-4), 'abc'.substr(-2, 1), 'abc'.substring(2, 0), 'abc'.slice(2, 0), 'ab'.repeat(0)])
  see('encoded', () => [encodeURIComponent('\u00e4/\u20ac\ud83d\ude00\'()*~!'), encodeURI('a b;/?:@&=+$,#[]'), decodeURI('%23%61%E2%82%AC'), unescape('%u0107%zz%e4'), btoa('\xff\x00a'), atob(' /wBh ')])
  see('escaped for patterns', () => typeof RegExp.escape === 'function' ? RegExp.escape('a-1.b\n\ud83d\ude00/ ') : 'none')
  see('raw texts', () => [String.raw({ raw: ['a', 'b', 'c'] }, 1, 2, 3), String.raw({ raw: { length: 2, 0: 'x', 1: 'y' } }), ((s) => s.raw[0] + s[0])([ 'x' ].raw ? [] : Object.assign(['q'], { raw: ['r'] }))])
  see('html methods', () => ['x'.anchor('"'), 'x'.big(), 'x'.link('&')])
  see('numbers to texts', () => [1e21 + '', 1e-7 + '', [1.0, 2.50] + '', 0xff + '', -1e-10 + '', 1 / 0 + ''])
  see('long texts', () => { let s = ''; for (let i = 0; i < 5000; i++) s += String.fromCharCode(i * 7 % 65536); let h = 0; for (let i = 0; i < s.length; i++) h = Math.imul(h, 31) + s.charCodeAt(i) | 0; return h + ' ' + s.indexOf('\u1000') + ' ' + s.lastIndexOf('\u0007') })
  see('text of functions', () => [function f (a, b) { return a }, (x) => x, class A { m () {} }, async function* g () {}, Array.prototype.map, Object.getOwnPropertyDescriptor(Map.prototype, 'size').get, (() => {}).bind(), Proxy, new Proxy(function q () {}, {})].map((f) => Function.prototype.toString.call(f)))
  see('names of functions', () => { const o = { a: () => 0, ['b' + 1]: function () {}, [Symbol('s')]: () => 0, get c () { return 1 }, d () {} }; const e = () => 0; const { f = () => 0 } = {}; return [o.a, o.b1, o[Object.getOwnPropertySymbols(o)[0]], Object.getOwnPropertyDescriptor(o, 'c').get, o.d, e, f, e.bind(), class {}, (() => 0)].map((x) => x.name) })
  see('lengths of functions', () => [(a, b = 1, c) => 0, (...r) => 0, ({ a }, [b]) => 0, function () { arguments }, Math.max, Date, Function, Promise.all, new Proxy((a, b) => 0, {})].map((x) => x.length))
  see('symbols', () => [Symbol('x').toString(), Symbol().description, Symbol.for('k').description, Object(Symbol('q')).toString(), Symbol.keyFor(Symbol.for('k')), Symbol.iterator.toString()].map(String))
  see('tags', () => [null, undefined, 1, 'x', [], () => 0, /x/, new Date(0), new Error(), new Map(), Symbol(), 1n, Math, JSON, globalThis, (function () { return arguments })(), Promise.resolve(), new (class A {})(), Reflect].map((x) => Object.prototype.toString.call(x)))
`,
  patterns: String.raw`
  const m = (r, s) => { const x = r.exec(s); return x === null ? null : JSON.stringify([...x]) + x.index + (x.groups ? JSON.stringify(x.groups) : '') }
  see('captures in loops', () => [m(/(?:(a)|b)*/, 'ab'), m(/(z)((a+)?(b+)?(c))*/, 'zaacbbbcac'), m(/(a*)*/, 'b'), m(/(?=(a+))a*b\1/, 'baaabac'), m(/(.*?)a(?!(a+)b\2c)\2(.*)/, 'baaabaac')])
  see('look behind', () => [m(/(?<=(\d+)(\d+))$/, '1053'), m(/(?<=\1(.))x/, 'aax'), m(/(?<!a)b/, 'abb'), m(/(?<=^|,)x/, 'a,x'), m(/(?<=(?<y>\w){2})$/, 'abc')])
  see('named groups', () => [m(/(?<year>\d{4})-(?<m>\d\d)/, '2020-12'), m(/(?<a>x)|(?<a>y)/, 'y'), 'x-y'.replace(/(?<l>.)-(?<r>.)/, '$<r>$<l>')])
  see('unicode', () => [m(/./u, '\ud83d\ude00'), m(/./, '\ud83d\ude00'), m(/^.$/v, '\ud83d\ude00'), m(/\u{1f600}/u, 'x\ud83d\ude00'), m(/[\ud83d\ude00]/u, '\ud83d'), m(/\ud83d/u, '\ud83d\ude00'), m(/[^x]/u, '\ud83d\ude00')])
  see('unicode properties', () => ['\\p{L}', '\\p{Lu}', '\\p{Script=Greek}', '\\p{scx=Deva}', '\\p{Emoji}', '\\p{ASCII_Hex_Digit}', '\\P{L}', '\\p{Nd}', '\\p{ID_Start}', '\\p{White_Space}'].map((p) => { const r = new RegExp('^' + p + '$', 'u'); return ['a', 'Z', '\u03b1', '\u0964', '\ud83d\ude00', '5', '\u0665', '_', '\u00a0', '\u{1e900}'].map((c) => +r.test(c)).join('') }))
  see('properties of strings', () => [m(/^\p{RGI_Emoji}$/v, '\ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67'), m(/^\p{Emoji_Keycap_Sequence}$/v, '1\ufe0f\u20e3')])
  see('sets', () => [m(/[\w--\d]+/v, '12ab'), m(/[\p{L}&&[a-z]]+/v, '\u00e4abc'), m(/[\q{abc|d}x]/v, 'zabc'), m(/^[^\d]$/v, '\u0665')])
  see('ignoring case', () => [m(/\u212a/i, 'k'), m(/\u212a/iu, 'k'), m(/\u00df/i, '\u1e9e'), m(/\u00df/iu, '\u1e9e'), m(/[^x]/iu, 'X'), m(/\w/iu, '\u017f'), m(/[\u0390]/i, '\u1fd3'), m(/\u03c3/i, '\u03c2'), m(/\u0130/i, 'i'), m(/[a-z]/i, '\u212a'), m(/\u{10400}/iu, '\u{10428}'), m(/\W/iu, 's')])
  see('modifiers', () => [m(/(?i:a)b/, 'Ab'), m(/(?i:a)b/, 'AB'), m(/(?-i:a)b/i, 'aB'), m(/(?s:.)./, '\nx'), m(/(?m:^b)/, 'a\nb')])
  see('flags', () => [m(/a.c/s, 'a\nc'), m(/^b$/m, 'a\nb\r'), m(/b/y, 'ab'), /a/dgimsuy.flags, String(new RegExp('/\n')), new RegExp('').source, new RegExp('[/]').source])
  see('indices', () => JSON.stringify(/(?<a>b)(c)?/d.exec('abc').indices) + JSON.stringify(/(?<a>b)(c)?/d.exec('ab').indices.groups))
  see('last index', () => { const r = /a/g; const s = []; r.lastIndex = 5; s.push(r.test('aaa'), r.lastIndex); r.lastIndex = -1; s.push(r.exec('ba').index, r.lastIndex); const y = /a/y; y.lastIndex = 1; s.push(y.test('ba'), y.lastIndex, y.test('ba'), y.lastIndex); return s })
  see('empty matches', () => ['abc'.match(/x*/g).length, 'abc'.replace(/x*/g, '-'), '\ud83d\ude00'.replace(/(?:)/gu, '-'), '\ud83d\ude00'.replace(/(?:)/g, '-').length, [...'ab'.matchAll(/(?:)/g)].map((x) => x.index)])
  see('alternatives', () => [m(/a|ab/, 'abc'), m(/((a)|(ab))((c)|(bc))/, 'abc'), m(/(?:a|ab)(?:c|bcd)(?:d*)/, 'abcd'), m(/|a/, 'a')])
  see('back references', () => [m(/\1(a)/, 'aa'), m(/(a)\1/, 'aa'), m(/(?:(a)|(b))\1\2/, 'ba'), m(/\k<x>(?<x>a)/, 'aa'), m(/(a)(?:\1)?b/i, 'aAb')])
  see('quantifiers', () => [m(/a{2,3}?/, 'aaaa'), m(/a{0}b/, 'ab'), m(/(a?)??b/, 'ab'), m(/x{,3}/, 'x{,3}'), m(/(?:a+){2,}/, 'aaaa'), m(/(a{2})*/, 'aaaaa')])
  see('boundaries', () => ['a b'.replace(/\b/g, '|'), 'a\u00e4b'.replace(/\b/g, '|'), 'K\u212a'.replace(/\b/giu, '|'), m(/\Bb/, 'ab')])
  see('symbols', () => [RegExp.prototype[Symbol.split].call(/,/, 'a,b').join('|'), /b/[Symbol.search]('ab'), 'x'.match({ [Symbol.match]: () => 5 }), /x/[Symbol.replace]('axb', '$&$&')])
  see('a subclass', () => { class R extends RegExp { exec (s) { const x = super.exec(s); if (x) x[0] = x[0].toUpperCase(); return x } } return ['ab'.replace(new R('b'), '[$&]'), 'aXb'.split(new R('X')).length, new R('b').test('b'), [...'bb'.matchAll(new R('b', 'g'))].join()] })
  see('legacy', () => [typeof RegExp.$1, typeof RegExp.input, typeof RegExp.prototype.compile, 'lastMatch' in RegExp])
  see('octal and control', () => [caught(() => new RegExp('\\01')), caught(() => new RegExp('\\8').test('8')), caught(() => new RegExp('\\c').test('\\c')), caught(() => new RegExp('[\\c_]').test('\x1f')), caught(() => new RegExp('\\u{1}').test('u')), caught(() => new RegExp('{').test('{')), caught(() => new RegExp(']').test(']'))])
`,
  dates: String.raw`
  const p = (x) => { const t = Date.parse(x); return t !== t ? 'NaN' : t }
  see('iso', () => ['1970', '1970-01', '1970-01-01', '1970-01-01T00:00', '1970-01-01T00:00:00', '1970-01-01T00:00:00.1', '1970-01-01T00:00:00.123456789', '1970-01-01T00:00Z', '1970-01-01T00:00+00:00', '1970-01-01T24:00Z', '1970-01-01T24:01Z', '1970-01-01T00:60Z', '1970-13-01', '1970-00-01', '1970-01-32', '1970-02-29', '1972-02-29', '1900-02-29', '2000-02-29'].map(p))
  see('iso years', () => ['+000000-01-01', '-000000-01-01', '-000001-01-01', '+275760-09-13', '+275760-09-13T00:00:00.001Z', '-271821-04-20', '-271821-04-19', '+1970-01-01', '0000', '9999-12-31', '10000-01-01', '+010000-01-01'].map(p))
  see('iso zones', () => ['1970-01-01T00:00+05:30', '1970-01-01T00:00-12:00', '1970-01-01T00:00+0530', '1970-01-01T00:00+24:00', '1970-01-01T00:00+05', '1970-01-01Z', '1970-01-01T00:00z', '1970-01-01t00:00Z', '1970-01-01 00:00Z', '1970-01-01T00:00 Z'].map(p))
  see('nearly iso', () => ['1970-1-1', '1970/01/01', '01-01-1970', '19700101', '1970-W01', '1970-001', '1970-01-01T0:00', '1970-01-01T00', '1970-01-01T00:00:00,5', ' 1970-01-01', '1970-01-01 ', '1970-01-01T00:00:00.', '１９７０'].map(p))
  see('other texts', () => ['Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Jan 1, 1970', '1 January 1970', 'Thu Jan 01 1970', 'Thu Jan 01 1970 00:00:00 GMT+0100', '12:00', 'now', 'today', '0', '1', '99', '2000 BC', '(x) 1970', 'Mon 1 1970'].map(p))
  see('parts', () => [[2020, 0], [2020, 12], [2020, -1], [2020, 0, 0], [2020, 0, 366], [70, 0], [-1, 0], [99.9, 0], [100, 0], [NaN, 0], [2020, NaN], [2020, 0, 1, 25], [2020, 0, 1, 0, -1], [275760, 8, 13, 0, 0, 0, 1], [1e9, 0], [2020, 1e9], [0, 0, 1, 0, 0, 0, 0.9]].map((a) => +new Date(...a)))
  see('setters', () => { const d = new Date(Date.UTC(2020, 0, 31)); return [d.setMonth(1), d.setDate(0), d.setHours(25, 61, 61, 1001), d.setMinutes(-1), d.setSeconds(3600), d.setMilliseconds(-1), d.setFullYear(2019, 1, 29), d.setUTCHours(23), d.setTime(8.64e15), d.setMilliseconds(1), d.setDate(1), +d] })
  see('getters', () => { const d = new Date(-1); return [d.getFullYear(), d.getMonth(), d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds(), d.getMilliseconds(), d.getDay(), d.getTimezoneOffset(), d.getUTCDay()] })
  see('texts', () => { const d = new Date(951782400000); return [d.toString(), d.toDateString(), d.toTimeString(), d.toISOString(), d.toUTCString(), d.toJSON(), d.toLocaleString(), d.toLocaleDateString('de-DE', { weekday: 'long' }), d.toLocaleTimeString('en-US', { timeZone: 'Asia/Tokyo' })] })
  see('texts far away', () => [8.64e15, -8.64e15, -62198755200000, 253402300800000, NaN].map((t) => String(new Date(t)) + new Date(t).toUTCString() + caught(() => new Date(t).toISOString())))
  see('huge parts', () => { const s = [], d = new Date(1e12 + 7); for (let h = 7e6; h < 1e18; h = h * 17.3 + 1) { const n = -h * 60, m = -h * 3600; s.push(Date.UTC(1970, 0, 1, h, n), Date.UTC(2001, 5, h / 24, -h), Date.UTC(1970, 0, 1, h, 1.5, m), Date.UTC(1970, 0, 1, h, n, m, h * 36e5), +new Date(1970, 0, 1, h, n + 7.7), d.setHours(h, n + h % 1e6), d.setUTCMinutes(h, n - h % 1e5), d.setSeconds(h, -h * 1e3 + h % 1e4), +d.setTime(1e12 + h % 1000)) } return s.join() })
  see('huge days', () => { const s = []; for (let d = 4e10; d < 1e14; d = d * 3.3 + 1) s.push(Date.UTC(1970, 0, d, 0, 0, 0, -d * 864e5), Date.UTC(1999, 3, -d, 1, 2, 3, d * 864e5), +new Date(2001, 5, d, -d * 24)); return s.join() })
  see('daylight', () => [1, 2, 3, 9, 10, 11].map((month) => new Date(2021, month, 1, 2, 30).getTime() - Date.UTC(2021, month, 1, 2, 30)))
  see('midnights', () => Array.from({ length: 12 }, (_, month) => new Date(1945, month, 1).getHours() + new Date(2011, month, 30).getTimezoneOffset()))
  see('conversions', () => [+new Date(null), +new Date(undefined), +new Date(true), +new Date('5'), +new Date([5]), +new Date({}), +new Date(1e81), +new Date(0.9), +new Date(-0.9), +new Date(5n === 5n ? 5 : 0), caught(() => new Date(5n)), caught(() => new Date(Symbol()))])
  see('hints', () => { const d = new Date(0); return [d + 1, d - 1, \`\${d}\`, d == String(d), +d, d[Symbol.toPrimitive]('number'), d[Symbol.toPrimitive]('default'), caught(() => d[Symbol.toPrimitive]('x'))] })
  see('now', () => [Date.now() === +new Date(), typeof Date(), Date.length, Date.UTC(), Date.UTC(2017), new Date().getTime() === env.time])
`,
  language: String.raw`
  see('operands', () => { const s = []; const v = (x) => ({ valueOf () { s.push(x); return x.length } }); v('a') + v('bb') * v('ccc') ** v('d') - v('e') / v('f') % v('g'); v('h') < v('i'); v('j') > v('k'); v('l') <= v('m'); return s })
  see('getters', () => { const s = []; const o = new Proxy({}, { get (t, k) { s.push(String(k)); return k === 'm' ? () => 1 : 2 } }); o.a + o.b * o.m(o.c, ...[o.d]) + (o.e ??= 1) + (o.f ||= 1) + o?.g; return s })
  see('patterns', () => { const s = []; const o = new Proxy({}, { get (t, k) { s.push(String(k)); return undefined } }); const { a = s.push('A'), ['b' + s.push('key')]: b = s.push('B'), c: { d } = {} } = o; return s })
  see('coercions', () => [[] + {}, [] == false, null == 0, null >= 0, undefined == null, '1' == 1, [1] == 1, NaN != NaN, '\n' == 0, [[]] == 0, 'b' > 'a', '2' > '12', true + true, [] * 2, +[], +{}, -'5', '5' * '2', 1 < 2 < 3, 3 > 2 > 1])
  see('conversion of objects', () => [\`\${{ toString: () => 's', valueOf: () => 'v' }}\`, { toString: () => 's', valueOf: () => 'v' } + '', { valueOf: () => ({}), toString: () => 7 } * 2, { [Symbol.toPrimitive]: (h) => h } + '', +{ [Symbol.toPrimitive]: (h) => h.length }])
  see('switch order', () => { const s = []; const n = (x) => { s.push(x); return x }; switch (n(3)) { case n(1): case n(2): default: n('d'); case n(3): n('three'); case n(4): n('four') } return s })
  see('finally', () => { const f = () => { try { return 1 } finally { return 2 } }; const g = () => { for (;;) { try { return 1 } finally { break } } return 3 }; const h = () => { try { throw 1 } catch (e) { return e } finally { } }; return [f(), g(), h()] })
  see('labels', () => { const s = []; a: for (let i = 0; i < 3; i++) { for (let j = 0; j < 3; j++) { if (j === 1) continue a; if (i === 2) break a; s.push(i + '' + j) } } return s })
  see('closures of loops', () => { const f = []; for (let i = 0; i < 3; i++) { f.push(() => i); i += 0 } for (var v = 0; v < 2; v++) f.push(() => v); return f.map((x) => x()) })
  see('generators', () => { const s = []; function* g () { try { s.push(yield 1); yield* [2, 3]; return 4 } finally { s.push('end') } } const i = g(); s.push(i.next('lost').value, i.next('x').value, JSON.stringify(i.return(9)), JSON.stringify(i.next())); return s })
  see('delegation', () => { const s = []; const inner = { [Symbol.iterator] () { return this }, next (x) { s.push('next ' + x); return { value: 1, done: s.length > 3 } }, return (x) { s.push('return ' + x); return { value: x, done: true } }, throw (x) { s.push('throw ' + x); return { value: 5, done: true } } }; function* g () { s.push('got ' + (yield* inner)) } const i = g(); i.next('a'); i.next('b'); i.throw('c'); return s })
  see('closing of iterators', () => { const s = []; const make = () => ({ [Symbol.iterator] () { return this }, i: 0, next () { return { value: this.i++, done: this.i > 5 } }, return () { s.push('closed'); return {} } }); const [a, b] = make(); for (const x of make()) { if (x === 2) break } try { for (const x of make()) throw 1 } catch {} new Set(make()); Array.from(make(), (x) => x); caught(() => new Map(make())); return s })
  see('iterator helpers', () => { const s = []; const r = [1, 2, 3, 4, 5].values().map((x) => { s.push('m' + x); return x * 2 }).filter((x) => { s.push('f' + x); return x > 4 }).take(2).toArray(); return r + ' ' + s })
  see('classes', () => { const s = []; class A { constructor () { s.push(new.target.name); this.init() } init () { s.push('A') } x = s.push('field A') } class B extends A { y = s.push('field B'); init () { s.push('B' + this.y) } } new B(); return s })
  see('private names', () => { class A { #x = 1; static #n = 0; #m () { return ++A.#n + this.#x } get #g () { return this.#m() } t (o) { return [#x in o, this.#g, this.#m()] } } return new A().t({}) + '' + new A().t(new A()) })
  see('accessors', () => { const s = []; class A { static accessor = 1; get a () { s.push('get'); return 1 } set a (v) { s.push('set' + v) } } const o = new A(); o.a++; o.a += 5; o.a ||= 3; o.a &&= 4; return s })
  see('tagged templates', () => { const t = (s) => s; const f = () => t\`a\${1}b\`; return [f() === f(), Object.isFrozen(f()), f().raw.join(), t\`\\unicode\`[0]] })
  see('arguments', () => (function (a, b = 2) { a = 5; return [arguments[0], arguments.length, typeof arguments.callee === 'undefined'] }).call(null, 1) + '')
  see('arguments of old', () => caught(() => (function () { return arguments.callee })()))
  see('this', () => [typeof (function () { return this })(), typeof (() => this)(), typeof globalThis, [1].map(function () { return this })[0], (function () { return typeof this }).call(5)])
  see('hoisting', () => { const s = [typeof f, typeof v]; { function f () {} } var v = 1; return s })
  see('deep values', () => { let o = {}; for (let i = 0; i < 100; i++) o = { o, i }; return JSON.stringify(o).length })
  see('recursion', () => { const f = (n) => n === 0 ? 0 : 1 + f(n - 1); return f(300) })
  see('array methods and holes', () => { const a = [1, , 3]; return [a.map((x) => x), a.forEach.length, a.indexOf(undefined), a.includes(undefined), a.findIndex((x) => x === undefined), a.join(), a.flat(), a.concat([, 4]), a.filter(() => true), [...a], a.reduce((x, y) => x + y), a.at(1), a.with(0, 9), a.toSpliced(0, 1), a.entries().toArray().length, Object.keys(a)].map(show) })
  see('array length', () => { const a = [1, 2, 3]; a.length = 1; a[4] = 5; const b = []; b.length = 3; b.push(1); return [a, b, a.length, Array(3).fill().length, Array.from({ length: 2 }), Array.of(7).length].map(show) })
  see('array-likes', () => [Array.prototype.push.call({ length: 2 ** 32 }, 1), caught(() => Array.prototype.push.call({ length: 2 ** 53 - 1 }, 1)), Array.prototype.concat.call(1, 2).length, Array.prototype.slice.call('abc').join('-'), Array.from('a\ud83d\ude00').length])
  see('copies', () => [[3, 1, 2].toSorted(), [1, 2].toReversed(), [1, 2, 3].toSpliced(1, 1, 'x'), [1, 2].with(-1, 9), [1, [2, [3, [4]]]].flat(Infinity), [1, 2, 3, 4].copyWithin(0, 2), [1, 2, 3].fill(0, 1)].map(show))
  see('reflection', () => { const f = Reflect.construct(function () { return new.target }, [], Array); return [f === Array, Reflect.has({ a: 1 }, 'a'), Reflect.getPrototypeOf([]) === Array.prototype, Reflect.set(Object.freeze({ a: 1 }), 'a', 2), Reflect.defineProperty({}, 'a', {}), Reflect.ownKeys({ b: 1, a: 1, 1: 1 }).join()] })
  see('proxies', () => { const s = []; const p = new Proxy({}, new Proxy({}, { get (t, k) { s.push(k); return undefined } })); p.a; p.a = 1; 'a' in p; delete p.a; Object.keys(p); Object.getPrototypeOf(p); Object.isExtensible(p); Object.freeze(p); return s })
  see('values that come back', () => JSON.stringify([1e21, -0, '\u2028', [undefined], { a: undefined }, NaN, new Date(0), /x/, new Map([[1, 2]]), Symbol(), () => 0, [1n].length, Object(1), Object('s'), { toJSON: (k) => 'k' + k }]))
  see('indented', () => JSON.stringify({ a: [1, { b: [] }], c: {} }, null, 20).length + JSON.stringify([1], null, '\t\u00e4-----------').length)
  see('source of numbers', () => { const s = []; JSON.parse('[1.0,-0,1e2,"x",12345678901234567890]', function (k, v, c) { if (c?.source) s.push(c.source); return v }); return s })
  see('raw json', () => typeof JSON.rawJSON === 'function' ? JSON.stringify([JSON.rawJSON('1e1000')]) + JSON.isRawJSON({}) : 'none')
`,
  collector: `
  see('no references', () => [typeof WeakRef, typeof FinalizationRegistry, typeof gc, 'WeakRef' in globalThis])
  see('garbage', () => { let n = 0; for (let i = 0; i < 3000; i++) { const o = { a: new Array(50).fill(i), s: 'x'.repeat(50) + i }; n += o.a.length + o.s.length } return n })
  see('weak keys that are gone', () => { const w = new WeakMap(); for (let i = 0; i < 3000; i++) w.set({}, i); const s = new WeakSet(); for (let i = 0; i < 3000; i++) s.add({}); return Reflect.ownKeys(w).length + Reflect.ownKeys(s).length })
  see('weak keys that stay', () => { const keys = []; const w = new WeakMap(); for (let i = 0; i < 1000; i++) { const k = { i }; if (i % 10 === 0) keys.push(k); w.set(k, i) } return keys.map((k) => w.get(k)).join() })
  see('identity over moves', () => { const all = Array.from({ length: 500 }, (_, i) => ({ i })); const m = new Map(all.map((o) => [o, o.i])); for (let i = 0; i < 2000; i++) new Array(100).fill(i); return all.every((o) => m.get(o) === o.i) })
  see('closures that are kept', () => { const f = []; for (let i = 0; i < 1000; i++) f.push(() => i); return f.reduce((sum, g) => sum + g(), 0) })
  see('symbols as keys', () => { const w = new WeakMap(); const s = Symbol('x'); w.set(s, 1); return w.get(s) + caught(() => w.set(Symbol.iterator, 2).get(Symbol.iterator)) })
`
}

/** Ways to end a call, with what it has used by then: `[method, why]`. */
const ENDS = String.raw`
exports.init = () => {}
exports.deep = () => { let n = 0; const f = () => { n++; f() }; try { f() } catch { return n } }
exports.deeper = () => { const f = (a, b, c, d) => [1].map(() => f(a, b, c, d)); f(1, 2, 3, 4) }
exports.deepest = () => { const o = { get o () { return this.o } }; return o.o }
exports.deepProxy = () => { const p = new Proxy({}, { get: (t, k, r) => r[k] }); return p.x }
exports.deepText = () => { const o = { toString: () => '' + o }; return '' + o }
exports.deepJson = () => { const o = { toJSON: () => JSON.stringify(o) }; return JSON.stringify(o) }
exports.deepSort = () => { const f = () => [2, 1].sort(f); f() }
exports.endless = () => { for (;;); }
exports.endlessTurns = async () => { for (;;) await null }
exports.endlessThen = () => { const f = () => Promise.resolve().then(f); return f() }
exports.endlessGenerator = () => { function* g () { for (;;) yield 1 } for (const x of g()); }
exports.endlessText = () => { let s = 'x'; for (;;) s += s }
exports.endlessArray = () => { const a = []; for (;;) a.push(a.length) }
exports.endlessBigint = () => { let n = 3n; for (;;) n *= n }
exports.endlessPattern = () => /^(a+)+$/.test('a'.repeat(40) + 'b')
exports.never = () => new Promise(() => {})
exports.thrown = () => { throw { get message () { return 'read' }, name: 'X' } }
exports.thrownText = () => { throw 'text' }
exports.thrownSymbol = () => { throw Symbol('s') }
exports.thrownLong = () => { throw new Error('x'.repeat(5000)) }
exports.thrownCode = () => { throw Object.assign(new RangeError('r'), { code: 42 }) }
exports.rejected = async () => { await null; throw new TypeError('late') }
exports.nan = () => NaN
exports.cycle = () => { const a = []; a.push(a); return a }
exports.map = () => new Map()
exports.hole = () => [, 1]
exports.deepValue = () => { let o = []; for (let i = 0; i < 200; i++) o = [o]; return o }
exports.large = () => 'x'.repeat(300000)
exports.frozen = () => { Object.freeze(exports) }
exports.accessor = () => { Object.defineProperty(exports, 'late', { enumerable: true, get () { return 5 } }) }
exports.variables = () => { exports.b = 1; exports[2] = 1; exports.a = { z: 1, 1: [1n, -0] }; exports['\u00e4'] = new Uint8Array(3) }
exports.deleted = () => { delete exports.b; exports.c = 1 }
`

const TURNS = `
  const order = []
  const note = (name) => () => { order.push(name) }
  const thenable = (name) => ({ then (resolve) { order.push(name); resolve(name) } })
  const list = async function* (name, n) { for (let i = 0; i < n; i++) { order.push(name + i); yield i } }
  Promise.resolve().then(note('a1')).then(note('a2')).then(note('a3'))
  Promise.resolve(thenable('t1')).then(note('t2'))
  Promise.reject(1).catch(note('r1')).finally(note('r2'))
  ;(async () => { order.push('s'); await thenable('u1'); order.push('u2'); await Promise.resolve(); order.push('u3') })()
  ;(async () => { for await (const x of list('g', 3)) order.push('f' + x) })()
  ;(async () => { for await (const x of [thenable('v1'), 2, Promise.resolve(3)]) order.push('w' + x) })()
  ;(async () => { try { await Promise.any([Promise.reject(1), Promise.reject(2)]) } catch (e) { order.push(e.constructor.name + e.errors) } })()
  Promise.race([new Promise(() => {}), Promise.resolve('won')]).then((x) => order.push(x))
  Promise.all([1, thenable('x1'), Promise.resolve(2)]).then((x) => order.push(x.join()))
  Promise.allSettled([Promise.reject(1), 2]).then((x) => order.push(x.map((y) => y.status).join()))
  const { promise, resolve } = Promise.withResolvers()
  promise.then(note('p1')); promise.then(note('p2')); resolve(Promise.resolve().then(note('p0')))
  Promise.try(() => { order.push('try'); throw 1 }).catch(note('tried'))
  class P extends Promise { then (...args) { order.push('P.then'); return super.then(...args) } }
  P.resolve(1).then(note('q1'))
  ;(async () => { await new P((go) => go(1)); order.push('q2') })()
  Array.fromAsync([thenable('y1'), 1]).then(note('y2'))
  const reads = [1, 2, 3].map((i) => state.readFile('/' + i).catch(note('read' + i)))
  state.writeFile('/2', 'x').then(note('write'))
  state.readdir('/').then((names) => order.push('dir' + names))
  state.exists('/2').then((x) => order.push('exists' + x))
  await Promise.all(reads)
  order.push('after reads')
  await state.readFile('/2').then(note('read again'))
  state.unlink('/2')
  await null; await null; await null
  for (let i = 0; i < order.length; i += 10) see('turns from ' + i, () => order.slice(i, i + 10))
  see('unhandled', () => { Promise.reject(new Error('nobody')); return 'goes on' })
  see('settled twice', () => { let s = ''; new Promise((go, no) => { go(1); no(2); s += 'once' }).then((x) => { s += x }); return s })
`

/** Contracts by subject: `main` returns its observations. */
export const CONTRACTS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({ ...GROUPS, turns: TURNS }).map(([name, text]) => [
    name,
    `${PRELUDE}exports.main = async () => {${text.replaceAll('\\`', '`').replaceAll('\\$', '$')}\nreturn rows }`
  ])
)

/** A contract with methods that go wrong in ways of their own, and their names. */
export const ENDING: { readonly source: string; readonly methods: readonly string[] } = {
  source: ENDS,
  methods: [...ENDS.matchAll(/^exports\.(\w+) =/gm)].map(([, name]) => name ?? '').slice(1)
}
