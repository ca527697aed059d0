import { setTimeout as sleep } from 'node:timers/promises'
import test, { type Test } from 'brittle'
import c from 'compact-encoding'
import Protomux from 'protomux'
import { Gate } from '../src/host/gate.ts'
import { Rpc } from '../src/net/rpc.ts'
import { Semaphore } from '../src/net/semaphore.ts'
import { STATUS } from '../src/protocol/messages.ts'
import { streamPair } from './streams.ts'

const MEGABYTE = 1024 * 1024

test('gate - nothing leaves while it is closed, however much there is, and all of it in order then', async (t) => {
  const gate = new Gate()
  const { mux, send, received } = await connect(t)
  gate.add(mux)
  send(0, 10)
  await arrived(received, 1)
  const release = gate.hold()
  const inner = gate.hold()
  for (let n = 1; n <= 30; n++) send(n, MEGABYTE)
  inner()
  send(31, 10)
  await settled()
  t.alike(received, [0], 'what is more than Protomux gathers as well')
  release()
  await arrived(received, 32)
  t.alike(
    received,
    Array.from({ length: 32 }, (_, n) => n)
  )
  send(32, 10)
  await arrived(received, 33)
  t.is(received.at(-1), 32, 'and what comes behind it')
})

test('gate - who comes while it is closed is told nothing either, until all have opened it that closed it', async (t) => {
  const gate = new Gate()
  const { mux, send, received } = await connect(t)
  const [first, second] = [gate.hold(), gate.hold()]
  gate.add(mux)
  send(0, 10)
  await settled()
  t.alike(received, [])
  for (let i = 0; i < 2; i++) first()
  await settled()
  t.alike(received, [], 'who opens it twice has closed it once')
  second()
  await arrived(received, 1)
  t.alike(received, [0])
})

test('gate - commits that begin before others have ended do not keep it closed for ever', async (t) => {
  const gate = new Gate()
  const { mux, send, received } = await connect(t)
  gate.add(mux)
  let rounds = 0
  const commit = async (delay: number) => {
    await sleep(delay)
    for (; received.length === 0 && rounds < 100; rounds++) {
      await gate.turn()
      const release = gate.hold()
      await sleep(30)
      release()
    }
  }
  const committing = Promise.all([commit(0), commit(15)])
  await sleep(20)
  send(1, 10)
  await committing
  t.alike(received, [1], `${rounds} rounds`)
  const release = gate.hold()
  await sleep(250)
  const waiting = gate.turn()
  release()
  await waiting
  gate.hold()
  await sleep(250)
  gate.jam()
  await gate.turn()
  t.pass('where it stays closed nobody waits for it')
})

test('gate - who has more held back than can be held is let go', async (t) => {
  const gate = new Gate()
  const { mux, send, received } = await connect(t)
  gate.add(mux)
  const release = gate.hold()
  for (let n = 0; n < 90; n++) send(n, MEGABYTE)
  await settled()
  t.ok(mux.stream.destroyed)
  release()
  await settled()
  t.alike(received, [])
})

test('gate - while it is closed no more large replies are made than a peer may leave unread', async (t) => {
  const gate = new Gate()
  const { mux, other } = await connect(t)
  gate.add(mux)
  const [near, far] = [new Rpc(mux), new Rpc(other)]
  const turns = new Semaphore(1)
  let made = 0
  near.respond(STATUS, () =>
    turns.run(async () => {
      await near.readable()
      made++
      return { json: 'x'.repeat(MEGABYTE) }
    })
  )
  const ask = () => far.request(STATUS, { verbose: false })
  await ask()
  const release = gate.hold()
  const asked = Promise.all(Array.from({ length: 30 }, ask))
  for (let i = 0; i < 10; i++) await settled()
  t.ok(made > 2 && made < 10, `${made} were made`)
  t.ok(near.unread > MEGABYTE, `${near.unread} bytes are held back`)
  release()
  t.is((await asked).length, 30, 'and the others then')
  t.is(near.unread, 0)
})

/** Two ends of a stream: what sends numbered messages of so many bytes at one, and what has come to the other. */
async function connect(t: Test) {
  const [a, b] = streamPair()
  // no sockets that keep the process, which ends where all wait for a timer that does not either
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => {
    clearInterval(alive)
    a.destroy()
    b.destroy()
  })
  const received: number[] = []
  const [mux, other] = [Protomux.from(a), Protomux.from(b)]
  const [from, to] = [mux, other].map((end) => end.createChannel({ protocol: 'numbers' }))
  const message = from?.addMessage({ encoding: c.buffer })
  to?.addMessage({ encoding: c.buffer, onmessage: (bytes) => void received.push(bytes[0] ?? -1) })
  from?.open()
  to?.open()
  await from?.fullyOpened()
  const send = (n: number, bytes: number) => message?.send(new Uint8Array(bytes).fill(n, 0, 1))
  return { mux, other, send, received }
}

/** Resolves when whatever is on its way has come. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function arrived(received: readonly number[], count: number): Promise<void> {
  while (received.length < count) await settled()
}
