import test from 'brittle'
import {
  contradiction,
  contradictionIn,
  isSigned,
  statementsIn,
  stateProof
} from '../src/protocol/comparison.ts'
import { encodeEvidence, verifyEvidence } from '../src/protocol/evidence.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { EVIDENCE_ITEMS_MAX } from '../src/protocol/limits.ts'
import type { Proof } from '../src/protocol/proof.ts'
import { encodeReceipt, verifyReceipt } from '../src/protocol/receipt.ts'
import { emptyBlocks, SignedHistory } from './signed-history.ts'

const LENGTH = 20

test('comparison - two heads of one length contradict each other or are the same', async (t) => {
  const one = new SignedHistory(LENGTH)
  const { subject } = one
  for (const splitAt of [2, 7, 16, LENGTH - 1]) {
    const two = new SignedHistory(LENGTH, splitAt)
    for (let length = 0; length <= LENGTH; length++) {
      const statements = [one, two].map((it) => ({ head: it.head(length), proof: null }))
      const [a, b] = statements
      if (a === undefined || b === undefined) throw new Error('the test is wrong')
      const evidence = contradiction(subject, a, b)
      // results stand at odd blocks: only they differ
      if (length <= splitAt + (splitAt % 2 === 0 ? 1 : 0)) {
        if (evidence !== null) t.fail(`an honest head of ${length} blocks is accused`)
        continue
      }
      if (evidence === null) throw new Error(`two heads of ${length} blocks, from ${splitAt} on`)
      const { code, block, address } = await verifyEvidence(evidence)
      t.alike([code, block, address], ['TWO_HISTORIES', length - 1, encodeId(subject.address)])
    }
  }
})

test('comparison - of two lengths, a proof of the longer one decides', async (t) => {
  const one = new SignedHistory(LENGTH)
  const two = new SignedHistory(LENGTH + 9, 7)
  for (let length = 0; length <= LENGTH; length++) {
    const head = { head: one.head(length), proof: null }
    const longer = { head: two.head(), proof: null }
    if (length < LENGTH)
      t.is(contradiction(one.subject, head, longer), null, 'heads alone say nothing')
    const evidence = contradiction(one.subject, await two.state([length]), head)
    const same = contradiction(one.subject, await one.state([length]), head)
    if (same !== null) t.fail(`an honest host is accused at ${length}`)
    t.is(evidence !== null, length > 7, `${length} blocks`)
    if (evidence !== null) t.is((await verifyEvidence(evidence)).code, 'TWO_HISTORIES')
  }
})

test('comparison - two proofs contradict each other where they show one subtree differently', async (t) => {
  const one = new SignedHistory(LENGTH)
  const two = new SignedHistory(LENGTH + 9, 7)
  let found = 0
  for (let a = 1; a <= LENGTH; a++) {
    for (let b = 1; b <= LENGTH + 9; b++) {
      const own = await one.state([], a)
      if (b <= LENGTH && contradiction(one.subject, own, await one.state([], b)) !== null) {
        t.fail(`an honest host is accused of ${a} and ${b} blocks`)
      }
      const evidence = contradiction(one.subject, own, await two.state([], b))
      if (evidence === null) continue
      found++
      const { code } = await verifyEvidence(evidence)
      if (code !== 'TWO_HISTORIES') t.fail(code)
      if (Math.min(a, b) <= 7) t.fail(`${a} and ${b} blocks are the same`)
    }
  }
  t.ok(found > 100, `${found} pairs`)
})

test('comparison - who moves sizes within a proof accuses nobody', async (t) => {
  const history = new SignedHistory(LENGTH)
  const { subject } = history
  let lies = 0
  for (let long = 2; long <= LENGTH; long++) {
    for (let short = 1; short < long; short++) {
      const head = history.head(short)
      for (const proof of lyingProofs(history.coarse([short], long))) {
        const parts = { heads: [{ log: 'call log', head } as const], callLog: proof }
        const nothing = { userLog: null, state: null, otherLog: null }
        const { genesis } = subject
        const made = encodeEvidence({ code: 'TWO_HISTORIES', genesis, ...parts, ...nothing })
        await t.exception(() => verifyEvidence(made), { code: 'PROOF_INVALID' })
        let statement: ReturnType<typeof stateProof>
        try {
          statement = stateProof(subject, proof)
        } catch {
          continue
        }
        lies++
        const evidence = contradiction(subject, { head, proof: null }, statement)
        if (evidence !== null) t.fail(`an honest host is accused at ${short} of ${long} blocks`)
      }
    }
  }
  t.ok(lies > 100, `${lies} proofs that verify`)
})

test('comparison - with any byte changed it is no evidence', async (t) => {
  const [one, two] = [new SignedHistory(LENGTH), new SignedHistory(LENGTH + 9, 7)]
  const evidence = contradiction(one.subject, await one.state([], 12), await two.state([], 15))
  if (evidence === null) throw new Error('the test is wrong')
  for (let at = 0; at < evidence.byteLength; at++) {
    const changed = Uint8Array.from(evidence)
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
    const holds = await verifyEvidence(changed).then(
      () => true,
      () => false
    )
    if (holds) t.fail(`byte ${at} of ${evidence.byteLength}`)
  }
  t.pass(`${evidence.byteLength} bytes`)
})

test('comparison - a head with a fork is evidence by itself, one that is not signed is none', async (t) => {
  const history = new SignedHistory(LENGTH)
  const { subject } = history
  const forked = { head: history.sign(LENGTH, history.head().treeHash, 1), proof: null }
  const plain = { head: history.head(), proof: null }
  for (const evidence of [
    contradiction(subject, forked, plain),
    contradiction(subject, plain, forked)
  ]) {
    t.is((await verifyEvidence(evidence ?? new Uint8Array())).code, 'HISTORY_FORKED')
  }
  t.absent(isSigned(subject, { ...history.head(), length: LENGTH - 1 }))
  t.absent(isSigned(subject, new SignedHistory(LENGTH, LENGTH, 1).head()), 'of another instance')
  const started = { ...(await history.proof([])), start: 3 }
  t.exception(() => stateProof(subject, started), /does not begin at block 0/)
})

test('comparison - receipts of two histories are evidence together, those of one are none', async (t) => {
  const [one, two] = [new SignedHistory(LENGTH), new SignedHistory(LENGTH, 7)]
  const mine = await one.receipt(8, 12)
  for (const [ack, length] of [
    [8, 12],
    [8, 15],
    [10, 14],
    [2, LENGTH]
  ] as const) {
    const evidence = contradictionIn([mine, await two.receipt(ack, length)])
    const { code, block } = await verifyEvidence(evidence ?? new Uint8Array())
    t.is(code, 'TWO_HISTORIES', `${ack} under ${length}, at block ${block}`)
    t.is(contradictionIn([mine, await one.receipt(ack, length)]), null)
    // what it is made of is evidence as well
    const { statements } = statementsIn(evidence ?? new Uint8Array())
    t.is(statements.length, 2)
    t.ok(contradictionIn([evidence ?? new Uint8Array()]))
  }
  const other = await new SignedHistory(LENGTH, LENGTH, 1).receipt(8)
  t.exception(() => contradictionIn([mine, other]), /several instances/)
})

test('comparison - a small file with a million blocks is not read on', async (t) => {
  const history = new SignedHistory(LENGTH)
  const { genesis } = history.subject
  const made = (callLog: Proof, code: 'SEQ_WRONG' | 'TWO_HISTORIES' = 'TWO_HISTORIES') =>
    encodeEvidence({ code, genesis, callLog, ...NO_OTHER_PARTS })
  const many = emptyBlocks(history, EVIDENCE_ITEMS_MAX + 1)
  await t.exception(() => verifyEvidence(made(many)), /more items than show anything/)
  t.exception(() => verifyReceipt(encodeReceipt(genesis, many)), /more items than two blocks take/)
  await t.exception(
    () => verifyEvidence(made(emptyBlocks(history, 3), 'SEQ_WRONG')),
    /block 0 in it is no entry/
  )
})

const NO_OTHER_PARTS = { heads: [], userLog: null, state: null, otherLog: null }

/** Each with one byte less below one node and one more below the next: what is made of the two is the same. */
function lyingProofs(proof: Proof): Proof[] {
  return proof.items.flatMap((item, at) => {
    const next = proof.items[at + 1]
    if (item.node === null || !next?.node) return []
    const items = [...proof.items]
    items[at] = { block: null, node: { ...item.node, size: item.node.size - 1 } }
    items[at + 1] = { block: null, node: { ...next.node, size: next.node.size + 1 } }
    return [{ ...proof, items }]
  })
}
