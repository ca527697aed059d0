// The realm of js-1: what a contract finds there, how its calls go in and out, and that nothing of one call
// is left for the next. The scripts run in isolated-vm directly, without engine and host.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Parser, tokTypes } from 'acorn'
import test from 'brittle'
import { decodeValue, encodeValue } from '../src/protocol/values.ts'

interface Scenario {
  readonly source: string
  readonly calls: readonly object[]
  readonly probe?: boolean
}

interface Thrown {
  readonly name: string
  readonly message: string
  readonly code: string | null
}

interface Result {
  readonly outcome: {
    readonly status: string
    readonly value?: string | null
    readonly variables?: readonly (readonly [string, string])[]
    readonly error?: Thrown
  }
  readonly writes: readonly (readonly [path: string, ...file: unknown[]])[]
  readonly fuel: number
  readonly logs: readonly string[]
  /** What the engine was asked, and how often. */
  readonly ops: readonly (readonly unknown[])[]
  readonly asks: number
  /** Whether asking for the step once more gave the same text. */
  readonly again: boolean
}

interface Run {
  readonly results: readonly Result[]
  readonly files: readonly (readonly [string, readonly string[]])[]
  readonly globals: readonly string[] | null
  /** Whether code that is compiled now may use V8's own functions. */
  readonly natives: boolean
}

const PROCESS = fileURLToPath(new URL('./realm-process.js', import.meta.url))
const GLOBALS_FILE = new URL('./vectors/globals.json', import.meta.url)

// ---- the realm

test('vm realm - holds exactly the listed properties', async (t) => {
  const { globals } = await run({ source: '', calls: [], probe: true })
  // GLOBALS_WRITE=1 writes the list anew: only ever for a new VM id
  if (process.env['GLOBALS_WRITE'] === '1') {
    writeFileSync(GLOBALS_FILE, `${JSON.stringify(globals, null, 1)}\n`)
  }
  const listed: string[] = JSON.parse(readFileSync(GLOBALS_FILE, 'utf8'))
  t.alike(missingFrom(listed, globals ?? []), [], 'nothing is missing')
  t.alike(missingFrom(globals ?? [], listed), [], 'nothing is new')
})

test("vm realm - V8's own functions are nobody's but the realm's", async (t) => {
  const { natives, results } = await run({
    source: 'exports.main = async () => 1',
    calls: [{}, {}]
  })
  t.is(resultValue(results[1]), 1, 'the realm runs microtasks')
  t.is(natives, false)
})

test("vm realm - no message says how the realm's own variables are called", async (t) => {
  const source = `exports.main = async () => [
    () => TextDecoder.prototype.decode.call({}),
    () => Reflect.get(TextDecoder.prototype, 'fatal', undefined),
    () => TextEncoder(),
    () => RegExp.prototype[Symbol.matchAll].call({ constructor: { [Symbol.species]: 1 }, flags: '' }, ''),
    () => RegExp.prototype[Symbol.split].call({ constructor: { [Symbol.species]: {} }, flags: '' }, ''),
    () => Reflect.construct(parseFloat, []),
    () => Reflect.construct(Map, [], parseFloat)
  ].map((f) => { try { f() } catch ({ message }) { return message } })`
  t.alike(resultValue((await run({ source, calls: [{}, {}] })).results[1]), [
    'TextDecoder: it is called on something that is none',
    'TextDecoder: it is called on something that is none',
    "Class constructor TextEncoder cannot be invoked without 'new'",
    '1 is not a constructor',
    '[object Object] is not a constructor',
    'the target is not a constructor',
    'new.target is not a constructor'
  ])
})

test('vm realm - overriding what is inherited works as if nothing were frozen', async (t) => {
  const cases = {
    'a class that sets its name': `class MyError extends Error { constructor (m) { super(m); this.name = 'MyError' } }
      const e = new MyError('x'); return [e.name, String(e), e instanceof MyError, Object.keys(e), MyError.name]`,
    'an error that sets its message': `const e = new TypeError('a'); e.message = 'b'; return String(e)`,
    'an error of the old style': `function Old (m) { this.message = m }
      Old.prototype = Object.create(Error.prototype); Old.prototype.constructor = Old; Old.prototype.name = 'Old'
      Old.prototype.toString = function () { return 'old ' + this.message }
      return [String(new Old('x')), new Old('x') instanceof Error]`,
    'a subclass as TypeScript writes it': `function Derived () { Error.apply(this, arguments) }
      function Heir () { this.constructor = Derived } Heir.prototype = Error.prototype; Derived.prototype = new Heir()
      return new Derived().constructor === Derived`,
    'methods of plain objects': `const o = {}; o.toString = () => 'mine'; o.constructor = 1; o.valueOf = () => 4
      o.hasOwnProperty = 2; return [String(o), o.constructor, o + 1, Object.keys(o)]`,
    dictionaries: `const counts = {}; for (const w of ['constructor', 'toString', 'x']) counts[w] = 1; return counts`,
    'a subclass of Array': `class Stack extends Array { push (x) { return super.push(x, x) } get last () { return this[this.length - 1] } }
      const s = new Stack(); s.push(1); s.length = 1; return [s.length, s.last, s instanceof Stack, s.map((x) => x) instanceof Stack]`,
    'an array of the old style': `function List () {} List.prototype = Object.create(Array.prototype); List.prototype.push = function () { return 'own' }
      List.prototype.toString = () => 'list'; return [new List().push(1), String(new List())]`,
    'an array with a method of its own': `const a = []; a.push = () => 'own'; a.concat = 1; return [a.push(), a.length, [].push(1)]`,
    'a map with methods of its own': `class M extends Map { get (k) { return super.get(k) ?? 'none' } } const m = new M([[1, 2]])
      const n = new Map(); n.set = () => 'own'; return [m.get(1), m.get(3), n.set(1, 2), n.size]`,
    'bytes as the buffer package makes them': `function B (...args) { const b = new Uint8Array(...args); Object.setPrototypeOf(b, B.prototype); return b }
      Object.setPrototypeOf(B.prototype, Uint8Array.prototype); Object.setPrototypeOf(B, Uint8Array)
      B.from = (x) => { const b = B(x.length); b.set(x); return b }; B.prototype.slice = function (s, e) { return B.from(this.subarray(s, e)) }
      B.prototype.toString = function () { return 'B' + this.length }; return [String(B.from([1, 2, 3]).slice(1)), B.from([1]) instanceof Uint8Array]`,
    'a function with a text of its own': `const f = () => {}; f.toString = () => 'f'; f.bind = 1; return [String(f), f.bind]`,
    'an iterator with its own next': `function* g () { yield 1 } const i = g(); i.next = () => 5; return i.next()`,
    'a string of the old style': `function Safe (v) { this.v = v } Safe.prototype = Object.create(String.prototype)
      Safe.prototype.constructor = Safe; Safe.prototype.valueOf = Safe.prototype.toString = function () { return this.v }
      return [new Safe('x') + '', new Safe('x') instanceof String, 'y'.toString(), Object('z').valueOf(), ''.constructor === String]`,
    'an iterator as TypeScript writes it for ES5': `const g = Object.create(Iterator.prototype); g.next = () => ({ done: true })
      g[Symbol.iterator] = function () { return this }; g[Symbol.dispose] = 1
      const a = Object.create(Object.getPrototypeOf(Object.getPrototypeOf((async function* () {}).prototype)))
      a[Symbol.asyncIterator] = 2
      return [[...g], g[Symbol.dispose], a[Symbol.asyncIterator], [...[1].values()], [...new Map([[2, 3]]).keys()]]`,
    'how all iterators are iterated stays': `try { Iterator.prototype[Symbol.iterator] = 1 } catch (e) { return e.message }`,
    'a date with its own text': `const d = new Date(0); d.toString = () => 'then'; d.toJSON = () => 'json'; return [String(d), JSON.stringify(d)]`,
    'limits of stacks': `Error.stackTraceLimit = Infinity; const e = new Error('x'); Error.captureStackTrace(e); return String(e.stack)`,
    'the accessor shows its value': `const { get } = Object.getOwnPropertyDescriptor(Object.prototype, 'valueOf'); return get.originalValue === {}.valueOf`,
    'frozen objects stay frozen': `'use strict'; try { Object.freeze({}).toString = 1 } catch (e) { return e.name }`,
    'the prototype itself stays': `try { Object.prototype.valueOf = 1 } catch (e) { return e.name }`,
    'the global object is found': `return Function('return this')() === globalThis && new Function('return this')().Math === Math`
  }
  const source = Object.entries(cases).map(([name, text]) => {
    return `exports[${JSON.stringify(name)}] = () => { ${text} }`
  })
  const calls = Object.keys(cases).map((method) => ({ method }))
  const [, ...results] = (await run({ source: source.join('\n'), calls: [{}, ...calls] })).results
  const values = Object.keys(cases).map((name, i) => [name, resultValue(results[i])])
  t.alike(Object.fromEntries(values), {
    'a class that sets its name': ['MyError', 'MyError: x', true, ['name'], 'MyError'],
    'an error that sets its message': 'TypeError: b',
    'an error of the old style': ['old x', true],
    'a subclass as TypeScript writes it': true,
    'methods of plain objects': [
      'mine',
      1,
      5,
      ['toString', 'constructor', 'valueOf', 'hasOwnProperty']
    ],
    dictionaries: { constructor: 1, toString: 1, x: 1 },
    'a subclass of Array': [1, 1, true, true],
    'an array of the old style': ['own', 'list'],
    'an array with a method of its own': ['own', 0, 1],
    'a map with methods of its own': [2, 'none', 'own', 0],
    'bytes as the buffer package makes them': ['B2', true],
    'a function with a text of its own': ['f', 1],
    'an iterator with its own next': 5,
    'a string of the old style': ['x', true, 'y', 'z', true],
    'an iterator as TypeScript writes it for ES5': [[], 1, 2, [1], [2]],
    'how all iterators are iterated stays':
      "Cannot assign to read only property 'Symbol(Symbol.iterator)'",
    'a date with its own text': ['then', '"json"'],
    'limits of stacks': 'undefined',
    'the accessor shows its value': true,
    'frozen objects stay frozen': 'TypeError',
    'the prototype itself stays': 'TypeError',
    'the global object is found': true
  })
})

test('vm realm - the text of a function is that of a builtin, or says nothing', async (t) => {
  const source = `class Object2 {}; Object.defineProperty(Object2, 'name', { value: 'Object' })
    const plain = (value) => Function.prototype.toString.call(value.constructor) === Object.toString()
    exports.plain = () => [plain({}), plain([]), plain(new Date()), plain(new Object2()), plain(new Map())]
    exports.texts = () => [Object, Map, [].map, Object.getOwnPropertyDescriptor(Map.prototype, 'size').get, [].map.bind(),
      Object2, () => {}, new Proxy(Object, {})].map((f) => Function.prototype.toString.call(f))`
  const { results } = await run({ source, calls: [{}, { method: 'plain' }, { method: 'texts' }] })
  t.alike(resultValue(results[1]), [true, false, false, false, false])
  t.alike(resultValue(results[2]), [
    'function Object() { [native code] }',
    'function Map() { [native code] }',
    'function map() { [native code] }',
    'function get size() { [native code] }',
    ...Array.from({ length: 4 }, () => 'function () { [native code] }')
  ])
})

test('vm realm - typed arrays and buffers work, within their budget', async (t) => {
  const source = `
    exports.arrays = () => { class B extends Uint8Array {} const b = B.from([1, 2, 3]); const f = new Float32Array([1.5, 2.5, 3.5])
      return [[...b.slice(1)], b.slice(1) instanceof B, [...b.map((x) => x * 2)], [...b.filter((x) => x > 1)], [...b.subarray(-2)], [...b.with(0, 9)],
        [...f.subarray(1)], [...f.slice(-1)], [...Float64Array.from(new Set([0.5]))], [...new Uint8Array({ length: 2, 0: 7 })], [...new Uint16Array(b)],
        new Uint8Array(b.buffer, 1).length, [...new Uint8Array(b.buffer.slice(1))], [...Uint8Array.fromBase64('AQI=')], Uint8Array.of(255).toHex(), [...BigInt64Array.of(1n)].map(Number)] }
    exports.errors = () => [() => new Uint8Array(-1), () => Uint8Array(1), () => new BigInt64Array([1]), () => new Uint8Array([1]).map(), () => new Uint8Array(new ArrayBuffer(8), 9),
      () => Uint8Array.prototype.slice.call([1]), () => new Uint8Array(Symbol()), () => new DataView(new ArrayBuffer(4)).setFloat64(0, NaN)].map((f) => { try { return f() } catch (e) { return e.name } })
    exports.most = () => new Uint8Array(16 * 1024 * 1024).length
    exports.more = () => { try { new Uint8Array(16 * 1024 * 1024 + 1) } catch (e) { return [e instanceof RangeError, e.name, e.code] } }
    exports.ways = () => { const u = new Uint8Array(1024 * 1024); const text = 'AAAA'.repeat(300000)
      return [() => u.slice(0), () => u.map((x) => x), () => u.filter(() => true), () => u.toReversed(), () => u.toSorted(), () => u.with(0, 1), () => u.buffer.slice(0), () => Uint8Array.from(u),
        () => new Uint8Array(u), () => new ArrayBuffer(1e6), () => Uint8Array.fromBase64(text), () => Uint8Array.fromHex(text), () => Uint8Array.of(...u.subarray(0, 10000))].every((grow, i) => {
        u.constructor = i < 3 ? undefined : Uint8Array
        try { for (let n = 0; n < 200; n++) grow() } catch (e) { return e.code === 'BUFFER_TOO_LARGE' } }) }`
  const methods = ['arrays', 'errors', 'most', 'more', 'most', 'ways']
  const limits = { fuel: 1e9 }
  const { results } = await run({
    source,
    calls: [{}, ...methods.map((method) => ({ method, limits }))]
  })
  const [, arrays, errors, most, more, again, ways] = results.map(resultValue)
  t.alike(arrays, [
    ...[[2, 3], true, [2, 4, 6], [2, 3], [2, 3], [9, 2, 3], [2.5, 3.5], [3.5], [0.5], [7, 0]],
    ...[[1, 2, 3], 2, [2, 3], [1, 2], 'ff', [1]]
  ])
  t.alike(errors, [
    ...[
      'RangeError',
      'TypeError',
      'TypeError',
      'TypeError',
      'RangeError',
      'TypeError',
      'TypeError'
    ],
    'RangeError'
  ])
  t.is(most, 16 * 1024 * 1024)
  t.alike(more, [true, 'RangeError', 'BUFFER_TOO_LARGE'])
  t.is(again, 16 * 1024 * 1024, 'the budget is that of one call')
  t.is(ways, true, 'every way to a new buffer is charged')
})

// ---- calls

test('vm realm - the example of the note runs unchanged', async (t) => {
  const source = `exports.topicCounter = 0
    exports.postCounter = 0
    exports.init = async () => { state.mkdir('/topics') }
    exports.addTopic = async (title) => { const id = ++exports.topicCounter
      await state.mkdir(\`/topics/\${id}\`)
      await state.writeFile(\`/topics/\${id}/title\`, title)
      return id }
    exports.addPost = async (id, content) => { const postId = ++exports.postCounter
      await state.writeFile(\`/topics/\${id}/\${postId}\`, content)
      return postId }`
  const { results, files } = await run({
    source,
    calls: [
      {},
      { method: 'addTopic', args: '["Hello world"]' },
      { method: 'addPost', args: '[1,"My name is bob"]' }
    ]
  })
  t.alike(results.map(resultValue), [undefined, 1, 1])
  t.alike(results[2]?.outcome.variables, [
    ['postCounter', '1'],
    ['topicCounter', '1']
  ])
  t.alike(results[2]?.writes, [
    ['/.mivm/exports/postCounter.json', 'text', '1'],
    ['/topics/1/1', 'text', 'My name is bob']
  ])
  t.is(results[2]?.asks, 0, 'a write needs no answer')
  t.alike(files, [
    ['/topics/1/title', ['text', 'Hello world']],
    ['/topics/1/1', ['text', 'My name is bob']]
  ])
})

test('vm realm - which methods may be called', async (t) => {
  const source = `exports.hello = () => 'hi'; exports.count = 1; exports._hidden = () => 1; exports.then = () => 1
    exports.toJSON = () => 1; Object.defineProperty(exports, 'getter', { get: () => () => 'got', enumerable: true })
    Object.defineProperty(exports, 'silent', { value: () => 1 }); exports['strange name'] = () => 'ok'`
  const methods = ['hello', 'getter', 'strange name', 'count', 'silent', 'nothing', 'toString', '']
  const forbidden = ['_hidden', 'then', 'toJSON', 'constructor', '__proto__', 'init']
  const calls = [...methods, ...forbidden].map((method) => ({ method }))
  const { results } = await run({ source, calls: [{}, ...calls, { inspect: true }] })
  t.alike(results.slice(0, 4).map(resultValue), [undefined, 'hi', 'got', 'ok'])
  t.alike(results.slice(4, 9).map(codeOf), Array(5).fill('METHOD_UNKNOWN'))
  t.alike(results.slice(9, 15).map(codeOf), Array(6).fill('METHOD_FORBIDDEN'))
  t.is(results[6]?.outcome.error?.name, 'MivmError')
  t.is(
    results[6]?.outcome.error?.message,
    'there is no method "nothing"; there is hello, getter, strange name'
  )
  t.alike(resultValue(results[15]), ['hello', 'getter', 'strange name'])
  const first = (await run({ source, calls: [{ method: 'hello' }] })).results[0]
  t.is(codeOf(first), 'METHOD_FORBIDDEN', 'the first call is init')
})

test('vm realm - what a module may export', async (t) => {
  const outcome = async (source: string, calls: readonly object[] = [{}, {}]) => {
    return (await run({ source, calls })).results.at(-1)?.outcome
  }
  t.is((await outcome('module.exports = 5', [{}]))?.error?.code, 'CODE_NO_EXPORTS')
  t.is((await outcome('module.exports = null', [{}]))?.error?.code, 'CODE_NO_EXPORTS')
  t.is((await outcome('module.exports = new Proxy({}, {})', [{}]))?.error?.code, 'CODE_NO_EXPORTS')
  t.alike((await outcome('throw new TypeError("no")', [{}]))?.error, {
    name: 'TypeError',
    message: 'no',
    code: null
  })
  t.is(
    (await outcome('module.exports = { main () { return this.x }, x: 3 }'))?.value,
    '3',
    'replaced'
  )
  t.is(
    (await outcome('module.exports = class { static main () { return 4 } }'))?.error?.code,
    'METHOD_UNKNOWN'
  )
  t.is((await outcome('const f = () => 1; f.main = () => 5; module.exports = f'))?.value, '5')
  const sealed = 'exports.n = 0; exports.main = () => ++exports.n; Object.seal(exports)'
  t.is((await outcome(sealed, [{}, {}, {}]))?.value, '2', 'sealed')
  const frozen = (value: string) => `module.exports = Object.freeze({ v: ${value}, main: () => 1 })`
  t.is((await outcome(frozen('"1.0"')))?.value, '1', 'a constant')
  t.is((await outcome(frozen('[]')))?.error?.code, 'EXPORTS_FROZEN')
  const bundle = `Object.defineProperty(exports, 'n', { get: () => 1, enumerable: true }); exports.main = () => 1`
  t.is((await outcome(bundle))?.error?.code, 'EXPORTS_FROZEN', 'a variable behind a getter')
  const getters = `let n = 0; Object.defineProperty(exports, 'seen', { get: () => ++n, enumerable: true, configurable: true }); exports.main = () => 1`
  t.alike((await outcome(getters))?.variables, [['seen', '1']])
})

test('vm realm - exported variables are laid over, and come back in the order of their paths', async (t) => {
  const source = `exports.b = 1; exports.a = [1]; exports.helper = () => 'function'
    exports.set = (name, value) => { exports[name] = value; return Object.keys(exports) }
    exports.remove = (name) => delete exports[name]
    exports.turn = (name) => { exports[name] = () => 1 }
    exports.see = (name) => typeof exports[name]`
  const call = (method: string, ...args: unknown[]) => ({ method, args: JSON.stringify(args) })
  const { results } = await run({
    source,
    calls: [
      {},
      call('set', 'z', { deep: [1, 'ü', '__proto__'] }),
      call('set', '__proto__x', 1),
      call('set', 'helper', 5),
      call('see', 'helper'),
      call('turn', 'b'),
      call('remove', 'z'),
      call('see', 'z')
    ]
  })
  const names = results.map(({ outcome }) => outcome.variables?.map(([name]) => name).join())
  t.alike(names, [
    'a,b',
    'a,b,z',
    '__proto__x,a,b,z',
    '__proto__x,a,b,helper,z',
    '__proto__x,a,b,helper,z',
    '__proto__x,a,helper,z',
    '__proto__x,a,b,helper',
    '__proto__x,a,b,helper'
  ])
  t.is(resultValue(results[4]), 'number', 'a variable over a function')
  t.is(resultValue(results[7]), 'undefined', 'a removed variable stays away')
})

test('vm realm - a call that can never settle ends with an error', async (t) => {
  const endings = {
    forever: `() => new Promise(() => {})`,
    awaiting: `async () => { await state.readFile('/none').catch(() => {}); await new Promise(() => {}) }`,
    thenable: `() => ({ then () {} })`,
    itself: `async () => { const p = (async () => { await null; await p })(); await p }`
  }
  for (const [name, text] of Object.entries(endings)) {
    const result = (await run({ source: `exports.main = ${text}`, calls: [{}, {}] })).results[1]
    t.is(codeOf(result), 'NEVER_SETTLES', name)
  }
})

test('vm realm - everything that can be thrown becomes name, message and code', async (t) => {
  const thrown = [
    [`new Error('m')`, 'Error', 'm', null],
    [`Object.assign(new RangeError('m'), { code: 'E' })`, 'RangeError', 'm', 'E'],
    [`Object.assign(new Error('m'), { code: 7 })`, 'Error', 'm', '7'],
    [`Object.assign(new Error('m'), { code: {} })`, 'Error', 'm', null],
    [`Object.freeze(new TypeError('f'))`, 'TypeError', 'f', null],
    [`new Error()`, 'Error', '', null],
    [`Object.assign(new Error('m'), { name: undefined, message: undefined })`, 'Error', '', null],
    [`Object.assign(new Error('m'), { name: Symbol('s'), message: 1n })`, 'Symbol(s)', '1', null],
    [`Object.create(Error.prototype, { message: { value: 'old' } })`, 'Error', 'old', null],
    [
      'setImmediate(1)',
      'ReferenceError',
      'setImmediate is not defined in this VM: use await',
      null
    ],
    ['toString_', 'ReferenceError', 'toString_ is not defined', null],
    ['((__proto__) => x)()', 'ReferenceError', 'x is not defined', null],
    [`new ReferenceError('URL')`, 'ReferenceError', 'URL', null],
    [`'text'`, 'Error', 'text', null],
    [`''`, 'Error', '', null],
    [`{ a: [1] }`, 'Error', '{"a":[1]}', null],
    [`{ message: 'm' }`, 'Error', '{"message":"m"}', null],
    [`undefined`, 'Error', 'undefined', null],
    [`null`, 'Error', 'null', null],
    [`NaN`, 'Error', 'number', null],
    [`Symbol('x')`, 'Error', 'symbol', null],
    [`() => {}`, 'Error', 'function', null],
    [`{ get message () { throw 1 } }`, 'Error', 'object', null],
    [
      `Object.defineProperty(new Error('m'), 'message', { get () { throw new Error('hidden') } })`,
      'Error',
      'the thrown value could not be read',
      null
    ],
    [
      `new Proxy(new Error('m'), { getPrototypeOf () { throw 1 } })`,
      'Error',
      'the thrown value could not be read',
      null
    ],
    [`new Proxy({}, {})`, 'Error', 'object', null],
    [`new Error('a\\ud800b')`, 'Error', 'a\ufffdb', null],
    [`new Error('x'.repeat(5000))`, 'Error', 'x'.repeat(4096), null],
    [`new Error('x'.repeat(4095) + '\\u{1f600}')`, 'Error', 'x'.repeat(4095), null],
    [`(() => { const o = {}; o.o = o; return o })()`, 'Error', 'object', null]
  ]
  const source = `const thrown = [${thrown.map(([text]) => `() => (${text})`).join()}]
    exports.sync = (i) => { throw thrown[i]() }
    exports.async = async (i) => { await null; throw thrown[i]() }
    exports.reject = (i) => Promise.reject(thrown[i]())
    exports.then = 1`
  const calls = thrown.flatMap((_, i) => {
    return ['sync', 'async', 'reject'].map((method) => ({ method, args: `[${i}]` }))
  })
  const [, ...results] = (await run({ source, calls: [{}, ...calls] })).results
  thrown.forEach(([text, name, message, code], i) => {
    const expected = { status: 'error', error: { name, message, code } }
    const outcomes = results.slice(3 * i, 3 * i + 3).map(({ outcome }) => outcome)
    t.alike(outcomes, [expected, expected, expected], `${text}`)
  })
})

test('vm realm - rejections that nobody handles change nothing', async (t) => {
  const source = `exports.hits = 0
    const trap = { get message () { exports.hits++; console.log('read'); return '' }, get stack () { exports.hits++ } }
    exports.main = () => { Promise.reject(trap); (async () => { throw trap })(); state.writeFile('/..', '').then(() => {}); return 'fine' }
    exports.late = async () => { await state.exists('/'); Promise.reject(trap); await state.exists('/'); return exports.hits }`
  const { results } = await run({ source, calls: [{}, {}, { method: 'late' }] })
  t.alike(results.map(resultValue), [undefined, 'fine', 0])
  t.alike(results[1]?.outcome.variables, [['hits', '0']])
  t.alike(results[1]?.ops, [])
})

test('vm realm - limits of a call', async (t) => {
  const limits = { args: 20, result: 10, exports: 24, file: 8, writes: 3, written: 20, path: 12 }
  const attempt = async (body: string, call: object = {}) => {
    const source = `const codeOf = (p) => p.then(() => 'ok', (e) => [e.name, e.code, e.message])
      exports.main = async (...args) => { ${body} }`
    return (await run({ source, calls: [{ limits }, { limits, ...call }] })).results[1]
  }
  t.is(codeOf(await attempt('', { args: '["0123456789abcdefgh"]' })), 'ARGS_TOO_LARGE')
  t.is(
    codeOf(
      await attempt('', { args: '["\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc"]' })
    ),
    'ARGS_TOO_LARGE'
  )
  t.is(resultValue(await attempt('return args[0].length', { args: '["0123456789abcdef"]' })), 16)
  t.is(codeOf(await attempt('return "123456789"')), 'RESULT_TOO_LARGE')
  t.is(codeOf(await attempt('return "\u20ac\u20ac\u20ac"')), 'RESULT_TOO_LARGE')
  t.is(resultValue(await attempt('return "12345678"')), '12345678')
  t.is(
    codeOf(await attempt('let a = []; for (let i = 0; i < 60; i++) a = [a, a]; return a')),
    'RESULT_TOO_LARGE'
  )
  t.is(
    codeOf(await attempt('exports.a = "0123456789"; exports.b = "0123456789"')),
    'EXPORTS_TOO_LARGE'
  )
  t.is(codeOf(await attempt('exports.a = "\u20ac\u20ac\u20ac\u20ac"; exports.b = "0123"')), null)
  t.is(
    codeOf(await attempt('exports.a = "\u20ac\u20ac\u20ac\u20ac"; exports.b = "01234567"')),
    'EXPORTS_TOO_LARGE'
  )
  const error = async (body: string) => {
    const result = await attempt(`throw await (${body})`)
    return resultValue(result) ?? thrownOf(result)
  }
  t.alike(await error(`state.writeFile('/a', '123456789').catch((e) => e)`), {
    name: 'MivmError',
    message: 'the file /a: 9 bytes, over the limit of 8; make it smaller',
    code: 'FILE_TOO_LARGE'
  })
  const codes = async (body: string) =>
    thrownOf(await attempt(`${body}; throw new Error(seen.join())`)).message
  const note = `const seen = []; const go = (p) => p.then(() => seen.push('ok'), (e) => seen.push(e.code))`
  t.is(
    await codes(`${note}; for (let i = 0; i < 4; i++) await go(state.writeFile('/' + i, '1'))`),
    'ok,ok,ok,WRITES_TOO_MANY'
  )
  t.is(
    await codes(`${note}; for (let i = 0; i < 3; i++) await go(state.writeFile('/a', '1234567'))`),
    'ok,ok,WRITTEN_TOO_MUCH'
  )
  t.is(
    await codes(
      `${note}; for (let i = 0; i < 9; i++) await go(state.unlink('/' + i)); await go(state.writeFile('/a', ''))`
    ),
    `${'ENOENT,'.repeat(9)}ok`,
    'what was not there is no write'
  )
  t.is(
    await codes(
      `${note}; for (let i = 0; i < 3; i++) await go(state.writeFile('/d/' + i, '')); await go(state.rmdir('/d', { recursive: true }))`
    ),
    'ok,ok,ok,WRITES_TOO_MANY'
  )
  t.is(
    await codes(`${note}; await go(state.writeFile('/\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc', ''))`),
    'PATH_TOO_LONG'
  )
  t.is(
    codeOf(
      await attempt(`for (let i = 0; i < 2; i++) await state.writeFile('/d/' + i, '')
      state.rmdir('/d', { recursive: true }); state.writeFile('/a', '')`)
    ),
    'WRITES_TOO_MANY',
    'an overdrawn budget ends the call'
  )
})

// ---- operations

test('vm realm - operations of the state', async (t) => {
  const source = `exports.main = async () => {
    await state.writeFile('a//b/', 'text'); await state.writeFile('/a/u\\u0308', new Uint8Array([1, 2])); state.writeFile('/un-awaited', 'x')
    const stat = await state.stat('/a/b')
    const seen = [await state.readFile('/a/b'), await state.readFile('/a/\\u00fc', { encoding: 'binary' }), await state.readFile('/a/b', 'utf8'),
      await state.readdir('/a', { gt: 'a', lt: undefined, limit: 5, reverse: true }), await state.readdir(''), stat, stat.isFile(), stat.isDirectory(), Object.isFrozen(stat),
      (await state.stat('/a')).isDirectory(), await state.exists('/a'), await state.exists('/b'), await state.mkdir('/new/dir') === undefined,
      await state.unlink('/a/b') === undefined, await state.exists('/a/b'), await state.rmdir('/a', { recursive: true }) === undefined, await state.exists('/a')]
    await state.writeFile('/again', '1'); await state.unlink('/again'); await state.writeFile('/again', '1')
    return seen }`
  const { results, files } = await run({ source, calls: [{}, {}] })
  t.alike(resultValue(results[1]), [
    ...['text', new Uint8Array([1, 2]), 'text', ['b', 'ü'], ['a', 'un-awaited']],
    ...[
      { type: 'file', size: 4 },
      true,
      false,
      true,
      true,
      true,
      false,
      true,
      true,
      false,
      true,
      false
    ]
  ])
  const asked = (name: string) => results[1]?.ops.find((op) => op[0] === name)
  const readdir = ['readdir', '/a', { gt: 'a', lt: null, limit: 5, reverse: true }]
  // and how many names could be paid for
  t.alike(asked('readdir')?.slice(0, 3), readdir)
  t.alike(asked('rmdir'), ['rmdir', '/a', true, 996])
  t.alike(
    files.map(([path]) => path),
    ['/again', '/un-awaited']
  )
})

test('vm realm - wrong arguments of operations reject and never throw', async (t) => {
  const cases = [
    [`readFile('/none')`, 'ENOENT', "ENOENT: no such file or directory, open '/none'"],
    [`unlink('/none')`, 'ENOENT', "ENOENT: no such file or directory, unlink '/none'"],
    [`readFile()`, 'EINVAL', 'EINVAL: a path is a string, and this is undefined, open'],
    [
      `stat({ toString: () => '/a' })`,
      'EINVAL',
      'EINVAL: a path is a string, and this is an object, stat'
    ],
    [`readFile('/a/../b')`, 'EINVAL', 'EINVAL: a path has no . and .. segments, open "/a/../b"'],
    [`exists('./a')`, 'EINVAL', 'EINVAL: a path has no . and .. segments, stat "./a"'],
    [
      `mkdir('/a\\0')`,
      'EINVAL',
      'EINVAL: a path has no NUL, backslash or lone surrogate, mkdir "/a\\u0000"'
    ],
    [
      `unlink('\\\\a')`,
      'EINVAL',
      'EINVAL: a path has no NUL, backslash or lone surrogate, unlink "\\\\a"'
    ],
    [
      `rmdir('/\\ud800')`,
      'EINVAL',
      'EINVAL: a path has no NUL, backslash or lone surrogate, rmdir "/\ufffd"'
    ],
    [`writeFile('/', '')`, 'EISDIR', "EISDIR: illegal operation on a directory, open '/'"],
    [
      `writeFile('/.mivm/exports/a', '')`,
      'EACCES',
      "EACCES: permission denied, open '/.mivm/exports/a'"
    ],
    [`readdir('//.mivm')`, 'EACCES', "EACCES: permission denied, scandir '/.mivm'"],
    [`writeFile('/a', 5)`, 'EINVAL', 'writeFile /a: the data is 5; write a string or a Uint8Array'],
    [
      `writeFile('/a', new Uint16Array(1))`,
      'EINVAL',
      'writeFile /a: the data is a Uint16Array; write a string or a Uint8Array'
    ],
    [
      `writeFile('/a', new Proxy(new Uint8Array(1), {}))`,
      'EINVAL',
      'writeFile /a: the data is a Proxy; write a string or a Uint8Array'
    ],
    [
      `writeFile('/a', '\\udc00')`,
      'EINVAL',
      'writeFile /a: the text has a lone surrogate, which UTF-8 cannot hold'
    ],
    [
      `writeFile('/a', 'AA==', 'base64')`,
      'EINVAL',
      `EINVAL: the encoding is "base64"; give 'utf8' or 'binary'`
    ],
    [
      `readFile('/a', { get encoding () { throw Object.assign(new Error('mine'), { code: 'MINE' }) } })`,
      'MINE',
      'mine'
    ],
    [`readdir('/', { limit: -1 })`, 'EINVAL', 'EINVAL: limit is -1; give a number from 0'],
    [`readdir('/', { gt: 5 })`, 'EINVAL', 'EINVAL: gt is 5; give a name'],
    [
      `rmdir('/', { recursive: 'yes' })`,
      'EINVAL',
      'EINVAL: recursive is "yes"; give true or false'
    ],
    [`rmdir('/', true)`, 'EINVAL', 'EINVAL: the options are true; give an object']
  ]
  const source = `exports.main = async () => { const seen = []
    ${cases.map(([text]) => `{ const p = state.${text}; await p.then(() => seen.push('ok'), (e) => seen.push([e.name, e.code, e.message, e instanceof Error])) }`).join('\n')}
    return seen }`
  const { results, files } = await run({ source, calls: [{}, {}] })
  const seen = resultValue(results[1])
  cases.forEach(([text, code, message], i) => {
    t.alike(Array.isArray(seen) ? seen[i] : seen, ['Error', code, message, true], `${text}`)
  })
  t.alike(files, [])
})

test('vm realm - operations are answered in the order in which they were asked', async (t) => {
  const source = `exports.main = async () => { const order = []; const note = (name) => () => { order.push(name) }
    await Promise.all([
      state.writeFile('/first', '1').then(note('write')), state.exists('/first').then(note('exists')), state.writeFile('/second', '2').then(note('write behind')),
      state.mkdir('/..').catch(note('refused')), oracle.price(1).then(note('oracle')), state.mkdir('/d').then(note('mkdir')), state.readFile('/none').catch(note('ENOENT'))])
    const p = state.stat('/first'); await null; const q = state.writeFile('/third', '3').then(note('third')); await p.then(note('stat')); await q
    return order }`
  const { results } = await run({ source, calls: [{}, {}] })
  t.alike(resultValue(results[1]), [
    ...['write', 'exists', 'write behind', 'refused', 'oracle', 'mkdir', 'ENOENT', 'stat', 'third']
  ])
  t.alike(
    results[1]?.ops.map(([name]) => name),
    ['writeFile', 'exists', 'writeFile', 'oracle', 'readFile', 'stat', 'writeFile']
  )
  t.is(results[1]?.asks, 4, 'one turn for each answer')
})

test('vm realm - a call is over when nothing waits, even if its promise settled before', async (t) => {
  const source = `exports.done = 0
    exports.main = () => { (async () => { await state.exists('/a'); await state.writeFile('/late', '1'); exports.done = 1 })(); return exports.done }`
  const { results, files } = await run({ source, calls: [{}, {}] })
  t.is(resultValue(results[1]), 0)
  t.alike(results[1]?.outcome.variables, [['done', '1']])
  t.alike(files, [['/late', ['text', '1']]])
  t.ok(
    results.every(({ again }) => again),
    'the step can be asked for again'
  )
})

test('vm realm - oracles, console and System', async (t) => {
  const source = `exports.main = async () => {
    const code = (p) => p.then(() => 'ok', (e) => [e.name, e.code])
    console.log('a', 1, { b: [1n] }, new TypeError('q'), undefined, Symbol('x'), () => {}, new Map(), new Proxy({}, {}), { get x () { return 1 } }); console.warn(); console.error('\\ud800')
    console.assert(1, 'not said'); console.assert(); console.assert(0, 'x', 2); console.dir({ a: 1 }, { depth: 0 }); console.table([1], ['a']); console.trace('at', 1); console.group('g'); console.groupCollapsed(); console.groupEnd(); console.time(); console.timeLog('t', 1); console.timeEnd(); console.count(); console.countReset(); console.count('c')
    return [await oracle.price('ACME', { at: 1n }), await oracle.nothing() === undefined, await code(oracle.fails()), await code(oracle.price(undefined)), await code(oracle.price('x'.repeat(300000))),
      Object.keys(oracle), await oracle === oracle, System.caller, System.files === state, caller.id, env.seq, Object.keys(env)] }`
  const { results } = await run({ source, calls: [{}, {}] })
  t.alike(resultValue(results[1]), [
    ['ACME', { at: 1n }],
    true,
    ['Error', 'ORACLE_FAILED'],
    ['MivmError', 'VALUE_UNSUPPORTED'],
    ['MivmError', 'ARGS_TOO_LARGE'],
    [],
    ...[true, 'bob', true, 'bob', 2, ['address', 'host', 'deployer', 'seq', 'time']]
  ])
  t.alike(results[1]?.logs, [
    'a 1 {"b":[{"$bigint":"1"}]} TypeError: q undefined Symbol(x) [a function] [a Map] [a Proxy] [an object]',
    '',
    '\ufffd',
    ...['Assertion failed', 'Assertion failed x 2', '{"a":1}', '[1]', 'at 1', 'g', ''],
    ...['t 1', 'default', 'default', 'c']
  ])
  t.alike(results[1]?.ops[0], ['oracle', 'price', '["ACME",{"at":{"$bigint":"1"}}]'])
  const early = 'exports.init = () => oracle.price().catch((e) => [e.name, e.code])'
  t.alike(resultValue((await run({ source: early, calls: [{}] })).results[0]), [
    'MivmError',
    'ORACLE_UNAVAILABLE'
  ])
})

// ---- values

test('vm realm - values go in and out as protocol/values.ts writes them', async (t) => {
  const values = [
    ...[
      null,
      true,
      false,
      0,
      -0,
      1.5,
      1e21,
      5e-324,
      -1e-7,
      2 ** 53,
      '',
      'ü\u2028"\\\n',
      '\u{1f600}',
      0n,
      -12n,
      2n ** 70n
    ],
    ...[
      new Uint8Array(),
      new Uint8Array([0, 255, 1]),
      [],
      {},
      [[]],
      { b: 1, a: { c: [null, -0] } }
    ],
    ...[
      { $set: 1, $$x: 2, $: 3 },
      { $bytes: 'x', other: 1 },
      { $bigint: 1 },
      { '': 0, 'a b': 1, 2: 3, 1: 4 }
    ],
    JSON.parse('{"__proto__":{"x":1},"constructor":2,"toString":[3]}')
  ]
  const source = `exports.main = (...values) => { exports.kept = values; return values }
    exports.again = () => exports.kept`
  const args = encodeValue(values)
  const { results } = await run({ source, calls: [{}, { args }, { method: 'again' }] })
  t.is(results[1]?.outcome.value, args)
  t.alike(results[1]?.outcome.variables, [['kept', args]])
  t.is(results[2]?.outcome.value, args)
  const deep = `exports.main = (n) => { let v = 1; for (let i = 0; i < n; i++) v = [v]; return v }`
  const depths = (await run({ source: deep, calls: [{}, { args: '[128]' }, { args: '[129]' }] }))
    .results
  t.is(depths[1]?.outcome.value, encodeValue(nested(128)))
  t.is(codeOf(depths[2]), 'VALUE_TOO_DEEP')
  const tooDeep = `${'['.repeat(129)}1${']'.repeat(129)}`
  t.is(codeOf((await run({ source, calls: [{}, { args: tooDeep }] })).results[1]), 'VALUE_TOO_DEEP')
})

test('vm realm - what is no value is refused, by its path and kind', async (t) => {
  const refused = [
    ['undefined', '[0].x: undefined'],
    ['() => {}', '[0].x: a function'],
    ["Symbol('s')", '[0].x: a symbol'],
    ['NaN', '[0].x: NaN'],
    ['-Infinity', '[0].x: -Infinity'],
    ["'\\ud800'", '[0].x: a string with a lone surrogate'],
    ["{ ['\\udfff']: 1 }", '[0].x["\\udfff"]: a string with a lone surrogate'],
    ['[1, , 2]', '[0].x[1]: a hole in an array'],
    ['Object.assign([1], { extra: 1 })', '[0].x: an array with the property extra'],
    ["Object.assign([], { [Symbol('k')]: 1 })", '[0].x: an array with the property Symbol(k)'],
    ['Object.defineProperty([], 0, { get: () => 1 })', '[0].x[0]: an accessor'],
    ['{ get y () { return 1 } }', '[0].x.y: an accessor'],
    ['{ set y (v) {} }', '[0].x.y: an accessor'],
    ["{ [Symbol('k')]: 1 }", '[0].x: an object with the key Symbol(k)'],
    ['new Date()', '[0].x: a Date'],
    ['new Map()', '[0].x: a Map'],
    ['new Set()', '[0].x: a Set'],
    ['new (class Point {})()', '[0].x: a Point'],
    ['new (class extends Array {})()', '[0].x: an object of a class'],
    ['new Number(1)', '[0].x: a Number'],
    ['new Error()', '[0].x: an Error'],
    ['Promise.resolve()', '[0].x: a Promise'],
    ['new Uint16Array(1)', '[0].x: a Uint16Array'],
    ['new Uint8ClampedArray(1)', '[0].x: a Uint8ClampedArray'],
    ['new (class Bytes extends Uint8Array {})(1)', '[0].x: a Bytes'],
    ['Object.create(Uint8Array.prototype)', '[0].x: a Uint8Array'],
    ['new ArrayBuffer(1)', '[0].x: an ArrayBuffer'],
    ['/x/', '[0].x: a RegExp'],
    ['Object.create({})', '[0].x: an object of a class'],
    ['new Proxy({}, {})', '[0].x: a Proxy'],
    ['oracle', '[0].x: a Proxy'],
    ['Proxy.revocable([], {}).proxy', '[0].x: a Proxy'],
    ['(() => { const o = { a: [] }; o.a.push(o); return o })()', '[0].x.a[0]: a cycle'],
    ["{ 'a b': [new Date()] }", '[0].x["a b"][0]: a Date']
  ]
  // getters and traps would say so
  const source = `const values = [${refused.map(([text]) => `() => (${text})`).join()}]
    exports.main = (i) => [{ x: values[i]() }]
    exports.keep = (i) => { exports.kept = [{ x: values[i]() }] }`
  const calls = refused.flatMap((_, i) =>
    ['main', 'keep'].map((method) => ({ method, args: `[${i}]` }))
  )
  const [, ...results] = (await run({ source, calls: [{}, ...calls] })).results
  refused.forEach(([text, expected], i) => {
    const kind =
      text?.includes('class extends Array') === true ? '[0].x: an object of a class' : expected
    const message = `${kind} is not a value; use JSON values, Uint8Array or bigint`
    const error = (root: string) => ({
      name: 'MivmError',
      message: root + message,
      code: 'VALUE_UNSUPPORTED'
    })
    t.alike(results[2 * i]?.outcome.error, error('result'), `${text}`)
    t.alike(results[2 * i + 1]?.outcome.error, error('exports.kept'))
  })
})

test('vm realm - what is ignored in a value', async (t) => {
  const source = `exports.main = () => { const o = { a: 1 }; Object.defineProperty(o, 'hidden', { get () { throw 1 } }); Object.defineProperty(o, Symbol('s'), { value: 1 })
    return [o, Object.create(null, { b: { value: 2, enumerable: true } }), Object.freeze([Object.freeze({ c: 3 })])] }
    exports.twice = () => { const shared = { a: 1 }; return [shared, shared] }
    exports.undefined = () => undefined
    exports.thenable = () => ({ then (go) { go({ then (again) { again(7) } }) } })`
  const methods = ['main', 'twice', 'undefined', 'thenable'].map((method) => ({ method }))
  const { results } = await run({ source, calls: [{}, ...methods] })
  t.alike(
    results.slice(1).map(({ outcome }) => outcome.value),
    ['[{"a":1},{"b":2},[{"c":3}]]', '[{"a":1},{"a":1}]', null, '7']
  )
})

test('vm realm - malformed arguments are refused', async (t) => {
  const texts = [
    ...[
      '',
      '{',
      '[1,]',
      '{}',
      '1',
      'null',
      '[1e999]',
      '["\\ud800"]',
      '[{"\\udc00":1}]',
      '[{"$x":1}]',
      '[{"$bytes":5}]'
    ],
    ...[
      '[{"$bytes":"AQI"}]',
      '[{"$bytes":"AQJ="}]',
      '[{"$bytes":"AQ I="}]',
      '[{"$bytes":"AQ-_"}]',
      '[{"$bigint":"01"}]'
    ],
    ...['[{"$bigint":"-0"}]', '[{"$bigint":"1.5"}]', '[{"$bigint":5}]', '[{"a":1,"$bytes":"AA=="}]']
  ]
  const calls = texts.map((args) => ({ args }))
  const { results } = await run({ source: 'exports.main = () => 1', calls: [{}, ...calls] })
  texts.forEach((text, i) => {
    t.is(codeOf(results[i + 1]), 'VALUE_MALFORMED', text)
  })
})

// ---- from one call to the next

test('vm realm - nothing of a call is left for the next', async (t) => {
  const source = `let counter = 0; const cache = new Map(); const sticky = /a/g; const memo = (strings) => strings
    const attempts = [
      () => { counter++ }, () => { cache.set('x', 1) }, () => { sticky.exec('aa') }, () => { state.mark = 1 }, () => { state.readFile.mark = 1 }, () => { console.mark = 1 }, () => { oracle.mark = 1 },
      () => { oracle.price.mark = 1 }, () => { caller.mark = 1 }, () => { env.mark = 1 }, () => { System.mark = 1 }, () => { globalThis.mark = 1 }, () => { Array.prototype.mark = 1 },
      () => { Math.mark = 1 }, () => { memo\`t\`.mark = 1 }, () => { Symbol.for('mark').description.mark = 1 }, () => { Function.prototype.mark = 1 }, () => { Object.getPrototypeOf(async () => {}).mark = 1 },
      () => { Object.getPrototypeOf([].values()).mark = 1 }, () => { Object.prototype.toString = () => 1 }, () => { Reflect.set(Promise.prototype, 'then', 1, Promise) }, () => { Error.mark = 1 },
      () => { exports.main.mark = 1 }, () => { module.mark = 1 }, () => { Object.getOwnPropertyDescriptor(Object.prototype, 'valueOf').get.mark = 1 },
      () => { state.stat('/').then((s) => { s.isFile.mark = 1 }) }, () => { Symbol.iterator.description.mark = 1 }, () => { Object.getOwnPropertyDescriptor(new Error(), 'stack').get.mark = 1 },
      () => { Promise.resolve().then.mark = 1 }, () => { new Proxy({}, {}); Proxy.mark = 1 }, () => { Date.now.mark = 1 }, () => { Math.sin.mark = 1 }, () => { new Uint8Array(10e6) }, () => { Math.random() },
      () => { setTimeout(() => {}) }, () => { exports.pending = undefined; delete exports.pending; new Promise(() => {}).then(() => { counter = 99 }) }]
    exports.main = async () => {
      const seen = [counter, cache.size, sticky.lastIndex, Math.random(), Symbol.for('mark') === undefined, module.mark === undefined, exports.main.mark === undefined,
        [state, state.readFile, console, oracle, oracle.price, caller, env, System, globalThis, [], Math, memo\`t\`, () => {}, async () => {}, [].values(), Error, Promise.resolve().then, Proxy, Date.now, Math.sin].map((o) => 'mark' in o), String({}), new Uint8Array(10e6).length]
      for (const attempt of attempts) { try { attempt() } catch {} }
      await null
      return seen }`
  const call = { oracles: ['price'], seed: [4, 3, 2, 1] }
  const { results } = await run({
    source,
    calls: [call, ...Array(5).fill({ ...call, method: 'main' })]
  })
  const texts = results.slice(1).map(({ outcome }) => outcome.value)
  t.ok(texts[0]?.startsWith('[0,0,0,'), texts[0] ?? JSON.stringify(results[1]))
  t.absent(texts[0]?.includes('[true') || texts[0]?.includes('true,true,true,true'))
  t.is(new Set(texts).size, 1, 'five calls see the same')
})

test('vm realm - promises and functions of a finished call do nothing', async (t) => {
  const source = `exports.n = 0; exports.keep = 1
    Object.defineProperty(exports, 'late', { configurable: true, enumerable: true, get () {
      state.writeFile('/late', '1'); console.log('late'); Promise.resolve().then(() => { exports.n = 9; state.writeFile('/later', '1') }); Promise.reject({ get message () { exports.n = 8 } }); return 'late' } })
    exports.main = () => ++exports.n`
  const { results, files } = await run({ source, calls: [{}, {}, {}] })
  t.alike(results.map(resultValue), [undefined, 1, 2])
  t.alike(files, [])
  t.alike(
    results.flatMap(({ logs }) => logs),
    []
  )
})

test('vm realm - honest histories give the same twice', async (t) => {
  const source = `exports.log = []; exports.random = () => { exports.log.push(Math.random(), Date.now()); return exports.log.length }
    exports.sort = (xs) => xs.sort((a, b) => a.localeCompare(b)); exports.numbers = () => [1e300 * 10 === Infinity, -0, 5e-324, 1 / 3, 2 ** 53 + 2]
    exports.rewrite = async () => { await state.writeFile('/a', '1'); const seen = await state.readFile('/a'); await state.unlink('/a'); await state.writeFile('/a', seen); await state.writeFile('/a', seen); return state.readdir('/') }
    exports.unicode = async () => { await state.writeFile('/\\u00e4', 'one'); await state.writeFile('//a\\u0308/', 'two'); return [await state.readFile('/\\u00e4'), await state.readdir('/')] }
    exports.fails = async () => { exports.log.push('lost'); await state.writeFile('/lost', '1'); throw Object.freeze(new Error('on purpose')) }
    exports.nothing = () => {}; exports.all = async () => Promise.all(['/x', '/y', '/z'].map((p) => state.writeFile(p, p).then(() => state.readFile(p))))`
  const methods = [
    'random',
    'sort',
    'numbers',
    'rewrite',
    'unicode',
    'fails',
    'nothing',
    'all',
    'random',
    'fails'
  ]
  const calls = methods.map((method) => ({
    method,
    args: method === 'sort' ? '[["b","ä","a"]]' : '[]'
  }))
  const scenario = { source, calls: [{}, ...calls] }
  const [first, second] = await runAll([scenario, scenario])
  t.alike(first, second)
  t.alike(
    first?.results.map(({ outcome }) => outcome.status).join(),
    `${'ok,'.repeat(6)}error,ok,ok,ok,error`
  )
  t.is(resultValue(first?.results[9]), 4, 'a failed call leaves no variable')
  t.absent(first?.files.some(([path]) => path === '/lost'))
  t.alike(resultValue(first?.results[5]), ['two', ['a', 'ä']])
})

test('vm realm - no text in its scripts goes on in another line, where it would lose its indentation', (t) => {
  const folder = new URL('../src/vm/js-1/', import.meta.url)
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  for (const name of names.filter((each) => each.endsWith('.js'))) {
    const source = readFileSync(new URL(name, folder), 'utf8')
    if (!source.startsWith(';(function')) continue
    const texts = [...Parser.tokenizer(source, { ecmaVersion: 'latest' })].filter(
      ({ type }) => type === tokTypes.template || type === tokTypes.string
    )
    const broken = texts.filter(({ start, end }) => source.slice(start, end).includes('\n'))
    t.alike(broken, [], name)
  }
})

async function run(scenario: Scenario): Promise<Run> {
  const [result] = await runAll([scenario])
  if (result === undefined) throw new Error('no result')
  return result
}

async function runAll(scenarios: readonly Scenario[]): Promise<Run[]> {
  realm ??= startRealm()
  realm.child.stdin.write(`${JSON.stringify(scenarios)}\n`)
  const { value, done } = await realm.lines.next()
  if (done) throw new Error(realm.stderr)
  return JSON.parse(value)
}

/** One process for all tests, with a realm for each scenario: to begin takes it longer than most of these. */
let realm: ReturnType<typeof startRealm> | null = null

function startRealm() {
  const child = spawn(process.execPath, ['--no-node-snapshot', '--jitless', PROCESS])
  const lines = linesOf(child.stdout)
  const started = { child, lines, stderr: '' }
  child.stderr.setEncoding('utf8').on('data', (text) => {
    started.stderr += text
  })
  return started
}

/** For node:readline, lines end at U+2028 as well, which JSON leaves as it is. */
async function* linesOf(stream: Readable): AsyncGenerator<string, undefined> {
  let rest = ''
  for await (const text of stream.setEncoding('utf8')) {
    const lines = `${rest}${text}`.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

test.hook('vm realm - the process of these tests ends', async (t) => {
  if (realm === null) return
  const { child } = realm
  child.stdin.end()
  const [, signal] = await once(child, 'close')
  t.is(signal, 'SIGKILL', `the way in which it ends: ${realm.stderr}`)
})

function resultValue(result: Result | undefined): unknown {
  const value = result?.outcome.value
  return value === null || value === undefined ? undefined : decodeValue(value)
}

function thrownOf(result: Result | undefined): Thrown {
  return result?.outcome.error ?? { name: 'none', message: JSON.stringify(result), code: null }
}

function codeOf(result: Result | undefined): string | null {
  return result?.outcome.error?.code ?? null
}

function missingFrom(list: readonly string[], other: readonly string[]): string[] {
  const known = new Set(other)
  return list.filter((name) => !known.has(name))
}

function nested(levels: number): unknown {
  return levels === 0 ? 1 : [nested(levels - 1)]
}
