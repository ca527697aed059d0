import { mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type Test } from 'brittle'
import {
  ContractError,
  callerId,
  type DeployOptions,
  deploy,
  MivmError,
  type TestInstance
} from 'mivm/testing'

async function open(t: Test, source: string, options: DeployOptions = {}) {
  const instance = await deploy(source, options)
  t.teardown(() => instance.close())
  return instance
}

const NOTES = `
exports.count = 0
exports.owner = null
exports.init = async (title) => {
  exports.owner = caller.id
  if (title !== undefined) await state.writeFile('/title', title)
}
exports.add = async (text) => {
  const id = ++exports.count
  await state.writeFile('/notes/' + id, text)
  return id
}
exports.addAndFail = async (text) => {
  await exports.add(text)
  await state.unlink('/notes/1')
  exports.late = true
  console.log('about to fail')
  throw Object.assign(new RangeError('on purpose'), { code: 'ON_PURPOSE' })
}
exports.nothing = () => {}
exports._hidden = () => 1
`

test('testing - init runs once, as the deployer, with its arguments', async (t) => {
  const notes = await open(t, NOTES, { args: ['my notes'], caller: 'alice' })
  t.is(notes.variables['owner'], callerId('alice'))
  t.alike(await notes.files(), { '/title': 'my notes' })
  t.is(notes.seq, 1)
  await t.exception(notes.call('alice', 'init', ['again']), { code: 'METHOD_FORBIDDEN' })
})

test('testing - methods are functions of a frozen object that can be awaited', async (t) => {
  const notes = await open(t, NOTES)
  const alice = await notes.as('alice')
  t.alike(Object.keys(alice), ['init', 'add', 'addAndFail', 'nothing'])
  t.ok(Object.isFrozen(alice))
  t.is(await alice['add']?.('a'), 1)
  t.is(await alice['nothing']?.(), undefined)
  await t.exception(notes.call('alice', 'missing', []), { code: 'METHOD_UNKNOWN' })
  await t.exception(notes.call('alice', '_hidden', []), { code: 'METHOD_FORBIDDEN' })
})

test('testing - a call that fails changes nothing and says what was thrown', async (t) => {
  const notes = await open(t, NOTES)
  await notes.call('alice', 'add', ['one'])
  const before = [await notes.files(), notes.variables]
  const error = await notes.call('alice', 'addAndFail', ['two']).catch((thrown) => thrown)
  t.ok(error instanceof ContractError)
  const { name, message, code, aborted } = error
  t.alike(
    { name, message, code, aborted },
    { name: 'RangeError', message: 'on purpose', code: 'ON_PURPOSE', aborted: false }
  )
  t.alike([await notes.files(), notes.variables], before)
  t.alike(notes.logs, ['about to fail'])
  t.is(notes.seq, 3)
  t.is(await notes.call('alice', 'add', ['two']), 2)
})

test('testing - the place of an error is known where V8 says the code of a function in it', async (t) => {
  const source = `class Point { area(x) { for (;;) return x } }
exports.rename = () => { Point.name = 'x' }
exports.extend = () => { return class extends (() => Point) {} }
exports.make = (...words) => {
  Reflect.construct(Point, words, () => Point)
}`
  const points = await open(t, source)
  const places: string[] = []
  for (const method of ['rename', 'extend', 'make']) {
    const { stack } = await points.call('alice', method, []).catch((thrown) => thrown)
    places.push(stack.match(/ at contract\.js:\d+/)?.[0] ?? stack)
  }
  t.alike(places, [' at contract.js:2', ' at contract.js:3', ' at contract.js:5'])
  const early = await deploy(`${source}\nPoint.prototype = 1`).catch((thrown) => thrown)
  t.ok(early.message.startsWith('contract.js:7:1: the code throws'), early.message)
})

test('testing - exported variables live on, others do not', async (t) => {
  const memory = await open(
    t,
    `
    exports.kept = { list: [1n], bytes: new Uint8Array([1, 2]) }
    let scratch = 0
    exports.next = () => { exports.kept.list.push(2n); return ++scratch }
    exports.drop = () => { delete exports.kept }`
  )
  t.is(await memory.call('alice', 'next', []), 1)
  t.is(await memory.call('alice', 'next', []), 1)
  t.alike(memory.variables, { kept: { list: [1n, 2n, 2n], bytes: new Uint8Array([1, 2]) } })
  await memory.call('alice', 'drop', [])
  t.alike(memory.variables, {})
  t.is(await memory.call('alice', 'next', []), 1)
  t.alike(memory.variables, { kept: { list: [1n, 2n], bytes: new Uint8Array([1, 2]) } })
})

test('testing - calls run in the order in which they are made', async (t) => {
  const notes = await open(t, NOTES)
  const ids = await Promise.all(
    ['a', 'b', 'c', 'd'].map((text, i) => notes.call(`user ${i}`, 'add', [text]))
  )
  t.alike(ids, [1, 2, 3, 4])
  t.alike(await notes.files(), {
    '/notes/1': 'a',
    '/notes/2': 'b',
    '/notes/3': 'c',
    '/notes/4': 'd'
  })
})

test('testing - arguments are taken as they are at the call', async (t) => {
  const echo = await open(t, 'exports.echo = (value) => value')
  const list = [1]
  const result = echo.call('alice', 'echo', [list])
  list.push(2)
  t.alike(await result, [1])
  await t.exception(echo.call('alice', 'echo', [new Date(0)]), { code: 'VALUE_UNSUPPORTED' })
})

test('testing - files as bytes', async (t) => {
  const files = await open(
    t,
    "exports.write = () => state.writeFile('/raw', new Uint8Array([0, 255]))"
  )
  await files.call('alice', 'write', [])
  t.alike(await files.files({ encoding: 'binary' }), { '/raw': new Uint8Array([0, 255]) })
})

test('testing - directories are listed as the archive lists them', async (t) => {
  const files = await open(
    t,
    `
    exports.fill = async () => { for (const p of ['/a-b', '/a/x', '/a/y', '/Z']) await state.writeFile(p, p) }
    exports.list = (path, options) => state.readdir(path, options)`
  )
  await files.call('alice', 'fill', [])
  t.alike(await files.call('alice', 'list', ['/']), ['Z', 'a', 'a-b'])
  t.alike(await files.call('alice', 'list', ['/a', { reverse: true, limit: 1 }]), ['y'])
  t.alike(await files.call('alice', 'list', ['/', { gt: 'Z', lt: 'a-b' }]), ['a'])
})

test('testing - time stands still until it is advanced', async (t) => {
  const clock = await open(t, 'exports.now = () => [Date.now(), env.time]', { time: 1000 })
  t.alike(await clock.call('alice', 'now', []), [1000, 1000])
  t.alike(await clock.call('alice', 'now', []), [1000, 1000])
  clock.advance(500)
  t.alike(await clock.call('alice', 'now', []), [1500, 1500])
  t.is(clock.time, 1500)
  await t.exception(() => clock.advance(-1), { code: 'USAGE' })
})

test('testing - everything is the same in every run', async (t) => {
  const source = 'exports.look = () => [caller.id, env, Math.random(), Math.random()]'
  const runs = []
  for (let i = 0; i < 2; i++) {
    const instance = await open(t, source)
    runs.push([await instance.call('alice', 'look', []), await instance.call('bob', 'look', [])])
  }
  t.alike(runs[0], runs[1])
  t.unlike(runs[0]?.[0], runs[0]?.[1])
})

test('testing - oracles answer, and their errors can be caught', async (t) => {
  const source = `
    exports.ask = async (name, ...args) => {
      try { return await oracle[name](...args) } catch (error) { return [error.message, error.code] }
    }`
  const oracles = {
    price: async (symbol: string) => `${symbol}: 12`,
    broken: () => {
      throw Object.assign(new Error('no line'), { code: 'OFFLINE' })
    },
    odd: () => new Map()
  }
  const asking = await open(t, source, { oracles })
  t.is(await asking.call('alice', 'ask', ['price', 'ACME']), 'ACME: 12')
  t.alike(await asking.call('alice', 'ask', ['broken']), ['no line', 'OFFLINE'])
  t.alike(await asking.call('alice', 'ask', ['odd']), [
    'oracle.odd: a Map is not a value; use JSON values, Uint8Array or bigint',
    'VALUE_UNSUPPORTED'
  ])
  t.alike(await asking.call('alice', 'ask', ['missing']), [
    'this host has no oracle missing',
    'ORACLE_UNKNOWN'
  ])
})

test('testing - there are no oracles during init', async (t) => {
  const source = "exports.init = async () => { await oracle.price('ACME') }"
  const error = await deploy(source, { oracles: { price: () => 1 } }).catch((thrown) => thrown)
  t.is(error.code, 'DEPLOY_FAILED')
  t.is(error.cause.code, 'ORACLE_UNAVAILABLE')
})

test('testing - what cannot be deployed', async (t) => {
  const cases = [
    { source: 'exports.x = (', code: 'CODE_SYNTAX', message: /line 1, column \d+/ },
    { source: 'module.exports = 7', code: 'CODE_NO_EXPORTS', message: /exports/ },
    { source: 'null.x', code: 'CODE_THROWS', message: /./ },
    {
      source: "exports.init = () => { throw new Error('not here') }",
      code: 'DEPLOY_FAILED',
      message: /not here/
    }
  ]
  for (const { source, code, message } of cases) {
    const error = await deploy(source).catch((thrown) => thrown)
    t.ok(error instanceof MivmError)
    t.is(error.code, code)
    t.ok(message.test(error.message), error.message)
  }
  await t.exception(deploy(NOTES, { limits: { file: 2 ** 40 } }), { code: 'LIMIT_INVALID' })
  // @ts-expect-error: a misspelled limit would be none
  await t.exception(deploy(NOTES, { limits: { files: 1000 } }), { code: 'LIMIT_INVALID' })
})

test('testing - the limits of the VM hold, and lower ones', async (t) => {
  const notes = await open(t, NOTES, { limits: { file: 10, time: 200 } })
  await t.exception(notes.call('alice', 'add', ['eleven long']), { code: 'FILE_TOO_LARGE' })
  await notes.call('alice', 'add', ['ten bytes!'])
  const endless = await open(t, 'exports.n = 0; exports.run = () => { exports.n = 1; for (;;); }', {
    limits: { fuel: 10_000 }
  })
  const error = await endless.call('alice', 'run', []).catch((thrown) => thrown)
  t.alike([error.code, error.aborted], ['OUT_OF_FUEL', false])
  t.is(endless.fuel, 10_000)
  t.alike(endless.variables, { n: 0 })
  t.is(await notes.call('alice', 'add', ['still']), 2)
})

test('testing - a closed instance says so, and another one goes on', async (t) => {
  const first = await open(t, NOTES)
  const second = await open(t, NOTES)
  await first.close()
  await first.close()
  await t.exception(first.call('alice', 'add', ['a']), { code: 'USAGE' })
  t.is(await second.call('alice', 'add', ['a']), 1)
})

test('testing - methods have the types of the contract', async (t) => {
  interface Notes {
    add(text: string): Promise<number>
    nothing(): void
    readonly count: number
    _hidden(): number
  }
  await using notes = await deploy<Notes>(NOTES)
  const alice = notes.as('alice')
  const id: number = await alice.add('a')
  t.is(id, 1)
  // @ts-expect-error: it takes a text
  await t.exception(alice.add(undefined), { code: 'VALUE_UNSUPPORTED' })
  // @ts-expect-error: a variable is no method
  t.is(alice.count, undefined)
  // @ts-expect-error: what begins so cannot be called
  t.is(alice._hidden, undefined)
})

test('testing - an instance is let go of where a test leaves its scope', async (t) => {
  const left: TestInstance[] = []
  const failing = async () => {
    await using instance = await deploy(NOTES)
    left.push(instance)
    throw new Error('the test failed')
  }
  await t.exception(failing(), /the test failed/)
  for (const instance of left) {
    await t.exception(instance.call('alice', 'add', ['a']), { code: 'USAGE' })
  }
})

test('testing - the time that code takes to be compiled is not that of the first call', async (t) => {
  const lines = Array.from(
    { length: 12_000 },
    (_, i) => `a = [a + ${i}, { a, b }, [b]].map((x) => x)`
  )
  const source = `exports.get = () => 1\nfunction unused(a, b) {\n${lines.join('\n')}\n}\n`
  const instance = await deploy(source, { limits: { time: 800 } })
  t.teardown(() => instance.close())
  t.is(await instance.call('alice', 'get', []), 1)
})

// the last one: those before have closed what they had
test('testing - nothing is left running by a test with a clock of its own', async (t) => {
  const isRunning = () => process.getActiveResourcesInfo().includes('ProcessWrap')
  const ended = async () => {
    for (let i = 0; i < 100 && isRunning(); i++) await sleep(50)
    return !isRunning()
  }
  await ended()
  mock.timers.enable({ apis: ['setTimeout'] })
  const instance = await deploy(NOTES)
  await instance.close()
  mock.timers.reset()
  t.ok(isRunning())
  t.ok(await ended())
})
