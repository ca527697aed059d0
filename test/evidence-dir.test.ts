import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import test from 'brittle'
import { contradiction } from '../src/protocol/comparison.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { EvidenceDir } from '../src/state/evidence-dir.ts'
import { tempDir } from './helpers.ts'
import { SignedHistory } from './signed-history.ts'

const LENGTH = 8

test('evidence directory - what is damaged accuses nobody, and is not in the way of what holds', async (t) => {
  const dir = await tempDir(t)
  const one = new SignedHistory(LENGTH)
  const address = encodeId(one.subject.address)
  const evidence = evidenceOf(one, new SignedHistory(LENGTH, 2))
  const kept = new EvidenceDir(dir)
  const file = await kept.keep(address, 'TWO_HISTORIES', evidence)
  t.is(await kept.find(address), file)
  const damaged = b4a.from(evidence)
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
  for (const bytes of [new Uint8Array(), damaged]) {
    await writeFile(file, bytes)
    t.is(await kept.find(address), null)
    t.is(await kept.read(address), null)
    t.is(await kept.keep(address, 'TWO_HISTORIES', evidence), file)
    t.alike(await kept.read(address), b4a.from(evidence))
  }
})

test('evidence directory - what cannot be read is not in the way of what can', async (t) => {
  const dir = await tempDir(t)
  const one = new SignedHistory(LENGTH)
  const address = encodeId(one.subject.address)
  await mkdir(path.join(dir, 'evidence', `${address}-.evidence`), { recursive: true })
  const kept = new EvidenceDir(dir)
  t.is(await kept.find(address), null)
  const file = await kept.keep(
    address,
    'TWO_HISTORIES',
    evidenceOf(one, new SignedHistory(LENGTH, 2))
  )
  t.is(await kept.find(address), file)
})

test('evidence directory - what is about another instance says nothing of this one', async (t) => {
  const dir = await tempDir(t)
  const others = [new SignedHistory(LENGTH, LENGTH, 1), new SignedHistory(LENGTH, 2, 1)] as const
  const address = encodeId(new SignedHistory(LENGTH).subject.address)
  const kept = new EvidenceDir(dir)
  const file = await kept.keep(address, 'TWO_HISTORIES', evidenceOf(...others))
  t.is(path.dirname(file), path.join(dir, 'evidence'))
  t.ok((await readFile(file)).length > 0)
  t.is(await kept.find(address), null)
})

function evidenceOf(one: SignedHistory, two: SignedHistory): Uint8Array {
  const [a, b] = [one, two].map((it) => ({ head: it.head(), proof: null }))
  const evidence = a && b ? contradiction(one.subject, a, b) : null
  if (evidence === null) throw new Error('the test is wrong')
  return evidence
}
