// Heads of the call log that nobody shows the blocks of: a user may write down any number of them.
import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { Report } from '../src/audit/findings.ts'
import { Heads } from '../src/audit/heads.ts'
import type { HostShows } from '../src/audit/host-view.ts'
import { type Head, signHead } from '../src/protocol/head.ts'
import { openStore } from './audit-writer.ts'

const HOST = crypto.keyPair()
const ADDRESS = crypto.hash(b4a.from('a call log'))

test('heads - one that stays open is verified once, however often it is looked for', (t) => {
  const report = new Report()
  const heads = new Counting(ADDRESS, HOST.publicKey, report)
  const [open, right, wrong] = [headOf(30), headOf(20), headOf(10)]
  for (const [block, head] of [open, right, wrong, open].entries()) {
    heads.claim(head, { log: null, block })
  }
  for (let i = 0; i < 10; i++) heads.settle()
  t.is(heads.verified, 4)
  heads.note(20, right.treeHash)
  heads.note(10, right.treeHash)
  for (let i = 0; i < 10; i++) heads.settle()
  t.alike(heads.open, [30])
  t.is(report.counts.heads, 1)
  t.alike(
    report.take().map(({ code, block }) => [code, block]),
    [['TWO_HISTORIES', 9]]
  )
})

test('heads - a host that shows less than it has signed is found, whatever else was not read', (t) => {
  for (const [shows, codes] of [
    [20, ['HISTORY_TRUNCATED']],
    [24, ['HISTORY_TRUNCATED']],
    [25, []],
    [30, []],
    [null, []]
  ] as const) {
    const report = new Report()
    const heads = new Heads(ADDRESS, HOST.publicKey, report)
    heads.claim(headOf(25), { log: null, block: 24 })
    // others have shown that there is more, and not all of it
    const gap = { reason: 'missing', log: 'call log', from: 22, to: 30, message: '' } as const
    report.gap(gap)
    heads.withheld(30, () => shows)
    const found = report.take().map(({ code }) => code)
    t.alike([found, report.gaps], [codes, [gap]])
  }
})

test('heads - one that the host may not have seen hides none that it has signed before', async (t) => {
  const store = await openStore(t)
  const core = store.get({ name: 'a copy that the host does not show' })
  await core.ready()
  for (const heard of [
    { log: { shownBy: (hostShows: HostShows) => hostShows(core) }, user: 'carol', block: 3 },
    { log: null, block: 39, hearsay: true as const }
  ]) {
    const report = new Report()
    const heads = new Heads(ADDRESS, HOST.publicKey, report)
    heads.claim(headOf(25), { log: null, block: 24 })
    heads.claim(headOf(40), heard)
    heads.withheld(20, (of) => (of === null ? 20 : null))
    t.alike(
      report.take().map(({ code, block }) => [code, block]),
      [['HISTORY_TRUNCATED', 24]]
    )
  }
})

class Counting extends Heads {
  verified = 0

  override isSigned(head: Head): boolean {
    this.verified++
    return super.isSigned(head)
  }
}

function headOf(length: number): Head {
  const head = { length, fork: 0, treeHash: crypto.hash(b4a.from(`${length} blocks`)) }
  return signHead(head, ADDRESS, (message) => crypto.sign(message, HOST.secretKey))
}
