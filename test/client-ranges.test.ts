// What asks a host for ranges of logs, and for their heads: whoever the host is, an audit goes on.
import { setImmediate as turn } from 'node:timers/promises'
import b4a from 'b4a'
import test from 'brittle'
import Protomux from 'protomux'
import { askNewest } from '../src/client/newest.ts'
import { Ranges } from '../src/client/ranges.ts'
import { Rpc } from '../src/net/rpc.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { RANGE, type RangeReply, type RangeRequest } from '../src/protocol/messages.ts'
import { openStore } from '../src/state/store.ts'
import { keep, type Teardown, tempDir } from './helpers.ts'
import { openPair } from './streams.ts'

const REQUEST = { key: b4a.alloc(32, 1), start: 0, length: 3, blocks: 2 }
const REPLY: RangeReply = {
  blocks: [b4a.from('one'), b4a.from('two')],
  nodes: [{ index: 4, size: 5, hash: b4a.alloc(32, 2) }]
}

/** Two ends of a stream. */
async function pair(t: Teardown): Promise<{ host: Rpc; asker: Rpc; end(): void }> {
  const [a, b] = await openPair(t)
  const end = () => {
    for (const stream of [a, b]) stream.destroy()
  }
  return { host: new Rpc(Protomux.from(a)), asker: new Rpc(Protomux.from(b)), end }
}

test('ranges - a host is asked, and nobody where there is none', async (t) => {
  const { host, asker, end } = await pair(t)
  host.respond(RANGE, async (request) => {
    t.alike({ ...request, key: b4a.from(request.key) }, REQUEST)
    return REPLY
  })
  t.alike(await new Ranges(async () => [asker]).ask(REQUEST), REPLY)
  t.is(await new Ranges(async () => []).ask(REQUEST), null)
  end()
  t.is(await new Ranges(async () => [asker]).ask(REQUEST), null, 'the connection is lost')
})

test('ranges - where one has nothing to send, or knows no ranges, the next one is asked', async (t) => {
  const [none, older, other] = [await pair(t), await pair(t), await pair(t)]
  none.host.respond(RANGE, async () => ({ blocks: [], nodes: [] }))
  other.host.respond(RANGE, async () => REPLY)
  const ranges = new Ranges(async () => [none, older, other].map(({ asker }) => asker))
  t.alike(await ranges.ask(REQUEST), REPLY)
  other.end()
  t.is(await ranges.ask(REQUEST), null)
})

test('ranges - a host that does not know them is asked once', async (t) => {
  const { asker } = await pair(t)
  const ranges = new Ranges(async () => [asker])
  t.is(await ranges.ask(REQUEST), null)
  const request = asker.request.bind(asker)
  asker.request = (...args) => {
    t.fail('it was asked again')
    return request(...args)
  }
  t.is(await ranges.ask(REQUEST), null)
})

test('ranges - too much at once is asked for later', async (t) => {
  const { host, asker } = await pair(t)
  const refusals = [
    new MivmError('QUOTA_EXCEEDED', 'later', { retryAfter: 1 }),
    new MivmError('QUOTA_EXCEEDED', 'later', { retryAfter: 2 })
  ]
  let asked = 0
  host.respond(RANGE, async () => {
    const refusal = refusals[asked++]
    if (refusal !== undefined) throw refusal
    return REPLY
  })
  t.alike(await new Ranges(async () => [asker]).ask(REQUEST), REPLY)
  t.is(asked, 3)
})

test('ranges - a host that always says later is not asked again for a while', async (t) => {
  const { host, asker } = await pair(t)
  let asked = 0
  host.respond(RANGE, async () => {
    asked++
    throw new MivmError('QUOTA_EXCEEDED', 'later', { retryAfter: 1 })
  })
  const ranges = new Ranges(async () => [asker])
  for (let i = 0; i < 3; i++) t.is(await ranges.ask(REQUEST), null)
  t.is(asked, 5)
})

test('ranges - whoever cannot find the host any more asks nobody', async (t) => {
  const ranges = new Ranges(() => Promise.reject(new Error('closed')))
  t.is(await ranges.ask(REQUEST), null)
})

test('ranges - a host that fails is no reason to wait, and may do better the next time', async (t) => {
  const { host, asker } = await pair(t)
  let isWell = false
  host.respond(RANGE, async () => {
    if (isWell) return REPLY
    throw new MivmError('INTERNAL', 'the disk')
  })
  const ranges = new Ranges(async () => [asker])
  t.is(await ranges.ask(REQUEST), null)
  isWell = true
  t.alike(await ranges.ask(REQUEST), REPLY)
})

test('newest - who says that there is more and does not show it is not waited for, and costs nothing', async (t) => {
  const stores = [await openStore(await tempDir(t)), await openStore(await tempDir(t))] as const
  t.teardown(() => Promise.all(stores.map((store) => store.close())))
  const [theirs, ours] = stores
  const log = theirs.get({ name: 'log' })
  await log.append([b4a.from('one')])
  const copy = ours.get({ key: log.key, allowFork: false })
  await copy.ready()
  const streams = [theirs.replicate(true), ours.replicate(false)] as const
  streams[0].pipe(streams[1]).pipe(streams[0])
  t.teardown(() => streams.map((stream) => stream.destroy()), { order: -1 })
  while (copy.length < 1) await askNewest(copy, 1_000)
  for (const peer of log.core.replicator.peers) peer.onrequest = async () => {}
  await log.append([b4a.from('two')])
  while (copy.peers.every(({ remoteLength }) => remoteLength < 2)) await turn()
  const { update } = copy
  let updates = 0
  copy.update = (options) => {
    updates++
    return update.call(copy, options)
  }
  const asked = Array.from({ length: 50 }, () => askNewest(copy, 20))
  t.alike(new Set(await Promise.all(asked)), new Set([false]))
  t.is(updates, 1, 'it was asked once')
  t.is(await askNewest(log, 20), true, 'nobody has more than who writes')
})

test('ranges - any number of others who answer nothing, or late, keep nobody from being asked who does', async (t) => {
  keep(t, performance, 'now')
  let clock = 0
  performance.now = () => clock
  let served = 0
  const answers = {
    silent: async () => {
      clock += 5000
      throw new MivmError('TIMEOUT', 'no answer')
    },
    empty: async () => {
      clock += 4900
      return { blocks: [], nodes: [] }
    },
    right: async () => {
      served++
      return REPLY
    }
  }
  const peer = (request: () => Promise<RangeReply>) =>
    Object.create(Rpc.prototype, { request: { value: request }, closed: { value: false } })
  for (const liar of [answers.silent, answers.empty]) {
    const peers = [...Array.from({ length: 63 }, () => peer(liar)), peer(answers.right)]
    const ranges = new Ranges(async () => peers)
    const began = clock
    served = 0
    for (let i = 0; i < 200; i++) await ranges.ask(REQUEST)
    t.ok(served > 150, `${served} of 200`)
    t.ok(clock - began < 1_000_000, `${(clock - began) / 1000} s`)
  }
})

test('ranges - any number of others who send a little, and late, keep nobody from being asked who sends all', async (t) => {
  keep(t, performance, 'now')
  let clock = 0
  performance.now = () => clock
  const block = b4a.alloc(200)
  const peer = (ms: number, most: number) => {
    const send = async (_: unknown, { start, length, blocks }: RangeRequest) => {
      clock += ms
      const count = Math.min(most, blocks, length - start)
      return { blocks: Array.from({ length: count }, () => block), nodes: [] }
    }
    return Object.create(Rpc.prototype, { request: { value: send }, closed: { value: false } })
  }
  const peers = [...Array.from({ length: 63 }, () => peer(4_900, 1)), peer(1_500, 1_000)]
  const ranges = new Ranges(async () => peers)
  const length = 100_000
  for (let start = 0; start < length; ) {
    const reply = await ranges.ask({ ...REQUEST, start, length, blocks: 4_096 })
    start += reply?.blocks.length ?? 0
  }
  t.ok(clock < 1_000_000, `${clock / 1000} s`)
})
