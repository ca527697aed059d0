import test, { type Test } from 'brittle'
import { deployContract } from './contracts.ts'

const open = (t: Test) => deployContract<'increment' | 'get'>(t, 'counter')

test('contracts - the counter counts by one, by any integer, and for everybody', async (t) => {
  const counter = await open(t)
  t.is(await counter.as('alice').get(), 0)
  t.is(await counter.as('alice').increment(), 1)
  t.is(await counter.as('bob').increment(41), 42)
  t.is(await counter.as('bob').increment(-2), 40)
  t.is(await counter.as('alice').get(), 40)
  t.alike(counter.variables, { count: 40 })
  t.alike(await counter.files(), {})
})

test('contracts - the counter takes integers only, and stays exact', async (t) => {
  const counter = await open(t)
  const alice = counter.as('alice')
  for (const by of ['1', 1.5, null, 1n, [1], 2 ** 53]) {
    await t.exception(alice.increment(by), { code: 'NOT_AN_INTEGER' })
  }
  await alice.increment(Number.MAX_SAFE_INTEGER)
  await t.exception(alice.increment(), { code: 'OUT_OF_RANGE' })
  t.is(await alice.get(), Number.MAX_SAFE_INTEGER)
})
