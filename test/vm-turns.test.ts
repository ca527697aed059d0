// Whose call is next, when calls of many users wait.
import test from 'brittle'
import { Turns } from '../src/vm/turns.ts'
import { Random } from './random.ts'

interface Item {
  readonly id: string
  readonly entry: number
}

const BATCH = 256

test('turns - one call is not behind the thousands of somebody else', (t) => {
  const turns = new Turns<Item>(5_000)
  push(turns, 'flooder', 10_000)
  // it has been alone for long: nobody gets a credit for having been away
  for (let i = 0; i < 10; i++) execute(turns, turns.next(BATCH), () => 10_000)
  push(turns, 'other', 1)
  const at = turns.next(BATCH).findIndex(({ id }) => id === 'other')
  t.ok(at >= 0 && at <= 1, `it is at place ${at}`)
})

test('turns - who comes later has no more of them than who was there', (t) => {
  const turns = new Turns<Item>(5_000)
  push(turns, 'first', 10_000)
  for (let i = 0; i < 10; i++) execute(turns, turns.next(BATCH), () => 1_000)
  push(turns, 'second', 10_000)
  const counts = run(turns, 4, () => 1_000)
  t.ok(Math.abs((counts.get('first') ?? 0) - (counts.get('second') ?? 0)) <= 2, 'as many each')
})

test('turns - it is what calls cost that is shared, not their number', (t) => {
  const turns = new Turns<Item>(5_000)
  push(turns, 'heavy', 10_000)
  push(turns, 'light', 10_000)
  const cost = (id: string) => (id === 'heavy' ? 95_000 : 5_000)
  const counts = run(turns, 20, ({ id }) => cost(id))
  const ratio = (counts.get('light') ?? 0) / (counts.get('heavy') ?? 0)
  t.ok(ratio > 8 && ratio < 12, `ten light ones for a heavy one: ${ratio}`)
})

test('turns - who goes away with a debt comes back with it', (t) => {
  const turns = new Turns<Item>(5_000)
  push(turns, 'steady', 1_000)
  push(turns, 'heavy', 1)
  execute(turns, turns.next(2), ({ id }) => (id === 'heavy' ? 1_000_000 : 0))
  push(turns, 'heavy', 1, 2)
  t.absent(
    turns.next(100).some(({ id }) => id === 'heavy'),
    'steady has paid for two calls, heavy for 200'
  )
})

test('turns - who calls again has its turn, however many come who have never called before', (t) => {
  for (const cost of [0, 1_000_000]) {
    const turns = new Turns<Item>(5_000)
    push(turns, 'again', 2)
    let strangers = 0
    const executed: Item[] = []
    for (let round = 0; round < 1_000 && executed.length < 2; round++) {
      while (turns.users < 2 * BATCH) push(turns, `stranger ${strangers++}`, 1)
      const batch = turns.next(BATCH)
      executed.push(...batch.filter(({ id }) => id === 'again'))
      execute(turns, batch, ({ id }) => (id === 'again' ? cost : 0))
    }
    const share = (5_000 + cost) / 5_000
    t.is(executed.length, 2)
    t.ok(strangers < 2 * BATCH * (share + 3), `behind ${strangers}, at ${share} times their cost`)
  }
})

test('turns - where nobody waits all begin anew', (t) => {
  const turns = new Turns<Item>(5_000)
  push(turns, 'heavy', 1)
  execute(turns, turns.next(1), () => 10_000_000)
  push(turns, 'heavy', 1, 2)
  push(turns, 'light', 100)
  t.is(
    turns.next(BATCH).findIndex(({ id }) => id === 'heavy'),
    0
  )
})

test('turns - what has precedence is first, if it is the first of its user', (t) => {
  const turns = new Turns<Item>(5_000)
  push(turns, 'a', 3)
  push(turns, 'b', 3)
  const [, second] = [...turns].filter(({ id }) => id === 'b')
  const [first = null] = [...turns].filter(({ id }) => id === 'b')
  t.is(turns.next(BATCH, first)[0], first)
  t.is(turns.next(BATCH, second)[0]?.id, 'a', 'no user overtakes itself')
  t.is(turns.next(BATCH, { id: 'b', entry: 1 })[0]?.id, 'a', 'nor does what does not wait')
})

test('turns - the last entry of each user is known while it waits', (t) => {
  const turns = new Turns<Item>(5_000)
  push(turns, 'a', 3)
  push(turns, 'b', 2)
  t.alike(
    [...turns.lastEntries()],
    [
      ['a', 3],
      ['b', 2]
    ]
  )
  const batch = turns.next(BATCH)
  t.is(turns.lastEntries().size, 2, 'also while it is executed')
  execute(turns, batch, () => 0)
  t.is(turns.lastEntries().size, 0)
  t.is(turns.length, 0)
})

test('turns - it is remembered for a while that somebody was not alone', (t) => {
  let now = 0
  const turns = new Turns<Item>(5_000, () => now)
  const call = (id: string) => {
    push(turns, id, 1)
    t.is(turns.users, 1)
    execute(turns, turns.next(BATCH), () => 0)
  }
  call('ann')
  call('ann')
  t.absent(turns.isShared, 'who is alone')
  call('bob')
  t.ok(turns.isShared, 'one after the other')
  now = 10_000
  t.absent(turns.isShared)
  push(turns, 'flooder', 1_000)
  push(turns, 'bob', 1)
  t.ok(turns.isShared, 'one beside the other')
  t.is(turns.users, 2)
})

test('turns - whatever comes and goes, nothing is lost, doubled or overtaken', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  for (let round = 0; round < 50; round++) {
    const turns = new Turns<Item>(5_000)
    const pushed = new Map<string, number>()
    const done = new Map<string, number>()
    for (let step = 0; step < 200; step++) {
      if (random.chance(0.6)) {
        const id = `user ${random.below(30)}`
        const count = 1 + random.below(random.chance(0.1) ? 500 : 3)
        push(turns, id, count, (pushed.get(id) ?? 0) + 1)
        pushed.set(id, (pushed.get(id) ?? 0) + count)
      } else {
        const batch = turns.next(BATCH)
        const waiting = turns.length
        if (batch.length !== Math.min(BATCH, waiting)) t.fail('turns are left out')
        // there may not have been the time for all of them
        const executed = batch.slice(0, random.below(batch.length + 1))
        execute(turns, executed, () => random.below(10_000_000))
        for (const { id, entry } of executed) {
          if (entry !== (done.get(id) ?? 0) + 1) t.fail(`${id} has ${entry} too early`)
          done.set(id, entry)
        }
      }
    }
    while (turns.length > 0) {
      const batch = turns.next(BATCH)
      execute(turns, batch, () => 1)
      for (const { id } of batch) done.set(id, (done.get(id) ?? 0) + 1)
    }
    t.alike(new Map([...done].sort()), new Map([...pushed].sort()))
  }
})

function push(turns: Turns<Item>, id: string, count: number, from = 1): void {
  for (let i = 0; i < count; i++) turns.push({ id, entry: from + i })
}

function execute(turns: Turns<Item>, batch: readonly Item[], cost: (item: Item) => number): void {
  turns.done(batch, batch.map(cost))
}

/** Executes some batches; how many calls of each user were in them. */
function run(turns: Turns<Item>, batches: number, cost: (item: Item) => number) {
  const counts = new Map<string, number>()
  for (let i = 0; i < batches; i++) {
    const batch = turns.next(BATCH)
    for (const { id } of batch) counts.set(id, (counts.get(id) ?? 0) + 1)
    execute(turns, batch, cost)
  }
  return counts
}
