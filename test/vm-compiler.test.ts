// The processes that compile contracts: what is compiled how often, and what happens to who makes it hard for them.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type Test } from 'brittle'
import { LIMITS } from '../src/protocol/limits.ts'
import { Compilers } from '../src/vm/compilers.ts'
import { type Engine, EngineDeath } from '../src/vm/engine.ts'
import { Execution } from '../src/vm/execution.ts'
import { checkCode, inspect } from '../src/vm/inspection.ts'
import { EnginePool } from '../src/vm/pool.ts'
import { Slot } from '../src/vm/slot.ts'
import type { Batch } from '../src/vm/vm.ts'
import { briefOf, contractOf, Instance, type Line, openOne } from './vm-helpers.ts'

const MEBIBYTE = 1024 * 1024
const MEMORY_MAX = 512 * MEBIBYTE

/** ms */
const NEVER = 600_000

/** Every level looks through all that is inside of it: seconds for acorn. */
const SLOW = `let a; ${'['.repeat(240)}${'a,'.repeat(400_000)}${'] = 1'.repeat(240)}`

async function openPool(t: Test): Promise<EnginePool> {
  const pool = await EnginePool.open({ sandbox: 'auto', memoryMax: MEMORY_MAX })
  t.teardown(() => pool.close())
  return pool
}

interface Opened {
  readonly compilers: Compilers
  readonly pool: EnginePool
  /** Processes that were started, in order. */
  readonly started: Engine[]
}

async function openCompilers(
  t: Test,
  options?: ConstructorParameters<typeof Compilers>[1]
): Promise<Opened> {
  const pool = await openPool(t)
  const started: Engine[] = []
  const start = async () => {
    const engine = await pool.startCompiler()
    started.push(engine)
    return engine
  }
  const compilers = new Compilers(start, options)
  t.teardown(() => compilers.close())
  return { compilers, pool, started }
}

test('compiler - a source is compiled once, whoever asks for it', async (t) => {
  const { compilers, pool, started } = await openCompilers(t)
  const slots = [1, 2].map(() => {
    return new Slot(pool, compilers, { instancesMax: 8, memoryIdle: 1e9, memoryBusy: 1e9 })
  })
  t.teardown(() => Promise.all(slots.map((slot) => slot.close())))
  const [first, second] = slots
  if (first === undefined || second === undefined) throw new Error('there are two')
  const source =
    'exports.n = 0; exports.inc = () => ++exports.n; exports.loop = () => { for (;;); }'
  const limits = { ...LIMITS, fuel: 2 ** 31 - 1, time: 100 }
  const contract = contractOf(source, { limits })
  const runOn = async (slot: Slot, lines: readonly Line[], address = 'address') => {
    const instance = new Instance({ ...contract, address })
    const run = async (batch: Batch) => {
      const execution = new Execution(batch, {})
      await slot.queue('', () => execution.run(slot, false))
      return execution.executed
    }
    const vm = { run }
    return (await instance.run({ ...UNUSED, ...vm }, lines)).map(briefOf)
  }
  t.alike(await first.queue('', () => inspect(first, contract, { patience: 1 })), ['inc', 'loop'])
  t.is(compilers.count, 1)
  t.alike(await runOn(first, [['init'], ['inc']]), ['ok null', 'ok 1'])
  t.alike(await runOn(first, [['init'], ['inc']], 'another'), ['ok null', 'ok 1'])
  t.alike(await runOn(second, [['init'], ['inc']]), ['ok null', 'ok 1'], 'in another engine')
  const aborted = await runOn(first, [['init'], ['loop'], ['inc']])
  t.alike(aborted, ['ok null', 'abort ABORT_TIME', 'ok 1'], 'in an isolate that is built again')
  first.evict(contract.address, false)
  t.alike(await runOn(first, [['init'], ['inc']]), ['ok null', 'ok 1'], 'after it was evicted')
  const engine = await first.start()
  await engine.kill()
  t.alike(await runOn(first, [['init'], ['inc']]), ['ok null', 'ok 1'], 'after the engine died')
  t.is(compilers.count, 1)

  const same = await Promise.all(
    [1, 2, 3].map(() => compilers.compile(contractOf('exports.a = 1')))
  )
  t.is(new Set(same).size, 1)
  t.is(compilers.count, 2, 'at the same time, too')
  const refused = contractOf('exports.a = (')
  t.alike(await compilers.compile(refused), await compilers.compile(refused))
  t.is(compilers.count, 3, 'and what is refused')
  t.is(started.length, 1)
})

test('compiler - one that is not kept is gone when nothing is left to compile', async (t) => {
  const { compilers, started } = await openCompilers(t, { keepsOne: false, slow: NEVER })
  compilers.prepare()
  const sources = ['exports.a = 1', 'exports.b = 1'].map((source) => contractOf(source))
  await Promise.all(sources.map((contract) => compilers.compile(contract)))
  t.is(started.length, 1)
  while (started[0]?.isAlive) await sleep(10)
  for (const contract of sources) t.is((await compilers.compile(contract)).refusal, null)
  t.is(started.length, 1, 'what it has compiled is still known')
  t.is((await compilers.compile(contractOf('exports.c = 1'))).refusal, null)
  t.is(started.length, 2)
})

test('compiler - the size is looked at before anything else', async (t) => {
  const compilers = new Compilers(() => Promise.reject(new Error('nothing is started')))
  const source = `}${'('.repeat(LIMITS.code)}`
  const { refusal } = await compilers.compile(contractOf(source))
  t.is(refusal?.code, 'CODE_TOO_LARGE')
  t.ok(
    refusal?.message.startsWith(`the code has ${source.length} bytes and may have ${LIMITS.code}:`)
  )
  const limits = { ...LIMITS, code: 10 }
  const small = await compilers.compile(contractOf('é'.repeat(6), { limits }))
  t.ok(small.refusal?.message.startsWith('the code has 12 bytes and may have 10:'))
  t.is(compilers.count, 0)
  await t.exception(compilers.compile(contractOf('')), /nothing is started/)
})

test('compiler - code that grows too much when it is metered is refused', async (t) => {
  const { compilers } = await openCompilers(t)
  const { refusal } = await compilers.compile(
    contractOf(`let a, b; ${'a=b[b]++;'.repeat(100_000)}`)
  )
  t.is(refusal?.code, 'CODE_TOO_LARGE')
  t.ok(refusal?.message.includes('when it is metered'), refusal?.message)
  const { text } = await compilers.compile(contractOf(`let a, b; ${'a=b[b]++;'.repeat(20_000)}`))
  t.ok(text !== null && text.length > MEBIBYTE)
})

test('compiler - one that is killed over a source compiles it all the same', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const { compilers, started } = await openCompilers(t)
  await compilers.compile(contractOf('exports.a = 1'))
  const compiling = compilers.compile(contractOf('exports.f = (a) => a + 1;'.repeat(10_000)))
  // it has the source by then, and is not done with it
  await sleep(20)
  const pid = started[0]?.pid
  if (typeof pid === 'number') process.kill(pid, 'SIGKILL')
  t.is((await compiling).refusal, null)
  t.is(started.length, 2)
  t.is(compilers.count, 2)
})

test('compiler - a source over which processes die is refused, and can be tried again', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const pool = await openPool(t)
  let deaths = 2
  const compilers = new Compilers(async () => {
    const engine = await pool.startCompiler()
    // it is running when it gets the source, and no more when it would answer
    if (deaths-- > 0 && engine.pid !== null) process.kill(engine.pid, 'SIGKILL')
    return engine
  })
  t.teardown(() => compilers.close())
  const contract = contractOf('exports.a = () => 1')
  await t.exception(checkCode(compilers, contract), { code: 'CODE_TOO_LARGE' })
  await checkCode(compilers, contract)
  t.is(compilers.count, 2)
})

test('compiler - a source that takes for ever is refused', async (t) => {
  const { compilers, started } = await openCompilers(t, { time: 500, slow: NEVER })
  const error = await compilers.compile(contractOf(SLOW)).catch((reason) => reason)
  t.is(error instanceof EngineDeath ? error.reason : error, 'time')
  await compilers.compile(contractOf('exports.c = 1')).catch(() => {})
  t.is(started.length, 2, 'what died is replaced')
})

test('compiler - nobody waits for a source that takes for ever', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const { compilers, started } = await openCompilers(t, { time: NEVER, slow: 10 })
  await compilers.compile(contractOf('exports.a = 1'))
  const pid = started[0]?.pid
  if (typeof pid === 'number') process.kill(pid, 'SIGSTOP')
  const stopped = compilers.compile(contractOf('exports.b = 1')).catch(({ code }) => code)
  await compilers.compile(contractOf('exports.c = 1'))
  t.is(started.length, 2, 'another process was started for the others')
  await compilers.close()
  t.is(await stopped, 'ENGINE_FAILED')
})

test('compiler - what calls come to is the same, whatever becomes of it', async (t) => {
  const vm = await openOne(t)
  const instance = new Instance(contractOf('exports.n = 0; exports.inc = () => ++exports.n'))
  const bad = new Instance(contractOf('exports.a = (', { address: 'bad' }))
  t.alike((await bad.run(vm, [['init'], ['a']])).map(briefOf), [
    'error CODE_SYNTAX',
    'error CODE_SYNTAX'
  ])
  const limits = { ...LIMITS, code: 5 }
  const large = new Instance(contractOf('exports.a = 1', { address: 'large', limits }))
  t.alike((await large.run(vm, [['init']])).map(briefOf), ['error CODE_TOO_LARGE'])
  t.alike((await instance.run(vm, [['init'], ['inc']])).map(briefOf), ['ok null', 'ok 1'])
})

/** What nests, and how many nodes a level of it is. */
const NESTS: readonly (readonly [open: string, close: string, nodes: number])[] = [
  ['[', ']', 1],
  ['(', ')', 1],
  ['({ a: ', '})', 3],
  ['() => ', '', 1],
  ['function () { return ', '}', 3],
  ['f(', ')', 1],
  ['new ', '', 1],
  ['`${', '}`', 1],
  ['0 ? 1 : ', '', 1],
  ['!', '', 1],
  ['x = ', '', 1],
  ['1 + ', '', 1],
  ['2 ** ', '', 1],
  ['([x = ', '] = [])', 4],
  ['({ a: { b: [c = ', '] } }) => ', 7],
  ['async function* (a = [...(new class { [`${yield* f(!x ? 1 : x = ', '})}`]() {} })]) {}', 20]
]

const STATEMENTS = ['if (1) ', '{', 'for (;;) ', 'try {', 'switch (1) { case 1: ', 'do ']

test('compiler - what is said of code that nests depends on no stack', (t) => {
  const sources: string[] = []
  for (const [open, close, nodes] of NESTS) {
    const nested = (count: number, inner: string) => {
      return `let x, f; exports.a = ${open.repeat(count)}${inner}${close.repeat(count)}`
    }
    const most = Math.floor(980 / nodes)
    sources.push(nested(most, '0'), nested(most, '0 @'), nested(1100, '0'), nested(4000, '0 @'))
  }
  for (const open of STATEMENTS) {
    for (const count of [300, 4000]) sources.push(`${open.repeat(count)};`)
  }
  const processes = [
    ['--stack-size=7000'],
    ['--stack-size=3000', '--always-sparkplug'],
    ['--stack-size=3000', '--jitless']
  ]
  const [first = [], ...others] = processes.map((flags) => compileIn(flags, sources))
  const count = (part: RegExp) => first.filter((text) => part.test(text)).length
  t.ok(count(/\$mivmCounter/) >= NESTS.length - 2, 'some of it is compiled')
  t.ok(count(/deeper than 1000 levels/) >= NESTS.length * 2 - 4, 'some is too deep')
  t.ok(count(/^CODE_SYNTAX: line .*Unexpected character '@'/) >= 4, 'some is wrong before it is')
  for (const [index, texts] of others.entries()) {
    const different = texts.findIndex((text, at) => text !== first[at])
    t.is(different, -1, `${processes[index + 1]?.join(' ')} ${sources[different]?.slice(0, 80)}`)
  }
})

function compileIn(flags: readonly string[], sources: readonly string[]): string[] {
  const script = fileURLToPath(new URL('compile-process.js', import.meta.url))
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, script], {
    input: JSON.stringify(sources),
    encoding: 'utf8',
    maxBuffer: 1024 * MEBIBYTE
  })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

const EVAL = 'eval is not available: write the code out: what runs is what was deployed'

test('compiler - the place of an error is counted in the author’s own lines', async (t) => {
  const { compilers } = await openCompilers(t)
  const places: readonly (readonly [source: string, message: string])[] = [
    ['a\r\nb = = 1', 'line 2, column 5: Unexpected token'],
    ['a\u2028b\u2029c\rd = = 1', 'line 4, column 5: Unexpected token'],
    ['/* a\n\r\n */ = 1', 'line 3, column 5: Unexpected token'],
    [`let a = \`\n\n${'$'}{1 +}\``, 'line 3, column 6: Unexpected token'],
    ["'a\\\nb'; eval(1)", `line 2, column 5: ${EVAL}`],
    ['1; eval(1); eval(2)', `line 1, column 4: ${EVAL}`],
    [
      'exports.a = async () => {\n  await import("b")\n}',
      'line 2, column 9: import is not available'
    ],
    ['let a\n let a', "line 2, column 6: Identifier 'a' has already been declared"],
    [
      '// <!-- a\n1 <!-- b',
      'line 2, column 3: HTML-like comments are not allowed: write // or /* */'
    ],
    ['#!/usr/bin/env node\nexports.a = 1', 'line 1, column 1: a line with #! is not available'],
    [
      `1; 0x${'f'.repeat(262_142)}n`,
      'line 1, column 4: a big integer that is written out may have 262143 digits'
    ],
    ['let a = /(/', 'line 1, column 10: Invalid regular expression: /(/'],
    ['let a = /a', 'line 1, column 10: Unterminated regular expression'],
    ['let a = /a/gg', 'line 1, column 10: Duplicate regular expression flag'],
    ['let \\u{61}wait = 1; let 1a', 'line 1, column 26: Identifier directly after number'],
    ['let é = 1, 𝒳 = 2; é𝒳 = = 3', 'Unexpected token'],
    ['exports.a = (', 'line 1, column 14: the code ends before all brackets are closed'],
    [`1${' + 1'.repeat(1001)}`, 'line 1, column 4006: the code nests deeper than 1000 levels']
  ]
  for (const [source, message] of places) {
    const { refusal } = await compilers.compile(contractOf(source))
    t.ok(refusal?.message.includes(message), `${refusal?.message} for ${JSON.stringify(source)}`)
  }
  const { text } = await compilers.compile(
    contractOf('let é = 1, 𝒳 = \\u{e9}; exports.a = /[/]\\//u')
  )
  t.ok(text?.includes('exports.a = /[/]\\//u'))
})

test('compiler - its process sees nothing either, but may make machine code', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const pool = await openPool(t)
  const engine = await pool.startCompiler()
  t.teardown(() => engine.kill())
  const environment = readFileSync(`/proc/${engine.pid}/environ`, 'utf8')
  t.ok(['', 'PWD=/\0'].includes(environment), 'no environment but what a shell makes')
  const flags = readFileSync(`/proc/${engine.pid}/cmdline`, 'utf8').split('\0')
  t.absent(flags.includes('--jitless'))
  t.ok(flags.includes('--permission') && flags.includes('--disallow-code-generation-from-strings'))
  t.absent(flags.some((flag) => /allow-(addons|fs-write|child|worker|net|wasi)/.test(flag)))
  t.is(flags.filter((flag) => flag.startsWith('--allow-fs-read=')).length, 2)
})

/** The rest of a VM, for an instance that runs in a slot. */
const UNUSED = {
  id: 'js-1',
  inspect: () => Promise.reject(new Error('unused')),
  evict() {},
  close: () => Promise.resolve()
}
