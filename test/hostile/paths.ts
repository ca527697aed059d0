import { FUEL, inMethod, OK } from './attack.ts'

const INVALID = 'error EINVAL'

/** Paths that lead elsewhere, are no paths, or take long to find that out. */
export const paths = inMethod({
  'out of the state': ["await state.readFile('/../../etc/passwd')", INVALID],
  'out of it by dots in between': ["await state.writeFile('/a/./b', 'x')", INVALID],
  'into the files of the VM': ["await state.writeFile('/.mivm/contract.js', '')", 'error EACCES'],
  'into the variables': ["await state.writeFile('//.mivm//exports/n.json', '99')", 'error EACCES'],
  'removing the files of the VM': [
    "await state.rmdir('/.mivm', { recursive: true })",
    'error EACCES'
  ],
  'into it by another spelling': ["await state.readFile('/.mivm\\u0000/contract.js')", INVALID],
  'with a backslash': ["await state.readFile('\\\\..\\\\x')", INVALID],
  'a path that is no text': ['await state.readFile({ toString() { for (;;); } })', INVALID],
  'a path that is a proxy': [
    'await state.readFile(new Proxy({}, { get() { for (;;); } }))',
    INVALID
  ],
  'a path that is a big integer': [
    'for (;;) await state.readFile(2n ** 200_000n).catch(() => {})',
    FUEL
  ],
  'the root': ["await state.writeFile('/', 'x')", 'error EISDIR'],
  'a path that is too long': [
    "await state.readFile('/' + 'x'.repeat(1025))",
    'error PATH_TOO_LONG'
  ],
  'a path of slashes': [
    "const p = '/'.repeat(5e6); for (;;) await state.exists(p).catch(() => {})",
    FUEL
  ],
  'a path that is long in normal form': [
    "const p = '/' + 'é'.repeat(1e6); for (;;) await state.exists(p).catch(() => {})",
    FUEL
  ],
  'a path of marks': [
    "const p = '/' + '\\u0301\\u0316'.repeat(2000); for (;;) await state.exists(p).catch(() => {})",
    FUEL
  ],
  'a bound of marks': [
    "const gt = '\\u0301\\u0316'.repeat(500); for (;;) await state.readdir('/', { gt })",
    FUEL
  ],
  'a bound that is longer than any name': [
    "await state.readdir('/', { gt: '\\u0301\\u0316'.repeat(20_000) })",
    'error PATH_TOO_LONG'
  ],
  'options that are getters': ["await state.readdir('/', { get limit() { for (;;); } })", FUEL],
  'an encoding that is a getter': [
    "await state.readFile('/kept', { get encoding() { for (;;); } })",
    FUEL
  ],
  'a limit that is no number': ["await state.readdir('/', { limit: -1 })", INVALID],
  'a file that is a directory': [
    "await state.writeFile('/kept/x', 'x'); await state.unlink('/kept/x')",
    OK
  ],
  'files without end': [
    "for (let i = 0; ; i++) await state.writeFile('/' + i, '')",
    'error WRITES_TOO_MANY'
  ],
  'bytes without end': [
    "for (let i = 0; i < 20; i++) await state.writeFile('/x', 'x'.repeat(2e5)); for (;;);",
    FUEL
  ],
  'a file that is a proxy of bytes': [
    "await state.writeFile('/x', new Proxy(new Uint8Array(1), {}))",
    INVALID
  ],
  'removing and failing': ["await state.unlink('/kept'); throw 1", 'error null'],
  'reading what was not committed': [
    "await state.writeFile('/x', '1'); await state.unlink('/x'); return state.exists('/x')",
    OK
  ]
})
