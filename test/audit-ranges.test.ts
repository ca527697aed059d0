// Audits of logs that somebody sends by the range, rightly or not, beside the replication of Hypercore.
import b4a from 'b4a'
import test, { type Test } from 'brittle'
import type Corestore from 'corestore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import crypto from 'hypercore-crypto'
import type { AskRange } from '../src/audit/feed.ts'
import { readRange } from '../src/host/ranges.ts'
import { RANGE_BLOCKS_MAX, RANGE_BYTES_MAX, type RangeReply } from '../src/protocol/messages.ts'
import {
  blocksOf,
  type Cheat,
  closeVm,
  copyStore,
  found,
  openStore,
  replicate,
  run,
  story,
  Writer
} from './audit-writer.ts'
import { closeOwnVm, Follower } from './follower.ts'
import type { Teardown } from './helpers.ts'
import { Random } from './random.ts'

const PATIENCE = 3000

/** A host's ranges, so many blocks of them at once, and how often somebody asked. */
class Sender {
  asked = 0
  /** What becomes of a reply on its way. */
  change: (reply: RangeReply) => RangeReply | null = (reply) => reply
  readonly ask: AskRange = async (request) => {
    this.asked++
    const blocks = Math.min(request.blocks, this.#blocks)
    return this.change(await readRange(this.#store, { ...request, blocks }))
  }
  readonly #store: Corestore
  readonly #blocks: number

  constructor(store: Corestore, blocks: number) {
    this.#store = store
    this.#blocks = blocks
  }
}

/** What was sent by replication of the call log and of the users' logs, block by block. */
function watchUploads({ log, users }: Writer): () => number {
  let uploads = 0
  for (const core of [log, ...users.map((user) => user.core)]) core.on('upload', () => uploads++)
  return () => uploads
}

const FUEL: Cheat = {
  steps: (steps) => steps.splice(0, 1, { ...steps[0], fuel: 1 } as (typeof steps)[0])
}

/** Somebody who has nothing of an instance yet, and is connected to its host. */
async function newcomer(t: Teardown, writer: Writer) {
  const store = await openStore(t)
  const end = await replicate(store, writer)
  return { shown: { address: writer.address, store }, end }
}

test('ranges - an audit by ranges comes to what it comes to without, and leaves a whole copy', async (t) => {
  for (const cheat of [{}, FUEL]) {
    const writer = await Writer.deploy(t)
    await story(writer)
    await story(writer, cheat)
    for (let i = 0; i < 20; i++) await story(writer)
    const uploads = watchUploads(writer)
    for (const blocks of [1, 7, RANGE_BLOCKS_MAX]) {
      const sender = new Sender(writer.store, blocks)
      const { shown, end } = await newcomer(t, writer)
      const before = uploads()
      const { ask } = sender
      const audited = await run(t, shown, { ask, patience: PATIENCE })
      t.ok(uploads() - before <= 1, 'by replication there came genesis at most')
      t.ok(sender.asked > 2)
      await end()
      t.alike(audited, await run(t, shown), 'as from the copy, alone')
      t.alike(audited, await run(t, writer), 'as on the host')
      await isWhole(t, writer, shown.store)
    }
  }
})

/** Whether a copy has every block of the logs, and the tree to prove them to others. */
async function isWhole(t: Test, { log, users }: Writer, store: Corestore): Promise<void> {
  for (const original of [log, ...users.map(({ core }) => core)]) {
    const copy = store.get({ key: original.key })
    await copy.ready()
    t.is(copy.contiguousLength, original.length)
    t.alike(await blocksOf(copy), await blocksOf(original))
    for (let index = 0; index < 2 * original.length - 1; index++) {
      const node = await MerkleTree.get(original.state, index)
      t.alike(await MerkleTree.get(copy.state, index), node, `node ${index} of the tree`)
    }
    await copy.close()
  }
}

test('ranges - what is sent wrongly is neither believed nor written down', async (t) => {
  const writer = await Writer.deploy(t)
  for (let i = 0; i < 8; i++) await story(writer)
  const expected = await run(t, writer)
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  for (const [what, lie] of lies(random)) {
    for (const honest of [0, 1, 3]) {
      const sender = new Sender(writer.store, 5)
      sender.change = (reply) => (sender.asked > honest ? lie(reply) : reply)
      const { shown, end } = await newcomer(t, writer)
      const audited = await run(t, shown, { ask: sender.ask, patience: PATIENCE })
      t.alike(audited, expected, `${what}, after ${honest} that were right`)
      await end()
      t.alike(await run(t, shown), expected, 'and what is kept is right')
    }
  }
})

type Lie = [what: string, lie: (reply: RangeReply) => RangeReply | null]

function lies(random: Random): readonly Lie[] {
  const bytes = random.bytes(32)
  const change = (block: Uint8Array) => b4a.concat([block, b4a.from('!')])
  return [
    ['nothing', () => null],
    ['no blocks', ({ nodes }) => ({ blocks: [], nodes })],
    [
      'another first block',
      ({ blocks, nodes }) => ({ blocks: blocks.map((it, i) => (i === 0 ? change(it) : it)), nodes })
    ],
    [
      'another last block',
      ({ blocks, nodes }) => ({
        blocks: [...blocks.slice(0, -1), ...blocks.slice(-1).map(change)],
        nodes
      })
    ],
    ['blocks in another order', ({ blocks, nodes }) => ({ blocks: blocks.toReversed(), nodes })],
    ['one block less', ({ blocks, nodes }) => ({ blocks: blocks.slice(1), nodes })],
    ['one block more', ({ blocks, nodes }) => ({ blocks: [...blocks, bytes], nodes })],
    ['ever more blocks', ({ nodes }) => ({ blocks: Array(50_000).fill(bytes), nodes })],
    ['one node less', ({ blocks, nodes }) => ({ blocks, nodes: nodes.slice(1) })],
    ['no nodes', ({ blocks }) => ({ blocks: [...blocks, ...blocks], nodes: [] })],
    [
      'another node',
      ({ blocks, nodes }) => ({ blocks, nodes: [{ index: 0, size: 1, hash: bytes }, ...nodes] })
    ],
    [
      'ever more nodes',
      ({ blocks, nodes }) => ({
        blocks,
        nodes: [...nodes, ...Array(50_000).fill({ index: 1, size: 1, hash: bytes })]
      })
    ],
    [
      'another hash',
      ({ blocks, nodes }) => ({
        blocks: [...blocks.slice(0, -1), bytes],
        nodes: nodes.map((it) => ({ ...it, hash: bytes }))
      })
    ],
    [
      'another size',
      ({ blocks, nodes }) => ({
        blocks: [...blocks.slice(0, -1), bytes],
        nodes: nodes.map((it) => ({ ...it, size: 2 ** 52 }))
      })
    ]
  ]
}

test('ranges - another history than the one that is signed comes to nothing', async (t) => {
  const writer = await Writer.deploy(t)
  for (let i = 0; i < 3; i++) await story(writer)
  const blocks = await blocksOf(writer.log)
  const forged = blocks.map((it, i) => (i === 4 ? b4a.concat([it, b4a.from('!')]) : it))
  const other = new Sender(await copyStore(t, writer, writer.log, forged), RANGE_BLOCKS_MAX)
  const { shown, end } = await newcomer(t, writer)
  const audited = await run(t, shown, { ask: other.ask, patience: PATIENCE })
  t.alike(audited, await run(t, writer))
  t.ok(other.asked > 0)
  await end()
})

test('ranges - who follows gets them as they come, and by replication where nobody sends them', async (t) => {
  const writer = await Writer.deploy(t)
  await story(writer)
  const uploads = watchUploads(writer)
  const sender = new Sender(writer.store, RANGE_BLOCKS_MAX)
  const { shown, end } = await newcomer(t, writer)
  const follower = await Follower.open(t, { ...shown, ask: sender.ask })
  await follower.until('following')
  const asked = sender.asked
  for (let i = 0; i < 3; i++) {
    await story(writer)
    await follower.replayed(writer.seq)
  }
  t.ok(sender.asked > asked)
  t.ok(uploads() <= 1, 'by replication there came genesis at most')
  sender.change = () => null
  for (let i = 0; i < 3; i++) {
    await story(writer)
    await follower.replayed(writer.seq)
  }
  t.ok(uploads() > 1)
  sender.change = (reply) => reply
  await story(writer)
  await follower.replayed(writer.seq)
  await story(writer, FUEL)
  await follower.until('evidence')
  const live = await follower.stop()
  t.alike(found(live), found(await run(t, writer)))
  await end()
})

test('ranges - a host sends so much at once and no more', async (t) => {
  const writer = await Writer.deploy(t)
  const { store, log } = writer
  const large = ['x'.repeat(200_000)]
  for (let i = 0; i < 4; i++) {
    await writer.commit([await writer.call(0, 'add', large), await writer.call(0, 'add', large)])
  }
  for (let i = 0; i < 20; i++) await story(writer)
  const { length, key } = log
  const all = await blocksOf(log)
  for (let start = 0; start < length; start++) {
    for (const blocks of [0, 1, 3, 2 ** 40]) {
      const sent = (await readRange(store, { key, start, length, blocks })).blocks
      const most = Math.min(Math.max(1, blocks), RANGE_BLOCKS_MAX)
      const bytes = sent.reduce((sum, block) => sum + block.byteLength, 0)
      const next = all[start + sent.length]?.byteLength ?? 0
      const isAll = sent.length === Math.min(most, length - start)
      if (sent.length < 1 || sent.length > most) t.fail(`${sent.length} blocks of ${most}`)
      if (sent.length > 1 && bytes > RANGE_BYTES_MAX) t.fail(`${bytes} bytes`)
      if (!isAll && bytes + next <= RANGE_BYTES_MAX) t.fail(`there was room behind ${start}`)
      t.ok(sent.every((block, i) => b4a.equals(block, all[start + i] ?? new Uint8Array())))
    }
  }
})

test('ranges - of what a host does not have it sends nothing, and opens nothing', async (t) => {
  const writer = await Writer.deploy(t)
  await story(writer)
  const { store, log } = writer
  const { key, length } = log
  const nothing = { blocks: [], nodes: [] }
  const unknown = b4a.alloc(32, 7)
  t.alike(await readRange(store, { key: unknown, start: 0, length: 1, blocks: 1 }), nothing)
  t.absent(await store.storage.hasCore(crypto.discoveryKey(unknown)))
  for (const [start, to] of [
    [0, length + 1],
    [length, length],
    [length + 1, length],
    [0, 0],
    [2 ** 50, 2 ** 51]
  ] as const) {
    t.alike(await readRange(store, { key, start, length: to, blocks: 1 }), nothing)
  }
  await log.clear(3, 4)
  t.alike(await readRange(store, { key, start: 0, length, blocks: 5 }), nothing, 'a block is lost')
})

test.hook('ranges - the VM of these tests closes', async (t) => {
  await t.execution(Promise.all([closeVm(), closeOwnVm()]))
})
