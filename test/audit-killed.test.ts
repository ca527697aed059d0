// Audits that are killed in the middle, and go on from there.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import b4a from 'b4a'
import test from 'brittle'
import Corestore from 'corestore'
import { audit } from '../src/audit/audit.ts'
import type { AskRange } from '../src/audit/feed.ts'
import { readRange } from '../src/host/ranges.ts'
import { encodeUserEntry } from '../src/protocol/entries.ts'
import type { Head } from '../src/protocol/head.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { encodeArgs } from '../src/protocol/values.ts'
import {
  type Audited,
  blocksOf,
  type Cheat,
  closeVm,
  copyStore,
  found,
  openShared,
  openStore,
  replicate,
  run,
  Writer
} from './audit-writer.ts'
import { type Teardown, tempDir } from './helpers.ts'
import { programOf } from './programs.js'

const AUDIT = programOf(fileURLToPath(new URL('./killed-audit.ts', import.meta.url)))

/** As many calls as are executed in one run, in batches. */
const RUN_BATCHES = 4
const BATCH_CALLS = 64
const RUNS = 3

/** An auditor with a copy of the logs, and a directory of its own. */
class Auditor {
  readonly copy: string
  readonly dir: string
  readonly #t: Teardown

  constructor(t: Teardown, dir: string) {
    this.#t = t
    this.copy = path.join(dir, 'copy')
    this.dir = path.join(dir, 'audits')
  }

  static async open(t: Teardown, writer: Writer): Promise<Auditor> {
    const auditor = new Auditor(t, await tempDir(t))
    await auditor.fetch(writer)
    return auditor
  }

  /** Copies what there is by now. */
  async fetch({ log, files, content, users, keyPair }: Writer): Promise<void> {
    const store = new Corestore(this.copy)
    for (const { core, keyPair: signer } of [
      ...[log, files, content].map((core) => ({ core, keyPair })),
      ...users
    ]) {
      const { manifest } = core
      if (manifest === null) throw new Error('a log without a manifest')
      const copy = store.get({ manifest, keyPair: signer })
      await copy.ready()
      await copy.append((await blocksOf(core)).slice(copy.length))
    }
    await store.close()
  }

  /** Is killed behind so many runs. */
  async killed({ address }: Writer, runs: number): Promise<void> {
    const child = fork(AUDIT, [encodeId(address), this.copy, this.dir, String(runs)], {
      execArgv: ['--conditions=mivm-source']
    })
    const [, signal] = await once(child, 'exit')
    if (signal !== 'SIGKILL') throw new Error('it ended before it was killed')
  }

  /** Goes on, to the end; and where it began. */
  async audit({ address }: Writer): Promise<Audited & { began: number }> {
    const store = new Corestore(this.copy)
    await store.ready()
    let began = 0
    const audited = await run(this.#t, { address, store }, { dir: this.dir }, (event) => {
      if (event.type === 'checkpoint') began = event.blocks
    })
    await store.close()
    return { ...audited, began }
  }
}

/** Runs of calls of two users, who acknowledge them; one of the runs may be wrong somewhere. */
async function write(writer: Writer, wrong: number, cheat: Cheat): Promise<void> {
  for (let i = 0; i < RUNS * RUN_BATCHES; i++) {
    const isWrong = i === wrong * RUN_BATCHES + 1
    const call = (head: Head | null) =>
      encodeUserEntry({ type: 'call', method: 'add', args: encodeArgs(['x']), head })
    const half = BATCH_CALLS / 2
    const alice = await writer.writeAll(0, [
      call(await writer.head()),
      ...Array(half - 1).fill(call(null))
    ])
    const bob = await writer.writeAll(1, Array(half).fill(call(null)))
    // one of each in turns
    const calls = alice.flatMap((item, n) => [item, ...bob.slice(n, n + 1)])
    const first = await writer.commit(calls, isWrong ? cheat : {})
    await writer.ack(0, writer.users[0]?.core.length ?? 0, first + 1)
  }
}

const FUEL: Cheat = {
  steps: (steps) => steps.splice(0, 1, { ...steps[0], fuel: 1 } as (typeof steps)[0])
}
const WRITES: Cheat = {
  writes: (writes) => [...writes, { path: '/items/9', data: b4a.from('extra') }]
}
const TIME: Cheat = {
  entries: (all) => all.map((it) => (it.type === 'ack' ? { ...it, time: 1 } : it))
}

/** Each in which run; after the first of them there is a checkpoint. */
const CHEATS = [
  [FUEL, 0],
  [FUEL, 2],
  [WRITES, 2],
  [TIME, 2]
] as const

test('killed - an audit goes on from where it was killed, to the same verdict', async (t) => {
  const writer = await Writer.deploy(t)
  await write(writer, -1, {})
  const whole = await run(t, writer)
  const auditor = await Auditor.open(t, writer)
  await auditor.killed(writer, 1)
  await auditor.killed(writer, 1)
  const again = await auditor.audit(writer)
  const blocks = RUN_BATCHES * (2 * BATCH_CALLS + 1)
  t.ok(again.began > blocks, 'the second one had gone on from the first')
  t.is(again.verdict.verdict, 'clean')
  t.alike(again.verdict.missing, [])
  t.alike(withoutHeads(again), withoutHeads(whole))
  t.alike(
    again.checks.map(({ complete }) => complete),
    whole.checks.map(({ complete }) => complete)
  )
})

test('killed - what is wrong before and behind it is found as if it had not been killed', async (t) => {
  for (const [cheat, wrong] of CHEATS) {
    const writer = await Writer.deploy(t)
    await write(writer, wrong, cheat)
    const whole = await run(t, writer)
    const auditor = await Auditor.open(t, writer)
    await auditor.killed(writer, 2)
    const again = await auditor.audit(writer)
    t.is(again.began > 0, wrong > 0)
    t.ok(again.findings.length > 0)
    t.alike(found(again), found(whole))
    t.alike(again.evidence, whole.evidence)
    t.alike(withoutHeads(again), withoutHeads(whole))
  }
})

test('killed - the log that is shown afterwards has to go on from what was seen', async (t) => {
  const seed = 'killed'
  const [writer, other] = [await Writer.deploy(t, { seed }), await Writer.deploy(t, { seed })]
  await write(writer, -1, {})
  await write(other, 2, FUEL)
  const auditor = await Auditor.open(t, writer)
  await auditor.killed(writer, 1)
  const store = await copyStore(t, other, other.log, await blocksOf(other.log))
  const again = await run(t, { address: other.address, store }, { dir: auditor.dir })
  t.ok(found(again).some((it) => it.startsWith('TWO_HISTORIES')))
})

test('killed - what was fetched by then, by ranges or by replication, is enough to go on', async (t) => {
  for (const blocks of [0, 50]) {
    const writer = await Writer.deploy(t)
    await write(writer, -1, {})
    const store = await openStore(t)
    const dir = await tempDir(t)
    const shown = { address: writer.address, store }
    const ask: AskRange = async (request) =>
      blocks === 0 ? null : readRange(writer.store, { ...request, blocks })
    const options = { dir, ask, patience: 3000, keepEvery: 0 }
    const end = await replicate(store, writer)
    for await (const event of audit({ ...shown, ...options, openVm: openShared })) {
      if (event.type === 'progress' && event.calls > RUN_BATCHES * BATCH_CALLS) break
    }
    const { length } = writer.log
    await write(writer, -1, {})
    let began = 0
    const again = await run(t, shown, options, (event) => {
      if (event.type === 'checkpoint') began = event.blocks
    })
    t.ok(began > 0 && began < length, `it went on from block ${began}`)
    t.alike(withoutHeads(again), withoutHeads(await run(t, writer)))
    t.is(again.verdict.verdict, 'clean')
    await end()
  }
})

/** An auditor that has seen a head has one more that agrees. */
function withoutHeads({ verdict }: Audited): object {
  return { ...verdict, counts: { ...verdict.counts, heads: null } }
}

test.hook('killed - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})
