// The library as a program meets it: what it refuses, and what it leaves behind.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import test from 'brittle'
import {
  allowOnly,
  armor,
  audit,
  bundle,
  Client,
  createIdentity,
  encodeId,
  exportIdentity,
  formatLink,
  Host,
  importIdentity,
  listIdentities,
  MivmError,
  Oracles,
  openLocal,
  parseLink,
  readIdentity,
  verify,
  verifyEvidence
} from '../src/index.ts'
import { type Teardown, tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const ID = 'y'.repeat(52)

test('library - a network that cannot be leaves no directory locked', async (t) => {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
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
  const bootstrap = await localNetwork(t)
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

test('library - whatever a program gives, what is wrong with it is said in one line', async (t) => {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  await writeFile(path.join(dir, 'file'), '')
  // programs in JavaScript give anything
  // biome-ignore lint/suspicious/noExplicitAny: that is what they do
  const any = (value: unknown): any => value
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  const identity = await createIdentity(path.join(dir, 'keys'), 'eve')
  const at = (name: string) => ({ dir: path.join(dir, name), bootstrap })
  const refused: [() => unknown, code: string, text: string][] = [
    [() => openLocal(any('x')), 'USAGE', 'x is not a port'],
    [() => openLocal(any({})), 'USAGE', 'is not a port'],
    [() => openLocal(65_536), 'USAGE', '65536 is not a port'],
    [() => Client.open(any(undefined)), 'USAGE', 'expected an object with dir'],
    [() => Client.open(any({})), 'USAGE', 'dir: expected the path of a directory, found undefined'],
    [() => Client.open({ dir: '' }), 'USAGE', 'dir: expected the path of a directory, found ""'],
    [() => Client.open({ dir: 'a\0b' }), 'USAGE', 'dir: expected'],
    [() => Client.open({ dir: any({ toJSON() {} }) }), 'USAGE', 'dir: expected'],
    [() => Client.open({ ...at('u'), timeout: any('5') }), 'USAGE', 'timeout: expected'],
    [() => Client.open({ ...at('u'), timeout: Number.NaN }), 'USAGE', 'timeout: expected'],
    [() => Client.open(any({ ...at('u'), identiy: 'x' })), 'USAGE', 'did you mean "identity"'],
    [() => Client.open({ ...at('u'), identity: any(null) }), 'KEY_INVALID', 'this is no identity'],
    [() => Client.open({ ...at('u'), identity: any(7) }), 'KEY_INVALID', 'this is no identity'],
    [
      () => Client.open({ ...at('u'), identity: { ...identity, name: '../../eve' } }),
      'USAGE',
      'is no name for an identity'
    ],
    [() => Client.open(at('file')), 'STORAGE_FAILED', 'the file system refuses'],
    [() => Host.open(any(undefined)), 'CONFIG_INVALID', 'expected an object with'],
    [() => Host.open(any({})), 'CONFIG_INVALID', 'dir: expected'],
    [() => Host.open(at('file')), 'STORAGE_FAILED', 'the file system refuses'],
    [() => Host.open(any({ ...at('h'), polcy: 7 })), 'CONFIG_INVALID', 'did you mean "policy"'],
    [
      () => Host.open({ ...at('h'), policy: any(7) }),
      'CONFIG_INVALID',
      'policy: expected a function'
    ],
    [() => Host.open({ ...at('h'), onEvent: any({}) }), 'CONFIG_INVALID', 'onEvent: expected'],
    [() => Host.open({ ...at('h'), oracles: any({}) }), 'CONFIG_INVALID', 'oracles: expected'],
    [() => Host.open({ ...at('h'), engines: any(cycle) }), 'CONFIG_INVALID', 'engines: expected'],
    [() => audit(any(undefined)).next(), 'USAGE', 'expected an object with'],
    [() => audit(any({ address: ID })).next(), 'USAGE', 'dir: expected'],
    [() => audit({ ...at('file'), address: ID }).next(), 'STORAGE_FAILED', 'refuses'],
    [() => audit({ ...at('a'), address: ID, follow: any(true) }).next(), 'USAGE', 'AbortSignal'],
    [() => audit({ ...at('a'), address: ID, receipts: any('x') }).next(), 'USAGE', 'receipts: '],
    [() => audit({ ...at('a'), address: ID, patience: -1 }).next(), 'USAGE', 'patience: '],
    [() => verifyEvidence('', any(null)), 'USAGE', 'expected an object with host'],
    [() => createIdentity(any(undefined), 'x'), 'USAGE', 'dir: expected'],
    [() => createIdentity(dir, any({})), 'USAGE', 'is no name for an identity'],
    [() => createIdentity(dir, 'x', new Uint8Array(3)), 'KEY_INVALID', 'not 32 bytes'],
    [() => createIdentity(path.join(dir, 'file'), 'x'), 'STORAGE_FAILED', 'refuses'],
    [() => readIdentity(any(7), 'x'), 'USAGE', 'dir: expected'],
    [() => listIdentities(any(null)), 'USAGE', 'dir: expected'],
    [() => exportIdentity(any(undefined)), 'KEY_INVALID', 'this is no identity'],
    [() => allowOnly(any(7)), 'USAGE', 'give an array'],
    [() => allowOnly(['bob']), 'KEY_INVALID', 'is not a valid id of an identity'],
    [() => new Oracles(any(null)), 'ORACLE_INVALID', 'these are no oracles'],
    [() => new Oracles({ price: any(7) }), 'ORACLE_INVALID', 'the oracle price is no function'],
    [() => Oracles.load(any(undefined)), 'ORACLE_INVALID', 'a module is undefined'],
    [() => bundle(any(undefined)), 'USAGE', 'this is no file'],
    [() => armor(any('x')), 'PROOF_UNKNOWN', 'neither'],
    [() => encodeId(any(7)), 'KEY_INVALID', 'this is no key'],
    [() => encodeId(new Uint8Array(3)), 'KEY_INVALID', 'this is no key'],
    [() => formatLink(any(null)), 'KEY_INVALID', 'this is no key']
  ]
  // takes no directories, and says that it is not there: Node would try for ever
  const never = '/proc/mivm/x'
  if (process.platform === 'linux') {
    refused.push(
      [() => Client.open({ dir: never, bootstrap }), 'STORAGE_FAILED', 'refuses'],
      [() => Host.open({ dir: never, bootstrap }), 'STORAGE_FAILED', 'refuses'],
      [() => audit({ dir: never, bootstrap, address: ID }).next(), 'STORAGE_FAILED', 'refuses']
    )
  }
  for (const [use, code, text] of refused) {
    const error = await (async () => use())().catch((error) => error)
    const isOurs = error instanceof MivmError && !error.message.includes('\n')
    t.ok(isOurs && error.code === code && error.message.includes(text), `${code} ${text}: ${error}`)
  }
})

test('library - what a program asks of an instance that cannot be is said in one line', async (t) => {
  const { client, address } = await deploy(t, 'exports.one = () => 1')
  const host = /mivm:..([^/]*)/.exec(address)?.[1] ?? ''
  const source = 'exports.two = () => 2'
  // biome-ignore lint/suspicious/noExplicitAny: what a program in JavaScript gives
  const any = (value: unknown): any => value
  const state = client.state(address)
  const bytes = parseLink(address).address
  const refused: [() => unknown, code: string][] = [
    [() => client.deploy(any(undefined)), 'USAGE'],
    [() => client.deploy({ host, source, salt: any('x') }), 'USAGE'],
    [() => client.deploy({ host, source, limits: any(7) }), 'USAGE'],
    [() => client.deploy(any({ host, source, limit: {} })), 'USAGE'],
    [() => client.call(any(undefined), 'one'), 'KEY_INVALID'],
    [() => client.call(any(bytes), 'one'), 'KEY_INVALID'],
    [() => client.call(address, any(undefined)), 'METHOD_UNKNOWN'],
    [() => client.call(address, any(7)), 'METHOD_UNKNOWN'],
    [() => client.deliver(any(7)), 'KEY_INVALID'],
    [() => state.readFile(any(7)), 'USAGE'],
    [() => state.readFile('/x', any('binary')), 'USAGE'],
    [() => state.exists(any({})), 'USAGE'],
    [() => state.readdir(any([])), 'USAGE']
  ]
  for (const [use, code] of refused) {
    const error = await (async () => use())().catch((error) => error)
    t.ok(error instanceof MivmError && error.code === code, `${use}: ${error}`)
  }
  t.is(await client.call(address, 'one'), 1)
  // programs that run their modules in contexts, as some test runners do
  const foreign = (bytes: Uint8Array): Uint8Array => {
    return runInNewContext('(bytes) => new Uint8Array(bytes)')([...bytes])
  }
  const salt = foreign(new Uint8Array(32))
  const { link } = await client.deploy({ host, source, salt })
  t.is(await client.call(link, 'two'), 2)
  const dir = await tempDir(t)
  const identity = await createIdentity(dir, 'eve', foreign(new Uint8Array(32)))
  const { publicKey, secretKey } = identity.keyPair
  const keyPair = { publicKey: foreign(publicKey), secretKey: foreign(secretKey) }
  t.ok((await importIdentity(dir, 'twin', exportIdentity({ ...identity, keyPair }))).id)
})

test('library - two that begin with the same new identity are both told who has the directory', async (t) => {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const opening = [1, 2, 3].map(() => Client.open({ dir, bootstrap }))
  const codes = (await Promise.allSettled(opening)).map((it) =>
    it.status === 'fulfilled' ? 'open' : `${it.reason.code}: ${it.reason.message}`
  )
  const locked =
    'DIRECTORY_LOCKED: the identity "default" is in use by another client in this directory: wait for that one, or call as another identity'
  t.alike(codes.sort(), [locked, locked, 'open'])
  for (const client of await Promise.allSettled(opening)) {
    if (client.status === 'fulfilled') await client.value.close()
  }
})

test('library - what a listener throws ends nothing on the host', async (t) => {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const thrown: unknown[] = []
  const onThrown = (error: unknown) => thrown.push(error)
  process.on('uncaughtException', onThrown)
  t.teardown(() => process.off('uncaughtException', onThrown))
  const onEvent = () => {
    throw new Error('of the program')
  }
  shareVm(t)
  const host = await Host.open({ dir: path.join(dir, 'host'), bootstrap, engines: 1, onEvent })
  t.teardown(() => host.close(), { order: 100 })
  const client = await Client.open({ dir: path.join(dir, 'user'), bootstrap })
  t.teardown(() => client.close())
  const { address } = await client.deploy({ host: host.id, source: 'exports.one = () => 1' })
  t.is(await client.call(address, 'one'), 1)
  t.alike(
    thrown.map((error) => (error instanceof Error ? error.message : error)),
    ['of the program'],
    'and is the program’s'
  )
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

test('library - files are there under the paths that contracts may use for them', async (t) => {
  const source = `exports.write = (path) => state.writeFile(path, 'here')
    exports.look = async (path) => [await state.exists(path), await state.readdir('/')]`
  const { client, address } = await deploy(t, source)
  const [composed, decomposed] = ['/caf\u00e9', '/cafe\u0301']
  await client.call(address, 'write', [`${decomposed}/menu`])
  const state = client.state(address)
  for (const path of [
    composed,
    decomposed,
    '/',
    '/nowhere',
    `${composed}/menu`,
    `${composed}/me`
  ]) {
    t.alike(
      await client.call(address, 'look', [path]),
      [await state.exists(path), ['caf\u00e9']],
      path
    )
  }
  t.is(await state.readFile(`${decomposed}/menu`), 'here')
  t.alike(await state.readdir(decomposed), ['menu'])
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

test('library - who asks for the receipt of a call alone hears of its error by that', async (t) => {
  const { client, address } = await deploy(
    t,
    'exports.no = () => { throw new RangeError("never") }'
  )
  const thrown: unknown[] = []
  const onThrown = (error: unknown) => thrown.push(error)
  process.on('unhandledRejection', onThrown)
  t.teardown(() => process.off('unhandledRejection', onThrown))
  t.is(verify((await client.call(address, 'no').receipt).bytes).error?.message, 'never')
  t.ok((await client.call(address, 'no').fuel) > 0)
  // whether somebody hears of an error is known a turn later
  await sleep(1)
  t.alike(thrown, [])
  await t.exception(client.call(address, 'no'), { name: 'RangeError' })
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
  const bootstrap = await localNetwork(t)
  shareVm(t)
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

/** An instance, and a client that has not heard of it. */
async function deploy(t: Teardown, source: string): Promise<{ client: Client; address: string }> {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  shareVm(t)
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
