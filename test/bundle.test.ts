// TypeScript and modules become one contract, whose variables are those that the module exports.
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { getLineInfo } from 'acorn'
import test, { type Test } from 'brittle'
import { type Bundle, bundle, deploy, loadCost, MivmError } from 'mivm/testing'
import { MISSING } from '../src/bundle/missing.ts'
import { offsetOf, placeIn } from '../src/bundle/places.ts'
import { acquireVm } from '../src/testing/shared-vm.ts'
import { tempDir } from './helpers.ts'

// from one test to the next: to bundle what is deployed takes longer than it is kept
const held = acquireVm()

type Files = { readonly [name: string]: string }

/** A folder with these files; the first one is the contract. */
async function write(t: Test, files: Files): Promise<string> {
  const dir = await tempDir(t)
  await writeAll(dir, files)
  return path.join(dir, Object.keys(files)[0] ?? '')
}

async function writeAll(dir: string, files: Files): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(dir, name)), { recursive: true })
    await writeFile(path.join(dir, name), text)
  }
}

async function open(t: Test, files: Files) {
  const contract = await bundle(await write(t, files))
  const instance = await deploy(contract).catch((error) => {
    throw new Error(`${error.message}\n${contract.source}`, { cause: error })
  })
  t.teardown(() => instance.close())
  const call = (method: string, ...args: unknown[]) => instance.call('alice', method, args)
  return { contract, instance, call }
}

// ---- variables

test('bundle - an exported variable is stored, and is one with the one that functions see', async (t) => {
  const { instance, call } = await open(t, {
    'app.ts': `
      export let count: number = 0
      export const list: number[] = []
      export var late: string | undefined
      let scratch = 0
      export function next() { scratch++; list.push(++count); return [count, scratch] }
      export const say = async (text: string) => { late = text; return late }
      export const heard = () => typeof late === 'undefined' ? 'nothing' : late
    `
  })
  t.alike(await call('next'), [1, 1])
  t.alike(await call('next'), [2, 1], 'what is not exported begins anew')
  t.is(await call('heard'), 'nothing')
  t.alike(instance.variables, { count: 2, list: [1, 2] }, 'undefined is not stored')
  t.is(await call('say', 'hello'), 'hello')
  t.is(await call('heard'), 'hello')
  t.alike(instance.variables, { count: 2, late: 'hello', list: [1, 2] })
})

test('bundle - every way to read and write a variable reads and writes what is stored', async (t) => {
  const ways: { [name: string]: [code: string, value: unknown, stored: unknown] } = {
    increment: ['return [v++, ++v, v--, --v, v += 5, v **= 2]', [10, 12, 12, 10, 15, 225], 225],
    logical: ['v &&= null; v ??= 3; v ||= 4; return v', 3, 3],
    object: ['({ a: v } = { a: 1 }); return v', 1, 1],
    shorthand: ['({ v } = { v: 2 }); return { v }', { v: 2 }, 2],
    'shorthand with a default': ['({ v = 7 } = {}); return v', 7, 7],
    rest: ['[, ...v] = [1, 2, 3]; return v', [2, 3], [2, 3]],
    nested: ['[{ a: [v = 4] }] = [{ a: [] }]; return v', 4, 4],
    'a loop over values': ['for (v of [1, 2, 3]) ; return v', 3, 3],
    'a loop over keys': ['for (v in { a: 1, b: 2 }) ; return v', 'b', 'b'],
    'a loop that destructures': ['for ({ v } of [{ v: 1 }, { v: 2 }]) ; return v', 2, 2],
    closure: ['const f = () => { v = v * 2 }; f(); f(); return v', 40, 40],
    shadow: [
      '{ let v = 1; v++ } const f = (v) => v++; f(5); try { throw 1 } catch (v) { v = 2 } return v',
      10,
      10
    ],
    'a label and a property': [
      'const o = { v: 1, get w() { return v } }; v: for (;;) break v; return [o.v, o.w]',
      [1, 10],
      10
    ],
    template: [`return \`\${v}\` + typeof v`, '10number', 10],
    'a class': [
      `class A { v = v + 1; static s = v; [\`m\${v}\`]() { return v } }; return [new A().v, A.s, new A().m10()]`,
      [11, 10, 10],
      10
    ],
    'a default': ['const f = (a = v, { b = v } = {}) => a + b; return f()', 20, 10],
    'delete of a property': ['v = { a: 1 }; delete v.a; return v', {}, {}],
    call: ['v = [3]; return v.map((x) => x + v[0])', [6], [3]],
    'a comma': ['return (v = 1, v)', 1, 1],
    arguments: ['return ((...all) => all)(v, ...[v], v++)', [10, 10, 10], 11]
  }
  const names = Object.keys(ways)
  const bodies = names.map((name, i) => `export function way${i}() { ${ways[name]?.[0]} }`)
  const { instance, call } = await open(t, {
    'app.mjs': `export let v = 10\nexport const reset = () => { v = 10 }\n${bodies.join('\n')}`
  })
  for (const [i, name] of names.entries()) {
    const [, value, stored] = ways[name] ?? []
    await call('reset')
    t.alike(await call(`way${i}`), value, name)
    t.alike(instance.variables, { v: stored }, `${name}: stored`)
  }
})

test('bundle - every way to declare and export', async (t) => {
  const { instance, call } = await open(t, {
    'app.ts': `
      import { other } from './other.ts'
      import words from './words.json'
      import text from './text.txt'
      const { a, b: [b = 2, ...c], ...d } = { a: 1, b: [] as number[], e: 5 }
      let renamed = 'here', plain = 'scratch', [x, y] = [1, 2]
      export { a, b, c, d, renamed as stored, x, renamedFunction as method, other }
      export * from './star.ts'
      export { inner as outer, bump } from './inner.ts'
      export enum Colour { Red, Green = 'g' }
      export class Point { constructor(public x = 1, readonly y = 2) {} static made = renamed }
      function renamedFunction() { return [plain, y, new Point().y, Point.name, words.hello, text, (function () { return this === undefined })()] }
      export let handler = () => 1
      export const swap = () => { handler = () => 2; return [handler(), handler.name] }
      export const run = () => [handler(), handler.name, swap.name, later.name]
      export const later = async function () { const { lazy } = await import('./lazy.ts'); return lazy() }
      export function change() { renamed = 'there'; x++; return [renamed, x] }
      export async function* unused() {}
      export let self = function () { return this === undefined }
      export const bare = () => [self(), (0, self)(), self?.(), self\`\`]
      export const setSelf = () => { self = self }
    `,
    'other.ts': 'export let other = 1',
    'star.ts': 'export let star = 1\nexport function twinkle() { return ++star }',
    'inner.ts': 'export let inner = 1\nexport const bump = () => ++inner',
    'lazy.ts': `import words from './words.json' with { type: 'json' }
      export const lazy = () => \`lazy \${words.hello}\``,
    'words.json': '{ "hello": "Grüße" }',
    'text.txt': 'text'
  })
  t.alike(await call('method'), ['scratch', 2, 2, 'Point', 'Grüße', 'text', true])
  t.alike(await call('change'), ['there', 2])
  t.is(await call('twinkle'), 2)
  t.is(await call('twinkle'), 3)
  t.is(await call('bump'), 2)
  t.alike(await call('run'), [1, 'handler', 'swap', 'later'])
  t.alike(await call('swap'), [2, 'handler'])
  t.is(await call('later'), 'lazy Grüße')
  t.alike(await call('bare'), [true, true, true, true])
  t.alike(instance.variables, {
    Colour: { 0: 'Red', Red: 0, Green: 'g' },
    a: 1,
    b: 2,
    c: [],
    d: { e: 5 },
    other: 1,
    outer: 2,
    star: 3,
    stored: 'there',
    x: 2
  })
})

test('bundle - what acorn misreads: slashes behind words of the language, regular expressions that methods yield, functions in templates', async (t) => {
  const { call } = await open(t, {
    'app.ts': `
      class Words { *all() { yield /x/; yield (yield /y/g) } }
      export const share = (counts?: { new: number; of: number }) => [counts?.new / 2 / 2, \`\${counts?.of / 4}\`]
      export const words = () => [...new Words().all()].map(String)
      export const size = () => \`\${[async function ({ a }: any, [{ b }]: any) { return a / b }].length}\`
    `
  })
  t.alike(await call('share', { new: 8, of: 2 }), [2, '0.5'])
  t.alike(await call('words'), ['/x/', '/y/g', 'undefined'])
  t.is(await call('size'), '1')
})

test('bundle - modules, packages and the contract may use the same names', async (t) => {
  const { call } = await open(t, {
    'app.ts': `
      import common from 'common'
      import { get } from './own.ts'
      export let module_ = 1
      export async function all() {
        await state.writeFile('/a', 'b')
        return [common.next(), common.next(), get(), caller.id.length, env.seq, await state.readFile('/a')]
      }
    `,
    'own.ts': `
      let state: number | undefined, caller = 'mine', exported = 0
      const exports = { a: 1 }
      export const get = () => [state ??= 1, caller, exports.a, exported]
    `,
    'node_modules/common/package.json': '{ "name": "common", "version": "2.0.1", "main": "lib" }',
    'node_modules/common/lib/index.js': `
      /*! Licence */
      exports.count = 0
      module.exports.next = function () { return ++exports.count }
    `
  })
  t.alike(await call('all'), [1, 2, [1, 'mine', 1, 0], 52, 2, 'b'])
})

test('bundle - a TypeScript contract may also use exports, and require', async (t) => {
  const { instance, call } = await open(t, {
    'app.ts': `
      import { double } from './double.ts'
      exports.count = 1 as number
      exports.next = () => { exports.count = double(exports.count); return exports.count }
    `,
    'double.ts': 'export const double = (n: number) => n * 2'
  })
  t.alike([await call('next'), await call('next')], [2, 4])
  t.alike(instance.variables, { count: 4 })
  const common = await open(t, {
    'app.js': `
      const { double } = require('./double.cjs')
      exports.count = 1
      exports.next = () => { exports.count = double(exports.count); return exports.count }
    `,
    'double.cjs': 'module.exports = { double: (n) => n * 2 }'
  })
  t.alike([await common.call('next'), await common.call('next')], [2, 4])
  t.alike(common.instance.variables, { count: 4 })
})

test('bundle - what packages keep on the global object lasts as long as the call', async (t) => {
  const { call } = await open(t, {
    'app.mjs': "import { next } from 'keeper'\nexport { next }",
    'node_modules/keeper/package.json':
      '{ "name": "keeper", "type": "module", "exports": "./i.js" }',
    'node_modules/keeper/i.js': `
      const root = typeof globalThis === 'object' ? globalThis : self
      root.__kept ??= { count: 0 }
      export const next = () => [++globalThis.__kept.count, root.Math === Math]
    `
  })
  t.alike(await call('next'), [1, true])
  t.alike(await call('next'), [1, true])
})

test('bundle - a class keeps its name, which callers see of errors', async (t) => {
  const { call } = await open(t, {
    'app.ts': `
      import { other, Unknown as Theirs } from './other.ts'
      import Common from './common.cjs'
      export class Voted extends Error {
        static code = 'VOTED'
        code = Voted.code
        name = this.constructor.name
      }
      class Unknown extends Error { name = this.constructor.name; static same = () => Unknown }
      class Sub extends Unknown {}
      const Alias = class _Alias { static self = () => _Alias }
      export const vote = () => { throw new Voted('twice') }
      export const find = () => { throw new Sub('nothing') }
      export const names = () => [Voted, Unknown, Theirs, Sub, Alias, Alias.self(), Unknown.same(), other(), Common].map((f) => f.name)
      class Clash { static n = 1; static at(Clash: string) { return [Clash, this.n] } static next() { return Clash.n + 1 } }
      export const clash = () => [...Clash.at('x'), Clash.next()]
    `,
    'other.ts': `
      export class Unknown { static count = 0; static next() { return ++Unknown.count } }
      class Sub {}
      export const other = () => Sub
    `,
    'common.cjs': 'class Common { static self = () => Common }\nmodule.exports = Common'
  })
  await t.exception(call('vote'), { name: 'Voted', code: 'VOTED' })
  t.alike(await call('clash'), ['x', 1, 2])
  await t.exception(call('find'), { name: 'Sub' })
  t.alike(await call('names'), [
    'Voted',
    'Unknown',
    'Unknown',
    'Sub',
    '_Alias',
    '_Alias',
    'Unknown',
    'Sub',
    'Common'
  ])
})

test('bundle - packages find the global object by any of its names', async (t) => {
  const { contract, call } = await open(t, {
    'app.mjs': "import './other.mjs'\nimport umd from 'umd'\nexport const get = () => umd()",
    'other.mjs': 'export const own = () => { const self = 1, global = 2; return self + global }',
    'node_modules/umd/package.json': '{ "name": "umd", "version": "1.0.0", "main": "umd.js" }',
    'node_modules/umd/umd.js': `
      (function (root, make) { root.made = make(root) })(self, (root) => root.Math === Math)
      new Function('return this;')().__shared__ = 1
      global.count = 2
      module.exports = () => [self.made, Function('return this')().__shared__, globalThis.count, { global }.global === self]
    `
  })
  t.alike(contract.warnings, [])
  t.alike(await call('get'), [true, 1, 2, true])
})

test('bundle - of the ways to run a package that without a page is taken', async (t) => {
  const { call } = await open(t, {
    'app.mjs': "import a from 'dom'\nimport b from 'both'\nexport const get = () => [a, b]",
    'node_modules/dom/package.json':
      '{ "name": "dom", "exports": { "worker": "./i.mjs", "browser": "./dom.mjs", "default": "./i.mjs" } }',
    'node_modules/dom/i.mjs': "export default 'plain'",
    'node_modules/dom/dom.mjs': "document.createElement('i')\nexport default 'page'",
    'node_modules/both/package.json':
      '{ "name": "both", "exports": { "node": "./n.cjs", "module": "./m.mjs", "require": "./n.cjs" } }',
    'node_modules/both/m.mjs': "export default 'module'",
    'node_modules/both/n.cjs': "module.exports = 'node'"
  })
  t.alike(await call('get'), ['plain', 'module'])
})

test('bundle - a package that only mentions eval is no reason to refuse a contract', async (t) => {
  const { contract, call } = await open(t, {
    'app.mjs': "export { kind, made, run } from 'intrinsic'",
    'node_modules/intrinsic/package.json':
      '{ "name": "intrinsic", "version": "1.2.3", "main": "index.mjs" }',
    'node_modules/intrinsic/index.mjs':
      "export { made, run } from './run.mjs'\nexport const kind = () => typeof eval",
    'node_modules/intrinsic/run.mjs':
      "const all = { '%eval%': eval, eval }\nexport const made = () => Object.keys(all)\nexport const run = () => (0, eval)('1')"
  })
  t.alike(contract.warnings, [
    'eval is not there, and npm:intrinsic@1.2.3/run.mjs uses it: write the code out: what runs is what was deployed'
  ])
  t.is(await call('kind'), 'undefined')
  t.alike(await call('made'), ['%eval%', 'eval'])
  await t.exception(call('run'), { name: 'EvalError' })
})

test('bundle - a function of a package may have exports and module of its own', async (t) => {
  const files = {
    'app.mjs':
      "import { all, made } from 'packed'\nexport let count = 1\nexport const next = () => [++count, made.a, all.b]",
    'node_modules/packed/package.json': '{ "name": "packed", "main": "index.mjs" }',
    // where code is made of strings, esbuild gives nothing another name
    'node_modules/packed/index.mjs': `
      const define = (f) => { const module = { exports: {} }; f(module.exports, module); return module.exports }
      export const made = define(function (exports, module) { exports.a = 1; if (module.none) eval('1') })
      export const all = (function () { var exports = {}, module = { exports }; module.exports.b = 2; eval; return exports })()
    `
  }
  const { call, instance } = await open(t, files)
  t.alike(await call('next'), [2, 1, 2])
  t.alike(instance.variables, { count: 2 })
  const hidden =
    'export let count = 1\nexport const next = (exports) => { if (exports) new Function(""); return count }'
  const own = await open(t, { 'app.mjs': hidden })
  t.is(await own.call('next', 0), 1, 'esbuild gives it another name')
})

test('bundle - what another module has under a name is not there for this one', async (t) => {
  const file = await write(t, {
    'app.mjs': "import './other.mjs'\nexport const later = () => setTimeout(() => 1)",
    'other.mjs': 'export const own = (setTimeout) => setTimeout(1)'
  })
  await t.exception(bundle(file), /app\.mjs:2:28: setTimeout is not available/)
})

test('bundle - what may be on the global object is not refused', async (t) => {
  const asking = [
    'const c = globalThis.setTimeout ? globalThis.setTimeout(1) : 2',
    'const c = globalThis.setTimeout?.(1)',
    "const c = typeof globalThis.setTimeout === 'function' && globalThis.setTimeout(1)",
    'globalThis.setTimeout ??= (x) => x\nconst c = globalThis.setTimeout(1)',
    'Object.assign(globalThis, { setTimeout: (x) => x })\nconst c = globalThis.setTimeout(1)',
    'const f = (globalThis) => globalThis.setTimeout(1)\nconst c = f'
  ]
  for (const text of asking) {
    const file = await write(t, { 'app.mjs': `${text}\nexport const a = () => c` })
    t.ok(await bundle(file), text)
  }
})

test('bundle - a contract that is one already stays as it is, byte for byte', async (t) => {
  const plain = [
    'exports.count = 0\r\n\texports.export = () => "import x from y" // require(\'fs\')\n',
    'const require = (x) => x\nexports.get = () => require(1)\n',
    'exports.broken = () => {\n  return 1 +\n}\nimport\n'
  ]
  for (const text of plain) {
    const { source, isBundled } = await bundle(await write(t, { 'app.js': text }))
    t.is(source, text)
    t.absent(isBundled)
  }
  const { source } = await bundle(await write(t, { 'app.txt': 'import nothing' }))
  t.is(source, 'import nothing')
})

// ---- the same everywhere

test('bundle - the same files are the same contract in any folder', async (t) => {
  const files = {
    'src/index.ts': `
      import root from '../index.ts'
      import { helper } from '../lib/index.ts'
      import common from 'common'
      import { esm } from '@scope/esm'
      export let count = 0
      export function next() { return [root, helper(), common, esm, ++count] }
    `,
    'index.ts': 'export default class { a = 1 }',
    'lib/index.ts':
      'import common from "common"; export const helper = () => common; export default 5',
    'node_modules/common/package.json': '{ "name": "common", "version": "1.0.0" }',
    'node_modules/common/index.js': 'module.exports = { nested: require("nested") }',
    'node_modules/common/node_modules/nested/package.json':
      '{ "name": "nested", "version": "3.0.0" }',
    'node_modules/common/node_modules/nested/index.js': 'exports.a = 1',
    'node_modules/@scope/esm/package.json':
      '{ "name": "@scope/esm", "version": "0.1.0", "module": "./m.js" }',
    'node_modules/@scope/esm/m.js': 'export const esm = 1'
  }
  const dir = await tempDir(t)
  const first = path.join(dir, 'first')
  const other = path.join(dir, 'lib', 'deeper', 'index')
  await writeAll(first, files)
  await cp(first, other, { recursive: true })
  // packages elsewhere, as a monorepo or a link has them
  await cp(path.join(other, 'node_modules'), path.join(dir, 'lib', 'node_modules'), {
    recursive: true
  })
  const linked = path.join(dir, 'linked')
  await writeAll(
    linked,
    Object.fromEntries(Object.entries(files).filter(([name]) => !name.includes('node_modules')))
  )
  await symlink(path.join(dir, 'lib', 'node_modules'), path.join(linked, 'node_modules'))
  await symlink(first, path.join(dir, 'alias'))
  const sources: string[] = []
  for (const folder of [first, other, linked, path.join(dir, 'alias')]) {
    const { source, packages } = await bundle(path.join(folder, 'src/index.ts'))
    t.alike(packages, ['@scope/esm@0.1.0', 'common@1.0.0', 'nested@3.0.0'])
    sources.push(source)
  }
  t.is(new Set(sources).size, 1, sources.join('\n-----\n'))
  t.absent(/first|deeper|linked|mivm-test/.test(sources[0] ?? ''))
  t.ok(sources[0]?.includes('// npm:common/node_modules/nested@3.0.0/index.js'), sources[0])
})

test('bundle - neither a tsconfig.json nor the environment changes a contract', async (t) => {
  const file = await write(t, {
    'app.ts': 'export class A { a = 1; b!: number }\nexport const get = () => process.env.NODE_ENV'
  })
  const { source } = await bundle(file)
  await writeAll(path.dirname(file), {
    'tsconfig.json':
      '{ "compilerOptions": { "target": "es5", "useDefineForClassFields": false, "alwaysStrict": true } }'
  })
  const before = process.env['NODE_ENV']
  process.env['NODE_ENV'] = 'development'
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  })
  t.is((await bundle(file)).source, source)
  t.ok(source.includes('"production"'))
})

// ---- what cannot be

test('bundle - what cannot be bundled is refused with file, line and column', async (t) => {
  const cases: [files: Files, code: string, message: RegExp][] = [
    [
      { 'a.ts': 'export const a = () => {\n  return 1 +\n}' },
      'CODE_SYNTAX',
      /a\.ts:3:1: Unexpected "}"$/
    ],
    [
      { 'a.ts': "import { b } from './b.ts'\nexport const a = b", 'b.ts': 'export const b = (' },
      'CODE_SYNTAX',
      /b\.ts:1:19: /
    ],
    [
      { 'ü (1) 50%25 #.ts': 'export const a = () => fetch(1)' },
      'CODE_UNAVAILABLE',
      /ü \(1\) 50%25 #\.ts:1:24: /
    ],
    [
      { 'a.ts': "import b from './b'\nexport const a = b" },
      'IMPORT_UNKNOWN',
      /a\.ts:1:15: there is no "\.\/b": check the path and its extension$/
    ],
    [
      { 'a.ts': "\n  import b from 'no-such-package'\nexport const a = b" },
      'IMPORT_UNKNOWN',
      /a\.ts:2:17: there is no "no-such-package": run "npm install"/
    ],
    [
      { 'a.ts': "import { b } from '@/b'\nexport const a = b", 'b.ts': 'export const b = 1' },
      'IMPORT_UNKNOWN',
      /a\.ts:1:19: there is no "@\/b": the paths of a tsconfig\.json are not known: write a relative one, or name it in "imports" of package\.json$/
    ],
    [
      {
        'src/a.ts': "import { b } from 'lib/b'\nexport const a = b",
        'lib/b.ts': 'export const b = 1',
        'tsconfig.json': '{ /* comment */ "compilerOptions": { "baseUrl": "." } }'
      },
      'IMPORT_UNKNOWN',
      /a\.ts:1:19: there is no "lib\/b": run "npm install" .*; the paths of a tsconfig\.json are not known$/
    ],
    [
      { 'a.ts': "import { b } from '#b'\nexport const a = b" },
      'IMPORT_UNKNOWN',
      /a\.ts:1:19: there is no "#b": name it in "imports" of package\.json$/
    ],
    [
      {
        'a.ts': "import b from 'sealed/b.js'\nexport const a = b",
        'node_modules/sealed/package.json': '{ "name": "sealed", "exports": "./i.js" }',
        'node_modules/sealed/b.js': 'export default 1'
      },
      'IMPORT_UNKNOWN',
      /a\.ts:1:15: there is no "sealed\/b\.js": its package does not export that, or for Node alone$/
    ],
    [
      { 'a.ts': 'class A { m(@p b: 1) {} }\nfunction p() {}\nexport const a = () => A' },
      'CODE_SYNTAX',
      /a\.ts:1:13: Parameter decorators .*: write the class without, since no tsconfig\.json is read and decorators are those of ECMAScript$/
    ],
    [
      { 'a.ts': "import { c } from './b.ts'\nexport const a = c", 'b.ts': 'export const b = 1' },
      'IMPORT_UNKNOWN',
      /a\.ts:1:10: No matching export in "b\.ts" for import "c"$/
    ],
    [
      { 'a.ts': "import b from './b.ts'\nexport const a = b", 'b.ts': 'export const b = 1' },
      'IMPORT_UNKNOWN',
      /a\.ts:1:8: .*: import what it exports by name, or all of it with import \* as$/
    ],
    [
      { 'a.ts': "export const a = () => b\nexport { b } from 'https://example.org/b.js'" },
      'IMPORT_UNKNOWN',
      /a\.ts:\d:1: "https:\/\/example\.org\/b\.js" is not fetched: "npm install" the package/
    ],
    [
      { 'a.tsx': 'export const a = () => <b />' },
      'CODE_UNAVAILABLE',
      /a\.tsx:1:24: React\.createElement is not available: name what makes elements of JSX: \/\*\* @jsx h \*\/$/
    ],
    [
      { 'a.ts': "import fs from 'node:fs'\nexport const a = () => fs" },
      'CODE_UNAVAILABLE',
      /a\.ts:1:16: there is no "node:fs", a module of Node: use state for files$/
    ],
    [
      {
        'a.ts': "import { b } from './b.ts'\nexport const a = b",
        'b.ts': "import c from 'crypto'\nexport const b = c"
      },
      'CODE_UNAVAILABLE',
      /b\.ts:1:15: .*@noble\/hashes$/
    ],
    [
      {
        'a.ts': "import './b.ts'\nexport const a = () => 1",
        'b.ts': "import './b.css'",
        'b.css': 'a {}'
      },
      'IMPORT_UNKNOWN',
      /b\.ts imports "\.\/b\.css", which a contract cannot hold: import code, JSON or \.txt$/
    ],
    [
      { 'a.ts': "import b from './b.png'\nexport const a = b", 'b.png': 'x' },
      'IMPORT_UNKNOWN',
      /a\.ts:1:15: No loader is configured.*: import code, JSON or \.txt$/
    ],
    [
      { 'a.ts': 'export const a = () => 1\nconst b = process.env.HOME' },
      'CODE_UNAVAILABLE',
      /a\.ts:2:11: process\.env is not available: use arguments of init/
    ],
    [
      { 'a.ts': "export const a = () =>\n  Buffer.from('a')" },
      'CODE_UNAVAILABLE',
      /a\.ts:2:3: Buffer\.from is not available: use Uint8Array/
    ],
    [
      { 'a.ts': 'export const a = () => eval("1")' },
      'CODE_UNAVAILABLE',
      /a\.ts:1:24: eval is not available/
    ],
    [
      {
        'a.ts': "import { b } from './b.ts'\nexport const a = b",
        'b.ts': 'export const b = () => setTimeout(b, 1)'
      },
      'CODE_UNAVAILABLE',
      /b\.ts:1:24: setTimeout is not available: time stands still/
    ],
    [
      { 'a.ts': 'export const a = () => globalThis.setTimeout(a, 1)' },
      'CODE_UNAVAILABLE',
      /a\.ts:1:24: globalThis\.setTimeout is not available: time stands still/
    ],
    [
      { 'a.ts': 'const x = await Promise.resolve(1)\nexport const a = () => x' },
      'CODE_UNAVAILABLE',
      /a\.ts:1:11: await outside of a function/
    ],
    [
      { 'a.ts': 'export const a = () => import.meta.url' },
      'CODE_UNAVAILABLE',
      /a\.ts:1:24: import\.meta is not available/
    ],
    [
      { 'a.ts': 'export const a = (x: string) => import(x)' },
      'CODE_UNAVAILABLE',
      /a\.ts:1:33: import\(\) of something/
    ],
    [
      { 'a.ts': 'export const a = () => 1\nexport default {}' },
      'CODE_UNAVAILABLE',
      /a\.ts:2:\d+: a contract has no default export/
    ],
    [
      { 'a.ts': 'let v = 1\nexport { v as a, v as b }' },
      'CODE_UNAVAILABLE',
      /a\.ts:1:5: v is exported under two names/
    ],
    [
      { 'a.ts': "export * as b from './b.ts'", 'b.ts': 'export let c = 1' },
      'CODE_UNAVAILABLE',
      /b is a whole module/
    ],
    [
      { 'a.ts': "export * from './b.cjs'\nexport let x = 1", 'b.cjs': 'exports.c = 1' },
      'CODE_UNAVAILABLE',
      /a\.ts:1:1: export \* of a CommonJS module/
    ],
    [
      { 'a.ts': "export { c } from './b.cjs'", 'b.cjs': 'exports.c = 1' },
      'CODE_UNAVAILABLE',
      /c is exported from a CommonJS module/
    ],
    [
      { 'a.ts': 'export const a = () => 1\nmodule.exports = { a }' },
      'CODE_UNAVAILABLE',
      /a\.ts:2:1: module\.exports and export/
    ],
    [
      {
        'a.ts': "import { b } from './b.ts'\nexport const a = b",
        'b.ts': 'export const b = () => exports.x'
      },
      'CODE_UNAVAILABLE',
      /b\.ts:1:24: exports and module are there in the file that is deployed alone/
    ],
    [
      { 'a.ts': 'export const v = 1\nexport const a = () => { v = 2 }' },
      'CODE_SYNTAX',
      /a\.ts:2:26: Cannot assign to "v" because it is a constant/
    ],
    [
      { 'a.ts': "import type { B } from './b.ts'\nexport type A = B", 'b.ts': 'export type B = 1' },
      'CODE_NO_EXPORTS',
      /a\.ts exports nothing/
    ],
    [
      {
        'a.ts': "export const a = () => 1\nexport { b } from './b.ts'",
        'b.ts': `export const b = '${'x'.repeat(1024 * 1024)}'`
      },
      'CODE_TOO_LARGE',
      /the bundle of .*a\.ts has \d+ bytes, and a contract 1048576 at most/
    ]
  ]
  for (const [files, code, message] of cases) {
    const thrown = await write(t, files)
      .then(bundle)
      .then(
        ({ source }) => source,
        (error) => error
      )
    t.is(
      thrown instanceof MivmError && thrown.code,
      code,
      `${files['a.ts']?.slice(0, 80)}: ${thrown?.message ?? thrown}`
    )
    t.ok(message.test(thrown?.message), `${thrown?.message?.slice(0, 300)}`)
  }
})

test('bundle - a file that is not there, or not text', async (t) => {
  const dir = await tempDir(t)
  await t.exception(bundle(path.join(dir, 'none.ts')), { code: 'FILE_UNKNOWN' })
  await writeFile(path.join(dir, 'bytes.ts'), Buffer.of(0xff, 0xfe))
  await t.exception(bundle(path.join(dir, 'bytes.ts')), { code: 'CODE_SYNTAX' })
})

test('bundle - what is asked for with typeof may be missing', async (t) => {
  const { contract, call } = await open(t, {
    'app.ts':
      "declare const process: any\nexport const where = () => typeof process === 'object' ? process.version : 'nowhere'"
  })
  t.alike(contract.warnings, [])
  t.is(await call('where'), 'nowhere')
})

test('bundle - whoever asks for what only CommonJS has is told that it is not there', async (t) => {
  const { contract, call } = await open(t, {
    'app.mjs': "import { kinds } from './kinds.mjs'\nexport const get = () => kinds",
    'kinds.mjs': `
      const find = typeof require === 'function' ? require : () => 'nothing'
      export const kinds = [typeof require, typeof module, typeof exports, find('x' + find.name)]
    `
  })
  t.alike(contract.warnings, [])
  t.alike(await call('get'), ['undefined', 'undefined', 'undefined', 'nothing'])
})

test('bundle - there is a require for who asks, where all that it requires is in the bundle', async (t) => {
  const { contract, call } = await open(t, {
    'app.mjs': "import found from 'guarded'\nexport const get = () => found",
    'node_modules/guarded/package.json': '{ "name": "guarded", "version": "1.0.0" }',
    'node_modules/guarded/index.js': `
      let found
      if (typeof require === "function") {
        try {
          found = { a: require("./a") }
        } catch (e) {}
      }
      exports.found = found || window.found
      exports.node = require("./node")
    `,
    'node_modules/guarded/a.js': `
      (function (root, make) {
        if (typeof require === 'function' && typeof exports === 'object') module.exports = make()
        else root.a = make()
      })(this, () => 1)
    `,
    'node_modules/guarded/node.js': `
      const found = { name: "zlib" }
      let zlib = "none"
      if (typeof require !== "undefined") zlib = require(found.name)
      exports.zlib = zlib
      exports.a = require("./a")
    `
  })
  t.alike(await call('get'), { found: { a: 1 }, node: { zlib: 'none', a: 1 } })
  t.is(contract.warnings.length, 1, 'of window')
})

test('bundle - what a module puts on the global object, others find by its name', async (t) => {
  const { contract, call } = await open(t, {
    'app.ts': `
      import './shim.ts'
      import { all } from 'user'
      export { caller } from 'user'
      export const own = () => [crypto.bits(), new URL('x').href, Own, typeof Buffer, env.seq]
      export { all }
      export const scoped = (URL: string) => ((crypto) => [crypto, URL])(1)
    `,
    'shim.ts': `
      declare const globalThis: { [name: string]: unknown }
      globalThis.crypto = { bits: () => 7 }
      globalThis['URL'] ??= class URL { constructor(public href: string) {} }
      globalThis.Own = 'own'
      globalThis.bare = function () { return this === undefined }
      globalThis.env = 'no'
      globalThis.Map ||= class {}
    `,
    'node_modules/user/package.json': '{ "name": "user", "type": "module", "exports": "./i.js" }',
    'node_modules/user/i.js': `
      import { named } from './named.js'
      const has = typeof URL === 'function' && 'href' in new URL('')
      export const all = () => [crypto.bits(), has, bare(), { crypto }.crypto.bits(), named(), new Map().size]
      export const caller = () => globalThis.crypto.bits()
    `,
    'node_modules/user/named.js': 'const crypto = 1\nexport const named = () => crypto'
  })
  t.alike(contract.warnings, [])
  t.alike(await call('own'), [7, 'x', 'own', 'undefined', 2])
  t.alike(await call('all'), [7, true, true, 7, 1, 0])
  t.is(await call('caller'), 7)
  t.alike(await call('scoped', 'u'), [1, 'u'])
})

test('bundle - of a package whose build for browsers is no module, the module is taken', async (t) => {
  const { contract, call } = await open(t, {
    'app.mjs': `import umd, { kind } from 'umd'
      import esm from 'esm'
      import map from '@scope/map'
      import part from 'umd/part.js'
      export const get = () => [umd, kind, esm, map, part]`,
    'node_modules/umd/package.json':
      '{ "name": "umd", "version": "1.0.0", "browser": "umd.js", "module": "./m.mjs" }',
    'node_modules/umd/umd.js': 'delete Array.prototype.push\nexports.default = "umd"',
    'node_modules/umd/m.mjs': 'export const kind = "m"\nexport default "module"',
    'node_modules/umd/part.js': 'export default "part"',
    'node_modules/esm/package.json':
      '{ "name": "esm", "version": "1.0.0", "browser": "./b", "module": "node.js" }',
    'node_modules/esm/b.js': '// import\nexport { a as default }\nconst a = "browser"',
    'node_modules/esm/node.js': 'import "fs"\nexport default "node"',
    'node_modules/@scope/map/package.json':
      '{ "name": "@scope/map", "version": "1.0.0", "module": "m.js", "browser": { "./m.js": "./b.js" } }',
    'node_modules/@scope/map/m.js': 'export default "node"',
    'node_modules/@scope/map/b.js': 'export default "browser"'
  })
  t.alike(await call('get'), ['module', 'm', 'browser', 'browser', 'part'])
  t.alike(contract.packages, ['@scope/map@1.0.0', 'esm@1.0.0', 'umd@1.0.0'])
})

test('bundle - of a contract in one file the author is told what is not there, and where', async (t) => {
  const text = `exports.time = (x) => performance.now(x)
exports.later = () => {
  setTimeout(() => performance.now(structuredClone('x')))
}
exports.asked = () => typeof process === 'object' && process.version
exports.own = (URL) => new URL('x').crypto
exports.made = (x) => x instanceof Function && new Function('return 1')()
`
  const file = await write(t, { 'app.js': text })
  const { source, isBundled, warnings } = await bundle(file)
  t.is(source, text)
  t.absent(isBundled)
  t.alike(
    warnings.map((line) => line.replace(/^.*(?=app\.js)/, '')),
    [
      'app.js:7:48: code from strings is not there: generate it before deployment',
      'app.js:1:23: performance is not there: use env.time',
      'app.js:3:3: setTimeout is not there: time stands still during a call: compare env.time in a later one'
    ]
  )
})

test('bundle - what is said of a name at deployment, the call that fails over it says too', async (t) => {
  const names = [...MISSING.keys()].filter((name) => name !== 'eval' && name !== '__require')
  const source = names.map((name) => `exports['of ${name}'] = () => ${name}`)
  const instance = await deploy(source.join('\n'))
  t.teardown(() => instance.close())
  for (const name of names) {
    const error = await instance.call('alice', `of ${name}`, []).catch((thrown) => thrown)
    t.ok(error.message.startsWith(`${name} is not defined in this VM: `), error.message)
  }
})

test('bundle - packages are not refused for what they may never use, and the author is told', async (t) => {
  const { contract, call } = await open(t, {
    'app.mjs': "import { a } from 'timer'\nexport const get = () => a",
    'node_modules/timer/package.json': '{ "name": "timer", "version": "1.2.3", "main": "m.mjs" }',
    'node_modules/timer/m.mjs':
      'export const a = 1\nexport const b = () => setTimeout(a)\nglobalThis.b = b'
  })
  t.alike(contract.packages, ['timer@1.2.3'])
  t.alike(contract.warnings, [
    'setTimeout is not there, and npm:timer@1.2.3/m.mjs uses it: time stands still during a call: compare env.time in a later one'
  ])
  t.is(await call('get'), 1)
})

test('bundle - a package may require modules of Node that it never comes to', async (t) => {
  const files = {
    'app.mjs':
      "import { late, make, safe } from 'engines'\nexport const get = () => safe(3)\nexport { late, make }",
    'node_modules/engines/package.json':
      '{ "name": "engines", "version": "2.0.0", "main": "m.mjs", "module": "m.mjs" }',
    'node_modules/engines/m.mjs': `
      import guarded from './guarded.cjs'
      export const safe = (x) => [x, guarded, typeof require]
      export const make = () => require('node:crypto').randomBytes(4)
      export const late = async () => (await import('fs/promises')).readFile
    `,
    'node_modules/engines/guarded.cjs':
      "try { module.exports = require('util').inspect } catch (e) { module.exports = e.code }"
  }
  const { contract, call } = await open(t, files)
  t.alike(await call('get'), [3, 'MODULE_NOT_FOUND', 'undefined'])
  t.alike(contract.warnings, [
    'util, a module of Node, is not there, and npm:engines@2.0.0/guarded.cjs uses it: use a package that runs in browsers too',
    'crypto, a module of Node, is not there, and npm:engines@2.0.0/m.mjs uses it: use a package such as @noble/hashes',
    'fs/promises, a module of Node, is not there, and npm:engines@2.0.0/m.mjs uses it: use state for files'
  ])
  const error = await call('make').catch((thrown) => thrown)
  t.is(error.message, 'there is no "crypto", a module of Node: use a package such as @noble/hashes')
  t.ok(/at .*node_modules\/engines\/m\.mjs:4:\d+$/m.test(error.stack), error.stack)
  await t.exception(call('late'), /there is no "fs\/promises", a module of Node: use state/)
  t.ok(contract.source.includes('"node:crypto"'))
  const early = await write(t, {
    ...files,
    'node_modules/engines/m.mjs':
      "const fs = require('fs')\nexport const safe = 1, make = fs, late = fs"
  })
  const thrown = await deploy(await bundle(early)).catch((reason) => reason)
  t.is(thrown.code, 'CODE_THROWS')
  t.ok(/m\.mjs:1:\d+: .*there is no "fs", a module of Node: use state/.test(thrown.message))
})

test('bundle - packages that ask a bundler for its mode are told that it is production', async (t) => {
  const { contract, call } = await open(t, {
    'app.mjs':
      "import { mode, where } from 'moded'\nexport const get = () => [mode, typeof where()]",
    'node_modules/moded/package.json': '{ "name": "moded", "version": "1.0.0", "module": "m.mjs" }',
    'node_modules/moded/m.mjs': `
      export const mode = (import.meta.env ? import.meta.env.MODE : void 0) !== 'production' ? 1 : 2
      export const where = () => import.meta.url
    `
  })
  t.alike(await call('get'), [2, 'undefined'])
  t.alike(contract.warnings, [
    'import.meta is not there, and npm:moded@1.0.0/m.mjs uses it: a contract has no address of its own'
  ])
})

test('bundle - what the VM refuses is explained with the place in the file of the author', async (t) => {
  const contract = await bundle(
    await write(t, {
      'app.ts':
        "import { b } from './b.ts'\nexport type A = 1\nexport let count = 0\nexport const a = () => [count, b]",
      'b.ts': 'interface X {}\n\nexport const b = () => 1\n'
    })
  )
  const at = (text: string) => {
    const offset = contract.source.indexOf(text)
    const before = contract.source.slice(0, offset).split('\n')
    return `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}: no`
  }
  const explained = (bundled: Bundle, text: string) =>
    String(bundled.explain(new MivmError('CODE_SYNTAX', text))).replace(/^.*[\\/]/, '')
  t.is(explained(contract, at('1;')), 'b.ts:3:24: no')
  t.is(explained(contract, at('exports.count = 0')), 'app.ts:3:12: no')
  t.is(explained(contract, at('exports.count, b')), 'app.ts:4:25: no')
  t.is(explained(contract, at('b];')), 'app.ts:4:32: no')
  const other = new MivmError('DEPLOY_DENIED', 'line 1, column 1: no')
  t.is(contract.explain(other), other)
})

test('bundle - a first line for the shell is left out, and the others stay where they are', async (t) => {
  const { contract, call } = await open(t, {
    'app.mjs': '#!/usr/bin/env -S node --x\nexport const greet = () => "hello"\n'
  })
  t.is(await call('greet'), 'hello')
  const { line, column } = contract.placeOf(contract.source.indexOf('"hello"')) ?? {}
  t.alike([line, column], [2, 28])
})

test('bundle - lines are counted as the parsers count them, whatever ends them', (t) => {
  const text = 'a\nbc\r\nd\re\u2028f\u2029\n\r\n\n\rg'
  for (let offset = 0; offset <= text.length; offset++) {
    // nothing begins there
    if (text.slice(offset - 1, offset + 1) === '\r\n') continue
    const { line, column } = placeIn(text, '', offset)
    t.alike({ line, column: column - 1 }, { ...getLineInfo(text, offset) }, `offset ${offset}`)
    t.is(offsetOf(text, line, column), offset)
  }
})

test('bundle - the cost of loading is that of the body, and the same in every run', async (t) => {
  const loop = (turns: number) =>
    bundleOf(t, `let x = 0\nfor (let i = 0; i < ${turns}; i++) x += i\nexport const a = () => x`)
  const [small, large] = [await loadCost(await loop(10)), await loadCost(await loop(50_000))]
  t.ok(large.fuel > small.fuel + 40_000, `${small.fuel}, ${large.fuel}`)
  t.ok(large.ms > 0)
  t.is((await loadCost(await loop(50_000))).fuel, large.fuel)
  await t.exception(bundleOf(t, 'export const a = () => 1\nthrow new Error("no")').then(loadCost), {
    code: 'CODE_THROWS'
  })
})

async function bundleOf(t: Test, text: string): Promise<Bundle> {
  return bundle(await write(t, { 'app.ts': text }))
}

test.hook('bundle - the VM of these tests closes', async (t) => {
  await t.execution((await held).release())
})
