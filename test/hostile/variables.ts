import { FUEL, inMethod, OK, ROOM, THROWN } from './attack.ts'

const REFUSED = 'error VALUE_UNSUPPORTED'

/** Exported variables that change what they are, or are huge. */
export const variables = inMethod({
  'a number that becomes a function': ['exports.n = () => 1; throw 1', THROWN],
  'a number that becomes a symbol': ['exports.n = Symbol()', REFUSED],
  'a number that becomes NaN': ['exports.n = 0 / 0', REFUSED],
  'a number that becomes a getter': [
    "Object.defineProperty(exports, 'n', { get() { for (;;); }, enumerable: true })",
    FUEL
  ],
  'a number that becomes a fixed getter': [
    "Object.defineProperty(exports, 'x', { get() { return 1 }, enumerable: true })",
    'error EXPORTS_FROZEN'
  ],
  'a number that becomes a proxy': ['exports.n = new Proxy({}, {})', REFUSED],
  'a number that becomes a promise': ['exports.n = Promise.resolve(1)', REFUSED],
  'a number that becomes a cycle': ['exports.n = [exports]', REFUSED],
  'a variable that is huge': ["exports.x = 'x'.repeat(300_000)", 'error EXPORTS_TOO_LARGE'],
  'variables that are many': [
    "for (let i = 0; i < 20_000; i++) exports['v' + i] = i",
    'error WRITES_TOO_MANY'
  ],
  'a name that is long': ["exports['x'.repeat(2000)] = 1", 'error EXPORTS_TOO_LARGE'],
  'a name that is half of a pair': ["exports['\\ud800'] = 1", REFUSED],
  'a name that is a path': ["exports['../../kept'] = 'stolen'; throw 1", THROWN],
  'a name that is __proto__': [
    "Object.defineProperty(exports, '__proto__', { value: { leak: 1 }, enumerable: true, writable: true, configurable: true }); throw 1",
    THROWN
  ],
  'a variable that is a list with a hole': ['exports.n = [, 1]', REFUSED],
  'a list that is as long as it can be': ['exports.x = []; exports.x.length = 2 ** 32 - 1', ROOM],
  'other exports': ['Object.setPrototypeOf(exports, { leak: 1 }); throw 1', THROWN],
  'methods that are changed': ['exports.innocent = () => 1; return 1', OK],
  'methods that are deleted': ['delete exports.innocent; return 1', OK],
  'a variable behind a getter that changes others': [
    "Object.defineProperty(exports, 'z', { get() { exports.n = 99; throw 1 }, enumerable: true, configurable: true })",
    THROWN
  ],
  'a getter that writes': [
    "Object.defineProperty(exports, 'z', { get() { state.writeFile('/kept', 'stolen'); throw 1 }, enumerable: true, configurable: true })",
    THROWN
  ],
  'many writes and then the end': [
    "exports.n = 99; for (let i = 0; i < 100; i++) await state.writeFile('/f' + i, 'x'); for (;;);",
    FUEL
  ]
})
