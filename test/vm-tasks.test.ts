// Whose work is next on an engine.
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import { Compilers } from '../src/vm/compilers.ts'
import type { Engine } from '../src/vm/engine.ts'
import { EnginePool } from '../src/vm/pool.ts'
import { Slot } from '../src/vm/slot.ts'
import { Tasks } from '../src/vm/tasks.ts'

test('tasks - one at a time, and each is told what came of it', async (t) => {
  const tasks = new Tasks()
  let running = 0
  const ended: number[] = []
  const add = (i: number) =>
    tasks.add(
      '',
      'a',
      async () => {
        running++
        t.is(running, 1)
        await sleep(1)
        running--
        if (i === 1) throw new Error('one')
        return i
      },
      async () => {
        ended.push(i)
        if (i === 2) throw new Error('what is done at the end is no task’s')
      }
    )
  const results = await Promise.allSettled([0, 1, 2, 3].map(add))
  t.alike(
    results.map((result) => (result.status === 'fulfilled' ? result.value : 'failed')),
    [0, 'failed', 2, 3]
  )
  t.is(tasks.load, 0)
  await tasks.settled()
  t.alike(ended, [0, 1, 2, 3])
  const thrown = () => {
    throw new Error('before it is a promise')
  }
  await t.exception(
    tasks.add('', 'a', thrown, async () => {}),
    /before it is/
  )
  t.is(
    await tasks.add(
      '',
      'a',
      async () => 4,
      async () => {}
    ),
    4
  )
})

test('tasks - who has small ones does not wait for all the large ones', async (t) => {
  const tasks = new Tasks()
  const order: string[] = []
  const add = (whose: string, ms: number) =>
    tasks.add(
      '',
      whose,
      async () => {
        order.push(whose)
        await sleep(ms)
      },
      async () => {}
    )
  const large = ['l1', 'l2', 'l3', 'l4'].map(async (whose) => {
    for (let i = 0; i < 4; i++) await add(whose, 40)
  })
  const small = (async () => {
    for (let i = 0; i < 4; i++) await add('small', 0)
  })()
  await small
  // in the order in which they come it would be sixteen
  t.ok(order.filter((whose) => whose !== 'small').length <= 8, order.join())
  await Promise.all(large)
})

test('tasks - owners have their turns in the order in which they come', async (t) => {
  const tasks = new Tasks()
  const order: string[] = []
  const add = (owner: string, whose: string) =>
    tasks.add(
      owner,
      whose,
      async () => {
        order.push(`${owner}${whose}`)
      },
      async () => {}
    )
  await Promise.all([add('A', '1'), add('A', '2'), add('B', '1'), add('A', '1'), add('B', '2')])
  t.alike(order, ['A1', 'A2', 'B1', 'A1', 'B2'])
})

test('tasks - an engine that was started anew for one owner is not given to another', async (t) => {
  const pool = await EnginePool.open({ sandbox: 'none', memoryMax: 1e9 })
  const compilers = new Compilers(() => pool.startCompiler())
  const options = { instancesMax: 8, memoryIdle: 1e9, memoryBusy: 1e9 }
  const slot = new Slot(pool, compilers, options)
  t.teardown(async () => {
    await slot.close()
    await Promise.all([pool.close(), compilers.close()])
  })
  const engines: Engine[] = []
  await slot.queue('A', async () => {
    const engine = await slot.start()
    await engine.kill()
    engines.push(engine, await slot.start())
  })
  await slot.queue('A', async () => engines.push(await slot.start()))
  await slot.queue('B', async () => engines.push(await slot.start()))
  const [first, second, third, fourth] = engines
  t.not(first, second)
  t.is(second, third, 'the same owner')
  t.not(third, fourth, 'another one')
})
