import { DEPTH, FUEL, inMethod, OK, ROOM, THROWN } from './attack.ts'

/** Loops that want to be free, handlers that want to outlive the end, code that wants to see the counter. */
export const meter = inMethod({
  'a loop without a body': ['for (;;);', FUEL],
  'a labeled do loop': ['a: do { continue a } while (true)', FUEL],
  'a loop in a condition': ['while ((() => true)());', FUEL],
  'catching the end': ['for (;;) { try { for (;;); } catch {} }', FUEL],
  'finally behind the end': ['(function f() { try { for (;;); } finally { f() } })()', FUEL],
  'returning from finally': [
    'const f = () => { try { for (;;); } finally { return 1 } }; f(); exports.n = 99; return 1',
    FUEL
  ],
  'breaking out of finally': [
    'a: for (;;) { try { for (;;); } finally { break a } } return 1',
    FUEL
  ],
  'the end in a rejection': [
    "await (async () => { for (;;); })().catch(() => state.writeFile('/stolen', 'x')); return 1",
    FUEL
  ],
  'the end given to a builtin': [
    'const box = []; await (async () => { for (;;); })().catch(box.push.bind(box)); return box.length',
    FUEL
  ],
  'a generator that is closed by the end': [
    'function* g() { try { yield 1 } finally { exports.n = 99 } } for (const _ of g()) for (;;);',
    FUEL
  ],
  'defaults of parameters': ['const f = (a = f()) => a; f()', DEPTH],
  'fields of classes': ['class A { x = new A() } new A()', DEPTH],
  'static blocks': ['class A { static { for (;;); } }', FUEL],
  'arrows that make arrows': ['const f = () => () => f()(); f()()', DEPTH],
  'tagged templates': ['const f = () => f`a`; f()', DEPTH],
  'generators in generators': ['function* g() { yield* g() } g().next()', DEPTH],
  'tail calls': ["'use strict'; const f = (n) => f(n + 1); return f(0)", DEPTH],
  'depth that is caught': [
    'const f = () => { try { f() } catch { return f() } }; f(); exports.n = 99; return 1',
    DEPTH
  ],
  'the counter by its name': [
    'return typeof $ + typeof mivmF + typeof counter + typeof charge',
    OK
  ],
  'the counter on the global object': [
    'return Object.getOwnPropertyNames(globalThis).filter((name) => /mivm|fuel|kit/i.test(name)).length === 0 ? 1 : missing',
    OK
  ],
  'the counter in what is thrown': [
    'try { null.x } catch (error) { if (/mivm/.test(error.message + error.stack)) throw new Error() }',
    OK
  ],
  'the callers of a function': ['return (function f() { return f.caller })()', THROWN],
  'the arguments of the module': ['return (function f() { return f.arguments })()', THROWN],
  'an error that says it is the end': [
    "throw Object.assign(new Error('x'), { name: 'MivmError', code: 'OUT_OF_FUEL' })",
    'error OUT_OF_FUEL'
  ],
  'big integers that grow': ['let x = 3n; for (;;) x *= x', ROOM],
  powers: ['return (2n ** (2n ** 29n)).toString().length', ROOM],
  shifts: ['let x = 1n; for (;;) x <<= 1_000_000n', ROOM],
  'big integers with the name of a number': [
    'const n = 2n ** 100_000n; const f = (g = () => { for (;;) n * n }) => { const n = 5; return g }; f()()',
    FUEL
  ],
  'texts with the name of a number': [
    "const n = 'x'.repeat(1e6); const f = (g = () => { for (;;) if (n < n + n) return n }) => { var n = 5; return g }; for (;;) f()()",
    'error OUT_OF_FUEL'
  ],
  'big integers with the name of a number that a parameter assigns': [
    'let n = 5; const f = (g = () => { n = 2n ** 100_000n }) => { let n = 6; return g }; f()(); for (;;) n * n',
    FUEL
  ],
  'big integers with the name of a number, in a generator': [
    'const n = 2n ** 100_000n; function* f(a = n * n) { const n = 5 } for (;;) f()',
    FUEL
  ],
  'texts that are compared': [
    "const a = 'x'.repeat(1e6); const b = 'x'.repeat(999_999) + 'y'; for (;;) if (a === b) return 1",
    FUEL
  ],
  'objects that are spread': [
    "const o = {}; for (let i = 0; i < 2000; i++) o['k' + i] = i; for (;;) ({ ...o })",
    FUEL
  ],
  'holes that are looked for': ['[].indexOf.call({ length: 2 ** 53 - 1 }, 1)', FUEL],
  'holes that are filled': ['Array.prototype.fill.call({ length: 2 ** 53 - 1 }, 1)', FUEL],
  'a sparse array that is joined': ["const a = []; a.length = 2 ** 32 - 1; a.join('x')", ROOM],
  'sorting with a comparator that lies': [
    'Array.from({ length: 1e4 }, (_, i) => i).sort(() => { for (let i = 0; i < 1000; i++); return 1 })',
    FUEL
  ],
  'errors of V8, which reads the whole function for their messages': [
    `if (0) { ${'f(1);'.repeat(4000)} } for (;;) { try { null.x } catch {} }`,
    FUEL
  ],
  'errors of V8 that finally swallows': [
    `if (0) { ${'f(1);'.repeat(4000)} } for (;;) { try { null.x } finally { continue } }`,
    FUEL
  ],
  'errors of V8 that a promise swallows': [
    `const f = () => { if (0) { ${'f(1);'.repeat(4000)} } null.x }; for (;;) new Promise(f)`,
    FUEL
  ],
  'errors that leave many functions': [
    'const f = (n) => { if (n === 0) throw 1; f(n - 1) }; for (;;) try { f(400) } catch {}',
    FUEL
  ]
})
