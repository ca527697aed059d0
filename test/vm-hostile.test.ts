import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import { LIMITS, type Limits } from '../src/protocol/limits.ts'
import { innermost } from '../src/vm/sandbox/processes.ts'
import type { BaseState } from '../src/vm/vm.ts'
import { baseOf, briefOf, contractOf, Instance, type Line, openOne } from './vm-helpers.ts'

/**
 * Contracts that want to stop, fill or break the engine. Between any two of their calls is an innocent one,
 * which counts, in one batch: each call has to come to its own outcome.
 */

const COUNTER = 'exports.n = 0\nexports.inc = () => ++exports.n'

/** Runs a method per body, each between two calls of `inc`. */
async function runBodies(
  t: Parameters<typeof openOne>[0],
  bodies: Hostile,
  limits: Partial<Limits>
) {
  const vm = await openOne(t)
  const methods = Object.entries(bodies).map(
    ([name, [body]]) => `exports['${name}'] = async () => { ${body} }`
  )
  const source = [COUNTER, ...methods].join('\n')
  const instance = new Instance(contractOf(source, { limits: { ...LIMITS, ...limits } }))
  const lines: Line[] = [
    ['init'],
    ...Object.keys(bodies).flatMap((name): Line[] => [[name], ['inc']])
  ]
  const results = await instance.run(vm, lines)
  Object.entries(bodies).forEach(([name, [, expected]], index) => {
    const [hostile, innocent] = results.slice(1 + 2 * index)
    t.is(briefOf(hostile), expected, name)
    t.alike(hostile?.writes, {}, `${name} leaves nothing`)
    t.is(briefOf(innocent), `ok ${index + 1}`, `the call behind ${name}`)
  })
}

/** By name: what the method does, and how its call has to end. */
type Hostile = Record<string, readonly [body: string, outcome: string]>

const FUEL = 'error OUT_OF_FUEL'
const ROOM = 'error ALLOCATION_LIMIT'
const TIME = 'abort ABORT_TIME'
const MEMORY = 'abort ABORT_MEMORY'

test('hostile - loops in JavaScript end with their fuel', async (t) => {
  await runBodies(
    t,
    {
      loop: ["state.writeFile('/x', 'x'); exports.n = 99; for (;;);", FUEL],
      catching: ['for (;;) { try { for (;;); } catch {} }', FUEL],
      finalizing: ['(function f() { try { for (;;); } finally { f() } })()', FUEL],
      microtasks: ['(async () => { for (;;) await 0 })(); return 1', FUEL],
      thens: ['const f = () => Promise.resolve().then(f); f()', FUEL],
      thenable: ['return { then() { for (;;); } }', FUEL],
      getter: [
        "throw Object.defineProperty(new Error(), 'message', { get() { for (;;); } })",
        FUEL
      ],
      asking: ["for (;;) state.exists('/x')", FUEL],
      waiting: ["for (;;) await state.exists('/x')", FUEL],
      logging: ["for (;;) console.log('x'.repeat(1000))", ROOM],
      pattern: ["/^(a+)+$/.test('a'.repeat(40) + 'b')", FUEL]
    },
    { fuel: 1_000_000, time: 30_000 }
  )
})

test('hostile - loops inside of V8, which nothing interrupts, are paid for in advance', async (t) => {
  await runBodies(
    t,
    {
      indexOf: ['[].indexOf.call({ length: 2 ** 53 - 1 }, 1)', FUEL],
      fill: ["await state.writeFile('/x', 'x'); for (;;) Array(1e8).fill(0)", ROOM],
      power: ['return (2n ** (2n ** 29n)).toString().length', ROOM]
    },
    { fuel: 1_000_000, time: 30_000 }
  )
})

test('hostile - what throws, returns or never ends strangely is an error', async (t) => {
  await runBodies(
    t,
    {
      proxy: ['throw new Proxy({}, { get() { for (;;); } })', 'error null'],
      throwing: ['throw { get message() { throw 1 } }', 'error null'],
      nothing: ['throw undefined', 'error null'],
      symbol: ["throw Symbol('x')", 'error null'],
      never: ['await new Promise(() => {})', 'error NEVER_SETTLES'],
      result: ['return new Proxy({}, { ownKeys() { for (;;); } })', 'error VALUE_UNSUPPORTED'],
      deep: [
        'let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return o',
        'error VALUE_TOO_DEEP'
      ],
      huge: ["return 'x'.repeat(2 ** 28)", ROOM],
      recursion: ['const f = () => 1 + f(); return f()', 'error CALL_DEPTH'],
      frozen: ['Array.prototype.map = null', 'error null'],
      reserved: ["await state.writeFile('/.mivm/contract.js', '')", 'error EACCES'],
      files: ["for (let i = 0; ; i++) await state.writeFile('/' + i, '')", 'error WRITES_TOO_MANY'],
      variables: ["for (let i = 0; i < 1e5; i++) exports['v' + i] = i", 'error EXPORTS_TOO_LARGE']
    },
    { time: 10_000 }
  )
})

test('hostile - whoever takes too much memory meets a limit, or ends alone', async (t) => {
  await runBodies(
    t,
    {
      objects: ['const a = []; for (;;) a.push({ a: 1 })', MEMORY],
      strings: ["const a = []; for (;;) a.push('x'.repeat(1e6) + a.length)", ROOM],
      map: ['const m = new Map(); for (let i = 0; ; i++) m.set(i, i)', MEMORY],
      array: ['const a = new Array(4e7); let i = a.length; while (i--) a[i] = i', ROOM],
      closures: ['let f = () => 0; for (;;) { const g = f; f = () => g }', MEMORY],
      buffers: [
        'const a = []; for (;;) try { a.push(new Uint8Array(2 ** 20)) } catch (e) { if (e.code === undefined) return e.message }',
        MEMORY
      ],
      base64: [
        "const s = 'A'.repeat(2 ** 20); const a = []; for (;;) try { a.push(Uint8Array.fromBase64(s)) } catch (e) { if (e.code === undefined) return e.message }",
        MEMORY
      ],
      copies: [
        'const b = new ArrayBuffer(2 ** 20); const a = []; const f = async () => { throw a.push(b.slice()) }; for (;;) await f().catch((e) => { if (e.code === undefined && e.message) a.message = e.message }).finally(() => {})',
        MEMORY
      ],
      'buffers where little is left': [
        'const a = []; for (let i = 0; i < 220_000; i++) a.push([i]); for (;;) new ArrayBuffer(2 ** 14)',
        MEMORY
      ],
      turns: ['const a = []; for (;;) { await 0; a.push([1, 2, 3]) }', MEMORY],
      text: ["const a = []; for (;;) a.push('x'.padStart(2 ** 28, 'yz').slice(1) + 1)", ROOM]
    },
    { time: 30_000, memory: 16 * 1024 * 1024 }
  )
})

test('hostile - nothing that a call leaves in the isolate takes memory of those behind it', async (t) => {
  const vm = await openOne(t)
  const most = 'new Uint8Array(4.5 * 2 ** 20)'
  const bodies: Hostile = {
    // frozen objects take no private members, and proxies always do
    'private members of a proxy': [
      `class Given { constructor(object) { return object } }
      class Held extends Given { #held; constructor(object, held) { super(object); this.#held = held } }
      new Held(oracle, ${most})`,
      'ok null'
    ],
    // a part of a text keeps all of it
    'a part of a text in a variable': [
      `const text = ('part ' + exports.n).repeat(1e6); text.charCodeAt(9)
      exports['v' + exports.n] = text.slice(0, 20)`,
      'ok null'
    ],
    'what a variable was': [`exports.o.held = ${most}; exports.o = {}`, 'ok null'],
    'a result that is none': [`return { held: ${most} }`, 'error RESULT_TOO_LARGE'],
    'the stack of the matcher': [
      `/^(?:(a+)|(b)|c)*d/.test('ab'.repeat(20000)); new Uint8Array(2 ** 20)`,
      'ok null'
    ]
  }
  for (const [name, [body, outcome]] of Object.entries(bodies)) {
    const source = `${most}\nexports.n = 0\nexports.o = {}\nexports.hang = () => { exports.n++; ${body} }`
    const limits = { ...LIMITS, memory: 8 * 1024 * 1024 }
    const instance = new Instance(contractOf(source, { address: name, limits }))
    const calls = Array.from({ length: 4 }, (): Line => ['hang'])
    const [, ...results] = await instance.run(vm, [['init'], ...calls])
    t.alike(results.map(briefOf), Array(4).fill(outcome), name)
  }
})

test('hostile - what the engine and its host do for an operation is paid for', async (t) => {
  const vm = await openOne(t)
  const source = `exports.list = () => state.readdir('/names')
    exports.first = async () => { for (;;) await state.readdir('/dashes', { limit: 1 }) }
    exports.many = () => state.readdir('/many')
    exports.bound = () => state.readdir('/', { lt: '!'.repeat(1e5) })
    exports.look = async () => { for (;;) await state.exists('/large') }
    exports.clear = async () => { for (;;) await state.rmdir('/names', { recursive: true }).catch(() => {}) }
    exports.ask = async () => { for (;;) await state.stat('/large') }`
  const instance = new Instance(contractOf(source, { limits: { ...LIMITS, fuel: 300_000 } }))
  for (let i = 0; i < 4000; i++) instance.files.set(`/names/${i}.json`, '')
  instance.files.set(`/dashes/${'-'.repeat(1000)}`, '')
  for (let i = 0; i < 1000; i++) instance.files.set(`/many/${i}${'-'.repeat(1000)}`, '')
  instance.files.set('/large', 'x'.repeat(LIMITS.file))
  const files = baseOf(instance.files)
  const asked = { get: 0, list: 0 }
  const base: BaseState = {
    get(path) {
      asked.get++
      return files.get(path)
    },
    list(range) {
      asked.list++
      return files.list(range)
    }
  }
  const methods = ['init', 'list', 'first', 'many', 'look', 'ask', 'clear', 'bound']
  const lines = methods.map((method): Line => [method])
  const results = await instance.run(vm, lines, { overrides: { base } })
  const outcomes = results.map(briefOf)
  t.alike(outcomes, ['ok null', FUEL, FUEL, FUEL, FUEL, FUEL, FUEL, 'error PATH_TOO_LONG'])
  t.ok(asked.list < 100, `${asked.list} pages`)
  t.ok(asked.get < 10, `${asked.get} files`)
})

test('hostile - code that does it while it is loaded', async (t) => {
  const vm = await openOne(t)
  const limits = { ...LIMITS, fuel: 1_000_000, time: 30_000 }
  const loop = contractOf('exports.a = () => {}; for (;;);', { address: 'loop', limits })
  const native = contractOf('exports.a = () => {}; [].indexOf.call({ length: 2 ** 53 - 1 }, 1)', {
    address: 'native',
    limits
  })
  const memory = contractOf('exports.a = () => {}; const a = []; for (;;) a.push({ a })', {
    address: 'memory',
    limits: { ...LIMITS, time: 30_000, memory: 16 * 1024 * 1024 }
  })
  for (const contract of [loop, native, memory]) {
    await t.exception(vm.inspect(contract), { code: 'CODE_THROWS' }, contract.address)
  }
  const results = await new Instance(native).run(vm, [['init'], ['a']])
  t.alike(results.map(briefOf), [FUEL, FUEL])
  const fine = await new Instance(contractOf(COUNTER, { address: 'fine' })).run(vm, [
    ['init'],
    ['inc']
  ])
  t.is(briefOf(fine[1]), 'ok 1')
})

test('hostile - patience gives a call more time', async (t) => {
  const vm = await openOne(t)
  const source = `${COUNTER}
    exports.slow = () => { for (let i = 0; i < 3e6; i++); return 'done' }`
  const limits = { ...LIMITS, time: 1 }
  const instance = new Instance(contractOf(source, { limits }))
  const options = { patience: 60_000 }
  const results = await instance.run(vm, [['init'], ['slow'], ['inc']], { options })
  t.alike(results.map(briefOf), ['ok null', 'ok "done"', 'ok 1'])
  const [impatient] = await instance.run(vm, [['slow']])
  t.is(briefOf(impatient), TIME)
  const patient = await openOne(t, { patience: 60_000 })
  t.alike(await patient.inspect(instance.contract), ['inc', 'slow'])
  const [waited] = await instance.run(patient, [['slow']])
  t.is(briefOf(waited), 'ok "done"')
})

test('hostile - a call that is ended by time costs those beside it nothing', async (t) => {
  const vm = await openOne(t)
  const source = `${COUNTER}\nexports.slow = () => { exports.n = 9; for (let i = 0; i < 1e9; i++); }`
  const limits = { ...LIMITS, fuel: 2 ** 31 - 1, time: 2000 }
  const instance = new Instance(contractOf(source, { limits }))
  const results = await instance.run(vm, [['init'], ['inc'], ['slow'], ['inc'], ['inc']])
  t.alike(results.map(briefOf), ['ok null', 'ok 1', TIME, 'ok 2', 'ok 3'])
})

test('hostile - what V8 collects for one contract costs the calls of another one nothing', async (t) => {
  const vm = await openOne(t, {})
  // V8 looks through all of these maps again for each of their keys
  const source = `exports.idle = () => {}
    exports.keep = () => {
      const maps = Array.from({ length: 300 }, () => new WeakMap())
      const first = {}
      let key = first
      for (let i = 0; i < 3e5; i++) {
        const next = {}
        maps[299 - (i % 300)].set(key, next)
        key = next
      }
      exports.all = () => [maps, first]
    }`
  const idle = Array.from({ length: 64 }, (): Line => ['idle'])
  // it works for a second, and a machine may have others to work for
  const patient = { ...LIMITS, time: 60_000 }
  const make = (address: string) =>
    new Instance(contractOf(source, { address, deployer: 'bad', limits: patient }))
  const keepers = ['a', 'b', 'c', 'd'].map(make)
  const limits = { ...LIMITS, time: 100 }
  const neighbour = new Instance(contractOf(COUNTER, { limits }))
  await neighbour.run(vm, [['init']])
  for (const keeper of keepers) {
    await keeper.run(vm, [['init']])
    t.is(briefOf((await keeper.run(vm, [...idle, ['keep']])).at(-1)), 'ok null')
  }
  // until the instances rest
  await sleep(1300)
  t.is(briefOf((await neighbour.run(vm, [['inc']]))[0]), 'ok 1', 'behind instances that rest')
  const newcomer = new Instance(
    contractOf(source.replace('exports.keep', 'exports.init'), { address: 'e', limits: patient })
  )
  t.is(briefOf((await newcomer.run(vm, [['init']]))[0]), 'ok null')
  t.is(briefOf((await neighbour.run(vm, [['inc']]))[0]), 'ok 2', 'behind one that settles')
})

test('hostile - an engine that somebody else kills costs no call its outcome', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const vm = await openOne(t, {})
  const source = `${COUNTER}\nexports.ask = async () => [++exports.n, await oracle.who()]`
  const instance = new Instance(contractOf(source))
  let kills = 0
  const asked: number[] = []
  const overrides = {
    async onOracle({ call }: { readonly call: number }) {
      asked.push(call)
      if (kills++ === 0)
        for (const pid of children()) process.kill(innermost(pid) ?? pid, 'SIGKILL')
      return { ok: true as const, value: '"me"' }
    }
  }
  const lines: Line[] = [['init'], ['inc'], ['ask'], ['inc'], ['ask']]
  const results = await instance.run(vm, lines, { overrides })
  t.alike(results.map(briefOf), ['ok null', 'ok 1', 'ok [2,"me"]', 'ok 3', 'ok [4,"me"]'])
  t.alike(asked, [2, 2, 4], 'the question of the call that was lost is asked again')
})

/** Processes that this one has started. */
function children(): number[] {
  const text = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
  return text.split(' ').filter(Boolean).map(Number)
}
