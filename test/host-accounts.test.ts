// What an instance keeps of its users in memory.
import test from 'brittle'
import { Accounts } from '../src/host/accounts.ts'
import { Watchers } from '../src/host/watchers.ts'

const USERS = 60
const CALLS = 1000
/** Of all users together. */
const ANSWERS_MAX = 16_384

test('accounts - what is kept of all users has an end, and is of those who were answered last', (t) => {
  const accounts = new Accounts()
  const users = Array.from({ length: USERS }, (_, i) => `user ${i}`)
  let block = 0
  let most = 0
  const kept = () =>
    users.reduce((sum, user) => sum + (accounts.lately(user, 1, CALLS)?.length ?? 0), 0)
  for (const user of users) {
    for (let entry = 1; entry <= CALLS; entry++) {
      accounts.wait(user, entry)
      accounts.answer(user, { entry, ack: ++block, result: ++block })
    }
    accounts.trim()
    most = Math.max(most, kept())
  }
  t.ok(most <= ANSWERS_MAX, `${most}`)
  t.is(accounts.lately('user 59', 1, CALLS)?.length, CALLS, 'the last one')
  t.is(accounts.lately('user 0', 1, CALLS), null, 'the first one is in the log')
  accounts.wait('user 0', CALLS + 1)
  accounts.answer('user 0', { entry: CALLS + 1, ack: ++block, result: ++block })
  accounts.trim()
  t.is(accounts.lately('user 0', CALLS + 1, CALLS + 1)?.length, 1, 'and comes back')
  t.is(accounts.next('user 0'), null)
})

test('watchers - a commit looks at those alone who wait for the users that it answers', async (t) => {
  const accounts = new Accounts()
  const watchers = new Watchers(accounts)
  const looked: string[] = []
  const next = accounts.next.bind(accounts)
  accounts.next = (user) => {
    looked.push(user)
    return next(user)
  }
  const told: string[] = []
  const wait = (user: string, entry: number) => {
    const said = (how: string) => () => void told.push(`${user} ${entry} ${how}`)
    return watchers.settled(user, entry).then(said('settled'), said('rejected'))
  }
  const waiting = []
  for (const user of ['ann', 'bob']) {
    for (const entry of [1, 2, 3]) accounts.wait(user, entry)
    for (const entry of [3, 2, 1, 2]) waiting.push(wait(user, entry))
  }
  t.is(watchers.size, 8)
  for (const entry of [1, 2]) accounts.answer('ann', { entry, ack: entry, result: entry })
  watchers.notify(['ann', 'eve'])
  t.is(watchers.size, 5)
  t.alike(looked, ['ann'])
  watchers.reject(new Error('over'))
  t.is(watchers.size, 0)
  await Promise.all(waiting)
  t.alike(told.sort(), [
    ...['ann 1 settled', 'ann 2 settled', 'ann 2 settled', 'ann 3 rejected'],
    ...['bob 1 rejected', 'bob 2 rejected', 'bob 2 rejected', 'bob 3 rejected']
  ])
})

test('watchers - who waits for so long is gone then', async (t) => {
  // the timer of a watcher keeps no process
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  const accounts = new Accounts()
  const watchers = new Watchers(accounts)
  for (const entry of [1, 2]) accounts.wait('ann', entry)
  const late = watchers.settled('ann', 2, 1)
  const waiting = watchers.settled('ann', 2)
  await late
  t.is(watchers.size, 1)
  for (const entry of [1, 2]) accounts.answer('ann', { entry, ack: entry, result: entry })
  watchers.notify(['ann'])
  await waiting
  t.is(watchers.size, 0)
})
