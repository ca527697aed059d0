import test, { type Test } from 'brittle'
import { callerId } from 'mivm/testing'
import { deployContract } from './contracts.ts'

type Name = 'vote' | 'results' | 'close'

const NOON = Date.UTC(2026, 0, 1, 12)
const HOUR_MS = 3_600_000

const open = (t: Test, ...args: unknown[]) =>
  deployContract<Name>(t, 'poll', { args, caller: 'alice', time: NOON })

test('contracts - the poll: everybody has one vote', async (t) => {
  const poll = await open(t, 'Tea or coffee?', ['tea', 'coffee'])
  await poll.as('alice').vote('tea')
  await poll.as('bob').vote('coffee')
  await poll.as('carol').vote('coffee')
  await t.exception(poll.as('bob').vote('coffee'), { code: 'VOTED_ALREADY' })
  await t.exception(poll.as('bob').vote('tea'), { code: 'VOTED_ALREADY' })
  t.alike(await poll.as('dave').results(), {
    question: 'Tea or coffee?',
    closed: false,
    votes: [
      { option: 'tea', count: 1 },
      { option: 'coffee', count: 2 }
    ]
  })
  t.is((await poll.files())[`/votes/${callerId('bob')}`], 'coffee')
})

test('contracts - the poll: a vote for what is no option costs nothing', async (t) => {
  const poll = await open(t, 'Tea or coffee?', ['tea', 'coffee'])
  const bob = poll.as('bob')
  for (const option of ['milk', '', null, 0]) {
    await t.exception(bob.vote(option), { code: 'OPTION_UNKNOWN' })
  }
  await bob.vote('tea')
  t.alike(poll.variables['counts'], [1, 0])
})

test('contracts - the poll: closes at its time', async (t) => {
  const poll = await open(t, 'Tea or coffee?', ['tea', 'coffee'], NOON + HOUR_MS)
  poll.advance(HOUR_MS - 1)
  await poll.as('bob').vote('tea')
  poll.advance(1)
  await t.exception(poll.as('carol').vote('coffee'), { code: 'POLL_CLOSED' })
  await t.exception(poll.as('alice').close(), { code: 'POLL_CLOSED' })
  t.alike(await poll.as('carol').results(), {
    question: 'Tea or coffee?',
    closed: true,
    votes: [
      { option: 'tea', count: 1 },
      { option: 'coffee', count: 0 }
    ]
  })
})

test('contracts - the poll: only who asked may close it', async (t) => {
  const poll = await open(t, 'Tea or coffee?', ['tea', 'coffee'])
  await t.exception(poll.as('bob').close(), { code: 'NOT_OWNER' })
  await poll.as('bob').vote('tea')
  await poll.as('alice').close()
  await t.exception(poll.as('carol').vote('tea'), { code: 'POLL_CLOSED' })
})

test('contracts - the poll: is not deployed without a question and options', async (t) => {
  const refused = [
    { args: [], message: /question has/ },
    { args: ['', ['a', 'b']], message: /question has/ },
    { args: ['q'], message: /options are/ },
    { args: ['q', ['a']], message: /options are/ },
    { args: ['q', ['a', 'a']], message: /options are/ },
    { args: ['q', ['a', 7]], message: /options are/ },
    { args: ['q', ['a', 'b'], NOON], message: /closes at/ },
    { args: ['q', ['a', 'b'], 'tomorrow'], message: /closes at/ }
  ]
  for (const { args, message } of refused) {
    await t.exception(open(t, ...args), message)
    await t.exception(open(t, ...args), { code: 'DEPLOY_FAILED' })
  }
})
