// What an instance keeps of its users in memory.
import test from 'brittle'
import { Accounts } from '../src/host/accounts.ts'

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
