// Who holds up others goes to an engine of its own kind.
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import { LAG_MS, Laggards } from '../src/vm/laggards.ts'
import { Supervisor } from '../src/vm/supervisor.ts'
import { briefOf, contractOf, Instance } from './vm-helpers.ts'

const of = (address: string, deployer = 'deployer') => contractOf('', { address, deployer })

test('laggards - who has lagged does for a minute', (t) => {
  let now = 0
  const laggards = new Laggards(() => now)
  laggards.noteQuick(of('a'))
  laggards.noteQuick(of('b'))
  t.absent(laggards.has(of('a')))
  laggards.note(of('a'), true)
  t.ok(laggards.has(of('a')))
  t.absent(laggards.has(of('b')))
  now += 59_999
  t.ok(laggards.has(of('a')))
  now += 1
  t.absent(laggards.has(of('a')))
})

test('laggards - while there are any, so is who is not known', (t) => {
  let now = 0
  const laggards = new Laggards(() => now)
  t.absent(laggards.has(of('new')))
  laggards.note(of('a', 'another'), false)
  t.absent(laggards.has(of('new')), 'one that is alone where it lags is in the way of nobody')
  laggards.note(of('a', 'another'), true)
  t.ok(laggards.has(of('new')))
  laggards.noteQuick(of('new'))
  t.absent(laggards.has(of('new')), 'known by now')
  laggards.note(of('b', 'another'), true)
  t.absent(laggards.has(of('new')))
  now += 60_000
  t.absent(laggards.has(of('newer')))
})

test('laggards - a deployer of many counts for all of them', (t) => {
  let now = 0
  const laggards = new Laggards(() => now)
  const known = [of('known'), of('known too', 'another')] as const
  for (const contract of known) laggards.noteQuick(contract)
  for (let i = 0; i < 10; i++) laggards.note(of('a'), false)
  for (const address of ['a', 'b', 'c']) laggards.note(of(address), true)
  t.absent(laggards.has(known[0]))
  laggards.note(of('d'), true)
  t.ok(laggards.has(known[0]))
  t.absent(laggards.has(known[1]))
  now += 60_000
  t.absent(laggards.has(known[0]))
})

test('laggards - how many are remembered is bounded', (t) => {
  const laggards = new Laggards(() => 0)
  const each = (i: number) => of(`a${i}`, `d${i}`)
  for (let i = 0; i <= 1_000; i++) laggards.note(each(i), false)
  t.absent(laggards.has(each(0)))
  t.ok(laggards.has(each(1)))
  t.ok(laggards.has(each(1_000)))
  laggards.note(of('a'), true)
  for (let i = 0; i <= 10_000; i++) laggards.noteQuick(each(2_000 + i))
  t.ok(laggards.has(each(2_000)), 'quick, and forgotten')
  t.absent(laggards.has(each(2_001)))
})

const INC = 'exports.n = 0; exports.inc = async () => ++exports.n'
const options = { workMs: 50 }
const onOracle = async () => {
  await sleep(options.workMs + LAG_MS + 10)
  return { ok: true, value: '1' } as const
}
const SLOW = `${INC}; exports.ask = async () => await oracle.late()`

test('laggards - what holds an engine for long leaves it to the others, with all that it has', async (t) => {
  const vm = await Supervisor.open('js-1', { engines: 1 })
  t.teardown(() => vm.close())
  const quick = new Instance(contractOf(INC, { address: 'quick' }))
  const slow = new Instance(contractOf(SLOW, { address: 'slow' }))
  const call = async (instance: Instance, method: string) =>
    briefOf((await instance.run(vm, [[method]], { options, overrides: { onOracle } }))[0])
  for (const instance of [quick, slow]) await call(instance, 'init')
  t.is(await call(quick, 'inc'), 'ok 1')
  t.is(await call(slow, 'inc'), 'ok 1')
  t.is(await call(slow, 'ask'), 'ok 1')
  t.is(vm.figures().running, 1, 'where it is, it cannot be helped')
  t.is(await call(slow, 'inc'), 'ok 2')
  t.is(vm.figures().running, 2, 'an engine for those that others would wait for')
  t.is(vm.figures().instances, 2, 'and gone from where it was')
  t.is(await call(quick, 'inc'), 'ok 2')
  t.is(await call(slow, 'inc'), 'ok 3')

  vm.evict('slow')
  while (vm.figures().running > 1) await sleep(10)
  t.is(await call(slow, 'inc'), 'ok 4', 'it is started again for whoever still is')
  t.is(vm.figures().running, 2)
})

test('laggards - nobody is sent away where nobody waits', async (t) => {
  const vm = await Supervisor.open('js-1', { engines: 1 })
  t.teardown(() => vm.close())
  const slow = new Instance(contractOf(SLOW, { address: 'slow' }))
  for (const method of ['init', 'ask', 'ask', 'ask']) {
    await slow.run(vm, [[method]], { options, overrides: { onOracle } })
  }
  t.is(vm.figures().running, 1)
})
