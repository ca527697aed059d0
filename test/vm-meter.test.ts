// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the programs have templates of their own
import test from 'brittle'
import { MivmError } from '../src/protocol/errors.ts'
import { LIMITS, type Limits } from '../src/protocol/limits.ts'
import type { Step } from '../src/vm/vm.ts'
import { JITLESS, run as runIn } from './vm-determinism-run.ts'
import { briefOf, contractOf, Instance, type Line, openOne } from './vm-helpers.ts'

/**
 * Everything that can go on without end, by the syntax that does it: each has to come to the end of its fuel, or
 * of its depth, and never to a limit of the machine.
 */

const FUEL = 'error OUT_OF_FUEL'
const DEPTH = 'error CALL_DEPTH'

const LOOPS: Record<string, string> = {
  for: 'for (;;);',
  'for with a body': 'for (let i = 0; ; i++) x += i',
  'for whose test is all': 'for (; x >= 0; );',
  'for whose update is all': 'for (; ; x++);',
  'for that is begun anew by its body': 'for (let i = 0; i < 16; i++) i--',
  'for that is begun anew by a function':
    'for (let i = 0; i < 16; i++) { const f = () => { i = 0 }; f() }',
  'for that is begun anew by a pattern': 'for (let i = 0; i < 16; i++) [i] = [0]',
  'for that is begun anew by a loop': 'for (let i = 0; i < 16; i++) for (i of [0]);',
  'for whose end is moved': 'let n = 16; for (let i = 0; i < n; i++) n++',
  'for whose end is moved by a function':
    'let n = 16; const f = () => { n += 2 }; for (let i = 0; i < n; i++) f()',
  'for whose end a caller says': '((n) => { for (let i = 0; i < n; i++); })(Infinity)',
  'for whose end a caller says who is known':
    'const f = (n) => { for (let i = 0; i < n; i++); }; f(16); f(Infinity)',
  'for whose end has the name of another':
    'const n = 16; ((a = () => { for (let i = 0; i < n; i++); }) => { var n = 1; a() })(); (() => { n = 1 / 0; for (let i = 0; i < n; i++); var n })()',
  'for that goes on by nothing': 'let s = 0; for (let i = 0; i < 16; i += s);',
  'for that goes on by less than one': 'for (let i = 0; i < 16; i += 1e-9);',
  'for that counts something else': 'for (let i = 0, j = 0; i < 16; j++);',
  'for that begins far away': 'for (let i = -1e15; i < 16; i++);',
  'for whose end is a text': "const n = '1e15'; for (let i = 0; i < n; i++);",
  'for inside of for':
    'const f = (n) => { for (let i = 0; i < 64; i++) if (n > 0) f(n - 1) }; f(20)',
  'for whose turns are known, in each other': `${'for (let i = 0; i < 16; i++) '.repeat(8)} x++`,
  'for whose turns are known, and that catches':
    'for (let i = 0; i < 16; i++) try { for (;;); } finally { continue }',
  while: 'while (true);',
  'while with a statement': 'while (true) x++',
  do: 'do; while (true)',
  'do with a statement': 'do x++; while (true)',
  'labelled continue': 'outer: for (;;) { for (;;) continue outer }',
  'break to a label': 'outer: for (;;) { inner: { break inner } }',
  'for of a generator': 'for (const _ of (function* () { for (;;) yield })());',
  'for of a native iterator':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; for (const _ of it);',
  'for of that grows': 'const a = [1]; for (const each of a) a.push(each)',
  'for in again': 'for (;;) for (const k in { a: 1 });',
  'for await': 'for await (const _ of (async function* () { for (;;) yield })());',
  'for await of a sync iterator':
    'for await (const _ of { [Symbol.iterator]: () => ({ next: () => ({ value: 1 }) }) });',
  'for await of a native iterator':
    'const it = { next: Object, [Symbol.asyncIterator]() { return this } }; for await (const _ of it);',
  'continue in for await': 'a: for (;;) for await (const _ of [1]) continue a',
  'spread in an array': 'const it = { next: Object, [Symbol.iterator]() { return this } }; [...it]',
  'spread in a call':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; Math.max(...it)',
  'spread in new':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; new Array(...it)',
  'a rest element':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; const [...r] = it',
  'an assigned rest element':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; let r; [...r] = it',
  'a rest element in a pattern':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; const { a: [...r] } = { a: it }',
  'a rest element in an array pattern':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; const [[...r]] = [it]',
  'a rest element of a parameter':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; (([...r]) => r)(it)',
  'a rest element of a generator':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; (function* ([...r]) {})(it)',
  'a rest element in a loop':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; for (const [...r] of [it]);',
  'a rest element in a handler':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; try { throw it } catch ([...r]) {}',
  'a default with a rest element':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; const { a: [...r] = it } = {}',
  'yield* of a native iterator':
    'const it = { next: Object, [Symbol.iterator]() { return this } }; for (const _ of (function* () { yield* it })());',
  'await of nothing': 'for (;;) await 0',
  'await in a loop that is not awaited': '(async () => { for (;;) await 0 })()',
  'a thenable of itself': 'const t = { then(go) { go(t) } }; await t',
  'promises that make promises': 'const f = () => { Promise.resolve().then(f) }; f()',
  'two that call each other in turn':
    'const a = () => Promise.resolve().then(b), b = () => Promise.resolve().then(a); a(); await new Promise(() => {})',
  'a native function as then':
    'const t = {}; t.then = Function.prototype.call.bind((go) => go(t), null); await t',
  'recursion in turns': 'const f = async () => { await null; await f() }; await f()',
  'straight code': `const f = () => { ${'x = x + 1;'.repeat(200)} }; for (let i = 0; i < 1e6; i++) f()`,
  'a long expression': `const f = () => ${'x + '.repeat(500)} 1; for (let i = 0; i < 1e6; i++) f()`,
  'conditional code': `for (let i = 0; i < 1e6; i++) { if (x >= 0) { ${'x = x + 1;'.repeat(100)} } else { x = 0 } }`,
  'an arm': `for (let i = 0; i < 1e6; i++) x >= 0 ? (${'x = x + 1,'.repeat(100)} 0) : 1`,
  'the right side of and': `for (let i = 0; i < 1e6; i++) x >= 0 && (${'x = x + 1,'.repeat(100)} 0)`,
  'a case': `for (let i = 0; i < 1e6; i++) switch (1) { case 1: ${'x = x + 1;'.repeat(100)} }`,
  'fields of instances': `class A { ${Array.from({ length: 100 }, (_, i) => `f${i} = 0`).join(';')} }; for (let i = 0; i < 1e6; i++) new A()`,
  'computed fields of instances': `const k = 'k'; class A { ${Array.from({ length: 100 }, (_, i) => `[k + ${i}] = () => {}`).join(';')} }; for (let i = 0; i < 1e6; i++) new A()`,
  'fields of a derived class': `class B {}; class A extends B { ${Array.from({ length: 100 }, (_, i) => `f${i}`).join(';')} }; for (let i = 0; i < 1e6; i++) new A()`,
  'static blocks': 'for (;;) (class { static { x++ } })',
  'a loop in a static block': 'class A { static { for (;;); } }',
  'a loop in a field': 'class A { a = (() => { for (;;); })() }; new A()',
  'a loop in a default': '((a = (() => { for (;;); })()) => a)()',
  'a loop in a getter': 'const o = { get a() { for (;;); } }; o.a',
  'a loop in a setter': 'const o = { set a(v) { for (;;); } }; o.a = 1',
  'a loop in a destructured setter': 'const o = { set a({ v }) { for (;;); } }; o.a = {}',
  'a loop in valueOf': 'const o = { valueOf() { for (;;); } }; o * 2',
  'a loop in a trap': 'const o = new Proxy({}, { get() { for (;;); } }); o.a',
  'a loop in a tag': 'const tag = () => { for (;;); }; tag`x`',
  'a loop in a constructor': 'class A { constructor() { for (;;); } }; new A()',
  'a loop in a derived constructor':
    'class A extends Array { constructor() { super(); for (;;); } }; new A()',
  'a loop in hasInstance':
    'class A { static [Symbol.hasInstance]() { for (;;); } }; x instanceof A',
  'a loop in a dispose': '{ using a = { [Symbol.dispose]() { for (;;); } } }',
  'a generator that is returned':
    'const g = (function* () { try { yield } finally { for (;;); } })(); g.next(); g.return()',
  'a generator that throws again':
    'const g = (function* () { for (;;) try { yield } catch {} })(); g.next(); for (;;) g.throw(1)',
  'text that is added to': "let s = 'x'; for (;;) s += 'x'.repeat(1000)",
  'text that is compared':
    "const a = 'x'.repeat(1e6) + 'a', b = 'x'.repeat(1e6) + 'b'; for (;;) if (a === b || a < b === x) break",
  'text that is flattened':
    "let s = 'x'.repeat(1e5); for (;;) { const t = s + 'x'; t.charCodeAt(5) }",
  'text that becomes a number': "const s = '1'.repeat(1e6); for (;;) x = s * 1",
  'text that becomes a number by plus': "const s = '1'.repeat(1e6); for (;;) x = +s",
  'text that a function gets that mostly gets numbers':
    "const s = '1'.repeat(1e6), f = (a, b) => b * 1; f(1, 2); for (;;) f(1, s)",
  'text that a function gets that has another name':
    "const s = '1'.repeat(1e6), f = (a) => a * 1, g = f; f(1); for (;;) g(s)",
  'text that a function gets by its own name':
    "const s = '1'.repeat(1e6), f = function g(a) { if (a !== s) g(s); return a * 1 }; for (;;) f(1)",
  'text that a function gets from an array':
    "const s = '1'.repeat(1e6), f = (a) => a * 1; f(1); for (;;) f(...[s])",
  'text that a function gets from a builtin':
    "const s = '1'.repeat(1e6), f = (a) => a * 1; f(1); for (;;) [s].forEach(f)",
  'text that a tag gets':
    "const s = '1'.repeat(1e6), f = (a, b) => b * 1; f(1, 1); for (;;) f`${s}`",
  'text that a constructor gets':
    "const s = '1'.repeat(1e6), F = function (a) { a * 1 }; F(1); for (;;) new F(s)",
  'text that a function gets by a default':
    "const s = '1'.repeat(1e6), f = (a = s) => a * 1; f(1); for (;;) f()",
  'text that a parameter is assigned':
    "const s = '1'.repeat(1e6), f = (a) => { const g = () => { a = s }; g(); return a * 1 }; for (;;) f(1)",
  'text that a parameter is assigned by var':
    "const s = '1'.repeat(1e6), f = (a) => { if (x >= 0) { var a = s } return a * 1 }; for (;;) f(1)",
  'text that a function returns in the end':
    "const s = '1'.repeat(1e6); function f(a) { if (a > 5) return s; return f(a + 1) } for (;;) f(0) * 1",
  'text that one of two functions returns':
    "const s = '1'.repeat(1e6); for (;;) { f() * 1; function f() { return 1 } { let f = () => s; f() * 1 } }",
  'text that a function returns that is assigned':
    "const s = '1'.repeat(1e6); let f = () => 1; f(); f = () => s; for (;;) f() * 1",
  'text that a function returns that a parameter is':
    "const s = '1'.repeat(1e6), f = (g) => { if (x < 0) { var g = () => 1 } return g() * 1 }; f(() => 1); for (;;) f(() => s)",
  'text that a function of a parameter returns':
    "const s = '1'.repeat(1e6), g = () => 1, f = (g, a = g() * 1) => { return a; var g }; g(); for (;;) f(() => s)",
  'text that a function gets that has the name of a parameter':
    "const s = '1'.repeat(1e6), z = () => {}; (function (f = z(), g = () => f(s)) { function f(a) { return a * 1 } f(1); for (;;) g() })()",
  'text that a function gets where a loop declares its name':
    "const s = '1'.repeat(1e6), f = (a) => { a * 1; return [] }; f(1); for (;;) for (const { ...f } of f(s));",
  'text that a variable is assigned where a loop declares its name':
    "const s = '1'.repeat(1e6); let v = 1; for (;;) { for (const { ...v } of ((v = s), [])); v * 1 }",
  'text that is counted up': "const s = '1'.repeat(1e6); for (;;) { let t = s; t++ }",
  'text that is less than a number': "const s = '1'.repeat(1e6); for (;;) s < 5",
  'text that equals a number': "const s = '1'.repeat(1e6); for (;;) s == 5",
  'big integers that are multiplied': 'let a = 2n ** 50000n; for (;;) a * a',
  'big integers that are divided': 'let a = 2n ** 500000n, b = 2n ** 250000n + 1n; for (;;) a / b',
  'big integers with remainders': 'let a = 2n ** 500000n, b = 2n ** 250000n + 1n; for (;;) a % b',
  'big integers that are compared':
    'const a = 2n ** 500000n, b = a + 1n; for (;;) if (a > b) break',
  'big integers that are compared with the result of an operator':
    'const a = 2n ** 500000n, b = [a + 1n]; for (;;) if (a > b[0] * 1n) break',
  'big integers that are less and less': 'let a = 2n ** 500000n; const f = () => --a; for (;;) f()',
  'big integers as text': "let a = 2n ** 500000n; for (;;) '' + a",
  'big integers as keys': 'const o = {}, a = 2n ** 500000n; for (;;) o[a]',
  'big integers that are counted up': 'for (;;) { let a = 2n ** 500000n; a++ }',
  'copies of objects':
    'const o = Object.fromEntries(Array.from({ length: 10000 }, (_, i) => [`k${i}`, i])); for (;;) ({ ...o })',
  'copies by rest':
    'const o = Object.fromEntries(Array.from({ length: 10000 }, (_, i) => [`k${i}`, i])); for (;;) { const { a, ...r } = o }',
  'arguments from arrays':
    'const a = Array.from({ length: 10000 }, (_, i) => i); const f = (...r) => r; for (;;) f(...a)',
  'keys of an array':
    'const a = Array.from({ length: 10000 }, (_, i) => i); for (;;) for (const k in a) break',
  switches:
    "const s = 'x'.repeat(1e6), a = 'x'.repeat(1e6 - 1) + 'y'; for (;;) switch (s) { case a: case a + '': }"
}

const CATCHES: Record<string, string> = {
  catch: 'for (;;) { try { for (;;); } catch {} }',
  'catch with a name': 'for (;;) { try { for (;;); } catch (e) { e = e } }',
  'catch with a pattern':
    "for (;;) { try { for (;;); } catch ({ message = (state.writeFile('/x', ''), 1) }) {} }",
  finally: 'for (;;) { try { for (;;); } finally { continue } }',
  'finally that returns': "try { for (;;); } finally { await state.writeFile('/x', ''); return 1 }",
  'many levels of finally':
    'const f = (n) => { try { if (n > 0) f(n - 1); else for (;;); } finally { for (;;); } }; f(100)',
  'a handler of a promise':
    'return Promise.reject(1).catch(() => { for (;;); }).catch(() => 1).then(() => 2)',
  'a promise that is returned': 'return (async () => { for (;;); })().catch(() => 1)',
  'a promise that settles otherwise': 'return Promise.race([1, (async () => { for (;;); })()])',
  allSettled: 'return Promise.allSettled([(async () => { for (;;); })(), 1])',
  'an executor': 'new Promise(() => { for (;;); }); return 1',
  'what is not awaited':
    '(async () => { await null; for (;;); })(); await null; await null; return 1',
  'the end of a generator':
    'const g = (function* () { try { for (;;); } finally { yield 1 } })(); try { g.next() } catch {} return 1',
  'closing an iterator':
    'for (const _ of { [Symbol.iterator]: () => ({ next: () => ({}), return() { x = 1; return {} } }) }) for (;;);',
  'a disposer': "{ using a = { [Symbol.dispose]() { state.writeFile('/x', '') } }; for (;;); }",
  'a thenable': 'return { then() { for (;;); } }',
  'a getter of what is thrown':
    "throw Object.defineProperty(new Error(), 'message', { get() { for (;;); } })",
  'a getter among the exports':
    "Object.defineProperty(exports, 'x', { enumerable: true, get() { for (;;); } })",
  'a getter among the exports that catches':
    "Object.defineProperty(exports, 'x', { enumerable: true, get() { try { for (;;); } catch {} return 1 } })"
}

const RECURSIONS: Record<string, string> = {
  'a return that closes an iterator':
    'const it = { [Symbol.iterator]: () => it, next: () => ({ done: false }), return: () => f() }; const f = () => { for (const x of it) return 1 }; f()',
  'a return from a loop in a block of a loop':
    'const it = { [Symbol.iterator]: () => it, next: () => ({ done: false }), return: () => f() }; const f = () => { for (const x of it) { for (;;) { if (true) return } } }; f()',
  'a return before a finally': 'const f = () => { try { return 1 } finally { f() } }; f()',
  'a return from a catch before a finally':
    'const f = () => { try { throw 1 } catch { return 1 } finally { f() } }; f()',
  'a return before a disposer':
    'const f = () => { using a = { [Symbol.dispose]() { f() } }; return 1 }; f()',
  'a declaration': 'function f() { f() } f()',
  'an expression': 'const f = function () { return f() }; f()',
  'an arrow': 'const f = () => f(); f()',
  'an arrow with a body': 'const f = () => { f() }; f()',
  'two functions': 'const f = () => g(), g = () => f(); f()',
  'an async function': 'async function f() { await f() } await f()',
  'an async arrow': 'const f = async () => f(); f()',
  'a generator': 'function* f() { yield* f() } f().next()',
  'a generator that iterates': 'function* f() { for (const x of f()) yield x } f().next()',
  'generators around each other':
    'let g = (function* () { for (;;) yield 1 })(); const wrap = function* (h) { yield* h }; for (let i = 0; i < 600; i++) g = wrap(g); g.next()',
  'generators around each other, later':
    'let g = (function* () { for (;;) yield 1 })(); const wrap = function* (h) { yield 0; yield* h }; for (let i = 0; i < 600; i++) { g = wrap(g); g.next() } g.next()',
  'an async generator':
    'async function* f() { for await (const x of f()) yield x } await f().next()',
  'an async generator that delegates': 'async function* f() { yield* f() } await f().next()',
  'a default': 'const f = (a = f()) => a; f()',
  'a default of a declaration': 'function f(a = f()) { return a } f()',
  'a default of a generator': 'function* f(a = f()) {} f()',
  'a default that is a getter':
    "const f = function (a = o.x) { return a }, o = Object.defineProperty({}, 'x', { get: () => f() }); f()",
  'a default that is a getter itself':
    "const f = function (a = o.x) { return a }, o = {}; Object.defineProperty(o, 'x', { get: f }); f()",
  'a pattern whose getter it is':
    "const o = {}, f = function ({ x } = o) { return x }; Object.defineProperty(o, 'x', { get: f }); f()",
  'a pattern whose iterator it is':
    'const o = {}, f = function ([x] = o) { return x }; o[Symbol.iterator] = f; f()',
  'a pattern of a generator':
    "const o = {}, f = function* ({ x } = o) {}; Object.defineProperty(o, 'x', { get: f }); f()",
  'a pattern in a handler':
    'const f = () => { try { throw { get x() { return f() } } } catch ({ x }) {} }; f()',
  'a method': 'const o = { m() { this.m() } }; o.m()',
  'a getter': 'const o = { get a() { return this.a } }; o.a',
  'a setter': 'const o = { set a(v) { this.a = v } }; o.a = 1',
  'a constructor': 'class A { constructor() { new A() } }; new A()',
  'a derived constructor':
    'class B {}; class A extends B { constructor() { super(); new A() } }; new A()',
  'a field': 'class A { a = new A() }; new A()',
  'a private field': 'class A { #a = new A() }; new A()',
  'a static field': 'const f = () => class { static a = f() }; f()',
  'a static block': 'const f = () => class { static { f() } }; f()',
  'a private method': 'class A { #m() { this.#m() } m() { this.#m() } }; new A().m()',
  'a function with new': 'function F() { new F() } new F()',
  'a tag': 'const f = () => f`x`; f()',
  'a computed key': 'const f = () => ({ [f()]: 1 }); f()',
  'a computed member': 'const f = () => class { [f()]() {} }; f()',
  'a heritage': 'const f = () => class extends f() {}; f()',
  'an argument': 'const f = (a) => f(f(a)); f()',
  'a spread': 'const f = (...a) => f(...a); f(1)',
  'a finally': 'const f = () => { try { f() } finally { f() } }; f()',
  'a catch': 'const f = () => { try { f() } catch { f() } }; f()',
  instanceof:
    'class A { static [Symbol.hasInstance](v) { return v instanceof A } }; 1 instanceof A',
  'an iterator': 'const o = { [Symbol.iterator]: () => [...o] }; [...o]',
  bind: 'const f = () => f.bind()(); f()',
  'apply and call': 'const f = () => f.call(f.apply()); f()',
  'an executor': 'const f = () => new Promise(f); f()',
  'a then that is called at once':
    'const f = () => ({ get then() { return new Promise((r) => r(f())) } }); new Promise((r) => r(f()))',
  'a disposer': 'const f = () => { using a = { [Symbol.dispose]: f } }; f()',
  'a resumed generator':
    'const f = () => { const g = (function* () { try { yield } catch { f() } })(); g.next(); g.throw(1) }; f()',
  'a returned generator':
    'const f = () => { const g = (function* () { try { yield } finally { f() } })(); g.next(); g.return() }; f()',
  'a generator with arguments from an array':
    'const a = Array.from({ length: 1000 }, () => 1); const f = () => { const g = (function* () { f(...a, yield) })(); g.next(); g.next() }; f()',
  'a large frame': `const f = () => { ${Array.from({ length: 2000 }, (_, i) => `let v${i} = ${i}`).join(';')}; f() }; f()`,
  'many arguments': `const f = () => f(${Array.from({ length: 5000 }, () => '0').join()}); f()`,
  'arguments from an array':
    'const a = Array.from({ length: 20000 }, () => 0); const f = () => f(...a); f()'
}

/** Ways out of a function. */
const EXITS: Record<string, string> = {
  'without a return': '() => { x++ }',
  'a return of nothing': '() => { if (x >= 0) return; x++ }',
  'a return of a literal': '() => { return 1 }',
  'a return of a variable': '() => { const a = x; return a }',
  'a return of this': 'function () { return this }',
  'a return of an expression': '() => { return x + 1 }',
  'a return of a function':
    "() => { const f = (() => { return () => {} })(); if (f.name !== '') throw 0 }",
  'one of several returns': '() => { if (x % 2) return x++; else return x-- }',
  'an expression': '() => x + 1',
  'a conditional expression': '() => (x++ % 3 ? 1 : x)',
  'a return from a loop': '() => { for (;;) { while (true) return x } }',
  'a return from a loop over an array': '() => { for (const y of [1, 2]) return y }',
  'a return behind a loop over an array': '() => { for (const y of [1, 2]) x = y; return x }',
  'a return from a loop over keys': '() => { for (const y in { a: 1 }) return y }',
  'a return from a switch': '() => { switch (x) { case 1: return 1; default: return 2 } }',
  'a return from a label': '() => { a: { return x } }',
  'a return from a block': '() => { { const y = x; return y + 1 } }',
  'a return from a try': '() => { try { return x + 1 } catch { return 0 } }',
  'a return from a catch': '() => { try { null.x } catch { return x + 1 } }',
  'a return before a finally': '() => { try { return x + 1 } finally { x++ } }',
  'a return from a finally': '() => { try { return 0 } finally { return x + 1 } }',
  'a return that a finally takes back':
    '() => { for (let i = 0; i < 2; i++) try { return 0 } finally { continue } }',
  'a function in a finally': '() => { try { x++ } finally { (() => { return x + 1 })() } }',
  'a return with a disposer': '() => { using a = { [Symbol.dispose]() { x++ } }; return x + 1 }',
  'an error': '() => { throw new Error() }',
  'an error of V8': '() => { return null.x }',
  'an error in what is returned': '() => { return (() => { throw x })() }',
  'a variable that is not there yet': '() => { return y; let y = 1 }',
  'a name that nobody has': '() => { return nobody }',
  'a constructor': 'function () { new (function () { return {} })() }',
  'a class':
    '() => { new (class extends (class { constructor() { this.x = 1 } }) { constructor() { super(); return } })() }',
  'a class without super': '() => { new (class extends Object { constructor() { return } })() }',
  'a class that returns a number':
    '() => { new (class extends Object { constructor() { super(); return 1 } })() }',
  'a getter': '() => ({ get x() { return 1 + x } }).x',
  'a spread call': '() => { return Math.max(...[1, x]) }',
  'a generator': '() => [...(function* () { yield 1; return 2 })()]',
  'a generator that is left':
    '() => { for (const y of (function* () { yield 1; yield 2 })()) return y }',
  'an async function': 'async () => { return x + 1 }',
  'an async function that fails': 'async () => { throw x }'
}

/** These meet a limit of what builtins may make. */
const ALLOCATIONS: Record<string, string> = {
  'copies of arrays': 'const a = Array.from({ length: 10000 }, (_, i) => i); for (;;) [...a]',
  'lengths of arrays': 'for (;;) { const a = []; a.length = 1e6 }',
  'lengths by a key': "const k = 'len' + 'gth'; for (;;) { const a = []; a[k] = 1e6 }",
  'lengths by a pattern': 'for (;;) { const a = []; [a.length] = [1e6] }',
  'lengths by a nullish assignment': 'for (;;) { const a = []; a.length ||= 1e6 }',
  'lengths that are added to': 'for (;;) { const a = []; a.length += 1e6 }',
  'lengths in a loop': 'for (;;) { const a = []; for (a.length of [1e6]); }',
  'text that grows': "let s = 'x'; for (;;) s = s + s",
  'text in a template': "let s = 'x'; for (;;) s = `${s}${s}`",
  'big integers that are added': 'let a = 2n ** 1000000n; for (;;) a + a',
  'big integers that are equal': 'const a = 2n ** 1000000n, b = 2n ** 1000000n; for (;;) a === b',
  'big integers that are shifted': 'for (;;) 1n << 1000000n',
  'big integers that are negated': 'const a = 2n ** 1000000n; for (;;) -a'
}

/** Here builtins call each other by way of the contract. */
const NATIVE_RECURSIONS: Record<string, string> = {
  valueOf: 'const o = { valueOf() { return o * 2 } }; +o',
  toString: 'const o = { toString() { return `${o}` } }; `${o}`',
  'a key that is an object': 'const o = { toString() { return ({})[o] } }; ({})[o]',
  'a comparison': 'const o = { valueOf() { return o < 1 } }; o < 1',
  'a loose equality': 'const o = { valueOf() { return o == 1 } }; o == 1',
  in: 'const p = new Proxy({}, { has: (t, k) => k in p }); 1 in p',
  'a trap': 'const p = new Proxy({}, { get: (t, k) => p[k] }); p.a',
  'a trap of calls': 'const p = new Proxy(() => {}, { apply: () => p() }); p()',
  'a trap of new': 'const p = new Proxy(class {}, { construct: () => new p() }); new p()',
  'a trap of keys': 'const p = new Proxy({}, { ownKeys: () => Object.keys(p) }); Object.keys(p)',
  'a trap of prototypes':
    'const p = new Proxy({}, { getPrototypeOf: () => Object.getPrototypeOf(p) }); Object.getPrototypeOf(p)',
  toJSON: 'const o = { toJSON: () => JSON.stringify(o) }; JSON.stringify(o)',
  'a reviver': "const f = () => JSON.parse('[1]', f); f()",
  'a comparator': 'const f = () => { [1, 2].sort(f); return 0 }; f()',
  'a replacer': "const f = () => 'x'.replace('x', f); f()",
  'a replacer of a pattern': "const f = () => 'x'.replace(/x/, f); f()",
  map: 'const f = () => [1].map(f); f()',
  'Array.from': 'const f = () => Array.from([1], f); f()',
  'a species':
    'class A extends Array { static get [Symbol.species]() { return new A(1).map((x) => x) } }; new A(1).map((x) => x)',
  'Reflect.construct': 'const f = function () { Reflect.construct(f, []) }; f()'
}

/**
 * What takes most of the stack: the widest frame that counts for one level, around everything that builtins call back
 * from, one inside of the other.
 */
const FATTEST = (() => {
  const wide = Array.from({ length: 45 }, (_, i) => `v${i} = ${i}`).join(', ')
  const ways = {
    stringify: 'JSON.stringify({ toJSON: () => go(n - 1) })',
    parse: "JSON.parse('[1]', () => { go(n - 1) })",
    replace: "'x'.replace(/(x)/, () => go(n - 1))",
    sort: '[1, 2].sort(() => go(n - 1))',
    flatMap: '[1].flatMap(() => go(n - 1))',
    proxy:
      'new Proxy({}, { get: () => go(n - 1), ownKeys: () => [], getOwnPropertyDescriptor() {} }).x',
    getter: '({ get x() { return go(n - 1) } }).x',
    text: '`${{ toString: () => go(n - 1) }}`',
    construct: 'Reflect.construct(class { constructor() { go(n - 1) } }, [])',
    from: 'Array.from({ [Symbol.iterator]: () => ({ next: () => ({ done: !(go(n - 1), true) , value: 1, ...{ done: true } }) }) })',
    executor: 'new Promise(() => go(n - 1))',
    spread: '[...{ *[Symbol.iterator]() { go(n - 1) } }]',
    defaults: '(({ x = go(n - 1) }) => x)({})',
    generator: '[...(function* (a = go(n - 1)) {})()]',
    field: 'new (class { x = go(n - 1) })()',
    bound: 'go.bind(null, n - 1).bind().bind()()',
    assign: 'Object.assign({ set x(v) { go(n - 1) } }, { x: 1 })',
    group: 'Object.groupBy([1], () => go(n - 1))',
    disposer: '(() => { using a = { [Symbol.dispose]() { go(n - 1) } } })()'
  }
  return Object.fromEntries(
    Object.entries(ways).map(([name, way]) => [
      name,
      `const go = (n) => { let ${wide}; if (n < 0) return 'end'; if (n > 110) return String(go(n - 1)); ${way}; return 'x' }; go(450)`
    ])
  )
})()

/** Functions that need room for many values at a time: each takes as many levels as it takes of the stack. */
const WIDE = (() => {
  const list = (each: (i: number) => string, separator = ',') => {
    return Array.from({ length: 3000 }, (_, i) => each(i)).join(separator)
  }
  const within = (code: string) =>
    `const f = (n) => { if (n < 0) ${code}; return f(n + 1) + 1 }; f(0)`
  const ones = `Math.max(${list(() => '1')})`
  return {
    arguments: within(ones),
    'methods of a class': within(`(class { ${list((i) => `m${i}() {}`, ';')} })`),
    'accessors of a class': within(`(class { ${list((i) => `get m${i}() { return 1 }`, ';')} })`),
    'static methods': within(`(class { ${list((i) => `static m${i}() {}`, ';')} })`),
    'private methods': within(`(class { ${list((i) => `#m${i}() {}`, ';')} })`),
    'computed names': within(`(class { ${list((i) => `[n + ${i}] = 1`, ';')} })`),
    'a field': `let n = 0; class A { x = n < 0 ? ${ones} : (n++, new A()) }; new A()`,
    'a class in a field': `let n = 0; class A { x = n < 0 ? class { ${list((i) => `m${i}() {}`, ';')} } : (n++, new A()) }; new A()`,
    'a static field': within(`(class { static x = ${ones} })`),
    'a parameter of a generator': `let n = 0; function* f(a = n < 0 ? ${ones} : (n++, f())) {}; f()`,
    'a tagged template': within(`String.raw\`${list(() => '${n}', '')}\``),
    'a rest of an object': within(`{ const { ${list((i) => `k${i}`)}, ...rest } = n }`),
    variables: within(`{ ${list((i) => `const v${i} = () => v${i}`, ';')} }`)
  }
})()

/** What has many parts and is not deep: no more than one of them is looked at at a time. */
const FLAT = (() => {
  const list = (each: (i: number) => string, separator = ',') => {
    return Array.from({ length: 12_000 }, (_, i) => each(i)).join(separator)
  }
  return {
    'exported functions': `${list((i) => `exports.f${i} = () => ${i}`, '\n')}\nexports.f = exports.f7`,
    'a sequence': `const o = {}; ${list((i) => `o.f${i} = ${i}`)}; exports.f = () => o.f7`,
    functions: `${list((i) => `function f${i}() { return ${i} }`, '\n')}\nexports.f = f7`,
    constants: `${list((i) => `const c${i} = ${i}`, '\n')}\nexports.f = () => c7`,
    calls: `const s = new Set(); const a = (x) => s.add(x)\n${list((i) => `a(${i})`, '\n')}\nexports.f = () => s.size - 11_993`,
    'an array': `const a = [${list((i) => `${i}`)}]\nexports.f = () => a[7]`,
    'an array of variables': `let x = 7; const a = [${list(() => 'x')}]\nexports.f = () => a[7]`,
    'an object': `const a = { ${list((i) => `k${i}: ${i}`)} }\nexports.f = () => a.k7`,
    'an object with methods': `const a = { ${list((i) => `k${i}() { return ${i} }`)} }\nexports.f = () => a.k7()`,
    'a template': `let x = 7; const t = \`${list(() => '${x}', '')}\`\nexports.f = () => +t[7]`,
    'a switch': `exports.f = () => { let k = 7; switch (k) { ${list((i) => `case ${i}: return ${i}`, ';')} } }`,
    'a block': `exports.f = () => { let n = 0; { ${list(() => 'n++', ';')} } return n - 11_993 }`,
    'a handler': `exports.f = () => { let n = 0; try { throw 1 } catch { ${list(() => 'n++', ';')} } return n - 11_993 }`
  }
})()

/** So many programs are methods of one contract: to compile one and to build its isolate takes longer than most of them. */
const TOGETHER = 16

async function runAll(
  t: Parameters<typeof openOne>[0],
  bodies: Record<string, string>,
  expected: string,
  limits: Partial<Limits>
) {
  const vm = await openOne(t)
  const all = Object.entries(bodies)
  for (let at = 0; at < all.length; at += TOGETHER) {
    const some = all.slice(at, at + TOGETHER)
    const methods = some.map(([, body], i) => `exports.f${i} = async () => { ${body} }`)
    const source = `let x = 0\nexports.n = 0\nexports.inc = () => ++exports.n\n${methods.join('\n')}`
    const instance = new Instance(
      contractOf(source, { limits: { ...LIMITS, time: 20_000, ...limits } })
    )
    await instance.run(vm, [['init']])
    for (const [i, [name]] of some.entries()) {
      const [hostile, innocent] = await instance.run(vm, [[`f${i}`], ['inc']])
      t.is(briefOf(hostile), expected, name)
      t.alike(hostile?.writes, {}, `${name} leaves nothing`)
      t.is(briefOf(innocent), `ok ${i + 1}`, `the call behind ${name}`)
    }
    vm.evict('address')
  }
}

test('meter - everything that goes on comes to the end of its fuel', async (t) => {
  await runAll(t, LOOPS, FUEL, { fuel: 100_000 })
  await runAll(t, ALLOCATIONS, 'error ALLOCATION_LIMIT', {})
})

test('meter - the end of the fuel is caught by nothing', async (t) => {
  await runAll(t, CATCHES, FUEL, { fuel: 20_000 })
})

test('meter - every kind of function that nests comes to the end of its depth', async (t) => {
  await runAll(t, RECURSIONS, DEPTH, {})
  await runAll(t, NATIVE_RECURSIONS, 'error NESTING_LIMIT', {})
  await runAll(t, FATTEST, DEPTH, {})
})

test('meter - what V8 says of code does not name what the meter has made of it', async (t) => {
  const bodies = {
    'new Map().foo()': '(intermediate value).foo is not a function',
    'const f = ({ a }) => a; f()':
      "Cannot destructure property 'a' of '(intermediate value)' as it is undefined.",
    'const { a, ...b } = none':
      "Cannot destructure property 'a' of '(intermediate value)' as it is undefined.",
    'const f = ([a]) => a; f()': '(intermediate value) is not iterable',
    'list[list.length - 1].foo()': 'list[(intermediate value)].foo is not a function',
    'list[key]()': 'list[(intermediate value)] is not a function',
    '(list[0] + 1)()': '(intermediate value) is not a function',
    'list.foo()': 'list.foo is not a function',
    'const { a } = await none':
      "Cannot destructure property 'a' of '(intermediate value)' as it is undefined.",
    'new (await key)()': '(intermediate value) is not a constructor',
    'const f = function* () { const { a } = yield }; const g = f(); g.next(); g.next()':
      "Cannot destructure property 'a' of '(intermediate value)' as it is undefined.",
    'class A extends (a => a + 1) {}':
      'Class extends value function () { [native code] } is not a constructor or null',
    'class A extends parseFloat {}':
      'Class extends value function parseFloat() { [native code] } is not a constructor or null',
    'await Promise.all.call(parseFloat, [])':
      'function parseFloat() { [native code] } is not a constructor',
    'await Promise.all.call({ async *m(a) { yield a } }.m, [])':
      'function m() { [native code] } is not a constructor',
    "class A extends Map { constructor() { super() } }; A.name = 'x'":
      "Cannot assign to read only property 'name' of function 'function A() { [native code] }'",
    "(class extends Map { constructor() { super() } }).prototype = 'x'":
      "Cannot assign to read only property 'prototype' of function 'function () { [native code] }'",
    "Map.name = 'x'":
      "Cannot assign to read only property 'name' of function 'function () { [native code] }'",
    'delete Object.freeze(async function* q(a) { return a }).name':
      "Cannot delete property 'name' of function q() { [native code] }",
    'Map.prototype.get.call(() => list)':
      'Method Map.prototype.get called on incompatible receiver function () { [native code] }',
    'const { get } = Object.getOwnPropertyDescriptor(Object.prototype, "toString"); Object.setPrototypeOf(get, list)':
      'function () { [native code] } is not extensible',
    "throw new TypeError('class A {} or (a) => a is not a constructor')":
      'class A {} or (a) => a is not a constructor',
    'new Set(1)': 'number is not iterable',
    'await Promise.all({})': 'object is not iterable'
  }
  const vm = await openOne(t)
  const methods = Object.keys(bodies).map(
    (body, i) => `exports.m${i} = async (none) => { const list = [1], key = 'k'; ${body} }`
  )
  const instance = new Instance(contractOf(methods.join('\n')))
  const lines = methods.map((_, i): Line => [`m${i}`])
  const [, ...results] = await instance.run(vm, [['init'], ...lines])
  const messages = results.map((result) => (result.status === 'error' ? result.error.message : ''))
  t.alike(messages, Object.values(bodies))
})

test('meter - what V8 says of a builtin does not say its code', async (t) => {
  const source = `exports.f = () => {
    const seen = new Set(), found = [globalThis, state, console, (function* () {})(), async function* () {}]
    for (const o of found) {
      if (Object(o) !== o || seen.has(o)) continue
      seen.add(o)
      if (typeof o === 'function') try { Object.setPrototypeOf(o, {}) } catch (e) { if (seen.size % 2) console.log(e) }
      found.push(Object.getPrototypeOf(o))
      for (const key of Reflect.ownKeys(o)) found.push(...Object.values(Object.getOwnPropertyDescriptor(o, key)))
    }
  }`
  const instance = new Instance(contractOf(source))
  const results = await instance.run(await openOne(t), [['init'], ['f']])
  t.is(briefOf(results[1]), 'ok null')
  t.ok(instance.logs.length > 400)
  const name =
    /^TypeError: function (?:[gs]et )?(?:\w*|\[Symbol\.\w+\])\(\) \{ \[native code\] \} is not extensible$/
  t.alike(
    instance.logs.filter((line) => !name.test(line)),
    []
  )
})

test('meter - a function that keeps many values at a time comes to the end of its depth, not of the stack', async (t) => {
  await runAll(t, WIDE, DEPTH, {})
})

test('meter - what is long and not deep takes no depth', async (t) => {
  const vm = await openOne(t)
  for (const [name, source] of Object.entries(FLAT)) {
    const instance = new Instance(contractOf(source, { limits: { ...LIMITS, time: 20_000 } }))
    const [, result] = await instance.run(vm, [['init'], ['f']])
    t.is(briefOf(result), 'ok 7', name)
    vm.evict('address')
  }
})

test('meter - fuel is the same in every engine, and in the middle of a batch', async (t) => {
  const source = `
    exports.n = 0
    exports.f = async (n) => {
      const counts = {}
      for (const word of 'the quick brown fox'.repeat(n).split(' ')) counts[word] = (counts[word] ?? 0) + 1
      await state.writeFile('/counts', JSON.stringify(counts))
      try { null.x } catch { exports.n += (await state.readFile('/counts')).length }
      return [...(function* () { yield* Object.keys(counts) })()].sort()
    }
    exports.g = () => { throw new Error('fails') }`
  const lines: Line[] = [['init'], ['f', 50], ['g'], ['f', 50], ['f', 1], ['h'], ['f', 50]]
  const runs: number[][] = []
  for (let i = 0; i < 2; i++) {
    const vm = await openOne(t, {})
    for (const parts of [[lines], lines.map((line) => [line])]) {
      const fuel: number[] = []
      const instance = new Instance(contractOf(source))
      for (const part of parts) {
        await instance.run(vm, part, { overrides: { onStep: (step) => fuel.push(step.fuel) } })
        if (i === 1) vm.evict('address')
      }
      runs.push(fuel)
    }
  }
  const [first, ...others] = runs
  t.is(first?.length, lines.length)
  t.ok(first?.every((fuel) => Number.isSafeInteger(fuel) && fuel >= 100))
  for (const other of others) t.alike(other, first)
})

test('meter - the last unit of fuel is enough, and one less is not', async (t) => {
  const vm = await openOne(t)
  const source = 'exports.f = (n) => { let x = 0; for (let i = 0; i < n; i++) x += i; return x }'
  const steps: Step[] = []
  const run = async (limits: Partial<Limits>) => {
    const instance = new Instance(contractOf(source, { limits: { ...LIMITS, ...limits } }))
    await instance.run(vm, [['init'], ['f', 100]], {
      overrides: { onStep: (step) => steps.push(step) }
    })
    vm.evict('address')
    return steps.at(-1)
  }
  const fuel = (await run({}))?.fuel ?? 0
  t.alike((await run({ fuel }))?.outcome, { status: 'ok', value: '4950' })
  const short = await run({ fuel: fuel - 1 })
  t.alike(short?.outcome, {
    status: 'error',
    error: {
      name: 'MivmError',
      message: `the call used all of its fuel, ${fuel - 1}: do less in one call`,
      code: 'OUT_OF_FUEL'
    }
  })
  t.is(short?.fuel, fuel - 1)
})

test('meter - the last level of depth is enough, and one less is not', async (t) => {
  const vm = await openOne(t)
  const source = 'exports.f = (n) => n === 0 ? 0 : exports.f(n - 1)'
  const brief = async (n: number) => {
    const [, result] = await new Instance(contractOf(source)).run(vm, [['init'], ['f', n]])
    return briefOf(result)
  }
  t.is(await brief(LIMITS.depth - 1), 'ok 0')
  t.is(await brief(LIMITS.depth), DEPTH)
})

test('meter - a function gives back its level whichever way it ends', async (t) => {
  const vm = await openOne(t)
  const ways = Object.entries(EXITS)
  const methods = ways.map(
    ([, way], i) => `const w${i} = ${way}
      exports.f${i} = async (n) => {
        for (let i = 0; i < 600; i++) { try { const r = w${i}(); if (r instanceof Promise) await r } catch {} }
        return deep(n)
      }`
  )
  const source = `let x = 0\nconst deep = (n) => n === 0 ? 0 : deep(n - 1)\n${methods.join('\n')}`
  const instance = new Instance(contractOf(source))
  await instance.run(vm, [['init']])
  for (const [i, [name]] of ways.entries()) {
    const brief = async (n: number) => briefOf((await instance.run(vm, [[`f${i}`, n]]))[0])
    t.is(await brief(LIMITS.depth - 2), 'ok 0', `${name}: no level is lost`)
    t.is(await brief(LIMITS.depth - 1), DEPTH, `${name}: none is won`)
  }
})

test("meter - what an end of fuel or depth looks like is nobody's to throw", async (t) => {
  const vm = await openOne(t)
  const source = `exports.f = (code) => { throw Object.assign(new Error('x'), { name: 'MivmError', code }) }`
  const instance = new Instance(contractOf(source))
  const results = await instance.run(vm, [
    ['init'],
    ['f', 'OUT_OF_FUEL'],
    ['f', 'CALL_DEPTH'],
    ['f', 'X']
  ])
  const names = results
    .slice(1)
    .map((result) => (result.status === 'error' ? result.error.name : ''))
  t.alike(names, ['Error', 'Error', 'MivmError'])
})

const REFUSED: Record<string, readonly [source: string, message: string]> = {
  'a reserved name': [
    'exports.f = () => 1\nlet $mivmF = 1',
    "line 2, column 5: names that begin with $mivm are the VM's own: give it another name"
  ],
  'a reserved name that is only read': ['exports.f = () => $mivmF', 'line 1, column 19: names'],
  'a reserved name with an escape': ['let a = \\u0024mivmF', 'line 1, column 9: names'],
  'a reserved name with another escape': ['let a = $m\\u{69}vmF', 'line 1, column 9: names'],
  'a reserved parameter': ['exports.f = ($mivmd) => 1', 'line 1, column 14: names'],
  'a reserved shorthand': ['exports.f = ({ $mivmD }) => 1', 'line 1, column 16: names'],
  'await using': [
    'exports.f = async () => { await using a = null }',
    'line 1, column 27: await using is not available: call the disposer in a finally block'
  ],
  'an error that only V8 knows': ['const a = 1; let b = /(?<a>x)|(?<a>/', 'line 1, column 23: '],
  'too deep': [
    `exports.f = ${'['.repeat(100_000)}${']'.repeat(100_000)}`,
    'line 1, column 1011: the code nests deeper than 1000 levels: split it into smaller pieces'
  ],
  'a chain of operators': [
    `exports.f = () =>\n  ${Array.from({ length: 1100 }, (_, i) => i % 10).join('\n+ ')}`,
    'line 1004, column 1: the code nests deeper than 1000 levels: split it into smaller pieces'
  ],
  'a chain of calls': [
    `exports.f = () => exports\n${'.f()\n'.repeat(600)}`,
    'line 1, column 19: the code nests deeper than 1000 levels: split it into smaller pieces'
  ],
  'more than a call can do': [
    `exports.f = () => 1\nexports.g = () => Math.max(${Array.from({ length: 11_000 }, () => '1').join()})`,
    'line 2, column 13: this takes 516 levels of depth, and a call has 512: there are too many'
  ]
}

test('meter - what is refused says where, and what to do', async (t) => {
  const vm = await openOne(t)
  for (const [name, [source, message]] of Object.entries(REFUSED)) {
    const error: unknown = await vm.inspect(contractOf(source)).catch((reason) => reason)
    t.ok(error instanceof MivmError && error.code === 'CODE_SYNTAX', name)
    t.ok(String(error).includes(message), `${name}: ${String(error)}`)
  }
})

/** What nests, by how it opens and closes; and how many nodes a level of it is. */
const NESTS: Record<string, readonly [open: string, close: string, levels?: number]> = {
  arrays: ['[', ']'],
  parentheses: ['(', ')'],
  objects: ['({ a: ', '})', 3],
  arrows: ['() => ', ''],
  'parameters of arrows': ['(x = ', ') => x', 18],
  functions: ['function () { return ', '}', 2],
  generators: ['function* () { yield ', '}', 3],
  'async functions': ['(async () => await ', ')', 3],
  classes: ['class { a = ', '}', 4],
  calls: ['f(', ')'],
  templates: ['`${', '}`'],
  conditions: ['0 ? 1 : ', ''],
  negations: ['!', ''],
  assignments: ['x = ', ''],
  'assigned properties': ['x.y += ', ''],
  'left operands': ['1 + ', ''],
  powers: ['2 ** ', ''],
  members: ['x[', ']'],
  spreads: ['[...', ']', 2],
  patterns: ['([x = ', '] = [])', 4]
}

test('meter - classes inside of fields and static blocks of others may not hold too much code, nor may arrow functions', async (t) => {
  const vm = await openOne(t)
  const long = `if (z) {${'z(1);'.repeat(20_000)}}`
  const nest = (depth: number, around: (inner: string) => string): string =>
    depth === 0 ? long : around(nest(depth - 1, around))
  for (const around of [
    (inner: string) => `new (class { a = (() => { ${inner} })() })()`,
    (inner: string) => `(class { static { ${inner} } })`
  ]) {
    const run = (depth: number) =>
      new Instance(contractOf(`let z = 0; ${nest(depth, around)}`)).run(vm, [['init']])
    t.is(briefOf((await run(2))[0]), 'ok null')
    t.is(briefOf((await run(60))[0]), 'error CODE_SYNTAX')
  }
  const arrows = (depth: number) =>
    vm.inspect(contractOf(`let z = 0; exports.f = ${nest(depth, (inner) => `() => { ${inner} }`)}`))
  t.alike(await arrows(60), ['f'])
  const refused: unknown = await arrows(180).catch((reason) => reason)
  t.ok(refused instanceof MivmError && refused.code === 'CODE_SYNTAX')
  t.ok(String(refused).includes('arrow functions are inside of each other with too much code'))
  const blocks = (depth: number, inner = long) =>
    vm.inspect(
      contractOf(
        `let z = 0; exports.f = () => { ${'{'.repeat(depth)}${inner}${'}'.repeat(depth)} }`
      )
    )
  t.alike(await blocks(500), ['f'])
  const names = Array.from({ length: 50_000 }, (_, i) => `var z${i};`).join('')
  for (const inner of [long, names]) {
    const error: unknown = await blocks(900, inner).catch((reason) => reason)
    t.ok(String(error).includes('blocks, loops, functions and classes are inside of each other'))
  }
})

const TOO_DEEP = /deeper than 1000 levels|inside of each other/

test('meter - code that nests as deep as it may is compiled, and no deeper', async (t) => {
  const vm = await openOne(t)
  const inspect = async (source: string) => {
    const error = await vm.inspect(contractOf(source)).catch((reason) => reason)
    return error instanceof MivmError ? error.message : 'ok'
  }
  for (const [name, [open, close, levels = 1]] of Object.entries(NESTS)) {
    const nested = (count: number) =>
      `let x\nconst f = () => {}\nexports.f = () => ${open.repeat(count)}0${close.repeat(count)}`
    t.is(await inspect(nested(Math.floor(950 / levels))), 'ok', name)
    // classes of that many levels have too much code in each other before
    t.ok(TOO_DEEP.test(await inspect(nested(1000))), `more ${name}`)
    t.ok((await inspect(nested(20_000))).includes('deeper than 1000 levels'), `many ${name}`)
  }
})

test('meter - what is compiled at the end of the depth of a call leaves a fifth of the stack', async (t) => {
  // V8 reads what nests when it is called first, and says so in an error that can be caught where its stack ends
  const scenarios = Object.entries({ classes: 240, arrows: 950 }).map(([name, count]) => {
    const [open, close] = NESTS[name] ?? ['', '']
    const source = `
      const g = () => ${open.repeat(count)}0${close.repeat(count)}
      const deep = (n) => { let ${names(26)}; return n < 1 ? typeof g() : n > 315 ? Reflect.get(new Proxy({}, { get: () => deep(n - 1) }), 'a') : deep(n - 1) }
      exports.init = () => {}
      exports.main = () => { try { return deep(410) } catch (error) { return error.message } }`
    return { source, calls: [{}, { method: 'main' }] }
  })
  const results = await runIn(
    { name: 'less stack', flags: [...JITLESS, '--stack-size=3200'], memory: 128 },
    scenarios
  )
  t.alike(
    results.map(([, main]) => main?.outcome.value),
    ['"function"', '"function"']
  )
})

const names = (count: number): string =>
  Array.from({ length: count }, (_, i) => `v${i} = n`).join(', ')
