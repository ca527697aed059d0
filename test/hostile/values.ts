import { FUEL, inMethod, OK, THROWN } from './attack.ts'

const REFUSED = 'error VALUE_UNSUPPORTED'

/** What is thrown or returned and runs code, has no end, or is nothing that a log could hold. */
export const values = inMethod({
  'throwing a proxy': ['throw new Proxy({}, { get() { for (;;); } })', THROWN],
  'throwing a message that throws': ['throw { get message() { throw 1 } }', THROWN],
  'throwing nothing': ['throw undefined', THROWN],
  'throwing null': ['throw null', THROWN],
  'throwing a symbol': ["throw Symbol('x')", THROWN],
  'throwing a function': ['throw () => {}', THROWN],
  'throwing a message without end': [
    "throw Object.defineProperty(new Error(), 'message', { get() { for (;;); } })",
    FUEL
  ],
  'throwing a name that is no text': [
    "throw Object.defineProperty(new Error(), 'name', { value: { toString() { for (;;); } } })",
    FUEL
  ],
  'throwing a stack without end': [
    "throw Object.defineProperty(new Error('x'), 'stack', { get() { for (;;); } })",
    THROWN
  ],
  'throwing an error whose prototype is a proxy': [
    'throw Object.setPrototypeOf(new Error(), new Proxy(Error.prototype, { get() { for (;;); } }))',
    FUEL
  ],
  'throwing what is long': ["throw new Error('x'.repeat(1e7))", THROWN],
  'throwing a code that is long': ["throw Object.assign(new Error(), { code: 'x' })", 'error x'],
  'throwing a promise': ['throw Promise.reject(1)', THROWN],
  'returning what is deep': [
    'let o = {}; for (let i = 0; i < 1e4; i++) o = { o }; return o',
    'error VALUE_TOO_DEEP'
  ],
  'returning a cycle': ['const o = {}; o.o = o; return o', REFUSED],
  'returning what is shared without end': [
    "let o = 'x'.repeat(3000); for (let i = 0; i < 100; i++) o = [o, o]; return o",
    'error RESULT_TOO_LARGE'
  ],
  'returning what is large': ["return 'x'.repeat(300_000)", 'error RESULT_TOO_LARGE'],
  'returning holes': ['return Array(10)', REFUSED],
  'returning holes without end': [
    'const a = []; a[2 ** 32 - 2] = 1; return a',
    'error RESULT_TOO_LARGE'
  ],
  'returning a function': ['return () => 1', REFUSED],
  'returning a symbol': ["return Symbol('x')", REFUSED],
  'returning NaN': ['return NaN', REFUSED],
  'returning -0': ['return -0', OK],
  'returning a date': ['return new Date()', REFUSED],
  'returning a map': ['return new Map()', REFUSED],
  'returning an accessor': ['return { get a() { for (;;); } }', REFUSED],
  'returning a proxy': ['return new Proxy({}, { ownKeys() { for (;;); } })', REFUSED],
  'returning toJSON': ['return { toJSON() { for (;;); } }', REFUSED],
  'returning an array of a class': ['class A extends Array {} return A.of(1)', REFUSED],
  'returning bytes of a class': ['class A extends Uint8Array {} return new A(1)', REFUSED],
  'returning the API': ['return state', REFUSED],
  'returning the exports': ['return exports', REFUSED],
  'returning the global object': ['return globalThis', REFUSED],
  'returning an oracle': ['return oracle', REFUSED]
})
