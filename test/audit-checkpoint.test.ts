import { spawnSync } from 'node:child_process'
import { cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { type AuditOptions, audit } from '../src/audit/audit.ts'
import { Checkpoints } from '../src/audit/checkpoint.ts'
import type { AuditEvent } from '../src/audit/events.ts'
import { encodeUserEntry } from '../src/protocol/entries.ts'
import { signHead } from '../src/protocol/head.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { manifestKey, userLogManifest } from '../src/protocol/manifest.ts'
import { encodeArgs } from '../src/protocol/values.ts'
import { openStore } from '../src/state/store.ts'
import {
  type Audited,
  blocksOf,
  type Cheat,
  closeVm,
  copyStore,
  found,
  type Item,
  openShared,
  replicate,
  run,
  type Shown,
  signBlocks,
  Writer
} from './audit-writer.ts'
import { type Teardown, tempDir } from './helpers.ts'

/** An auditor that comes again and again. */
class Auditor {
  readonly dir: string
  readonly #t: Teardown

  constructor(t: Teardown, dir: string) {
    this.#t = t
    this.dir = dir
  }

  static async open(t: Teardown): Promise<Auditor> {
    return new Auditor(t, await tempDir(t))
  }

  file({ address }: Shown, name: string): string {
    return path.join(this.dir, `${encodeId(address)}.${name}`)
  }

  /** What an audit says, and what it says of its beginning. */
  async audit(
    shown: Shown,
    options: Partial<AuditOptions> = {}
  ): Promise<Audited & { began: Began }> {
    let began: Began = 'genesis'
    const onEvent = (event: AuditEvent) => {
      if (event.type !== 'checkpoint') return
      began = event.state === 'resumed' ? `block ${event.blocks}` : (event.message ?? '')
    }
    const audited = await run(this.#t, shown, { ...options, dir: this.dir }, onEvent)
    return { ...audited, began }
  }

  /** One that ends as soon as it has executed something. */
  async killed({ address, store }: Shown): Promise<void> {
    const options = { dir: this.dir, patience: 0, keepEvery: 0, openVm: openShared }
    for await (const event of audit({ address, store, ...options })) {
      if (event.type === 'progress') return
    }
  }
}

/** `genesis`, a block, or why not there. */
type Began = string

async function story(writer: Writer): Promise<void> {
  const first = await writer.commit([
    await writer.call(0, 'add', ['one']),
    await writer.call(1, 'add', ['two']),
    await writer.call(1, 'fail')
  ])
  await writer.ack(0, 2, first + 1)
  await writer.ack(1, 1, first + 3)
}

async function more(writer: Writer, cheat: Cheat = {}): Promise<void> {
  const first = await writer.commit(
    [
      await writer.call(1, 'roll', [], await writer.head()),
      await writer.call(0, 'remove', [1]),
      await writer.call(1, 'read', [2])
    ],
    cheat
  )
  await writer.ack(1, writer.users[1]?.core.length ?? 0, first + 1)
}

test('checkpoint - the next audit begins where the last one was, and comes to the same', async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  await story(writer)
  t.is((await auditor.audit(writer)).began, 'genesis')
  const at = writer.log.length
  for (let i = 0; i < 3; i++) await more(writer)
  const again = await auditor.audit(writer)
  const whole = await run(t, writer)
  t.is(again.began, `block ${at}`)
  t.alike(again.verdict, remembering(whole.verdict))
  t.is(again.verdict.verdict, 'clean')
  t.alike(
    again.checks.map(({ complete }) => complete),
    whole.checks.map(({ complete }) => complete)
  )
  const same = await auditor.audit(writer)
  t.is(same.began, `block ${writer.log.length}`, 'with nothing new')
  t.alike(same.verdict, remembering(whole.verdict))
})

test('checkpoint - what comes behind it is found as from genesis', async (t) => {
  const cheats: Cheat[] = [
    { steps: (steps) => steps.splice(0, 1, { ...steps[0], fuel: 1 } as (typeof steps)[0]) },
    { writes: (writes) => [...writes, { path: '/items/9', data: b4a.from('extra') }] },
    { entries: (all) => all.map((it) => (it.type === 'ack' ? { ...it, previous: 2 } : it)) },
    { entries: (all) => all.map((it) => (it.type === 'ack' ? { ...it, time: 1 } : it)) },
    { entries: (all) => all.map((it) => (it.type === 'ack' ? { ...it, seq: it.seq + 1 } : it)) },
    { entries: (all) => all.map((it) => (it.type === 'ack' ? { ...it, entry: 1 } : it)) },
    { heads: (heads) => heads.slice(1) }
  ]
  for (const cheat of cheats) {
    const writer = await Writer.deploy(t)
    const auditor = await Auditor.open(t)
    await story(writer)
    await auditor.audit(writer)
    await more(writer, cheat)
    const again = await auditor.audit(writer)
    const whole = await run(t, writer)
    t.unlike(again.began, 'genesis')
    t.alike(again.findings, whole.findings)
    t.alike(again.evidence, whole.evidence)
    t.alike(again.verdict, remembering(whole.verdict))
    t.is(again.verdict.verdict, 'violation')
    const third = await auditor.audit(writer)
    t.alike(third.findings, whole.findings, 'and is found again: no checkpoint hides it')
  }
})

test('checkpoint - a head that a user had from another history is found, wherever it is', async (t) => {
  const seed = 'two histories'
  const [writer, other] = [await Writer.deploy(t, { seed }), await Writer.deploy(t, { seed })]
  const auditor = await Auditor.open(t)
  await story(writer)
  await other.commit([await other.call(0, 'add', ['else'])])
  const head = await other.head()
  t.is((await auditor.audit(writer)).verdict.verdict, 'clean')
  await writer.call(1, 'read', [1], head)
  const again = await auditor.audit(writer)
  t.unlike(again.began, 'genesis')
  t.alike(
    found(again).map((it) => it.split(' ')[0]),
    ['TWO_HISTORIES'],
    'in a call that has no ack, under a length before the checkpoint'
  )
  t.alike(found(again), found(await run(t, writer)))
  const told = await (await Auditor.open(t)).audit(writer, { heads: [head] })
  t.is(told.findings.length, 2)
})

test('checkpoint - a log that does not go on from it is the finding of who remembers', async (t) => {
  const seed = 'rewritten'
  const [writer, other] = [await Writer.deploy(t, { seed }), await Writer.deploy(t, { seed })]
  const auditor = await Auditor.open(t)
  await story(writer)
  await auditor.audit(writer)
  await more(other)
  for (let i = 0; i < 3; i++) await more(other)
  const again = await auditor.audit(other)
  t.is(again.began, 'the call log that is shown does not go on from it')
  t.alike(
    found(again).map((it) => it.split(' ')[0]),
    ['TWO_HISTORIES']
  )
  const short = await Writer.deploy(t, { seed })
  const cut = await auditor.audit(short)
  t.is(cut.began, 'genesis', 'where something was found there is no checkpoint')
  t.is(cut.verdict.verdict, 'violation')
})

test('checkpoint - a shorter log is what it is without one', async (t) => {
  const seed = 'shorter'
  const [writer, short] = [await Writer.deploy(t, { seed }), await Writer.deploy(t, { seed })]
  const auditor = await Auditor.open(t)
  await story(writer)
  await auditor.audit(writer)
  const cut = await auditor.audit(short)
  t.is(cut.began, 'less of the call log is shown than it has')
  t.alike(
    found(cut).map((it) => it.split(' ')[0]),
    ['HISTORY_TRUNCATED']
  )
})

test('checkpoint - where the copy of the logs is gone nothing is said against the log that is shown', async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  await story(writer)
  const { address } = writer
  for (const began of ['genesis', 'the copy of the call log that it has read is not here']) {
    const store = await openStore(await tempDir(t))
    t.teardown(() => store.close())
    const end = await replicate(store, writer)
    const audited = await auditor.audit({ store, address }, { patience: 5000 })
    t.is(audited.began, began)
    t.is(audited.verdict.verdict, 'clean')
    await end()
    await more(writer)
  }
})

test('checkpoint - one that is damaged, old, foreign or lost is said to be, and not used', async (t) => {
  const writer = await Writer.deploy(t)
  const elsewhere = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  await story(writer)
  await auditor.audit(elsewhere)
  const damages: [(file: string) => Promise<unknown>, string][] = [
    [(file) => flip(file, 40), 'it is damaged, or is not from this directory'],
    [(file) => flip(file, -1), 'it is damaged, or is not from this directory'],
    [(file) => writeFile(file, ''), 'it is damaged, or is not from this directory'],
    [
      async (file) => writeFile(file, b4a.from(`mivm/checkpoint/2\n${await readFile(file)}`)),
      'it is of another version of MIVM'
    ],
    [
      async (file) => writeFile(file, await readFile(auditor.file(elsewhere, 'checkpoint'))),
      'it is of another instance'
    ],
    [
      () =>
        writeFile(
          path.join(auditor.dir, 'auditor.key'),
          b4a.toString(crypto.randomBytes(32), 'hex')
        ),
      'it is damaged, or is not from this directory'
    ],
    [
      () => writeFile(path.join(auditor.dir, 'auditor.key'), ''),
      'the key that it is signed with is not here'
    ]
  ]
  for (const [damage, why] of damages) {
    await auditor.audit(writer)
    await damage(auditor.file(writer, 'checkpoint'))
    const again = await auditor.audit(writer)
    t.is(again.began, why)
    t.is(again.verdict.verdict, 'clean')
  }
})

test('checkpoint - what is no file of ours, or has no end, is not waited for, and is not used', async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  await auditor.audit(writer)
  const put: [what: string, make: (file: string) => unknown][] = [
    ['a gibibyte of nothing', (file) => truncate(file, 2 ** 30)],
    ['a directory', (file) => mkdir(file)]
  ]
  if (process.platform === 'linux') put.push(['a pipe', (file) => spawnSync('mkfifo', [file])])
  for (const [what, make] of put) {
    const key = path.join(auditor.dir, 'auditor.key')
    const files = [auditor.file(writer, 'checkpoint'), key, auditor.file(writer, 'head')]
    // nothing is renamed over a directory: the disk refuses, and says where
    for (const file of what === 'a directory' ? files.slice(0, 1) : files) {
      if (what !== 'a gibibyte of nothing') await rm(file)
      await make(file)
      const again = await auditor.audit(writer)
      const begins = file === files[2] ? /^block / : /^it cannot be read|is not here$/
      t.ok(begins.test(again.began), `${what}, ${path.extname(file)}: ${again.began}`)
      t.is(again.verdict.verdict, 'clean')
      t.ok(/^block /.test((await auditor.audit(writer)).began), 'it is as it was before')
    }
  }
})

test('checkpoint - it is not used where it is not wanted', async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  await auditor.audit(writer)
  const again = await auditor.audit(writer, { fromGenesis: true })
  t.is(again.began, 'genesis')
  t.is(again.verdict.verdict, 'clean')
  t.is((await auditor.audit(writer)).began, `block ${writer.log.length}`)
})

test('checkpoint - its head counts where it is not used, also for who is killed once it is gone', async (t) => {
  const seed = 'killed twice'
  const [writer, other] = [await Writer.deploy(t, { seed }), await Writer.deploy(t, { seed })]
  for (const [to, text] of [
    [writer, 'one'],
    [other, 'other']
  ] as const) {
    for (let i = 0; i < 2; i++) {
      // more than one run of calls, so that there is one on the way
      const call = encodeUserEntry({
        type: 'call',
        method: 'add',
        args: encodeArgs([text]),
        head: null
      })
      await to.commit(await to.writeAll(0, Array(200).fill(call)))
    }
  }
  const lines = [`TWO_HISTORIES call - block ${writer.log.length - 1}`]
  for (const fromGenesis of [true, false]) {
    const auditor = await Auditor.open(t)
    await auditor.killed(writer)
    if (!fromGenesis) await auditor.killed(other)
    t.alike(found(await auditor.audit(other, { fromGenesis })), lines)
    t.alike(found(await auditor.audit(other)), lines, 'and the next time')
  }
})

test('checkpoint - whoever finds another audit in its place takes nothing from it', async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  await auditor.audit(writer)
  const lock = await openStore(path.join(auditor.file(writer, 'shadow'), 'lock'))
  const error = await auditor.audit(writer, { fromGenesis: true }).catch((thrown) => thrown)
  await lock.close()
  t.is(error.code, 'DIRECTORY_LOCKED')
  t.is((await auditor.audit(writer)).began, `block ${writer.log.length}`)
})

test('checkpoint - audits of several instances in one directory have one key, whoever makes it', async (t) => {
  const writers = [await Writer.deploy(t), await Writer.deploy(t)]
  const [one, two] = [await Auditor.open(t), await Auditor.open(t)]
  const checkpoints = await Promise.all(
    writers.map(async (writer) => {
      await one.audit(writer)
      const id = encodeId(writer.address)
      const kept = await new Checkpoints(one.dir, id, writer.address).read()
      if (kept === null || !('checkpoint' in kept)) throw new Error('there is one')
      return { files: new Checkpoints(two.dir, id, writer.address), ...kept }
    })
  )
  await Promise.all(checkpoints.map(({ files, checkpoint }) => files.write(checkpoint)))
  for (const { files, checkpoint } of checkpoints) t.alike(await files.read(), { checkpoint })
})

test('checkpoint - a copy of the state that is not what it was accuses nobody', async (t) => {
  for (const [name, kept] of [
    ['blobs.blocks', 0],
    ['files.blocks', 0],
    ['blobs.ends', 8],
    ['files.ends', 8]
  ] as const) {
    const writer = await Writer.deploy(t)
    const auditor = await Auditor.open(t)
    await story(writer)
    await auditor.audit(writer)
    const file = path.join(auditor.file(writer, 'shadow'), name)
    const bytes = await readFile(file)
    // the last end says whether all is there
    await writeFile(file, bytes.fill('bad', 0, bytes.byteLength - kept))
    await writer.commit([await writer.call(1, 'read', [2])])
    const again = await auditor.audit(writer)
    t.is(again.began, 'the copy of the state that belongs to it is damaged', name)
    t.alike(found(again), [])
    t.is(again.verdict.verdict, 'clean')
    t.is(again.verdict.counts.replayed, 5)
  }
})

test('checkpoint - it goes on where a copy of the state was written beyond it', async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  await story(writer)
  await auditor.audit(writer)
  const kept = await readFile(auditor.file(writer, 'checkpoint'))
  const at = writer.log.length
  await more(writer)
  await auditor.audit(writer)
  await writeFile(auditor.file(writer, 'checkpoint'), kept)
  await more(writer)
  const again = await auditor.audit(writer)
  t.is(again.began, `block ${at}`)
  // the head of the checkpoint, and the newer one of its memory
  t.alike(again.verdict, remembering((await run(t, writer)).verdict, 2))
})

test('checkpoint - it goes on in a copy of its directory', async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  await story(writer)
  await auditor.audit(writer)
  const copied = await Auditor.open(t)
  await cp(auditor.dir, copied.dir, { recursive: true })
  const again = await copied.audit(writer)
  t.is(again.began, `block ${writer.log.length}`)
  t.is(again.verdict.verdict, 'clean')
})

test('checkpoint - what no commit covers is read again', async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  await story(writer)
  const at = writer.log.length
  await more(writer, { entries: (all) => all.slice(0, 3), writes: () => [] })
  const first = await auditor.audit(writer)
  t.is(first.verdict.pending, 3)
  const again = await auditor.audit(writer)
  t.is(again.began, `block ${at}`)
  t.alike(again.verdict, remembering(first.verdict))
})

test('checkpoint - heads in calls that no commit covers are counted once, whoever has made the calls', async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  const head = await writer.head()
  const calls = [
    await writer.call(1, 'add', ['signed'], head),
    await writer.call(1, 'add', ['made up'], { ...head, treeHash: b4a.alloc(32) }),
    await writer.call(0, 'add', ['known'], head)
  ]
  await writer.commit(calls, { entries: (all) => all.slice(0, 6), writes: () => [] })
  const first = await auditor.audit(writer)
  t.alike([first.verdict.counts.heads, first.verdict.counts.falseHeads], [2, 1])
  for (let i = 0; i < 2; i++) {
    const again = await auditor.audit(writer)
    t.unlike(again.began, 'genesis')
    t.alike(again.verdict, remembering(first.verdict))
  }
})

test("checkpoint - another copy of a user's log is not the one that it has read", async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  await story(writer)
  await auditor.audit(writer)
  const bob = writer.users[1]
  if (bob === undefined) throw new Error('bob is there')
  const blocks = Array.from({ length: bob.core.length }, (_, i) => b4a.from(`other ${i}`))
  const store = await copyStore(t, writer, bob.core, blocks)
  const again = await auditor.audit({ store, address: writer.address })
  t.is(again.began, "the users' logs here are not those that it has read")
  t.is(again.verdict.verdict, 'inconclusive')
  t.is(again.verdict.missing[0]?.reason, 'disputed')
})

test('checkpoint - a user who has signed two histories does not keep others from going on', async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  const bob = writer.users[1]
  if (bob === undefined) throw new Error('bob is there')
  const item = await writer.call(1, 'add', ['shown'])
  const other = await writer.call(1, 'add', ['hidden'])
  const head = signBlocks(writer, bob.keyPair, [other.block])
  await writer.commit([{ ...item, block: other.block, user: { ...bob, head } }])
  const first = await auditor.audit(writer)
  t.is(first.verdict.missing[0]?.reason, 'disputed')
  await writer.commit([await writer.call(0, 'add', ['more'])])
  const again = await auditor.audit(writer)
  t.unlike(again.began, 'genesis')
  t.alike(again.verdict, remembering((await run(t, writer)).verdict))
  t.is(again.verdict.verdict, 'inconclusive')
})

test('checkpoint - what a user says of results that are not here yet, the next audit holds against them', async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  await story(writer)
  const index = writer.log.length + 1
  const result = (await writer.log.get(3)) ?? b4a.alloc(0)
  const answers = [{ entry: 3, index, result }]
  await writer.write(1, encodeUserEntry({ type: 'ack', answers, head: await writer.head() }))
  const before = await auditor.audit(writer)
  t.is(before.verdict.counts.falseAnswers, 0)
  await writer.commit([await writer.call(0, 'add', ['more'])])
  const again = await auditor.audit(writer)
  t.unlike(again.began, 'genesis')
  t.is(again.verdict.counts.falseAnswers, 1)
  t.alike(again.verdict, remembering((await run(t, writer)).verdict))
  const third = await auditor.audit(writer)
  t.is(third.verdict.counts.falseAnswers, 1, 'and once')
})

test('checkpoint - numbers of entries that are far away are not written down, however many users they are of', async (t) => {
  const writer = await Writer.deploy(t)
  const auditor = await Auditor.open(t)
  const far = 120_000_000
  const calls: Item[] = []
  for (const [i, user] of writer.users.entries()) {
    const { keyPair, core } = user
    const before = await blocksOf(core)
    const item = await writer.call(i, 'read', [1])
    const other = await writer.call(i, 'roll')
    const seen = signBlocks(writer, keyPair, [...before, other.block])
    await writer.commit([{ ...item, block: other.block, user: { ...user, head: seen } }])
    const key = manifestKey(userLogManifest(keyPair.publicKey, writer.address))
    const head = signHead({ length: far, fork: 0, treeHash: b4a.alloc(32) }, key, (message) =>
      crypto.sign(message, keyPair.secretKey)
    )
    const lastAck = writer.log.length - 3
    calls.push({ ...item, entry: far, user: { ...user, head, lastAck } })
  }
  await writer.commit(calls)
  const first = await auditor.audit(writer)
  t.alike(found(first), [])
  t.alike(
    first.verdict.missing.map(({ reason }) => reason),
    ['disputed', 'disputed']
  )
  t.is((await auditor.audit(writer)).began, 'genesis')
})

/** Who has been there before has one head more to hold against the log: its own. */
function remembering(verdict: Audited['verdict'], heads = 1): Audited['verdict'] {
  const { counts } = verdict
  return { ...verdict, counts: { ...counts, heads: counts.heads + heads } }
}

async function flip(file: string, at: number): Promise<void> {
  const bytes = await readFile(file)
  const index = at < 0 ? bytes.byteLength + at : at
  bytes[index] = (bytes[index] ?? 0) ^ 1
  await writeFile(file, bytes)
}

test.hook('checkpoint - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})
