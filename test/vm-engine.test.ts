import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import { LIMITS } from '../src/protocol/limits.ts'
import { VM_ID } from '../src/protocol/vm-id.ts'
import { Engine } from '../src/vm/engine.ts'
import { findNode } from '../src/vm/node.ts'
import { openVm } from '../src/vm/registry.ts'
import { readVariables } from '../src/vm/variables.ts'
import type { OracleAnswer, OracleRequest, Step } from '../src/vm/vm.ts'
import {
  baseOf,
  briefOf,
  contractOf,
  Instance,
  type Line,
  openOne,
  type Result
} from './vm-helpers.ts'

const FORUM = `
exports.topicCounter = 0
exports.postCounter = 0
exports.init = async () => {
  state.mkdir('/topics')
}
exports.addTopic = async (title) => {
  const id = ++exports.topicCounter
  await state.mkdir(\`/topics/\${id}\`)
  await state.writeFile(\`/topics/\${id}/title\`, title)
  return id
}
exports.addPost = async (id, content) => {
  const postId = ++exports.postCounter
  await state.writeFile(\`/topics/\${id}/\${postId}\`, content)
  return postId
}`

test('engine - the forum of the note leaves exactly its files', async (t) => {
  const vm = await openOne(t)
  t.is(vm.id, VM_ID)
  t.alike(await vm.inspect(contractOf(FORUM)), ['init', 'addTopic', 'addPost'])

  const forum = new Instance(contractOf(FORUM))
  const lines: Line[] = [['init'], ['addTopic', 'Hello world'], ['addPost', 1, 'My name is bob']]
  t.alike(await forum.run(vm, lines), [
    {
      status: 'ok',
      value: null,
      writes: { '/.mivm/exports/postCounter.json': '0', '/.mivm/exports/topicCounter.json': '0' }
    },
    {
      status: 'ok',
      value: '1',
      writes: { '/.mivm/exports/topicCounter.json': '1', '/topics/1/title': 'Hello world' }
    },
    {
      status: 'ok',
      value: '1',
      writes: { '/.mivm/exports/postCounter.json': '1', '/topics/1/1': 'My name is bob' }
    }
  ])
  t.alike(
    await readVariables(baseOf(forum.files)),
    new Map([
      ['postCounter', '1'],
      ['topicCounter', '1']
    ])
  )
})

test('engine - a call that fails changes nothing, for itself and for those behind it', async (t) => {
  const vm = await openOne(t)
  const instance = new Instance(
    contractOf(`
    exports.count = 0
    exports.list = []
    exports.fail = async () => {
      exports.count++
      exports.list.push('x')
      exports.extra = 1
      await state.writeFile('/file', 'failed')
      await state.unlink('/other')
      throw Object.assign(new RangeError('no'), { code: 'NO' })
    }
    exports.good = async () => {
      exports.count++
      await state.writeFile('/file', String(exports.count))
      await state.writeFile('/other', 'there')
    }
    exports.look = async () => ({
      count: exports.count,
      list: exports.list,
      extra: exports.extra ?? null,
      file: await state.readFile('/file'),
      other: await state.exists('/other')
    })
  `)
  )
  const [, good, fail, look] = await instance.run(vm, [['init'], ['good'], ['fail'], ['look']])
  t.is(good?.status, 'ok')
  t.alike(fail, {
    status: 'error',
    error: { name: 'RangeError', message: 'no', code: 'NO' },
    writes: {}
  })
  t.alike(look, {
    status: 'ok',
    value: '{"count":1,"list":[],"extra":null,"file":"1","other":true}',
    writes: {}
  })
})

test('engine - calls of a batch see what those before them left', async (t) => {
  const vm = await openOne(t)
  const instance = new Instance(
    contractOf(`
    exports.write = (path, text) => state.writeFile(path, text)
    exports.read = (path) => state.readFile(path)
    exports.list = (path) => state.readdir(path)
    exports.drop = (path) => state.unlink(path)
    exports.clear = (path) => state.rmdir(path, { recursive: true })
  `)
  )
  instance.files.set('/a/old', 'old')
  const results = await instance.run(vm, [
    ['init'],
    ['write', '/a/new', 'new'],
    ['list', '/a'],
    ['read', '/a/new'],
    ['drop', '/a/old'],
    ['list', '/a'],
    ['read', '/a/old'],
    ['clear', '/a'],
    ['list', '/'],
    ['clear', '/a']
  ])
  t.alike(results.slice(1).map(briefOf), [
    'ok null',
    'ok ["new","old"]',
    'ok "new"',
    'ok null',
    'ok ["new"]',
    'error ENOENT',
    'ok null',
    'ok []',
    'ok null'
  ])
  t.alike(results[7]?.writes, { '/a/new': null })
})

test('engine - operations take effect in the order in which they were asked', async (t) => {
  const vm = await openOne(t)
  const instance = new Instance(
    contractOf(`
    exports.race = async () => {
      const order = []
      const note = (name) => (value) => order.push([name, value])
      await Promise.all([
        state.exists('/f').then(note('before')),
        state.writeFile('/f', 'one').then(() => order.push(['written'])),
        state.readFile('/f').then(note('read')),
        state.writeFile('/f', 'two'),
        state.stat('/f').then((stat) => order.push(['size', stat.size])),
        state.unlink('/f').then(() => order.push(['gone'])),
        state.exists('/f').then(note('after'))
      ])
      state.writeFile('/unawaited', 'counts')
      return order
    }
  `)
  )
  const [, race] = await instance.run(vm, [['init'], ['race']])
  t.alike(race, {
    status: 'ok',
    value: '[["before",false],["written"],["read","one"],["size",3],["gone"],["after",false]]',
    writes: { '/unawaited': 'counts' }
  })
})

/** Looks at everything that could differ between a fresh and a used engine, and tries to leave something behind. */
const CURIOUS = `
  let scratch = 0
  exports.seen = {}
  const depth = (n = 0) => n < 500 ? depth(n + 1) : n
  exports.look = async (label) => {
    scratch++
    try { Array.prototype.mark = label } catch {}
    try { globalThis.mark = label } catch {}
    exports.seen[label] = [scratch, Math.random(), Date.now(), [].mark ?? null, globalThis.mark ?? null]
    exports['v-' + label] = Object.keys(exports)
    await state.writeFile('/log/' + label, JSON.stringify(exports.seen[label]))
    return [depth(), await state.readdir('/log'), Object.keys(exports), new Date().toISOString()]
  }
  exports.drop = (label) => { delete exports['v-' + label] }
  exports.fail = async (label) => {
    await exports.look(label)
    throw new Error(String(depth()))
  }`

const VISIT: readonly Line[] = [
  ['init'],
  ['look', 'b'],
  ['fail', 'x'],
  ['look', 'a'],
  ['look', 'b'],
  ['drop', 'a'],
  ['look', 'é'],
  ['look', 'c']
]

test('engine - a batch has the same steps in a fresh and in a used engine', async (t) => {
  const vm = await openOne(t)
  const results: Result[][] = []
  for (let i = 0; i < 3; i++) {
    results.push(await new Instance(contractOf(CURIOUS)).run(vm, VISIT))
    if (i === 1) vm.evict('address')
  }
  const other = await openOne(t, {})
  results.push(await new Instance(contractOf(CURIOUS)).run(other, VISIT))
  const [first, ...others] = results
  t.is(first?.filter(({ status }) => status === 'ok').length, 7)
  for (const result of others) t.alike(result, first)
})

test('engine - where batches begin and end makes no difference', async (t) => {
  const vm = await openOne(t)
  const whole = await new Instance(contractOf(CURIOUS)).run(vm, VISIT)
  for (let split = 1; split < VISIT.length; split++) {
    const instance = new Instance(contractOf(CURIOUS))
    const head = await instance.run(vm, VISIT.slice(0, split))
    const tail = await instance.run(vm, VISIT.slice(split))
    t.alike([...head, ...tail], whole, `split at ${split}`)
  }
})

test('engine - calls in one segment come to what each comes to alone', async (t) => {
  const vm = await openOne(t)
  const limits = { ...LIMITS, fuel: 50_000 }
  const contract = contractOf(
    `
    exports.n = 0; exports.list = []; exports.text = ''
    exports.add = async (by) => {
      exports.n += by; exports.list.push(exports.n); exports.text += by
      await state.writeFile('/n/' + exports.n, exports.text)
      return exports.n
    }
    exports.read = async () => [await state.readdir('/n'), await state.readFile('/n/1'), Math.random(), env.seq]
    exports.fail = async () => { exports.n = 99; await state.writeFile('/lost', ''); throw new Error('no') }
    exports.reject = async () => {
      Promise.reject(new Error('Script execution timed out.'))
      ;(async () => { await null; throw { get message() { exports.n = 50 } } })()
      return ++exports.n
    }
    exports.never = () => new Promise(() => {})
    exports.late = async () => {
      ;(async () => { for (let i = 0; i < 20; i++) await null; await state.writeFile('/late', ''); exports.n++ })()
      return 'early'
    }
    exports.burn = () => { for (;;); }
    exports.turn = async () => { for (;;) await null }
    exports.drop = async () => { await state.unlink('/late'); await state.writeFile('/own', ''); await state.rmdir('/', { recursive: true }) }
    `,
    { limits }
  )
  const names = [
    'read',
    'fail',
    'reject',
    'never',
    'late',
    'burn',
    'turn',
    'read',
    'drop',
    'reject'
  ]
  const lines: Line[] = [['init'], ['add', 1], ...names.map((name): Line => [name]), ['add', 2]]
  const fuel: Record<'together' | 'alone', number[]> = { together: [], alone: [] }
  const noting = (list: number[]) => ({
    overrides: { onStep: (step: Step) => list.push(step.fuel) }
  })
  const together = await new Instance(contract).run(vm, lines, noting(fuel.together))
  const instance = new Instance(contract)
  const alone: Result[] = []
  for (const line of lines) alone.push(...(await instance.run(vm, [line], noting(fuel.alone))))
  t.alike(together, alone)
  t.alike(fuel.together, fuel.alone)
  t.is(
    alone.map(({ status }) => status).join(),
    'ok,ok,ok,error,ok,error,ok,error,error,ok,ok,ok,ok'
  )
  t.alike(alone[10]?.writes, { '/late': null, '/n/1': null })
})

test('engine - an oracle is asked after the steps before it, and its errors can be caught', async (t) => {
  const vm = await openOne(t)
  const contract = contractOf(`
    exports.ask = async (symbol) => {
      const first = await oracle.price(symbol, { n: 1 })
      try {
        return [first, await oracle.price('again')]
      } catch (error) {
        return [first, error.name, error.message, error.code]
      }
    }
    exports.names = () => Object.keys(oracle)
    exports.none = () => oracle.nothing()
  `)
  const events: unknown[] = []
  const overrides = {
    onStep: (_step: unknown, index: number) => events.push(index),
    async onOracle(request: OracleRequest): Promise<OracleAnswer> {
      events.push(request)
      if (request.name === 'nothing') {
        return { ok: false, error: { name: 'Error', message: 'no such oracle', code: 'UNKNOWN' } }
      }
      return request.index === 0
        ? { ok: true, value: '12.5' }
        : { ok: false, error: { name: 'Error', message: 'closed', code: 'CLOSED' } }
    }
  }
  const lines: Line[] = [['init'], ['names'], ['ask', 'ACME'], ['none']]
  const results = await new Instance(contract).run(vm, lines, { overrides })
  t.alike(events, [
    0,
    1,
    { call: 2, index: 0, name: 'price', args: '["ACME",{"n":1}]' },
    { call: 2, index: 1, name: 'price', args: '["again"]' },
    2,
    { call: 3, index: 0, name: 'nothing', args: '[]' },
    3
  ])
  t.alike(results.slice(1).map(briefOf), [
    'ok []',
    'ok [12.5,"Error","closed","CLOSED"]',
    'error UNKNOWN'
  ])
})

test('engine - console goes to the log of the host, in order', async (t) => {
  const vm = await openOne(t)
  const instance = new Instance(
    contractOf(`
    exports.talk = (n) => { console.log('call', n); console.warn({ n }) ; if (n === 2) throw new Error('x') }
  `)
  )
  await instance.run(vm, [['init'], ['talk', 1], ['talk', 2]])
  t.alike(instance.logs, ['call 1', '{"n":1}', 'call 2', '{"n":2}'])
})

test('engine - without time for more, one call is executed', async (t) => {
  const vm = await openOne(t)
  const instance = new Instance(contractOf('exports.n = 0\nexports.inc = () => ++exports.n'))
  const lines: Line[] = [['init'], ['inc'], ['inc'], ['inc']]
  t.is((await instance.run(vm, lines, { options: { workMs: 0 } })).length, 1)
  t.is((await instance.run(vm, lines.slice(1), { options: { workMs: 0 } })).length, 1)
  t.is((await instance.run(vm, lines.slice(2), { options: { workMs: 60_000 } })).length, 2)
  t.is(instance.variables.get('n'), '3')
  t.alike(await instance.run(vm, []), [])
})

test('engine - a batch without calls makes it ready for the next one', async (t) => {
  const vm = await openVm('js-1', { engines: 1 })
  t.teardown(() => vm.close())
  const forum = new Instance(contractOf(FORUM))
  t.alike(await forum.run(vm, []), [])
  t.is(vm.figures().instances, 1)
  t.alike((await forum.run(vm, [['init'], ['addTopic', 'Hello world']])).map(briefOf), [
    'ok null',
    'ok 1'
  ])
  const broken = new Instance(contractOf('exports.a = (', { address: 'broken' }))
  t.alike(await broken.run(vm, []), [])
})

test('engine - more is written in a batch than an engine keeps', async (t) => {
  const vm = await openOne(t)
  const instance = new Instance(
    contractOf(`
    exports.n = 0
    exports.fill = async () => {
      exports.n++
      for (let i = 0; i < 4; i++) await state.writeFile('/' + exports.n + '/' + i, 'x'.repeat(1000000))
      await state.unlink('/' + (exports.n - 1) + '/0').catch(() => {})
    }
    exports.count = async () => {
      let n = 0
      for (const name of await state.readdir('/')) n += (await state.readdir('/' + name)).length
      return n
    }
  `)
  )
  const fills = Array.from({ length: 12 }, (): Line => ['fill'])
  const results = await instance.run(vm, [['init'], ...fills, ['count']])
  t.is(results.length, 14)
  t.is(briefOf(results[13]), 'ok 37')
})

test('engine - more is given to a batch than goes to an engine at once', async (t) => {
  const vm = await openVm('js-1', { engines: 1 })
  t.teardown(() => vm.close())
  const instance = new Instance(contractOf('exports.n = 0; exports.next = (text) => ++exports.n'))
  await instance.run(vm, [['init']])
  // each takes four bytes to write a character of these
  const long = '"'.repeat(500_000)
  const lines: Line[] = Array.from({ length: 20 }, () => ['next', long])
  const results = await instance.run(vm, [['next'], ...lines, ['next']])
  t.alike(
    new Set(results.slice(1, -1).map(briefOf)),
    new Set(['error ARGS_TOO_LARGE']),
    'what is too long is an error'
  )
  t.alike([results[0], results.at(-1)].map(briefOf), ['ok 1', 'ok 2'])
  t.alike(vm.figures().deaths, { time: 0, memory: 0, crash: 0 }, 'no engine ended')
})

test('engine - more instances than it keeps take turns', async (t) => {
  const vm = await openOne(t, { maxInstances: 2 })
  const instances = ['a', 'b', 'c'].map((address) => {
    const source = `exports.n = 0\nexports.inc = () => \`\${env.address}\${++exports.n}\``
    return new Instance(contractOf(source, { address }))
  })
  for (const instance of instances) await instance.run(vm, [['init']])
  const values: string[] = []
  for (let round = 0; round < 3; round++) {
    for (const instance of instances) {
      values.push(...(await instance.run(vm, [['inc']])).map(briefOf))
    }
    vm.evict('a')
  }
  t.alike(
    values.join(' '),
    'ok "a1" ok "b1" ok "c1" ok "a2" ok "b2" ok "c2" ok "a3" ok "b3" ok "c3"'
  )
})

test('engine - an instance that rests takes little memory', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const vm = await openVm('js-1', { engines: 1 })
  t.teardown(() => vm.close())
  const make = (address: string) => new Instance(contractOf(FORUM, { address }))
  const grow = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await make(`${vm.figures().instances}`).run(vm, [['init'], ['addTopic', 'Hello world']])
    }
    // behind all that they gave back
    await make('last').run(vm, [['init']])
    return vm.figures().memory
  }
  const few = await grow(10)
  const many = await grow(40)
  const each = Math.round((many - few) / 40 / 1024)
  t.comment(`${each} KiB each`)
  t.ok(each < 2700, `${each} KiB for an instance`)
})

test('engine - instances give back what their calls have filled when nobody wants the engine', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const vm = await openVm('js-1', { engines: 1 })
  t.teardown(() => vm.close())
  const instances = Array.from({ length: 10 }, (_, i) => {
    return new Instance(contractOf(FORUM, { address: `${i}` }))
  })
  const add = Array.from({ length: 400 }, (): Line => ['addTopic', 'Hello world'])
  for (const instance of instances) await instance.run(vm, [['init']])
  for (const instance of instances) await instance.run(vm, add)
  const busy = vm.figures().memory
  // every instance has some
  const enough = busy - instances.length * 256 * 1024
  while (vm.figures().memory > enough) await sleep(20)
  t.pass('memory is given back')
  for (const instance of instances) {
    t.is(briefOf((await instance.run(vm, [['addTopic', 'Hello world']]))[0]), 'ok 401')
  }
})

test('engine - what calls have returned does not stay', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const vm = await openVm('js-1', { engines: 1 })
  t.teardown(() => vm.close())
  const instance = new Instance(contractOf("exports.say = () => 'x'.repeat(20_000)"))
  const say = Array.from({ length: 100 }, (): Line => ['say'])
  const memoryAfter = async (jobs: number) => {
    for (let i = 0; i < jobs; i++) await instance.run(vm, say)
    return vm.figures().memory
  }
  const few = await memoryAfter(10)
  const many = await memoryAfter(25)
  const grown = Math.round((many - few) / 1024 / 1024)
  t.comment(`${grown} MiB more`)
  t.ok(grown < 16, `${grown} MiB stay of 48`)
})

test('engine - several engines execute at the same time', async (t) => {
  const vm = await openOne(t, { engines: 2 })
  const source = 'exports.wait = () => oracle.meet()'
  const instances = ['a', 'b'].map((address) => new Instance(contractOf(source, { address })))
  let arrived = 0
  let meet = () => {}
  const both = new Promise<void>((resolve) => {
    meet = resolve
  })
  const overrides = {
    async onOracle() {
      if (++arrived === 2) meet()
      await both
      return { ok: true as const, value: '"met"' }
    }
  }
  const results = await Promise.all(
    instances.map((instance) => instance.run(vm, [['init'], ['wait']], { overrides }))
  )
  t.alike(
    results.map(([, wait]) => briefOf(wait)),
    ['ok "met"', 'ok "met"']
  )
})

test('engine - a failing base rejects the batch and leaves the engine in order', async (t) => {
  const vm = await openOne(t)
  const instance = new Instance(
    contractOf(`
    exports.n = 0
    exports.read = async () => { exports.n++; return await state.exists('/x') }
  `)
  )
  await instance.run(vm, [['init']])
  const broken = { ...baseOf(new Map()), get: () => Promise.reject(new Error('the disk is gone')) }
  const failing = instance.run(vm, [['read'], ['read']], { overrides: { base: broken } })
  await t.exception(failing, /the disk is gone/)
  const thrower = instance.run(vm, [['read']], {
    overrides: {
      onStep() {
        throw new Error('no more steps')
      }
    }
  })
  await t.exception(thrower, /no more steps/)
  t.alike((await instance.run(vm, [['read'], ['read']])).map(briefOf), ['ok false', 'ok false'])
  t.is(instance.variables.get('n'), '2')
})

test('engine - exported variables have files named after them', async (t) => {
  const vm = await openOne(t)
  const instance = new Instance(
    contractOf(`
    exports.set = (name, value) => { exports[name] = value }
    exports.drop = (name) => { delete exports[name] }
    exports.names = () => Object.keys(exports).filter((name) => typeof exports[name] !== 'function')
  `)
  )
  const long = 'é'.repeat(200)
  const results = await instance.run(vm, [
    ['init'],
    ['set', 'a/b', 1],
    ['set', 'a', 2],
    ['set', 'a-', 3],
    ['set', '%', 4],
    ['set', long, 5],
    ['drop', 'a'],
    ['names']
  ])
  t.alike(
    results.slice(1).map(({ writes }) => writes),
    [
      { '/.mivm/exports/a%2Fb.json': '1' },
      { '/.mivm/exports/a.json': '2' },
      { '/.mivm/exports/a-.json': '3' },
      { '/.mivm/exports/%25.json': '4' },
      {},
      { '/.mivm/exports/a.json': null },
      {}
    ]
  )
  t.is(briefOf(results[5]), 'error EXPORTS_TOO_LARGE')
  t.is(briefOf(results[7]), 'ok ["%","a/b","a-"]', 'in the order of their paths')
})

test('engine - code that cannot run is refused with the place and the reason', async (t) => {
  const vm = await openOne(t)
  const messages = async (source: string, code: string, expected: RegExp) => {
    const contract = contractOf(source)
    await t.exception(
      vm.inspect(contract),
      { code },
      `${code} for ${JSON.stringify(source.slice(0, 40))}`
    )
    await t.exception(vm.inspect(contract), expected, `with ${expected.source}`)
  }
  await messages(
    'exports.a = () => {}\n\n  const x = = 2',
    'CODE_SYNTAX',
    /line 3, column 13: Unexpected token/
  )
  await messages('exports.a = () => {\n', 'CODE_SYNTAX', /line 2, column 1: .*brackets/)
  await messages('}) (); (function () {', 'CODE_SYNTAX', /line 1, column 1: Unexpected token '}'/)
  await messages(
    'exports.a = 1 })\n;(function () {',
    'CODE_SYNTAX',
    /line 1, column 15: Unexpected token '}'/
  )
  await messages('}, function () {', 'CODE_SYNTAX', /line 1, column 1/)
  await messages('1 <!-- 2', 'CODE_SYNTAX', /line 1, column 3: HTML-like comments/)
  await messages('1\n--> 2', 'CODE_SYNTAX', /line 2, column 1: HTML-like comments/)
  await messages('#!/usr/bin/env node', 'CODE_SYNTAX', /line 1, column 1: a line with #!/)
  await messages("exports.a = () => import('fs')", 'CODE_SYNTAX', /line 1, column 19: import/)
  await messages("import fs from 'fs'", 'CODE_SYNTAX', /line 1, column 1/)
  await messages('export const a = 1', 'CODE_SYNTAX', /line 1, column 1/)
  await messages('with ({}) {}', 'CODE_SYNTAX', /line 1, column 1/)
  await messages("exports.a = () => eval('1')", 'CODE_SYNTAX', /line 1, column 19: eval/)
  await messages("exports.a = () => \\u0065val('1')", 'CODE_SYNTAX', /line 1, column 19: eval/)
  await messages('exports.a = () => /(?<n>a)(?<n>b)/', 'CODE_SYNTAX', /line 1, column \d+/)
  await messages('['.repeat(300_000), 'CODE_SYNTAX', /the code nests deeper than 1000 levels/)
  await messages('exports.count = 1', 'CODE_NO_EXPORTS', /exports no method/)
  await messages('module.exports = 7', 'CODE_NO_EXPORTS', /export/)
  await messages('null.x', 'CODE_THROWS', /TypeError/)
  await messages("throw 'a string'", 'CODE_THROWS', /Error: a string/)
  await messages(
    `// ${'x'.repeat(LIMITS.code)}`,
    'CODE_TOO_LARGE',
    /1048579 bytes and may have 1048576/
  )
  const fine =
    'exports.eval = (o) => o.eval; exports.b = { import: 1, eval: 2 }; // <!-- eval import'
  t.alike(await vm.inspect(contractOf(fine)), ['eval'])
})

test('engine - calls of code that cannot be compiled end with an error', async (t) => {
  const vm = await openOne(t)
  const results = await new Instance(contractOf('exports.a = (')).run(vm, [['init'], ['a']])
  t.alike(results.map(briefOf), ['error CODE_SYNTAX', 'error CODE_SYNTAX'])
  t.alike(results[0]?.writes, {})
})

test('engine - the process has no environment, no files and no network of ours', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const engine = await Engine.start({ node: findNode() ?? '' })
  t.teardown(() => engine.kill())
  t.is(readFileSync(`/proc/${engine.pid}/environ`, 'utf8'), '')
  const flags = readFileSync(`/proc/${engine.pid}/cmdline`, 'utf8').split('\0')
  for (const flag of ['--jitless', '--permission', '--no-node-snapshot'])
    t.ok(flags.includes(flag), flag)
  t.absent(flags.some((flag) => /allow-(fs-write|child|worker|net|wasi)/.test(flag)))
  t.is(flags.filter((flag) => flag.startsWith('--allow-fs-read=')).length, 2)
})

test('engine - the process ends when its host is killed', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const registry = new URL('../src/vm/registry.ts', import.meta.url)
  const host = `
      const { openVm } = await import('${registry}')
      await openVm('js-1', { engines: 1 })
      const children = '/proc/' + process.pid + '/task/' + process.pid + '/children'
      require('node:fs').writeSync(1, require('node:fs').readFileSync(children))
      process.kill(process.pid, 'SIGKILL')`
  const flags = ['--conditions=mivm-source', '--input-type=module', '-e']
  const text = `import { createRequire } from 'node:module'
      const require = createRequire('/'); ${host}`
  const { stdout, signal } = spawnSync(process.execPath, [...flags, text], { encoding: 'utf8' })
  t.is(signal, 'SIGKILL')
  const engines = stdout.split(' ').filter(Boolean)
  t.is(engines.length, 2, 'an engine, and what compiles for it')
  for (const pid of engines) while (isRunning(pid)) await sleep(20)
})

test('engine - what cannot be opened says what to do', async (t) => {
  await t.exception(openVm('js-0'), { code: 'VM_UNKNOWN' })
  await t.exception(openVm('js-0'), /no VM "js-0" in this version, only js-1/)
  await t.exception(openVm('js-1', { engines: 1, node: '/nowhere/node' }), {
    code: 'ENGINE_FAILED'
  })
  await t.exception(openVm('js-1', { engines: 1, node: '/bin/false' }), /mivm doctor/)
})

test('engine - closing ends what is running', async (t) => {
  const vm = await openVm('js-1', { engines: 1 })
  const instance = new Instance(contractOf('exports.a = () => oracle.never()'))
  const steps: number[] = []
  let asked = () => {}
  const asking = new Promise<void>((resolve) => {
    asked = resolve
  })
  const running = instance.run(vm, [['init'], ['a']], {
    overrides: {
      onStep: (_step, index) => steps.push(index),
      onOracle() {
        asked()
        return new Promise(() => {})
      }
    }
  })
  const ended = t.exception(running, { code: 'ENGINE_FAILED' })
  await asking
  await vm.close()
  await ended
  t.alike(steps, [0], 'the call that was running has no step')
  await t.exception(instance.run(vm, [['a']]), { code: 'ENGINE_FAILED' })
})

/** False for a process that has ended, also where nobody has collected it yet. */
function isRunning(pid: string): boolean {
  const path = `/proc/${pid}/stat`
  if (!existsSync(path)) return false
  try {
    return !/\) [ZX] /.test(readFileSync(path, 'utf8'))
  } catch {
    return false
  }
}
