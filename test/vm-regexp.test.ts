// RegExp in the realm of js-1: the same results as V8's own, for a price that is known, within the fuel.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'
import test, { type Test } from 'brittle'
import { PRICES } from '../src/vm/js-1/prices.js'
import { composeRegExp } from '../src/vm/js-1/realm.js'
import { Random } from './random.ts'
import { RegExpGenerator } from './regexp-generator.ts'
import { briefOf, contractOf, Instance, openOne } from './vm-helpers.ts'

/** Thrown by the counter; no contract catches it here. */
const EMPTY = 'no fuel is left'

/** The realm scripts that RegExp is made of, as far as they are used here. */
interface Parts {
  readonly pattern: { parse(source: string, flags: string): { tree: object; count: number } }
  readonly bound: {
    boundOf(
      tree: object
    ): { attempt: number[]; failure: number | null; looksBehind: boolean } | null
    stepsOf(polynomial: number[], left: number): number
  }
  readonly matcher: {
    compile(tree: object, count: number, unicode: boolean): object
    search(
      program: object,
      text: string,
      from: number,
      once: boolean,
      charge: (units: number) => void
    ): Int32Array | null
  }
}

/** As the prelude does, which a context of node:vm cannot have whole: its global object cannot be frozen. */
const FREEZE = `for (const object of [RegExp, RegExp.prototype, String.prototype]) Object.freeze(object)`

/** The RegExp of the realm in a context of its own, with a counter for fuel. */
class Realm {
  fuel = Number.POSITIVE_INFINITY
  used = 0
  readonly #context = vm.createContext()
  readonly parts: Parts
  readonly #start: () => void

  constructor() {
    const { startRegExps, parts } = vm.runInContext(
      composeRegExp(),
      this.#context
    )((units: number) => {
      if (!(units >= 0)) throw new Error(`charged ${units}`)
      this.used += units
      if (this.used > this.fuel) throw EMPTY
    })
    vm.runInContext(FREEZE, this.#context)
    this.#start = startRegExps
    this.parts = parts
  }

  start(fuel = Number.POSITIVE_INFINITY): void {
    this.used = 0
    this.fuel = fuel
    this.#start()
  }

  run(source: string): unknown {
    return vm.runInContext(`'use strict';\n${source}`, this.#context)
  }

  /** The result as JSON, the error as text, or EMPTY. */
  see(source: string): string {
    try {
      return String(JSON.stringify(this.run(source)))
    } catch (error) {
      if (error === EMPTY) return EMPTY
      return String(error)
    }
  }
}

// ---- the same results

/** A function `(source, flags, text, lastIndex, operation)` that gives all there is to see, as text. */
const OBSERVER = `(() => {
  const operations = {
    exec: (r, t) => r.exec(t),
    test: (r, t) => r.test(t),
    match: (r, t) => t.match(r),
    all: (r, t) => [...t.matchAll(new RegExp(r, r.flags.replace('g', '') + 'g'))].map(describe),
    replace: (r, t) => t.replace(r, "[$1$&$2$<x>$\`$'$$$10]"),
    function: (r, t) => t.replace(r, (...all) => JSON.stringify(all)),
    split: (r, t) => t.split(r),
    limited: (r, t) => t.split(r, 3),
    search: (r, t) => t.search(r)
  }
  return (source, flags, text, lastIndex, operation) => {
    const regexp = new RegExp(source, flags)
    regexp.lastIndex = lastIndex
    const result = operations[operation](regexp, text)
    return JSON.stringify([describe(result), regexp.lastIndex])
  }
  function describe(value) {
    if (!Array.isArray(value) || value.index === undefined) return value
    const { index, input, groups, indices } = value
    const named = groups === undefined ? null : [Object.entries(groups), Object.getPrototypeOf(groups)]
    const places = indices === undefined ? null : [[...indices], indices.groups]
    return [[...value], Object.keys(value), index, input, named, places]
  }
})()`

const OPERATIONS = [
  'exec',
  'test',
  'match',
  'all',
  'replace',
  'function',
  'split',
  'limited',
  'search'
] as const

type Observe = (
  source: string,
  flags: string,
  text: string,
  lastIndex: number,
  operation: string
) => string

test('vm regexp - random patterns match as they do in V8', (t) => {
  const { compared, differences } = compareRandom(t, 20181121, 3000, (source) => source)
  t.ok(compared > 7000, `${compared} cases`)
  t.alike(differences.slice(0, 5), [])
})

test('vm regexp - what is too long for V8 is matched in the same way', (t) => {
  // nothing of this length is handed to V8
  const lengthen = (source: string) => `(?:${source})(?:|${'z'.repeat(1000)})`
  const { compared, differences } = compareRandom(t, 20181122, 1500, lengthen)
  t.ok(compared > 3000, `${compared} cases`)
  t.alike(differences.slice(0, 5), [])
})

/** Matches so many random patterns, each as `written`, with three texts in the realm and in V8. */
function compareRandom(
  t: Test,
  seed: number,
  patterns: number,
  written: (source: string) => string
): { compared: number; differences: readonly string[] } {
  const random = new Random(Number(process.env['MIVM_SEED'] ?? seed))
  t.comment(`MIVM_SEED=${random.seed}`)
  const generator = new RegExpGenerator(random)
  const realm = new Realm()
  realm.start()
  const ours = realm.run(OBSERVER) as Observe
  const native = vm.runInNewContext(OBSERVER) as Observe
  const differences: string[] = []
  let compared = 0
  for (let i = 0; i < patterns; i++) {
    const { source, flags } = generator.pattern()
    const pattern = written(source)
    if (!isRegExp(source, flags) || !isRegExp(pattern, flags)) continue
    for (let j = 0; j < 3; j++) {
      const text = generator.text()
      if (isFoundInPair(source, flags, text)) continue
      const lastIndex = random.chance(0.3) ? random.below(text.length + 2) : 0
      const operation = random.pick(OPERATIONS)
      realm.start(1e7)
      const seen = attempt(() => ours(pattern, flags, text, lastIndex, operation))
      if (seen === EMPTY) break
      const expected = attempt(() => native(pattern, flags, text, lastIndex, operation))
      compared++
      if (seen !== expected) {
        differences.push(
          `/${source}/${flags} ${operation} ${JSON.stringify(text)} from ${lastIndex}: ${seen} is not ${expected}`
        )
      }
    }
  }
  return { compared, differences }
}

test('vm regexp - the corners of the language are as in V8', (t) => {
  const realm = new Realm()
  realm.start()
  const corners = [
    `/(z)((a+)?(b+)?(c))*/.exec('zaacbbbcac')`,
    `/(?=(a+))a*b\\1/.exec('baaabac')`,
    `/(.*?)a(?!(a+)b\\2c)\\2(.*)/.exec('baaabaac')`,
    `/(?<=(\\d+)(\\d+))$/.exec('1053')`,
    `/(?<=\\1(.))a/.exec('bba')`,
    `/(a*)*/.exec('b')`,
    `/(?:a*?)*?b/.exec('aab')`,
    `/(?:(?<y>\\d{4})-|-(?<y>\\d{4}))/.exec('-2024').groups`,
    `/\\k<x>/.exec('k<x>')`,
    `/(?<x>a)\\k<x>/.exec('aa').groups.x`,
    `/(?<\\u{1d4d0}>a)/u.exec('a').groups`,
    `/[\\q{abc|ab|a}]c/v.exec('abc')`,
    `/^[\\p{RGI_Emoji}--\\q{🇩🇪}]+$/v.test('👨‍👩‍👧🇫🇷')`,
    `/[^\\x00]/.exec('\\ud83d\\ude00')[0].length`,
    `/^(?:\\1(a)){2}$/.exec('aa')`,
    `/\\bK\\b/iu.test('\\u212a')`,
    `/[^k]/iu.test('\\u212a')`,
    `/ß/i.test('ẞ') + '' + /ß/iu.test('ẞ')`,
    `/^a|b$/gm[Symbol.replace]('a\\nb', 'x')`,
    `/(?<a>.)(?<b>.)/.exec('xy').groups`,
    `/(?<a>.)|(?<b>.)/d.exec('xy').indices.groups.b === undefined`,
    `'abc'.replace(/(?<n>b)/, '[$<n>|$<none>|$1|$01|$2|$\`|$\\'|$$|$]')`,
    `'aaa'.replace(/a/y, 'b') + 'baa'.replace(/a/gy, 'x')`,
    `'a1b2'.split(/(\\d)/)`,
    `''.split(/a?/)`,
    `'ab'.split(/(?:)/u)`,
    `'abc'.split(/b/, -1).length`,
    `'test'.split(/(?=e)/y)`,
    `const r = /a/g; r.lastIndex = 5; [r.test('a'), r.lastIndex]`,
    `const r = /a/y; r.lastIndex = { valueOf: () => 1 }; [r.test('ba'), r.lastIndex]`,
    `const r = Object.freeze(/a/g); r.exec('a')`,
    `const r = /a/; Object.freeze(r); r.exec('a').index`,
    `const r = /x/g; r.lastIndex = 3; ['axa'.search(r), r.lastIndex]`,
    `class R extends RegExp { exec (s) { return s === 'no' ? null : super.exec('x' + s) } }
      [new R('a').test('no'), 'ba'.search(new R('a')), 'aa'.replace(new R('a', 'y'), '-')]`,
    `class R extends RegExp { static get [Symbol.species] () { return RegExp } }
      [new R('a', 'g') instanceof R, 'banana'.split(new R('a')), [...'aa'.matchAll(new R('a', 'g'))].length]`,
    `const log = []; const r = /b/; Object.defineProperty(r, 'exec', { value: (s) => { log.push(s); return null } })
      ['abc'.search(r), 'abc'.match(r), 'abc'.replace(r, ''), log]`,
    `const r = /a/; Object.defineProperty(r, 'exec', { value: 5 }); [r.test('a'), 'ba'.search(r)]`,
    `const r = /a/; Object.defineProperty(r, 'flags', { value: 'g' }); let n = 0
      Object.defineProperty(r, 'exec', { value: () => n++ < 2 ? { 0: 'a', index: n, length: 1 } : null })
      'aaaa'.replace(r, 'b')`,
    `RegExp.prototype.exec.call(RegExp.prototype, 'a')`,
    `RegExp.prototype.exec.call({}, { toString () { throw new Error('too early') } })`,
    `RegExp.prototype.test.call(1)`,
    `RegExp.prototype[Symbol.split].call({ constructor: undefined, flags: '' }, 'a').length`,
    `Object.getPrototypeOf('a'.matchAll(/a/g)).next.call({})`,
    `'a'.matchAll(/a/)`,
    `'a.b'.match('.').index + 'a+b'.search('\\\\+') + [...'a.b'.matchAll('.')].length`,
    `'x'.match(undefined)`,
    `String.prototype.match.call(null, /a/)`,
    `'null'.match(null)[0]`,
    `RegExp('[')`,
    `new RegExp('a', 'gg')`,
    `const r = /a/g; [RegExp(r) === r, new RegExp(r) === r, new RegExp(r).flags, RegExp(r, 'i').flags]`,
    `RegExp({ [Symbol.match]: true, source: 'x', flags: 'i', constructor: 1 }).toString()`,
    `new RegExp('/\\n').source`,
    `RegExp().toString() + RegExp(undefined, undefined).flags + RegExp('').test('')`,
    `RegExp.escape('a.b') + RegExp.name + RegExp.length + (RegExp[Symbol.species] === RegExp)`,
    `[RegExp.prototype.constructor === RegExp, /a/ instanceof RegExp, Object.prototype.toString.call(/a/)]`,
    `['exec', 'test', Symbol.match, Symbol.matchAll, Symbol.replace, Symbol.search, Symbol.split].map((key) => {
      const { value } = Object.getOwnPropertyDescriptor(RegExp.prototype, key)
      return [value.name, value.length, 'prototype' in value] })`,
    `['match', 'matchAll', 'search'].map((key) => [String.prototype[key].name, String.prototype[key].length])`,
    `Object.getOwnPropertyNames(Object.getPrototypeOf('a'.matchAll(/a/g)))`,
    `class R extends RegExp {}; new R('a', 'gi') instanceof R && new R(/b/y).sticky`
  ]
  for (const corner of corners) {
    const source = `(() => { ${/^(?:const|class) /.test(corner) ? returning(corner) : `return ${corner}`} })()`
    const expected = new Native().see(source)
    const seen = realm.see(source)
    const isError = /^\w*Error: /.test(expected)
    if (isError) t.is(seen.split(':')[0], expected.split(':')[0], corner)
    else t.is(seen, expected, corner)
  }
})

test('vm regexp - where V8 errs, the standard holds', (t) => {
  const realm = new Realm()
  realm.start()
  const cases: [string, unknown][] = [
    // no match begins inside of a surrogate pair
    [`'😀'.search(/(?!😀)/u)`, 2],
    [`'😀a'.split(/(?!😀)/u)`, ['😀', 'a']],
    [`'😀'.replace(/(?!^)/gu, '-')`, '😀-'],
    // (?i:) is for what is inside of it
    [`/^(?:(?i:x)|\\W)$/u.test('\\u017f')`, true],
    [`/^(?i:a)b$/.test('AB')`, false],
    [`/^(?i:a)b$/.test('Ab')`, true],
    [`/^(?-i:a)b$/i.test('aB')`, true],
    [`/^(?-i:a)b$/i.test('AB')`, false],
    [`/^(?i:(a))\\1$/.test('Aa')`, false],
    [`/^(a)(?i:\\1)$/.test('aA')`, true]
  ]
  for (const [source, expected] of cases) t.is(realm.see(source), JSON.stringify(expected), source)
})

// ---- within the fuel

test('vm regexp - no match takes more steps than the bound of its pattern', (t) => {
  const random = new Random(Number(process.env['MIVM_SEED'] ?? 20181123))
  t.comment(`MIVM_SEED=${random.seed}`)
  const generator = new RegExpGenerator(random)
  const { pattern, bound, matcher } = new Realm().parts
  const texts = [
    'a'.repeat(60),
    `${'a'.repeat(59)}b`,
    'ab'.repeat(30),
    'abc'.repeat(20),
    '1a '.repeat(20)
  ] as const
  const larger: string[] = []
  let compared = 0
  for (let i = 0; i < 4000; i++) {
    const { source, flags } = generator.pattern()
    if (!isRegExp(source, flags)) continue
    const { tree, count } = pattern.parse(source, flags)
    const bounds = bound.boundOf(tree)
    if (bounds === null) continue
    const program = matcher.compile(tree, count, /[uv]/.test(flags))
    const text = random.pick(texts)
    const from = random.pick([0, 0, 20])
    const most = bound.stepsOf(
      bounds.attempt,
      bounds.looksBehind ? text.length : text.length - from
    )
    let used = 0
    const found = attempt(() =>
      matcher.search(program, text, from, true, (units) => {
        used += units
        if (used > 1e6) throw EMPTY
      })
    )
    compared++
    // a step of V8 and one of ours are not quite the same
    const steps = used / PRICES.regexp.STEP
    if (steps > 2 * most + 20)
      larger.push(`/${source}/${flags} on ${text}: ${steps} steps of ${most}`)
    if (found === 'null' && bounds.failure !== null && steps > 2 * bounds.failure + 20) {
      larger.push(`/${source}/${flags} fails on ${text}: ${steps} steps of ${bounds.failure}`)
    }
  }
  t.ok(compared > 1500, `${compared} patterns`)
  t.alike(larger.slice(0, 5), [])
})

const A = `'a'.repeat(1e5)`

const CATASTROPHES: readonly string[] = [
  `/^(a+)+$/.test('a'.repeat(40) + 'b')`,
  `/(a|a)*b/.test('a'.repeat(60))`,
  `/(a|aa)+$/.test('a'.repeat(60) + 'b')`,
  `/(.*)*x/.test('a'.repeat(60))`,
  `/(?:a?){60}a{60}b/.test('a'.repeat(60))`,
  `/(a*)*\\1b/.test('a'.repeat(60))`,
  `/(?:(a*)(a*)(a*)\\1\\2\\3)b/.test('a'.repeat(300))`,
  `/(?=(a+)+$)b/.test('a'.repeat(60) + 'c')`,
  `/(?<=^(a+)+)b/.test('c' + 'a'.repeat(60) + 'b')`,
  `/(?!(a+)+$)b/.test('a'.repeat(60) + 'c')`,
  `/((a{1,100}){1,100}){1,100}$/.test('a'.repeat(50) + 'b')`,
  `/(?:){1000000000}/.test('')`,
  `/(?:(?:){100000}){100000}b/.test('')`,
  `/((((((((((a*)*)*)*)*)*)*)*)*)*)*b/.test('a'.repeat(30))`,
  `/\\s+$/.test(' '.repeat(1e5) + 'x')`,
  `/a.*b.*c.*d/.test('abc'.repeat(3e4))`,
  `(${A}).replace(/a+b/g, '')`,
  `(${A}).match(/[^]*x/g)`,
  `(${A}).split(/a*b/)`,
  `[...(${A}).matchAll(/(?=(a*))/g)]`,
  `const r = /a*b/y, s = ${A}; for (let i = 0; i < s.length; i++) { r.lastIndex = i; r.test(s) }`,
  `const r = /(?=.*b)a/g, s = ${A}; while (r.lastIndex = 1, r.exec(s) || true) ;`,
  `const s = ${A}; for (;;) /^a*$/.test(s)`,
  `const s = ${A}; for (;;) s.search(/b/)`,
  `const s = ${A}; for (;;) s.match('b')`,
  `for (let i = 0; ; i++) new RegExp('a' + i)`,
  `for (let i = 0; ; i++) new RegExp('a' + i).test('b')`,
  `for (let i = 0; ; i++) 'b'.search('a' + i)`,
  `for (let i = 0; ; i++) RegExp('\\\\p{L}' + i, 'u')`,
  `for (let i = 0; ; i++) RegExp('\\\\p{RGI_Emoji}' + i, 'v')`,
  `RegExp('\\\\p{RGI_Emoji}'.repeat(1000), 'v').test('\\u0100')`,
  `RegExp('\\\\p{L}'.repeat(1000), 'iu').test('\\u0100')`,
  `RegExp('[^\\\\p{L}]'.repeat(1000), 'iv').test('\\u0100')`,
  `RegExp('[' + Array.from({ length: 20000 }, (_, i) => String.fromCharCode(1000 + i * 2)).join('') + ']', 'iv')`,
  `RegExp(Array.from({ length: 9000 }, (_, i) => 'w' + i).join('|')).test('w'.repeat(1e5))`,
  `RegExp('(?:' + '(a)?'.repeat(2000) + ')*b').test('a'.repeat(1000))`,
  `RegExp(Array.from({ length: 5000 }, () => '(?<x>x)').join('|')).test('y'.repeat(1e5))`,
  `/(?:é|ü|[à-ÿ])*x/i.test('é'.repeat(1e5))`,
  `/(?:\\p{L}\\p{M}?)*x/iu.test('é'.repeat(1e5))`,
  `/[\\p{RGI_Emoji}]*x/v.test('👨‍👩‍👧'.repeat(1e4))`,
  `/(?i:(a*)*)b/.test('aA'.repeat(30))`,
  `const r = /(a+)+$/; Object.defineProperty(r, 'exec', { value: 5 }); r.test('a'.repeat(40) + 'b')`,
  `class R extends RegExp { constructor (...all) { super(...all); Object.defineProperty(this, 'exec', { value: 0 }) } }
    [...('a'.repeat(40) + 'b').matchAll(new R('(a+)+$', 'g'))]`,
  `('a'.repeat(40) + 'b').search({ toString: () => '(a+)+$' })`,
  `('a'.repeat(40) + 'b').match('(a+)+$')`,
  `('a'.repeat(40) + 'b').matchAll('(a+)+$').next()`,
  `('a'.repeat(40) + 'b').replaceAll(/(a+)+$/g, '')`,
  `RegExp.prototype[Symbol.match].call(/(a+)+$/, 'a'.repeat(40) + 'b')`
]

test('vm regexp - every catastrophe ends when the fuel does', (t) => {
  const realm = new Realm()
  for (const source of CATASTROPHES) {
    realm.start(3e6)
    t.is(realm.see(`{ ${source} }`), EMPTY, source)
    // what it takes V8 to make the largest class or property is charged in one piece
    t.ok(realm.used < 4e8, `${realm.used} units`)
  }
})

test('vm regexp - so does every catastrophe in an isolate without JIT', (t) => {
  const child = fileURLToPath(new URL('./regexp-process.js', import.meta.url))
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--no-node-snapshot', '--jitless', child],
    {
      input: JSON.stringify({ fuel: 1e6, sources: CATASTROPHES }),
      encoding: 'utf8'
    }
  )
  if (stdout === '') throw new Error(stderr)
  const results: { error: string | null; used: number }[] = JSON.parse(stdout)
  const realm = new Realm()
  for (const [i, source] of CATASTROPHES.entries()) {
    realm.start(1e6)
    realm.see(`{ ${source} }`)
    t.alike(results[i], { error: EMPTY, used: realm.used }, source)
  }
})

test('vm regexp - what is too large is refused before anything recurses', (t) => {
  const realm = new Realm()
  const cases = [
    [`RegExp('('.repeat(101) + ')'.repeat(101))`, 'nest 101 deep and may nest 100'],
    [`'x'.match('('.repeat(5000))`, 'nest 5000 deep and may nest 100'],
    [`RegExp('['.repeat(101) + ']'.repeat(101), 'v')`, 'nest 101 deep and may nest 100'],
    [`RegExp('a'.repeat(65537))`, 'has 65537 characters and may have 65536'],
    [`/${'('.repeat(101)}${')'.repeat(101)}/.test('')`, 'nest 101 deep and may nest 100']
  ] as const
  for (const [source, message] of cases) {
    realm.start()
    const code = realm.see(
      `(() => { try { ${source} } catch (error) { return error.code + ' ' + error.message } })()`
    )
    t.ok(code.startsWith('"REGEXP_TOO_LARGE ') && code.includes(message), code)
  }
  realm.start()
  t.is(realm.see(`RegExp('('.repeat(100) + 'a' + ')'.repeat(100)).test('a')`), 'true')
  t.is(realm.see(`RegExp('a'.repeat(65536)).test('a'.repeat(65536))`), 'true')
  const deep = realm.see(`/^(?:(a)|b)*$/.test('a'.repeat(1e6))`)
  t.ok(deep.includes('RangeError: a match needs to remember more than 4194304 numbers'), deep)
})

test('vm regexp - a literal that V8 would read for long is refused with its place', async (t) => {
  const vm = await openOne(t)
  const literals = [
    [`/${'('.repeat(101)}${')'.repeat(101)}/`, 'a RegExp nests 101 deep and may nest 100 deep'],
    [`/${'a'.repeat(65537)}/`, 'a RegExp has 65537 characters and may have 65536'],
    [`/${'\\p{RGI_Emoji}'.repeat(20)}/v`, 'the RegExp literals of the code take too long to read'],
    [`[${'/\\p{L}/u,'.repeat(2000)}]`, 'the RegExp literals of the code take too long to read'],
    [`/${'(?<a>)|'.repeat(9000)}x/`, 'the RegExp literals of the code take too long to read'],
    [
      `/${'(?:'.repeat(90)}${'(?<a>)|'.repeat(500)}x${')'.repeat(90)}/`,
      'the RegExp literals of the code take too long to read'
    ]
  ] as const
  for (const [literal, message] of literals) {
    const source = `exports.init = () => {\n  return ${literal}\n}`
    const [result] = await new Instance(contractOf(source)).run(vm, [['init']])
    t.is(result?.status, 'error')
    const error = result?.status === 'error' ? result.error : null
    t.is(error?.code, 'CODE_SYNTAX')
    t.ok(
      error?.message.startsWith('line 2, column') && error.message.includes(message),
      error?.message
    )
  }
  const most = `exports.init = () => /${'('.repeat(100)}a${')'.repeat(100)}/.test('a')`
  const [result] = await new Instance(contractOf(most)).run(vm, [['init']])
  t.is(briefOf(result), 'ok true')
})

// ---- the same fuel

const KERNELS: readonly [string, number][] = [
  [`/^[a-z]+$/.test('hellothere')`, 1498],
  [`/^(?<y>\\d{4})-(\\d\\d)$/.exec('2024-05').groups.y`, 2223],
  [`'a,b;c'.split(/[,;]/)`, 1333],
  [`'a b  c'.replace(/\\s+/g, '-')`, 1288],
  [`/(a+)+b/.test('a'.repeat(12))`, 431427],
  [`/(é|\\p{L})x/u.test('éü'.repeat(20))`, 61879],
  [`/[\\p{RGI_Emoji}]x/v.test('👨‍👩‍👧')`, 365013],
  [`[...'a1b22'.matchAll(/[a-z](\\d+)/g)].length`, 1765],
  [`for (let i = 0; i < 300; i++) RegExp('a' + i % 290).test('a7')`, 384916]
]

test('vm regexp - the fuel of a match is the same whatever ran before', (t) => {
  const first = new Realm()
  const fuel = KERNELS.map(([source]) => fuelOf(first, source))
  const second = new Realm()
  second.start()
  for (let i = 0; i < 600; i++) second.run(`RegExp('b${'x'}' + ${i}).test('c')`)
  for (let round = 0; round < 2; round++) {
    for (let i = KERNELS.length - 1; i >= 0; i--) {
      const [source] = KERNELS[i] ?? ['']
      t.is(fuelOf(second, source), fuel[i], source)
    }
  }
})

test('vm regexp - the fuel of a match is what it was', (t) => {
  const realm = new Realm()
  for (const [source, expected] of KERNELS) t.is(fuelOf(realm, source), expected, source)
})

test('vm regexp - a pattern is paid for once in a call', (t) => {
  const realm = new Realm()
  realm.start()
  realm.run(`/^[a-z]+$/.test('x')`)
  const once = realm.used
  realm.run(`/^[a-z]+$/.test('x')`)
  t.ok(realm.used - once < 50 && once > 300, `${once}, then ${realm.used - once}`)
})

// ---- helpers

/** A context as V8 makes it. */
class Native {
  see(source: string): string {
    try {
      return String(JSON.stringify(vm.runInNewContext(`'use strict';\n${source}`)))
    } catch (error) {
      return String(error)
    }
  }
}

function fuelOf(realm: Realm, source: string): number {
  realm.start()
  realm.run(source)
  return realm.used
}

function returning(source: string): string {
  const lines = source.split(/\n|; (?=[^;]*$)/)
  return [...lines.slice(0, -1), `return ${lines.at(-1)}`].join('\n')
}

function attempt(run: () => unknown): string {
  try {
    return String(run())
  } catch (error) {
    return String(error)
  }
}

function isRegExp(source: string, flags: string): boolean {
  try {
    return new RegExp(source, flags) instanceof RegExp
  } catch {
    return false
  }
}

/** Whether V8 finds a match that begins inside of a surrogate pair, which ECMA-262 has none of. */
function isFoundInPair(source: string, flags: string, text: string): boolean {
  if (!/[uv]/.test(flags)) return false
  const all = text.matchAll(new RegExp(source, `${flags.replace(/[gy]/g, '')}g`))
  return [...all].some(({ index }) => (text.codePointAt(index - 1) ?? 0) > 0xffff)
}
