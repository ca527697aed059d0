import { inMethod, OK, THROWN } from './attack.ts'

/** Ways out of the realm, and ways to change it for those who come later. */
export const realm = inMethod({
  'code from a text': ["return Function('return 1')()", THROWN],
  'code from the constructor of a function': [
    "return (() => {}).constructor.constructor('return process')()",
    THROWN
  ],
  'code from an async generator': ["return (async function* () {}).constructor('x')", THROWN],
  'an intrinsic replaced': ['Array.prototype.map = null', THROWN],
  'an intrinsic redefined': [
    "Object.defineProperty(Object.prototype, 'then', { value(f) { f(1) } })",
    THROWN
  ],
  'an intrinsic deleted': ['delete JSON.parse', THROWN],
  'a global of its own': ['globalThis.leak = 1', THROWN],
  'a global without a declaration': ['leak = 1', THROWN],
  'the prototype of the global object': ['Object.setPrototypeOf(globalThis, { leak: 1 })', THROWN],
  'the prototype of a prototype': [
    'Object.setPrototypeOf(Array.prototype, { get 0() { return 1 } })',
    THROWN
  ],
  'iteration replaced': ['Array.prototype[Symbol.iterator] = function* () { for (;;); }', THROWN],
  'iteration of array iterators replaced': [
    'Object.getPrototypeOf([].values()).next = () => ({ done: false })',
    THROWN
  ],
  'species of promises': [
    'Object.defineProperty(Promise, Symbol.species, { value: function () {} })',
    THROWN
  ],
  'a property of Error': ['Error.prepareStackTrace = () => { for (;;); }; null.x', THROWN],
  'call sites': [
    'const e = {}; Error.captureStackTrace(e); if (e.stack !== undefined) throw 1; return 1',
    OK
  ],
  'the API replaced': ['state.readFile = () => 1', THROWN],
  'the API redefined': ["Object.defineProperty(System, 'files', { value: 1 })", THROWN],
  'a property of a function of the API': ['state.readFile.leak = 1', THROWN],
  'a property of a builtin': ['Math.max.leak = 1', THROWN],
  'a property behind a getter that was repaired': [
    "Object.getOwnPropertyDescriptor(Object.prototype, 'toString').get.leak = 1",
    THROWN
  ],
  'this of a function': [
    'const that = (function () { return this })(); if (that !== undefined) throw 1; return 1',
    OK
  ],
  'the global object of the host': [
    "const names = ['process', 'require', 'global', 'Buffer', 'WebAssembly', 'Atomics', 'SharedArrayBuffer', 'WeakRef', 'FinalizationRegistry', 'Intl', 'setTimeout', 'setImmediate', '_ivm', 'gc']; for (const name of names) if (name in globalThis) throw new Error(name); return 1",
    OK
  ],
  'symbols of the registry': [
    "if (Symbol.keyFor(Symbol.iterator) !== undefined) throw 1; Symbol.for('leak'); return 1",
    OK
  ],
  'the state of a pattern': [
    "RegExp.prototype.lastIndex = 5; /x/g.test('xx'); return RegExp.$1",
    THROWN
  ],
  'private members of what all calls share': [
    'class B { constructor(o) { return o } } class S extends B { #x = 1 } new S(Math)',
    THROWN
  ],
  'private methods of the API': [
    'class B { constructor(o) { return o } } class S extends B { #x() {} } new S(state)',
    THROWN
  ],
  'private members of a template': [
    'class B { constructor(o) { return o } } class S extends B { #x = 1 } new S(((t) => t)`x`)',
    THROWN
  ],
  'random numbers': ['for (let i = 0; i < 1000; i++) Math.random(); return 1', OK],
  'the clock': ['Date.now = () => 0', THROWN],
  'a date that is kept': ['Date.prototype.leak = 1', THROWN]
})
