// Honest hosts that are away for a while, or that have closed a log and opened it again, in the middle of an audit.
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type Test } from 'brittle'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import { awaitPeers, Patience, Stall } from '../src/audit/patience.ts'
import { closeVm, openStore, replicate, run, Writer } from './audit-writer.ts'

const PATIENCE = 2000
/** Longer than an audit waits for one thing, and less than it waits at all. */
const AWAY = 3000

async function scene(t: Parameters<typeof openStore>[0]) {
  const writer = await Writer.deploy(t)
  for (let i = 0; i < 20; i++) {
    await writer.commit([await writer.call(0, 'add', ['a']), await writer.call(1, 'roll')])
  }
  return { writer, store: await openStore(t) }
}

/** When the auditor has got so many blocks of a log. */
async function got(store: Corestore, { key }: Hypercore, count: number): Promise<void> {
  const copy = store.get({ key, active: false })
  await copy.ready()
  for (let blocks = 0; blocks < count; ) {
    blocks = 0
    for (let i = 0; i < copy.length; i++) if (await copy.has(i)) blocks++
    await sleep(1)
  }
  await copy.close()
}

test('patience - a host that closes a log in the middle is asked for it again', async (t) => {
  const { writer, store } = await scene(t)
  const logs = [writer.log, ...writer.users.map(({ core }) => core)]
  for (const log of logs) {
    log.once('upload', () => {
      for (const { channel } of Reflect.get(log.core.replicator, 'peers')) channel.close()
    })
  }
  await isClean(t, writer, store)
})

test('patience - a host that closes a log before it has shown anything of it is asked for it again', async (t) => {
  const { writer, store } = await scene(t)
  for (const { core } of [writer.log, ...writer.users.map(({ core }) => core), writer.files]) {
    const { replicator } = core
    const add = replicator._addPeer
    replicator._addPeer = (peer) => {
      replicator._addPeer = add
      add.call(replicator, peer)
      peer.channel.close()
    }
  }
  await isClean(t, writer, store)
})

test('patience - a host that is away for longer than one thing is waited for may come back', async (t) => {
  for (const which of [0, 1] as const) {
    const { writer, store } = await scene(t)
    const log = which === 0 ? writer.log : writer.users[1]?.core
    if (log === undefined) throw new Error('there are two users')
    // so much and no more, until it is back
    const away = await replicate(store, writer, [log])
    const audited = run(t, { address: writer.address, store }, { patience: PATIENCE })
    if (which === 0) await got(store, log, 1)
    await away()
    await sleep(AWAY)
    const end = await replicate(store, writer)
    const { verdict } = await audited
    t.alike(verdict.missing, [])
    t.is(verdict.verdict, 'clean')
    await end()
  }
})

test('patience - what is never shown is said with how long it was waited for', async (t) => {
  const { writer, store } = await scene(t)
  const bob = writer.users[1]?.core
  if (bob === undefined) throw new Error('there are two users')
  await bob.clear(10, 12)
  const end = await replicate(store, writer)
  const { verdict } = await run(t, { address: writer.address, store }, { patience: 500 })
  const words = verdict.missing.map(({ message }) => message.replace(/^.*: /, ''))
  t.alike(words, ['nobody has shown them in 1 s'])
  t.is(verdict.verdict, 'inconclusive')
  await end()
})

test('patience - what was not read for want of a block is not said to be withheld', async (t) => {
  const { writer, store } = await scene(t)
  const head = await writer.head()
  await writer.commit([await writer.call(0, 'add', ['b'])])
  await writer.log.clear(10, 12)
  const end = await replicate(store, writer)
  const shown = { address: writer.address, store }
  const { verdict } = await run(t, shown, { patience: 500, heads: [head] })
  t.alike([...new Set(verdict.missing.map(({ reason }) => reason))], ['missing'])
  t.is(verdict.verdict, 'inconclusive')
  await end()
})

test("patience - time in which the auditor does not get to run is nobody's silence", async (t) => {
  const stall = new Stall(new Patience(400))
  const come = readFile(new URL(import.meta.url)).then(() => {
    stall.progress()
    stall.end()
    return 'it has come'
  })
  pause()
  t.is(await Promise.race([come, stall.promise]), 'it has come')
})

test('patience - nor is it of those who have to say that they have a log', async (t) => {
  const store = await openStore(t)
  const core = store.get({ name: 'a log' })
  await core.ready()
  let isThere = false
  const found = awaitPeers([core], 400)
  void readFile(new URL(import.meta.url)).then(() => {
    isThere = true
    Reflect.apply(core.emit, core, ['peer-add'])
  })
  pause()
  await found
  t.ok(isThere)
})

/** As on a machine that has something better to do; what is read meanwhile is there at the end of that. */
function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
}

test.hook('patience - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

/** An audit with all that its host shows. */
async function isClean(t: Test, writer: Writer, store: Corestore): Promise<void> {
  const end = await replicate(store, writer)
  const shown = { address: writer.address, store }
  const { verdict } = await run(t, shown, { patience: PATIENCE })
  t.alike(verdict.missing, [])
  t.is(verdict.verdict, 'clean')
  await end()
}
