// Checks the software Math of js-1 against a reference of our own in big integers, and against golden
// vectors that never change: what js-1 once computed it computes for ever.
//
// MATH_SAMPLES=100000 measures the errors that src/vm/js-1/math.js states (takes minutes).
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import vm from 'node:vm'
import test from 'brittle'

type Evaluate = (...values: number[]) => number
/** mantissa · 2^exponent */
type Real = { mantissa: bigint; exponent: number }
type Vectors = Record<string, string[][]>

const SAMPLES = Number(process.env['MATH_SAMPLES'] ?? 5000)
const ERROR_ULP_MAX = 0.501
const MATH_FILE = new URL('../src/vm/js-1/math.js', import.meta.url)
const VECTORS_FILE = new URL('./vectors/math.json', import.meta.url)

const source = readFileSync(MATH_FILE, 'utf8')
const math: Record<string, Evaluate> = vm.runInThisContext(source)()
const vectors: Vectors = JSON.parse(readFileSync(VECTORS_FILE, 'utf8'))

const PRECISION = 320
const P = BigInt(PRECISION)
const UNIT = 1n << P
const LN2 = 2n * inverseTangent(3n, 1n, P)
const PI_GUARD = 1160n
const PI =
  16n * inverseTangent(5n, -1n, P + PI_GUARD) - 4n * inverseTangent(239n, -1n, P + PI_GUARD)

const reference = referenceFunctions()
const draws = argumentDraws()

test('vm math - has a function for all that differ between processors', (t) => {
  t.alike(Object.keys(math).sort(), Object.keys(reference).sort())
  t.alike(Object.keys(vectors).sort(), Object.keys(reference).sort())
  for (const [name, evaluate] of Object.entries(math)) {
    t.is(evaluate.name, name)
    t.absent(Object.hasOwn(evaluate, 'prototype'), `${name} is no constructor`)
  }
})

for (const name of Object.keys(reference)) {
  test(`vm math - ${name} is within ${ERROR_ULP_MAX} ulp of the exact value`, (t) => {
    const worst = { error: 0, values: [0] }
    let count = 0
    for (const values of argumentsOf(name)) {
      const error = errorOf(name, values)
      count++
      if (!(error <= worst.error)) Object.assign(worst, { error, values })
      if (!(error <= ERROR_ULP_MAX)) break
    }
    t.comment(`largest error ${worst.error.toFixed(5)} ulp at ${worst.values.join(', ')}`)
    t.ok(worst.error <= ERROR_ULP_MAX, `${name}(${worst.values.join(', ')}): ${worst.error} ulp`)
    t.ok(count >= SAMPLES, `${count} arguments`)
  })
}

test('vm math - special values are those of ECMAScript', (t) => {
  const { PI } = Math
  const inf = Infinity
  const nan = NaN
  for (const name of [
    'sin',
    'tan',
    'asin',
    'atan',
    'sinh',
    'tanh',
    'asinh',
    'atanh',
    'expm1',
    'log1p'
  ]) {
    for (const x of [0, -0, 5e-324, -5e-324, 1e-310]) expect(name, [x], x)
  }
  expect('cbrt', [0], 0)
  expect('cbrt', [-0], -0)
  for (const name of Object.keys(reference)) {
    expect(name, name === 'atan2' || name === 'pow' ? [nan, 1] : [nan], nan)
  }
  for (const name of ['sin', 'cos', 'tan']) {
    expect(name, [inf], nan)
    expect(name, [-inf], nan)
  }
  for (const name of ['sinh', 'asinh', 'cbrt']) {
    expect(name, [inf], inf)
    expect(name, [-inf], -inf)
  }
  for (const name of ['cos', 'cosh', 'exp']) {
    expect(name, [0], 1)
    expect(name, [-0], 1)
  }
  for (const name of ['asin', 'acos', 'atanh']) {
    for (const x of [1 + 2 ** -52, -1 - 2 ** -52, inf, -inf]) expect(name, [x], nan)
  }
  for (const name of ['log', 'log2', 'log10']) {
    expect(name, [0], -inf)
    expect(name, [-0], -inf)
    expect(name, [1], 0)
    expect(name, [inf], inf)
    for (const x of [-5e-324, -1, -inf]) expect(name, [x], nan)
  }
  expect('log1p', [-1], -inf)
  expect('log1p', [inf], inf)
  for (const x of [-1 - 2 ** -52, -2, -inf]) expect('log1p', [x], nan)
  expect('asin', [1], PI / 2)
  expect('asin', [-1], -PI / 2)
  expect('acos', [1], 0)
  expect('acos', [-1], PI)
  expect('acos', [0], PI / 2)
  expect('atan', [inf], PI / 2)
  expect('atan', [-inf], -PI / 2)
  expect('tanh', [inf], 1)
  expect('tanh', [-inf], -1)
  expect('cosh', [inf], inf)
  expect('cosh', [-inf], inf)
  expect('acosh', [1], 0)
  expect('acosh', [inf], inf)
  for (const x of [1 - 2 ** -53, 0, -1, -inf]) expect('acosh', [x], nan)
  expect('atanh', [1], inf)
  expect('atanh', [-1], -inf)
  expect('exp', [inf], inf)
  expect('exp', [-inf], 0)
  expect('expm1', [inf], inf)
  expect('expm1', [-inf], -1)

  for (const y of [1, 5e-324, 1.7e308, inf]) {
    expect('atan2', [y, 0], PI / 2)
    expect('atan2', [y, -0], PI / 2)
    expect('atan2', [-y, 0], -PI / 2)
    expect('atan2', [-y, -0], -PI / 2)
  }
  for (const x of [0, 1, 5e-324, 1.7e308, inf]) {
    expect('atan2', [0, x], 0)
    expect('atan2', [-0, x], -0)
    expect('atan2', [0, -x], PI)
    expect('atan2', [-0, -x], -PI)
  }
  for (const v of [1, 5e-324, 1.7e308]) {
    expect('atan2', [v, inf], 0)
    expect('atan2', [-v, inf], -0)
    expect('atan2', [v, -inf], PI)
    expect('atan2', [-v, -inf], -PI)
    expect('atan2', [inf, v], PI / 2)
    expect('atan2', [-inf, -v], -PI / 2)
  }
  expect('atan2', [inf, inf], PI / 4)
  expect('atan2', [-inf, inf], -PI / 4)
  expect('atan2', [inf, -inf], (3 * PI) / 4)
  expect('atan2', [-inf, -inf], (-3 * PI) / 4)
  expect('atan2', [1, nan], nan)
  expect('atan2', [0, nan], nan)
  expect('atan2', [5e-324, 1.7e308], 0)
  expect('atan2', [-5e-324, 1.7e308], -0)

  expect('hypot', [], 0)
  expect('hypot', [-0], 0)
  expect('hypot', [-0, -0, 0], 0)
  expect('hypot', [-3], 3)
  expect('hypot', [nan, inf], inf)
  expect('hypot', [nan, -inf, 1], inf)
  expect('hypot', [1, nan, 0], nan)
  expect('hypot', [0, nan], nan)
  expect('hypot', [1.7e308, 1.7e308], inf)
  expect('hypot', [5e-324], 5e-324)
  expect('hypot', [1, 2, 3, 4, 5, 6, 7, 8, 14], 20)

  for (const x of [nan, 0, -0, 1, -1, 2.5, inf, -inf]) {
    expect('pow', [x, 0], 1)
    expect('pow', [x, -0], 1)
    expect('pow', [x, nan], nan)
    expect('pow', [x, 1], x)
  }
  for (const x of [1, -1]) for (const y of [inf, -inf]) expect('pow', [x, y], nan)
  for (const [most, least] of [
    [inf, 0],
    [-inf, -0]
  ] as const) {
    expect('pow', [1.1, most], inf * Number(most > 0) || 0)
    expect('pow', [-0.9, most], most > 0 ? 0 : inf)
    expect('pow', [most, 3], most)
    expect('pow', [most, 2], inf)
    expect('pow', [most, 0.5], inf)
    expect('pow', [most, -3], least)
    expect('pow', [most, -0.5], 0)
    expect('pow', [least, 3], least)
    expect('pow', [least, 4], 0)
    expect('pow', [least, 1.5], 0)
    expect('pow', [least, -3], most)
    expect('pow', [least, -4], inf)
    expect('pow', [least, 2 ** 53], 0)
  }
  expect('pow', [-8, 1 / 3], nan)
  expect('pow', [-8, 2 ** 53 + 2], inf)
  expect('pow', [-1, 2 ** 53 - 1], -1)
  expect('pow', [-1, -(2 ** 53)], 1)
  expect('pow', [2, -1075], 0)
  expect('pow', [2, -1074], 5e-324)
  expect('pow', [-2, 1023], -(2 ** 1023))
  expect('pow', [5e-324, -1], inf)
  expect('pow', [5e-324, 5e-324], 1)
  expect('pow', [1.7e308, 1.7e308], inf)
  expect('pow', [1.7e308, -1.7e308], 0)
  expect('pow', [1 + 2 ** -52, 1.7e308], inf)
  expect('pow', [1 - 2 ** -53, 1.7e308], 0)

  function expect(name: string, values: number[], value: number): void {
    const actual = evaluate(name, values)
    if (!Object.is(actual, value))
      t.fail(`${name}(${values.join(', ')}) is ${actual}, not ${value}`)
  }
  t.pass()
})

test('vm math - exact results are exact', (t) => {
  const wrong: string[] = []
  for (let k = -1074; k <= 1023; k++) {
    if (math['log2']?.(2 ** k) !== k) wrong.push(`log2(2^${k})`)
  }
  for (let k = -1074; k <= 1023; k++) {
    if (math['pow']?.(2, k) !== 2 ** k) wrong.push(`2^${k}`)
  }
  for (let k = -22; k <= 22; k++) {
    if (math['pow']?.(10, k) !== Number(`1e${k}`)) wrong.push(`10^${k}`)
  }
  for (let x = 3; x < 200; x += 2) {
    for (let [z, k] = [x, 1]; z < 2 ** 53; z *= x, k++) {
      if (math['pow']?.(x, k) !== z) wrong.push(`${x}^${k}`)
      if (math['pow']?.(-x, k) !== (k % 2 === 0 ? z : -z)) wrong.push(`(-${x})^${k}`)
      if (k === 4 && math['pow']?.(z, 1 / k) !== x) wrong.push(`(${x}^4)^0.25`)
    }
  }
  for (let k = 0; k <= 22; k++) if (math['log10']?.(10 ** k) !== k) wrong.push(`log10(1e${k})`)
  for (let k = 1; k <= 208063; k += 61) {
    if (math['cbrt']?.(k * k * k) !== k) wrong.push(`cbrt(${k}^3)`)
    if (math['hypot']?.(3 * k, -4 * k) !== 5 * k) wrong.push(`hypot(${3 * k}, ${-4 * k})`)
  }
  t.alike(wrong, [])
})

test('vm math - odd and even functions are so to the last bit', (t) => {
  const wrong: string[] = []
  for (const name of Object.keys(reference)) {
    const sign = ['cos', 'cosh', 'hypot'].includes(name) ? 1 : -1
    if (!['cos', 'cosh', 'hypot', 'sin', 'tan', 'asin', 'atan', 'sinh', 'tanh'].includes(name))
      continue
    for (const values of argumentsOf(name).slice(0, 200)) {
      const mirrored = values.map((x) => -x)
      if (!Object.is(evaluate(name, mirrored), sign * evaluate(name, values))) wrong.push(name)
    }
  }
  t.alike(wrong, [])
})

test('vm math - golden vectors hold with and without the JIT', (t) => {
  const runs: [string, string[], number][] = [
    ['jitless', ['--jitless'], 1],
    ['JIT', [], 400],
    ['JIT, machine code from the first call', ['--always-sparkplug'], 1]
  ]
  for (const [label, flags, rounds] of runs) {
    const child = spawnSync(
      process.execPath,
      [...flags, '-e', `(${checkVectors})(${JSON.stringify(source)}, ${rounds}, ${passVectors()})`],
      { encoding: 'utf8' }
    )
    t.is(child.stderr, '', `${label}: no error`)
    t.is(child.stdout, `${rounds * vectorCount()} equal, different: \n`, label)
  }
})

test('vm math - a contract that replaces built-ins changes no result', (t) => {
  const context = vm.createContext({})
  const report: string = vm.runInContext(
    `const math = (${withoutSemicolon(source)})()
    const vectors = ${passVectors()}
    const parse = ${fromHex}
    const cases = []
    for (const name in vectors) {
      for (const row of vectors[name]) {
        const numbers = row.map(parse)
        cases.push([name, numbers.slice(0, -1), numbers.at(-1)])
      }
    }
    const { is, defineProperty, getPrototypeOf } = Object
    const { apply, ownKeys } = Reflect
    const spoilt = { get: () => 42, set () {} }
    const holders = [
      Math, Number, BigInt, Array, Float64Array, Float64Array.prototype, getPrototypeOf(Float64Array.prototype),
      Uint32Array.prototype, Number.prototype, BigInt.prototype, Array.prototype, Function.prototype,
      getPrototypeOf([][Symbol.iterator]()), Object.prototype, globalThis
    ]
    const keys = holders.map((holder) => ownKeys(holder))
    let count = 0
    for (let i = 0; i < holders.length; i++) {
      for (let k = 0; k < keys[i].length; k++) {
        try {
          defineProperty(holders[i], keys[i][k], spoilt)
          count++
        } catch {}
      }
    }
    if (count < 200 || holders[0].sqrt !== 42) throw 'the built-ins are as they were'
    let different = ''
    let equal = 0
    for (let i = 0; i < cases.length; i++) {
      if (is(apply(math[cases[i][0]], undefined, cases[i][1]), cases[i][2])) equal++
      else different += cases[i][0] + ' '
    }
    equal + ' equal, different: ' + different`,
    context
  )
  t.is(report, `${vectorCount()} equal, different: `)
})

function evaluate(name: string, values: number[]): number {
  const f = math[name]
  if (f === undefined) throw new Error(`no ${name}`)
  return f(...values)
}

// ---- golden vectors ----

function vectorCount(): number {
  return Object.values(vectors).reduce((n, rows) => n + rows.length, 0)
}

function passVectors(): string {
  return JSON.stringify(vectors)
}

/** Runs in a process of its own: takes nothing from this file. */
function checkVectors(source: string, rounds: number, vectors: Vectors): void {
  // biome-ignore lint/security/noGlobalEval: the way to run a classic script without a module
  const math: Record<string, Evaluate> = globalThis.eval(source)()
  const view = new DataView(new ArrayBuffer(8))
  const different: string[] = []
  let equal = 0
  const cases = Object.entries(vectors).map(([name, rows]): [string, number[][]] => [
    name,
    rows.map((row) =>
      row.map((hex) => {
        view.setBigUint64(0, BigInt(`0x${hex}`))
        return view.getFloat64(0)
      })
    )
  ])
  for (let round = 0; round < rounds; round++) {
    for (const [name, rows] of cases) {
      const evaluate = math[name]
      for (const row of rows) {
        if (Object.is(evaluate?.(...row.slice(0, -1)), row.at(-1))) equal++
        else different.push(`${name}(${row.slice(0, -1)}) in round ${round}`)
      }
    }
  }
  console.log(`${equal} equal, different: ${different.slice(0, 10).join('; ')}`)
}

function fromHex(hex: string): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, BigInt(`0x${hex}`))
  return view.getFloat64(0)
}

/** Formatters put a semicolon before a parenthesis that begins a file. */
function withoutSemicolon(text: string): string {
  return text.replace(/^;/, '')
}

// ---- arguments ----

function argumentsOf(name: string): number[][] {
  const random = randomFrom(name)
  const draw = draws[name]
  if (draw === undefined) throw new Error(`no arguments for ${name}`)
  const golden = (vectors[name] ?? []).map((row) => row.slice(0, -1).map(fromHex))
  const all = golden.filter((values) => hasExactValue(name, values))
  while (all.length < SAMPLES) {
    const values = draw(random)
    if (hasExactValue(name, values)) all.push(values)
  }
  return all
}

/** Whether the function has a finite value there that is not one of the special ones. */
function hasExactValue(name: string, values: number[]): boolean {
  const [x = 0] = values
  if (!values.every(Number.isFinite)) return false
  if (name === 'atan2') return !values.includes(0)
  if (name === 'hypot') return values.length > 0
  if (name === 'pow') return x > 0 && Math.abs((values[1] ?? 0) * Math.log2(x)) < 2000
  if (name === 'asin' || name === 'acos') return Math.abs(x) <= 1
  if (name === 'atanh') return Math.abs(x) < 1
  if (name === 'acosh') return x >= 1
  if (name === 'log1p') return x > -1
  if (name.startsWith('log')) return x > 0
  return true
}

/** Arguments of all magnitudes, and more of them where the function is hard. */
function argumentDraws(): Record<string, (random: () => number) => number[]> {
  const magnitude = (random: () => number, from: number, to: number) =>
    sign(random) * (1 + random()) * 2 ** Math.floor(from + (to - from + 1) * random())
  const within = (random: () => number, size: number) => (2 * random() - 1) * size
  // A few units in the last place beside a multiple of something.
  const beside = (random: () => number, step: number, most: number) =>
    Math.round(within(random, most)) * step * (1 + Math.round(within(random, 4)) * 2 ** -52)

  const angle = mix(
    (random) => [magnitude(random, -1022, 1022)],
    (random) => [magnitude(random, -40, 40)],
    (random) => [within(random, 10)],
    (random) => [beside(random, Math.PI / 2, 10 ** (1 + random() * 8))],
    (random) => [beside(random, Math.PI / 256, 1000)]
  )
  const cosine = mix(
    (random) => [magnitude(random, -70, -1)],
    (random) => [within(random, 1)],
    (random) => [sign(random) * (1 - magnitude(random, -53, -2) ** 2)],
    (random) => [sign(random) * (1 - Math.abs(magnitude(random, -53, -2)))]
  )
  const exponential = mix(
    (random) => [magnitude(random, -70, 8)],
    (random) => [within(random, 720)],
    (random) => [within(random, 1)],
    (random) => [-708 - 38 * random()],
    (random) => [beside(random, Math.LN2 / 256, 256 * 40)],
    (random) => [within(random, 42)]
  )
  const positive = mix(
    (random) => [Math.abs(magnitude(random, -1022, 1022))],
    (random) => [10 * random()],
    (random) => [1 + magnitude(random, -52, -2)],
    (random) => [(1 + Math.floor(random() * 256) / 256) * (1 + within(random, 2 ** -44))],
    (random) => [random() * 2 ** -1022]
  )
  const anyLog = mix(
    (random) => [magnitude(random, -1022, 1022)],
    (random) => [magnitude(random, -66, 40)],
    (random) => [within(random, 3)],
    (random) => [within(random, 2 ** -6)]
  )
  const unit = mix(cosine, (random) => [magnitude(random, -1022, -1)])
  const pair = mix(
    (random) => [magnitude(random, -1022, 1022), magnitude(random, -1022, 1022)],
    (random) => [within(random, 10), within(random, 10)],
    (random) => {
      const x = magnitude(random, -950, 950)
      return [x * magnitude(random, -70, 70), x]
    },
    (random) => [within(random, 2 ** -1022), within(random, 2 ** -1022)],
    (random) => {
      const x = magnitude(random, -900, 900)
      return [(x * Math.round(within(random, 128))) / 128, x]
    }
  )
  return {
    sin: angle,
    cos: angle,
    tan: angle,
    asin: unit,
    acos: unit,
    atan: anyLog,
    atan2: pair,
    sinh: exponential,
    cosh: exponential,
    tanh: exponential,
    asinh: anyLog,
    acosh: (random) => {
      const [x = 0] = anyLog(random)
      return [1 + Math.abs(x)]
    },
    atanh: mix(unit, (random) => [within(random, 1)]),
    exp: exponential,
    expm1: mix(exponential, (random) => [magnitude(random, -1022, 0)]),
    log: positive,
    log1p: (random) => {
      const [x = 0] = random() < 0.3 ? cosine(random) : anyLog(random)
      return [x < -1 ? -x : x]
    },
    log2: positive,
    log10: positive,
    pow: mix(
      (random) => [10 * random(), within(random, 20)],
      (random) => [Math.abs(magnitude(random, -1022, 1022)), magnitude(random, -12, 3)],
      (random) => {
        const x = Math.abs(magnitude(random, -1030, 1022))
        return [x, within(random, 1074) / Math.log2(x)]
      },
      (random) => {
        const x = 1 + magnitude(random, -52, -4)
        return [x, within(random, 740) / Math.log(x)]
      },
      (random) => [Math.round(300 * random()), Math.round(within(random, 160))],
      (random) => [
        (1 + Math.floor(random() * 256) / 256) * (1 + within(random, 2 ** -44)),
        within(random, 1000)
      ],
      (random) => {
        const x = 100 * random()
        return [x, (-1022 - 54 * random()) / Math.log2(x)]
      }
    ),
    cbrt: mix(positive, anyLog),
    hypot: mix(pair, pair, (random) => {
      const x = magnitude(random, -1040, 1000)
      return Array.from({ length: 1 + Math.floor(random() * 6) }, () => within(random, x))
    })
  }

  function mix(...choices: ((random: () => number) => number[])[]) {
    return (random: () => number): number[] =>
      choices[Math.floor(random() * choices.length)]?.(random) ?? []
  }

  function sign(random: () => number): number {
    return random() < 0.5 ? -1 : 1
  }
}

/** xorshift of 2 × 32 bits, seeded by a name: the same arguments in every run. */
function randomFrom(name: string): () => number {
  let a = 0x9e3779b9
  let b = 0x2545f491
  for (const c of name) a = Math.imul(a ^ (c.codePointAt(0) ?? 0), 0x01000193)
  const next = () => {
    let t = a
    a = b
    t ^= t << 13
    t ^= t >>> 17
    b ^= b << 5
    b = (b ^ t) | 0
    return b >>> 0
  }
  for (let i = 0; i < 20; i++) next()
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) * 2 ** -53
}

// ---- the reference: binary floating point of 320 bits in big integers ----

/** The distance from the exact value, in units in the last place of a double of that size. */
function errorOf(name: string, values: number[]): number {
  const f = reference[name]
  if (f === undefined) throw new Error(`no reference for ${name}`)
  const exact = f(...values.map(fromNumber))
  const actual = evaluate(name, values)
  if (Number.isNaN(actual)) return Infinity
  const last = exact.mantissa === 0n ? -1074 : Math.max(magnitudeOf(exact) - 52, -1074)
  // Infinity is what the next power of two rounds to.
  const rounded = Number.isFinite(actual)
    ? fromNumber(actual)
    : { mantissa: actual > 0 ? 1n : -1n, exponent: 1024 }
  if (!Number.isFinite(actual) && magnitudeOf(exact) >= 1024) return 0
  const difference = add(rounded, negate(exact))
  return Math.abs(Number(shift(difference.mantissa, difference.exponent - last + 60))) * 2 ** -60
}

function referenceFunctions(): Record<string, (...values: Real[]) => Real> {
  const one: Real = { mantissa: 1n, exponent: 0 }
  const half: Real = { mantissa: 1n, exponent: -1 }
  const ln2 = real(LN2)
  const ln10 = log({ mantissa: 10n, exponent: 0 })

  return {
    sin: (x) => tiny(x, 0n, -6n) ?? sinCos(x)[0],
    cos: (x) => sinCos(x)[1],
    tan: (x) => tiny(x, 0n, 3n) ?? divide(...sinCos(x)),
    asin,
    acos: (x) => atan2(sine(x), x),
    atan: (x) => tiny(x, 0n, -3n) ?? atan2(x, one),
    atan2,
    sinh: (x) => tiny(x, 0n, 6n) ?? times(half, add(exp(x), negate(exp(negate(x))))),
    cosh: (x) => times(half, add(exp(x), exp(negate(x)))),
    tanh: (x) => {
      const m = exp(times(x, { mantissa: 2n, exponent: 0 }))
      return tiny(x, 0n, -3n) ?? divide(add(m, negate(one)), add(m, one))
    },
    asinh: (x) => {
      const a = absolute(x)
      const y = tiny(a, 0n, -6n) ?? log(add(a, root(add(times(a, a), one))))
      return x.mantissa < 0n ? negate(y) : y
    },
    acosh: (x) => log(add(x, root(add(times(x, x), negate(one))))),
    atanh: (x) => tiny(x, 0n, 3n) ?? times(half, log(divide(add(one, x), add(one, negate(x))))),
    exp,
    expm1: (x) => tiny(x, 2n, 6n) ?? add(exp(x), negate(one)),
    log,
    log1p: (x) => tiny(x, -2n, 3n) ?? log(add(one, x)),
    log2: (x) => divide(log(x), ln2),
    log10: (x) => divide(log(x), ln10),
    pow: (x, y) => exp(times(y, log(x))),
    cbrt,
    hypot: (...values) => root(values.map((x) => times(x, x)).reduce(add))
  }

  /** x·(1 + x/a + x²/b) where |x| < 2^-90, which is f(x) to 2^-180, or undefined. 0 leaves out x/a. */
  function tiny(x: Real, a: bigint, b: bigint): Real | undefined {
    if (x.mantissa === 0n) return x
    if (magnitudeOf(x) >= -90) return undefined
    const v = fixed(x)
    const factor = UNIT + (a === 0n ? 0n : v / a) + ((v * v) >> P) / b
    return times(x, real(factor))
  }

  function asin(x: Real): Real {
    return tiny(x, 0n, 6n) ?? atan2(x, sine(x))
  }

  /** sqrt(1 - x²) */
  function sine(x: Real): Real {
    return root(add(one, negate(times(x, x))))
  }

  /** e^x by halving the argument eight times; beyond ±2000 like at ±2000, out of all doubles' range */
  function exp(x: Real): Real {
    const far = x.mantissa < 0n ? -2000n * UNIT : 2000n * UNIT
    const v = x.mantissa !== 0n && magnitudeOf(x) > 10 ? far : fixed(x)
    const k = v / LN2
    const r = (v - k * LN2) >> 8n
    let term = UNIT
    let total = UNIT
    for (let n = 1n; term !== 0n && term !== -1n; n++) {
      term = ((term * r) >> P) / n
      total += term
    }
    for (let i = 0; i < 8; i++) total = (total * total) >> P
    return { mantissa: total, exponent: Number(k) - PRECISION }
  }

  /** The double next to log m, and the log of what it misses; x = m·2^e */
  function log(x: Real): Real {
    const e = magnitudeOf(x)
    const m = { mantissa: x.mantissa, exponent: x.exponent - e }
    const near = fromNumber(Math.log(toNumber(m)))
    const d = fixed(add(times(m, exp(negate(near))), negate(one)))
    let total = 0n
    let power = -UNIT
    for (let n = 1n; power > 1n || power < -1n; n++) {
      power = -((power * d) >> P)
      total += power / n
    }
    return real(fixed(near) + total + BigInt(e) * LN2)
  }

  function sinCos(x: Real): [Real, Real] {
    // |x| < 2^1024 is whole after this, and pi has as many bits more.
    const v = shift(x.mantissa, x.exponent + PRECISION + Number(PI_GUARD))
    const quarter = PI >> 1n
    const n = (2n * v + quarter) / (2n * quarter) - (2n * v + quarter < 0n ? 1n : 0n)
    const r = (v - n * quarter) >> PI_GUARD
    const square = (r * r) >> P
    let sin = r
    let cos = UNIT
    let term = r
    for (let k = 2n; term !== 0n && term !== -1n; k += 2n) {
      term = -((term * square) >> P) / (k * (k + 1n))
      sin += term
    }
    term = UNIT
    for (let k = 1n; term !== 0n && term !== -1n; k += 2n) {
      term = -((term * square) >> P) / (k * (k + 1n))
      cos += term
    }
    const s = real(sin)
    const c = real(cos)
    const turns: [Real, Real][] = [
      [s, c],
      [c, negate(s)],
      [negate(s), negate(c)],
      [negate(c), s]
    ]
    return turns[Number(((n % 4n) + 4n) % 4n)] ?? [s, c]
  }

  /** The double next to it, and the angle from there */
  function atan2(y: Real, x: Real): Real {
    if (y.mantissa === 0n) return x.mantissa < 0n ? real(PI >> PI_GUARD) : y
    if (x.mantissa > 0n && magnitudeOf(y) - magnitudeOf(x) < -90) return divide(y, x)
    const e = Math.max(magnitudeOf(y), x.mantissa === 0n ? -2000 : magnitudeOf(x))
    const v = { mantissa: y.mantissa, exponent: y.exponent - e }
    const w = { mantissa: x.mantissa, exponent: x.exponent - e }
    const near = fromNumber(Math.atan2(toNumber(v), toNumber(w)))
    const [s, c] = sinCos(near)
    const across = add(times(v, c), negate(times(w, s)))
    const d = fixed(divide(across, add(times(w, c), times(v, s))))
    let total = 0n
    let power = d
    for (let n = 1n; power !== 0n && power !== -1n; n += 2n) {
      total += power / n
      power = -((power * ((d * d) >> P)) >> P)
    }
    return real(fixed(near) + total)
  }

  function cbrt(x: Real): Real {
    if (x.mantissa === 0n) return x
    const e = Math.floor((magnitudeOf(x) - 900) / 3)
    const v = shift(absolute(x).mantissa, x.exponent - 3 * e)
    let y = 1n << 301n
    for (;;) {
      const next = (2n * y + v / (y * y)) / 3n
      if (next >= y) return { mantissa: x.mantissa < 0n ? -y : y, exponent: e }
      y = next
    }
  }
}

function fromNumber(x: number): Real {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, x)
  const bits = view.getBigUint64(0)
  const e = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & 0xfffffffffffffn
  const mantissa = e === 0 ? fraction : fraction | 0x10000000000000n
  return { mantissa: bits >> 63n === 0n ? mantissa : -mantissa, exponent: Math.max(e, 1) - 1075 }
}

/** To within a unit or two; only for first approximations. */
function toNumber(x: Real): number {
  if (x.mantissa === 0n) return 0
  const e = magnitudeOf(x)
  return Number(shift(x.mantissa, x.exponent - e + 60)) * 2 ** -60 * 2 ** e
}

function real(value: bigint): Real {
  return { mantissa: value, exponent: -PRECISION }
}

function fixed(x: Real): bigint {
  return shift(x.mantissa, x.exponent + PRECISION)
}

/** floor(log2 |x|) */
function magnitudeOf(x: Real): number {
  const { mantissa } = absolute(x)
  const digits = mantissa.toString(16)
  return 4 * digits.length - Math.clz32(Number(`0x${digits[0]}`)) + 28 - 1 + x.exponent
}

function shift(value: bigint, bits: number): bigint {
  return bits >= 0 ? value << BigInt(bits) : value >> BigInt(-bits)
}

function negate(x: Real): Real {
  return { mantissa: -x.mantissa, exponent: x.exponent }
}

function absolute(x: Real): Real {
  return x.mantissa < 0n ? negate(x) : x
}

/** Exact. */
function add(a: Real, b: Real): Real {
  const exponent = Math.min(a.exponent, b.exponent)
  const mantissa =
    shift(a.mantissa, a.exponent - exponent) + shift(b.mantissa, b.exponent - exponent)
  return { mantissa, exponent }
}

/** Exact. */
function times(a: Real, b: Real): Real {
  return { mantissa: a.mantissa * b.mantissa, exponent: a.exponent + b.exponent }
}

function divide(a: Real, b: Real): Real {
  if (a.mantissa === 0n) return a
  const extra = Math.max(0, PRECISION + magnitudeOf(b) - b.exponent - magnitudeOf(a) + a.exponent)
  return {
    mantissa: shift(a.mantissa, extra) / b.mantissa,
    exponent: a.exponent - extra - b.exponent
  }
}

function root(x: Real): Real {
  if (x.mantissa === 0n) return x
  const e = Math.floor((magnitudeOf(x) - 2 * PRECISION) / 2)
  const v = shift(x.mantissa, x.exponent - 2 * e)
  let y = 1n << BigInt(PRECISION + 2)
  for (;;) {
    const next = (y + v / y) >> 1n
    if (next >= y) return { mantissa: y, exponent: e }
    y = next
  }
}

/** atan(1/n) for sign -1, atanh(1/n) for sign 1 */
function inverseTangent(n: bigint, sign: bigint, bits: bigint): bigint {
  let power = (1n << bits) / n
  let total = power
  for (let k = 3n; power !== 0n; k += 2n) {
    power = (sign * power) / (n * n)
    total += power / k
  }
  return total
}
