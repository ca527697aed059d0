// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the programs have templates of their own
import { runInNewContext } from 'node:vm'
import test from 'brittle'
import { contractOf, Instance, openOne } from './vm-helpers.ts'

/**
 * Programs that come to the same with and without the meter: each is the body of a function whose result is compared
 * as JSON. `log` notes in which order things are evaluated.
 */
const PRELUDE = `
  const log = []
  const note = (name, value) => { log.push(name); return value }
  const caught = (f) => { try { return f() } catch (error) { return error.name } }
`

const PROGRAMS: Record<string, string> = {
  'order of operands':
    "note('a', 1) + note('b', 2) * note('c', 3) - note('d', 4) ** note('e', 2); return log",
  'order of conversions':
    "const o = (n) => ({ valueOf() { log.push(n); return n } }); const r = [o(1) + o(2), o(3) * o(4), o(5) < o(6), o(7) > o(8), o(9) == 9, `${{ toString() { log.push('t'); return 't' } }}${note('u', 1)}`]; return [r, log]",
  'what hints say':
    "const o = { [Symbol.toPrimitive](hint) { log.push(hint); return 1 } }; return [o + 1, o * 1, `${o}`, o < 1, o == 1, o - 0, +o, -o, ~o, ({ 1: 'x' })[o], log]",
  'a variable that its own operand changes':
    'let a = 1; const r = [a + (a = 5), a++ + a, a - --a, (a += (a = 10, 1)), a * (a = 2)]; return [r, a]',
  'a variable that a call changes':
    'let a = 1; const f = () => (a = 10); return [a + f(), a * f(), a < f(), a === f(), (a += f())]',
  'assignment to members':
    "const o = { a: 1 }; const get = () => note('o', o), key = () => note('k', 'a'); get()[key()] += note('v', 2); get()[key()]++; ++get()[key()]; get()[key()] **= 2; get().b ??= 5; get().b ||= 6; get().b &&= 7; return [o, log]",
  'elements of arrays of numbers and of others':
    "const u = new Uint8Array(4), a = [], o = { valueOf: () => 9 }, k = 'tag', get = () => note('u', u), key = () => note('k', 3); let n = 0; const r = [(u[0] = '5'), (u[n] += '3'), (a[n] ||= 'x'), (a[++n] ??= 'y'), (a['k'] = 'z'), (get()[key()] = note('v', '7')), (u[k] = 'text'), (u.x = o) === o, (u['y'] = o) === o, (a[n++] += 'w')]; u[1] = o; u[2] = note('late', n++); [a[6], u[3], u[k + 1]] = ['q', '12', o]; for (a[7] of ['r', 's']); for (a[8] in { t: 1 }); ({ x: a[9], ...a[10] } = { x: 1, y: 2 }); Object.assign(u, { 2: '8', z: o }); return [r, [...u], u.tag, u.x === o, u.y === o, u.tag1 === o, u.z === o, a, a.k, n, log]",
  'elements of arrays of numbers with keys that are none':
    'const u = new Uint8Array(2), f = () => 0, o = {}; let k; u[k] ??= f; k = null; u[k] ||= f; k = true; u[k] ??= o; Reflect.set(u, undefined, o); Object.assign(u, { [null]: o }); Reflect.set(u, null, f); return [u[undefined] === o, u[null] === f, u[true] === o, [...u]]',
  'the value of an assignment to an element is what was given':
    'const u = new Uint8Array(4), o = { valueOf: () => 7 }, k = 1; let a = [1]; const r = [(u[0] = o) === o, (u[k] ||= o) === o, (u[k] &&= o) === o, (u[2] ??= o), u[2] ||= "3", (a[k] = o) === o, (a["length"] ||= 5), (() => (u[3] = o) === o)()]; for (let i = 0; i < 2; u[i++] = o); for (const v of [u[2] = o]) r.push(v === o); return [r, [...u], a.length]',
  'static parts of classes':
    "const o = { k: 'late' }; let n = 0; class B { static m() { return 'super' } } class A extends B { static #p = note('p', 1); static [note('key', 'x')] = note('x', this.#p + 1); static n = class {}; static ['c'] = class {}; static ['d'] = (class { static e = this.name }); static f = super.m(); static { var v = 5; let w = new.target; const [q, ...r] = [v, 6, 7]; this.r = [q, r, w === undefined, typeof z]; function z() {} { this.s = super.m() } } static ['g'] = function () {}; static t = caught(() => none); static u = (() => this.name)(); static #y = class {}; static z() { return this.#y.name } } return [A.x, A.n.name, A.c.name, A.d.name, A.d.e, A.f, A.r, A.s, A.g.name, A.t, A.u, A.z(), log, caught(() => { class C { static { throw new RangeError() } } }), caught(() => { class C { static x = none } })]",
  'fields of arrays of numbers':
    "class B extends Uint8Array { name = { a: 1 }; ['q'] = { b: 2 }; 0 = '5'; [1] = '6'; x = 'text' } const b = new B(2); return [b.name, b.q, [...b], b.x]",
  'properties that are defined together':
    "const d = (n, more) => ({ get value() { log.push(`value ${n}`); return { valueOf() { if (log.at(-1) !== n) log.push(n); return n } } }, writable: true, ...more }), some = (o) => [caught(() => Object.defineProperties(o, { get 0() { log.push('get 0'); return d(1) }, length: d(2), get 1() { log.push('get 1'); return d(3) } }) === o), Reflect.ownKeys(o).join()]; return [some([1, 2, 3]), some(new Uint8Array(2)), some({}), [[], new Uint8Array(1)].map((o) => [[{ a: {}, length: 3 }, { a: { value: 1 }, b: { get: 1 } }, { a: {}, b: { value: 1, set() {} } }, { length: {}, a: null }].map((p) => caught(() => Object.defineProperties(o, p) === o)), Reflect.ownKeys(o)]), log]",
  'what a proxy of a proxy of an array is asked':
    'const asked = (t) => new Proxy(t, new Proxy({}, { get: (_, trap) => (...args) => { log.push(`${trap} ${String(args[1])}`); return Reflect[trap](...args) } })); const a = new Proxy(asked([1, 2, 3]), {}); a[0] = 5; a[7] = 6; a.length = 2; a.push(4); Object.defineProperty(a, 1, { value: 8 }); return [[...a], log]',
  'how often a length is converted':
    "const o = (...list) => ({ valueOf() { log.push('v'); return list.length > 1 ? list.shift() : list[0] } }), a = [1, 2, 3]; const r = [() => (a.length = o(2), a.length), () => (a['length'] = o(3, 1)), () => Reflect.set(a, 'length', o(1)), () => Object.defineProperty(a, 'length', { value: o(4) }).length, () => Object.defineProperty(a, 'length', { value: o(1.5) }), () => Object.assign(a, { length: o(5, 5) }).length, () => { ({ x: a.length } = { x: o(1) }); return a.length }, () => (a.length ||= o(2)), () => { a.length = 0; a.length ||= o(2); return a.length }, () => a.length = o(-1)].map((f) => [caught(f) instanceof Object || caught(f), log.splice(0)]); return [r, a]",
  'what JSON asks of a proxy behind an object':
    "const behind = (t) => new Proxy(t, new Proxy({}, { get: (_, trap) => (...args) => { log.push(`${trap} ${String(args[1])}`); return Reflect[trap](...args) } })); const f = (t) => [Object.create(behind(t)), Object.setPrototypeOf([1], behind(t)), Object.setPrototypeOf(new Number(5), behind(t)), Object.setPrototypeOf(Object(6n), behind(t)), Object.setPrototypeOf(() => 0, behind(t))]; const r = []; for (const o of [...f({}), ...f({ [Symbol.toStringTag]: 'Number' })]) for (const g of [() => JSON.stringify(o), () => JSON.stringify([o], null, 1), () => JSON.stringify({ o }, ['o']), () => JSON.stringify({ o }, (k, v) => v)]) r.push(caught(g), log.splice(0)); return r",
  'numbers of Math, of anything':
    "const o = (n) => ({ valueOf() { log.push(n); return n } }); let x = 1.5, y = '2'; return [Math.max(), Math.max('3', 2), Math.min(null, 5), Math.max(undefined), Math.floor(y), Math.floor(x), Math.abs(), Math.pow('2', 3), Math.imul(3, y), Math.max(o(1), o(2)), Math.max(x, x + 1, 7), Math.max(...[1, y]), Math.max?.(x, 3), [1.5, y].map(Math.floor), Math.hypot(3, '4')].map(String).concat(log)",
  'results of updates':
    "let a = 5, b = '5', c = 5n, d = { x: 1, y: '2' }; const r = [a++, ++a, b++, b, c++, ++c, d.x++, ++d.x, d['y']--, d.y, a--, --a]; return [r.map(String), String(c), d]",
  'all operators on numbers':
    'const r = []; for (const a of [7, -7, 0.5, 0]) for (const b of [3, -2, 0]) r.push(a + b, a - b, a * b, a / b, a % b, a ** b, a << b, a >> b, a >>> b, a & b, a | b, a ^ b, a < b, a <= b, a > b, a >= b, a == b, a != b, a === b, a !== b); return r.map(String)',
  'all operators on other things':
    "const r = [], values = ['3', '', null, undefined, true, [], [2], {}, 5n, 'x', NaN]; for (const a of values) for (const b of [...values, 2]) for (const f of [() => a + b, () => a - b, () => a * b, () => a / b, () => a % b, () => a ** b, () => a << b, () => a >> b, () => a >>> b, () => a & b, () => a | b, () => a ^ b, () => a < b, () => a <= b, () => a > b, () => a >= b, () => a == b, () => a != b, () => a === b, () => a !== b]) r.push(String(caught(f))); return r.join()",
  'assigning operators':
    "const r = []; for (const a of [7, '7', 7n]) for (const b of [2, '2', 2n]) for (const f of [(x) => x += b, (x) => x -= b, (x) => x *= b, (x) => x /= b, (x) => x %= b, (x) => x **= b, (x) => x <<= b, (x) => x >>= b, (x) => x &= b, (x) => x |= b, (x) => x ^= b]) r.push(String(caught(() => f(a)))); return r",
  'operators on what is known to be a number or a big integer':
    "const r = [], values = [2, 3n, '4', null, undefined, {}, true, 2n ** 600n, -(2n ** 600n)]; let sum, some, big; for (const a of values) for (const b of values) for (const f of [() => { sum = 1; sum += a * b; return [sum, sum + 1, sum < 5] }, () => { some = a - b; return [some + 1, some < 2, 5 > some, some * some, some * b, a - some, some === 2n, -some, some & 1] }, () => { some = a * 1n; return [some + 1n, 2n * some, some ** 2n] }]) r.push(String(caught(f))); return r.join()",
  'operators on what is known to be a big integer':
    'const r = []; for (const n of [5n, 2n ** 600n, -(2n ** 600n), 0n]) { let a = 3n, b = 2n ** 511n; for (let i = 0n; i < 3n; i++) { a = a * (b + i) - 7n; r.push(a % b, b / 3n, a & b, a | b, a ^ b, a < b, b <= a, a > 2n, 2n >= b, a === b, a === 0n, 5n !== b, -a, ~b, a << 2n, b >> 1n) } b = b * b; const c = b--; --b; a++; const d = (b++, ++b); r.push(a, b, c, d, a + (a = 4n), a - (b = 6n, 1n), (a += b), (a *= a), a - --b, n * 1n, caught(() => a / 0n), caught(() => a % (b - b)), caught(() => a + 1)) } return r.map(String)',
  'functions of which all calls are known':
    'const f = (a, b) => a + b; function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) } function h(a, b = a, [c] = [b], ...d) { a *= 2; return [a, b + 1, c, d.length] } const k = (x) => { if (x > 1) return x }, even = (n) => n === 0 || odd(n - 1), odd = (n) => n !== 0 && even(n - 1), big = (a, b) => b === 0n ? a : big(b, a % b), late = () => w * 2, self = function (a) { return arguments.length + a + this }; let n = 0; function count() { n++ } return [() => f(1), () => f(1, 2), () => fib(12), () => h(3), () => h(3, 4, [5], 6, 7), () => k(1) + 1, () => k(2) * k(3), () => even(10), () => big(12n, 18n), late, () => self(1), () => f(1, k(5)), () => count() + n, () => late() - 1n, () => g(1)].map((each) => String(caught(each))).concat(u()); let w = 5; function u() { return [typeof g, fib.length] } { function g(a) { return a } }',
  'variables that have no value yet':
    'const f = [() => v * 2n, () => w * 2n, () => u + 1, () => x + 1n, () => x * 2, () => ++y]; const r = f.map((g) => String(caught(g))); var v = 1n; let w = 2n; let u; var x = 3; const y = 4n; return [r, f.map((g) => String(caught(g)))]',
  'unary operators':
    "return ['3', 3, '', null, undefined, true, [], {}, 'x'].map((v) => [-v, +v, ~v, !v, typeof v, void v].map(String))",
  sequences:
    "let a = 1; const o = { x: 1 }; return [(a++, a), o[(a++, 'x')], `${(a, a + 1)}`, [(1, 2)], (0, o.x)]",
  'names of functions':
    "const a = () => {}, b = function () {}, c = class {}, { d = () => {} } = {}, [e = function () {}] = []; let f; f = () => {}; const o = { g: () => {}, h() {}, ['i' + 1]: () => {}, get j() { return () => {} } }; let k; k ??= () => {}; class L { static m = () => {}; n = () => {}; static ['o' + 1] = () => {}; #p = () => {}; q() { return this.#p.name } }; const r = (s = () => {}, { t = () => {} } = {}) => [s.name, t.name]; let u = (0, () => {}); const v = [() => {}][0]; const w = true ? () => {} : 0; return [a, b, c, d, e, f, o.g, o.h, o.i1, o.j, k, L.m, new L().n, L.o1, u, v, w].map((x) => x.name).concat(new L().q(), r(), (() => () => {})().name, Object.getOwnPropertyDescriptor(o, 'j').get.name, (({ x: y = () => {} }) => y.name)({}), ((f) => [f.a.name, f.b.name, f[5].name, f.p()])(new (class { a = class {}; 'b' = (class { static x = 1 }); 5 = class extends Array {}; #p = class {}; p() { return this.#p.name } })()))",
  'lengths of functions':
    'return [() => {}, (a) => {}, (a, b) => {}, (a, b = 1) => {}, (a = 1, b) => {}, (...a) => {}, ({ a }) => {}, ([a], b) => {}, ({ a } = {}, b) => {}, function (a, { b }) {}, function* ({ a }) {}, function* (a, [b] = []) {}, async ({ a }, ...b) => {}, async function* ({ a }) {}, class { constructor({ a }, b) {} }, { m([a, ...b]) {} }.m].map((f) => f.length)',
  'a setter with a pattern':
    'const o = { set a({ b, ...c }) { this.r = [b, c] }, set d([e = 5]) { this.s = e } }; o.a = { b: 1, c: 2 }; o.d = []; return [o.r, o.s, Object.getOwnPropertyDescriptor(o, "a").set.length]',
  parameters:
    "const f = (a, { b, c = b + a, ...d } = { b: note('default', 9) }, [e, ...g] = [1, 2, 3], h = () => [a, b, e], ...i) => [a, b, c, d, e, g, h(), i]; return [f(1), f(1, { b: 2, x: 3 }, 'xyz'), f(1, { b: 2, c: undefined }, [], () => 0, 4, 5), log]",
  'parameters that are used before they have a value':
    'const z = (v) => v, r = (f) => caught(() => String(f())); return [r(() => ((a = b, b) => a)()), r(() => ((a = z(b), b) => a)(undefined, 5)), r(() => (({ a = c } = {}, c = 1) => a)()), r(() => (([a] = [b], [b] = [1]) => a)()), r(() => ((a = z(a)) => a)()), r(() => ((a = z(1), b = a) => [a, b])()), r(() => ((a = z(() => b), b, c) => [a(), b, c])(undefined, 2, 3)), r(() => (function ({ a = b }, b) { return a })({}, 1)), r(() => (function ({ a = b }, b) { var b; return a })({ a: 3 }, 1)), r(() => new (class { constructor({ x = y }, y) { this.x = x } })({}, 1).x), ((a = z(1), { b }, c, d = 2) => 0).length, ((a, { b }, c, d = 2) => 0).length, (function ({ a = b }, b) { return [arguments.length, arguments[1]] })({ a: 1 }, 7)]',
  'the rest of the parameters, used before it has a value':
    'const z = (v) => v; return [caught(() => ((a = z(b), ...b) => a)()), caught(() => ((a = z(() => b), ...b) => [a(), b])(undefined, 1, 2)), caught(() => ((a = z(() => b), ...b) => { a = a(); return b === a })(undefined, 1)), ((a = z(1), ...b) => 0).length, (function (a = z(1), ...b) { return [arguments.length, b, a] })(1, 2, 3), (function (a = z(1), ...b) { var b; return b })(1, 2), (function ({ a }, ...b) { b = 5; return [a, b, arguments[1]] })({ a: 1 }, 2), caught(() => new (class { constructor({ x = y }, ...y) { this.x = x } })({}, 1).x)]',
  'parameters of generators, used before they have a value':
    'const z = (v) => v, r = (f, ...given) => caught(() => f(...given).next().value); return [r(function* (a = z(b), b) { yield a }), r(function* (a = z(b), b) { yield a }, undefined, 5), r(function* (a = z(a)) { yield a }), r(function* (a = (() => b)(), b = 1) { yield a }), r(function* ({ x: a = z(b) }, b) { yield a }, {}, 5), r(function* (a = z(b), ...b) { yield a }), r(function* (a = z(b), { b } = {}) { yield a }, undefined, { b: 2 }), r(async function* (a = z(b), b) { yield a }), r(function* (a = z(() => b), b = z(a), ...c) { yield [a(), b === a, c] }, undefined, undefined, 3), r(function* (a, b = z(a), [c = b, d = c] = [], { ...e } = { b }, f = () => [a, b, c, d, e, f.name], g = class {}) { a = 9; yield [f(), g.name] }, 1), (function* (a, b = z(a), ...c) {}).length]',
  'names of one pattern among the parameters of a generator':
    "function* a({ x = y, y = 1 }) { yield [x, y] } function* b([x = x] = []) {} function* c({ x = 2, y = x, ...r }, [z = y] = []) { x++; yield [x, y, z, r] } function* d({ x, f = () => x }) { x = 9; yield f() } function* e({ __proto__, k: { l: [m, ...n] } = { l: [1, 2] } } = { ['__proto__']: 3 }) { var m = 4; yield [__proto__, m, n] } async function* f({ x = y, y }) {} function* g(x, ...[y, z = x + y]) { yield [y, z, arguments.length] } const all = (f, ...args) => caught(() => [...f(...args)]); return [all(a, {}), all(b), all(c, { q: 1 }), all(d, { x: 1 }), all(e), caught(() => typeof f({})), all(g, 1, 2), all(c, null)]",
  'parameters with the name of the prototype':
    'function f(__proto__ = class {}) { return [typeof __proto__, __proto__.name] } function* g(__proto__ = class {}) { yield __proto__.name } return [f(), f(Map), ...g()]',
  'parameters and variables of one name':
    'function f({ a }, b = a) { var a; var c = a; function d() { return 1 } var b; return [a, b, c, d()] } return f({ a: 5 })',
  'parameters and what the body hides from them':
    "const x = () => 'outside', y = 'outside', z = (v) => v; function f(a = x(), b = z(y), c = () => y, d = () => x()) { const y = 'inside'; function x() { return 'inside' } return [a, b, c(), d(), x(), y] } class A { m(a = z(y)) { let y = a + 1; return y } } return [f(), ((a = z(y)) => { class y { static s = a } return y.s })(), new A().m(), (async (a = z(y)) => { const y = [a]; return y })()]",
  'parameters of generators that functions share':
    'const z = (v) => v; function* f(a = z(1), b = () => a, c = (v) => { a = v }, [d, ...e] = [1, 2], g = () => [d, e]) { a = 5; const r = [b()]; c(6); r.push(a); d = 7; r.push(g(), b.name, c.length); yield* r; { var a; yield a } } function* h({ a = () => a, b = z(2) }, ...[c, { length }]) { yield [typeof a(), b, c, length]; function b() {} yield typeof b } return [...f(), ...h({}, 3, [4])]',
  'parameters and functions of one name':
    'function f({ a }) { return [typeof a, a()]; function a() { return 7 } } return f({ a: 5 })',
  'two functions of one name':
    'return (function () { return [f(), g]; function f() { return 1 } function f() { return 2 } var g = 1; function g() {} })().concat((function () { const before = typeof g; var g = 1; function g() {} return [before, typeof g] })())',
  'a variable in a block and a function':
    'function f() { return g(); { var g = 1 } function g() { return typeof g } } return f()',
  arguments:
    'function f({ a }, b) { return [arguments.length, arguments[0], arguments[5] === undefined] } function g(a, ...b) { return [...arguments, a, b] } return [f({ a: 1 }, 2, 3), g(1, 2, 3), (function () { return (() => arguments[0])() })(9)]',
  'parameters of generators':
    "function* f({ a }, [b, ...c] = 'xyz', d = a, ...e) { yield a; yield* [b, c, d, e]; return arguments.length } const g = f({ a: 1 }); const r = [...g]; return [r, caught(() => { f(); return 'called' }), [...f({ a: 1 }, [1], 2, 3, 4)]]",
  'parameters of async functions': 'return (async ({ a }) => a)().catch((error) => error.name)',
  'this and new.target':
    'function F(a, { b } = {}) { return new.target === undefined ? typeof this : { t: new.target === F, a, b } } class A { constructor() { this.t = new.target.name } } class B extends A { m() { return super.toString === Object.prototype.toString } } const o = { f() { return (() => this === o)() } }; return [F(1), new F(1, { b: 2 }), new B().t, new B().m(), o.f(), (0, o.f)?.call(o), (o.f)(), (() => typeof this)() === typeof this]',
  'super in objects':
    "const a = { x: 1, m() { return 'a' + this.y } }, b = { __proto__: a, y: 2, m() { return super.m() + super['x'] + super.x }, set(v) { super.z = v; super['w'] = v; super.z += 1; super.z++; return [this.z, this.w] } }; return [b.m(), b.set(5)]",
  classes:
    "class A { #p = 1; static #q = 2; static { this.r = A.#q + 1 } get p() { return this.#p } set p(v) { this.#p = v; this.#p += 1; this.#p++; ++this.#p } static has(o) { return #p in o } #m() { return this.#p } m() { return this.#m() } static s = this.r; t = this.m(); ['u' + 1] = note('u', 5); v; 'w x' = 1; 5 = 6; static async *g() { yield 1 } }; const a = new A(); a.p = 10; return [a.p, A.r, A.s, a.t, a.u1, 'v' in a, a['w x'], a[5], A.has(a), A.has({}), a.m(), log, Object.keys(a), A.name, typeof A.g]",
  'derived classes':
    'class A { constructor(a) { this.a = a } } class B extends A { b = this.a + 1 } class C extends B { c = this.b + 1; constructor(...a) { super(...a); this.d = a.length } } class D extends C {} class E extends Array { f = 1 } const e = new E(3); class N extends null { static x = 1 } return [new D(1, 2), e.length, e.f, new B(5), N.x, Object.getPrototypeOf(N.prototype)]',
  'return from constructors':
    'class A { constructor() { return { x: 1 } } } class B extends A { #y = 2; static y(o) { return o.#y } } class C extends Object { constructor() { const f = () => super(); f(); return undefined } } return [new B().x, B.y(new B()), new C() instanceof C, caught(() => { new (class extends Object { constructor() {} })() })]',
  generators:
    "function* g() { try { const a = yield 1; log.push(a); const b = yield a + 1; log.push(b); return 5 } catch (e) { log.push(e); yield 'caught' } finally { log.push('finally'); yield 'last' } } const a = g(), r = [a.next('lost'), a.next(10), a.throw('e'), a.next(), a.next(), a.next()]; const b = g(); b.next(); r.push(b.return(7), b.next(), b.next()); const c = g(); r.push(c.return(3), c.next()); return [r, log]",
  delegation:
    "function* inner() { try { const x = yield 'a'; log.push(x); yield 'b' } catch (e) { log.push(e); yield 'c' } finally { log.push('f') } return 'r' } function* outer() { const r = yield* inner(); log.push(r); const s = yield* [1, 2]; log.push(s === undefined); return yield* 'xy' } const a = outer(); const r = [a.next(), a.next('n'), a.next(), a.next(), a.next(), a.next(), a.next()]; const b = outer(); b.next(); r.push(b.throw('t'), b.next(), b.return('ret')); const c = outer(); c.next(); r.push(c.return('early'), c.next()); const d = (function* () { yield* { [Symbol.iterator]: () => ({ next: (v) => ({ value: v, done: v === 3 }) }) } })(); r.push(d.next(1), d.next(2), d.next(3)); return [r, log]",
  'delegation to what cannot throw':
    'let closed = 0; const g = (function* () { yield* { [Symbol.iterator]: () => ({ next: () => ({ value: 1 }), return() { closed++; return {} } }) } })(); g.next(); return [caught(() => g.throw(1)), closed]',
  'yields in expressions':
    'function* g() { return [1 + (yield 1) * (yield 2), yield, `${yield 3}${yield 4}`, { a: yield 5, ...(yield 6) }, [...(yield 7)], (yield 8) ? yield 9 : 0, Math.max(...(yield 10), yield 11)] } const a = g(); let s = a.next(); const values = []; while (!s.done) { values.push(s.value); s = a.next(s.value === 7 ? [1, 2] : s.value === 6 ? { z: 1 } : s.value === 10 ? [3, 4] : 5) } return [values, s.value]',
  async:
    "const f = async (a) => { try { log.push(await a); return await Promise.reject('x') } catch (e) { log.push(e); return (await 1) + (await 2) * await 3 } finally { await null; log.push('f') } }; return f(5).then((r) => [r, log])",
  turns:
    "const f = async (n) => { for (let i = 0; i < 3; i++) { log.push(n + i); await null } }; const g = async function* () { for (let i = 0; i < 3; i++) { log.push('g' + i); yield i } return 'r' }; const h = async () => { for await (const x of g()) log.push('h' + x); for await (const x of [Promise.resolve(7), 8]) log.push('i' + x) }; const p = Promise.resolve().then(() => log.push('p1')).then(() => log.push('p2')).then(() => log.push('p3')); return Promise.all([f('a'), f('b'), h(), p, (async () => { await { then(go) { log.push('then'); go() } }; log.push('after') })()]).then(() => log)",
  'async generators':
    "async function* g() { try { const x = yield Promise.resolve(1); log.push(x); yield* [Promise.resolve(2), 3]; yield* (async function* () { yield 4; return 5 })(); return Promise.resolve(6) } finally { await null; log.push('f') } } return (async () => { const a = g(), r = []; for (let i = 0; i < 7; i++) r.push(await a.next('n' + i)); const b = g(); await b.next(); r.push(await b.return(Promise.resolve(8)), await b.next()); const c = g(); await c.next(); r.push(await c.throw('t').catch((e) => 'caught ' + e)); return [r, log] })()",
  'leaving for await':
    "const source = () => ({ i: 0, [Symbol.asyncIterator]() { return this }, async next() { return { value: this.i++, done: this.i > 4 } }, async return() { log.push('closed'); return {} } }); const f = async (how) => { outer: for (const n of [1, 2]) { inner: for await (const x of source()) { if (x < 1) continue; if (how === 'break') break; if (how === 'outer') continue outer; if (how === 'return') return 'returned'; if (how === 'throw') throw 'thrown'; log.push(n + '-' + x) } log.push('end ' + n) } return 'done' }; return (async () => { const r = []; for (const how of ['no', 'break', 'outer', 'return', 'throw']) r.push(await f(how).catch((e) => e)); return [r, log] })()",
  'leaving several for await at once':
    "const deep = (n) => (n === 0 ? 0 : 1 + deep(n - 1)); async function* g(n) { try { for (let i = 0; i < 3; i++) yield i } finally { log.push(n); await 0 } } const f = async (how) => { a: for await (const x of g('a')) for await (const y of g('b')) { if (how === 'break') break a; if (how === 'continue') continue a; if (how === 'throw') throw how; return how } }; async function* h() { for await (const x of g('c')) { yield x; return 5 } } return (async () => { const r = []; for (const how of ['break', 'continue', 'throw', 'return']) r.push(await f(how).catch((e) => e), deep(300)); for await (const x of h()) r.push(x, deep(300)); const i = h(); await i.next(); r.push(await i.next(), await i.next(), deep(300)); return [r, log] })()",
  'waiting between two turns of a loop, behind for await':
    'const deep = (n) => (n === 0 ? 0 : 1 + deep(n - 1)); async function* g() { yield 1; yield 2 } return (async () => { const r = []; a: for (let i = 0; i < 3; i += await 1) for await (const x of g()) { r.push(i); continue a } let n = 0; b: while (await n < 3) for await (const x of g()) { n++; continue b } c: do { for await (const x of g()) continue c } while (await n++ < 5); async function* h() { d: for (let i = 0; i < 2; i += yield i) for await (const x of g()) continue d; e: for (const { y = await 7 } of [{}, {}]) for await (const x of g()) { yield y; continue e } f: for (let i = 0; i < 2; i += (yield) ?? 1) for await (const x of g()) continue f } for await (const x of h()) { r.push(x); if (r.length > 9) break } const i = h(); await i.next(); r.push(await i.next(1), await i.next(1), deep(300)); return [r, n] })()',
  'depth after for await':
    'const f = async () => { for await (const x of [1, 2, 3]) ; try { for await (const x of [Promise.reject(1)]); } catch {} return 1 }; return (async () => { for (let i = 0; i < 1200; i++) { f(); } for (let i = 0; i < 1200; i++) await f(); return 1 })()',
  'depth after what throws':
    'const down = (n) => { if (n === 0) throw 1; down(n - 1) }; for (let i = 0; i < 50; i++) { try { down(400) } catch {} new Promise(() => down(400)).catch(() => {}); (async () => down(400))().catch(() => {}); const g = (function* () { yield; down(300) })(); g.next(); try { g.next() } catch {} ; try { new (class { x = down(300) })() } catch {} ; try { (({ a } = down(300)) => a)() } catch {} ; try { (function* (a = down(300)) {})() } catch {} } return 1',
  'depth after jobs':
    'return (async () => { for (let i = 0; i < 600; i++) { await Promise.resolve().then(() => { throw 1 }).catch(() => { throw 2 }).catch(() => 0); await (async () => { try { await Promise.reject(1) } catch { throw 2 } finally { await 0 } })().catch(() => {}) } return 1 })()',
  'depth after generators':
    'const r = []; for (let i = 0; i < 600; i++) { const g = (function* () { try { yield 1; yield 2 } finally { r.length = 1 } })(); g.next(); if (i % 3 === 0) g.return(); if (i % 3 === 1) caught(() => g.throw(new Error())); for (const x of (function* () { yield* (function* () { yield* [1, 2] })() })()) if (x === i % 3) break } const down = (n) => n === 0 ? 0 : down(n - 1); return down(400)',
  'depth after arguments from arrays':
    'const a = new Array(1000).fill(0); const f = (...x) => x.length; for (let i = 0; i < 300; i++) { f(...a); try { (() => { throw 1 })(...a) } catch {} Math.max(...a); new Array(...a); a?.push?.call?.([], ...a) } return 1',
  handlers:
    "const r = []; for (const f of [() => { try { return 1 } finally { log.push('f') } }, () => { try { throw 1 } catch { return 2 } finally { log.push('g') } }, () => { try { return 1 } finally { return 3 } }, () => { a: try { return 1 } finally { break a } return 4 }, () => { for (const x of [1, 2]) { try { continue } finally { log.push(x) } } return 5 }, () => { try { try { throw 1 } finally { throw 2 } } catch (e) { return e } }, () => { try { throw { a: 1, b: [2, 3] } } catch ({ a, b: [c, ...d], e = a }) { let f = 1; return [a, c, d, e, f] } }, () => { try { throw 7 } catch (e) { var e2 = e; { let e = 8; e2 += e } return e2 } }]) r.push(f()); return [r, log]",
  'completion of loops':
    'let i = 0; do i++; while (i < 5)\n let j = 0\n while (j < 3) j++\n for (var k = 0; k < 3; k++);\n l: for (;;) { for (;;) { break l } }\n m: { break m }\n if (i) i++; else i--\n if (!i) i++\n else if (j) { j++ } else k++\n return [i, j, k]',
  'closures of loops':
    'const fs = []; for (let i = 0; i < 3; i++) fs.push(() => i); for (const x of [3, 4]) fs.push(() => x); for (const k in { a: 1, b: 2 }) fs.push(() => k); for (let i = 0, n = 2; i < n; i++) { fs.push(() => i++ + n) } for (const [a, ...b] of [[1, 2, 3]]) fs.push(() => [a, b]); for (let { c, ...d } of [{ c: 1, e: 2 }]) fs.push(() => [c, d]); return fs.map((f) => f())',
  'heads of loops':
    "const o = {}; for (o.x of [1, 2]); for (o['y' + 1] in { a: 1 }); let a, b; for ([a, b] of [[1, 2]]); for ([a, ...b] of ['xyz']); for ({ a, ...o.r } of [{ a: 1, z: 2 }]); for (var { length } of ['abc']); for (const x of (1, [5])) o.s = x; for (let i = ('a' in { a: 1 }) ? 2 : 0; i < 3; i++) o.i = i; return [o, a, b, length]",
  'patterns of for await':
    "let x; async function* f() { for await ({ x: [x = yield 1] } of [{ x: [] }, { x: [7] }]) log.push(x); for await (const { y = yield 2, ...z } of [{ a: 1 }]) log.push(y, z) } const i = f(); return (async () => [await i.next(), await i.next('p'), await i.next('q'), x, log])()",
  switches:
    "const f = (x) => { const r = []; switch (x) { case note('a', 1): r.push(1); case 2: r.push(2); break; default: r.push('d'); case 'z': r.push('z'); { let y = 1; r.push(y) } break; case g(): r.push('g'); function g() { return 9 } } return r }; return [f(1), f(2), f(3), f('z'), f(9), f('1'), log.length]",
  destructuring:
    "const it = () => ({ i: 0, [Symbol.iterator]() { return this }, next() { return { value: this.i++, done: this.i > 5 } }, return() { log.push('closed'); return {} } }); const [a, , b = 9, ...c] = it(); const [d] = it(); const [] = it(); let e, f, o = { k: {} }; ({ a: e, b: [f, ...o.k['x' + 1]] = [7, 8, 9], ...o.rest } = { a: 1, z: 2, y: 3 }); [e, f] = [f, e]; const r = ([o.p, ...o.q] = [1, 2, 3]); const { x: { y: [z, ...w] = [1, 2], ...v } = {}, ['a' + 'b']: u = note('u', 5) } = { x: { n: 1 } }; const [[g, ...h], { i, ...j }] = ['abc', { i: 1, k: 2 }]; const { length, 0: first, ...others } = 'xyz'; [o.length] = [3]; return [a, b, c, d, e, f, o, r, z, w, v, u, g, h, i, j, length, first, others, log]",
  'elements that cannot be destructured':
    "const it = () => ({ i: 0, [Symbol.iterator]() { return this }, next() { return { value: this.i++, done: false } }, return() { log.push('closed'); return {} } }); let a, b; const bad = () => ({ ...it(), return() { log.push('bad'); throw 1 } }); return [caught(() => { ([[a, ...b]] = it()) }), caught(() => { const [[c, ...d]] = it() }), caught(() => { [[a, ...b]] = bad() }), caught(() => { for (const [[...e]] of [it()]); }), caught(() => (([[...e]]) => e)(it())), log]",
  'patterns that assign to what cannot be changed':
    "const f = Object.freeze({ x: 1 }), t = 'abc', k = 'x'; return [caught(() => { [f[k]] = [2] }), caught(() => { ({ a: f[k] } = { a: 2 }) }), caught(() => { [t[k]] = [2] }), caught(() => { [t.length] = [2] }), caught(() => { for (f[k] of [2]); }), f.x]",
  'the value of a length that is assigned':
    "const a = [1, 2, 3, 4], o = { a }; let k = 'length'; return [a.length = '2', a.length, a[k] = true, a.length, o.a.length = null, a.length, typeof (a.length = '1'), caught(() => a.length = 1n), caught(() => a.length = 'x'), caught(() => a.length = -1), (a.length += 2), a.length ||= 5, a.length &&= '3', a.length, (a.length = log) === log, (a.length ||= log) === log, a.length]",
  'order of patterns':
    "const source = (n) => new Proxy({}, { get: (t, k) => { log.push(n + '.' + String(k)); return k === 'c' ? [1, 2] : undefined }, ownKeys: () => { log.push(n + ' keys'); return ['e'] }, getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }) }); const { a = note('A'), [note('k', 'b')]: b = note('B'), c: [c, ...d], ...e } = source('s'); let x, o = {}; ({ a: note('t', o)[note('u', 'x')] = note('v', 1), ...x } = source('r')); return [c, d, log]",
  'errors of patterns':
    'return [() => { const [...a] = null }, () => { const { ...a } = undefined }, () => { const [a, ...b] = {} }, () => { const { a: [...b] } = {} }, () => { let a; [...a] = 5 }, () => (({ a: { b } }) => b)({}), () => (([a, ...b]) => a)(), () => { for (const [...x] of [1]); }, () => [...5], () => Math.max(...{}), () => { const { a: { ...b } } = {} }].map(caught)',
  'dead zones':
    'return [() => { a; let a }, () => { const b = b }, () => { ((c = d, d) => 0)() }, () => { class E extends E {} }, () => { typeof f; let f }, () => { g = 1; const g = 2 }, () => { const h = 1; h = 2 }, () => { const i = 1; i++ }, () => { undeclared * 2 }, () => { undeclared = 1 }, () => (function k() { k = 1 })()].map(caught)',
  spreads:
    "const g = function* () { yield 1; log.push('g'); yield 2 }; const a = [1, , 3]; const o = { a: 1, get b() { return note('b', 2) }, [Symbol.for('s')]: 3 }; return [[...g(), ...a, ...'xy', ...new Set([5])], Math.max(...g(), ...[9], 3), { ...o, a: 5, ...'hi', ...null, ...undefined, ...[7], ...5 }, new Array(...g()).length, ((...r) => r)(...g(), note('last', 0)), [...[]].length, String.fromCharCode(...[72, 105]), log]",
  'calls in chains':
    "const o = { a: { f(...x) { return [this === o.a, x] } }, n: null }; return [o?.a?.f(...[1, 2]), o.n?.f(...[1]).g.h, o.a?.['f']?.(3), o.n?.[note('never')], o.a.g?.(...[note('no')]), delete o?.a?.zzz, (o?.a).f(), (o.a?.f)(), log]",
  'chains with arguments from arrays, deleted and called':
    "const c = { x: 1, y: 2, z: { w: 1 }, f(...a) { return this === c && a.length } }, o = { m: () => c }, n = null, k = 'y'; return [delete o?.m(...[1]).x, delete o.m?.(...[1])[k], delete (o?.m(...[]).z.w), c, (o?.m(...[1]).f)(), (o?.m(...[1])['f'])(...[1, 2]), ((o?.m(...[1]).f))?.(3), (o?.m(...[1]).f)`a${1}b`, (o?.m(...[1]).f)?.call(c, 1)?.toString(...[2]), (o.m?.(...[]).f)(1)?.constructor?.name, delete n?.m(...[1]).x, caught(() => (n?.m(...[1]).x)()), caught(() => delete o?.m(...[1]).q.r)]",
  'functions that are bound several times':
    "function F(...a) { return new.target === undefined ? [this, a] : { t: new.target === F || new.target.name, a } } const inner = F.bind('r', 1), outer = inner.bind('s', 2, 3), last = outer.bind(); class C { constructor(...a) { this.t = new.target.name; this.a = a } } const D = C.bind(null, 1).bind(null, 2), m = Math.max.bind(null, 5).bind(null, 7), p = Array.prototype.push.bind([9]).bind(null, 8), named = function () {}.bind(); Object.defineProperty(named, 'name', { get() { log.push('name'); return 'x' } }); Object.defineProperty(named, 'length', { value: 7 }); Object.setPrototypeOf(named, C); const again = named.bind(null, 1, 2); return [outer(4), last(5), outer.name, last.length, (function (a, b, c, d, e) {}).bind(0, 1).bind(0, 2, 3).length, new outer(6), new last(), Reflect.construct(last, [1], inner), Reflect.construct(last, [1], outer), Reflect.construct(last, [1], F), Reflect.construct(inner, [1], Object), new D(3), m(6), p(1), Math.max.bind().bind().name, again.name, again.length, Object.getPrototypeOf(again) === C, Object.hasOwn(again, 'prototype'), {} instanceof last, new F() instanceof last, new C() instanceof D, Object.getOwnPropertyNames(last), JSON.stringify(Object.getOwnPropertyDescriptors(last)), caught(() => new (Math.max.bind().bind())()), caught(() => class extends D {}), (async () => 1).bind().bind()() instanceof Promise, log]",
  'tagged templates':
    "const tag = (strings, ...values) => [strings, strings.raw, values]; const same = () => ((s) => s)`x`; const o = { t(s) { return this === o && s[0] } }; return [tag`a${1}b\\n${'x' + 1}c`, same() === same(), o.t`z`, o['t']`y`, tag``.length, String.raw`\\u${1}`]",
  templates:
    "return [`a${1}${'b'}${null}${undefined}${[1, 2]}${{}}${5n}${`x${1 + 1}y`}`, `${(1, 2)}`, `\n${true ? 'a' : 'b'}`, caught(() => `${Symbol()}`)]",
  keys: "const k = Symbol('k'), o = { [1 + 1]: 'two', ['a' + 'b']: 'ab', [k]: 'k', [`t${1}`]: 't', [{ toString: () => 'obj' }]: 'o', ['__proto__']: 5 }; return [o[2], o['2'], o['a' + 'b'], o[k], o.t1, o[{ toString: () => 'obj' }], [10, 20]['1'], 'xyz'[1], o[null], o[undefined], caught(() => null[note('key')]), log, 'ab' in o, 2 in o, k in o, [1][-0], delete o['a' + 'b'], 'ab' in o, Object.keys(o)]",
  prototypes:
    "const a = { x: 1 }, b = { __proto__: a, '__proto__x': 2 }, c = { '__proto__': a }, __proto__ = 7, d = { __proto__ }, e = { __proto__: null }; return [b.x, c.x, Object.keys(d), Object.getPrototypeOf(e) === null, Object.keys(b), { __proto__() {} }.x]",
  'semicolons that are not there':
    "const a = [1, 2]\nlet b = a\n;[b] = a\nlet c = b\nc++\n++c\nconst f = function () { return 5 }\nlet d = f\n`x`\nvar e = 1\nvar g = 2; ({ e, g } = { e: g, g: e })\nconst h = () => {\n}\n/x/g.test('x')\nclass K { a = 1\n b\n static\n c = 2\n get\n d() { return 3 } }\nreturn [b, c, typeof d, e, g, new K().a, typeof new K().d]\n",
  directives:
    "const f = function () { 'use strict'; 'another'; return this === undefined }; const g = () => { 'not one'.length; return 1 }; return [f(), g()]",
  'slashes behind words of the language':
    'const a = { new: 8, in: 6, of: 4, return: 2, class: 9, function: 3, default: 5, yield: 7 }, b = 2, g = 1; const q = a?.in\n/b/g; function* h() { return a?.yield / 7 / 1 } class A { *m() { yield /x/; const y = yield /y/.source; yield { y, yield: 4 / 2 / 1 } } static async *n() { yield (yield /z/g) } } return [q, a?.new / 2 / 1, a?.of / 2 / 1, a?.return /b/g, `${a?.class / 3}${a?.function}`, a?.function / 3 / 1, [a?.default / b, 3 / 1], h().next().value, [...new A().m()].map(String), A.n().next().then(({ value }) => value.flags) instanceof Promise, [...({ *m() { yield /[/]/ } }).m()].map(String)]',
  'functions without a name in templates':
    'const f = (...a) => typeof a[0]; return [`${async function ({ a }, { b }) { return `${a}${b}` }}`.length > 0, `${f(async function ([{ a }, { b } = {}], ...[{ c }, { d }]) {}, 4 / 2)}${f(async function* ({ a }, { b }) {})}${1}`, { p: `${[async function ({}, {}, {}) { return /x}/ }].length}`, q: 8 / 2 / 1 }]',
  'names that are escaped':
    'const \\u0061bc = 1, caf\\u{e9} = 2; return [abc, café, { \\u0061: 3 }.a]',
  'expressions as statements':
    'let a = 0; a++\n;(() => { a += 5 })()\n;[1].forEach((x) => a += x)\n;`${a}`\n;-a\n;+a, !a\n;async () => {}\n;({}).x\nreturn a',
  'comments in strange places':
    'let a /* 1 */ = /* 2 */ 1 // 3\n/* 4 */ + /* 5\n */ 2; const f = (/* 6 */ b /* ) */, /* 7 */ { c } /* => */) /* 8 */ => /* 9 */ b + c; const g = function /* 10 */ (/* 11 */) /* 12 */ { /* 13 */ }; return [a, f(1, { c: 2 }), typeof g, a /* 14 */ ? /* 15 */ 1 /* 16 */ : 2]',
  arrows:
    'return [(() => ({ a: 1 }))(), ((a) => (b) => (c) => a + b + c)(1)(2)(3), (a => a * 2)(4), (() => [])().length, (() => (1, 2))(), (({ a }) => a)({ a: 1 }), [3, 1, 2].sort((a, b) => a - b), ((a) => { return\n a })(1) === undefined]',
  hoisting:
    "return [typeof f, typeof v, f(), (() => { if (true) { function g() { return 1 } return g() } })(), (() => { return h(); function h() { return k } var k = 1 })() === undefined]; function f() { return 'f' } var v = 1",
  'accessors and valueOf in loops':
    'let n = 0; const o = { get limit() { return n++ < 5 ? 10 : 0 } }; let turns = 0; for (let i = 0; i < o.limit; i++) turns++; return [turns, n]',
  'big integers':
    "let a = 2n ** 64n; a += 1n; a *= 3n; a -= 5n; a /= 7n; a %= 1000000007n; a <<= 3n; a >>= 1n; a |= 1n; a ^= 5n; a &= 0xffffn; return [String(a), String(-a), String(~a), a > 1, a == BigInt(Number(a)), caught(() => a + 1), caught(() => +a), caught(() => a >>> 1n), `${a}`, '' + a, 1n < 2, 2 > 1n, 1n == '1', typeof a]",
  disposing:
    "{ using a = { [Symbol.dispose]() { log.push('a') } }, b = { [Symbol.dispose]() { log.push('b') } }; log.push('body') } return log",
  'the value of an assignment':
    "let a, b, o = {}; return [a = 5, (b = a += 2), (o.x = 1), ([a, ...b] = 'xyz'), ({ length: a, ...b } = [1]), (o['y'] ??= 4), (a = b = 3), typeof (a = () => {})]",
  'with and without parentheses':
    "let a = 1, o = { b: 2 }; (a) = 5; (o.b) = 6; (o['b'])++; [(a), (o.b)] = [a + 1, o.b + 1]; return [a, o.b, (a), ((a)), typeof (a), -(-a), (function () { return 1 })(), (() => 2)(), (o).b]",
  'JSON of functions, and of arrays that inherit from a proxy':
    "const asked = () => new Proxy({}, { get: (_, key) => { log.push(`get ${String(key)}`) }, has: (_, key) => { log.push(`has ${String(key)}`); return false }, getPrototypeOf: () => { log.push('prototype'); return null } }), f = () => {}, g = () => {}, { call } = Object; f.toJSON = function (key) { log.push(key); return { key, type: typeof this } }; return [JSON.stringify(f), JSON.stringify([f, g, 1]), JSON.stringify({ a: f, g, b: call }), JSON.stringify([Object.setPrototypeOf([1], asked())]), JSON.stringify({ f: Object.setPrototypeOf(() => {}, asked()) }), log]",
  'JSON and callbacks':
    "return [JSON.stringify({ a: [1, { toJSON: () => 'j' }], b: undefined }, (k, v) => v === 1 ? 2 : v), JSON.parse('[1,[2]]', (k, v) => typeof v === 'number' ? v + 1 : v), 'abc'.replace(/b/g, (m) => m + m), Array.from({ length: 3 }, (_, i) => i * 2), [5, 1, 4].sort((a, b) => b - a), [1, 2, 3].reduce((a, b) => a + b), Object.groupBy([1, 2, 3], (x) => x % 2 ? 'o' : 'e')]"
}

test('meter - programs come to the same with and without it', async (t) => {
  const vm = await openOne(t)
  for (const [name, body] of Object.entries(PROGRAMS)) {
    const f = `() => { ${PRELUDE} ${body}\n}`
    const expected = await runInNewContext(
      `'use strict'; (async () => JSON.stringify(await (${f})()))()`
    )
    const instance = new Instance(
      contractOf(`exports.f = async () => JSON.stringify(await (${f})())`)
    )
    const [, actual] = await instance.run(vm, [['init'], ['f']])
    const text =
      actual?.status === 'ok' ? JSON.parse(actual.value ?? 'null') : JSON.stringify(actual)
    t.is(text, expected, name)
    vm.evict('address')
  }
})
