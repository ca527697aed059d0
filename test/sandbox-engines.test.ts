// Which contracts share an engine, and when an engine is replaced.
import test from 'brittle'
import { LIMITS } from '../src/protocol/limits.ts'
import { residentMemory } from '../src/vm/sandbox/processes.ts'
import { enginesOf } from './sandbox-process.ts'
import { briefOf, contractOf, Instance, openOne } from './vm-helpers.ts'

const linuxOnly = { skip: process.platform !== 'linux' }
const MEBIBYTE = 1024 * 1024

const COUNTER = `
  exports.n = 0
  exports.inc = () => ++exports.n
  // no builtin, whose limits would come first
  const page = (i) => { const all = [${'0,'.repeat(1024)}]; all[0] = i; return all }
  exports.fill = (mebibytes) => {
    const list = []
    for (let i = 0; i < mebibytes * 128; i++) list.push(page(i))
    return mebibytes
  }
  exports.flood = () => { const list = []; for (;;) list.push(page(list.length)) }`

const engines = () => enginesOf(process.pid)

function instanceOf(address: string, deployer: string): Instance {
  return new Instance(contractOf(COUNTER, { address, deployer }))
}

test(
  'engines - those of one deployer share one, those of another have another',
  linuxOnly,
  async (t) => {
    const vm = await openOne(t, { engines: 2, isolateBy: 'deployer' })
    const [a1, a2, b, c] = [
      instanceOf('a1', 'a'),
      instanceOf('a2', 'a'),
      instanceOf('b1', 'b'),
      instanceOf('c1', 'c')
    ]
    const first = engines()
    t.is(first.length, 1, 'one is there from the beginning')
    for (const instance of [a1, a2]) await instance.run(vm, [['init'], ['inc']])
    t.alike(engines(), first, 'the instances of a share it')

    await b.run(vm, [['init'], ['inc']])
    const [ofA, ofB] = engines()
    t.is(ofA, first[0])
    t.ok(ofB !== undefined && ofB !== ofA, 'b has one of its own')

    await c.run(vm, [['init'], ['inc']])
    const second = engines()
    t.is(second.length, 2, 'there are never more than allowed')
    t.absent(second.includes(ofA ?? 0), 'what had been idle for longest is gone')
    t.ok(second.includes(ofB ?? 0), 'the other is not')

    t.is(briefOf((await b.run(vm, [['inc']]))[0]), 'ok 2')
    t.alike(engines(), second)
    t.is(briefOf((await a1.run(vm, [['inc']]))[0]), 'ok 2', 'an instance goes on in another engine')
    const third = engines()
    t.is(third.length, 2)
    t.absent(
      third.some((pid) => pid === ofA),
      'which is a new one'
    )
    t.ok(third.includes(ofB ?? 0))
  }
)

test('engines - where each instance has its own, it ends with it', linuxOnly, async (t) => {
  const vm = await openOne(t, { engines: 4, isolateBy: 'instance' })
  const instances = ['a', 'b', 'c'].map((address) => instanceOf(address, 'same'))
  await Promise.all(instances.map((instance) => instance.run(vm, [['init'], ['inc']])))
  t.is(new Set(engines()).size, 3)
  vm.evict('a')
  vm.evict('b')
  const [, , c] = instances
  while (engines().length > 1) await c?.run(vm, [['inc']])
  t.pass('one is left')
})

test(
  'engines - more owners than engines take turns, and each comes to its result',
  linuxOnly,
  async (t) => {
    const vm = await openOne(t, { engines: 1, isolateBy: 'instance' })
    const instances = ['a', 'b', 'c'].map((address) => instanceOf(address, address))
    const seen = new Set<number>()
    const overrides = {
      onStep() {
        for (const pid of engines()) seen.add(pid)
      }
    }
    const rounds = await Promise.all(
      instances.map(async (instance) => [
        ...(await instance.run(vm, [['init'], ['inc']], { overrides })),
        ...(await instance.run(vm, [['inc']], { overrides }))
      ])
    )
    for (const results of rounds) t.alike(results.map(briefOf), ['ok null', 'ok 1', 'ok 2'])
    t.ok(seen.size >= 3, `each in an engine that no other was in: ${seen.size}`)
    t.ok(engines().length <= 2, 'with a spare at most')
  }
)

test('engines - without isolation they are shared', linuxOnly, async (t) => {
  const vm = await openOne(t, { engines: 1 })
  const before = engines()
  for (const name of ['a', 'b', 'c']) await instanceOf(name, name).run(vm, [['init'], ['inc']])
  t.alike(engines(), before)
})

test('engines - whoever takes more than an engine may have ends alone', linuxOnly, async (t) => {
  const vm = await openOne(t, { engines: 1, memoryMax: 200 * MEBIBYTE })
  const limits = { ...LIMITS, memory: 2048 * MEBIBYTE, time: 60_000 }
  const greedy = new Instance(contractOf(COUNTER, { address: 'greedy', limits }))
  const innocent = instanceOf('innocent', 'innocent')
  const [ended, ...others] = await Promise.all([
    greedy.run(vm, [['init'], ['inc'], ['flood'], ['inc']]),
    innocent.run(vm, [['init'], ['inc']]),
    innocent.run(vm, [])
  ])
  t.alike(ended.map(briefOf), ['ok null', 'ok 1', 'abort ABORT_MEMORY', 'ok 2'])
  t.alike(others.flat().map(briefOf), ['ok null', 'ok 1'])
})

test('engines - one that has grown is replaced when it has nothing to do', linuxOnly, async (t) => {
  const vm = await openOne(t, { engines: 1, memoryMax: 400 * MEBIBYTE })
  const limits = { ...LIMITS, memory: 512 * MEBIBYTE, time: 60_000 }
  const instance = new Instance(contractOf(COUNTER, { address: 'large', limits }))
  t.is(briefOf((await instance.run(vm, [['init'], ['inc']]))[1]), 'ok 1')
  const [before] = engines()
  let memory = 0
  const overrides = {
    onStep() {
      memory = residentMemory(before ?? 0) ?? 0
    }
  }
  t.is(briefOf((await instance.run(vm, [['fill', 220]], { overrides }))[0]), 'ok 220')
  t.ok(memory > 200 * MEBIBYTE, `it had ${Math.round(memory / MEBIBYTE)} MiB`)
  t.is(briefOf((await instance.run(vm, [['inc']]))[0]), 'ok 2')
  const after = engines()
  t.absent(after.includes(before ?? 0), 'it is another one now')
  t.ok((residentMemory(after[0] ?? 0) ?? 0) < 150 * MEBIBYTE, 'and a small one')
})

test('engines - what is around one changes nothing of what calls come to', linuxOnly, async (t) => {
  const source = `
    exports.look = async () => {
      let depth = 0
      const down = (levels) => { depth++; if (levels > 0) down(levels - 1) }
      down(400)
      let caught = null
      try { new Array(-1) } catch (error) { caught = String(error) }
      const bytes = new Uint8Array(1024 * 1024).fill(1).length
      return [depth, caught, bytes, Math.sin(1e6), new Date(0).toString(), Object.getOwnPropertyNames(globalThis)]
    }`
  const results: string[] = []
  for (const sandbox of ['auto', 'none'] as const) {
    const vm = await openOne(t, { engines: 1, sandbox })
    const [, look] = await new Instance(contractOf(source)).run(vm, [['init'], ['look']])
    results.push(briefOf(look))
  }
  const [inside, outside] = results
  t.ok(inside?.startsWith('ok ['), inside)
  t.is(inside, outside)
})
