// How far a log goes is asked of peers, who may never answer.
import path from 'node:path'
import b4a from 'b4a'
import test from 'brittle'
import Corestore from 'corestore'
import Hypercore, { type PeerRequest } from 'hypercore'
import { findNewest } from '../src/client/newest.ts'
import { headOf } from '../src/state/head.ts'
import { boundPeers } from '../src/state/peers.ts'
import { type Teardown, tempDir } from './helpers.ts'

const PATIENCE = 300
/** What comes at all has come by then, also where the machine stands still for many times as long as somebody is waited for. */
const TOO_LONG = 100 * PATIENCE

test('newest - a peer that says that there is more, and does not show it, is not waited for', async (t) => {
  const { reader, join } = await scene(t)
  await join({ isMute: true })
  t.is(await findNewest(reader, PATIENCE), false)
  t.is(reader.length, 0)
})

test('newest - what a peer shows is there, also of one that comes meanwhile', async (t) => {
  const { reader, join } = await scene(t)
  const asked = findNewest(reader, 100 * PATIENCE)
  await join({ isMute: false })
  t.is(await asked, true)
  t.is(reader.length, 2)
})

test('newest - where nobody comes it ends', async (t) => {
  const { reader } = await scene(t)
  await findNewest(reader, PATIENCE)
  t.is(reader.length, 0)
})

test('newest - a peer that never shows what it says there is keeps nobody else from it', async (t) => {
  const dir = await tempDir(t)
  const author = new Hypercore(path.join(dir, 'author'))
  await author.append([b4a.from('a'), b4a.from('b')])
  const store = new Corestore(path.join(dir, 'reader'))
  boundPeers(store, PATIENCE)
  const reader = store.get({ key: author.key })
  await reader.ready()
  const ends: { destroy(): void }[] = []
  // nobody waits for these timers
  const awake = setInterval(() => {}, PATIENCE)
  const join = async (isMute: boolean) => {
    const added = new Promise((resolve) => author.once('peer-add', resolve))
    const streams = [author.replicate(true), store.replicate(false)] as const
    for (const stream of streams) stream.on('error', () => {})
    streams[0].pipe(streams[1]).pipe(streams[0])
    ends.push(...streams)
    await added
    const peer = author.peers.at(-1)
    if (isMute && peer !== undefined) peer.onrequest = async () => {}
  }
  for (let i = 0; i < 2; i++) await join(true)
  const asked = findNewest(reader, 100 * PATIENCE)
  t.is(
    await Promise.race([asked, later(2 * PATIENCE)]),
    null,
    'of those who are silent all are waited for'
  )
  await join(false)
  t.is(await asked, true)
  t.is(reader.length, 2)
  t.alike(await reader.get(1), b4a.from('b'))
  await author.append(b4a.from('c'))
  t.is(await findNewest(reader, 100 * PATIENCE), true)
  t.is(reader.length, 3, 'and from then on those are not asked')
  clearInterval(awake)
  for (const end of ends) end.destroy()
  await store.close()
  await author.close()
})

test('newest - who was silent once is asked again where nobody else shows more', async (t) => {
  const { author, reader, mirror, join } = await bounded(t)
  const host = await join(author, true)
  const asked = findNewest(reader, 100 * PATIENCE)
  await join(mirror, false)
  t.is(await asked, true)
  t.is(reader.length, 2, 'a mirror has what there was a while ago')
  host.unmute()
  for (let i = 0; i < 100 && reader.length < 3; i++) await later(PATIENCE / 10)
  t.is(reader.length, 3, 'and the host the rest')
})

test('newest - who was silent once is asked again where somebody else is silent for ever', async (t) => {
  const { author, reader, join } = await bounded(t)
  const host = await join(author, true)
  const asked = findNewest(reader, 30 * PATIENCE)
  await join(author, true)
  // both have had their turn
  await later(1.5 * PATIENCE)
  host.unmute()
  t.is(await asked, true)
  t.is(reader.length, 3)
})

test('newest - who is silent again is not waited for without end, also where nobody else has more', async (t) => {
  const { author, reader, mirror, join } = await bounded(t)
  await join(author, true)
  const asked = findNewest(reader, 100 * PATIENCE)
  await join(mirror, false)
  t.is(await asked, true)
  // until it is asked again
  await later(2.5 * PATIENCE)
  t.is(await findNewest(reader, 10 * PATIENCE), true)
  t.is(reader.length, 2)
})

test('newest - blocks that some never send, or one by one, are asked of others', async (t) => {
  const { author, reader, join } = await bounded(t)
  await author.append(Array.from({ length: 10 }, (_, i) => b4a.from(String(i))))
  const drips: (() => void)[] = []
  const timer = setInterval(() => drips.shift()?.(), 5 * PATIENCE)
  for (const mute of [isBlock, isBlock, delayed(drips)]) await join(author, mute)
  t.is(await findNewest(reader, 100 * PATIENCE), true)
  const { length } = reader
  const download = reader.download({ start: 0, end: length })
  const done = download.done().then(() => 'done')
  t.is(await Promise.race([done, later(2 * PATIENCE)]), null, 'all three are asked for all')
  await join(author, false)
  t.is(await inTime(done), 'done')
  clearInterval(timer)
})

test('newest - who was slow once is asked again where nobody else is left', async (t) => {
  for (let kept = 0; kept < 3; kept++) {
    const { author, reader, join } = await bounded(t)
    await author.append(b4a.from('d'))
    const hosts = [await join(author, isBlock), await join(author, isBlock)]
    hosts.push(await join(author, isBlock))
    t.is(await findNewest(reader, 100 * PATIENCE), true)
    const first = reader.download({ start: 0, end: 2 }).done()
    const done = first.then(() => 'done')
    await later(2 * PATIENCE)
    hosts.push(await join(author, false))
    t.is(await inTime(done), 'done')
    for (const [i, host] of hosts.entries()) {
      if (i === kept) host.unmute()
      else host.leave()
    }
    while (reader.peers.length > 1) await later(5)
    t.alike(await inTime(reader.get(2)), b4a.from('c'))
  }
})

test('newest - who says a million things at once is not listened to to the end', async (t) => {
  const said: [name: string, message: number[]][] = [
    ['how long a log is', [0, 0, 0, 3, 0]],
    ['what it has', [8, 0, 1, 1]],
    ['what it wants to know', [5, 0, 1]],
    ['what it wants to have', [1, 1, 1, 0, 0, 0]],
    ['what it does not want', [2, 5]],
    ['what there is in a log', [3, 0, 5, 0]],
    ['how a log goes on', [3, 8, 0, 0, 0, 0, 0, 0, 0]],
    ['what it does not have', [4, 5, 0]],
    ['nothing that anybody knows', [9, 1, 120]]
  ]
  for (const [i, [name, message]] of [...said, ...said.slice(4)].entries()) {
    const { author, store, reader } = await bounded(t)
    // to who shows logs, and to who reads them
    reader.core.replicator.setPushOnly(i < said.length)
    const streams = [author.replicate(true), store.replicate(false)] as const
    for (const stream of streams) stream.on('error', () => {})
    streams[0].pipe(streams[1]).pipe(streams[0])
    while (author.peers.length === 0) await later(5)
    const { noiseStream } = streams[0]
    const before = process.cpuUsage()
    // the channel of the only log
    const frame = Buffer.alloc(
      400_000 * (message.length + 1),
      Buffer.of(message.length, ...message)
    )
    noiseStream.write(Buffer.concat([Buffer.of(0, 0, 1), frame]))
    const used = () => Object.values(process.cpuUsage(before)).reduce((a, b) => a + b)
    while (!streams[1].destroyed && used() < 4_000_000) await later(5)
    t.ok(streams[1].destroyed, `${name}: ${used() / 1000} ms`)
  }
})

test('newest - a proof of no blocks ends the connection of who shows it at most', async (t) => {
  for (const fork of [0, 1]) {
    const { author, reader, join } = await bounded(t)
    const liar = await join(author, true)
    newestOf(author).wireData.send({ ...NOTHING, request: 0, fork, upgrade: NO_BLOCKS })
    await later(50)
    liar.leave()
    await join(author, false)
    t.alike(await reader.get(2), b4a.from('c'), `of fork ${fork}`)
  }
})

test('newest - who answers without showing anything keeps nobody else from it', async (t) => {
  for (const [what, answer] of [
    ['nothing', { fork: 0 }],
    ['another fork', { fork: 1 }],
    ['a wrong proof of another fork', { fork: 1, upgrade: NO_BLOCKS }]
  ] as const) {
    const { author, reader, join } = await bounded(t)
    for (let i = 0; i < 2; i++) {
      let liar: WirePeer | null = null
      await join(author, ({ id }) => {
        setTimeout(() => liar?.wireData.send({ ...NOTHING, request: id, ...answer }), 1)
        return true
      })
      liar = newestOf(author)
    }
    const block = reader.get(2)
    await later(PATIENCE / 3)
    await join(author, false)
    const got = await inTime(block)
    t.alike(got, b4a.from('c'), what)
  }
})

test('newest - who has said nothing yet is asked for a block that those before do not send', async (t) => {
  const { author, reader, join } = await bounded(t)
  for (let i = 0; i < 3; i++) await join(author, isBlock)
  const block = reader.get(2)
  // one of them is not asked any more by then
  await later(1.5 * PATIENCE)
  await join(author, false)
  t.alike(await inTime(block), b4a.from('c'))
})

test('newest - who was asked before a log was lengthened from elsewhere is asked for the rest', async (t) => {
  const { author, mirror, reader, join } = await bounded(t)
  const answers: (() => void)[] = []
  await join(author, (_, answer) => answers.push(answer) === 1)
  const asked = findNewest(reader, 100 * PATIENCE)
  while (answers.length === 0) await later(5)
  const signature = headOf(mirror)?.signature ?? b4a.alloc(0)
  await reader.append([b4a.from('a'), b4a.from('b')], { signature })
  answers[0]?.()
  await asked
  await findNewest(reader, 10 * PATIENCE)
  t.is(reader.length, 3)
  t.alike(await inTime(reader.get(2)), b4a.from('c'))
})

test('newest - who sends one block after the other counts as nobody who shows nothing', async (t) => {
  const { author, reader, join } = await bounded(t)
  await join(author, false)
  t.is(await findNewest(reader, 100 * PATIENCE), true)
  for (let i = 0; i < 3; i++) await reader.get(i)
  await author.append(b4a.from('d'))
  while (reader.peers.some(({ remoteLength }) => remoteLength < 4)) await later(5)
  await findNewest(reader, 100 * PATIENCE)
  t.is(reader.length, 4)
})

/** A log of three blocks, a mirror that has two of them, and a reader whose patience is bounded. */
async function bounded(t: Teardown) {
  const dir = await tempDir(t)
  const author = new Hypercore(path.join(dir, 'author'))
  await author.append([b4a.from('a'), b4a.from('b')])
  const mirror = new Hypercore(path.join(dir, 'mirror'), author.key)
  await mirror.ready()
  const copying = [author.replicate(true), mirror.replicate(false)] as const
  copying[0].pipe(copying[1]).pipe(copying[0])
  await mirror.get(1)
  for (const stream of copying) stream.destroy()
  while (author.peers.length > 0) await later(5)
  await author.append(b4a.from('c'))
  const store = new Corestore(path.join(dir, 'reader'))
  boundPeers(store, PATIENCE)
  const { key, manifest } = author
  if (!manifest) throw new Error('a log without a manifest')
  const reader = store.get({ key, manifest, allowFork: false })
  await reader.ready()
  const awake = setInterval(() => {}, PATIENCE)
  const ends: { destroy(): void }[] = []
  const join = async (log: Hypercore, mute: boolean | Mute) => {
    const added = new Promise((resolve) => log.once('peer-add', resolve))
    const streams = [log.replicate(true), store.replicate(false)] as const
    for (const stream of streams) stream.on('error', () => {})
    streams[0].pipe(streams[1]).pipe(streams[0])
    ends.push(...streams)
    await added
    const peer = log.peers.at(-1)
    if (peer === undefined) throw new Error('there is no peer')
    const { onrequest } = peer
    const isMute = typeof mute === 'boolean' ? () => mute : mute
    peer.onrequest = async (request) => {
      const answer = () => onrequest.call(peer, request)
      if (!isMute(request, answer)) await answer()
    }
    return {
      unmute: () => {
        peer.onrequest = onrequest
      },
      leave: () => {
        for (const stream of streams) stream.destroy()
      }
    }
  }
  t.teardown(async () => {
    clearInterval(awake)
    for (const end of ends) end.destroy()
    await store.close()
    await mirror.close()
    await author.close()
  })
  return { author, mirror, store, reader, join }
}

/** Whether a request is not answered now; `answer` does so later. */
type Mute = (request: PeerRequest, answer: () => void) => boolean

const isBlock: Mute = ({ block }) => block !== null

function delayed(drips: (() => void)[]): Mute {
  return ({ block }, answer) => block !== null && drips.push(answer) > 0
}

const NO_BLOCKS = { start: 0, length: 0, nodes: [], additionalNodes: [], signature: b4a.alloc(64) }

const NOTHING = { block: null, hash: null, seek: null, upgrade: null, manifest: null }

/** Who has come last to read a log, with the means to answer anything. */
function newestOf({ peers }: Hypercore): WirePeer {
  const peer = peers.at(-1)
  if (peer === undefined || !isWirePeer(peer)) throw new Error('there is no peer')
  return peer
}

interface WirePeer {
  readonly wireData: { send(data: object): void }
}

function isWirePeer(peer: object): peer is WirePeer {
  return 'wireData' in peer
}

/** Null where it does not come. */
async function inTime<T>(promise: Promise<T>): Promise<T | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(resolve, TOO_LONG, null)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

function later(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(resolve, ms, null))
}

/** A log of two blocks, and somebody who reads it over a stream. */
async function scene(t: Teardown) {
  const dir = await tempDir(t)
  const author = new Hypercore(path.join(dir, 'author'))
  await author.append([b4a.from('a'), b4a.from('b')])
  const reader = new Hypercore(path.join(dir, 'reader'), author.key)
  await reader.ready()
  const join = async ({ isMute }: { readonly isMute: boolean }) => {
    const added = new Promise((resolve) => author.once('peer-add', resolve))
    const streams = [author.replicate(true), reader.replicate(false)] as const
    for (const stream of streams) stream.on('error', () => {})
    streams[0].pipe(streams[1]).pipe(streams[0])
    await added
    const [peer] = author.peers
    if (isMute && peer !== undefined) peer.onrequest = async () => {}
    t.teardown(() => {
      for (const stream of streams) stream.destroy()
    })
  }
  t.teardown(async () => {
    await reader.close()
    await author.close()
  })
  return { reader, join }
}
