import test, { type Test } from 'brittle'
import { callerId } from 'mivm/testing'
import { deployContract } from './contracts.ts'

type Name =
  | 'list'
  | 'withdraw'
  | 'offer'
  | 'withdrawOffer'
  | 'accept'
  | 'getListing'
  | 'getListings'
  | 'getOffers'

async function open(t: Test) {
  const market = await deployContract<Name>(t, 'market')
  const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => market.as(name))
  if (!alice || !bob || !carol) throw new Error('three callers')
  return { market, alice, bob, carol }
}

test('contracts - the market: listed, offered for, accepted', async (t) => {
  const { market, alice, bob, carol } = await open(t)
  t.is(await alice.list('a bicycle', 100), 1)
  t.is(await bob.offer(1, 80), 1)
  t.is(await carol.offer(1, 90), 2)
  market.advance(5)
  t.alike(await alice.accept(1, 2), {
    seller: callerId('alice'),
    buyer: callerId('carol'),
    amount: 90,
    time: market.time
  })
  t.alike(await bob.getListing(1), {
    id: 1,
    owner: callerId('alice'),
    title: 'a bicycle',
    price: 100,
    status: 'sold',
    offer: 2
  })
  t.alike(await bob.getOffers(1), [
    { id: 1, buyer: callerId('bob'), amount: 80, status: 'open' },
    { id: 2, buyer: callerId('carol'), amount: 90, status: 'accepted' }
  ])
  await t.exception(alice.accept(1, 1), { code: 'LISTING_CLOSED' })
  await t.exception(bob.offer(1, 200), { code: 'LISTING_CLOSED' })
})

test('contracts - the market: only the owner accepts and withdraws', async (t) => {
  const { market, alice, bob, carol } = await open(t)
  await alice.list('a bicycle', 100)
  await bob.offer(1, 1)
  const before = await market.files()
  await t.exception(bob.accept(1, 1), { code: 'NOT_OWNER' })
  await t.exception(carol.accept(1, 1), { code: 'NOT_OWNER' })
  await t.exception(bob.withdraw(1), { code: 'NOT_OWNER' })
  await t.exception(alice.offer(1, 5), { code: 'OWN_LISTING' })
  t.alike(await market.files(), before)
  await alice.withdraw(1)
  await t.exception(alice.withdraw(1), { code: 'LISTING_CLOSED' })
  await t.exception(alice.accept(1, 1), { code: 'LISTING_CLOSED' })
})

test('contracts - the market: an offer that was taken back cannot be accepted', async (t) => {
  const { alice, bob, carol } = await open(t)
  await alice.list('a bicycle', 100)
  await bob.offer(1, 80)
  await t.exception(carol.withdrawOffer(1, 1), { code: 'NOT_BUYER' })
  await bob.withdrawOffer(1, 1)
  await t.exception(bob.withdrawOffer(1, 1), { code: 'OFFER_CLOSED' })
  await t.exception(alice.accept(1, 1), { code: 'OFFER_CLOSED' })
})

test('contracts - the market: an offer is for its own listing', async (t) => {
  const { alice, bob } = await open(t)
  await alice.list('a bicycle', 100)
  await alice.list('a house', 1_000_000)
  await bob.offer(1, 80)
  await t.exception(alice.accept(2, 1), { code: 'OFFER_UNKNOWN' })
  t.alike(await bob.getOffers(2), [])
})

test('contracts - the market: titles, amounts and ids are checked', async (t) => {
  const { alice, bob } = await open(t)
  for (const title of ['', 7, null, 'x'.repeat(1001)]) {
    await t.exception(alice.list(title, 1), { code: 'TITLE_INVALID' })
  }
  await alice.list('a bicycle', 100)
  for (const amount of [0, -1, 1.5, '80', null, 1n]) {
    await t.exception(alice.list('a bicycle', amount), { code: 'AMOUNT_INVALID' })
    await t.exception(bob.offer(1, amount), { code: 'AMOUNT_INVALID' })
  }
  for (const id of ['1', -1, 0.5, null, '../listings/1']) {
    await t.exception(bob.getListing(id), { code: 'ID_INVALID' })
    await t.exception(bob.getOffers(id), { code: 'ID_INVALID' })
    await t.exception(alice.accept(1, id), { code: 'ID_INVALID' })
  }
  await t.exception(bob.getListing(2), { code: 'LISTING_UNKNOWN' })
  await t.exception(bob.offer(2, 5), { code: 'LISTING_UNKNOWN' })
  await t.exception(alice.accept(1, 5), { code: 'OFFER_UNKNOWN' })
})

test('contracts - the market: listings come in the order of their ids, by the fifty', async (t) => {
  const { alice, bob } = await open(t)
  const ids = Array.from({ length: 60 }, (_, i) => i + 1)
  t.alike(await Promise.all(ids.map((id) => alice.list(`item ${id}`, id))), ids)
  t.alike(idsOf(await bob.getListings()), ids.slice(0, 50))
  t.alike(idsOf(await bob.getListings(50)), ids.slice(50))
  t.alike(await bob.getListings(60), [])
})

function idsOf(listings: unknown): unknown[] {
  if (!Array.isArray(listings)) throw new Error('no listings')
  return listings.map(({ id }) => id)
}
