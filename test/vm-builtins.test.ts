// The builtins that the realm puts in the place of V8's: all are on a list, look like V8's, and do the same, and each
// limit of theirs is where it is said to be.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'brittle'
import { PRICES } from '../src/vm/js-1/prices.js'
import type { Step } from '../src/vm/vm.ts'
import { cloned, ordered } from './cloned-values.js'
import { briefOf, contractOf, Instance, type Line, openOne } from './vm-helpers.ts'

const PROCESS = fileURLToPath(new URL('./builtins-process.js', import.meta.url))
const LIST_FILE = new URL('./vectors/builtins.json', import.meta.url)

/** How a function is V8's own, one of ours, or not in the realm. */
type Kind = 'native' | 'ours' | 'absent'

/** Rules under which V8's own functions may stand: their work does not grow, or whoever passes arguments pays. */
const NATIVE = ['constant', 'arguments']

const DATE_PARTS = ['FullYear', 'Month', 'Date', 'Hours', 'Minutes', 'Seconds', 'Milliseconds']

/** Ours and constant: they replace what is not deterministic, and nothing in them grows. */
const OURS_AND_CONSTANT = [
  'Date.prototype.getDay',
  ...DATE_PARTS.map((part) => `Date.prototype.get${part}`),
  'TextEncoder',
  'get TextEncoder.prototype.encoding',
  'get TextDecoder.prototype.encoding',
  'get TextDecoder.prototype.fatal',
  'get TextDecoder.prototype.ignoreBOM',
  ...['Function.prototype.toString', 'get TypedArray.prototype.buffer', 'Function', 'Date.now'],
  ...['Symbol.keyFor', 'Date.prototype.getTimezoneOffset'],
  ...['Error.captureStackTrace', 'get Error.stackTraceLimit', 'set Error.stackTraceLimit']
]

/** By path: why calls of these do not come to what they come to in V8. */
const DIFFERENT: Record<string, string> = {
  'Array.prototype.toLocaleString': 'no locales',
  'BigInt.prototype.toLocaleString': 'no locales',
  'Number.prototype.toLocaleString': 'no locales',
  'String.prototype.localeCompare': 'no locales',
  'String.prototype.toLocaleLowerCase': 'no locales',
  'String.prototype.toLocaleUpperCase': 'no locales',
  'TypedArray.prototype.toLocaleString': 'no locales',
  'Date.prototype.toLocaleDateString': 'no locales',
  'Date.prototype.toLocaleString': 'no locales',
  'Date.prototype.toLocaleTimeString': 'no locales',
  Date: 'the clock is the time of the call',
  'Date.now': 'the clock is the time of the call',
  'Date.prototype.constructor': 'the clock is the time of the call',
  'Date.parse': 'of all formats, those of ECMA-262',
  Function: 'no code from strings',
  'Function.prototype.constructor': 'no code from strings',
  'Error.captureStackTrace': 'no stacks',
  'Math.random': 'the seed is that of the call',
  'Math.acosh': 'software',
  'Math.asinh': 'software',
  'Math.atan2': 'software',
  'Math.expm1': 'software',
  'Math.log1p': 'software',
  'Math.sinh': 'software',
  'Object.assign': 'Symbol.iterator of an array and of a String is frozen',
  'Object.getPrototypeOf': 'prototypes are frozen',
  'Reflect.getPrototypeOf': 'prototypes are frozen',
  ArrayBuffer: 'no buffers that grow',
  'ArrayBuffer.prototype.constructor': 'no buffers that grow'
}

test('vm builtins - every function of the realm is on the list, under a rule', (t) => {
  const kinds: [path: string, kind: Kind][] = look('list')
  const listed: Record<string, string> = JSON.parse(readFileSync(LIST_FILE, 'utf8'))
  const there = kinds.filter(([, kind]) => kind !== 'absent')
  t.alike(
    there.filter(([path]) => listed[path] === undefined || listed[path] === 'absent'),
    [],
    'nothing is new'
  )
  const paths = new Set(there.map(([path]) => path))
  const rules = Object.entries(listed).filter(([, rule]) => rule !== 'absent')
  t.alike(
    rules.filter(([path]) => !paths.has(path)),
    [],
    'nothing is missing'
  )
  const natives = there.filter(([, kind]) => kind === 'native').map(([path]) => path)
  t.alike(
    natives.filter((path) => !NATIVE.includes(listed[path] ?? '')),
    [],
    "V8's own functions are constant, or paid for by who calls them"
  )
  const ours = there.filter(([, kind]) => kind === 'ours').map(([path]) => path)
  const constant = ours.filter((path) => listed[path] === 'constant' && !/Function$/.test(path))
  t.alike(
    constant.filter((path) => !OURS_AND_CONSTANT.includes(path)),
    [],
    'ours are charged'
  )
  t.ok(
    ours.length > 400 && natives.length > 100,
    `${ours.length} of ours, ${natives.length} of V8's`
  )
})

/** Why functions of V8's may ask something of `this`, though nobody counts how deep they are nested. */
const ASKING: Record<string, string> = {
  'Function.prototype.Symbol(Symbol.hasInstance)': 'only where there is an object to look for'
}

test("vm builtins - none of V8's own asks anything of an object that could answer with the same", (t) => {
  const asking: [path: string, asked: string][] = look('asking')
  t.alike(
    asking.filter(([path]) => ASKING[path] === undefined),
    []
  )
  t.is(asking.length, Object.keys(ASKING).length)
})

/** What other environments have beside the language, and this realm too. */
const ADDED = ['TextEncoder', 'TextDecoder', 'atob', 'btoa', 'queueMicrotask', 'structuredClone']

test("vm builtins - they look like V8's", (t) => {
  type Look = Record<string, { kind: string; properties: Record<string, string> }>
  const [before, after]: [Look, Look] = look('look')
  const different: string[] = []
  let count = 0
  for (const [path, { kind, properties }] of Object.entries(after)) {
    const old = before[path]
    if (old === undefined || /stackTraceLimit|captureStackTrace/.test(path)) continue
    count++
    if (kind !== old.kind) different.push(`${path} is a ${kind}, not a ${old.kind}`)
    const keys = Object.keys(properties).filter((key) => !ADDED.includes(key))
    const shared = Object.keys(old.properties).filter((key) => key in properties)
    if (String(keys) !== String(shared)) different.push(`${path} has ${keys}, not ${shared}`)
    for (const key of keys) {
      const [was, is] = [old.properties[key], properties[key]]
      if (was !== is && !/StackTrace|stackTrace/.test(key)) {
        different.push(`${path}.${key} is ${is}, not ${was}`)
      }
    }
  }
  t.alike(different, [])
  t.ok(count > 500, `${count} objects`)
})

test("vm builtins - they do what V8's do, and ask their operands for the same in the same order", (t) => {
  const { count, different }: { count: number; different: [string, string, string][] } =
    look('compare')
  const unknown = different.filter(([call]) => DIFFERENT[call.split('|')[0] ?? ''] === undefined)
  t.alike(
    unknown.filter(([, , ours]) => !/LIMIT|TOO_LARGE/.test(ours)),
    []
  )
  t.ok(count > 30_000, `${count} calls`)
})

test('vm builtins - each limit is where it is said to be', async (t) => {
  const { limits } = PRICES
  const cases: Record<string, [body: (size: number) => string, limit: number, code: string]> = {
    text: [(n) => `'x'.repeat(${n}).length`, limits.text, 'ALLOCATION_LIMIT'],
    'text by +': [
      (n) => `('x'.repeat(${limits.text / 2}) + 'x'.repeat(${n - limits.text / 2})).length`,
      limits.text,
      'ALLOCATION_LIMIT'
    ],
    elements: [(n) => `new Array(${n}).length`, limits.allocation / 8, 'ALLOCATION_LIMIT'],
    buffers: [(n) => `new Uint8Array(${n}).length`, limits.buffers, 'BUFFER_TOO_LARGE'],
    description: [
      (n) => `Symbol('x'.repeat(${n})).description.length`,
      limits.description,
      'ALLOCATION_LIMIT'
    ],
    shift: [(n) => `(1n << ${n - 1}n) > 0n`, limits.bits, 'ALLOCATION_LIMIT'],
    power: [(n) => `2n ** ${Math.ceil(n / 2)}n > 0n`, limits.bits, 'ALLOCATION_LIMIT'],
    arguments: [
      (n) => `Math.max.apply(null, new Array(${n}).fill(1))`,
      limits.arguments,
      'ARGUMENTS_LIMIT'
    ],
    'bound arguments': [
      (n) => `(() => 1).bind(null, ...new Array(${n}).fill(1))()`,
      limits.boundArguments,
      'ARGUMENTS_LIMIT'
    ],
    layers: [
      (n) => `let f = () => 1; for (let i = 0; i < ${n}; i++) f = f.bind(); return f()`,
      limits.layers,
      'NESTING_LIMIT'
    ],
    prototypes: [
      (n) => `let o = null; for (let i = 0; i <= ${n}; i++) o = Object.create(o); return 1`,
      limits.prototypes,
      'NESTING_LIMIT'
    ],
    nesting: [
      (n) => `let a = [1]; for (let i = 1; i < ${n}; i++) a = [a]; return a.flat(Infinity)[0]`,
      limits.nesting,
      'NESTING_LIMIT'
    ]
  }
  const vm = await openOne(t)
  for (const [name, [body, limit, code]] of Object.entries(cases)) {
    const text = (size: number) => {
      const source = body(size)
      return source.includes('return') ? source : `return ${source}`
    }
    const source = `exports.below = () => { ${text(limit)} }
      exports.above = () => { ${text(limit + 1)} }`
    const instance = new Instance(contractOf(source, { address: name }))
    const [, below, above] = await instance.run(vm, [['init'], ['below'], ['above']])
    t.is(below?.status, 'ok', `${name}: ${limit} ${briefOf(below)}`)
    t.is(briefOf(above), `error ${code}`, `${name}: ${limit + 1}`)
  }
})

test('vm builtins - copies of values are those of Node, and microtasks come when they do there', async (t) => {
  const vm = await openOne(t)
  const source = `exports.cloned = ${cloned}\nexports.ordered = ${ordered}
    exports.oracle = () => structuredClone([oracle])`
  const instance = new Instance(contractOf(source))
  const lines: Line[] = [['init'], ['cloned'], ['ordered', false], ['ordered', true]]
  const [, ...results] = await instance.run(vm, lines)
  const [refused] = await instance.run(vm, [['oracle']])
  t.is(refused?.status === 'error' && refused.error.name, 'DataCloneError', 'oracle is a proxy')
  const [copies, ...orders] = results.map((result) =>
    result.status === 'ok' ? JSON.parse(result.value ?? 'null') : result.error
  )
  t.alike(copies, cloned())
  const order = await ordered(false)
  t.alike(orders, [order, order])
})

test('vm builtins - what is short is paid for, too', async (t) => {
  const least: Record<string, number> = {
    'Math.random()': PRICES.builtins.numberMade,
    'new DataView(buffer).setFloat64(0, NaN)': PRICES.builtins.call,
    'buffer.slice()': PRICES.builtins.view,
    "Uint8Array.fromHex('00')": PRICES.builtins.converted,
    "Uint8Array.fromBase64('AAAA')": PRICES.builtins.converted,
    'new Uint8Array(buffer).toHex()': PRICES.builtins.view + PRICES.builtins.converted,
    'structuredClone(1)': PRICES.builtins.object,
    'structuredClone({ a: [] })': 2 * PRICES.builtins.proxy,
    'structuredClone({ __proto__: Date.prototype })':
      PRICES.builtins.proxy + 3 * PRICES.builtins.kind + PRICES.builtins.kindMissed,
    'queueMicrotask(Object)': PRICES.builtins.then,
    'JSON.stringify(hidden)': 100 * PRICES.builtins.keyWrite,
    'JSON.stringify(hidden, (_, value) => value)': 100 * PRICES.builtins.keyWrite,
    'JSON.stringify(new Map())': PRICES.builtins.jsonTagged,
    'hidden + 1': PRICES.builtins.object,
    '`${hidden}`': PRICES.builtins.object,
    'Object.defineProperty(list.slice(), 0, { value: 1 })': 100 * PRICES.builtins.arrayTable,
    'console.log(Object)': PRICES.state.shown,
    'console.log(new Error())': PRICES.state.shown
  }
  const vm = await openOne(t)
  const bodies = ['undefined', ...Object.keys(least)]
  const methods = bodies.map(
    (body, i) =>
      `exports.m${i} = () => { const buffer = new ArrayBuffer(8)
        const hidden = {}
        const list = new Array(100).fill(0)
        for (let i = 0; i < 100; i++) Object.defineProperty(hidden, 'k' + i, { value: i })
        for (let i = 0; i < 100; i++) ${body} }`
  )
  const fuel: number[] = []
  const overrides = { onStep: (step: Step) => fuel.push(step.fuel) }
  const lines: Line[] = [['init'], ...bodies.map((_, i): Line => [`m${i}`])]
  await new Instance(contractOf(methods.join('\n'))).run(vm, lines, { overrides })
  Object.entries(least).forEach(([body, units], i) => {
    const used = ((fuel[i + 2] ?? 0) - (fuel[1] ?? 0)) / 100
    t.ok(used >= units, `${body}: ${used}`)
  })
})

function look<Found>(what: string): Found {
  const flags = ['--no-node-snapshot', '--jitless', PROCESS, what]
  const { signal, stdout, stderr } = spawnSync(process.execPath, flags, {
    encoding: 'utf8',
    maxBuffer: 1 << 27
  })
  // the way in which it ends
  if (signal !== 'SIGKILL') throw new Error(stderr)
  return JSON.parse(stdout)
}
