import { FUEL, inMethod, OK, THROWN } from './attack.ts'

/** Thenables, and promises and microtasks in floods. */
export const floods = inMethod({
  'a thenable that never answers': ['return { then() {} }', 'error NEVER_SETTLES'],
  'a thenable without end': ['return { then() { for (;;); } }', FUEL],
  'a thenable of thenables': ['const f = () => ({ then(r) { r(f()) } }); return f()', FUEL],
  'a thenable that answers twice': [
    'return { then(resolve, reject) { resolve(1); reject(2); resolve(3); throw 4 } }',
    OK
  ],
  'a then that is a getter': ['return { get then() { for (;;); } }', FUEL],
  'a proxy that is asked for then': ['return new Proxy({}, { get() { for (;;); } })', FUEL],
  'a promise with a then of its own': [
    'const p = Promise.resolve(1); p.then = () => { for (;;); }; return p',
    THROWN
  ],
  'a class of promises': [
    'class P extends Promise { then() { for (;;); } } return new P((resolve) => resolve(1))',
    FUEL
  ],
  'a promise of itself': [
    'const { promise, resolve } = Promise.withResolvers(); resolve(promise); return promise',
    THROWN
  ],
  'microtasks that nobody awaits': ['(async () => { for (;;) await 0 })(); return 1', FUEL],
  'chains of then': ['const f = () => Promise.resolve().then(f); f(); return 1', FUEL],
  'then that is a builtin': [
    'const v = {}; const p = Promise.resolve(v); v.then = Promise.prototype.then.bind(p); return v',
    FUEL
  ],
  'forEach as a thenable': ['const v = {}; v.then = [].forEach.bind([v]); return v', FUEL],
  'apply as a thenable': [
    'const v = {}; v.then = new Proxy(() => {}, { apply: (_, __, [resolve]) => resolve(v) }); return v',
    FUEL
  ],
  'a thenable in Promise.all': ['const v = { then(r) { r(v) } }; return Promise.all([v, v])', FUEL],
  'promises of an iterator without end': [
    'return Promise.all({ [Symbol.iterator]: () => ({ next: Map.prototype.get.bind(new Map([[undefined, { value: 1 }]])) }) })',
    FUEL
  ],
  'a race without end': [
    'return Promise.race({ *[Symbol.iterator]() { for (;;) yield 0 } })',
    FUEL
  ],
  'for await over itself': [
    'async function* g() { for (;;) yield 0 } for await (const _ of g());',
    FUEL
  ],
  'an async generator that delegates': [
    'async function* g() { yield* g() } for await (const _ of g());',
    'error CALL_DEPTH'
  ],
  'rejections that nobody handles': [
    'for (let i = 0; i < 5000; i++) Promise.reject({ get message() { for (;;); } }); return 1',
    OK
  ],
  'an operation that is not awaited': [
    "for (let i = 0; i < 100; i++) state.exists('/x'); return 1",
    OK
  ],
  'a flood of operations': ["for (;;) state.exists('/x')", FUEL],
  'operations one by one': ["for (;;) await state.exists('/x')", FUEL],
  'an operation behind the end': [
    "setAfter(); function setAfter() { state.exists('/x').then(() => new Promise(() => {})).then(() => { exports.n = 99 }) } return 1",
    OK
  ],
  'a promise that nobody resolves': ['await new Promise(() => {})', 'error NEVER_SETTLES'],
  'questions without end': ['for (let i = 0; ; i++) oracle[i]()', FUEL],
  'awaiting an oracle': ['await oracle; return 1', OK],
  'finally of promises': ['const f = () => Promise.reject(1).finally(f); return f()', FUEL],
  'rejections that are handled': ['for (;;) Promise.reject(1).catch(() => {})', FUEL],
  'rejections of executors': ['for (;;) new Promise((_, r) => r()).catch(() => {})', FUEL],
  'rejections of executors, handled at last': [
    'const a = []; for (let i = 0; i < 20_000; i++) a.push(new Promise((_, r) => r())); for (const p of a) p.catch(() => {})',
    FUEL
  ],
  'rejections of executors that are awaited': [
    'const a = []; for (let i = 0; i < 20_000; i++) a.push(new Promise((_, r) => r())); const f = async (p) => { await p }; for (const p of a) f(p)',
    FUEL
  ],
  'rejections of executors in an async generator': [
    'const a = []; for (let i = 0; i < 10_000; i++) a.push(new Promise((_, r) => r())); async function* g(p) { yield p } for (;;) for (const p of a) g(p).next()',
    FUEL
  ],
  'rejections of a subclass': [
    'class P extends Promise { constructor(f) { super(f) } } for (;;) new P((_, r) => r()).catch(() => {})',
    FUEL
  ],
  'rejections of thenables': [
    'const f = async () => ({ then(_, r) { r() } }); for (;;) try { await f() } catch {}',
    FUEL
  ],
  'rejections of thenables, handled at last': [
    'const a = []; for (let i = 0; i < 10_000; i++) a.push(Promise.resolve({ then(_, r) { r() } })); await null; for (;;) for (const p of a) p.catch(() => {})',
    FUEL
  ],
  'rejections of async functions': [
    'const f = async () => { throw 1 }; for (;;) { try { await f() } catch {} }',
    FUEL
  ],
  'rejections of callbacks': [
    'const p = Promise.resolve(1); const f = () => { throw 1 }; const a = []; for (let i = 0; i < 1000; i++) a.push(p.then(f)); await 0; for (;;) for (const q of a) q.catch(f)',
    FUEL
  ],
  'an async generator that is asked without end': [
    'async function* g() { yield 1 } const i = g(); for (;;) i.next()',
    FUEL
  ]
})
