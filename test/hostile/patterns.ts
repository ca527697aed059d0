import { FUEL, inMethod, OK, THROWN } from './attack.ts'

/** Regular expressions that take long, and what they call. */
export const patterns = inMethod({
  'nested repetitions': ["/^(a+)+$/.test('a'.repeat(40) + 'b')", FUEL],
  'a choice of the same': ["/^(a|a)*$/.test('a'.repeat(40) + 'b')", FUEL],
  'two repetitions': ["/(x+x+)+y/.test('x'.repeat(50))", FUEL],
  'a reference': ["/(a*)*\\1b/.test('a'.repeat(40))", FUEL],
  'a look ahead': ["/^(?=(a+)+$)/.test('a'.repeat(40) + 'b')", FUEL],
  'a look behind': ["/(?<=^(a+)+)b$/.test('a'.repeat(40) + 'bc')", OK],
  'a polynomial': ["/a*a*a*a*a*b/.test('a'.repeat(2000))", FUEL],
  'a search that fails everywhere': ["for (;;) /a.*b.*c/.test('ab'.repeat(5000))", FUEL],
  'a class with all of Unicode': [
    "for (let i = 0; ; i++) new RegExp('\\\\p{L}{' + i + '}', 'u').test('x')",
    FUEL
  ],
  'a counted repetition': ["/(a{0,1000}){0,1000}b/.test('a'.repeat(1000))", FUEL],
  'an exec of its own': ["'x'.replace(Object.assign(/x/, { exec() { for (;;); } }), '')", THROWN],
  'flags that are a getter': [
    "'x'.matchAll({ [Symbol.match]: true, get flags() { for (;;); } })",
    FUEL
  ],
  'a lastIndex that calls': [
    "const r = /x/g; r.lastIndex = { valueOf() { for (;;); } }; r.test('x')",
    FUEL
  ],
  'a replacement that grows': [
    "return 'x'.repeat(1000).replace(/x/g, '$`$`$`')",
    'error RESULT_TOO_LARGE'
  ],
  'a pattern that is long': ["new RegExp('a'.repeat(1e6))", FUEL],
  'an empty match without end': ["const r = /(?:)/g; for (;;) 'x'.match(r)", FUEL],
  'a class of a pattern': [
    'class R extends RegExp { exec() { return { index: 0, 0: "" } } } "xy".replace(new R("", "g"), "")',
    FUEL
  ]
})
