import { FUEL, inMethod } from './attack.ts'

/**
 * Attacks whose end is not yet what it should be, which is what is written here: with fuel enough, the watchdog ends
 * them (ABORT_TIME), although they only compute. hostile.long.test.ts shows which of them still are.
 */
export const open = inMethod({
  'errors of V8, which reads the whole function for their messages': [
    `if (0) { ${'f(1);'.repeat(4000)} } for (;;) { try { null.x } catch {} }`,
    FUEL
  ],
  'finally of promises': ['const f = () => Promise.reject(1).finally(f); return f()', FUEL],
  'Array.fromAsync without end': [
    'return Array.fromAsync({ *[Symbol.iterator]() { for (;;) yield 0 } })',
    FUEL
  ],
  classes: ['const a = []; for (;;) a.push(class { static x = [1, 2, 3]; m() {} })', FUEL],
  'a class of a pattern': [
    'class R extends RegExp { exec() { return { index: 0, 0: "" } } } "xy".replace(new R("", "g"), "")',
    FUEL
  ],
  'rejections that are handled': ['for (;;) Promise.reject(1).catch(() => {})', FUEL],
  'rejections of async functions': [
    'const f = async () => { throw 1 }; for (;;) { try { await f() } catch {} }',
    FUEL
  ],
  'builtins that are bound': [
    "const a = []; for (;;) a.push(Date.prototype[Symbol.toPrimitive].bind(null, 'string'))",
    FUEL
  ]
})
