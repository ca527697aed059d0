// The library as a program meets it: what it refuses, and what it leaves behind.
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import { audit, Client, Host, openLocal, verify, verifyEvidence } from '../src/index.ts'
import { type Teardown, tempDir } from './helpers.ts'

test('library - a network that cannot be leaves no directory locked', async (t) => {
  const dir = await tempDir(t)
  const { bootstrap } = await open(t)
  // @ts-expect-error: what a program in JavaScript gives
  const wrong: (readonly string[])[] = [['nowhere'], '127.0.0.1:1']
  for (const nodes of wrong) {
    const at = (name: string) => ({ dir: path.join(dir, name), bootstrap: nodes })
    await t.exception(Client.open(at('user')), { code: 'USAGE' })
    await t.exception(Host.open(at('host')), { code: 'USAGE' })
    await t.exception(audit({ ...at('auditor'), address: 'y'.repeat(52) }).next(), {
      code: 'USAGE'
    })
  }
  const client = await Client.open({ dir: path.join(dir, 'user'), bootstrap })
  await client.close()
  const host = await Host.open({ dir: path.join(dir, 'host'), bootstrap })
  await host.close()
  t.pass('they open')
})

test('library - what it is given is looked at when it is given', async (t) => {
  const { bootstrap } = await open(t)
  const dir = path.join(await tempDir(t), 'host')
  for (const [options, problem] of [
    [{ engines: 0 }, 'engines: expected a whole number from 1 to 1024, found 0'],
    [{ engines: Number.NaN }, 'engines: expected a whole number from 1 to 1024, found NaN'],
    [{ patience: () => 1 }, 'patience: expected a whole number from 1 to 100, found () => 1'],
    [{ openMax: -1 }, 'openMax: expected'],
    [{ isolateBy: 'all' }, 'isolateBy: expected one of'],
    [{ quotas: { user: { callsPerSecond: -1 } } }, 'quotas.user.callsPerSecond: expected'],
    [{ quotas: { usr: {} } }, 'quotas.usr is unknown: did you mean "user"?']
  ] as const) {
    // @ts-expect-error: what a program in JavaScript gives
    const error = await Host.open({ dir, bootstrap, ...options }).catch((error) => error)
    t.is(error.code, 'CONFIG_INVALID')
    t.ok(error.message.includes(problem), error.message)
  }
  // @ts-expect-error: the same
  t.exception(() => verify(new Uint8Array(), { host: 'x' }), { code: 'PROOF_UNKNOWN' })
  for (const wrong of [undefined, null, 7, {}]) {
    // @ts-expect-error: the same
    t.exception(() => verify(wrong), { code: 'PROOF_UNKNOWN' })
    // @ts-expect-error: the same
    await t.exception(verifyEvidence(wrong), { code: 'PROOF_UNKNOWN' })
    // @ts-expect-error: the same
    await t.exception(audit({ bootstrap, dir, address: wrong }).next(), { code: 'KEY_INVALID' })
  }
})

test('library - calls by name that begin at once are executed in their order', async (t) => {
  const { client, address } = await deploy(
    t,
    'exports.list = []; exports.add = (n) => { exports.list.push(n) }'
  )
  const numbers = Array.from({ length: 24 }, (_, i) => i)
  const argument = [0]
  const calls = numbers.map((n) => {
    argument[0] = n
    return client.call(address, 'add', argument)
  })
  await Promise.all(calls)
  const text = await client.state(address).readFile('/.mivm/exports/list.json')
  t.alike(JSON.parse(text), numbers, 'with the arguments that they were made with')
})

test('library - a contract object has the types of the contract', async (t) => {
  interface Poll {
    vote(option: string): Promise<number>
    closes(): number | null
    readonly options: readonly string[]
    _hidden(): void
  }
  const source =
    'exports.votes = 0; exports.vote = (x) => ++exports.votes; exports.closes = () => null'
  const { client, address } = await deploy(t, source)
  const poll = await client.connect<Poll>(address)
  const voting = poll.vote('yes')
  const votes: number = await voting
  const closes: number | null = await poll.closes()
  t.alike([votes, closes], [1, null])
  t.ok((await voting.fuel) > 0)
  // @ts-expect-error: an option is a text
  await poll.vote(7)
  // @ts-expect-error: a variable is no method
  t.is(poll.options, undefined)
  // @ts-expect-error: what begins so cannot be called
  t.is(poll._hidden, undefined)
  // @ts-expect-error: nothing of that name
  t.is(poll.close, undefined)
  const untyped = await client.connect(address)
  t.is(await untyped['vote']?.('no'), 3)
})

test('library - a call by name has its cost and its receipt as well', async (t) => {
  const { client, address } = await deploy(t, 'exports.one = () => 1')
  const call = client.call(address, 'one')
  t.is(await call, 1)
  t.ok((await call.fuel) > 0)
  t.is(verify((await call.receipt).bytes).method, 'one')
  // @ts-expect-error: what a program in JavaScript gives
  await t.exception(client.call(address, 'one', 'text'), { code: 'VALUE_UNSUPPORTED' })
  await t.exception(client.call('nowhere', 'one', [() => {}]), { code: 'VALUE_UNSUPPORTED' })
})

test('library - a deployment that asks for what there is not is refused before it is written', async (t) => {
  const { client, address } = await deploy(t, 'exports.one = () => 1')
  const host = /mivm:..([^/]*)/.exec(address)?.[1] ?? ''
  const source = 'exports.two = () => 2'
  // @ts-expect-error: a misspelled limit would be none
  await t.exception(client.deploy({ host, source, limits: { feul: 1000 } }), {
    code: 'LIMIT_INVALID'
  })
  for (const fuel of [0, -1, 1.5, Number.NaN, 10 ** 9]) {
    await t.exception(client.deploy({ host, source, limits: { fuel } }), { code: 'LIMIT_INVALID' })
  }
  const salt = new Uint8Array(31)
  await t.exception(client.deploy({ host, source, salt }), { code: 'USAGE' })
  // @ts-expect-error: what a program in JavaScript gives
  await t.exception(client.deploy({ host }), { code: 'USAGE' })
  t.is(await client.pendingCalls(), 0)
})

test('library - what is opened with await using is closed behind it', async (t) => {
  const dir = await tempDir(t)
  let stale: Client | null = null
  for (const round of [1, 2]) {
    await using network = await openLocal(0)
    const { bootstrap } = network
    await using host = await Host.open({ dir: path.join(dir, 'host'), bootstrap, engines: 1 })
    await using client = await Client.open({ dir: path.join(dir, 'user'), bootstrap })
    const source = 'exports.one = () => 1'
    const { address } = await client.deploy({ host: host.id, source })
    t.is(await client.call(address, 'one'), 1, `round ${round}`)
    for (const use of [
      () => stale?.call(address, 'one'),
      () => stale?.connect(address),
      () => stale?.deploy({ host: host.id, source }),
      () => stale?.status(host.id)
    ]) {
      if (stale !== null) await t.exception(use, { code: 'HOST_CLOSED' })
    }
    stale = client
  }
})

test('library - a client that is closed while it is in use says so, and is closed once', async (t) => {
  const dir = await tempDir(t)
  const { bootstrap } = await open(t)
  const host = await Host.open({ dir: path.join(dir, 'host'), bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 100 })
  const source = 'exports.one = () => 1'
  for (const ms of [0, 1, 3, 10, 30]) {
    const client = await Client.open({ dir: path.join(dir, 'user'), bootstrap })
    const ends = [
      client.deploy({ host: host.id, source }),
      client.deploy({ host: host.id, source, salt: new Uint8Array(32) }),
      client.status(host.id)
    ].map((under) => under.catch(({ code }) => t.is(code, 'HOST_CLOSED', `after ${ms} ms`)))
    await sleep(ms)
    await Promise.all([client.close(), client.close()])
    await Promise.all(ends)
  }
  t.pass('nothing else was thrown')
})

async function open(t: Teardown): Promise<{ bootstrap: readonly string[] }> {
  const network = await openLocal(0)
  t.teardown(() => network.close(), { order: 1000 })
  return network
}

/** An instance, and a client that has not heard of it. */
async function deploy(t: Teardown, source: string): Promise<{ client: Client; address: string }> {
  const dir = await tempDir(t)
  const { bootstrap } = await open(t)
  const host = await Host.open({ dir: path.join(dir, 'host'), bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 100 })
  const users = path.join(dir, 'users')
  const deployer = await Client.open({ dir: users, bootstrap, identity: 'deployer' })
  const { link } = await deployer.deploy({ host: host.id, source })
  await deployer.close()
  const client = await Client.open({ dir: users, bootstrap, identity: 'user' })
  t.teardown(() => client.close())
  return { client, address: link }
}
