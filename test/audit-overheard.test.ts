// What an auditor that follows an instance hears from others meanwhile.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { audit, verifyEvidence } from 'mivm'
import type { AuditOptions } from '../src/audit/audit.ts'
import { Memory } from '../src/audit/memory.ts'
import { Others as Meeting } from '../src/client/others.ts'
import { Replica } from '../src/client/replica.ts'
import type { Heard, Held } from '../src/protocol/comparison.ts'
import { verifyEvidence as verify } from '../src/protocol/evidence.ts'
import type { Head } from '../src/protocol/head.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { verifyProof } from '../src/protocol/proof.ts'
import { EvidenceDir } from '../src/state/evidence-dir.ts'
import { closeVm, found, headOf, openStore, replicate, run, Writer } from './audit-writer.ts'
import { closeOwnVm, Follower } from './follower.ts'
import { type Teardown, tempDir } from './helpers.ts'
import { localNetwork } from './local-network.ts'
import { evidenceIn, SOURCE, scene } from './split-scene.ts'

const NOTHING: Heard = { heads: [], evidence: null }

/** Others who say the same again and again, and note what they are told. */
class Others {
  said: Heard = NOTHING
  readonly told: Held[] = []
  readonly overheard = (held: Held): Heard => {
    this.told.push(held)
    return this.said
  }

  /** When they have been listened to once more. */
  async heard(follower: Follower): Promise<void> {
    const { length } = this.told
    while (this.told.length < length + 2) await follower.until('progress')
  }
}

async function follow(t: Teardown, writer: Writer, others: Others) {
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const { overheard } = others
  const follower = await Follower.open(t, { store, address: writer.address, overheard })
  await follower.until('following')
  return { follower, end }
}

/** Two histories that a host has signed: they part behind the first commits. */
async function twoHistories(t: Teardown, seed: string): Promise<[Writer, Writer]> {
  const [one, other] = [await Writer.deploy(t, { seed }), await Writer.deploy(t, { seed })]
  await one.commit([await one.call(0, 'add', ['one'])])
  await other.commit([await other.call(0, 'add', ['other'])])
  return [one, other]
}

test('overheard - a head of another history is found when somebody tells it', async (t) => {
  const [writer, other] = await twoHistories(t, 'overheard')
  const others = new Others()
  const { follower, end } = await follow(t, writer, others)
  await others.heard(follower)
  t.is(follower.findings.length, 0)
  others.said = { heads: [await other.head()], evidence: null }
  const { finding } = await follower.until('finding')
  t.alike([finding.code, finding.log, finding.block], ['TWO_HISTORIES', 'call log', 7])
  const { evidence } = await follower.until('evidence')
  t.is((await verify(evidence ?? new Uint8Array())).code, 'TWO_HISTORIES')
  await others.heard(follower)
  const { findings, verdict } = await follower.stop()
  t.is(findings.length, 1, 'it is found once, however often it is told')
  t.is(verdict.verdict, 'violation')
  await end()
})

test('overheard - what a host says again and again displaces no head that is still to be shown', async (t) => {
  const [writer, other] = await twoHistories(t, 'overheard, long')
  await other.commit([await other.call(0, 'add', ['more'])])
  const store = await openStore(t)
  const end = await replicate(store, writer)
  const others = new Others()
  const { overheard } = others
  const own = await writer.head()
  // whoever has signed them, they are of the log
  const signed = (i: number) => ({ ...own, signature: crypto.hash(b4a.from(`${i}`)) })
  const heard = () => Array.from({ length: 1100 }, (_, i) => signed(i))
  const { address } = writer
  const follower = await Follower.open(t, { store, address, overheard, heard })
  await follower.until('following')
  others.said = { heads: [await other.head()], evidence: null }
  await others.heard(follower)
  others.said = NOTHING
  await others.heard(follower)
  await writer.commit([await writer.call(0, 'add', ['more'])])
  const { evidence } = await follower.until('evidence')
  t.is((await verify(evidence ?? new Uint8Array())).code, 'TWO_HISTORIES')
  await follower.stop()
  await end()
})

test('overheard - a head that is not signed, or is that of the log, is no finding', async (t) => {
  const [writer, other] = await twoHistories(t, 'overheard, false')
  const others = new Others()
  const { follower, end } = await follow(t, writer, others)
  const { signature, ...rest } = await other.head()
  const forged = { ...rest, signature: b4a.from(signature).fill(7) }
  others.said = { heads: [forged, await writer.head()], evidence: null }
  await others.heard(follower)
  await writer.commit([await writer.call(1, 'add', ['two'])])
  await follower.replayed(writer.seq)
  others.said = { heads: [forged, await writer.head()], evidence: null }
  await others.heard(follower)
  const { findings, verdict } = await follower.stop()
  t.alike(findings, [])
  t.alike(verdict.missing, [])
  t.is(verdict.verdict, 'clean')
  await end()
})

test('overheard - a head beyond what is shown is waited for, and is missing in the end', async (t) => {
  for (const isShown of [true, false]) {
    const [writer, ahead] = [
      await Writer.deploy(t, { seed: `ahead ${isShown}` }),
      await Writer.deploy(t, { seed: `ahead ${isShown}` })
    ]
    const write = async (to: Writer) => to.commit([await to.call(0, 'add', ['one'])])
    for (const each of [writer, ahead]) await write(each)
    await write(ahead)
    const others = new Others()
    const { follower, end } = await follow(t, writer, others)
    others.said = { heads: [await ahead.head()], evidence: null }
    await others.heard(follower)
    if (isShown) {
      await write(writer)
      await follower.replayed(writer.seq)
    }
    const { findings, verdict } = await follower.stop()
    t.alike(findings, [], 'who has told it may be ahead of what comes here')
    const reasons = verdict.missing.map(({ reason }) => reason)
    t.alike(reasons, isShown ? [] : ['withheld'])
    t.is(verdict.verdict, isShown ? 'clean' : 'inconclusive')
    await end()
  }
})

test('overheard - what is read for a head alone is not counted as looked at', async (t) => {
  const writer = await Writer.deploy(t)
  const { length } = writer.log
  const others = async () => {
    await writer.commit([await writer.call(0, 'add', ['more'])])
    return { heads: [await writer.head()], evidence: null }
  }
  const { verdict } = await run(t, writer, { others })
  t.alike([verdict.verdict, verdict.counts.blocks, verdict.counts.calls], ['clean', length, 1])
})

test('overheard - a head that nobody shows the log to is remembered, whoever has told it', async (t) => {
  for (const isShown of [true, false]) {
    const seed = `remembered ${isShown}`
    const [writer, teller] = [await Writer.deploy(t, { seed }), await Writer.deploy(t, { seed })]
    const write = async (to: Writer, text: string) => to.commit([await to.call(0, 'add', [text])])
    await write(writer, 'one')
    await write(teller, isShown ? 'one' : 'other')
    await write(teller, 'more')
    const dir = await tempDir(t)
    const store = await openStore(t)
    const end = await replicate(store, { store: writer.store, keyPair: crypto.keyPair() })
    const look = (options: Partial<AuditOptions> = {}) =>
      run(t, { store, address: writer.address }, { dir, patience: 300, ...options })
    const head = await teller.head()
    const first = await look({ others: async () => ({ heads: [head], evidence: null }) })
    t.is(first.verdict.verdict, 'inconclusive')
    const alone = await look()
    t.is(alone.verdict.verdict, 'inconclusive', 'it is as open as before')
    t.is(alone.verdict.missing[0]?.reason, 'withheld')
    await write(writer, 'more')
    const later = await look()
    t.alike(found(later), isShown ? [] : [`TWO_HISTORIES call - block ${head.length - 1}`])
    t.is(later.verdict.verdict, isShown ? 'clean' : 'violation')
    t.is((await look()).verdict.verdict, later.verdict.verdict, 'and is as long as it is so')
    await end()
  }
})

test('overheard - what is remembered is not forgotten for being told again', async (t) => {
  const seed = 'told again'
  const [writer, teller] = [await Writer.deploy(t, { seed }), await Writer.deploy(t, { seed })]
  const heads: Head[] = []
  for (let i = 0; i < 8; i++) {
    await teller.commit([await teller.call(0, 'add', [`${i}`])])
    heads.push(await teller.head())
  }
  const [dir, store] = [await tempDir(t), await openStore(t)]
  const end = await replicate(store, { store: writer.store, keyPair: crypto.keyPair() })
  for (const told of [heads, heads.slice(0, 4)]) {
    const others = async () => ({ heads: told, evidence: null })
    await run(t, { store, address: writer.address }, { dir, patience: 100, others })
  }
  const { told } = await new Memory(dir, encodeId(writer.address)).read()
  t.alike(
    told.map(({ length }) => length),
    heads.map(({ length }) => length)
  )
  await end()
})

test('overheard - evidence of others counts for this instance, and for what it shows', async (t) => {
  const [writer, other] = await twoHistories(t, 'overheard, evidence')
  const evidence = await evidenceOf(t, writer, await other.head())
  const [stranger, strange] = await twoHistories(t, 'overheard, elsewhere')
  const elsewhere = await evidenceOf(t, stranger, await strange.head())
  const others = new Others()
  const { follower, end } = await follow(t, writer, others)
  others.said = { heads: [], evidence }
  const { finding } = await follower.until('finding')
  t.is(finding.code, 'TWO_HISTORIES')
  const told = await follower.until('evidence')
  t.alike(told.evidence, evidence, 'it is passed on as it is')
  t.is((await follower.stop()).findings.length, 1)
  await end()

  const deaf = new Others()
  deaf.said = { heads: [], evidence: elsewhere }
  const next = await follow(t, writer, deaf)
  await deaf.heard(next.follower)
  t.alike(found(await next.follower.stop()), [], 'of another instance it says nothing')
  await next.end()
})

test('overheard - others are told what was read, with its proof', async (t) => {
  const [writer] = await twoHistories(t, 'overheard, told')
  const others = new Others()
  const { follower, end } = await follow(t, writer, others)
  await writer.commit([await writer.call(1, 'add', ['two'])])
  await follower.replayed(writer.seq)
  await others.heard(follower)
  const held = others.told.at(-1)
  t.alike(held?.head, await writer.head())
  const proof = await held?.prove([6, writer.log.length])
  t.ok(proof && verifyProof(proof, { key: writer.address, publicKey: writer.keyPair.publicKey }))
  await follower.stop()
  await end()
})

test('overheard - an auditor that follows meets somebody who was shown another history', async (t) => {
  const { dir, host, bootstrap, open } = await scene(t)
  const alice = await open('alice')
  const { link, address } = await alice.deploy({ host: host.id, source: SOURCE })
  await alice.call(link, 'add', [])
  await alice.close()
  const own = path.join(dir, 'auditor')
  const stop = new AbortController()
  const events = audit({ address: link, dir: own, bootstrap, evidence: true, follow: stop.signal })
  let bob: Promise<unknown> | null = null
  const told: string[] = []
  for await (const event of events) {
    if (event.type === 'following') {
      await host.show(1)
      bob = open('bob').then((client) => client.call(link, 'add', []))
    }
    if (event.type === 'finding') told.push(event.finding.code)
    if (event.type === 'evidence' && event.evidence !== null) stop.abort()
    if (event.type === 'verdict') told.push(event.verdict)
  }
  await bob
  t.alike(told, ['TWO_HISTORIES', 'violation'])
  const file = await readFile(await evidenceIn(own, address))
  t.is((await verifyEvidence(file, { host: host.id })).code, 'TWO_HISTORIES')
})

test('overheard - who begins to follow while the host is away meets others all the same', async (t) => {
  const bootstrap = await localNetwork(t)
  const writers = await twoHistories(t, 'overheard, away')
  const auditors = await Promise.all(
    writers.map(async ({ address, log }) => {
      const dir = await tempDir(t)
      const replica = await Replica.open({ dir, bootstrap })
      t.teardown(() => replica.close(), { order: 2 })
      const kept = new EvidenceDir(dir)
      const others = await Meeting.open({ replica, address, info: null, kept, bootstrap })
      t.teardown(() => others.close(), { order: 1 })
      const [genesis, head] = [(await log.get(0)) ?? new Uint8Array(), await headOf(log)]
      const held: Held = { genesis, head, prove: async () => null }
      return { hear: () => others.overhear(held) }
    })
  )
  const end = performance.now() + 60_000
  const said = () => auditors.map(({ hear }) => hear().evidence)
  while (said().includes(null) && performance.now() < end) await sleep(100)
  for (const evidence of said()) {
    t.is(evidence && (await verify(evidence)).code, 'TWO_HISTORIES')
  }
})

/** What an auditor of one history makes of a head of another one. */
async function evidenceOf(t: Teardown, writer: Writer, head: Head): Promise<Uint8Array> {
  const { evidence } = await run(t, writer, { heads: [head] })
  const [file] = evidence
  if (!file) throw new Error(`no evidence against ${encodeId(writer.keyPair.publicKey)}`)
  return file
}

test.hook('overheard - the VM of these tests closes', async (t) => {
  await t.execution(Promise.all([closeVm(), closeOwnVm()]))
})
