// What is held against quotas, with a clock that stands still until it is told to go on.
import path from 'node:path'
import test, { type Test } from 'brittle'
import { Admission } from '../src/host/admission.ts'
import { Meter, Meters } from '../src/host/meter.ts'
import { type SomeQuotas, withDefaults } from '../src/host/quotas.ts'
import { StoredBytes } from '../src/host/stored.ts'
import type { Tenant } from '../src/host/tenant.ts'
import { Bucket } from '../src/net/bucket.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { openStore } from '../src/state/store.ts'
import { tempDir } from './helpers.ts'

test('bucket - so much at once, so much in a second', (t) => {
  const clock = new Clock()
  const bucket = new Bucket(10, 2, clock.read)
  for (let i = 0; i < 10; i++) t.ok(bucket.take())
  t.absent(bucket.take(), 'it is empty')
  clock.pass(1000)
  t.ok(bucket.take(2))
  t.absent(bucket.take())
  clock.pass(3_600_000)
  t.ok(bucket.take(10), 'full again')
  t.absent(bucket.take(1), 'and not more than full')
})

test('bucket - a debt is waited for', (t) => {
  const clock = new Clock()
  const bucket = new Bucket(10, 2, clock.read)
  t.is(bucket.wait(), 0)
  bucket.charge(30)
  t.is(bucket.wait(), 10_500, 'until there is one again')
  clock.pass(10_000)
  t.absent(bucket.take())
  clock.pass(500)
  t.ok(bucket.take())
  bucket.charge(0)
  t.is(bucket.wait(), 500)
})

test('meter - the rate that takes longest is the one that is named', (t) => {
  const clock = new Clock()
  const rates = { callsPerSecond: 10, fuelPerSecond: 1000, bytesPerSecond: null }
  const meter = new Meter(rates, 2, clock.read)
  t.is(meter.exceeded(), null)
  meter.take(30, 1_000_000)
  meter.burn(10_000)
  const { what, limit } = meter.exceeded() ?? {}
  t.alike([what, limit], ['fuel', 1000])
  t.is(meter.exceeded(['bytes']), null, 'no limit')
  clock.pass(7_900)
  t.is(meter.exceeded()?.what, 'fuel')
  clock.pass(200)
  t.is(meter.exceeded(), null)
  t.alike(meter.usage, { calls: 30, fuel: 10_000, bytes: 1_000_000, refused: 0 })
})

test('meter - a rate below one lets one through', (t) => {
  const clock = new Clock()
  const rates = { callsPerSecond: 0.1, fuelPerSecond: null, bytesPerSecond: null }
  const meter = new Meter(rates, 1, clock.read)
  t.is(meter.exceeded(), null)
  meter.take(1, 0)
  t.is(meter.exceeded()?.wait, 10_000)
})

test('meters - anybody can make any number of keys, and so many are kept', (t) => {
  const clock = new Clock()
  const rates = { callsPerSecond: 1, fuelPerSecond: null, bytesPerSecond: null }
  const meters = new Meters(100, () => new Meter(rates, 1, clock.read))
  meters.of('steady').take(50, 0)
  for (let i = 0; i < 10_000; i++) {
    meters.of(`new ${i}`).take(1, 0)
    if (i % 50 === 0) meters.of('steady')
  }
  t.is(meters.size, 100)
  t.ok(meters.known('steady')?.exceeded(), 'who is there has its debt')
  t.is(meters.known('new 0'), undefined)
  t.is(meters.largest(1)[0]?.id, 'steady')
})

test('quotas - who is over a rate is told when it goes on, and nothing is charged for that', async (t) => {
  const { clock, admission } = await open(t, { burstSeconds: 1, user: { callsPerSecond: 10 } })
  const tenant = admission.tenant('instance', 'deployer')
  const admit = (user = 'ann') =>
    tenant.admit({ user, sender: null, waiting: 0, entries: 1, countCalls: () => 1 })
  admit()
  tenant.take('ann', null, 25, 100)
  for (let i = 0; i < 5; i++) {
    const error = refusal(admit)
    t.is(error.retryAfter, 1600)
    t.is(error.message, 'user.callsPerSecond of the host, 10, is used up: wait 1.6 s')
  }
  admit('bob')
  clock.pass(1600)
  admit()
  t.alike(admission.status().refused, { 'user.callsPerSecond': 5 })
  t.is(admission.status().users[0]?.refused, 5)
})

test('quotas - who has used its burst gets its rate in small parts', async (t) => {
  const { clock, admission } = await open(t, { burstSeconds: 1, user: { callsPerSecond: 100 } })
  const tenant = admission.tenant('instance', 'deployer')
  const call = (calls: number) => {
    tenant.admit({ user: 'ann', sender: null, waiting: 0, entries: 256, countCalls: () => calls })
    tenant.take('ann', null, calls, 1)
  }
  call(256)
  const { retryAfter, room } = refusal(() => call(256))
  t.alike([retryAfter, room], [1570, null], 'a debt is paid first')
  clock.pass(1600)
  const part = refusal(() => call(256))
  t.alike([part.retryAfter, part.room], [60, 10], 'a tenth of a second’s')
  const few = refusal(() => call(7))
  t.alike([few.retryAfter, few.room], [30, 7], 'or as many as there are')
  call(4)
  clock.pass(500)
  const more = refusal(() => call(256))
  t.alike([more.retryAfter, more.room], [0, 50], 'or what there is room for')
  call(50)
  call(0)
  clock.pass(10_000)
  call(256)
})

test('quotas - what calls have cost delays the next ones', async (t) => {
  const { clock, admission } = await open(t, { user: { fuelPerSecond: 1_000_000 } })
  const tenant = admission.tenant('instance', 'deployer')
  const admit = () =>
    tenant.admit({ user: 'ann', sender: null, waiting: 0, entries: 1, countCalls: () => 1 })
  for (const meter of tenant.metersOf('ann', null)) meter.burn(10_000_000)
  t.is(refusal(admit).retryAfter, 5001, 'what is over five seconds’ worth')
  clock.pass(5001)
  admit()
  t.is(admission.status().deployers[0]?.fuel, 10_000_000, 'the deployer has used it as well')
})

test('quotas - what others call of a deployer counts for it, whichever of its instances that is', async (t) => {
  for (const [rate, use] of [
    ['callsPerSecond', (one: Tenant) => one.take('ann', null, 300, 1)],
    ['bytesPerSecond', (one: Tenant) => one.take('ann', null, 1, 300)],
    ['fuelPerSecond', (one: Tenant) => one.metersOf('ann', null).map((meter) => meter.burn(300))]
  ] as const) {
    const { clock, admission } = await open(t, { burstSeconds: 1, deployer: { [rate]: 100 } })
    use(admission.tenant('one', 'carol'))
    const admit = (deployer: string) => () =>
      admission.tenant('two', deployer).admit({
        ...{ user: 'bob', sender: null, waiting: 0, entries: 1 },
        countCalls: () => 1
      })
    for (const refused of [admit('carol'), () => admission.deploy('carol')]) {
      const { message, retryAfter } = refusal(refused)
      t.ok(message.startsWith(`deployer.${rate} of the host, 100, is used up`), message)
      t.ok(Number(retryAfter) >= 2000)
    }
    admit('dave')()
    admission.deploy('dave')
    clock.pass(3_100)
    admit('carol')()
    admission.deploy('carol')
  }
})

test('quotas - a request that was let in is not refused for the bytes of its own', async (t) => {
  const quotas = { burstSeconds: 1, connection: { bytesPerSecond: 100, callsPerSecond: 1 } }
  const { clock, admission } = await open(t, quotas)
  const tenant = admission.tenant('instance', 'deployer')
  const sender = admission.sender()
  const admit = () =>
    tenant.admit({ user: 'ann', sender, waiting: 0, entries: 1, countCalls: () => 1 })
  sender.request(250)()
  admit()
  tenant.take('ann', sender, 1, 200)
  t.ok(refusal(() => sender.request(1)).message.startsWith('connection.bytesPerSecond '))
  t.ok(refusal(admit).message.startsWith('connection.callsPerSecond '))
  clock.pass(1600)
  sender.replied(300)
  t.is(refusal(() => sender.request(1)).retryAfter, 2910, 'what it is sent counts as well')
})

test('quotas - what was looked at and refused counts for more than its bytes', async (t) => {
  const { admission, clock } = await open(t, { connection: { bytesPerSecond: 10_000 } })
  const sender = admission.sender()
  sender.request(100)()
  sender.refused(100)
  const error = refusal(() => sender.request(100))
  t.is(error.message.split(' of the host')[0], 'connection.bytesPerSecond')
  clock.pass(60_000)
  sender.request(100)()
})

test('quotas - what was under way when a connection ended does not count as one for ever', async (t) => {
  const { admission } = await open(t, { user: { connections: 1 } })
  const tenant = admission.tenant('instance', 'deployer')
  const gone = admission.sender()
  gone.close()
  tenant.take('ann', gone, 1, 100)
  t.is(admission.status().users[0]?.connections, 0)
  tenant.admit({
    user: 'ann',
    sender: admission.sender(),
    waiting: 0,
    entries: 1,
    countCalls: () => 1
  })
})

test('quotas - acks cost bytes, and no calls', async (t) => {
  const { admission } = await open(t, {
    burstSeconds: 1,
    user: { callsPerSecond: 1, bytesPerSecond: 1000, callsWaiting: 5 }
  })
  const tenant = admission.tenant('instance', 'deployer')
  const admit = (hasCalls: boolean, waiting: number) => () =>
    tenant.admit({
      user: 'ann',
      sender: null,
      waiting,
      entries: 1,
      countCalls: () => (hasCalls ? 1 : 0)
    })
  t.is(refusal(admit(true, 5)).retryAfter, 250, 'too many wait')
  admit(false, 5)()
  tenant.take('ann', null, 10, 10)
  refusal(admit(true, 0))
  admit(false, 0)()
  tenant.take('ann', null, 0, 2000)
  refusal(admit(false, 0))
})

test('quotas - bytes of a user count in all instances, and after a restart', async (t) => {
  const dir = await tempDir(t)
  const quotas = { user: { bytesStored: 1000 } }
  const first = await open(t, quotas, dir)
  for (const name of ['one', 'two']) {
    const tenant = first.admission.tenant(name, 'deployer')
    await tenant.prepare('ann')
    tenant.admit({ user: 'ann', sender: null, waiting: 0, entries: 1, countCalls: () => 1 })
    tenant.take('ann', null, 1, 500)
  }
  await first.close()
  const again = await open(t, quotas, dir)
  const tenant = again.admission.tenant('three', 'deployer')
  await tenant.prepare('ann')
  const error = refusal(() =>
    tenant.admit({ user: 'ann', sender: null, waiting: 0, entries: 1, countCalls: () => 1 })
  )
  t.is(error.retryAfter, 60_000)
  t.is(
    error.message,
    'user.bytesStored of the host, 1000, is used up: wait, or ask its operator for more'
  )
  await tenant.prepare('bob')
  tenant.admit({ user: 'bob', sender: null, waiting: 0, entries: 1, countCalls: () => 1 })
  await again.close()
})

test('quotas - a deployer has so many instances, and bytes in them', async (t) => {
  const { clock, admission } = await open(t, {
    burstSeconds: 1,
    deployer: { instances: 3, bytesStored: 1000, deploymentsPerSecond: 2 }
  })
  const deploy = () => admission.deploy('ann')
  deploy()
  deploy()
  t.is(refusal(deploy).retryAfter, 500)
  clock.pass(1000)
  for (const name of ['one', 'two', 'three']) admission.tenant(name, 'ann').keep(100)
  t.ok(refusal(deploy).message.startsWith('deployer.instances '))
  admission.deploy('bob')
  const tenant = admission.tenant('two', 'ann')
  const admit = () =>
    tenant.admit({ user: 'eve', sender: null, waiting: 0, entries: 1, countCalls: () => 1 })
  admit()
  tenant.keep(700)
  admit()
  tenant.keep(800)
  t.ok(refusal(admit).message.startsWith('deployer.bytesStored '))
  t.is(admission.status().refused['deployer.bytesStored'], 1)
})

test('quotas - a connection has so many users, and a user so many connections', async (t) => {
  const { admission } = await open(t, { connection: { users: 2 }, user: { connections: 2 } })
  const tenant = admission.tenant('instance', 'deployer')
  const senders = [admission.sender(), admission.sender(), admission.sender()]
  const call = (user: string, sender = senders[0] ?? null) => {
    tenant.admit({ user, sender, waiting: 0, entries: 1, countCalls: () => 1 })
    tenant.take(user, sender, 1, 1)
  }
  call('ann')
  call('bob')
  t.ok(refusal(() => call('eve')).message.startsWith('connection.users '))
  call('ann')
  call('ann', senders[1])
  t.ok(refusal(() => call('ann', senders[2])).message.startsWith('user.connections '))
  senders[0]?.close()
  call('ann', senders[2])
  t.is(admission.status().users.find(({ id }) => id === 'ann')?.connections, 2)
})

test('quotas - memory for what waits is shared: who holds little is let in', async (t) => {
  const { admission } = await open(t, { host: { bytesWaiting: 1000 } })
  const [greedy, modest] = [admission.sender(), admission.sender()]
  const ends = Array.from({ length: 9 }, () => greedy.request(100))
  t.ok(refusal(() => greedy.request(100)).message.startsWith('host.bytesWaiting '))
  t.is(refusal(() => greedy.request(200)).retryAfter, 250)
  modest.request(400)()
  modest.request(400)
  for (const end of ends) end()
  greedy.request(100)
  t.is(admission.status().bytesWaiting, 500)
})

test('quotas - a request that is larger than all that may wait is let in where little does', async (t) => {
  const { admission } = await open(t, { host: { bytesWaiting: 1000 } })
  const sender = admission.sender()
  const end = sender.request(600)
  t.ok(refusal(() => sender.request(5000)).message.startsWith('host.bytesWaiting '))
  end()
  sender.request(5000)
  t.ok(refusal(() => sender.request(1)).message.startsWith('host.bytesWaiting '))
  const { admission: none } = await open(t, { host: { bytesWaiting: 0 } })
  t.ok(refusal(() => none.sender().request(1)).message.startsWith('host.bytesWaiting '))
})

test('quotas - who comes again has less room as long as what was sent over a connection before still waits', async (t) => {
  const { admission } = await open(t, { host: { bytesWaiting: 1000 } })
  const before = admission.sender('a')
  const end = before.request(900)
  before.close()
  const [again, other] = [admission.sender('a'), admission.sender('b')]
  t.ok(refusal(() => again.request(200)).message.startsWith('host.bytesWaiting '))
  other.request(400)()
  before.hold(100)
  end()
  t.is(admission.status().bytesWaiting, 100)
  again.request(300)()
  before.hold(-100)
  again.request(900)()
  t.is(admission.status().bytesWaiting, 0)
})

class Clock {
  #now = 0
  readonly read = (): number => this.#now

  pass(ms: number): void {
    this.#now += ms
  }
}

test('quotas - a sum that is on its way out of memory is not forgotten', async (t) => {
  const store = await openStore(await tempDir(t))
  t.teardown(() => store.close())
  const notes = store.get({ name: 'notes' })
  await notes.ready()
  const stored = new StoredBytes(notes)
  await stored.load('ann')
  stored.add('ann', 1000)
  const set = notes.setUserData.bind(notes)
  const { promise: late, resolve: go } = Promise.withResolvers<void>()
  notes.setUserData = async (...args) => {
    await late
    return set(...args)
  }
  for (let i = 0; i < 10_000; i++) await stored.load(`other ${i}`)
  const loading = stored.load('ann')
  setTimeout(go, 20)
  await loading
  t.is(stored.of('ann'), 1000)
})

async function open(t: Test, quotas: SomeQuotas, dir?: string) {
  const store = await openStore(path.join(dir ?? (await tempDir(t)), 'store'))
  const notes = store.get({ name: 'notes' })
  await notes.ready()
  const clock = new Clock()
  const admission = new Admission(withDefaults(quotas), new StoredBytes(notes), clock.read)
  let closed: Promise<void> | null = null
  const close = () => {
    closed ??= admission.close().then(() => store.close())
    return closed
  }
  t.teardown(close)
  return { clock, admission, close }
}

function refusal(fn: () => unknown): MivmError {
  try {
    fn()
  } catch (error) {
    if (error instanceof MivmError && error.code === 'QUOTA_EXCEEDED') return error
    throw error
  }
  throw new Error('it was let in')
}
