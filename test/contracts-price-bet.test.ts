import test, { type Test } from 'brittle'
import { callerId } from 'mivm/testing'
import { deployContract } from './contracts.ts'

type Name = 'propose' | 'take' | 'cancel' | 'settle' | 'get'

const NOON = Date.UTC(2026, 0, 1, 12)
const DAY_MS = 86_400_000

async function open(t: Test, price: (symbol: string) => unknown = () => 150) {
  const bets = await deployContract<Name>(t, 'price-bet', { time: NOON, oracles: { price } })
  return { bets, alice: bets.as('alice'), bob: bets.as('bob'), carol: bets.as('carol') }
}

/** A bet of alice's against bob whose time has come. */
async function openDue(t: Test, price: (symbol: string) => unknown) {
  const opened = await open(t, price)
  await opened.alice.propose('ACME', 100, NOON + DAY_MS)
  await opened.bob.take(1)
  opened.bets.advance(DAY_MS)
  return opened
}

const OUTCOMES = [
  { price: 100.01, winner: 'alice' },
  { price: 100, winner: 'bob' },
  { price: 0.5, winner: 'bob' }
]

for (const { price, winner } of OUTCOMES) {
  test(`contracts - the bet on a price above 100: at ${price} the winner is ${winner}`, async (t) => {
    const asked: string[] = []
    const { bets, carol } = await openDue(t, (symbol) => {
      asked.push(symbol)
      return price
    })
    const settled = {
      id: 1,
      symbol: 'ACME',
      limit: 100,
      time: NOON + DAY_MS,
      above: callerId('alice'),
      below: callerId('bob'),
      status: 'settled',
      price,
      winner: callerId(winner)
    }
    t.alike(await carol.settle(1), settled)
    t.alike(asked, ['ACME'])
    t.alike(await carol.get(1), settled)
    t.alike(Object.keys(await bets.files()), ['/bets/1.json'])
    await t.exception(carol.settle(1), { code: 'WRONG_STATUS' })
    t.is(asked.length, 1)
  })
}

test('contracts - the bet: is not settled before its time, and then by anybody', async (t) => {
  const { bets, alice, bob, carol } = await open(t)
  await alice.propose('ACME', 100, NOON + DAY_MS)
  await t.exception(bob.settle(1), { code: 'WRONG_STATUS' })
  await bob.take(1)
  bets.advance(DAY_MS - 1)
  await t.exception(bob.settle(1), { code: 'TOO_EARLY' })
  bets.advance(1)
  await carol.settle(1)
  t.pass()
})

test('contracts - the bet: takes two, in time', async (t) => {
  const { bets, alice, bob, carol } = await open(t)
  await alice.propose('ACME', 100, NOON + DAY_MS)
  await t.exception(alice.take(1), { code: 'OWN_BET' })
  await bob.take(1)
  await t.exception(carol.take(1), { code: 'WRONG_STATUS' })
  await t.exception(alice.cancel(1), { code: 'WRONG_STATUS' })
  t.is(await alice.propose('ACME', 100, NOON + DAY_MS), 2)
  await t.exception(bob.cancel(2), { code: 'NOT_YOURS' })
  bets.advance(DAY_MS)
  await t.exception(bob.take(2), { code: 'TOO_LATE' })
  await alice.cancel(2)
  await t.exception(bob.take(2), { code: 'WRONG_STATUS' })
})

test('contracts - the bet: waits for an oracle that fails, and is void after a week', async (t) => {
  let failure: { code?: string } = { code: 'EXCHANGE_CLOSED' }
  const { bets, carol } = await openDue(t, () => {
    throw Object.assign(new Error('not today'), failure)
  })
  const before = await bets.files()
  await t.exception(carol.settle(1), /EXCHANGE_CLOSED.*try again later/)
  failure = {}
  await t.exception(carol.settle(1), /ORACLE_FAILED.*try again later/)
  await t.exception(carol.settle(1), { code: 'PRICE_UNAVAILABLE' })
  t.alike(await bets.files(), before)
  bets.advance(7 * DAY_MS)
  const { status, price, winner } = objectOf(await carol.settle(1))
  t.alike({ status, price, winner }, { status: 'void', price: null, winner: null })
})

test('contracts - the bet: what is no price settles nothing', async (t) => {
  let answer: unknown
  const { carol } = await openDue(t, () => answer)
  for (answer of [undefined, null, 0, -1, '150', { price: 150 }]) {
    await t.exception(carol.settle(1), { code: 'PRICE_UNAVAILABLE' })
  }
  answer = Number.NaN
  await t.exception(carol.settle(1), /VALUE_UNSUPPORTED/)
})

test('contracts - the bet: terms are checked', async (t) => {
  const { alice, bob } = await open(t)
  const later = NOON + DAY_MS
  for (const symbol of ['', 'acme', 'A/B', 7, null, 'ABCDEFGHIJKLM']) {
    await t.exception(alice.propose(symbol, 100, later), { code: 'SYMBOL_INVALID' })
  }
  for (const limit of [0, -1, '100', null]) {
    await t.exception(alice.propose('ACME', limit, later), { code: 'LIMIT_INVALID' })
  }
  for (const time of [NOON, 0, later + 0.5, 'tomorrow', null]) {
    await t.exception(alice.propose('ACME', 100, time), { code: 'TIME_INVALID' })
  }
  for (const id of [1, '1', null, '../bets/1']) {
    await t.exception(bob.take(id), { code: 'BET_UNKNOWN' })
  }
})

function objectOf(value: unknown): { [key: string]: unknown } {
  if (typeof value !== 'object' || value === null) throw new Error('no object')
  return { ...value }
}
