// What peers of an instance say to each other of its heads: without a network, and without a host.
import { setTimeout as sleep } from 'node:timers/promises'
import SecretStream from '@hyperswarm/secret-stream'
import b4a from 'b4a'
import test, { type Test } from 'brittle'
import c from 'compact-encoding'
import Protomux from 'protomux'
import { Exchange } from '../src/client/exchange.ts'
import { contradiction } from '../src/protocol/comparison.ts'
import { verifyEvidence } from '../src/protocol/evidence.ts'
import type { Head } from '../src/protocol/head.ts'
import { topicOf } from '../src/protocol/manifest.ts'
import { HEADS_ASK, HEADS_HEAD, HEADS_PROOF, HEADS_PROTOCOL } from '../src/protocol/messages.ts'
import type { Proof } from '../src/protocol/proof.ts'
import { mutated } from './mutated.ts'
import { Random } from './random.ts'
import { SignedHistory } from './signed-history.ts'

const LENGTH = 20

test('exchange - two who hold heads of two histories have evidence of it, both of them', async (t) => {
  const histories = [new SignedHistory(LENGTH), new SignedHistory(LENGTH, 7)] as const
  for (const [one, two] of [
    [LENGTH, LENGTH],
    [12, LENGTH],
    [LENGTH, 9]
  ] as const) {
    const [a, b] = [new Holder(histories[0], one), new Holder(histories[1], two)]
    await meet(t, a, b)
    for (const holder of [a, b]) await holder.accuses(t)
  }
})

test('exchange - who cannot prove anything asks the other', async (t) => {
  const long = new Holder(new SignedHistory(LENGTH, 7), LENGTH)
  const short = new Holder(new SignedHistory(LENGTH), 12, async () => null)
  await meet(t, short, long)
  await short.accuses(t)
  t.alike(short.asked, [[12, LENGTH]])
})

test('exchange - heads of one history accuse nobody, whatever is asked and not answered', async (t) => {
  const history = new SignedHistory(LENGTH)
  const slow = async (lengths: readonly number[]) => {
    await sleep(50)
    return history.proof(lengths)
  }
  const broken = async () => {
    throw new Error('the host is away')
  }
  const none = async () => null
  // a host that shows less than what a peer holds
  const behind = (lengths: readonly number[]) => history.proof(lengths, 9)
  for (const prove of [slow, broken, none, behind]) {
    for (const [one, two] of [
      [9, LENGTH],
      [LENGTH, 9],
      [14, 14]
    ] as const) {
      const [a, b] = [new Holder(history, one, prove), new Holder(history, two, prove)]
      await meet(t, a, b)
      for (const { exchange } of [a, b]) await exchange.settled(1_000)
      t.alike([a.kept, b.kept], [[], []])
      if (prove === slow) t.alike([a.exchange.pending, b.exchange.pending], [[], []])
    }
  }
})

test('exchange - a head that could not be compared is, once we have come so far', async (t) => {
  const [honest, other] = [new SignedHistory(LENGTH), new SignedHistory(LENGTH, 7)]
  for (const history of [honest, other]) {
    // the host has not come to the length of the head in this history
    const prove = (lengths: readonly number[]) => honest.proof(lengths, late.length)
    const late: Holder = new Holder(honest, 9, prove)
    late.exchange.claim(history.head(12))
    await late.exchange.settled(1_000)
    t.is(late.exchange.pending.length, 1)
    late.grow(15)
    await late.exchange.settled(1_000)
    t.is(late.exchange.pending.length, 0)
    t.is(late.kept.length, history === honest ? 0 : 1)
    await late.exchange.close()
  }
})

test('exchange - heads that nobody can show are not in the way of others', async (t) => {
  const history = new SignedHistory(LENGTH)
  const holder = new Holder(history, LENGTH)
  for (let i = 0; i < 20; i++) holder.exchange.claim(history.sign(1_000 + i, b4a.alloc(32, i)))
  holder.exchange.claim(new SignedHistory(LENGTH, 7).head(12))
  await holder.accuses(t)
  await holder.exchange.close()
})

test('exchange - evidence is kept before anybody is told, and told to all who come', async (t) => {
  const [one, two] = [new SignedHistory(LENGTH), new SignedHistory(LENGTH, 7)]
  const { promise: synced, resolve } = Promise.withResolvers<void>()
  const first = new Holder(one, LENGTH)
  first.disk = synced
  const friend = new Holder(one, LENGTH)
  await meet(t, first, friend)
  first.exchange.claim(two.head())
  await sleep(50)
  t.alike([first.exchange.evidence, friend.exchange.evidence], [null, null])
  resolve()
  await friend.accuses(t)
  const late = new Holder(one, 9)
  await meet(t, friend, late)
  await late.accuses(t)
})

test('exchange - what liars say is nothing', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const history = new SignedHistory(LENGTH)
  const neighbour = new SignedHistory(LENGTH, LENGTH, 1)
  const { subject } = neighbour
  const heads = [neighbour.head(), new SignedHistory(LENGTH, 7, 1).head()].map((head) => ({
    head,
    proof: null
  }))
  const [mine = heads[0], other = heads[0]] = heads
  const guilty = mine && other && contradiction(subject, mine, other)
  const forged = { ...history.head(), treeHash: random.bytes(32) }
  const lies: readonly (readonly [type: number, bytes: Uint8Array])[] = [
    [0, c.encode(HEADS_HEAD, forged)],
    [0, c.encode(HEADS_HEAD, { ...history.head(), fork: 1 })],
    [0, c.encode(HEADS_HEAD, { ...history.head(), length: 2 ** 50 })],
    [0, c.encode(HEADS_HEAD, neighbour.head())],
    [1, c.encode(HEADS_ASK, { lengths: Array.from({ length: 5_000 }, (_, i) => i) })],
    [1, c.encode(HEADS_ASK, { lengths: [2 ** 50, 0, 0, 3] })],
    [2, c.encode(HEADS_PROOF, { proof: await neighbour.proof([9]) })],
    [2, c.encode(HEADS_PROOF, { proof: { ...(await history.proof([9])), start: 4 } })],
    [3, guilty ?? b4a.alloc(0)],
    [3, random.bytes(70_000)]
  ]
  for (let i = 0; i < 12; i++) {
    const holder = new Holder(history, 12)
    const liar = await listen(t, holder)
    for (const [type, bytes] of lies) liar.send(type, bytes)
    for (let n = 0; n < 40; n++) {
      const [type = 0, bytes = b4a.alloc(0)] = lies[random.below(lies.length)] ?? []
      liar.send(random.below(6), mutated(random, [bytes]))
      liar.send(type, bytes)
    }
    await holder.exchange.settled(1_000)
    t.alike(holder.kept, [])
    // and others are heard all the same
    await meet(t, holder, new Holder(new SignedHistory(LENGTH, 7), LENGTH))
    await holder.accuses(t)
  }
})

test('exchange - a peer that says too much is not listened to any more', async (t) => {
  const history = new SignedHistory(LENGTH)
  const other = new SignedHistory(LENGTH, 7)
  const holder = new Holder(history, 12)
  const liar = await listen(t, holder)
  const forged = c.encode(HEADS_HEAD, { ...history.head(), treeHash: b4a.alloc(32) })
  for (let i = 0; i < 1_000; i++) liar.send(0, forged)
  await liar.closed
  liar.send(0, c.encode(HEADS_HEAD, other.head(12)))
  await sleep(50)
  t.alike(holder.kept, [])
  t.ok(holder.asked.length <= 8, 'nor is much asked because of it')
})

/** Somebody who holds a history up to a length. */
class Holder {
  readonly exchange: Exchange
  readonly kept: Uint8Array[] = []
  readonly asked: (readonly number[])[] = []
  length: number
  disk: Promise<void> = Promise.resolve()
  readonly #history: SignedHistory

  constructor(
    history: SignedHistory,
    length: number,
    prove: (lengths: readonly number[]) => Promise<Proof | null> = (lengths) =>
      history.proof(lengths)
  ) {
    this.#history = history
    this.length = length
    this.exchange = new Exchange({
      subject: history.subject,
      newest: (): Head => history.head(this.length),
      prove: (lengths) => {
        this.asked.push(lengths)
        return prove(lengths)
      },
      keep: async (evidence) => {
        await this.disk
        this.kept.push(evidence)
      }
    })
  }

  grow(length: number): void {
    this.length = length
    this.exchange.told(this.#history.head(length))
  }

  async accuses(t: Test): Promise<void> {
    while (this.kept.length === 0) await sleep(5)
    const [evidence = b4a.alloc(0), ...more] = this.kept
    t.is((await verifyEvidence(evidence)).code, 'TWO_HISTORIES')
    t.is(more.length, 0)
  }
}

async function meet(t: Test, a: Holder, b: Holder): Promise<void> {
  const [one, two] = await connect(t)
  a.exchange.join(one)
  b.exchange.join(two)
  t.teardown(() => Promise.all([a.exchange.close(), b.exchange.close()]))
}

/** Somebody who says anything to a holder. */
async function listen(t: Test, { exchange }: Holder) {
  const [one, two] = await connect(t)
  const closed = Promise.withResolvers<void>()
  const channel = Protomux.from(two).createChannel({
    protocol: HEADS_PROTOCOL,
    id: exchange.topic,
    onclose: () => closed.resolve()
  })
  if (channel === null) throw new Error('no channel')
  const messages = Array.from({ length: 6 }, () => channel.addMessage({ encoding: c.raw }))
  channel.open()
  exchange.join(one)
  t.teardown(() => exchange.close())
  await channel.fullyOpened()
  const send = (type: number, bytes: Uint8Array) => messages[type]?.send(bytes)
  return { send, closed: closed.promise }
}

async function connect(t: Test): Promise<[SecretStream, SecretStream]> {
  const [a, b] = [new SecretStream(true), new SecretStream(false)]
  for (const stream of [a, b]) stream.on('error', () => {})
  if (a.rawStream === null || b.rawStream === null) throw new Error('streams come with raw ones')
  a.rawStream.pipe(b.rawStream).pipe(a.rawStream)
  await Promise.all([a.opened, b.opened])
  t.teardown(() => {
    a.destroy()
    b.destroy()
  })
  return [a, b]
}

test('exchange - the topic is that of the instance', (t) => {
  const { subject } = new SignedHistory(2)
  const { exchange } = new Holder(new SignedHistory(2), 2)
  t.alike(exchange.topic, topicOf(subject.address))
})
