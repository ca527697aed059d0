import { cp, mkdir, readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type Test } from 'brittle'
import crypto, { type KeyPair } from 'hypercore-crypto'
import Protomux from 'protomux'
import { Client } from '../src/client/client.ts'
import { Replica } from '../src/client/replica.ts'
import { Executor } from '../src/host/executor.ts'
import { Host } from '../src/host/host.ts'
import { Instance } from '../src/host/instance.ts'
import { type Bootstrap, Network } from '../src/net/network.ts'
import { Rpc } from '../src/net/rpc.ts'
import { encodeEntry, encodeUserEntry } from '../src/protocol/entries.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { verifyEvidence } from '../src/protocol/evidence.ts'
import { codeHash } from '../src/protocol/hash.ts'
import { signHead } from '../src/protocol/head.ts'
import { decodeId, encodeId, formatLink } from '../src/protocol/ids.ts'
import { addressOf, manifestKey, userLogManifest } from '../src/protocol/manifest.ts'
import { Tree } from '../src/protocol/merkle.ts'
import { CALL, DEPLOY, INFO, STATUS, type UserBlocks } from '../src/protocol/messages.ts'
import { createProof } from '../src/protocol/proof.ts'
import { VM_ID } from '../src/protocol/vm-id.ts'
import { Archive } from '../src/state/archive.ts'
import { createIdentity } from '../src/state/identity.ts'
import { openStore } from '../src/state/store.ts'
import { Wal } from '../src/state/wal.ts'
import { encodeResult } from '../src/vm/record.ts'
import { headOf } from './audit-writer.ts'
import { heldOracle } from './held-oracle.ts'
import { keep, tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const SOURCE = 'exports.count = 0; exports.add = () => ++exports.count'

test('client - a log that is larger than any message is taken back', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const host = await openHost(t, path.join(dir, 'host'), bootstrap)
  const identity = await createIdentity(dir, 'alice')
  const alice = await openClient(t, { dir: path.join(dir, 'before'), bootstrap, identity })
  const { link } = await alice.deploy({ host: host.id, source: SOURCE })
  // a message has 16 MiB at most
  const large = 'x'.repeat(250_000)
  for (let i = 0; i < 7; i++) {
    await Promise.all(Array.from({ length: 10 }, () => alice.call(link, 'add', [large])))
  }
  await alice.close()
  const again = await openClient(t, { dir: path.join(dir, 'after'), bootstrap, identity })
  t.is(await again.call(link, 'add', []), 71)
})

test('client - a connection that is lost while more calls are under way than one request has is no fork', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const host = await openHost(t, path.join(dir, 'host'), bootstrap)
  const streams = noteConnections(t)
  const alice = await openClient(t, { dir: path.join(dir, 'alice'), bootstrap, timeout: 60_000 })
  const { link } = await alice.deploy({ host: host.id, source: SOURCE })
  const calls = Array.from({ length: 2000 }, () => alice.call(link, 'add', []))
  let answered = 0
  let failed = 0
  for (const call of calls) {
    call.then(
      () => answered++,
      () => failed++
    )
  }
  for (const [lost, count] of [1, 500, 1000].entries()) {
    // answers come many at a time, and the next connection may have to be waited for
    const isEarly = () => answered < count || streams.length <= lost
    while (isEarly() && answered < calls.length && failed === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    streams.at(-1)?.destroy()
  }
  t.alike(
    await Promise.all(calls),
    calls.map((_, i) => i + 1)
  )
  t.ok(streams.length > 1, `${streams.length - 1} connections were lost with calls under way`)
})

test('client - calls that a host had in memory alone are sent again when it has lost them', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const host = await openHost(t, path.join(dir, 'host'), bootstrap)
  const streams = noteConnections(t)
  const { execute } = Executor.prototype
  const { write } = Archive.prototype
  const { settled } = Instance.prototype
  t.teardown(() => {
    Object.assign(Executor.prototype, { execute })
    Object.assign(Archive.prototype, { write })
    Object.assign(Instance.prototype, { settled })
  })
  const alice = await openClient(t, { dir: path.join(dir, 'alice'), bootstrap, timeout: 120_000 })
  const { link } = await alice.deploy({ host: host.id, source: SOURCE })
  const held = Promise.withResolvers<void>()
  Executor.prototype.execute = async function () {
    await held.promise
    return execute.call(this)
  }
  // more than one request has, so that the results are asked for alone when the connection is there again
  const calls = Promise.all(Array.from({ length: 600 }, () => alice.call(link, 'add', [])))
  while (host.measures.queued < 600) await sleep(1)

  const asked = Promise.withResolvers<void>()
  Instance.prototype.settled = function (user, entry, ms) {
    if (streams.length > 1) asked.resolve()
    return settled.call(this, user, entry, ms)
  }
  streams[0]?.destroy()
  await asked.promise

  Archive.prototype.write = async () => {
    Object.assign(Archive.prototype, { write })
    throw new Error('too many open files')
  }
  held.resolve()
  t.alike(
    await calls,
    Array.from({ length: 600 }, (_, i) => i + 1)
  )
})

test('client - what the operator of a host has to mend ends a call, and not the client', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const host = await openHost(t, path.join(dir, 'host'), bootstrap)
  const alice = await openClient(t, { dir: path.join(dir, 'alice'), bootstrap })
  const { link } = await alice.deploy({ host: host.id, source: SOURCE })
  const submit = keep(t, Instance.prototype, 'submit')
  for (const code of ['INSTANCE_DAMAGED', 'INTERNAL'] as const) {
    Instance.prototype.submit = () => Promise.reject(new MivmError(code, 'it is broken'))
    const { message } = await alice.call(link, 'add', []).catch((error) => error)
    t.ok(/it is broken; the call is in your log/.test(message), message)
  }
  Object.assign(Instance.prototype, { submit })
  t.is(await alice.call(link, 'add', []), 3, 'the others were delivered with it')
})

test('client - a call without an answer is one also where those before it were acknowledged behind it', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const { oracles, asked, answer } = heldOracle()
  const options = {
    dir: path.join(dir, 'host'),
    bootstrap,
    engines: 1,
    oracles
  }
  const host = await Host.open(options)
  t.teardown(() => host.close(), { order: 2 })
  const open = (timeout: number) =>
    openClient(t, { dir: path.join(dir, 'alice'), bootstrap, timeout })
  const source = `${SOURCE}; exports.ask = () => oracle.wait()`
  const before = await open(60_000)
  const { link } = await before.deploy({ host: host.id, source })
  const first = before.call(link, 'add', [])
  const second = before.call(link, 'ask', []).catch((error: Error) => error)
  await asked
  t.is(await first, 1)
  await before.close()
  t.ok((await second) instanceof Error)
  answer(7)
  await host.close()

  const after = await open(500)
  await t.exception(after.call(link, 'add', []), /is in your log/)
  t.is(await after.pendingCalls(), 2, 'the call to the oracle waits, too')
  await after.close()

  const again = await Host.open(options)
  t.teardown(() => again.close(), { order: 2 })
  const last = await open(60_000)
  const late = await last.deliver(link)
  t.alike(
    late.map(({ method, args }) => [method, args]),
    [
      ['ask', []],
      ['add', []]
    ]
  )
  t.alike(await Promise.all(late.map(({ result }) => result)), [7, 2])
  t.alike(await last.deliver(link), [], 'no more')
})

test('client - who has lost a log and deploys once more with its salt has it again', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const identity = await createIdentity(dir, 'alice')
  const salt = new Uint8Array(32)
  const host = await openHost(t, path.join(dir, 'host'), bootstrap)
  const open = (name: string) => openClient(t, { dir: path.join(dir, name), bootstrap, identity })
  const before = await open('before')
  const deployment = { host: host.id, source: SOURCE, salt, args: ['a'] }
  const { link } = await before.deploy(deployment)
  t.is(await before.call(link, 'add', []), 1)
  await before.close()

  const after = await open('after')
  const other = await after.deploy({ ...deployment, args: ['b'] }).catch((error) => error)
  t.is(other.code, 'USAGE')
  t.ok(other.message.startsWith('this salt was used with other arguments before'), other.message)
  t.is((await after.deploy(deployment)).link, link)
  t.is(await after.call(link, 'add', []), 2)
})

test('client - deployments with one salt that come at once are one, and other arguments are refused', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const host = await openHost(t, path.join(dir, 'host'), bootstrap)
  const alice = await openClient(t, { dir, bootstrap })
  const deploy = (args: string[]) =>
    alice.deploy({ host: host.id, source: SOURCE, salt: new Uint8Array(32), args }).then(
      ({ address }) => address,
      ({ code }) => String(code)
    )
  const [address = '', same, other] = await Promise.all([['a'], ['a'], ['b']].map(deploy))
  t.alike([same, other], [address, 'USAGE'])
  t.is((await host.instance(decodeId(address))).seq, 1, 'init was called once')
})

test('client - whose disk is slow holds up no deployment of another one', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const host = await openHost(t, path.join(dir, 'host'), bootstrap)
  const { sync } = Wal.prototype
  const { promise: synced, resolve: go } = Promise.withResolvers<void>()
  const slow = path.join(dir, 'alice')
  Wal.prototype.sync = async function (this: Wal) {
    if (this.dir.startsWith(slow)) await synced
    return sync.call(this)
  }
  t.teardown(() => Object.assign(Wal.prototype, { sync }), { order: 0 })
  const [alice, bob] = await Promise.all(
    ['alice', 'bob'].map((name) => openClient(t, { dir: path.join(dir, name), bootstrap }))
  )
  const deployments = [alice, bob].map((client) =>
    client?.deploy({ host: host.id, source: SOURCE })
  )
  await deployments[1]
  t.is(host.instances.length, 1)
  go()
  await deployments[0]
  t.is(host.instances.length, 2)
})

test('client - of a call whose sync fails nobody says that it is not written', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const host = await openHost(t, path.join(dir, 'host'), bootstrap)
  const options = { dir: path.join(dir, 'alice'), bootstrap }
  const alice = await Client.open(options)
  const { link } = await alice.deploy({ host: host.id, source: SOURCE })
  const { sync } = Wal.prototype
  Wal.prototype.sync = function (this: Wal) {
    if (this.dir.startsWith(options.dir)) return Promise.reject(new Error('EIO: i/o error'))
    return sync.call(this)
  }
  t.teardown(() => Object.assign(Wal.prototype, { sync }))
  const told = /i\/o error.*nobody knows whether the call is written; start again, and look/
  await t.exception(alice.call(link, 'add', []), told)
  Wal.prototype.sync = sync
  await alice.close()
  // this disk had it all the same
  const again = await Client.open(options)
  t.teardown(() => again.close(), { order: 0 })
  t.is(await again.call(link, 'add', []), 2)
})

test('client - what a log that is taken back has seen, no other history replaces', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const [one, two] = [path.join(dir, 'one'), path.join(dir, 'two')]
  const identity = await createIdentity(dir, 'alice')
  const salt = new Uint8Array(32)

  const host = await openHost(t, one, bootstrap)
  const alice = await openClient(t, { dir: path.join(dir, 'before'), bootstrap, identity })
  const { address, link } = await alice.deploy({ host: host.id, source: SOURCE, salt })
  t.is(await alice.call(link, 'add', []), 1)
  t.is(await alice.call(link, 'add', []), 2)
  await alice.close()
  await host.close()
  const log = await readUserLog(one, identity.keyPair.publicKey, decodeId(address))

  // the same host from its beginning: another clock, hence another history
  await mkdir(two)
  await cp(path.join(one, 'host.key'), path.join(two, 'host.key'))
  const cheat = await openHost(t, two, bootstrap)
  const genesis = encodeEntry({
    type: 'genesis',
    vm: VM_ID,
    host: decodeId(cheat.id),
    deployer: identity.keyPair.publicKey,
    salt,
    codeHash: codeHash(SOURCE),
    limits: {}
  })
  const init = firstOf(log, identity.keyPair, decodeId(address))
  const instance = await cheat.deploy({ genesis, source: SOURCE, log: init })
  await instance.submit(log)
  await instance.settled(identity.keyPair.publicKey, log.blocks.length)

  const again = await openClient(t, { dir: path.join(dir, 'after'), bootstrap, identity })
  await t.exception(again.call(link, 'add', []), /has signed two histories/)
  const [file = ''] = await readdir(path.join(dir, 'after', 'evidence'))
  const evidence = await verifyEvidence(await readFile(path.join(dir, 'after', 'evidence', file)))
  t.alike([evidence.code, evidence.host], ['TWO_HISTORIES', cheat.id])
})

test('client - an instance is found through others who use it', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const { announce, meet } = Network.prototype
  const met = Promise.withResolvers<void>()
  Network.prototype.announce = async () => {}
  Network.prototype.meet = async function (topic) {
    await meet.call(this, topic)
    met.resolve()
  }
  t.teardown(() => Object.assign(Network.prototype, { announce, meet }))
  const host = await openHost(t, path.join(dir, 'host'), bootstrap)
  const open = (name: string) => openClient(t, { dir: path.join(dir, name), bootstrap })
  const alice = await open('alice')
  const { address } = await alice.deploy({ host: host.id, source: SOURCE })
  await met.promise
  const bob = await open('bob')
  t.is(await bob.call(address, 'add', []), 1)
})

test('client - a host that takes a request and never answers is given up', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const keyPair = crypto.keyPair()
  const silent = new Network(keyPair, bootstrap)
  t.teardown(() => silent.close(), { order: 2 })
  const never = () => new Promise<never>(() => {})
  silent.onConnection((stream) => {
    const rpc = new Rpc(Protomux.from(stream))
    rpc.respond(INFO, never)
    rpc.respond(DEPLOY, never)
  })
  await silent.listen()
  const client = await openClient(t, { dir, bootstrap, timeout: 500 })
  const host = encodeId(keyPair.publicKey)
  await t.exception(client.deploy({ host, source: SOURCE }), /did not answer in time/)
  const link = formatLink({ host: keyPair.publicKey, address: new Uint8Array(32) })
  await t.exception(client.connect(link), /did not answer in time/)
})

test('client - what it asks of a host goes out again when the connection is lost', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const keyPair = crypto.keyPair()
  const shaky = new Network(keyPair, bootstrap)
  t.teardown(() => shaky.close(), { order: 2 })
  let connections = 0
  shaky.onConnection((stream) => {
    const isFirst = connections++ === 0
    new Rpc(Protomux.from(stream)).respond(STATUS, async () => {
      if (isFirst) stream.destroy()
      return { json: '{"instances":7}' }
    })
  })
  await shaky.listen()
  const client = await openClient(t, { dir, bootstrap })
  t.alike(await client.status(encodeId(keyPair.publicKey)), { instances: 7 })
  t.is(connections, 2)
})

test('replica - what it asks of a host goes out again when the connection is lost', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const keyPair = crypto.keyPair()
  const shaky = new Network(keyPair, bootstrap)
  t.teardown(() => shaky.close(), { order: 2 })
  const signed = signedResult(keyPair, crypto.keyPair().publicKey, 'add')
  let connections = 0
  shaky.onConnection((stream) => {
    const isFirst = connections++ === 0
    new Rpc(Protomux.from(stream)).respond(INFO, async () => {
      if (isFirst) stream.destroy()
      return { ...signed, methods: ['add'] }
    })
  })
  await shaky.listen()
  const replica = await Replica.open({ dir, bootstrap })
  t.teardown(() => replica.close(), { order: 1 })
  const link = formatLink({ host: keyPair.publicKey, address: signed.address })
  t.alike((await replica.reach(link))?.methods, ['add'])
  t.ok(connections >= 2, `${connections} connections`)
})

for (const [what, method] of [
  ['the call itself', 'add'],
  ['another call', 'other']
] as const) {
  test(`client - the result of ${what}, under the number of its entry`, async (t) => {
    const { dir, bootstrap } = await openNetwork(t)
    const keyPair = crypto.keyPair()
    const server = new Network(keyPair, bootstrap)
    t.teardown(() => server.close(), { order: 2 })
    const user = await createIdentity(dir, 'alice')
    const signed = signedResult(keyPair, user.keyPair.publicKey, method)
    server.onConnection((stream) => {
      const rpc = new Rpc(Protomux.from(stream))
      rpc.respond(INFO, async () => ({ ...signed, methods: ['add'] }))
      rpc.respond(CALL, async ({ to }) => ({
        length: to,
        through: 0,
        proof: to === 0 ? null : await signed.prove(),
        behind: null
      }))
    })
    await server.listen()
    const client = await openClient(t, { dir, bootstrap, identity: user })
    const link = formatLink({ host: keyPair.publicKey, address: signed.address })
    const call = client.call(link, 'add', [])
    if (method === 'add') t.is(await call, 1)
    else await t.exception(call, /acknowledged entry 1 of your log as another call/)
  })
}

/** A log of a host with the result of one call, under its signature. */
function signedResult(keyPair: KeyPair, user: Uint8Array, method: string) {
  const genesis = encodeEntry({
    type: 'genesis',
    vm: VM_ID,
    host: keyPair.publicKey,
    deployer: user,
    salt: new Uint8Array(32),
    codeHash: codeHash(SOURCE),
    limits: {}
  })
  const address = addressOf(keyPair.publicKey, genesis)
  const call = encodeUserEntry({ type: 'call', method, args: '[]', head: null })
  const ack = { type: 'ack', seq: 2, user, entry: 1, call, time: 1, previous: 0 } as const
  const step = { outcome: { status: 'ok', value: '1' }, writes: [], fuel: 1 } as const
  const blocks = [
    genesis,
    encodeEntry({ type: 'code', source: SOURCE }),
    encodeEntry(ack),
    encodeResult(2, step)
  ]
  const tree = new Tree()
  const nodes = new Map(blocks.flatMap((block) => tree.append(block)).map((n) => [n.index, n]))
  const { length } = blocks
  const unsigned = { length, fork: 0, treeHash: tree.treeHash() }
  const head = signHead(unsigned, address, (text) => crypto.sign(text, keyPair.secretKey))
  const proven = [2, 3].map((index) => ({ index, block: blocks[index] ?? new Uint8Array() }))
  return {
    genesis,
    address,
    head,
    prove: () =>
      createProof({ start: 0, head, blocks: proven }, async (index) => {
        const node = nodes.get(index)
        if (node === undefined) throw new Error(`no node ${index}`)
        return node
      })
  }
}

test('client - what was lost of a connection is no fault of the host: a session begins anew, over another one where its channel has ended', async (t) => {
  const { dir, bootstrap } = await openNetwork(t)
  const host = await openHost(t, path.join(dir, 'host'), bootstrap)
  const request = keep(t, Rpc.prototype, 'request')
  const rpcs = new Set<Rpc>()
  Rpc.prototype.request = function (...args) {
    rpcs.add(this)
    return request.apply(this, args) as ReturnType<typeof request<never, never>>
  }
  const client = await openClient(t, { dir: path.join(dir, 'client'), bootstrap })
  const { link, address } = await client.deploy({ host: host.id, source: SOURCE })
  t.is(await client.call(link, 'add', []), 1)
  const [rpc] = rpcs
  if (rpc === undefined) throw new Error('nothing was asked')
  const begin = (start: number) => {
    const log = { user: decodeId(client.id), start, blocks: [], head: null }
    const question = { address: decodeId(address), log, from: 0, to: 0, known: 0, anchored: false }
    return rpc.request(CALL, question)
  }
  const { length } = await begin(1_000)
  t.is((await begin(length)).proof?.start, 0, 'what one before it was sent it may not have had')
  rpc.destroy()
  t.is(await client.call(link, 'add', []), 2)
  t.is(rpcs.size, 2)
})

/** The connections that are made from now on, until the end of a test. */
function noteConnections(t: Test) {
  const connect = keep(t, Network.prototype, 'connect')
  const streams: Awaited<ReturnType<typeof connect>>[] = []
  Network.prototype.connect = async function (...args) {
    const stream = await connect.apply(this, args)
    streams.push(stream)
    return stream
  }
  return streams
}

async function openNetwork(t: Test): Promise<{ dir: string; bootstrap: Bootstrap }> {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  shareVm(t)
  return { dir, bootstrap }
}

async function openHost(t: Test, dir: string, bootstrap: Bootstrap): Promise<Host> {
  const host = await Host.open({ dir, bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 2 })
  return host
}

/** A client that is closed before the hosts of the test are. */
async function openClient(t: Test, options: Parameters<typeof Client.open>[0]): Promise<Client> {
  const client = await Client.open(options)
  t.teardown(() => client.close(), { order: 1 })
  return client
}

/** The log as it was when it had one entry. */
function firstOf(log: UserBlocks, { publicKey, secretKey }: KeyPair, address: Uint8Array) {
  const blocks = log.blocks.slice(0, 1)
  const tree = new Tree()
  for (const block of blocks) tree.append(block)
  const key = manifestKey(userLogManifest(publicKey, address))
  const unsigned = { length: 1, fork: 0, treeHash: tree.treeHash() }
  return { ...log, blocks, head: signHead(unsigned, key, (text) => crypto.sign(text, secretKey)) }
}

/** A user's log as a host that is closed has it on disk. */
async function readUserLog(
  dir: string,
  user: Uint8Array,
  address: Uint8Array
): Promise<UserBlocks> {
  const store = await openStore(path.join(dir, 'store'))
  try {
    const core = store.get({ key: manifestKey(userLogManifest(user, address)) })
    await core.ready()
    const blocks: Uint8Array[] = []
    for (let i = 0; i < core.length; i++) blocks.push((await core.get(i)) ?? new Uint8Array())
    return { user, start: 0, blocks, head: await headOf(core) }
  } finally {
    await store.close()
  }
}
