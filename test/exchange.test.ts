// What peers of an instance say to each other of its heads: without a network, and without a host.
import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import test, { type Test } from 'brittle'
import c from 'compact-encoding'
import crypto from 'hypercore-crypto'
import Protomux from 'protomux'
import { Exchange } from '../src/client/exchange.ts'
import { Meeting } from '../src/client/meeting.ts'
import { Others } from '../src/client/others.ts'
import { Replica } from '../src/client/replica.ts'
import { Rpc } from '../src/net/rpc.ts'
import { contradiction, stateProof } from '../src/protocol/comparison.ts'
import { encodeEvidence, verifyEvidence } from '../src/protocol/evidence.ts'
import type { Head } from '../src/protocol/head.ts'
import { topicOf } from '../src/protocol/manifest.ts'
import { HEADS_ASK, HEADS_HEAD, HEADS_PROOF, HEADS_PROTOCOL } from '../src/protocol/messages.ts'
import type { Proof } from '../src/protocol/proof.ts'
import { EvidenceDir } from '../src/state/evidence-dir.ts'
import { keep, tempDir } from './helpers.ts'
import { mutated } from './mutated.ts'
import { Random } from './random.ts'
import { SignedHistory } from './signed-history.ts'
import { openPair } from './streams.ts'

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

test('exchange - a proof with sizes moved within it accuses nobody, and hides nothing', async (t) => {
  const [ours, other] = [new SignedHistory(LENGTH), new SignedHistory(LENGTH, 13)]
  // the last node before the boundary is one byte smaller, and the next one larger
  const lied = (at: number, before: readonly number[] = []) => {
    const proof = ours.coarse([...before, at], LENGTH)
    const last = ours.coarse([...before, at], at).items.length - 1
    const items = proof.items.map((item, i) => {
      const change = i === last ? -1 : i === last + 1 ? 1 : 0
      if (item.node === null) return item
      return { block: null, node: { ...item.node, size: item.node.size + change } }
    })
    return { ...proof, items }
  }
  for (const at of [1, 2, 5, 9, 10, 13]) {
    const holder = new Holder(ours, at)
    await holder.exchange.weigh(stateProof(ours.subject, lied(at)))
    t.alike(holder.kept, [], `${at} blocks`)
    await holder.exchange.close()
  }
  const holder = new Holder(ours, 12, async () => null)
  holder.exchange.claim(other.head(17))
  await holder.exchange.weigh(stateProof(ours.subject, lied(17, [12])))
  t.alike(
    [holder.kept, holder.exchange.pending.length],
    [[], 1],
    'the other head is as open as it was'
  )
  await holder.exchange.weigh(stateProof(ours.subject, await ours.proof([12, 17])))
  await holder.accuses(t)
  await holder.exchange.close()
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

test('exchange - a false head stands in the way of no true one', async (t) => {
  const [ours, other] = [new SignedHistory(LENGTH), new SignedHistory(LENGTH, 7)]
  const junk = b4a.from(ours.head().signature).fill(7, 2, 66)
  // lengths that we hold ourselves, have passed without a head of our own, and have not come to
  for (const at of [14, 12, 18]) {
    const lies = [
      { ...other.head(at), signature: junk },
      { ...ours.head(at), signature: junk },
      { ...other.head(at), treeHash: b4a.alloc(32, 3) },
      { ...ours.head(at), fork: 1 }
    ]
    for (const lie of lies) {
      const holder = new Holder(ours, 14)
      for (let i = 0; i < 3; i++) {
        const liar = await listen(t, holder)
        liar.send(0, c.encode(HEADS_HEAD, lie))
      }
      await holder.exchange.settled(1_000)
      t.alike([holder.kept, holder.exchange.pending], [[], []])
      const honest = await listen(t, holder)
      honest.send(0, c.encode(HEADS_HEAD, other.head(at)))
      await holder.accuses(t)
      await holder.exchange.close()
    }
  }
})

test('exchange - who says what the host has not signed is not heard again on that stream', async (t) => {
  const history = new SignedHistory(LENGTH)
  const other = new SignedHistory(LENGTH, 7)
  for (const at of [14, 12]) {
    const holder = new Holder(history, 14)
    const liar = await listen(t, holder)
    liar.send(0, c.encode(HEADS_HEAD, { ...other.head(at), fork: 1 }))
    await liar.closed
    const again = await liar.again()
    t.is(again, false, 'the channel is not opened anew')
    await holder.exchange.close()
  }
})

test('exchange - who opens the channel again and again may have us do no more than on one', async (t) => {
  const ours = new SignedHistory(LENGTH)
  const holder = new Holder(ours, LENGTH)
  const peer = await listen(t, holder)
  // a proof of our own history, said to be evidence
  const file = encodeEvidence({
    code: 'TWO_HISTORIES',
    genesis: ours.subject.genesis,
    heads: [{ log: 'call log', head: ours.head(9) }],
    callLog: await ours.proof([9]),
    userLog: null,
    state: null,
    otherLog: null
  })
  const verified = countVerified(t)
  for (let i = 0; i < 100; i++) await peer.repeat(3, file)
  await holder.exchange.settled(1_000)
  const count = verified()
  t.ok(count < 50, `${count} signatures, and each piece takes two`)
  t.alike(holder.kept, [])
  await meet(t, holder, new Holder(new SignedHistory(LENGTH, 7), LENGTH))
  await holder.accuses(t)
})

test('exchange - heads of our own history cost no signature, however many say them', async (t) => {
  const history = new SignedHistory(LENGTH)
  const holder = new Holder(history, 9)
  const peers = await Promise.all(Array.from({ length: 12 }, () => listen(t, holder)))
  holder.hold(9)
  const verified = countVerified(t)
  // known already, known soon, and known soon after another one was told
  for (const { send } of peers) {
    for (const at of [9, 12, 14]) send(0, c.encode(HEADS_HEAD, history.head(at)))
  }
  await sleep(50)
  const before = verified()
  holder.grow(12)
  holder.grow(14)
  for (const { send } of peers) send(0, c.encode(HEADS_HEAD, history.head(12)))
  await sleep(50)
  t.is(verified() - before, 0)
  t.ok(
    before <= 8 + 2,
    `${before} for the proofs that were asked for, and for what was asked about`
  )
  t.alike(holder.exchange.pending, [])
  t.is(verified() - before, 0)
  await holder.exchange.close()
})

test('exchange - a flood of new lies is looked at once for each stream', async (t) => {
  const history = new SignedHistory(LENGTH)
  const holder = new Holder(history, 12)
  const liars = await Promise.all(Array.from({ length: 8 }, () => listen(t, holder)))
  const verified = countVerified(t)
  for (const [i, liar] of liars.entries()) {
    for (let n = 0; n < 30; n++) {
      const lie = {
        ...history.head(),
        length: 1 + ((13 * i + 7 * n) % 40),
        treeHash: b4a.alloc(32, n)
      }
      liar.send(0, c.encode(HEADS_HEAD, lie))
    }
  }
  await Promise.all(liars.map(({ closed }) => closed))
  await holder.exchange.settled(1_000)
  t.ok(verified() <= 2 * liars.length, `${verified()}`)
  t.alike([holder.kept, holder.asked, holder.exchange.pending], [[], [], []])
  await meet(t, holder, new Holder(new SignedHistory(LENGTH, 7), LENGTH))
  await holder.accuses(t)
})

test('others - a host that was away in the beginning is asked for a proof when it is back', async (t) => {
  keep(t, Meeting.prototype, 'enter')
  Meeting.prototype.enter = async () => {}
  const history = new SignedHistory(20)
  const { genesis, address } = history.subject
  const asked: (readonly number[])[] = []
  const request = async (_: object, { lengths }: { readonly lengths: readonly number[] }) => {
    asked.push(lengths)
    return { proof: await history.proof(lengths, 20) }
  }
  const rpc: Rpc = Object.create(Rpc.prototype, { request: { value: request } })
  const replica: Replica = Object.create(Replica.prototype, { connected: { value: () => rpc } })
  const kept = new EvidenceDir(await tempDir(t))
  const others = await Others.open({ replica, address, info: null, kept })
  t.teardown(() => others.close())
  const held = { genesis, head: history.head(5), prove: async () => null }
  others.overhear(held)
  others.claim(history.head(10))
  t.alike(await others.hear(held), { heads: [], evidence: null })
  t.alike(asked, [[5, 10]])
})

test('exchange - two histories that part later than what was compared', async (t) => {
  const [ours, other] = [new SignedHistory(LENGTH), new SignedHistory(LENGTH, 15)]
  // the host shows each what fits, and has the time to choose
  const faces = [other, ours]
  const holder: Holder = new Holder(ours, 9, async (lengths) => {
    const face = faces.shift() ?? ours
    return face.proof(lengths)
  })
  const peer = await listen(t, holder)
  peer.send(0, c.encode(HEADS_HEAD, other.head(18)))
  while (holder.asked.length === 0) await sleep(5)
  await holder.exchange.settled(1_000)
  t.alike([holder.kept, holder.exchange.pending], [[], []], 'nothing contradicts 9 blocks')
  holder.grow(LENGTH)
  await holder.exchange.settled(1_000)
  await holder.accuses(t)
  await holder.exchange.close()
})

test('exchange - what a peer says next does not take the place of what is being compared', async (t) => {
  const [ours, other] = [new SignedHistory(LENGTH), new SignedHistory(LENGTH, 7)]
  const { promise: answer, resolve } = Promise.withResolvers<void>()
  const holder = new Holder(ours, LENGTH, async (lengths) => {
    await answer
    return ours.proof(lengths)
  })
  const peer = await listen(t, holder)
  for (let at = 10; at < 15; at++) {
    peer.send(0, c.encode(HEADS_HEAD, other.head(at)))
    while (holder.asked.length === 0) await sleep(5)
  }
  await sleep(50)
  resolve()
  await holder.accuses(t)
  t.is(holder.asked.length, 1)
  await holder.exchange.close()
})

test('exchange - we grow while a proof is on its way', async (t) => {
  for (const splitAt of [LENGTH, 7]) {
    const [ours, other] = [new SignedHistory(LENGTH), new SignedHistory(LENGTH, splitAt)]
    const holder: Holder = new Holder(ours, 12, async (lengths) => {
      holder.grow(holder.length + 1)
      return ours.proof(lengths)
    })
    const peer = await listen(t, holder)
    peer.send(0, c.encode(HEADS_HEAD, other.head(11)))
    while (holder.asked.length === 0) await sleep(5)
    await holder.exchange.settled(1_000)
    if (splitAt < LENGTH) await holder.accuses(t)
    t.alike(holder.exchange.pending, [])
    t.is(holder.asked.length, 1)
    await holder.exchange.close()
  }
})

test('exchange - with many peers all are told, and all have the evidence in the end', async (t) => {
  const [ours, other] = [new SignedHistory(LENGTH), new SignedHistory(LENGTH, 15)]
  const many = Array.from({ length: 11 }, () => new Holder(ours, 9))
  const [center, ...rest] = many
  if (center === undefined) throw new Error('the test is wrong')
  for (const holder of rest) await meet(t, center, holder)
  const told = await Promise.all(Array.from({ length: 10 }, () => listen(t, center)))
  center.grow(12)
  for (const { lengths } of told) while (lengths.at(-1) !== 12) await sleep(20)
  center.grow(LENGTH)
  for (const { lengths } of told) while (lengths.at(-1) !== LENGTH) await sleep(20)
  t.alike([...new Set(told.flatMap(({ lengths }) => lengths))], [9, 12, LENGTH])
  await meet(t, rest[0] ?? center, new Holder(other, 17))
  for (const holder of many) await holder.accuses(t)
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

  hold(length: number): void {
    this.exchange.told(this.#history.head(length))
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
  const [one, two] = await openPair(t)
  a.exchange.join(one)
  b.exchange.join(two)
  t.teardown(() => Promise.all([a.exchange.close(), b.exchange.close()]))
}

/** Somebody who says anything to a holder. */
async function listen(t: Test, { exchange }: Holder) {
  const [one, two] = await openPair(t)
  const closed = Promise.withResolvers<void>()
  const lengths: number[] = []
  const open = () => {
    const channel = Protomux.from(two).createChannel({
      protocol: HEADS_PROTOCOL,
      id: exchange.topic,
      onclose: () => closed.resolve()
    })
    if (channel === null) throw new Error('no channel')
    const messages = Array.from({ length: 6 }, (_, type) => {
      const onmessage = (bytes: Uint8Array) => {
        if (type === 0) lengths.push(c.decode(HEADS_HEAD, bytes).length)
      }
      return channel.addMessage({ encoding: c.raw, onmessage })
    })
    channel.open()
    return { channel, messages }
  }
  const { channel, messages } = open()
  exchange.join(one)
  t.teardown(() => exchange.close())
  await channel.fullyOpened()
  const send = (type: number, bytes: Uint8Array) => messages[type]?.send(bytes)
  /** Whether the channel can be opened once more. */
  const again = () => open().channel.fullyOpened()
  /** Says it on a channel of its own. */
  const repeat = async (type: number, bytes: Uint8Array) => {
    channel.close()
    const { channel: next, messages } = open()
    await Promise.race([next.fullyOpened(), sleep(20)])
    messages[type]?.send(bytes)
    await sleep(0)
    next.close()
  }
  return { send, again, repeat, lengths, closed: closed.promise }
}

/** Signatures that were checked from now on. */
function countVerified(t: Test): () => number {
  const { verify } = crypto
  let count = 0
  crypto.verify = (...args) => {
    count++
    return verify(...args)
  }
  t.teardown(() => {
    crypto.verify = verify
  })
  return () => count
}

test('exchange - the topic is that of the instance', (t) => {
  const { subject } = new SignedHistory(2)
  const { exchange } = new Holder(new SignedHistory(2), 2)
  t.alike(exchange.topic, topicOf(subject.address))
})
