import { DEPTH, FUEL, inMethod, NESTED, OK } from './attack.ts'

const list = (count: number, text: (i: number) => string, separator = ', ') =>
  Array.from({ length: count }, (_, i) => text(i)).join(separator)

/** Classes without a constructor of their own, each with a member that V8 runs one for. */
const heirs = (member: string) =>
  `class A0 { constructor(...a) { this.count = a.length } } ${list(29, (i) => `class A${i + 1} extends A${i} { ${member} }`, ' ')}`

/** Thousands of generators that have begun; each knows the one before it as `g[i - 1]`. */
const generators = (body: string, begin = 'g[i].next()', count = 15_000) =>
  `const g = []; for (let i = 0; i < ${count}; i++) { g.push((function* () { ${body} })()); ${begin} }`

/** Builtins that are constructors and look at what they are given. */
const CONSTRUCTORS = 'String RegExp Error TypeError SuppressedError'.split(' ')

const ownCauses = CONSTRUCTORS.map((name): [string, [string, string]] => [
  `${name} that is bound to what is made a text by it`,
  [
    `const o = {}; o.toString = ${name}.bind(null, ${name === 'SuppressedError' ? '1, 2, ' : ''}o); return '' + o`,
    NESTED
  ]
])

/** Calls until no stack is left: V8's own end of it must never be seen, since it depends on the machine. */
export const stack = inMethod({
  recursion: ['const f = () => 1 + f(); return f()', DEPTH],
  'recursion of methods': ['const o = { get x() { return this.x } }; return o.x', DEPTH],
  'recursion of constructors': ['class A { constructor() { new A() } } new A()', DEPTH],
  'frames with many variables': [
    `function f(n) { ${list(300, (i) => `let v${i} = n;`, ' ')} f(n + 1); return ${list(300, (i) => `v${i}`, ' + ')} } f(0)`,
    DEPTH
  ],
  'calls with many arguments': [`function f(...a) { f(${list(500, String)}) } f()`, DEPTH],
  'arguments from arrays': [
    'const a = Array(30_000).fill(1); const f = (...b) => f(...a); f()',
    DEPTH
  ],
  'arguments by apply': [
    'const a = Array(30_000).fill(1); const f = (...b) => f.apply(null, a); f()',
    'error ARGUMENTS_LIMIT'
  ],
  'arguments by Reflect': [
    'const a = Array(30_000).fill(1); const f = (...b) => Reflect.apply(f, null, a); f()',
    'error ARGUMENTS_LIMIT'
  ],
  'arguments by Reflect.construct': [
    'const a = Array(30_000).fill(1); function F() { Reflect.construct(F, a) } F()',
    'error ARGUMENTS_LIMIT'
  ],
  'callbacks in builtins': ['const f = () => [1].map(f); f()', NESTED],
  'comparators in comparators': ['const f = () => { [1, 2].sort(f); return 0 }; f()', NESTED],
  'replacers in replacers': ["const f = () => 'x'.replace(/x/g, f); f()", NESTED],
  'JSON that is deep': [
    'let a = []; for (let i = 0; i < 1e4; i++) a = [a]; JSON.stringify(a)',
    NESTED
  ],
  'JSON that is parsed and deep': ["JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)); return 1", OK],
  'arrays that are joined': [
    'let a = []; for (let i = 0; i < 1e4; i++) a = [a]; return String(a)',
    NESTED
  ],
  'arrays that are flat': [
    'let a = []; for (let i = 0; i < 1e4; i++) a = [a]; return a.flat(Infinity)',
    NESTED
  ],
  'errors in errors': [
    "let e = 'x'; for (let i = 0; i < 1e4; i++) e = Object.assign(new Error(), { message: e }); return String(e)",
    NESTED
  ],
  'a pattern that is deep': [
    "new RegExp('('.repeat(5000) + ')'.repeat(5000))",
    'error REGEXP_TOO_LARGE'
  ],
  'deep code that is compiled late': [
    `const g = (x) => ${'['.repeat(150)}x${']'.repeat(150)}
    const deep = (n) => (n > 0 ? deep(n - 1) : g(1).length)
    return [deep(300), g(1).length]`,
    OK
  ],
  'deep conditions that are compiled late': [
    `const g = (x) => ${'x ? '.repeat(150)}1${' : 0'.repeat(150)}
    const deep = (n) => (n > 0 ? deep(n - 1) : g(1))
    return [deep(480), g(1)]`,
    OK
  ],
  'a rope that is flat at last': [
    "let s = ''; for (let i = 0; i < 30_000; i++) s = i + s; return s.indexOf('q')",
    FUEL
  ],
  'what is caught on the way back': ['const f = () => { try { f() } finally { f() } }; f()', DEPTH],
  'a text method that is toString': [
    'const o = {}; o.toString = o.toString.charAt ?? String.prototype.charAt; return String(o)',
    NESTED
  ],
  'a text method that is a getter': [
    "const o = Object.defineProperty({}, 'toString', { get: String.prototype.slice }); return `${o}`",
    NESTED
  ],
  'pop that is a length': [
    "return Array.prototype.pop.call(Object.defineProperty({}, 'length', { get: Array.prototype.pop }))",
    NESTED
  ],
  'push that is a length, and counts how deep it got': [
    `const s = new Set(); const { get } = Object.getOwnPropertyDescriptor(Set.prototype, 'size')
    Object.defineProperty(s, 'length', { get, set: Array.prototype.push })
    for (let i = 0; i < 2000; i++) Object.defineProperty(s, i, { set: Set.prototype.add })
    try { Array.prototype.push.call(s, 0) } catch {}
    if (s.size > 200) throw new Error(String(s.size))`,
    OK
  ],
  'setters of Iterator.prototype': [
    'const { set } = Object.getOwnPropertyDescriptor(Iterator.prototype, Symbol.toStringTag); const o = {}; Object.defineProperty(o, Symbol.toStringTag, { set }); o[Symbol.toStringTag] = 1',
    NESTED
  ],
  'toLocaleString that is toString': [
    'const o = { toString: Object.prototype.toLocaleString }; return o.toLocaleString()',
    NESTED
  ],
  'toString that is a tag': [
    'const o = Object.defineProperty({}, Symbol.toStringTag, { get: Object.prototype.toString }); return String(o)',
    NESTED
  ],
  'catch that is then': ['const o = { then: Promise.prototype.catch }; return o.then()', NESTED],
  'catch that is then, of a promise that is resolved': [
    'return new Promise((resolve) => resolve({ then: Promise.prototype.catch }))',
    NESTED
  ],
  'flags that are flags': [
    "const { get } = Object.getOwnPropertyDescriptor(RegExp.prototype, 'flags'); return Object.defineProperty({}, 'global', { get }).global",
    NESTED
  ],
  'test that is exec': ['const o = { exec: RegExp.prototype.test }; return o.exec()', NESTED],
  'search that is a pattern': [
    'const o = {}; o[Symbol.search] = o.toString = String.prototype.search; return o.toString(o)',
    NESTED
  ],
  'dispose that is return': [
    'const o = { return: Iterator.prototype[Symbol.dispose] }; return o.return()',
    NESTED
  ],
  'asyncDispose that is return': [
    'const f = Object.getPrototypeOf(Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})())))[Symbol.asyncDispose]; return { return: f }.return()',
    NESTED
  ],
  'an element that is join': [
    'const a = []; Object.defineProperty(a, 0, { get: Array.prototype.join }); return a.join()',
    NESTED
  ],
  'an element that is indexOf': [
    'const a = []; Object.defineProperty(a, 0, { get: Array.prototype.indexOf }); return a.indexOf(1)',
    NESTED
  ],
  'an element that is slice': [
    'const a = []; Object.defineProperty(a, 0, { get: Array.prototype.slice }); return a.slice()',
    NESTED
  ],
  'an element that is shift': [
    'const a = []; Object.defineProperty(a, 0, { get: Array.prototype.shift, configurable: true }); return a.shift()',
    NESTED
  ],
  'a constructor that is flat': [
    "const a = []; Object.defineProperty(a, 'constructor', { get: Array.prototype.flat }); return a.flat()",
    NESTED
  ],
  'a constructor that is slice': [
    "const a = []; Object.defineProperty(a, 'constructor', { get: Array.prototype.slice }); return a.slice()",
    NESTED
  ],
  'a name that is bind': [
    "const f = () => 1; Object.defineProperty(f, 'name', { get: Function.prototype.bind }); f.bind()",
    NESTED
  ],
  'a constructor that is then': [
    "const p = Promise.resolve(); Object.defineProperty(p, 'constructor', { get: Promise.prototype.then }); p.then()",
    NESTED
  ],
  'a constructor that is slice, of bytes': [
    "const b = new Uint8Array(8); Object.defineProperty(b, 'constructor', { get: b.slice }); b.slice()",
    NESTED
  ],
  'a constructor that is subarray': [
    "const b = new Uint8Array(8); Object.defineProperty(b, 'constructor', { get: b.subarray }); b.subarray()",
    NESTED
  ],
  'a cause that is an error with a cause': [
    "const o = {}; Object.defineProperty(o, 'cause', { get: Error.bind(null, 'x', o) }); new Error('x', o)",
    NESTED
  ],
  ...Object.fromEntries(ownCauses),
  'classes in static fields': [
    `let deep = 0; const f = () => { deep++; void ${'class { static x = '.repeat(150)}f()${' }'.repeat(150)} }; try { f() } catch (error) { throw new Error(deep + error.message) }`,
    DEPTH
  ],
  'classes in static blocks': [
    `let deep = 0; const f = () => { deep++; ${'void class { static { '.repeat(130)}f()${' } }'.repeat(130)} }; try { f() } catch (error) { throw new Error(deep + error.message) }`,
    DEPTH
  ],
  'arguments that constructors hand on': [
    `${heirs('x = 1')} new A29(...Array(30_000).fill(1))`,
    DEPTH
  ],
  'arguments that constructors with many fields hand on': [
    `${heirs(list(12, (i) => `x${i} = ${i}`, ';'))} new A29(...Array(30_000).fill(1))`,
    DEPTH
  ],
  'arguments that constructors with private methods hand on': [
    `${heirs('#x() {}')} new A29(...Array(30_000).fill(1))`,
    DEPTH
  ],
  'arguments that constructors with fields of code hand on': [
    `${heirs('x = String(1)')} new A29(...Array(30_000).fill(1))`,
    DEPTH
  ],
  'arguments that constructors hand on, from Reflect': [
    `${heirs('x = 1')} Reflect.construct(A29, Array(30_000).fill(1))`,
    DEPTH
  ],
  'arguments of constructors that V8 passes over': [
    `${heirs('')} return new A29(...Array(30_000).fill(1)).count`,
    OK
  ],
  'generators that close others when they are closed': [
    `${generators('try { yield } finally { if (i > 0) g[i - 1].return() }')} g.at(-1).return()`,
    DEPTH
  ],
  'generators that throw into others': [
    `${generators('try { yield } catch { if (i > 0) g[i - 1].throw(1) }')} g.at(-1).throw(1)`,
    DEPTH
  ],
  'generators in generators that are closed': [
    'const nest = (n) => n === 0 ? [1, 2] : (function* () { yield* nest(n - 1) })(); for (const _ of nest(400)) break; return 1',
    OK
  ],
  'async generators that throw into others': [
    'const g = []; for (let i = 0; i < 2000; i++) { g.push((async function* () { try { yield } catch { if (i > 0) g[i - 1].throw(1) } })()); g[i].next() } await 1; await 1; g.at(-1).throw(1)',
    DEPTH
  ],
  'generators that V8 closes when others are closed': [
    `const next = () => ({ value: 1, done: false }); const first = Object.getPrototypeOf(Object.getPrototypeOf((function* () {})())).next; ${generators('for (const _ of i === 0 ? [1, 2] : g[i - 1]) yield', 'first.call(g[i]); g[i].next = next', 8000)} g.at(-1).return()`,
    DEPTH
  ],
  'generators that V8 disposes of when others are closed': [
    `${generators('using _ = i === 0 ? null : Object.defineProperty(g[i - 1], Symbol.dispose, { value: g[0].return }); yield')} g.at(-1).return()`,
    DEPTH
  ],
  'toJSON that is valueOf': ['return +{ valueOf: Date.prototype.toJSON }', NESTED],
  'a trampoline': ['let f = () => f; for (;;) f = f()', FUEL]
})
