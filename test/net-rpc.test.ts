// Requests and replies on one stream.
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import c from 'compact-encoding'
import Protomux from 'protomux'
import ProtomuxRPC from 'protomux-rpc'
import { Rpc, relieve } from '../src/net/rpc.ts'
import { Semaphore } from '../src/net/semaphore.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { INFO, KNOWN, RPC_PROTOCOL, STATUS } from '../src/protocol/messages.ts'
import { openPair } from './streams.ts'

test('semaphore - so much runs at a time, in the order of the calls, and what is too large alone', async (t) => {
  const semaphore = new Semaphore(4)
  const running = new Map<string, PromiseWithResolvers<void>>()
  const runs: Promise<void>[] = []
  const run = (name: string, cost: number) => {
    const end = Promise.withResolvers<void>()
    const whileOpen = () => {
      running.set(name, end)
      return end.promise.finally(() => running.delete(name))
    }
    runs.push(semaphore.run(whileOpen, cost))
  }
  const end = async (name: string) => {
    running.get(name)?.resolve()
    await setImmediate()
  }
  const names = () => [...running.keys()].join('')

  run('a', 3)
  run('b', 2)
  run('c', 1)
  t.is(names(), 'a', 'nobody overtakes another, also where there were room')
  await end('a')
  t.is(names(), 'bc')
  run('d', 9)
  await end('b')
  t.is(names(), 'c')
  await end('c')
  t.is(names(), 'd')
  run('e', 1)
  run('f', 1)
  t.is(names(), 'd')
  semaphore.close()
  await setImmediate()
  t.is(names(), 'def', 'nobody is left waiting')
  for (const name of 'def') await end(name)
  run('g', 4)
  t.is(names(), 'g', 'what was let in is not counted any more')
  await end('g')
  await Promise.all(runs)
})

test('rpc - of those who begin messages and do not go on so many are left as there is room for', async (t) => {
  const begin = async (bytes: number) => {
    const [, far] = await openPair(t)
    const rpc = new Rpc(Protomux.from(far))
    // what is written to its raw end comes in
    far.rawStream?.write(Uint8Array.of(bytes & 255, (bytes >> 8) & 255, bytes >> 16, 1, 2, 3))
    while (far._message === null) await sleep(1)
    return rpc
  }
  const rpcs = await Promise.all([600_000, 700_000, 500_000, 650_000].map(begin))
  t.is(relieve(rpcs, 1_300_000, 0), 0)
  t.is(relieve(rpcs, 1_300_000, 900), 0, 'they may be on their way')
  t.is(relieve(rpcs, 2_450_000, 1_100), 0, 'there is room for all')
  t.is(relieve(rpcs, 1_300_000, 1_100), 2)
  await sleep(1)
  t.alike(
    rpcs.map(({ closed }) => closed),
    [false, true, false, true]
  )
})

test('rpc - what is held back is made when the peer has read, however little it was to leave', async (t) => {
  const [near, far] = await openPair(t)
  far.on('data', () => {})
  const rpc = new Rpc(Protomux.from(near))
  while (rpc.unread > 0) await sleep(1)

  const reads = Promise.withResolvers<void>()
  const write = near._write.bind(near)
  near._write = async (data, done) => {
    await reads.promise
    write(data, done)
  }
  for (let i = 0; i < 4; i++) near.write(new Uint8Array(3_000))
  await sleep(1)
  t.ok(rpc.unread > 5_000)
  const readable = rpc.readable(5_000)
  reads.resolve()
  await readable
  t.pass('who is not full does not say when it is empty')
})

test('rpc - an answer that takes long holds back none of the others, however they were asked for', async (t) => {
  const [near, far] = await openPair(t)
  const host = new Rpc(Protomux.from(near))
  const slow = Promise.withResolvers<{ readonly signed: null }>()
  host.respond(KNOWN, () => slow.promise)
  host.respond(STATUS, async () => ({ json: '{}' }))
  const peer = new ProtomuxRPC(far, { protocol: RPC_PROTOCOL })
  await peer.fullyOpened()
  const known = {
    address: new Uint8Array(32),
    head: { length: 1, fork: 0, treeHash: new Uint8Array(32), signature: new Uint8Array(64) }
  }
  // in one frame, which Protomux answers in one frame
  peer.cork()
  const late = peer.request(KNOWN.name, c.encode(KNOWN.request, known), RAW)
  const soon = peer.request(STATUS.name, c.encode(STATUS.request, { verbose: false }), RAW)
  peer.uncork()
  await soon
  t.is(near._writableState.buffered, 0)
  slow.resolve({ signed: null })
  await late
})

test('rpc - who asks a mirror of thousands of instances is answered all of it', async (t) => {
  const [near, far] = await openPair(t)
  const mirror = new Rpc(Protomux.from(near))
  const head = { length: 1, fork: 0, treeHash: new Uint8Array(32), signature: new Uint8Array(64) }
  mirror.respond(INFO, async ({ address: genesis }) => ({ genesis, methods: [], head }))
  const rpc = new Rpc(Protomux.from(far))
  const request = { address: new Uint8Array(32) }
  const replies = await Promise.all(Array.from({ length: 2_000 }, () => rpc.request(INFO, request)))
  t.is(replies.length, 2_000)
})

test('rpc - what wants no answer, for which nobody would pay, is not made', async (t) => {
  const [near, far] = await openPair(t)
  let replied = 0
  const host = new Rpc(Protomux.from(near), undefined, (bytes) => {
    replied += bytes
  })
  let made = 0
  host.respond(STATUS, async () => {
    made++
    return { json: '{}' }
  })
  const peer = new ProtomuxRPC(far, { protocol: RPC_PROTOCOL })
  await peer.fullyOpened()
  const bytes = c.encode(STATUS.request, { verbose: false })
  for (let i = 0; i < 10; i++) peer.event(STATUS.name, bytes, RAW)
  await peer.request(STATUS.name, bytes, RAW)
  t.is(made, 1)
  t.ok(replied > 0)
})

test('rpc - what nobody answers has its price as well', async (t) => {
  const [near, far] = await openPair(t)
  let left = 5
  const admit = () => {
    if (left-- === 0) throw new MivmError('QUOTA_EXCEEDED', 'that was enough')
    return () => {}
  }
  const host = new Rpc(Protomux.from(near), admit)
  const peer = new ProtomuxRPC(far, { protocol: RPC_PROTOCOL })
  await peer.fullyOpened()
  const answers: string[] = []
  for (let i = 0; i < 6; i++) {
    const asked = peer.request('unheard of', new Uint8Array(10), RAW)
    answers.push(await asked.then(String, ({ code }) => String(code)))
  }
  t.alike(answers, [...Array(5).fill('UNKNOWN_METHOD'), 'CHANNEL_CLOSED'])
  t.ok(host.closed)
})

test('rpc - who asks for large replies in one frame, and reads none, is cut off', async (t) => {
  const [near, far] = await openPair(t)
  const host = new Rpc(Protomux.from(near))
  let made = 0
  host.respond(STATUS, async () => {
    made++
    return { json: 'x'.repeat(8 * MEBIBYTE) }
  })
  const peer = new ProtomuxRPC(far, { protocol: RPC_PROTOCOL })
  await peer.fullyOpened()
  near._write = () => {}
  const bytes = c.encode(STATUS.request, { verbose: false })
  peer.cork()
  for (let i = 0; i < 20; i++) peer.request(STATUS.name, bytes, RAW).catch(() => {})
  peer.uncork()
  let peak = 0
  while (!near.destroying && made < 20) {
    await sleep(1)
    peak = Math.max(peak, host.unread)
  }
  await sleep(1)
  peak = Math.max(peak, host.unread)
  t.ok(near.destroying, `${made} were made`)
  t.ok(peak < 100 * MEBIBYTE, `${peak} bytes`)
})

test('rpc - nobody waits for one to read who is gone, however much it has left', async (t) => {
  const [near, far] = await openPair(t)
  let held = 0
  const admit = (bytes: number) => {
    held += bytes
    return () => {
      held -= bytes
    }
  }
  const host = new Rpc(Protomux.from(near), admit)
  const replies = new Semaphore(1)
  let begun = 0
  host.respond(STATUS, () => {
    begun++
    return replies.run(async () => {
      await host.readable()
      return { json: '{}' }
    })
  })
  const peer = new ProtomuxRPC(far, { protocol: RPC_PROTOCOL })
  await peer.fullyOpened()
  let read = (_?: Error | null) => {}
  near._write = (_, done) => {
    read = done
  }
  for (let i = 0; i < 2; i++) near.write(new Uint8Array(8 * MEBIBYTE))
  const bytes = c.encode(STATUS.request, { verbose: false })
  for (let i = 0; i < 3; i++) peer.request(STATUS.name, bytes, RAW).catch(() => {})
  while (begun < 3) await sleep(1)
  near.destroy()
  read()
  for (let i = 0; held > 0 && i < 200; i++) await sleep(1)
  t.is(held, 0, 'what it has asked for takes no memory any more')
})

test('rpc - thousands of requests in one frame hold up nobody else', async (t) => {
  const streams = [await openPair(t), await openPair(t)]
  let made = 0
  const spin = async () => {
    made++
    for (const end = performance.now() + 1; performance.now() < end; );
    return { json: '{}' }
  }
  for (const [near] of streams) {
    new Rpc(Protomux.from(near), () => () => {}).respond(STATUS, spin)
  }
  const peers = streams.map(([, far]) => new ProtomuxRPC(far, { protocol: RPC_PROTOCOL }))
  for (const peer of peers) await peer.fullyOpened()
  const bytes = c.encode(STATUS.request, { verbose: false })
  const [flooding, asking] = peers
  flooding?.cork()
  for (let i = 0; i < 2_000; i++) flooding?.request(STATUS.name, bytes, RAW).catch(() => {})
  flooding?.uncork()
  while (made === 0) await sleep(1)
  await asking?.request(STATUS.name, bytes, RAW)
  t.ok(made < 500, `${made} were answered before`)
})

test('rpc - a million messages in one frame are not looked at to the end', async (t) => {
  const request = (id: number) => Buffer.of(9, 0, id, 6, ...Buffer.from(STATUS.name))
  // the RPC channel is the first one, 0 is what opens others
  const frames = {
    requests: [1, Buffer.alloc(4_500_000, request(1))],
    'requests that want no reply': [1, Buffer.alloc(4_500_000, request(0))],
    'replies to nothing': [1, Buffer.alloc(4_000_000, Buffer.of(3, 1, 0, 99))],
    channels: [0, Buffer.concat(Array.from({ length: 100_000 }, (_, i) => opening(i + 2)))]
  } as const
  for (const [name, [channel, messages]] of Object.entries(frames)) {
    const [near, far] = await openPair(t)
    new Rpc(Protomux.from(near)).respond(STATUS, async () => ({ json: '{}' }))
    await new ProtomuxRPC(far, { protocol: RPC_PROTOCOL }).fullyOpened()
    const before = process.cpuUsage()
    far.write(Buffer.concat([Buffer.of(0, 0, channel), messages]))
    while (!near.destroying && isWithin(before)) await sleep(1)
    t.ok(near.destroying, name)
    t.ok(isWithin(before), 'in little time')
  }
})

const MEBIBYTE = 1024 * 1024

/** Wants to open a channel that nobody knows. */
function opening(id: number): Buffer {
  const message = Buffer.of(1, ...c.encode(c.uint, id), ...c.encode(c.string, 'x'), 0)
  return Buffer.of(message.byteLength, ...message)
}

/** Whether less than two seconds of a processor were used since. */
function isWithin(before: NodeJS.CpuUsage): boolean {
  const { user, system } = process.cpuUsage(before)
  return user + system < 2_000_000
}

const RAW = { requestEncoding: c.raw, responseEncoding: c.raw }
