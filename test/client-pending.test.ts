import test from 'brittle'
import { PendingCalls } from '../src/client/pending.ts'
import { MivmError } from '../src/protocol/errors.ts'

const LATE = new MivmError('TIMEOUT', 'too late')

/** Calls 1 to 3, the last of which has more time, and those that were given up. */
function scene() {
  const calls = new PendingCalls()
  const ended: number[] = []
  for (const [i, deadline] of [50, 50, 200].entries()) {
    const entry = i + 1
    calls.add(entry, { resolve: () => {}, reject: () => void ended.push(entry), deadline })
  }
  return { calls, ended }
}

test('pending - what could not be written ends no call that is in the log', (t) => {
  const { calls, ended } = scene()
  calls.drop(2, LATE)
  t.alike([ended, calls.entries], [[3], [1, 2]])
})

test('pending - who is refused from an entry on goes on to wait for what is before it', (t) => {
  const { calls, ended } = scene()
  calls.expire(100, 1, () => LATE)
  t.alike([ended, calls.entries, calls.unattended], [[2], [1, 2, 3], [2]])
  calls.expire(100, 0, () => LATE)
  t.alike(ended, [2, 1])
  calls.expire(200, 0, () => LATE)
  t.alike(
    [ended, calls.unattended],
    [
      [2, 1, 3],
      [1, 2, 3]
    ],
    'their results may still come'
  )
})
