import { FUEL, inMethod, OK, ROOM } from './attack.ts'

/** Texts that want to be something else where they cross from one side to the other, or to be long. */
export const strings = inMethod({
  'JSON in a text': [`return '","changes":[["n","99"]],"fuel":0,"status":"ok'`, OK],
  'JSON in an error': [
    `throw new Error('"},"fuel":0,"status":"ok","value":"1","changes":[["n","99"]]}')`,
    'error null'
  ],
  'JSON in a path': [
    `await state.exists('/a"],["writeFile","/kept","text","stolen"],["exists","/a'); return 1`,
    OK
  ],
  'JSON in a line of the console': [
    `console.log('"],["writeFile","/kept","text","stolen"],["log","')`,
    OK
  ],
  'a key that begins with $': ["return { $bytes: 'AAAA' }", OK],
  'a key that is __proto__': [`return JSON.parse('{"__proto__":{"x":1}}')`, OK],
  'half of a pair': ["return '\\ud800'", 'error VALUE_UNSUPPORTED'],
  'half of a pair that is thrown': ["throw new Error('\\ud800')", 'error null'],
  'half of a pair in a path': ["await state.readFile('/\\ud800')", 'error EINVAL'],
  'half of a pair in a key': ["return { '\\udc00': 1 }", 'error VALUE_UNSUPPORTED'],
  'separators of lines': ["return '\\u2028\\u2029\\0'", OK],
  'a text that doubles': ["let s = 'x'; for (;;) s += s", ROOM],
  'a text that repeats': ["return 'x'.repeat(2 ** 28)", ROOM],
  'texts that are padded': ["const a = []; for (;;) a.push('x'.padStart(2 ** 20, 'yz'))", ROOM],
  'texts that are replaced': [
    "return 'x'.repeat(2 ** 20).replaceAll('x', 'y'.repeat(2 ** 10))",
    FUEL
  ],
  'a tree of texts': [
    "let s = 'xy'; for (let i = 0; i < 23; i++) s = s.slice(1) + s + i; for (;;) s.indexOf('q')",
    ROOM
  ],
  'logging a long text': [
    "const s = 'x'.repeat(1e7); for (let i = 0; i < 1000; i++) console.log('a', s); return 1",
    OK
  ],
  'logging an array': [
    'const a = Array(1e5).fill(1); for (let i = 0; i < 1000; i++) console.log(a); return 1',
    OK
  ],
  'logging an array with a hole': [
    'const a = Array(1e5).fill(1); a.length++; for (let i = 0; i < 1000; i++) console.log(a); return 1',
    OK
  ],
  'logging an object': [
    "const o = {}; for (let i = 0; i < 1e4; i++) o['k' + i] = 1; for (let i = 0; i < 1000; i++) console.log(o)",
    FUEL
  ],
  'logging bytes': [
    'const b = new Uint8Array(1e7); for (let i = 0; i < 1000; i++) console.log(b); return 1',
    OK
  ],
  'logging a big integer': [
    'const b = 2n ** 200_000n; for (let i = 0; i < 1000; i++) console.log(b)',
    FUEL
  ],
  'a big integer as the message of an error': [
    'const e = new Error(); e.message = 2n ** 200_000n; for (let i = 0; i < 1000; i++) console.log(e)',
    FUEL
  ],
  'a file that is no text': [
    "const b = 2n ** 200_000n; for (;;) await state.writeFile('/x', b).catch(() => {})",
    FUEL
  ],
  'a file that is too large': [
    "const s = '中'.repeat(1e6); for (;;) await state.writeFile('/x', s + s).catch(() => {})",
    FUEL
  ]
})
