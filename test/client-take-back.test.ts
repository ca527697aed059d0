// Hosts that hold more of a user's log than its machine, or say so.
import { rm } from 'node:fs/promises'
import path from 'node:path'
import test, { type Test } from 'brittle'
import Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import Protomux from 'protomux'
import { Client } from '../src/client/client.ts'
import { OwnLog } from '../src/client/own-log.ts'
import { Network } from '../src/net/network.ts'
import { Rpc } from '../src/net/rpc.ts'
import { deferred } from '../src/protocol/deferred.ts'
import { encodeEntry, encodeUserEntry } from '../src/protocol/entries.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { codeHash } from '../src/protocol/hash.ts'
import { signHead } from '../src/protocol/head.ts'
import { formatLink } from '../src/protocol/ids.ts'
import { addressOf, manifestKey, userLogManifest } from '../src/protocol/manifest.ts'
import { cover, Tree, type TreeNode } from '../src/protocol/merkle.ts'
import {
  CALL,
  type CallRequest,
  INFO,
  KNOWN,
  RANGE,
  type RangeReply,
  type RangeRequest,
  type UserBlocks
} from '../src/protocol/messages.ts'
import { createIdentity, type Identity } from '../src/state/identity.ts'
import { openStore } from '../src/state/store.ts'
import { Wal } from '../src/state/wal.ts'
import { tempDir } from './helpers.ts'
import { localNetwork } from './local-network.ts'

/** What it may say that it holds, in all that it is asked. */
const ASKED_MAX = 60
/** Entries that the user has written. */
const WRITTEN = 20

/** What a host answers. */
interface Answers {
  /** What it holds beyond an entry. */
  behind(start: number, log: Log): UserBlocks
  range?(request: RangeRequest, log: Log): RangeReply
}

const BLOCK = encodeUserEntry({ type: 'call', method: 'add', args: '["x"]', head: null })

const hosts: readonly (readonly [what: string, refusal: RegExp, Answers])[] = [
  [
    'that never comes to an end',
    /another part of your log/,
    { behind: (start, { user }) => ({ user, start, blocks: Array(100).fill(BLOCK), head: null }) }
  ],
  [
    'of no entries',
    /another part of your log/,
    { behind: (start, log) => ({ ...log.from(start), blocks: [], head: log.from(0).head }) }
  ],
  [
    'whose head somebody else has signed',
    /another part of your log/,
    {
      behind: (start, log) => {
        const whole = log.from(start)
        if (start === 0 || whole.head === null) return { ...whole, head: null }
        return { ...whole, head: { ...whole.head, treeHash: crypto.hash(BLOCK) } }
      }
    }
  ],
  [
    'with other entries than those that were written',
    /another part of your log/,
    {
      behind: (start, log) => log.part(start),
      range: (request, log) => ({ ...log.range(request), blocks: [BLOCK] })
    }
  ],
  [
    'that is not shown',
    /does not show those from 1 on/,
    { behind: (start, log) => log.part(start), range: () => ({ blocks: [], nodes: [] }) }
  ]
]

for (const [what, refusal, answers] of hosts) {
  test(`take back - a log ${what} ends in an error`, async (t) => {
    const { client, link, asked } = await scene(t, answers)
    await t.exception(client.call(link, 'add', []), refusal)
    t.ok(asked() <= ASKED_MAX, `${asked()} questions`)
  })
}

test('take back - part by part, under the head that the user has signed', async (t) => {
  let known = 0
  const { client, link, dir, log } = await scene(t, {
    behind: (start, log) => {
      known = Math.max(known, start)
      return log.part(start)
    },
    range: (request, log) => log.range(request)
  })
  await t.exception(client.call(link, 'add', []), /not answered in time/)
  t.is(known, WRITTEN - 1, 'the end was asked for, and nothing behind it')
  await client.close()
  const store = await openStore(path.join(dir, 'users', 'alice', 'store'))
  t.teardown(() => store.close())
  const core = store.get({ key: log.key })
  await core.ready()
  t.is(core.length, WRITTEN + 1, 'all of it, and the call')
  t.alike(await core.treeHash(WRITTEN), log.from(0).head?.treeHash)
})

test('take back - cut off in the middle, nothing is written before the rest has come', async (t) => {
  let ranges = 0
  let isOver = true
  const { client, link, dir, log, identity, open, leave } = await scene(t, {
    behind: (start, log) => log.part(start),
    range: (request, log) => {
      ranges++
      if (ranges > 1 && isOver) {
        throw new MivmError('QUOTA_EXCEEDED', 'later', { retryAfter: 60_000 })
      }
      return log.range(request)
    }
  })
  const lengthOf = async () => {
    const store = await openStore(path.join(dir, 'users', identity.name, 'store'))
    const core = store.get({ key: log.key })
    await core.ready()
    const { length } = core
    await store.close()
    return length
  }
  await t.exception(client.call(link, 'add', []), /later/)
  await client.close()
  t.is(await lengthOf(), 3, 'a part has come, and nothing stands behind it')

  isOver = false
  const again = await open()
  await t.exception(again.call(link, 'add', []), /not answered in time/)
  await again.close()
  t.is(await lengthOf(), WRITTEN + 1, 'the rest comes later, and then the call')

  await rm(path.join(dir, 'users', identity.name, 'store'), { recursive: true })
  isOver = true
  ranges = 0
  const third = await open()
  await t.exception(third.call(link, 'add', []), /later/)
  await third.close()
  await leave()
  const alone = await open()
  await t.exception(alone.call(link, 'add', []), /cannot be reached|could not be reached/)
  await alone.close()
  t.is(await lengthOf(), 3, 'nor where the host is away by then')
})

test('take back - a disk that does not take it is no second log', async (t) => {
  const { client, link } = await scene(t, { behind: (start, log) => log.from(start) })
  const { append } = Hypercore.prototype
  Hypercore.prototype.append = async () => {
    throw new Error('No space left on device')
  }
  t.teardown(() => Object.assign(Hypercore.prototype, { append }))
  await t.exception(client.call(link, 'add', []), /the disk of this machine is full/)
})

test('own log - of large entries only the last ones stay in memory, and all of them can be read', async (t) => {
  const { log } = await ownLog(t)
  const args = JSON.stringify(['x'.repeat(200_000)])
  const call = { type: 'call', method: 'add', args, head: null } as const
  for (let i = 0; i < 10; i++) await log.append(Array(10).fill(call))
  const entries = Array.from({ length: 100 }, (_, i) => i + 1)
  const recent = entries.filter((entry) => log.recent(entry) !== undefined)
  t.ok(recent.includes(100) && recent.length < 50, `${recent.length} of 100`)
  t.ok((await log.block(1)).byteLength > 200_000)
  const { blocks } = await log.blocks(0, 100, 30_000_000)
  t.is(blocks.length, 100)
  await log.close()
})

test('own log - what is not on disk yet is sent to nobody', async (t) => {
  const { log, wal } = await ownLog(t)
  const call = { type: 'call', method: 'add', args: '[]', head: null } as const
  await log.append([call])
  const { promise: disk, resolve: isWritten } = deferred<void>()
  const { promise: synced, resolve: syncs } = deferred<void>()
  const sync = wal.sync.bind(wal)
  wal.sync = async (...args) => {
    syncs()
    await disk
    await sync(...args)
  }
  const appending = log.append([call])
  await synced
  t.is((await log.blocks(0, 10, 1_000)).blocks.length, 1)
  isWritten()
  await appending
  t.is((await log.blocks(0, 10, 1_000)).blocks.length, 2)
  await log.close()
})

/** An empty log of a user, and what syncs it. */
async function ownLog(t: Test) {
  const store = await openStore(path.join(await tempDir(t), 'store'))
  t.teardown(() => store.close())
  const wal = new Wal(store.storage.rocks)
  t.teardown(() => wal.close(), { order: -1 })
  const log = await OwnLog.open(store, wal, crypto.keyPair(), crypto.randomBytes(32))
  return { log, wal }
}

/** What a user has written, as a host may show it. */
class Log {
  readonly user: Uint8Array
  readonly key: Uint8Array
  readonly #head: NonNullable<UserBlocks['head']>
  readonly #blocks: readonly Uint8Array[]
  readonly #nodes = new Map<number, TreeNode>()

  constructor({ keyPair }: Identity, address: Uint8Array) {
    this.user = keyPair.publicKey
    this.#blocks = Array.from({ length: WRITTEN }, (_, i) =>
      encodeUserEntry({ type: 'call', method: 'add', args: `[${i}]`, head: null })
    )
    const tree = new Tree()
    for (const block of this.#blocks) {
      for (const node of tree.append(block)) this.#nodes.set(node.index, node)
    }
    this.key = manifestKey(userLogManifest(this.user, address))
    const head = { length: WRITTEN, fork: 0, treeHash: tree.treeHash() }
    this.#head = signHead(head, this.key, (message) => crypto.sign(message, keyPair.secretKey))
  }

  get length(): number {
    return this.#blocks.length
  }

  from(start: number): UserBlocks {
    return { user: this.user, start, blocks: this.#blocks.slice(start), head: this.#head }
  }

  /** Some of it; with the head where that is all. */
  part(start: number): UserBlocks {
    const blocks = this.#blocks.slice(start, start + 5)
    const isWhole = start + blocks.length === this.length
    return { user: this.user, start, blocks, head: isWhole ? this.#head : null }
  }

  range({ start, length }: RangeRequest): RangeReply {
    const blocks = this.#blocks.slice(start, start + 3)
    const nodes = cover(start + blocks.length, length).flatMap((i) => this.#nodes.get(i) ?? [])
    return { blocks, nodes }
  }
}

/** Somebody who has lost its log, and a host that says of it what a test wants. */
async function scene(t: Test, { behind, range }: Answers) {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const host = crypto.keyPair()
  const identity = await createIdentity(dir, 'alice')
  const genesis = encodeEntry({
    type: 'genesis',
    vm: 'js-1',
    host: host.publicKey,
    deployer: identity.keyPair.publicKey,
    salt: new Uint8Array(32),
    codeHash: codeHash('exports.add = () => 1'),
    limits: {}
  })
  const address = addressOf(host.publicKey, genesis)
  const tree = new Tree()
  tree.append(genesis)
  const unsigned = { length: 1, fork: 0, treeHash: tree.treeHash() }
  const head = signHead(unsigned, address, (message) => crypto.sign(message, host.secretKey))
  const log = new Log(identity, address)
  let asked = 0
  const call = async ({ log: { start }, to }: CallRequest) => {
    // it executes nothing
    if (to > 0) await new Promise<never>(() => {})
    // it would go on for ever
    if (++asked > 10 * ASKED_MAX) throw new Error('asked too often')
    const own = { length: log.length, through: 0, proof: null }
    if (start >= log.length && range !== undefined) return { ...own, behind: null }
    return { ...own, length: Math.max(log.length, start + 1), behind: behind(start, log) }
  }
  const server = new Network(host, bootstrap)
  t.teardown(() => server.close(), { order: 2 })
  server.onConnection((stream) => {
    const rpc = new Rpc(Protomux.from(stream))
    rpc.respond(INFO, async () => ({ genesis, head, methods: ['add'] }))
    rpc.respond(KNOWN, async () => ({ signed: null }))
    rpc.respond(CALL, call)
    rpc.respond(RANGE, async (request) => {
      asked++
      return range?.(request, log) ?? { blocks: [], nodes: [] }
    })
  })
  await server.listen()
  const open = async () => {
    const client = await Client.open({ dir, bootstrap, identity, timeout: 5_000 })
    t.teardown(() => client.close(), { order: 1 })
    return client
  }
  const client = await open()
  const link = formatLink({ host: host.publicKey, address })
  const leave = () => server.close()
  return { client, link, dir, log, identity, open, leave, asked: () => asked }
}
