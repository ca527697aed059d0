// One hostile script looks at everything that might differ between machines, settings and runs; what it
// sees must be the same bytes everywhere. Stack depth is left out: it is the meter's to limit.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'brittle'
import { alongEngines, lookAround } from './vm-determinism-run.ts'

interface Setting {
  readonly name: string
  readonly flags?: readonly string[]
  readonly env?: { readonly [name: string]: string }
  readonly memory?: number
}

interface Result {
  readonly outcome: { readonly status: string; readonly value?: string }
  readonly writes: readonly unknown[]
}

const PROCESS = fileURLToPath(new URL('./realm-process.js', import.meta.url))
const JITLESS = ['--jitless']
const OBSERVATIONS_MIN = 90
const VECTORS_FILE = new URL('./vectors/observations.json', import.meta.url)

/** Observations of the corpus, which is in vm-determinism-corpus.ts. */
const CORPUS_MIN = 300
const CORPUS_FILE = new URL('./vectors/observations-corpus.json', import.meta.url)

/** The long test has many more. */
const CORPUS_SETTINGS: readonly Setting[] = [
  { name: 'another time zone and locale', env: { TZ: 'America/Caracas', LC_ALL: 'tr_TR.UTF-8' } },
  { name: 'the interpreter and the compilers', flags: [] },
  {
    name: 'a compacting collector, other seeds, less memory',
    flags: [...JITLESS, '--stress-compaction', '--hash-seed=7', '--random-seed=9'],
    memory: 32
  }
]

const SETTINGS: readonly Setting[] = [
  { name: 'another time zone and locale', env: { TZ: 'Asia/Kolkata', LC_ALL: 'tr_TR.UTF-8' } },
  { name: 'a German', env: { TZ: 'America/St_Johns', LANG: 'de_DE.UTF-8', LANGUAGE: 'de' } },
  { name: 'the interpreter and the compilers', flags: [] },
  { name: 'the baseline compiler only', flags: ['--always-sparkplug', '--no-opt', '--no-maglev'] },
  { name: 'a compacting collector', flags: [...JITLESS, '--stress-compaction'] },
  { name: 'a small nursery', flags: [...JITLESS, '--max-semi-space-size=1'] },
  { name: 'other hash and random seeds', flags: [...JITLESS, '--hash-seed=7', '--random-seed=9'] },
  {
    name: 'a library and a processor with powers of their own',
    flags: [...JITLESS, '--no-use-std-math-pow'],
    env: { GLIBC_TUNABLES: 'glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2' }
  },
  {
    name: 'a processor with shorter vectors',
    env: process.arch === 'x64' ? { SIMDUTF_FORCE_IMPLEMENTATION: 'westmere' } : {}
  },
  { name: 'less memory', memory: 32 },
  { name: 'more memory', memory: 256 },
  {
    name: 'code from strings disallowed',
    flags: [...JITLESS, '--disallow-code-generation-from-strings']
  }
]

const SCRIPT = String.raw`
const rows = []
const see = (name, look) => {
  let seen
  try { seen = String(look()) } catch (error) { seen = 'throws ' + error.name + ': ' + error.message + ' ' + error.code }
  rows.push(name + ' = ' + seen.slice(0, 400))
}
const bits = (write) => { const view = new DataView(new ArrayBuffer(8)); write(view); return view.getBigUint64(0).toString(16) }
const hot = (f) => { let last; for (let i = 0; i < 20000; i++) last = f(i); return last }
exports.main = async (bytes) => {
  // clock, zone, calendar
  see('now', () => Date.now() + ' ' + new Date().getTime())
  see('date as a function', () => Date())
  see('date as text', () => [String(new Date(0)), new Date(0).toDateString(), new Date(0).toTimeString(), new Date(0).toUTCString(), new Date(0).toJSON()])
  see('date in a locale', () => [new Date(0).toLocaleString('de'), new Date(0).toLocaleDateString(), new Date(0).toLocaleTimeString()])
  see('local time', () => new Date(2020, 6, 1, 2, 3, 4, 5).toISOString())
  see('zone', () => new Date(2020, 6, 1).getTimezoneOffset() + ' ' + new Date(NaN).getTimezoneOffset())
  see('fields', () => { const d = new Date(1e12); return [d.getHours(), d.getDate(), d.getDay(), d.getMinutes(), d.getFullYear()] })
  see('setters', () => { const d = new Date(0); d.setHours(5); d.setDate(40); d.setFullYear(2019, 1, 29); return d.toISOString() })
  see('iso', () => ['2020-06-01T00:00', '2020-06-01', '2020', '+012020-01-01', '2020-06-01T10:00+05:30', '2020-02-30', '2020-01-01T24:00', '0050-01-01', '-000001-01-01T00:00:00.57Z', '2020-01-01T00:00:00.579999Z'].map((x) => Date.parse(x)))
  see('other formats', () => ['Jan 1 2020', '1/2/2020', '2020-1-1', 'Tue, 14 Nov 2023 22:13:20 GMT', '2020-01-01 00:00', 'x'].map((x) => Date.parse(x)))
  see('date round trip', () => Date.parse(String(new Date(-1e14))) + ' ' + Date.parse(new Date(8.64e15).toUTCString()) + ' ' + Date.parse(String(new Date(-8.64e15))))
  see('date of objects', () => [+new Date(new Date(5)), +new Date({ valueOf: () => 7 }), +new Date([2020]), +new Date({ [Symbol.toPrimitive]: (hint) => hint })])
  see('subclass of Date', () => { class D extends Date {} const d = new D(5); return [d.getTime(), d instanceof D, d instanceof Date, Object.prototype.toString.call(d)] })
  see('years', () => [+new Date(99, 0), +new Date(100, 0), Date.UTC(0), Date.UTC(275760, 8, 13), +new Date(8.64e15 + 1)])
  // chance
  see('random', () => [Math.random(), Math.random(), hot(() => Math.random())])
  // locale
  see('numbers', () => [(1234567.891).toLocaleString(), (12345678n).toLocaleString('de'), [1234.5, 5n].toLocaleString(), new Uint16Array([12345]).toLocaleString()])
  see('localeCompare', () => ['z', 'a', 'ä', 'Z', 'a\u0308', 'é', 'e'].sort((a, b) => a.localeCompare(b)).join() + 'ä'.localeCompare('a\u0308'))
  see('case', () => ['i'.toLocaleUpperCase('tr'), 'I'.toLocaleLowerCase('tr'), 'ß'.toUpperCase(), 'İ'.toLowerCase(), 'ΑΣ'.toLowerCase()])
  see('normalize', () => ['NFC', 'NFD', 'NFKC', 'NFKD'].map((form) => '\ufb01\u1e9b\u0323'.normalize(form).length))
  see('Intl', () => typeof Intl)
  see('unicode classes', () => [/^\p{L}+$/u.test('ñß'), /\p{Emoji}/v.test('x'), /K/iu.test('\u212a'), /[^\d]/iv.test('٣')])
  // numbers
  see('NaN in a view', () => bits((view) => view.setFloat64(0, 0 / hot(() => 0))))
  see('NaN with a sign', () => bits((view) => view.setFloat64(0, -NaN)) + bits((view) => view.setFloat64(0, -(0 / 0), true)))
  see('NaN from infinity', () => bits((view) => view.setFloat64(0, hot((i) => Infinity - Infinity * (i + 1)))))
  see('NaN in floats', () => bits((view) => view.setFloat32(0, Math.sqrt(-1))) + bits((view) => view.setFloat32(4, 0 * Infinity, true)) + bits((view) => view.setFloat16(0, NaN)))
  see('NaN with a payload', () => { const view = new DataView(new ArrayBuffer(16)); view.setUint32(0, 0xfff80000); view.setUint32(4, 77); view.setFloat64(8, view.getFloat64(0)); return view.getBigUint64(8).toString(16) })
  see('NaN through the array', () => { const f = new Float64Array([0 / 0, -(0 / 0)]); return bits((view) => view.setFloat64(0, f[1])) + f })
  see('buffer of floats', () => new Float64Array(1).buffer)
  see('floats over a buffer', () => new Float32Array(new ArrayBuffer(8)))
  see('floats by subarray', () => { let leak; const f = new Float64Array([1, 0 / 0]); f.constructor = { [Symbol.species]: function (buffer) { leak = buffer; return new Float64Array(2) } }; f.subarray(0); return leak })
  see('floats by slice', () => { let leak; const f = new Float64Array([1, 0 / 0]); f.constructor = { [Symbol.species]: function (...args) { leak = args; return new Uint8Array(9) } }; return f.slice(0) + ' ' + leak })
  see('floats as bytes', () => new Uint8Array(new Float64Array([0 / 0, 1.5, -1, 300])))
  see('sorted floats', () => new Float64Array([3, NaN, -0, 0, -Infinity, 1]).sort().join() + Object.is(new Float64Array([0, -0]).sort()[0], -0))
  see('halves', () => [Math.f16round(1.337), new Float16Array([65519, 65520, 1e-8, 5.96e-8])])
  see('transcendental', () => [Math.sin(1e300), Math.cos(1e22), Math.tan(1.5), Math.exp(1.1), Math.log(7.7), Math.sinh(1.3), Math.atan2(1, 3), Math.expm1(1e-5), Math.log1p(1e-5), Math.acosh(2), Math.log2(3), Math.log10(5)])
  see('other functions', () => [Math.cbrt(3), Math.hypot(1.1, 2.2, 3.3), Math.sqrt(2), Math.pow(1.1, 300.7), 1.1 ** 300.7, 2 ** -1074, Math.fround(0.1)])
  see('hot power', () => hot((i) => (1 + i / 1e4) ** 1.7))
  see('many powers', () => { let all = 0n; const view = new DataView(new ArrayBuffer(8)); for (let i = 1; i < 5000; i++) { let x = i / 512; x **= i / 1024 - 2; view.setFloat64(0, x + Math.pow(i + 0.1, 1.3) + 1.7 ** (i / 100) + (i * 1.1) ** 3.3); all = (all * 31n + view.getBigUint64(0)) % (2n ** 64n) } return [all, 1.37 ** 0.77, 0.3 ** -7.1, 12.3 ** 45.6, 3.3 ** 44.4] })
  see('sums', () => { let x = 0; for (let i = 1; i < 20000; i++) x += 0.1 / i; return x })
  see('text of numbers', () => [0.1 + 0.2, 1e21, 5e-324, (123456789.123).toFixed(20), (1e21 + 1).toString(36), (0.1).toString(2), (1e-7).toPrecision(3), (25).toString(36)])
  see('parsed numbers', () => [Number('1e-320'), parseFloat('3.14abc'), parseInt('0x1f'), Number('0b11'), Number('  12  '), Number('1_000')])
  see('integers', () => [2 ** 53 + 1, -7 % 3, -7 >> 1, -7 >>> 28, Math.imul(0xffffffff, 5), ~~1e10, 1 / -0])
  see('bigints', () => [(-7n) / 2n, (-7n) % 2n, 2n ** 100n, BigInt.asIntN(8, 255n), BigInt(2 ** 60), -5n >> 1n])
  // the engine
  see('stack', () => [typeof new Error('q').stack, (() => { try { null.x } catch (e) { return typeof e.stack } })(), 'stack' in new Error()])
  see('stack limit', () => { Error.stackTraceLimit = 50; return Error.stackTraceLimit + ' ' + new Error().stack })
  see('stack capture', () => { const o = {}; Error.captureStackTrace(o); return Object.keys(o) + o.stack })
  see('stack hook', () => { Error.prepareStackTrace = (e, s) => s.length; return new Error().stack })
  see('stack of a subclass', () => { class E extends RangeError {} return typeof new E('x').stack })
  see('keys of an error', () => Reflect.ownKeys(new TypeError('x', { cause: 1 })))
  see('messages', () => [() => undefined.foo.bar, () => ({}).x.y(), () => null[Symbol.iterator], () => JSON.parse('{bad'), () => new Array(-1), () => 'x'.repeat(-1), () => x0, () => { const [a] = null }, () => BigInt(1.5), () => (1).toFixed(101), () => decodeURI('%'), () => new (class { #p; static t(o) { return o.#p } }).constructor.t({})].map((f) => { try { return f() } catch (e) { return e.name + e.message } }))
  see('source of functions', () => [function  foo ( ) { /* c */ }, class A { x }, () => 1, Math.max, Date, Uint8Array].map((f) => Function.prototype.toString.call(f)).join(';'))
  see('eval', () => typeof globalThis['eval'] + typeof globalThis.eval)
  see('Function', () => Function('return 1'))
  see('other Functions', () => [async () => {}, function* () {}, async function* () {}].map((f) => { try { return f.constructor('1') } catch (e) { return e.name + f.constructor.name } }))
  see('Function by inheritance', () => { class F extends Function { constructor () { super('return 1') } } return new F()() })
  see('RegExp statics', () => { /(b)/.exec('abc'); return RegExp.$1 + RegExp.lastMatch + RegExp.input + typeof RegExp.prototype.compile })
  see('collector', () => typeof WeakRef + typeof FinalizationRegistry + typeof gc)
  see('threads', () => typeof SharedArrayBuffer + typeof Atomics + typeof WebAssembly)
  see('host', () => typeof process + typeof require + typeof globalThis.console + typeof setTimeout + typeof queueMicrotask + typeof performance + typeof Temporal + typeof ShadowRealm + typeof escape)
  see('globals', () => Reflect.ownKeys(globalThis).map(String))
  see('of Math', () => Reflect.ownKeys(Math).map(String))
  see('registered symbols', () => [Symbol.for('x') === Symbol.for('x'), Symbol.keyFor(Symbol.for('x')), Symbol.keyFor(Symbol.iterator), Symbol.for('x').description])
  const text = (n) => Array.from({ length: n }, (_, i) => 'AQID+/8xYz09'[(i * 5 + (i >> 3)) % 12]).join('')
  const marks = ['!', '-', '=', ' ', '\u0100', '\u0161', 'g']
  const write = (method, given, ...options) => { const u = new Uint8Array(120).fill(170); try { const { read, written } = u[method](given, ...options); return read + ' ' + written + ' ' + u.toHex() } catch (e) { return e.name + ' ' + u.toHex() } }
  const all = (rows) => { let sum = 7n; for (const row of rows) for (const c of row) sum = (sum * 31n + BigInt(c.charCodeAt(0))) % (2n ** 64n); return [rows.length, sum] }
  see('base64 up to what is none', () => all(marks.flatMap((mark) => [3, 40, 70, 130, 139].flatMap((at) => ['loose', 'strict', 'stop-before-partial'].map((lastChunkHandling) => write('setFromBase64', text(at) + mark + text(150), { lastChunkHandling }))))))
  see('hex up to what is none', () => all(marks.flatMap((mark) => [0, 3, 16, 33, 70, 239].map((at) => write('setFromHex', '1f'.repeat(120).slice(0, at) + mark + '2e'.repeat(60).slice(1 - (at & 1)))))))
  see('hex that is none', () => ['\u0161\u0161', '1\u0161'.repeat(16), '0g', '0'].map((x) => { try { return Uint8Array.fromHex(x).length } catch (e) { return e.name } }))
  // memory
  see('a large buffer', () => new Uint8Array(100e6))
  see('the largest buffer', () => new ArrayBuffer(2 ** 53))
  see('many buffers', () => { let n = 0; const kept = []; try { for (;; n++) kept.push(new ArrayBuffer(1e6)) } catch (e) { return n + e.name + e.code } })
  see('buffers by other ways', () => { const big = new Uint8Array(100); return ['toSorted', 'toReversed'].map((k) => { let n = 0; try { for (; n < 1e6; n++) big[k]() } catch (e) { return k + n + e.code } }) })
  see('a buffer without constructor', () => { const u = new Uint8Array(10); u.constructor = undefined; let n = 0; try { for (; n < 1e5; n++) u.slice(0) } catch (e) { return n + e.code } return u.slice(0) instanceof Uint8Array })
  see('buffers that grow', () => [typeof ArrayBuffer.prototype.resize, typeof ArrayBuffer.prototype.transfer, new ArrayBuffer(8, { maxByteLength: 16 }).byteLength])
  see('a long string', () => 'x'.repeat(2 ** 29))
  see('a long array', () => new Array(2 ** 32))
  // order
  see('order of keys', () => { const o = { b: 1, 2: 1, a: 1, 1: 1, [Symbol('s')]: 1 }; o.c = 1; delete o.b; o.b = 1; return Object.keys(o) + JSON.stringify(o) })
  see('for in', () => { let s = ''; const o = { a: 1, b: 2, c: 3 }; for (const k in o) { s += k; delete o.b; o.z = 1 } return s })
  see('maps and sets', () => { const m = new Map([[NaN, 1], [{}, 2], ['x', 3], [0, 4], [-0, 5]]); m.delete('x'); m.set('x', 6); return [...m.values(), ...new Set([3, 1, 2, 1, NaN, NaN])] })
  see('many keys', () => { const o = {}; for (let i = 0; i < 2000; i++) o['k' + ((i * 7919) % 2003)] = i; for (let i = 0; i < 2000; i += 3) delete o['k' + i]; return Object.keys(o).slice(0, 20) + Object.keys(o).length })
  see('groups', () => JSON.stringify(Object.groupBy([1, 2, 3, 4], (x) => x % 2 ? 'odd' : 'even')))
  see('sort', () => { let n = 0; const sorted = [5, 3, 1, 9, 7, 2, 8, 4, 6, 0, 11, 15, 13].sort((x, y) => { n++; return (x * 7 % 5) - (y * 3 % 4) }); return sorted + ' ' + n })
  see('a bad comparison', () => { let n = 0; return Array.from({ length: 100 }, (_, i) => i).sort(() => (n++) % 3 - 1) })
  see('sort of mixed', () => [3, 'b', undefined, null, 'a', 10, 9, NaN, , 1n].sort())
  see('enumeration of strings', () => Reflect.ownKeys(new String('ab')) + [...'a\ud83d\ude00b'].length)
  // what others could have changed
  see('array prototype', () => { Array.prototype.x = 1 })
  see('object prototype', () => { Object.prototype.toString = () => 'mine' })
  see('global', () => { globalThis.leak = 1 })
  see('built-in', () => { Math.max = 1 })
  see('name of a built-in', () => { Object.defineProperty(Map, 'name', { value: 'x' }) })
  see('prototype chain', () => Object.setPrototypeOf(Array.prototype, {}))
  see('getter of a repaired property', () => { const { get } = Object.getOwnPropertyDescriptor(Object.prototype, 'toString'); get.mark = 1 })
  see('hidden prototypes', () => [[].values(), new Map().keys(), new Set().keys(), ''[Symbol.iterator](), 'x'.matchAll(/x/g), (function* () {})(), (async function* () {})(), [].values().map((x) => x), Iterator.from({ next () {} }), async () => {}, function* () {}].map((o) => { let p = Object.getPrototypeOf(o); let frozen = ''; while (p) { frozen += Object.isFrozen(p) || Reflect.ownKeys(p).length + '!'; p = Object.getPrototypeOf(p) } return frozen }).join())
  see('accessors of an error', () => { const { get, set } = Object.getOwnPropertyDescriptor(new Error(), 'stack') ?? {}; return [get, set].map((f) => f === undefined || Object.isFrozen(f)) })
  see('own objects', () => [state, caller, env, oracle, console, System, state.readFile, console.log, oracle.price, System.files].map(Object.isFrozen))
  see('what is given', () => [typeof exports, typeof module, Reflect.ownKeys(state), Reflect.ownKeys(System), Reflect.ownKeys(caller), Reflect.ownKeys(env)].map(String).join(';'))
  see('state functions', () => [typeof state.readFile.prototype, state.readFile.length, state.readFile.name, state.readFile.constructor === Function, state.readFile.call(null, 5) instanceof Promise])
  see('this of functions', () => (function () { return this })() + typeof (() => this)())
  // turns
  const order = []
  const note = (name) => () => order.push(name)
  Promise.resolve().then(note('p1')).then(note('p2')).then(note('p3'))
  ;(async () => { await null; order.push('a1'); await { then (go) { order.push('then'); go() } }; order.push('a2') })()
  const read = state.readFile('/none').catch(note('read'))
  state.writeFile('/x', '1').then(note('write'))
  state.mkdir('/..').catch(note('mkdir'))
  await read
  await oracle.price(1).then(note('oracle'))
  await Promise.allSettled([Promise.reject(1), 2, Promise.any([]), state.exists('/x').then(note('exists'))])
  see('turns', () => order)
  see('rejections', () => { Promise.reject({ get message () { rows.push('read by the host') } }); return 'unseen' })
  see('values', () => { const value = [bytes, { b: 1, a: [2n, -0, 1e21, 'ü\u2028'] }]; exports.kept = value; return JSON.stringify(value, (_, x) => typeof x === 'bigint' ? 'big' + x : x) })
  await null
  return rows
}
`

test('vm determinism - a hostile script sees the same everywhere', (t) => {
  const reference = look({ name: 'the reference' })
  // OBSERVATIONS_WRITE=1 writes the list anew: only ever for a new VM id
  if (process.env['OBSERVATIONS_WRITE'] === '1') {
    writeFileSync(VECTORS_FILE, `${JSON.stringify(reference, null, 1)}\n`)
  }
  t.ok(reference.length >= OBSERVATIONS_MIN, `${reference.length} observations`)
  const golden: string[] = JSON.parse(readFileSync(VECTORS_FILE, 'utf8'))
  t.alike(difference(reference, golden), [], 'what js-1 always saw, whatever the processor')
  t.is(reference.length, golden.length)
  for (const setting of SETTINGS) {
    const seen = look(setting)
    t.alike(difference(seen, reference), [], setting.name)
    t.is(seen.length, reference.length, `${setting.name}: as many`)
  }
})

test('vm determinism - the corpus comes to the same everywhere', async (t) => {
  const reference = await lookAround({ name: 'the reference' })
  if (process.env['OBSERVATIONS_WRITE'] === '1') {
    writeFileSync(CORPUS_FILE, `${JSON.stringify(reference, null, 1)}\n`)
  }
  const count = Object.values(reference).flat().length
  t.ok(count >= CORPUS_MIN, `${count} observations`)
  const golden: Record<string, string[]> = JSON.parse(readFileSync(CORPUS_FILE, 'utf8'))
  t.alike(differences(reference, golden), [], 'what js-1 always saw')
  for (const setting of CORPUS_SETTINGS) {
    t.alike(differences(await lookAround(setting), reference), [], setting.name)
  }
})

test('vm determinism - cold, warm and evicted, alone and beside others', (t) => {
  return alongEngines(t, ['order', 'turns'])
})

test('vm determinism - the clock is the time of the call, the seed decides chance', (t) => {
  const source =
    'exports.main = () => [Date.now(), env.time, String(new Date()), Math.random(), Math.random()]'
  const env = { address: 'a', host: 'h', deployer: 'd', seq: 2, time: 86400000 }
  const values = run({ name: 'the reference' }, source, [
    { method: 'main', env },
    { method: 'main', env },
    { method: 'main', env, seed: [9, 9, 9, 9] },
    { method: 'main', env, seed: [0, 0, 0, 0] }
  ]).map(({ outcome }) => JSON.parse(outcome.value ?? 'null'))
  const [first, second, third, zero] = values
  t.alike(first.slice(0, 3), [
    86400000,
    86400000,
    'Fri Jan 02 1970 00:00:00 GMT+0000 (Coordinated Universal Time)'
  ])
  // by the reference implementation of xoshiro128**, from the states [1, 2, 3, 1] and [1, 2, 3, 2]
  t.alike(first.slice(3), draws([1, 2, 3, 1], 2))
  t.alike(second.slice(3), draws([1, 2, 3, 2], 2))
  t.alike(third.slice(3), draws([9, 9, 9, 9], 2))
  t.alike(zero.slice(3), draws([1, 0, 0, 0], 2), 'the state of zeros is left')
})

function differences(
  seen: Readonly<Record<string, readonly string[]>>,
  expected: Readonly<Record<string, readonly string[]>>
): string[] {
  const subjects = new Set([...Object.keys(seen), ...Object.keys(expected)])
  return [...subjects].flatMap((subject) => {
    const [rows, others] = [seen[subject] ?? [], expected[subject] ?? []]
    const odd = difference(rows, others).map((row) => `${subject}: ${row}`)
    return rows.length === others.length ? odd : [...odd, `${subject}: ${rows.length} rows`]
  })
}

function difference(seen: readonly string[], expected: readonly string[]): string[] {
  return seen.filter((row, i) => row !== expected[i])
}

/** xoshiro128** once more, in big integers. */
function draws(state: readonly number[], count: number): number[] {
  const mask = 0xffffffffn
  const rotate = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask
  const word = (index: number) => BigInt(state[index] ?? 0)
  let [a, b, c, d] = [word(0), word(1), word(2), word(3)] as const
  const next = () => {
    const output = (rotate((b * 5n) & mask, 7n) * 9n) & mask
    const shifted = (b << 9n) & mask
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotate(d, 11n)
    return output
  }
  return Array.from({ length: count }, () => {
    const high = next() >> 5n
    return Number((high << 26n) | (next() >> 6n)) / 2 ** 53
  })
}

function look(setting: Setting): string[] {
  const calls = [{}, { args: '[{"$bytes":"AAECAw=="}]', oracles: ['price'] }]
  const [, result] = run(setting, SCRIPT, calls)
  if (result?.outcome.value === undefined) throw new Error(JSON.stringify(result))
  return [...JSON.parse(result.outcome.value), JSON.stringify(result)]
}

function run(setting: Setting, source: string, calls: readonly object[]): Result[] {
  const { flags = JITLESS, env = {}, memory = 64 } = setting
  const { signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--no-node-snapshot', ...flags, PROCESS],
    {
      input: JSON.stringify([{ source, calls, memory }]),
      encoding: 'utf8',
      env: { TZ: 'UTC', ...env },
      maxBuffer: 1 << 26
    }
  )
  // the way in which it ends
  if (signal !== 'SIGKILL') throw new Error(`${setting.name}: ${stderr}`)
  return JSON.parse(stdout)[0].results
}
